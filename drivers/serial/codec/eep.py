"""What the telegrams of EnOcean's equipment profiles mean. Pure.

Source: EnOcean Equipment Profiles (EEP) 2.6.8 and 3.1, as far as EEP.xml of kipe/enocean and of its fork
superhero1/enocean have them; a line that has another source names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.rows import Plain
from drivers.serial.codec.eep_fields import Flag, Linear, Meaning, Member, Read, Values, bits, emitted_by, members_of
from drivers.serial.codec.esp3 import FOUR_BYTES, ONE_BYTE, RPS, VARIABLE
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One profile. `size`: bytes of payload, 0 where it varies; `reports`: they speak also when nothing happens."""

    looks_like: str
    rorg: int
    size: int
    read: Read
    emits: frozenset[Quantity] = frozenset()
    has_buttons: bool = False
    reports: bool = True

    def meaning(self, payload: bytes, status: int) -> Meaning:
        """Of a telegram with this RORG. Raises DecodeError."""
        if self.size and len(payload) != self.size:
            raise DecodeError(f"{len(payload)} bytes of payload instead of {self.size}: {payload.hex()}")
        return self.read(payload, status)


KEYS = ("AI", "AO", "BI", "BO", "CI", "CO", "DI", "DO")
"""Of rocker switches: rocker A to D, its I and its O side."""
SEVERAL = "several"
"""More than two keys at once: a hand on the whole plate."""
PRESS, SINGLE, DOUBLE, LONG = "press", "single", "double", "long"

_ENERGY_BOW, _SECOND = 0x10, 0x01
_T21, _N_MESSAGE = 0x20, 0x10


def _is_unnamed(status: int) -> bool:
    """Whether a switch says how many keys are pressed, not which (U-message). Without T21 the bit means nothing."""
    return status & (_T21 | _N_MESSAGE) == _T21


def _rocker(payload: bytes, status: int) -> Meaning:
    byte = payload[0]
    is_pressed = bool(byte & _ENERGY_BOW)
    fields: dict[str, Plain] = {"energy_bow": "pressed" if is_pressed else "released"}
    if _is_unnamed(status):
        fields["keys"] = byte >> 5
        return Meaning(fields, pressed=(SEVERAL,) if is_pressed else ())
    keys = [KEYS[byte >> 5]]
    fields |= {"rocker_1": f"Button {keys[0]}", "second_action": bool(byte & _SECOND)}
    if byte & _SECOND:
        keys.append(KEYS[byte >> 1 & 7])
        fields["rocker_2"] = f"Button {keys[1]}"
    return Meaning(fields, pressed=tuple(keys) if is_pressed else ())


def _push_button(payload: bytes, _status: int) -> Meaning:
    is_pressed = bool(payload[0] & _ENERGY_BOW)
    return Meaning({"button": "pressed" if is_pressed else "released"}, pressed=(PRESS,) if is_pressed else ())


def _one_of(name: str, words: Mapping[int, tuple[str, Values]], mask: int = 0xFF) -> Read:
    """A byte that has a word for each state."""

    def read(payload: bytes, _status: int) -> Meaning:
        state = payload[0] & mask
        if state not in words:
            raise DecodeError(f"{name} {payload[0]:02X} is not defined in this profile")
        word, values = words[state]
        return Meaning({name: word}, values)

    return read


def _leak(payload: bytes, status: int) -> Meaning:
    """Water presses a key, and lets go when it is gone: some devices say 11 both times (Afriso WaterSensor eco)."""
    if payload[0] not in (0x00, 0x11):
        raise DecodeError(f"water sensor {payload[0]:02X} is not defined in this profile")
    is_wet = payload[0] == 0x11 and not _is_unnamed(status)
    return Meaning({"water": "detected" if is_wet else "none"}, {Quantity.LEAK: float(is_wet)})


def _contact(payload: bytes, _status: int) -> Meaning:
    is_closed = bool(payload[0] & 1)
    return Meaning({"contact": "closed" if is_closed else "open"}, {Quantity.DOOR: float(not is_closed)})


def _four_bytes(
    looks_like: str, *members: Member, given: Mapping[str, int] | None = None, key: int | None = None
) -> Profile:
    read = members_of(*members, given=given)
    return Profile(
        looks_like=looks_like,
        rorg=FOUR_BYTES,
        size=4,
        read=read if key is None else _with_key(read, key),
        emits=emitted_by(*members),
        has_buttons=key is not None,
    )


def _with_key(read: Read, offset: int) -> Read:
    """A button whose bit is 0 while it is pressed."""

    def with_key(payload: bytes, status: int) -> Meaning:
        found = read(payload, status)
        is_pressed = not bits(payload, offset, 1)
        fields: dict[str, Plain] = {**found.fields, "button": "pressed" if is_pressed else "released"}
        return found._replace(fields=fields, pressed=(PRESS,) if is_pressed else ())

    return with_key


