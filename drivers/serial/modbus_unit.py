"""A unit on an RS-485 line that speaks Modbus-RTU, whatever it measures: its register map says what its registers mean.

The line polls it among the others; here its answers become samples. A unit that answers nothing, or withholds what a
life may hang on, is down by itself: its neighbours live on.
"""

import asyncio
from datetime import timedelta
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Never

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.links import Links
from drivers.rejects import Rejects
from drivers.serial.modbus_block import Block, Reject, blocks_of, read_block
from drivers.serial.modbus_bus import Heard, ModbusLine
from drivers.serial.modbus_ear import Question
from drivers.serial.modbus_map import ANY_UNIT, MAX_POLL, MAX_UNIT, MIN_POLL, MapName, RegisterMap, load_map
from drivers.serial.pace import Pace
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id
from shouwang.driver import Alive, Driver, Emit, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

NUMBERS_S = 10.0
"""How often a number that is read every second is worth a reading."""
FRESH_S = 5.0
"""An answer that waited longer than this for its driver is of the past; a newer one follows."""


def _unit(written: int) -> int:
    if not (1 <= written <= MAX_UNIT or written == ANY_UNIT):
        raise ValueError(
            Bilingual(
                f"{written} is not the address of one unit; it is 1 to {MAX_UNIT} "
                f"(0 would speak to all at once; {ANY_UNIT} only for a SenseAir sensor that has the line for itself)",
                zh=f"{written} 不是单个设备的地址；地址是 1 到 {MAX_UNIT}（0 会同时叫所有设备；{ANY_UNIT} "
                f"只用于独占总线的 SenseAir 传感器）",
            )
        )
    return written


class ModbusUnit(BaseModel):
    """A unit on an RS-485 line: smoke, CO, gas, leak, climate, contact ... as its register map says."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset(Quantity)

    kind: Literal["modbus_unit"]
    id: Id = Field(description="name of this sensor in the home")
    line: Id = Field(description="the line that it sits on, as named under modbus")
    unit: Annotated[int, AfterValidator(_unit)] = Field(description="its address on the line, 1 to 247")
    map: MapName = Field(
        description="what its registers mean: a map that comes with this program, or the file of one of your own"
    )
    poll: Duration | None = Field(
        default=None,
        ge=MIN_POLL,
        le=MAX_POLL,
        description="how often it is read, e.g. 1s; left out: as the map says (alarms 1 s, climate 30 s)",
    )

    @cached_property
    def register_map(self) -> RegisterMap:
        """What its registers mean. Raises ConfigError: a line per problem, with the map's file and line."""
        return load_map(self.map)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What is read with one question each. Raises ConfigError."""
        return blocks_of(self.register_map, self.unit, poll=self.poll)

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What its map can say. Raises ConfigError."""
        return self.register_map.can_say

    @property
    def will_say(self) -> frozenset[Quantity]:
        """The same: a map names what there is."""
        return self.can_say

    def build(self, links: Links) -> Driver:
        """The driver of this sensor."""
        return ModbusUnitDriver(self, links.modbus_line(self.id, self.line))


class ModbusUnitDriver:
    """Takes what the line hears from this unit, and emits what it means."""

    def __init__(self, config: ModbusUnit, line: ModbusLine) -> None:
        """Takes a seat on the line; nothing is asked before the line runs."""
        self._config = config
        self._line = line
        self._rejects = Rejects(config.id)
        self._seat = line.seat(config.unit, config.blocks, self._rejects.add)
        self._pace = Pace(NUMBERS_S)
        self._memory = _Memory()

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._config.id

    @property
    def max_silence(self) -> timedelta | None:
        """None: the line counts unanswered questions, which is sooner and knows why (see `run`)."""
        return None

    @property
    def rejected(self) -> int:
        """How many answers could not be read since the start."""
        return self._rejects.count

    def close(self) -> None:
        """Its unit is not asked any more."""
        self._line.leave(self._config.unit, self._seat)

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError when two questions in a row were not answered, or the line is lost.

        Called again while that is so it waits, and emits from the first answer on.
        """
        self._pace.forget()
        self._memory.forget()
        while True:
            heard = await self._seat.next()
            now = asyncio.get_running_loop().time()
            if now - heard.at > FRESH_S:
                continue
            for one in self._pace.pick(self._said(heard), now):
                emit(one)

    def _said(self, heard: Heard) -> list[Said]:
        try:
            said = self._memory.told(heard.block, read_block(heard.block, heard.frame, self._rejects.add))
        except DecodeError as error:
            self._rejects.add(error)
            return []
        if self._seat.complaint:  # what it withholds may be an alarm: it is not well, but what it does say counts
            return [one for one in said if _is_alarm(one)]
        return said


class _Memory:
    """What the blocks of one unit said, where they say it together, and events, which are told when they begin."""

    def __init__(self) -> None:
        self._problems: dict[Question, float] = {}
        self._events: dict[Quantity, float] = {}

    def forget(self) -> None:
        self._problems.clear()
        self._events.clear()

    def told(self, block: Block, said: list[Said]) -> list[Said]:
        found = [one for one in (self._one(block, said_) for said_ in said) if one is not None]
        return found or [Alive()]

    def _one(self, block: Block, said: Said) -> Said | None:
        if not isinstance(said, Sample):
            return said
        if said.quantity is Quantity.PROBLEM:
            self._problems[block.question] = said.value
            return msgspec.structs.replace(said, value=max(self._problems.values()))
        if QUANTITIES[said.quantity].event:
            before = self._events.get(said.quantity, 0.0)
            self._events[said.quantity] = said.value
            return said if said.value > before else None
        return said


def decode(block: Block, frame: bytes, reject: Reject | None = None) -> list[Said]:
    """What a whole answer to the question of this block means. Raises DecodeError; see `read_block`."""
    return read_block(block, frame, reject or _refuse)


def _refuse(error: DecodeError) -> None:
    raise error


def _is_alarm(said: Said) -> bool:
    return isinstance(said, Sample) and QUANTITIES[said.quantity].life_safety and said.value != 0
