"""The home of an entry of the register: how one gets in, who comes and goes; and what was changed of the entry."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field, StringConstraints

from community.accounts import MAX_PASSWORD
from community.register_forms import Fault, Unfit
from community.register_room import RegisterRoom, Sheet, Stranger
from community.rights import Right, holds
from community.web.admin_parts import Visit as OwnVisit
from community.web.console import Wired
from community.web.register_person import CHOICES, PersonForm
from community.web.register_visit import (
    Faults,
    Keeper,
    KeptForm,
    Registrar,
    ResidentId,
    Text,
    Visit,
    asked_of,
    back_to,
    carried_out,
    filled,
    sheet_of,
)
from community.web.residents import RegisterReader
from community.web.rooms import room_of

router = APIRouter()
LAST_PAGE = 200
"""Of the history: 10,000 changes of one entry."""
Proof = Annotated[str, Field(max_length=MAX_PASSWORD), StringConstraints(strip_whitespace=False)]


class HomeForm(KeptForm):
    """The way to the door."""

    address: Text = ""
    route: Text = ""
    hint: Text = ""


class CodeForm(KeptForm):
    """The code of the key-safe, with a proof of who sets it."""

    code: Annotated[str, Field(max_length=100)] = ""
    hint: Text = ""
    proof: Proof = ""


class MoveForm(KeptForm):
    """Where the person lives from now on."""

    home: Text = ""


class NewForm(PersonForm):
    """Somebody new."""

    home: Text = ""
    id: Text = ""


# ---- the home ----


@router.get("/residents/{resident_id}/keep/home")
async def home(visit: Keeper, resident_id: ResidentId) -> HTMLResponse:
    """How one gets there and in."""
    return await _home(visit, resident_id)


@router.post("/residents/{resident_id}/keep/home")
async def change_home(visit: Keeper, resident_id: ResidentId, form: Annotated[HomeForm, Form()]) -> Response:
    """The way there is another, or the key-safe hangs elsewhere."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        sheet = await sheet_of(visit, resident_id)
        mine = way_of(sheet) & form.field_names() if sheet.is_way_shown else frozenset()
        written: dict[str, object] = form.model_dump(include={"route", "address"} & mine)
        await visit.room.change_home(wish, written, form.hint if "hint" in mine else None)

    again = partial(_home, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/home"))


@router.post("/residents/{resident_id}/keep/code")
async def set_code(visit: Registrar, resident_id: ResidentId, form: Annotated[CodeForm, Form()]) -> Response:
    """The code of the key-safe, by somebody who has just proved who he is. It is never shown back."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        now = visit.console.clock()
        client = visit.request.client.host if visit.request.client else ""
        if not visit.shift.is_proved(now) and not await visit.console.accounts.prove(
            visit.shift, form.proof, client=client, now=now
        ):
            raise Unfit({"proof": Fault.WRONG})
        await visit.room.set_code(wish, form.code, form.hint)

    again = partial(_home, visit, resident_id, code_form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/home"))


def way_of(sheet: Sheet) -> frozenset[str]:
    """What of the way in this user changes in this form."""
    found = {"route", *(("address",) if sheet.is_whole else ()), *(("hint",) if sheet.entry.safe is not None else ())}
    return frozenset(found)


async def _home(
    visit: Visit,
    resident_id: str,
    *,
    form: HomeForm | None = None,
    code_form: CodeForm | None = None,
    faults: Faults | None = None,
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    entry = sheet.entry
    hint = "" if entry.safe is None else entry.safe.hint
    stored = {"address": entry.home.address, "route": entry.home.route, "hint": hint}
    written: dict[str, object] = {} if form is None else form.model_dump(include=set(stored))
    of_code: dict[str, object] = {} if code_form is None else {"hint": code_form.hint}
    is_proved = visit.shift.is_proved(visit.console.clock())
    own = OwnVisit(visit.request, visit.console, visit.shift)
    code = filled({"hint": hint}, {"hint"}, form=code_form, written=of_code, faults=faults)
    return await visit.page(
        "keep_home.html",
        sheet,
        tab="home",
        faults=faults,
        sent=form or code_form,
        **filled(stored, way_of(sheet), form=form, written=written, faults=faults),
        code=code,
        is_code=code_form is not None,
        has_passkey=not is_proved and bool(await own.keys()),
        asked={} if form is None else asked_of(form),
        asked_of_code={} if code_form is None else asked_of(code_form),
    )


# ---- who comes and goes ----


@router.get("/residents/{resident_id}/keep/move")
async def move(visit: Registrar, resident_id: ResidentId) -> HTMLResponse:
    """The form for a move."""
    return await _move(visit, resident_id)


@router.post("/residents/{resident_id}/keep/move")
async def move_out(visit: Registrar, resident_id: ResidentId, form: Annotated[MoveForm, Form()]) -> Response:
    """The person lives in another home since now."""

    async def deed() -> None:
        await visit.room.move_out(visit.wish(resident_id, form), form.home)

    again = partial(_move, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/move"))


async def _move(
    visit: Visit, resident_id: str, *, form: MoveForm | None = None, faults: Faults | None = None
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id, Right.KEEP_REGISTER)
    values = {"home": "" if form is None else form.home}
    asked = {} if form is None else asked_of(form)
    return await visit.page(
        "keep_move.html", sheet, tab="move", faults=faults, sent=form, values=values, stored={}, asked=asked
    )


@router.get("/register/new")
async def new(visit: Registrar, home: Annotated[str, Query(max_length=64)] = "") -> HTMLResponse:
    """The form for somebody new; the home is asked for first."""
    if not home:
        return await visit.page("keep_new.html", None, tab="new", home_id="", address="", faults=None)
    try:
        address, free = await visit.room.home(visit.shift.user, home)
    except Unfit as error:
        faults = Faults(fields=error.fields)
        return await visit.page("keep_new.html", None, tab="new", home_id="", asked_for=home, address="", faults=faults)
    return await _new(visit, home, address, values={**_EMPTY, "id": free})


@router.post("/register/new")
async def take_on(visit: Registrar, form: Annotated[NewForm, Form()]) -> Response:
    """Somebody new in a home that stands."""
    try:
        wish = visit.wish(form.id, form)
        made = await visit.room.take_on(visit.shift.user, form.home, {**form.written(), "id": form.id}, wish.reason)
    except Unfit as error:
        faults = Faults(fields=error.fields)
        if "home" in error.fields:
            return await visit.page(
                "keep_new.html", None, tab="new", home_id="", asked_for=form.home, address="", faults=faults
            )
        address, _ = await visit.room.home(visit.shift.user, form.home)
        return await _new(visit, form.home, address, values=form.written(), form=form, faults=faults)
    return RedirectResponse(back_to(made, ""), status_code=303)


async def _new(
    visit: Visit,
    home_id: str,
    address: str,
    /,
    *,
    values: Mapping[str, object],
    form: NewForm | None = None,
    faults: Faults | None = None,
) -> HTMLResponse:
    return await visit.page(
        "keep_new.html",
        None,
        tab="new",
        home_id=home_id,
        address=address,
        faults=faults,
        sent=form,
        values=values,
        stored={},
        asked={} if form is None else asked_of(form),
        mine=frozenset(_EMPTY),
        **CHOICES,
    )


_EMPTY = NewForm(csrf="").written()


# ---- what was changed ----


@router.get("/residents/{resident_id}/history")
async def history(
    request: Request,
    console: Wired,
    shift: RegisterReader,
    room: Annotated[RegisterRoom, Depends(room_of(RegisterRoom))],
    *,
    resident_id: ResidentId,
    page: Annotated[int, Query(ge=0, le=LAST_PAGE)] = 0,
) -> HTMLResponse:
    """Who changed what, when and why; what was before, and since."""
    visit = Visit(request, console, shift, room)
    try:
        entry, lines, has_more = await room.history(shift.user, resident_id, page)
    except Stranger:
        raise HTTPException(404) from None
    return await visit.page(
        "register_history.html",
        None,
        tab="history",
        person=entry.resident,
        lines=lines,
        has_more=has_more,
        page_number=page,
        called=await console.accounts.names(),
        may_keep=holds(shift.user, Right.KEEP_REACH),
    )
