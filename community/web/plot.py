"""A small drawing of a series, for pages without JavaScript and until the large plot is there."""

from collections.abc import Iterable
from dataclasses import dataclass

from community.desk import Series, Timing
from shouwang.alert import Alert, AlertState
from shouwang.quantities import QUANTITIES
from shouwang.reading import Quality

WIDTH = 600
HEIGHT = 120
FEW = 3
"""So many yes-or-no values are shown at once, more are folded: they are less than what rang."""
_MARGIN = 6


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


def alarms(alerts: Iterable[Alert]) -> list[float]:
    """Epoch seconds at which the home called for help: the lines across the drawing."""
    return [alert.at.timestamp() for alert in alerts if alert.state is AlertState.FIRING]


def is_curve(series: Series) -> bool:
    """Whether the quantity has a level worth drawing, as against presses and yes-or-no."""
    return QUANTITIES[series.quantity].unit != "1"


def _place(value: float, low: float, high: float, size: int) -> float:
    span = high - low
    share = (value - low) / span if span else 0.5
    return _MARGIN + share * (size - 2 * _MARGIN)
