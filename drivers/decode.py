"""What one recorded frame means: a row of JSON in, an answer out. For people and for tests; no driver uses it.

A row is shaped as in collections of frames: `format` says how to read it, `characteristic` and `hex` are a value of
Bluetooth's standard services, `input` is an advert. Members that are not known are ignored.
"""

import re

import msgspec

from drivers.ble.codec.catalogue import CATALOGUE, Entry
from drivers.ble.codec.quirks import Quirk, quirk_named, quirk_shown_by
from drivers.rows import Found, Plain, Reader, Row, plain, plain_fields
from drivers.serial.codec import (
    cms50,
    enocean,
    ld24xx,
    ld2410,
    ld2450,
    mhz19,
    mr60,
    nonin,
    pms5003,
    r60_fields,
    rfxtrx_words,
)
from drivers.serial.codec.modbus import READERS as MODBUS_READERS
from drivers.serial.codec.modem_rows import READERS as MODEM_READERS
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES
from shouwang.reading import Quality

MAX_VALUE = 512
"""Bytes of a characteristic's value (Bluetooth Core 5.4, volume 3, part F, 3.2.9)."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement, in the unit (UCUM) of its quantity, as the supervisor of a sensor would mark it."""

    quantity: str
    value: float
    unit: str
    quality: Quality


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one row, or why nothing was."""

    id: str | int | float | None
    valid: bool
    reason: str | None
    fields: dict[str, Plain]
    readings: list[Told]


def answer_line(line: bytes) -> Answer:
    """The answer to one line of JSON, whatever it holds."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # the second: not UTF-8
        return refusal(f"not JSON: {error}")
    return answer(row)


def answer(row: object) -> Answer:
    """The answer to one row."""
    if not isinstance(row, dict):
        return refusal("not a JSON object")
    name = row.get("id")
    known = name if isinstance(name, str | int | float) and not isinstance(name, bool) else None
    try:
        fields, said = _reader_of(row)(row)
    except DecodeError as error:
        return refusal(str(error), row_id=known)
    readings = [_told(one) for one in said if isinstance(one, Sample)]
    return Answer(id=known, valid=True, reason=None, fields=fields, readings=readings)


def refusal(reason: str, *, row_id: str | int | float | None = None) -> Answer:
    """The answer to what cannot be read."""
    return Answer(id=row_id, valid=False, reason=reason, fields={}, readings=[])


def entry_of(characteristic: object) -> tuple[str, Entry]:
    """A characteristic by its number, short or long, as people write it; raises DecodeError."""
    if not isinstance(characteristic, str):
        raise DecodeError("characteristic is missing: write its number, e.g. 2A37")
    written = characteristic.strip().upper()
    found = re.fullmatch(r"(?:0X|0000)?([0-9A-F]{4})(?:-0000-1000-8000-00805F9B34FB)?", written)
    name = found[1] if found else written
    if name not in CATALOGUE:
        raise DecodeError(f'characteristic "{characteristic[:40]}" is not known; known are: {", ".join(CATALOGUE)}')
    return name, CATALOGUE[name]


def _reader_of(row: Row) -> Reader:
    written = row.get("format", row.get("protocol"))
    if isinstance(written, str) and written in FORMATS:
        return FORMATS[written]
    if "input" in row:
        return _advert  # its many formats are told apart there
    if written is None and "characteristic" in row:
        return _gatt
    raise DecodeError(
        f"format {str(written)[:40]!r} is not known; known are: {', '.join(FORMATS)}, and adverts (input)"
    )


def _gatt(row: Row) -> Found:
    """A value of a characteristic, read as that of the device with the `quirk` that the row names.

    Where it names none, a value that no device of the standard would say is read by the quirk that it betrays; then
    its readings are questionable, for nobody has said what device it is.
    """
    name, entry = entry_of(row.get("characteristic"))
    value = _bytes(row.get("hex"))
    named = row.get("quirk")
    if named is not None and not isinstance(named, str):
        raise DecodeError("quirk is not a name")
    number = -1 if name in ("SFLOAT", "FLOAT") else int(name, 16)
    quirk = quirk_shown_by(number, value) if named is None else _quirk_for(number, named)
    if quirk is None:
        fields, said = entry.read(value)
        return plain_fields(fields), said
    fields, said = entry.read(quirk.as_standard(value))
    said = [msgspec.structs.replace(one, frame=value) if isinstance(one, Sample) else one for one in said]
    if named is None:
        said = [_doubted(one) for one in said]
    return {**plain_fields(fields), "quirk": quirk.name}, said


def _quirk_for(number: int, name: str) -> Quirk:
    quirk = quirk_named(name)
    if quirk.characteristic != number:
        raise DecodeError(f"quirk {name} is one of characteristic {quirk.characteristic:04X}")
    return quirk


def _doubted(said: Said) -> Said:
    if isinstance(said, Sample) and said.quality is Quality.GOOD:
        return msgspec.structs.replace(said, quality=Quality.QUESTIONABLE)
    return said


def _advert(row: Row) -> Found:
    # Their libraries take long to load, and most rows do not need them.
    from drivers.ble.adverts.decode import decode_row  # noqa: PLC0415

    given, key = row["input"], row.get("key")
    if isinstance(given, dict) and key is not None and "bindkey_hex" not in given:
        row = {**row, "input": {**given, "bindkey_hex": key}}
    fields, said = decode_row(row)
    return {name: plain(value) for name, value in fields.items()}, said


def _bytes(written: object) -> bytes:
    if not isinstance(written, str):
        raise DecodeError("hex is missing: write the bytes, e.g. 06aa")
    try:
        value = bytes.fromhex(written)
    except ValueError:
        raise DecodeError(f"hex is not pairs of hexadecimal digits: {written[:40]}") from None
    if len(value) > MAX_VALUE:
        raise DecodeError(f"longer than a value can be: {len(value)} bytes; at most {MAX_VALUE}")
    return value


def _told(sample: Sample) -> Told:
    info = QUANTITIES[sample.quantity]
    quality = sample.quality if info.is_plausible(sample.value) else Quality.IMPLAUSIBLE
    return Told(quantity=sample.quantity.value, value=sample.value, unit=info.unit, quality=quality)


FORMATS: dict[str, Reader] = {
    "gatt": _gatt,
    **MODBUS_READERS,
    **MODEM_READERS,
    **cms50.READERS,
    **nonin.READERS,
    **pms5003.READERS,
    **mhz19.READERS,
    **enocean.READERS,
    **rfxtrx_words.READERS,
    **r60_fields.READERS,
    **mr60.READERS,
    **ld2410.READERS,
    **ld24xx.READERS,
    **ld2450.READERS,
}
"""How a row of each format is read; a new one is one more entry. A row with `input` and none of these is an advert."""
