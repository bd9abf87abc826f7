"""A whole simulated home, in this process and as a process of its own, and recordings played through its oximeter."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from fixtures.ble_radio import OXIMETER, BleRadio, close_bleak

from shouwang.quantities import Quantity
from shouwang.recording import read_recording
from simulators.ble import plx
from simulators.broker import running_broker
from simulators.cast.oximeter import Oximeter, OximeterSpec
from simulators.home import HomeSpec, simulated_home
from simulators.player import play
from simulators.recording import play_recording
from simulators.scenario import Action, parse_scenario

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (apt install dbus)")

CONTINUOUS = "00002a5f-0000-1000-8000-00805f9b34fb"
WAIT_S = 20.0
ROOT = Path(__file__).parents[2]
NAN = plx.sfloat(None)

RECORDING = """at,quantity,value
0,HR,71
0,SaO2,97
60,HR,72.5
120,SaO2,91
120,GCS,15
180,HR,0
240,HR,73
"""


@asynccontextmanager
async def subscribed(address: str) -> AsyncIterator[list[bytes]]:
    device = await BleakScanner.find_device_by_address(address, timeout=WAIT_S)
    assert device is not None
    heard: list[bytes] = []
    async with BleakClient(device) as client:
        await client.start_notify(CONTINUOUS, lambda _, value: heard.append(bytes(value)))
        yield heard


async def settle(heard: list[bytes], count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while len(heard) < count:
            await asyncio.sleep(0.005)


def shown(radio: BleRadio) -> Oximeter:
    """The oximeter, as stories and recordings know it."""
    spec = OximeterSpec(kind="pulse_oximeter_plx", id=OXIMETER, address=radio.address)
    return Oximeter(spec, radio.oximeter)


async def test_a_recording_is_one_notification_per_moment(ble_radio: BleRadio) -> None:
    recording = read_recording(RECORDING.splitlines(), name="vitals.csv")
    with ble_radio.oximeter.held():
        async with subscribed(ble_radio.address) as heard:
            played = await play_recording(recording.moments, [shown(ble_radio)], within=timedelta(seconds=0.2))
            await settle(heard, 5)
    words = [value[1:5] for value in heard]
    assert words == [
        plx.sfloat(97) + plx.sfloat(71),
        NAN + plx.sfloat(72.5),
        plx.sfloat(91) + NAN,
        NAN + NAN,
        NAN + plx.sfloat(73),
    ]
    assert played.notifications == 5
    assert played.speed == pytest.approx(1200)
    assert played.refused == [(Quantity.HEART_RATE, 0.0)]
    assert played.unheard == 0
    assert recording.skipped == {"GCS": 1}
    emitted = {(OXIMETER, quantity, value): count for (quantity, value), count in played.emitted.items()}
    assert emitted == ble_radio.tally.counts()


async def test_an_empty_recording_says_nothing(ble_radio: BleRadio) -> None:
    async with subscribed(ble_radio.address):
        played = await play_recording([], [shown(ble_radio)], within=timedelta(seconds=1))
    assert played.notifications == 0


async def test_a_recorded_quantity_that_no_oximeter_measures_is_counted(ble_radio: BleRadio) -> None:
    lines = ["at,quantity,value", "0,door,1", "1,hr,70"]
    with ble_radio.oximeter.held():
        async with subscribed(ble_radio.address):
            moments = read_recording(lines, name="r").moments
            played = await play_recording(moments, [shown(ble_radio)], within=timedelta(seconds=0.05))
    assert played.ignored == Counter({Quantity.DOOR: 1})
    assert played.notifications == 1


async def test_nobody_listens_nobody_is_told(ble_radio: BleRadio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.cast.member.LISTENER_S", 0.05)
    moments = read_recording(["at,quantity,value", "0,hr,70"], name="r").moments
    played = await play_recording(moments, [shown(ble_radio)], within=timedelta(seconds=0.05))
    assert (played.notifications, played.unheard) == (0, 1)
    assert not played.emitted


STORY = """
scenario: short
lasts: 1s
steps:
  - {at: 00:00, oximeter: {spo2: 88, heart-rate: 104, over: 200ms}}
  - {at: 00:00, radar: fall}
  - {at: 00:00, sos: press}
  - {at: 00:00, door: open}
  - {at: 00:01, radar: up}
  - {at: 00:01, sos: cancel}
"""


@pytest.mark.slow
async def test_a_home_plays_a_story_and_counts_what_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_broker() as broker:
        spec = HomeSpec(broker=broker.url, interval_s=0.05)
        async with simulated_home(spec) as home, contextlib.AsyncExitStack() as stack:
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.ports.dbus)
            stack.push_async_callback(close_bleak)
            heard = await stack.enter_async_context(subscribed(home.ports.address))
            port = os.open(home.ports.serial, os.O_RDWR | os.O_NOCTTY)
            stack.callback(os.close, port)
            await asyncio.wait_for(home.radar.line.wait_until_open(), WAIT_S)
            await play(parse_scenario(STORY, name="short.yaml"), home.apply)
            with home.oximeter.held():
                emitted = home.emitted()
                spo2 = Counter(float(int.from_bytes(value[1:3], "little")) for value in heard)
        assert {value: n for (s, q, value), n in emitted.items() if q is Quantity.SPO2 and s == "oximeter"} == spo2
        assert emitted["sos-bed", Quantity.SOS, 1] == emitted["sos-bed", Quantity.CANCEL, 1] == 1
        assert emitted["radar-bath", Quantity.FALL, 1] == emitted["radar-bath", Quantity.FALL, 0] == 1
        assert emitted["door-front", Quantity.DOOR, 1] == 1
        assert 88.0 in spo2


class HomeProcess:
    """`simulators.process` as demo and end-to-end tests run it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def order(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.event()

    async def event(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), WAIT_S)
        return json.loads(line)

    async def rest(self) -> list[dict[str, Any]]:
        assert self.process.stdout is not None
        out = await asyncio.wait_for(self.process.stdout.read(), WAIT_S)
        return [json.loads(line) for line in out.splitlines()]


