"""The whole gateway: what it leaves on the card when it is stopped, or when a part of it dies."""

import asyncio
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from config.loader import load
from gateway.app import OUTBOX_FILE, run
from gateway.local import Voice
from gateway.outbox import Outbox
from gateway.pipeline import Pipeline
from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.alert import Severity
from shouwang.reading import Reading
from shouwang.wire import AlertBody, BirthBody, GapBody, Lane, StatusBody, TelemetryBody, decode_envelope


@pytest.fixture
def write_home(tmp_path, free_port):
    """Writes a home with a door contact; the centre is away unless a port or more keys of `uplink` are given."""

    def write(local_port, *, uplink=f'url: "mqtt://127.0.0.1:{free_port}"'):
        path = tmp_path / "home.yaml"
        path.write_text(
            f"""
gateway: {{id: gw-1, data_dir: {tmp_path / "data"}, language: en}}
resident: {{id: r-1}}
uplink: {{{uplink}}}
local_broker: {{url: "mqtt://127.0.0.1:{local_port}"}}
sensors:
  - {{kind: door_contact_zigbee2mqtt, id: door, topic: zigbee2mqtt/door}}
rules:
  - {{kind: silence, id: silence, after: 1s}}
annunciators: [{{kind: console}}]
box: {{watch: false}}
""",
            encoding="utf-8",
        )
        return path

    return write


@asynccontextmanager
async def running(path):
    task = asyncio.create_task(run(load(path)))
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
            await asyncio.sleep(0.01)


async def open_door(port):
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="zigbee2mqtt")) as session:
        await session.publish("zigbee2mqtt/door", b'{"contact": false}', retain=True, qos=0)


def left_on_the_card(tmp_path):
    box = Outbox(tmp_path / "data" / OUTBOX_FILE, "gw-1")
    stored = [decode_envelope(item.payload, gateway="gw-1").body for lane in Lane for item in box.pending(lane, 0, 99)]
    box.close()
    return stored


def said(caplog, words):
    return [record.message for record in caplog.records if words in record.message]


