"""The line of text that Nonin's oximeters send once a second, for printers.

`SPO2=097 HR=072` and CR LF; `---` where there is no value; behind it ` F` for the fast response, `B` for a breath
(9847), `*` for a marked event; before it the time in some models (8600, 9847). After power-on comes a heading, which is
none of these lines. Sources: operator's manuals of the models 8500, 8600V, 2500, 9600, 9847, Avant 4000 and 4100,
section Communications.
"""

import re

import msgspec

from drivers.rows import Found, Reader, Row, plain_fields
from drivers.serial.codec.recorded import frame_of
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.SPO2, Quantity.HEART_RATE})

HEAD = b"SPO2="
END = b"\n"
MAX_LINE = 40
"""With time, suffixes, blanks and CR LF it has 33."""
_LINE = re.compile(
    rb"\s*(?:(?P<time>\d{2}:\d{2}:\d{2})\s+)?SPO2=\s*(?P<spo2>\d{1,3}|---)\s+HR=\s*(?P<pulse>\d{1,3}|---)"
    rb"(?P<suffix>[ \tFB*]*)\s*"
)
_NO_SPO2, _NO_PULSE = (0, 127), (0, 255, 511)
"""What the same makers' modules say in numbers where the line has dashes; never a measurement."""


class NoninLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; None where the oximeter has no value. `time` is that of its own clock; nobody knows the day."""

    spo2_pct: int | None
    pulse_bpm: int | None
    marked: bool
    time: str | None


def decode_line(line: bytes) -> NoninLine:
    """One line, with or without its end. Raises DecodeError."""
    found = _LINE.fullmatch(line) if len(line) <= MAX_LINE else None
    if found is None:
        raise DecodeError(f"not a line as SPO2=097 HR=072: {line[:40]!r}")
    time = found["time"]
    return NoninLine(
        spo2_pct=_number(found["spo2"]),
        pulse_bpm=_number(found["pulse"]),
        marked=b"*" in found["suffix"],
        time=None if time is None else time.decode("ascii"),
    )


def samples(line: NoninLine, frame: bytes) -> list[Said]:
    """Oxygen saturation and pulse, or a life sign alone."""
    found: list[Said] = [
        Sample(quantity=quantity, value=float(value), frame=frame)
        for quantity, value, nothing in (
            (Quantity.SPO2, line.spo2_pct, _NO_SPO2),
            (Quantity.HEART_RATE, line.pulse_bpm, _NO_PULSE),
        )
        if value is not None and value not in nothing
    ]
    return found or [Alive()]


def _number(written: bytes) -> int | None:
    return None if written == b"---" else int(written)


def _read(row: Row) -> Found:
    text = row.get("text")
    if text is None:
        frame = frame_of(row)
    elif isinstance(text, str):
        frame = text.encode("utf-8")
    else:
        raise DecodeError("text is not text: write the line, e.g. SPO2=097 HR=072")
    line = decode_line(frame)
    return plain_fields(line), samples(line, frame)


READERS: dict[str, Reader] = {"nonin-ascii": _read}
