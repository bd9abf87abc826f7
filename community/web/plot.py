"""A small drawing of a series, for pages without JavaScript and until the large plot is there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.activity import ActivityLane
from community.desk import Series, Timing
from community.measurements.port import Span
from shouwang.alert import Alert, AlertState
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

WIDTH = 600
HEIGHT = 120
FEW = 3
"""So many yes-or-no values are shown at once, more are folded: they are less than what rang."""
_MARGIN = 6
LANE_WIDTH = 1440
"""Of a lane of a day's movements: one unit for each minute."""
_THIN = 3.0
"""No spell is drawn thinner: one minute of a day is less than a point of a screen."""
TILES = 6
"""So many newest values stand above the page."""
_CONTINUOUS = frozenset({Quantity.SPO2, Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE})
"""Told again and again while a probe or a radar is on; the others are taken by hand."""
STALE_AFTER = timedelta(seconds=60)
"""A probe tells each second and a radar each few: a minute without a value means that it is off, or the line is."""
STALE_BY_HAND = timedelta(hours=1)
"""What was taken by hand longer ago says little of now; the hour is this project's own choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sparkline:
    """SVG points in a box of WIDTH x HEIGHT, with the extremes in the quantity's unit."""

    points: str
    low: float
    high: float


def sparkline(series: Series) -> Sparkline | None:
    """The series' good values as one line; None where there are fewer than two."""
    good = [point for point in series.points if point.quality is Quality.GOOD]
    if len(good) < 2:
        return None
    low, high = min(p.value for p in good), max(p.value for p in good)
    first, last = good[0].at.timestamp(), good[-1].at.timestamp()
    points = " ".join(
        f"{_place(p.at.timestamp(), first, last, WIDTH):.1f},{HEIGHT - _place(p.value, low, high, HEIGHT):.1f}"
        for p in good
    )
    return Sparkline(points=points, low=low, high=high)


def plot_points(series: Series) -> list[tuple[float, float, bool, bool, bool]]:
    """What the browser draws: epoch seconds, value, whether it may be trusted, came late, has its moment from us."""
    return [
        (p.at.timestamp(), p.value, p.quality is Quality.GOOD, p.is_late, p.timing is not Timing.RIGHT)
        for p in series.points
    ]


def newest(evidence: Iterable[Series]) -> list[Series]:
    """The series whose last values stand above the page."""
    return [series for series in evidence if is_curve(series) and series.points][:TILES]


def stale_after(series: Series) -> int:
    """After how many seconds its last value is old."""
    return int((STALE_AFTER if series.quantity in _CONTINUOUS else STALE_BY_HAND).total_seconds())


def bars(lane: ActivityLane, span: Span) -> list[tuple[str, str]]:
    """Where each spell begins in a box that is LANE_WIDTH wide, and how wide it is."""
    return [
        (f"{x:.1f}", f"{max(_THIN, at_minute(spell.end, span) - x):.1f}")
        for spell in lane.spells
        for x in (at_minute(spell.start, span),)
    ]


def at_minute(at: datetime, span: Span) -> float:
    """The place of a moment in such a box."""
    share = (at - span.start) / (span.end - span.start)
    return LANE_WIDTH * min(1.0, max(0.0, share))


def alarms(alerts: Iterable[Alert]) -> list[float]:
    """Epoch seconds at which the home called for help: the lines across the drawing."""
    return [alert.at.timestamp() for alert in alerts if alert.state is AlertState.FIRING]


def is_curve(series: Series) -> bool:
    """Whether the quantity has a level worth drawing, as against presses and yes-or-no."""
    return has_level(series.quantity)


def has_level(quantity: Quantity) -> bool:
    """Whether its values are numbers for people, not yes or no."""
    return QUANTITIES[quantity].unit != "1"


def _place(value: float, low: float, high: float, size: int) -> float:
    span = high - low
    share = (value - low) / span if span else 0.5
    return _MARGIN + share * (size - 2 * _MARGIN)
