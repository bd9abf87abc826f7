"""Plays recorded vitals through simulated devices, faster than they were recorded.

Each quantity goes to the device that measures it; what becomes of each value is accounted for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from shouwang.quantities import Quantity
from shouwang.recording import RecordedMoment, Recording

_FAR_APART_S = 10.0
_APART_S, _SHARE = 0.06, 0.8
"""Moments recorded more than 10 s apart (longer than any hold of the demonstration's rules) are played 60 ms apart or
more, where the length allows it, so that a machine that stumbles does not make them one."""

Said = tuple[Quantity, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What a device measures: `leads` by themselves, `along` only together with one of these (a cuff's pulse)."""

    leads: frozenset[Quantity]
    along: frozenset[Quantity] = frozenset()


def _at_once() -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What became of the values of one measurement. `refused` went out as "not known".

    `is_heard`: whether a listener has the measurement; one that a device keeps may be heard later.
    """

    said: Sequence[Said]
    refused: Sequence[Said] = ()
    is_heard: Callable[[], bool] = _at_once


class Playable(Protocol):
    """A device that can be shown what a recording holds."""

    @property
    def measures(self) -> Measures:
        """What it can be shown."""
        ...

    def playing(self, first: datetime | None) -> AbstractAsyncContextManager[None]:
        """Say nothing of its own meanwhile; at the end, what it keeps is waited for. `first`: as in `show`."""
        ...

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:
        """Measure these, at this moment (aware), or now."""
        ...


@dataclass(kw_only=True, slots=True)
class Played:
    """What was sent: one measurement per moment and device that measures something of it.

    `speed`: recorded seconds per played second. `refused`: zeros and values that the profile has no bits for, sent as
    "not known". `ignored`: how often each quantity was recorded that no device measures. `unheard`: measurements that
    no listener has: nobody listened in time, or they were garbled on the way. What is in them was not emitted.
    """

    speed: float
    notifications: int = 0
    emitted: Counter[Said] = field(default_factory=Counter)
    refused: list[Said] = field(default_factory=list)
    ignored: Counter[Quantity] = field(default_factory=Counter)
    unheard: int = 0

    def add(self, told: Told) -> None:
        """A listener has this measurement."""
        self.notifications += 1
        self.emitted.update(told.said)


class Dates(StrEnum):
    """Which time devices with a clock stamp recorded measurements with."""

    RECORDED = "recorded"
    UNTIL_NOW = "until-now"
    PLAYED = "played"


def beginning(recording: Recording, dates: Dates) -> datetime | None:
    """When the first moment was measured; None: when it is played.

    A recording that tells seconds only was made until now.
    """
    if dates is Dates.PLAYED or not recording.moments:
        return None
    if dates is Dates.RECORDED and recording.began is not None:
        return recording.began
    length = recording.moments[-1].offset_s - recording.moments[0].offset_s
    return datetime.now(UTC) - timedelta(seconds=length)


async def play_recording(
    moments: Sequence[RecordedMoment],
    devices: Sequence[Playable],
    *,
    within: timedelta,
    began: datetime | None = None,
) -> Played:
    """Send the moments in their order, so that the first is sent now and the last when `within` has passed.

    `began`: when the first was measured; devices with a clock stamp each with its own time then, else with that of its
    playing.
    """
    first, last = (moments[0].offset_s, moments[-1].offset_s) if moments else (0.0, 0.0)
    played = Played(speed=(last - first) / within.total_seconds() if last > first else 1.0)
    kept: list[Told] = []
    async with AsyncExitStack() as stack:
        for device in needed(moments, devices):
            await stack.enter_async_context(device.playing(began))
        pace = _Pace(first, played.speed, min(_APART_S, _SHARE * within.total_seconds() / max(1, len(moments))))
        for offset, values in moments:
            await pace.wait_for(offset)
            at = None if began is None else began + timedelta(seconds=offset - first)
            shares, left = allot(values, devices)
            played.ignored.update(left)
            for device, share in shares:
                told = await device.show(share, at)
                played.refused += told.refused
                played.add(told) if told.is_heard() else kept.append(told)
    for told in kept:
        if told.is_heard():
            played.add(told)
        else:
            played.unheard += 1
    return played


class Measuring(Protocol):
    """A device, or what is known of one."""

    @property
    def measures(self) -> Measures:
        """What it can be shown."""
        ...


M = TypeVar("M", bound=Measuring)


def allot(
    values: Mapping[Quantity, float], devices: Iterable[M]
) -> tuple[list[tuple[M, dict[Quantity, float]]], frozenset[Quantity]]:
    """Which device is shown which of these values, and what none of them measures.

    Whoever measures most of them has the first choice, of equals the first: a pulse goes with the pressures of a cuff,
    the saturation of an oximeter, the intervals of a strap, or by itself to the first of the latter two.
    """
    left = dict(values)
    shares: list[tuple[M, dict[Quantity, float]]] = []
    for device in sorted(devices, key=lambda one: -len(one.measures.leads & values.keys())):
        if device.measures.leads & left.keys():
            mine = (device.measures.leads | device.measures.along) & left.keys()
            shares.append((device, {quantity: left.pop(quantity) for quantity in values if quantity in mine}))
    return shares, frozenset(left)


def needed(moments: Iterable[RecordedMoment], devices: Iterable[M]) -> list[M]:
    """The devices without which something of the recording would not be measured."""
    devices = [*devices]
    kinds = {frozenset(moment.values) for moment in moments}
    used = [device for kind in kinds for device, _ in allot(dict.fromkeys(kind, 0.0), devices)[0]]
    return [device for device in devices if any(device is one for one in used)]


class _Pace:
    """When each moment is due."""

    def __init__(self, first: float, speed: float, apart_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._began, self._first, self._speed, self._apart_s = self._loop.time(), first, speed, apart_s
        self._before, self._sent = first, self._began - apart_s

    async def wait_for(self, offset: float) -> None:
        due = self._began + (offset - self._first) / self._speed
        if offset - self._before > _FAR_APART_S:
            due = max(due, self._sent + self._apart_s)
        await asyncio.sleep(due - self._loop.time())
        self._before, self._sent = offset, self._loop.time()
