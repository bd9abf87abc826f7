"""The SOS button and the door contact over a real mosquitto: presses, what is retained, who is gone, broken brokers."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator

import pytest
from fixtures.heard import Heard, end, failure, running, supervised
from fixtures.mosquitto import Mosquitto, StartMosquitto

from drivers.links import Links
from drivers.mqtt import link, zigbee2mqtt
from drivers.mqtt.door_contact_zigbee2mqtt import DoorContactZigbee2mqtt
from drivers.mqtt.link import BrokerAddress, LocalBroker
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from drivers.mqtt.zigbee2mqtt import Zigbee2mqttDriver
from gateway import supervise
from shouwang.driver import Alive
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.mqtt.zigbee import Bridge, DoorContact, SosButton
from simulators.tally import Tally

SOS, DOOR = "zigbee2mqtt/sos", "zigbee2mqtt/door"
BRIDGE = "zigbee2mqtt/bridge/state"
UP, DOWN = SensorState.UP, SensorState.DOWN


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(link, "ATTACH_S", 20.0)  # a broker that is there may be as slow as it likes
    monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 0.1)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the broker retains comes before that, also on a busy machine."""
    monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 2.0)


def broker_at(mosquitto: Mosquitto, *, username: str | None = None, password: str | None = None) -> LocalBroker:
    return LocalBroker(BrokerAddress.of(mosquitto.url, username=username, password=password))


def sos_at(broker: LocalBroker) -> Zigbee2mqttDriver:
    model = SosButtonZigbee2mqtt(kind="sos_button_zigbee2mqtt", id="sos", topic=SOS, cancel=("disarm",))
    driver = model.build(Links(local_broker=broker))
    assert isinstance(driver, Zigbee2mqttDriver)
    return driver


def door_at(broker: LocalBroker) -> Zigbee2mqttDriver:
    model = DoorContactZigbee2mqtt(kind="door_contact_zigbee2mqtt", id="door", topic=DOOR)
    driver = model.build(Links(local_broker=broker))
    assert isinstance(driver, Zigbee2mqttDriver)
    return driver


@pytest.fixture
async def bridge(mosquitto: Mosquitto) -> AsyncIterator[Bridge]:
    async with Bridge(host="127.0.0.1", port=mosquitto.port).running() as running_bridge:
        yield running_bridge


async def publish(mosquitto: Mosquitto, topic: str, payload: bytes, *, retain: bool = False) -> None:
    """As bytes, which the simulated bridge cannot."""
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(topic, payload, qos=1, retain=retain)


async def test_presses_cancels_doors_and_batteries_are_heard(mosquitto: Mosquitto, bridge: Bridge) -> None:
    broker = broker_at(mosquitto)
    button = SosButton(bridge, Tally(), sensor_id="sos", topic=SOS, battery=37)
    door = DoorContact(bridge, Tally(), sensor_id="door", topic=DOOR)
    async with supervised(sos_at(broker), door_at(broker), broker=broker) as (sos, doors):
        await sos.until_state(UP)
        await doors.until_state(UP)
        await button.press()
        await button.cancel()
        await door.open()
        await sos.until_value(Quantity.CANCEL, 1)
        await doors.until_value(Quantity.DOOR, 1)
    assert sos.count(Quantity.SOS, 1) == 1  # the cleared action after it is no second press
    assert sos.count(Quantity.BATTERY, 37) >= 1
    assert not sos.count(Quantity.DOOR, 1)
    assert doors.values.keys() == {(Quantity.DOOR, 1), (Quantity.TAMPER, 0), (Quantity.BATTERY, 100)}


@pytest.mark.parametrize(
    ("offline", "online"), [(b'{"state":"offline"}', b'{"state":"online"}'), (b"offline", b"online")]
)
@pytest.mark.parametrize("topic", [f"{SOS}/availability", BRIDGE])
async def test_who_is_gone_is_down_until_it_is_said_to_be_back(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, topic: str, offline: bytes, online: bytes
) -> None:
    broker = broker_at(mosquitto)
    driver = sos_at(broker)
    async with supervised(driver, broker=broker) as (heard,):
        await heard.until_state(UP)
        monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 0.0)
        await publish(mosquitto, topic, offline, retain=True)
        await heard.until_state(DOWN)
        assert ("offline" in heard.reason) is (topic != BRIDGE)
        await publish(mosquitto, topic, offline, retain=True)
        await publish(mosquitto, topic, b"?")
        await heard_rejects(driver, 1)
        assert heard.states == [UP, DOWN]
        await publish(mosquitto, topic, online, retain=True)
        await heard.until_state(UP)
    assert heard.states == [UP, DOWN, UP]


