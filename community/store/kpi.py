"""Figures and scores on disk. What they are made of follows from the audit log, a batch of entries at a time.

`from_tables` reads what pages show; `from_log` reads the sealed entries alone. Both must give the same (S20).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
import sqlalchemy as sa

from community.casefile import Colour, Excused, Step
from community.kpi_facts import CardKey, CaseFacts, Drawn, History, Sealed, TimedStep, history_of
from community.kpi_months import Window
from community.scores import Belonging
from community.store import case_schema, chain, dispatch_schema, links, quality_schema, schema
from community.store.belonging import bound_to
from community.store.kpi_memory import Memory, span_of
from community.store.pairs import words_of
from shouwang.alert import Severity
from shouwang.errors import DecodeError

BATCH = 2000
"""Entries that one transaction reads: a few tens of milliseconds, so that no alarm waits behind it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """Everything that figures and scores of a span are made of; test calls are left out already of steps and cards."""

    facts: tuple[CaseFacts, ...]
    timed_steps: tuple[TimedStep, ...]
    cards: tuple[Drawn, ...]


# ---- the log comes in ----


def catch_up(connection: sa.Connection, limit: int = BATCH) -> tuple[History, ...]:
    """Take in the next entries of the log; the cases that have moved. Empty: there was nothing new to count."""
    found = []
    for incident_id, seq in _moved(connection, limit):
        history = _history(connection, incident_id, seq)
        _forget(connection, incident_id)
        _keep(connection, incident_id, seq, history)
        if history is not None:
            found.append(history)
    return tuple(found)


def is_behind(connection: sa.Connection) -> bool:
    """Whether the log has entries that were not taken in."""
    return bool(_moved(connection, 1))


def _moved(connection: sa.Connection, limit: int | None) -> list[tuple[int, int]]:
    """The cases of the next entries, each with the last of these."""
    facts, events = quality_schema.case_facts, schema.incident_events
    done = connection.execute(sa.select(sa.func.max(facts.c.seq))).scalar() or 0
    new = sa.select(events.c.seq, events.c.incident_id).where(events.c.seq > done).order_by(events.c.seq).limit(limit)
    return sorted({row.incident_id: row.seq for row in connection.execute(new)}.items())


def _history(connection: sa.Connection, incident_id: int, seq: int) -> History | None:
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.body).where(events.c.incident_id == incident_id, events.c.seq <= seq).order_by(events.c.seq)
    )
    return _read(incident_id, [sealed_entry(row.body) for row in rows])


def _forget(connection: sa.Connection, incident_id: int) -> None:
    for table in (quality_schema.timed_steps, quality_schema.case_facts):
        connection.execute(table.delete().where(table.c.incident_id == incident_id))


def _keep(connection: sa.Connection, incident_id: int, seq: int, history: History | None) -> None:
    """A case without figures leaves a row that says so: the log is read on from there."""
    facts = None if history is None else history.facts
    connection.execute(
        quality_schema.case_facts.insert().values(
            incident_id=incident_id,
            seq=seq,
            opened_at=schema.EARLIEST if facts is None else facts.opened_at,
            ended_at=schema.EARLIEST if facts is None else facts.ended_at,
            is_test=facts is not None and facts.is_test,
            body=msgspec.json.encode(facts),
        )
    )
    if history is not None and history.timed_steps:
        rows = [msgspec.structs.asdict(run) for run in history.timed_steps]
        connection.execute(quality_schema.timed_steps.insert(), rows)


# ---- what pages read ----


def from_tables(connection: sa.Connection, window: Window, memory: Memory | None = None) -> Material:
    """The cases that were open in the span, and their timed steps; the cards that were drawn in it.

    What the log has beyond the tables is read from it: a page is never older than the case that it names. `memory`: of
    whoever asks again and again; it changes no number. Without one everything is read anew.
    """
    memory = memory or Memory()
    fresh, known = _fresh(connection, memory), span_of(connection, window, memory)
    kept = known.facts if not fresh else [one for one in known.facts if one.incident_id not in fresh]
    ran = known.runs if not fresh else [run for run in known.runs if run.incident_id not in fresh]
    new = [one for one in fresh.values() if one is not None and _is_of(one, window)]
    return Material(
        facts=tuple(sorted([*kept, *(one.facts for one in new)], key=lambda one: one.incident_id)),
        timed_steps=(*ran, *(run for one in new if not one.facts.is_test for run in one.timed_steps)),
        cards=tuple(card for _, card in cards(connection, window)),
    )


def _fresh(connection: sa.Connection, memory: Memory) -> dict[int, History | None]:
    """The cases of which the log has more than the tables. Entries never change, nor does what they make."""
    before, found = memory.histories, dict[int, tuple[int, History | None]]()
    for number, seq in _moved(connection, None):
        known = before.get(number)
        if known is None or known[0] != seq:
            known = seq, _history(connection, number, seq)
        found[number] = known
    memory.histories = found
    return {number: history for number, (_, history) in found.items()}


