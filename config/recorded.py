"""Readings of a home that were recorded: JSON lines or CSV, read row by row, each bad row told with its line.

CSV has the columns `at,sensor_id,quantity,value` in any order; a line of JSON is an object with these members. `at` is
seconds as a number or an ISO 8601 time (of the home's zone where it names none); a vector is written `x y z`, in g.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from shouwang.errors import ConfigError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading

MAX_PROBLEMS = 20
COLUMNS = ("at", "sensor_id", "quantity", "value")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SOONEST, _LATEST = -62_135_596_800.0, 253_402_300_799.0
"""Seconds that a date can hold, of the years 1 to 9999."""


class RecordedReadings:
    """The readings of a file, in its order. `is_dated`: whether its times are dates (known after the first row)."""

    def __init__(self, path: Path, *, zone: tzinfo = UTC) -> None:
        """Nothing is read yet."""
        self.is_dated = False
        self._path = path
        self._zone = zone

    def __iter__(self) -> Iterator[Reading]:
        """Raises ConfigError at the end: one `file:line: what; what to do` per bad row, 20 at most."""
        problems: list[str] = []
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as lines:
                for number, row in _rows(lines):
                    try:
                        yield self._reading(row)
                    except ValueError as error:
                        problems.append(f"{self._path}:{number}: {error}")
                    if len(problems) >= MAX_PROBLEMS:
                        break
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(f"{self._path}: cannot be read ({error}); save it as UTF-8 text") from error
        except ValueError as error:
            raise ConfigError(f"{self._path}:{error}") from error
        if problems:
            raise ConfigError("\n".join(problems))

    def _reading(self, row: Mapping[str, object]) -> Reading:
        missing = [column for column in COLUMNS if row.get(column) in (None, "")]
        if missing:
            raise ValueError(f"{', '.join(missing)} is missing; each row has: {', '.join(COLUMNS)}")
        quantity = _quantity(row["quantity"])
        value, axes = _value(row["value"])
        at = self._moment(row["at"])
        is_sound = math.isfinite(value) and QUANTITIES[quantity].is_plausible(value)
        return Reading(
            sensor_id=str(row["sensor_id"]),
            quantity=quantity,
            value=value,
            at=at,
            mono=(at - _EPOCH) // _MS,
            quality=Quality.GOOD if is_sound else Quality.IMPLAUSIBLE,
            axes=axes,
        )

    def _moment(self, written: object) -> datetime:
        seconds = written if isinstance(written, int | float) else _number(str(written))
        if seconds is not None:
            if not _SOONEST <= seconds <= _LATEST:  # also not a number
                raise ValueError(f"at: {written} is no time; write seconds, or e.g. 2026-11-24T03:12:58Z")
            return _EPOCH + timedelta(seconds=seconds)
        try:
            at = datetime.fromisoformat(str(written))
        except ValueError:
            raise ValueError(f'at: "{str(written)[:40]}" is no time; write e.g. 2026-11-24T03:12:58Z') from None
        self.is_dated = True
        return (at if at.tzinfo is not None else at.replace(tzinfo=self._zone)).astimezone(UTC)


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The rows with their line numbers; JSON where the first one begins so."""
    numbered = iter(lines)
    first = next(numbered, "")
    if first.lstrip().startswith("{"):
        yield from _objects(first, numbered)
        return
    header = [cell.strip().lower() for cell in next(csv.reader([first]), [])]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise ValueError(f"1: the first line lacks {', '.join(missing)}; it must be: {','.join(COLUMNS)}")
    reader = csv.reader(numbered, skipinitialspace=True)
    for cells in reader:
        if cells:
            yield reader.line_num + 1, dict(zip(header, (cell.strip() for cell in cells), strict=False))


def _objects(first: str, rest: Iterator[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    number, line = 1, first
    while line:
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else {}
        number, line = number + 1, next(rest, "")


def _quantity(written: object) -> Quantity:
    try:
        return Quantity(str(written))
    except ValueError:
        raise ValueError(f'quantity: "{str(written)[:40]}" is not known; known are: {", ".join(Quantity)}') from None


def _value(written: object) -> tuple[float, tuple[float, float, float] | None]:
    parts = written if isinstance(written, list) else str(written).split()
    numbers = [float(part) if isinstance(part, int | float) else _number(str(part)) for part in parts]
    if len(numbers) == 1 and numbers[0] is not None:
        return numbers[0], None
    if len(numbers) == 3:
        x, y, z = (math.nan if number is None else number for number in numbers)
        return math.sqrt(x * x + y * y + z * z), (x, y, z)
    raise ValueError(f'value: "{str(written)[:40]}" is no number; write digits with a point, or "x y z"')


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None
