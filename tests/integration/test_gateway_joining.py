"""The whole gateway with a home that joins: what is on its card, what the centre is told, what the family sees."""

import asyncio
import json
import logging
import os
import signal
from contextlib import asynccontextmanager
from functools import partial

import aiomqtt
import pytest

from config.loader import check_home, load
from drivers.mqtt import sensor, zigbee2mqtt
from gateway.app import OUTBOX_FILE, run
from gateway.outbox import Outbox
from shouwang.wire import AlertBody, BirthBody, Lane, StatusBody, TelemetryBody, decode_envelope
from simulators.mqtt.zigbee import Bridge
from simulators.mqtt.zigbee_home import ZigbeeHome, family_home


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 0.1)
    monkeypatch.setattr(sensor, "SETTLE_S", 0.1)


@pytest.fixture
def written(tmp_path, free_port, mosquitto):
    path = tmp_path / "home.yaml"
    path.write_text(
        f"""
gateway: {{id: gw-1, data_dir: {tmp_path / "data"}, language: en}}
resident: {{id: r-1, name: Wang Guilan}}
uplink: {{url: "mqtt://127.0.0.1:{free_port}"}}
local_broker: {{url: "mqtt://127.0.0.1:{mosquitto.port}", publish: {{}}}}
sensors:
  - {{kind: zigbee2mqtt_home, id: zigbee}}
  - {{kind: ha_discovery_home, id: others}}
  - {{kind: mqtt_json, id: echo, topic: "shouwang/+/+/alarm", values: [{{quantity: problem}}]}}
rules:
  - {{kind: silence, id: silent, after: 1s}}
  - {{kind: sos, id: sos}}
annunciators: [{{kind: console}}]
""",
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def running(path, *, reread=None):
    task = asyncio.create_task(run(load(path), reread=reread))
    try:
        yield task
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def said(caplog, words):
    return [record.message for record in caplog.records if words in record.message]


def on_the_card(path):
    box = Outbox(path.parent / "data" / OUTBOX_FILE, "gw-1")
    stored = [decode_envelope(item.payload, gateway="gw-1").body for lane in Lane for item in box.pending(lane, 0, 999)]
    notes = box.notes()
    box.close()
    return stored, notes


async def test_a_home_that_joins_is_on_the_card_told_to_the_centre_and_shown_to_the_family(
    mosquitto, written, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    told = {}
    async with Bridge(host="127.0.0.1", port=mosquitto.port).running() as bridge:
        zigbee = ZigbeeHome(bridge, family_home())
        await zigbee.start()
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as family, running(written):
            await family.subscribe([("homeassistant/#", 1), ("shouwang/#", 1)])
            await until(lambda: len(said(caplog, " is heard")) >= 32)
            await zigbee.say("sos-bed", action="emergency")
            async with asyncio.timeout(20):
                async for message in family.messages:
                    told[message.topic.value] = message.payload.decode()
                    if told.get("shouwang/gw-1/sos-bed/alarm") == "ON":
                        break
    stored, notes = on_the_card(written)
    assert {body.alert.key for body in stored if isinstance(body, AlertBody)} == {"sos:sos-bed"}
    heard = {body.status.sensor_id for body in stored if isinstance(body, StatusBody)}
    assert {"sos-bed", "smoke-kitchen", "zigbee", "others"} <= heard
    assert len(json.loads(notes["zigbee"]["devices"])) == 29
    assert not [sensor_id for sensor_id in heard if "shouwang" in sensor_id], "what we publish ourselves never joins"
    assert "others" not in notes
    told_of = {one.sensor_id for body in stored if isinstance(body, TelemetryBody) for one in body.readings}
    assert "sos-bed" in told_of
    assert "echo" not in told_of

    mosquitto.kill()  # the home is known before the broker speaks, and to the centre
    caplog.clear()
    async with running(written):
        await until(lambda: said(caplog, "sensor smoke-kitchen is down"))
    stored, _ = on_the_card(written)
    births = [body for body in stored if isinstance(body, BirthBody)]
    written = {"zigbee": "zigbee2mqtt_home", "others": "ha_discovery_home", "echo": "mqtt_json"}
    assert births[0].sensors == written | {"gateway": "box"}
    assert births[1].sensors["smoke-kitchen"] == "zigbee2mqtt"
    assert "sos:sos-bed" in births[1].active


def test_the_installer_is_told_what_nobody_would_hear(written):
    warnings = check_home(written).warnings
    (found,) = {warning.partition("may say ")[2] for warning in warnings if "nobody would come" in warning}
    assert found.startswith("smoke, carbon-monoxide-alarm, gas-alarm")
    text = written.read_text().replace("id: sos}", "id: sos, sensors: [sos-bed]}")
    written.write_text(text.replace("127.0.0.1", "192.0.2.1"))
    warnings = check_home(written).warnings
    assert [warning for warning in warnings if 'no sensor here has the id "sos-bed"' in warning]
    assert [warning for warning in warnings if "unencrypted" in warning and "publish" in warning]


async def test_a_home_that_joined_stays_through_reloads_and_no_press_is_lost(mosquitto, written, caplog):
    """A rule that changes leaves all drivers alone; a new MQTT sensor makes the hub look at its devices anew."""
    caplog.set_level(logging.INFO)
    async with Bridge(host="127.0.0.1", port=mosquitto.port).running() as bridge:
        zigbee = ZigbeeHome(bridge, family_home())
        await zigbee.start()
        async with running(written, reread=partial(load, written)):
            await until(lambda: len(said(caplog, " is heard")) >= 32)
            heard = len(said(caplog, " is heard"))
            text = written.read_text(encoding="utf-8")
            written.write_text(text.replace("after: 1s", "after: 2s"), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: said(caplog, "home.yaml was read again: rules changed: silent"))
            assert len(said(caplog, " is heard")) == heard
            one_more = "  - {kind: mqtt_json, id: bell, topic: bell, values: [{quantity: problem}]}\nrules:"
            written.write_text(text.replace("rules:", one_more), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            await zigbee.say("sos-bed", action="emergency")
            await until(lambda: said(caplog, "home.yaml was read again: sensors started: bell"))
            await until(lambda: len(said(caplog, "sensor sos-bed is heard")) == 2)
    stored, _ = on_the_card(written)
    births = [body for body in stored if isinstance(body, BirthBody)]
    assert births[-1].sensors.keys() >= {"sos-bed", "smoke-kitchen", "bell", "zigbee"}
    assert births[-1].sensors["sos-bed"] == "zigbee2mqtt"
    presses = [
        one
        for body in stored
        if isinstance(body, TelemetryBody)
        for one in body.readings
        if (one.sensor_id, str(one.quantity)) == ("sos-bed", "sos")
    ]
    assert len(presses) == 1, "once, not twice and not never"
    assert {body.alert.key for body in stored if isinstance(body, AlertBody)} == {"sos:sos-bed"}
