"""What everybody sets for himself: language, password, authenticator app, passkeys, and where he is logged in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community import totp
from community.accounts import MAX_PASSWORD, MIN_PASSWORD
from community.casefile import NotNow
from community.passkey_room import MOST_KEYS, PasskeyRoom
from community.staff_room import StaffRoom
from community.web.admin_parts import AdminForm, Visit
from community.web.console import SignedIn, Wired, check_form
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[StaffRoom, Depends(room_of(StaffRoom))]
Keys = Annotated[PasskeyRoom, Depends(room_of(PasskeyRoom))]
PasskeyId = Annotated[str, Path(max_length=32, pattern=r"^[0-9a-f]+$")]
_NOT_OLD = Sentence(zh="原密码不对，密码没有更改。", en="The old password was not right. It has not been changed.")
_NOT_TWICE = Sentence(
    zh="两次输入的新密码不一样，密码没有更改。", en="The two new passwords differ. It has not been changed."
)


class AppForm(AdminForm):
    """A secret that was shown, and the code that his app makes of it."""

    secret: Annotated[str, Field(pattern=r"^[A-Z2-7]{32}$")]
    code: Annotated[str, Field(max_length=16)]


class PasswordForm(BaseModel):
    """The old password (none where he has none), and the new one twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csrf: Annotated[str, Field(max_length=128)]
    proof: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""
    old: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""
    new: Annotated[str, Field(max_length=MAX_PASSWORD)]
    again: Annotated[str, Field(max_length=MAX_PASSWORD)]


def _own(request: Request, console: Wired, shift: SignedIn) -> Visit:
    return Visit(request, console, shift)


Own = Annotated[Visit, Depends(_own)]


@router.get("/account")
async def account(visit: Own) -> HTMLResponse:
    """His own settings."""
    return await _page(visit)


@router.post("/account/password")
async def change_password(visit: Own, form: Annotated[PasswordForm, Form()]) -> Response:
    """A new password for the old one. Who has none yet (he came by a link) gives himself one."""
    check_form(visit.shift, form.csrf)
    accounts, now = visit.console.accounts, visit.console.clock()
    if form.new != form.again:
        return await _page(visit, problem=_NOT_TWICE)
    try:
        own = await accounts.own_sessions(visit.shift, now=now)
        if not own.has_password:
            await visit.check(AdminForm(csrf=form.csrf, proof=form.proof))
        is_old = await accounts.change_password(visit.shift, form.old, form.new, client=visit.client, now=now)
    except (NotNow, ConfigError) as error:
        return await _page(visit, problem=in_words(error))
    return _back("password") if is_old else await _page(visit, problem=_NOT_OLD)


@router.post("/account/app/new")
async def new_app(visit: Own, room: Room, form: Annotated[AdminForm, Form()]) -> Response:
    """A secret and its picture, shown here only; nothing is changed yet."""
    try:
        await visit.check(form)
    except NotNow as error:
        return await _page(visit, problem=in_words(error))
    return await _page(visit, room=room, secret=totp.new_secret())


@router.post("/account/app")
async def give_app(visit: Own, room: Room, form: Annotated[AppForm, Form()]) -> Response:
    """His app, once it has shown a right code; his other sessions end."""
    try:
        await visit.check(form)
        books = room.books(visit.user)
        await books.give_app(visit.user.login, form.secret, form.code, kept=visit.shift.token)
    except (IllegalMove, ConfigError) as error:
        return await _page(visit, problem=in_words(error), room=room, secret=form.secret)
    return _back("app")


@router.post("/account/sessions/end")
async def end_others(visit: Own, form: Annotated[AdminForm, Form()]) -> Response:
    """Out everywhere else. It needs no proof: it gives nothing."""
    check_form(visit.shift, form.csrf)
    await visit.console.accounts.end_others(visit.shift, now=visit.console.clock())
    return _back("sessions")


@router.post("/account/passkeys/{passkey_id}/remove")
async def remove_key(visit: Own, keys: Keys, passkey_id: PasskeyId, form: Annotated[AdminForm, Form()]) -> Response:
    """It opens nothing any more."""
    try:
        await visit.check(form)
        await keys.remove(visit.shift, passkey_id)
    except (IllegalMove, ConfigError) as error:
        return await _page(visit, problem=in_words(error))
    return _back("key-removed")


def _back(done: str) -> RedirectResponse:
    return RedirectResponse(f"/account?done={done}", status_code=303)


async def _page(
    visit: Visit, *, problem: Sentence | None = None, room: StaffRoom | None = None, secret: str = ""
) -> HTMLResponse:
    accounts, now = visit.console.accounts, visit.console.clock()
    return await visit.page(
        "account.html",
        problem=problem,
        own=await accounts.own_sessions(visit.shift, now=now),
        keys=await visit.keys(),
        done=visit.request.query_params.get("done", ""),
        secret=secret,
        app_address=room.app_address(secret, visit.user.login) if secret and room is not None else "",
        min_password=MIN_PASSWORD,
        most_keys=MOST_KEYS,
    )
