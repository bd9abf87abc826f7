"""Who is behind: plans that are not kept, reviews and assessments that are due, of ten thousand residents a page.

How plans are kept was found before (community.care_rounds); due days are compared here. Nobody is on the list who does
not want health to be shown, and no measured value counts of whom nobody asked, or who said no.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from community.care import UNKEPT, Assessment, Keeping
from community.consent import Purpose
from community.people import age_in
from community.registry import AssessmentRow, CarePlanRow
from community.rights import Right
from community.store import resident_list, rights, schema
from community.store.care_rows import assessment_in, plan_in
from community.store.care_schema import SAME_PLAN, assessments, care_plans, care_standings
from community.store.living import living
from community.users import User

PAGE = 40
LAST_PAGE = 250
"""10,000 people who are behind: a list that nobody turns."""

_residents, _homes = schema.residents, schema.homes


class Why(StrEnum):
    """Why somebody is on the list."""

    UNKEPT = "unkept"
    REVIEW = "review"
    ASSESSMENT = "assessment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sieve:
    """What the list shows: `why` None: for any reason; `area`: a place and all in it."""

    why: Why | None = None
    area: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unkept:
    """A plan that is not kept, as it was found at `judged_at`."""

    plan: CarePlanRow
    keeping: Keeping
    found: int
    newest_at: datetime | None
    judged_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BehindLine:
    """One resident who is behind, and with what."""

    resident_id: str
    home_id: str
    name: str
    age: int | None
    address: str
    phone: str
    unkept: tuple[Unkept, ...] = ()
    reviews: tuple[CarePlanRow, ...] = ()
    assessments: tuple[AssessmentRow, ...] = ()


@dataclass(kw_only=True, slots=True)
class _With:
    unkept: list[Unkept] = field(default_factory=list)
    reviews: list[CarePlanRow] = field(default_factory=list)
    assessments: list[AssessmentRow] = field(default_factory=list)


def page(
    connection: sa.Connection, user: User, sieve: Sieve, number: int, now: datetime, *, size: int = PAGE
) -> tuple[tuple[BehindLine, ...], bool]:
    """One page in the order of addresses, from 0, and whether another follows. Nobody outside his areas.

    `now` in the zone by whose days something is overdue.
    """
    chosen = _behind(connection, user, sieve, now).order_by(
        _homes.c.address, _residents.c.place, _residents.c.resident_id
    )
    rows = connection.execute(chosen.offset(size * number).limit(size + 1)).all()
    seen = rights.visible(connection, user, Right.READ_MEDICAL, (row.home_id for row in rows), now)
    shown = [row for row in rows[:size] if row.home_id in seen]
    told = _told(connection, [row.resident_id for row in shown], now)
    return tuple(_line(row, told[row.resident_id], now) for row in shown), len(rows) > size and number < LAST_PAGE


def counts(connection: sa.Connection, user: User, area: str, now: datetime) -> Mapping[Why, int]:
    """How many residents are behind with each; asked once for all, so that areas are walked once."""
    each = [_of(why, now).add_columns(sa.literal(why.value).label("why")) for why in Why]
    behind = sa.union_all(*each).subquery("behind")
    asked = (
        sa.select(behind.c.why, sa.func.count(behind.c.resident_id.distinct()).label("number"))
        .join(_residents, _residents.c.resident_id == behind.c.resident_id)
        .where(*_may_be_shown(connection, user, area, now))
        .group_by(behind.c.why)
    )
    found = {row.why: row.number for row in connection.execute(asked)}
    return {why: found.get(why.value, 0) for why in Why}


def _behind(connection: sa.Connection, user: User, sieve: Sieve, now: datetime) -> "sa.Select[tuple[str, str]]":
    """Begun with those who are behind, who are few: what else is asked of each costs nothing for the others."""
    whys = tuple(Why) if sieve.why is None else (sieve.why,)
    behind = sa.union(*(_of(why, now) for why in whys)).subquery("behind")
    return (
        sa.select(
            _residents.c.resident_id,
            _residents.c.home_id,
            _residents.c.name,
            _residents.c.born,
            _residents.c.phone,
            _homes.c.address,
        )
        .join_from(behind, _residents, _residents.c.resident_id == behind.c.resident_id)
        .join(_homes, _homes.c.home_id == _residents.c.home_id)
        .where(*_may_be_shown(connection, user, sieve.area, now))
    )


def _may_be_shown(
    connection: sa.Connection, user: User, area: str, now: datetime
) -> "Iterable[sa.ColumnElement[bool]]":
    yield from resident_list.within_reach(connection, user, area, now)
    yield living()
    yield ~resident_list.has_withdrawn(Purpose.EMERGENCY, now)


def _of(why: Why, now: datetime) -> "sa.Select[tuple[str]]":
    if why is Why.UNKEPT:
        return (
            sa.select(care_standings.c.resident_id)
            .join(care_plans, SAME_PLAN)
            .join(_residents, _residents.c.resident_id == care_standings.c.resident_id)
            .where(*_is_unkept(now), resident_list.has_agreed(Purpose.HEALTH_MONITORING, now))
        )
    if why is Why.REVIEW:
        return sa.select(care_plans.c.resident_id).where(*_is_unreviewed(now))
    return sa.select(assessments.c.resident_id).where(*_is_unassessed(now))


def _is_unkept(now: datetime) -> "Iterable[sa.ColumnElement[bool]]":
    yield care_standings.c.keeping.in_([one.value for one in UNKEPT])
    yield _in_force(now)


def _is_unreviewed(now: datetime) -> "Iterable[sa.ColumnElement[bool]]":
    yield care_plans.c.review_on > ""
    yield care_plans.c.review_on < _today(now)
    yield _in_force(now)


def _is_unassessed(now: datetime) -> "Iterable[sa.ColumnElement[bool]]":
    """Due, and nobody has assessed anew since: on the same scale, where the kind alone does not say which."""
    later = assessments.alias("later")
    yield assessments.c.next_on > ""
    yield assessments.c.next_on < _today(now)
    yield ~sa.exists().where(
        later.c.resident_id == assessments.c.resident_id,
        later.c.kind == assessments.c.kind,
        sa.or_(assessments.c.kind != Assessment.OTHER.value, later.c.scale == assessments.c.scale),
        later.c.day > assessments.c.day,
    )


def _in_force(now: datetime) -> "sa.ColumnElement[bool]":
    today = _today(now)
    return sa.and_(care_plans.c.since <= today, sa.or_(care_plans.c.until == "", care_plans.c.until >= today))


def _today(now: datetime) -> str:
    return now.date().isoformat()


def _told(connection: sa.Connection, residents: list[str], now: datetime) -> Mapping[str, _With]:
    """All that these residents are behind with."""
    found = {one: _With() for one in residents}
    plans = sa.select(care_plans).order_by(care_plans.c.condition, care_plans.c.quantity)
    standings = care_standings.c
    judged = sa.select(care_plans, standings.keeping, standings.found, standings.newest_at, standings.judged_at)
    short = judged.join_from(care_plans, care_standings, SAME_PLAN).join(
        _residents, _residents.c.resident_id == care_plans.c.resident_id
    )
    agreed = resident_list.has_agreed(Purpose.HEALTH_MONITORING, now)
    for row in connection.execute(short.where(care_plans.c.resident_id.in_(residents), *_is_unkept(now), agreed)):
        found[row.resident_id].unkept.append(
            Unkept(
                plan=plan_in(row),
                keeping=Keeping(row.keeping),
                found=row.found,
                newest_at=row.newest_at,
                judged_at=row.judged_at,
            )
        )
    for row in connection.execute(plans.where(care_plans.c.resident_id.in_(residents), *_is_unreviewed(now))):
        found[row.resident_id].reviews.append(plan_in(row))
    due = sa.select(assessments).where(assessments.c.resident_id.in_(residents), *_is_unassessed(now))
    for row in connection.execute(due.order_by(assessments.c.next_on)):
        found[row.resident_id].assessments.append(assessment_in(row))
    return found


def _line(row: "sa.Row[tuple[object, ...]]", told: _With, now: datetime) -> BehindLine:
    return BehindLine(
        resident_id=row.resident_id,
        home_id=row.home_id,
        name=row.name,
        age=age_in(now.year, row.born),
        address=row.address,
        phone=row.phone,
        unkept=tuple(told.unkept),
        reviews=tuple(told.reviews),
        assessments=tuple(told.assessments),
    )
