"""Pages of figures and scores with their cases, of excuses, of items of improvement; the wall."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.accounts import Shift
from community.excuses import EXCUSES
from community.improvement import Acted, Done, Move, Phase, Planned, Verdict, may_be_checked
from community.kpi import Kpi
from community.kpi_desk import KpiDesk, MonthPage
from community.kpi_months import Month, Period, period_named
from community.kpi_numbers import percent, written
from community.rights import Right, holds
from community.scores import Group
from community.step_words import name_of_clock
from community.web import kpi_words
from community.web.console import Console, Refused, SignedIn, Wired, check_form
from community.web.forms import PlainForm
from community.web.kpi_table import figure_rows
from community.web.refusals import in_words
from community.web.spreadsheet import spreadsheet
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove

router = APIRouter()
MAX_WORDS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who asks for figures, and where."""

    request: Request
    console: Console
    figures: KpiDesk
    shift: Shift

    def may(self, right: Right) -> bool:
        """Whether the role of who asks has this right."""
        return holds(self.shift.user, right)

    async def month(self, month: Period) -> MonthPage:
        """A month or a week as far as the areas of who asks reach."""
        return await self.figures.month(month, self.shift.user)

    async def words(self) -> dict[str, object]:
        """What templates of figures need to say them."""
        return {
            "kpi_words": kpi_words,
            "written": written,
            "percent": percent,
            "clock_name": name_of_clock,
            "called": await self.figures.called(),
            "Phase": Phase,
            "Group": Group,
            "Kpi": Kpi,
        }

    async def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """A page with the words of figures."""
        shared = await self.words()
        return await self.console.page(self.request, template, self.shift, status=status, **(shared | values))


async def visit(request: Request, console: Wired, shift: SignedIn) -> Visit:
    """Whoever may read figures; 404 where this server has none. Raises Refused."""
    found = getattr(request.app.state, "kpi", None)
    if not isinstance(found, KpiDesk):
        raise HTTPException(404)
    if not holds(shift.user, Right.READ_KPIS):
        raise Refused("Your role may not see figures.")
    return Visit(request=request, console=console, figures=found, shift=shift)


Reader = Annotated[Visit, Depends(visit)]


async def _overseer(asked: Reader) -> Visit:
    if not asked.may(Right.READ_SCORES):
        raise Refused("Your role may not see scores.")
    return asked


async def _excuser(asked: Reader) -> Visit:
    if not asked.may(Right.EXCUSE_CARDS):
        raise Refused("Only a supervisor excuses cards and moves items of improvement.")
    return asked


Overseer = Annotated[Visit, Depends(_overseer)]
Excuser = Annotated[Visit, Depends(_excuser)]


def _month(month: Annotated[str, Path(max_length=8)]) -> Period:
    try:
        return period_named(month)
    except ConfigError as error:
        raise HTTPException(404) from error


Chosen = Annotated[Period, Depends(_month)]
Asked = Annotated[str, Query(max_length=200)]


class Counting(PlainForm):
    """A button that asks for the metric."""


class Excuse(PlainForm):
    """Why a card leaves the score."""

    code: Annotated[str, Field(max_length=40)]
    month: Annotated[str, Field(max_length=8)]
    back: Literal["kpi", "supervision"] = "kpi"


Words = Annotated[str, Field(max_length=MAX_WORDS)]


class Plan(Counting):
    """The plan of an item."""

    cause: Words
    measure: Words
    owner: Annotated[str, Field(max_length=100)]
    due_on: date


class Change(Counting):
    """The measure is in force."""

    change: Annotated[str, Field(max_length=200)]


class Decision(Counting):
    """What becomes of the measure."""

    verdict: Verdict
    change: Annotated[str, Field(max_length=200)] = ""


@router.get("/kpi")
async def now(asked: Reader) -> RedirectResponse:
    """This month."""
    return RedirectResponse(f"/kpi/{asked.figures.this_month()}", status_code=303)


@router.get("/kpi/{month}.csv")
async def download(asked: Reader, month: Chosen) -> Response:
    """The month as a table for other programs; names of persons for whoever may read scores."""
    page = await asked.month(month)
    return spreadsheet(figure_rows(page, are_all=asked.may(Right.READ_SCORES)), name=f"kpi-{month}.csv")


@router.get("/kpi/{month}")
async def month_page(asked: Reader, month: Chosen) -> HTMLResponse:
    """All figures of a month, each with numerator and denominator."""
    return await _month_page(asked, month)


