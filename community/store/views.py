"""What consoles read of cases and boxes, put together from the tables."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.casefile import Case, Clock, Colour
from community.desk import Bell, Due, GatewayRow, QueueRow
from community.store import cases, chain, flapping, schema, storm_rows, watch_schema
from community.store.cases import as_it_came, decode_case
from community.store.lease import engine_now
from community.store.pairs import pairs_of, words_of
from community.store.sms_copies import came_by_sms, whole_or_body
from community.store.storm_schema import storm_homes
from community.store.storms import HELD
from community.supervision import CENTRE_BOX
from community.wording import told_late
from community.workflow import kept_workflow
from shouwang.alert import Alert, Sentence
from shouwang.status import SensorState

_AT_ONCE = 500
"""Values in one IN list: far under the limits of both databases."""


class _Home(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    name: str
    born: int | None


class _Lead(msgspec.Struct, frozen=True, kw_only=True):
    """The alert that names a case, and how long it took from the home to the centre."""

    alert: Alert
    took: timedelta


def queue(connection: sa.Connection, now: datetime) -> tuple[QueueRow, ...]:
    """Open cases: a red card first, then the most urgent, then the shortest battery, then what turns red next."""
    table = schema.incidents
    is_open = sa.select(table).where(table.c.state.not_in((cases.CLOSED, HELD)))  # a storm has one row for its cases
    found = _labelled(connection, _found(connection, is_open.order_by(table.c.incident_id), now), now)
    return tuple(sorted(found, key=_urgency))


def held(connection: sa.Connection, storm_id: int, now: datetime) -> tuple[QueueRow, ...]:
    """The cases that this storm holds back: the shortest battery first, then the oldest."""
    table = schema.incidents
    of_it = sa.select(storm_homes.c.incident_id).where(storm_homes.c.storm_id == storm_id)
    waiting = sa.select(table).where(table.c.state == HELD, table.c.incident_id.in_(of_it))
    found = _labelled(connection, _found(connection, waiting.order_by(table.c.incident_id), now), now)
    return tuple(sorted(found, key=lambda row: (_or_most(row.battery_min), row.opened_at, row.incident_id)))


def closed(
    connection: sa.Connection, limit: int, now: datetime, *, homes: frozenset[str] | None = None
) -> tuple[QueueRow, ...]:
    """The cases closed last, newest first. `homes`: of these alone; None: of all."""
    table = schema.incidents
    newest = sa.select(table).where(table.c.state == cases.CLOSED)
    newest = newest.order_by(table.c.changed_at.desc(), table.c.incident_id.desc()).limit(limit)
    if homes is not None:
        newest = newest.where(table.c.home_key.in_(sa.select(words_of(connection, homes).c.word)))
    return _found(connection, newest, now)


def closed_homes(connection: sa.Connection) -> frozenset[str]:
    """The homes that have closed cases."""
    table = schema.incidents
    mine = sa.select(table.c.home_key).where(table.c.state == cases.CLOSED).distinct()
    return frozenset(row.home_key for row in connection.execute(mine))


def row_of(connection: sa.Connection, incident_id: int, case: Case, now: datetime) -> QueueRow:
    """One case as the queue shows it."""
    return rows_of(connection, [(incident_id, case)], now)[0]


def rows_of(connection: sa.Connection, numbered: Sequence[tuple[int, Case]], now: datetime) -> tuple[QueueRow, ...]:
    """Cases as the queue shows them, in the given order."""
    homes = _homes(connection, {case.home_key for _, case in numbered})
    leads = _alerts(connection, {(case.lead.gateway_id, case.lead.alert_id) for _, case in numbered})
    now_e = engine_now(connection)
    return tuple(_row(number, case, homes, leads, (now, now_e)) for number, case in numbered)


def gateways(connection: sa.Connection) -> tuple[GatewayRow, ...]:
    """All boxes: those not heard first, the longest silent before the others."""
    table, homes, sensors, known = schema.gateways, schema.homes, schema.sensor_status, watch_schema.supervision
    states: dict[str, list[tuple[str, SensorState, str]]] = {}
    for row in connection.execute(sa.select(sensors).order_by(sensors.c.gateway_id, sensors.c.sensor_id)):
        states.setdefault(row.gateway_id, []).append((row.sensor_id, SensorState(row.state), row.reason))
    rows = connection.execute(
        sa.select(table, homes.c.address, known.c.offline_since)
        .join_from(table, homes, table.c.home_id == homes.c.home_id, isouter=True)
        .join(known, known.c.gateway_id == table.c.gateway_id, isouter=True)
        .where(table.c.gateway_id != CENTRE_BOX)
        .order_by(table.c.online, sa.func.coalesce(table.c.last_seen, sa.literal(0, sa.BigInteger)), table.c.gateway_id)
    )
    return tuple(
        GatewayRow(
            gateway_id=row.gateway_id,
            home_id=row.home_id or cases.unknown_home_key(row.gateway_id),
            address=row.address or "",
            online=row.online,
            last_seen=row.last_seen,
            backlog=row.backlog,
            sensors=tuple(states.get(row.gateway_id, ())),
            offline_since=row.offline_since,
        )
        for row in rows
    )


def bells_after(connection: sa.Connection, seq: int, limit: int) -> tuple[Bell, ...]:
    """What consoles must hear after `seq`, oldest first."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.body)
        .where(events.c.seq > seq, events.c.kind.not_in(cases.SILENT_KINDS))
        .order_by(events.c.seq)
        .limit(limit)
    )
    bells = (cases.bell_of(chain.decode_entry(row.body)) for row in rows)
    return tuple(bell for bell in bells if bell is not None)


