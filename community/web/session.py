"""Log in, log out, choose a language."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import MAX_PASSWORD, SHIFT, AppNeeded, CodeNeeded, Shift
from community.dispatch_room import DispatchRoom
from community.web.console import LANGUAGE_COOKIE, Console, SignedIn, Wired, check_form
from community.web.language import Language
from shouwang.errors import TryLater

router = APIRouter()

_YEAR_S = 31536000


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Code = Annotated[str, Field(max_length=16)]


class OnceForm(_Form):
    """The button of a one-time link; with a code where the user has an authenticator app."""

    code: _Code = ""


class Credentials(_Form):
    """The login form. It needs no token: there is no session yet, and the guard knows our own page."""

    login: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=MAX_PASSWORD)]
    code: _Code = ""
    next: Annotated[str, Field(max_length=200)] = "/"


class Leaving(_Form):
    """The log-out form."""

    csrf: str


class Choice(_Form):
    """The language toggle; without a session there is no token."""

    language: Language
    csrf: str = ""
    next: Annotated[str, Field(max_length=200)] = "/"


@router.get("/login")
async def login_page(request: Request, console: Wired, next: str = "/") -> Response:  # noqa: A002 - the field's name
    """The login form."""
    if await console.shift(request) is not None:
        return RedirectResponse(local(next), status_code=303)
    return await console.page(request, "login.html", None, next=local(next), problem="", login="")


@router.post("/login")
async def log_in(request: Request, console: Wired, form: Annotated[Credentials, Form()]) -> Response:
    """Begin a shift, or say that this was wrong; slower after several failures."""
    client = request.client.host if request.client else ""
    shift, problem = await _let_in(
        console.accounts.log_in(form.login.strip(), form.password, client=client, now=console.clock(), code=form.code),
        "wrong",
    )
    if shift is None:
        status = 503 if problem == "busy" else 401
        values = {"next": local(form.next), "problem": problem, "login": form.login}
        return await console.page(request, "login.html", None, status=status, **values)
    return _welcome(console, shift, form.next)


@router.get("/login/once/{token}")
async def link_page(request: Request, console: Wired, token: str) -> HTMLResponse:
    """A button. Opening the address alone must not use the link up: chat programs open links to preview them."""
    return await console.page(request, "once.html", None, token=token, problem="")


@router.post("/login/once/{token}")
async def use_link(request: Request, console: Wired, token: str, form: Annotated[OnceForm, Form()]) -> Response:
    """Begin a shift with a one-time link."""
    client = request.client.host if request.client else ""
    entering = console.accounts.use_link(token, now=console.clock(), code=form.code, client=client)
    shift, problem = await _let_in(entering, "spent")
    if shift is None:
        status = 503 if problem == "busy" else 401
        return await console.page(request, "once.html", None, status=status, token=token, problem=problem)
    return _welcome(console, shift, "/")


@router.post("/logout")
async def log_out(request: Request, console: Wired, shift: SignedIn, form: Annotated[Leaving, Form()]) -> Response:
    """End the shift, here and in the database. Whoever has cases in hand gives them to somebody first."""
    check_form(shift, form.csrf)
    room = request.app.state.dispatch
    if shift.user.role.may_act and isinstance(room, DispatchRoom) and await room.owned(shift.user.login):
        return RedirectResponse("/shifts?leaving=1", status_code=303)
    await console.accounts.log_out(shift.token)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(console.cookie, secure=console.secure_cookies, httponly=True, samesite="strict")
    return response


@router.post("/language")
async def choose_language(request: Request, console: Wired, form: Annotated[Choice, Form()]) -> Response:
    """Keep the language with the user; before login, with the browser."""
    shift = await console.shift(request)
    if shift is not None:
        check_form(shift, form.csrf)
        await console.accounts.set_language(shift.user.user_id, form.language)
    response = RedirectResponse(local(form.next), status_code=303)
    _remember_language(response, console, form.language)
    return response


async def _let_in(entering: Awaitable[Shift | None], refused: str) -> tuple[Shift | None, str]:
    """The session, or the word of the page for why there is none; `refused`: where what was shown is not taken."""
    try:
        return await entering, refused
    except TryLater:
        return None, "busy"
    except CodeNeeded:
        return None, "code"
    except AppNeeded:
        return None, "app"


def _remember_language(response: Response, console: Console, language: str) -> None:
    """In the browser: for the login page, and for a page that says that the database is away."""
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=_YEAR_S, secure=console.secure_cookies, httponly=True, samesite="strict"
    )


def _welcome(console: Console, shift: Shift, address: str) -> Response:
    response = RedirectResponse(local(address), status_code=303)
    keep_session(response, console, shift)
    return response


def keep_session(response: Response, console: Console, shift: Shift) -> None:
    """The browser keeps the session, and the language of its user."""
    _remember_language(response, console, shift.user.language)
    response.set_cookie(
        console.cookie,
        shift.token,
        max_age=int(SHIFT.total_seconds()),
        secure=console.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def local(address: str) -> str:
    """The address if it is one of ours, else the beginning. Browsers read a backslash and `//` as another host."""
    is_ours = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if is_ours else "/"
