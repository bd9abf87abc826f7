"""The judgement of `community.supervision` on the tables: what it needs is read, what it finds becomes cases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from community import outage_words as said
from community.expected import HeardAtLast, NeverHeard, PutOnFile, judge_expected
from community.store import schema, storm_round, storms, unheard, watch_schema
from community.store.areas import areas
from community.store.life_signs import keep, newest_test
from community.store.storms import Storm
from community.store.told import Told
from community.storms import AT_LEAST, EVERYWHERE
from community.supervision import (
    MISSED_BEATS,
    OFFLINE,
    OFFLINE_AFTER,
    PATH,
    STANDBY_PROVED_WITHIN,
    TEST,
    TEST_GRACE,
    Back,
    Heard,
    Lost,
    MadeGood,
    OverdueTest,
    Owed,
    PathBack,
    PathLost,
    StormBegan,
    Verdict,
    Way,
    judge_homes,
    judge_tests,
    judge_ways,
)
from shouwang.alert import Severity
from shouwang.wire import Path

AT_ONCE = 200
"""A city that falls silent is written in pieces of some 50 ms."""
_MICROS_PER_S = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How long a home may be silent, and whether its resident is at high risk."""

    limit: timedelta = OFFLINE_AFTER
    is_high_risk: bool = False


def judge(
    connection: sa.Connection, watches: Mapping[str, Watch], *, now: datetime, listening_since: datetime
) -> list[Verdict]:
    """What is new of homes, ways and tests. Reads only."""
    homes, sizes = _placed(connection, _homes(connection, watches, now))
    on = {storm.area for storm in storms.on(connection, OFFLINE)}
    return [
        *judge_homes(homes, sizes=sizes, storms=on, now=now, listening_since=listening_since),
        *judge_ways(_ways(connection, now), now=now, listening_since=listening_since),
        *judge_tests(_tested(connection, now), now=now, listening_since=listening_since),
        *judge_expected(unheard.expected(connection), now=now, listening_since=listening_since),
    ]


def judge_and_record(
    connection: sa.Connection, watches: Mapping[str, Watch], *, now: datetime, listening_since: datetime
) -> list[Verdict]:
    """The same, with cases opened and cleared for it: of the first `AT_ONCE`, so that no alarm waits for the others.

    Judged anew: a beat may have come in since somebody looked.
    """
    verdicts = judge(connection, watches, now=now, listening_since=listening_since)[:AT_ONCE]
    for verdict in verdicts:
        _record(connection, verdict, now)
    storm_round.tell(connection, now)
    return verdicts


def _homes(connection: sa.Connection, watches: Mapping[str, Watch], now: datetime) -> list[Heard]:
    """Those that may be silent, and those that are told to be: the others need no thought."""
    gateways, known = schema.gateways, watch_schema.supervision
    beat_s = sa.func.coalesce(known.c.heartbeat_s, 60)
    quiet_at = sa.type_coerce(gateways.c.last_seen, sa.BigInteger) + beat_s * MISSED_BEATS * _MICROS_PER_S
    rows = connection.execute(
        sa.select(gateways.c.last_seen, gateways.c.gateway_id.label("id"), known)
        .join_from(gateways, known, known.c.gateway_id == gateways.c.gateway_id, isouter=True)
        .where(
            gateways.c.last_seen.is_not(None),
            sa.or_(
                quiet_at <= sa.literal(schema.micros(now), sa.BigInteger),
                gateways.c.last_seen > now,
                known.c.doubted_at > gateways.c.last_seen,
                known.c.offline_since.is_not(None),
            ),
        )
        .order_by(gateways.c.last_seen, gateways.c.gateway_id)
    )
    return [_heard(row, watches.get(row.id, Watch())) for row in rows]


def _heard(row: sa.Row[tuple[object, ...]], watch: Watch) -> Heard:
    return Heard(
        gateway_id=row.id,
        last_seen=row.last_seen,
        limit=watch.limit,
        heartbeat=timedelta(seconds=row.heartbeat_s or 60),
        is_high_risk=watch.is_high_risk,
        doubted_at=row.doubted_at,
        offline_since=row.offline_since,
    )


def _placed(connection: sa.Connection, homes: list[Heard]) -> tuple[list[Heard], dict[str, int]]:
    """The same homes with the areas in which they lie, and how many homes those have. A few are no storm anyway."""
    heard = connection.execute(_HEARD_OF).scalar_one()
    if sum(home.offline_since is None for home in homes) < AT_LEAST:
        return homes, {EVERYWHERE: heard}
    keys = {row.gateway_id: row.home_id for row in connection.execute(_ON_FILE)}
    lie = areas(connection, keys.values())
    placed = [replace(home, areas=tuple(lie.of.get(keys.get(home.gateway_id, ""), ()))) for home in homes]
    return placed, {**lie.sizes, EVERYWHERE: heard}


