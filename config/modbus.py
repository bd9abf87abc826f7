"""What only a look at all units of an RS-485 line can tell: maps, addresses that clash, a line that cannot keep up."""

from collections.abc import Iterator
from datetime import timedelta

from config.home import Home
from drivers.serial.modbus_map import ANY_UNIT
from drivers.serial.modbus_unit import ModbusUnit
from shouwang.bilingual import Bilingual, chinese, lines_of, told_by
from shouwang.complaint import duration_text, nearest
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Problem

SLOW = timedelta(seconds=2)
"""Smoke and gas are asked for every 1 to 2 s (shared design of serial devices, 2.1)."""
FULL = 0.8
"""Of the time a line may be busy; more leaves no room for what has to be asked again."""


def map_troubles(document: Document[Home]) -> list[str]:
    """What is wrong with the maps that units of this home name, a line each, with the map's file and line."""
    found: dict[str, None] = {}
    for _, unit in _units(document.value):
        try:
            _ = unit.register_map
        except ConfigError as error:
            found.update(dict.fromkeys(lines_of(told_by(error))))
    return list(found)


_ADD_LINE = Bilingual('add "modbus:" with "- line:" and "port:"', zh="请写 modbus:，下面写 - line: 和 port:")


def modbus_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What keeps a line from working; its maps can be read."""
    home = document.value
    lines = [part.line for part in home.modbus]
    for index, line in enumerate(lines):
        if line in lines[:index]:
            yield document.problem(
                ("modbus", index, "line"),
                Bilingual(f'"{line}" stands here twice; keep one of the two', zh=f"“{line}”写了两次；请留一个"),
            )
    for index, unit in _units(home):
        if unit.line not in lines:
            hint = nearest(unit.line, lines) if lines else _ADD_LINE
            yield document.problem(
                ("sensors", index, "line"),
                Bilingual(
                    f'no line has the name "{unit.line}"; {hint}', zh=f"没有叫“{unit.line}”的总线；{chinese(hint)}"
                ),
            )
            continue
        trouble = _address_trouble(unit, [other for _, other in _units(home) if other.line == unit.line])
        if trouble:
            yield document.problem(("sensors", index, "unit"), trouble)


def modbus_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What works, but not as meant."""
    home = document.value
    for index, part in enumerate(home.modbus):
        units = [unit for _, unit in _units(home) if unit.line == part.line]
        if not units:
            yield document.problem(
                ("modbus", index),
                Bilingual(
                    "no sensor sits on this line; add one with its line, or drop it",
                    zh="这条总线上没有传感器；请加一个并写上它的 line，或删去",
                ),
            )
        busy = sum(block.line_s(part.baudrate) / block.poll.total_seconds() for unit in units for block in unit.blocks)
        if busy > FULL:
            message = Bilingual(
                f"its {len(units)} units need it {busy:.0%} of the time: they are read less often than they should be; "
                "raise the baud rate, poll less often, or put some on a second line",
                zh=f"它的 {len(units)} 个设备占了总线 {busy:.0%} 的时间：读得没有应有的那么勤；请提高波特率、"
                f"少读几次，或把一些接到第二条总线",
            )
            yield document.problem(("modbus", index), message)
    for index, unit in _units(home):
        slow = [block.poll for block in unit.blocks if block.is_urgent and block.poll > SLOW]
        if slow:
            message = Bilingual(
                f"is read every {duration_text(max(slow))}, which is late for an alarm; at most 2s",
                zh=f"每 {duration_text(max(slow))} 才读一次，用于报警太迟；最多 2s",
            )
            yield document.problem(("sensors", index, "poll"), message)
        baudrate = next((part.baudrate for part in home.modbus if part.line == unit.line), None)
        factory = unit.register_map.factory.baudrate
        if factory not in (None, baudrate):
            message = Bilingual(
                f"leaves the factory at {factory} baud, its line runs at {baudrate}; set the unit, or the line",
                zh=f"出厂是 {factory} 波特，总线是 {baudrate}；请设置设备，或改总线",
            )
            yield document.problem(("sensors", index, "line"), message)


def _units(home: Home) -> Iterator[tuple[int, ModbusUnit]]:
    for index, sensor in enumerate(home.sensors):
        if isinstance(sensor, ModbusUnit):
            yield index, sensor


def _address_trouble(unit: ModbusUnit, on_line: list[ModbusUnit]) -> str:
    first = next(other for other in on_line if other.unit == unit.unit)
    if first is not unit:
        return Bilingual(
            f'"{first.id}" has the address {unit.unit} on this line too; both would answer at once: change one of them',
            zh=f"“{first.id}”在这条总线上的地址也是 {unit.unit}；两个会同时应答：请改一个",
        )
    if unit.unit != ANY_UNIT:
        return ""
    if not unit.register_map.any_unit:
        return Bilingual(
            f"{ANY_UNIT} is for SenseAir sensors alone; write the address that is set in this unit, 1 to 247",
            zh=f"{ANY_UNIT} 只用于 SenseAir 传感器；请写这个设备里设定的地址，1 到 247",
        )
    if len(on_line) > 1:
        others = ", ".join(other.id for other in on_line if other is not unit)
        return Bilingual(
            f"a sensor at {ANY_UNIT} answers to every address, so it must have its line for itself; "
            f"put {others} on another adapter, or write the sensor's own address here",
            zh=f"地址 {ANY_UNIT} 的传感器对每个地址都应答，必须独占总线；请把 {others} 接到另一个转换器，"
            f"或写这个传感器自己的地址",
        )
    return ""
