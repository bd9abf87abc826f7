"""One case: its page, and the orders an operator gives. Every order works as a plain form, without scripts."""

from collections.abc import Container
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from community import engine
from community.accounts import MAX_PASSWORD, Shift
from community.call_scripts import script_of
from community.case_room import CaseRoom
from community.casefile import Disposition, NotNow, StaleVersion
from community.desk import QueueRow, Wish
from community.fhir.records import Records
from community.ladder_words import rungs
from community.map_room import MapRoom
from community.next_step import next_order
from community.passkey_room import WORD_BEGINS, PasskeyRoom
from community.plan import Building
from community.plan_room import PlanRoom
from community.rights import Ground, Right, Subject, is_allowed
from community.rights import Refused as NotAllowed
from community.users import User
from community.web import ring_words, words
from community.web.console import Console, Reader, Wired, Worker, check_form, language_of, wants_part
from community.web.fields import none_if_empty
from community.web.forms import CommandForm
from community.web.refusals import in_words
from community.web.rooms import room_of
from community.web.sends import sends_of
from community.word_tries import TriedTooOften
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove, TryLater

router = APIRouter()

IncidentId = Annotated[int, Path(ge=1, le=2**62)]
MAX_NOTE = 4000
_Words = Annotated[str, Field(max_length=MAX_NOTE)]
_Name = Annotated[str, Field(max_length=200)]


def _known(command: str) -> str:
    if command not in words.COMMANDS:
        raise ValueError("no such order")
    return command


_NOT_CONFIRMED = Sentence(
    zh="同事没有确认：请同事本人在此输入密码或验证码",
    en="your colleague has not confirmed it: let him enter his own password, or the code of his app, here",
)
_TOO_OFTEN = Sentence(
    zh="验证太频繁：请稍候再试，或请同事使用通行密钥",
    en="it was tried too often: wait a little and try again, or let your colleague use his passkey",
)
_NOT_LOOKED_AT = Sentence(
    zh="现在无法验证：请稍候再试一次",
    en="it cannot be checked at this moment: wait a little and try again",
)
Surroundings = Annotated[CaseRoom, Depends(room_of(CaseRoom))]
_OUTSIDE = frozenset({Ground.AREA.value, Ground.ORGANISATION.value})
"""Why he is refused what a reason may open."""
Command = Annotated[str, Path(max_length=40), AfterValidator(_known)]


class Ordering(CommandForm):
    """The form of any order; `back` is the page that the operator was on. What is missing the case itself says."""

    version: Annotated[int, Field(ge=0, le=2**31)]
    back: Literal["queue", "case"] = "case"
    note: _Words = ""
    reason: _Words = ""
    disposition: Annotated[Disposition | None, BeforeValidator(none_if_empty)] = None
    spoke: bool = False
    second: _Name = ""
    second_proof: Annotated[str, Field(max_length=MAX_PASSWORD), StringConstraints(strip_whitespace=False)] = ""
    targets: Annotated[tuple[_Name, ...], Field(max_length=20)] = ()
    reference: _Name = ""
    eta_min: Annotated[int | None, Field(ge=1, le=600), BeforeValidator(none_if_empty)] = None
    score: Annotated[int | None, Field(ge=1, le=5), BeforeValidator(none_if_empty)] = None
    into: Annotated[int | None, Field(ge=1, le=2**62), BeforeValidator(none_if_empty)] = None
    into_number: Annotated[int | None, Field(ge=1, le=2**62), BeforeValidator(none_if_empty)] = None

    def wish(self, incident_id: int, command: str, shift: Shift) -> Wish:
        """As the desk takes it. Who takes a case over is who presses the button."""
        by = shift.user.login
        is_taking = command == "hand_over"
        return Wish(
            incident_id=incident_id,
            command=command,
            by=by,
            role=shift.user.role.value,
            command_id=self.command_id,
            version=self.version,
            text=self.note,
            reason=self.reason,
            targets=(by,) if is_taking else tuple(one for one in self.targets if one),
            confirmed_by=by if is_taking else "",
            eta_min=self.eta_min,
            disposition=self.disposition,
            second=self.second,
            spoke=self.spoke,
            score=self.score,
            reference=self.reference,
            into=self.into_number or self.into,
        )


