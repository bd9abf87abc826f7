"""A case as queues and pages show it, put together from the case, its home and the alert that names it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.casefile import SYSTEM, Case, Clock, Disposition
from community.desk import BY_CENTRE, BY_HOME, Due, QueueRow
from community.people import age_in
from community.store import schema
from community.store.cases import CLOSED, SILENT_KINDS, decode_alert, told_whence
from community.store.lease import engine_now
from community.store.living import living
from community.store.pairs import pairs_of, words_of
from community.store.sms_copies import came_by_sms, whole_or_body
from community.supervision import CENTRE_BOX
from community.wording import told_late
from community.workflow import kept_workflow
from shouwang.alert import Sentence

_ENDS_NOTHING = (*SILENT_KINDS, "correct")
"""Kinds of entry that may follow the end of a case."""


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case is, and who lives there."""

    address: str
    name: str
    born: int | None


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """What the alert that names a case says, and how long it took from the home to the centre."""

    why: Sentence
    took: timedelta


def row_of(connection: sa.Connection, incident_id: int, case: Case, now: datetime) -> QueueRow:
    """One case as the queue shows it."""
    return rows_of(connection, [(incident_id, case)], now)[0]


def rows_of(connection: sa.Connection, numbered: Sequence[tuple[int, Case]], now: datetime) -> tuple[QueueRow, ...]:
    """Cases as the queue shows them, in the given order."""
    homes = homes_of(connection, {case.home_key for _, case in numbered})
    leads = _leads(connection, {named_by(case) for _, case in numbered})
    handled = _handled(connection, {number: case for number, case in numbered if case.state == CLOSED})
    moment = (now, engine_now(connection))
    rows = (
        made(number, case, homes.get(case.home_key), leads.get(named_by(case)), moment) for number, case in numbered
    )
    return tuple(replace(row, handled_by=handled.get(row.incident_id, "")) for row in rows)


def _handled(connection: sa.Connection, closed: Mapping[int, Case]) -> dict[int, str]:
    """Who told how each of these ended; where nobody did, who closed it."""
    events = schema.incident_events
    untold = sorted(number for number, case in closed.items() if case.reporter is None)
    of_these = (events.c.incident_id.in_(untold), events.c.kind.not_in(_ENDS_NOTHING))
    newest = sa.select(events.c.incident_id, sa.func.max(events.c.version)).where(*of_these)
    of_last_step = sa.tuple_(events.c.incident_id, events.c.version).in_(newest.group_by(events.c.incident_id))
    last = sa.select(events.c.incident_id, events.c.actor).where(*of_these, of_last_step).order_by(events.c.seq.desc())
    found = {row.incident_id: row.actor for row in connection.execute(last)} if untold else {}  # of a step the first
    found |= {number: case.reporter for number, case in closed.items() if case.reporter is not None}
    return {number: _itself(closed[number]) if by == SYSTEM else by for number, by in found.items()}


def _itself(case: Case) -> str:
    """What ended it where no person did."""
    is_of_home = case.disposition is Disposition.AUTO_CLEARED and case.lead.gateway_id != CENTRE_BOX
    return BY_HOME if is_of_home else BY_CENTRE


def named_by(case: Case) -> tuple[str, str]:
    """Gateway and alert that name the case."""
    return case.lead.gateway_id, case.lead.alert_id


def made(incident_id: int, case: Case, home: Home | None, lead: Lead | None, moment: tuple[datetime, int]) -> QueueRow:
    """One case as the queue shows it; its battery, and whether its alarm comes and goes, are not asked here.

    `moment`: wall time and engine time now.
    """
    now, _ = moment
    table = kept_workflow(case.workflow, case.policy)
    state = table.states[case.state]
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
        why=_why(case, lead),
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


def _why(case: Case, lead: Lead | None) -> Sentence:
    why = lead.why if lead else Sentence(zh=case.lead.hazard, en=case.lead.hazard)
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


def homes_of(connection: sa.Connection, home_keys: set[str]) -> dict[str, Home]:
    """These homes, of those that are on file."""
    homes, residents = schema.homes, schema.residents
    lives = (residents.c.home_id == homes.c.home_id) & living()
    found: dict[str, Home] = {}
    keys = words_of(connection, home_keys)
    rows = connection.execute(
        sa.select(homes.c.home_id, homes.c.address, residents.c.name, residents.c.born)
        .join_from(keys, homes, homes.c.home_id == keys.c.word)
        .join(residents, lives, isouter=True)
        .order_by(residents.c.place.desc(), residents.c.resident_id.desc())  # the first of a home stays
    )
    for home_id, address, name, born in rows:
        found[home_id] = Home(address=address, name=name or "", born=born)
    return found


def leads_asked(connection: sa.Connection, leads: Collection[tuple[str, str]]) -> sa.Select[tuple[object, ...]]:
    """These alerts, as `lead_of` wants them: gateway, alert, body, by_sms, received_at, seen_at."""
    table = schema.alerts
    asked = pairs_of(connection, leads)
    is_lead = sa.and_(table.c.gateway_id == asked.c.first, table.c.alert_id == asked.c.second)
    return sa.select(
        table.c.gateway_id, table.c.alert_id, whole_or_body(), came_by_sms(), table.c.received_at, table.c.seen_at
    ).join_from(asked, table, is_lead)


def lead_of(body: bytes, *, by_sms: bool, received_at: datetime, seen_at: datetime | None) -> Lead:
    """An alert that names a case, from what is stored of it."""
    alert = told_whence(decode_alert(body), by_sms=by_sms)
    return Lead(why=alert.why, took=received_at - (seen_at or alert.at))


def _leads(connection: sa.Connection, leads: Collection[tuple[str, str]]) -> dict[tuple[str, str], Lead]:
    return {
        (row.gateway_id, row.alert_id): lead_of(
            row.body, by_sms=row.by_sms, received_at=row.received_at, seen_at=row.seen_at
        )
        for row in connection.execute(leads_asked(connection, leads))
    }
