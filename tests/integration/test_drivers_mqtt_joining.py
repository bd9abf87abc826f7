"""Homes whose devices join over a real mosquitto: thirty at once, their rules, restarts, renames, leaves, floods."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import aiomqtt
import pytest
from fixtures.joined_home import JoinedHome, written_home
from fixtures.mosquitto import Mosquitto
from fixtures.quick_time import quickly

from drivers import joining
from drivers.mqtt import connection, link, sensor, switchboard, zigbee2mqtt
from drivers.mqtt import home as mqtt_home
from gateway import supervise
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState
from simulators.mqtt.wifi import EsphomeDevice, JsonDevice, ShellyDevice, TasmotaDevice
from simulators.mqtt.zigbee import Bridge
from simulators.mqtt.zigbee_home import Device, ZigbeeHome, family_home
from simulators.mqtt.zwave import ZwaveNode, gateway_status

UP, DOWN = SensorState.UP, SensorState.DOWN
Z2M = {"kind": "zigbee2mqtt_home", "id": "zigbee"}
SMOKE = {
    "kind": "lasting", "id": "smoke", "quantity": "smoke", "equals": 1, "lasts": "0s", "latching": True,
    "severity": "P1",
}  # fmt: skip
RULES = [{"kind": "silence", "id": "silent", "after": "0s"}, {"kind": "sos", "id": "sos"}, SMOKE]
NOW_MS = 1_700_000_000_000
FLOOD = link.INBOX_CAPACITY + 50


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "LINK_BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(link, "ATTACH_S", 20.0)  # a broker that is there may be as slow as it likes
    monkeypatch.setattr(zigbee2mqtt, "SETTLE_S", 0.5)
    monkeypatch.setattr(sensor, "SETTLE_S", 0.5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the broker retains comes before that, also on a busy machine."""
    monkeypatch.setattr(sensor, "SETTLE_S", 2.0)


@pytest.fixture
def network(mosquitto: Mosquitto) -> Bridge:
    """Who speaks at the broker; of the tests here, in virtual time."""
    return Bridge(host="127.0.0.1", port=mosquitto.port)


@pytest.fixture
def bridge(network: Bridge) -> AbstractAsyncContextManager[Bridge]:
    return network.running()


@pytest.fixture
def zigbee(network: Bridge) -> AbstractAsyncContextManager[ZigbeeHome]:
    @asynccontextmanager
    async def started() -> AsyncIterator[ZigbeeHome]:
        async with network.running() as bridge:
            home = ZigbeeHome(bridge, family_home())
            await home.start()
            yield home

    return started()


@quickly
async def test_thirty_devices_join_without_being_named_and_are_watched_by_the_homes_rules(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        wanted = {device.name for device in zigbee.devices if device.name != "lamp-hall"}
        await home.until(lambda: home.up() == wanted | {"zigbee"})
        assert len(wanted) == 29, "a lamp says nothing of a person"
        await zigbee.say("climate-bath", temperature=21.5, humidity=60, pressure=1009)
        await zigbee.say("door-front", contact=False)
        await zigbee.say("button-ok", action="single")
        await zigbee.say("smoke-kitchen", smoke=True, battery=97)
        await zigbee.say("sos-bath", action="emergency")
        await home.until(lambda: len(home.firing()) == 2)
        assert sorted(home.firing()) == ["smoke:smoke-kitchen", "sos:sos-bath"]
        assert ("temperature", 21.5) in home.heard("climate-bath")
        assert ("door", 1) in home.heard("door-front")
        assert ("button", 1) in home.heard("button-ok")


@quickly
async def test_after_a_restart_the_devices_and_their_alarms_stand_before_the_broker_speaks(
    mosquitto, zigbee, monkeypatch
):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as before:
        await before.until(lambda: "smoke-kitchen" in before.up())
        await zigbee.say("smoke-kitchen", smoke=True)
        await before.until(before.firing)
    mosquitto.kill()
    monkeypatch.setattr(link, "ATTACH_S", 1.0)
    after = JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES), notes=before.notes, states=before.states)
    assert after.household.joined.keys() == before.household.joined.keys()
    async with after.running() as home:
        await home.until(lambda: home.state("smoke-kitchen") is DOWN)
        assert "reach" in home.reason("smoke-kitchen")
        home.close("smoke:smoke-kitchen")
        assert [str(alert.state) for alert in home.alerts if alert.key == "smoke:smoke-kitchen"] == ["resolved"]
        mosquitto.start()
        await home.until(lambda: home.state("smoke-kitchen") is UP)


