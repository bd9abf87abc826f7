"""What a packet of an RFXtrx says of its device: whose it is, a word for what happened, and the values in it. Pure.

A word means something by itself (panic: SOS) or by the home's configuration, which knows what the device is: a smoke
detector of X10 says "alarm" just as a door contact does.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from drivers.rows import Found, Plain, Reader, Row, plain_fields
from drivers.serial.codec import rfxtrx
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity

Meaning = tuple[Quantity, float] | None
"""A quantity and its value; None for nothing."""

MEANINGS: Mapping[str, Meaning] = {
    "sos": (Quantity.SOS, 1.0),
    "button": (Quantity.BUTTON, 1.0),
    "open": (Quantity.DOOR, 1.0),
    "closed": (Quantity.DOOR, 0.0),
    "motion": (Quantity.MOTION, 1.0),
    "no-motion": (Quantity.MOTION, 0.0),
    "smoke": (Quantity.SMOKE, 1.0),
    "no-smoke": (Quantity.SMOKE, 0.0),
    "leak": (Quantity.LEAK, 1.0),
    "no-leak": (Quantity.LEAK, 0.0),
    "gas": (Quantity.GAS_ALARM, 1.0),
    "no-gas": (Quantity.GAS_ALARM, 0.0),
    "battery-low": (Quantity.BATTERY_LOW, 1.0),
    "nothing": None,
}
"""What a configuration may say that a word means."""

_SECURITY_WORDS: Mapping[int, str] = {
    0x00: "normal",
    0x01: "normal",
    0x02: "alarm",
    0x03: "alarm",
    0x04: "motion",
    0x05: "no-motion",
    0x06: "panic",
    0x07: "end-panic",
    0x08: "ir",
    0x09: "arm-away",
    0x0A: "arm-away",
    0x0B: "arm-home",
    0x0C: "arm-home",
    0x0D: "disarm",
    0x10: "light-1-off",
    0x11: "light-1-on",
    0x12: "light-2-off",
    0x13: "light-2-on",
    0x14: "dark",
    0x15: "light",
    0x16: "battery-low",
}
"""By status; "delayed" is a setting of the contact. 17, the pairing of a KD101, is for learning and no word."""
_LIGHTING_WORDS: Mapping[int, str] = {0x00: "off", 0x01: "on", 0x02: "level", 0x03: "group-off", 0x04: "group-on"}
_X10_WORDS: Mapping[int, str] = {0x00: "off", 0x01: "on", 0x05: "group-off", 0x06: "group-on", 0x07: "chime"}
_CODES = tuple("0123456789ABCDEF")
WORDS: Mapping[str, tuple[str, ...]] = {
    "security1": tuple(dict.fromkeys(_SECURITY_WORDS.values())),
    "lighting1": tuple(_X10_WORDS.values()),
    "lighting2": tuple(_LIGHTING_WORDS.values()),
    "lighting4": _CODES,
    "chime": ("chime",),
    "temp": (),
    "humid": (),
    "temphum": (),
}
"""The families of devices that can be sensors, and what each can say."""

_CONTACT: Mapping[str, str] = {"alarm": "open", "normal": "closed"}
_DETECTOR: Mapping[str, str] = {"alarm": "motion", "normal": "no-motion"}
_ALWAYS: Mapping[str, str] = {
    "motion": "motion",
    "no-motion": "no-motion",
    "panic": "sos",
    "battery-low": "battery-low",
}
_SMOKE: Mapping[str, str] = {"panic": "smoke", "alarm": "smoke", "normal": "no-smoke", "end-panic": "no-smoke"}
_MOTION_SUBTYPES, _SMOKE_SUBTYPES = frozenset({0x01, 0x05}), frozenset({0x03, 0x09, 0x0A})
_REMOTE_SUBTYPES = frozenset({0x02, 0x06})
_TAMPER_SUBTYPES = frozenset({0x00, 0x01, 0x04, 0x05, 0x07, 0x08})

_FULL_BATTERY = 9
"""Of 0 to 9; a kind that cannot tell says one of the two."""
_DBM_STEP, _DBM_BASE = 8, -120
"""Signal 0 to 15 in steps of 8 dB (Home Assistant, rfxtrx sensor)."""


class Address(NamedTuple):
    """Which device: its family and number, as a configuration writes them with a colon."""

    family: str
    number: str

    def __str__(self) -> str:
        return f"{self.family}:{self.number}"


def address_of(packet: rfxtrx.Packet) -> Address | None:
    """Whose packet this is; None for the receiver's own and for what is no sensor."""
    match packet:
        case rfxtrx.Security1():
            found = Address("security1", f"{packet.id_combined:06X}")
        case rfxtrx.Lighting1():
            found = Address("lighting1", f"{chr(packet.housecode)}{packet.unitcode}")
        case rfxtrx.Lighting2():
            found = Address("lighting2", f"{packet.id_combined:07X}:{packet.unitcode}")
        case rfxtrx.Lighting4():
            found = Address("lighting4", f"{packet.cmd >> 4:05X}")
        case rfxtrx.Chime():
            found = Address("chime", f"{packet.id1:02X}{packet.id2:02X}")
        case rfxtrx.Climate():
            found = Address(_family_of(packet), f"{packet.id1:02X}{packet.id2:02X}")
        case _:
            return None
    return found


