"""How much may wait on the card, and what goes first when it is more.

First diagnostics, then telemetry, which is thinned before it is dropped, then state; alerts never. Each step is told as
a gap. What was under way to the centre just then may be there as well, whole: a gap claims too much rather than too
little.
"""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from gateway.batch import READINGS_PER_MESSAGE
from gateway.thinning import thinned
from shouwang.gap import GapCode
from shouwang.reading import Reading
from shouwang.wire import Envelope, GapBody, Lane, TelemetryBody

MEGABYTE = 1024 * 1024
BUDGET_BYTES = 256 * MEGABYTE
"""Eleven days of a busy home (2 samples/s of 142 bytes in the file); alerts are not counted."""
KEPT = timedelta(days=30)
"""The centre takes what is up to 30 days late."""
_FREE_SHARE = 10  # a tenth of the card stays free for others
_AT_LEAST = 16 * MEGABYTE
"""A card that others have filled does not take the last day from the home: this much may wait while there is room."""
_TO_WORK_IN = 2 * MEGABYTE
"""Without room for its log no transaction can be written, not even one that deletes: this much is never filled."""
_SHARE = 20  # one twentieth of a lane goes at a time: whole blocks, not row by row
_THIN_AT_ONCE = 200  # messages; a step of about 50 ms
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Step:
    """What the centre is told of what was let go, and what takes its place."""

    gap: GapBody
    instead: tuple[tuple[int, Envelope], ...] = ()
    """Thinned telemetry, each with the engine millisecond at which it begins; it gets a number of its own."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A message that was let go; without its envelope where it is of another version, or damaged."""

    lane: Lane
    seq: int
    mono: int
    envelope: Envelope | None


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one home."""

    bytes: int = BUDGET_BYTES
    kept: timedelta = KEPT

    def allowed(self, waiting: int, room: int, size: int) -> int:
        """Bytes for which a card of that `size` has room, with so much `room` left on it and in the file."""
        within_share = max(_AT_LEAST, waiting + room - size // _FREE_SHARE)
        return min(within_share, waiting + room - _TO_WORK_IN)

    def is_too_old(self, mono: int, now: int) -> bool:
        """Whether what was stored at engine millisecond `mono` has waited too long."""
        return now - mono > self.kept // timedelta(milliseconds=1)


class Shrinker:
    """Lets go of messages, one step at a time, within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, now: int) -> None:
        """`now`: engine millisecond."""
        self._db = db
        self._now = now

    def oldest(self) -> int | None:
        """Engine millisecond of the oldest telemetry or diagnostics; None where none waits."""
        (oldest,) = self._db.execute(
            "SELECT min(mono) FROM (SELECT min(mono) AS mono FROM message WHERE is_thinned = 1"
            " UNION ALL SELECT * FROM (SELECT mono FROM message WHERE lane = 2 ORDER BY seq LIMIT 1)"
            " UNION ALL SELECT * FROM (SELECT mono FROM message WHERE lane = 3 ORDER BY seq LIMIT 1))"
        ).fetchone()
        return None if oldest is None else int(oldest)

    def step(self, code: GapCode, why: str, *, may_thin: bool = True) -> Step | None:
        """The next thing to go, in the order of importance; None where only alerts are left."""
        return (
            self._drop_share(Lane.BULK, code, why)
            or (self._thin(why) if may_thin else None)
            or self.drop_oldest(code, why)
            or self._drop_share(Lane.STATE, code, why)
        )

    def drop_oldest(self, code: GapCode, why: str) -> Step | None:
        """The oldest hour of telemetry and diagnostics, or a twentieth of them where that is less."""
        oldest = self.oldest()
        if oldest is None:
            return None
        (count,) = self._db.execute("SELECT count(*) FROM message WHERE lane IN (2, 3)").fetchone()
        rows = self._delete(
            "lane IN (2, 3) AND (lane, seq) IN"
            " (SELECT lane, seq FROM message WHERE lane IN (2, 3) AND mono < ? ORDER BY mono, seq LIMIT ?)",
            (oldest + _HOUR_MS, max(1, count // _SHARE)),
        )
        return _told(rows, code, f"{why}: the oldest messages were dropped")

    def _drop_share(self, lane: Lane, code: GapCode, why: str) -> Step | None:
        (count,) = self._db.execute("SELECT count(*) FROM message WHERE lane = ?", (lane,)).fetchone()
        if not count:
            return None
        rows = self._delete(
            "lane = ? AND seq IN (SELECT seq FROM message WHERE lane = ? ORDER BY seq LIMIT ?)",
            (lane, lane, max(1, count // _SHARE)),
        )
        return _told(rows, code, f"{why}: the oldest messages were dropped")

    def _thin(self, why: str) -> Step | None:
        rows = self._delete(
            "lane = 2 AND seq IN (SELECT seq FROM message WHERE lane = 2 AND is_thinned = 0 AND mono < ?"
            " ORDER BY seq LIMIT ?)",
            (self._now - _HOUR_MS, _THIN_AT_ONCE),
        )
        if not rows:
            return None
        before, instead = sum(row.envelope is None for row in rows), []
        moments: list[datetime] = []
        for mono, envelope, readings in _by_era(rows):
            before += len(readings)
            moments += [min(reading.at for reading in readings), max(reading.at for reading in readings)]
            for group in _groups(thinned(readings)):
                body = TelemetryBody(readings=tuple(group))
                instead.append((mono, msgspec.structs.replace(envelope, body=body)))
        count = before - sum(len(_readings(envelope)) for _, envelope in instead)
        reason = f"{why}: of each minute the lowest, the mean and the highest value were kept"
        return Step(_gap(reason, count, moments, GapCode.THINNED, rows), tuple(instead))

    def _delete(self, which: str, values: Sequence[int]) -> list[_Row]:
        rows = self._db.execute(
            f"DELETE FROM message WHERE {which} RETURNING lane, seq, mono, body",  # noqa: S608
            values,
        ).fetchall()
        found = [_Row(Lane(lane), seq, mono, _read(body)) for lane, seq, mono, body in rows]
        return sorted(found, key=lambda row: (row.mono, row.seq))


def _read(body: bytes) -> Envelope | None:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # one such message must not stop the home
        return None


def _told(rows: Sequence[_Row], code: GapCode, why: str) -> Step | None:
    if not rows:
        return None
    count = 0
    moments: list[datetime] = []
    for row in rows:
        match row.envelope and row.envelope.body:
            case TelemetryBody(readings=readings) if readings:
                count += len(readings)
                moments += [readings[0].at, readings[-1].at]
            case GapBody() as gap:  # one that was not told yet is told by this one
                count += gap.count
                moments += [at for at in (gap.first_at, gap.last_at) if at is not None]
            case _:
                count += 1
                moments += [] if row.envelope is None else [row.envelope.created_at]
    return Step(_gap(why, count, moments, code, rows))


def _gap(reason: str, count: int, moments: Sequence[datetime], code: GapCode, rows: Sequence[_Row]) -> GapBody:
    lane = min(row.lane for row in rows)  # where diagnostics go with telemetry, the numbers are those of telemetry
    numbers = [row.seq for row in rows if row.lane is lane]
    return GapBody(
        reason=reason,
        count=count,
        first_at=min(moments, default=None),
        last_at=max(moments, default=None),
        code=code,
        lane=lane,
        first_seq=min(numbers),
        last_seq=max(numbers),
    )


def _by_era(rows: Sequence[_Row]) -> Iterator[tuple[int, Envelope, list[Reading]]]:
    """Readings that may stand in one message: those of one boot, before or after its clock was set."""
    known = [(row.mono, row.envelope) for row in rows if row.envelope is not None]
    for _, some in itertools.groupby(known, key=lambda one: (one[1].boot, one[1].is_clock_unsure)):
        era = list(some)
        readings = [reading for _, envelope in era for reading in _readings(envelope)]
        if readings:
            yield *era[0], readings


def _readings(envelope: Envelope) -> tuple[Reading, ...]:
    return envelope.body.readings if isinstance(envelope.body, TelemetryBody) else ()


def _groups(readings: Sequence[Reading]) -> list[Sequence[Reading]]:
    return [readings[start : start + READINGS_PER_MESSAGE] for start in range(0, len(readings), READINGS_PER_MESSAGE)]