async def test_what_was_heard_is_on_the_card_after_sigterm(mosquitto, write_home, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    accept, taken = Pipeline.accept, []
    monkeypatch.setattr(Pipeline, "accept", lambda self, event: (accept(self, event), taken.append(event)))  # a spy
    await open_door(mosquitto.port)
    async with running(write_home(mosquitto.port)) as task:
        await until(lambda: said(caplog, "sensor door is heard"))
        before = len(taken)
        await open_door(mosquitto.port)
        await until(lambda: len(taken) > before)
        await stop(task)
    readings = [body.readings for body in left_on_the_card(tmp_path) if isinstance(body, TelemetryBody)]
    heard = [item for item in taken if isinstance(item, Reading)]
    assert len(heard) >= 2
    assert [(item.sensor_id, item.at) for group in readings for item in group] == [("door", r.at) for r in heard]
    assert said(caplog, "nothing is left in memory")


async def test_a_part_that_dies_ends_the_process_and_costs_nothing(
    mosquitto, write_home, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)

    async def die(self):
        await until(lambda: said(caplog, "sensor door is heard"))
        raise LookupError("a mistake of the program")

    monkeypatch.setattr(Voice, "run", die)  # no real part can be told to break
    await open_door(mosquitto.port)
    with pytest.raises(ExceptionGroup) as caught:
        async with running(write_home(mosquitto.port)) as task:
            await task
    assert caught.group_contains(LookupError)
    kinds = {type(body) for body in left_on_the_card(tmp_path)}
    assert {BirthBody, StatusBody, TelemetryBody} <= kinds


async def test_a_stop_with_a_card_that_fails_is_bounded_and_tells_what_is_lost(
    mosquitto, write_home, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("gateway.app._FAREWELL_S", 0.3)

    def refuse(self, batch, mark):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Outbox, "_write", refuse)
    await open_door(mosquitto.port)
    async with running(write_home(mosquitto.port)) as task:
        await until(lambda: said(caplog, "sensor door is heard"))
        await stop(task)
    assert said(caplog, "0 alerts and 1 readings are lost with this stop")
    assert not said(caplog, "nothing is left in memory")


async def test_a_damaged_file_is_told_to_the_centre_and_the_gateway_runs(mosquitto, write_home, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / OUTBOX_FILE).write_bytes(b"no database at all" * 100)
    async with running(write_home(mosquitto.port)) as task:
        await until(lambda: said(caplog, "gateway gw-1 watches"))
        await stop(task)
    assert [body.reason for body in left_on_the_card(tmp_path) if isinstance(body, GapBody)] == [
        "the outbox file was damaged: unsent telemetry of the old file is lost"
    ]


async def test_certificates_that_cannot_be_used_leave_the_home_watched(mosquitto, write_home, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "ca.pem").write_text("no certificate")
    await open_door(mosquitto.port)
    path = write_home(mosquitto.port, uplink='url: "mqtts://127.0.0.1:2", ca_file: ca.pem')
    async with running(path) as task:
        await until(lambda: said(caplog, "sensor door is heard"))
        await until(lambda: said(caplog, "no way to the centre: cannot use the certificate files"))
        await stop(task)


async def test_a_password_file_that_is_missing_leaves_the_home_watched_until_it_is_there(
    mosquitto, write_home, tmp_path, caplog
):
    """One mistyped name, or a card that lost a file, silences no home; what is put right needs no restart."""
    caplog.set_level(logging.INFO)
    await open_door(mosquitto.port)
    way = f'url: "mqtt://127.0.0.1:{mosquitto.port}", username: gw-1, password_file: nowhere'
    async with running(write_home(mosquitto.port, uplink=way)) as task:
        await until(lambda: said(caplog, "sensor door is heard"))
        await until(lambda: said(caplog, "no way to the centre") and said(caplog, "nowhere: the secret cannot be read"))
        (tmp_path / "nowhere").write_text("secret")
        await until(lambda: said(caplog, "connected to the centre's broker"))
        await stop(task)


@pytest.mark.slow
async def test_sigterm_does_not_wait_for_a_broker_that_never_answers(write_home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        path = write_home(1, uplink=f'url: "mqtts://127.0.0.1:{mute.getsockname()[1]}"')  # hangs in the handshake
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(path)], stdout=log, stderr=log
            )
        try:
            connection, _ = await asyncio.to_thread(mute.accept)
            with connection:
                process.terminate()
                await asyncio.to_thread(process.wait, 8)
        finally:
            process.kill()
            process.wait()
    words = (tmp_path / "log").read_text()
    assert process.returncode == 0, words
    assert re.search("nothing is left in memory", words)
    assert "Traceback" not in words


@pytest.mark.slow
def test_a_dead_radio_is_said_at_home_and_told_to_the_centre(write_home, free_port, tmp_path):
    path = write_home(free_port)
    oximeter = "  - {kind: pulse_oximeter_plx, id: oximeter, address: 'C0:FF:EE:00:00:01'}\n"
    path.write_text(path.read_text(encoding="utf-8").replace("sensors:\n", f"sensors:\n{oximeter}"), encoding="utf-8")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(path)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/nobody"},
        )
    try:
        spoken = next(line for line in process.stdout if "silence:bluetooth-hci0" in line)
        process.terminate()
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
    assert spoken.startswith("ANNOUNCE notice P3 silence:bluetooth-hci0 | Notice Bluetooth-hci0 not heard for 1 s")
    alerts = [body.alert for body in left_on_the_card(tmp_path) if isinstance(body, AlertBody)]
    (radio,) = [alert for alert in alerts if alert.sensor_id == "bluetooth-hci0"]
    assert (radio.severity, radio.hazard) == (Severity.P3, "sensor-silent")
    assert "systemctl start bluetooth" in radio.why.en
    assert "sensor bluetooth-hci0 is down: the Bluetooth service cannot be reached" in (tmp_path / "log").read_text()
