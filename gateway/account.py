"""What a beat tells besides that the gateway lives: how the box and its sensors are.

Only what has changed by enough to matter goes along, and all of it once an hour: bytes cost, and a beat may be lost.
Nothing is measured here: it is what the whiteboard, the kernel and the certificate say anyway.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from config.box import BOX_ID
from gateway.clock import Clock
from gateway.doctor.certificate import certificates_in
from gateway.link import Link, link_of
from gateway.whiteboard import Whiteboard
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import BoxFacts, SensorFacts

TELL_ALL_MS = 3_600_000
"""8 sensors told each hour cost 3 % of what beats cost (docs/wire.md). Set by this project."""
PERCENT_STEP, DEGREE_STEP, DBM_STEP = 2.0, 5.0, 6.0
"""A change by less is no news: 6 dB is half the distance, and radios sway by that much. Set by this project."""
LOOK_S = 2.0
"""A card that takes longer does not answer (as for the scribe); the beat goes without what it holds."""


class _Files(NamedTuple):
    link: Link
    certificate_ends: datetime | None


class Account:
    """Remembers what was told."""

    def __init__(
        self,
        board: Whiteboard,
        clock: Clock,
        *,
        certificate: Callable[[], Path | None],
        sensors: Callable[[], Collection[str]],
        root: Path = Path("/"),
    ) -> None:
        """`certificate`: the box's own one; `sensors`: all ids. Nothing is read yet."""
        self._board = board
        self._clock = clock
        self._certificate = certificate
        self._sensors = sensors
        self._root = root
        self._look: asyncio.Future[_Files] | None = None
        self._files = _Files(Link(), None)
        self._told_all_at: int | None = None
        self._box: BoxFacts | None = None
        self._told: dict[str, tuple[SensorFacts, object]] = {}

    def begin_anew(self) -> None:
        """The centre hears of a new birth: the next beat tells all."""
        self._told_all_at = None

    async def news(self) -> tuple[BoxFacts | None, dict[str, SensorFacts]]:
        """What the next beat tells; from now on it counts as told."""
        await self._read()
        now = self._clock.mono()
        if self._told_all_at is None or now - self._told_all_at >= TELL_ALL_MS:
            self._told_all_at, self._box, self._told = now, None, {}
        return self._box_news(), self._sensor_news(now)

    def _box_news(self) -> BoxFacts | None:
        is_cut = self._value(BOX_ID, Quantity.POWER_CUT)
        facts = BoxFacts(
            is_on_mains=None if is_cut is None else is_cut == 0,
            battery=_rounded(self._value(BOX_ID, Quantity.BACKUP_BATTERY)),
            disk_used=_rounded(self._value(BOX_ID, Quantity.DISK_USED)),
            temperature=_rounded(self._value(BOX_ID, Quantity.BOX_TEMPERATURE)),
            link=self._files.link.kind,
            link_dbm=_rounded(self._files.link.dbm),
            certificate_ends=self._files.certificate_ends,
        )
        if self._box is not None and not _is_box_news(facts, self._box):
            return None
        self._box = facts
        return facts

    def _sensor_news(self, now: int) -> dict[str, SensorFacts]:
        heard: dict[str, int] = {}
        for (sensor_id, _), reading in self._board.readings.items():
            heard[sensor_id] = max(heard.get(sensor_id, reading.mono), reading.mono)
        found = {}
        for sensor_id in sorted(set(self._sensors()) - {BOX_ID}):
            facts = SensorFacts(
                battery=_rounded(self._value(sensor_id, Quantity.BATTERY)),
                signal_dbm=_rounded(self._value(sensor_id, Quantity.SIGNAL_STRENGTH)),
                quiet_s=max(0, now - heard[sensor_id]) // 1000 if sensor_id in heard else None,
            )
            state = self._board.states.get(sensor_id)
            said = None if state is None else state.state
            if facts != SensorFacts() and self._is_sensor_news(sensor_id, facts, said):
                self._told[sensor_id] = (facts, said)
                found[sensor_id] = facts
        return found

    def _is_sensor_news(self, sensor_id: str, facts: SensorFacts, said: object) -> bool:
        if sensor_id not in self._told:
            return True
        told, said_then = self._told[sensor_id]
        return (
            said != said_then
            or _differs(facts.battery, told.battery, PERCENT_STEP)
            or _differs(facts.signal_dbm, told.signal_dbm, DBM_STEP)
        )

    def _value(self, sensor_id: str, quantity: Quantity) -> float | None:
        reading: Reading | None = self._board.readings.get((sensor_id, quantity))
        return None if reading is None else reading.value

    async def _read(self) -> None:
        """One look at the files at a time: where the card hangs, one thread does and no more."""
        if self._look is None:
            self._look = asyncio.get_running_loop().run_in_executor(None, _look, self._root, self._certificate())
        await asyncio.wait({self._look}, timeout=LOOK_S)
        if self._look.done():
            self._files = self._look.result()
            self._look = None


def certificate_end(file: Path | None) -> datetime | None:
    """When the first of these certificates ends; None where there is none, or none that can be read."""
    try:
        return None if file is None else certificates_in(file.read_text(encoding="utf-8"))[0].ends
    except (OSError, UnicodeError, DecodeError):  # the uplink and the doctor tell of it
        return None


def _look(root: Path, certificate: Path | None) -> _Files:
    return _Files(link_of(root), certificate_end(certificate))


def _is_box_news(now: BoxFacts, told: BoxFacts) -> bool:
    steps: Iterable[tuple[float | None, float | None, float]] = (
        (now.battery, told.battery, PERCENT_STEP),
        (now.disk_used, told.disk_used, PERCENT_STEP),
        (now.temperature, told.temperature, DEGREE_STEP),
        (now.link_dbm, told.link_dbm, DBM_STEP),
    )
    is_other = (now.is_on_mains, now.link, now.certificate_ends) != (told.is_on_mains, told.link, told.certificate_ends)
    return is_other or any(_differs(*step) for step in steps)


def _differs(now: float | None, told: float | None, step: float) -> bool:
    if now is None or told is None:
        return now is not told
    return abs(now - told) >= step


def _rounded(value: float | None) -> float | None:
    """Whole numbers are enough for people, and short."""
    return None if value is None else round(value)
