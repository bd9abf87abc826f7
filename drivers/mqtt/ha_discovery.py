"""Home Assistant's discovery messages, read as a description of somebody else's entities: pure.

    <prefix>/<component>/[<node>/]<object>/config    {"device_class": "smoke", "state_topic": "...", "device": {...}}

ESPHome, zwave-js-ui and many more publish them. Source: home-assistant.io, "MQTT", "Discovery" (abbreviations, `~`);
home-assistant/core, components/mqtt. Of templates only the plain ones are understood, `{{ value_json.x.y }}` and
`{{ value }}`, with filters that round: an entity with any other is left out, not guessed.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from drivers.mqtt.meaning import Meaning, action_sample
from drivers.mqtt.payload import Fields, Plain, fields_of, json_or_text, text_of
from drivers.mqtt.sensor import Heard, Presence
from drivers.mqtt.switchboard import MAX_KEPT_BYTES
from drivers.mqtt.units import conversion
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

GONE = Bilingual(
    "who speaks for the device says that it is offline; is it powered, is it in reach?",
    zh="代它说话的程序说设备已离线；有电吗？在范围内吗？",
)
MAX_ENTITIES = 64
"""Of one device; a weather station has some thirty."""

_LONG = {
    "~": "~",
    "avty": "availability",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cns": "connections",
    "dev": "device",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
    "ids": "identifiers",
    "mf": "manufacturer",
    "o": "origin",
    "pl": "payload",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_t": "state_topic",
    "t": "topic",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
STATES: Mapping[str, Quantity] = {  # home-assistant.io, "Binary sensor", device classes
    "battery": Quantity.BATTERY_LOW,
    "carbon_monoxide": Quantity.CARBON_MONOXIDE_ALARM,
    "door": Quantity.DOOR,
    "garage_door": Quantity.DOOR,
    "gas": Quantity.GAS_ALARM,
    "heat": Quantity.HEAT_ALARM,
    "moisture": Quantity.LEAK,
    "motion": Quantity.MOTION,
    "moving": Quantity.VIBRATION,
    "occupancy": Quantity.PRESENCE,
    "opening": Quantity.DOOR,
    "presence": Quantity.PRESENCE,
    "problem": Quantity.PROBLEM,
    "smoke": Quantity.SMOKE,
    "tamper": Quantity.TAMPER,
    "vibration": Quantity.VIBRATION,
    "window": Quantity.DOOR,
}
MEASURES: Mapping[str, Quantity] = {  # "Sensor", device classes
    "atmospheric_pressure": Quantity.AIR_PRESSURE,
    "battery": Quantity.BATTERY,
    "carbon_dioxide": Quantity.CO2,
    "carbon_monoxide": Quantity.CARBON_MONOXIDE,
    "energy": Quantity.ENERGY,
    "humidity": Quantity.HUMIDITY,
    "illuminance": Quantity.ILLUMINANCE,
    "pm1": Quantity.PM1,
    "pm10": Quantity.PM10,
    "pm25": Quantity.PM2_5,
    "power": Quantity.POWER,
    "pressure": Quantity.AIR_PRESSURE,
    "signal_strength": Quantity.SIGNAL_STRENGTH,
    "temperature": Quantity.TEMPERATURE,
}
_VALUE = re.compile(r"\{\{\s*value\s*\}\}")
_VALUE_JSON = re.compile(
    r"\{\{\s*value_json((?:\.[A-Za-z_]\w*|\[(?:'[^'\]]+'|\"[^\"\]]+\")\])+)"
    r"\s*(?:\|\s*(?:float|int|round|is_defined|string)\s*(?:\([^()]*\))?\s*)*\}\}"
)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a value stands: the topic, and the steps into its JSON (none: the whole payload)."""

    topic: str
    path: tuple[str, ...] = ()


class Watch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it is said whether a device is there, and in which words."""

    source: Source
    online: str = "online"
    offline: str = "offline"


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entity: a value with its meaning, or, where it has none, presses of a button."""

    source: Source
    meaning: Meaning | None = None
    watches: tuple[Watch, ...] = ()


class Described(NamedTuple):
    """One discovery message: whose entity it is, how that is called, and what it says (None: nothing for us)."""

    key: str
    name: str
    entity: Entity | None


def described(component: str, payload: bytes) -> Described:
    """What a discovery message describes; raises DecodeError where it cannot be understood."""
    fields = _long(fields_of(payload, limit=MAX_KEPT_BYTES))
    device = fields.get("device")
    if not isinstance(device, dict):
        raise DecodeError("an entity without a device")
    device = {_LONG.get(key, key): value for key, value in device.items()}
    key = _first(device.get("identifiers")) or _first(device.get("connections"))
    if not key:
        raise DecodeError("a device without an identifier")
    return Described(key, str(device.get("name") or key), _entity(component, fields))


def origin_of(payload: bytes) -> str:
    """The program that published a discovery message; empty where it does not say so."""
    origin = _long(fields_of(payload)).get("origin")
    return str(origin.get("name", "")) if isinstance(origin, dict) else ""


def heard_on(topic: str, payload: bytes, entities: Mapping[str, Entity]) -> list[Heard]:
    """What a message on any topic of a device means; raises DecodeError where none of it can be read."""
    found: list[Heard] = []
    flaw: DecodeError | None = None
    watches = dict.fromkeys(watch for entity in entities.values() for watch in entity.watches)
    found += [_presence(watch, payload) for watch in watches if watch.source.topic == topic]
    for entity in entities.values():
        if entity.source.topic != topic or not payload:
            continue
        try:
            found += _said(entity, payload)
        except DecodeError as error:
            flaw = error
    if flaw is not None and not found:
        raise flaw
    return found


