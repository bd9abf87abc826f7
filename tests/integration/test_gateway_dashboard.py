"""What the gateway tells on the home's own broker, read back as a dashboard would read it."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiomqtt
import pytest
from fixtures.ha_schema import flaws
from fixtures.mosquitto import Mosquitto

from drivers.mqtt import link
from drivers.mqtt.address import BrokerAddress
from drivers.mqtt.link import LocalBroker
from gateway import dashboard as module
from gateway import supervise
from gateway.dashboard import MAX_EVENTS, Dashboard, last_will_of
from gateway.discovery import Names
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import GUEST, Quality, Reading
from shouwang.status import SensorState, SensorStatus

NAMES = Names("gw-1", "shouwang", "homeassistant", "zh")
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
BASE = "shouwang/gw-1"
SENSORS = {
    "oximeter": frozenset({Quantity.SPO2, Quantity.HEART_RATE}),
    "sos-bed": frozenset({Quantity.SOS, Quantity.BATTERY}),
    "smoke": frozenset({Quantity.SMOKE}),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(link, "ATTACH_S", 0.1)
    monkeypatch.setattr(module, "_TICK_S", 0.02)


class Family:
    """A dashboard of a family: what it has been told."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.live: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    async def listen(self, port: int, ready: asyncio.Event) -> None:
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("#", qos=1)
            ready.set()
            async for message in client.messages:
                topic, payload = message.topic.value, message.payload.decode()
                self.values[topic] = payload
                if not message.retain:
                    self.live.append((topic, payload))
                self._more.set()

    async def until(self, seen):
        async with asyncio.timeout(20):
            while not seen():
                self._more.clear()
                await self._more.wait()

    def configs(self) -> dict[str, str]:
        return {topic: payload for topic, payload in self.values.items() if topic.endswith("/config") and payload}


@asynccontextmanager
async def family_at(mosquitto: Mosquitto):
    family, ready = Family(), asyncio.Event()
    task = asyncio.create_task(family.listen(mosquitto.port, ready))
    await ready.wait()
    try:
        yield family
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def telling(mosquitto: Mosquitto, sensors=SENSORS):
    there = dict(sensors)
    address = BrokerAddress.of(mosquitto.url, username=None, password=None)
    shown = Dashboard(LocalBroker(address, name=BASE, testament=last_will_of(NAMES)), NAMES, lambda: there)
    shown.there = there
    task = asyncio.create_task(shown.run())
    try:
        yield shown
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reading(sensor, quantity, value, **more):
    return Reading(sensor_id=sensor, quantity=quantity, value=value, at=AT, mono=1, **more)


def status(sensor, state):
    return SensorStatus(sensor_id=sensor, state=state, since=AT, at=AT, mono=1)


def alert(sensor, state, severity=Severity.P1):
    return Alert(
        alert_id=f"x/{state}", key=f"rule:{sensor}", rule_id="rule", rule_version=1, hazard="smoke", severity=severity,
        state=state, resident_id="r-1", sensor_id=sensor, since=AT, at=AT, mono=1,
        why=Sentence(zh="王桂兰家有烟", en="smoke at Wang Guilan's"),
    )  # fmt: skip


async def test_readings_states_and_alarms_are_told_and_described(mosquitto):
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        shown.note(status("oximeter", SensorState.UP))
        shown.note(reading("oximeter", Quantity.SPO2, 97.0))
        shown.note(reading("smoke", Quantity.SMOKE, 1.0))
        shown.note(status("smoke", SensorState.DOWN))
        await family.until(lambda: family.values.get(f"{BASE}/status") == "online")
        shown.note(reading("sos-bed", Quantity.SOS, 1.0))
        shown.alerts([alert("smoke", AlertState.FIRING)])
        await family.until(lambda: family.values.get(f"{BASE}/smoke/alarm") == "ON")
        wanted = [f"{BASE}/sos-bed/sos", f"{BASE}/oximeter/spo2", f"{BASE}/oximeter/availability"]
        wanted += [f"{BASE}/smoke/smoke", f"{BASE}/smoke/availability", f"{BASE}/oximeter/alarm"]
        await family.until(lambda: set(wanted) <= family.values.keys())
        assert family.values[f"{BASE}/oximeter/spo2"] == "97"
        assert family.values[f"{BASE}/oximeter/availability"] == "online"
        assert family.values[f"{BASE}/smoke/smoke"] == "ON"
        assert family.values[f"{BASE}/smoke/availability"] == "offline"
        assert family.values[f"{BASE}/oximeter/alarm"] == "OFF"
        await family.until(lambda: "firing" in family.values.get(f"{BASE}/smoke/alarm/details", ""))
        (told,) = json.loads(family.values[f"{BASE}/smoke/alarm/details"])["alarms"]
        assert (told["key"], told["severity"], told["state"]) == ("rule:smoke", "P1", "firing")
        await family.until(lambda: f"{BASE}/alert" in family.values)
        assert json.loads(family.values[f"{BASE}/alert"])["event_type"] == "firing"
        assert json.loads(family.values[f"{BASE}/sos-bed/sos"])["event_type"] == "sos"
        shown.alerts([alert("smoke", AlertState.RESOLVED), alert("oximeter", AlertState.FIRING, Severity.P3)])
        await family.until(lambda: len(family.configs()) == 4 + 3 * 3 + 3)
        await family.until(
            lambda: family.values[f"{BASE}/smoke/alarm"] == "OFF" and family.values[f"{BASE}/oximeter/fault"] == "ON"
        )
        configs = family.configs()
        assert [found for topic, payload in configs.items() for found in flaws(topic, payload.encode())] == []
        spo2 = json.loads(configs["homeassistant/sensor/shouwang_gw-1/oximeter_spo2/config"])
        assert (spo2["name"], spo2["device"]["via_device"]) == ("血氧饱和度", "shouwang_gw-1")


