"""Figures as a table for other programs: every number with its cases."""

from collections.abc import Iterable

from community.kpi_desk import MonthPage
from community.kpi_numbers import written
from community.scores import Group, Score

Row = tuple[object, ...]


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
