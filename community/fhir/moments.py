"""Moments as FHIR writes them: with the offset of the zone in which the resident lives."""

from datetime import UTC, datetime, timedelta, tzinfo

from community.fhir.elements import Period

_MINUTE = timedelta(minutes=1)


def moment(at: datetime, zone: tzinfo | None) -> str:
    """A dateTime or instant, e.g. 2026-11-24T20:00:00+08:00. `zone` None: the zone of this computer."""
    try:
        local = at.astimezone(zone)
    except (OverflowError, ValueError):
        local = at.astimezone(UTC)
    offset = local.utcoffset()
    if offset is None or offset % _MINUTE:  # before 1901 Shanghai was 8:05:43 ahead: FHIR has no seconds in offsets
        local = at.astimezone(UTC)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def lasting(start: datetime | None, end: datetime | None, zone: tzinfo | None) -> Period:
    """A Period. A wall clock that was put back ends nothing before it began (invariant per-1)."""
    if start is not None and end is not None:
        end = max(start, end)
    began, ended = (None if at is None else moment(at, zone) for at in (start, end))
    return Period(start=began, end=ended)
