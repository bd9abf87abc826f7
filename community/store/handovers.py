"""A shift goes from one operator to the next: what both see, and the moment at which the second one signs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.casefile import NotNow
from community.desk import Wish
from community.store import dispatch_schema, logins, schema
from community.store.orders import carry_out
from community.workflow import workflow
from shouwang.alert import Sentence, Severity
from shouwang.reading import Moment

RECENT = timedelta(minutes=15)
"""Changes of silence and away that are shown at a hand-over (the project's incident model)."""
UNREAD_AT_MOST = timedelta(hours=24)
"""Whoever was never here before reads the notes of one day."""
_MOST = 200
_table = dispatch_schema.handovers


class OpenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case that goes over."""

    incident_id: int
    priority: Severity
    state: str
    title: Sentence
    version: int
    home_key: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Words in an open case that the next one has not read."""

    incident_id: int
    at: Moment
    by: str
    words: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody said lately who is at home."""

    gateway_id: str
    mode: str
    hours: int
    by: str
    at: Moment


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """What both see before they sign."""

    rows: tuple[OpenRow, ...]
    waiting: int
    notes: tuple[Note, ...]
    changes: tuple[Change, ...]

    @property
    def has_life(self) -> bool:
        """A life alarm is among them: nobody leaves with it."""
        return any(row.priority is Severity.P1 for row in self.rows)


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of a shift. `signed_at`: when the second one signed; the first one did by offering."""

    handover_id: int
    leaver: str
    taker: str
    begun_at: datetime
    signed_at: datetime | None
    words: str
    state: str


def owned(connection: sa.Connection, login: str) -> tuple[OpenRow, ...]:
    """His open cases, the most urgent first."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table)
        .where(table.c.owner == login, table.c.state != "CLOSED")
        .order_by(table.c.priority, table.c.opened_at)
        .limit(_MOST)
    )
    return tuple(
        OpenRow(
            incident_id=row.incident_id,
            priority=Severity(row.priority),
            state=row.state,
            title=_title(row.workflow, row.state),
            version=row.version,
            home_key=row.home_key,
        )
        for row in rows
    )


def _title(table: str, state: str) -> Sentence:
    """What people call the state."""
    found = workflow(table or "emergency").states.get(state)
    return Sentence(zh=state, en=state) if found is None else Sentence(zh=found.title.zh, en=found.title.en)


def screen(connection: sa.Connection, leaver: str, taker: str, now: datetime) -> Screen:
    """What goes over from one to the other, as it is now."""
    table = schema.incidents
    waiting = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.state != "CLOSED", table.c.owner.is_(None))
    ).scalar_one()
    return Screen(
        rows=owned(connection, leaver),
        waiting=waiting,
        notes=_unread(connection, taker, now),
        changes=_changes(connection, now),
    )


def offer(connection: sa.Connection, leaver: str, taker: str, words: str, now: datetime) -> int:
    """The leaver signs: his cases and his words go to the taker, who has not signed yet. An earlier offer is withdrawn.

    Raises IllegalMove where the taker is not signed in, or is himself.
    """
    if leaver == taker:
        raise NotNow(Sentence(zh="交班要交给另一个人", en="a shift goes to somebody else"))
    if taker not in takers(connection, leaver, now):
        raise NotNow(
            Sentence(
                zh=f"{taker} 没有登录：只能交给在岗的人",
                en=f"{taker} is not signed in: a shift goes to somebody who is here",
            )
        )
    connection.execute(_table.update().where(_open(), _table.c.leaver == leaver).values(state="withdrawn"))
    body = msgspec.json.encode(screen(connection, leaver, taker, now))
    row = connection.execute(
        _table.insert()
        .values(leaver=leaver, taker=taker, begun_at=now, words=words, body=body, state="offered")
        .returning(_table.c.handover_id)
    ).one()
    return int(row.handover_id)


_NOT_OFFERED = Sentence(
    zh="这个班没有交给您，或您已签收", en="this shift is not offered to you, or you have signed already"
)


def sign(connection: sa.Connection, handover_id: int, taker: str, now: datetime) -> tuple[int, ...]:
    """The taker signs: every open case of the leaver is his from this moment, and the leaver is logged out. Which ones.

    All or nothing: raises IllegalMove where it was not offered to him, or a case cannot go over (then none does).
    """
    row = connection.execute(sa.select(_table).where(_table.c.handover_id == handover_id, _open())).first()
    if row is None or row.taker != taker:
        raise NotNow(_NOT_OFFERED)
    seen = screen(connection, row.leaver, taker, now)
    for case in seen.rows:
        wish = Wish(
            incident_id=case.incident_id,
            command="hand_over",
            by=row.leaver,
            role="operator",
            command_id=f"handover-{handover_id}-{case.incident_id}",
            version=case.version,
            targets=(taker,),
            confirmed_by=taker,
        )
        answer = carry_out(connection, wish, now)
        if answer.row is None:
            number, why = case.incident_id, answer.refusal
            raise NotNow(
                Sentence(
                    zh=f"{number} 号警情现在不能移交：{answer.zh or why}", en=f"case {number} cannot go over now: {why}"
                )
            )
    connection.execute(
        _table.update()
        .where(_table.c.handover_id == handover_id)
        .values(state="done", signed_at=now, body=msgspec.json.encode(seen))
    )
    leaver = logins.of(connection, row.leaver)
    if leaver is not None:  # or he might go on acknowledging alarms for which nobody of this shift stands
        logins.end_all(connection, leaver[0].user_id)
    return tuple(case.incident_id for case in seen.rows)


def withdraw(connection: sa.Connection, handover_id: int, by: str) -> None:
    """Either of the two says no: the shift stays where it is."""
    either = sa.or_(_table.c.leaver == by, _table.c.taker == by)
    connection.execute(
        _table.update().where(_table.c.handover_id == handover_id, _open(), either).values(state="withdrawn")
    )


def offered(connection: sa.Connection, login: str) -> tuple[Handover, ...]:
    """Offers that he made or that wait for his signature."""
    either = sa.or_(_table.c.leaver == login, _table.c.taker == login)
    rows = connection.execute(sa.select(_table).where(_open(), either).order_by(_table.c.handover_id))
    return tuple(handover_of(row) for row in rows)


def done(connection: sa.Connection, limit: int = 20) -> tuple[Handover, ...]:
    """Shifts that went over, the newest first."""
    rows = connection.execute(
        sa.select(_table).where(_table.c.state == "done").order_by(_table.c.signed_at.desc()).limit(limit)
    )
    return tuple(handover_of(row) for row in rows)


def takers(connection: sa.Connection, leaver: str, now: datetime) -> tuple[str, ...]:
    """Who is signed in and may work on cases, but for himself."""
    users, sessions = schema.users, schema.login_sessions
    rows = connection.execute(
        sa.select(users.c.login)
        .join(sessions, sessions.c.user_id == users.c.user_id)
        .where(sessions.c.expires_at > now, users.c.role.in_(("operator", "supervisor")), users.c.login != leaver)
        .distinct()
        .order_by(users.c.login)
    )
    return tuple(rows.scalars())


def _unread(connection: sa.Connection, taker: str, now: datetime) -> tuple[Note, ...]:
    """Notes in open cases since the taker last handed a shift over."""
    left_at = connection.execute(
        sa.select(sa.func.max(_table.c.signed_at)).where(_table.c.leaver == taker, _table.c.state == "done")
    ).scalar()
    since = max(left_at or now - UNREAD_AT_MOST, now - UNREAD_AT_MOST)
    return tuple(_notes_since(connection, taker, since))


def _notes_since(connection: sa.Connection, taker: str, since: datetime) -> Sequence[Note]:
    events, cases, notes = schema.incident_events, schema.incidents, schema.notes
    rows = connection.execute(
        sa.select(events.c.incident_id, events.c.at, events.c.actor, events.c.body)
        .join(cases, cases.c.incident_id == events.c.incident_id)
        .where(events.c.kind == "note", events.c.at > since, events.c.actor != taker, cases.c.state != "CLOSED")
        .order_by(events.c.seq.desc())
        .limit(_MOST)
    ).all()
    ids = {row.body: _note_id.decode(row.body).event.order.note_id for row in rows}
    words = {
        row.note_id: row.words or ""
        for row in connection.execute(sa.select(notes).where(notes.c.note_id.in_(sorted(set(ids.values())))))
    }
    return [
        Note(incident_id=row.incident_id, at=row.at, by=row.actor, words=words.get(ids[row.body], "")) for row in rows
    ]


def _changes(connection: sa.Connection, now: datetime) -> tuple[Change, ...]:
    table = schema.mode_orders
    rows = connection.execute(
        sa.select(table).where(table.c.at > now - RECENT).order_by(table.c.at.desc()).limit(_MOST)
    )
    return tuple(
        Change(gateway_id=row.gateway_id, mode=row.mode, hours=row.hours, by=row.actor, at=row.at) for row in rows
    )


def _open() -> sa.ColumnElement[bool]:
    return _table.c.state == "offered"


def handover_of(row: sa.Row[tuple[object, ...]]) -> Handover:
    """What its row tells."""
    return Handover(
        handover_id=row.handover_id,
        leaver=row.leaver,
        taker=row.taker,
        begun_at=row.begun_at,
        signed_at=row.signed_at,
        words=row.words,
        state=row.state,
    )


class _Order(msgspec.Struct):
    note_id: str = ""


class _Event(msgspec.Struct):
    order: _Order = msgspec.field(default_factory=_Order)


class _Noted(msgspec.Struct):
    event: _Event


_note_id = msgspec.json.Decoder(_Noted)
