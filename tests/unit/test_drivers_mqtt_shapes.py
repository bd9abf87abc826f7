"""What each maker's messages mean, written out from their documents (named above each table)."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from drivers.mqtt import sensor_esphome, sensor_shelly, sensor_tasmota, sensor_zigbee2mqtt, sensor_zwave_js
from drivers.mqtt.mqtt_json import JsonValue, MqttJson
from drivers.mqtt.mqtt_json import decode as decode_json
from drivers.mqtt.payload import flag_of, moment_of
from drivers.mqtt.sensor import Presence
from drivers.mqtt.shelly import Wishes
from drivers.mqtt.units import conversion, units_of
from drivers.mqtt.zigbee2mqtt_exposes import actions_in, meanings_in, said_in
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity


def values(heard):
    """The quantities and values; `alive` for a bare life sign, `there` for a word about presence."""
    found = {str(one.quantity): one.value for one in heard if isinstance(one, Sample)}
    found |= dict.fromkeys(["there"] * any(isinstance(one, Presence) for one in heard), True)
    if any(isinstance(one, Presence) and not one.is_there for one in heard):
        found["there"] = False
    return found | ({"alive": True} if any(isinstance(one, Alive) for one in heard) else {})


# ---- Zigbee2MQTT: zigbee2mqtt.io, device pages and "MQTT Topics and Messages" ----

ZIGBEE = {
    b'{"smoke":true,"battery":97,"linkquality":120}': {"smoke": 1, "battery": 97},
    b'{"smoke":false,"battery_low":true,"tamper":false}': {"smoke": 0, "battery-low": 1, "tamper": 0},
    b'{"carbon_monoxide":true}': {"carbon-monoxide-alarm": 1},
    b'{"gas":true}': {"gas-alarm": 1},
    b'{"water_leak":true,"battery":100}': {"leak": 1, "battery": 100},
    b'{"contact":true}': {"door": 0},
    b'{"contact":false}': {"door": 1},
    b'{"occupancy":true,"illuminance":35}': {"motion": 1, "illuminance": 35},
    b'{"presence":false}': {"presence": 0},
    b'{"vibration":true}': {"vibration": 1},
    b'{"temperature":27.34,"humidity":44.72,"pressure":1013.2}': {
        "temperature": 27.34,
        "humidity": 44.72,
        "air-pressure": 1013.2,
    },
    b'{"co2":812,"pm25":14}': {"co2": 812, "pm2-5": 14},
    b'{"state":"ON","power":1812.5,"energy":12.34}': {"switch": 1, "power": 1812.5, "energy": 12.34},
    b'{"action":"emergency"}': {"sos": 1},
    b'{"action":"sos"}': {"sos": 1},
    b'{"action":"panic"}': {"sos": 1},
    b'{"action":"single"}': {"button": 1},
    b'{"action":"double"}': {"button": 2},
    b'{"action":"hold"}': {"button": 4},
    b'{"action":"arm_all_zones"}': {"button": 255},
    b'{"action":""}': {"alive": True},
    b'{"sos":true}': {"sos": 1},
    b'{"sos":false,"battery":80}': {"battery": 80},
    b'{"temperature":null,"battery":80}': {"battery": 80},
    b'{"linkquality":120,"voltage":2985}': {"alive": True},
    b'{"smoke":"banana","battery":80}': {"battery": 80},
    b'{"smoke":"banana"}': None,
    b"[1]": None,
    b"": {},
    b'{"smoke":tru': None,
}


@pytest.mark.parametrize("payload", ZIGBEE)
def test_zigbee2mqtt(payload):
    check(ZIGBEE[payload], lambda: sensor_zigbee2mqtt.decode(payload))


def check(wanted, decode):
    if wanted is None:
        with pytest.raises(DecodeError):
            decode()
    else:
        assert values(decode()) == wanted


def test_actions_are_what_the_configuration_says_they_are():
    told = sensor_zigbee2mqtt.decode(b'{"action":"hold"}', press=("hold",), cancel=("double",))
    assert values(told) == {"sos": 1}
    told = sensor_zigbee2mqtt.decode(b'{"action":"double"}', press=("hold",), cancel=("double",))
    assert values(told) == {"cancel": 1}


# zigbee2mqtt.io, "Exposes": access bit 1, property beside name, value_on and value_off, unit.
EXPOSES = [
    {"type": "binary", "name": "contact", "property": "contact_1", "value_on": False, "value_off": True, "access": 1},
    {"type": "numeric", "name": "temperature", "property": "temperature", "unit": "°F", "access": 1},
    {"type": "numeric", "name": "pressure", "property": "pressure", "unit": "kPa", "access": 1},
    {"type": "numeric", "name": "illuminance", "property": "illuminance", "access": 1},
    {"type": "numeric", "name": "humidity", "property": "humidity", "unit": "parsec", "access": 1},
    {"type": "binary", "name": "tamper", "property": "tamper", "value_on": "YES", "value_off": "NO", "access": 1},
    {"type": "numeric", "name": "battery", "property": "battery", "unit": "%", "access": 2},
    {"type": "switch", "features": [{"type": "binary", "name": "state", "property": "state_l1", "access": 7}]},
    {"type": "light", "features": [{"type": "binary", "name": "state", "property": "state", "access": 7}]},
    {"type": "enum", "name": "action", "property": "action", "values": ["emergency", "single"], "access": 1},
    "no expose",
]


def test_a_device_is_read_by_what_it_exposes():
    meanings = meanings_in(EXPOSES)
    assert {name: str(meaning.quantity) for name, meaning in meanings.items()} == {
        "contact_1": "door",
        "temperature": "temperature",
        "pressure": "air-pressure",
        "tamper": "tamper",
        "state_l1": "switch",
    }, "what has no unit, an unknown one, or is not published, is left out; so is a lamp"
    said = said_in(b'{"contact_1":false,"temperature":98.6,"pressure":101.3,"tamper":"YES","state_l1":"OFF"}', meanings)
    assert values(said) == {"door": 1, "temperature": 37, "air-pressure": 1013, "tamper": 1, "switch": 0}
    assert actions_in(EXPOSES) == {Quantity.SOS, Quantity.BUTTON}
    assert actions_in([{"name": "action"}]) == {Quantity.BUTTON}
    assert actions_in([]) == set()


# ---- zwave-js-ui: "Setup" (topics, payload types); Notification CC as node-zwave-js names it ----

T = 1_548_683_523_859
ZWAVE = {
    ("notification/endpoint_0/Smoke_Alarm/Sensor_status", b'{"time":1548683523859,"value":2}'): {"smoke": 1},
    ("113/0/Smoke_Alarm/Sensor_status", b'{"time":1548683523859,"value":1}'): {"smoke": 1},
    ("113/0/Smoke Alarm/Sensor status", b"0"): {"smoke": 0},
    ("notification/endpoint_0/Smoke_Alarm/Sensor_status", b'{"value":3}'): {"alive": True},
    ("notification/endpoint_0/Smoke_Alarm/Alarm_status", b'{"value":6}'): {},
    ("notification/endpoint_0/CO_Alarm/Sensor_status", b'{"value":2}'): {"carbon-monoxide-alarm": 1},
    ("notification/endpoint_0/Water_Alarm/Sensor_status", b'{"value":2}'): {"leak": 1},
    ("notification/endpoint_0/Heat_Alarm/Heat_sensor_status", b'{"value":2}'): {"heat-alarm": 1},
    ("notification/endpoint_0/Heat_Alarm/Heat_sensor_status", b'{"value":6}'): {"alive": True},  # under heat
    ("notification/endpoint_0/Access_Control/Door_state_simple", b'{"value":22}'): {"door": 1},
    ("notification/endpoint_0/Access_Control/Door_state_simple", b'{"value":23}'): {"door": 0},
    ("notification/endpoint_0/Home_Security/Motion_sensor_status", b'{"value":8}'): {"motion": 1},
    ("notification/endpoint_0/Home_Security/Motion_sensor_status", b'{"value":0}'): {"motion": 0},
    ("notification/endpoint_0/Home_Security/Cover_status", b'{"value":3}'): {"tamper": 1},
    ("notification/endpoint_0/Power_Management/Mains_status", b'{"value":2}'): {"mains-lost": 1},
    ("48/0/Door_Window", b"true"): {"door": 1},
    ("sensor_binary/endpoint_0/Any", b"true"): {},
    ("49/0/Air_temperature", b'{"value":21.5,"unit":"\xc2\xb0C","lastUpdate":1604044669393}'): {"temperature": 21.5},
    ("49/0/Air_temperature", b'{"value":70.7,"unit":"\xc2\xb0F"}'): {"temperature": 21.5},
    ("49/0/Air_temperature", b'{"time":1548683523859,"value":21.5}'): None,  # no unit
    ("49/0/Illuminance", b'{"value":40,"unit":"%"}'): None,  # percent is no illuminance
    ("50/0/value/66049", b'{"value":12.5,"unit":"W"}'): {"power": 12.5},
    ("50/0/value/65537", b'{"value":1.5,"unit":"kWh"}'): {"energy": 1.5},
    ("battery/endpoint_0/level", b'{"value":80}'): {"battery": 80},
    ("battery/endpoint_0/isLow", b'{"value":true}'): {"battery-low": 1},
    ("37/0/currentValue", b'{"value":true}'): {"switch": 1},
    ("central_scene/endpoint_0/scene/001", b'{"value":0}'): {"button": 1},
    ("central_scene/endpoint_0/scene/001", b'{"value":3}'): {"button": 2},
    ("central_scene/endpoint_0/scene/001", b'{"value":1}'): {"alive": True},  # released
    ("central_scene/endpoint_0/slowRefresh", b'{"value":true}'): {},
    ("battery/endpoint_0/level", b'{"time":1}'): None,
    ("configuration/endpoint_0/3", b'{"value":4}'): {},
    ("status", b'{"time":1,"value":true,"status":"Alive"}'): {"there": True},
    ("status", b'{"time":1,"value":false,"status":"Asleep"}'): {"there": True},
    ("status", b'{"time":1,"value":false,"status":"Dead"}'): {"there": False},
    ("status", b"false"): {"there": False},
}


@pytest.mark.parametrize("message", ZWAVE)
def test_zwave_js(message):
    check(ZWAVE[message], lambda: sensor_zwave_js.decode(*message))


def test_zwave_times_units_and_scenes():
    (smoke,) = sensor_zwave_js.decode("113/0/Smoke_Alarm/Sensor_status", b'{"time":1548683523859,"value":2}')
    assert smoke.measured_at == datetime(2019, 1, 28, 13, 52, 3, 859000, tzinfo=UTC)
    named = {Quantity.TEMPERATURE: "°F"}
    assert values(sensor_zwave_js.decode("49/0/Air_temperature", b'{"value":212}', units=named)) == {"temperature": 100}
    pressed = sensor_zwave_js.decode("91/0/scene/002", b'{"value":0}', sos_scenes=(2,))
    assert values(pressed) == {"sos": 1}


# ---- Tasmota: tasmota.github.io, "MQTT" and device pages ----

BME = b'{"Time":"2026-11-24T08:30:00","BME280":{"Temperature":22.1,"Humidity":41.0,"DewPoint":8.3,"Pressure":1012.4},'
TASMOTA = {
    ("tele/LWT", b"Online"): {"there": True},
    ("tele/LWT", b"Offline"): {"there": False},
    ("tele/LWT", b"Maybe"): None,
    ("tele/SENSOR", BME + b'"PressureUnit":"hPa","TempUnit":"C"}'): {
        "temperature": 22.1,
        "humidity": 41,
        "air-pressure": 1012.4,
    },
    ("tele/SENSOR", b'{"DS18B20":{"Id":"01","Temperature":71.6},"TempUnit":"F"}'): {"temperature": 22},
    ("tele/SENSOR", b'{"DS18B20":{"Id":"01","Temperature":71.6}}'): None,
    ("tele/SENSOR", b'{"DS18B20":{"Id":"01","Temperature":null},"TempUnit":"C"}'): {"alive": True},
    ("tele/SENSOR", b'{"MHZ19B":{"CarbonDioxide":820},"SDS0X1":{"PM2.5":12.1,"PM10":20},"TempUnit":"C"}'): {
        "co2": 820,
        "pm2-5": 12.1,
        "pm10": 20,
    },
    ("tele/SENSOR", b'{"ENERGY":{"TotalStartTime":"2026","Total":3.125,"Power":45,"Voltage":230}}'): {
        "power": 45,
        "energy": 3.125,
    },
    ("tele/SENSOR", b'{"ESP32":{"Temperature":53.3},"TempUnit":"C"}'): {"alive": True},  # of its own chip
    ("stat/STATUS10", b'{"StatusSNS":{"BH1750":{"Illuminance":120}}}'): {"illuminance": 120},
    ("tele/STATE", b'{"UptimeSec":12,"POWER":"ON","Wifi":{"RSSI":84,"Signal":-58}}'): {
        "switch": 1,
        "signal-strength": -58,
    },
    ("stat/RESULT", b'{"POWER1":"OFF"}'): {"switch": 0},
    ("stat/RESULT", b'{"Button1":{"Action":"SINGLE"}}'): {"button": 1},
    ("stat/RESULT", b'{"Button1":{"Action":"CLEAR"}}'): {"alive": True},
    ("stat/RESULT", b'{"Switch1":{"Action":"ON"}}'): {"alive": True},
    ("stat/POWER", b"ON"): {},
    ("tele/SENSOR", b"OFF"): None,
}


@pytest.mark.parametrize("message", TASMOTA)
def test_tasmota(message):
    check(TASMOTA[message], lambda: sensor_tasmota.decode(*message))


def test_tasmota_inputs_presses_and_parts_are_what_the_configuration_says():
    doors = {"Switch1": Quantity.DOOR}
    assert values(sensor_tasmota.decode("stat/RESULT", b'{"Switch1":{"Action":"ON"}}', switches=doors)) == {"door": 1}
    assert values(sensor_tasmota.decode("tele/SENSOR", b'{"Switch1":"OFF"}', switches=doors)) == {"door": 0}
    pressed = sensor_tasmota.decode("stat/RESULT", b'{"Button1":{"Action":"HOLD"}}', press=("Button1.HOLD",))
    assert values(pressed) == {"sos": 1}
    both = b'{"A":{"Temperature":20},"B":{"Temperature":-18},"TempUnit":"C"}'
    assert values(sensor_tasmota.decode("tele/SENSOR", both, parts=("A",))) == {"temperature": 20}


# ---- Shelly: shelly-api-docs.shelly.cloud, gen1 and gen2 ----

FLOOD, SMOKE, PLUG = "shellies/shellyflood-ABE866", "shellyplussmoke-08f9e0e5a1b2", "shellyplugus-08f9e0e5a1b2"
FULL = (
    b'{"method":"NotifyFullStatus","params":{"ts":1.5,"smoke:0":{"id":0,"alarm":false},'
    b'"devicepower:0":{"id":0,"battery":{"V":2.9,"percent":91}},"wifi":{"rssi":-61}}}'
)
EVENT = b'{"method":"NotifyEvent","params":{"ts":1.5,"events":[{"component":"input:0","id":0,"event":"%s","ts":1.5}]}}'
SHELLY = {
    (FLOOD, "sensor/flood", b"true"): {"leak": 1},
    (FLOOD, "sensor/battery", b"96"): {"battery": 96},
    (FLOOD, "sensor/temperature", b"71.60"): None,  # in which unit?
    (FLOOD, "sensor/act_reasons", b'["sensor"]'): {},
    (FLOOD, "sensor/error", b"0"): {},
    (FLOOD, "online", b"false"): {},  # it sleeps
    (FLOOD, "announce", b'{"id":"shellyflood-ABE866"}'): {},
    ("shellies/shellysmoke-ABE866", "sensor/smoke", b"true"): {"smoke": 1},
    ("shellies/shellydw2-ABE866", "sensor/state", b"open"): {"door": 1},
    ("shellies/shellydw2-ABE866", "sensor/state", b"close"): {"door": 0},
    ("shellies/shellydw2-ABE866", "sensor/state", b"unknown"): None,
    ("shellies/shellydw2-ABE866", "sensor/lux", b"120"): {"illuminance": 120},
    ("shellies/shellydw2-ABE866", "sensor/vibration", b"1"): {"vibration": 1},
    ("shellies/shellybutton1-ABE866", "input_event/0", b'{"event":"S","event_cnt":4}'): {"button": 1},
    ("shellies/shellybutton1-ABE866", "input_event/0", b'{"event":"","event_cnt":4}'): {"alive": True},
    ("shellies/shellymotionsensor-ABE866", "status", b'{"motion":true,"timestamp":1616159693,"lux":12,"bat":97}'): {
        "motion": 1,
        "illuminance": 12,
        "battery": 97,
    },
    ("shellies/shellygas-ABE866", "sensor/gas", b"heavy"): {"gas-alarm": 1},
    ("shellies/shellygas-ABE866", "sensor/gas", b"none"): {"gas-alarm": 0},
    ("shellies/shellygas-ABE866", "sensor/gas", b"test"): {"alive": True},
    ("shellies/shelly1pm-ABE866", "relay/0/energy", b"60000"): {"energy": 1},
    ("shellies/shelly1pm-ABE866", "online", b"false"): {"there": False},
    (SMOKE, "events/rpc", b'{"method":"NotifyStatus","params":{"ts":1631186545.04,"smoke:0":{"id":0,"alarm":true}}}'): {
        "smoke": 1
    },
    (SMOKE, "events/rpc", FULL): {
        "smoke": 0,
        "battery": 91,
        "signal-strength": -61,
    },
    (SMOKE, "online", b"false"): {},
    (PLUG, "online", b"false"): {"there": False},
    (PLUG, "status/switch:0", b'{"id":0,"output":true,"apower":12.5,"aenergy":{"total":1500.0}}'): {
        "switch": 1,
        "power": 12.5,
        "energy": 1.5,
    },
    ("shellyhtg3-08f9e0e5a1b2", "status/temperature:0", b'{"id":0,"tC":21.4,"tF":70.5}'): {"temperature": 21.4},
    ("shellyhtg3-08f9e0e5a1b2", "status/humidity:0", b'{"id":0,"rh":44.1}'): {"humidity": 44.1},
    ("shellyfloodg4-08f9e0e5a1b2", "status/flood:0", b'{"id":0,"alarm":true,"mute":false}'): {"leak": 1},
    ("shellyi4-08f9e0e5a1b2", "events/rpc", EVENT % b"long_push"): {"button": 4},
    ("shellyi4-08f9e0e5a1b2", "events/rpc", EVENT % b"btn_down"): {"alive": True},
    ("shellyi4-08f9e0e5a1b2", "events/rpc", b'{"method":"NotifyStatus"}'): None,
}


@pytest.mark.parametrize("message", SHELLY)
def test_shelly(message):
    check(SHELLY[message], lambda: sensor_shelly.decode(*message))


def test_shelly_units_presses_inputs_and_times():
    told = sensor_shelly.decode(FLOOD, "sensor/temperature", b"71.60", Wishes("°F"))
    assert values(told) == {"temperature": 22}
    pressed = b'{"method":"NotifyEvent","params":{"ts":1,"events":[{"component":"input:1","event":"single_push"}]}}'
    assert values(sensor_shelly.decode(PLUG, "events/rpc", pressed, Wishes("", frozenset({"1.single_push"})))) == {
        "sos": 1
    }
    assert values(sensor_shelly.decode(PLUG, "events/rpc", pressed, Wishes("", frozenset({"0.single_push"})))) == {
        "button": 1
    }
    wishes = Wishes("", frozenset(), {"input:0": Quantity.DOOR})
    assert values(sensor_shelly.decode(PLUG, "status/input:0", b'{"id":0,"state":true}', wishes)) == {"door": 1}
    assert values(sensor_shelly.decode("shellies/shelly1-ABE866", "input/0", b"1", wishes)) == {"door": 1}
    (smoke,) = sensor_shelly.decode(
        SMOKE, "events/rpc", b'{"method":"NotifyStatus","params":{"ts":1631186545.04,"smoke:0":{"alarm":true}}}'
    )
    assert smoke.measured_at == datetime(2021, 9, 9, 11, 22, 25, 40000, tzinfo=UTC)


# ---- ESPHome: esphome.io, "MQTT Client Component" ----

ENTITIES = {
    "bed_mat": sensor_esphome.Entity(quantity=Quantity.BED),
    "room": sensor_esphome.Entity(quantity=Quantity.TEMPERATURE, unit="°F"),
    "valve": sensor_esphome.Entity(quantity=Quantity.LEAK, values={"wet": 1, "dry": 0}),
    "key": sensor_esphome.Entity(quantity=Quantity.BUTTON),
}
ESPHOME = {
    ("status", b"online"): {"there": True},
    ("status", b"offline"): {"there": False},
    ("status", b"sleepy"): None,
    ("binary_sensor/bed_mat/state", b"ON"): {"bed": 1},
    ("binary_sensor/bed_mat/state", b"OFF"): {"bed": 0},
    ("sensor/room/state", b"68.0"): {"temperature": 20},
    ("sensor/room/state", b"nan"): {"alive": True},
    ("sensor/valve/state", b"wet"): {"leak": 1},
    ("sensor/valve/state", b"damp"): None,
    ("event/key/state", b"double"): {"button": 2},
    ("sensor/other/state", b"12"): {},
    ("light/room/state", b"ON"): {},
}


@pytest.mark.parametrize("message", ESPHOME)
def test_esphome(message):
    check(ESPHOME[message], lambda: sensor_esphome.decode(*message, ENTITIES))


# ---- any JSON ----

JSON = MqttJson.model_validate(
    {
        "kind": "mqtt_json",
        "id": "it",
        "topic": "greenhouse/+/state",
        "time": "at",
        "values": [
            {"path": "climate.t", "quantity": "temperature", "unit": "°F"},
            {"path": "gas[0].ppb", "quantity": "carbon-monoxide", "unit": "ppb"},
            {"path": "p", "quantity": "air-pressure", "unit": "Pa"},
            {"path": "load", "quantity": "power", "unit": "kW"},
            {"path": "door", "quantity": "door", "values": {"open": 1, "closed": 0}},
            {"path": "help", "quantity": "sos", "values": {"yes": 1, "no": 0}},
        ],
        "availability": {"topic": "greenhouse/status", "online": "1", "offline": "0"},
    }
)
MESSAGES = {
    b'{"climate":{"t":212},"gas":[{"ppb":9000}],"p":101325,"load":1.5}': {
        "temperature": 100,
        "carbon-monoxide": 9,
        "air-pressure": 1013.25,
        "power": 1500,
    },
    b'{"door":"open"}': {"door": 1},
    b'{"door":"closed"}': {"door": 0},
    b'{"door":"ajar"}': None,
    b'{"door":"ajar","p":100000}': {"air-pressure": 1000},
    b'{"help":"yes"}': {"sos": 1},
    b'{"help":"no"}': {"alive": True},
    b'{"climate":[]}': {"alive": True},
    b'{"climate":{"t":"NaN"}}': {"alive": True},
    b'{"climate":{"t":{}}}': None,
    b'{"p":1e400}': {"alive": True},
    b"hello": {"alive": True},
}


@pytest.mark.parametrize("payload", MESSAGES)
def test_json_mapping(payload):
    check(MESSAGES[payload], lambda: decode_json(payload, JSON.values))


def test_json_mapping_of_plain_text_and_of_a_whole_document():
    plain = (JsonValue(quantity=Quantity.TEMPERATURE, unit="°C"),)
    assert values(decode_json(b"21.5", plain)) == {"temperature": 21.5}
    assert values(decode_json(b'"21.5"', plain)) == {"temperature": 21.5}
    with pytest.raises(DecodeError):
        decode_json(b"warm", plain)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"values": [{"quantity": "temperature"}]}, "needs the unit"),
        ({"values": [{"quantity": "temperature", "unit": "bar"}]}, "no unit for"),
        ({"values": [{"quantity": "smoke", "unit": "%"}]}, "has no unit"),
        ({"values": [{"quantity": "door", "values": {"open": 7}}]}, "no possible value"),
        ({"values": [{"path": "a..b", "quantity": "smoke"}]}, "no path into JSON"),
        ({"values": []}, "at least 1"),
        ({"topic": "#", "values": [{"quantity": "smoke"}]}, "every message of the broker"),
        ({"topic": "a/#/b", "values": [{"quantity": "smoke"}]}, "must be the last level"),
        ({"topic": "a/b+", "values": [{"quantity": "smoke"}]}, "one whole level"),
        ({"values": [{"quantity": "smoke"}], "availability": {"topic": "t", "online": "x", "offline": "x"}}, "same"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(written, words):
    with pytest.raises(ValidationError, match=words):
        MqttJson.model_validate({"kind": "mqtt_json", "id": "it", "topic": "a/b", **written})


# ---- units, times, words ----


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "wanted"),
    [
        (Quantity.TEMPERATURE, "°F", -40, -40),
        (Quantity.TEMPERATURE, "K", 273.15, 0),
        (Quantity.AIR_PRESSURE, "inHg", 29.92, 1013.207),
        (Quantity.AIR_PRESSURE, "mmHg", 760, 1013.25),
        (Quantity.CO2, "ppb", 400_000, 400),
        (Quantity.PM2_5, "mg/m³", 0.035, 35),
        (Quantity.ENERGY, "Wh", 1500, 1.5),
        (Quantity.POWER, "mW", 1500, 1.5),
        (Quantity.GLUCOSE, "mg/dL", 90, 4.99567),
        (Quantity.BATTERY_VOLTAGE, "mV", 2985, 2.985),
        (Quantity.WEIGHT, "lb", 100, 45.359237),
    ],
)
def test_units(quantity, unit, value, wanted):
    assert conversion(quantity, unit)(value) == pytest.approx(wanted, rel=1e-5)


def test_a_unit_is_never_guessed():
    for quantity, info in QUANTITIES.items():
        assert info.unit in units_of(quantity), "its own unit is one"
        with pytest.raises(DecodeError):
            conversion(quantity, "parsec")
        with pytest.raises(DecodeError):
            conversion(quantity, "")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (1_548_683_523_859, datetime(2019, 1, 28, 13, 52, 3, 859000, tzinfo=UTC)),
        (1_456_000_000, None),  # 2016: a clock that was never set
        (1_748_683_523, datetime(2025, 5, 31, 9, 25, 23, tzinfo=UTC)),
        ("1748683523", datetime(2025, 5, 31, 9, 25, 23, tzinfo=UTC)),
        ("2025-05-31T11:25:23+02:00", datetime(2025, 5, 31, 9, 25, 23, tzinfo=UTC)),
        ("2025-05-31T11:25:23Z", datetime(2025, 5, 31, 11, 25, 23, tzinfo=UTC)),
        ("2025-05-31T11:25:23", None),  # whose noon?
        (12, None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (1e30, None),
    ],
)
def test_moments(written, wanted):
    assert moment_of(written) == wanted


def test_words_for_yes_and_no():
    assert [flag_of(word) for word in ("ON", "off", True, 0, 1, "open", "closed", "true")] == [
        True, False, True, False, True, True, False, True,
    ]  # fmt: skip
    assert [flag_of(word) for word in (None, "", "unavailable")] == [None] * 3
    for word in ("perhaps", 2, [], {}):
        with pytest.raises(DecodeError):
            flag_of(word)
