"""`shouwang gateway ports` as an installer sees it: what is there, what answers, what to paste."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fixtures.heard import end
from fixtures.quick_time import quickly
from fixtures.serial_line import SERIAL_KINDS, SerialKind, held_by, open_files
from pydantic import TypeAdapter

from config.home import Home, ModbusPart
from config.loader import load
from drivers import AnyDriver
from drivers.serial import enocean_dongle, probe, rfxtrx_radio
from drivers.serial import ports as ports_module
from drivers.serial.codec.r60 import size_of
from drivers.serial.fall_radar_r60 import INSTRUMENT
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument
from drivers.serial.instruments import INSTRUMENTS
from drivers.serial.modem_part import ModemPart
from drivers.serial.ports import ports_here
from gateway import ports
from shouwang.cli import main
from shouwang.driver import Alive
from simulators.serial import r60
from simulators.serial.enocean_dongle import EnoceanDongle
from simulators.serial.modbus_slaves import ModbusSlave, ModbusSlaves
from simulators.serial.modem import Modem
from simulators.serial.ptypair import PtyPair
from simulators.serial.rfxtrx import Rfxtrx
from simulators.tally import Tally

FEW = (INSTRUMENT,)
HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: "mqtts://centre.example"}
sensors:
  - {kind: fall_radar_r60, id: fall-radar, port: PORT}
rules:
  - {kind: fall, id: fall}
"""


async def told(*named: Path, **more: Any) -> str:
    lines: list[str] = []
    await ports.ports(None, lines.append, named=[str(path) for path in named], **more)
    return "\n".join(lines)


def pasted(text: str, mark: str) -> Any:
    """The YAML that follows the sentence with this mark."""
    lines = text.partition(mark)[2].partition("\n")[2].partition("These lines stand")[0]
    return yaml.safe_load("sensors:\n" + lines) if mark.startswith("To use") else yaml.safe_load(lines)


@pytest.mark.parametrize("kind", SERIAL_KINDS, ids=lambda kind: kind.name)
@quickly
async def test_every_instrument_is_known_by_its_answers(kind: SerialKind, tmp_path: Path) -> None:
    before = open_files()
    async with kind.simulator(tmp_path).running() as device:
        text = await told(device.line.link)
    assert f"looks like: {kind.instrument.zh} {kind.instrument.en}\n" in text
    (entry,) = pasted(text, "To use one")["sensors"]
    assert entry["port"] == str(device.line.link)
    sensor = TypeAdapter[AnyDriver](AnyDriver).validate_python(entry)
    assert sensor.kind == kind.kind
    assert entry.get("model") == kind.keys.get("model")
    assert open_files() <= before + 1


def test_every_instrument_is_tried_with_a_simulator() -> None:
    """A kind that `ports` asks for, and nobody has shown to be told from the others, is a gap."""
    assert {one.en for one in INSTRUMENTS if not one.part} == {kind.instrument.en for kind in SERIAL_KINDS}


@quickly
async def test_several_ports_are_asked_at_a_time_and_told_in_order(tmp_path: Path) -> None:
    mute, foreign = (PtyPair(tmp_path / name, lambda _: None) for name in ("mute", "foreign"))
    for pair in (mute, foreign):
        pair.plug()
    chatter = asyncio.create_task(_chatter(foreign))
    async with SERIAL_KINDS[0].simulator(tmp_path).running() as device:
        text = await told(mute.link, device.line.link, foreign.link, tmp_path / "nowhere", instruments=FEW)
    await end(chatter)
    parts = [part.splitlines() for part in text.split("\n\n")]
    assert parts[0][0].startswith("asking 4 ports what is there; this takes up to ")
    assert parts[1][1].startswith("  nothing answers at 115200 baud; is it switched on")
    assert "its TX on the adapter's RX" in parts[1][1]
    assert "looks like: 60 GHz 跌倒雷达 60 GHz fall radar" in parts[2][1]
    assert parts[3][1].startswith("  something speaks here (")
    assert "nowhere is not there" in parts[4][1]
    for pair in (mute, foreign):
        pair.unplug()


async def _chatter(line: PtyPair) -> None:
    while True:
        await line.say(b"$GPGGA,no fix\r\n")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("is_locking", [True, False], ids=["with a lock", "without a lock"])
@quickly
async def test_nothing_is_written_to_a_port_that_another_program_holds(tmp_path: Path, is_locking: bool) -> None:
    written: list[bytes] = []
    line = PtyPair(tmp_path / "port", written.append)
    line.plug()
    async with held_by("gpsd", line.link, is_locking=is_locking) as pid:
        text = await told(line.link, modbus=True)
        await asyncio.sleep(0.05)
    line.unplug()
    assert f"is in use by gpsd (process {pid}); it takes adapters for GPS receivers" in text
    assert written == []


