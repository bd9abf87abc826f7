"""What is personal and ends by itself: kind by kind, a page at a time; of a case that is open or held nothing.

First a page is looked up, by whoever reads; then what is on it ends, in a transaction that asks once more whether it
may. Whoever is killed between two pages goes on with the next one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import msgspec
import sqlalchemy as sa

from community.store import case_schema, dispatch_schema, retention_cases, schema, seals
from community.store import people_erasure_cases as erasure
from community.store.handovers import Screen
from community.store.log_in_schema import log_in_failures, spent_nonces
from community.store.people_access import Act, note
from community.store.people_left import OVER
from community.store.people_schema import access_log, erased_alerts, register_changes
from community.store.register_tries import TRIED
from community.store.rights_schema import right_changes

AT_ONCE = 200
"""Rows of a page: well under a tenth of a second of the writer, so that an alarm waits for no more."""
FEW = 20
"""Cases with all that is theirs, or photos, of a page: 20 cases with 50 alerts each were measured at 40 to 60 ms."""
SLICE = 20_000
"""Rows that one statement looks through, however few of them are over: it stays within the time-out of a statement
(community.store.engines), whatever ten years have left in the table."""
SPENT_AFTER = timedelta(days=1)
"""Sessions, links, nonces and failures that have run out are good for nothing; a day is for who looks into a fault."""
LETTERS = "unreadable messages"
Key = tuple[int | str | bytes, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What of a slice may end. `last`: the last key that was looked at; None: there is no more."""

    keys: tuple[Key, ...]
    last: Key | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Something that ends. `setting`: of community.yaml (retention); empty: as soon as it is good for nothing."""

    name: str
    setting: str
    look: Callable[[sa.Connection, datetime, Key | None], Page]
    end: Callable[[sa.Connection, Sequence[Key], datetime, datetime], int]
    """Connection, keys, what lies before when, now: how many ended."""


def _photos(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    photos, cases = dispatch_schema.case_photos, schema.incidents
    query = sa.select(photos.c.photo_id).join(cases, cases.c.incident_id == photos.c.incident_id)
    there = query.where(photos.c.body.is_not(None), *retention_cases.ended(before))
    return _paged(connection, there, (photos.c.photo_id,), after, FEW)


def _end_photos(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    photos = dispatch_schema.case_photos
    these = photos.c.photo_id.in_(_first(keys))
    cases = frozenset(connection.scalars(sa.select(photos.c.incident_id).where(these)))
    free = photos.c.incident_id.in_(sorted(retention_cases.free(connection, cases, before)))
    return connection.execute(
        sa.update(photos).where(these, free, photos.c.body.is_not(None)).values(body=None)
    ).rowcount


def _calls(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    calls, attempts, cases = case_schema.notices, case_schema.attempts, schema.incidents
    links = dispatch_schema.responder_links
    tried = sa.select(attempts.c.attempt_id).where(
        attempts.c.notice_id == calls.c.notice_id, attempts.c.person != erasure.ERASED
    )
    theirs = sa.select(calls.c.notice_id).where(calls.c.incident_id == cases.c.incident_id, erasure.is_theirs())
    told = theirs.where((calls.c.to_whom != "") | tried.exists()).exists()
    linked = sa.select(links.c.token_hash).where(links.c.incident_id == cases.c.incident_id).exists()
    query = sa.select(cases.c.incident_id).where(*retention_cases.ended(before), told | linked)
    return _paged(connection, query, (cases.c.incident_id,), after, FEW)


def _end_calls(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    cases = retention_cases.free(connection, _numbers(keys), before)
    erasure.forget_calls(connection, cases)
    links = dispatch_schema.responder_links
    connection.execute(sa.delete(links).where(links.c.incident_id.in_(sorted(cases))))
    return len(cases)


def _cases(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    return _paged(connection, retention_cases.over(before), (schema.incidents.c.incident_id,), after, FEW)


def _end_cases(connection: sa.Connection, keys: Sequence[Key], before: datetime, now: datetime) -> int:
    cases = retention_cases.whole(connection, _numbers(keys), before)
    if cases:
        retention_cases.end(connection, cases, now)
    return len(cases)


def _alone(before: datetime) -> "sa.Select[tuple[str, str]]":
    alerts, done = schema.alerts, erased_alerts
    gone = sa.select(done.c.alert_id).where(
        done.c.gateway_id == alerts.c.gateway_id, done.c.alert_id == alerts.c.alert_id
    )
    old = (alerts.c.incident_id.is_(None), alerts.c.received_at < before, ~gone.exists())
    return sa.select(alerts.c.gateway_id, alerts.c.alert_id).where(*old)


def _alerts(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    return _paged(connection, _alone(before), (schema.alerts.c.gateway_id, schema.alerts.c.alert_id), after)


def _end_alerts(connection: sa.Connection, keys: Sequence[Key], before: datetime, now: datetime) -> int:
    these = sa.tuple_(schema.alerts.c.gateway_id, schema.alerts.c.alert_id).in_(list(keys))
    found = connection.execute(_alone(before).with_only_columns(schema.alerts).where(these)).all()
    if not found:
        return 0
    access_id = note(connection, Act.ERASURE, actor=retention_cases.BY, at=now, reason=retention_cases.REASON)
    return erasure.forget_whole(connection, found, access_id, OVER)


def _handovers(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    table = dispatch_schema.handovers
    query = sa.select(table.c.handover_id, table.c.words, table.c.body).where(table.c.begun_at < before)
    rows, last = _rows(connection, query, (table.c.handover_id,), after)
    there = {}
    for row in rows:
        screen = _screen.decode(row.body)
        if row.words or screen.notes or screen.changes:
            there[row.handover_id] = {one.incident_id for one in screen.rows} | {
                one.incident_id for one in screen.notes
            }
    named = {number for numbers in there.values() for number in numbers}
    kept = named - retention_cases.free(connection, named, before)
    return Page(keys=tuple((number,) for number, of in there.items() if not of & kept), last=last)


def _end_handovers(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    """Which cases went over stays; who was away, and all words, go."""
    table = dispatch_schema.handovers
    start = (min(_numbers(keys)) - 1,) if keys else None
    still = {key for key in _handovers(connection, before, start).keys if key in set(keys)}
    for row in connection.execute(sa.select(table).where(table.c.handover_id.in_(_first(sorted(still))))).all():
        bare = msgspec.structs.replace(_screen.decode(row.body), notes=(), changes=())
        values = {"words": "", "body": msgspec.json.encode(bare)}
        connection.execute(sa.update(table).where(table.c.handover_id == row.handover_id).values(values))
    return len(still)


def _commands(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    table = schema.commands_done
    query = sa.select(table.c.command_id, table.c.answer).where(table.c.done_at < before)
    rows, last = _rows(connection, query, (table.c.command_id,), after)
    return Page(keys=_free_answers(connection, rows, before), last=last)


def _end_commands(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    table = schema.commands_done
    old = table.c.command_id.in_(_first(keys)) & (table.c.done_at < before)
    query: sa.Select[tuple[object, ...]] = sa.select(table.c.command_id, table.c.answer).where(old)
    free = _first(_free_answers(connection, connection.execute(query).all(), before))
    return connection.execute(sa.delete(table).where(table.c.command_id.in_(free))).rowcount


def _free_answers(
    connection: sa.Connection, rows: Sequence["sa.Row[tuple[object, ...]]"], before: datetime
) -> tuple[Key, ...]:
    """Those that show no case, or one of which something may end."""
    of = {row.command_id: erasure.answered(row.answer) for row in rows}
    cases = {number for number in of.values() if number is not None}
    kept = cases - retention_cases.free(connection, cases, before)
    return tuple((name,) for name, number in of.items() if number not in kept)


def _letters(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    table = schema.dead_letters
    query = sa.select(table.c.letter_id).where(table.c.last_at < before)
    return _paged(connection, query, (table.c.letter_id,), after)


def _end_letters(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    """How often they came, so that the count of arrivals never falls (community.store.gauges)."""
    table = schema.dead_letters
    these = table.c.letter_id.in_(_first(keys)) & (table.c.last_at < before)
    return sum(connection.scalars(sa.delete(table).where(these).returning(table.c.times)).all())


def _reasons_over(before: datetime) -> "sa.ColumnElement[bool]":
    table, cases = access_log, schema.incidents
    of_it = sa.select(cases.c.incident_id).where(cases.c.incident_id == table.c.incident_id)
    kept = of_it.where(~sa.and_(*retention_cases.ended(before))).exists()
    return sa.and_(table.c.at < before, table.c.salt.is_not(None), ~kept)


def _reasons(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    query = sa.select(access_log.c.access_id).where(_reasons_over(before))
    return _paged(connection, query, (access_log.c.access_id,), after)


def _end_reasons(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    these = access_log.c.access_id.in_(_first(keys)) & _reasons_over(before)
    return connection.execute(sa.update(access_log).where(these).values(salt=None, reason=None)).rowcount


def _changes_over(before: datetime) -> "sa.ColumnElement[bool]":
    return sa.and_(right_changes.c.at < before, right_changes.c.detail != "")


def _changes(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    query = sa.select(right_changes.c.change_id).where(_changes_over(before))
    return _paged(connection, query, (right_changes.c.change_id,), after)


def _end_changes(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    these = right_changes.c.change_id.in_(_numbers(keys)) & _changes_over(before)
    numbers = connection.scalars(sa.select(right_changes.c.change_id).where(these)).all()
    for number in numbers:
        seals.forget_words(connection, right_changes, number)
    return len(numbers)


def _register_over(before: datetime) -> "sa.ColumnElement[bool]":
    """A number that was tried stands in its entry: as long as it is known, it is known that nobody answered."""
    table = register_changes
    said = sa.or_(table.c.before.is_not(None), table.c.after.is_not(None), table.c.reason.is_not(None))
    return sa.and_(table.c.at < before, said, table.c.field != TRIED)


def _register(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
    query = sa.select(register_changes.c.change_id).where(_register_over(before))
    return _paged(connection, query, (register_changes.c.change_id,), after)


def _end_register(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
    these = register_changes.c.change_id.in_(_first(keys)) & _register_over(before)
    nothing = {"before": None, "after": None, "reason": None}
    return connection.execute(sa.update(register_changes).where(these).values(nothing)).rowcount


def _gone(
    table: sa.Table, at: str
) -> tuple[
    Callable[[sa.Connection, datetime, Key | None], Page],
    Callable[[sa.Connection, Sequence[Key], datetime, datetime], int],
]:
    """Rows that are taken away whole, by this moment of theirs."""
    (key,) = table.primary_key.columns

    def look(connection: sa.Connection, before: datetime, after: Key | None) -> Page:
        return _paged(connection, sa.select(key).where(table.c[at] < before), (key,), after)

    def end(connection: sa.Connection, keys: Sequence[Key], before: datetime, _: datetime) -> int:
        these = key.in_(_first(keys)) & (table.c[at] < before)
        return connection.execute(sa.delete(table).where(these)).rowcount

    return look, end


def _kind(name: str, setting: str, table: sa.Table, at: str) -> Kind:
    look, end = _gone(table, at)
    return Kind(name=name, setting=setting, look=look, end=end)


KINDS = (
    Kind(name="photos", setting="photo_days", look=_photos, end=_end_photos),
    Kind(name="calls", setting="call_days", look=_calls, end=_end_calls),
    Kind(name="hand-overs", setting="hand_over_days", look=_handovers, end=_end_handovers),
    Kind(name="answers to orders", setting="command_days", look=_commands, end=_end_commands),
    Kind(name=LETTERS, setting="letter_days", look=_letters, end=_end_letters),
    _kind("absences", "duty_days", dispatch_schema.absences, "ends_at"),
    _kind("who did not come", "duty_days", dispatch_schema.no_shows, "starts_at"),
    Kind(name="old entries of the register", setting="register_days", look=_register, end=_end_register),
    Kind(name="cases", setting="case_days", look=_cases, end=_end_cases),
    Kind(name="alarms without a case", setting="case_days", look=_alerts, end=_end_alerts),
    Kind(name="reasons of looks", setting="case_days", look=_reasons, end=_end_reasons),
    Kind(name="details of changes", setting="case_days", look=_changes, end=_end_changes),
    _kind("sessions", "", schema.login_sessions, "expires_at"),
    _kind("log-in links", "", schema.login_links, "expires_at"),
    _kind("nonces", "", spent_nonces, "until"),
    _kind("failed log-ins", "", log_in_failures, "last_at"),
)


def _paged(
    connection: sa.Connection,
    query: "sa.Select[tuple[object, ...]]",
    key: "tuple[sa.ColumnElement[object], ...]",
    after: Key | None,
    most: int = AT_ONCE,
) -> Page:
    rows, last = _rows(connection, query, key, after, most)
    return Page(keys=tuple(cast("Key", tuple(row)) for row in rows), last=last)


def _rows(
    connection: sa.Connection,
    query: "sa.Select[tuple[object, ...]]",
    key: "tuple[sa.ColumnElement[object], ...]",
    after: Key | None,
    most: int = AT_ONCE,
) -> tuple[Sequence["sa.Row[tuple[object, ...]]"], Key | None]:
    """Those after a key, in order, of the next SLICE of rows; the key begins each row. And the key up to which was
    looked, where there may be more."""
    until = end_of_slice(connection, key, after)
    if after is not None:
        query = query.where(_past(key, after))
    if until is not None:
        query = query.where(_up_to(key, until))
    limit = min(most, AT_ONCE)
    rows = connection.execute(query.order_by(*key).limit(limit)).all()
    return rows, cast("Key", tuple(rows[-1])[: len(key)]) if len(rows) == limit else until


def end_of_slice(
    connection: sa.Connection, key: "tuple[sa.ColumnElement[object], ...]", after: Key | None
) -> Key | None:
    """The key of the last of the SLICE rows after a key, whatever they are; None where there are fewer."""
    rows = sa.select(*key) if after is None else sa.select(*key).where(_past(key, after))
    last = connection.execute(rows.order_by(*key).offset(SLICE - 1).limit(1)).first()
    return None if last is None else cast("Key", tuple(last))


def _past(key: "tuple[sa.ColumnElement[object], ...]", value: Key) -> "sa.ColumnElement[bool]":
    return sa.tuple_(*key) > value if len(key) > 1 else key[0] > value[0]


def _up_to(key: "tuple[sa.ColumnElement[object], ...]", value: Key) -> "sa.ColumnElement[bool]":
    return sa.tuple_(*key) <= value if len(key) > 1 else key[0] <= value[0]


def _first(keys: Sequence[Key]) -> list[int | str | bytes]:
    return [key[0] for key in keys]


def _numbers(keys: Sequence[Key]) -> list[int]:
    return [number for number in _first(keys) if isinstance(number, int)]


_screen = msgspec.json.Decoder(Screen)
