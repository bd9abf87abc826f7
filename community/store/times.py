"""When things were at home, where its clock was not right: estimated from arrivals, mended by clock anchors.

One number tells all of a boot: the moment at which its engine time would have been 0. An anchor gives it; until one
comes, it is not later than every arrival allows (its time less the engine time of sending). What is stored follows from
anchors and arrivals alone, in whatever order they come and however often (decision 018).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from community.desk import Timing
from community.store import schema
from community.store.mending import AGREES, mend
from shouwang.alert import Alert
from shouwang.reading import Reading
from shouwang.wire import Body, ClockBody, Envelope, GapBody, MessageId, PathBody, Sent, StatusBody

AHEAD = timedelta(minutes=5)
"""A home whose times are further ahead of their arrival has a wrong clock, whatever it says of it."""
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No home ran before: an anchor that says less is of a dead clock, or of a time server that lies."""
_DRIFT = 10_000
"""A crystal is off by 1 in so many (100 ppm): an anchor from the beginning of a boot is worth more than a later one."""
_WORTH = timedelta(seconds=1)
"""An estimate that gets better by less is left as it is."""
_ONE_MS = timedelta(milliseconds=1)
_LONGEST_MS = 3_000_000_000_000
"""95 years: no engine time is longer, and no sum with it fails."""


@dataclass(slots=True)
class Boot:
    """A boot whose clock was not right from the beginning."""

    number: int
    by_anchor: datetime | None = None
    by_arrival: datetime | None = None
    by_later_boot: datetime | None = None

    @property
    def zero(self) -> datetime | None:
        """When its engine time would have been 0; None: nobody knows."""
        return self.by_anchor or self.by_arrival or self.by_later_boot

    @property
    def timing(self) -> Timing:
        """How far that may be trusted."""
        return Timing.ESTIMATED if self.by_anchor is None else Timing.MENDED

    def moment(self, engine_ms: int) -> datetime | None:
        """What the wall showed, or should have shown, at this engine time; None where that cannot be told."""
        zero = self.zero
        return None if zero is None or abs(engine_ms) > _LONGEST_MS else zero + engine_ms * _ONE_MS

    def hear(self, zero: datetime, *, of_later_boot: bool) -> None:
        """It was not later than this; where a later boot sent it, as far as the box knew how long it was off."""
        if of_later_boot:
            self.by_later_boot = min(self.by_later_boot or zero, zero)
        else:
            self.by_arrival = min(self.by_arrival or zero, zero)


class Doubt(NamedTuple):
    """What is kept of a sample whose home's clock was wrong; without a boot it is not mended any more."""

    boot_number: int | None
    engine_ms: int
    told_at: datetime


def placed(
    envelope: Envelope, boot: Boot | None, reading: Reading, received_at: datetime
) -> tuple[datetime, Timing, Doubt | None]:
    """When a reading was measured as far as is known now, how far that may be trusted, and what may be mended."""
    if boot is None and reading.at <= received_at + AHEAD:
        return reading.at, Timing.RIGHT, None
    engine_ms = _measured_ms(envelope, reading)
    if boot is not None and abs(engine_ms) <= _LONGEST_MS:
        at = boot.moment(engine_ms) or received_at
        return at, _timing(boot, reading.at, at), Doubt(boot.number, engine_ms, reading.at)
    return received_at - _age(envelope.mono, reading.mono), Timing.AHEAD, Doubt(None, engine_ms, reading.at)