@pytest.mark.usefixtures("patient")
async def test_who_is_gone_at_the_start_is_never_called_heard(mosquitto: Mosquitto) -> None:
    """Nor is the state that the broker kept of it passed on, before the bridge and the contact are back."""
    await publish(mosquitto, DOOR, b'{"contact":true}', retain=True)
    await publish(mosquitto, f"{DOOR}/availability", b"offline", retain=True)
    await publish(mosquitto, BRIDGE, b'{"state":"offline"}', retain=True)
    broker = broker_at(mosquitto)
    driver = door_at(broker)
    async with supervised(driver, broker=broker) as (heard,):
        await heard.until_state(DOWN)
        await publish(mosquitto, f"{DOOR}/availability", b"online", retain=True)
        await publish(mosquitto, BRIDGE, b"not a word of Zigbee2MQTT")
        await heard_rejects(driver, 1)
        assert heard.states == [DOWN]
        assert not heard.values
        await publish(mosquitto, BRIDGE, b"online", retain=True)
        await heard.until_value(Quantity.DOOR, 0)
    assert heard.states == [DOWN, UP]
    assert heard.values.total() == 1


async def heard_rejects(driver: Zigbee2mqttDriver, count: int) -> None:
    async with asyncio.timeout(20):
        while driver.rejected < count:
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("patient")
async def test_a_press_speaks_louder_than_offline(mosquitto: Mosquitto, bridge: Bridge) -> None:
    await publish(mosquitto, f"{SOS}/availability", b"offline", retain=True)
    broker = broker_at(mosquitto)
    async with supervised(sos_at(broker), broker=broker) as (heard,):
        await heard.until_state(DOWN)
        await SosButton(bridge, Tally(), sensor_id="sos", topic=SOS).press()
        await heard.until_value(Quantity.SOS, 1)
        assert heard.states == [DOWN, UP]
        await publish(mosquitto, f"{SOS}/availability", b"offline", retain=True)
        await heard.until_state(DOWN)


async def test_a_retained_press_is_no_alarm(mosquitto: Mosquitto) -> None:
    await publish(mosquitto, SOS, b'{"action":"emergency","battery":12}', retain=True)
    broker = broker_at(mosquitto)
    async with supervised(sos_at(broker), broker=broker) as (heard,):
        await heard.until_value(Quantity.BATTERY, 12)
    assert not heard.count(Quantity.SOS, 1)


async def test_what_cannot_be_read_is_counted_and_the_next_press_is_heard(mosquitto: Mosquitto) -> None:
    broker = broker_at(mosquitto)
    driver = sos_at(broker)
    bad = [
        json.dumps({"action": "emergency", "x": "y" * 1_000_000}).encode(),
        b"not JSON",
        b"[1]",
        b'"emergency"',
        b"\xff\xfe",
        b"",
        b'{"action":"unheard-of"}',
    ]
    async with supervised(driver, broker=broker) as (heard,):
        await heard.until_state(UP)
        for payload in bad:
            await publish(mosquitto, SOS, payload)
        await publish(mosquitto, SOS, b'{"action":"emergency"}')
        await heard.until_value(Quantity.SOS, 1)
        assert heard.states == [UP]
        assert heard.values.total() == 1
    assert driver.rejected == len(bad)


async def test_a_broker_that_is_killed_and_started_again_is_used_again(mosquitto: Mosquitto) -> None:
    broker = broker_at(mosquitto)
    async with supervised(sos_at(broker), broker=broker) as (heard,):
        for lap in range(1, 3):
            await heard.until_state(UP)
            await publish(mosquitto, SOS, b'{"action":"emergency"}')
            await heard.until(lambda lap=lap: heard.count(Quantity.SOS, 1) == lap)
            mosquitto.kill()
            await heard.until_state(DOWN)
            assert "lost" in heard.reason
            mosquitto.start()
        await heard.until_state(UP)
    assert heard.states == [UP, DOWN] * 2 + [UP]