def last_seq(connection: sa.Connection) -> int:
    """The newest audit sequence, 0 where there is none."""
    return connection.execute(sa.select(sa.func.max(schema.incident_events.c.seq))).scalar() or 0


def age_in(year: int, born: int | None) -> int | None:
    """Years, as near as a year of birth tells."""
    return None if born is None else max(0, year - born)


def chunks(values: Iterable[str]) -> Iterable[list[str]]:
    """Sorted values in lists that fit into an IN."""
    ordered = sorted(values)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


def _labelled(connection: sa.Connection, rows: tuple[QueueRow, ...], now: datetime) -> tuple[QueueRow, ...]:
    left = storm_rows.batteries(connection, now)
    flap = flapping.all_labelled(connection)
    return tuple(
        replace(row, battery_min=left.get(row.incident_id), is_flapping=row.incident_id in flap)
        if row.incident_id in left or row.incident_id in flap
        else row
        for row in rows
    )


def _urgency(row: QueueRow) -> tuple[bool, int, float, float, int]:
    left = row.clock.due_at.timestamp() if row.clock is not None else math.inf
    is_red = row.card is Colour.RED
    return not is_red, row.priority.rank, _or_most(row.battery_min), left, row.incident_id


def _or_most(minutes: float | None) -> float:
    return math.inf if minutes is None else minutes


def _found(connection: sa.Connection, of: sa.Select[tuple[object, ...]], now: datetime) -> tuple[QueueRow, ...]:
    cases_found = [(row.incident_id, decode_case(row.body)) for row in connection.execute(of)]
    return rows_of(connection, cases_found, now)


