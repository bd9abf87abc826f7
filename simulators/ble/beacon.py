"""A beacon: a sensor or button that only advertises. What it says is set from outside, as AD structures."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from simulators.ble.radio import Radio

BURST_INTERVAL_MS = 100
"""What sleepy sensors and buttons use while they have something new to say (BTHome: each value several times)."""


class Beacon:
    """Advertises `data` once per interval; None: it is silent between bursts, as buttons are."""

    def __init__(
        self,
        radio: Radio,
        *,
        address: str,
        data: bytes | None = None,
        interval_ms: float = 1000,
        is_connectable: bool = False,
        loss: float = 0.0,
    ) -> None:
        """Switched off until `running`; `loss` is the share of adverts that nobody hears."""
        self.address = address
        self._radio = radio
        self._data = data
        self._interval_s = interval_ms / 1000
        self._is_connectable = is_connectable
        self._loss = loss
        self._chance = random.Random(address)  # the same losses at each run

    @property
    def data(self) -> bytes | None:
        """What it says now."""
        return self._data

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Switched on."""
        advertising = asyncio.create_task(self._advertise(), name=f"beacon {self.address}")
        try:
            yield self
        finally:
            advertising.cancel()
            await asyncio.gather(advertising, return_exceptions=True)

    def show(self, data: bytes | None) -> None:
        """Say this from the next advert on."""
        self._data = data

    async def burst(self, data: bytes, *, count: int = 5, interval_ms: float = BURST_INTERVAL_MS) -> None:
        """Say this so many times in quick succession, as a button does when it is pressed; returns after the last."""
        for turn in range(count):
            if turn:
                await asyncio.sleep(interval_ms / 1000)
            self.say(data)

    def say(self, data: bytes) -> None:
        """One advert."""
        if self._chance.random() >= self._loss:
            self._radio.advertise(self.address, data, is_connectable=self._is_connectable)

    def go_away(self) -> None:
        """Out of range or out of battery."""
        self._radio.air.mute(self.address)

    def come_back(self) -> None:
        """In range again."""
        self._radio.air.unmute(self.address)

    async def _advertise(self) -> None:
        while True:
            if self._data is not None:
                self.say(self._data)
            await asyncio.sleep(self._interval_s)