def _temperature(minimum: float, maximum: float, *, offset: int = 16, size: int = 8) -> Profile:
    full = (1 << size) - 1
    return _four_bytes(
        "thermometer",
        Linear("temperature_c", Quantity.TEMPERATURE, offset, size, full, 0, minimum, maximum),
    )


def _climate(minimum: float, maximum: float) -> Profile:
    return _four_bytes(
        "temperature and humidity sensor",
        Linear("humidity_pct", Quantity.HUMIDITY, 8, 8, 0, 250, 0, 100),
        Linear("temperature_c", Quantity.TEMPERATURE, 16, 8, 0, 250, minimum, maximum),
        given={"temperature_c": 30},
    )


def _supply(high: int, maximum: float) -> Linear:
    return Linear("supply_v", Quantity.BATTERY_VOLTAGE, 0, 8, 0, high, 0, maximum)


def _light_and_motion(lux: float, coldest: float, warmest: float) -> Profile:
    return _four_bytes(
        "motion, light and temperature sensor",
        _supply(255, 5.1),
        Linear("illuminance_lx", Quantity.ILLUMINANCE, 8, 8, 0, 255, 0, lux),
        Linear("temperature_c", Quantity.TEMPERATURE, 16, 8, 0, 255, coldest, warmest),
        Flag("motion", Quantity.MOTION, 30, is_on=0),
        key=31,
    )


_INPUT_ACTIVE, _INPUT_IDLE = 0x0F, 0x1F


def _digital_input(payload: bytes, _status: int) -> Meaning:
    """As Eltako's detectors use it (openHAB, A5_30_03_ELTAKO; smoke FRWB, water FSM60B): low with the alarm.

    What it stands for, the configuration says; other patterns of the five inputs are not guessed at.
    """
    states = {_INPUT_ACTIVE: True, _INPUT_IDLE: False}
    if payload[2] not in states:
        raise DecodeError(f"inputs {payload[2]:02X}: only 0F (alarm) and 1F (none) of Eltako's detectors are known")
    return Meaning({"input": "active" if states[payload[2]] else "idle"})


def input_state(payload: bytes) -> float:
    """1 while the detector behind an A5-30-03 input is active. Raises DecodeError."""
    return float(_digital_input(payload, 0).fields["input"] == "active")


def _soft_button(payload: bytes, _status: int) -> Meaning:
    words = {1: SINGLE, 2: DOUBLE, 3: LONG, 4: "released"}
    if payload[1] not in words:
        raise DecodeError(f"button action {payload[1]:02X} is not defined in this profile")
    word = words[payload[1]]
    battery = {Quantity.BATTERY: float(payload[0])} if 1 <= payload[0] <= 100 else {}
    return Meaning({"battery_pct": payload[0], "button": word}, battery, (word,) if payload[1] != 4 else ())


_SMOKE_MEMBERS: tuple[Member, ...] = (
    Flag("smoke", Quantity.SMOKE, 0),
    Flag("fault", Quantity.PROBLEM, 1),
    Flag("battery_low", Quantity.BATTERY_LOW, 13),
    Linear("temperature_c", Quantity.TEMPERATURE, 23, 8, 0, 250, 0, 50),
    Linear("humidity_pct", Quantity.HUMIDITY, 31, 8, 0, 200, 0, 100),
)
"""Energy storage of D2-14-30 is 0 high, 1 medium, 2 low, 3 critical: its upper bit is "battery low"."""


def _actuator(payload: bytes, _status: int) -> Meaning:
    """The status of a switched output; nothing of it is a sensor's value. Command 4 is the only one that it says."""
    if len(payload) != 3 or payload[0] & 0x0F != 4:
        return Meaning({"command": payload[0] & 0x0F if payload else None})
    output = payload[2] & 0x7F
    return Meaning({"command": 4, "output_pct": output if output <= 100 else None, "channel": payload[1] & 0x1F})


def _valve(payload: bytes, _status: int) -> Meaning:
    """A radiator's valve: its own warmth is no room temperature."""
    position = payload[0] if payload[0] <= 100 else None
    return Meaning({"valve_pct": position, "radiator_c": round(payload[2] * 40 / 255, 2)})


def _switch(looks_like: str, read: Read, *emits: Quantity, has_buttons: bool = False) -> Profile:
    return Profile(
        looks_like=looks_like,
        rorg=RPS,
        size=1,
        read=read,
        emits=frozenset(emits),
        has_buttons=has_buttons,
        reports=False,
    )


