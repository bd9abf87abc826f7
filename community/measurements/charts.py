"""Which step suits a chart: enough points to see a slope, few enough for a screen, and of an age that is still kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from community.measurements.port import Bucket, Keep, Measurements, SeriesKey, Span, Step

_FINEST: tuple[tuple[timedelta, Step], ...] = (
    (timedelta(hours=2), Step.RAW),
    (timedelta(days=2), Step.MINUTE),  # a day: 1,440 points
    (timedelta(days=35), Step.QUARTER),  # a week: 672, a month: 2,976
)
DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=31)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One series of a home."""

    series: SeriesKey
    step: Step
    buckets: tuple[Bucket, ...]


def step_for(span: Span, now: datetime, keep: Keep) -> Step:
    """The step for a chart of this span: by its length, and not finer than what is kept of its beginning."""
    wanted = next((step for longest, step in _FINEST if span.end - span.start <= longest), Step.DAY)
    age = now - span.start
    kept = ((keep.raw, Step.RAW), (keep.minutes, Step.MINUTE), (keep.quarters, Step.QUARTER))
    finest = next((step for longest, step in kept if age <= longest), Step.DAY)
    return max(wanted, finest)


async def charts(
    measurements: Measurements, gateway_id: str, span: Span, *, now: datetime, keep: Keep
) -> tuple[Chart, ...]:
    """All series of the home in that span, in the right step; series without a point in it are left out."""
    step = step_for(span, now, keep)
    found = []
    for latest in await measurements.latest(gateway_id):
        if latest.at >= span.start:
            buckets = await measurements.query(latest.series, span, step)
            found.append(Chart(series=latest.series, step=step, buckets=buckets))
    return tuple(chart for chart in found if chart.buckets)