def _ways(connection: sa.Connection, now: datetime) -> list[Way]:
    """Those that are lost, that are told to be, or that nothing has proved for long."""
    table, known = watch_schema.path_states, watch_schema.supervision
    is_old = table.c.proved_at < now - STANDBY_PROVED_WITHIN
    rows = connection.execute(
        sa.select(table, known.c.offline_since, known.c.heard_again_at)
        .join_from(table, known, known.c.gateway_id == table.c.gateway_id, isouter=True)
        .where(sa.or_(sa.not_(table.c.is_up), table.c.told_since.is_not(None), is_old))
        .order_by(table.c.gateway_id, table.c.path)
    )
    return [
        Way(
            gateway_id=row.gateway_id,
            path=Path(row.path),
            is_up=row.is_up,
            since=row.since,
            changed_at=row.changed_at,
            proved_at=row.proved_at,
            reason=row.reason,
            told_since=row.told_since,
            is_home_offline=row.offline_since is not None,
            heard_again_at=row.heard_again_at,
        )
        for row in rows
    ]


def _tested(connection: sa.Connection, now: datetime) -> list[Owed]:
    """Those whose test alarm is due, and those that missed one."""
    known = watch_schema.supervision
    owed = sa.or_(known.c.test_due_at < now - TEST_GRACE, known.c.test_missed_since.is_not(None))
    rows = connection.execute(sa.select(known, newest_test()).where(owed, known.c.born_at.is_not(None)))
    return [
        Owed(
            gateway_id=row.gateway_id,
            due_at=row.test_due_at,
            born_at=row.born_at,
            arrived_at=row.arrived_at,
            missed_since=row.test_missed_since,
            is_home_offline=row.offline_since is not None,
            heard_again_at=row.heard_again_at,
        )
        for row in rows
    ]


def _record(connection: sa.Connection, verdict: Verdict, now: datetime) -> None:
    match verdict:
        case Lost() | Back():
            _record_home(connection, verdict, now)
        case StormBegan():
            _record_storm(connection, verdict, now)
        case PathLost() | PathBack():
            _record_way(connection, verdict, now)
        case PutOnFile() | NeverHeard() | HeardAtLast():
            unheard.record(connection, verdict, now)
        case OverdueTest() | MadeGood():
            _record_test(connection, verdict, now)


def _record_home(connection: sa.Connection, verdict: Lost | Back, now: datetime) -> None:
    home = verdict.home
    since = home.offline_since or home.last_seen
    told = Told(hazard=OFFLINE, gateway_id=home.gateway_id, since=since)
    if isinstance(verdict, Back):
        _know(connection, home.gateway_id, offline_since=None, heard_again_at=now)
        told.over(connection, said.HOME_BACK, now)
        return
    _know(connection, home.gateway_id, offline_since=since)
    gateways = schema.gateways
    connection.execute(gateways.update().where(gateways.c.gateway_id == home.gateway_id).values(online=False))
    why = said.home_lost(now - since, is_high_risk=home.is_high_risk)
    told.begin(connection, why, now, severity=Severity.P2 if home.is_high_risk else Severity.P3)


def _record_storm(connection: sa.Connection, verdict: StormBegan, now: datetime) -> None:
    storm = Storm(storm_id=0, kind=OFFLINE, area=verdict.area, since=verdict.since, last_at=now)
    storms.begin(connection, storm, verdict.gateway_id, verdict.homes, is_ours=verdict.is_ours)


def _record_way(connection: sa.Connection, verdict: PathLost | PathBack, now: datetime) -> None:
    way, table = verdict.way, watch_schema.path_states
    where = (table.c.gateway_id == way.gateway_id, table.c.path == way.path.value)
    since = verdict.since if isinstance(verdict, PathLost) else way.told_since or way.since
    told = Told(hazard=PATH, gateway_id=way.gateway_id, since=since, part=way.path.value)
    if isinstance(verdict, PathLost):
        connection.execute(table.update().where(*where).values(told_since=since))
        told.begin(connection, said.path_lost(verdict, now - since), now)
    else:
        connection.execute(table.update().where(*where).values(told_since=None))
        told.over(connection, said.PATH_BACK, now)


def _record_test(connection: sa.Connection, verdict: OverdueTest | MadeGood, now: datetime) -> None:
    if isinstance(verdict, OverdueTest):
        _know(connection, verdict.home.gateway_id, test_missed_since=verdict.due_at)
        told = Told(hazard=TEST, gateway_id=verdict.home.gateway_id, since=verdict.due_at)
        told.begin(connection, said.test_missing(now - verdict.due_at), now)
    else:
        home = verdict.home
        _know(connection, home.gateway_id, test_missed_since=None)
        told = Told(hazard=TEST, gateway_id=home.gateway_id, since=home.missed_since or now)
        told.over(connection, said.TEST_ARRIVED, now)


def _know(connection: sa.Connection, gateway_id: str, **values: object) -> None:
    keep(connection, watch_schema.supervision, {"gateway_id": gateway_id}, values)


_ON_FILE = sa.select(schema.gateways.c.gateway_id, schema.gateways.c.home_id).where(
    schema.gateways.c.home_id.is_not(None)
)
_HEARD_OF = sa.select(sa.func.count()).select_from(schema.gateways).where(schema.gateways.c.last_seen.is_not(None))
