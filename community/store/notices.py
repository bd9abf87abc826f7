"""The worker's tables: notices become attempts, attempts come to an end, and a rung that reached nobody is told.

Every function is one transaction with what follows from it. `rung_failed` is community.store.orders.rung_failed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.channels.port import REACHED, Outcome, Way
from community.notice_rules import is_hopeless, is_needed, ways_for
from community.store import digests
from community.store.attempts import (
    CONSOLE,
    DIGEST,
    add,
    attempt_key,
    decode_glance,
    end,
    is_known,
    readable,
    set_state,
)
from community.store.case_schema import attempts, notices
from community.store.channel_schema import channel_health
from community.store.reach import Known, Person
from community.store.schema import incidents

RungFailed = Callable[[sa.Connection, int, int, datetime], object]

AT_ONCE = 100
"""Notices in one transaction: an alarm waits for no more."""
OFF_THE_LIST = "not on the list any more"
NO_ADDRESS = "no address any more"
"""Why an attempt that waited was not carried out."""
_WORD_WITHIN = timedelta(seconds=120)
"""A call that a provider has taken is over by then (45 s of a contact, twice): no word is a failure."""
_WORD_FROM = (Way.VOICE.value,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An attempt that waits to be carried out; the smaller, the sooner."""

    rank: int
    attempt_id: int
    tries: int


def is_work(connection: sa.Connection, now: datetime, now_e: int) -> bool:
    """Whether `turn` would find anything."""
    if connection.execute(sa.select(notices.c.notice_id).where(notices.c.state == "waiting").limit(1)).first():
        return True
    return bool(digests.stale(connection, now_e, 1) or _unheard(connection, now, 1))


def turn(connection: sa.Connection, now: datetime, now_e: int, rung_failed: RungFailed) -> int:
    """Expand what waits, fold what is too old, give up calls without a word. How many notices it expanded."""
    known = Known(connection, now)
    rungs: set[tuple[int, int]] = set()
    waiting = connection.execute(
        sa.select(notices, incidents.c.body)
        .join(incidents, incidents.c.incident_id == notices.c.incident_id)
        .where(notices.c.state == "waiting")
        .order_by(incidents.c.priority, notices.c.notice_id)
        .limit(AT_ONCE)
    ).all()
    for row in waiting:
        if _expand(connection, known, row, now):
            rungs.add((row.incident_id, row.rung))
    rungs |= digests.fold(connection, known, now, now_e)
    for row in _unheard(connection, now, AT_ONCE):
        finish(connection, row.attempt_id, (Outcome.FAILED, "no word of the call"), now, rung_failed)
    settle_rungs(connection, rungs, now, rung_failed)
    return len(waiting)


