"""Cases on disk: the log is written first, the row of the case follows from it in the same transaction."""

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import engine
from community.alert_refs import AlertRef
from community.casefile import SYSTEM, Case, Denied, Step
from community.desk import Bell
from community.lanes import is_late as came_late
from community.lanes import is_old_news, lane_of
from community.store import chain, flapping, policies, quieting, schema, sms_copies, step_rows, storms
from community.store.chain import Entry
from community.store.directory import meet_gateway
from community.store.group import forget, recall, remember, write_later, write_out
from community.store.people_left import left_of_alert, thinned, was_erased_since
from community.store.storms import HELD, Placed
from community.store.surroundings import moment
from community.wording import UNREADABLE, told_by_sms
from community.workflow import kept_workflow
from shouwang.alert import Alert, AlertState, Severity, alert_id_of

CLOSED = "CLOSED"
"""Every table ends a case in this state: a test holds them to it."""
SILENT_KINDS = ("denied", "refused", "excused", "reviewed", "directed")
"""Kinds of entry that no console hears of: they are for the audit."""
_RINGS_AGAIN = frozenset({"alert", "ladder", "ack.red", "total.red", "absorbed"})
_UNREADABLE = "unreadable"
"""The hazard of a message on an alarm channel that nobody can read."""


def load(connection: sa.Connection, incident_id: int) -> Case | None:
    """The case, or None."""
    body = connection.execute(
        sa.select(schema.incidents.c.body).where(schema.incidents.c.incident_id == incident_id)
    ).scalar()
    return decode_case(body) if body is not None else None


def decode_case(body: bytes) -> Case:
    """The case in the row."""
    return _decoder.decode(body)


def record(
    connection: sa.Connection, incident_id: int | None, made: tuple[Case, Step], *, at: datetime, actor: str
) -> int:
    """Write what the engine made of a case, all of it: row, sealed step, cards, notices. A new case gets a number."""
    after, step = made[0], step_rows.told_whose(connection, made[1], at)
    values = chain.columns_of(after) | {"body": msgspec.json.encode(after)}
    table = schema.incidents
    if incident_id is None:
        incident_id = recall(connection, _LAST, lambda: _last_number(connection)) + 1
        remember(connection, _LAST, incident_id)
        write_later(connection, _NEW, {"incident_id": incident_id, **values})
    else:
        write_out(connection)
        connection.execute(table.update().where(table.c.incident_id == incident_id).values(values))
    is_open = after.state != CLOSED
    remember(connection, ("open", after.home_key, after.lane), (incident_id, after) if is_open else (None, None))
    chain.append(connection, incident_id, after, step, at=at, actor=actor)
    step_rows.draw_cards(connection, incident_id, after, step, at)
    step_rows.call(connection, incident_id, after, step, at)
    return incident_id


def _last_number(connection: sa.Connection) -> int:
    """Without gaps, so that nobody asks where a case went; the writer's lock lets one case begin at a time."""
    last: int | None = connection.execute(sa.select(sa.func.max(schema.incidents.c.incident_id))).scalar()
    return last or 0


def deny(connection: sa.Connection, incident_id: int, case: Case, denied: Denied, *, at: datetime, actor: str) -> None:
    """Keep for the audit what was not carried out; the case stays as it is."""
    chain.append(connection, incident_id, case, denied, at=at, actor=actor)


def bell_of(entry: Entry) -> Bell | None:
    """What a console hears of the entry."""
    if entry.kind in SILENT_KINDS or entry.state == HELD:
        return None
    if entry.state == CLOSED:
        kind = "closed"
    elif entry.kind in _RINGS_AGAIN:
        kind = "alert"
    else:
        kind = "opened" if entry.kind == "opened" else "changed"
    return Bell(seq=entry.seq, kind=kind, incident_id=entry.incident_id, priority=entry.priority, state=entry.state)


