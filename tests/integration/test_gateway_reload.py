"""The whole gateway while its home.yaml changes: a real broker, a real card, the file read again as in a home."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from config.loader import load
from drivers.mqtt import sensor
from gateway.app import OUTBOX_FILE, run
from gateway.outbox import Outbox
from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.alert import AlertState
from shouwang.status import SensorState
from shouwang.wire import (
    AlertBody,
    BirthBody,
    Lane,
    Receipt,
    StatusBody,
    TelemetryBody,
    decode_envelope,
    encode,
    receipt_topic,
    up_topic,
)

LIMIT_S = 60.0
RELOADS = 50
METER = {"kind": "mqtt_json", "values": [{"quantity": "illuminance", "unit": "lx"}]}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(sensor, "SETTLE_S", 0.05)


class HomeFile:
    """A home.yaml that is written again and again; JSON is YAML too."""

    def __init__(self, folder, port) -> None:
        self.path = folder / "home.yaml"
        self.data = folder / "data"
        self.written = {
            "gateway": {"id": "gw-1", "data_dir": str(self.data), "language": "en"},
            "resident": {"id": "r-1"},
            "uplink": {"url": f"mqtt://127.0.0.1:{port}"},
            "local_broker": {"url": f"mqtt://127.0.0.1:{port}"},
            "sensors": [{**METER, "id": "steady", "topic": "steady"}, {**METER, "id": "moody", "topic": "moody"}],
            "rules": [{"kind": "silence", "id": "silence", "after": "1h"}],
            "annunciators": [{"kind": "console"}],
        }
        self.write()

    def write(self, **parts) -> None:
        self.written |= parts
        self.path.write_text(json.dumps(self.written, indent=1), encoding="utf-8")

    def left(self):
        """What is on the card after the end, oldest first in each lane."""
        box = Outbox(self.data / OUTBOX_FILE, "gw-1")
        bodies = [decode_envelope(item.payload, gateway="gw-1").body for lane in Lane for item in _all(box, lane)]
        box.close()
        return bodies

    def values_of(self, sensor_id):
        return values_of(self.left(), sensor_id)


def values_of(bodies, sensor_id):
    telemetry = [body for body in bodies if isinstance(body, TelemetryBody)]
    return [one.value for body in telemetry for one in body.readings if one.sensor_id == sensor_id]


def _all(box, lane):
    after, found = 0, []
    while page := box.pending(lane, after, 500):
        found += page
        after = page[-1].seq
    return found


class Centre:
    """Takes what goes up, and confirms it."""

    def __init__(self) -> None:
        self.told = {}

    async def listen(self, port) -> None:
        async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="centre")) as session:
            await session.subscribe([up_topic("gw-1", lane) for lane in (Lane.LIFE_SAFETY, Lane.STATE, Lane.TELEMETRY)])
            async for message in session.messages():
                message.ack()
                envelope = decode_envelope(message.payload, gateway="gw-1")
                self.told[envelope.id] = envelope.body
                which = envelope.id
                receipt = Receipt(epoch=which.epoch, lane=which.lane, seqs=(which.seq,), server_at=datetime.now(UTC))
                await session.publish(receipt_topic("gw-1"), encode(receipt), qos=0)

    def alerts(self):
        return [body.alert for _, body in sorted(self.told.items()) if isinstance(body, AlertBody)]

    def values_of(self, sensor_id):
        return values_of(self.told.values(), sensor_id)


@pytest.fixture
async def centre(mosquitto):
    centre = Centre()
    task = asyncio.create_task(centre.listen(mosquitto.port))
    yield centre
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def home(tmp_path, mosquitto):
    return HomeFile(tmp_path, mosquitto.port)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda words: [record.message for record in caplog.records if words in record.message]


@asynccontextmanager
async def running(home, *, reread=None):
    task = asyncio.create_task(run(load(home.path), reread=reread or partial(load, home.path)))
    try:
        yield task
        await stop(task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stop(task):
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(LIMIT_S):
        await task


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


async def hang_up():
    await until(lambda: signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)  # else it would end the tests
    os.kill(os.getpid(), signal.SIGHUP)


async def reloaded(said, home=None, **parts):
    """Write the file anew, ask for a reload, and wait for its end."""
    before = len(said("home.yaml was"))
    if home is not None:
        home.write(**parts)
    await hang_up()
    await until(lambda: len(said("home.yaml was")) > before)
    return said("home.yaml was")[-1]


@asynccontextmanager
async def zigbee(port):
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="zigbee2mqtt")) as session:
        yield session


def to_ms(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


async def test_each_of_a_stream_of_readings_is_kept_once_through_many_reloads(home, mosquitto, said):
    """One sensor stays as it is, one is another at each reload, a third comes and goes."""
    sent = 0
    is_over = asyncio.Event()

    async def stream(session):
        nonlocal sent
        while not is_over.is_set():
            sent += 1
            for topic in ("steady", "moody"):
                await session.publish(topic, str(sent).encode())

    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard") and said("moody is heard"))
        streaming = asyncio.create_task(stream(session))
        steady, moody = home.written["sensors"]
        third = {**METER, "id": "third", "topic": "third"}
        for number in range(RELOADS):
            other = {**moody, "max_silence": f"{number + 60}m"}
            await reloaded(said, home, sensors=[steady, other, *([third] if number % 2 else [])])
        is_over.set()
        await streaming
        await asyncio.sleep(0.1)
    assert sent > RELOADS
    numbers = [float(number) for number in range(1, sent + 1)]
    assert home.values_of("steady") == numbers
    assert sorted(home.values_of("moody")) == numbers
    assert len(said("home.yaml was read again")) == RELOADS
    ups = [body.status for body in home.left() if isinstance(body, StatusBody) and body.status.sensor_id == "steady"]
    assert [status.state for status in ups] == [SensorState.UP], "it was never lost, and its driver never begun anew"
    assert mosquitto.log.read_text().count(" as shouwang-") == 1, "the connection to the home's broker was kept"


async def test_a_bad_file_changes_nothing_and_says_why_with_its_line(home, said, mosquitto):
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard") and said("moody is heard"))
        words = await reloaded(said, home, sensors=[{**METER, "id": "steady"}])
        assert "was not taken in use, all goes on as before" in words
        line = 1 + home.path.read_text().splitlines().index(' "sensors": [') + 1
        assert f"{home.path}:{line}: sensors[0].topic: is missing" in words
        await session.publish("moody", b"7")
        await asyncio.sleep(0.1)
    assert home.values_of("moody") == [7.0]
    assert not said("is down")


@pytest.mark.parametrize("change", [{"id": "gw-2"}, {"data_dir": "elsewhere"}])
async def test_what_only_a_restart_can_change_is_refused(home, said, change):
    async with running(home):
        words = await reloaded(said, home, gateway={**home.written["gateway"], **change})
        assert f"gateway: {next(iter(change))}" in words
        assert "needs a restart" in words


def bright(**limits):
    return {"kind": "threshold", "id": "bright", "quantity": "illuminance", "above": 100, **limits}


async def test_an_alarm_that_counts_down_goes_on_over_a_reload(home, mosquitto, centre, said):
    home.write(rules=[bright(hold="1s")])
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await session.publish("steady", b"200")
        await asyncio.sleep(0.1)
        await reloaded(said, home, rules=[bright(hold="1s"), {"kind": "silence", "id": "silence", "after": "2h"}])
        await reloaded(said, home, sensors=[*home.written["sensors"], {**METER, "id": "third", "topic": "third"}])
        await until(centre.alerts)
    (alert,) = [alert for alert in centre.alerts() if alert.rule_id == "bright"]
    (reading,) = alert.evidence
    assert (alert.state, alert.key, alert.since) == (AlertState.FIRING, "bright:steady", to_ms(reading.at))
    assert centre.values_of("steady") + home.values_of("steady") == [200.0]


async def test_a_shorter_wait_counts_from_the_beginning_of_the_breach(home, mosquitto, centre, said):
    home.write(rules=[bright(hold="2h")])
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await session.publish("steady", b"200")
        await until(lambda: centre.values_of("steady"))
        words = await reloaded(said, home, rules=[bright(hold="0s")])
        assert "rules changed: bright" in words
        await until(centre.alerts)
    (alert,) = centre.alerts()
    assert alert.since == to_ms(alert.evidence[0].at)


@pytest.mark.parametrize("rules", [[], ["other kind"]])
async def test_an_alarm_whose_rule_was_taken_out_ends_in_words(home, mosquitto, centre, said, rules):
    home.write(rules=[bright()])
    other = {"kind": "silence", "id": "bright", "after": "1h"}
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await session.publish("steady", b"200")
        await until(centre.alerts)
        await reloaded(said, home, rules=[other] if rules else [])
        await until(lambda: len(centre.alerts()) == 2)
        await reloaded(said, home, rules=[bright()])
        await session.publish("steady", b"300")
        await until(lambda: len(centre.alerts()) == 3)
    fired, ended, again = centre.alerts()
    assert (fired.state, ended.state) == (AlertState.FIRING, AlertState.RESOLVED)
    assert (fired.key, fired.since) == (ended.key, ended.since)
    assert "its rule or sensor was taken out of this home's configuration" in ended.why.en
    assert again.state is AlertState.FIRING, "a rule that comes back begins anew: it is not deaf"


async def test_an_alarm_whose_rule_is_gone_after_a_restart_ends_in_words_too(home, mosquitto, centre, said):
    home.write(rules=[bright()])
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await session.publish("steady", b"200")
        await until(centre.alerts)
    home.write(rules=[])
    async with running(home):
        await until(lambda: len(centre.alerts()) == 2)
    assert centre.alerts()[1].state is AlertState.RESOLVED


async def test_the_centre_is_told_of_the_sensors_that_there_are_now(home, said):
    steady, _ = home.written["sensors"]
    async with running(home):
        await reloaded(said, home, sensors=[steady, {**METER, "id": "third", "topic": "third"}])
    births = [body for body in home.left() if isinstance(body, BirthBody)]
    assert [{*birth.sensors} & {"steady", "moody", "third"} for birth in births] == [
        {"steady", "moody"},
        {"steady", "third"},
    ]


async def test_a_new_sensor_finds_its_rule_in_its_first_message(home, mosquitto, centre, said):
    """What is retained of it was said before anybody listened."""
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        smoke = {"kind": "mqtt_json", "id": "smoke", "topic": "hall", "values": [{"quantity": "smoke"}]}
        await session.publish("hall", b"1", retain=True, qos=0)
        await reloaded(
            said,
            home,
            sensors=[*home.written["sensors"], smoke],
            rules=[{"kind": "sos", "id": "sos"}],
            presets=[{"use": "home-safety"}],
        )
        await until(centre.alerts)
    assert {alert.sensor_id for alert in centre.alerts()} == {"smoke"}


async def test_a_second_wish_during_a_reload_is_heard_after_it(home, said):
    gate, entered, reads = threading.Event(), threading.Event(), []

    def reread():
        reads.append(None)
        entered.set()
        assert gate.wait(LIMIT_S)
        return load(home.path)

    async with running(home, reread=reread):
        for _ in range(3):
            await hang_up()
        await asyncio.to_thread(entered.wait, LIMIT_S)
        home.write(sensors=[home.written["sensors"][0]])
        await hang_up()
        gate.set()
        await until(lambda: len(said("home.yaml was read again")) == 2)
    assert len(reads) == 2
    births = [body for body in home.left() if isinstance(body, BirthBody)]
    assert "moody" not in births[-1].sensors


async def test_a_stop_during_a_reload_is_a_stop(home, mosquitto, centre, said):
    gate, entered = threading.Event(), threading.Event()

    def reread():
        entered.set()
        assert gate.wait(LIMIT_S)
        return load(home.path)

    async with running(home, reread=reread) as task, zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await hang_up()
        await asyncio.to_thread(entered.wait, LIMIT_S)
        await session.publish("steady", b"7")
        await until(lambda: centre.values_of("steady"))
        os.kill(os.getpid(), signal.SIGTERM)
        gate.set()
        async with asyncio.timeout(LIMIT_S):
            await task
    assert centre.values_of("steady") == [7.0]
    assert said("nothing is left in memory")


async def test_another_password_begins_only_the_way_to_the_centre_anew(home, said, tmp_path, mosquitto):
    (tmp_path / "password").write_text("one")
    home.write(uplink={**home.written["uplink"], "password_file": "password"})
    async with running(home):
        await until(lambda: said("steady is heard"))
        (tmp_path / "password").write_text("two")
        assert "parts changed: uplink" in await reloaded(said)
        assert "nothing that this gateway uses has changed" in await reloaded(said)
    assert mosquitto.log.read_text().count(" as shouwang-") == 1
    assert not said("steady is down")


async def test_buttons_mean_what_the_new_file_says(home, mosquitto, said):
    button = {"kind": "mqtt_json", "id": "knob", "topic": "knob", "values": [{"quantity": "button"}]}
    home.write(sensors=[*home.written["sensors"], button])
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("knob is heard"))
        await session.publish("knob", b"1")
        await reloaded(said, home, modes=[{"sensor": "knob", "value": 1, "mode": "away"}])
        assert not said("the home is now")
        await session.publish("knob", b"1")
        await until(lambda: said("the home is now: away"))
        await reloaded(said, home, modes=[])
        await session.publish("knob", b"1")
        await asyncio.sleep(0.1)
    assert len(said("the home is now")) == 1


async def test_a_secret_that_cannot_be_read_is_told_before_anything_is_touched(home, said):
    async with running(home):
        await until(lambda: said("steady is heard"))
        broker = {**home.written["local_broker"], "username": "u", "password_file": "nowhere"}
        words = await reloaded(said, home, local_broker=broker, sensors=home.written["sensors"][:1])
        assert "was not taken in use" in words
        assert "the password of the local broker cannot be read" in words
        await asyncio.sleep(0.1)
    births = [body for body in home.left() if isinstance(body, BirthBody)]
    assert len(births) == 1
    assert not said("is down")


async def test_a_driver_that_is_exchanged_learns_anew_how_its_device_stands(home, mosquitto, centre, said):
    """What the broker retains was heard by the driver of before."""
    steady, moody = home.written["sensors"]
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("moody is heard"))
        await session.publish("moody", b"7", retain=True)
        await until(lambda: centre.values_of("moody") == [7.0])
        await reloaded(said, home, sensors=[steady, {**moody, "max_silence": "3h"}])
        await until(lambda: centre.values_of("moody") == [7.0, 7.0])


async def test_systemd_is_told_of_begin_and_end_of_each_reload(home, said, tmp_path, monkeypatch):
    """With the monotonic stamp that Type=notify-reload wants; also where nothing was taken in use."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LIMIT_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with running(home):
            await until(lambda: said("gateway gw-1 watches"))
            await reloaded(said)
            await reloaded(said, home, sensors=7)
        told = [
            message for message in iter(lambda: systemd.recv(4096).decode(), "STOPPING=1") if "EXTEND" not in message
        ]
    watching = "READY=1\nSTATUS=watching 2 sensors"
    refused = "READY=1\nSTATUS=home.yaml was not taken in use; all goes on as before, see the journal"
    begun = "RELOADING=1\nMONOTONIC_USEC=..."
    stamped = [re.sub(r"(?<=USEC=)\d{6,}", "...", message) for message in told]
    assert stamped == [watching, begun, watching, begun, refused]


async def test_a_dashboard_that_is_new_tells_how_things_stand(home, mosquitto, centre, said):
    """The alarm that is on, the last value, who is heard; nothing that was an event before it was there."""
    told, wanted = {}, {"alarm": b"ON", "illuminance": b"200", "availability": b"online"}
    home.write(rules=[bright()])
    async with running(home), zigbee(mosquitto.port) as session:
        await until(lambda: said("steady is heard"))
        await session.publish("steady", b"200")
        await until(centre.alerts)
        await session.subscribe(["shouwang/#"])
        await reloaded(said, home, local_broker={**home.written["local_broker"], "publish": {}})
        async with asyncio.timeout(LIMIT_S):
            async for message in session.messages():
                message.ack()
                told[message.topic.removeprefix("shouwang/gw-1/steady/")] = message.payload
                if told.items() >= wanted.items():
                    break
    assert said("moody is heard") == ["sensor moody is heard"], "who tells is nobody who listens"
