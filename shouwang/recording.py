"""A recording of vital signs as CSV, read into moments: what a sensor said, and how long after the recording began.

Columns `at,quantity,value` in any order: `at` is seconds as a number or an ISO 8601 time (UTC where it names no zone),
`quantity` a Quantity or a name that hospitals give it (HR, SaO2). Pure: lines in, values out.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

MAX_ROWS = 3_000_000
"""A month of one value a second; more than this is not a recording to play."""
MAX_PROBLEMS = 20
_MAX_MANTISSA = 2045
_MIN_EXPONENT, _MAX_EXPONENT = -8, 7
_COLUMNS = ("at", "quantity", "value")
_STEPS: Mapping[Quantity | None, float] = {
    **dict.fromkeys(
        (
            Quantity.WEIGHT,
            Quantity.MUSCLE_MASS,
            Quantity.FAT_FREE_MASS,
            Quantity.SOFT_LEAN_MASS,
            Quantity.BODY_WATER,
        ),
        0.005,
    ),
    Quantity.IMPEDANCE: 0.1,
    Quantity.RR_INTERVAL: 1000 / 1024,
}
"""kg, ohm, ms: Weight Scale Service 1.0.1 and Body Composition Service 1.0 (GATT Specification Supplement), Heart Rate
Service 1.0, section 3.1.1.4."""
_DECIMALS = 7
"""Finer than each of these steps; a 1024th of a second has so many decimals."""


class RecordedMoment(NamedTuple):
    """What was said `offset_s` seconds after the first row; the last word where a quantity is said twice."""

    offset_s: float
    values: Mapping[Quantity, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """Moments in the order of time, and how many rows were left out, by the quantity that they name.

    `began` is the time (UTC) of the first row; None where rows tell seconds only.
    """

    moments: tuple[RecordedMoment, ...]
    skipped: Mapping[str, int]
    began: datetime | None = None


def read_recording(lines: Iterable[str], *, name: str) -> Recording:
    """The recording in these lines. Raises ConfigError: one `name:line: what; what to do` per bad row, 20 at most."""
    rows = _Rows(lines, name)
    try:
        rows.read()
    except csv.Error as error:
        rows.problem(f"not readable as CSV ({error}); save it as plain text with commas")
    if rows.problems:
        raise ConfigError("\n".join(rows.problems))
    first = min((at for at, _, _ in rows.found), default=0.0)
    # sorting is stable: where a quantity is said twice at one time, the row further down is the last word
    rows.found.sort(key=lambda row: row[0])
    return Recording(
        moments=tuple(
            RecordedMoment(round(at - first, 6), {quantity: value for _, quantity, value in group})
            for at, group in groupby(rows.found, key=lambda row: row[0])
        ),
        skipped=dict(rows.skipped),
        began=datetime.fromtimestamp(first, UTC) if rows.found and rows.is_dated else None,
    )


def as_said(value: float, quantity: Quantity | None = None) -> float:
    """The nearest number that a device can say: an IEEE 11073 SFLOAT, a whole number up to 2045 times a power of ten.

    So a recording means the same with and without the radio: 97.25 is said as 97.2 or 97.3, 88.5 as it is. Of some
    quantities devices count steps instead: 72.36 kg is said as 72.36, where an SFLOAT would be 72.4.
    """
    if quantity in _STEPS:
        return round(round(value / _STEPS[quantity]) * _STEPS[quantity], _DECIMALS)
    for exponent in range(_MIN_EXPONENT, _MAX_EXPONENT + 1):
        scale = 10.0 ** abs(exponent)
        mantissa = round(value * scale if exponent < 0 else value / scale)
        if abs(mantissa) <= _MAX_MANTISSA:
            return mantissa / scale if exponent < 0 else mantissa * scale
    return value


class _Rows:
    """The rows while they are read."""

    def __init__(self, lines: Iterable[str], name: str) -> None:
        self.name = name
        self.problems: list[str] = []
        self.skipped: Counter[str] = Counter()
        self.found: list[tuple[float, Quantity, float]] = []
        self._reader = csv.reader(lines, skipinitialspace=True)
        self.is_dated: bool | None = None

    def problem(self, message: str) -> None:
        self.problems.append(f"{self.name}:{max(1, self._reader.line_num)}: {message}")

    def read(self) -> None:
        header = [cell.strip().lstrip("\ufeff").lower() for cell in next(self._reader, [])]
        missing = [column for column in _COLUMNS if column not in header]
        if missing:
            self.problem(f"the first line lacks {', '.join(missing)}; it must be: at,quantity,value")
            return
        for cells in self._reader:
            if len(self.found) >= MAX_ROWS:
                self.problem(f"more than {MAX_ROWS} rows; cut the recording")
                return
            if len(self.problems) >= MAX_PROBLEMS:
                return
            if any(cell.strip() for cell in cells):
                self._take({column: _cell(cells, header.index(column)) for column in _COLUMNS})

    def _take(self, row: Mapping[str, str]) -> None:
        quantity = _QUANTITIES.get(_plain(row["quantity"]))
        if quantity is None:
            self.skipped[row["quantity"]] += 1
            return
        try:
            value = as_said(_number(row["value"], "value"), quantity)
            self.found.append((self._time(row["at"]), quantity, value))
        except ValueError as error:
            self.problem(str(error))

    def _time(self, written: str) -> float:
        is_dated = re.match(r"^\d{4}-\d\d-\d\d", written) is not None
        if self.is_dated not in (None, is_dated):
            raise ValueError(f'at: "{written[:40]}": seconds and dates are mixed; write all rows in one way')
        self.is_dated = is_dated
        if not is_dated:
            return _number(written, "at")
        try:
            at = datetime.fromisoformat(written)
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
        except (ValueError, OverflowError):
            raise ValueError(f'at: "{written[:40]}" is no time; write e.g. 2026-11-24T03:12:58Z') from None


def _cell(cells: list[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""


def _number(written: str, column: str) -> float:
    try:
        number = float(written)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'{column}: "{written[:40]}" is no number; write digits with a point, e.g. 97.5')
    return number


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_QUANTITIES = {_plain(quantity): quantity for quantity in Quantity} | {
    **dict.fromkeys(("hr", "pulse", "pulserate", "pr", "bpm"), Quantity.HEART_RATE),
    **dict.fromkeys(("sao2", "o2sat", "osat", "oxygensaturation"), Quantity.SPO2),
}
"""By name, without case and punctuation; the rest are names in intensive-care data (MIMIC, PhysioNet 2012, eICU)."""