@router.get("/kpi/{month}/cases")
async def cases(asked: Reader, month: Chosen, *, kpi: Asked = "", phase: Asked = "", of: Asked = "") -> HTMLResponse:
    """The cases behind a figure, and which of them its numerator counts."""
    page = await asked.month(month)
    figure = next((one for one in page.figures if (one.kpi.value, one.of) == (kpi, of)), None)
    time = next((one for one in page.times if one.phase == phase), None)
    if figure is None and time is None:
        raise HTTPException(404)
    return await asked.page("kpi_cases.html", found=page, figure=figure, time=time, score=None)


@router.get("/kpi/{month}/scores")
async def score_cases(asked: Overseer, month: Chosen, group: Group, name: Asked = "") -> HTMLResponse:
    """The cases behind a score."""
    page = await asked.month(month)
    score = next((one for one in page.scores if (one.group, one.name) == (group, name)), None)
    if score is None:
        raise HTTPException(404)
    return await asked.page("kpi_cases.html", found=page, figure=None, time=None, score=score)


@router.post("/kpi/cards/{card_id}/excuse")
async def excuse(asked: Excuser, card_id: Annotated[int, Path(ge=1)], form: Annotated[Excuse, Form()]) -> Response:
    """Take a card out of the score."""
    check_form(asked.shift, form.csrf)
    month = _month(form.month)
    try:
        await asked.figures.excuse(card_id, form.code, by=asked.shift.user)
    except IllegalMove as error:
        return await _month_page(asked, month, problem=in_words(error))
    return RedirectResponse("/supervision#cards" if form.back == "supervision" else f"/kpi/{month}#cards", 303)


@router.get("/improvements")
async def improvements(asked: Overseer) -> HTMLResponse:
    """Items of improvement, the newest first."""
    return await _items(asked)


@router.post("/improvements/{item_id}/plan")
async def plan(asked: Excuser, item_id: int, form: Annotated[Plan, Form()]) -> Response:
    """Plan: the cause, the measure, who, until when."""
    move = Planned(cause=form.cause, measure=form.measure, owner=form.owner, due_on=form.due_on)
    return await _moved(asked, item_id, form, move)


@router.post("/improvements/{item_id}/do")
async def do(asked: Excuser, item_id: int, form: Annotated[Change, Form()]) -> Response:
    """Do: the measure is in force."""
    return await _moved(asked, item_id, form, Done(change=form.change))


@router.post("/improvements/{item_id}/check")
async def check(asked: Excuser, item_id: int, form: Annotated[Counting, Form()]) -> Response:
    """Check: count the metric before and after."""
    return await _moved(asked, item_id, form, None)


@router.post("/improvements/{item_id}/act")
async def act(asked: Excuser, item_id: int, form: Annotated[Decision, Form()]) -> Response:
    """Act: keep it, or take it back."""
    return await _moved(asked, item_id, form, Acted(verdict=form.verdict, change=form.change))


async def _moved(asked: Visit, item_id: int, form: Counting, move: Move | None) -> Response:
    check_form(asked.shift, form.csrf)
    try:
        if move is None:
            await asked.figures.check(item_id, by=asked.shift.user)
        else:
            await asked.figures.move(item_id, move, by=asked.shift.user)
    except IllegalMove as error:
        return await _items(asked, problem=in_words(error))
    return RedirectResponse(f"/improvements#item-{item_id}", status_code=303)


async def _items(asked: Visit, *, problem: Sentence | None = None) -> HTMLResponse:
    today = asked.figures.today()
    return await asked.page(
        "improvements.html",
        status=409 if problem else 200,
        items=await asked.figures.items(asked.shift.user),
        today=today.date(),
        may_be_checked=lambda item: may_be_checked(item, today),
        may_move=asked.may(Right.EXCUSE_CARDS),
        problem=problem,
    )


async def _month_page(asked: Visit, month: Period, *, problem: Sentence | None = None) -> HTMLResponse:
    is_overseer = asked.may(Right.READ_SCORES)
    return await asked.page(
        "kpi.html",
        status=409 if problem else 200,
        found=await asked.month(month),
        is_month=isinstance(month, Month),
        is_overseer=is_overseer,
        may_excuse=asked.may(Right.EXCUSE_CARDS),
        excuses=EXCUSES,
        is_over=asked.figures.is_over(month),
        problem=problem,
    )
