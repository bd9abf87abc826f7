"""Somebody rings and asks for something: the operator files it (报送). Works as plain forms, without scripts."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.accounts import Shift
from community.programs import Programs
from community.request_desk import Asked, RequestDesk
from community.web.console import Console, Wired, Worker, check_form
from community.web.forms import CommandForm
from community.web.words import marked
from shouwang.errors import IllegalMove

router = APIRouter()
KINDS = {
    "help": marked("help at home"),
    "service": marked("a service"),
    "repair": marked("a repair"),
    "complaint": marked("a complaint"),
    "question": marked("a question"),
}
MAX_WORDS = 2000
HomeId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Filing(CommandForm):
    """What somebody asks for."""

    home_id: HomeId
    by: Annotated[str, Field(max_length=64)] = ""
    category: Literal["help", "service", "repair", "complaint", "question"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_WORDS)]
    is_urgent: bool = False


def requests_of(request: Request) -> RequestDesk:
    """Requests of this server; 404 where it has none."""
    found = request.app.state.programs
    if not isinstance(found, Programs):
        raise HTTPException(404)
    return found.requests


Requests = Annotated[RequestDesk, Depends(requests_of)]


@router.get("/requests/new")
async def new(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Worker,
    filed: Requests,
    find: Annotated[str, Query(max_length=100)] = "",
    home: Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
) -> HTMLResponse:
    """First whose home it is about, then what is asked for."""
    return await _page(request, console, shift, filed, find=find, home=home)


@router.post("/requests/new")
async def file(
    request: Request, console: Wired, shift: Worker, filed: Requests, form: Annotated[Filing, Form()]
) -> Response:
    """File it: its page has the tracking number."""
    check_form(shift, form.csrf)
    asked = Asked(
        home_id=form.home_id,
        words=f"[{form.category}] {form.text}",
        key=form.command_id,
        is_urgent=form.is_urgent,
        by=form.by,
    )
    try:
        number = await filed.file(shift.user, asked)
    except IllegalMove:
        return await _page(request, console, shift, filed, home=form.home_id, kept=form.text, status=409)
    return RedirectResponse(f"/incidents/{number}", status_code=303)


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    filed: RequestDesk,
    /,
    *,
    find: str = "",
    home: str = "",
    kept: str = "",
    status: int = 200,
) -> HTMLResponse:
    values: dict[str, object] = {
        "find": find,
        "home": home,
        "homes": await filed.homes(shift.user, find.replace("\0", "")),
        "people": await filed.people(shift.user, home) if home else (),
        "kinds": KINDS,
        "kept": kept,
        "max_words": MAX_WORDS,
        "is_refused": status == 409,
    }
    return await console.page(request, "request.html", shift, status=status, **values)
