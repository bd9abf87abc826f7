"""What follows in the register when somebody lives there no more, and how it is taken back where that was a mistake."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from community.registry import CarePlanRow, MedicineRow
from community.store import care_rows, schema
from community.store.differing import matches
from community.store.people_schema import register_changes, resident_stays

_MODELS = {care_rows.TABLES[model].name: model for model in (CarePlanRow, MedicineRow)}


def ended_care(connection: sa.Connection, resident_id: str, day: str) -> Iterator[care_rows.CareRow]:
    """Plans and medicines that go on, as they are once he has left: their last day is the one before."""
    last = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    for row in care_rows.of_person(connection, resident_id):
        if isinstance(row, CarePlanRow | MedicineRow) and (not row.until or row.until > last):
            yield row.model_copy(update={"until": max(last, row.since)})


def care_taken_back(connection: sa.Connection, resident_id: str) -> Iterator[care_rows.CareRow]:
    """Plans and medicines as they were before he was said to have left, of those that nobody has changed since."""
    table = register_changes
    his = table.c.resident_id == resident_id
    mark = (his, table.c.subject == "resident", table.c.field == "left_why", table.c.before == "")
    at = connection.execute(sa.select(table.c.at).where(*mark).order_by(table.c.change_id.desc()).limit(1)).scalar()
    if at is None:
        return
    ended = sa.select(table).where(his, table.c.at == at, table.c.subject.in_(sorted(_MODELS)))
    for one in connection.execute(ended.order_by(table.c.change_id)).all():
        old = json.loads(one.before or "{}")
        row = _MODELS[one.subject].model_validate({**old, "resident": resident_id}) if old else None
        if row is not None and _stands(connection, row) == one.after:
            yield row


def stay_goes_on(connection: sa.Connection, resident_id: str, home_id: str) -> None:
    """Nobody came between: what was measured since he was said to have left is his after all."""
    table = resident_stays
    here = sa.select(table).where(table.c.home_id == home_id)
    stays = connection.execute(here.order_by(table.c.stay_id)).all()
    his = [one for one in stays if one.resident_id == resident_id]
    last = his[-1] if his else None
    if last is None or last.until is None:
        return
    came = (one for one in stays if one.is_first and one.since is not None and one.since >= last.until)
    if next(came, None) is None:
        connection.execute(sa.update(table).where(table.c.stay_id == last.stay_id).values(until=None))


def has_left_before(before: datetime) -> "sa.ColumnElement[bool]":
    """Of a resident: he left before this moment, by the day that was written down."""
    people = schema.residents
    return sa.and_(people.c.left_why != "", people.c.left_on < before.date().isoformat())


def _stands(connection: sa.Connection, row: care_rows.CareRow) -> str:
    table = care_rows.TABLES[type(row)]
    now = connection.execute(sa.select(table).where(matches(table, care_rows.key_of(row)))).first()
    return care_rows.spelled(None if now is None else care_rows.row_in(type(row), now))
