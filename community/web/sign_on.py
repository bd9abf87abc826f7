"""The button of the organisation's provider, and where its browsers come back to.

The session's cookie is SameSite=Strict, and who comes back from the provider comes from another site: a redirect would
arrive without it. So the answer is a small page of ours that goes on by itself; from there the cookie is sent.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from community.accounts import AppNeeded, Shift
from community.oidc import NotVouched
from community.sign_on import STEPS_LAST, SignOn, page_after
from community.web.console import Console, Wired
from community.web.rooms import room_of
from community.web.session import keep_session, local
from shouwang.errors import TryLater

router = APIRouter()
Room = Annotated[SignOn, Depends(room_of(SignOn))]
_log = logging.getLogger(__name__)


@router.get("/login/oidc")
async def begin(
    request: Request, console: Wired, room: Room, after: Annotated[str, Query(alias="next", max_length=200)] = "/"
) -> Response:
    """To the provider. A link, not a form: `form-action 'self'` would forbid the way there."""
    try:
        address, kept = await room.begin(local(after))
    except (TryLater, NotVouched) as error:
        return await _told(request, console, error)
    response = RedirectResponse(address, status_code=303)
    response.set_cookie(
        _cookie(console),
        kept,
        max_age=int(STEPS_LAST.total_seconds()),
        secure=console.secure_cookies,
        httponly=True,
        samesite="lax",  # it must come back with who comes from the provider
    )
    return response


@router.get("/login/oidc/callback")
async def finish(
    request: Request,
    console: Wired,
    room: Room,
    state: Annotated[str, Query(max_length=512)] = "",
    code: Annotated[str, Query(max_length=4096)] = "",
) -> Response:
    """Back from the provider: a session, the question for the code of the app, or why not."""
    kept = request.cookies.get(_cookie(console), "")
    try:
        found = await room.finish(kept, state=state, code=code)
    except (TryLater, NotVouched, AppNeeded) as error:
        return _without_step(await _told(request, console, error), console)
    if found is None:
        return _without_step(await _login_page(request, console, "unlinked", 401), console)
    if isinstance(found, Shift):
        page = await console.page(request, "hop.html", None, path="/", address=local(page_after(kept)))
        keep_session(page, console, found)
    else:
        page = await console.page(request, "once.html", None, path=f"/login/once/{found}", token=found, problem="code")
    return _without_step(page, console)


async def _told(request: Request, console: Console, error: Exception) -> Response:
    if isinstance(error, AppNeeded):
        return await _login_page(request, console, "app", 401)
    _log.warning("log-in by the provider: %s", error)
    is_away = isinstance(error, TryLater)
    return await _login_page(request, console, "away" if is_away else "unvouched", 503 if is_away else 401)


async def _login_page(request: Request, console: Console, problem: str, status: int) -> Response:
    values = {"path": "/login", "next": "/", "problem": problem, "login": ""}
    return await console.page(request, "login.html", None, status=status, **values)


def _without_step(response: Response, console: Console) -> Response:
    """The browser's half of this log-in is good no more."""
    response.delete_cookie(_cookie(console), secure=console.secure_cookies, httponly=True, samesite="lax")
    return response


def _cookie(console: Console) -> str:
    return "__Host-oidc" if console.secure_cookies else "oidc"
