"""A fall radar R60AFD1 on a pseudo terminal: a heartbeat, reports when something changes, answers to questions."""

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

from shouwang.quantities import Quantity
from simulators.serial import r60
from simulators.serial.instrument import SimulatedInstrument, Utterance
from simulators.tally import Tally

MODEL_NAME = b"R60AFD1"

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


class FallRadar(SimulatedInstrument):
    """One radar."""

    def __init__(self, tally: Tally, *, sensor_id: str, link: Path, heartbeat_s: float = 10.0) -> None:
        """Unplugged until `running`; `link` is the path that a driver opens."""
        super().__init__(tally, sensor_id=sensor_id, link=link, every_s=heartbeat_s)
        self._listener = r60.Listener()
        self._state = {r60.PRESENCE: 1, r60.MOTION: Motion.STILL, r60.BODY_MOVEMENT: 1, r60.FALL_STATE: 0}

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

    def report(self) -> Iterable[Utterance]:
        """The heartbeat; states are told on change only."""
        yield Utterance(frame=r60.frame(*r60.HEARTBEAT, r60.ASK))

    def answers(self, data: bytes) -> Iterable[Utterance]:
        """The state that is asked for, the module's names, and the heartbeat."""
        for (control, command), _ in self._listener.hear(data):
            what = (control, command & ~r60.QUERY)
            if (control, command) in _NAMES:
                yield Utterance(frame=r60.frame(control, command, _NAMES[control, command]))
            elif command & r60.QUERY and what in self._state:
                yield self._told(what, command)
            elif command & r60.QUERY and what == r60.HEARTBEAT:
                yield Utterance(frame=r60.frame(control, command, r60.ASK))

    async def _become(self, what: r60.What, value: int) -> None:
        if self._state[what] != value:
            self._state[what] = value
            told = self._told(what, what[1])
            await self.say(told.frame, told.values)

    def _told(self, what: r60.What, command: int) -> Utterance:
        value = self._state[what]
        return Utterance(frame=r60.frame(what[0], command, bytes((value,))), values={_QUANTITIES[what]: value})
