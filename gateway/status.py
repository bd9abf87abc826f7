"""How the home is now, as data, for who stands at the box. It holds values: it leaves by the control socket alone."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from gateway.alarms import Alarms
from gateway.clock import Clock
from gateway.paths import Paths
from gateway.scribe import Scribe
from gateway.whiteboard import Whiteboard
from rules.engine import Engine
from shouwang.errors import DecodeError, TryLater
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Reading
from shouwang.wire import Lane, decode_envelope

CARD_S = 2.0
"""A card that takes longer does not answer (as for the scribe); a sound one is asked in less than 1 ms."""
SOONEST = 10
"""So many rules that wait are named; a rule of silence waits for each sensor at all times."""
_SIDE = frozenset({Quantity.BATTERY, Quantity.SIGNAL_STRENGTH})
_OUTBOX = "outbox.sqlite3*"


class SensorLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sensor. `state` is empty where nothing was heard yet; `quantity` and `value` are of the last reading."""

    id: str
    kind: str
    state: str = ""
    since: Moment | None = None
    reason: str = ""
    reason_zh: str = ""
    quantity: Quantity | None = None
    value: float = 0.0
    at: Moment | None = None
    battery: float | None = None
    signal_dbm: float | None = None


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm that is on."""

    key: str
    severity: str
    state: str
    since: Moment


class WaitLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that waits, and for how long still."""

    key: str
    seconds: float