@quickly
async def test_a_broker_that_restarts_is_used_again(mosquitto, network, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: "sos-bed" in home.up())
        mosquitto.kill()
        await home.until(lambda: home.state("sos-bed") is DOWN)
        mosquitto.start()
        await network.wait_until_connected()
        await zigbee.start()
        await home.until(lambda: home.state("sos-bed") is UP)
        await zigbee.say("sos-bed", action="emergency")
        await home.until(lambda: "sos:sos-bed" in home.firing())


@quickly
async def test_a_new_device_joins_as_soon_as_it_is_described_and_its_first_word_counts(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: "smoke-hall" in home.up())
        await zigbee.join(Device("0x00158d00aabbccdd", "新烟感", "JTYJ-GD-01LM/BW"))
        await home.until(lambda: "0x00158d00aabbccdd" in home.up())
        await zigbee.say("新烟感", smoke=True)
        await home.until(lambda: "smoke:0x00158d00aabbccdd" in home.firing())


@quickly
async def test_a_renamed_device_stays_the_same_sensor(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: "door-front" in home.up())
        await zigbee.rename(zigbee.device("door-front"), "Haustür vorn")
        await home.until(lambda: [one.sensor_id for one in home.statuses].count("door-front") == 2)  # listens anew
        await zigbee.be_available(zigbee.device("Haustür vorn"), online=True)
        await zigbee.say("Haustür vorn", contact=False)
        await home.until(lambda: ("door", 1) in home.heard("door-front"))
        assert not [key for key in home.household.joined if "Haust" in key]
    again = JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES), notes=home.notes)
    assert "door-front" in again.household.joined


@quickly
async def test_a_device_that_leaves_is_told_until_a_person_has_closed_the_case(mosquitto, zigbee):
    written = written_home(mosquitto.port, Z2M, rules=RULES)
    async with JoinedHome(written).running() as home:
        await home.until(lambda: "leak-bath" in home.up())
        await zigbee.leave(zigbee.device("leak-bath"))
        await home.until(lambda: "silent:leak-bath" in home.firing())
        assert "taken out" in home.reason("leak-bath")
        assert "leak-bath" in home.household.joined
    before = {"notes": home.notes, "states": home.states, "active": home.active()}
    async with JoinedHome(written, **before).running() as again:
        await again.until(lambda: again.state("leak-bath") is DOWN)
        assert "taken out" in again.reason("leak-bath")
        again.close("silent:leak-bath")
        assert "leak-bath" not in again.household.joined
        assert again.alerts[-1].key == "silent:leak-bath"
        await asyncio.sleep(0)
        assert "leak-bath" not in again.notes["zigbee"]["devices"]
    assert "leak-bath" not in JoinedHome(written, notes=again.notes).household.joined


@quickly
async def test_a_device_with_an_alarm_on_is_not_forgotten(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: "smoke-hall" in home.up())
        await zigbee.say("smoke-hall", smoke=True)
        await home.until(lambda: "smoke:smoke-hall" in home.firing())
        await zigbee.leave(zigbee.device("smoke-hall"))
        await home.until(lambda: "silent:smoke-hall" in home.firing())
        home.close("silent:smoke-hall")
        assert "smoke-hall" in home.household.joined, "its fire alarm is on still"
        home.close("smoke:smoke-hall")
        assert "smoke-hall" not in home.household.joined


@quickly
async def test_who_left_in_mid_alarm_is_not_forgotten_before_that_was_told(mosquitto, zigbee):
    """Somebody tears the detector down while it alarms; the centre closes the fire, and knows nothing of the rest."""
    rules = [{"kind": "silence", "id": "silent", "after": "1h"}, SMOKE]
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=rules)).running() as home:
        await home.until(lambda: "smoke-hall" in home.up())
        await zigbee.say("smoke-hall", smoke=True)
        await home.until(lambda: "smoke:smoke-hall" in home.firing())
        await zigbee.leave(zigbee.device("smoke-hall"))
        await home.until(lambda: home.state("smoke-hall") is DOWN)
        home.close("smoke:smoke-hall")
        assert "smoke-hall" in home.household.joined, "the silence rule still waits"