@quickly
async def test_two_that_cannot_be_told_apart_are_both_offered(tmp_path: Path) -> None:
    twins = (INSTRUMENT, _alike("bed_radar_r60"))
    async with SERIAL_KINDS[0].simulator(tmp_path).running() as device:
        text = await told(device.line.link, instruments=twins)
    assert "looks like: 60 GHz 跌倒雷达 60 GHz fall radar 或 or 像它 one like it" in text
    assert f"# one of the next 2 is right for {device.line.link}; paste only that one" in text
    assert [entry["kind"] for entry in pasted(text, "To use one")["sensors"]] == ["fall_radar_r60", "bed_radar_r60"]


@quickly
async def test_of_two_that_share_frames_the_one_that_understands_more_is_offered(tmp_path: Path) -> None:
    deaf = replace(_alike("bed_radar_r60"), framer=lambda: Framer(b"SY", size_of, lambda _: [Alive()], max_frame=64))
    async with SERIAL_KINDS[0].simulator(tmp_path).running() as device:
        text = await told(device.line.link, instruments=(deaf, INSTRUMENT))
    assert "looks like: 60 GHz 跌倒雷达 60 GHz fall radar\n" in text


def _alike(kind: str) -> Any:
    return replace(INSTRUMENT, kind=kind, zh="像它", en="one like it")


@quickly
async def test_a_modem_is_known_and_its_sim_left_in_peace(tmp_path: Path) -> None:
    async with Modem(tmp_path / "modem", pin="1234", sim="SIM PIN").running() as modem:
        text = await told(modem.line.link, instruments=FEW)
    assert "looks like: 短信模块 a modem SIMCOM_SIM7600E" in text
    part = pasted(text, "These lines stand")["modem"]
    assert ModemPart.model_validate(part).port == str(tmp_path / "modem")


@pytest.mark.parametrize(
    ("make", "instrument"),
    [(EnoceanDongle, enocean_dongle.INSTRUMENT), (Rfxtrx, rfxtrx_radio.INSTRUMENT)],
    ids=["enocean", "rfxtrx"],
)
@quickly
async def test_a_receiver_of_many_sensors_is_a_part_of_its_own(
    tmp_path: Path, make: type[EnoceanDongle | Rfxtrx], instrument: Instrument
) -> None:
    async with make(Tally(), link=tmp_path / "receiver").running() as receiver:
        text = await told(receiver.line.link)
    assert f"looks like: {instrument.zh} {instrument.en}\n" in text
    assert pasted(text, "These lines stand") == {instrument.part: {"port": str(tmp_path / "receiver")}}
    assert instrument.part in Home.model_fields


@pytest.mark.parametrize("echoes", [False, True])
@quickly
async def test_modbus_units_are_looked_for_only_on_request(tmp_path: Path, echoes: bool) -> None:
    units = [ModbusSlave(unit=2, holding={0: 7}), ModbusSlave(unit=5, before=b"\0"), ModbusSlave(unit=9, raises=1)]
    async with ModbusSlaves(tmp_path / "bus", units, echoes=echoes).running() as bus:
        assert "Modbus line? add --modbus" in await told(bus.line.link, instruments=(enocean_dongle.INSTRUMENT,))
        assert [unit.asked for unit in units] == [0, 0, 0]
        text = await told(bus.line.link, modbus=True, instruments=FEW)
        assert bus.writes == bus.broadcasts == 0
    assert "an RS-485 line with Modbus unit 2, 5, 9 at 9600 baud" in text
    (part,) = pasted(text, "These lines stand")["modbus"]
    assert ModbusPart.model_validate(part).baudrate == 9600
    assert [(one["unit"], one["line"]) for one in pasted(text, "To use one")["sensors"]] == [
        (2, "line"),
        (5, "line"),
        (9, "line"),
    ]


@quickly
async def test_ports_of_the_home_are_marked_and_not_offered_again(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        folders = [tmp_path / name for name in ("a", "b")]
        for folder in folders:
            folder.mkdir()
        ours, new = [await stack.enter_async_context(SERIAL_KINDS[0].simulator(folder).running()) for folder in folders]
        file = tmp_path / "home.yaml"
        file.write_text(HOME.replace("PORT", str(ours.line.link)), encoding="utf-8")
        lines: list[str] = []
        await ports.ports(load(file), lines.append, named=[str(ours.line.link), str(new.line.link)])
    text = "\n".join(lines)
    assert text.count("already here as fall-radar") == 1
    (entry,) = pasted(text, "To use one")["sensors"]
    assert (entry["id"], entry["port"]) == ("fall-radar-2", str(new.line.link))


async def test_a_name_without_its_folder_is_one_of_dev_and_what_is_not_there_gets_no_name_that_stays() -> None:
    text = await told(Path("ttyNOWHERE9"), instruments=FEW)
    assert "/dev/ttyNOWHERE9 is not there" in text
    assert "its name that stays" not in text
    assert "may belong to another adapter" not in await told(Path("ttyUSB99"), instruments=FEW)
    assert "its name that stays" not in await told(Path("/dev/serial/by-id/usb-nowhere"), instruments=FEW)


async def test_a_box_without_ports_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "ports_here", list)
    assert (await told()).startswith("this box has no serial port; is the adapter plugged in?")


