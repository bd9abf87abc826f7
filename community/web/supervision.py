"""The supervisor's page: cards, red cases and what was decided of them, call-backs, calls that were looked over."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.call_review import CRITERIA, LEAST, MAX_WORDS, MOST
from community.casefile import NotNow
from community.excuses import EXCUSES
from community.kpi_months import Month, month_named
from community.kpi_numbers import written
from community.rights import Right, holds
from community.step_words import name_of_clock
from community.store.decisions import Wanted
from community.supervision_room import SHOWN, SupervisionRoom
from community.web import kpi_words
from community.web.admin_words import ROLES
from community.web.console import Console, Refused, SignedIn, Wired, check_form
from community.web.paper import Press
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import ConfigError

router = APIRouter()
Room = Annotated[SupervisionRoom, Depends(room_of(SupervisionRoom))]
Printing = Annotated[Press, Depends(room_of(Press))]
MAX_MEASURE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who asks, and where."""

    request: Request
    console: Console
    shift: Shift
    room: SupervisionRoom

    async def words(self) -> dict[str, object]:
        """What the templates need to say things."""
        return {
            "called": await self.room.called(),
            "clock_name": name_of_clock,
            "criteria": CRITERIA,
            "points": range(LEAST, MOST + 1),
            "written": written,
            "excuses": EXCUSES,
            "kpi_words": kpi_words,
            "may_direct": holds(self.shift.user, Right.EXCUSE_CARDS),
            "reads_words": holds(self.shift.user, Right.READ_MEDICAL),
            "roles": await self.room.roles(self.shift.user),
            "role_words": ROLES,
            "max_words": MAX_WORDS,
            "shown_at_most": SHOWN,
        }

    async def page(self, template: str, *, problem: Sentence | None = None, **values: object) -> HTMLResponse:
        """A page; of what was refused with the reason."""
        shared = await self.words() | {"problem": problem}
        status = 409 if problem else 200
        return await self.console.page(self.request, template, self.shift, status=status, **shared, **values)


async def _visit(request: Request, console: Wired, shift: SignedIn, room: Room) -> Visit:
    return Visit(request=request, console=console, shift=shift, room=room)


Coming = Annotated[Visit, Depends(_visit)]


async def _overseer(asked: Coming) -> Visit:
    if not holds(asked.shift.user, Right.READ_SCORES):
        raise Refused("Your role may not see scores.")
    return asked


async def _director(asked: Coming) -> Visit:
    if not holds(asked.shift.user, Right.EXCUSE_CARDS):
        raise Refused("Only a supervisor may do this.")
    return asked


async def _reviewed(asked: Coming) -> Visit:
    if not holds(asked.shift.user, Right.WORK_CASES):
        raise Refused("Your role may look, but not act.")
    return asked


Overseer = Annotated[Visit, Depends(_overseer)]
Director = Annotated[Visit, Depends(_director)]
Reviewed = Annotated[Visit, Depends(_reviewed)]


def _month(month: Annotated[str, Path(max_length=7)]) -> Month:
    try:
        return month_named(month)
    except ConfigError as error:
        raise HTTPException(404) from error


Chosen = Annotated[Month, Depends(_month)]
Number = Annotated[int, Path(ge=1, le=2**53)]


def _call(month: Chosen, incident_id: Number, handler: Annotated[str, Path(max_length=100)]) -> tuple[Month, str, int]:
    return month, handler, incident_id


Call = Annotated[tuple[Month, str, int], Depends(_call)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]


Words = Annotated[str, Field(max_length=MAX_MEASURE)]
Points = Annotated[int, Field(ge=LEAST, le=MOST)]


class Deciding(_Form):
    """What the joint meeting decided."""

    measure: Words
    owner: Annotated[str, Field(max_length=100)]
    due_on: date


class Settling(_Form):
    """How it went."""

    outcome: Words


class Reviewing(_Form):
    """Points and words for a call; its fields are the codes of CRITERIA."""

    answer: Points
    identity: Points
    script: Points
    decision: Points
    manner: Points
    record: Points
    words: Annotated[str, Field(max_length=MAX_WORDS)]


class Reading(_Form):
    """A button: I have read it."""


