"""The home's own broker over TLS: its own authority, our own certificate, a password from a file; a real mosquitto."""

import asyncio
import subprocess

import pytest
from fixtures.heard import supervised

from config.home import LocalBrokerPart
from drivers.links import links_for
from drivers.mqtt import link, zigbee2mqtt
from drivers.mqtt.sensor_zigbee2mqtt import SensorZigbee2mqtt
from gateway import supervise
from shouwang.errors import ConfigError, DeviceError
from shouwang.quantities import Quantity
from shouwang.status import SensorState


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(link, "ATTACH_S", 20.0)  # a broker that is there may be as slow as it likes
    monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 0.1)


@pytest.fixture
def encrypted(start_mosquitto, authority, tmp_path):
    """A broker that wants our certificate and a password; the keys of `local_broker` for it."""
    own = authority.issue("broker")
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "gateway", "right"], check=True, capture_output=True)
    secret.write_text("right\n")
    broker = start_mosquitto(
        f"cafile {authority.cert}",
        f"certfile {own.cert_file}",
        f"keyfile {own.key_file}",
        "require_certificate true",
        "allow_anonymous false",
        f"password_file {passwords}",
    )
    mine = authority.issue("gateway")
    return {
        "url": f"mqtts://127.0.0.1:{broker.port}",
        "username": "gateway",
        "password_file": secret,
        "ca_file": mine.ca_file,
        "cert_file": mine.cert_file,
        "key_file": mine.key_file,
    }


def links_of(written):
    return links_for(LocalBrokerPart.model_validate(written))


def sensor_at(links):
    model = SensorZigbee2mqtt.model_validate({"kind": "sensor_zigbee2mqtt", "id": "co", "topic": "zigbee2mqtt/co"})
    return model.build(links)


async def test_what_is_said_over_tls_is_heard_and_what_we_say_is_taken(encrypted):
    links, other = links_of(encrypted), links_of(encrypted)
    async with supervised(sensor_at(links), broker=links.local_broker) as (heard,):
        await heard.until_state(SensorState.UP)
        other_task = asyncio.create_task(other.local_broker.run())
        async with asyncio.timeout(20):
            while not other.local_broker.is_connected:
                await asyncio.sleep(0.005)
        await other.local_broker.publish("zigbee2mqtt/co", b'{"carbon_monoxide":true}')
        await heard.until_value(Quantity.CARBON_MONOXIDE_ALARM, 1)
        other_task.cancel()
        await asyncio.gather(other_task, return_exceptions=True)


async def test_a_broker_that_nobody_vouches_for_is_refused_in_plain_words(encrypted):
    without = {key: value for key, value in encrypted.items() if key != "ca_file"}
    with pytest.raises(DeviceError, match=r"certificate of the local MQTT broker .* ca_file"):
        await links_of(without).local_broker.run()


@pytest.mark.slow
async def test_without_our_own_certificate_the_broker_refuses_us(encrypted):
    without = {key: value for key, value in encrypted.items() if key not in ("cert_file", "key_file")}
    with pytest.raises(DeviceError, match="local MQTT broker"):
        await links_of(without).local_broker.run()


async def test_a_wrong_password_is_told(encrypted, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    with pytest.raises(DeviceError, match=r"refuses us.*password_file"):
        await links_of({**encrypted, "password_file": wrong}).local_broker.run()


def test_files_that_cannot_be_used_are_told_at_the_start(encrypted, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigError, match="certificate files of local_broker"):
        links_of({**encrypted, "ca_file": broken})
    with pytest.raises(ConfigError, match="password of the local broker cannot be read"):
        links_of({**encrypted, "password_file": tmp_path / "none"})


@pytest.mark.parametrize(
    ("change", "words"),
    [({"key_file": None}, "belong together"), ({"url": "mqtt://127.0.0.1"}, "for mqtts:// only")],
)
def test_keys_that_do_not_fit_are_told(encrypted, change, words):
    with pytest.raises(ValueError, match=words):
        LocalBrokerPart.model_validate({**encrypted, **change})
