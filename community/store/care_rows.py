"""Rows of plans of care, assessments and medicines as the tables hold them, both ways."""

from collections.abc import Callable

import sqlalchemy as sa

from community.care import Assessment, Condition
from community.registry import AssessmentRow, CarePlanRow, MedicineRow, Row
from community.store.care_schema import assessments, care_plans, care_standings, medicines
from community.store.differing import matches
from community.store.people_rows import Values, listed, unlisted
from shouwang.quantities import Quantity

CareRow = CarePlanRow | AssessmentRow | MedicineRow
KEYS: dict[type[Row], tuple[str, ...]] = {
    CarePlanRow: ("condition", "quantity"),
    AssessmentRow: ("kind", "scale", "day"),
    MedicineRow: ("name",),
}
"""What names an entry of a resident."""
TABLES: dict[type[Row], sa.Table] = {CarePlanRow: care_plans, AssessmentRow: assessments, MedicineRow: medicines}


def row_in(model: type[Row], row: sa.Row[tuple[object, ...]]) -> CareRow:
    """From the table of this model."""
    return _READERS[model](row)


def spelled(row: CareRow | None) -> str:
    """An entry in the record of changes; its words go with an erasure, so that no other column may name anything."""
    return "" if row is None else row.model_dump_json(exclude={"resident"}, exclude_defaults=True)


def of_person(connection: sa.Connection, resident_id: str) -> tuple[CareRow, ...]:
    """All entries of a resident: plans, then assessments, then medicines."""
    return tuple(
        row_in(model, row)
        for model, table in TABLES.items()
        for row in connection.execute(
            sa.select(table).where(table.c.resident_id == resident_id).order_by(*table.primary_key.columns)
        )
    )


def forget(connection: sa.Connection, resident_id: str) -> None:
    """Whoever is erased has no plans, no assessments and no medicines any more."""
    for table in (care_standings, *TABLES.values()):
        connection.execute(sa.delete(table).where(table.c.resident_id == resident_id))


def forget_standing(connection: sa.Connection, key: Values) -> None:
    """How a plan was kept says nothing of one that is another now."""
    connection.execute(sa.delete(care_standings).where(matches(care_standings, key)))


def key_of(row: CareRow) -> Values:
    """The primary key of its table."""
    told = row.model_dump(mode="json")
    return {"resident_id": row.resident} | {name: told[name] for name in KEYS[type(row)]}


def values_of(row: CareRow) -> Values:
    """What its table holds beside the key."""
    told = row.model_dump(mode="json", exclude={"resident", *KEYS[type(row)]})
    return told | ({"at": listed(row.at)} if isinstance(row, MedicineRow) else {})


def plan_in(row: sa.Row[tuple[object, ...]]) -> CarePlanRow:
    """From `care_plans`."""
    return CarePlanRow.model_construct(
        resident=row.resident_id,
        condition=Condition(row.condition),
        title=row.title,
        quantity=Quantity(row.quantity),
        times=row.times,
        days=row.days,
        low=row.low,
        high=row.high,
        set_by=row.set_by,
        set_on=row.set_on,
        since=row.since,
        until=row.until,
        review_on=row.review_on,
    )


def assessment_in(row: sa.Row[tuple[object, ...]]) -> AssessmentRow:
    """From `assessments`."""
    return AssessmentRow.model_construct(
        resident=row.resident_id,
        kind=Assessment(row.kind),
        day=row.day,
        scale=row.scale,
        score=row.score,
        level=row.level,
        assessor=row.assessor,
        next_on=row.next_on,
    )


def medicine_in(row: sa.Row[tuple[object, ...]]) -> MedicineRow:
    """From `medicines`."""
    return MedicineRow.model_construct(
        resident=row.resident_id,
        name=row.name,
        dose=row.dose,
        at=unlisted(row.at),
        since=row.since,
        until=row.until,
        prescribed_by=row.prescribed_by,
    )


_READERS: dict[type[Row], Callable[[sa.Row[tuple[object, ...]]], CareRow]] = {
    CarePlanRow: plan_in,
    AssessmentRow: assessment_in,
    MedicineRow: medicine_in,
}
