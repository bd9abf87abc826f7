"""What a Tasmota device publishes: telemetry, results, whether it is there.

    tele/<topic>/LWT      Online | Offline (retained)
    tele/<topic>/SENSOR   {"Time": "...", "BME280": {"Temperature": 22.1, "Humidity": 41}, "TempUnit": "C"}
    tele/<topic>/STATE    {"POWER": "ON", "Wifi": {"Signal": -58}}
    stat/<topic>/RESULT   {"Switch1": {"Action": "ON"}}, {"Button1": {"Action": "SINGLE"}}, {"POWER": "OFF"}
    stat/<topic>/STATUS10 {"StatusSNS": {... as SENSOR}} (STATUS8 in old versions)

Source: tasmota.github.io/docs, "MQTT" and "Commands" (SetOption8 Fahrenheit, SetOption24 mmHg, SetOption73 and 114).
`Time` is the device's local time without an offset: it says nothing to us.
"""

from collections.abc import Iterator, Mapping

from drivers.mqtt.meaning import Meaning, press_of
from drivers.mqtt.payload import Fields, Plain, fields_of, text_of
from drivers.mqtt.sensor import Heard, Presence
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

GONE = Bilingual(
    "Tasmota's last will says that the device is offline; is it powered, does its Wi-Fi reach?",
    zh="Tasmota 的遗言说设备已离线；有电吗？Wi-Fi 够得着吗？",
)
TELE, STAT = "tele", "stat"
LWT = "LWT"
_TEMPERATURE, _PRESSURE = "Temperature", "Pressure"
_MEASURES: Mapping[str, Meaning] = {
    _TEMPERATURE: Meaning(quantity=Quantity.TEMPERATURE),  # in the unit that TempUnit says
    _PRESSURE: Meaning(quantity=Quantity.AIR_PRESSURE),  # in the unit that PressureUnit says
    "Humidity": Meaning(quantity=Quantity.HUMIDITY, unit="%"),
    "Illuminance": Meaning(quantity=Quantity.ILLUMINANCE, unit="lx"),
    "CarbonDioxide": Meaning(quantity=Quantity.CO2, unit="ppm"),
    "PM1": Meaning(quantity=Quantity.PM1, unit="µg/m³"),
    "PM2.5": Meaning(quantity=Quantity.PM2_5, unit="µg/m³"),
    "PM10": Meaning(quantity=Quantity.PM10, unit="µg/m³"),
}
_ENERGY: Mapping[str, Meaning] = {
    "Power": Meaning(quantity=Quantity.POWER, unit="W"),
    "Total": Meaning(quantity=Quantity.ENERGY, unit="kWh"),
}
_UNIT_KEYS = {_TEMPERATURE: "TempUnit", _PRESSURE: "PressureUnit"}
CAN_SAY = frozenset(
    {meaning.quantity for meaning in (*_MEASURES.values(), *_ENERGY.values())}
    | {Quantity.SWITCH, Quantity.SIGNAL_STRENGTH, Quantity.BUTTON, Quantity.SOS}
)


def heard_on(
    rest: str,
    payload: bytes,
    *,
    switches: Mapping[str, Quantity] | None = None,
    press: frozenset[str] = frozenset(),
    parts: frozenset[str] = frozenset(),
) -> list[Heard]:
    """What a message on `tele/<topic>/...` or `stat/<topic>/...` means; `rest` is e.g. `tele/SENSOR`.

    `switches`: what an input means; `press`: presses that call for help, e.g. `Button1.SINGLE`; `parts`: only these
    sensors of the device, e.g. `BME280`. Empty where the message means nothing here. Raises DecodeError.
    """
    prefix, _, suffix = rest.partition("/")
    if prefix == TELE and suffix == LWT:
        word = text_of(payload).lower()
        if word not in ("online", "offline", ""):
            raise DecodeError(f"neither Online nor Offline: {payload[:40]!r}")
        return [Presence(is_there=word != "offline", why=GONE)]
    if prefix == TELE and suffix == "SENSOR":
        return list(_sensor(fields_of(payload), payload, switches or {}, parts))
    if prefix == STAT and suffix in ("STATUS8", "STATUS10"):
        inner = fields_of(payload).get("StatusSNS")
        return list(_sensor(inner, payload, switches or {}, parts)) if isinstance(inner, dict) else []
    if (prefix, suffix) == (TELE, "STATE") or (prefix, suffix) == (STAT, "RESULT"):
        return list(_state(fields_of(payload), payload, switches or {}, press))
    return []


def _sensor(fields: Fields, payload: bytes, switches: Mapping[str, Quantity], parts: frozenset[str]) -> list[Said]:
    found: list[Said] = []
    flaw: DecodeError | None = None
    for part, name, raw, meaning in _measured(fields):
        if parts and part not in parts:
            continue
        try:
            sample = _unit_of(meaning, name, fields).sample(raw, payload)
        except DecodeError as error:
            flaw = DecodeError(f"{part}.{name}: {error}")
            continue
        if sample is not None:
            found.append(sample)
    for name, quantity in switches.items():
        sample = Meaning(quantity=quantity).sample(fields.get(name), payload)
        if sample is not None:
            found.append(sample)
    if flaw is not None and not found:
        raise flaw
    return found or [Alive()]


def _measured(fields: Fields) -> Iterator[tuple[str, str, Plain, Meaning]]:
    for part, inner in fields.items():
        known = _ENERGY if part == "ENERGY" else _MEASURES
        if isinstance(inner, dict) and part != "ESP32":  # ESP32 tells the temperature of its own chip
            for name, meaning in known.items():
                if name in inner:
                    yield part, name, inner[name], meaning


def _unit_of(meaning: Meaning, name: str, fields: Fields) -> Meaning:
    key = _UNIT_KEYS.get(name)
    if key is None:
        return meaning
    unit = fields.get(key)
    if not isinstance(unit, str):
        raise DecodeError(f"{key} is missing, so {name} has no unit")
    return Meaning(quantity=meaning.quantity, unit=unit)


def _state(fields: Fields, payload: bytes, switches: Mapping[str, Quantity], press: frozenset[str]) -> list[Said]:
    found: list[Said] = []
    for name, raw in fields.items():
        if name == "POWER" or (name.startswith("POWER") and name[5:].isdigit()):
            found += _one(Meaning(quantity=Quantity.SWITCH), raw, payload)
        elif name == "Wifi" and isinstance(raw, dict) and "Signal" in raw:
            found += _one(Meaning(quantity=Quantity.SIGNAL_STRENGTH, unit="dBm"), raw["Signal"], payload)
        elif name.startswith("Button") and isinstance(raw, dict):
            found += _button(name, raw.get("Action"), payload, press)
        elif name in switches:
            action = raw.get("Action") if isinstance(raw, dict) else raw
            found += _one(Meaning(quantity=switches[name]), action, payload)
    return found or [Alive()]


def _one(meaning: Meaning, raw: Plain, payload: bytes) -> list[Said]:
    sample = meaning.sample(raw, payload)
    return [] if sample is None else [sample]


def _button(name: str, action: Plain, payload: bytes, press: frozenset[str]) -> list[Said]:
    if not isinstance(action, str) or action in ("", "NONE", "CLEAR"):
        return []
    if f"{name}.{action}" in press:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=payload)]
    return [Sample(quantity=Quantity.BUTTON, value=float(press_of(action)), frame=payload)]
