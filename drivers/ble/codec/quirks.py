"""Devices that say something else than the standard, as a table: who they are, where that is known from, and how their
value becomes the one that the standard asks for. The decoders themselves know no device.

A quirk is chosen by what a device calls itself. Where nobody asked it, the shape of a value can betray one
(`quirk_shown_by`); what is read by such a guess is questionable.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from drivers.ble.codec.blood_pressure import FLAGS_PULSE, FLAGS_STATUS, FLAGS_TIME, FLAGS_USER
from drivers.ble.codec.date_time import SIZE as DATE_TIME_SIZE
from drivers.ble.codec.device_information import Identity
from shouwang.errors import DecodeError

_NAN = b"\xff\x07"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirk:
    """One deviation of some models. Patterns are searched in words of which only letters and digits are kept."""

    name: str
    characteristic: int
    manufacturer: str
    model: str
    advertised: str
    source: str
    as_standard: Callable[[bytes], bytes]
    """The value as the standard asks for it; raises DecodeError where it is not even what the quirk says."""
    is_shown_by: Callable[[bytes], bool]
    """Whether no device of the standard would say this value, and one of these models would."""

    def is_of(self, identity: Identity) -> bool:
        """Whether a device that calls itself so has it."""
        is_theirs = bool(re.search(self.manufacturer, _plain(identity.manufacturer)))
        is_model = bool(re.search(self.model, _plain(identity.model)))
        return (is_theirs and is_model) or bool(re.search(self.advertised, _plain(identity.name)))


def quirk_of(characteristic: int, identity: Identity) -> Quirk | None:
    """The quirk that a device has in one characteristic, by its Device Information or the name that it advertises."""
    return next((quirk for quirk in QUIRKS if quirk.characteristic == characteristic and quirk.is_of(identity)), None)


def quirk_named(name: str) -> Quirk:
    """The quirk of this name; raises DecodeError where there is none."""
    for quirk in QUIRKS:
        if quirk.name == name:
            return quirk
    raise DecodeError(f'"{name[:40]}" is no known quirk; there are: {", ".join(quirk.name for quirk in QUIRKS)}')


def quirk_shown_by(characteristic: int, value: bytes) -> Quirk | None:
    """The quirk that the shape of a value betrays."""
    return next(
        (quirk for quirk in QUIRKS if quirk.characteristic == characteristic and quirk.is_shown_by(value)), None
    )


_BM85_UNUSED_FLAG = 0x40
_PRESSURES_END = 7  # flags and three pressures


def _bm85_size(flags: int) -> int:
    sizes = {FLAGS_TIME: DATE_TIME_SIZE, FLAGS_PULSE: 2, FLAGS_STATUS: 2}
    return _PRESSURES_END + 1 + sum(size for flag, size in sizes.items() if flags & flag)


def _bm85_is_shown(value: bytes) -> bool:
    return (
        len(value) > _PRESSURES_END
        and value[0] & (_BM85_UNUSED_FLAG | FLAGS_USER) == _BM85_UNUSED_FLAG
        and len(value) == _bm85_size(value[0])
    )


def _bm85_as_standard(value: bytes) -> bytes:
    """Set the user's flag, clear the unused one, turn pulse and status round; a mean pressure of 0 is none."""
    if not value or len(value) != _bm85_size(value[0]):
        raise DecodeError(f"not of the length that a Beurer BM85 sends: {value[:40].hex()}")
    flags = value[0] & ~_BM85_UNUSED_FLAG | FLAGS_USER
    mean = value[5:_PRESSURES_END]
    pulse_at = _PRESSURES_END + (DATE_TIME_SIZE if flags & FLAGS_TIME else 0)
    user_at = pulse_at + (2 if flags & FLAGS_PULSE else 0)
    return b"".join(
        (
            bytes((flags,)),
            value[1:5],
            mean if any(mean) else _NAN,
            value[_PRESSURES_END:pulse_at],
            value[pulse_at:user_at][::-1],
            value[user_at : user_at + 1],
            value[user_at + 1 :][::-1],
        )
    )


_MI_SIZE = 13
_MI_POUNDS = 0x01  # of the first byte
_MI_IMPEDANCE, _MI_STABLE, _MI_REMOVED = 0x02, 0x20, 0x80  # of the second byte
_COMPOSITION_POUNDS, _COMPOSITION_TIME, _COMPOSITION_IMPEDANCE, _COMPOSITION_WEIGHT = 0x001, 0x002, 0x200, 0x400
_UNSUCCESSFUL = b"\xff\xff"


def _mi_is_shown(value: bytes) -> bool:
    # Its stable frames have bit 13 of the standard's flags, which is reserved.
    return len(value) == _MI_SIZE and value[0] & ~_MI_POUNDS == 0x02 and bool(value[1] & _MI_STABLE)


def _mi_as_standard(value: bytes) -> bytes:
    """Clock, impedance in ohms, weight; no body fat. A weight that still moves, or is off the scale, is none."""
    if len(value) != _MI_SIZE:
        raise DecodeError(f"not of the length that a Mi scale sends: {value[:40].hex()}")
    clock, impedance, weight = value[2:9], int.from_bytes(value[9:11], "little") * 10, value[11:13]
    if not value[1] & _MI_STABLE or value[1] & _MI_REMOVED:
        return _COMPOSITION_TIME.to_bytes(2, "little") + _UNSUCCESSFUL + clock
    flags = _COMPOSITION_TIME | _COMPOSITION_WEIGHT | (_COMPOSITION_POUNDS if value[0] & _MI_POUNDS else 0)
    resistance = b""
    if value[1] & _MI_IMPEDANCE and 0 < impedance < 0x10000:
        flags |= _COMPOSITION_IMPEDANCE
        resistance = impedance.to_bytes(2, "little")
    return flags.to_bytes(2, "little") + _UNSUCCESSFUL + clock + resistance + weight


def _plain(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


QUIRKS = (
    Quirk(
        name="beurer_bm85",
        characteristic=0x2A35,
        manufacturer="BEURER",
        model="BM(48|59|85)",
        advertised="BM(48|59|85)|ELITE900",
        source=(
            "derdilla/blood-pressure-monitor-fl at 17aba3d00f2e: captures of a BM85; by that project Beurer's own "
            "application treats the other models alike"
        ),
        as_standard=_bm85_as_standard,
        is_shown_by=_bm85_is_shown,
    ),
    Quirk(
        name="mi_body_composition_scale_2",
        characteristic=0x2A9C,
        manufacturer="XIAOMI|HUAMI",
        model="XMTZC0[25]HM|MIBCS|MIBFS",
        advertised="MIBCS|MIBFS",
        source=(
            "oliexdev/openScale#87 (0x2A9C carries the advert's bytes) and wiecosystem/Bluetooth#9 (it is not the "
            "standard's layout); frames in tests of custom-components/ble_monitor"
        ),
        as_standard=_mi_as_standard,
        is_shown_by=_mi_is_shown,
    ),
)