@quickly
async def test_a_device_that_comes_back_is_up_again(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: "sos-bed" in home.up())
        device = zigbee.device("sos-bed")
        await zigbee.leave(device)
        await home.until(lambda: home.state("sos-bed") is DOWN)
        await zigbee.join(device)
        await home.until(lambda: home.state("sos-bed") is UP)
        assert [str(alert.state) for alert in home.alerts if alert.key == "silent:sos-bed"] == ["firing", "resolved"]


@quickly
async def test_who_is_said_to_be_offline_is_down_and_the_bridge_is_a_sensor_too(mosquitto, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: {"motion-hall", "motion-bath", "zigbee"} <= home.up())
        await zigbee.be_available(zigbee.device("motion-hall"), online=False)
        await home.until(lambda: home.state("motion-hall") is DOWN)
        assert home.state("motion-bath") is UP
        await zigbee.stop()
        await home.until(lambda: home.state("zigbee") is DOWN and home.state("motion-bath") is DOWN)
        assert "does not run" in home.reason("zigbee")


@quickly
async def test_a_retained_press_is_none_and_a_retained_state_is_one(mosquitto, zigbee):
    await zigbee.say("sos-bed", retain=True, action="emergency", battery=44)
    await zigbee.say("door-bath", retain=True, contact=False)
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: ("battery", 44) in home.heard("sos-bed") and ("door", 1) in home.heard("door-bath"))
        assert home.firing() == []
        assert ("sos", 1) not in home.heard("sos-bed")


@quickly
async def test_named_entries_win_over_what_joins(mosquitto, zigbee):
    named = {"kind": "door_contact_zigbee2mqtt", "id": "front", "topic": "zigbee2mqtt/door-front"}
    rival = {"kind": "door_contact_zigbee2mqtt", "id": "smoke-hall", "topic": "zigbee2mqtt/elsewhere"}
    ignoring = {**Z2M, "ignore": ["plug-tv", "0x00158d0000000001"]}
    async with JoinedHome(written_home(mosquitto.port, named, rival, ignoring, rules=RULES)).running() as home:
        await home.until(lambda: "climate-living" in home.up())
        assert not {"door-front", "plug-tv", "smoke-kitchen"} & home.household.joined.keys()
        (other,) = [key for key in home.household.joined if key.startswith("smoke-hall")]
        assert other == "smoke-hall-0002", "the name is taken: the end of its address tells it apart"


@quickly
async def test_a_named_rule_waits_for_its_device(mosquitto, bridge):
    rules = [{"kind": "sos", "id": "sos", "sensors": ["sos-pendant"]}]
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=rules)).running() as home:
        zigbee = ZigbeeHome(bridge, family_home())
        await zigbee.start()
        await home.until(lambda: {"sos-pendant", "sos-bed"} <= home.up())
        await zigbee.say("sos-bed", action="emergency")
        await zigbee.say("sos-pendant", action="emergency")
        await home.until(home.firing)
        assert home.firing() == ["sos:sos-pendant"]


@quickly
async def test_no_more_devices_join_than_can_be_and_that_is_said(mosquitto, bridge, monkeypatch, caplog):
    monkeypatch.setattr(mqtt_home, "MAX_DEVICES", 5)
    monkeypatch.setattr(joining, "MAX_DEVICES", 5)
    zigbee = ZigbeeHome(bridge, family_home())
    await zigbee.start()
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: ("problem", 1) in home.heard("zigbee"))
        assert len(home.household.joined) == 5
    assert [record for record in caplog.records if "NOT watched" in record.message]