_DOOR = Quantity.DOOR
_ROCKER = _switch("rocker switch, pull cord or button", _rocker, has_buttons=True)
PROFILES: dict[str, Profile] = {
    "F6-01-01": _switch("push button", _push_button, has_buttons=True),
    **dict.fromkeys(("F6-02-01", "F6-02-02", "F6-02-03", "F6-03-01", "F6-03-02"), _ROCKER),
    "F6-04-01": _switch(
        "key card switch",
        _one_of("card", {0x70: ("inserted", {Quantity.SWITCH: 1.0}), 0x00: ("taken out", {Quantity.SWITCH: 0.0})}),
        Quantity.SWITCH,
    ),
    "F6-05-01": _switch("water leak sensor", _leak, Quantity.LEAK),
    "F6-05-02": _switch(
        "smoke detector",
        _one_of(
            "smoke",
            {
                0x00: ("none", {Quantity.SMOKE: 0.0}),
                0x10: ("alarm", {Quantity.SMOKE: 1.0}),
                0x30: ("battery low", {Quantity.BATTERY_LOW: 1.0}),
            },
        ),
        Quantity.SMOKE,
        Quantity.BATTERY_LOW,
    ),
    "F6-10-00": _switch(
        "window handle",
        _one_of(
            "handle",
            {
                0xF0: ("closed", {_DOOR: 0.0}),
                0xE0: ("open", {_DOOR: 1.0}),
                0xC0: ("open", {_DOOR: 1.0}),
                0xD0: ("tilted", {_DOOR: 1.0}),
            },
            mask=0xF0,
        ),
        _DOOR,
    ),
    "D5-00-01": Profile(
        looks_like="contact of a door or window",
        rorg=ONE_BYTE,
        size=1,
        read=_contact,
        emits=frozenset({_DOOR}),
    ),
    **{f"A5-02-{n:02X}": _temperature(-50 + 10 * n, -10 + 10 * n) for n in range(0x01, 0x0C)},
    **{f"A5-02-{n:02X}": _temperature(-60 + 10 * (n - 0x10), 20 + 10 * (n - 0x10)) for n in range(0x10, 0x1C)},
    "A5-02-20": _temperature(-10, 41.2, offset=14, size=10),
    "A5-02-30": _temperature(-40, 62.3, offset=14, size=10),
    "A5-04-01": _climate(0, 40),
    "A5-04-02": _climate(-20, 60),
    "A5-04-03": _four_bytes(
        "temperature and humidity sensor",
        Linear("humidity_pct", Quantity.HUMIDITY, 0, 8, 0, 255, 0, 100),
        Linear("temperature_c", Quantity.TEMPERATURE, 14, 10, 0, 1023, -20, 60),
    ),
    "A5-07-01": _four_bytes(
        "motion sensor", _supply(250, 5.0), Flag("motion", Quantity.MOTION, 16), given={"supply_v": 31}
    ),
    "A5-07-02": _four_bytes("motion sensor", _supply(250, 5.0), Flag("motion", Quantity.MOTION, 24)),
    "A5-07-03": _four_bytes(
        "motion and light sensor",
        _supply(250, 5.0),
        Linear("illuminance_lx", Quantity.ILLUMINANCE, 8, 10, 0, 1000, 0, 1000),
        Flag("motion", Quantity.MOTION, 24),
    ),
    "A5-08-01": _light_and_motion(510, 0, 51),
    "A5-08-02": _light_and_motion(1020, 0, 51),
    "A5-08-03": _light_and_motion(1530, -30, 50),
    "A5-09-04": _four_bytes(
        "CO2 sensor",
        Linear("humidity_pct", Quantity.HUMIDITY, 0, 8, 0, 200, 0, 100),
        Linear("co2_ppm", Quantity.CO2, 8, 8, 0, 255, 0, 2550),
        Linear("temperature_c", Quantity.TEMPERATURE, 16, 8, 0, 255, 0, 51),
        given={"humidity_pct": 29, "temperature_c": 30},
    ),
    "A5-14-01": _four_bytes("contact of a door or window", _supply(250, 5.0), Flag("open", _DOOR, 31)),
    "A5-20-01": Profile(looks_like="radiator valve", rorg=FOUR_BYTES, size=4, read=_valve),
    "A5-30-03": Profile(looks_like="detector with inputs", rorg=FOUR_BYTES, size=4, read=_digital_input),
    **{
        f"D2-01-{n:02X}": Profile(looks_like="switched socket", rorg=VARIABLE, size=0, read=_actuator)
        for n in range(0x16)
    },
    "D2-03-0A": Profile(
        looks_like="button",
        rorg=VARIABLE,
        size=2,
        read=_soft_button,
        emits=frozenset({Quantity.BATTERY}),
        has_buttons=True,
        reports=False,
    ),
    "D2-14-30": Profile(
        looks_like="smoke detector with climate",
        rorg=VARIABLE,
        size=6,
        read=members_of(*_SMOKE_MEMBERS),
        emits=emitted_by(*_SMOKE_MEMBERS),
    ),
}
"""By name. Those without `emits` and buttons need more words in a configuration, or are no sensors: `shouwang decode`
reads them all."""
