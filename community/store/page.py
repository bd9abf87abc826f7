"""The whole of one case: resident, alerts, readings around the alarm (`evidence`), timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from community.call_scripts import answers_in
from community.casefile import SYSTEM, Card, Colour, Step
from community.desk import IncidentPage, QueueRow, TimelineEntry, Timing
from community.step_names import named
from community.step_words import told_in_timeline
from community.store import case_schema, chain, logins, note_words, schema
from community.store.calls import calls_of
from community.store.cases import CLOSED, as_it_came, load
from community.store.evidence import further_residents, measured_around
from community.store.gaps import gaps_around
from community.store.lease import engine_now
from community.store.living import left_as_told
from community.store.people import card
from community.store.sms_copies import came_by_sms, whole_or_body
from community.store.times import boot_in, told_of, with_boots
from community.store.views import dues_of, row_of
from community.supervision import CENTRE_BOX
from community.workflow import kept_workflow
from shouwang.alert import Alert, Sentence

SHOWN = 500
"""Alerts and events of one case on its page, the newest: a sensor that flaps for weeks must not make it unreadable."""
_UNSAID = "（内容不显示）(words not shown)"
_AT_ITS_END = frozenset({"clear", "sample"})
"""What the centre does once the home told that the cause is over."""
_CENTRE, _ANY_BOX = Sentence(zh="中心", en="The centre"), Sentence(zh="该户网关", en="The home's gateway")


def page(connection: sa.Connection, incident_id: int, now: datetime) -> IncidentPage | None:
    """The case whole, or None."""
    case = load(connection, incident_id)
    if case is None:
        return None
    told = alerts_of(connection, incident_id)
    entries, words = _events(connection, incident_id)
    names = logins.called(connection)
    alerts = [(gateway_id, alert) for gateway_id, alert, _ in told]
    others = further_residents(connection, alerts)
    about = alerts[-1][1].resident_id if alerts else ""
    row = row_of(connection, incident_id, case, now)
    box = _CENTRE if case.lead.gateway_id == CENTRE_BOX else _box_of(row)
    return IncidentPage(
        row=row,
        resident=card(connection, case.home_key, now, resident_id=about),
        alerts=tuple(alert for _, alert in alerts),
        evidence=measured_around(
            connection, case.home_key, alerts, others, until=None if case.state == CLOSED else now
        ),
        timeline=_timeline(entries, names, alerts, words, box=box),
        case=case,
        actions=kept_workflow(case.workflow, case.policy).commands(case.state),
        others=others,
        timings={alert.alert_id: timing for _, alert, timing in told},
        gaps=gaps_around(connection, alerts),
        clocks=dues_of(case, (now, engine_now(connection))),
        cards=_cards(connection, incident_id),
        answers=answers_in(words[note_id] for note_id in map(note_words.id_in, entries) if note_id in words),
        called={offer.to: names.get(offer.to, offer.to) for offer in case.offers},
        calls=calls_of(connection, incident_id, now),
        gone=left_as_told(connection, case.home_key, about, now),
    )


def _cards(connection: sa.Connection, incident_id: int) -> tuple[Card, ...]:
    table = case_schema.cards
    rows = connection.execute(
        sa.select(table).where(table.c.incident_id == incident_id).order_by(table.c.card_id).limit(SHOWN)
    )
    return tuple(
        Card(
            step=row.step,
            colour=Colour(row.colour),
            responsible=row.responsible,
            organisation=row.organisation,
            limit_ms=row.limit_ms,
            actual_ms=row.actual_ms,
            level=row.level,
        )
        for row in rows
    )


def alerts_of(connection: sa.Connection, incident_id: int) -> list[tuple[str, Alert, Timing]]:
    """Those of a case, each with its gateway and how far its times, which are those known now, may be trusted."""
    table = schema.alerts
    rows = connection.execute(
        with_boots(sa.select(table.c.gateway_id, whole_or_body(), came_by_sms(), table.c.received_at))
        .where(table.c.incident_id == incident_id)
        .order_by(table.c.received_at.desc(), table.c.alert_id)
        .limit(SHOWN)
    )
    found = ((row.gateway_id, *told_of(as_it_came(row), row.received_at, boot_in(row))) for row in rows)
    return sorted(found, key=lambda one: one[1].at)


def _events(connection: sa.Connection, incident_id: int) -> tuple[list[chain.Entry], dict[str, str]]:
    """Its events, oldest first, and the words of its notes that were not erased."""
    events, notes = schema.incident_events, schema.notes
    words = {
        row.note_id: row.words
        for row in connection.execute(sa.select(notes).where(notes.c.incident_id == incident_id))
        if row.words is not None
    }
    rows = connection.execute(
        sa.select(events.c.body).where(events.c.incident_id == incident_id).order_by(events.c.seq.desc()).limit(SHOWN)
    ).all()
    return [chain.decode_entry(row.body) for row in reversed(rows)], words


def _timeline(
    entries: Sequence[chain.Entry],
    names: Mapping[str, str],
    alerts: Sequence[tuple[str, Alert]],
    words: Mapping[str, str],
    *,
    box: Sentence,
) -> tuple[TimelineEntry, ...]:
    by_id = {alert.alert_id: alert for _, alert in alerts}
    unsaid = dict.fromkeys((note_id for note_id, said in words.items() if said), _UNSAID)

    def told(entry: chain.Entry, notes: Mapping[str, str]) -> Sentence:
        return told_in_timeline(named(entry.event, names), _who(entry, names, box), by_id, notes)

    return tuple(
        TimelineEntry(
            seq=entry.seq,
            at=entry.at,
            kind=entry.kind,
            actor=entry.actor,
            text=told(entry, words),
            bare=told(entry, {**words, **unsaid}),
        )
        for entry in entries
    )


def _who(entry: chain.Entry, names: Mapping[str, str], box: Sentence) -> Sentence:
    """Who did it; `box`: who told that the cause is over."""
    if entry.actor != SYSTEM:
        name = names.get(entry.actor, entry.actor)
        return Sentence(zh=name, en=name)
    return box if isinstance(entry.event, Step) and entry.event.name in _AT_ITS_END else _CENTRE


def _box_of(row: QueueRow) -> Sentence:
    return Sentence(zh=f"{row.address}的网关", en=f"The gateway of {row.address}") if row.address else _ANY_BOX