def _expand(connection: sa.Connection, known: Known, notice: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    """One attempt for each person and channel; True where its rung may have failed."""
    case = decode_glance(notice.body)
    if not is_needed(case, step=notice.step, audience=notice.audience, to=notice.to_whom):
        set_state(connection, notice.notice_id, "dropped")
        return False
    is_told = False
    for person in known.of(notice.audience, case, notice.to_whom):
        is_told = _attempt(connection, known, notice, person, now) or is_told
    if not is_told:
        set_state(connection, notice.notice_id, "missed")
        return True
    set_state(connection, notice.notice_id, "sending")
    _settle_notice(connection, notice.notice_id)
    return True


def _attempt(
    connection: sa.Connection, known: Known, notice: sa.Row[tuple[object, ...]], person: Person, now: datetime
) -> bool:
    """The attempts for one person; whether there is any, in this notice or in another of the same step."""
    step = (notice.incident_id, notice.version)
    rows = []
    if person.has_console:
        rows.append((CONSOLE, attempt_key(*step, CONSOLE, person.key), Outcome.DELIVERED))
    for way, address in ways_for(decode_glance(notice.body), person.ways, step=notice.step):
        channel = next(iter(known.living.get(way) or known.all_channels.get(way, ())), None)
        if channel is not None:
            rows.append((channel, attempt_key(*step, channel, address), Outcome.QUEUED))
    for channel, key, outcome in rows:
        if not is_known(connection, key):
            add(connection, notice.notice_id, (channel, person.key, key), now, outcome)
    return bool(rows)


# ---- carrying out ----


def due(connection: sa.Connection, channel: str, limit: int) -> tuple[Job, ...]:
    """What waits for this channel: life before technical, then the oldest."""
    rows = connection.execute(
        sa.select(attempts.c.attempt_id, attempts.c.tries, incidents.c.priority)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(incidents, incidents.c.incident_id == notices.c.incident_id)
        .where(attempts.c.outcome == Outcome.QUEUED.value, attempts.c.channel == channel)
        .order_by(incidents.c.priority, attempts.c.attempt_id)
        .limit(limit)
    )
    return tuple(Job(rank=int(row.priority[1]), attempt_id=row.attempt_id, tries=row.tries) for row in rows)


def end_orphans(connection: sa.Connection, now: datetime, rung_failed: RungFailed) -> None:
    """At a start: attempts of channels that are gone from community.yaml fail."""
    known = sa.select(channel_health.c.channel)
    rows = connection.execute(
        sa.select(attempts.c.attempt_id)
        .where(attempts.c.outcome == Outcome.QUEUED.value, attempts.c.channel.not_in(known))
        .order_by(attempts.c.attempt_id)
    ).all()
    for row in rows:
        finish(connection, row.attempt_id, (Outcome.FAILED, "the channel is gone"), now, rung_failed)


def key_of(connection: sa.Connection, attempt_id: int) -> str:
    """The key of the attempt."""
    return str(connection.execute(sa.select(attempts.c.key).where(attempts.c.attempt_id == attempt_id)).scalar_one())


def withdraw(connection: sa.Connection, attempt_id: int, now: datetime) -> None:
    """The case needs it no more. What has gone out meanwhile stays as it is."""
    waits = (attempts.c.attempt_id == attempt_id, attempts.c.outcome == Outcome.QUEUED.value)
    values = {"outcome": Outcome.FAILED.value, "code": "not needed any more", "changed_at": now}
    if connection.execute(attempts.update().where(*waits).values(values)).rowcount == 0:
        return
    notice_id = connection.execute(
        sa.select(attempts.c.notice_id).where(attempts.c.attempt_id == attempt_id)
    ).scalar_one()
    others = connection.execute(
        sa.select(attempts.c.outcome).where(attempts.c.notice_id == notice_id, attempts.c.attempt_id != attempt_id)
    )
    if not {Outcome(row.outcome) for row in others} & {*REACHED, Outcome.QUEUED}:
        set_state(connection, notice_id, "dropped")


def let_go(connection: sa.Connection, attempt_id: int, now: datetime, rung_failed: RungFailed) -> None:
    """Nothing can be sent: the case needs it no more, or nobody is there to get it, and its rung goes on."""
    row = connection.execute(
        sa.select(attempts, notices, incidents.c.body)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(incidents, incidents.c.incident_id == notices.c.incident_id)
        .where(attempts.c.attempt_id == attempt_id, attempts.c.outcome == Outcome.QUEUED.value)
    ).first()
    if row is None:
        return
    is_wanted = is_needed(decode_glance(row.body), step=row.step, audience=row.audience, to=row.to_whom)
    if not is_wanted or row.key.startswith(DIGEST):
        withdraw(connection, attempt_id, now)
        return
    person, way = Known(connection, now).person(row.person), way_of(connection, row.channel)
    if person is not None and any(one is way for one, _ in person.ways):
        return  # he has an address again: it is still in the queue
    code = OFF_THE_LIST if person is None or person.has_left else NO_ADDRESS
    finish(connection, attempt_id, (Outcome.FAILED, code), now, rung_failed)


def failed_once_more(
    connection: sa.Connection, attempt_id: int, code: str, now: datetime, rung_failed: RungFailed
) -> None:
    """It stays in the queue; the ladder need not wait for it any more where it is hopeless."""
    values = {"tries": attempts.c.tries + 1, "code": readable(code), "changed_at": now}
    connection.execute(
        attempts.update()
        .where(attempts.c.attempt_id == attempt_id, attempts.c.outcome == Outcome.QUEUED.value)
        .values(values)
    )
    _settle_around(connection, attempt_id, now, rung_failed)


def finish(
    connection: sa.Connection,
    attempt_id: int,
    came: tuple[Outcome, str],
    now: datetime,
    rung_failed: RungFailed,
) -> None:
    """It has `come` to an outcome, with a code: what came later is not taken back by what is told late."""
    outcome, code = came
    end(connection, attempt_id, outcome, code, now)
    _settle_around(connection, attempt_id, now, rung_failed)


def channel_died(connection: sa.Connection, channel: str, now: datetime, rung_failed: RungFailed) -> None:
    """What waits for it goes by another channel of the same way, where there is one; its rungs go on at once."""
    known = Known(connection, now)
    rows = connection.execute(
        sa.select(attempts, notices.c.incident_id, notices.c.rung, notices.c.version, incidents.c.body)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(incidents, incidents.c.incident_id == notices.c.incident_id)
        .where(attempts.c.outcome == Outcome.QUEUED.value, attempts.c.channel == channel)
    ).all()
    for row in rows:
        _reroute(connection, known, row, now)
    settle_rungs(connection, {(row.incident_id, row.rung) for row in rows}, now, rung_failed)


def _reroute(connection: sa.Connection, known: Known, row: sa.Row[tuple[object, ...]], now: datetime) -> None:
    way = way_of(connection, row.channel)
    person = known.person(row.person)
    other = next((name for name in known.living.get(way, ()) if name != row.channel), None) if way else None
    if other is None or person is None or row.key.startswith(DIGEST):
        return
    address = next((address for one, address in person.ways if one is way), None)
    if address is None:
        return
    key = attempt_key(row.incident_id, row.version, other, address)
    if not is_known(connection, key):
        add(connection, row.notice_id, (other, row.person, key), now)
    end(connection, row.attempt_id, Outcome.FAILED, f"goes by {other}", now)


def way_of(connection: sa.Connection, channel: str) -> Way | None:
    """What the channel is; None where it is gone from community.yaml."""
    found = connection.execute(sa.select(channel_health.c.way).where(channel_health.c.channel == channel)).scalar()
    return None if found is None else Way(found)


# ---- what follows ----


def _settle_around(connection: sa.Connection, attempt_id: int, now: datetime, rung_failed: RungFailed) -> None:
    row = connection.execute(
        sa.select(notices.c.notice_id, notices.c.incident_id, notices.c.rung, attempts.c.key)
        .join(attempts, attempts.c.notice_id == notices.c.notice_id)
        .where(attempts.c.attempt_id == attempt_id)
    ).one()
    if row.key.startswith(DIGEST):
        return
    _settle_notice(connection, row.notice_id)
    settle_rungs(connection, {(row.incident_id, row.rung)}, now, rung_failed)


def _settle_notice(connection: sa.Connection, notice_id: int) -> None:
    """`done` where anybody was reached, `failed` where nothing waits any more; one that shares its calls is done."""
    found = [
        Outcome(row.outcome)
        for row in connection.execute(sa.select(attempts.c.outcome).where(attempts.c.notice_id == notice_id))
    ]
    if not found or REACHED & set(found):
        set_state(connection, notice_id, "done")
    elif Outcome.QUEUED not in found:
        set_state(connection, notice_id, "failed")


def settle_rungs(
    connection: sa.Connection, rungs: Iterable[tuple[int, int]], now: datetime, rung_failed: RungFailed
) -> None:
    """Let the ladder go on where a rung has reached nobody. Not from its last rung: that repeats by its own clock."""
    for incident_id, rung in sorted(rungs):
        body = connection.execute(sa.select(incidents.c.body).where(incidents.c.incident_id == incident_id)).scalar()
        case = None if body is None else decode_glance(body)
        if case is None or not case.is_climbing or not 0 <= rung < case.last_rung:
            continue
        if _is_rung_lost(connection, incident_id, rung):
            rung_failed(connection, incident_id, rung, now)


def _is_rung_lost(connection: sa.Connection, incident_id: int, rung: int) -> bool:
    where = (notices.c.incident_id == incident_id, notices.c.rung == rung)
    states = {row.state for row in connection.execute(sa.select(notices.c.state).where(*where).distinct())}
    if "waiting" in states or not states - {"dropped"}:
        return False
    rows = connection.execute(
        sa.select(attempts.c.outcome, attempts.c.tries, attempts.c.channel, channel_health.c.is_up)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(channel_health, channel_health.c.channel == attempts.c.channel, isouter=True)
        .where(*where, sa.not_(attempts.c.key.startswith(DIGEST)))
    )
    return all(is_hopeless(Outcome(row.outcome), row.tries, is_channel_up=bool(row.is_up)) for row in rows)


# ---- calls of a provider ----


def _unheard(connection: sa.Connection, now: datetime, limit: int) -> list[sa.Row[tuple[object, ...]]]:
    return list(
        connection.execute(
            sa.select(attempts.c.attempt_id)
            .join(channel_health, channel_health.c.channel == attempts.c.channel)
            .where(
                attempts.c.outcome == Outcome.SENT.value,
                channel_health.c.way.in_(_WORD_FROM),
                attempts.c.changed_at < now - _WORD_WITHIN,
            )
            .limit(limit)
        )
    )