@router.get("/supervision")
async def page(asked: Overseer) -> HTMLResponse:
    """Everything that waits for a supervisor."""
    return await _overview(asked)


@router.get("/supervision/agenda")
async def agenda(asked: Overseer) -> HTMLResponse:
    """The red cases as the agenda of the joint meeting, to be printed."""
    return await asked.page("agenda.html", red=await asked.room.agenda(asked.shift.user))


@router.get("/supervision/agenda.pdf")
async def agenda_on_paper(asked: Overseer, press: Printing) -> Response:
    """The same as PDF."""
    values = await asked.words() | {"red": await asked.room.agenda(asked.shift.user)}
    return await press.page(
        asked.request, asked.console, asked.shift, template="agenda.html", name="agenda.pdf", **values
    )


@router.post("/supervision/cases/{incident_id}/decision")
async def decide(asked: Director, incident_id: Number, form: Annotated[Deciding, Form()]) -> Response:
    """Write a decision down."""
    check_form(asked.shift, form.csrf)
    wanted = Wanted(measure=form.measure, owner=form.owner, due_on=form.due_on)
    try:
        await asked.room.decide(asked.shift.user, incident_id, wanted)
    except NotNow as error:
        return await _overview(asked, problem=error.said)
    return RedirectResponse(f"/supervision#case-{incident_id}", status_code=303)


@router.post("/supervision/decisions/{decision_id}/settle")
async def settle(asked: Director, decision_id: Number, form: Annotated[Settling, Form()]) -> Response:
    """It has been done."""
    check_form(asked.shift, form.csrf)
    try:
        await asked.room.settle(asked.shift.user, decision_id, form.outcome)
    except NotNow as error:
        return await _overview(asked, problem=error.said)
    return RedirectResponse("/supervision#red", status_code=303)


@router.get("/supervision/sample/{month}")
async def sample(asked: Overseer, month: Chosen) -> HTMLResponse:
    """The drawn calls of a month, with what supervisors said of them."""
    found = await asked.room.sample(asked.shift.user, month)
    return await asked.page("sample.html", month=month, sample=found, last_month=asked.room.last_month())


@router.get("/supervision/sample/{month}/{incident_id}/{handler}")
async def call(asked: Overseer, drawn: Call) -> HTMLResponse:
    """One drawn call: its review, or the form for it."""
    return await _reviewing(asked, drawn)


@router.post("/supervision/sample/{month}/{incident_id}/{handler}")
async def review(asked: Director, drawn: Call, form: Annotated[Reviewing, Form()]) -> Response:
    """Keep a review."""
    check_form(asked.shift, form.csrf)
    marks = {code: getattr(form, code) for code in CRITERIA}
    try:
        await asked.room.review(asked.shift.user, drawn, marks, form.words)
    except NotNow as error:
        return await _reviewing(asked, drawn, problem=error.said, kept=form)
    return RedirectResponse(f"/supervision/sample/{drawn[0]}", status_code=303)


@router.get("/reviews")
async def mine(asked: Reviewed) -> HTMLResponse:
    """What supervisors said of my calls."""
    return await asked.page("my_reviews.html", reviews=await asked.room.reviews_of(asked.shift.user))


@router.post("/reviews/{review_id}/read")
async def have_read(asked: Reviewed, review_id: Number, form: Annotated[Reading, Form()]) -> Response:
    """I have read it."""
    check_form(asked.shift, form.csrf)
    await asked.room.has_read(asked.shift.user, review_id)
    return RedirectResponse("/reviews", status_code=303)


async def _overview(asked: Visit, *, problem: Sentence | None = None) -> HTMLResponse:
    return await asked.page("supervision.html", found=await asked.room.overview(asked.shift.user), problem=problem)


async def _reviewing(
    asked: Visit, drawn: tuple[Month, str, int], *, problem: Sentence | None = None, kept: Reviewing | None = None
) -> HTMLResponse:
    month, handler, incident_id = drawn
    found = await asked.room.sample(asked.shift.user, month)
    one = next((one for one in found if (one.handler, one.incident_id) == (handler, incident_id)), None)
    if one is None:
        raise HTTPException(404)
    is_his = handler in asked.shift.user.names
    return await asked.page("call_review.html", month=month, one=one, problem=problem, kept=kept, is_his=is_his)