class LaneLine(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one lane without a receipt, and how long the oldest has waited; None: the card does not tell."""

    lane: str
    waiting: int
    oldest_s: float | None


class PathLine(msgspec.Struct, frozen=True, kw_only=True):
    """One way to the centre; `is_up` is None where nobody knows yet."""

    path: str
    is_up: bool | None
    since: Moment
    reason: str = ""
    reason_zh: str = ""
    tested_at: Moment | None = None


class ClockLine(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock. `source`: who says that it is right; empty where nobody has."""

    now: Moment
    source: str
    error_s: float | None
    boot: str


class CardLine(msgspec.Struct, frozen=True, kw_only=True):
    """The card that the data folder lies on."""

    used: float
    free_bytes: int
    outbox_bytes: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `mode` is whether the people are at home; `rules` counts each rule on each of its sensors."""

    gateway: str
    version: str
    pid: int
    language: str
    timezone: str
    mode: str
    uptime_s: float
    memory_bytes: int
    clock: ClockLine
    card: CardLine | None
    sensors: tuple[SensorLine, ...]
    rules: int
    waiting: tuple[WaitLine, ...]
    waiting_count: int
    alarms: tuple[AlarmLine, ...]
    lanes: tuple[LaneLine, ...]
    paths: tuple[PathLine, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Whom to ask. `about`: the home's id, language, time zone and mode; `kinds`: each sensor and its kind."""

    about: Callable[[], tuple[str, str, str, str]]
    kinds: Callable[[], Mapping[str, str]]
    board: Whiteboard
    alarms: Alarms
    engine: Engine
    scribe: Scribe
    paths: Paths
    clock: Clock
    data_dir: Path


class Overview:
    """Looks at all of it when asked."""

    def __init__(self, sources: Sources) -> None:
        """The up-time counts from now."""
        self._of = sources
        self._card = CardLook(sources.data_dir)
        self._born = sources.clock.mono()

    async def status(self) -> Status:
        """As it is now."""
        of = self._of
        gateway, language, timezone, mode = of.about()
        waits = sorted(of.engine.waits().items(), key=lambda one: one[1])
        return Status(
            gateway=gateway,
            version=version("shouwang"),
            pid=os.getpid(),
            language=language,
            timezone=timezone,
            mode=mode,
            uptime_s=(of.clock.mono() - self._born) / 1000,
            memory_bytes=memory_bytes(),
            clock=self._clock(),
            card=await self._card.line(),
            sensors=tuple(self._sensors()),
            rules=of.engine.count,
            waiting=tuple(WaitLine(key=key, seconds=of.clock.seconds_until(at)) for key, at in waits[:SOONEST]),
            waiting_count=len(waits),
            alarms=tuple(
                AlarmLine(key=alert.key, severity=alert.severity.value, state=alert.state.value, since=alert.since)
                for alert in sorted(of.alarms.on.values(), key=lambda alert: (alert.severity.rank, alert.since))
            ),
            lanes=tuple([await self._lane(gateway, lane) for lane in Lane]),
            paths=tuple(
                PathLine(
                    path=one.path.value,
                    is_up=one.is_up,
                    since=one.since,
                    reason=one.reason,
                    reason_zh=one.reason_zh,
                    tested_at=one.tested_at,
                )
                for one in of.paths.states()
            ),
        )

    def _clock(self) -> ClockLine:
        wall = self._of.clock.wall
        return ClockLine(
            now=self._of.clock.now(),
            source="" if wall.anchor is None else wall.anchor.source,
            error_s=None if wall.anchor is None else wall.anchor_error_s(),
            boot=self._of.clock.boot,
        )

    def _sensors(self) -> Iterable[SensorLine]:
        said: dict[str, list[Reading]] = {}
        for (sensor_id, _), reading in self._of.board.readings.items():
            said.setdefault(sensor_id, []).append(reading)
        for sensor_id, kind in self._of.kinds().items():
            yield _line(sensor_id, kind, self._of.board, said.get(sensor_id, ()))

    async def _lane(self, gateway: str, lane: Lane) -> LaneLine:
        waiting = self._of.scribe.backlogs[lane]
        oldest_s: float | None = 0.0
        if waiting:
            try:
                oldest = await self._of.scribe.pending(lane, 0, 1)
                monos = [decode_envelope(one.payload, gateway=gateway).mono for one in oldest]
                oldest_s = max(((self._of.clock.mono() - mono) / 1000 for mono in monos), default=0.0)
            except (TryLater, DecodeError):
                oldest_s = None
        return LaneLine(lane=lane.name.lower().replace("_", "-"), waiting=waiting, oldest_s=oldest_s)


def _line(sensor_id: str, kind: str, board: Whiteboard, said: Iterable[Reading]) -> SensorLine:
    state = board.states.get(sensor_id)
    newest = {reading.quantity: reading for reading in said}
    last = max((one for one in newest.values() if one.quantity not in _SIDE), key=lambda one: one.at, default=None)
    battery, signal = newest.get(Quantity.BATTERY), newest.get(Quantity.SIGNAL_STRENGTH)
    last = last or battery or signal
    return SensorLine(
        id=sensor_id,
        kind=kind,
        state="" if state is None else state.state.value,
        since=None if state is None else state.since,
        reason="" if state is None else state.reason,
        reason_zh="" if state is None else state.reason_zh,
        quantity=None if last is None else last.quantity,
        value=0.0 if last is None else last.value,
        at=None if last is None else last.at,
        battery=None if battery is None else battery.value,
        signal_dbm=None if signal is None else signal.value,
    )


def memory_bytes() -> int:
    """What this process has in memory (its resident set); 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class CardLook:
    """Looks at the card, once at a time and in a thread of its own: where it hangs, one thread does and no more.

    A pool's thread would be missed by those that resolve names, and hold up the end of the process.
    """

    def __init__(self, data_dir: Path) -> None:
        """Nothing is looked at yet."""
        self._data_dir = data_dir
        self._look: asyncio.Future[CardLine | None] | None = None

    async def line(self) -> CardLine | None:
        """As it is now; None where it does not answer in `CARD_S`."""
        if self._look is None or self._look.done():
            self._look = asyncio.wrap_future(self._begun())
        look = self._look
        await asyncio.wait({look}, timeout=CARD_S)
        return look.result() if look.done() else None

    def _begun(self) -> "Future[CardLine | None]":
        found: Future[CardLine | None] = Future()
        found.set_running_or_notify_cancel()  # from here on it may be abandoned, not cancelled

        def work() -> None:
            try:
                found.set_result(card_of(self._data_dir))
            except Exception as error:  # noqa: BLE001 - carried over to the loop
                found.set_exception(error)

        threading.Thread(target=work, name="card-look", daemon=True).start()
        return found


def card_of(data_dir: Path) -> CardLine | None:
    """How full the card is; None where it does not tell."""
    try:
        usage = shutil.disk_usage(data_dir)
        size = sum(file.stat().st_size for file in data_dir.glob(_OUTBOX))
    except OSError:
        return None
    used = 100 * usage.used / ((usage.used + usage.free) or 1)
    return CardLine(used=used, free_bytes=usage.free, outbox_bytes=size)
