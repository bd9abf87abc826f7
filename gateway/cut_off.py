"""One valve, or the stove's switch: closed by alarms, opened by people alone, and true to its word over restarts.

Closing is tried for ever until it is sure. A reset by the centre opens nothing: who opens a gas valve must be there.
What it does is told aloud, and to the centre as a sensor: `cut-off` 1 or 0 once it is so, `down` while it disobeys.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Never

import msgspec

from config.cut_offs import CutOffPart, Danger
from gateway.annunciators.announcement import Phrase
from gateway.annunciators.switch import Switch
from gateway.clock import Clock
from gateway.cut_off_words import WORDS, Step, still_closed
from gateway.danger_watch import DangerWatch
from gateway.dangers import IN_THE_ROOM, danger_of
from gateway.noted import read_back, written
from messaging.backoff import Backoff
from shouwang.alert import Alert, AlertState, Severity
from shouwang.bilingual import chinese, told_by
from shouwang.driver import Measurement, Note
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Reading
from shouwang.status import SensorState, SensorStatus

log = logging.getLogger(__name__)

NOTE = "cut-off"
RETRY_START_S = 1.0
RETRY_CAP_S = 30.0
LOOK_S = 5.0
"""How often a closed one is looked at: a valve that was without power may come back open."""
SAY_AGAIN_MS = 300_000
"""That it does not close is said again this often while the alarm is on."""
ORDER_AGAIN_MS = 300_000
"""So long after it was told that a sensor is lost, a second order overrules it. Set by this project."""
_KEPT = 32
_MS_IN_S = 1000


class Closure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it has to be. `acted_on`: steps of alarms that have closed it, so that none closes it twice."""

    is_closed: bool
    since: Moment
    acted_on: tuple[str, ...] = ()


class _Asked(msgspec.Struct, frozen=True):
    """The question after which it closes, unless somebody cancels."""

    key: str
    step: str
    due: int