def may_say_why(error: NotAllowed, shift: Shift) -> bool:
    """Whether it is only outside his area, and he may give a reason why he must see it."""
    return str(error) in _OUTSIDE and shift.user.role.may_act


@router.get("/incidents/{incident_id}")
async def incident(request: Request, console: Wired, shift: Reader, incident_id: IncidentId) -> HTMLResponse:
    """The case, whole; one outside his area asks an operator why he must see it."""
    try:
        return await _page(request, console, shift, incident_id)
    except NotAllowed as error:
        if not may_say_why(error, shift):
            raise
        values: dict[str, object] = {"incident_id": incident_id, "ground": str(error)}
        return await console.page(request, "outside.html", shift, status=403, **values)


@router.get("/incidents/{incident_id}/calls")
async def calls(request: Request, console: Wired, shift: Reader, incident_id: IncidentId) -> HTMLResponse:
    """Whom the case called and what became of it: the part of its page that changes without a step of the case."""
    called = await console.desk_of(shift).calls(incident_id)
    values = {"calls": called, "sends": sends_of(called)}
    return HTMLResponse(console.pages.render("_told.html", language_of(request, shift), values))


@router.get("/incidents/{incident_id}/vitals")
async def vitals(
    request: Request, console: Wired, shift: Reader, room: Surroundings, incident_id: IncidentId
) -> HTMLResponse:
    """What is measured now: the part of the page that goes on while the case is open."""
    found = await room.vitals(shift.user, incident_id)
    if found is None:
        raise HTTPException(404)
    values = {"case": found, "is_live": found.is_live, "around": None, "shift": shift}
    return HTMLResponse(console.pages.render("_vitals.html", language_of(request, shift), values))


@router.post("/incidents/{incident_id}/{command}")
async def order(
    request: Request,
    console: Wired,
    shift: Worker,
    incident_id: IncidentId,
    *,
    command: Command,
    form: Annotated[Ordering, Form()],
) -> Response:
    """Carry an order out."""
    check_form(shift, form.csrf)
    try:
        second = await _second(request, console, shift, incident_id, command=command, form=form)
        row = await console.desk_of(shift).order(form.wish(incident_id, command, shift), second=second)
    except IllegalMove as error:
        kept = {"command": command, "note": form.note, "reason": form.reason, "disposition": form.disposition or ""}
        return await _conflict(request, console, shift, incident_id, error, **kept)
    return await _done(request, console, shift, row, form)


async def show(request: Request, console: Console, shift: Shift, incident_id: int, *, why: str) -> HTMLResponse:
    """The case with its medical card, for a reason."""
    return await _page(request, console, shift, incident_id, why=why)


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    incident_id: int,
    /,
    *,
    status: int = 200,
    problem: str | Sentence = "",
    why: str = "",
    **kept: str,
) -> HTMLResponse:
    """The case as it is now; `kept` is what the operator had typed, `why` what opens the medical card to him."""
    seq = await console.desk.last_seq()  # before the case: what happens in between is told again, not lost
    case = await console.desk_of(shift).incident(incident_id, reason=why)
    if case is None:
        raise HTTPException(404)
    record = Subject(now=console.clock(), is_home=False, holds_medical=True)
    possible = () if case.is_foreign else engine.possible(case.case, shift.user.login, shift.user.role.value)
    following = next_order(case.case, possible)
    values = {
        "seq": seq,
        "case": case,
        "called": await console.desk_of(shift).called(),
        "problem": problem,
        "kept": kept,
        "max_note": MAX_NOTE,
        "possible": possible,
        "next": following,
        "orders": _sorted_orders(possible, following, is_mine=case.row.owner == shift.user.login),
        "rungs": rungs(case.case),
        "sends": sends_of(case.calls),
        "ring_words": ring_words,
        "around": await _room(request).around(case),
        "is_live": not case.row.is_final,
        **await _around_the_door(request, shift, case.row.home_id),
        "script": script_of(case.row.hazard, case.row.workflow),
        "has_record": isinstance(request.app.state.records, Records) and is_allowed(shift.user, Right.EXPORT, record),
    }
    return await console.page(request, "incident.html", shift, status=status, **values)


