"""People to whom more happens than before: a stated formula over cases, against their own four weeks before. Pure.

    points = (cases a week − cases a week before) + (vital-sign cases a week − vital-sign cases a week before)

over a span and the 28 days before it: of the resident whom the alarm names, else of the home. So a case about vital
signs counts twice: it is the body that changes. On the list is who has at least LEAST cases in the span, at least
FACTOR times as many a week as before, and points above 0. The numbers are ours: two cases are no chance any more, half
as many again is more than the weather of a week. It says whom to visit first; it is no diagnosis. A running span counts
as at least one week.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

import msgspec

from community.kpi_months import Window, days_before
from shouwang.quantities import Quantity
from shouwang.reading import Moment

LEAST = 2
FACTOR = Fraction(3, 2)
WEEK = timedelta(days=7)
BEFORE_DAYS = 28
"""Four weeks before the span: each weekday four times."""
_VITAL = frozenset(
    {
        "vital",
        "news2",
        Quantity.HEART_RATE.value,
        Quantity.SPO2.value,
        Quantity.SYSTOLIC.value,
        Quantity.DIASTOLIC.value,
        Quantity.MEAN_ARTERIAL_PRESSURE.value,
        Quantity.IRREGULAR_PULSE.value,
        Quantity.BODY_TEMPERATURE.value,
        Quantity.RESPIRATORY_RATE.value,
        Quantity.GLUCOSE.value,
        Quantity.INTERSTITIAL_GLUCOSE.value,
    }
)
"""Hazards that are about vital signs."""


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """A case about people, as far as the formula needs it."""

    incident_id: int
    home_key: str
    opened_at: Moment
    hazard: str = ""
    resident_id: str = ""
    """Whom its alarm names; empty: nobody, so it is of the home."""

    @property
    def is_vital(self) -> bool:
        """Whether it is about vital signs."""
        return self.hazard in _VITAL


class Rising(msgspec.Struct, frozen=True, kw_only=True):
    """One of the list, with everything that goes into its points. `cases`: those of the span.

    `resident_id` empty: the home, by the cases that name nobody.
    """

    home_key: str
    resident_id: str = ""
    weeks: Fraction
    now: int
    before: int
    vital_now: int
    vital_before: int
    cases: tuple[int, ...]

    @property
    def a_week(self) -> Fraction:
        """Cases a week in the span."""
        return Fraction(self.now) / self.weeks

    @property
    def a_week_before(self) -> Fraction:
        """Cases a week in the four weeks before."""
        return Fraction(self.before * 7, BEFORE_DAYS)

    @property
    def points(self) -> Fraction:
        """By the formula of this module."""
        vital = Fraction(self.vital_now) / self.weeks - Fraction(self.vital_before * 7, BEFORE_DAYS)
        return self.a_week - self.a_week_before + vital

    @property
    def is_rising(self) -> bool:
        """Whether it is on the list."""
        return self.now >= LEAST and self.a_week >= FACTOR * self.a_week_before and self.points > 0


def rising(happened: Iterable[Happened], window: Window, as_of: datetime) -> tuple[Rising, ...]:
    """The list, most points first. `happened` may hold more than the span and its four weeks before."""
    earlier = days_before(window.start, BEFORE_DAYS)
    by_whom: dict[tuple[str, str], tuple[list[Happened], list[Happened]]] = defaultdict(lambda: ([], []))
    for one in happened:
        for place, span in enumerate((window, earlier)):
            if span.holds(one.opened_at):
                by_whom[one.home_key, one.resident_id][place].append(one)
    weeks = weeks_of(window, as_of)
    made = (_of(whom, now, before, weeks) for whom, (now, before) in by_whom.items())
    listed = (one for one in made if one.is_rising)
    return tuple(sorted(listed, key=lambda one: (-one.points, one.home_key, one.resident_id)))


def weeks_of(window: Window, as_of: datetime) -> Fraction:
    """How many weeks of the span are over, at least one."""
    elapsed = min(as_of, window.end) - window.start
    return max(Fraction(1), Fraction(elapsed // timedelta(seconds=1), WEEK // timedelta(seconds=1)))


def _of(whom: tuple[str, str], now: Sequence[Happened], before: Sequence[Happened], weeks: Fraction) -> Rising:
    return Rising(
        home_key=whom[0],
        resident_id=whom[1],
        weeks=weeks,
        now=len(now),
        before=len(before),
        vital_now=sum(one.is_vital for one in now),
        vital_before=sum(one.is_vital for one in before),
        cases=tuple(sorted(one.incident_id for one in now)),
    )