def _row(
    incident_id: int,
    case: Case,
    homes: Mapping[str, _Home],
    leads: Mapping[tuple[str, str], _Lead],
    moment: tuple[datetime, int],
) -> QueueRow:
    now, _ = moment
    table = kept_workflow(case.workflow, case.policy)
    state = table.states[case.state]
    home = homes.get(case.home_key)
    return QueueRow(
        incident_id=incident_id,
        version=case.version,
        workflow=case.workflow,
        state=case.state,
        phase=state.phase,
        state_title=Sentence(zh=state.title.zh, en=state.title.en),
        priority=case.priority,
        hazard=case.lead.hazard,
        opened_at=case.opened_at,
        changed_at=case.changed_at,
        alerts=case.alerts,
        cleared=case.is_cleared,
        why=_why(case, leads.get((case.lead.gateway_id, case.lead.alert_id))),
        home_id=case.home_key,
        address=home.address if home else "",
        resident_name=home.name if home else "",
        resident_age=age_in(now.year, home.born) if home else None,
        owner=case.owner,
        responder=case.responder,
        card=case.card,
        rung=case.rung,
        rungs=len(table.ladder.get(case.priority, ())),
        clock=next(_dues(case, moment), None),
        must_call_120=must_call_120(case),
        is_final=state.final,
        is_test=case.is_test,
        disposition=case.disposition,
    )


def _why(case: Case, lead: _Lead | None) -> Sentence:
    why = lead.alert.why if lead else Sentence(zh=case.lead.hazard, en=case.lead.hazard)
    return told_late(why, lead.took if lead else None) if case.is_late else why


def dues_of(case: Case, moment: tuple[datetime, int]) -> tuple[Due, ...]:
    """Its running clocks in wall time, the next one first; the ladder is none that anybody must beat.

    `moment`: wall time and engine time now.
    """
    return tuple(_dues(case, moment))


def _dues(case: Case, moment: tuple[datetime, int]) -> Iterator[Due]:
    now, now_e = moment

    def at(engine_ms: int) -> datetime:
        return now + timedelta(milliseconds=engine_ms - now_e)

    def due(clock: Clock) -> Due:
        return Due(
            name=clock.name,
            started_at=at(clock.started_e),
            due_at=at(clock.due_e),
            limit_s=clock.limit_ms / 1000,
            is_yellow=clock.yellow_e is None and bool(table.timers[clock.name].yellow),
            is_red=clock.reds > 0,
        )

    table = kept_workflow(case.workflow, case.policy)
    running = (clock for clock in case.clocks if not clock.stands and clock.name in table.timers)
    return map(due, sorted(running, key=lambda clock: clock.due_e))


def must_call_120(case: Case) -> bool:
    """Whether the ladder has come to the rung that says so, and nobody has acted since."""
    ladder = kept_workflow(case.workflow, case.policy).ladder.get(case.priority, ())
    is_asked = any(rung.prompt == "call_120" for rung in ladder[: case.rung + 1])
    return is_asked and not case.has_acted and case.owner is None


def _homes(connection: sa.Connection, home_keys: set[str]) -> dict[str, _Home]:
    homes, residents = schema.homes, schema.residents
    lives = (residents.c.home_id == homes.c.home_id) & residents.c.erased_at.is_(None)
    found: dict[str, _Home] = {}
    keys = words_of(connection, home_keys)
    rows = connection.execute(
        sa.select(homes.c.home_id, homes.c.address, residents.c.name, residents.c.born)
        .join_from(keys, homes, homes.c.home_id == keys.c.word)
        .join(residents, lives, isouter=True)
        .order_by(residents.c.place.desc(), residents.c.resident_id.desc())  # the first of a home stays
    )
    for home_id, address, name, born in rows:
        found[home_id] = _Home(address=address, name=name or "", born=born)
    return found


def _alerts(connection: sa.Connection, leads: set[tuple[str, str]]) -> dict[tuple[str, str], _Lead]:
    table = schema.alerts
    said = (whole_or_body(), came_by_sms())
    columns = (table.c.gateway_id, table.c.alert_id, *said, table.c.received_at, table.c.seen_at)
    found: dict[tuple[str, str], _Lead] = {}
    asked = pairs_of(connection, leads)
    is_lead = sa.and_(table.c.gateway_id == asked.c.first, table.c.alert_id == asked.c.second)
    for row in connection.execute(sa.select(*columns).join_from(asked, table, is_lead)):
        alert = as_it_came(row)
        took = row.received_at - (row.seen_at or alert.at)
        found[row.gateway_id, row.alert_id] = _Lead(alert=alert, took=took)
    return found