async def test_an_alarm_of_no_single_sensor_is_shown_with_the_gateway(mosquitto):
    """Nobody has moved all morning: such an alarm is of the whole home, and a sensor that leaves does not end it."""
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        await family.until(lambda: family.values.get(f"{BASE}/home/alarm") == "OFF")
        shown.alerts([alert("home", AlertState.FIRING)])
        await family.until(lambda: family.values[f"{BASE}/home/alarm"] == "ON")
        described = "homeassistant/binary_sensor/shouwang_gw-1/_alarm/config"
        await family.until(lambda: described in family.values)
        told = json.loads(family.values[described])
        assert (told["state_topic"], told["device"]["name"]) == (f"{BASE}/home/alarm", "gw-1")
        del shown.there["sos-bed"]
        shown.sensors_changed()
        await family.until(
            lambda: family.values.get("homeassistant/binary_sensor/shouwang_gw-1/sos-bed_alarm/config") == ""
        )
        shown.alerts([alert("smoke", AlertState.FIRING)])
        await family.until(lambda: family.values[f"{BASE}/smoke/alarm"] == "ON")
        assert family.values[f"{BASE}/home/alarm"] == "ON"
        assert family.values[described]


async def test_no_name_and_no_sentence_leaves_the_gateway(mosquitto):
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        shown.alerts([alert("smoke", AlertState.FIRING)])
        await family.until(lambda: family.values.get(f"{BASE}/smoke/alarm") == "ON")
        await asyncio.sleep(0.05)
        told = "".join((*family.values, *family.values.values()))
        assert "Guilan" not in told
        assert "王桂兰" not in told
        assert "r-1" not in told


async def test_what_is_of_another_person_or_day_or_of_none_is_not_told(mosquitto):
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        for value, more in (
            (43.0, {}),
            (40.0, {"resident_id": GUEST}),
            (41.0, {"is_late": True}),
            (1e9, {"quality": Quality.IMPLAUSIBLE}),
        ):
            shown.note(reading("oximeter", Quantity.HEART_RATE, value, **more))
        shown.note(reading("stranger", Quantity.HEART_RATE, 42.0))
        await family.until(lambda: f"{BASE}/oximeter/heart-rate" in family.values)
        assert family.values[f"{BASE}/oximeter/heart-rate"] == "43"
        assert not [topic for topic in family.values if "stranger" in topic]


async def test_presses_are_events_and_never_retained(mosquitto):
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        await family.until(lambda: family.values.get(f"{BASE}/status") == "online")
        for _ in range(2):
            shown.note(reading("sos-bed", Quantity.SOS, 1.0))
        await family.until(lambda: [topic for topic, _ in family.live].count(f"{BASE}/sos-bed/sos") == 2)
    async with family_at(mosquitto) as later:
        await later.until(lambda: f"{BASE}/status" in later.values)
        await asyncio.sleep(0.05)
        assert f"{BASE}/sos-bed/sos" not in later.values


