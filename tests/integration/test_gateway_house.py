"""The home alone: from a sensor's frame to siren, loudspeaker and valve, with no centre, and after a restart."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing, suppress
from functools import partial

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from config.loader import load
from gateway import try_out
from gateway.app import OUTBOX_FILE, run
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.errors import ConfigError

SIREN, RED, YELLOW = 17, 22, 23


@pytest.fixture
def pins():
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


@pytest.fixture
def home_file(tmp_path, free_port, mosquitto):
    path = tmp_path / "home.yaml"
    path.write_text(
        f"""
gateway: {{id: gw-1, data_dir: {tmp_path / "data"}, language: en}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:{free_port}"}}
local_broker: {{url: "mqtt://127.0.0.1:{mosquitto.port}"}}
sensors:
  - {{kind: sos_button_zigbee2mqtt, id: bed, topic: zigbee2mqtt/bed, press: [single]}}
  - {{kind: sensor_zigbee2mqtt, id: gas, topic: zigbee2mqtt/gas, says: [gas-alarm]}}
  - kind: mqtt_json
    id: fob
    topic: zigbee2mqtt/fob
    values: [{{path: action, quantity: button, values: {{pause: 3, open: 4}}}}]
presets: [{{use: sos}}, {{use: home-safety}}]
audio_pause: [{{sensor: fob, value: 3}}]
annunciators:
  - {{kind: speech}}
  - {{kind: gpio_siren, id: siren, pin: {SIREN}}}
  - {{kind: gpio_lamp, id: lamp, red: {RED}, yellow: {YELLOW}}}
cut_offs:
  - id: gas-valve
    cuts: gas
    by: {{kind: mqtt_switch, topic: zigbee2mqtt/valve}}
    closed_when: switched_off
    open_by: [{{sensor: fob, value: 4}}]
""",
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def running(path):
    task = asyncio.create_task(run(load(path), reread=partial(load, path)))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stop(task):
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await task


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


class Room:
    """The devices behind the local broker: what they say, and a valve that obeys."""

    def __init__(self, session):
        self._session = session
        self.orders = []

    async def follow(self):
        await self._session.subscribe(["zigbee2mqtt/valve/set"])
        async for message in self._session.messages():
            message.ack()
            self.orders.append(message.payload.decode())
            state = b'{"state":"OFF"}' if "OFF" in self.orders[-1] else b'{"state":"ON"}'
            await self.say("valve", state)

    async def say(self, name, payload):
        with suppress(PublishRefused):  # nobody listens yet
            await self._session.publish(f"zigbee2mqtt/{name}", payload, qos=1)

    async def until_heard(self, name, payload, condition):
        """Say it again until the gateway listens."""
        async with asyncio.timeout(20):
            while not condition():
                await self.say(name, payload)
                await asyncio.sleep(0.1)


@asynccontextmanager
async def room(mosquitto):
    settings = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="zigbee2mqtt")
    async with connect(settings) as session:
        made = Room(session)
        task = asyncio.create_task(made.follow())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_press_sounds_shines_and_speaks_without_a_centre_and_all_is_off_at_the_stop(
    home_file, mosquitto, pins, loudspeaker
):
    siren, red = pins.pin(SIREN), pins.pin(RED)
    async with running(home_file) as task, room(mosquitto) as devices:
        await until(lambda: siren.function == "output")
        assert not siren.state
        await devices.until_heard("bed", b'{"action":"single"}', lambda: siren.state)
        await until(lambda: red.state and loudspeaker.played())
        await stop(task)
    assert (siren.state, red.state, siren.function) == (False, False, "input")
    assert loudspeaker.seconds()[0] > 1


async def test_another_siren_is_taken_in_use_while_an_alarm_sounds(home_file, mosquitto, pins, loudspeaker):
    old, new = pins.pin(SIREN), pins.pin(27)
    async with running(home_file), room(mosquitto) as devices:
        await devices.until_heard("bed", b'{"action":"single"}', lambda: old.state)
        text = home_file.read_text(encoding="utf-8")
        home_file.write_text(text.replace(f"pin: {SIREN}", "pin: 27").replace("value: 4", "value: 5"), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: new.state)
        assert (old.state, old.function) == (False, "input")


async def test_gas_closes_the_valve_keeps_it_closed_over_a_restart_and_a_press_opens_it(
    home_file, mosquitto, pins, loudspeaker, tmp_path
):
    async with room(mosquitto) as devices:
        async with running(home_file) as task:
            await devices.until_heard("gas", b'{"gas": true}', lambda: devices.orders)
            await stop(task)
        assert set(devices.orders) == {'{"state": "OFF"}'}
        with closing(sqlite3.connect(tmp_path / "data" / OUTBOX_FILE)) as card:
            notes = card.execute("SELECT text FROM driver_note WHERE sensor_id = 'gas-valve'").fetchall()
        assert '"is_closed":true' in notes[0][0]
        devices.orders.clear()
        async with running(home_file) as task:
            await until(lambda: devices.orders == ['{"state": "OFF"}'])
            await devices.until_heard("fob", b'{"action": "open"}', lambda: devices.orders[-1] == '{"state": "ON"}')
            await stop(task)


async def test_try_lets_each_be_heard_and_closes_a_valve_really(home_file, mosquitto, pins, loudspeaker, monkeypatch):
    monkeypatch.setattr(try_out, "SHOWN_S", 0.05)
    told, home = [], load(home_file)
    assert await try_out.try_out(home, told.append)
    assert [line.split(":")[0] for line in told] == ["siren", "lamp", "speech"]
    assert len(loudspeaker.played()) == 1
    async with room(mosquitto) as devices:
        assert await try_out.try_cut_off(home, "gas-valve", told.append, opens=False)
        assert "the device itself says so" in told[-2]
        assert await try_out.try_cut_off(home, "gas-valve", told.append, opens=True)
        assert devices.orders == ['{"state": "OFF"}', '{"state": "ON"}']


async def test_try_tells_what_does_not_work(home_file, pins, loudspeaker):
    loudspeaker.unplug()
    told, home = [], load(home_file)
    assert not await try_out.try_out(home, told.append, only="speech")
    assert told[-1].startswith("speech: DOES NOT WORK: aplay fails")
    with pytest.raises(ConfigError, match='no annunciator here has the name "bell"; there are: speech, siren, lamp'):
        await try_out.try_out(home, told.append, only="bell")
    with pytest.raises(ConfigError, match='no cut-off has the name "bell"; there are: gas-valve'):
        await try_out.try_cut_off(home, "bell", told.append, opens=False)


async def test_phrases_are_made_once_and_what_a_person_recorded_stays(home_file, loudspeaker, tmp_path):
    folder = tmp_path / "phrases"
    (folder / "en").mkdir(parents=True)
    own = folder / "en" / "raised.wav"
    own.write_bytes(b"recorded by the daughter")
    told = []
    await try_out.record(load(home_file), told.append, into=folder, anew=False)
    assert own.read_bytes() == b"recorded by the daughter"
    assert (folder / "en" / "gas-closed.wav").stat().st_size > 10_000
    assert any("raised.wav: is there, stays" in line for line in told)
    with pytest.raises(ConfigError, match="no folder is given"):
        await try_out.record(load(home_file), told.append, into=None, anew=False)


def shouwang(*words):
    command = [sys.executable, "-m", "shouwang", "gateway", *words]
    environment = os.environ | {"GPIOZERO_PIN_FACTORY": "mock", "LANG": "C"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_hush_puts_all_off(home_file):
    done = shouwang("hush", "-c", str(home_file))
    assert done.returncode == 0, done.stderr


async def test_a_person_at_the_box_opens_a_valve_by_command(home_file, mosquitto, pins, loudspeaker):
    async with room(mosquitto) as devices, running(home_file):
        await devices.until_heard("gas", b'{"gas": true}', lambda: devices.orders)
        words = ("open", "gas-valve", "-c", str(home_file))
        refused = await asyncio.to_thread(shouwang, *words)
        assert "The gas valve stays closed" in refused.stdout, refused.stderr
        await devices.say("gas", b'{"gas": false}')
        opened = await asyncio.to_thread(shouwang, *words)
        assert "The gas valve is being opened" in opened.stdout, opened.stderr
        await until(lambda: devices.orders[-1] == '{"state": "ON"}')
    unknown = await asyncio.to_thread(shouwang, "open", "bell", "-c", str(home_file))
    assert 'no cut-off has the name "bell"; there are: gas-valve' in unknown.stderr
