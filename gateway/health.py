"""What the gateway says of itself: birth at start, a heartbeat each minute."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Never

from config.home import Home
from drivers.ble.adapter import radio_id
from drivers.serial.modem_part import MODEM_ID
from gateway.clock import Clock
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from shouwang.alert import Alert
from shouwang.driver import Driver
from shouwang.wire import BirthBody, HeartbeatBody, Lane

HEARTBEAT_S = 60.0
"""The centre judges a home offline after three missed beats, at the latest 180 s (EN 50136 SP4 class: 3 min)."""


class Health:
    """The gateway's own life signs, sent like any other state message."""

    def __init__(self, home: Home, scribe: Scribe, pipeline: Pipeline, clock: Clock, drivers: Sequence[Driver]) -> None:
        """Nothing is sent before `birth` and `run`."""
        self._home = home
        self._scribe = scribe
        self._pipeline = pipeline
        self._clock = clock
        self._drivers = drivers
        self._born = clock.mono()

    def birth(self, active: Iterable[Alert], joined: Mapping[str, str]) -> None:
        """Say that the gateway started, with which sensors (and those that had `joined`) and which alarms still on."""
        self._pipeline.send(
            Lane.STATE,
            BirthBody(
                version=version("shouwang"),
                sensors={sensor.id: sensor.kind for sensor in self._home.sensors}
                | {radio_id(adapter): "bluetooth_adapter" for adapter in self._home.adapters()}
                | dict(joined)
                | ({} if self._home.modem is None else {MODEM_ID: "modem"}),
                active=tuple(alert.key for alert in active),
            ),
        )

    async def run(self) -> Never:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._pipeline.send(
                Lane.STATE,
                HeartbeatBody(
                    backlog=self._scribe.backlog,
                    uptime_s=(self._clock.mono() - self._born) // 1000,
                    rejected=sum(getattr(driver, "rejected", 0) for driver in self._drivers),
                ),
            )