def topics_of(entities: Mapping[str, Entity]) -> list[str]:
    """All topics on which these entities are said or watched."""
    told = [entity.source.topic for entity in entities.values()]
    told += [watch.source.topic for entity in entities.values() for watch in entity.watches]
    return list(dict.fromkeys(told))


def says_in(entities: Mapping[str, Entity]) -> tuple[Quantity, ...]:
    """What these entities can say."""
    found = [entity.meaning.quantity if entity.meaning else Quantity.BUTTON for entity in entities.values()]
    return tuple(sorted(set(found)))


def _said(entity: Entity, payload: bytes) -> list[Heard]:
    raw = _at(entity.source, payload)
    if entity.meaning is None:
        return [action_sample(raw, payload)] if isinstance(raw, str) and raw else []
    sample = entity.meaning.sample(raw, payload)
    return [Alive()] if sample is None else [sample]


def _presence(watch: Watch, payload: bytes) -> Presence:
    if not payload:
        return Presence(is_there=True)
    raw = _at(watch.source, payload)
    word = str(raw).lower() if isinstance(raw, bool) else str(raw)
    if word.lower() not in (watch.online.lower(), watch.offline.lower()):
        raise DecodeError(f"neither {watch.online!r} nor {watch.offline!r}: {word[:40]!r}")
    return Presence(is_there=word.lower() == watch.online.lower(), why=GONE)


def _at(source: Source, payload: bytes) -> Plain:
    if not source.path:
        return text_of(payload)
    found = json_or_text(payload)
    for step in source.path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _entity(component: str, fields: Fields) -> Entity | None:
    meaning = _meaning(component, fields)
    topic = fields.get("topic" if component == "device_automation" else "state_topic")
    is_press = component in ("event", "device_automation")
    if not isinstance(topic, str) or not topic or any(sign in topic for sign in "+#\0"):
        return None
    if meaning is None and not is_press:
        return None
    template = fields.get("value_template")
    path: tuple[str, ...] = ("event_type",) if component == "event" else ()
    if isinstance(template, str) and template:
        path = _path(template)
    return Entity(source=Source(topic=topic, path=path), meaning=meaning, watches=_watches(fields))


def _meaning(component: str, fields: Fields) -> Meaning | None:
    """The meaning of an entity's value; None where it says nothing for us. Raises DecodeError for a unit not known."""
    name, unit = str(fields.get("device_class") or ""), fields.get("unit_of_measurement")
    if component == "binary_sensor" and name in STATES:
        on, off = _word(fields.get("payload_on"), "ON"), _word(fields.get("payload_off"), "OFF")
        return Meaning(quantity=STATES[name], on=on, off=off)
    if component == "switch":
        on, off = _word(fields.get("payload_on"), "ON"), _word(fields.get("payload_off"), "OFF")
        return Meaning(
            quantity=Quantity.SWITCH, on=_word(fields.get("state_on"), on), off=_word(fields.get("state_off"), off)
        )
    if component != "sensor" or name not in MEASURES:
        return None
    if name == "temperature" and fields.get("entity_category") == "diagnostic":
        return None  # of a chip, not of a room
    if not isinstance(unit, str):
        raise DecodeError(f"a {name} without a unit")
    conversion(MEASURES[name], unit)
    return Meaning(quantity=MEASURES[name], unit=unit)


def _watches(fields: Fields) -> tuple[Watch, ...]:
    listed = fields.get("availability")
    found = [_long(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if isinstance(listed, dict):
        found = [_long(listed)]
    if not found and isinstance(fields.get("availability_topic"), str):
        found = [
            {**fields, "topic": fields["availability_topic"], "value_template": fields.get("availability_template")}
        ]
    return tuple(watch for one in found if (watch := _watch(one)) is not None)


def _watch(told: Fields) -> Watch | None:
    topic, template = told.get("topic"), told.get("value_template")
    if not isinstance(topic, str) or not topic or any(sign in topic for sign in "+#\0"):
        return None
    return Watch(
        source=Source(topic=topic, path=_path(template) if isinstance(template, str) and template else ()),
        online=_word(told.get("payload_available"), "online"),
        offline=_word(told.get("payload_not_available"), "offline"),
    )


def _path(template: str) -> tuple[str, ...]:
    written = template.strip()
    if _VALUE.fullmatch(written):
        return ()
    match = _VALUE_JSON.fullmatch(written)
    if match is None:
        raise DecodeError(f"a template that is not understood: {written[:80]!r}")
    return tuple(next(step for step in found if step) for found in _STEP.findall(match[1]))


def _long(fields: Fields) -> dict[str, Plain]:
    """The fields by their long names, with `~` filled in."""
    named = {_LONG.get(key, key): value for key, value in fields.items()}
    base = named.pop("~", None)
    if not isinstance(base, str):
        return named
    filled = {key: _filled(value, base) if key.endswith("topic") else value for key, value in named.items()}
    listed = filled.get("availability")
    if isinstance(listed, list):
        filled["availability"] = [
            {key: _filled(value, base) if key in ("t", "topic") else value for key, value in one.items()}
            for one in listed
            if isinstance(one, dict)
        ]
    return filled


def _filled(value: Plain, base: str) -> Plain:
    if not isinstance(value, str):
        return value
    value = base + value[1:] if value.startswith("~") else value
    return value[:-1] + base if value.endswith("~") else value


def _first(listed: Plain) -> str:
    if isinstance(listed, list) and listed:
        return _first(
            listed[-1] if isinstance(listed[0], str) and len(listed) == 2 and listed[0] == "mac" else listed[0]
        )
    return listed if isinstance(listed, str) else ""


def _word(value: Plain, default: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return default if value is None else str(value)