async def test_a_press_right_after_a_long_outage_waits_for_no_pause(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failure is told for each outage: the driver then waits for the broker itself, not out a growing pause."""
    mosquitto.kill()
    broker = broker_at(mosquitto)
    driver = sos_at(broker)
    monkeypatch.setattr(link, "ATTACH_S", 0.0)
    async with running(driver) as (_, first):
        assert isinstance(await failure(first), DeviceError)
    async with running(driver) as (heard, task):
        link_task = asyncio.create_task(supervise.keep("the local MQTT broker", broker.run))
        mosquitto.start()
        await heard.until_alive()
        await publish(mosquitto, SOS, b'{"action":"emergency"}')
        await heard.until_value(Quantity.SOS, 1)
        assert not task.done()
        await end(link_task)


async def test_the_broker_keeps_our_place_while_the_gateway_restarts(mosquitto: Mosquitto, bridge: Bridge) -> None:
    button = SosButton(bridge, Tally(), sensor_id="sos", topic=SOS)
    before, after = broker_at(mosquitto), broker_at(mosquitto)
    async with supervised(sos_at(before), broker=before) as (heard,):
        await heard.until_state(UP)
    await button.press()
    async with supervised(sos_at(after), broker=after) as (heard,):
        await heard.until_value(Quantity.SOS, 1)
    assert heard.count(Quantity.SOS, 1) == 1


@pytest.mark.slow
async def test_an_order_to_stop_is_heeded_at_every_moment(mosquitto: Mosquitto) -> None:
    """Also in the one in which the broker's answer comes: else the gateway would not stop."""
    await publish(mosquitto, SOS, b'{"battery":50}', retain=True)
    for step in range(400):
        broker = broker_at(mosquitto)
        sos_at(broker)
        task = asyncio.create_task(broker.run())
        for _ in range(step % 40):
            await asyncio.sleep(0.0001)
        was_running = task.cancel()  # mosquitto may have refused so quick a return
        done, _ = await asyncio.wait([task], timeout=20)
        assert done, f"still running after step {step}"
        assert task.cancelled() is was_running


async def test_wrong_credentials_are_told_in_plain_words(
    start_mosquitto: StartMosquitto, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "gateway", "right"], check=True, capture_output=True)
    mosquitto = start_mosquitto("allow_anonymous false", f"password_file {passwords}")
    wrong = broker_at(mosquitto, username="gateway", password="wrong")
    refused = sos_at(wrong)
    with pytest.raises(DeviceError, match=r"refuses us: .*check username and password_file under local_broker"):
        await wrong.run()
    with monkeypatch.context() as patch:
        patch.setattr(link, "ATTACH_S", 0.0)
        async with running(refused) as (_, task):
            assert "password_file" in str(await failure(task))
    right = broker_at(mosquitto, username="gateway", password="right")
    async with supervised(sos_at(right), broker=right) as (heard,):
        await heard.until_state(UP)


async def test_no_broker_at_all_is_told_in_plain_words(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "ATTACH_S", 0.0)
    broker = LocalBroker(BrokerAddress.of(f"mqtt://127.0.0.1:{free_port}", username=None, password=None))
    with pytest.raises(DeviceError, match=r"cannot reach the local MQTT broker at 127\.0\.0\.1:.*is it running\?"):
        await broker.run()
    heard = Heard()
    with pytest.raises(DeviceError, match="cannot reach"):
        await sos_at(broker).run(heard)
    assert not any(isinstance(one, Alive) for one in heard.said)


async def test_who_follows_on_in_a_topic_gets_what_was_not_read_and_what_came_meanwhile(mosquitto: Mosquitto) -> None:
    """Once each, in order; a third party that stays gets nothing twice, and who comes later nothing of it."""
    broker = broker_at(mosquitto)
    before, stays = broker.subscription(["meter"]), broker.subscription(["meter"])
    task = asyncio.create_task(broker.run())
    await stays.connection()
    await publish(mosquitto, "meter", b"1")
    assert (await stays.next()).payload == b"1"
    with broker.held():
        await publish(mosquitto, "meter", b"2")
        before.close()
        after = broker.subscription(["meter"])
        await asyncio.sleep(0.1)
    later = broker.subscription(["meter"])
    async with asyncio.timeout(20):
        assert [(await after.next()).payload for _ in range(2)] == [b"1", b"2"]
        assert (await stays.next()).payload == b"2"
        await publish(mosquitto, "meter", b"3")
        for subscription in (stays, after, later):
            assert (await subscription.next()).payload == b"3"
    await end(task)
