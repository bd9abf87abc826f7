"""Peripherals that measure all the time: oximeters, heart rate straps, sensors in the skin."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

from simulators.ble.peripheral import Outfit, Peripheral
from simulators.ble.radio import Radio
from simulators.tally import Tally


class Speaking(Peripheral):
    """Says what its sensor sees once per interval, to whoever has subscribed."""

    def __init__(
        self, radio: Radio, tally: Tally, *, interval_s: float = 1.0, speaks: bool = True, **outfit: Unpack[Outfit]
    ) -> None:
        """`interval_s` lies between two measurements; `speaks`: by itself, else only what it is told to."""
        super().__init__(radio, tally, **outfit)
        self._interval_s = interval_s
        self._holds = 0 if speaks else 1

    @abstractmethod
    async def speak(self) -> None:
        """Say what the sensor sees."""

    async def live(self) -> None:
        """Speak once per interval."""
        while True:
            if not self._holds:
                await self.speak()
            await asyncio.sleep(self._interval_s)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Say nothing by itself meanwhile: a recording speaks."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def fall_silent(self) -> None:
        """Say nothing by itself from now on, only what it is told to."""
        self._holds += 1
