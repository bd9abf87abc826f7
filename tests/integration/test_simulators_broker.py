"""Both brokers: messages, rules of access, death and return; and the Zigbee sensors that speak to them."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from aiomqtt import MqttError, ProtocolVersion

from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from simulators.broker import Access, Broker, BrokerKind, running_broker
from simulators.child import find_program
from simulators.mqtt.zigbee import Bridge, DoorContact, SosButton
from simulators.tally import Tally

WAIT_S = 30.0
SERVER = ("community", "s3cret")
HOMES = {"gw-1": "one", "gw-2": "two"}
KINDS = [
    pytest.param(
        BrokerKind.MOSQUITTO,
        marks=pytest.mark.skipif(find_program("mosquitto") is None, reason="needs mosquitto (apt install mosquitto)"),
    ),
    pytest.param(BrokerKind.AMQTT, marks=pytest.mark.slow),
]


def client(broker: Broker, user: tuple[str, str] | None = None) -> aiomqtt.Client:
    name, password = user or (None, None)
    return aiomqtt.Client(
        broker.host, broker.port, username=name, password=password, protocol=ProtocolVersion.V311, timeout=WAIT_S
    )


@asynccontextmanager
async def listening(broker: Broker, topic: str) -> AsyncIterator[aiomqtt.Client]:
    async with client(broker) as listener:
        await listener.subscribe(topic, qos=1)
        yield listener


async def next_of(listener: aiomqtt.Client) -> tuple[str, object]:
    message = await asyncio.wait_for(anext(aiter(listener.messages)), WAIT_S)
    assert message.qos == 1
    return str(message.topic), json.loads(bytes(message.payload))


@pytest.mark.parametrize("kind", KINDS)
async def test_buttons_and_doors_say_what_zigbee2mqtt_says(kind: BrokerKind) -> None:
    tally = Tally()
    async with running_broker(kind) as broker, listening(broker, "zigbee2mqtt/#") as listener:
        assert broker.kind is kind
        async with Bridge(host=broker.host, port=broker.port).running() as bridge:
            sos = SosButton(bridge, tally, sensor_id="sos", topic="zigbee2mqtt/sos")
            door = DoorContact(bridge, tally, sensor_id="door", topic="zigbee2mqtt/door", battery=50)
            common = {"battery": 100, "linkquality": 120, "voltage": 3000}
            await sos.be_available(online=True)
            assert await next_of(listener) == ("zigbee2mqtt/sos/availability", {"state": "online"})
            assert await sos.press()
            assert await next_of(listener) == ("zigbee2mqtt/sos", {"action": "emergency", **common})
            assert await next_of(listener) == ("zigbee2mqtt/sos", {"action": "", **common})
            sos.clears_action = False
            assert await sos.cancel()
            assert await next_of(listener) == ("zigbee2mqtt/sos", {"action": "disarm", **common})
            assert await door.open()
            topic, said = await next_of(listener)
            assert topic == "zigbee2mqtt/door"
            assert said == {
                "contact": False,
                "tamper": False,
                "battery_low": False,
                "battery": 50,
                "linkquality": 120,
                "voltage": 1500,
            }
    assert tally.of("sos", Quantity.SOS) == tally.of("sos", Quantity.CANCEL) == Counter({1: 1})
    assert tally.of("sos", Quantity.BATTERY) == Counter({100: 3})
    assert tally.of("door", Quantity.DOOR) == Counter({1: 1})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_broker_comes_back_on_its_port_and_the_bridge_with_it(kind: BrokerKind) -> None:
    tally = Tally()
    async with running_broker(kind) as broker, Bridge(host=broker.host, port=broker.port).running() as bridge:
        sos = SosButton(bridge, tally, sensor_id="sos", topic="zigbee2mqtt/sos")
        assert await sos.press()
        await broker.kill()
        assert broker.pid is None
        assert not await sos.press()
        await broker.start()
        async with asyncio.timeout(WAIT_S):
            while not await sos.press():
                await asyncio.sleep(0.02)
    assert tally.of("sos", Quantity.SOS) == Counter({1: 2})


@pytest.mark.parametrize("kind", KINDS)
async def test_homes_are_kept_apart(kind: BrokerKind) -> None:
    async with running_broker(kind, access=Access(server=SERVER, homes=HOMES)) as broker:
        one, two = client(broker, ("gw-1", "one")), client(broker, ("gw-2", "two"))
        async with client(broker, SERVER) as server, one as home, two as other:
            await server.subscribe("v1/+/up/al", qos=1)
            await home.subscribe("v1/gw-1/down/#", qos=1)
            # A refused subscription: mosquitto says yes and sends nothing, amqtt says no.
            await other.subscribe("v1/gw-1/down/#", qos=1)
            for forged in ("v1/gw-1/up/al", "v1/gw-2/down/cmd", "elsewhere"):
                await other.publish(forged, "1", qos=0)
            await home.publish("v1/gw-1/up/al", "2", qos=1)
            assert await next_of(server) == ("v1/gw-1/up/al", 2)
            await server.publish("v1/gw-1/down/ack", "3", qos=1)
            assert await next_of(home) == ("v1/gw-1/down/ack", 3)
            assert len(server.messages) == len(other.messages) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", [None, ("gw-1", "wrong"), ("nobody", "one")])
async def test_strangers_are_not_let_in(kind: BrokerKind, user: tuple[str, str] | None) -> None:
    async with running_broker(kind, access=Access(server=SERVER, homes=HOMES)) as broker:
        with pytest.raises(MqttError):
            await client(broker, user).__aenter__()


async def test_auto_takes_mosquitto_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.broker.find_program", lambda _: None)  # as on a machine without it
    async with running_broker() as broker:
        assert broker.kind is BrokerKind.AMQTT
        assert broker.version == "3.1.1"
    with pytest.raises(DeviceError, match="apt install mosquitto"):
        async with running_broker(BrokerKind.MOSQUITTO):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_a_port_that_is_taken_is_told(kind: BrokerKind) -> None:
    async with running_broker(kind) as first:
        with pytest.raises(DeviceError, match=f"port {first.port} is in use"):
            async with running_broker(kind, port=first.port):
                pass


async def test_no_broker_no_bridge(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setattr("simulators.mqtt.zigbee.START_S", 0.2)
    with pytest.raises(DeviceError, match=f"127.0.0.1:{free_port}"):
        async with Bridge(host="127.0.0.1", port=free_port).running():
            pass


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running_broker(BrokerKind.AUTO, access=Access(server=SERVER)) as broker:
        pid = broker.pid
        assert pid is not None
        (private,) = tmp_path.iterdir()
        assert private.stat().st_mode & 0o077 == 0
        assert SERVER[1] not in "".join(p.read_text() for p in private.iterdir() if p.name == "passwords")
    assert [*tmp_path.iterdir()] == []
    assert not Path(f"/proc/{pid}").exists()
