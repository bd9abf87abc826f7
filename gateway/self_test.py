"""The weekly test alarm: the whole way that an alarm takes, but that nothing sounds at home and nobody is sent.

A test is over with the centre's receipt, not before. One that is on its way at a power cut is found again on the card;
one that was missed while the box was off is made up once. Where no receipt comes in time, the way of alarms is bad:
that is told over whatever way is left, and the test goes on waiting.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Never
from zoneinfo import ZoneInfo

import msgspec

from config.home import Home
from config.self_test import SelfTestPart
from gateway.batch import Key
from gateway.clock import Clock
from gateway.control import Refusal
from gateway.internet import Internet
from gateway.noted import read_back, written
from gateway.outbox import Stored
from gateway.pipeline import Pipeline
from shouwang.alert import TEST_HAZARD, Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import TryLater
from shouwang.reading import Moment
from shouwang.wire import AlertBody, Body, Lane

log = logging.getLogger(__name__)

NOTES = "gateway/self-test"
"""Under this name, which no sensor can have, the card keeps how far it is."""
_NAME = "state"
_KEY = "self-test:gateway"
_SENSOR = "gateway"
LIMIT_S = 120.0
"""Without a receipt for so long the way of alarms is bad. A real alarm has called the modem by then (20 s); a test may
wait for a line that is being dialled. Set by this project."""
PATIENCE_S = 45.0
"""Who stands at the box waits for so long."""
SETTLE_MS = 120_000
"""After a start the box first finds its way to the centre."""
_LOOK_S = 5.0
_WEEK = timedelta(days=7)
_LOOKED_THROUGH = 500  # alerts on the card
_WEEK_MS = _WEEK // timedelta(milliseconds=1)
_NOT_CONFIRMED = Sentence(
    zh=f"中心在 {PATIENCE_S:.0f} 秒内没有确认测试报警，网关继续等待。请看到中心的通道：shouwang gateway status",
    en=f"the centre has not confirmed the test alarm within {PATIENCE_S:.0f} s; it goes on waiting. "
    "Look at the ways to the centre: shouwang gateway status",
)
_WHY = Sentence(zh="每周测试报警，不派人", en="the weekly test alarm; nobody is sent")
LATE = (
    f"a test alarm has had no receipt for {LIMIT_S:.0f} s, so a real one would have none; look at the centre's server "
    "and at the broker's ACL for up/al"
)


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the next test is `due`, and the one that is `waiting` for its receipt (its alert's id, since engine ms)."""

    due: Moment | None = None
    waiting: str = ""
    raised: int = 0
    is_told: bool = False


