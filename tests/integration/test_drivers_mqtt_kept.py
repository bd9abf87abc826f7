"""QoS 1 over a real mosquitto: the broker keeps a message until its reading was taken in, and no other with it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from fixtures.heard import end, supervised
from fixtures.mosquitto import Mosquitto

from drivers.links import Links
from drivers.mqtt import connection, link, sensor
from drivers.mqtt.address import BrokerAddress
from drivers.mqtt.link import LocalBroker, Subscription
from drivers.mqtt.mqtt_json import MqttJson
from drivers.mqtt.sensor import MqttSensor
from drivers.mqtt.switchboard import Arrival
from gateway import supervise
from shouwang.driver import Said, Sample
from shouwang.quantities import Quantity
from shouwang.status import SensorState

T = Quantity.TEMPERATURE
LIMIT_S = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 0.1)
    monkeypatch.setattr(link, "ATTACH_S", 5.0)
    monkeypatch.setattr(sensor, "SETTLE_S", 0.05)


def broker_at(mosquitto: Mosquitto) -> LocalBroker:
    return LocalBroker(BrokerAddress.of(mosquitto.url, username=None, password=None))


def sensor_at(broker: LocalBroker, name: str = "a") -> MqttSensor:
    value = {"path": "t", "quantity": "temperature", "unit": "°C"}
    model = MqttJson.model_validate({"kind": "mqtt_json", "id": name, "topic": f"home/{name}", "values": [value]})
    driver = model.build(Links(local_broker=broker))
    assert isinstance(driver, MqttSensor)
    return driver


@asynccontextmanager
async def connected(broker: LocalBroker) -> AsyncIterator[None]:
    task = asyncio.create_task(broker.run())
    try:
        await until(lambda: broker.is_connected)
        yield
    finally:
        await end(task)


async def until(seen) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not seen():
            await asyncio.sleep(0.002)


async def say(mosquitto: Mosquitto, *numbers: int, name: str = "a", qos: int = 1) -> None:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        for number in numbers:
            await client.publish(f"home/{name}", b'{"t": %d}' % number, qos=qos)


async def read(subscription: Subscription, count: int) -> list[bytes]:
    async with asyncio.timeout(LIMIT_S):
        return [(await subscription.next()).payload for _ in range(count)]


async def given_again(mosquitto: Mosquitto) -> list[bytes]:
    """What the broker has no receipt for, in its order."""
    broker = broker_at(mosquitto)
    subscription = broker.subscription(["home/a"])
    async with connected(broker):
        await say(mosquitto, 99)
        found: list[bytes] = []
        while b'{"t": 99}' not in found:
            found += await read(subscription, 1)
        subscription.rest()
    return found[:-1]


async def test_the_broker_keeps_what_was_handed_out_until_the_next_is_asked_for(mosquitto: Mosquitto) -> None:
    broker = broker_at(mosquitto)
    subscription = broker.subscription(["home/a"])
    async with connected(broker):
        await subscription.connection()
        await say(mosquitto, 1, 2, 3, 4)
        assert await read(subscription, 3) == [b'{"t": 1}', b'{"t": 2}', b'{"t": 3}']
        await until(lambda: len(subscription._inbox) == 1)
    assert await given_again(mosquitto) == [b'{"t": 3}', b'{"t": 4}']
    assert await given_again(mosquitto) == []


async def test_a_driver_that_ends_has_taken_in_what_it_had_in_hand(mosquitto: Mosquitto) -> None:
    broker = broker_at(mosquitto)
    subscription = broker.subscription(["home/a"])
    async with connected(broker):
        await subscription.connection()
        await say(mosquitto, 1, 2)
        await read(subscription, 1)
        await until(lambda: len(subscription._inbox) == 1)
        subscription.rest()
    assert await given_again(mosquitto) == [b'{"t": 2}']


async def test_what_was_kept_for_us_is_read_before_the_broker_has_agreed_to_our_topics(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long backlog comes at once with the connection: no sensor is called lost over it."""
    before, after = broker_at(mosquitto), broker_at(mosquitto)
    before.subscription(["home/a"])
    async with connected(before):
        pass
    await say(mosquitto, *range(300))
    agreed = connection.Connection.subscribe

    async def late(self: connection.Connection, filters: Sequence[str]) -> list[bool]:
        await asyncio.sleep(0.1)
        return await agreed(self, filters)

    monkeypatch.setattr(connection.Connection, "subscribe", late)
    async with supervised(sensor_at(after), broker=after) as (heard,):
        await heard.until_value(T, 299)
        await until(lambda: after.is_connected)
    assert heard.states == [SensorState.UP]
    assert heard.values.total() == 300


async def test_a_reading_is_taken_in_before_its_message_is_acknowledged(mosquitto: Mosquitto) -> None:
    broker = broker_at(mosquitto)
    order: list[str] = []
    driver = sensor_at(broker)
    heard = asyncio.Event()

    def emit(said) -> None:
        if isinstance(said, Sample):
            order.append(f"in {said.value:g}")
            if said.value == 3:
                heard.set()

    async with connected(broker):
        acknowledge = broker.receipts._acknowledge
        assert acknowledge is not None
        broker.receipts._acknowledge = lambda mid: (order.append("ack"), acknowledge(mid))[0]
        task = asyncio.create_task(driver.run(emit))
        await asyncio.sleep(0)
        await say(mosquitto, 1, 2, 3)
        async with asyncio.timeout(LIMIT_S):
            await heard.wait()
        await until(lambda: len(order) == 6)
        await end(task)
    assert order == ["in 1", "ack", "in 2", "ack", "in 3", "ack"]