def take_in(
    connection: sa.Connection,
    gateway_id: str,
    message_id: int | None,
    alert: Alert,
    received_at: datetime,
    *,
    home_key: str | None = None,
    seen_at: datetime | None = None,
    boot_number: int | None = None,
    lane: str | None = None,
) -> None:
    """Keep the alert and let it open or join a case; an alert that is known already changes nothing.

    A test alarm is kept and opens none, nor does technical news that is old. `message_id` None: the alert is the
    centre's own. `home_key`, `lane`: where it is not about the home of its gateway, or not of its hazard's lane; no
    storm holds that back. `seen_at`: when it was raised at home, as far as is known now (None: as it says);
    `boot_number`: of a boot whose clock was not right.
    """
    body = msgspec.json.encode(alert)
    columns = {"message_id": message_id, "seen_at": seen_at, "boot_number": boot_number}
    if _is_known(connection, gateway_id, alert.alert_id):
        if message_id is not None and left_of_alert(connection, gateway_id, alert.alert_id) is None:
            sms_copies.fill_in(connection, gateway_id, alert.alert_id, body, **columns)
        return
    home_key = home_key or recall(connection, ("home", gateway_id), lambda: _home_key(connection, gateway_id))
    raised_at = seen_at or alert.at
    is_history = _is_history(alert, raised_at, received_at)
    placed = Placed(severity=alert.severity)
    if lane is None and not is_history:
        placed = storms.place(connection, gateway_id, home_key, alert, received_at)
    ref = _ref(gateway_id, alert, body, is_late=came_late(raised_at, received_at), severity=placed.severity)
    incident_id = None if is_history else _route(connection, home_key, ref, received_at, placed=placed, lane=lane)
    if incident_id is None and was_erased_since(connection, home_key, alert.resident_id, raised_at):
        body = thinned(body)
    kept = {"home_key": home_key, "received_at": received_at, "incident_id": incident_id, "body": body}
    write_later(connection, _KEPT, {**_columns_of(ref), **columns, **kept})
    for question in (("alert", gateway_id, alert.alert_id), ("steps", gateway_id, alert.key, alert.since)):
        forget(connection, question)


def _is_history(alert: Alert, raised_at: datetime, received_at: datetime) -> bool:
    """Whether it is kept with the home alone. The end of an alarm is heard of at any age."""
    is_begin = alert.state is AlertState.FIRING
    return alert.is_only_a_test or (is_begin and is_old_news(alert.severity, alert.hazard, raised_at, received_at))


def _columns_of(ref: AlertRef) -> dict[str, object]:
    return {
        "gateway_id": ref.gateway_id,
        "alert_id": ref.alert_id,
        "key": ref.key,
        "since": ref.since,
        "state": ref.state.value,
        "is_late": ref.is_late,
    }


def warn_of_unreadable(connection: sa.Connection, gateway_id: str, at: datetime) -> None:
    """Open a technical case of its home: an alarm may be lost. While one is open, another unread message adds none."""
    meet_gateway(connection, gateway_id)
    key = f"{_UNREADABLE}:{gateway_id}"
    alert = Alert(
        alert_id=alert_id_of(key, at, AlertState.FIRING),
        key=key,
        rule_id=_UNREADABLE,
        rule_version=1,
        hazard=_UNREADABLE,
        severity=Severity.P3,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id=gateway_id,
        since=at,
        at=at,
        mono=0,
        why=UNREADABLE,
    )
    _, open_case = _open_case(connection, _home_key(connection, gateway_id), lane_of(Severity.P3, _UNREADABLE))
    if open_case is None:
        take_in(connection, gateway_id, None, alert, at)


def _route(
    connection: sa.Connection, home_key: str, ref: AlertRef, at: datetime, *, placed: Placed, lane: str | None
) -> int | None:
    """The case that the alert belongs to, None where it has none. Its own row is written after this."""
    if ref.state is AlertState.FIRING:
        lane = lane or lane_of(ref.severity, ref.hazard)
        incident_id, after, alerts = _ring(connection, home_key, ref, at, lane=lane, storm_id=placed.held_by)
        storms.settled(connection, placed, (ref.gateway_id, home_key), incident_id, at)
        if after.version > 1 or after.previous is not None:
            flapping.note(connection, ref, incident_id, at)
    else:
        number, case = _open_case_of_episode(connection, ref)
        if case is None or number is None:  # a pre-alarm rings nobody, the end of a closed case neither
            return None
        incident_id, alerts = number, (ref,)
        made = engine.joined(case, alerts, moment(connection), at=at)
        record(connection, number, made, at=at, actor=SYSTEM)
        after, _ = made
        if after.is_cleared:
            storms.recovered(connection, incident_id, at)
    quieting.note(connection, incident_id, after)
    link(connection, alerts[1:], incident_id)
    return incident_id