_room = room_of(CaseRoom)


def _sorted_orders(possible: Container[str], following: str, *, is_mine: bool) -> list[str]:
    """Those whose forms stand in the column of orders: the next right one first, the note last of the open ones."""
    elsewhere = {"dispatch", "ack"}  # a page of its own, and the button that stays in sight
    if is_mine:
        elsewhere |= {"hand_over", "take_over"}
    found = [command for command in words.COMMANDS if command in possible and command not in elsewhere]
    return sorted(found, key=lambda command: command != following)


async def _around_the_door(request: Request, shift: Shift, home_id: str) -> dict[str, object]:
    """The front of the house with the door marked, and whether the street map shows it too."""
    building = await _building(request, shift, home_id)
    return {"building": building, "is_on_map": building is not None and await _is_on_map(request, home_id)}


async def _building(request: Request, shift: Shift, home_id: str) -> Building | None:
    """The drawing of the home's building; None where none is on file."""
    room = request.app.state.rooms.get(PlanRoom)
    return await room.building_of(shift.user, home_id) if isinstance(room, PlanRoom) else None


async def _is_on_map(request: Request, home_id: str) -> bool:
    """Whether the centre has a street map, and this home a point on it."""
    room = request.app.state.rooms.get(MapRoom)
    return isinstance(room, MapRoom) and await room.shows(home_id)


async def _second(
    request: Request, console: Console, shift: Shift, incident_id: int, /, *, command: str, form: Ordering
) -> str:
    """The colleague who has proved at this screen that it is he; empty: nobody is named. Raises NotNow."""
    if not form.second or "second" not in words.FIELDS.get(command, ()):
        return ""
    try:
        colleague = await _colleague(request, console, shift, incident_id, form)
    except TriedTooOften as error:
        raise NotNow(_TOO_OFTEN) from error
    except TryLater as error:  # a page of nothing but 503 would lose what he typed
        raise NotNow(_NOT_LOOKED_AT) from error
    if colleague is None:
        raise NotNow(_NOT_CONFIRMED)
    return colleague.login


async def _colleague(request: Request, console: Console, shift: Shift, incident_id: int, form: Ordering) -> User | None:
    """Who has given his word and may see the case; None where it was not he. Raises TryLater."""
    colleague = None
    room = request.app.state.rooms.get(PasskeyRoom)
    if isinstance(room, PasskeyRoom) and form.second_proof.startswith(WORD_BEGINS):
        colleague = await room.vouched(shift, incident_id, form.second, form.second_proof)
    elif form.second_proof and form.second != shift.user.login:
        client = request.client.host if request.client else ""
        colleague = await console.accounts.vouch(
            form.second, form.second_proof, asker=shift.user.login, client=client, now=console.clock()
        )
    if colleague is None:
        return None
    desk = console.accounts.guarded(console.desk, colleague, console.clock)
    return colleague if await desk.witness(incident_id) else None


async def _done(request: Request, console: Console, shift: Shift, row: QueueRow, order: Ordering) -> Response:
    if wants_part(request):
        return await _row(request, console, shift, row)
    return RedirectResponse("/queue" if order.back == "queue" else f"/incidents/{row.incident_id}", status_code=303)


async def _conflict(
    request: Request, console: Console, shift: Shift, incident_id: int, error: IllegalMove, **kept: str
) -> Response:
    """Say what the case is now. Nothing has been changed."""
    problem = "stale" if isinstance(error, StaleVersion) else in_words(error)
    if wants_part(request):
        case = await console.desk_of(shift).incident(incident_id)
        if case is not None:
            return await _row(request, console, shift, case.row, status=409, problem=problem)
    return await _page(request, console, shift, incident_id, status=409, problem=problem, **kept)


async def _row(
    request: Request,
    console: Console,
    shift: Shift,
    row: QueueRow,
    /,
    *,
    status: int = 200,
    problem: str | Sentence = "",
) -> HTMLResponse:
    values = {"row": row, "shift": shift, "problem": problem, "names": await console.accounts.names()}
    return HTMLResponse(console.pages.render("_row.html", language_of(request, shift), values), status_code=status)
