"""What the fields of a Zigbee2MQTT message mean, by their common names and by what a device says of itself ("exposes").

Source: zigbee2mqtt.io, "Exposes", and the presets of zigbee-herdsman-converters (`exposes.presets`): names, units, and
which way round. `linkquality` (0 to 255 without a unit) and `voltage` (battery or mains) say nothing that we could use.
"""

from collections.abc import Iterable, Mapping, Sequence

from drivers.mqtt.meaning import SOS_WORDS, Meaning, action_sample
from drivers.mqtt.payload import Fields, Plain, fields_of
from drivers.mqtt.units import conversion
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

ACTION = "action"
_PUBLISHED = 1
"""Bit 1 of `access`: the property is found in the published state."""

FLAGS: Mapping[str, Meaning] = {
    "contact": Meaning(quantity=Quantity.DOOR, is_inverted=True),  # true while closed
    "occupancy": Meaning(quantity=Quantity.MOTION),  # passive infrared sensors
    "presence": Meaning(quantity=Quantity.PRESENCE),  # radars
    "smoke": Meaning(quantity=Quantity.SMOKE),
    "carbon_monoxide": Meaning(quantity=Quantity.CARBON_MONOXIDE_ALARM),
    "gas": Meaning(quantity=Quantity.GAS_ALARM),
    "water_leak": Meaning(quantity=Quantity.LEAK),
    "vibration": Meaning(quantity=Quantity.VIBRATION),
    "moving": Meaning(quantity=Quantity.VIBRATION),
    "tamper": Meaning(quantity=Quantity.TAMPER),
    "battery_low": Meaning(quantity=Quantity.BATTERY_LOW),
    "trouble": Meaning(quantity=Quantity.PROBLEM),
    "ac_status": Meaning(quantity=Quantity.MAINS_LOST),  # true: mains fault (IAS zone status, bit 7)
    "sos": Meaning(quantity=Quantity.SOS),
    "state": Meaning(quantity=Quantity.SWITCH, on="ON", off="OFF"),
}
NUMBERS: Mapping[str, Meaning] = {
    "temperature": Meaning(quantity=Quantity.TEMPERATURE, unit="°C"),
    "humidity": Meaning(quantity=Quantity.HUMIDITY, unit="%"),
    "pressure": Meaning(quantity=Quantity.AIR_PRESSURE, unit="hPa"),
    "illuminance": Meaning(quantity=Quantity.ILLUMINANCE, unit="lx"),
    "illuminance_lux": Meaning(quantity=Quantity.ILLUMINANCE, unit="lx"),  # Zigbee2MQTT before 2.0
    "co2": Meaning(quantity=Quantity.CO2, unit="ppm"),
    "co": Meaning(quantity=Quantity.CARBON_MONOXIDE, unit="ppm"),
    "pm1": Meaning(quantity=Quantity.PM1, unit="µg/m³"),
    "pm25": Meaning(quantity=Quantity.PM2_5, unit="µg/m³"),
    "pm10": Meaning(quantity=Quantity.PM10, unit="µg/m³"),
    "power": Meaning(quantity=Quantity.POWER, unit="W"),
    "energy": Meaning(quantity=Quantity.ENERGY, unit="kWh"),
    "battery": Meaning(quantity=Quantity.BATTERY, unit="%"),
}
COMMON: Mapping[str, Meaning] = {**FLAGS, **NUMBERS}
"""By the documented names and units, where a device does not say of itself what it exposes."""


def meanings_in(exposes: Sequence[Plain]) -> dict[str, Meaning]:
    """What the published properties of a device mean, by property. A unit that is not known leaves the property out."""
    found: dict[str, Meaning] = {}
    for one in _flat(exposes):
        name, published = str(one.get("name", "")), str(one.get("property") or one.get("name", ""))
        access = one.get("access", _PUBLISHED)
        meaning = _meaning(name, one)
        if meaning is not None and isinstance(access, int) and access & _PUBLISHED:
            found[published] = meaning
    return found


def actions_in(exposes: Sequence[Plain]) -> frozenset[Quantity]:
    """What the actions of a device can say."""
    for one in _flat(exposes):
        if one.get("name") == ACTION:
            values = one.get("values")
            words = {str(value).lower() for value in values} if isinstance(values, list) else set()
            calls = {Quantity.SOS} if words & SOS_WORDS else set()
            presses = {Quantity.BUTTON} if words - SOS_WORDS or not words else set()
            return frozenset(calls | presses)
    return frozenset()


def said_in(
    payload: bytes,
    meanings: Mapping[str, Meaning],
    *,
    press: Iterable[str] = (),
    cancel: Iterable[str] = (),
) -> list[Said]:
    """What one message says. A field that cannot be read costs no other; raises DecodeError where none is left.

    An empty message takes a retained one back (the device was renamed): nobody has spoken.
    """
    if not payload:
        return []
    fields = fields_of(payload)
    found: list[Said] = []
    flaw: DecodeError | None = None
    for name, meaning in meanings.items():
        if name not in fields:
            continue
        try:
            sample = meaning.sample(fields[name], payload)
        except DecodeError as error:
            flaw = DecodeError(f"{name}: {error}")
            continue
        if sample is not None:
            found.append(sample)
    found += _action(fields, payload, press=press, cancel=cancel)
    if flaw is not None and not found:
        raise flaw
    return found or [Alive()]


def _action(fields: Fields, payload: bytes, *, press: Iterable[str], cancel: Iterable[str]) -> list[Said]:
    action = fields.get(ACTION)
    if not isinstance(action, str) or not action:  # Zigbee2MQTT before 2.0 clears it with an empty one
        return []
    if action in press:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=payload)]
    if action in cancel:
        return [Sample(quantity=Quantity.CANCEL, value=1.0, frame=payload)]
    return [action_sample(action, payload)]


def _flat(exposes: Sequence[Plain]) -> Iterable[dict[str, Plain]]:
    for one in exposes:
        if not isinstance(one, dict):
            continue
        features = one.get("features")
        if one.get("type") == "switch" and isinstance(features, list):
            yield from _flat(features)
        elif not isinstance(features, list):  # a light, a lock, a colour: nothing that anybody is watched with
            yield one


def _meaning(name: str, expose: Mapping[str, Plain]) -> Meaning | None:
    if name in FLAGS and expose.get("type") == "binary":
        known, on, off = FLAGS[name], expose.get("value_on"), expose.get("value_off")
        if isinstance(on, str) and isinstance(off, str):
            return Meaning(quantity=known.quantity, on=on, off=off)
        return known
    if name in NUMBERS and expose.get("type") == "numeric":
        unit = expose.get("unit")
        if not isinstance(unit, str):
            return None
        try:
            conversion(NUMBERS[name].quantity, unit)
        except DecodeError:
            return None
        return Meaning(quantity=NUMBERS[name].quantity, unit=unit)
    return None
