"""A home that runs on presets, as a process: alarms begin and end, and go on over `kill -9` where they stood."""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from gateway.app import OUTBOX_FILE
from gateway.outbox import Outbox
from messaging.broker import BrokerSettings
from messaging.session import connect
from rules.modes import HOME_SENSOR
from shouwang.quantities import Quantity
from shouwang.wire import (
    AlertBody,
    Command,
    Lane,
    Receipt,
    SetMode,
    TelemetryBody,
    command_topic,
    decode_envelope,
    encode,
    receipt_topic,
)

PATIENCE_S = 150.0
HOME = """
gateway: {{id: gw-1, data_dir: {data}, language: en, timezone: Europe/Berlin}}
resident: {{id: r-1}}
uplink: {{url: "mqtt://127.0.0.1:{centre}"}}
local_broker: {{url: "mqtt://127.0.0.1:{port}"}}
sensors:
  - kind: mqtt_json
    id: oximeter
    topic: home/oximeter
    values: [{{path: spo2, quantity: spo2, unit: "%"}}, {{path: pulse, quantity: heart-rate, unit: "/min"}}]
  - kind: mqtt_json
    id: kitchen
    topic: home/kitchen
    values: [{{path: motion, quantity: motion}}, {{path: smoke, quantity: smoke}}]
  - kind: mqtt_json
    id: fob
    topic: home/fob
    values: [{{path: press, quantity: button, values: {{ok: 1, away: 3, quiet: 4}}}}]
  - kind: sos_button_zigbee2mqtt
    id: sos-bed
    topic: home/sos
    press: [single]
    cancel: [double]
presets:
  - use: vitals-home
    settings: {{spo2_scale: 1, resting_pulse: 48}}
    without: [spo2-amber]
  - use: home-safety
  - use: sos
  - use: inactivity
    rules: {{inactivity: {{after: 10m, warn: 5m}}}}
  - use: night
  - use: supervision
modes:
  - {{sensor: fob, value: 3, mode: away}}
  - {{sensor: fob, value: 1, mode: home}}
audio_pause:
  - {{sensor: fob, value: 4}}
"""


@pytest.fixture
def box(mosquitto, free_port, tmp_path):
    path = tmp_path / "home.yaml"

    def write(centre):
        home = HOME.format(data=tmp_path / "data", centre=centre, port=mosquitto.port)
        path.write_text(home, encoding="utf-8")

    write(free_port)  # nobody is there
    return Box(path, mosquitto.port, tmp_path, write)


class Box:
    """The gateway's process, what it says aloud, and what it leaves on the card."""

    def __init__(self, path, port, folder, write):
        self.path, self.port, self.folder, self.write = path, port, folder, write

    @contextmanager
    def running(self, *, scale=1.0):
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "shouwang", "gateway", "run", "-c", self.path, "--time-scale", str(scale)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        patience = threading.Timer(PATIENCE_S, process.kill)  # nobody waits for ever for words that do not come
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()
            process.communicate()

    def stop(self, process):
        process.terminate()
        process.wait(20)
        return [line for line in process.stdout.read().splitlines() if line.startswith("ANNOUNCE")]

    def until_heard(self, sensor, count=1):
        self.until_logged(f"sensor {sensor} is heard", count)

    def until_logged(self, words, count=1):
        for _ in range(2000):
            if (self.folder / "log").read_text().count(words) >= count:
                return
            asyncio.run(asyncio.sleep(0.01))
        pytest.fail((self.folder / "log").read_text())

    def say(self, topic, **values):
        self.publish(f"home/{topic}", json.dumps(values).encode())

    def order(self, command):
        """As the centre: the time first, then the command."""
        receipt = Receipt(epoch="0" * 16, lane=Lane.STATE, seqs=(), server_at=datetime.now(UTC))
        self.publish(receipt_topic("gw-1"), encode(receipt))
        self.publish(command_topic("gw-1"), encode(command))

    def publish(self, topic, payload):
        async def publish():
            settings = BrokerSettings(host="127.0.0.1", port=self.port, client_id="others")
            async with connect(settings) as session:
                await session.publish(topic, payload, qos=1)

        asyncio.run(publish())

    def left(self):
        outbox = Outbox(self.folder / "data" / OUTBOX_FILE, "gw-1")
        bodies = [
            decode_envelope(one.payload, gateway="gw-1").body for lane in Lane for one in outbox.pending(lane, 0, 999)
        ]
        outbox.close()
        return bodies

    def alerts(self, rule):
        found = [body.alert for body in self.left() if isinstance(body, AlertBody)]
        return [alert for alert in found if alert.rule_id == rule]

    def modes(self):
        readings = itertools.chain.from_iterable(
            body.readings for body in self.left() if isinstance(body, TelemetryBody)
        )
        return [one.value for one in readings if (one.sensor_id, one.quantity) == (HOME_SENSOR, Quantity.MODE)]


def spoken(process, words):
    """The next announcement with these words."""
    for line in process.stdout:
        if words in line:
            return line
    pytest.fail(f"nothing more is said: {words}")


