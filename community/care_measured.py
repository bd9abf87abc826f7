"""What was measured of a person for his plans: asked of the port, never farther back and never finer than needed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from community.care import LONGEST_DAYS, Occasion, occasions
from community.measurements.port import Bucket, Latest, Measurements, Span, Step
from community.store.stays import Claim, overlap
from shouwang.quantities import Quantity

MOST_SERIES = 60
"""Of one person on one page; the largest home that was drawn up has 40 sensors."""


class Own(NamedTuple):
    """A series with its newest value, and a time in which it was this person's."""

    last: Latest
    span: Span

    @property
    def is_newest_his(self) -> bool:
        """Whether the newest value is his: a box may stand elsewhere by now."""
        return self.span.start <= self.last.at < self.span.end


async def own_series(port: Measurements, claims: Iterable[Claim], quantities: Iterable[Quantity]) -> tuple[Own, ...]:
    """What tells one of these quantities of a person, wherever he lived."""
    wanted, his = frozenset(quantities), tuple(claims)
    found = []
    for gateway_id in sorted({claim.gateway_id for claim in his}) if wanted else ():
        for last in await port.latest(gateway_id):
            if last.series.quantity in wanted:
                whose = (gateway_id, last.series.resident_id)
                found += [Own(last, claim.span) for claim in his if (claim.gateway_id, claim.name) == whose]
    return tuple(found[:MOST_SERIES])


async def measured(port: Measurements, series: Sequence[Own], quantity: Quantity, span: Span) -> tuple[Occasion, ...]:
    """His measurements of one quantity, of all sensors together, oldest first."""
    return occasions(await _asked(port, series, quantity, span, Step.QUARTER))


async def moments(port: Measurements, series: Sequence[Own], quantity: Quantity, span: Span) -> tuple[datetime, ...]:
    """When something that happens happened, oldest first."""
    found = await _asked(port, series, quantity, span, Step.RAW)
    return tuple(sorted(one.at for one in found if one.count))


async def was_there(port: Measurements, series: Sequence[Own], quantity: Quantity, before: datetime) -> bool:
    """Whether anything was told in the weeks before a moment."""
    span = Span(before - Step.DAY.span * LONGEST_DAYS, before)
    return any(one.count for one in await _asked(port, series, quantity, span, Step.DAY))


def newest(series: Sequence[Own], quantity: Quantity) -> Latest | None:
    """His newest value; None where there is none."""
    his = [one.last for one in series if one.last.series.quantity is quantity and one.is_newest_his]
    return max(his, key=lambda last: last.at, default=None)


async def _asked(port: Measurements, series: Sequence[Own], quantity: Quantity, span: Span, step: Step) -> list[Bucket]:
    found: list[Bucket] = []
    for one in series:
        together = overlap(one.span, span)
        if one.last.series.quantity is quantity and together is not None:
            told = await port.query(one.last.series, together, step)
            found += [bucket for bucket in told if bucket.at >= together.start]
    return found
