"""What one unit says over several questions, and when an answer is of the past."""

import asyncio
from datetime import timedelta

from fixtures.heard import Heard as Ear
from fixtures.heard import end

from drivers.links import Links
from drivers.serial.link import Line
from drivers.serial.modbus_bus import Heard, ModbusLine, Seat
from drivers.serial.modbus_map import RegisterMap
from drivers.serial.modbus_unit import FRESH_S, ModbusUnit, ModbusUnitDriver
from shouwang.document import parse
from shouwang.quantities import Quantity
from simulators.serial.modbus_slaves import ModbusSlave

MAP = """\
device: D
source: S
tested: T
registers:
  - {address: 0, type: u16, quantity: smoke, values: {0: no, 1: yes, 2: fault}}
  - {address: 9, type: u16, quantity: leak, values: {0: no, 1: yes, 2: fault}}
"""


class Unit:
    """A driver without a line, and its seat."""

    def __init__(self) -> None:
        config = ModbusUnit.model_validate(
            {"kind": "modbus_unit", "id": "it", "line": "l", "unit": 1, "map": "leak_xkc_y25"}
        )
        config.__dict__["register_map"] = parse(MAP, RegisterMap, name="m")
        self.blocks = config.blocks
        driver = config.build(Links(modbus={"l": ModbusLine("l", "/dev/null", Line(baudrate=9600))}))
        assert isinstance(driver, ModbusUnitDriver)
        self.driver = driver
        self.seat: Seat = driver._seat

    def hear(self, number: int, value: int, *, ago_s: float = 0.0) -> None:
        asked = self.blocks[number].question
        frame = ModbusSlave(unit=1, holding={asked.address: value}).answer(3, asked.address, 1, as_unit=1)
        assert frame is not None
        now = asyncio.get_running_loop().time()
        self.seat.hear(Heard(block=self.blocks[number], frame=frame, at=now - ago_s))


async def test_a_problem_of_any_register_is_one_of_the_unit() -> None:
    unit, ear = Unit(), Ear()
    task = asyncio.create_task(unit.driver.run(ear))
    unit.hear(0, 2)
    await ear.until_value(Quantity.PROBLEM, 1)
    unit.hear(1, 0)
    await ear.until_value(Quantity.LEAK, 0)
    assert ear.count(Quantity.PROBLEM, 0) == 0, "the other register is still at fault"
    unit.hear(0, 0)
    await ear.until_value(Quantity.PROBLEM, 0)
    await end(task)


async def test_an_answer_of_the_past_is_not_told_as_new() -> None:
    unit, ear = Unit(), Ear()
    unit.hear(0, 1, ago_s=FRESH_S + 1)
    unit.hear(1, 1)
    task = asyncio.create_task(unit.driver.run(ear))
    await ear.until_value(Quantity.LEAK, 1)
    assert ear.count(Quantity.SMOKE, 1) == 0
    await end(task)


async def test_what_was_said_while_the_driver_paused_is_bounded() -> None:
    unit = Unit()
    for _ in range(1000):
        unit.hear(0, 0)
    assert len(unit.seat._heard) < 100


def test_a_unit_of_its_own_pace() -> None:
    written = {"kind": "modbus_unit", "id": "it", "line": "l", "unit": 1, "map": "climate_xymd02", "poll": "5s"}
    unit = ModbusUnit.model_validate(written)
    assert [block.poll for block in unit.blocks] == [timedelta(seconds=5)]
    assert unit.can_say == unit.will_say == {Quantity.TEMPERATURE, Quantity.HUMIDITY}
