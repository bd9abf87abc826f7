"""Plays recorded vitals through the simulated oximeter, faster than they were recorded."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shouwang.quantities import Quantity
from shouwang.recording import RecordedMoment
from simulators.ble.numbers import NotCarried, sfloat
from simulators.ble.pulse_oximeter import Finger, PulseOximeter

_FAR_APART_S = 10.0
_APART_S, _SHARE = 0.06, 0.8
"""Moments recorded more than 10 s apart (longer than any hold of the demonstration's rules) are played 60 ms apart or
more, where the length allows it, so that a machine that stumbles does not make them one."""
LISTENER_S = 30.0
"""How long a moment waits for somebody who listens, e.g. while the gateway connects again."""


@dataclass(kw_only=True, slots=True)
class Played:
    """What was sent: one notification per moment that holds an oximeter's quantity.

    `speed`: recorded seconds per played second. `refused`: zeros and values that no SFLOAT equals, sent as "not known".
    `ignored`: how often each quantity was recorded that an oximeter does not measure. `unheard`: moments for which
    nobody listened in time.
    """

    speed: float
    notifications: int = 0
    emitted: Counter[tuple[Quantity, float]] = field(default_factory=Counter)
    refused: list[tuple[Quantity, float]] = field(default_factory=list)
    ignored: Counter[Quantity] = field(default_factory=Counter)
    unheard: int = 0


async def play_recording(moments: Sequence[RecordedMoment], oximeter: PulseOximeter, *, within: timedelta) -> Played:
    """Send the moments in their order, so that the first is sent now and the last when `within` has passed."""
    first, last = (moments[0][0], moments[-1][0]) if moments else (0.0, 0.0)
    played = Played(speed=(last - first) / within.total_seconds() if last > first else 1.0)
    loop = asyncio.get_running_loop()
    apart_s = min(_APART_S, _SHARE * within.total_seconds() / max(1, len(moments)))
    with oximeter.held():
        await _listener(oximeter)
        began, before, sent = loop.time(), first, loop.time() - apart_s
        for offset, values in moments:
            due = began + (offset - first) / played.speed
            if offset - before > _FAR_APART_S:
                due = max(due, sent + apart_s)
            await asyncio.sleep(due - loop.time())
            before, sent = offset, loop.time()
            await _send(values, oximeter, played)
    return played


async def _send(values: Mapping[Quantity, float], oximeter: PulseOximeter, played: Played) -> None:
    played.ignored.update(quantity for quantity in values if quantity not in _MEASURED)
    if not any(quantity in values for quantity in _MEASURED):
        return
    carried = {q: values[q] for q in _MEASURED if q in values and _is_carried(values[q])}
    played.refused += [(q, values[q]) for q in _MEASURED if q in values and q not in carried]
    finger = Finger(spo2=carried.get(Quantity.SPO2), pulse=carried.get(Quantity.HEART_RATE))
    if not await _listener(oximeter) or not await oximeter.say(finger):
        played.unheard += 1
        return
    played.notifications += 1
    played.emitted.update(carried.items())


async def _listener(oximeter: PulseOximeter) -> bool:
    try:
        await asyncio.wait_for(oximeter.wait_for_listener(), LISTENER_S)
    except TimeoutError:
        return False
    return True


def _is_carried(value: float) -> bool:
    if value == 0:  # no oximeter measures zero: it shows dashes, and the profile has "not a number" for them
        return False
    try:
        sfloat(value)
    except NotCarried:
        return False
    return True


_MEASURED = (Quantity.SPO2, Quantity.HEART_RATE)
