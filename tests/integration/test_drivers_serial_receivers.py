"""EnOcean and RFXtrx on pseudo terminals, in virtual time: one receiver, many sensors, and what can go wrong."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fixtures.heard import Heard, end, supervised
from fixtures.quick_time import run_quickly
from pydantic import TypeAdapter

from config.loader import load
from drivers import AnyDriver, Links
from drivers.joining import Leaver
from drivers.links import receivers_for
from drivers.serial.enocean_dongle import DIALECT
from drivers.serial.receiver import FIRST_WORD_S, SILENT_S, Receiver
from drivers.serial.receiver_parts import EnoceanPart, RfxtrxPart
from gateway import supervise
from gateway.learn import learn
from gateway.supervise import keep
from shouwang.driver import Driver
from shouwang.errors import ConfigError, DeviceError
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.serial.enocean_dongle import EnoceanDongle
from simulators.serial.esp3 import FOUR_BYTES
from simulators.serial.instrument import SimulatedInstrument
from simulators.serial.nonin import Nonin
from simulators.serial.ptypair import PtyPair
from simulators.serial.rfxtrx import (
    ALARM,
    MODE,
    NORMAL,
    PANIC,
    RESET,
    START,
    STATUS,
    STORED,
    Rfxtrx,
    climate,
    lighting2,
    lighting4,
    security,
)
from simulators.tally import Tally

UP, DOWN, SILENT = SensorState.UP, SensorState.DOWN, SensorState.SILENT
SOS, DOOR, SMOKE, BUTTON = Quantity.SOS, Quantity.DOOR, Quantity.SMOKE, Quantity.BUTTON
CONTACT = {"kind": "enocean_device", "id": "door", "sender": "0198A1B2", "profile": "D5-00-01"}
CORD = {"kind": "enocean_device", "id": "cord", "sender": "00298979", "profile": "F6-02-01", "press": ["any"]}
PANEL = {"kind": "rfxtrx_device", "id": "remote", "device": "security1:4FA1B2"}
WINDOW = {"kind": "rfxtrx_device", "id": "window", "device": "security1:D3DC54"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 1.0)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 1.0)


def quickly(main: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        await main(folder / "port")

    run_quickly(run())


def links_at(port: Path, *, protocols: Any = ()) -> Links:
    enocean, rfxtrx = EnoceanPart(port=str(port)), RfxtrxPart(port=str(port), protocols=protocols)
    return Links(receivers=receivers_for(enocean, rfxtrx))


def built(links: Links, *written: dict[str, Any]) -> list[Driver]:
    configs: list[Any] = [TypeAdapter(AnyDriver).validate_python(one) for one in written]
    return [config.build(links) for config in configs]


@asynccontextmanager
async def listening(
    receiver: SimulatedInstrument, part: str, *written: dict[str, Any], links: Links | None = None
) -> AsyncIterator[list[Heard]]:
    """The receiver plugged in, and its sensors as the gateway runs them."""
    links = links or links_at(receiver.line.link)
    drivers = built(links, *written)
    async with receiver.running():
        task = asyncio.create_task(keep(part, links.receivers[part].run))
        try:
            async with supervised(*drivers) as heard:
                yield heard
        finally:
            await end(task)


async def gone_by(seconds: float) -> None:
    """So much (virtual) time passes; short waits are for what is on its way."""
    await asyncio.sleep(seconds)


def test_contacts_and_cords_behind_repeaters_are_heard_once(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        contact, cord = dongle.device("0198A1B2", "door"), dongle.device("00298979", "cord")
        async with listening(dongle, "enocean", CONTACT, CORD) as (door, pull):
            await pull.until_state(UP)  # it may say nothing for days
            cord.repeaters = contact.repeaters = 2
            for is_open in (True, False, True):
                await contact.contact(is_open=is_open)
                await gone_by(1)
            await cord.press("BO")
            await gone_by(5)
            assert [(one.quantity, one.value) for one in door.said if getattr(one, "quantity", None) is DOOR] == [
                (DOOR, 1),
                (DOOR, 0),
                (DOOR, 1),
            ]
            assert pull.count(SOS, 1) == 1
            await cord.press("AI")
            await gone_by(1)
            await cord.grab()
            await gone_by(1)
            assert pull.count(SOS, 1) == 3
            assert pull.count(BUTTON, 1) == 0

    quickly(main, tmp_path)


def test_a_press_is_not_lost_while_its_sensor_is_exchanged(tmp_path: Path) -> None:
    """What came to the ear of before and was not read is for the next one, but not for ever."""

    async def main(port: Path) -> None:
        links = links_at(port)
        dongle = EnoceanDongle(Tally(), link=port)
        cord = dongle.device("00298979", "cord")
        (before,) = built(links, CORD)
        assert isinstance(before, Leaver)
        async with listening(dongle, "enocean", CONTACT, links=links):
            await dongle.line.wait_until_open()
            await gone_by(1)
            await cord.press("BO")  # the driver of before does not run any more
            await gone_by(1)
            before.close()
            async with supervised(*built(links, {**CORD, "max_silence": "26h"})) as (pull,):
                await pull.until_value(SOS, 1)
            (after,) = built(links, CORD)
            assert isinstance(after, Leaver)
            await cord.press("BO")
            await gone_by(1)
            after.close()
            await gone_by(60)
            async with supervised(*built(links, CORD)) as (pull,):
                await gone_by(5)
                assert pull.count(SOS, 1) == 0, "a press of a minute ago is none"

    quickly(main, tmp_path)


def test_learning_and_strangers_are_told_and_are_no_readings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        async with listening(dongle, "enocean", CONTACT) as (door,):
            await dongle.line.wait_until_open()
            await gone_by(1)
            for _ in range(3):
                await dongle.device("DEADBEEF").learn_four_bytes(0x02, 0x05)
            await dongle.device("0198A1B2").learn()
            await dongle.device("0198A1B2").encrypted()
            await door.until_state(UP)
            await gone_by(1)
            assert not door.values

    quickly(main, tmp_path)
    told = [record.getMessage() for record in caplog.records if "heard a new device" in record.getMessage()]
    (line,) = told
    assert line == (
        "EnOcean dongle: heard a new device DEADBEEF (-61 dBm), looks like a thermometer. To use it, paste under "
        'sensors: - {kind: enocean_device, id: NAME, sender: "DEADBEEF", profile: A5-02-05}'
    )
    assert any("speaks encrypted" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(("part", "sensor"), [("enocean", CORD), ("rfxtrx", PANEL)])
def test_a_receiver_that_is_pulled_or_hangs_is_told_by_all_its_sensors(
    tmp_path: Path, part: str, sensor: dict[str, Any]
) -> None:
    async def main(port: Path) -> None:
        tally = Tally()
        receiver: Any = EnoceanDongle(tally, link=port) if part == "enocean" else Rfxtrx(tally, link=port)
        async with listening(receiver, part, sensor) as (heard,):
            await heard.until_state(UP)
            receiver.line.unplug()
            await heard.until_state(DOWN)
            assert "was lost" in heard.reason
            receiver.line.plug()
            await heard.until_state(UP)
            receiver.is_dumb = True
            await gone_by(SILENT_S)
            await heard.until_state(DOWN)
            assert "does not answer" in heard.reason
            await gone_by(300)
            receiver.is_dumb = False
            await gone_by(20)
            await heard.until_state(UP)
            if part == "enocean":
                await receiver.device("00298979").press()
            else:
                await receiver.hear(security("4fa1b2", PANIC, subtype=2), times=5)
            await heard.until_value(SOS, 1)
        assert heard.states == [UP, DOWN, UP, DOWN, UP]

    quickly(main, tmp_path)


def test_a_press_while_its_driver_pauses_is_not_lost(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        links = links_at(port)
        (driver,) = built(links, CORD)
        async with dongle.running():
            task = asyncio.create_task(keep("enocean", links.receivers["enocean"].run))
            await dongle.line.wait_until_open()
            await gone_by(1)
            await dongle.device("00298979").press()
            await gone_by(30)
            async with supervised(driver) as (heard,):
                await heard.until_value(SOS, 1)
            await end(task)

    quickly(main, tmp_path)


def test_no_pause_between_attempts_delays_a_call_after_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 60.0)

    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        cords = [{**CORD, "id": f"cord-{number}"} for number in range(6)]
        async with listening(dongle, "enocean", *cords) as heard:
            await heard[0].until_state(UP)
            dongle.line.unplug()
            await gone_by(600)
            dongle.line.plug()
            await gone_by(5)
            await dongle.device("00298979").press()
            await gone_by(0.1)
            assert [one.count(SOS, 1) for one in heard] == [1] * 6

    quickly(main, tmp_path)


def test_a_contact_that_reports_no_more_is_silent(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        contact = dongle.device("0198A1B2", "door")
        async with listening(dongle, "enocean", CONTACT) as (door,):
            for _ in range(4):
                await gone_by(30 * 60)
                await contact.contact(is_open=False)
            await door.until_state(UP)
            await gone_by(99 * 60)
            assert door.states == [UP]
            await gone_by(2 * 60)
            assert door.states == [UP, SILENT]
            await contact.contact(is_open=True)
            await gone_by(70)
            assert door.states == [UP, SILENT, UP]
            assert door.count(DOOR, 1) == 1

    quickly(main, tmp_path)


def test_noise_on_the_line_costs_no_telegram(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        async with listening(dongle, "enocean", CORD) as (pull,):
            await pull.until_state(UP)
            dongle.line.garbage = b"\x55\x00\x07\x55\xff"
            dongle.line.drip_s = 0.001
            for press in range(1, 4):
                await dongle.device("00298979").press()
                await gone_by(3)
                assert pull.count(SOS, 1) == press

    quickly(main, tmp_path)


def test_a_newcomer_is_told_again_when_its_learn_button_tells_its_profile(tmp_path: Path) -> None:
    told: list[str] = []

    async def main(port: Path) -> None:
        dongle = EnoceanDongle(Tally(), link=port)
        receiver = Receiver(DIALECT, str(port), tell=told.append)
        async with dongle.running():
            task = asyncio.create_task(receiver.run())
            await dongle.line.wait_until_open()
            for _ in range(2):
                await dongle.device("DEADBEEF").send(FOUR_BYTES, bytes.fromhex("00005508"))
                await dongle.device("DEADBEEF").learn_four_bytes(0x02, 0x05)
            await gone_by(1)
            await end(task)
        assert ["profile: A5-..-.." in one for one in told] == [True, False]
        assert "profile: A5-02-05" in told[1]

    quickly(main, tmp_path)


@pytest.mark.parametrize("part", ["enocean", "rfxtrx"])
def test_our_own_questions_sent_back_make_no_receiver_look_alive(tmp_path: Path, part: str) -> None:
    """An adapter with its two lines joined; behind it nobody hears a cord."""

    async def main(port: Path) -> None:
        receiver = links_at(port).receivers[part]
        said: asyncio.Queue[bytes] = asyncio.Queue()
        line = PtyPair(port, said.put_nowait)
        line.plug()
        echo = asyncio.create_task(_say_back(line, said))
        listening = asyncio.create_task(receiver.run())
        await gone_by(FIRST_WORD_S / 2)
        assert not receiver.is_listening
        with pytest.raises(DeviceError, match="does not answer"):
            await listening
        await end(echo)
        line.unplug()

    quickly(main, tmp_path)


async def _say_back(line: PtyPair, said: asyncio.Queue[bytes]) -> None:
    while True:
        await line.say(await said.get())


@pytest.mark.parametrize("part", ["enocean", "rfxtrx"])
def test_another_instrument_at_the_port_is_told(tmp_path: Path, part: str) -> None:
    async def main(port: Path) -> None:
        receiver = links_at(port).receivers[part]
        async with Nonin(Tally(), sensor_id="it", link=port).running():
            with pytest.raises(DeviceError, match="does not answer; is it the right port"):
                async with asyncio.timeout(FIRST_WORD_S + 5):
                    await receiver.run()

    quickly(main, tmp_path)


def test_433_mhz_devices_are_heard_after_the_handshake(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        radio = Rfxtrx(Tally(), link=port)
        sensors = [
            WINDOW,
            PANEL,
            {"kind": "rfxtrx_device", "id": "smoke", "device": "security1:A0B0C0"},
            {"kind": "rfxtrx_device", "id": "climate", "device": "temphum:7002"},
            {"kind": "rfxtrx_device", "id": "cord", "device": "lighting2:1234567:5", "says": {"on": "sos"}},
            {"kind": "rfxtrx_device", "id": "gate", "device": "lighting4:12345", "says": {"E": "open", "7": "closed"}},
        ]
        async with listening(radio, "rfxtrx", *sensors) as (window, remote, smoke, room, cord, gate):
            await cord.until_state(UP)
            await gone_by(2)
            assert radio.is_started
            for status in (ALARM, NORMAL, ALARM | 0x80):
                await radio.hear(security("d3dc54", status), times=5)
                await gone_by(3)
            assert [one.value for one in window.said if getattr(one, "quantity", None) is DOOR] == [1, 0, 1]
            assert window.count(Quantity.TAMPER, 1) == 1
            await radio.hear(security("4fa1b2", PANIC, subtype=2), times=5)
            await radio.hear(security("a0b0c0", PANIC, subtype=3), times=5)
            await radio.hear(climate("7002", 21.5, 48))
            await radio.hear(lighting2("01234567", 5, 1), times=5)
            await radio.hear(lighting4("12345e"), times=5)
            await gone_by(5)
            await radio.hear(lighting2("01234567", 5, 1), times=5)
            await gone_by(1)
            assert remote.count(SOS, 1) == 1
            assert smoke.count(SMOKE, 1) == 1
            assert room.count(Quantity.TEMPERATURE, 21.5) == 1
            assert cord.count(SOS, 1) == 2
            assert gate.count(DOOR, 1) == 1
        assert radio.commands[:3] == [RESET, STATUS, START]
        assert radio.protocols == STORED

    quickly(main, tmp_path)


def test_protocols_are_set_again_after_the_cable_was_out(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        radio = Rfxtrx(Tally(), link=port)
        links = links_at(port, protocols=["x10", "visonic"])
        async with listening(radio, "rfxtrx", WINDOW, links=links) as (window,):
            await window.until_state(UP)
            await gone_by(3)
            assert radio.protocols == bytes((0, 0, 0x81, 0))
            radio.line.unplug()
            radio.is_started, radio.protocols = False, STORED
            await window.until_state(DOWN)
            radio.line.plug()
            await window.until_state(UP)
            await gone_by(3)
            await radio.hear(security("d3dc54", ALARM))
            await window.until_value(DOOR, 1)
        assert radio.protocols == bytes((0, 0, 0x81, 0))
        assert radio.commands.count(MODE) == 2

    quickly(main, tmp_path)


def test_a_home_without_a_receiver_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match='write "enocean:" and under it "port:'):
        built(Links(), CONTACT)
    with pytest.raises(ConfigError, match='write "rfxtrx:" and under it "port:'):
        built(Links(), WINDOW)


def test_a_block_of_flats_does_not_fill_the_log(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        told: list[str] = []
        dongle = EnoceanDongle(Tally(), link=port)
        receiver = Receiver(DIALECT, str(port), tell=told.append)
        async with dongle.running():
            task = asyncio.create_task(receiver.run())
            await dongle.line.wait_until_open()
            for number in range(200):
                await dongle.device(f"{number:08X}").contact(is_open=True)
            await gone_by(1)
            await end(task)
        assert len(told) == 64

    quickly(main, tmp_path)


def test_an_installer_does_not_wait_for_receivers_that_are_not_there_and_hears_that_nobody_spoke(
    tmp_path: Path,
) -> None:
    told: list[str] = []

    async def main(port: Path) -> None:
        text = (
            "gateway: {id: gw-1, data_dir: data}\nresident: {id: r1}\nuplink: {url: mqtts://centre.example}\n"
            f"enocean: {{port: {port}}}\nsensors:\n"
            '  - {kind: enocean_device, id: door, sender: "0198A1B2", profile: D5-00-01}\nrules: []\n'
        )
        path = tmp_path / "home.yaml"
        path.write_text(text, encoding="utf-8")
        async with asyncio.timeout(20):
            await learn(load(path), 60.0, told.append)
        assert "is not there" in told[-1]
        async with EnoceanDongle(Tally(), link=port).running():
            await learn(load(path), 60.0, told.append)
        assert told[-1].startswith("no device was heard; press its learn button")

    quickly(main, tmp_path)


def test_an_installer_hears_who_is_in_reach(tmp_path: Path) -> None:
    told: list[str] = []

    async def main(port: Path) -> None:
        text = (
            "gateway: {id: gw-1, data_dir: data}\nresident: {id: r1}\nuplink: {url: mqtts://centre.example}\n"
            f"enocean: {{port: {port}}}\nrfxtrx: {{port: {port}-433}}\nsensors:\n"
            '  - {kind: enocean_device, id: door, sender: "0198A1B2", profile: D5-00-01}\nrules: []\n'
        )
        path = tmp_path / "home.yaml"
        path.write_text(text, encoding="utf-8")
        dongle, radio = EnoceanDongle(Tally(), link=port), Rfxtrx(Tally(), link=Path(f"{port}-433"))
        async with dongle.running(), radio.running():
            task = asyncio.create_task(learn(load(path), 60.0, told.append))
            await gone_by(10)
            for _ in range(3):
                await dongle.device("0198A1B2").contact(is_open=True)
                await dongle.device("00298979").press()
                await radio.hear(security("a0b0c0", PANIC, subtype=3), times=3)
            await gone_by(60)
            assert task.done()

    quickly(main, tmp_path)
    assert len(told) == 4
    assert told[0].startswith("listening for 60 s")
    assert "heard door, which the home has already" in told
    assert any('sender: "00298979", profile: F6-02-02' in line for line in told)
    assert any('device: "security1:A0B0C0", says: {panic: smoke' in line for line in told)
