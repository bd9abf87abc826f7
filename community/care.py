"""Plans of care, assessments and medicines: whether a plan is kept, whether values lie where they should. Pure.

No clinical number of our own stands here: what a person's values should be is said by a named clinician in his plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from statistics import fmean, variance

from community.measurements.port import Bucket
from shouwang.quantities import Quantity

APART = timedelta(minutes=30)
"""Readings whose quarters of an hour begin less than this apart are one measurement: a cuff is put on twice, 30 to 60 s
apart, for one blood pressure (2024 guideline, domain/telecare 2.6), and a sensor that never stops is no diligence."""
TOLD_DAYS = (30, 90)
"""How far back the share of values in the target range goes."""
FEWEST_DAYS = 5
"""With fewer days on either side nothing is said of a trend: the spread of values is not known. Set by this project."""
CLEAR = 2.0
"""Standard errors of a difference beyond which chance is no good explanation (some 95 %); Welch's test, no table."""
DOSE_WINDOW = timedelta(minutes=60)
"""A dose counts so long before and after its time: dispensers give up after 60 min (Aberdeen pill dispenser note)."""
LONGEST_DAYS = 90
"""A plan is looked over within so many days; readers of measurements go no farther back."""


class Condition(StrEnum):
    """What somebody has a plan for."""

    HYPERTENSION = "hypertension"
    DIABETES = "diabetes"
    COPD = "copd"
    HEART_FAILURE = "heart_failure"
    OTHER = "other"


class Assessment(StrEnum):
    """Of what somebody was assessed. Only the Barthel index has one scale that all use; the others name theirs."""

    LONG_TERM_CARE = "long_term_care"
    ABILITY = "ability"
    BARTHEL = "barthel"
    FALLS = "falls"
    OTHER = "other"


BARTHEL_MOST = 100
"""Points of the Barthel index: 0 cannot do anything alone, 100 does everything alone (Mahoney and Barthel 1965)."""

MEASURED: tuple[Quantity, ...] = (
    Quantity.SYSTOLIC,
    Quantity.DIASTOLIC,
    Quantity.HEART_RATE,
    Quantity.SPO2,
    Quantity.GLUCOSE,
    Quantity.INTERSTITIAL_GLUCOSE,
    Quantity.HBA1C,
    Quantity.WEIGHT,
    Quantity.BODY_TEMPERATURE,
    Quantity.RESPIRATORY_RATE,
)
"""What a plan may ask for: values of the body that mean something one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """A range that a source names for most people; the person's own clinician has the word."""

    low: float | None
    high: float | None
    source: str


USUAL: Mapping[Quantity, Usual] = {
    Quantity.SYSTOLIC: Usual(low=None, high=135, source="cfsyjmx.com/man/5662.html"),
    Quantity.DIASTOLIC: Usual(low=None, high=85, source="cfsyjmx.com/man/5662.html"),
    Quantity.SPO2: Usual(low=95, high=None, source="gpdirect.co.uk/how-to-use-a-pulse-oximeter-at-home"),
}
"""Shown beside the form, never filled in: home blood pressure below 135/85 mmHg (2024 guideline, as summarised there),
oxygen saturation of 95 % and more without a disease of the lungs (domain/telecare 2.6)."""


# ---- is the plan kept? ----


def holds_on(since: date | None, until: date | None, day: date) -> bool:
    """Whether what begins and ends on these days, where they are set, holds on this one."""
    return (since is None or since <= day) and (until is None or day <= until)