class SelfTest:
    """One home's test alarms."""

    def __init__(
        self,
        clock: Clock,
        gateway_id: str,
        resident_id: str,
        *,
        noted: Mapping[str, str],
        send: Callable[[Lane, Body], None],
        note: Callable[[str, str, str], None],
        failed: Callable[[str], None],
    ) -> None:
        """Go on from what was `noted`. `send` stores a message, `note` a note of the same transaction, which is called
        just before it; `failed` is told, once for each test, that no receipt came in time. None of them blocks.
        """
        self._clock = clock
        self._gateway_id = gateway_id
        self._resident_id = resident_id
        self._send = send
        self._note = note
        self._failed = failed
        self._state = read_back(noted.get(_NAME), Rehearsal) or Rehearsal()
        self._part = SelfTestPart()
        self._zone = ZoneInfo("UTC")
        self._keys: set[Key] = set()
        self._begun = clock.mono()
        self._heard = asyncio.Event()

    def use(self, part: SelfTestPart, zone: ZoneInfo) -> None:
        """Test by this plan from now on; a test that is due already stays due."""
        self._part, self._zone = part, zone
        due = self._state.due
        if not part.enabled:
            self._become(due=None)
        elif due is None or due > self._clock.now():
            self._plan()

    @property
    def due(self) -> datetime | None:
        """When the next one is, by the clock as it is believed now; None where none is sent."""
        return self._state.due

    def resume(
        self, pending: Callable[[Lane, int, int], Sequence[Stored]], in_memory: Iterable[tuple[Lane, Body]]
    ) -> None:
        """The test that was on its way when the last run ended: it leaves the card with its receipt only.

        `pending` gives the unconfirmed messages of a lane; `in_memory`: what of the last run is not written yet.
        """
        sought = self._state.waiting
        if not sought:
            return
        try:
            self.stored(pending(Lane.LIFE_SAFETY, 0, _LOOKED_THROUGH))
        except TryLater:  # the scribe tells of the card; the test is found late, and a week later sent anew
            return
        is_unwritten = any(isinstance(body, AlertBody) and body.alert.alert_id == sought for _, body in in_memory)
        if not self._keys and not is_unwritten:
            self._over()

    async def run(self) -> Never:
        """Test each week until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """Whether a test is due, or one is late."""
        state, now, mono = self._state, self._clock.now(), self._clock.mono()
        if state.waiting and mono - state.raised < _WEEK_MS:
            self._judge_waiting(mono)
        elif state.due is None or not self._knows_time() or mono - self._begun < SETTLE_MS:
            return
        elif state.due > now + _WEEK + timedelta(days=1):  # planned by a clock that was wrong
            self._plan()
        elif state.due <= now:
            self._raise()

    def request(self) -> None:
        """Send one now, if none is on its way."""
        if not self._state.waiting:
            self._raise()

    def _judge_waiting(self, mono: int) -> None:
        # where engine time is made to run faster, the centre's answer does not
        if not self._state.is_told and self._clock.is_real and mono - self._state.raised > LIMIT_S * 1000:
            log.warning("%s", LATE)
            self._become(is_told=True)
            self._failed(LATE)

    def _raise(self) -> None:
        now, mono = self._clock.now(), self._clock.mono()
        since = now - timedelta(microseconds=now.microsecond % 1000)
        alert = Alert(
            alert_id=alert_id_of(_KEY, since, AlertState.FIRING),
            key=_KEY,
            rule_id=TEST_HAZARD,
            rule_version=1,
            hazard=TEST_HAZARD,
            severity=Severity.P4,
            state=AlertState.FIRING,
            resident_id=self._resident_id,
            sensor_id=_SENSOR,
            since=since,
            at=now,
            mono=mono,
            why=_WHY,
            is_test=True,
        )
        self._keys.clear()
        self._heard.clear()
        self._become(waiting=alert.alert_id, raised=mono, is_told=False)
        self._send(Lane.LIFE_SAFETY, AlertBody(alert=alert))

    async def by_hand(self) -> Sentence:
        """Send one now, or join the one on its way, and say how long it took. Raises Refusal: no receipt came."""
        began = self._clock.mono()
        self.request()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._heard.wait()
        except TimeoutError as error:
            raise Refusal(_NOT_CONFIRMED) from error
        took_s = (self._clock.mono() - began) / 1000
        return Sentence(
            zh=f"测试报警已到达中心，{took_s:.1f} 秒后得到确认；不派人",
            en=f"the test alarm has arrived at the centre and was confirmed after {took_s:.1f} s; nobody is sent",
        )

    def stored(self, stored: Iterable[Stored]) -> None:
        """Messages are on the card: one of them may be the test."""
        if self._state.waiting:
            sought = self._state.waiting.encode()
            self._keys |= {one.key for one in stored if one.lane is Lane.LIFE_SAFETY and sought in one.payload}

    def confirmed(self, keys: Iterable[Key]) -> None:
        """The centre has these."""
        if not self._keys.isdisjoint(keys):
            took_s = (self._clock.mono() - self._state.raised) / 1000
            log.info("the test alarm has arrived after %.1f s", took_s)
            self._over()

    def _over(self) -> None:
        self._keys.clear()
        self._become(waiting="", raised=0, is_told=False)
        if self._part.enabled:
            self._plan()
        self._heard.set()

    def _plan(self) -> None:
        weekday, at = self._part.slot(self._gateway_id)
        self._become(due=next_slot(self._clock.now(), weekday, at, self._zone))

    def _knows_time(self) -> bool:
        return not self._clock.is_real or self._clock.wall.anchor is not None

    def _become(self, **changes: object) -> None:
        changed = msgspec.structs.replace(self._state, **changes)
        if changed != self._state:
            self._state = changed
            self._note(NOTES, _NAME, written(changed))


def self_test_of(
    home: Home, clock: Clock, notes: Mapping[str, Mapping[str, str]], pipeline: Pipeline, internet: Internet
) -> SelfTest:
    """This home's, on its pipeline; a test without a receipt bars the alarm lane until something on it is confirmed."""
    test = SelfTest(
        clock,
        home.gateway.id,
        home.resident.id,
        noted=notes.get(NOTES, {}),
        send=pipeline.send,
        note=pipeline.note,
        failed=partial(internet.barred, Lane.LIFE_SAFETY),
    )
    test.use(home.self_test, home.gateway.zone)
    return test


def next_slot(after: datetime, weekday: int, at: time, zone: ZoneInfo) -> datetime:
    """The next moment after `after` when the clocks of the home say this weekday (0 is Monday) and time."""
    local = after.astimezone(zone)
    day = local.date() + timedelta(days=(weekday - local.weekday()) % 7)
    found = datetime.combine(day, at, zone)
    if found <= local:
        found = datetime.combine(day + _WEEK, at, zone)
    return found.astimezone(UTC)
