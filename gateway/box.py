"""The gateway's own box as a sensor: its queue, card and clock, memory, heat and power, and how often it has started.

It looks each minute and says what has changed by enough to matter, all of it each quarter of an hour: a rule sees every
change, the centre does not keep 15,000 values of each box a day.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Never

from config.box import BOX_ID
from config.home import GatewayPart
from gateway import board, supply
from gateway.clock import Clock
from gateway.outbox import Stored
from shouwang.alert import Sentence
from shouwang.driver import Emit, Sample
from shouwang.errors import DecodeError, TryLater
from shouwang.quantities import Quantity
from shouwang.wire import Lane, decode_envelope

EVERY_S = 60.0
SAY_ALL_MS = 15 * 60_000
_SILENCE = timedelta(minutes=40)
Pending = Callable[[Lane, int, int], Awaitable[Sequence[Stored]]]

STEPS: dict[Quantity, float] = {
    Quantity.QUEUE_AGE: 60,
    Quantity.DISK_USED: 1,
    Quantity.CLOCK_ERROR: 1,
    Quantity.MEMORY_FREE: 5,
    Quantity.BOX_TEMPERATURE: 2,
    Quantity.BACKUP_BATTERY: 2,
}
"""A change by so much is said at once; of the others, every change. Set by this project."""
_SHARE = 0.2
"""Of what has no bound, so much of itself: the age of a queue in a long outage is not news each minute."""
_UNBOUNDED = frozenset({Quantity.QUEUE_AGE, Quantity.CLOCK_ERROR})


class Box:
    """A driver like any other; it never fails: what cannot be looked at is not said."""

    sensor_id = BOX_ID
    max_silence = _SILENCE

    def __init__(
        self,
        gateway: GatewayPart,
        clock: Clock,
        pending: Pending,
        *,
        starts: Callable[[], int],
        say: Callable[[Sentence], None],
        root: Path = Path("/"),
    ) -> None:
        """`pending` gives the unconfirmed messages of a lane, oldest first; `starts` how often it started in a day.

        `say` speaks at home and must not block: people hear of a power cut at once.
        """
        self._gateway_id = gateway.id
        self._data_dir = gateway.data_dir
        self._clock = clock
        self._pending = pending
        self._starts = starts
        self._say = say
        self._root = root
        self._is_cut: bool | None = None

    async def run(self, emit: Emit) -> Never:
        """Look until cancelled."""
        said: dict[Quantity, float] = {}
        said_all_at = self._clock.mono() - SAY_ALL_MS
        while True:
            is_time = self._clock.mono() - said_all_at >= SAY_ALL_MS
            if is_time:
                said_all_at = self._clock.mono()
            for quantity, value in await self._look():
                if is_time or quantity not in said or _differs(quantity, value, said[quantity]):
                    said[quantity] = value
                    emit(Sample(quantity=quantity, value=value))
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> list[tuple[Quantity, float]]:
        found = await asyncio.get_running_loop().run_in_executor(None, self._read)
        self._tell_power(dict(found).get(Quantity.POWER_CUT))
        age = await self._queue_age()
        if age is not None:
            found.append((Quantity.QUEUE_AGE, age))
        error = self._clock.wall.error_s()
        if error is not None:
            found.append((Quantity.CLOCK_ERROR, error))
        found.append((Quantity.STARTS, self._starts()))
        return found

    def _read(self) -> list[tuple[Quantity, float]]:
        """What is in files: blocks."""
        return [(quantity, float(value)) for quantity, value in self._measured() if value is not None]

    def _measured(self) -> Iterator[tuple[Quantity, float | None]]:
        power = supply.supply_of(self._root)
        yield Quantity.DISK_USED, disk_used(self._data_dir)
        yield Quantity.MEMORY_FREE, board.memory_free(self._root)
        yield Quantity.CARD_WEAR, board.card_wear(self._root)
        yield Quantity.BOX_TEMPERATURE, board.temperature(self._root)
        yield Quantity.UNDER_VOLTAGE, board.is_under_voltage(self._root)
        yield Quantity.POWER_CUT, power.is_cut
        yield Quantity.BACKUP_BATTERY, power.battery

    def _tell_power(self, cut: float | None) -> None:
        """To the people at home, at once; the centre is told by a rule, if it lasts."""
        if cut is None:
            return
        is_cut, before = cut != 0, self._is_cut
        self._is_cut = is_cut
        if before is not None and before is not is_cut:
            self._say(supply.CUT if is_cut else supply.BACK)

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


def _differs(quantity: Quantity, value: float, said: float) -> bool:
    step = STEPS.get(quantity, 0.0)
    if quantity in _UNBOUNDED:
        step = max(step, _SHARE * abs(said))
    return abs(value - said) >= step if step else value != said