@asynccontextmanager
async def home_process(spec: object, temporary: Path) -> AsyncIterator[HomeProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "simulators.process", json.dumps(spec)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        yield HomeProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end of stdin", "SIGTERM", "SIGINT"])
async def test_the_process_obeys_and_leaves_nothing_behind(tmp_path: Path, how: str) -> None:
    async with running_broker() as broker, home_process({"broker": broker.url}, tmp_path) as home:
        ready = await home.event()
        assert ready["event"] == "ready"
        assert Path(ready["serial"]).is_symlink()
        bus = Path(ready["dbus"].removeprefix("unix:path=").split(",")[0])
        assert bus.is_socket()
        pressed = await home.order(apply={"sos": "press"}, id="a1")
        assert (pressed["event"], pressed["id"], pressed["step"]) == ("applied", "a1", {"sos": "press"})
        for wrong in ({"apply": {"sos": "push"}}, {"apply": {}}, {"dance": 1}, {"play": "/not/there.yaml"}):
            assert (await home.order(**wrong))["event"] == "refused"
        story = tmp_path / "story.yaml"
        story.write_text("scenario: s\nlasts: 0s\nsteps: [{at: 00:00, door: open}]\n")
        assert (await home.order(play=str(story)))["step"] == {"door": "open"}
        assert (await home.event())["event"] == "played"
        story.unlink()
        if how == "end of stdin":
            assert home.process.stdin is not None
            home.process.stdin.close()
        else:
            home.process.send_signal(signal.Signals[how])
        last = (await home.rest())[-1]
        assert last["event"] == "emitted"
        assert ["sos-bed", "sos", 1.0, 1] in last["counts"]
        assert await home.process.wait() == 0
        assert home.process.stderr is not None
        assert await home.process.stderr.read() == b""
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
async def test_the_process_places_a_storys_devices_and_plants_its_faults(tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(
        "scenario: s\nlasts: 0s\ndevices:\n"
        '  - {kind: blood_pressure_monitor_blp, id: cuff, address: "C0:FF:EE:00:00:21"}\n'
        "steps:\n  - {at: 00:00, cuff: {systolic: 135, diastolic: 85}}\n"
        "  - {at: 00:00, fault: {of: cuff, clock: lost}}\n"
    )
    async with running_broker() as broker, home_process({"broker": broker.url}, tmp_path) as home:
        await home.event()
        first = await home.order(play=str(story))
        assert first["step"] == {"cuff": {"of": "cuff", "systolic": 135.0, "diastolic": 85.0}}
        assert (await home.event())["step"] == {"fault": {"of": "cuff", "clock": "lost"}}
        assert (await home.event())["event"] == "played"
        again = await home.order(apply={"cuff": {"systolic": 120, "diastolic": 80}})
        assert again["event"] == "applied"
        for wrong, why in (
            ({"fault": {"of": "scale", "bond": "lost"}}, 'there is no device "scale" here; there are: cuff'),
            ({"meter": {"glucose": 5}}, "there are 0 devices for meter here"),
            ({"thermometer": {"of": "cuff", "body-temperature": 38}}, '"cuff" is a cuff, no thermometer'),
        ):
            refused = await home.order(apply=wrong)
            assert refused["event"] == "refused"
            assert why in refused["why"]


@pytest.mark.slow
async def test_a_killed_process_takes_its_bus_with_it(tmp_path: Path) -> None:
    async with running_broker() as broker, home_process({"broker": broker.url}, tmp_path) as home:
        ready = await home.event()
        directory = Path(ready["dbus"].removeprefix("unix:path=").split(",")[0]).parent
        pids = [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and str(directory) in _command(p)]
        assert len(pids) == 1
        home.process.kill()
        async with asyncio.timeout(WAIT_S):
            while Path("/proc", pids[0]).exists() and str(directory) in _command(Path("/proc", pids[0])):
                await asyncio.sleep(0.01)


def _command(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().decode(errors="replace")
    return ""


@pytest.mark.parametrize(
    ("argument", "said", "code"),
    [
        ({"broker": "mqtt://127.0.0.1:1", "oxymeter": "x"}, 'did you mean "oximeter"', 2),
        ({}, "broker", 2),
    ],
)
async def test_the_process_refuses_what_it_cannot_use(tmp_path: Path, argument: object, said: str, code: int) -> None:
    async with home_process(argument, tmp_path) as home:
        assert home.process.stderr is not None
        assert said in (await home.process.stderr.read()).decode()
        assert await home.process.wait() == code


def test_an_action_says_one_thing() -> None:
    assert Action.model_validate({"door": "open"}).door == "open"
