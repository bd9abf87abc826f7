"""A fall radar R60AFD1 on a pseudo terminal: a heartbeat, reports when something changes, answers to questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial import r60
from simulators.serial.ptypair import PtyPair
from simulators.tally import Tally

MODEL_NAME = b"R60AFD1"
_ANSWERS_MAX = 64
"""Questions waiting for an answer; a real module drops what comes faster than it can answer."""

_QUANTITIES = {
    r60.PRESENCE: Quantity.PRESENCE,
    r60.MOTION: Quantity.MOTION,
    r60.BODY_MOVEMENT: Quantity.BODY_MOVEMENT,
    r60.FALL_STATE: Quantity.FALL,
}
_NAMES = {
    r60.MODEL: MODEL_NAME,
    r60.PRODUCT_ID: b"SIM0001",
    r60.HARDWARE: b"R60A-SIM",
    r60.FIRMWARE: b"G60SM1SYv010309",
}


class Motion(IntEnum):
    """What the radar says of a person's movement."""

    NONE = 0
    STILL = 1
    ACTIVE = 2


class FallRadar:
    """One radar. `sensor_id` names its values in the tally; `line` has the faults of its cable."""

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, heartbeat_s: float = 10.0) -> None:
        """Unplugged until `running`; `link` is the path that a driver opens."""
        self.line = PtyPair(link, self._heard)
        self._tally = tally
        self._sensor_id = sensor_id
        self._heartbeat_s = heartbeat_s
        self._listener = r60.Listener()
        self._questions: asyncio.Queue[r60.What] = asyncio.Queue(_ANSWERS_MAX)
        self._state = {r60.PRESENCE: 1, r60.MOTION: Motion.STILL, r60.BODY_MOVEMENT: 1, r60.FALL_STATE: 0}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FallRadar"]:
        """Powered and plugged in."""
        self.line.plug()
        tasks = (
            asyncio.create_task(self._beat(), name=f"heartbeat of {self._sensor_id}"),
            asyncio.create_task(self._answer(), name=f"answers of {self._sensor_id}"),
        )
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.line.unplug()

    async def fall(self) -> None:
        """A person falls and lies still."""
        await self._become(r60.FALL_STATE, 1)
        await self._become(r60.MOTION, Motion.STILL)
        await self._become(r60.BODY_MOVEMENT, 1)

    async def get_up(self) -> None:
        """The person is up again."""
        await self._become(r60.FALL_STATE, 0)
        await self.move()

    async def move(self, body_movement: int = 40) -> None:
        """Somebody moves about; `body_movement` is 2 to 100."""
        await self._become(r60.PRESENCE, 1)
        await self._become(r60.MOTION, Motion.ACTIVE)
        await self._become(r60.BODY_MOVEMENT, body_movement)

    async def leave(self) -> None:
        """The room is empty."""
        await self._become(r60.MOTION, Motion.NONE)
        await self._become(r60.BODY_MOVEMENT, 0)
        await self._become(r60.PRESENCE, 0)

    async def _become(self, what: r60.What, value: int) -> None:
        if self._state[what] != value:
            self._state[what] = value
            await self._say(what, *what)

    async def _say(self, what: r60.What, control: int, command: int) -> None:
        value = self._state[what]
        if await self.line.say(r60.frame(control, command, bytes((value,)))):
            self._tally.add(self._sensor_id, _QUANTITIES[what], value)

    async def _beat(self) -> None:
        while True:
            await self.line.say(r60.frame(*r60.HEARTBEAT, r60.ASK))
            await asyncio.sleep(self._heartbeat_s)

    def _heard(self, data: bytes) -> None:
        for what, _ in self._listener.hear(data):
            if not self._questions.full():
                self._questions.put_nowait(what)

    async def _answer(self) -> None:
        while True:
            control, command = await self._questions.get()
            what = (control, command & ~r60.QUERY)
            if (control, command) in _NAMES:
                await self.line.say(r60.frame(control, command, _NAMES[control, command]))
            elif command & r60.QUERY and what in self._state:
                await self._say(what, control, command)
            elif command & r60.QUERY and what == r60.HEARTBEAT:
                await self.line.say(r60.frame(control, command, r60.ASK))
