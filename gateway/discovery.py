"""What Home Assistant must know to show this home: one discovery message for each entity. Pure.

Sources: home-assistant.io, "MQTT", "MQTT Discovery", "Sensor", "Binary sensor", "Event"; home-assistant/core,
components/mqtt (schemas.py, discovery.py) and components/sensor/const.py (units that go with each device class). Device
classes younger than 2024 are left out: an older Home Assistant would refuse the whole entity.

    <prefix>/<component>/shouwang_<gateway>/<object>/config     discovery, retained
    <topic>/<gateway>/status                                    online | offline (last will), retained
    <topic>/<gateway>/<sensor>/availability                     online | offline, retained
    <topic>/<gateway>/<sensor>/<quantity>                       a value, ON | OFF (retained), or an event
    <topic>/<gateway>/<sensor>/alarm, .../fault                 ON | OFF, retained; details beside it under /details
    <topic>/<gateway>/home/alarm, .../fault                     the same, of alarms that are of no single sensor
    <topic>/<gateway>/alert                                     each step of each alarm, an event

Ids and values only: no name of a person is in any of them.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

import msgspec

from drivers.mqtt.ha_discovery_home import OWN_ORIGIN
from rules.modes import HOME_SENSOR
from shouwang.alert import AlertState, Sentence
from shouwang.quantities import QUANTITIES, Quantity

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
ALARM, FAULT, CONNECTED, ALERT = "alarm", "fault", "connected", "alert"
UNTOLD = frozenset(
    {Quantity.RR_INTERVAL, Quantity.BODY_MOVEMENT} | {q for q, info in QUANTITIES.items() if info.is_stream}
)
"""What comes many times a second and tells a family nothing."""
_YES_OR_NO = "1"
_VERSION = version("shouwang")
Told = str | int | bool | list[str] | dict[str, "Told"] | list[dict[str, str]]


class Look(NamedTuple):
    """How Home Assistant shows a quantity."""

    device_class: str | None = None
    state_class: str = "measurement"


_UNITS: Mapping[str, str | None] = {
    "Cel": "°C",
    "/min": "bpm",
    "mm[Hg]": "mmHg",
    "[ppm]": "ppm",
    "ug/m3": "µg/m³",  # the micro sign: what older versions take, newer ones change it themselves
    "dB[mW]": "dBm",
    "kW.h": "kWh",
    "kg/m2": "kg/m²",
    "Ohm": "Ω",
    "%{LEL}": "% LEL",
    "{index}": None,
    "{steps}": "steps",
    "mmol/L/min": "mmol/L/min",
}
"""Where Home Assistant writes a unit otherwise than UCUM."""
_STATES: Mapping[Quantity, str] = {
    Quantity.FALL: "safety",
    Quantity.PRESENCE: "occupancy",
    Quantity.BED: "occupancy",
    Quantity.MOTION: "motion",
    Quantity.DOOR: "door",
    Quantity.TAMPER: "tamper",
    Quantity.VIBRATION: "vibration",
    Quantity.SMOKE: "smoke",
    Quantity.CARBON_MONOXIDE_ALARM: "carbon_monoxide",
    Quantity.GAS_ALARM: "gas",
    Quantity.HEAT_ALARM: "heat",
    Quantity.LEAK: "moisture",
    Quantity.BATTERY_LOW: "battery",
    Quantity.PROBLEM: "problem",
    Quantity.MAINS_LOST: "problem",
    Quantity.IRREGULAR_PULSE: "problem",
}
_MEASURES: Mapping[Quantity, Look] = {
    Quantity.TEMPERATURE: Look("temperature"),
    Quantity.BODY_TEMPERATURE: Look("temperature"),
    Quantity.HUMIDITY: Look("humidity"),
    Quantity.AIR_PRESSURE: Look("atmospheric_pressure"),
    Quantity.ILLUMINANCE: Look("illuminance"),
    Quantity.CO2: Look("carbon_dioxide"),
    Quantity.CARBON_MONOXIDE: Look("carbon_monoxide"),
    Quantity.PM1: Look("pm1"),
    Quantity.PM2_5: Look("pm25"),
    Quantity.PM10: Look("pm10"),
    Quantity.POWER: Look("power"),
    Quantity.ENERGY: Look("energy", "total_increasing"),
    Quantity.BATTERY: Look("battery"),
    Quantity.BATTERY_VOLTAGE: Look("voltage"),
    Quantity.SIGNAL_STRENGTH: Look("signal_strength"),
    Quantity.WEIGHT: Look("weight"),
    Quantity.DISTANCE: Look("distance"),
}
_DIAGNOSTIC = frozenset(
    {Quantity.BATTERY, Quantity.BATTERY_VOLTAGE, Quantity.BATTERY_LOW, Quantity.SIGNAL_STRENGTH, Quantity.PROBLEM}
)
_WORDS = {
    ALARM: Sentence(zh="报警", en="alarm"),
    FAULT: Sentence(zh="故障", en="fault"),
    CONNECTED: Sentence(zh="在线", en="heard"),
    ALERT: Sentence(zh="报警动态", en="alarm steps"),
}


class Config(NamedTuple):
    """One discovery message."""

    topic: str
    payload: bytes


class Names(NamedTuple):
    """The topics and ids of one gateway."""

    gateway: str
    topic: str
    prefix: str
    language: str

    @property
    def node(self) -> str:
        """The gateway's part of discovery topics and ids."""
        return f"shouwang_{_plain(self.gateway)}"

    @property
    def base(self) -> str:
        """What all topics of this gateway begin with."""
        return f"{self.topic}/{self.gateway}"

    @property
    def status(self) -> str:
        """Whether the gateway itself is there."""
        return f"{self.base}/status"

    @property
    def own_filters(self) -> tuple[str, ...]:
        """All that the gateway publishes."""
        return (f"{self.base}/#", self.configs)

    @property
    def configs(self) -> str:
        """All its discovery messages."""
        return f"{self.prefix}/+/{self.node}/+/config"

    def of(self, sensor_id: str, what: str) -> str:
        """The topic on which something of a sensor is told."""
        return f"{self.base}/{sensor_id}/{what}"

    def availability(self, sensor_id: str) -> str:
        """Where it is told whether a sensor is heard."""
        return self.of(sensor_id, "availability")