@quickly
async def test_a_list_that_cannot_be_read_changes_nothing(mosquitto, network, zigbee):
    async with JoinedHome(written_home(mosquitto.port, Z2M, rules=RULES)).running() as home:
        await home.until(lambda: len(home.up()) == 30)
        for payload in (b"[]", b"nonsense", b"{}", b"", b"[1, null, {}]", b'[{"ieee_address":"0x1"}]'):
            await network.tell("zigbee2mqtt/bridge/devices", payload)
        await zigbee.say("sos-bed", action="emergency")
        await home.until(home.firing)
        gone = {key for key, member in home.household.joined.items() if member.is_left}
        assert len(home.household.joined) == 29
        assert gone == set(home.household.joined), "a list without them is a list without them: that is told"


@quickly
async def test_a_flood_of_messages_cannot_fill_the_memory(mosquitto, zigbee):
    """Neither of one device, nor of topics that nobody knows, nor of messages of the largest size."""
    home = JoinedHome(written_home(mosquitto.port, Z2M, {"kind": "shelly_home", "id": "wifi"}, rules=RULES))
    async with home.running():
        await home.until(lambda: "sos-bed" in home.up())
        driver = home.household.joined["sos-bed"].driver
        asleep = home.links.local_broker.subscription(["zigbee2mqtt/sos-bed"], joined=True)  # nobody reads it
        hold = asyncio.Event()
        task = asyncio.create_task(flood(mosquitto.port, "zigbee2mqtt/sos-bed", hold))
        await hold.wait()
        await task
        await home.until(lambda: driver.rejected >= FLOOD)
        assert len(asleep._inbox) == link.INBOX_CAPACITY
        assert max(len(one.payload) for one in asleep._inbox) == switchboard.MAX_KEPT_BYTES + 1
        await zigbee.say("sos-bed", action="emergency")
        await home.until(lambda: "sos:sos-bed" in home.firing())
        assert len(home.household.joined) == 29 + joining.MAX_DEVICES


async def flood(port: int, topic: str, done: asyncio.Event) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for index in range(300):
            await client.publish(f"shellyplussmoke-{index:012x}/status/smoke:0", b'{"alarm":false}')
        for _ in range(FLOOD):
            await client.publish(topic, b"x" * 20_000, qos=1)
        done.set()


def last_of(home: JoinedHome, sensor_id: str) -> Reading:
    return next(one for one in reversed(home.readings) if one.sensor_id == sensor_id)


# ---- other makers ----


@quickly
async def test_zwave_nodes_join_and_fall_with_their_gateway(mosquitto, bridge):
    await gateway_status(bridge, online=True)
    smoke = ZwaveNode(bridge, "kitchen/smoke")
    await smoke.temperature(19, at_ms=NOW_MS)  # retained, and from 2023
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "zwave_js_home", "id": "zwave"}, rules=RULES)
    ).running() as home:
        await home.until(lambda: ("temperature", 19) in home.heard("kitchen-smoke"))
        assert last_of(home, "kitchen-smoke").is_late, "what was measured long ago is history, at its own time"
        await smoke.smoke(detected=True, at_ms=NOW_MS, retain=False)
        await home.until(lambda: "smoke:kitchen-smoke" in home.firing())
        await ZwaveNode(bridge, "bed/button").scene(1, 0, at_ms=NOW_MS)
        await home.until(lambda: ("button", 1) in home.heard("bed-button"))
        await smoke.be_alive(alive=False)
        await home.until(lambda: home.state("kitchen-smoke") is DOWN)
        await smoke.be_alive(alive=True)
        await home.until(lambda: home.state("kitchen-smoke") is UP)
        await gateway_status(bridge, online=False)
        await home.until(lambda: home.state("zwave") is DOWN and home.state("kitchen-smoke") is DOWN)