def is_over(until: str, today: date) -> bool:
    """Whether the last day (ISO 8601; empty: there is none) has passed."""
    return bool(until) and until < today.isoformat()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a plan asks for: `times` measurements within any `days` days; from `since` to `until`, where set."""

    times: int
    days: int
    since: date | None = None
    until: date | None = None

    def is_in_force(self, today: date) -> bool:
        """Whether it holds today."""
        return holds_on(self.since, self.until, today)


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """One measurement: when its first quarter of an hour began, and the mean of what may be trusted."""

    at: datetime
    value: float


class Keeping(StrEnum):
    """How a plan is kept. NEW: it has not been in force for a whole period; UNMEASURED: nothing here measures it."""

    KEPT = "kept"
    SHORT = "short"
    UNMEASURED = "unmeasured"
    NEW = "new"
    OVER = "over"


UNKEPT = (Keeping.SHORT, Keeping.UNMEASURED)


def occasions(quarters: Iterable[Bucket]) -> tuple[Occasion, ...]:
    """The measurements in sums by the quarter of an hour, of one sensor or of several; oldest first."""
    found: list[list[Bucket]] = []
    for one in sorted(quarters, key=lambda one: one.at):
        if one.count == 0 or one.mean is None:
            continue
        if found and one.at - found[-1][0].at < APART:
            found[-1].append(one)
        else:
            found.append([one])
    return tuple(Occasion(at=some[0].at, value=_mean(some)) for some in found)


def _mean(some: Sequence[Bucket]) -> float:
    return sum((one.mean or 0.0) * one.count for one in some) / sum(one.count for one in some)


def keeping(wanted: Wanted, found: int, today: date, *, is_measured: bool) -> Keeping:
    """`found`: measurements within the last period; `is_measured`: a sensor of this person ever told such a value."""
    if not wanted.is_in_force(today):
        return Keeping.OVER
    if found >= wanted.times:
        return Keeping.KEPT
    if not is_measured:
        return Keeping.UNMEASURED
    is_new = wanted.since is not None and (today - wanted.since).days < wanted.days
    return Keeping.NEW if is_new else Keeping.SHORT


def is_overdue(due: date | None, today: date) -> bool:
    """Whether a day that was set has passed."""
    return due is not None and due < today


# ---- do values lie where they should? ----


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """`within` of `of` values."""

    within: int
    of: int

    @property
    def percent(self) -> int | None:
        """None of nothing."""
        return None if self.of == 0 else round(100 * self.within / self.of)


def share(values: Iterable[float], low: float | None, high: float | None) -> Share:
    """How many lie in the target range; its ends belong to it."""
    within = [(low is None or value >= low) and (high is None or value <= high) for value in values]
    return Share(within=sum(within), of=len(within))


class Trend(StrEnum):
    """How the means of the last 30 days stand to those of the 60 days before."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    TOO_FEW = "too_few"


def trend(found: Iterable[Occasion], now: datetime, zone: tzinfo | None) -> Trend:
    """By the means of days, so that a day with many values is no more than a day.

    A change is named where the difference of the means is more than CLEAR times its standard error (Welch).
    """
    recent, _ = (timedelta(days=days) for days in TOLD_DAYS)
    days: dict[date, list[Occasion]] = {}
    for one in found:
        days.setdefault(one.at.astimezone(zone).date(), []).append(one)
    first = (now - recent).astimezone(zone).date()
    means = {day: fmean(one.value for one in some) for day, some in days.items()}
    before = [mean for day, mean in means.items() if day <= first]
    after = [mean for day, mean in means.items() if day > first]
    if min(len(before), len(after)) < FEWEST_DAYS:
        return Trend.TOO_FEW
    difference = fmean(after) - fmean(before)
    error = (variance(before) / len(before) + variance(after) / len(after)) ** 0.5
    if abs(difference) <= CLEAR * error or difference == 0:
        return Trend.STEADY
    return Trend.RISING if difference > 0 else Trend.FALLING


# ---- are the medicines taken? ----


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """When a medicine is to be taken: at these times of each day, from `since` to `until`, where they are set."""

    times: tuple[time, ...]
    since: date | None = None
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is to be taken on this day."""
        return holds_on(self.since, self.until, day)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adherence:
    """At `taken` of the `due` times of the plan somebody took something out of the dispenser, since `since`."""

    taken: int
    due: int
    since: date


def doses(courses: Iterable[Course], first: date, now: datetime, zone: tzinfo | None) -> tuple[datetime, ...]:
    """The moments from that day on at which something was to be taken and that are over; medicines of one time are one.

    A dispenser is opened once for all that lies in it.
    """
    plans = tuple(courses)
    local = now.astimezone(zone)
    due = set()
    for number in range((local.date() - first).days + 1):
        day = first + timedelta(days=number)
        for course in plans:
            if course.holds_on(day):
                due |= {datetime.combine(day, at, tzinfo=local.tzinfo) for at in course.times}
    return tuple(sorted(at for at in due if at + DOSE_WINDOW <= now))


def adherence(due: Sequence[datetime], taken: Iterable[datetime], since: date) -> Adherence:
    """Each reading stands for one time of the plan, no farther from it than DOSE_WINDOW."""
    left = sorted(taken)
    kept = 0
    for at in sorted(due):
        while left and left[0] < at - DOSE_WINDOW:
            left.pop(0)
        if left and left[0] <= at + DOSE_WINDOW:
            left.pop(0)
            kept += 1
    return Adherence(taken=kept, due=len(due), since=since)
