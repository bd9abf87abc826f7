"""What stands in a message: JSON or plain text, numbers, yes or no, moments. Raises DecodeError for all else."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from drivers.mqtt.switchboard import MAX_KEPT_BYTES
from shouwang.errors import DecodeError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
Fields: TypeAlias = "Mapping[str, Plain]"

_YES = frozenset({"on", "true", "yes", "1", "open", "detected", "wet", "motion"})
_NO = frozenset({"off", "false", "no", "0", "closed", "close", "clear", "dry"})
_MS_FROM = 1e11
"""A count of seconds since 1970 stays below this until the year 5138, one of milliseconds has passed it in 1973."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_SET_FROM = datetime(2017, 1, 1, tzinfo=UTC)
"""A stamp from before is that of a clock that was never set (they begin at 1970, 2000, 2016): it says nothing."""


def fields_of(payload: bytes, *, limit: int = MAX_KEPT_BYTES) -> Fields:
    """The members of a JSON object of moderate size."""
    found = json_of(payload, limit=limit)
    if not isinstance(found, dict):
        raise DecodeError(f"not a JSON object: {payload[:80]!r}")
    return found


def json_of(payload: bytes, *, limit: int = MAX_KEPT_BYTES) -> Plain:
    """Any JSON value of moderate size."""
    if len(payload) > limit:
        raise DecodeError(f"more than the {limit} bytes that such a message may have")
    try:
        found: Plain = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}: {payload[:80]!r}") from error
    return found


def json_or_text(payload: bytes) -> Plain:
    """A JSON value, or the text itself where it is none."""
    try:
        return json_of(payload)
    except DecodeError:
        return text_of(payload)


def text_of(payload: bytes) -> str:
    """A short plain text."""
    if len(payload) > MAX_KEPT_BYTES:
        raise DecodeError(f"more than the {MAX_KEPT_BYTES} bytes that such a message may have")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise DecodeError(f"not UTF-8: {payload[:80]!r}") from error


def number_of(value: Plain) -> float | None:
    """A number, also one written as text; None where there is no value (null, empty, nan)."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise DecodeError(f"not a number: {str(value)[:40]!r}")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        if str(value).strip().lower() in ("unknown", "unavailable", "none", "null", "nan"):
            return None
        raise DecodeError(f"not a number: {str(value)[:40]!r}") from None
    return found if math.isfinite(found) else None


def flag_of(value: Plain) -> bool | None:
    """Yes or no, in JSON's or in the makers' words; None where there is no value."""
    if value is None or value == "" or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    word = str(value).strip().lower()
    if isinstance(value, int | float | str):
        if word in _YES:
            return True
        if word in _NO:
            return False
        if word in ("unknown", "unavailable", "none", "null"):
            return None
    raise DecodeError(f"neither yes nor no: {str(value)[:40]!r}")


def moment_of(value: Plain) -> datetime | None:
    """When: seconds or milliseconds since 1970, or ISO 8601 with an offset. None where it says nothing.

    A time without an offset says nothing: whose noon is it? Nor does one of a clock that was never set.
    """
    found: datetime | None = None
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            try:
                return moment_of(float(value))
            except ValueError:
                raise DecodeError(f"not a time: {value[:40]!r}") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            return None
        seconds = value / 1000 if abs(value) >= _MS_FROM else value
        try:
            found = _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            return None
    if found is None or found.tzinfo is None or found < _CLOCK_SET_FROM:
        return None
    return found.astimezone(UTC)