class Times:
    """One transaction's worth."""

    def __init__(self, connection: sa.Connection, received_at: datetime, sent: Mapping[MessageId, Sent]) -> None:
        """`sent`: when messages were sent, of those that say so."""
        self._connection = connection
        self._received_at = received_at
        self._sent = sent
        self._boots: dict[tuple[str, str, str], tuple[Boot, Boot]] = {}
        self._waiting: list[tuple[Envelope, Boot, Reading, dict[str, object]]] = []
        self._doubtful: list[dict[str, object]] = []

    def doubt(self, envelope: Envelope) -> Boot | None:
        """The boot that this message belongs to, where its clock had not been set; None where its times are right."""
        if not envelope.is_clock_unsure:
            return None
        boot = self._boot(envelope)
        # unstamped: as if it had been sent when it was made
        sent = self._sent.get(envelope.id) or Sent(boot=envelope.boot, mono=envelope.mono)
        if 0 <= sent.mono <= _LONGEST_MS:
            boot.hear(self._received_at - sent.mono * _ONE_MS, of_later_boot=sent.boot != envelope.boot)
        return boot

    def anchor(self, envelope: Envelope, message_id: int, body: ClockBody) -> None:
        """Keep the anchor; the best one of its boot mends."""
        boot, table = self._boot(envelope), schema.clock_anchors
        self._connection.execute(
            table.insert().values(
                message_id=message_id,
                boot_number=boot.number,
                mono=body.mono,
                wall=body.wall,
                error_ms=body.error_ms,
                source=body.source,
                stepped_ms=body.stepped_ms,
            )
        )
        best = self._best(boot)
        if best is not None:
            boot.by_anchor = best

    def place(self, envelope: Envelope, boot: Boot | None, reading: Reading, sample: dict[str, object]) -> None:
        """Put moment and `timing` into the row of a sample, now or at `finish`."""
        if boot is not None:
            self._waiting.append((envelope, boot, reading, sample))
            return
        self._put(envelope, None, reading, sample)

    def seen_at(self, envelope: Envelope, boot: Boot | None, alert: Alert) -> datetime | None:
        """When the alert was raised at home, as far as is known now, if not as it says: never later than possible."""
        received_at, sent = self._received_at, self._sent.get(envelope.id)
        at = alert.at if boot is None else boot.moment(alert.mono)
        if at is None:
            at = received_at - _age(envelope.mono, alert.mono)
        if sent is not None and sent.boot == envelope.boot:
            at = min(at, received_at - _age(sent.mono, alert.mono))
        at = min(at, received_at)
        return None if at == alert.at else at

    def in_time(self, envelope: Envelope, boot: Boot | None) -> Body:
        """What the message says, of a sensor, a path or a gap, with moments as far as they are known now."""
        now = None if boot is None else boot.moment(envelope.mono)
        if now is None:
            return envelope.body
        by, body = now - envelope.created_at, envelope.body
        match body:
            case StatusBody(status=status):
                shifted = msgspec.structs.replace(status, since=status.since + by, at=status.at + by)
                return StatusBody(status=shifted)
            case PathBody():
                tested_at = None if body.tested_at is None else body.tested_at + by
                return msgspec.structs.replace(body, since=body.since + by, at=body.at + by, tested_at=tested_at)
            case GapBody(first_at=first, last_at=last) if first is not None and last is not None:
                return msgspec.structs.replace(body, first_at=first + by, last_at=last + by)
            case _:
                return body

    def finish(self) -> None:
        """Mend what is stored, and give the samples that wait their moments. Comes before they are inserted."""
        for stored, boot in self._boots.values():
            self._keep(stored, boot)
        for envelope, boot, reading, sample in self._waiting:
            self._put(envelope, boot, reading, sample)
        if self._doubtful:
            self._connection.execute(schema.doubtful_samples.insert(), self._doubtful)

    # ---- inside ----

    def _put(self, envelope: Envelope, boot: Boot | None, reading: Reading, sample: dict[str, object]) -> None:
        at, timing, doubt = placed(envelope, boot, reading, self._received_at)
        sample |= {"at": at, "timing": int(timing)}
        if doubt is not None:
            names = ("message_id", "place", "series_id")
            self._doubtful.append({**{name: sample[name] for name in names}, **doubt._asdict(), "at": at})

    def _boot(self, envelope: Envelope) -> Boot:
        key = (envelope.id.gateway, envelope.id.epoch, envelope.boot)
        if key not in self._boots:
            found = self._load(key) or self._meet(key)
            self._boots[key] = (replace(found), found)
        return self._boots[key][1]

    def _load(self, key: tuple[str, str, str]) -> Boot | None:
        table = schema.boots
        where = (table.c.gateway_id == key[0], table.c.epoch == key[1], table.c.boot == key[2])
        row = self._connection.execute(sa.select(*boot_columns()).where(*where)).first()
        return None if row is None else boot_in(row)

    def _meet(self, key: tuple[str, str, str]) -> Boot:
        table = schema.boots
        values = {"gateway_id": key[0], "epoch": key[1], "boot": key[2]}
        insert = table.insert().values(values).returning(table.c.boot_number)
        return Boot(number=self._connection.execute(insert).scalar_one())

    def _best(self, boot: Boot) -> datetime | None:
        """By the best anchor of all that have come; one that was in the future when it came is none, nor is 1970."""
        table, messages = schema.clock_anchors, schema.messages
        rows = self._connection.execute(
            sa.select(table.c.mono, table.c.wall, table.c.error_ms, messages.c.received_at)
            .join_from(table, messages)
            .where(table.c.boot_number == boot.number, table.c.mono.between(0, _LONGEST_MS))
        )
        known = [row for row in rows if EARLIEST <= row.wall <= row.received_at + AHEAD]
        if not known:
            return None
        first = min(row.mono for row in known)
        best = min(known, key=lambda row: (row.error_ms + (row.mono - first) / _DRIFT, row.mono, row.wall))
        zero: datetime = best.wall - best.mono * _ONE_MS
        return zero

    def _keep(self, stored: Boot, boot: Boot) -> None:
        boot.by_arrival = _worth(stored.by_arrival, boot.by_arrival)
        boot.by_later_boot = _worth(stored.by_later_boot, boot.by_later_boot)
        if boot == stored:
            return
        table = schema.boots
        self._connection.execute(
            table.update()
            .where(table.c.boot_number == boot.number)
            .values(
                zero_by_anchor=boot.by_anchor,
                zero_by_arrival=boot.by_arrival,
                zero_by_later_boot=boot.by_later_boot,
            )
        )
        if boot.zero is not None and (boot.zero, boot.timing) != (stored.zero, stored.timing):
            mend(self._connection, boot.number, boot.zero, boot.timing)


