"""Units on an RS-485 line over pseudo terminals: real serial code, and what goes wrong on real lines."""

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import serialx
from fixtures.heard import Heard, end, supervised
from fixtures.quick_time import quickly, run_quickly

from config.loader import load
from drivers.joining import Leaver
from drivers.links import Links
from drivers.serial import modbus_bus, modbus_turns
from drivers.serial.link import Line, SerialPort, Traffic
from drivers.serial.modbus_bus import ModbusLine
from drivers.serial.modbus_unit import ModbusUnit
from gateway import supervise
from gateway.app import run
from gateway.supervise import keep
from shouwang.driver import Driver
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState
from simulators.serial.modbus_slaves import ModbusSlave, ModbusSlaves

UP, DOWN = SensorState.UP, SensorState.DOWN
BAUDRATE = 9600


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(modbus_bus, "ANSWER_S", 0.1)
    monkeypatch.setattr(modbus_turns, "LATE_S", 0.15)
    monkeypatch.setattr(modbus_turns, "PROBES_S", (0.1, 0.2))
    monkeypatch.setattr(modbus_turns, "PROBE_S", 0.2)


def smoke(unit: int = 1, **faults: object) -> ModbusSlave:
    return ModbusSlave(unit=unit, inputs={0: 0, 1: 1}, **faults)  # type: ignore[arg-type]


def climate(unit: int = 2, **faults: object) -> ModbusSlave:
    return ModbusSlave(unit=unit, input_registers={1: 215, 2: 480}, **faults)  # type: ignore[arg-type]


SMOKE_MAP, CLIMATE_MAP = "smoke_contact_waveshare", "climate_xymd02"


QUICK = timedelta(milliseconds=60)
"""Faster than a home may ask, so that a test need not wait."""


def sensor(unit: int, map_name: str, *, poll: timedelta | None = QUICK) -> ModbusUnit:
    written = {"kind": "modbus_unit", "id": f"unit-{unit}", "line": "rs485", "unit": unit, "map": map_name}
    return ModbusUnit.model_validate(written).model_copy(update={"poll": poll})


def line_at(port: Path, *, has_echo: bool = False) -> ModbusLine:
    return ModbusLine("rs485", str(port), Line(baudrate=BAUDRATE), has_echo=has_echo, answer_s=modbus_bus.ANSWER_S)


def drivers_on(line: ModbusLine, sensors: Sequence[ModbusUnit]) -> list[Driver]:
    links = Links(modbus={"rs485": line})
    return [one.build(links) for one in sensors]


@asynccontextmanager
async def watched(port: Path, *sensors: ModbusUnit, has_echo: bool = False) -> AsyncIterator[list[Heard]]:
    """The drivers as the gateway runs them, and their line."""
    line = line_at(port, has_echo=has_echo)
    async with supervised(*drivers_on(line, sensors)) as ears:
        task = asyncio.create_task(keep("the line", line.run))
        try:
            yield ears
        finally:
            await end(task)


BOTH = (sensor(1, SMOKE_MAP), sensor(2, CLIMATE_MAP))


@pytest.fixture
def slaves(tmp_path: Path) -> AbstractAsyncContextManager[ModbusSlaves]:
    """A detector and a thermometer on one line, for tests in virtual time."""
    return ModbusSlaves(tmp_path / "rs485", [smoke(), climate()]).running()


@quickly
async def test_each_unit_says_what_its_map_says(slaves: ModbusSlaves) -> None:
    async with watched(slaves.line.link, *BOTH) as (detector, room):
        await room.until_value(Quantity.TEMPERATURE, 21.5)
        await room.until_value(Quantity.HUMIDITY, 48)
        await detector.until_value(Quantity.SMOKE, 0)
        await detector.until_value(Quantity.PROBLEM, 0)
        slaves.units[1].inputs[0] = 1
        await detector.until_value(Quantity.SMOKE, 1)
        slaves.units[1].inputs[1] = 0
        await detector.until_value(Quantity.PROBLEM, 1)
    reading = next(one for one in detector.said if isinstance(one, Reading) and one.value == 1)
    assert reading.frame[:3] == b"\x01\x02\x01", "the answer as it came is the evidence"
    assert (slaves.broadcasts, slaves.writes) == (0, 0)