async def test_the_gateway_that_stops_or_dies_is_said_to_be_gone(mosquitto):
    async with family_at(mosquitto) as family:
        async with telling(mosquitto):
            await family.until(lambda: family.values.get(f"{BASE}/status") == "online")
        await family.until(lambda: family.values[f"{BASE}/status"] == "offline")
        address = BrokerAddress.of(mosquitto.url, username=None, password=None)
        dying = LocalBroker(address, name=BASE, testament=last_will_of(NAMES))
        task = asyncio.create_task(dying.run())
        async with asyncio.timeout(20):
            while not dying.is_connected:
                await asyncio.sleep(0.005)
        await dying.publish(f"{BASE}/status", b"online", retain=True)
        await family.until(lambda: family.values[f"{BASE}/status"] == "online")
        dying._connection._client._client.socket().shutdown(2)  # a power cut: no word of farewell
        await family.until(lambda: family.values[f"{BASE}/status"] == "offline")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_no_more_is_taken_back_also_what_an_earlier_run_told(mosquitto):
    async with telling(mosquitto) as before, family_at(mosquitto) as family:
        before.note(reading("smoke", Quantity.SMOKE, 0.0))
        before.note(reading("oximeter", Quantity.SPO2, 97.0))
        await family.until(lambda: f"{BASE}/smoke/smoke" in family.values and f"{BASE}/oximeter/spo2" in family.values)
        await family.until(lambda: len(family.configs()) == 15)
    without = {sensor: told for sensor, told in SENSORS.items() if sensor != "smoke"}
    async with telling(mosquitto, without) as after, family_at(mosquitto) as family:
        await family.until(lambda: family.values.get(f"{BASE}/status") == "online")
        kept = "homeassistant/sensor/shouwang_gw-1/oximeter_spo2/config"
        await family.until(lambda: kept in family.configs())  # what is retained has come
        await family.until(lambda: not [topic for topic in family.configs() if "/smoke_" in topic])
        assert kept in family.configs(), "a sensor that is there keeps its entities, before it has spoken"
        del after.there["sos-bed"]
        after.sensors_changed()
        await family.until(lambda: not [topic for topic in family.configs() if "sos-bed" in topic])
    async with family_at(mosquitto) as last:
        await last.until(lambda: kept in last.values)
        await asyncio.sleep(0.05)
        assert not [topic for topic in last.values if "smoke" in topic or "sos-bed" in topic]


async def test_a_broker_that_is_away_holds_up_nothing_and_gets_the_newest(mosquitto):
    mosquitto.kill()
    async with telling(mosquitto) as shown:
        for value in range(5000):
            shown.note(reading("oximeter", Quantity.SPO2, float(value % 100)))
            shown.note(reading("sos-bed", Quantity.SOS, 1.0))
        assert len(shown._events) <= MAX_EVENTS
        assert len(shown._states) < 20
        mosquitto.start()
        async with family_at(mosquitto) as family:
            await family.until(lambda: family.values.get(f"{BASE}/oximeter/spo2") == "99")


async def test_a_press_that_waited_too_long_is_not_told(mosquitto, monkeypatch):
    monkeypatch.setattr(module, "EVENT_LASTS_S", -1.0)
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        shown.note(reading("sos-bed", Quantity.SOS, 1.0))
        shown.note(reading("sos-bed", Quantity.BATTERY, 50.0))
        await family.until(lambda: f"{BASE}/sos-bed/battery" in family.values)
        assert f"{BASE}/sos-bed/sos" not in family.values


async def test_a_broker_that_restarts_is_told_everything_again(mosquitto):
    async with telling(mosquitto) as shown:
        shown.note(reading("oximeter", Quantity.SPO2, 97.0))
        async with family_at(mosquitto) as family:
            await family.until(lambda: f"{BASE}/oximeter/spo2" in family.values)
        mosquitto.restart()  # it keeps nothing
        async with family_at(mosquitto) as family:
            await family.until(lambda: f"{BASE}/oximeter/spo2" in family.values)
            await family.until(lambda: len(family.configs()) == 12)
            await family.until(lambda: family.values.get(f"{BASE}/status") == "online")


async def test_values_of_one_thing_are_told_once_a_tick(mosquitto, monkeypatch):
    monkeypatch.setattr(module, "_TICK_S", 0.2)
    async with family_at(mosquitto) as family, telling(mosquitto) as shown:
        await family.until(lambda: family.values.get(f"{BASE}/status") == "online")
        for value in range(400):
            shown.note(reading("oximeter", Quantity.SPO2, float(value % 90 + 1)))
            await asyncio.sleep(0)
        shown.note(reading("oximeter", Quantity.SPO2, 100.0))
        await family.until(lambda: family.values.get(f"{BASE}/oximeter/spo2") == "100")
        assert len([topic for topic, _ in family.live if topic.endswith("/spo2")]) < 20