def test_the_command_takes_ports_and_a_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "home.yaml"
    file.write_text(HOME.replace("PORT", "/dev/serial/by-id/radar"), encoding="utf-8")
    assert main(["gateway", "ports", str(tmp_path / "nowhere"), "-c", str(file)]) == 0
    assert "nowhere is not there" in capsys.readouterr().out


# --- which adapter it is, and by which name it is found again ---


def adapter(device: str, serial_number: str | None = None, *, vid: int | None = 0x1A86, pid: int = 0x7523) -> Any:
    return SimpleNamespace(
        device=device, vid=vid, pid=pid, serial_number=serial_number, manufacturer="QinHeng", product="USB Serial"
    )


def box(tmp_path: Path, found: Sequence[Any], links: Iterable[tuple[str, str]]) -> list[ports_module.Port]:
    """The ports of a box with these adapters and these links under /dev."""
    for name, device in links:
        link = tmp_path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(device)
    return ports_here(found=lambda: found, dev=tmp_path)


def test_an_adapter_with_a_serial_number_goes_by_id(tmp_path: Path) -> None:
    links = [("serial/by-id/usb-A1", "/dev/ttyUSB7"), ("serial/by-path/usb-0:1", "/dev/ttyUSB7")]
    (port,) = box(tmp_path, [adapter("/dev/ttyUSB7", "A1")], links)
    assert port.name == f"{tmp_path}/serial/by-id/usb-A1"
    assert (port.adapter, port.usb, port.why) == ("QinHeng USB Serial", "1a86:7523", "")


def test_two_adapters_without_serial_number_go_by_their_sockets_and_it_is_said_why(tmp_path: Path) -> None:
    links = [
        ("serial/by-id/usb-1a86_USB_Serial-if00-port0", "/dev/ttyUSB8"),  # the second took the name from the first
        ("serial/by-path/usb-0:1", "/dev/ttyUSB7"),
        ("serial/by-path/usb-0:2", "/dev/ttyUSB8"),
    ]
    first, second = box(tmp_path, [adapter("/dev/ttyUSB7"), adapter("/dev/ttyUSB8")], links)
    assert first.name == f"{tmp_path}/serial/by-path/usb-0:1"
    assert second.name == f"{tmp_path}/serial/by-path/usb-0:2"
    assert "leave it in that socket" in first.why
    assert "leave it in that socket" in second.why


def test_two_ports_of_one_adapter_are_no_twins(tmp_path: Path) -> None:
    links = [("serial/by-id/usb-if00", "/dev/ttyUSB7"), ("serial/by-id/usb-if01", "/dev/ttyUSB8")]
    for port in box(tmp_path, [adapter("/dev/ttyUSB7", "A1"), adapter("/dev/ttyUSB8", "A1")], links):
        assert "by-id" in port.name
        assert port.why == ""


def test_a_name_of_ones_own_is_best_and_a_bare_one_is_warned_of(tmp_path: Path) -> None:
    links = [("radar-bath", "/dev/ttyUSB7"), ("serial/by-id/usb-A1", "/dev/ttyUSB7")]
    own, bare, pins = box(
        tmp_path,
        [adapter("/dev/ttyUSB7", "A1"), adapter("/dev/ttyUSB8", "A2"), adapter("/dev/ttyUSX0", vid=None)],
        links,
    )
    assert own.name == f"{tmp_path}/radar-bath"
    assert "may belong to another adapter after a restart" in bare.why
    assert pins.why == ""


async def test_an_adapter_that_a_person_names_is_told_by_that_name(tmp_path: Path) -> None:
    links = [("serial/by-id/usb-A1", "/dev/ttyUSB7")]
    here = box(tmp_path, [adapter("/dev/ttyUSB7", "A1")], links)
    assert ports_module.named_port(f"{tmp_path}/serial/by-id/usb-A1", here).adapter == "QinHeng USB Serial"
    assert ports_module.named_port(str(tmp_path / "elsewhere"), here).name == str(tmp_path / "elsewhere")
    assert os.path.realpath(tmp_path / "elsewhere") == ports_module.named_port(str(tmp_path / "elsewhere"), here).device


def test_what_an_adapter_sends_back_is_no_answer() -> None:
    echo = probe.Echo()
    echo.asked(b"first")
    echo.asked(b"second")
    assert [echo.heard(b"fir"), echo.heard(b"stse"), echo.heard(b"condanswer")] == [b"", b"", b"answer"]
    echo.asked(b"third")
    assert [echo.heard(b"this comes by itself"), echo.heard(b"third")] == [b"this comes by itself", b"third"]


def test_a_frame_by_chance_in_another_stream_is_no_match() -> None:
    ear = probe._Ear(INSTRUMENT)
    ear.hear(b"$GPGGA,no fix\r\n" * 20 + r60.frame(*r60.FALL_STATE, b"\x00") * 4)
    assert ear.match() is None
    ear.hear(r60.frame(*r60.FALL_STATE, b"\x00") * 60)
    assert ear.match() is not None
