"""What desks told of their sound: the first ring of a case at a person's desk, and the newest word of each desk."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from community.rights import Right
from community.rings import GRACE, Cause, DeskSound, Mute, Report, Rung, Taken
from community.store import rights, schema
from community.store.reach import CONSOLE_SEEN_WITHIN
from community.store.ring_schema import case_rings, desk_sounds
from community.users import Role, User
from shouwang.alert import Severity

MOST_DESKS = 500
"""Desks of one case or shift that are looked at: twice as many as may hold a stream (community.web.events)."""
_Row = dict[str, object]
_AT_THE_DESK = (Role.OPERATOR.value, Role.SUPERVISOR.value)


def sort_out(
    connection: sa.Connection, user: User, reports: Collection[Report], now: datetime
) -> tuple[tuple[Report, ...], Taken]:
    """Those of cases that he may work on; and of which cases the others were."""
    homes = rights.homes_of(connection, {one.incident_id for one in reports})
    his = rights.visible(connection, user, Right.WORK_CASES, homes.values(), now)
    kept = tuple(one for one in reports if homes.get(one.incident_id) in his)
    return kept, Taken(
        kept=len(kept),
        unknown=tuple(sorted({one.incident_id for one in reports} - homes.keys())),
        refused=tuple(sorted(number for number, home in homes.items() if home not in his)),
    )


def keep(connection: sa.Connection, user: User, reports: Collection[Report], now: datetime) -> None:
    """Of each case what came first, of the desk what came last. All of them are his."""
    before = _known(connection, user, {one.incident_id for one in reports})
    after = {number: dict(row) for number, row in before.items()}
    newest: _Row = {}
    for one in reports:
        row = after.setdefault(one.incident_id, {})
        if one.mute is not None and row.get("rang_at") is not None:
            continue  # another browser of his rang
        newest |= {"rang_at": now} if one.mute is None else {"mute_at": now, "mute": one.mute.value}
        if row.get("rang_at" if one.mute is None else "mute_at") is None:
            row |= _told(one, now)
    _write(connection, user, before, after)
    if newest:
        _note_desk(connection, user, newest)


def of_case(connection: sa.Connection, incident_id: int) -> tuple[Rung, ...]:
    """The desks that told of this case, in the order in which they told."""
    first = sa.func.coalesce(case_rings.c.rang_at, case_rings.c.mute_at)
    rows = connection.execute(
        sa.select(schema.users.c.login, case_rings)
        .join(schema.users, schema.users.c.user_id == case_rings.c.user_id)
        .where(case_rings.c.incident_id == incident_id)
        .order_by(first, schema.users.c.login)
        .limit(MOST_DESKS)
    )
    return tuple(
        Rung(
            login=row.login,
            rang_at=row.rang_at,
            cause=None if row.cause is None else Cause(row.cause),
            seq=row.rang_seq,
            after_ms=row.after_ms,
            was_visible=row.was_visible,
            mute_at=row.mute_at,
            mute=None if row.mute is None else Mute(row.mute),
        )
        for row in rows
    )


def desks(connection: sa.Connection, now: datetime) -> tuple[DeskSound, ...]:
    """Those on shift with an open console, by login; what was told before this session says nothing of it."""
    return tuple(
        DeskSound(login=row.login, rang_at=row.rang_at, mute_at=row.mute_at, mute=row.mute and Mute(row.mute))
        for row in connection.execute(_on_shift(now))
    )


def mute_for_life(connection: sa.Connection, now: datetime) -> tuple[int, bool]:
    """How many desks on shift are mute, and whether a life alarm that waits was heard at none because of them."""
    mute = [one.login for one in desks(connection, now) if one.is_mute]
    if not mute:
        return 0, False
    cases, users, other = schema.incidents, schema.users, case_rings.alias()
    rang = sa.select(other.c.user_id).where(other.c.incident_id == cases.c.incident_id, other.c.rang_at.is_not(None))
    found = connection.execute(
        sa.select(cases.c.incident_id)
        .join(case_rings, case_rings.c.incident_id == cases.c.incident_id)
        .join(users, users.c.user_id == case_rings.c.user_id)
        .where(
            cases.c.state == "OPEN",
            cases.c.priority == Severity.P1.value,
            cases.c.is_test.is_(False),
            case_rings.c.mute_at <= now - GRACE,
            users.c.login.in_(mute),
            ~rang.exists(),
        )
        .limit(1)
    ).first()
    return len(mute), found is not None


def forget(connection: sa.Connection, cases: Iterable[int]) -> None:
    """Of cases that end."""
    connection.execute(sa.delete(case_rings).where(case_rings.c.incident_id.in_(sorted(cases))))


def _known(connection: sa.Connection, user: User, cases: Collection[int]) -> dict[int, _Row]:
    his = (case_rings.c.user_id == user.user_id, case_rings.c.incident_id.in_(sorted(cases)))
    rows = connection.execute(sa.select(case_rings).where(*his)).mappings()
    return {int(row["incident_id"]): dict(row) for row in rows}


def _told(one: Report, now: datetime) -> _Row:
    if one.mute is not None:
        return {"mute_at": now, "mute": one.mute.value}
    about = {"cause": one.cause.value, "rang_seq": one.seq, "after_ms": one.after_ms, "was_visible": one.was_visible}
    return {"rang_at": now, **about}


def _write(connection: sa.Connection, user: User, before: Mapping[int, _Row], after: Mapping[int, _Row]) -> None:
    nothing: _Row = dict.fromkeys(column.name for column in case_rings.c)
    fresh = [
        {**nothing, **row, "incident_id": number, "user_id": user.user_id}
        for number, row in after.items()
        if number not in before
    ]
    if fresh:
        connection.execute(sa.insert(case_rings), fresh)
    for number, row in before.items():
        if row != after[number]:
            this = (case_rings.c.incident_id == number, case_rings.c.user_id == user.user_id)
            connection.execute(sa.update(case_rings).where(*this).values(after[number]))


def _note_desk(connection: sa.Connection, user: User, newest: _Row) -> None:
    his = desk_sounds.c.user_id == user.user_id
    if not connection.execute(sa.update(desk_sounds).where(his).values(newest)).rowcount:
        connection.execute(sa.insert(desk_sounds).values(user_id=user.user_id, **newest))


def _on_shift(now: datetime) -> "sa.Select[tuple[object, ...]]":
    users, sessions = schema.users, schema.login_sessions
    here = (
        sa.select(sessions.c.user_id, sa.func.min(sessions.c.created_at).label("began"))
        .where(sessions.c.expires_at > now, sessions.c.last_seen_at > now - CONSOLE_SEEN_WITHIN)
        .group_by(sessions.c.user_id)
        .subquery()
    )
    began = here.c.began

    def since(column: "sa.Column[object]", moment: "sa.Column[object]", name: str) -> "sa.ColumnElement[object]":
        return sa.case((moment >= began, column)).label(name)

    sounds = desk_sounds.c
    return (
        sa.select(
            users.c.login,
            since(sounds.rang_at, sounds.rang_at, "rang_at"),
            since(sounds.mute_at, sounds.mute_at, "mute_at"),
            since(sounds.mute, sounds.mute_at, "mute"),
        )
        .join(here, here.c.user_id == users.c.user_id)
        .join(desk_sounds, sounds.user_id == users.c.user_id, isouter=True)
        .where(users.c.role.in_(_AT_THE_DESK), users.c.disabled_at.is_(None))
        .order_by(users.c.login)
        .limit(MOST_DESKS)
    )
