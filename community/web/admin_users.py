"""Users and the tokens of programs: who has which rights, and who changed them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community import totp
from community.staff import USUAL_TERM_DAYS, Newcomer, TokenWish, standing
from community.staff_room import CHANGES_AT_ONCE, StaffRoom
from community.tokens import LONGEST_TERM, Scope, Token
from community.users import GIVEN, Role
from community.web.admin_parts import AdminForm, SettingsReader, UserSetter, Visit, ids
from community.web.refusals import in_words
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
Room = Annotated[StaffRoom, Depends(room_of(StaffRoom))]
Login = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\s/]+$")]
_EMPTY = {
    "login": "",
    "name": "",
    "role": Role.OPERATOR,
    "areas": "*",
    "organisations": "*",
    "person": "",
    "language": "zh",
}
"""Of the form for a new user."""
_Ids = Annotated[str, Field(max_length=2000)]
_Person = Annotated[str, Field(max_length=64)]


class RightsForm(AdminForm):
    """What a user is and may."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role
    areas: _Ids = "*"
    organisations: _Ids = "*"
    person: _Person = ""

    def wanted(self, login: str, language: str = "zh", password: str | None = None) -> Newcomer:
        """The same, of this login."""
        return Newcomer(
            login=login,
            name=self.name,
            role=self.role,
            language=language,
            password=password,
            areas=ids(self.areas),
            organisations=ids(self.organisations),
            person=self.person,
        )


class NewUser(RightsForm):
    """A new user; he comes in by a link, and no password is made up for him."""

    login: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s/:]+$")]
    language: Literal["zh", "en"] = "zh"


class AppForm(AdminForm):
    """A secret that was shown, and the code that the user's app makes of it."""

    secret: Annotated[str, Field(pattern=r"^[A-Z2-7]{32}$")]
    code: Annotated[str, Field(max_length=16)]