def _ring(
    connection: sa.Connection, home_key: str, ref: AlertRef, at: datetime, *, lane: str, storm_id: int | None
) -> tuple[int, Case, tuple[AlertRef, ...]]:
    """An alarm rings: in its open case, or in a new one, which waits where a storm holds it back."""
    number, case = _open_case(connection, home_key, lane)
    alerts = (ref, *_unlinked_steps(connection, ref))
    if case is not None and case.state in kept_workflow(case.workflow, case.policy).reopens:
        record(connection, number, engine.superseded(case, moment(connection), at=at), at=at, actor=SYSTEM)
        number, case, previous = None, None, number
    else:
        previous = None
    if case is not None:
        made = engine.joined(case, alerts, moment(connection), at=at)
    else:
        made = engine.opened(
            policies.table_for(connection, lane),
            home_key,
            lane,
            alerts,
            moment(connection),
            at=at,
            is_held=storm_id is not None,
            previous=previous,
            storm=storm_id,
        )
    return record(connection, number, made, at=at, actor=SYSTEM), made[0], alerts


def link(connection: sa.Connection, alerts: tuple[AlertRef, ...], incident_id: int) -> None:
    """These alerts belong to this case."""
    table = schema.alerts
    if alerts:
        write_out(connection)
    for ref in alerts:
        which = (table.c.gateway_id == ref.gateway_id, table.c.alert_id == ref.alert_id)
        connection.execute(table.update().where(*which).values(incident_id=incident_id))


def refs_of(connection: sa.Connection, incident_id: int) -> tuple[AlertRef, ...]:
    """The alerts of a case as it keeps them, in the order in which they came."""
    table = schema.alerts
    rows = connection.execute(
        sa.select(table.c.gateway_id, table.c.body, table.c.is_late)
        .where(table.c.incident_id == incident_id)
        .order_by(table.c.received_at, table.c.alert_id)
    )
    return tuple(_ref(row.gateway_id, decode_alert(row.body), row.body, is_late=row.is_late) for row in rows)


def _open_case(connection: sa.Connection, home_key: str, lane: str) -> tuple[int, Case] | tuple[None, None]:
    def read() -> tuple[int, Case] | tuple[None, None]:
        write_out(connection)
        row = connection.execute(_OPEN, {"home": home_key, "lane": lane}).first()
        return (int(row.incident_id), decode_case(row.body)) if row else (None, None)

    return recall(connection, ("open", home_key, lane), read)


def _open_case_of_episode(connection: sa.Connection, ref: AlertRef) -> tuple[int, Case] | tuple[None, None]:
    write_out(connection)
    table, alerts = schema.incidents, schema.alerts
    rang = (*_same_episode(ref), alerts.c.state == AlertState.FIRING.value)
    return _first(connection, sa.select(table).join(alerts, alerts.c.incident_id == table.c.incident_id).where(*rang))


def _first(connection: sa.Connection, of: sa.Select[tuple[object, ...]]) -> tuple[int, Case] | tuple[None, None]:
    """The first of these cases that is not closed."""
    row = connection.execute(of.where(schema.incidents.c.state != CLOSED)).first()
    return (int(row.incident_id), decode_case(row.body)) if row else (None, None)


def _unlinked_steps(connection: sa.Connection, ref: AlertRef) -> tuple[AlertRef, ...]:
    def read() -> tuple[AlertRef, ...]:
        write_out(connection)
        rows = connection.execute(_UNLINKED, {"gateway": ref.gateway_id, "alarm": ref.key, "begun": ref.since})
        return tuple(_ref(ref.gateway_id, decode_alert(row.body), row.body, is_late=row.is_late) for row in rows)

    return recall(connection, ("steps", ref.gateway_id, ref.key, ref.since), read)


