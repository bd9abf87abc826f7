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

from community import engine, first_cases
from community.alert_refs import AlertRef
from community.casefile import Case, Denied, Directed, Excused, Reviewed, Step
from community.first_cases import FirstCase, FirstEvent, FirstState
from community.store import people_access, schema, seals
from community.store.group import recall, remember, write_later
from community.store.links import GENESIS, OTHER_COLUMNS, Walk, seal, unreadable, words_digest
from community.store.links import at as fault_at
from community.store.people_left import left_of_alert
from shouwang.alert import Severity
from shouwang.bilingual import Bilingual, both
from shouwang.errors import IllegalMove
from shouwang.reading import Moment

_BATCH = 500

Event = Step | Denied | Excused | Reviewed | Directed
AnyEvent = Event | FirstEvent


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One link. `version`, `state` and `priority` are those of the case after the event."""

    seq: int
    incident_id: int
    version: int
    at: Moment
    actor: str
    state: str
    priority: Severity
    event: AnyEvent

    @property
    def kind(self) -> str:
        """The name of the step, e.g. `opened`; of what was not carried out `denied`."""
        return self.event.name if isinstance(self.event, Step) else str(self.event.__struct_config__.tag)


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What a check of the whole chain found; `head` is the last hash (hex), to be compared with one kept elsewhere."""

    entries: int
    head: str
    faults: tuple[str, ...]
    changes: int = 0
    changes_head: str = GENESIS.hex()
    """Those of the chain of changes (community.store.seals)."""


def decode_entry(body: bytes) -> Entry:
    """Raises msgspec.DecodeError where the bytes are no entry."""
    return _decoder.decode(body)


def append(
    connection: sa.Connection, incident_id: int, after: Case, event: Event, *, at: datetime, actor: str
) -> Entry:
    """Seal one more event of a case that is `after` it."""
    seq, previous = recall(connection, _HEAD, lambda: head(connection))
    entry = Entry(
        seq=seq + 1,
        incident_id=incident_id,
        version=after.version,
        at=at,
        actor=actor,
        state=after.state,
        priority=after.priority,
        event=event,
    )
    body = _encoder.encode(entry)
    sealed = seal(previous, body)
    write_later(
        connection,
        _SEALED,
        {
            "seq": entry.seq,
            "incident_id": incident_id,
            "version": entry.version,
            "kind": entry.kind,
            "actor": actor,
            "at": at,
            "body": body,
            "prev_hash": previous,
            "hash": sealed,
        },
    )
    remember(connection, _HEAD, (entry.seq, sealed))
    return entry


def head(connection: sa.Connection) -> tuple[int, bytes]:
    """The number and the hash of the last entry."""
    row = connection.execute(_LAST).first()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def holds(connection: sa.Connection, head: tuple[int, bytes]) -> bool:
    """Whether this was the last entry once: a database that was set back counts the same numbers anew."""
    events = schema.incident_events
    number, sealed = head
    found = connection.execute(sa.select(events.c.hash).where(events.c.seq == number)).scalar()
    return sealed == (GENESIS if number == 0 else found)


def bytes_digest(body: bytes) -> str:
    """What the chain keeps of stored bytes."""
    return hashlib.sha256(body).hexdigest()


def entry_with(connection: sa.Connection, head_hex: str) -> int | None:
    """The number of the entry that was sealed with this hash (hex); None: no such head was ever in this record."""
    events = schema.incident_events
    found = connection.execute(sa.select(events.c.seq).where(events.c.hash == bytes.fromhex(head_hex))).scalar()
    return None if found is None else int(found)


