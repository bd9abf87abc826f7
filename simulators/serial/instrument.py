"""What all simulated instruments share: a line with faults, what they say by themselves, answers, the tally."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shouwang.quantities import Quantity
from simulators.serial.ptypair import PtyPair
from simulators.tally import Tally

_HEARD_MAX = 64
"""Pieces of questions that wait; a real module drops what comes faster than it can answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """Bytes on the wire, and the values that whoever gets them whole must read from them."""

    frame: bytes
    values: Mapping[Quantity, float] = field(default_factory=dict)


class SimulatedInstrument:
    """One instrument. `sensor_id` names its values in the tally; `line` has the faults of its cable.

    A kind overrides `report` where it speaks by itself, and `answers` where it can be asked; it is made with
    `(tally, sensor_id=..., link=...)` and defaults for all else.
    """

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, every_s: float | None = None) -> None:
        """Unplugged until `running`; `link` is the path that a driver opens; `every_s`: how often it reports."""
        self.line = PtyPair(link, self._heard)
        self.sensor_id = sensor_id
        self._tally = tally
        self._every_s = every_s
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(_HEARD_MAX)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Powered and plugged in."""
        self.line.plug()
        tasks = [asyncio.create_task(self._answer(), name=f"answers of {self.sensor_id}")]
        if self._every_s is not None:
            tasks.append(asyncio.create_task(self._report(self._every_s), name=f"reports of {self.sensor_id}"))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self.line.unplug()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def report(self) -> Iterable[Utterance]:
        """What it says by itself, each `every_s`."""
        return ()

    def answers(self, data: bytes) -> Iterable[Utterance]:  # noqa: ARG002 - for kinds that can be asked
        """What it says to the bytes that came in; pieces of a question may come one by one.

        A generator is best: each answer is then made at the moment it is said, with the state of that moment.
        """
        return ()

    async def say(self, frame: bytes, values: Mapping[Quantity, float] | None = None) -> bool:
        """Put a frame on the line; its values are in the tally if a listener can have got it as it was."""
        heard = await self.line.say(frame)
        if heard:
            for quantity, value in (values or {}).items():
                self._tally.add(self.sensor_id, quantity, value)
        return heard

    async def _report(self, every_s: float) -> None:
        while True:
            for one in self.report():
                await self.say(one.frame, one.values)
            await asyncio.sleep(every_s)

    def _heard(self, data: bytes) -> None:
        if not self._pieces.full():
            self._pieces.put_nowait(data)

    async def _answer(self) -> None:
        while True:
            for one in self.answers(await self._pieces.get()):
                await self.say(one.frame, one.values)
