"""What sensors advertise, as AD structures: encoded from the documents of each format.

BTHome v2: bthome.io/format and bthome.io/encryption. Ruuvi: docs.ruuvi.com, data format 5 (RAWv2). iBeacon: Apple,
Proximity Beacon Specification R1. Eddystone: google/eddystone, protocol-specification.md. HolyIOT's tag: observed by
its owners.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

FLAGS = bytes((0x02, 0x01, 0x06))
"""AD type Flags: general discoverable, no classic Bluetooth."""

_NAME = 0x09
_SERVICE_DATA = 0x16
_MANUFACTURER = 0xFF

_BTHOME = 0xFCD2
_BTHOME_VERSION = 2 << 5
_ENCRYPTED = 0x01
_TRIGGER_BASED = 0x04
_MIC_SIZE = 4

_RUUVI = 0x0499
_APPLE = 0x004C
_EDDYSTONE = 0xFEAA
_HOLYIOT = 0x5242


class NotCarried(ValueError):
    """The format has no bits for this value."""


class Object(IntEnum):
    """Objects of BTHome v2."""

    PACKET_ID = 0x00
    BATTERY = 0x01
    TEMPERATURE = 0x02
    HUMIDITY = 0x03
    ILLUMINANCE = 0x05
    VOLTAGE = 0x0C
    BATTERY_LOW = 0x15
    CARBON_MONOXIDE = 0x17
    DOOR = 0x1A
    GAS = 0x1C
    MOISTURE = 0x20
    MOTION = 0x21
    OCCUPANCY = 0x23
    SMOKE = 0x29
    TAMPER = 0x2B
    WINDOW = 0x2D
    BUTTON = 0x3A


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of one object: bytes, steps in one unit, whether it may be negative."""

    size: int = 1
    steps: int = 1
    signed: bool = False


_LAYOUTS = {
    Object.TEMPERATURE: _Layout(size=2, steps=100, signed=True),
    Object.HUMIDITY: _Layout(size=2, steps=100),
    Object.ILLUMINANCE: _Layout(size=3, steps=100),
    Object.VOLTAGE: _Layout(size=2, steps=1000),
}


def bthome(objects: Iterable[tuple[Object, float]], *, is_trigger_based: bool = False) -> bytes:
    """A BTHome v2 advert in the clear."""
    info = _BTHOME_VERSION | _TRIGGER_BASED * is_trigger_based
    return FLAGS + _service(_BTHOME, bytes((info,)) + _objects(objects))


def bthome_encrypted(
    objects: Iterable[tuple[Object, float]],
    *,
    key: bytes,
    address: str,
    counter: int,
    is_trigger_based: bool = False,
) -> bytes:
    """A BTHome v2 advert, encrypted: AES-CCM, nonce of address, UUID, device information and counter."""
    info = bytes((_BTHOME_VERSION | _ENCRYPTED | _TRIGGER_BASED * is_trigger_based,))
    count = counter.to_bytes(4, "little")
    nonce = _address(address) + _BTHOME.to_bytes(2, "little") + info + count
    sealed = AESCCM(key, tag_length=_MIC_SIZE).encrypt(nonce, _objects(objects), None)
    return FLAGS + _service(_BTHOME, info + sealed[:-_MIC_SIZE] + count + sealed[-_MIC_SIZE:])


def ruuvi_5(
    *,
    address: str,
    temperature: float | None,
    humidity: float | None,
    pressure_hpa: float | None = None,
    voltage: float = 3.0,
    movements: int = 0,
    sequence: int = 0,
) -> bytes:
    """A RuuviTag's advert, lying still; None is the format's "not available"."""
    at_rest = _signed(0) + _signed(0) + _signed(1000)  # mg along x, y and z
    power = (round(voltage * 1000) - 1600) << 5 | (4 + 40) // 2  # 4 dBm
    return FLAGS + _manufacturer(
        _RUUVI,
        b"\x05"
        + _signed(None if temperature is None else round(temperature * 200))
        + _unsigned(None if humidity is None else round(humidity * 400))
        + _unsigned(None if pressure_hpa is None else round(pressure_hpa * 100) - 50_000)
        + at_rest
        + _unsigned(power)
        + bytes((movements,))
        + _unsigned(sequence)
        + _address(address),
    )


def ibeacon(uuid: UUID, *, major: int, minor: int, measured_power: int = -59) -> bytes:
    """An iBeacon."""
    place = uuid.bytes + _unsigned(major) + _unsigned(minor)
    return FLAGS + _manufacturer(_APPLE, b"\x02\x15" + place + measured_power.to_bytes(1, "big", signed=True))


def eddystone_tlm(*, millivolts: int, temperature: float | None, adverts: int, seconds: float) -> bytes:
    """Eddystone telemetry in the clear; no temperature is -128 Cel, as the format says."""
    degrees = -0x8000 if temperature is None else round(temperature * 256)
    count = adverts.to_bytes(4, "big") + round(seconds * 10).to_bytes(4, "big")
    frame = b"\x20\x00" + _unsigned(millivolts) + degrees.to_bytes(2, "big", signed=True) + count
    return FLAGS + _structure(0x03, _EDDYSTONE.to_bytes(2, "little")) + _service(_EDDYSTONE, frame)


def holyiot_button(*, address: str, battery: int, is_pressed: bool, name: str = "bin-tracker") -> bytes:
    """The scan response of a HolyIOT tag with a button: for about 5 s after a press it says so."""
    value = bytes((0x06, 0x01 if is_pressed else 0x00, 0x00))
    frame = bytes((0x41, battery)) + _address(address) + b"\x06\x06" + value
    return _structure(_NAME, name.encode()) + _service(_HOLYIOT, frame)


def _objects(objects: Iterable[tuple[Object, float]]) -> bytes:
    """In ascending order of their numbers, as the format asks."""
    return b"".join(_object(number, value) for number, value in sorted(objects, key=itemgetter(0)))


def _object(number: Object, value: float) -> bytes:
    layout = _LAYOUTS.get(number, _Layout())
    try:
        steps = round(value * layout.steps).to_bytes(layout.size, "little", signed=layout.signed)
    except OverflowError as error:
        raise NotCarried(f"{value} does not fit {number.name}") from error
    return bytes((number,)) + steps


def _service(uuid: int, data: bytes) -> bytes:
    return _structure(_SERVICE_DATA, uuid.to_bytes(2, "little") + data)


def _manufacturer(company: int, data: bytes) -> bytes:
    return _structure(_MANUFACTURER, company.to_bytes(2, "little") + data)


def _structure(kind: int, data: bytes) -> bytes:
    return bytes((len(data) + 1, kind)) + data


def _signed(value: int | None) -> bytes:
    return (-0x8000 if value is None else value).to_bytes(2, "big", signed=True)


def _unsigned(value: int | None) -> bytes:
    return (0xFFFF if value is None else value).to_bytes(2, "big")


def _address(written: str) -> bytes:
    return bytes.fromhex(written.replace(":", ""))
