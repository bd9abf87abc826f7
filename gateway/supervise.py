"""Keeps one driver running for ever: silence deadline, back-off, status on change. A driver's failure ends here."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Never

from gateway.clock import Clock
from messaging.attempt import attempt
from messaging.backoff import Backoff
from shouwang.bilingual import Bilingual, chinese, told_by
from shouwang.driver import Driver, Emitted, Measurement, Record, Sample
from shouwang.errors import DeviceError, ShouwangError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState, SensorStatus

log = logging.getLogger(__name__)

BACKOFF_START_S = 0.5
BACKOFF_CAP_S = 60.0
LINK_BACKOFF_CAP_S = 10.0
"""A broker in the same house may be asked more often."""
LATE_AFTER = timedelta(minutes=10)
"""A value that a device kept for longer than this is history (shared design of cases: an alert observed more than
10 min ago is LATE)."""
_STOOD_S = 5.0
"""A shared link that stood this long was up: the next failure is a new one."""


class Supervisor:
    """One sensor's driver, its status and its retries."""

    def __init__(
        self, driver: Driver, clock: Clock, accept: Callable[[Reading | Measurement | SensorStatus], None]
    ) -> None:
        """`accept` takes readings and status changes and must not block."""
        self._driver = driver
        self._clock = clock
        self._accept = accept
        self._state: SensorState | None = None
        self._since: datetime | None = None
        self._battery: float | None = None
        self._backoff = Backoff(BACKOFF_START_S, BACKOFF_CAP_S)

    async def run(self) -> Never:
        """Run the driver, again and again, until cancelled."""
        while True:
            state, reason = await self._attempt()
            self._become(state, reason)
            await self._backoff.pause()

    async def _attempt(self) -> tuple[SensorState, str]:
        loop = asyncio.get_running_loop()
        silence = self._driver.max_silence
        limit = None if silence is None else silence.total_seconds()
        deadline = asyncio.timeout(limit)

        def emit(said: Emitted) -> None:
            if limit is not None and not deadline.expired():
                deadline.reschedule(loop.time() + limit)
            self._say(said)

        try:
            async with deadline:
                await attempt(self._driver.run(emit), f"driver-{self._driver.sensor_id}")
        except ShouwangError as error:
            return SensorState.DOWN, told_by(error)
        except TimeoutError:
            if deadline.expired():
                return SensorState.SILENT, Bilingual(
                    f"nothing heard for {limit:.0f} s", zh=f"已有 {limit:.0f} 秒没有信号"
                )
            log.exception("the driver of %s broke", self._driver.sensor_id)
            return SensorState.DOWN, Bilingual("the driver broke: a time-out of its own", zh="驱动程序出错：自身超时")
        except Exception as error:  # the one boundary at which a broken driver is kept from the others
            log.exception("the driver of %s broke", self._driver.sensor_id)
            return SensorState.DOWN, Bilingual(f"the driver broke: {error!r}", zh=f"驱动程序出错：{error!r}")
        return SensorState.DOWN, Bilingual("the driver ended", zh="驱动程序已结束")

    def _say(self, said: Emitted) -> None:
        self._backoff.succeeded()
        self._become(SensorState.UP, "")
        if isinstance(said, Sample):
            self._accept(self._stamped(said))
        elif isinstance(said, Record):
            readings = tuple(self._stamped(sample) for sample in said.samples)
            self._accept(Measurement(sensor_id=self._driver.sensor_id, readings=readings, notes=said.notes))

    def _stamped(self, said: Sample) -> Reading:
        quality = said.quality if QUANTITIES[said.quantity].is_plausible(said.value) else Quality.IMPLAUSIBLE
        if said.quantity is Quantity.BATTERY and quality is Quality.GOOD:
            self._battery = said.value
        now = self._clock.now()
        at = now if said.measured_at is None else min(self._clock.corrected(said.measured_at), now)
        return Reading(
            sensor_id=self._driver.sensor_id,
            quantity=said.quantity,
            value=said.value,
            at=at,
            mono=self._clock.mono(),
            quality=quality,
            frame=said.frame,
            is_late=now - at > LATE_AFTER,
            resident_id=said.resident_id,
            axes=said.axes,
        )

    def _become(self, state: SensorState, reason: str) -> None:
        if state is self._state:
            return
        at = self._clock.now()
        if state is SensorState.UP:
            log.info("sensor %s is heard", self._driver.sensor_id)
        else:
            log.warning("sensor %s is %s: %s", self._driver.sensor_id, state.value, reason)
        self._state, self._since = state, at
        self._accept(
            SensorStatus(
                sensor_id=self._driver.sensor_id,
                state=state,
                since=at,
                at=at,
                mono=self._clock.mono(),
                reason=str(reason),
                reason_zh=chinese(reason),
                battery=self._battery,
            )
        )


async def keep(name: str, work: Callable[[], Coroutine[object, object, None]]) -> Never:
    """Run a shared link for ever: when it fails, once a word in the log, a pause, and again."""
    backoff = Backoff(BACKOFF_START_S, LINK_BACKOFF_CAP_S)
    loop = asyncio.get_running_loop()
    told = ""
    while True:
        began = loop.time()
        try:
            await attempt(work(), name)
        except DeviceError as error:
            if str(error) != told:
                log.warning("%s: %s", name, error)
            told = str(error)
        if loop.time() - began > _STOOD_S:
            backoff.succeeded()
            told = ""
        await backoff.pause()
