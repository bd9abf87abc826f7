"""The audit chain: every event of every case, in order, each sealed with the hash of the one before it.

`hash = SHA256(previous hash || body as stored)`. What is checked are the stored bytes, never values made anew from
columns: a database may give 1500.0 back where 1500 was hashed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import incidents
from community.alert_refs import AlertRef
from community.desk import State
from community.incidents import AlertJoined, Closed, Event, Incident, Noted, Opened, StepJoined
from community.store import schema
from shouwang.alert import Severity
from shouwang.reading import Moment

GENESIS = bytes(32)
_BATCH = 500


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One link. `version`, `state` and `priority` are those of the case after the event."""

    seq: int
    incident_id: int
    version: int
    at: Moment
    actor: str
    state: State
    priority: Severity
    event: Event

    @property
    def kind(self) -> str:
        """The name of the event, e.g. `opened`."""
        return str(self.event.__struct_config__.tag)


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What a check of the whole chain found; `head` is the last hash (hex), to be compared with one kept elsewhere."""

    entries: int
    head: str
    faults: tuple[str, ...]


def decode_entry(body: bytes) -> Entry:
    """Raises msgspec.DecodeError where the bytes are no entry."""
    return _decoder.decode(body)


def append(
    connection: sa.Connection, incident_id: int, after: Incident, event: Event, *, at: datetime, actor: str
) -> Entry:
    """Seal one more event of a case that is `after` it."""
    events = schema.incident_events
    head = connection.execute(sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)).first()
    entry = Entry(
        seq=head.seq + 1 if head else 1,
        incident_id=incident_id,
        version=after.version,
        at=at,
        actor=actor,
        state=after.state,
        priority=after.priority,
        event=event,
    )
    body = _encoder.encode(entry)
    previous = head.hash if head else GENESIS
    connection.execute(
        events.insert().values(
            seq=entry.seq,
            incident_id=incident_id,
            version=entry.version,
            kind=entry.kind,
            actor=actor,
            at=at,
            body=body,
            prev_hash=previous,
            hash=_seal(previous, body),
        )
    )
    return entry


def words_digest(salt: bytes, words: str) -> str:
    """What the chain keeps of personal words; without the salt they cannot be guessed from it."""
    return hashlib.sha256(salt + words.encode()).hexdigest()


def bytes_digest(body: bytes) -> str:
    """What the chain keeps of stored bytes."""
    return hashlib.sha256(body).hexdigest()


def verify(connection: sa.Connection) -> Audit:
    """Check every link, every case against the fold of its events, every alert and every note against its digest."""
    check = _Check(connection)
    rows = connection.execution_options(yield_per=_BATCH).execute(
        sa.select(schema.incident_events).order_by(schema.incident_events.c.seq)
    )
    for row in rows:
        check.link(row)
    check.projections()
    return Audit(entries=check.entries, head=check.head.hex(), faults=tuple(check.faults))


class _Check:
    def __init__(self, connection: sa.Connection) -> None:
        self.entries = 0
        self.head = GENESIS
        self.faults: list[str] = []
        self._connection = connection
        self._cases: dict[int, Incident] = {}

    def link(self, row: sa.Row[tuple[object, ...]]) -> None:
        self.entries += 1
        where = f"entry {row.seq}"
        if row.seq != self.entries:
            self.faults.append(f"{where}: entries are missing before it (expected {self.entries})")
            self.entries = row.seq
        if row.prev_hash != self.head:
            self.faults.append(f"{where}: does not follow the one before it")
        if _seal(row.prev_hash, row.body) != row.hash:
            self.faults.append(f"{where}: its bytes are not those that were sealed")
        self.head = row.hash
        try:
            entry = decode_entry(row.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.faults.append(f"{where}: cannot be read: {error}")
            return
        said = (entry.seq, entry.incident_id, entry.version, entry.kind, entry.actor, entry.at)
        if said != (row.seq, row.incident_id, row.version, row.kind, row.actor, row.at):
            self.faults.append(f"{where}: its columns differ from its sealed bytes")
        self._fold(entry, where)
        self.faults.extend(f"{where}: {fault}" for fault in self._things_named_by(entry))

    def projections(self) -> None:
        rows = self._connection.execute(sa.select(schema.incidents))
        for row in rows:
            case = self._cases.pop(row.incident_id, None)
            columns = (row.home_key, row.lane, row.state, row.priority, row.version, row.opened_at, row.changed_at)
            if case is None or msgspec.json.encode(case) != row.body or columns_of(case) != columns:
                self.faults.append(f"case {row.incident_id}: is not what its events make of it")
        self.faults.extend(f"case {incident_id}: is missing" for incident_id in self._cases)

    def _fold(self, entry: Entry, where: str) -> None:
        before = self._cases.get(entry.incident_id)
        if (before is None) != isinstance(entry.event, Opened):
            self.faults.append(f"{where}: case {entry.incident_id} has no beginning, or two")
            return
        after = incidents.evolve(before, entry.event, entry.state, at=entry.at, actor=entry.actor)
        self._cases[entry.incident_id] = after
        if (after.version, after.state, after.priority) != (entry.version, entry.state, entry.priority):
            self.faults.append(f"{where}: does not follow from the events before it")

    def _things_named_by(self, entry: Entry) -> Iterator[str]:
        match entry.event:
            case Opened() | AlertJoined() | StepJoined():
                yield from (fault for ref in entry.event.alerts if (fault := self._alert_fault(ref, entry)))
            case Noted() | Closed():
                fault = self._note_fault(entry.event)
                if fault:
                    yield fault

    def _alert_fault(self, ref: AlertRef, entry: Entry) -> str | None:
        alerts = schema.alerts
        row = self._connection.execute(
            sa.select(alerts.c.body, alerts.c.incident_id).where(
                alerts.c.gateway_id == ref.gateway_id, alerts.c.alert_id == ref.alert_id
            )
        ).first()
        if row is None:
            return f"alert {ref.alert_id} is missing"
        if bytes_digest(row.body) != ref.digest or row.incident_id != entry.incident_id:
            return f"alert {ref.alert_id} is not the one that was sealed"
        return None

    def _note_fault(self, event: Noted | Closed) -> str | None:
        notes = schema.notes
        row = self._connection.execute(
            sa.select(notes.c.salt, notes.c.words).where(notes.c.note_id == event.note_id)
        ).first()
        if row is None:
            return f"note {event.note_id} is missing"
        is_erased = row.words is None and row.salt is None
        if not is_erased and words_digest(row.salt or b"", row.words or "") != event.digest:
            return f"note {event.note_id} is not the one that was sealed"
        return None


def columns_of(case: Incident) -> tuple[str, str, str, str, int, datetime, datetime]:
    """The columns of a case which are there to be searched: home_key, lane, state, priority, version, two times."""
    return (
        case.home_key,
        case.lane,
        case.state.value,
        case.priority.value,
        case.version,
        case.opened_at,
        case.changed_at,
    )


def _seal(previous: bytes, body: bytes) -> bytes:
    return hashlib.sha256(previous + body).digest()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
