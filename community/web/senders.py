"""Who sends a large body: a responder's phone that holds its link, or somebody who is logged in."""

from starlette.requests import Request
from starlette.types import Scope

from community.dispatch_room import DispatchRoom
from community.errands import Opened
from community.web.console import console_of
from community.web.responder import PHONE_COOKIE
from community.web.uploads import PHONES_AT


async def sender_of(scope: Scope) -> str:
    """One name for all that he sends; empty for a stranger, of whom nothing large is read. Raises TryLater."""
    request = Request(scope)
    link = PHONES_AT.fullmatch(scope["path"])
    if link is None:
        shift = await console_of(request).shift(request)
        return "" if shift is None else shift.user.login
    room = request.app.state.dispatch
    if not isinstance(room, DispatchRoom):
        return ""
    opened = await room.errands.open(link[1], request.cookies.get(PHONE_COOKIE, ""))
    return f"link {link[1]}" if isinstance(opened, Opened) and opened.is_bound else ""
