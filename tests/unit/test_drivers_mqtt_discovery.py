"""Home Assistant's discovery messages read as devices, from their publishers' documents; and any bytes at all."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.joining import Names
from drivers.mqtt import sensor_shelly, sensor_tasmota, sensor_zigbee2mqtt, sensor_zwave_js
from drivers.mqtt.ha_discovery import described, heard_on, origin_of, says_in, topics_of
from drivers.mqtt.ha_discovery_home import HaDiscoveryFinder, HaDiscoveryHome
from drivers.mqtt.mqtt_json import JsonValue
from drivers.mqtt.mqtt_json import decode as decode_json
from drivers.mqtt.sensor import Presence
from drivers.mqtt.shelly_home import ShellyFinder, ShellyHome
from drivers.mqtt.switchboard import Arrival
from drivers.mqtt.tasmota_home import TasmotaFinder, TasmotaHome
from drivers.mqtt.zigbee2mqtt_home import Zigbee2mqttFinder, Zigbee2mqttHome
from drivers.mqtt.zwave_js_home import ZwaveJsFinder, ZwaveJsHome
from shouwang.driver import Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

DEVICE = {"ids": ["c44f33"], "name": "Bedroom node", "mf": "Espressif"}


def values(heard):
    found = {str(one.quantity): one.value for one in heard if isinstance(one, Sample)}
    return found | ({"there": heard[0].is_there} if heard and isinstance(heard[0], Presence) else {})


def told(component, **fields):
    return described(component, json.dumps({"device": DEVICE, **fields}).encode())


# esphome.io (abbreviated), zwave-js-ui (value_json.value), home-assistant.io (examples of each platform)
ENTITIES = [
    ("binary_sensor", {"dev_cla": "smoke", "stat_t": "n/s"}, b"ON", {"smoke": 1}),
    ("binary_sensor", {"dev_cla": "door", "stat_t": "n/s", "pl_on": "open", "pl_off": "shut"}, b"shut", {"door": 0}),
    ("binary_sensor", {"device_class": "moisture", "state_topic": "n/s", "payload_on": True, "payload_off": False,
                       "value_template": "{{ value_json.water_leak }}"}, b'{"water_leak":true}', {"leak": 1}),
    ("binary_sensor", {"dev_cla": "battery", "stat_t": "n/s"}, b"OFF", {"battery-low": 0}),
    ("sensor", {"dev_cla": "temperature", "stat_t": "n/s", "unit_of_meas": "°F"}, b"68", {"temperature": 20}),
    ("sensor", {"dev_cla": "humidity", "stat_t": "n/s", "unit_of_meas": "%",
                "val_tpl": "{{ value_json.value | round(1) }}"}, b'{"value":41.2}', {"humidity": 41.2}),
    ("sensor", {"dev_cla": "carbon_dioxide", "stat_t": "n/s", "unit_of_meas": "ppm",
                "val_tpl": "{{ value_json['SCD40'].CO2 }}"}, b'{"SCD40":{"CO2":812}}', {"co2": 812}),
    ("sensor", {"dev_cla": "power", "~": "plug/1", "stat_t": "~/power", "unit_of_meas": "kW"}, b"1.2", {"power": 1200}),
    ("switch", {"stat_t": "n/s"}, b"ON", {"switch": 1}),
    ("event", {"stat_t": "n/s", "event_types": ["press"]}, b'{"event_type":"double"}', {"button": 2}),
    ("device_automation", {"t": "n/a", "atype": "trigger", "pl": "emergency"}, b"emergency", {"sos": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("component", "fields", "payload", "wanted"), ENTITIES)
def test_an_entity_says_what_its_description_means(component, fields, payload, wanted):
    entity = told(component, **fields).entity
    (topic,) = topics_of({"x": entity})
    assert values(heard_on(topic, payload, {"x": entity})) == wanted
    assert {Quantity(name) for name in wanted} <= set(says_in({"x": entity})) | {Quantity.SOS}


@pytest.mark.parametrize(
    ("component", "fields"),
    [
        ("sensor", {"dev_cla": "radiation", "stat_t": "n/s", "unit_of_meas": "Bq"}),
        ("binary_sensor", {"dev_cla": "sunshine", "stat_t": "n/s"}),
        ("binary_sensor", {"stat_t": "n/s"}),
        ("sensor", {"dev_cla": "temperature", "stat_t": "n/s", "unit_of_meas": "°C", "ent_cat": "diagnostic"}),
        ("binary_sensor", {"dev_cla": "smoke"}),
        ("binary_sensor", {"dev_cla": "smoke", "stat_t": "n/#"}),
        ("light", {"stat_t": "n/s"}),
    ],
)
def test_what_says_nothing_for_us_is_no_entity(component, fields):
    assert told(component, **fields).entity is None


@pytest.mark.parametrize(
    ("component", "fields"),
    [
        ("sensor", {"dev_cla": "temperature", "stat_t": "n/s"}),
        ("sensor", {"dev_cla": "temperature", "stat_t": "n/s", "unit_of_meas": "parsec"}),
        (
            "binary_sensor",
            {"dev_cla": "smoke", "stat_t": "n/s", "val_tpl": "{{ 'ON' if value_json.a > 3 else 'OFF' }}"},
        ),
    ],
)
def test_what_cannot_be_understood_is_refused_and_not_guessed(component, fields):
    with pytest.raises(DecodeError):
        told(component, **fields)


def test_whether_a_device_is_there():
    entity = told(
        "binary_sensor",
        dev_cla="smoke",
        stat_t="n/s",
        avty=[{"t": "n/state", "val_tpl": "{{ value_json.state }}"}, {"topic": "b/s", "pl_avail": "1"}],
    ).entity
    entities = {"x": entity}
    assert values(heard_on("n/state", b'{"state":"offline"}', entities)) == {"there": False}
    assert values(heard_on("b/s", b"1", entities)) == {"there": True}
    assert values(heard_on("b/s", b"", entities)) == {"there": True}
    with pytest.raises(DecodeError):
        heard_on("b/s", b"2", entities)
    one = told("binary_sensor", dev_cla="smoke", stat_t="n/s", avty_t="n/status").entity
    assert values(heard_on("n/status", b"offline", {"x": one})) == {"there": False}


def test_a_device_is_known_by_its_identifier_or_its_address():
    def key(device):
        return described("switch", json.dumps({"stat_t": "x", "dev": device}).encode()).key

    assert key({"ids": "one"}) == "one"
    assert key({"ids": ["one", "two"]}) == "one"
    assert key({"cns": [["mac", "c4:4f:33"]]}) == "c4:4f:33"
    for device in ({}, {"ids": []}, "nobody", None):
        with pytest.raises(DecodeError):
            key(device)


def test_own_messages_and_those_that_others_own_are_left_alone():
    finder = HaDiscoveryFinder(
        HaDiscoveryHome(kind="ha_discovery_home", id="it"), Names(topics=["named"], bases=["zigbee2mqtt"])
    )

    def news(**fields):
        payload = json.dumps({"device": DEVICE, "dev_cla": "smoke", **fields}).encode()
        return finder.news(Arrival(topic="homeassistant/binary_sensor/x/config", payload=payload, retained=True), {})

    assert news(stat_t="free/state")
    assert not news(stat_t="free/state", o={"name": "Shouwang"})
    assert not news(stat_t="zigbee2mqtt/smoke")
    assert not news(stat_t="named/state")
    assert origin_of(b'{"o":{"name":"Shouwang"}}') == "Shouwang"


FINDERS = (
    Zigbee2mqttFinder(Zigbee2mqttHome(kind="zigbee2mqtt_home", id="it")),
    ZwaveJsFinder(ZwaveJsHome(kind="zwave_js_home", id="it")),
    TasmotaFinder(TasmotaHome(kind="tasmota_home", id="it")),
    ShellyFinder(ShellyHome(kind="shelly_home", id="it")),
    HaDiscoveryFinder(HaDiscoveryHome(kind="ha_discovery_home", id="it"), Names()),
)
WORDS = st.sampled_from(
    ["value", "time", "smoke", "action", "params", "ts", "device", "ids", "identifiers", "state_topic", "stat_t", "sn",
     "t", "ft", "tp", "ieee_address", "friendly_name", "definition", "exposes", "name", "type", "features", "dev_cla",
     "availability", "~", "events", "component", "method", "NotifyStatus", "BME280", "Temperature", "TempUnit"]
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12
)
PAYLOADS = st.one_of(st.binary(max_size=64), DOCUMENTS.map(lambda document: json.dumps(document).encode()))
RESTS = st.sampled_from(
    ["status", "113/0/Smoke_Alarm/Sensor_status", "49/0/Air_temperature", "tele/SENSOR", "tele/STATE", "stat/RESULT",
     "stat/STATUS10", "events/rpc", "status/switch:0", "sensor/flood", "input_event/0", "online", "tele/LWT"]
)  # fmt: skip
TOPICS = st.sampled_from(
    ["zigbee2mqtt/bridge/devices", "zwave/a/b/113/0/Smoke_Alarm/Sensor_status", "zwave/x", "tasmota/discovery/M/config",
     "tasmota/discovery/M/sensors", "shellies/shellyflood-ABE866/sensor/flood", "shellyi4-08f9e0e5a1b2/events/rpc",
     "homeassistant/sensor/x/config", "homeassistant/event/n/x/config", "+/online"]
)  # fmt: skip


@settings(max_examples=400)
@given(payload=PAYLOADS, rest=RESTS, topic=TOPICS)
def test_no_bytes_raise_anything_but_a_refusal(payload, rest, topic):
    arrival = Arrival(topic=topic, payload=payload, retained=False)
    for read in (
        lambda: sensor_zigbee2mqtt.decode(payload),
        lambda: sensor_zwave_js.decode(rest, payload),
        lambda: sensor_tasmota.decode(rest, payload),
        lambda: sensor_shelly.decode("shellyplug-08f9e0e5a1b2", rest, payload),
        lambda: decode_json(payload, (JsonValue(path="value", quantity=Quantity.SMOKE),), time="time"),
        *(lambda finder=finder: finder.news(arrival, {}) for finder in FINDERS),
        *(lambda finder=finder: finder.status(arrival) for finder in FINDERS),
    ):
        with suppress(DecodeError):
            read()