@quickly
async def test_a_fire_that_began_while_nobody_listened_is_an_alarm_whatever_its_time(mosquitto, bridge, monkeypatch):
    """The node joins while it alarms, by a retained message of long ago; such a message ends no alarm."""
    monkeypatch.setattr(connection, "KEEP_PLACE_S", 0)
    smoke = ZwaveNode(bridge, "kitchen/smoke")
    await smoke.smoke(detected=True, at_ms=NOW_MS)
    written = written_home(
        mosquitto.port, {"kind": "zwave_js_home", "id": "zwave"}, rules=[{**SMOKE, "latching": False}]
    )
    async with JoinedHome(written).running() as home:
        await home.until(lambda: "smoke:kitchen-smoke" in home.firing())
        assert not last_of(home, "kitchen-smoke").is_late
    await smoke.smoke(detected=False, at_ms=NOW_MS + 1)
    async with JoinedHome(written, notes=home.notes, states=home.states).running() as again:
        await again.until(lambda: ("smoke", 0) in again.heard("kitchen-smoke"))
        assert last_of(again, "kitchen-smoke").quality is Quality.QUESTIONABLE
        await again.until(lambda: again.state("kitchen-smoke") is UP)
        assert again.alerts == [], "nobody knows whether the message or the fire is older"
        await smoke.smoke(detected=False, at_ms=NOW_MS + 2, retain=False)
        await again.until(lambda: again.alerts)
        assert [str(alert.state) for alert in again.alerts] == ["resolved"]
        await smoke.smoke(detected=True, at_ms=NOW_MS + 3, retain=False)
        await again.until(again.firing)


@pytest.mark.usefixtures("patient")
@quickly
async def test_who_is_gone_may_have_burnt(mosquitto, bridge):
    """Its last word was a fire, nobody listened, now it is out of reach: the alarm is told, and that it is gone."""
    smoke = ZwaveNode(bridge, "kitchen/smoke")
    for step in (smoke.be_alive(alive=False), smoke.smoke(detected=True, at_ms=NOW_MS)):
        await step
    door = ZwaveNode(bridge, "hall/door")
    for step in (door.be_alive(alive=False), door.door(is_open=True, at_ms=NOW_MS)):
        await step
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "zwave_js_home", "id": "zwave"}, rules=[SMOKE])
    ).running() as home:
        await home.until(lambda: "smoke:kitchen-smoke" in home.firing())
        await home.until(lambda: home.state("kitchen-smoke") is DOWN)
        assert [str(one.state) for one in home.statuses if one.sensor_id == "hall-door"] == ["down"]
        assert home.heard("hall-door") == []
        told = len(home.readings)
        await smoke.be_alive(alive=True)
        await home.until(lambda: home.state("kitchen-smoke") is UP)
        assert len(home.readings) == told, "and only once"


@pytest.mark.usefixtures("patient")
@quickly
async def test_a_retained_fire_is_found_among_more_topics_than_are_held(mosquitto, bridge, monkeypatch):
    monkeypatch.setattr(sensor, "MAX_HELD_TOPICS", 0)
    values = [{"path": "t", "quantity": "temperature", "unit": "°C"}, {"path": "fire", "quantity": "smoke"}]
    written = {"kind": "mqtt_json", "id": "rooms", "topic": "rooms/+/state", "values": values}
    await JsonDevice(bridge, "rooms/1/state").say({"t": 20}, retain=True)
    await JsonDevice(bridge, "rooms/2/state").say({"fire": True}, retain=True)
    async with JoinedHome(written_home(mosquitto.port, written, rules=[SMOKE])).running() as home:
        await home.until(lambda: "smoke:rooms" in home.firing())
        assert home.heard("rooms") == [("smoke", 1)]


@quickly
async def test_what_was_retained_before_a_device_was_known_reaches_it(mosquitto, bridge):
    """In whatever order the broker repeats it: the wildcard that finds a node is older than the node's own topics."""
    nodes = [ZwaveNode(bridge, f"room{index}/sensor") for index in range(8)]
    for index, node in enumerate(nodes):
        steps = [node.be_alive(alive=False), node.battery(80, at_ms=NOW_MS), node.door(is_open=True, at_ms=NOW_MS)]
        for step in steps if index % 2 else reversed(steps):
            await step
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "zwave_js_home", "id": "zwave"}, rules=RULES)
    ).running() as home:
        await home.until(lambda: [home.state(f"room{index}-sensor") for index in range(8)] == [DOWN] * 8)