@quickly
async def test_a_state_that_lasts_is_not_told_each_second(slaves: ModbusSlaves) -> None:
    async with watched(slaves.line.link, *BOTH) as (detector, _):
        await detector.until_value(Quantity.SMOKE, 0)
        while slaves.units[1].asked < 4:
            await asyncio.sleep(0.05)
    assert detector.count(Quantity.SMOKE, 0) == 1


@quickly
async def test_a_dead_unit_is_down_by_itself_and_comes_back(slaves: ModbusSlaves) -> None:
    async with watched(slaves.line.link, *BOTH) as (detector, room):
        await detector.until_state(UP)
        await room.until_state(UP)
        slaves.units[2].is_silent = True
        await room.until_state(DOWN)
        assert "unit 2 on RS-485 line rs485 does not answer; is it powered, are A and B" in room.reason
        slaves.units[1].inputs[0] = 1
        await detector.until_value(Quantity.SMOKE, 1)
        slaves.units[2].input_registers[1] = 220
        slaves.units[2].is_silent = False
        await room.until_value(Quantity.TEMPERATURE, 22)
        await room.until_state(UP)
    assert detector.states == [UP]
    assert room.states == [UP, DOWN, UP]


@quickly
async def test_a_unit_that_is_not_there_is_told_and_joins_later(slaves: ModbusSlaves) -> None:
    late = slaves.units.pop(2)
    async with watched(slaves.line.link, *BOTH) as (_, room):
        await room.until_state(DOWN)
        slaves.units[2] = late
        await room.until_state(UP)


@quickly
async def test_units_come_and_go_while_their_line_is_asked(slaves: ModbusSlaves) -> None:
    """The others keep their turns; who has left is asked no more, also where nobody is left."""
    line = line_at(slaves.line.link)
    (first,) = drivers_on(line, BOTH[:1])
    asking = asyncio.create_task(keep("the line", line.run))
    async with supervised(first) as (detector,):
        await detector.until_value(Quantity.SMOKE, 0)
        (second,) = drivers_on(line, BOTH[1:])
        async with supervised(second) as (room,):
            await room.until_value(Quantity.TEMPERATURE, 21.5)
        assert isinstance(second, Leaver)
        second.close()
        await asyncio.sleep(0.2)  # a question may be on the wire
        asked = slaves.units[2].asked
        slaves.units[1].inputs[0] = 1
        await detector.until_value(Quantity.SMOKE, 1)
        assert detector.states == [UP]
    assert isinstance(first, Leaver)
    first.close()
    await asyncio.sleep(0.2)
    before = slaves.units[1].asked
    await asyncio.sleep(0.2)
    assert (slaves.units[1].asked, slaves.units[2].asked) == (before, asked)
    (again,) = drivers_on(line, BOTH[1:])
    async with supervised(again) as (room,):
        await room.until_value(Quantity.TEMPERATURE, 21.5)
    await end(asking)