def quantity_config(names: Names, sensor_id: str, quantity: Quantity) -> Config:
    """How to show one quantity of one sensor.

    It never expires by itself: whether the sensor is heard stands beside it, and a battery may be told once a day.
    """
    info = QUANTITIES[quantity]
    fields: dict[str, Told] = {
        "name": info.zh if names.language == "zh" else info.en,
        "state_topic": names.of(sensor_id, quantity),
    }
    if quantity in _DIAGNOSTIC:
        fields["entity_category"] = "diagnostic"
    if info.event:
        fields |= {"event_types": [str(quantity)], "device_class": "button"}
        return _config(names, "event", sensor_id, quantity, fields)
    if info.unit == _YES_OR_NO:
        if quantity in _STATES:
            fields["device_class"] = _STATES[quantity]
        return _config(names, "binary_sensor", sensor_id, quantity, fields)
    look, unit = _MEASURES.get(quantity, Look()), _UNITS.get(info.unit, info.unit)
    fields["state_class"] = look.state_class
    if unit is not None:
        fields["unit_of_measurement"] = unit
    if look.device_class is not None:
        fields["device_class"] = look.device_class
    return _config(names, "sensor", sensor_id, quantity, fields)


def sensor_configs(names: Names, sensor_id: str) -> list[Config]:
    """How to show a sensor itself: whether it is heard, and the alarms about it. These do not vanish with it."""
    connected = _connected(names, names.availability(sensor_id))
    return [
        *_alarm_configs(names, sensor_id, of=sensor_id),
        _config(names, "binary_sensor", sensor_id, CONNECTED, connected, always=True),
    ]


def gateway_configs(names: Names) -> list[Config]:
    """How to show the gateway: whether it runs, the alarms of no single sensor, each step of each alarm as an event."""
    alert: dict[str, Told] = {
        "name": _said(names, ALERT),
        "event_types": [str(state) for state in AlertState],
        "state_topic": f"{names.base}/{ALERT}",
    }
    return [
        _config(names, "binary_sensor", "", CONNECTED, _connected(names, names.status), lonely=True),
        *_alarm_configs(names, "", of=HOME_SENSOR),
        _config(names, "event", "", ALERT, alert),
    ]


def _connected(names: Names, topic: str) -> dict[str, Told]:
    return {
        "name": _said(names, CONNECTED),
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topic,
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
    }


def _alarm_configs(names: Names, sensor_id: str, *, of: str) -> list[Config]:
    found = []
    for what, device_class in ((ALARM, "safety"), (FAULT, "problem")):
        fields: dict[str, Told] = {
            "name": _said(names, what),
            "device_class": device_class,
            "state_topic": names.of(of, what),
            "json_attributes_topic": names.of(of, f"{what}/details"),
        }
        found.append(_config(names, "binary_sensor", sensor_id, what, fields, always=True))
    return found


def owner_of(names: Names, config_topic: str) -> str:
    """The object of one of our own discovery topics; empty for any other topic."""
    levels = config_topic.removeprefix(f"{names.prefix}/").split("/")
    return levels[2] if len(levels) == 4 and levels[1] == names.node and levels[3] == "config" else ""


def object_of(sensor_id: str, what: str) -> str:
    """The last part of a discovery topic: of one sensor and one thing, and of no other."""
    return f"{_plain(sensor_id)}_{_plain(what)}"


def _config(
    names: Names,
    component: str,
    sensor_id: str,
    what: str,
    fields: Mapping[str, Told],
    *,
    always: bool = False,
    lonely: bool = False,
) -> Config:
    name = object_of(sensor_id, what)
    told: dict[str, Told] = {
        **fields,
        "unique_id": f"{names.node}_{name}",
        "origin": {"name": OWN_ORIGIN, "sw_version": _VERSION},
        "device": _device(names, sensor_id),
    }
    if not lonely:
        topics = [names.status] if always or not sensor_id else [names.status, names.availability(sensor_id)]
        told |= {"availability": [{"topic": topic} for topic in topics], "availability_mode": "all"}
    return Config(f"{names.prefix}/{component}/{names.node}/{name}/config", msgspec.json.encode(told))


def _device(names: Names, sensor_id: str) -> dict[str, Told]:
    if not sensor_id:
        return {
            "identifiers": [names.node],
            "name": names.gateway,
            "manufacturer": OWN_ORIGIN,
            "sw_version": _VERSION,
        }
    return {"identifiers": [f"{names.node}_{_plain(sensor_id)}"], "name": sensor_id, "via_device": names.node}


def _said(names: Names, what: str) -> str:
    words = _WORDS[what]
    return words.zh if names.language == "zh" else words.en


def _plain(written: str) -> str:
    """Letters, digits and "-" as they are, "_" and "." so that no two ids become one."""
    return written.replace("_", "__").replace(".", "_p")