async def test_a_lost_connection_loses_nothing_and_doubles_nothing(mosquitto: Mosquitto) -> None:
    """Cut while three messages are in hand, unread and half read; all come once, and none is left at the broker."""
    broker = broker_at(mosquitto)
    driver = sensor_at(broker)
    async with connected(broker):
        await driver._subscription.connection()
        await say(mosquitto, 1, 2, 3)
        assert len(await read(driver._subscription, 1)) == 1
        await until(lambda: len(driver._subscription._inbox) == 2)
        held = broker._connection
        assert held is not None
        held._client._client.socket().shutdown(2)
        await until(lambda: not broker.is_connected)
    driver._subscription.rest()
    async with supervised(driver, broker=broker) as (heard,):
        await say(mosquitto, 4)
        await heard.until_value(T, 4)
    assert heard.values == {(T, 2.0): 1, (T, 3.0): 1, (T, 4.0): 1}
    assert await given_again(mosquitto) == []


async def test_a_message_that_breaks_its_driver_is_no_message_of_tomorrow(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_at(mosquitto)
    driver = sensor_at(broker)
    decode = driver._decode

    def fragile(arrival: Arrival) -> list[Said]:
        if b"13" in arrival.payload:
            raise ZeroDivisionError
        return list(decode(arrival))  # type: ignore[arg-type]

    monkeypatch.setattr(driver, "_decode", fragile)
    async with supervised(driver, broker=broker) as (heard,):
        await heard.until_state(SensorState.UP)
        await say(mosquitto, 1, 13, 2)
        await heard.until_value(T, 2)
    assert heard.values == {(T, 1.0): 1, (T, 2.0): 1}
    assert "ZeroDivisionError" in [s.reason for s in heard.said if getattr(s, "reason", "")][-1]
    assert await given_again(mosquitto) == []


async def test_a_sensor_that_rests_keeps_back_no_message_of_another(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages fill the broker's window, which is 20 in most homes; the press behind them comes all the same."""
    monkeypatch.setattr(connection, "RECEIVE_MAXIMUM", 20)
    broker = broker_at(mosquitto)
    resting, other = broker.subscription(["home/a"]), broker.subscription(["home/b"])
    async with connected(broker):
        await other.connection()
        await say(mosquitto, *range(100))
        await say(mosquitto, 1, name="b")
        assert await read(other, 1) == [b'{"t": 1}']
        await resting.connection()
        assert len(await read(resting, 100)) == 100
    assert resting.dropped == 0


async def test_a_flood_without_receipts_loses_its_oldest_and_says_so(mosquitto: Mosquitto, caplog) -> None:
    broker = broker_at(mosquitto)
    driver = sensor_at(broker)
    async with connected(broker):
        await driver._subscription.connection()
        await say(mosquitto, *range(5))
        await say(mosquitto, *range(100, 100 + link.INBOX_CAPACITY + 50), qos=0)
        await say(mosquitto, 9)
        await until(lambda: driver.rejected == 50 + 6)
        found = await read(driver._subscription, link.INBOX_CAPACITY)
    assert found[:6] == [b'{"t": %d}' % number for number in (0, 1, 2, 3, 4, 156)]
    assert found[-1] == b'{"t": 9}'
    assert caplog.text.count("more messages than can be read") == 1


async def test_no_message_with_a_receipt_is_ever_dropped(mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "INBOX_CAPACITY", 10)
    broker = broker_at(mosquitto)
    driver = sensor_at(broker)
    async with connected(broker):
        await driver._subscription.connection()  # it runs, but another task keeps the loop from it
        await say(mosquitto, *range(150))
        await until(lambda: len(driver._subscription._inbox) == 150)
        assert await read(driver._subscription, 150) == [b'{"t": %d}' % number for number in range(150)]
    assert driver.rejected == 0


async def test_an_old_broker_that_keeps_no_place_is_listened_to_all_the_same(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = connection._client
    old = connection.aiomqtt.ProtocolVersion.V311
    monkeypatch.setattr(connection, "_client", lambda *args, **more: as_it_is(*args, **{**more, "version": old}))
    broker = broker_at(mosquitto)
    async with supervised(sensor_at(broker), broker=broker) as (heard,):
        await heard.until_state(SensorState.UP)
        await say(mosquitto, *range(50))
        await heard.until_value(T, 49)
    assert heard.values.total() == 50


def test_the_time_for_which_the_broker_keeps_our_place() -> None:
    """A Pi boots in 30 to 60 s; after 180 s the centre calls the home silent; after 10 min an alarm is late."""
    assert 60 < connection.KEEP_PLACE_S <= 180 < supervise.LATE_AFTER.total_seconds()
