"""Weekly and monthly reports: as a page, a table and a PDF, each number with its cases (docs/kpi.md)."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from community.kpi import Figure, Kpi
from community.kpi_months import Period, period_named
from community.kpi_numbers import written
from community.reports_room import MOST, Report, ReportRoom
from community.rights import Right
from community.rising import BEFORE_DAYS, FACTOR, LEAST
from community.scores import Group, Score
from community.web.kpi import Reader, Visit
from community.web.kpi_table import Row, figure_rows, listed
from community.web.paper import Press
from community.web.rooms import room_of
from community.web.spreadsheet import spreadsheet
from shouwang.errors import ConfigError

router = APIRouter()
Room = Annotated[ReportRoom, Depends(room_of(ReportRoom))]
Printing = Annotated[Press, Depends(room_of(Press))]
ROWS = 15
"""Rows of the tables by rule and by device; all of them stand in the table for other programs."""
_GROUPED = (Kpi.FALSE_BY_RULE, Kpi.FALSE_BY_DEVICE)


def _period(period: Annotated[str, Path(max_length=8)]) -> Period:
    try:
        return period_named(period)
    except ConfigError as error:
        raise HTTPException(404) from error


Chosen = Annotated[Period, Depends(_period)]


@router.get("/reports")
async def newest(room: Room, asked: Reader) -> RedirectResponse:  # noqa: ARG001 - who asks must be somebody
    """The last week that has ended."""
    return RedirectResponse(f"/reports/{room.newest()}", status_code=303)


@router.get("/reports/{period}.csv")
async def table(asked: Reader, room: Room, period: Chosen) -> Response:
    """The report as a table for other programs."""
    report = await room.report(asked.shift.user, period, leaves=True)
    return spreadsheet(_rows(report, are_all=asked.may(Right.READ_SCORES)), name=f"report-{period}.csv")


@router.get("/reports/{period}.pdf")
async def paper(asked: Reader, room: Room, press: Printing, period: Chosen) -> Response:
    """The report on paper."""
    report = await room.report(asked.shift.user, period, leaves=True)
    values = await _values(asked, report)
    name = f"report-{period}.pdf"
    return await press.page(asked.request, asked.console, asked.shift, template="report.html", name=name, **values)


@router.get("/reports/{period}")
async def page(asked: Reader, room: Room, period: Chosen) -> HTMLResponse:
    """The report."""
    report = await room.report(asked.shift.user, period)
    values = await _values(asked, report)
    return await asked.console.page(asked.request, "report.html", asked.shift, status=200, **values)


async def _values(asked: Visit, report: Report) -> dict[str, object]:
    found = report.figures
    return await asked.words() | {
        "report": report,
        "found": found,
        "single": [one for one in found.figures if one.kpi not in _GROUPED],
        "by_rule": _worst(found.figures, Kpi.FALSE_BY_RULE),
        "by_device": _worst(found.figures, Kpi.FALSE_BY_DEVICE),
        "rows_shown": ROWS,
        "scores": _scores(found.scores, is_overseer=asked.may(Right.READ_SCORES)),
        "is_overseer": asked.may(Right.READ_SCORES),
        "most_homes": MOST,
        "formula": {"least": LEAST, "factor": written(FACTOR, 1), "weeks": BEFORE_DAYS // 7},
    }


def _worst(figures: Iterable[Figure], kpi: Kpi) -> list[Figure]:
    """The most false alarms first."""
    found = [one for one in figures if one.kpi is kpi]
    return sorted(found, key=lambda one: (-one.numerator, -one.denominator, one.of))


def _scores(found: Iterable[Score], *, is_overseer: bool) -> list[tuple[Group, list[Score]]]:
    """By group, in the order of the groups; the whole centre alone for who may not see persons."""
    rows = list(found)
    groups = Group if is_overseer else (Group.CENTRE,)
    made = ((group, [one for one in rows if one.group is group]) for group in groups)
    return [(group, ones) for group, ones in made if ones]


def _rows(report: Report, *, are_all: bool) -> Iterable[Row]:
    yield from figure_rows(report.figures, are_all=are_all)
    if report.homes is None:
        return
    people = report.homes.people
    for caller in report.homes.callers:
        of = people.get(caller.home_key)
        name = "、".join(of.names) if of else ""
        yield "repeat_caller", caller.home_key, name, len(caller.cases), "", "", "", "", listed(caller.cases)
    for one in report.homes.rising:
        of = people.get(one.home_key)
        name = "" if of is None else of.named(one.resident_id) or "、".join(of.names)
        whom = f"{one.home_key}/{one.resident_id}" if one.resident_id else one.home_key
        counts = f"now={one.now} before={one.before} vital_now={one.vital_now} vital_before={one.vital_before}"
        weeks, points = written(one.weeks, 4), written(one.points, 4)
        yield "rising", whom, name, counts, weeks, points, "", "", listed(one.cases)
