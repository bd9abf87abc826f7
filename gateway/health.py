"""What the gateway says of itself: birth at start, a heartbeat each minute."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Never

from config.box import BOX_ID
from config.home import Home
from drivers.ble.adapter import radio_id
from drivers.serial.modem_part import MODEM_ID
from gateway.account import Account
from gateway.clock import Clock
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from shouwang.alert import Alert
from shouwang.driver import Driver
from shouwang.wire import BirthBody, HeartbeatBody, Lane


class Health:
    """The gateway's own life signs, sent like any other state message."""

    def __init__(
        self,
        home: Home,
        scribe: Scribe,
        pipeline: Pipeline,
        clock: Clock,
        drivers: Sequence[Driver],
        *,
        account: Account,
        starts: Callable[[], int],
        test_due: Callable[[], datetime | None],
    ) -> None:
        """Nothing is sent before `birth` and `run`.

        `account`: how box and sensors are; `starts`: how often the gateway has started in a day; `test_due`: when its
        next test alarm is due.
        """
        self._account = account
        self._home = home
        self._scribe = scribe
        self._pipeline = pipeline
        self._clock = clock
        self._drivers = drivers
        self._starts = starts
        self._test_due = test_due
        self._born = clock.mono()

    def use(self, home: Home) -> None:
        """The configuration is this one from now on."""
        self._home = home

    def kinds(self, joined: Mapping[str, str]) -> dict[str, str]:
        """All sensors, also those that `joined`, and of which kind each is."""
        return (
            {sensor.id: sensor.kind for sensor in self._home.sensors}
            | {radio_id(adapter): "bluetooth_adapter" for adapter in self._home.adapters()}
            | dict(joined)
            | ({} if self._home.modem is None else {MODEM_ID: "modem"})
            | ({BOX_ID: "box"} if self._home.watches_box else {})
            | {cut_off.id: "cut_off" for cut_off in self._home.cut_offs}
        )

    def birth(self, active: Iterable[Alert], joined: Mapping[str, str]) -> None:
        """Say that the gateway started, with which sensors (and those that had `joined`) and which alarms still on."""
        self._account.begin_anew()
        self._pipeline.send(
            Lane.STATE,
            BirthBody(
                version=version("shouwang"),
                sensors=self.kinds(joined),
                active=tuple(alert.key for alert in active),
                starts=self._starts(),
                heartbeat_s=round(self._beat_s),
                test_due_at=self._test_due(),
            ),
        )

    @property
    def _beat_s(self) -> float:
        return self._home.gateway.heartbeat.total_seconds()

    async def run(self) -> Never:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(self._beat_s)
            box, sensors = await self._account.news()
            self._pipeline.send(
                Lane.STATE,
                HeartbeatBody(
                    backlog=self._scribe.backlog,
                    uptime_s=(self._clock.mono() - self._born) // 1000,
                    rejected=sum(getattr(driver, "rejected", 0) for driver in self._drivers),
                    box=box,
                    sensors=sensors,
                ),
            )