def _is_of(history: History, window: Window) -> bool:
    facts = history.facts
    return facts.opened_at < window.end and (facts.ended_at is None or facts.ended_at >= window.start)


def cards(connection: sa.Connection, window: Window) -> tuple[tuple[int, Drawn], ...]:
    """The cards of the span with their numbers, excused or not, but of test calls; oldest first."""
    table, excuses, incidents = case_schema.cards, case_schema.excuses, schema.incidents
    rows = connection.execute(
        sa.select(table, excuses.c.reason_code)
        .join(incidents, incidents.c.incident_id == table.c.incident_id)
        .outerjoin(excuses, excuses.c.card_id == table.c.card_id)
        .where(table.c.at >= window.start, table.c.at < window.end, incidents.c.is_test.is_(False))
        .order_by(table.c.at, table.c.card_id)
    )
    return tuple((row.card_id, _drawn(row)) for row in rows)


def _drawn(row: sa.Row[tuple[object, ...]]) -> Drawn:
    return Drawn(
        incident_id=row.incident_id,
        version=row.version,
        step=row.step,
        colour=Colour(row.colour),
        responsible=row.responsible,
        at=row.at,
        level=row.level,
        excused=row.reason_code or "",
        organisation=row.organisation,
    )


def people(connection: sa.Connection) -> dict[str, Belonging]:
    """Where everybody belongs, by login or responder's id, as the register says today.

    A responder: his unit is the organisation, its kind the team. A login: its role is the team, and the organisation is
    the one that it is bound to, where it is bound to one alone.
    """
    users, responders, units = schema.users, dispatch_schema.responders, dispatch_schema.units
    found = {
        row.login: Belonging(team=row.role, organisation=bound_to(row.organisations))
        for row in connection.execute(sa.select(users.c.login, users.c.role, users.c.organisations))
    }
    rows = connection.execute(
        sa.select(responders.c.responder_id, units.c.unit_id, units.c.kind).join(
            units, units.c.unit_id == responders.c.unit_id
        )
    )
    return found | {row.responder_id: Belonging(team=row.kind, organisation=row.unit_id) for row in rows}


# ---- what the log says ----


def from_log(connection: sa.Connection, window: Window) -> Material:
    """The same from the sealed entries alone. Raises DecodeError where one cannot be read."""
    histories = [history for history in _histories(connection) if _is_of(history, window)]
    worked = [history for history in histories if not history.facts.is_test]
    drawn = (card for history in worked for card in history.cards if window.holds(card.at))
    return Material(
        facts=tuple(history.facts for history in histories),
        timed_steps=tuple(run for history in worked for run in history.timed_steps),
        cards=tuple(sorted(drawn, key=lambda card: (card.at, card.incident_id, card.version, card.step, card.colour))),
    )


def _histories(connection: sa.Connection) -> Iterator[History]:
    events = schema.incident_events
    query = sa.select(events.c.incident_id, events.c.body).order_by(events.c.incident_id, events.c.seq)
    with connection.execution_options(yield_per=BATCH).execute(query) as rows:
        for incident_id, group in groupby(rows, key=lambda row: row.incident_id):
            history = _read(int(incident_id), [sealed_entry(row.body) for row in group])
            if history is not None:
                yield history


def seed(connection: sa.Connection, window: Window) -> bytes:
    """The hash of the last entry sealed in the span or before it: nobody can know it while the span lasts."""
    events = schema.incident_events
    query = sa.select(events.c.hash).where(events.c.at < window.end).order_by(events.c.seq.desc()).limit(1)
    found: bytes | None = connection.execute(query).scalar()
    return found or links.GENESIS


def _read(incident_id: int, entries: Iterable[Sealed]) -> History | None:
    try:
        return history_of(entries)
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise DecodeError(f"case {incident_id}: the audit log cannot be read as steps; check it: {error}") from error


def sealed_entry(body: bytes) -> Sealed:
    """An entry of the log, as far as figures need it. Raises DecodeError."""
    try:
        entry = chain.decode_entry(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"an entry of the audit log cannot be read; check it: {error}") from error
    event = entry.event
    told = Sealed(incident_id=entry.incident_id, version=entry.version, at=entry.at)
    if isinstance(event, Step):
        return msgspec.structs.replace(told, event=event)
    if isinstance(event, Excused):
        key = CardKey(version=event.version, step=event.step, colour=event.colour)
        return msgspec.structs.replace(told, excused=key, code=event.code)
    return told


def open_now(
    connection: sa.Connection, homes: Sequence[str] | None = None
) -> tuple[tuple[Severity, int, datetime], ...]:
    """How many cases are open in each priority, and since when the oldest of them is. `homes`: of these alone."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.priority, sa.func.count().label("number"), sa.func.min(table.c.opened_at).label("oldest"))
        .where(table.c.state != "CLOSED", table.c.is_test.is_(False))
        .where(sa.true() if homes is None else table.c.home_key.in_(sa.select(words_of(connection, homes).c.word)))
        .group_by(table.c.priority)
        .order_by(table.c.priority)
    )
    return tuple((Severity(row.priority), row.number, row.oldest) for row in rows)
