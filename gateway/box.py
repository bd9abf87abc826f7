"""The gateway's own box as a sensor: how old its queue is, how full its card, how far its clock may be off."""

import asyncio
import ctypes
import shutil
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Never

from config.home import BOX_ID
from gateway.clock import Clock
from gateway.outbox import Stored
from shouwang.driver import Emit, Sample
from shouwang.errors import DecodeError, TryLater
from shouwang.quantities import Quantity
from shouwang.wire import Lane, decode_envelope

EVERY_S = 60.0
_SILENCE = timedelta(minutes=5)
Pending = Callable[[Lane, int, int], Awaitable[Sequence[Stored]]]


class Box:
    """A driver like any other; it never fails: what cannot be looked at is not said."""

    sensor_id = BOX_ID
    max_silence = _SILENCE

    def __init__(self, gateway_id: str, data_dir: Path, clock: Clock, pending: Pending) -> None:
        """`pending` gives the unconfirmed messages of a lane, oldest first."""
        self._gateway_id = gateway_id
        self._data_dir = data_dir
        self._clock = clock
        self._pending = pending

    async def run(self, emit: Emit) -> Never:
        """Say it each minute until cancelled."""
        while True:
            used = await asyncio.get_running_loop().run_in_executor(None, disk_used, self._data_dir)
            emit(Sample(quantity=Quantity.DISK_USED, value=used))
            age = await self._queue_age()
            if age is not None:
                emit(Sample(quantity=Quantity.QUEUE_AGE, value=age))
            error = clock_error()
            if error is not None:
                emit(Sample(quantity=Quantity.CLOCK_ERROR, value=error))
            await asyncio.sleep(EVERY_S)

    async def _queue_age(self) -> float | None:
        """Seconds that the oldest message has waited for its receipt; 0 where none waits."""
        oldest = self._clock.mono()
        try:
            for lane in Lane:
                for stored in await self._pending(lane, 0, 1):
                    oldest = min(oldest, decode_envelope(stored.payload, gateway=self._gateway_id).mono)
        except (TryLater, DecodeError):  # the scribe tells of the card
            return None
        return (self._clock.mono() - oldest) / 1000


def disk_used(folder: Path) -> float:
    """How full the card is on which this folder lies, in %, as far as its user may write."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.used / (usage.used + usage.free) if usage.used + usage.free else 100.0


class _Timex(ctypes.Structure):
    """The beginning of struct timex (adjtimex(2)); room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_long * 32),
    )


def clock_error() -> float | None:
    """How far the clock may be off by the kernel's own reckoning, in seconds; None where it cannot be asked.

    The kernel adds 500 ppm while nobody corrects the clock, and goes to 16 s.
    """
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return None
    told = _Timex()
    if adjtimex(ctypes.byref(told)) < 0:
        return None
    return float(told.maxerror) / 1e6
