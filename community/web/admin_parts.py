"""What all pages for administrators share: who gets in, the forms, the proof of who it is, refusals in words."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import Field, StringConstraints

from community.accounts import MAX_PASSWORD, Shift
from community.casefile import NotNow
from community.passkey_room import PasskeyRoom
from community.rights import Right, holds
from community.store.passkeys import Passkey
from community.users import EVERYWHERE, User
from community.web import admin_words
from community.web.console import Console, Wired, check_form, holding
from community.web.forms import PlainForm
from shouwang.alert import Sentence

_NOT_HE = Sentence(
    zh="密码或验证码不对。没有做任何更改。", en="That password or code was not right. Nothing has been changed."
)


class AdminForm(PlainForm):
    """What each form here carries besides: how the thing stood, and a proof of who it is."""

    seen: Annotated[str, Field(max_length=64)] = ""
    proof: Annotated[str, Field(max_length=MAX_PASSWORD), StringConstraints(strip_whitespace=False)] = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who may be here asks for something."""

    request: Request
    console: Console
    shift: Shift

    @property
    def user(self) -> User:
        """Who it is."""
        return self.shift.user

    @property
    def client(self) -> str:
        """The address that asks."""
        return self.request.client.host if self.request.client else ""

    async def keys(self) -> tuple[Passkey, ...]:
        """His passkeys; none where this console makes none."""
        room = self.request.app.state.rooms.get(PasskeyRoom)
        return await room.of(self.user) if isinstance(room, PasskeyRoom) else ()

    async def check(self, form: AdminForm) -> None:
        """Raise Refused for a form that is not ours, NotNow where he has not proved of late who he is."""
        check_form(self.shift, form.csrf)
        now = self.console.clock()
        if self.shift.is_proved(now):
            return
        if not await self.console.accounts.prove(self.shift, form.proof, client=self.client, now=now):
            raise NotNow(_NOT_HE)

    async def page(self, template: str, /, *, problem: Sentence | None = None, **values: object) -> HTMLResponse:
        """A page for administrators; `problem`: why something was not done."""
        user, is_proved = self.user, self.shift.is_proved(self.console.clock())
        shown: dict[str, object] = {
            "problem": problem,
            "admin_words": admin_words,
            "is_proved": is_proved,
            "has_passkey": not is_proved and bool(await self.keys()),
            "called": await self.console.accounts.names(),
            "may_set_users": holds(user, Right.SET_USERS),
            "may_set_devices": holds(user, Right.SET_DEVICES),
            "may_propose": holds(user, Right.PROPOSE_SETTINGS),
            "may_set_policy": holds(user, Right.SET_POLICY),
            "may_verify": holds(user, Right.VERIFY_CHAIN),
        }
        status = 409 if problem else 200
        return await self.console.page(self.request, template, self.shift, status=status, **(shown | values))


def _holding(right: Right) -> Callable[..., Awaitable[Visit]]:
    """A dependency: the visit of who asks, if the matrix gives him this right. Raises Refused."""

    async def found(request: Request, console: Wired, shift: Annotated[Shift, Depends(holding(right))]) -> Visit:
        return Visit(request, console, shift)

    return found


SettingsReader = Annotated[Visit, Depends(_holding(Right.READ_SETTINGS))]
UserSetter = Annotated[Visit, Depends(_holding(Right.SET_USERS))]
DeviceSetter = Annotated[Visit, Depends(_holding(Right.SET_DEVICES))]
Proposer = Annotated[Visit, Depends(_holding(Right.PROPOSE_SETTINGS))]
PolicySetter = Annotated[Visit, Depends(_holding(Right.SET_POLICY))]
Verifier = Annotated[Visit, Depends(_holding(Right.VERIFY_CHAIN))]
Director = Annotated[Visit, Depends(_holding(Right.DIRECT_CASES))]


def ids(written: str) -> frozenset[str]:
    """Ids with spaces or commas between; nothing, or a star: all."""
    found = frozenset(written.replace(",", " ").replace("，", " ").split())
    return EVERYWHERE if not found or "*" in found else found
