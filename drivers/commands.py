"""`shouwang decode`: what a frame of a sensor means, for people and for programs."""

import argparse
import functools
import logging
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from drivers.decode import Answer, Told, answer, answer_line, entry_of, refusal
from drivers.rows import Plain
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

log = logging.getLogger(__name__)

MAX_LINE = 256 * 1024
"""Bytes of one row; those of real frames have a few hundred."""

_QUALITIES = {
    Quality.GOOD: "good 可信",
    Quality.QUESTIONABLE: "questionable 存疑",
    Quality.IMPLAUSIBLE: "implausible 不合理",
}
_UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "dB[mW]": "dBm",
    "[ppm]": "ppm",
    "kg/m2": "kg/m²",
    "Ohm": "Ω",
    "{index}": "",
    "{steps}": "",
    "[g]": "g",
    "%{LEL}": "% LEL",
    "kW.h": "kWh",
}
"""How people write what UCUM writes otherwise."""
_ANSWERS = {0.0: "no 否", 1.0: "yes 是"}
_YES_OR_NO = "1"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--hex", help="one value in hexadecimal, e.g. 06aa; without it, rows of JSON on standard input")
    parser.add_argument("--characteristic", help="the characteristic that has this value, e.g. 2A37")
    parser.add_argument("--quirk", help="read it as that of a device that deviates from the standard, e.g. beurer_bm85")
    parser.set_defaults(func=functools.partial(_decode, parser))


def _decode(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.hex is None and options.characteristic is None and options.quirk is None:
        return _answer_all(sys.stdin.buffer, sys.stdout.buffer)
    if options.hex is None or options.characteristic is None:
        parser.error("--hex and --characteristic belong together")
    found = answer({"characteristic": options.characteristic, "hex": options.hex, "quirk": options.quirk})
    if not found.valid:
        print(found.reason, file=sys.stderr)
        return 1
    name, entry = entry_of(options.characteristic)
    print(f"{entry.name} {entry.zh} ({name})")
    for line in _words(found):
        print(line)
    return 0


def _answer_all(rows: BinaryIO, answers: BinaryIO) -> int:
    """One line out for each line in; each is written before the next is awaited."""
    try:
        for line in _lines(rows):
            answers.write(_answered(line) + b"\n")
            answers.flush()
    except BrokenPipeError:  # who reads the answers has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _lines(rows: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, of which no more than that is ever in memory."""
    while line := rows.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = rows.readline(MAX_LINE)
        yield None


def _answered(line: bytes | None) -> bytes:
    if line is None:
        return msgspec.json.encode(refusal(f"a line of more than {MAX_LINE} bytes"))
    try:
        return msgspec.json.encode(answer_line(line))
    except Exception:  # the one boundary at which a broken decoder is kept from the rows after it
        log.exception("a decoder broke")
        return msgspec.json.encode(refusal("the decoder broke; the log says how"))


def _words(found: Answer) -> Iterator[str]:
    width = max(len(name) for name in found.fields)
    for name, value in found.fields.items():
        yield f"  {name:<{width}}  {_field(value)}"
    if found.readings:
        yield from (_reading(one) for one in found.readings)
    else:
        yield "no measurement 无测量值"


def _field(value: Plain) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_field(one) for one in value) or "-"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_field(one)}" for name, one in value.items())
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _reading(told: Told) -> str:
    info = QUANTITIES[Quantity(told.quantity)]
    if info.unit == _YES_OR_NO and told.value in _ANSWERS:
        value = _ANSWERS[told.value]
    else:
        unit = "" if info.unit == _YES_OR_NO else _UNITS.get(info.unit, info.unit)
        value = f"{told.value:.6g} {unit}".rstrip()
    return f"{info.en} {info.zh}: {value}, {_QUALITIES[told.quality]}"
