"""Figures as a table for other programs: every number with its cases, and no cell that a spreadsheet would run."""

import csv
import io
import re
from collections.abc import Iterable

from fastapi.responses import Response

from community.kpi_desk import MonthPage
from community.kpi_numbers import written
from community.scores import Group, Score

Row = tuple[object, ...]


def spreadsheet(rows: Iterable[Row], *, name: str) -> Response:
    """The rows as a file; UTF-8 with a mark, by which spreadsheets know it."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + _csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def figure_rows(page: MonthPage, *, are_all: bool) -> Iterable[Row]:
    """Every number of the page; `are_all`: those of persons, teams and organisations as well."""
    yield "kind", "name", "of", "numerator", "denominator", "value", "target", "missed", "cases"
    for one in page.figures:
        target = "" if one.target is None else written(one.target.share, 4)
        value, cases_of = written(one.value, 4), listed(one.cases)
        yield "figure", one.kpi.value, one.of, one.numerator, one.denominator, value, target, one.is_red, cases_of
    for time in page.times:
        yield "step_p50_ms", time.phase, "", "", time.stays, time.p50_ms, "", "", listed(time.cases)
        yield "step_p90_ms", time.phase, "", "", time.stays, time.p90_ms, "", "", listed(time.cases)
    for score in page.scores:
        if are_all or score.group is Group.CENTRE:
            yield _score_row(score)


def _score_row(score: Score) -> Row:
    parts = f"yellow={score.yellow} red={score.red} excused={score.excused} again={score.repeats}"
    return (
        "score",
        score.group.value,
        score.name,
        parts,
        score.timed_steps,
        written(score.value),
        "",
        "",
        listed(score.cases),
    )


def listed(numbers: Iterable[int]) -> str:
    """Numbers of cases in one cell."""
    return " ".join(map(str, numbers))


def _csv(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow(["" if value is None else _harmless(str(value)) for value in row])
    return out.getvalue()


def _harmless(value: str) -> str:
    """A name that begins like a formula would be run by a spreadsheet; a negative number is none."""
    is_formula = value[:1] in {"=", "+", "@", "\t", "\r"} or (value[:1] == "-" and not _NUMBER.fullmatch(value))
    return f"'{value}" if is_formula else value


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