def verify(connection: sa.Connection) -> Audit:
    """Check every link, every case against the fold of its events, every alert and every note against its digest.

    And the log of who looked at what, and the chain of changes.
    """
    check = _Check(connection)
    rows = connection.execution_options(yield_per=_BATCH).execute(
        sa.select(schema.incident_events).order_by(schema.incident_events.c.seq)
    )
    for row in rows:
        check.link(row)
    check.projections()
    changes = seals.check(connection)
    return Audit(
        entries=check.walk.number,
        head=check.walk.head.hex(),
        faults=(*check.faults, *people_access.faults(connection), *changes.faults),
        changes=changes.entries,
        changes_head=changes.head,
    )


class _Check:
    def __init__(self, connection: sa.Connection) -> None:
        self.walk = Walk()
        self.faults: list[str] = []
        self._connection = connection
        self._cases: dict[int, Case] = {}
        self._first: dict[int, FirstCase] = {}
        self._alerts: dict[tuple[str, str], int] = {}

    def link(self, row: sa.Row[tuple[object, ...]]) -> None:
        where = both("entry {number}", "第 {number} 条记录", number=row.seq)
        told = self.walk.pass_on(row.seq, body=row.body, previous=row.prev_hash, sealed=row.hash)
        self.faults.extend(fault_at(where, fault) for fault in told)
        try:
            entry = decode_entry(row.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.faults.append(fault_at(where, unreadable(error)))
            return
        said = (entry.seq, entry.incident_id, entry.version, entry.kind, entry.actor, entry.at)
        if said != (row.seq, row.incident_id, row.version, row.kind, row.actor, row.at):
            self.faults.append(fault_at(where, OTHER_COLUMNS))
        self._fold(entry, where)
        self.faults.extend(fault_at(where, fault) for fault in self._things_named_by(entry))

    def projections(self) -> None:
        for (gateway_id, alert_id), incident_id in self._alerts.items():
            if self._case_of(gateway_id, alert_id) != incident_id:
                self.faults.append(both(*_ASTRAY, alert=alert_id, case=incident_id))
        for row in self._connection.execute(sa.select(schema.incidents)):
            if not self._is_as_folded(row):
                self.faults.append(fault_at(_case(row.incident_id), _UNLIKE_ITS_EVENTS))
        missing = sorted({*self._cases, *self._first})
        self.faults.extend(fault_at(_case(number), _MISSING) for number in missing)

    def _is_as_folded(self, row: sa.Row[tuple[object, ...]]) -> bool:
        case, first = self._cases.pop(row.incident_id, None), self._first.pop(row.incident_id, None)
        if case is not None:
            is_whole = msgspec.json.encode(case) == row.body
            return is_whole and all(getattr(row, name) == value for name, value in columns_of(case).items())
        return first is not None and msgspec.json.encode(first) == row.body

    def _fold(self, entry: Entry, where: str) -> None:
        event, number = entry.event, entry.incident_id
        try:
            if isinstance(event, Step):
                after: Case | FirstCase = self._moved(number, event)
            elif isinstance(event, Denied | Excused | Reviewed | Directed):
                after = self._cases[number]
            else:
                state = FirstState(entry.state)
                after = first_cases.evolve(self._first.get(number), event, state, at=entry.at, actor=entry.actor)
                self._first[number] = after
        except (IllegalMove, KeyError, ValueError, TypeError):
            self.faults.append(fault_at(where, both(*_NOWHERE, case=number)))
            return
        if (after.version, after.state, after.priority) != (entry.version, entry.state, entry.priority):
            self.faults.append(fault_at(where, _NO_CONSEQUENCE))

    def _moved(self, number: int, step: Step) -> Case:
        before = self._cases.get(number)
        if (before is None) != (step.name in {"opened", "adopted"}):
            raise IllegalMove("no beginning, or two")
        after = engine.folded(before, step)
        if step.name == "adopted" and not _carries_on(self._first.pop(number), after):
            raise IllegalMove("not the case that was carried over")
        self._cases[number] = after
        return after

    def _things_named_by(self, entry: Entry) -> Iterator[str]:
        for ref in getattr(entry.event, "alerts", ()):
            self._alerts[ref.gateway_id, ref.alert_id] = entry.incident_id
            fault = self._alert_fault(ref)
            if fault:
                yield fault
        named = entry.event.order if isinstance(entry.event, Step | Denied) else entry.event
        note_id, digest = getattr(named, "note_id", ""), getattr(named, "digest", "")
        fault = self._note_fault(note_id, digest) if note_id and not isinstance(entry.event, Denied) else None
        if fault:
            yield fault

    def _alert_fault(self, ref: AlertRef) -> str | None:
        alerts = schema.alerts
        body = self._connection.execute(
            sa.select(alerts.c.body).where(alerts.c.gateway_id == ref.gateway_id, alerts.c.alert_id == ref.alert_id)
        ).scalar()
        if body is None:
            return both("alert {alert} is missing", "报警 {alert} 不见了", alert=ref.alert_id)
        found = bytes_digest(body)
        is_erased = left_of_alert(self._connection, ref.gateway_id, ref.alert_id) == (ref.digest, found)
        if found == ref.digest or is_erased:
            return None
        return both("alert {alert} is not the one that was sealed", "报警 {alert} 不是当时封存的", alert=ref.alert_id)

    def _case_of(self, gateway_id: str, alert_id: str) -> int | None:
        alerts = schema.alerts
        which = (alerts.c.gateway_id == gateway_id, alerts.c.alert_id == alert_id)
        return self._connection.execute(sa.select(alerts.c.incident_id).where(*which)).scalar()

    def _note_fault(self, note_id: str, digest: str) -> str | None:
        notes = schema.notes
        row = self._connection.execute(sa.select(notes.c.salt, notes.c.words).where(notes.c.note_id == note_id)).first()
        if row is None:
            return both("note {note} is missing", "备注 {note} 不见了", note=note_id)
        is_erased = row.words is None and row.salt is None
        if not is_erased and words_digest(row.salt or b"", row.words or "") != digest:
            return both("note {note} is not the one that was sealed", "备注 {note} 不是当时封存的", note=note_id)
        return None


def _case(number: int) -> str:
    return both("case {number}", "警情 {number}", number=number)


def columns_of(case: Case) -> dict[str, object]:
    """The columns of a case which are there to be searched."""
    return {
        "home_key": case.home_key,
        "lane": case.lane,
        "state": case.state,
        "priority": case.priority.value,
        "version": case.version,
        "opened_at": case.opened_at,
        "changed_at": case.changed_at,
        "workflow": case.workflow,
        "due_e": case.next_e,
        "owner": case.owner,
        "responder": case.responder,
        "rung": case.rung,
        "card": None if case.card is None else case.card.value,
        "is_test": case.is_test,
        "storm_id": case.storm,
    }


def _carries_on(first: FirstCase, case: Case) -> bool:
    told = ("home_key", "lane", "priority", "lead", "alerts", "active", "alarms", "opened_at", "is_late", "owner")
    return case.version == first.version + 1 and all(getattr(first, name) == getattr(case, name) for name in told)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
_ASTRAY = (
    "alert {alert}: is not with case {case}, where its events put it",
    "报警 {alert}：不在记录所说的警情 {case}里",
)
_NOWHERE = (
    "case {case} has no beginning, or a step that leads nowhere",
    "警情 {case}没有开头，或有一步无法成立",
)
_UNLIKE_ITS_EVENTS = Bilingual("is not what its events make of it", zh="与按记录推算出来的不一致")
_NO_CONSEQUENCE = Bilingual("does not follow from the events before it", zh="从前面的记录推不出这一步")
_MISSING = Bilingual("is missing", zh="不见了")
_HEAD = "head of the chain"
_SEALED = schema.incident_events.insert()
_LAST = (
    sa.select(schema.incident_events.c.seq, schema.incident_events.c.hash)
    .order_by(schema.incident_events.c.seq.desc())
    .limit(1)
)
