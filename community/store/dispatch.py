"""Who could go to a case: everybody who may be asked now, the best first, and who may not, with the reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from community.casefile import Answered, Case
from community.dispatch import (
    EMERGENCY,
    CallableUnit,
    Duty,
    Hours,
    LeftOut,
    Need,
    Proposal,
    Responder,
    UnitKind,
    left_out,
    proposals,
    skills_for,
)
from community.rosters import Place, Post, Shift
from community.store import dispatch_schema as tables
from community.store import points, rosters, schema
from community.store.people_schema import home_register, places
from community.workflow import kept_workflow

_ANSWERED_NO = (Answered.ASKED, Answered.ACCEPTED, Answered.DECLINED, Answered.EXPIRED)
"""Whoever was only too slow (taken) may be asked again, where the one who was faster does not arrive."""
_DEEPEST = 12
"""Levels of places from a door to the country; a tree that is deeper is a ring."""
_MOST_OPEN = 500
_MOMENT = timedelta(microseconds=1)


def candidates(connection: sa.Connection, case: Case, now: datetime) -> tuple[str, ...]:
    """Responder ids, the best first; none for kinds of case to which nobody is sent."""
    if not _is_sent_to(case):
        return ()
    found, _ = proposed(connection, case, now)
    return tuple(one.responder_id for one in found)


def proposed(connection: sa.Connection, case: Case, now: datetime) -> tuple[tuple[Proposal, ...], tuple[LeftOut, ...]]:
    """Whom to ask, the best first, with reasons; and who is left out, and why."""
    everybody = _responders(connection, now)
    need = need_of(connection, case)
    return proposals(need, everybody), left_out(need, everybody)


def need_of(connection: sa.Connection, case: Case) -> Need:
    """What the case needs."""
    point = points.point_of(connection, case.home_key)
    areas = all_areas_of(connection, case.home_key)
    return Need(
        skills=skills_for(case.lead.hazard),
        areas=areas,
        called=_names_of(connection, areas),
        lat=None if point is None else point.lat,
        lon=None if point is None else point.lon,
        asked=frozenset(offer.to for offer in case.offers if offer.answer in _ANSWERED_NO),
    )


def staff(connection: sa.Connection, now: datetime) -> tuple[tuple[Proposal, ...], tuple[LeftOut, ...]]:
    """Who could be sent now wherever it is, and who not, and why."""
    everybody = _responders(connection, now)
    return proposals(Need(), everybody), left_out(Need(), everybody)


def everybody(connection: sa.Connection, now: datetime) -> tuple[Responder, ...]:
    """Everybody who works for the centre, as he is now."""
    return _responders(connection, now)


def meant(connection: sa.Connection, whom: str, *, is_unit: bool) -> str:
    """The id of who is called so: a unit, or a responder too, by id or by a name that one alone has; empty: nobody.

    120, 119 and 110 are never meant: people call them. A centre without any register names whom it likes.
    """
    people, units = tables.responders, tables.units
    may_be_called = (units.c.is_active, units.c.kind.not_in([one.value for one in EMERGENCY]))
    found = [
        (row.unit_id, row.name)
        for row in connection.execute(sa.select(units.c.unit_id, units.c.name).where(*may_be_called))
    ]
    if not is_unit:
        active = sa.select(people.c.responder_id, people.c.name).where(people.c.is_active)
        found += [(row.responder_id, row.name) for row in connection.execute(active)]
        if not found:
            return whom
    ids = {one for one, _ in found}
    named = [one for one, name in found if name == whom]
    return whom if whom in ids else named[0] if len(named) == 1 else ""


def callable_units(connection: sa.Connection, now: datetime) -> tuple[CallableUnit, ...]:
    """Units that one may call in, those that are open first; 120, 119 and 110 are called by people."""
    units = tables.units
    rows = connection.execute(
        sa.select(units)
        .where(units.c.is_active, units.c.kind.not_in([one.value for one in EMERGENCY]))
        .order_by(units.c.tier, units.c.unit_id)
    )
    found = (
        CallableUnit(unit_id=row.unit_id, name=row.name, phone=row.phone, is_open=_is_open(row, now)) for row in rows
    )
    return tuple(sorted(found, key=lambda one: not one.is_open))


def name_of(connection: sa.Connection, whom: str) -> str:
    """What a responder or a unit is called; empty where it is not on file."""
    people, units = tables.responders, tables.units
    found = connection.execute(
        sa.select(people.c.name)
        .where(people.c.responder_id == whom)
        .union_all(sa.select(units.c.name).where(units.c.unit_id == whom))
    ).scalars()
    return next(iter(found), "")


def all_areas_of(connection: sa.Connection, home_id: str) -> tuple[str, ...]:
    """The areas of a home, the nearest first: as the dispatch file says, then as the tree of places does."""
    spot = _spot(connection, home_id)
    own = () if spot is None else _words.decode(spot.areas)
    return tuple(dict.fromkeys((*own, *areas_of(connection, home_id))))


def _spot(connection: sa.Connection, home_id: str) -> sa.Row[tuple[object, ...]] | None:
    table = tables.home_spots
    return connection.execute(sa.select(table).where(table.c.home_id == home_id)).first()


def areas_of(connection: sa.Connection, home_id: str) -> tuple[str, ...]:
    """The places that a home lies in, the nearest first, by their ids and by the codes that people use."""
    place_id = connection.execute(
        sa.select(home_register.c.place_id).where(home_register.c.home_id == home_id)
    ).scalar()
    found: list[str] = []
    while place_id is not None and len(found) < 2 * _DEEPEST:
        row = connection.execute(sa.select(places).where(places.c.place_id == place_id)).first()
        if row is None:
            break
        found += [row.place_id, *([row.code] if row.code else [])]
        place_id = row.parent_id
    return tuple(dict.fromkeys(found))


def _names_of(connection: sa.Connection, areas: tuple[str, ...]) -> Mapping[str, str]:
    """What people call these areas of one home, by id and by code; of those that have a name."""
    rows = connection.execute(sa.select(places).where(places.c.place_id.in_(areas), places.c.name != "")).all()
    return {row.code: row.name for row in rows} | {row.place_id: row.name for row in rows}


def grids_of_homes(connection: sa.Connection) -> Mapping[str, str]:
    """The grid of each home that has one, by its code, else its id; homes without one are not in it."""
    rows = connection.execute(sa.select(places)).all()
    by_id = {row.place_id: row for row in rows}
    found: dict[str, str] = {}
    for home in connection.execute(sa.select(home_register.c.home_id, home_register.c.place_id)):
        place, steps = by_id.get(home.place_id), 0
        while place is not None and place.level != "grid" and steps < _DEEPEST:
            place, steps = by_id.get(place.parent_id), steps + 1
        if place is not None and place.level == "grid":
            found[home.home_id] = place.code or place.place_id
    return found


def _is_sent_to(case: Case) -> bool:
    table = kept_workflow(case.workflow, case.policy)
    return any(rung.do == "offer_best" for rungs in table.ladder.values() for rung in rungs)


def _responders(connection: sa.Connection, now: datetime) -> tuple[Responder, ...]:
    units, people = tables.units, tables.responders
    rows = connection.execute(
        sa.select(
            people,
            units.c.name.label("unit_name"),
            units.c.kind,
            units.c.tier.label("unit_tier"),
            units.c.hours,
            units.c.zone,
            units.c.areas.label("unit_areas"),
            units.c.skills.label("unit_skills"),
        )
        .join(units, units.c.unit_id == people.c.unit_id)
        .where(people.c.is_active, units.c.is_active)
        .order_by(people.c.responder_id)
    ).all()
    if not rows:
        return ()
    world = _World(connection, now)
    return tuple(_responder(row, world) for row in rows)


class _World:
    """What is the same for all responders at one moment."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.now = now
        self.rostered = rosters.rostered(connection)
        self.on_duty: dict[str, Shift] = {}
        for shift in rosters.here(connection, Post.RESPONDER, now):
            self.on_duty.setdefault(shift.person, shift)
        self.absent = {one.person for one in rosters.absences(connection, now, now + _MOMENT)}
        self.busy, self.asked = _at_work(connection)
        self.grids: dict[str, set[str]] = {}
        self.backs_up: set[str] = set()
        for post in rosters.grid_posts(connection):
            self.grids.setdefault(post.person, set()).add(post.grid)
            if post.place is Place.BACKUP:
                self.backs_up.add(post.person)


