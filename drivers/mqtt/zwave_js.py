"""What zwave-js-ui publishes of a node: one topic a value, by number or by name, and whether the node is alive.

    ValueId topics   <prefix>/[<location>/]<node>/113/0/Smoke_Alarm/Sensor_status
    Named topics     <prefix>/[<location>/]<node>/notification/endpoint_0/Smoke_Alarm/Sensor_status
    Payload          {"time": 1548683523859, "value": 2}, the whole value (with `unit`), or the bare value

Sources: zwave-js.github.io/zwave-js-ui, "Setup", sections Gateway and MQTT; types and events of the Z-Wave Notification
Command Class (SDS13713), as node-zwave-js names them. Only with the whole value a unit is said; without one a
temperature may be in Fahrenheit, so it is refused unless the configuration names the unit.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from drivers.mqtt.meaning import Meaning
from drivers.mqtt.payload import Plain, flag_of, json_or_text, moment_of, number_of
from drivers.mqtt.sensor import Heard, Presence
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

DEAD = "zwave-js-ui says that the node is dead; is it powered, is it too far?"
STATUS = "status"
_SCENE = 91
_NOTIFICATION, _BINARY, _MULTILEVEL, _METER, _BATTERY, _SWITCH = 113, 48, 49, 50, 128, 37
_CLASSES: Mapping[str, int] = {
    "notification": _NOTIFICATION,
    "binary_sensor": _BINARY,
    "sensor_binary": _BINARY,
    "multilevel_sensor": _MULTILEVEL,
    "sensor_multilevel": _MULTILEVEL,
    "meter": _METER,
    "battery": _BATTERY,
    "binary_switch": _SWITCH,
    "switch_binary": _SWITCH,
    "central_scene": _SCENE,
} | {str(number): number for number in (_NOTIFICATION, _BINARY, _MULTILEVEL, _METER, _BATTERY, _SWITCH, _SCENE)}


class Event(NamedTuple):
    """A variable of the notification class: its quantity, which events are "on", which "off"; 0 is idle."""

    quantity: Quantity
    on: frozenset[int]
    off: frozenset[int] = frozenset({0})


_EVENTS: Mapping[str, Event] = {
    "smoke_alarm/sensor_status": Event(Quantity.SMOKE, frozenset({1, 2})),
    "co_alarm/sensor_status": Event(Quantity.CARBON_MONOXIDE_ALARM, frozenset({1, 2})),
    "heat_alarm/heat_sensor_status": Event(Quantity.HEAT_ALARM, frozenset({1, 2, 3, 4})),  # overheat, rapid rise
    "water_alarm/sensor_status": Event(Quantity.LEAK, frozenset({1, 2})),
    "gas_alarm/combustible_gas_status": Event(Quantity.GAS_ALARM, frozenset({1, 2})),
    "gas_alarm/toxic_gas_status": Event(Quantity.GAS_ALARM, frozenset({3, 4})),
    "access_control/door_state": Event(Quantity.DOOR, frozenset({22}), frozenset({23})),
    "access_control/door_state_simple": Event(Quantity.DOOR, frozenset({22}), frozenset({23})),
    "access_control/window/door_is_open": Event(Quantity.DOOR, frozenset({22}), frozenset({23})),
    "home_security/motion_sensor_status": Event(Quantity.MOTION, frozenset({7, 8})),
    "home_security/cover_status": Event(Quantity.TAMPER, frozenset({3})),
    "home_security/sensor_status": Event(Quantity.VIBRATION, frozenset({5, 6})),  # glass breakage
    "power_management/mains_status": Event(Quantity.MAINS_LOST, frozenset({2}), frozenset({0, 3})),
    "power_management/battery_maintenance_status": Event(Quantity.BATTERY_LOW, frozenset({10, 11})),
}
_STATES: Mapping[str, Quantity] = {  # Binary Sensor class
    "door_window": Quantity.DOOR,
    "door/window": Quantity.DOOR,
    "motion": Quantity.MOTION,
    "smoke": Quantity.SMOKE,
    "co": Quantity.CARBON_MONOXIDE_ALARM,
    "heat": Quantity.HEAT_ALARM,
    "water": Quantity.LEAK,
    "tamper": Quantity.TAMPER,
}
_MEASURES: Mapping[str, Quantity] = {  # Multilevel Sensor class
    "air_temperature": Quantity.TEMPERATURE,
    "humidity": Quantity.HUMIDITY,
    "illuminance": Quantity.ILLUMINANCE,
    "barometric_pressure": Quantity.AIR_PRESSURE,
    "atmospheric_pressure": Quantity.AIR_PRESSURE,
    "carbon_dioxide_co2_level": Quantity.CO2,
    "carbon_monoxide_co_level": Quantity.CARBON_MONOXIDE,
    "particulate_matter_2.5": Quantity.PM2_5,
    "power": Quantity.POWER,
}
_METERS: Mapping[str, Quantity] = {"W": Quantity.POWER, "kWh": Quantity.ENERGY}
_SCENE_PRESSES: Mapping[int, int] = {0: 1, 3: 2, 4: 3, 2: 4}
"""Key attributes of the Central Scene class to the codes of a press: pressed, twice, thrice, held; 1 is released."""
CAN_SAY = frozenset(
    {event.quantity for event in _EVENTS.values()}
    | set(_STATES.values())
    | set(_MEASURES.values())
    | {Quantity.POWER, Quantity.ENERGY, Quantity.BATTERY, Quantity.BATTERY_LOW, Quantity.SWITCH}
    | {Quantity.BUTTON, Quantity.SOS}
)


class Value(NamedTuple):
    """One value as published."""

    raw: Plain
    unit: str
    at: datetime | None


class Wishes(NamedTuple):
    """What the configuration says of a node: units that are not published, scenes that call for help."""

    units: Mapping[Quantity, str] = MappingProxyType({})
    sos_scenes: frozenset[int] = frozenset()


NO_WISHES = Wishes()


def heard_on(rest: str, payload: bytes, wishes: Wishes = NO_WISHES) -> list[Heard]:
    """What a message on `<node>/<rest>` means; empty where this value means nothing here. Raises DecodeError."""
    if rest == STATUS:
        return [Presence(is_there=_is_alive(payload), why=DEAD)]
    place = _place(rest)
    if place is None:
        return []
    value = _value(payload)
    return [] if value.raw is None else list(_meaning(place, value, payload, wishes))


def splits(levels: list[str]) -> int | None:
    """How many levels of a topic name the node: what follows is class, endpoint, property. None where there is none."""
    if len(levels) >= 2 and levels[-1] == STATUS:
        return len(levels) - 1
    for index in range(1, len(levels) - 2):
        if levels[index].lower() in _CLASSES and _is_endpoint(levels[index + 1]):
            return index
    return None


def _is_endpoint(level: str) -> bool:
    return level.removeprefix("endpoint_").isdigit()


def _place(rest: str) -> tuple[int, str] | None:
    """The command class, and the property with its key in lower case; the endpoint says nothing here."""
    levels = [level.lower().replace(" ", "_") for level in rest.split("/")]
    if len(levels) < 2 or levels[0] not in _CLASSES:
        return None
    inner = levels[2:] if _is_endpoint(levels[1]) else levels[1:]  # a named topic may leave endpoint 0 out
    return (_CLASSES[levels[0]], "/".join(inner)) if inner else None


def _value(payload: bytes) -> Value:
    found = json_or_text(payload)
    if not isinstance(found, dict):
        return Value(found, "", None)
    if "value" not in found:
        raise DecodeError(f"a value without a value: {payload[:80]!r}")
    unit, at = found.get("unit"), found.get("time", found.get("lastUpdate"))
    return Value(found["value"], unit if isinstance(unit, str) else "", moment_of(at))


def _meaning(place: tuple[int, str], value: Value, payload: bytes, wishes: Wishes) -> list[Said]:
    command_class, name = place
    if command_class == _SCENE:
        return _scene(name, value, payload, wishes.sos_scenes)
    if command_class == _NOTIFICATION:
        return _notification(name, value, payload)
    quantity = _quantity(command_class, name, value)
    if quantity is None:
        return []
    if quantity is Quantity.BATTERY:
        meaning = Meaning(quantity=quantity, unit="%")  # the Battery class knows percent only
    elif command_class in (_MULTILEVEL, _METER):
        unit = value.unit or wishes.units.get(quantity, "")
        if not unit:
            raise DecodeError(
                f"{name} without a unit; let zwave-js-ui publish entire values, or write its unit under units"
            )
        meaning = Meaning(quantity=quantity, unit=unit)
    else:
        meaning = Meaning(quantity=quantity)
    sample = meaning.sample(value.raw, payload, at=value.at)
    return [Alive()] if sample is None else [sample]


def _quantity(command_class: int, name: str, value: Value) -> Quantity | None:
    if command_class == _BATTERY:
        return {"level": Quantity.BATTERY, "islow": Quantity.BATTERY_LOW}.get(name)
    if command_class == _BINARY:
        return _STATES.get(name)
    if command_class == _MULTILEVEL:
        return _MEASURES.get(name.split("/", maxsplit=1)[0])
    if command_class == _SWITCH:
        return Quantity.SWITCH if name == "currentvalue" else None
    return _METERS.get(value.unit)


def _notification(name: str, value: Value, payload: bytes) -> list[Said]:
    event = _EVENTS.get(name)
    if event is None:
        return []
    number = number_of(value.raw)
    state = None if number is None else int(number)
    if state in event.on or state in event.off:
        is_on = 1.0 if state in event.on else 0.0
        return [Sample(quantity=event.quantity, value=is_on, frame=payload, measured_at=value.at)]
    return [Alive()]  # a test, an end of life, silenced: no danger begins or ends with it


def _scene(name: str, value: Value, payload: bytes, sos_scenes: frozenset[int]) -> list[Said]:
    property_name, _, key = name.partition("/")
    if property_name != "scene" or not key.isdigit():
        return []
    number = number_of(value.raw)
    press = None if number is None else _SCENE_PRESSES.get(int(number), 255 if number > 4 else None)
    if press is None:
        return [Alive()]
    if int(key) in sos_scenes:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=payload)]
    return [Sample(quantity=Quantity.BUTTON, value=float(press), frame=payload)]


def _is_alive(payload: bytes) -> bool:
    found = json_or_text(payload)
    status = found.get("status", found.get("value")) if isinstance(found, dict) else found
    if isinstance(status, str) and status.lower() in ("alive", "awake", "asleep", "dead", "unknown"):
        return status.lower() != "dead"
    alive = flag_of(status)
    return True if alive is None else alive