@quickly
async def test_the_whole_line_is_told_when_it_is_unplugged_and_heals(slaves: ModbusSlaves) -> None:
    """Under another tty number behind the same name; an alarm that began meanwhile is heard at once."""
    async with watched(slaves.line.link, *BOTH) as ears:
        for lap in range(3):
            for ear in ears:
                await ear.until_state(UP)
            number = slaves.line.link.resolve()
            slaves.line.unplug()
            for ear in ears:
                await ear.until_state(DOWN)
                assert "RS-485 line rs485: " in ear.reason
                assert ear.reason_zh.startswith("RS-485 线路 rs485：")
                assert ear.reason not in ear.reason_zh, "all of it is in Chinese"
            slaves.units[1].inputs[0] = 1 - lap % 2
            taken, other = os.openpty()  # takes the number that is free now
            slaves.line.plug()
            assert slaves.line.link.resolve() != number
            await ears[0].until(lambda lap=lap: ears[0].count(Quantity.SMOKE, 1 - lap % 2) > lap // 2)
            os.close(taken)
            os.close(other)
    assert ears[0].states == [UP, DOWN] * 3 + [UP]


@pytest.mark.parametrize("moment", ["before it is open", "while a unit thinks", "in an answer", "while it is idle"])
@quickly
async def test_unplugged_in_every_state(tmp_path: Path, moment: str) -> None:
    units = [smoke(after_s=0.08 if moment == "while a unit thinks" else 0.0)]
    asked = asyncio.Event()
    slaves = ModbusSlaves(tmp_path / "rs485", units, heard=lambda _: asked.set())
    async with slaves.running():
        if moment == "before it is open":
            slaves.line.unplug()
        async with watched(slaves.line.link, BOTH[0]) as (ear,):
            if moment == "in an answer":
                slaves.line.drip_s = 0.01
            if moment == "while it is idle":
                await ear.until_state(UP)
            elif moment != "before it is open":
                await asked.wait()
                await asyncio.sleep(0.03)
            slaves.line.unplug()
            await ear.until_state(DOWN)
            slaves.line.drip_s = 0.0
            slaves.line.plug()
            await ear.until_state(UP)
            await ear.until_value(Quantity.SMOKE, 0)


@quickly
async def test_no_descriptor_leaks_over_many_replugs(slaves: ModbusSlaves) -> None:
    def open_now() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async with watched(slaves.line.link, *BOTH) as (ear, _):
        await ear.until_state(UP)
        before = open_now()
        for _ in range(20):
            slaves.line.unplug()
            await ear.until_state(DOWN)
            slaves.line.plug()
            await ear.until_state(UP)
        assert open_now() <= before + 1


@quickly
async def test_a_port_that_another_program_holds_is_told_and_taken_when_free(slaves: ModbusSlaves) -> None:
    other = serialx.serial_for_url(str(slaves.line.link), baudrate=BAUDRATE, exclusive=True)
    other.open()
    async with watched(slaves.line.link, *BOTH) as (detector, room):
        try:
            for ear in (detector, room):
                await ear.until_state(DOWN)
                assert "RS-485 line rs485: " in ear.reason
                assert "use" in ear.reason or "has it open" in ear.reason
        finally:
            other.close()
        await detector.until_state(UP)
        await room.until_state(UP)


@quickly
async def test_a_line_that_is_not_there_is_told_to_all_of_its_units(tmp_path: Path) -> None:
    async with watched(tmp_path / "nowhere", *BOTH) as ears:
        for ear in ears:
            await ear.until_state(DOWN)
            assert "nowhere is not there" in ear.reason


@quickly
async def test_a_hung_line_is_told_unit_by_unit_and_recovers(slaves: ModbusSlaves) -> None:
    async with watched(slaves.line.link, *BOTH) as ears:
        for ear in ears:
            await ear.until_state(UP)
        slaves.line.is_hung = True
        for ear in ears:
            await ear.until_state(DOWN)
        slaves.line.is_hung = False
        for ear in ears:
            await ear.until_state(UP)


@quickly
async def test_a_deaf_port_is_opened_anew(slaves: ModbusSlaves, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some adapters hang without an error, until they are opened anew."""
    monkeypatch.setattr(modbus_bus, "DEAF_S", 0.5)
    slaves.line.is_hung = True
    line = line_at(slaves.line.link)
    drivers_on(line, BOTH)
    task = asyncio.create_task(line.run())
    try:
        async with asyncio.timeout(20):
            while line._link.traffic.opened < 3:
                await asyncio.sleep(0.02)
        assert not task.done()
    finally:
        await end(task)


NOISES = [b"\0", b"\0\0\0", b"\xff", b"\x01\x02", bytes(range(40)), b"\x02\x04\x04\x00"]


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.hex()[:12])
@quickly
async def test_noise_around_answers_costs_no_answer(tmp_path: Path, noise: bytes) -> None:
    units = [smoke(before=noise, behind=noise), climate(before=noise, behind=noise)]
    async with ModbusSlaves(tmp_path / "rs485", units).running() as slaves, watched(slaves.line.link, *BOTH) as ears:
        for ear in ears:
            await ear.until_state(UP)
        while units[0].asked < 4:
            await asyncio.sleep(0.05)
    assert [ear.states for ear in ears] == [[UP], [UP]]


@quickly
async def test_an_answer_cut_at_every_byte_is_read(slaves: ModbusSlaves) -> None:
    slaves.line.drip_s = 0.002
    async with watched(slaves.line.link, *BOTH) as (detector, room):
        await room.until_value(Quantity.TEMPERATURE, 21.5)
        slaves.units[1].inputs[0] = 1
        await detector.until_value(Quantity.SMOKE, 1)


@quickly
async def test_a_garbled_answer_is_counted_and_asked_for_again(slaves: ModbusSlaves) -> None:
    slaves.units[1].corrupt_next = 1
    line = line_at(slaves.line.link)
    detector, *_ = found = drivers_on(line, BOTH)
    async with supervised(*found) as (ear, _):
        task = asyncio.create_task(line.run())
        await ear.until_state(UP)
        await end(task)
    assert detector.rejected == 1  # type: ignore[attr-defined] # of ModbusUnitDriver
    assert ear.states == [UP]


@quickly
async def test_a_unit_that_always_garbles_is_told_so(slaves: ModbusSlaves) -> None:
    slaves.units[2].corrupt_next = 10_000
    async with watched(slaves.line.link, *BOTH) as (_, room):
        await room.until_state(DOWN)
        assert "unit 2 on RS-485 line rs485 answers with garbled bytes; do baud rate (9600)" in room.reason


@pytest.mark.parametrize("has_echo", [False, True], ids=["unknown", "as configured"])
@quickly
async def test_an_adapter_that_echoes_makes_no_dead_unit_alive(tmp_path: Path, has_echo: bool) -> None:
    units = [smoke(), climate(is_silent=True)]
    async with (
        ModbusSlaves(tmp_path / "rs485", units, echoes=True).running() as slaves,
        watched(slaves.line.link, *BOTH, has_echo=has_echo) as (detector, room),
    ):
        await detector.until_value(Quantity.SMOKE, 0)
        await room.until_state(DOWN)
    assert UP not in room.states


@quickly
async def test_a_late_answer_is_never_taken_for_another(tmp_path: Path) -> None:
    """Two questions of one length to one unit: the answer to the first comes when the second could be under way."""
    home = tmp_path / "two.yaml"
    home.write_text(
        "device: D\nsource: S\ntested: T\nmerge: false\nregisters:\n"
        "  - {address: 0, type: u16, quantity: temperature}\n"
        "  - {address: 9, type: u16, quantity: humidity}\n",
        encoding="utf-8",
    )
    unit = ModbusSlave(unit=3, holding={0: 20, 9: 50}, after_s=0.13)
    async with (
        ModbusSlaves(tmp_path / "rs485", [unit]).running() as slaves,
        watched(slaves.line.link, sensor(3, str(home))) as (ear,),
    ):
        await ear.until_state(DOWN)
        while unit.asked < 8:
            await asyncio.sleep(0.02)
        unit.after_s = 0.0
        await ear.until_value(Quantity.HUMIDITY, 50)
        await ear.until_value(Quantity.TEMPERATURE, 20)
    assert ear.count(Quantity.TEMPERATURE, 50) == ear.count(Quantity.HUMIDITY, 20) == 0


@quickly
async def test_an_exception_is_explained(slaves: ModbusSlaves) -> None:
    slaves.units[1].raises = 2
    async with watched(slaves.line.link, *BOTH) as (detector, room):
        await detector.until_state(DOWN)
        assert "unit 1 on RS-485 line rs485: exception 02, this unit has no input 0 to 1: is the map right?" in (
            detector.reason
        )
        await room.until_state(UP)
        slaves.units[1].raises = None
        await detector.until_state(UP)


@quickly
async def test_a_refused_number_hides_no_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The unit lives on what it does give; that something is refused is told in the log, once."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "device: D\nsource: S\ntested: T\nregisters:\n"
        "  - {address: 0, type: u16, quantity: smoke, values: {0: no, 1: yes}}\n"
        "  - {address: 7, type: u16, quantity: temperature}\n",
        encoding="utf-8",
    )
    unit = ModbusSlave(unit=1, holding={0: 0})
    async with (
        ModbusSlaves(tmp_path / "rs485", [unit]).running() as slaves,
        watched(slaves.line.link, sensor(1, str(mine))) as (ear,),
    ):
        await ear.until_value(Quantity.SMOKE, 0)
        while unit.asked < 8:
            await asyncio.sleep(0.02)
        unit.holding[0] = 1
        await ear.until_value(Quantity.SMOKE, 1)
    assert ear.states == [UP]
    assert caplog.text.count("this unit has no register 7: is the map right?") == 1


@quickly
async def test_a_withheld_alarm_makes_the_unit_down_but_another_alarm_of_it_is_heard(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "device: D\nsource: S\ntested: T\nregisters:\n"
        "  - {address: 0, type: u16, quantity: smoke, values: {0: no, 1: yes}}\n"
        "  - {address: 7, type: u16, quantity: heat-alarm, values: {0: no, 1: yes}}\n",
        encoding="utf-8",
    )
    unit = ModbusSlave(unit=1, holding={0: 0, 7: 0}, hides=frozenset({7}))
    async with (
        ModbusSlaves(tmp_path / "rs485", [unit]).running() as slaves,
        watched(slaves.line.link, sensor(1, str(mine))) as (ear,),
    ):
        await ear.until_state(DOWN)
        assert "answers, but not when asked for 1 from 7 on with function 3" in ear.reason
        told = len(ear.states)
        while unit.asked < 12:
            await asyncio.sleep(0.02)
        assert len(ear.states) == told, "its sound register does not make it look well"
        unit.holding[0] = 1
        await ear.until_value(Quantity.SMOKE, 1)
        unit.hides = frozenset()
        await ear.until_value(Quantity.HEAT_ALARM, 0)
        await ear.until_state(UP)


@quickly
async def test_a_pull_cord_is_told_when_it_is_pulled_and_not_again_while_it_is(slaves: ModbusSlaves) -> None:
    slaves.units[1].inputs[0] = 0
    async with watched(slaves.line.link, sensor(1, "sos_contact_waveshare")) as (cord,):
        await cord.until_state(UP)
        for pulls in (1, 2):
            slaves.units[1].inputs[0] = 1
            await cord.until(lambda pulls=pulls: cord.count(Quantity.SOS, 1) == pulls)
            asked = slaves.units[1].asked
            while slaves.units[1].asked < asked + 3:
                await asyncio.sleep(0.02)
            assert cord.count(Quantity.SOS, 1) == pulls
            slaves.units[1].inputs[0] = 0
            while slaves.units[1].asked < asked + 5:
                await asyncio.sleep(0.02)
    assert cord.count(Quantity.SOS, 0) == 0


@quickly
async def test_a_senseair_at_254_with_a_status_is_questionable(tmp_path: Path) -> None:
    unit = ModbusSlave(unit=104, input_registers={0: 32, 1: 0, 2: 0, 3: 904})
    async with (
        ModbusSlaves(tmp_path / "rs485", [unit]).running() as slaves,
        watched(slaves.line.link, sensor(254, "co2_senseair_s8")) as (ear,),
    ):
        await ear.until_value(Quantity.CO2, 904)
        await ear.until_value(Quantity.PROBLEM, 1)
    co2 = next(one for one in ear.said if isinstance(one, Reading) and one.quantity is Quantity.CO2)
    assert co2.quality is Quality.QUESTIONABLE


@quickly
async def test_random_faults_give_no_false_reading(tmp_path: Path) -> None:
    """Noise, cuts, flips, silence, late answers, unplugging: every reading that comes was the truth of some moment."""
    chance = random.Random(7)
    units = [smoke(1), climate(2), smoke(3)]
    sensors = (*BOTH, sensor(3, SMOKE_MAP))
    async with ModbusSlaves(tmp_path / "rs485", units).running() as slaves, watched(slaves.line.link, *sensors) as ears:
        for _ in range(60):
            unit = chance.choice(units)
            match chance.randrange(6):
                case 0:
                    unit.before = chance.randbytes(chance.randrange(20))
                case 1:
                    unit.behind = chance.randbytes(chance.randrange(20))
                case 2:
                    unit.corrupt_next = 1
                case 3:
                    unit.cut_next = 1
                case 4:
                    unit.after_s = chance.choice((0.0, 0.0, 0.12))
                case 5:
                    slaves.line.unplug()
                    slaves.line.plug()
            await asyncio.sleep(0.05)
        for unit in units:
            unit.before = unit.behind = b""
            unit.after_s = 0.0
        units[0].inputs[0] = 1
        await ears[0].until_value(Quantity.SMOKE, 1)
        for ear in ears:
            await ear.until_state(UP)
    assert set(ears[2].values) <= {(Quantity.SMOKE, 0.0), (Quantity.PROBLEM, 0.0)}
    assert set(ears[1].values) <= {(Quantity.TEMPERATURE, 21.5), (Quantity.HUMIDITY, 48.0)}


class Wire(SerialPort):
    """A line without a terminal: a kernel delivers when it likes, which virtual time cannot wait for."""

    def __init__(self, slaves: ModbusSlaves) -> None:
        self.traffic = Traffic()
        self._slaves = slaves
        self._come: asyncio.Queue[bytes] = asyncio.Queue()
        slaves.line = self  # type: ignore[assignment] # takes what the units say

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Wire"]:
        yield self

    async def say(self, data: bytes) -> bool:
        self._come.put_nowait(data)
        return True

    async def read(self) -> bytes:
        return await self._come.get()

    async def write(self, data: bytes) -> None:
        self._slaves._hear(data)


def test_the_pace_of_the_design_over_half_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loop's own clock: smoke each second, climate each 30 s, and a dead unit each 30 s and no more."""
    monkeypatch.undo()

    async def minutes() -> None:
        loop = asyncio.get_running_loop()
        units = [smoke(1), climate(2), climate(3, is_silent=True), climate(4)]
        slaves = ModbusSlaves(tmp_path / "rs485", units, baudrate=BAUDRATE, turn_s=0.02)
        line = line_at(tmp_path / "rs485")
        line._link = Wire(slaves)  # type: ignore[assignment]
        names = (SMOKE_MAP, CLIMATE_MAP, CLIMATE_MAP)
        sensors = [sensor(unit, name, poll=None) for unit, name in enumerate(names, 1)]
        drivers = drivers_on(line, [*sensors, sensor(4, CLIMATE_MAP, poll=timedelta(minutes=10))])
        async with supervised(*drivers) as ears:
            task = asyncio.create_task(keep("the line", line.run))
            await ears[2].until_state(DOWN)
            await asyncio.sleep(sum(modbus_turns.PROBES_S))
            asked = [unit.asked for unit in units]
            began = loop.time()
            await asyncio.sleep(1800)
            lasted = loop.time() - began
            counts = [unit.asked - before for unit, before in zip(units, asked, strict=True)]
            await end(task)
        assert counts[0] == pytest.approx(lasted, rel=0.02), "a period counts from the last question"
        assert counts[1] == pytest.approx(lasted / 30, abs=1)
        assert counts[2] == pytest.approx(lasted / 30.5, abs=1), "30 s from the end of the wait"
        assert counts[3] == 3
        assert [ear.states for ear in ears] == [[UP], [UP], [DOWN], [UP]]

    run_quickly(minutes())


def test_a_sensor_without_its_line_is_told_what_to_write() -> None:
    with pytest.raises(
        ConfigError, match='sits on the line "rs485", but the home has none of that name; write "modbus:"'
    ):
        BOTH[0].build(Links())


async def test_the_gateway_runs_the_lines_of_a_home(
    tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "home.yaml"
    path.write_text(
        f"""
gateway: {{id: gw-1, data_dir: {tmp_path / "data"}, language: en}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:{free_port}"}}
modbus:
  - {{line: rs485, port: {tmp_path / "rs485"}}}
sensors:
  - {{kind: modbus_unit, id: detector, line: rs485, unit: 1, map: {SMOKE_MAP}}}
  - {{kind: modbus_unit, id: nobody, line: rs485, unit: 9, map: {CLIMATE_MAP}}}
rules:
  - {{kind: silence, id: silence, after: 1s}}
""",
        encoding="utf-8",
    )
    async with ModbusSlaves(tmp_path / "rs485", [smoke()]).running():
        task = asyncio.create_task(run(load(path)))
        try:
            async with asyncio.timeout(20):
                while not (
                    "sensor detector is heard" in caplog.text and "sensor nobody is down: unit 9" in caplog.text
                ):
                    await asyncio.sleep(0.02)
            assert not task.done()
        finally:
            await end(task)