def _at_work(connection: sa.Connection) -> tuple[frozenset[str], frozenset[str]]:
    """Who is on a case, and for whose answer one waits."""
    table = schema.incidents
    busy = connection.execute(
        sa.select(table.c.responder).where(table.c.responder.is_not(None), table.c.state != "CLOSED").distinct()
    ).scalars()
    bodies = connection.execute(
        sa.select(table.c.body).where(table.c.state == "DISPATCHED").limit(_MOST_OPEN)
    ).scalars()
    offers = (offer for body in bodies for offer in msgspec.json.decode(body, type=Case).offers)
    return frozenset(busy), frozenset(offer.to for offer in offers if offer.answer is Answered.ASKED)


def _responder(row: sa.Row[tuple[object, ...]], world: _World) -> Responder:
    grids = world.grids.get(row.responder_id, set())
    areas = _words.decode(row.areas) or (() if grids else _words.decode(row.unit_areas))
    shift = world.on_duty.get(row.responder_id)
    return Responder(
        responder_id=row.responder_id,
        name=row.name,
        unit=row.unit_name,
        kind=UnitKind(row.kind),
        tier=row.tier or row.unit_tier,
        phone=row.phone,
        skills=frozenset({*_words.decode(row.skills), *_words.decode(row.unit_skills)}),
        areas=frozenset({*areas, *grids}),
        lat=row.lat,
        lon=row.lon,
        duty=_duty(row, world),
        is_backup=(shift is not None and shift.place is Place.BACKUP) or row.responder_id in world.backs_up,
        asked_elsewhere=row.responder_id in world.asked,
    )


def _duty(row: sa.Row[tuple[object, ...]], world: _World) -> Duty:
    if row.responder_id in world.absent:
        return Duty.ABSENT
    if row.responder_id in world.rostered:
        if row.responder_id not in world.on_duty:
            return Duty.OFF
    elif not _is_open(row, world.now):
        return Duty.CLOSED
    if row.responder_id in world.busy:
        return Duty.BUSY
    return Duty.FREE if row.phone else Duty.SILENT


def _is_open(row: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    hours = _hours.decode(row.hours)
    return not hours or any(one.holds(now.astimezone(ZoneInfo(row.zone))) for one in hours)


_words = msgspec.json.Decoder(tuple[str, ...])
_hours = msgspec.json.Decoder(tuple[Hours, ...])