def with_boots(of: sa.Select[tuple[object, ...]]) -> sa.Select[tuple[object, ...]]:
    """The same selection of alerts, with what `boot_in` needs."""
    return of.add_columns(*boot_columns()).join_from(schema.alerts, schema.boots, isouter=True)


def boot_columns() -> tuple[sa.Column[object], ...]:
    """What `boot_in` needs."""
    table = schema.boots
    return table.c.boot_number, table.c.zero_by_anchor, table.c.zero_by_arrival, table.c.zero_by_later_boot


def boot_in(row: sa.Row[*tuple[object, ...]]) -> Boot | None:
    """The boot in a row of such a selection; None where the clock of the home was right."""
    if row.boot_number is None:
        return None
    return Boot(row.boot_number, row.zero_by_anchor, row.zero_by_arrival, row.zero_by_later_boot)


def told_of(alert: Alert, received_at: datetime, boot: Boot | None) -> tuple[Alert, Timing]:
    """The alert with the times that are known now, and how far they may be trusted."""
    if boot is None:
        if alert.at <= received_at + AHEAD:
            return alert, Timing.RIGHT
        return _moved(alert, received_at - alert.at), Timing.AHEAD
    at = boot.moment(alert.mono)
    if at is None:
        return alert, Timing.ESTIMATED
    moved = _moved(alert, at - alert.at)
    evidence = tuple(
        msgspec.structs.replace(reading, at=boot.moment(reading.mono) or reading.at) for reading in moved.evidence
    )
    return msgspec.structs.replace(moved, evidence=evidence), _timing(boot, alert.at, at)


def _worth(before: datetime | None, after: datetime | None) -> datetime | None:
    return before if before is not None and after is not None and before - after < _WORTH else after


def _moved(alert: Alert, by: timedelta) -> Alert:
    evidence = tuple(msgspec.structs.replace(reading, at=_shifted(reading.at, by)) for reading in alert.evidence)
    return msgspec.structs.replace(alert, at=alert.at + by, since=alert.since + by, evidence=evidence)


def _shifted(at: datetime, by: timedelta) -> datetime:
    """What a device's own calendar says may be the end of all calendars."""
    try:
        return at + by
    except OverflowError:
        return at


def _timing(boot: Boot, told_at: datetime, at: datetime) -> Timing:
    is_right = boot.timing is Timing.MENDED and abs(told_at - at) <= AGREES
    return Timing.RIGHT if is_right else boot.timing


def _measured_ms(envelope: Envelope, reading: Reading) -> int:
    """The engine time at which it was measured: for what a device kept, its age by the home's clock counts."""
    if not reading.is_late:
        return reading.mono
    return envelope.mono - (envelope.created_at - reading.at) // _ONE_MS


def _age(later_ms: int, earlier_ms: int) -> timedelta:
    return min(max(later_ms - earlier_ms, 0), _LONGEST_MS) * _ONE_MS
