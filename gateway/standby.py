"""Supervises the standby paths, SMS and voice, by what the modem says and what became of messages.

The modem tells at once that it has lost its network, its SIM or its credit: both paths are down then. That is half the
proof. SMS proves itself once a day by one signed test to the centre's number (the centre notes when it came); where
nobody wants to pay for that, and for voice, for which nobody is ever called, registration in the network has to do.
"""

import asyncio
import logging
from typing import Never

import msgspec

from drivers.serial.modem_part import MODEM_ID
from drivers.serial.sms import Fate, Outcome
from gateway.climb import CENTRE, TAKEN
from gateway.clock import Clock
from gateway.courier import CARD_S, Means, Sender
from gateway.paths import Paths
from shouwang.bilingual import Bilingual
from shouwang.errors import ShouwangError, TryLater
from shouwang.reading import Moment
from shouwang.short_alert import encode_test
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import Path

log = logging.getLogger(__name__)

MARK = "sms-test"
"""Under this name the card keeps when the last test was sent, beside the SMS queue."""
DAY_MS = 86_400_000
"""A standby path is tested daily, and fails after 25 h without (EN 50136-1); at most one SMS a day is paid for."""
AGAIN_MS = 3_600_000
"""A test that the network refused was not paid for."""
_LOOK_S = 60.0


class _Tested(msgspec.Struct, frozen=True, kw_only=True):
    """The last test: its time in its text, and its engine ms."""

    at: Moment
    mono: int

    @property
    def key(self) -> str:
        return f"test>{self.at:%Y%m%dT%H%M%S}"


class Standby:
    """One home's."""

    def __init__(self, sender: Sender, clock: Clock, paths: Paths) -> None:
        """Nothing is tested before `run`."""
        self._sender = sender
        self._clock = clock
        self._paths = paths
        self._is_registered = False
        self._registered_at: int | None = None
        self._refused_at: int | None = None
        self._sms_at: int | None = None
        self._changed = asyncio.Event()

    def status(self, status: SensorStatus) -> None:
        """The modem was found or lost."""
        if status.sensor_id != MODEM_ID:
            return
        self._is_registered = status.state is SensorState.UP
        reason = Bilingual(status.reason, zh=status.reason_zh)
        for path in (Path.SMS, Path.VOICE):
            self._paths.report(path, is_up=self._is_registered, reason=reason, since=status.since)
        self._changed.set()

    def sms_is(self, receiver: str, outcome: Outcome) -> None:
        """What became of an SMS. A refused one to a person tells of that number, not of the way."""
        if outcome.fate in TAKEN:
            now = self._clock.mono()
            if self._sms_at is None or now - self._sms_at >= AGAIN_MS or not self._paths.is_up(Path.SMS):
                self._sms_at = now
                self._paths.tested(Path.SMS)
        elif outcome.fate is Fate.FAILED and receiver == CENTRE:
            self._paths.report(Path.SMS, is_up=False, reason=outcome.reason or _REFUSED)

    async def run(self, means: Means | None) -> Never:
        """Test daily until cancelled."""
        async with asyncio.TaskGroup() as group:
            last = None if means is None else await self._last(means)
            if means is not None and last is not None:
                group.create_task(self._send(means, last, is_again=True), name="sms-test")
            while True:
                self._changed.clear()
                if means is not None and self._is_registered:
                    is_paid = means.part.self_test and means.part.centre_number is not None
                    self._prove_by_registration(is_sms=not is_paid)
                    if is_paid and self._is_due(last):
                        last = _Tested(at=self._clock.now(), mono=self._clock.mono())
                        await self._keep(means, last)
                        group.create_task(self._send(means, last), name="sms-test")
                await self._wait()

    # ---- inside ----

    def _prove_by_registration(self, *, is_sms: bool) -> None:
        now = self._clock.mono()
        if self._registered_at is None or now - self._registered_at >= DAY_MS or not self._paths.is_up(Path.VOICE):
            self._registered_at = now
            self._paths.tested(Path.VOICE)
            if is_sms:
                self._paths.tested(Path.SMS)

    def _is_due(self, last: _Tested | None) -> bool:
        """A day after the last test, or after an alarm that the centre's number got; an hour after a refusal."""
        now = self._clock.mono()
        if self._refused_at is not None and now - self._refused_at < AGAIN_MS:
            return False
        known = (None if last is None else last.mono, self._sms_at)
        proven = [at for at in known if at is not None and at <= now]  # engine time may have begun anew
        return self._refused_at is not None or not proven or now - max(proven) >= DAY_MS

    async def _send(self, means: Means, test: _Tested, *, is_again: bool = False) -> None:
        """Send the test, once over all restarts, and see what becomes of it.

        `is_again`: after a restart. What was known of it before is no news: it proves nothing about today.
        """
        text = encode_test(self._sender.gateway_id, test.at, means.key)
        self._refused_at = None
        try:
            async with asyncio.timeout(CARD_S):
                outcome = await means.sms.send(str(means.part.centre_number), text, key=test.key)
        except (ShouwangError, TimeoutError) as error:
            log.warning("the daily test of SMS waits: %s", error)
            self._refused_at = self._clock.mono()
            return
        while True:
            if not is_again or outcome.fate not in TAKEN:
                self.sms_is(CENTRE, outcome)
            is_again = False
            if outcome.fate is Fate.FAILED:
                self._refused_at = self._clock.mono()
            seen, outcome = outcome, outcome if outcome.is_final else await means.sms.next(outcome)
            if outcome == seen:
                return

    async def _last(self, means: Means) -> _Tested | None:
        try:
            async with asyncio.timeout(CARD_S):
                kept = await means.marks.mark(MARK)
            return msgspec.json.decode(kept, type=_Tested) if kept else None
        except (TryLater, TimeoutError, msgspec.DecodeError) as error:
            log.warning("when SMS was tested last cannot be read; it is tested now: %s", error)
            return None

    async def _keep(self, means: Means, test: _Tested) -> None:
        try:
            async with asyncio.timeout(CARD_S):
                await means.marks.set_mark(MARK, msgspec.json.encode(test).decode())
        except (TryLater, TimeoutError) as error:
            log.warning("that SMS was tested cannot be kept: %s", error)

    async def _wait(self) -> None:
        """Not until the deadline: the loop's clock stands still in suspend."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._changed.wait()
        except TimeoutError:
            return


_REFUSED = Bilingual("an SMS to the centre was refused", zh="发给中心的短信被拒绝")
