"""What the rules say to a recording, without any radio, broker or clock: the yardstick for the whole path."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from config.home import Home
from rules.alarm import MAX_WAIT
from rules.engine import Engine
from shouwang.alert import Alert
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.recording import RecordedMoment

_FRAME_ORDER = (Quantity.SPO2, Quantity.HEART_RATE)
"""An oximeter's frame holds both, the saturation first (PLX: SpO2, then PR)."""


def replay(
    home: Home,
    moments: Iterable[RecordedMoment],
    *,
    sensor_id: str,
    start: datetime,
    until: timedelta | None = None,
) -> list[Alert]:
    """The alerts that the home's rules give when `sensor_id` says these moments, the first of them at `start`.

    The rules' time goes on to `until` after `start`; without it, as long after the last moment as any rule may wait.
    """
    engine = Engine(home.bound_rules(), {})
    alerts: list[Alert] = []
    end = timedelta(0)
    for moment in moments:
        offset = timedelta(seconds=moment.offset_s)
        end = offset + MAX_WAIT
        for reading in _readings(moment, sensor_id, start + offset, _ms(offset)):
            alerts += engine.feed(reading).alerts
    end = end if until is None else until
    alerts += engine.advance(start + end, _ms(end)).alerts
    return alerts


def _readings(moment: RecordedMoment, sensor_id: str, at: datetime, mono: int) -> list[Reading]:
    order = [quantity for quantity in (*_FRAME_ORDER, *Quantity) if quantity in moment.values]
    return [
        Reading(
            sensor_id=sensor_id,
            quantity=quantity,
            value=moment.values[quantity],
            at=at,
            mono=mono,
            quality=Quality.GOOD if QUANTITIES[quantity].is_plausible(moment.values[quantity]) else Quality.IMPLAUSIBLE,
        )
        for quantity in dict.fromkeys(order)
    ]


def _ms(offset: timedelta) -> int:
    return offset // timedelta(milliseconds=1)