class NewToken(AdminForm):
    """A program that is to ask the HTTP API."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s/:]+$")]
    role: Role
    scopes: Annotated[tuple[Scope, ...], Field(max_length=len(Scope))] = ()
    areas: _Ids = "*"
    organisations: _Ids = "*"
    person: _Person = ""
    agreement: Annotated[str, Field(max_length=64)] = ""
    days: Annotated[int, Field(ge=1, le=LONGEST_TERM.days)] = USUAL_TERM_DAYS


@router.get("/admin/users")
async def users(visit: SettingsReader, room: Room) -> HTMLResponse:
    """All of them."""
    return await _users(visit, room)


@router.post("/admin/users")
async def add(visit: UserSetter, room: Room, form: Annotated[NewUser, Form()]) -> Response:
    """A new user, and the link that lets him in once."""
    try:
        await visit.check(form)
        link = await room.take_on(visit.user, form.wanted(form.login, form.language))
    except (IllegalMove, ConfigError) as error:
        kept = form.model_dump(exclude={"csrf", "proof"})
        return await _users(visit, room, problem=in_words(error), kept=kept)
    return await _user(visit, room, form.login, link=link)


@router.get("/admin/users/{login}")
async def user(visit: SettingsReader, room: Room, login: Login) -> HTMLResponse:
    """One user, and what was changed of him."""
    return await _user(visit, room, login)


@router.post("/admin/users/{login}/rights")
async def set_rights(
    visit: UserSetter,
    room: Room,
    login: Login,
    form: Annotated[RightsForm, Form()],
) -> Response:
    """Another role, other areas."""
    try:
        await visit.check(form)
        await room.books(visit.user, form.seen).set_rights(login, form.wanted(login))
    except (IllegalMove, ConfigError) as error:
        return await _user(visit, room, login, problem=in_words(error))
    return _to(login)


@router.post("/admin/users/{login}/app")
async def give_app(visit: UserSetter, room: Room, login: Login, form: Annotated[AppForm, Form()]) -> Response:
    """His authenticator app, once it has shown a right code."""
    try:
        await visit.check(form)
        await room.books(visit.user, form.seen).give_app(login, form.secret, form.code)
    except (IllegalMove, ConfigError) as error:
        return await _user(visit, room, login, problem=in_words(error), secret=form.secret)
    return _to(login)


@router.post("/admin/users/{login}/passkeys/{passkey_id}/remove")
async def remove_key(
    visit: UserSetter,
    room: Room,
    login: Login,
    passkey_id: Annotated[str, Path(max_length=32, pattern=r"^[0-9a-f]+$")],
    form: Annotated[AdminForm, Form()],
) -> Response:
    """A key that was lost opens nothing any more."""
    try:
        await visit.check(form)
        await room.books(visit.user).take_key(login, passkey_id)
    except (IllegalMove, ConfigError) as error:
        return await _user(visit, room, login, problem=in_words(error))
    return _to(login)


@router.post("/admin/users/{login}/{deed}")
async def change(
    visit: UserSetter,
    room: Room,
    login: Login,
    deed: Annotated[Literal["disable", "enable", "log-out", "link", "new-app", "take-app"], Path()],
    form: Annotated[AdminForm, Form()],
) -> Response:
    """Let him in no more, or again; end his sessions; a login link; an authenticator app."""
    books = room.books(visit.user, form.seen)
    simple = {"disable": books.disable, "enable": books.enable, "log-out": books.log_out, "take-app": books.take_app}
    try:
        await visit.check(form)
        if deed in simple:
            await simple[deed](login)
            return _to(login)
        link = await room.link(visit.user, login) if deed == "link" else ""
    except (IllegalMove, ConfigError) as error:
        return await _user(visit, room, login, problem=in_words(error))
    return await _user(visit, room, login, link=link, secret="" if link else totp.new_secret())


@router.get("/admin/tokens")
async def tokens(visit: SettingsReader, room: Room) -> HTMLResponse:
    """Programs that may use the HTTP API."""
    return await _tokens(visit, room)


@router.post("/admin/tokens")
async def make_token(visit: UserSetter, room: Room, form: Annotated[NewToken, Form()]) -> Response:
    """A new token, shown once."""
    wanted = TokenWish(
        name=form.name,
        role=form.role,
        scopes=frozenset(form.scopes),
        areas=ids(form.areas),
        organisations=ids(form.organisations),
        person=form.person,
        agreement=form.agreement,
        days=form.days,
    )
    try:
        await visit.check(form)
        token, word = await room.books(visit.user).issue(wanted)
    except (IllegalMove, ConfigError) as error:
        return await _tokens(visit, room, problem=in_words(error))
    return await _tokens(visit, room, made=(token, word))


@router.post("/admin/tokens/{token_id}/end")
async def end_token(
    visit: UserSetter,
    room: Room,
    token_id: Annotated[str, Path(max_length=64)],
    form: Annotated[AdminForm, Form()],
) -> Response:
    """It opens nothing any more."""
    try:
        await visit.check(form)
        await room.books(visit.user).revoke_token(token_id)
    except (IllegalMove, ConfigError) as error:
        return await _tokens(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/tokens", status_code=303)


@router.get("/admin/changes")
async def changes(
    visit: SettingsReader,
    room: Room,
    before: Annotated[int, Field(ge=0, le=2**62)] = 0,
) -> HTMLResponse:
    """Who changed which right or policy, the newest first."""
    rows = await room.changes(before)
    older = rows[CHANGES_AT_ONCE - 1].change_id if len(rows) > CHANGES_AT_ONCE else 0
    return await visit.page("admin_changes.html", rows=rows[:CHANGES_AT_ONCE], older=older)


def _to(login: str) -> RedirectResponse:
    return RedirectResponse(f"/admin/users/{login}", status_code=303)


async def _users(
    visit: Visit, room: StaffRoom, *, problem: Sentence | None = None, kept: dict[str, object] | None = None
) -> HTMLResponse:
    return await visit.page(
        "admin_users.html",
        problem=problem,
        shown=await room.everybody(),
        roles=GIVEN,
        areas=await room.areas(),
        kept=_EMPTY | (kept or {}),
    )


async def _user(
    visit: Visit,
    room: StaffRoom,
    login: str,
    *,
    problem: Sentence | None = None,
    link: str = "",
    secret: str = "",
) -> HTMLResponse:
    try:
        found, seen, changed = await room.user(login)
    except IllegalMove:
        raise HTTPException(404) from None
    return await visit.page(
        "admin_user.html",
        problem=problem,
        one=found,
        seen=seen,
        stands=standing(found),
        changes=changed,
        keys=await room.keys(found),
        roles=GIVEN,
        areas=await room.areas(),
        link=link,
        secret=secret,
        app_address=room.app_address(secret, login) if secret else "",
    )


async def _tokens(
    visit: Visit, room: StaffRoom, *, problem: Sentence | None = None, made: tuple[Token, str] | None = None
) -> HTMLResponse:
    found, agreements = await room.programs()
    return await visit.page(
        "admin_tokens.html",
        problem=problem,
        tokens=found,
        agreements=agreements,
        scopes=tuple(Scope),
        roles=GIVEN,
        usual_days=USUAL_TERM_DAYS,
        most_days=LONGEST_TERM.days,
        made=made,
    )