def _is_known(connection: sa.Connection, gateway_id: str, alert_id: str) -> bool:
    asked = {"gateway": gateway_id, "alert": alert_id}

    def read() -> bool:
        write_out(connection)
        return connection.execute(_KNOWN, asked).first() is not None

    return recall(connection, ("alert", gateway_id, alert_id), read)


def _same_episode(ref: AlertRef) -> tuple[sa.ColumnElement[bool], ...]:
    alerts = schema.alerts
    return (alerts.c.gateway_id == ref.gateway_id, alerts.c.key == ref.key, alerts.c.since == ref.since)


def as_it_came(row: sa.Row[tuple[object, ...]]) -> Alert:
    """The alert of a row with `whole_or_body` and `came_by_sms`; its reason says where an SMS brought it."""
    return told_whence(decode_alert(row.body), by_sms=row.by_sms)


def told_whence(alert: Alert, *, by_sms: bool) -> Alert:
    """The alert; its reason says where an SMS brought it."""
    return msgspec.structs.replace(alert, why=told_by_sms(alert.why)) if by_sms else alert


def decode_alert(body: bytes) -> Alert:
    """The alert as stored."""
    return _alert_decoder.decode(body)


def _ref(gateway_id: str, alert: Alert, body: bytes, *, is_late: bool, severity: Severity | None = None) -> AlertRef:
    return AlertRef(
        gateway_id=gateway_id,
        alert_id=alert.alert_id,
        key=alert.key,
        since=alert.since,
        state=alert.state,
        severity=severity or alert.severity,
        hazard=alert.hazard,
        is_late=is_late,
        digest=chain.bytes_digest(body),
    )


def _home_key(connection: sa.Connection, gateway_id: str) -> str:
    home_id = connection.execute(
        sa.select(schema.gateways.c.home_id).where(schema.gateways.c.gateway_id == gateway_id)
    ).scalar()
    return str(home_id) if home_id is not None else unknown_home_key(gateway_id)


def recall_homes(connection: sa.Connection, gateway_ids: Collection[str]) -> dict[str, str]:
    """The keys of the homes of these gateways, of those that are known, asked at once: `take_in` remembers them."""
    table = schema.gateways
    rows = connection.execute(sa.select(table.c.gateway_id, table.c.home_id).where(table.c.gateway_id.in_(gateway_ids)))
    found = {row.gateway_id: row.home_id or unknown_home_key(row.gateway_id) for row in rows}
    for gateway_id, home_key in found.items():
        remember(connection, ("home", gateway_id), home_key)
    return found


def unknown_home_key(gateway_id: str) -> str:
    """Stands for the home of a gateway that is in nobody's directory; no home id holds a colon."""
    return f"gateway:{gateway_id}"


_LAST = "number of the last case"
_NEW = schema.incidents.insert()
_KEPT = schema.alerts.insert()
_KNOWN = sa.select(schema.alerts.c.alert_id).where(
    schema.alerts.c.gateway_id == sa.bindparam("gateway"), schema.alerts.c.alert_id == sa.bindparam("alert")
)
_OPEN = sa.select(schema.incidents.c.incident_id, schema.incidents.c.body).where(
    schema.incidents.c.home_key == sa.bindparam("home"),
    schema.incidents.c.lane == sa.bindparam("lane"),
    schema.incidents.c.state != sa.literal_column(f"'{CLOSED}'"),  # as the index of open cases has it
)
_UNLINKED = (
    sa.select(schema.alerts.c.body, schema.alerts.c.is_late)
    .where(
        schema.alerts.c.gateway_id == sa.bindparam("gateway"),
        schema.alerts.c.key == sa.bindparam("alarm"),
        schema.alerts.c.since == sa.bindparam("begun"),
        schema.alerts.c.incident_id.is_(None),
    )
    .order_by(schema.alerts.c.received_at, schema.alerts.c.alert_id)
)
_decoder = msgspec.json.Decoder(Case)
_alert_decoder = msgspec.json.Decoder(Alert)
