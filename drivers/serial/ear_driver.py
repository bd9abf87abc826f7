"""What the drivers of all devices share that a receiver hears among others: waiting for it, copies, strength, pace."""

import asyncio
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Never, Protocol

from drivers.rejects import Rejects
from drivers.serial.copies import Copies
from drivers.serial.pace import Pace
from drivers.serial.receiver import Ear, Heard
from shouwang.driver import Alive, Emit, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

STRENGTH_S = 900.0
"""How often the strength of the signal is worth a reading."""


class HeardDevice(Protocol):
    """What the configuration of such a device has."""

    @property
    def id(self) -> str:
        """Its name in the home."""
        ...

    @property
    def silence(self) -> timedelta | None:
        """The longest time unheard before it counts as silent; None where it speaks only on events."""
        ...


class EarDriver(ABC):
    """Takes what the receiver hears from one device, and emits what it means."""

    def __init__(self, device: HeardDevice, ear: Ear, *, copy_s: float, pace: Pace | None = None) -> None:
        """Nothing is opened: the receiver is held by somebody else. What is the same within `copy_s` is the same."""
        self._device = device
        self._ear = ear
        self._pace = pace
        self._copies = Copies(copy_s)
        self._rejects = Rejects(device.id)
        self._strength_at: float | None = None

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._device.id

    @property
    def max_silence(self) -> timedelta | None:
        """As configured, or as its kind goes."""
        return self._device.silence

    @property
    def rejected(self) -> int:
        """How much of it could not be read since the start."""
        return self._rejects.count

    def close(self) -> None:
        """It listens to nothing any more."""
        self._ear.close()

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError when the receiver is lost."""
        await self._ear.connection()
        if self._pace is not None:
            self._pace.forget()
        if self.max_silence is None:
            emit(Alive())
        while True:
            for one in self._said(await self._ear.next()):
                emit(one)

    @abstractmethod
    def is_copy(self, heard: Heard) -> bool:
        """Whether the same was heard just now: sent more than once, or repeated. Raises DecodeError."""

    @abstractmethod
    def decoded(self, heard: Heard) -> list[Said]:
        """What it means. Raises DecodeError."""

    def _said(self, heard: Heard) -> list[Said]:
        try:
            if self.is_copy(heard):
                return [Alive()]
            said = [one for one in self.decoded(heard) if self._is_due(one)]
        except DecodeError as error:
            self._rejects.add(error)
            return []
        return said if self._pace is None else self._pace.pick(said, heard.at)

    def _is_due(self, said: Said) -> bool:
        """All but a strength that was told lately."""
        if not isinstance(said, Sample) or said.quantity is not Quantity.SIGNAL_STRENGTH:
            return True
        now = asyncio.get_running_loop().time()
        if self._strength_at is not None and now < self._strength_at + STRENGTH_S:
            return False
        self._strength_at = now
        return True
