"""What stands on the sheet for 120, gathered from the case, the register and who is on site."""

from datetime import datetime

import sqlalchemy as sa

from community.desk import IncidentPage
from community.sheet import Line, Sheet, vitals_of
from community.store import dispatch_schema as tables
from community.store import people_schema, schema
from community.store.page import page
from shouwang.alert import Sentence

_LINES = 40
"""Newest steps; a sheet is one page."""


def gathered(connection: sa.Connection, incident_id: int, now: datetime, *, centre: str, callback: str) -> Sheet | None:
    """The sheet of this case; None where there is none."""
    case = page(connection, incident_id, now)
    if case is None:
        return None
    home_id = case.row.home_id
    card = case.resident
    return Sheet(
        incident_id=incident_id,
        made_at=now,
        centre=centre,
        callback=callback,
        address=case.row.address or home_id,
        way_in=way_in(connection, home_id),
        code_at=_hint(connection, home_id),
        name="" if card is None else card.name,
        age=None if card is None else card.age,
        living="" if card is None else card.living,
        conditions=() if card is None else card.conditions,
        medicines=() if card is None else card.medicines,
        allergies=() if card is None else card.allergies,
        remarks="" if card is None else card.notes,
        what=case.row.why,
        opened_at=case.row.opened_at,
        lines=_lines(case),
        vitals=vitals_of(case.evidence),
        contacts=() if card is None else card.contacts,
        helpers=case.case.helpers,
        on_site=_named(connection, case.case.responder),
        is_on_file=card is not None,
    )


def home_of(connection: sa.Connection, incident_id: int) -> str:
    """The home that a case is about."""
    table = schema.incidents
    return str(connection.execute(sa.select(table.c.home_key).where(table.c.incident_id == incident_id)).scalar_one())


def way_in(connection: sa.Connection, home_id: str) -> str:
    """How one gets to the door: what the register says, then what the dispatch file adds."""
    register, spots = people_schema.home_register, tables.home_spots
    route = connection.execute(sa.select(register.c.route).where(register.c.home_id == home_id)).scalar() or ""
    note = connection.execute(sa.select(spots.c.door_note).where(spots.c.home_id == home_id)).scalar() or ""
    return "\n".join(part for part in dict.fromkeys((route, note)) if part)


def _hint(connection: sa.Connection, home_id: str) -> str:
    table = people_schema.key_safes
    return connection.execute(sa.select(table.c.hint).where(table.c.home_id == home_id)).scalar() or ""


def _lines(case: IncidentPage) -> tuple[Line, ...]:
    return tuple(Line(at=entry.at, said=_short(entry.text)) for entry in case.timeline[-_LINES:])


def _short(said: Sentence) -> Sentence:
    """A note may be long; the sheet is one page."""
    return Sentence(zh=said.zh[:_LONGEST], en=said.en[:_LONGEST])


_LONGEST = 300


def _named(connection: sa.Connection, responder_id: str | None) -> str:
    people = tables.responders
    row = connection.execute(
        sa.select(people.c.name, people.c.phone).where(people.c.responder_id == (responder_id or ""))
    ).first()
    return "" if row is None else f"{row.name} {row.phone}".strip()