def word_of(packet: rfxtrx.Packet) -> str | None:
    """What happened, in a word; None where it only measures, or only wants to be learnt."""
    match packet:
        case rfxtrx.Security1():
            return _SECURITY_WORDS.get(packet.security1_status & ~0x80)
        case rfxtrx.Lighting1():
            return _X10_WORDS.get(packet.cmnd)
        case rfxtrx.Lighting2():
            return _LIGHTING_WORDS.get(packet.cmnd)
        case rfxtrx.Lighting4():
            return _CODES[packet.cmd & 0x0F]
        case rfxtrx.Chime():
            return "chime"
    return None


def by_itself(packet: rfxtrx.Packet) -> Mapping[str, str]:
    """What the words of this device mean where nobody says otherwise."""
    if not isinstance(packet, rfxtrx.Security1):
        return dict.fromkeys(("on", "group-on", "chime", *_CODES), "button")
    if packet.subtype in _SMOKE_SUBTYPES:
        return _SMOKE
    if packet.subtype in _REMOTE_SUBTYPES:
        return _ALWAYS
    return {**_ALWAYS, **(_DETECTOR if packet.subtype in _MOTION_SUBTYPES else _CONTACT)}


def samples(packet: rfxtrx.Packet, frame: bytes, says: Mapping[str, str]) -> list[Said]:
    """What the packet says, with the words that `says` gives another meaning; a life sign where it is nothing."""
    word = word_of(packet)
    meaning = None if word is None else MEANINGS[{**by_itself(packet), **says}.get(word, "nothing")]
    values = [*_values(packet)] if meaning is None else [meaning, *_values(packet)]
    found: list[Said] = [Sample(quantity=quantity, value=value, frame=frame) for quantity, value in values]
    return found or [Alive()]


def strength(packet: rfxtrx.Device, frame: bytes) -> Sample:
    """How strongly it was heard."""
    return Sample(quantity=Quantity.SIGNAL_STRENGTH, value=float(packet.rssi * _DBM_STEP + _DBM_BASE), frame=frame)


def introduction(packet: rfxtrx.Device, address: Address) -> str:
    """What to tell of a device that the home does not name, with the lines to paste."""
    heard = f"heard a new device {address} ({packet.type_string}, signal {packet.rssi} of 15)"
    word = word_of(packet)
    if word is None:
        meant = ""
    elif isinstance(packet, rfxtrx.Security1):
        words = ", ".join(f"{word}: {meaning}" for word, meaning in by_itself(packet).items())
        meant = f", says: {{{words}}}"
    else:
        heard += f', which said "{word}"'
        meant = f", says: {{{word}: button}}"
    return f'{heard}. To use it, paste under sensors: - {{kind: rfxtrx_device, id: NAME, device: "{address}"{meant}}}'


def _values(packet: rfxtrx.Packet) -> Iterator[tuple[Quantity, float]]:
    if isinstance(packet, rfxtrx.Security1) and packet.subtype in _TAMPER_SUBTYPES:
        yield Quantity.TAMPER, float(packet.tamper)
    if isinstance(packet, rfxtrx.Climate):
        if packet.temp is not None:
            yield Quantity.TEMPERATURE, packet.temp
        if packet.humidity:  # 0: the sensor has none
            yield Quantity.HUMIDITY, float(packet.humidity)
    battery = packet.battery if isinstance(packet, rfxtrx.Security1 | rfxtrx.Climate) else None
    if battery is not None and battery <= _FULL_BATTERY:
        yield Quantity.BATTERY, (battery + 1) * 10.0


def _family_of(packet: rfxtrx.Climate) -> str:
    return {rfxtrx.TEMP_TYPE: "temp", rfxtrx.HUMID_TYPE: "humid"}.get(packet.packettype, "temphum")


_CLASSES = {"temp": "Temp", "humid": "Humid", "temphum": "TempHumid"}


def _read(row: Row) -> Found:
    frame = frame_of(row)
    packet = rfxtrx.decode_packet(frame)
    address = address_of(packet)
    name = _CLASSES[_family_of(packet)] if isinstance(packet, rfxtrx.Climate) else type(packet).__name__
    fields: dict[str, Plain] = {"class": name, **plain_fields(packet)}
    if address is None:
        return fields, []
    return fields | {"device": str(address), "word": word_of(packet)}, samples(packet, frame, {})


READERS: dict[str, Reader] = {"rfxtrx": _read}