@quickly
async def test_tasmota_devices_join_by_their_discovery_and_leave_with_it(mosquitto, bridge):
    bath = TasmotaDevice(bridge, "tasmota_4F2A10", "C44F334F2A10", name="Bad", fahrenheit=True)
    await bath.announce({"BME280": {"Temperature": 70.0, "Humidity": 41.0}})
    await bath.be_online(online=True)
    await TasmotaDevice(bridge, "relay", "C44F33000001").announce({})
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "tasmota_home", "id": "t"}, rules=RULES)
    ).running() as home:
        await home.until(lambda: "Bad" in home.up())
        assert list(home.household.joined) == ["Bad"], "a relay alone says nothing of a person"
        await bath.sensor({"BME280": {"Temperature": 71.6, "Humidity": 40.0}})
        await home.until(lambda: ("temperature", 22) in home.heard("Bad"))
        await bath.be_online(online=False)
        await home.until(lambda: home.state("Bad") is DOWN)
        await bath.be_online(online=True)
        await home.until(lambda: home.state("Bad") is UP)
        await bath.withdraw()
        await home.until(lambda: "silent:Bad" in home.firing()[1:])
        assert "taken its discovery message back" in home.reason("Bad")


@quickly
async def test_shellies_join_by_what_they_say(mosquitto, bridge):
    flood_sensor = ShellyDevice(bridge, "shellyflood-ABE866", is_first=True)
    smoke = ShellyDevice(bridge, "shellyplussmoke-08f9e0e5a1b2", is_first=False)
    plug = ShellyDevice(bridge, "shellyplugus-08f9e0e5a1b3", is_first=False)
    await plug.be_online(online=False)
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "shelly_home", "id": "s"}, rules=RULES)
    ).running() as home:
        await home.until(lambda: "s" in home.up())
        await flood_sensor.be_online(online=False)
        await flood_sensor.sensor("flood", "true")
        await home.until(lambda: ("leak", 1) in home.heard("shellyflood-ABE866"))
        assert home.state("shellyflood-ABE866") is UP, "it sleeps, and is there"
        await smoke.notify("smoke:0", {"alarm": True, "mute": False}, ts=1_600_000_000.5)
        await home.until(lambda: "smoke:shellyplussmoke-08f9e0e5a1b2" in home.firing())
        await plug.notify("switch:0", {"output": True, "apower": 12.5}, ts=1_600_000_000.5)
        await home.until(lambda: ("power", 12.5) in home.heard("shellyplugus-08f9e0e5a1b3"))
        await plug.be_online(online=False)
        await home.until(lambda: home.state("shellyplugus-08f9e0e5a1b3") is DOWN)


@quickly
async def test_what_describes_itself_for_home_assistant_joins(mosquitto, bridge):
    node = EsphomeDevice(bridge, "bedroom-node", "c44f33000001")
    await node.be_online(online=True)
    await node.describe("binary_sensor", "smoke", "smoke")
    await node.describe("sensor", "room", "temperature", "°F")
    await node.describe("sensor", "radiation", "unheard_of", "Bq")
    await node.state("sensor", "room", "68.0")
    async with JoinedHome(
        written_home(mosquitto.port, {"kind": "ha_discovery_home", "id": "ha"}, rules=RULES)
    ).running() as home:
        await home.until(lambda: ("temperature", 20) in home.heard("bedroom-node"))
        await node.state("binary_sensor", "smoke", "ON")
        await home.until(lambda: "smoke:bedroom-node" in home.firing())
        await node.describe("binary_sensor", "leak", "moisture")
        await node.state("binary_sensor", "leak", "ON")
        await home.until(lambda: ("leak", 1) in home.heard("bedroom-node"))
        await node.be_online(online=False)
        await home.until(lambda: home.state("bedroom-node") is DOWN)
        for component, entity in (("binary_sensor", "smoke"), ("sensor", "room"), ("binary_sensor", "leak")):
            await node.withdraw(component, entity)
        await home.until(lambda: home.household.joined["bedroom-node"].is_left)
    again = JoinedHome(written_home(mosquitto.port, {"kind": "ha_discovery_home", "id": "ha"}), notes=home.notes)
    assert again.household.joined["bedroom-node"].is_left


# ---- one named sensor ----


