"""A simulated instrument that can be shown what a recording holds, and says nothing of its own meanwhile."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from shouwang.quantities import Quantity
from simulators.recording import Measures, Told
from simulators.serial.instrument import SimulatedInstrument

LISTENER_S = 30.0
"""How long a moment waits for somebody who has the port open."""


class Shown(SimulatedInstrument):
    """What it measures may be shown to it. One that never falls silent repeats what it was shown last."""

    leads: frozenset[Quantity]
    """What it measures."""

    is_playing = False
    """A recording speaks now."""

    @property
    def measures(self) -> Measures:
        """What it can be shown."""
        return Measures(leads=self.leads)

    @asynccontextmanager
    async def playing(self, first: datetime | None) -> AsyncIterator[None]:  # noqa: ARG002 - what it says is of now
        """Say nothing of its own meanwhile."""
        self.is_playing = True
        try:
            yield
        finally:
            self.is_playing = False

    async def show(self, values: Mapping[Quantity, float], at: datetime | None) -> Told:  # noqa: ARG002 - it has no clock
        """Measure these now; what its frames have no bits for is said as "not known"."""
        carried = {quantity: value for quantity, value in values.items() if self.carries(quantity, value)}
        is_heard = await self._listener() and await self.tell(carried)
        refused = [(quantity, value) for quantity, value in values.items() if quantity not in carried]
        return Told(said=[*carried.items()], refused=refused, is_heard=lambda: is_heard)

    @abstractmethod
    def carries(self, quantity: Quantity, value: float) -> bool:
        """Whether its frames have bits for this value."""

    @abstractmethod
    async def tell(self, values: Mapping[Quantity, float]) -> bool:
        """Say these, and nothing for what is missing; whether somebody has it."""

    async def _listener(self) -> bool:
        try:
            await asyncio.wait_for(self.line.wait_until_open(), LISTENER_S)
        except TimeoutError:
            return False
        return True
