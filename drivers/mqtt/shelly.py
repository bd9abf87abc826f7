"""What Shelly devices publish, of the first generation (a topic a value) and of the later ones (JSON notifications).

    shellies/<id>/online          true | false (retained last will)
    shellies/<id>/sensor/flood    true | false; also smoke, state (open | close), battery, humidity, lux, motion ...
    shellies/<id>/input_event/0   {"event": "S", "event_cnt": 3}
    shellies/<id>/status          Shelly Motion: {"motion": true, "timestamp": 1616159693, "bat": 97}
    <id>/online                   true | false
    <id>/status/<component>       {"id": 0, "alarm": false, "mute": false}
    <id>/events/rpc               {"method": "NotifyStatus" | "NotifyFullStatus" | "NotifyEvent", "params": {...}}

Sources: shelly-api-docs.shelly.cloud, gen1 "MQTT" of each device; gen2 "General/Notifications", "Components".
A battery device sleeps and its last will says "offline" each time: it counts as there. The first generation says its
temperature in the unit that the owner chose and does not name it: it is refused unless the configuration does.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from drivers.mqtt.meaning import Meaning, press_of
from drivers.mqtt.payload import Fields, Plain, fields_of, flag_of, moment_of, text_of
from drivers.mqtt.sensor import Heard, Presence
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

GONE = Bilingual(
    "the Shelly's last will says that it is offline; is it powered, does its Wi-Fi reach?",
    zh="Shelly 的遗言说它已离线；有电吗？Wi-Fi 够得着吗？",
)
FIRST = "shellies"
DEVICE_ID = re.compile(r"shelly[a-z0-9]+-[0-9A-Fa-f]{6,12}")
"""As devices are named unless the owner changes it: model and MAC address (or its end)."""
_SLEEPERS = re.compile(
    r"shelly(flood|smoke|dw2?|ht|button1|motion(sensor|2)?|plusht|htg3|plussmoke|floodg4|blu|presence)", re.IGNORECASE
)
_RPC = "events/rpc"
_STATE_WORDS = Meaning(quantity=Quantity.DOOR, on="open", off="close")

_GEN1: Mapping[str, Meaning] = {
    "sensor/flood": Meaning(quantity=Quantity.LEAK),
    "sensor/smoke": Meaning(quantity=Quantity.SMOKE),
    "sensor/state": _STATE_WORDS,
    "sensor/vibration": Meaning(quantity=Quantity.VIBRATION),
    "sensor/motion": Meaning(quantity=Quantity.MOTION),
    "sensor/battery": Meaning(quantity=Quantity.BATTERY, unit="%"),
    "sensor/humidity": Meaning(quantity=Quantity.HUMIDITY, unit="%"),
    "sensor/lux": Meaning(quantity=Quantity.ILLUMINANCE, unit="lx"),
    "relay/0": Meaning(quantity=Quantity.SWITCH),
    "relay/0/power": Meaning(quantity=Quantity.POWER, unit="W"),
    "relay/0/energy": Meaning(quantity=Quantity.ENERGY, unit="Wmin"),
}
_MOTION_STATUS: Mapping[str, Meaning] = {
    "motion": Meaning(quantity=Quantity.MOTION),
    "vibration": Meaning(quantity=Quantity.VIBRATION),
    "lux": Meaning(quantity=Quantity.ILLUMINANCE, unit="lx"),
    "bat": Meaning(quantity=Quantity.BATTERY, unit="%"),
}
_GAS = "sensor/gas"
_GAS_LEVELS = {"none": 0.0, "mild": 1.0, "heavy": 1.0}
_Path = tuple[str, ...]
_GEN2: Mapping[str, Mapping[_Path, Meaning]] = {
    "temperature": {("tC",): Meaning(quantity=Quantity.TEMPERATURE, unit="°C")},
    "humidity": {("rh",): Meaning(quantity=Quantity.HUMIDITY, unit="%")},
    "illuminance": {("lux",): Meaning(quantity=Quantity.ILLUMINANCE, unit="lx")},
    "devicepower": {("battery", "percent"): Meaning(quantity=Quantity.BATTERY, unit="%")},
    "smoke": {("alarm",): Meaning(quantity=Quantity.SMOKE)},
    "flood": {("alarm",): Meaning(quantity=Quantity.LEAK)},
    "switch": {
        ("output",): Meaning(quantity=Quantity.SWITCH),
        ("apower",): Meaning(quantity=Quantity.POWER, unit="W"),
        ("aenergy", "total"): Meaning(quantity=Quantity.ENERGY, unit="Wh"),
    },
    "presence": {("presence",): Meaning(quantity=Quantity.PRESENCE)},
    "wifi": {("rssi",): Meaning(quantity=Quantity.SIGNAL_STRENGTH, unit="dBm")},
}
_NO_PRESSES = frozenset({"btn_down", "btn_up", "config_changed", "ota_begin", "ota_progress", "ota_success", "sleep"})
CAN_SAY = frozenset(
    {meaning.quantity for meaning in (*_GEN1.values(), *_MOTION_STATUS.values())}
    | {meaning.quantity for fields in _GEN2.values() for meaning in fields.values()}
    | {Quantity.GAS_ALARM, Quantity.BUTTON, Quantity.SOS}
)


class Wishes(NamedTuple):
    """What the configuration says of a device: the unit of its temperature, which presses call for help, its inputs."""

    temperature_unit: str = ""
    press: frozenset[str] = frozenset()
    inputs: Mapping[str, Quantity] = MappingProxyType({})


NO_WISHES = Wishes()


def heard_on(device: str, rest: str, payload: bytes, wishes: Wishes) -> list[Heard]:
    """What a message on `<device>/<rest>` means; empty where it means nothing here. Raises DecodeError.

    `device` is the id, of the first generation without `shellies/`.
    """
    if rest == "online":
        is_there = flag_of(text_of(payload))
        return [] if _SLEEPERS.match(device) else [Presence(is_there=is_there is not False, why=GONE)]
    if rest == _RPC:
        return list(_notification(fields_of(payload), payload, wishes))
    if rest.startswith("status/"):
        return list(_component(rest.removeprefix("status/"), fields_of(payload), payload, None, wishes))
    return list(_first_generation(rest, payload, wishes))


def _first_generation(rest: str, payload: bytes, wishes: Wishes) -> list[Said]:
    if rest == "status":
        fields = fields_of(payload)
        return _samples(fields, {(name,): meaning for name, meaning in _MOTION_STATUS.items()}, payload, None)
    if rest.startswith("input_event/"):
        return _press(rest.removeprefix("input_event/"), fields_of(payload).get("event"), payload, wishes)
    if rest == _GAS:
        level = _GAS_LEVELS.get(text_of(payload))
        return [Alive()] if level is None else [Sample(quantity=Quantity.GAS_ALARM, value=level, frame=payload)]
    meaning = _GEN1.get(rest)
    if rest == "sensor/temperature":
        if not wishes.temperature_unit:
            raise DecodeError("a temperature without a unit; write temperature_unit as the device shows it, °C or °F")
        meaning = Meaning(quantity=Quantity.TEMPERATURE, unit=wishes.temperature_unit)
    if rest.startswith("input/") and (name := f"input:{rest.removeprefix('input/')}") in wishes.inputs:
        meaning = Meaning(quantity=wishes.inputs[name])
    if meaning is None:
        return []
    sample = meaning.sample(text_of(payload), payload)
    return [Alive()] if sample is None else [sample]


def _notification(fields: Fields, payload: bytes, wishes: Wishes) -> list[Said]:
    params = fields.get("params")
    if not isinstance(params, dict):
        raise DecodeError(f"a notification without params: {payload[:80]!r}")
    at = moment_of(params.get("ts"))
    found: list[Said] = []
    if fields.get("method") in ("NotifyStatus", "NotifyFullStatus"):
        for name, status in params.items():
            if isinstance(status, dict):
                found += _component(name, status, payload, at, wishes)
    events = params.get("events") if fields.get("method") == "NotifyEvent" else None
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and str(event.get("component", "")).startswith("input:"):
            found += _press(str(event["component"]).removeprefix("input:"), event.get("event"), payload, wishes)
    return found or [Alive()]


def _component(name: str, status: Fields, payload: bytes, at: datetime | None, wishes: Wishes) -> list[Said]:
    kind = name.partition(":")[0]
    if name in wishes.inputs:
        return _samples(status, {("state",): Meaning(quantity=wishes.inputs[name])}, payload, at)
    return _samples(status, _GEN2.get(kind, {}), payload, at)


def _samples(fields: Fields, known: Mapping[_Path, Meaning], payload: bytes, at: datetime | None) -> list[Said]:
    found: list[Said] = []
    for path, meaning in known.items():
        sample = meaning.sample(_within(fields, path), payload, at=at)
        if sample is not None:
            found.append(sample)
    return found or [Alive()]


def _within(fields: Fields, path: _Path) -> Plain:
    found: Plain = dict(fields)
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _press(number: str, event: Plain, payload: bytes, wishes: Wishes) -> list[Said]:
    if not isinstance(event, str) or not event or event in _NO_PRESSES:
        return [Alive()]
    if event in wishes.press or f"{number}.{event}" in wishes.press:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=payload)]
    return [Sample(quantity=Quantity.BUTTON, value=float(press_of(event)), frame=payload)]