@quickly
async def test_a_json_device_with_its_own_clock(mosquitto, bridge):
    """A measurement that is old is history, a state never; a step back is doubtful once."""
    written = {
        "kind": "mqtt_json",
        "id": "greenhouse",
        "topic": "greenhouse/+/state",
        "time": "at",
        "values": [
            {"path": "t", "quantity": "temperature", "unit": "°C"},
            {"path": "fire", "quantity": "smoke"},
            {"path": "wet", "quantity": "leak"},
        ],
        "availability": {"topic": "greenhouse/status"},
    }
    device = JsonDevice(bridge, "greenhouse/1/state")
    await device.say({"t": 5, "at": NOW_MS}, retain=True)
    async with JoinedHome(written_home(mosquitto.port, written, rules=[])).running() as home:
        await home.until(lambda: ("temperature", 5) in home.heard("greenhouse"))
        assert last_of(home, "greenhouse").is_late
        assert last_of(home, "greenhouse").at.year == 2023
        now = home.clock.now()
        for value, at in ((20, now), (21, now - timedelta(minutes=5)), (22, now - timedelta(minutes=4))):
            await device.say({"t": value, "at": at.isoformat()})
        await device.say({"t": 23, "at": (now + timedelta(days=400)).isoformat(), "fire": True})
        await device.say({"fire": False, "wet": True, "at": NOW_MS})
        await home.until(lambda: ("smoke", 0) in home.heard("greenhouse"))
        told = {one.value: one for one in home.readings if one.quantity is Quantity.TEMPERATURE}
        assert [told[value].quality for value in (20, 21, 22)] == [Quality.GOOD, Quality.QUESTIONABLE, Quality.GOOD]
        assert told[23].at <= home.clock.now(), "nothing was measured in the future"
        assert not [one for one in home.readings if one.is_late and one.value != 5], "5 °C was history, no state is"
        assert ("leak", 1) in home.heard("greenhouse")
        await bridge.tell("greenhouse/status", "offline", retain=True)
        await home.until(lambda: home.state("greenhouse") is DOWN)
        await bridge.tell("greenhouse/status", "?", retain=True)
        await bridge.tell("greenhouse/status", "online", retain=True)
        await home.until(lambda: home.state("greenhouse") is UP)


@quickly
async def test_a_device_that_falls_silent_is_told(mosquitto, bridge):
    written = {
        "kind": "sensor_tasmota", "id": "climate", "topic": "tasmota_1", "max_silence": "1s", "says": ["temperature"],
    }  # fmt: skip
    device = TasmotaDevice(bridge, "tasmota_1", "C44F33000001")
    async with JoinedHome(written_home(mosquitto.port, written)).running() as home:
        await home.until(lambda: home.state("climate") is UP)
        await device.sensor({"DS18B20": {"Temperature": 20.0}})
        await home.until(lambda: home.state("climate") is SensorState.SILENT)
        await device.sensor({"DS18B20": {"Temperature": 20.0}})
        await home.until(lambda: home.state("climate") is UP)


@quickly
async def test_named_sensors_of_every_maker_are_heard(mosquitto, bridge):
    entries = [
        {"kind": "sensor_zigbee2mqtt", "id": "z2m", "topic": "zigbee2mqtt/kitchen/co"},
        {"kind": "sensor_zwave_js", "id": "zw", "topic": "zwave/12", "sos_scenes": [1]},
        {"kind": "sensor_shelly", "id": "sh", "topic": "shellyi4-08f9e0e5a1b2", "press": ["single_push"]},
        {"kind": "sensor_esphome", "id": "esp", "topic": "node", "entities": {"mat": {"quantity": "bed"}}},
    ]
    async with JoinedHome(written_home(mosquitto.port, *entries, rules=RULES)).running() as home:
        await home.until(lambda: home.up() == {"z2m", "zw", "sh", "esp"})
        await bridge.tell("zigbee2mqtt/kitchen/co", json.dumps({"carbon_monoxide": True}))
        await ZwaveNode(bridge, "12").scene(1, 0, at_ms=NOW_MS)
        await ShellyDevice(bridge, "shellyi4-08f9e0e5a1b2", is_first=False).event("single_push", ts=NOW_MS / 1000)
        await EsphomeDevice(bridge, "node", "").state("binary_sensor", "mat", "ON")
        await home.until(lambda: len(home.firing()) == 2 and home.heard("esp") and home.heard("z2m"))
        assert home.heard("z2m") == [("carbon-monoxide-alarm", 1)]
        assert home.heard("esp") == [("bed", 1)]