@pytest.mark.slow
def test_alarms_of_presets_begin_and_end_and_a_hold_goes_on_over_a_kill(box):
    with box.running() as process:
        box.until_heard("oximeter")
        box.say("sos", action="single")
        assert spoken(process, "sos:sos-bed").startswith("ANNOUNCE alarm P1")
        box.say("oximeter", spo2=88, pulse=60)  # 88 % for 30 s is red
        box.say("kitchen", smoke=1)  # said after it: what was before is on the card when this is spoken
        assert spoken(process, "smoke:kitchen").startswith("ANNOUNCE alarm P1")
        asyncio.run(asyncio.sleep(0.3))
        process.kill()
        process.wait()
    assert box.alerts("spo2-red") == []
    (smoke,) = box.alerts("smoke")
    with box.running(scale=20) as process:
        assert spoken(process, "spo2-red:oximeter").startswith("ANNOUNCE alarm P2")
        box.until_heard("oximeter", 2)
        for _ in range(3):  # the median of three
            box.say("oximeter", spo2=97, pulse=60)
        spoken(process, "ANNOUNCE resolved P2 spo2-red")
        box.stop(process)
    states = [(alert.state.value, alert.since) for alert in box.alerts("spo2-red")]
    assert [state for state, _ in states] == ["firing", "resolved"]
    assert len({since for _, since in states}) == 1
    assert states[0][1] <= smoke.since, "the hold began before the kill"
    assert [alert.state.value for alert in box.alerts("smoke")] == ["firing"], "said once, and latched"


@pytest.mark.slow
def test_a_question_goes_on_aloud_over_a_kill_and_ends_in_a_call(box):
    with box.running(scale=150) as process:
        box.until_heard("kitchen")
        box.say("kitchen", motion=1)
        asked = spoken(process, "ANNOUNCE prealarm P2 inactivity:home")
        assert "press cancel or move about" in asked
        asyncio.run(asyncio.sleep(0.3))
        process.kill()
        process.wait()
    (prealarm,) = box.alerts("inactivity")
    with box.running(scale=100) as process:
        spoken(process, "ANNOUNCE prealarm P2 inactivity:home")
        spoken(process, "ANNOUNCE prealarm P2 inactivity:home")  # repeated while it is on
        spoken(process, "ANNOUNCE alarm P2 inactivity:home")
        box.say("kitchen", motion=1)
        spoken(process, "ANNOUNCE resolved P2 inactivity:home")
        box.stop(process)
    alerts = box.alerts("inactivity")
    assert [alert.state.value for alert in alerts][:3] == ["prealarm", "firing", "resolved"]
    assert {alert.since for alert in alerts[:3]} == {prealarm.since}


@pytest.mark.slow
def test_away_lasts_over_a_kill_smoke_is_watched_in_it_and_a_pause_is_short(box):
    with box.running() as process:
        box.until_heard("fob")
        box.say("fob", press="away")
        spoken(process, "The home is set to: away")
        asyncio.run(asyncio.sleep(0.3))
        process.kill()
        process.wait()
    with box.running(scale=150) as process:
        box.until_heard("kitchen", 2)
        box.say("kitchen", motion=1)
        asyncio.run(asyncio.sleep(5))  # 12 min of the rules' time: nobody is asked for
        box.say("kitchen", smoke=1)
        spoken(process, "ANNOUNCE alarm P1 smoke:kitchen")
        box.say("fob", press="quiet")
        box.say("sos", action="single")
        spoken(process, "ANNOUNCE alarm P1 sos:sos-bed")
        box.say("fob", press="quiet")
        spoken(process, "ANNOUNCE paused P4")
        box.say("fob", press="ok")
        spoken(process, "The home is set to: at home")
        box.stop(process)
    assert box.alerts("inactivity") == []
    assert box.modes() == [1, 1, 0], "said, said again at the start, and back"


@pytest.mark.slow
def test_the_centre_sets_the_mode_once_also_where_the_order_comes_again_after_a_kill(box):
    now = datetime.now(UTC)
    hospital = SetMode(mode="hospital", by="op1", until=now + timedelta(days=2))
    command = Command(
        command_id="c-1", issued_at=now, expires_at=now + timedelta(hours=1), incident_id="", action=hospital
    )
    box.write(box.port)
    with box.running() as process:
        box.until_logged("connected to the centre's broker")
        box.order(command)
        spoken(process, "The home is set to: in hospital")
        box.say("fob", press="ok")
        spoken(process, "The home is set to: at home")
        asyncio.run(asyncio.sleep(0.3))
        process.kill()
        process.wait()
    with box.running() as process:
        box.until_logged("connected to the centre's broker", 2)
        box.order(command)
        box.say("fob", press="away")
        assert "set to" in spoken(process, "ANNOUNCE notice P4 home")
        box.stop(process)
    assert box.modes() == [2, 0, 1], "the order that came again is not carried out again"
