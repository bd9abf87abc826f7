"""The home alone: from a sensor's frame to siren, loudspeaker and valve, with no centre, and after a restart."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing, suppress
from functools import partial

import msgspec
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from config.loader import load
from gateway import try_out
from gateway.annunciators.signal import Signal, Standing
from gateway.annunciators.sounding_flag import FLAG_FILE, SoundingFlag
from gateway.app import OUTBOX_FILE, run
from gateway.clock import Clock
from gateway.equipment import links_of
from gateway.house import House
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.reading import Reading

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


@pytest.mark.parametrize("is_gas", [True, False])
async def test_hush_leaves_what_could_make_a_spark_while_there_is_gas(home_file, tmp_path, monkeypatch, pins, is_gas):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    text = home_file.read_text(encoding="utf-8")
    relay = f"id: siren, pin: {SIREN}"
    home_file.write_text(text.replace(relay, f"{relay}, slow: true"), encoding="utf-8")
    flag = SoundingFlag(tmp_path / FLAG_FILE)
    flag.show([Signal(key="gas", severity=Severity.P1, standing=Standing.ALARM)], is_gas=is_gas)
    siren, lamp = pins.pin(SIREN), pins.pin(RED)
    for pin in (siren, lamp):  # as a killed gateway leaves them
        pin.function = "output"
        pin.state = True
    assert await try_out.hush(load(home_file))
    assert lamp.state is False
    assert siren.state is is_gas
    assert flag.tells_gas is is_gas


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


async def test_the_word_of_a_sensor_that_a_reload_takes_out_keeps_nothing_closed(
    home_file, mosquitto, pins, loudspeaker
):
    async with room(mosquitto) as devices, running(home_file):
        await devices.until_heard("gas", b'{"gas": true}', lambda: devices.orders)
        words = ("open", "gas-valve", "-c", str(home_file))
        refused = await asyncio.to_thread(shouwang, *words)
        assert "The gas valve stays closed" in refused.stdout, refused.stderr
        text = home_file.read_text(encoding="utf-8")
        home_file.write_text(
            "".join(line for line in text.splitlines(keepends=True) if "id: gas," not in line), encoding="utf-8"
        )
        reloaded = await asyncio.to_thread(shouwang, "reload", "-c", str(home_file))
        assert reloaded.returncode == 0, reloaded.stderr
        opened = await asyncio.to_thread(shouwang, *words)
        assert "The gas valve is being opened" in opened.stdout, opened.stderr


PIN_VALVE = """
  - {id: valve, cuts: water, by: {kind: gpio_switch, pin: 24}, closed_when: switched_on, dangers: [gas], ex_safe: true}
"""


async def test_a_valve_on_a_pin_stays_closed_over_reloads_also_where_it_is_taken_out_and_put_back(home_file, pins):
    text = home_file.read_text(encoding="utf-8")
    homes = []
    for more in (PIN_VALVE, ""):
        home_file.write_text(text + more.lstrip("\n"), encoding="utf-8")
        homes.append(load(home_file))
    clock, notes = Clock(), {}

    def accept(event):
        for note in getattr(event, "notes", ()):
            notes.setdefault(event.sensor_id, {})[note.name] = note.text

    house = House(homes[0], links_of(homes[0], {}), clock, notes=notes, accept=accept)
    house.alerts([gas_alarm(clock)])
    pin = pins.pin(24)

    @asynccontextmanager
    async def running_house():
        task = asyncio.create_task(house.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with running_house():
        await until(lambda: pin.state)
    pin.clear_states()
    for home in (homes[0], homes[1], homes[0]):
        house.refit(home, links_of(home, {}), [])
        async with running_house():
            await asyncio.sleep(0.05)
    assert (pin.function, pin.state) == ("output", True)
    assert all(state.state for state in pin.states), "the valve has moved"


async def test_a_relay_is_left_as_it_stands_until_the_alarm_and_the_sensor_are_over(
    home_file, pins, tmp_path, monkeypatch
):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    text, relay = home_file.read_text(encoding="utf-8"), f"id: siren, pin: {SIREN}"
    home_file.write_text(text.replace(relay, f"{relay}, slow: true"), encoding="utf-8")
    home, clock, siren = load(home_file), Clock(), pins.pin(SIREN)
    house = House(home, links_of(home, {}), clock, notes={}, accept=lambda _: None)

    def sos(state):
        return msgspec.structs.replace(gas_alarm(clock, state), key="sos:bed", hazard="sos")

    def gas(value):
        at, mono = clock.now(), clock.mono()
        house.hear(Reading(sensor_id="gas", quantity=Quantity.GAS_ALARM, value=value, at=at, mono=mono))

    task = asyncio.create_task(house.run())
    house.alerts([sos(AlertState.FIRING)])
    await until(lambda: siren.state)
    gas(1.0)
    house.alerts([gas_alarm(clock)])
    house.alerts([gas_alarm(clock, AlertState.RESOLVED), sos(AlertState.RESOLVED)])  # by the centre
    await asyncio.sleep(0.05)
    assert siren.state
    assert SoundingFlag(tmp_path / FLAG_FILE).tells_gas
    gas(0.0)
    await until(lambda: not siren.state)
    assert not (tmp_path / FLAG_FILE).exists()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def gas_alarm(clock, state=AlertState.FIRING):
    at = clock.now()
    return Alert(
        alert_id=alert_id_of("gas:kitchen", at, state),
        key="gas:kitchen",
        rule_id="gas",
        rule_version=1,
        hazard="gas",
        severity=Severity.P1,
        state=state,
        resident_id="r-1",
        sensor_id="gas",
        since=at,
        at=at,
        mono=clock.mono(),
        why=Sentence(zh="", en=""),
    )
