"""What consoles read of cases and boxes, put together from the tables."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.casefile import Case, Clock
from community.desk import Bell, Due, GatewayRow, QueueRow
from community.store import cases, chain, schema, watch_schema
from community.store.cases import as_it_came, decode_case
from community.store.lease import engine_now
from community.store.sms_copies import came_by_sms, whole_or_body
from community.wording import told_late
from community.workflow import workflow
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
    """Open cases: most urgent first, then oldest."""
    table = schema.incidents
    is_open = sa.select(table).where(table.c.state != cases.CLOSED)
    return _found(connection, is_open.order_by(table.c.priority, table.c.opened_at, table.c.incident_id), now)


def closed(connection: sa.Connection, limit: int, now: datetime) -> tuple[QueueRow, ...]:
    """The cases closed last, newest first."""
    table = schema.incidents
    is_closed = sa.select(table).where(table.c.state == cases.CLOSED)
    newest = is_closed.order_by(table.c.changed_at.desc(), table.c.incident_id.desc()).limit(limit)
    return _found(connection, newest, now)


def row_of(connection: sa.Connection, incident_id: int, case: Case, now: datetime) -> QueueRow:
    """One case as the queue shows it."""
    return rows_of(connection, [(incident_id, case)], now)[0]


def rows_of(connection: sa.Connection, numbered: Sequence[tuple[int, Case]], now: datetime) -> tuple[QueueRow, ...]:
    """Cases as the queue shows them, in the given order."""
    homes = _homes(connection, {case.home_key for _, case in numbered})
    leads = _alerts(connection, {case.lead.alert_id for _, case in numbered})
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
    table = workflow(case.workflow)
    state = table.states[case.state]
    ladder = table.ladder.get(case.priority, ())
    home = homes.get(case.home_key)
    lead = leads.get((case.lead.gateway_id, case.lead.alert_id))
    why = lead.alert.why if lead else Sentence(zh=case.lead.hazard, en=case.lead.hazard)
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
        why=told_late(why, lead.took if lead else None) if case.is_late else why,
        home_id=case.home_key,
        address=home.address if home else "",
        resident_name=home.name if home else "",
        resident_age=age_in(now.year, home.born) if home else None,
        owner=case.owner,
        responder=case.responder,
        card=case.card,
        rung=case.rung,
        rungs=len(ladder),
        clock=next(iter(dues_of(case, moment)), None),
        must_call_120=must_call_120(case),
        is_final=state.final,
        is_test=case.is_test,
        disposition=case.disposition,
    )


def dues_of(case: Case, moment: tuple[datetime, int]) -> tuple[Due, ...]:
    """Its running clocks in wall time, the next one first; the ladder is none that anybody must beat.

    `moment`: wall time and engine time now.
    """
    now, now_e = moment

    def at(engine_ms: int) -> datetime:
        return now + timedelta(milliseconds=engine_ms - now_e)

    def due(clock: Clock) -> Due:
        return Due(
            name=clock.name,
            started_at=at(clock.started_e),
            due_at=at(clock.due_e),
            limit_s=clock.limit_ms / 1000,
            is_yellow=clock.yellow_e is None and clock.name in timed,
            is_red=clock.reds > 0,
        )

    table = workflow(case.workflow)
    timed = {name for name, timer in table.timers.items() if timer.yellow}
    running = (clock for clock in case.clocks if not clock.stands and clock.name in table.timers)
    return tuple(sorted(map(due, running), key=lambda one: one.due_at))


def must_call_120(case: Case) -> bool:
    """Whether the ladder has come to the rung that says so, and nobody has acted since."""
    ladder = workflow(case.workflow).ladder.get(case.priority, ())
    is_asked = any(rung.prompt == "call_120" for rung in ladder[: case.rung + 1])
    return is_asked and not case.has_acted and case.owner is None


def _homes(connection: sa.Connection, home_keys: set[str]) -> dict[str, _Home]:
    homes, residents = schema.homes, schema.residents
    found: dict[str, _Home] = {}
    for chunk in chunks(home_keys):
        rows = connection.execute(
            sa.select(homes.c.home_id, homes.c.address, residents.c.name, residents.c.born)
            .join_from(homes, residents, residents.c.home_id == homes.c.home_id, isouter=True)
            .where(homes.c.home_id.in_(chunk))
        )
        for row in rows:
            found[row.home_id] = _Home(address=row.address, name=row.name or "", born=row.born)
    return found


def _alerts(connection: sa.Connection, alert_ids: set[str]) -> dict[tuple[str, str], _Lead]:
    table = schema.alerts
    said = (whole_or_body(), came_by_sms())
    columns = (table.c.gateway_id, table.c.alert_id, *said, table.c.received_at, table.c.seen_at)
    found: dict[tuple[str, str], _Lead] = {}
    for chunk in chunks(alert_ids):
        for row in connection.execute(sa.select(*columns).where(table.c.alert_id.in_(chunk))):
            alert = as_it_came(row)
            took = row.received_at - (row.seen_at or alert.at)
            found[row.gateway_id, row.alert_id] = _Lead(alert=alert, took=took)
    return found
