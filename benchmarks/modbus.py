"""Sixteen Modbus units at 9600 baud, two of them dead: `./dev bench modbus [--json FILE]`. 1 where a target is missed.

Four units watch for smoke and gas (asked each second), the others for climate (each 30 s); bytes take as long as on a
wire, units 20 ms to think. Then all sixteen are asked each second, which is more than the line can carry: then too the
smoke detector comes first. The units are simulated in the same process, so the CPU is that of both sides.
"""

import asyncio
import logging
import math
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from _figures import Figure, options_of, report

from drivers.links import Links
from drivers.serial.link import Line
from drivers.serial.modbus_bus import ModbusLine
from drivers.serial.modbus_unit import ModbusUnit
from gateway.clock import Clock
from gateway.supervise import Supervisor, keep
from shouwang.reading import Reading
from shouwang.status import SensorStatus
from simulators.serial.modbus_slaves import ModbusSlave, ModbusSlaves

BAUDRATE = 9600
UNITS = 16
ALARMS = 4
DEAD = frozenset({3, 11})
"""One that watches for an alarm, one for climate."""
THINKS_S = 0.02
SECONDS = 40.0
SMOKE_TARGET_S = 2.0
"""Shared design of serial devices, 2.1: smoke every 1 to 2 s."""
ALARM_MAP, CLIMATE_MAP = "smoke_contact_waveshare", "climate_xymd02"


@dataclass
class Load:
    """What one run is like."""

    name: str
    poll: str | None = None
    seconds: float = SECONDS
    asked: dict[int, list[float]] = field(default_factory=dict)

    def hear(self, unit: int) -> None:
        """A unit is asked."""
        self.asked.setdefault(unit, []).append(time.perf_counter())

    def pauses(self, unit: int) -> list[float]:
        """Between the questions to one unit."""
        moments = self.asked.get(unit, [])
        return [later - earlier for earlier, later in pairwise(moments)] or [math.inf]


def _slave(unit: int) -> ModbusSlave:
    return ModbusSlave(unit=unit, inputs={0: 0, 1: 1}, input_registers={1: 215, 2: 480}, is_silent=unit in DEAD)


def _sensor(unit: int, load: Load) -> ModbusUnit:
    written = {"kind": "modbus_unit", "id": f"unit-{unit}", "line": "rs485", "unit": unit}
    written |= {"map": ALARM_MAP if unit <= ALARMS else CLIMATE_MAP} | ({"poll": load.poll} if load.poll else {})
    return ModbusUnit.model_validate(written)


async def measure(load: Load) -> list[Figure]:
    """The figures of one load."""
    with tempfile.TemporaryDirectory() as folder:
        slaves = ModbusSlaves(
            Path(folder) / "rs485",
            [_slave(unit) for unit in range(1, UNITS + 1)],
            baudrate=BAUDRATE,
            turn_s=THINKS_S,
            heard=load.hear,
        )
        async with slaves.running():
            return await _run(load, slaves)


async def _run(load: Load, slaves: ModbusSlaves) -> list[Figure]:
    line = ModbusLine("rs485", str(slaves.line.link), Line(baudrate=BAUDRATE))
    links, clock = Links(modbus={"rs485": line}), Clock()
    smoke_at: list[float] = []
    states: dict[str, str] = {}

    def accept(said: object) -> None:
        if isinstance(said, Reading) and said.sensor_id == "unit-1" and said.value == 1:
            smoke_at.append(time.perf_counter())
        elif isinstance(said, SensorStatus):
            states[said.sensor_id] = said.state.value

    drivers = [_sensor(unit, load).build(links) for unit in range(1, UNITS + 1)]
    cpu, wall = time.process_time(), time.perf_counter()
    tasks = [asyncio.create_task(Supervisor(driver, clock, accept).run()) for driver in drivers]
    tasks.append(asyncio.create_task(keep("the line", line.run)))
    try:
        waits = await _burn(slaves.units[1], smoke_at, until=wall + load.seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    lasted = time.perf_counter() - wall
    share = 100 * (time.process_time() - cpu) / lasted
    return _figures(load, waits, states, share)


async def _burn(detector: ModbusSlave, smoke_at: list[float], *, until: float) -> list[float]:
    """Smoke comes and goes; how long each time until it was a reading."""
    waits: list[float] = []
    await asyncio.sleep(3.0)
    while time.perf_counter() < until:
        heard, began = len(smoke_at), time.perf_counter()
        detector.inputs[0] = 1
        while len(smoke_at) == heard and time.perf_counter() < began + 10:  # noqa: ASYNC110 - two clocks to look at
            await asyncio.sleep(0.01)
        waits.append(time.perf_counter() - began)
        detector.inputs[0] = 0
        await asyncio.sleep(2.37)  # out of step with the questions
    return waits


def _figures(load: Load, waits: list[float], states: dict[str, str], share: float) -> list[Figure]:
    alive = [unit for unit in range(1, UNITS + 1) if unit not in DEAD]
    alarms = [pause for unit in alive if unit <= ALARMS for pause in load.pauses(unit)]
    others = [pause for unit in alive if unit > ALARMS for pause in load.pauses(unit)]
    down = {int(name.removeprefix("unit-")) for name, state in states.items() if state != "up"}
    probes = [len(load.asked.get(unit, ())) for unit in DEAD]
    first = [moments[0] for moments in load.asked.values()]
    figures = [
        Figure(name="smoke to reading, longest", value=max(waits), unit="s", target=SMOKE_TARGET_S),
        Figure(name="smoke to reading, median", value=sorted(waits)[len(waits) // 2], unit="s"),
        Figure(name="between two looks at a detector, longest", value=max(alarms), unit="s", target=SMOKE_TARGET_S),
        Figure(name="units told wrongly as dead or alive", value=len(down ^ DEAD), target=0),
        Figure(name="all units asked once after opening", value=max(first) - min(first), unit="s"),
        Figure(name="questions to a dead unit, most", value=max(probes)),
        Figure(name="all questions", value=sum(map(len, load.asked.values())) / load.seconds, unit="/s"),
        Figure(name="CPU, both sides in one process", value=share, unit="% of a core"),
    ]
    if math.isfinite(max(others)):
        figures.append(Figure(name="between two looks at a climate unit, longest", value=max(others), unit="s"))
    return [replace(figure, name=f"{load.name}: {figure.name}") for figure in figures]


def main() -> int:
    """Measure, print, write; 1 where a target is missed."""
    options = options_of(__doc__).parse_args()
    logging.disable(logging.WARNING)  # that two units are dead is what this is about
    loads = (Load(name="as in a home"), Load(name="each second", poll="1s", seconds=20.0))
    figures = [figure for load in loads for figure in asyncio.run(measure(load))]
    return report(figures, options.json, units=UNITS, dead=sorted(DEAD), baudrate=BAUDRATE)


if __name__ == "__main__":
    sys.exit(main())