class CutOff:
    """One of them. `run` is a task of the gateway."""

    def __init__(
        self,
        part: CutOffPart,
        switch: Switch,
        clock: Clock,
        *,
        noted: str | None,
        dangers: DangerWatch,
        accept: Callable[[Measurement | SensorStatus], None],
        say: Callable[[str, Phrase, Severity], None],
    ) -> None:
        """Go on from what was `noted`. `accept` takes what the centre is to know, `say` speaks; neither blocks."""
        self.part = part
        self._switch = switch
        self._clock = clock
        self._dangers = dangers
        self._accept = accept
        self._say = say
        self._changed = asyncio.Event()
        self._backoff = Backoff(RETRY_START_S, RETRY_CAP_S)
        self.noted = noted
        """What goes on the card."""
        self._closure = _read(noted)
        self._is_sure = not self._asserts_at_start()
        self._is_told = True
        self._asked: _Asked | None = None
        self._alarms: dict[str, Danger] = {}
        self._is_end_unsaid = False
        self._told_lost_at: int | None = None
        self._state: SensorState | None = None
        self._said_failed_at: int | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it has to be closed."""
        return self._closure is not None and self._closure.is_closed

    @property
    def is_held(self) -> bool:
        """Whether there is gas, which its switch may light: it is left as it stands."""
        return self._may_spark and self._dangers.is_gas

    @property
    def has_alarm(self) -> bool:
        """Whether an alarm that closes it is still on."""
        return bool(self._alarms)

    def alert(self, alert: Alert) -> None:
        """A step of an alarm."""
        danger = danger_of(alert.hazard)
        if danger is None or alert.is_test:
            return
        if danger not in self.part.closed_by or alert.severity.rank > Severity.P2.rank:
            return
        if alert.state in (AlertState.CANCELLED, AlertState.RESOLVED):
            self._end(alert.key)
            return
        if alert.state is AlertState.FIRING:
            self._alarms[alert.key] = danger
        if self._closure is not None and alert.alert_id in self._closure.acted_on:
            return
        if alert.state is AlertState.FIRING:
            self.close(alert.alert_id)
        elif self.part.asks_first and not self.is_closed and self._asked is None:
            due = self._clock.mono() + int(self.part.warning.total_seconds() * _MS_IN_S)
            self._asked = _Asked(alert.key, alert.alert_id, due)
            self._tell(Step.WARNED)
            self._changed.set()

    def close(self, why: str) -> None:
        """From now on, until a person opens it; `why`: the step of an alarm."""
        self._asked = None
        acted_on = () if self._closure is None else self._closure.acted_on
        log.warning("cut-off %s closes: %s", self.part.id, why)
        self._become(is_closed=True, acted_on=(*acted_on, why)[-_KEPT:])

    def open(self, *, is_order: bool) -> Phrase:
        """A person at home wants it open; gives what is said of it.

        `is_order`: by an order at the box, which overrules a lost sensor once this was told.
        """
        words = WORDS[self.part.cuts]
        refused = self._refusal(is_order=is_order)
        if refused is not None:
            log.warning("cut-off %s stays as it is: %s", self.part.id, words[refused].words.en)
            self._tell(refused)
            return words[refused]
        log.warning("cut-off %s is opened by a person", self.part.id)
        self._asked, self._is_end_unsaid = None, False
        self._become(is_closed=False, acted_on=() if self._closure is None else self._closure.acted_on)
        return words[Step.OPENING]

    def look(self) -> None:
        """What is dangerous has changed; never blocks."""
        is_over = self.is_closed and not self.has_alarm and self._dangers.still(self.part.closed_by) is None
        if self._is_end_unsaid and is_over and self._is_sure and not self.is_held:
            self._is_end_unsaid = False
            self._say(self.part.id, still_closed(self.part), Severity.P1)
        self._changed.set()

    async def run(self) -> Never:
        """Make it so, and see that it stays so, until cancelled."""
        while True:
            self._changed.clear()
            self._close_when_due()
            if self.is_held:
                await self._hold()
            elif not self._is_settled() and not await self._move():
                await self._pause(self._backoff.next_pause_s())
            elif self._is_settled():
                await self._pause(self._look_s())

    # ---- inside ----

    @property
    def _may_spark(self) -> bool:
        return Danger.GAS not in self.part.closed_by and not self.part.ex_safe

    def _end(self, key: str) -> None:
        self._alarms.pop(key, None)
        if self._asked is not None and self._asked.key == key:
            self._asked = None
        self._is_end_unsaid = self.is_closed

    def _refusal(self, *, is_order: bool) -> Step | None:
        """Why a person may not open it now."""
        dangers = self.part.closed_by | ({Danger.GAS} if self._may_spark else set())
        if is_order and self._dangers.is_only_of_lost(dangers):
            now, told_at = self._clock.mono(), self._told_lost_at
            if told_at is None or now - told_at > ORDER_AGAIN_MS:
                self._told_lost_at = now
                return Step.LOST
            self._told_lost_at = None
            self._dangers.overrule(dangers)
        if self.is_held:
            return Step.NOT_IN_GAS
        return None if self._dangers.still(self.part.closed_by) is None else Step.REFUSED

    async def _hold(self) -> None:
        if not self._is_sure:
            self._status(SensorState.DOWN, "it is not switched while there is gas, for it may make a spark")
        await self._pause(None)

    def _become(self, *, is_closed: bool, acted_on: tuple[str, ...]) -> None:
        self._closure = Closure(is_closed=is_closed, since=self._clock.now(), acted_on=acted_on)
        self.noted = written(self._closure)
        self._is_sure, self._is_told, self._said_failed_at = False, False, None
        self._backoff.succeeded()
        note = Note(name=NOTE, text=self.noted)
        self._accept(Measurement(sensor_id=self.part.id, readings=(), notes=(note,)))
        self._changed.set()

    def _asserts_at_start(self) -> bool:
        """A plug or valve behind the broker remembers itself, so it is only closed again. A pin or a relay board comes
        back off: it is put as people left it, and never on (open) where nobody has said so.
        """
        if self._closure is not None and self._closure.is_closed:
            return True
        is_memory_ours = self.part.by.kind != "mqtt_switch"
        return is_memory_ours and (self.part.is_on_when_closed or self._closure is not None)

    @property
    def _level(self) -> bool:
        return self.is_closed is self.part.is_on_when_closed

    def _is_settled(self) -> bool:
        if self._is_sure and self.is_closed and self._switch.reported is (not self._level):
            log.warning("cut-off %s says that it is open; it is closed again", self.part.id)
            self._is_sure, self._is_told = False, False
        return self._is_sure

    def _close_when_due(self) -> None:
        if self._asked is not None and self._clock.mono() >= self._asked.due:
            self.close(self._asked.step)

    def _look_s(self) -> float | None:
        if self._asked is not None:
            return self._clock.seconds_until(self._asked.due)
        return LOOK_S if self.is_closed else None

    async def _pause(self, seconds: float | None) -> None:
        if self._asked is not None:
            due = self._clock.seconds_until(self._asked.due)
            seconds = due if seconds is None else min(seconds, due)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _move(self) -> bool:
        wanted, level = self._closure, self._level
        try:
            await self._switch.set(level)
        except DeviceError as error:
            self._fails(told_by(error))
            return False
        if self._closure is wanted:
            self._is_sure = True
            self._backoff.succeeded()
            self._succeeds()
        return True

    def _succeeds(self) -> None:
        self._status(SensorState.UP, "")
        at, mono = self._clock.now(), self._clock.mono()
        reading = Reading(
            sensor_id=self.part.id, quantity=Quantity.CUT_OFF, value=float(self.is_closed), at=at, mono=mono
        )
        self._accept(Measurement(sensor_id=self.part.id, readings=(reading,)))
        if not self._is_told:
            self._is_told = True
            self._tell(Step.CLOSED if self.is_closed else Step.OPENED)
        self.look()

    def _fails(self, reason: str) -> None:
        now = self._clock.mono()
        self._status(SensorState.DOWN, reason)
        is_due = self._said_failed_at is None or (self.has_alarm and now - self._said_failed_at >= SAY_AGAIN_MS)
        if is_due and not self._is_told:
            self._said_failed_at = now
            self._tell(self._failure())

    def _failure(self) -> Step:
        if not self.is_closed:
            return Step.NOT_OPENED
        must_go_out = self.part.cuts == "stove" and any(danger in IN_THE_ROOM for danger in self._alarms.values())
        return Step.FAILED_GO_OUT if must_go_out else Step.FAILED

    def _status(self, state: SensorState, reason: str) -> None:
        if state is self._state:
            return
        if state is SensorState.DOWN:
            log.error("cut-off %s does not obey: %s", self.part.id, reason)
        elif self._state is SensorState.DOWN:
            log.warning("cut-off %s obeys again", self.part.id)
        self._state = state
        at, mono = self._clock.now(), self._clock.mono()
        said = SensorStatus(sensor_id=self.part.id, state=state, since=at, at=at, mono=mono, reason=str(reason))
        self._accept(msgspec.structs.replace(said, reason_zh=chinese(reason)))

    def _tell(self, step: Step) -> None:
        self._say(self.part.id, WORDS[self.part.cuts][step], Severity.P1)


def _read(noted: str | None) -> Closure | None:
    closure = read_back(noted, Closure)
    if closure is None and noted is not None:
        log.warning("the saved state of a cut-off cannot be read; it stays as it stands")
    return closure
