"""Frames of Plantower's particle sensors PMS5003 and, with temperature and humidity, PMS5003T.

`42 4D | 00 1C | 13 x u16 BE | sum of the first 30 bytes, u16 BE`. Words 1-3 are micrograms in a cubic metre for
factories ("CF=1"), 4-6 in the atmosphere; then counts of particles in 0.1 l, and a word of version and error code. The
T has temperature (signed, 0.1 degrees) and humidity (0.1 %) in the place of words 11 and 12. Sources: Plantower's data
manual of the PMS5003, appendix I; avaldebe/PyPMS, plantower/pmsx003.py and pms5003t.py, with captures of both.
"""

from typing import NamedTuple

import msgspec

from drivers.rows import Found, Reader, Row, plain_fields
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.PM1, Quantity.PM2_5, Quantity.PM10})
EMITS_T = EMITS | {Quantity.TEMPERATURE, Quantity.HUMIDITY}

HEAD = b"\x42\x4d"
SIZE = 32
_DATA = 28
_TENTHS = 10.0


class Pms5003(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a PMS5003."""

    pm1_0_cf1: int
    pm2_5_cf1: int
    pm10_cf1: int
    pm1_0_atm: int
    pm2_5_atm: int
    pm10_atm: int
    count_gt_0_3um_per_0_1L: int  # noqa: N815 - the unit is a litre
    count_gt_0_5um_per_0_1L: int  # noqa: N815
    count_gt_1_0um_per_0_1L: int  # noqa: N815
    count_gt_2_5um_per_0_1L: int  # noqa: N815
    count_gt_5_0um_per_0_1L: int  # noqa: N815
    count_gt_10_0um_per_0_1L: int  # noqa: N815


class Pms5003T(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a PMS5003T."""

    pm1_0_cf1: int
    pm2_5_cf1: int
    pm10_cf1: int
    pm1_0_atm: int
    pm2_5_atm: int
    pm10_atm: int
    count_gt_0_3um_per_0_1L: int  # noqa: N815
    count_gt_0_5um_per_0_1L: int  # noqa: N815
    count_gt_1_0um_per_0_1L: int  # noqa: N815
    count_gt_2_5um_per_0_1L: int  # noqa: N815
    temperature_c: float
    humidity_pct: float


class Report(NamedTuple):
    """The words of a sound frame. `is_empty`: all values are zero, as while its fan starts; air is never that clean."""

    words: tuple[int, ...]
    is_empty: bool


def size_of(beginning: bytes) -> int | None:
    """The size of the frame that begins so; raises DecodeError for that of another sensor of the family."""
    if len(beginning) < 4:
        return None
    length = int.from_bytes(beginning[2:4], "big")
    if length != _DATA:
        raise DecodeError(f"a frame of {length} bytes of data; a PMS5003 has {_DATA}")
    return SIZE


def decode_report(frame: bytes) -> Report:
    """A sound frame. Raises DecodeError."""
    if not frame.startswith(HEAD) or size_of(frame) != len(frame):
        raise DecodeError(f"not a frame of {SIZE} bytes that begins with 42 4D 00 1C: {frame[:40].hex()}")
    if sum(frame[:-2]) != int.from_bytes(frame[-2:], "big"):
        raise DecodeError(f"wrong sum: {frame.hex()}")
    words = tuple(int.from_bytes(frame[at : at + 2], "big") for at in range(4, SIZE - 2, 2))
    return Report(words, not any(words[:-1]))


def plain_report(report: Report) -> Pms5003:
    """The report of a PMS5003."""
    return Pms5003(**dict(zip(Pms5003.__struct_fields__, report.words, strict=False)))


def report_t(report: Report) -> Pms5003T:
    """The report of a PMS5003T."""
    *counts, temperature, humidity, _version = report.words
    signed = temperature - 0x10000 if temperature >= 0x8000 else temperature
    return Pms5003T(
        **dict(zip(Pms5003T.__struct_fields__, counts, strict=False)),
        temperature_c=signed / _TENTHS,
        humidity_pct=humidity / _TENTHS,
    )


def samples(report: Report, frame: bytes, *, is_t: bool) -> list[Said]:
    """Particles of the atmosphere, and the climate where it has it; a life sign alone while it starts."""
    if report.is_empty:
        return [Alive()]
    air = plain_report(report)
    found: dict[Quantity, float] = {
        Quantity.PM1: air.pm1_0_atm,
        Quantity.PM2_5: air.pm2_5_atm,
        Quantity.PM10: air.pm10_atm,
    }
    if is_t:
        climate = report_t(report)
        found |= {Quantity.TEMPERATURE: climate.temperature_c, Quantity.HUMIDITY: climate.humidity_pct}
    return [Sample(quantity=quantity, value=float(value), frame=frame) for quantity, value in found.items()]


def _read(row: Row) -> Found:
    return _read_as(row, is_t=False)


def _read_t(row: Row) -> Found:
    return _read_as(row, is_t=True)


def _read_as(row: Row, *, is_t: bool) -> Found:
    frame = frame_of(row)
    report = decode_report(frame)
    if report.is_empty:
        raise DecodeError("all zero: the sensor is warming up; a life sign, not a reading")
    fields = report_t(report) if is_t else plain_report(report)
    return plain_fields(fields), samples(report, frame, is_t=is_t)


READERS: dict[str, Reader] = {"pms5003": _read, "pms5003t": _read_t}
