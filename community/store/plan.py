"""How homes are and where they stand: counted for each building, or door by door. One question for all homes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from community import storms
from community.people import Level
from community.plan import State
from community.points import Point, point_of
from community.store import measured, schema, watch_schema
from community.store.living import living
from community.store.pairs import words_of
from community.store.people_schema import home_register, places
from community.store.storm_schema import quiet_cases, reserves, storm_homes, tech_raises
from community.store.storm_schema import storms as storm_table
from community.store.storms import HELD
from shouwang.quantities import Quantity

BLOCKS = 600
"""More buildings at once nobody reads; whoever has more looks at one community."""
DOORS = 600
"""Of one building at once."""
_PLACES = 5000
"""Districts, communities, grids and buildings that are named at once."""
_DEEPEST = 10
"""Levels of the tree; one that is deeper is a ring."""
_WIDE = (Level.DISTRICT.value, Level.COMMUNITY.value, Level.GRID.value, Level.BUILDING.value)
_FALLEN = 2.0
"""Whole percents waver by one: so much must a battery have fallen to be in use. Set by this project."""
_RECENT = timedelta(hours=2)
"""An older level says nothing of now. Set by this project."""
_BOX, _HOME = "gateway", "home"
"""The sensors by which a box says that its mains are lost, and its people that they are away (rules.modes)."""
_AWAY = (1, 2)
"""Away, in hospital."""
_ORDER = tuple(State)


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """So many homes of one block are in one state; `block_id` None: of those in no tree."""

    block_id: str | None
    state: State
    homes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A home with everything that holds of it; `unit_id`, `floor_id`, `door_id` where its place is that deep."""

    home_id: str
    gateway_id: str
    states: tuple[State, ...]
    unit_id: str | None
    floor_id: str | None
    door_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """How many homes there are, and how many of them hold each state."""

    homes: int
    holding: Mapping[State, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceRow:
    """A place of the tree."""

    place_id: str
    parent_id: str | None
    level: Level
    name: str
    code: str = ""
    point: Point | None = None


def around(known: Mapping[str, PlaceRow], place_id: str | None) -> list[PlaceRow]:
    """The place and all that it lies in, the widest first."""
    found: list[PlaceRow] = []
    while place_id is not None and place_id in known and len(found) < len(Level):
        found.append(known[place_id])
        place_id = known[place_id].parent_id
    return found[::-1]


def names_around(known: Mapping[str, PlaceRow], place_id: str | None) -> tuple[str, ...]:
    """As people call them."""
    return tuple(place.name for place in around(known, place_id))


class Seen:
    """What one viewer sees at one moment. `homes`: of these alone; None: of all."""

    def __init__(self, connection: sa.Connection, now: datetime, homes: Collection[str] | None = None) -> None:
        """Ask who is away at once: that lies with the measurements."""
        self.connection, self._now, self._homes = connection, now, homes
        self._lost, self._away = _said_last(connection)

    def counts(self, at: str | None = None) -> tuple[Placed, ...]:
        """Homes by block and state; `at`: below this place alone."""
        tree = tree_of(at)
        home = self.states()
        joined = sa.join(home, tree, tree.c.place_id == home.c.place_id, isouter=at is None)
        rows = self.connection.execute(
            sa.select(tree.c.block_id, home.c.rank, sa.func.count().label("homes"))
            .select_from(joined)
            .group_by(tree.c.block_id, home.c.rank)
        )
        return tuple(Placed(block_id=row.block_id, state=_ORDER[row.rank], homes=row.homes) for row in rows)

    def sums(self) -> Sums:
        """All homes, and how many of them hold each state: one may hold several."""
        home = self.states()
        flags = [sa.func.coalesce(sa.func.sum(home.c[state.name]), 0).label(state.name) for state in _ORDER[:-1]]
        row = self.connection.execute(sa.select(sa.func.count().label("homes"), *flags)).one()
        held = row._mapping  # noqa: SLF001 - the public way to ask a row by name
        return Sums(homes=row.homes, holding={state: int(held[state.name]) for state in _ORDER[:-1]})

    def doors(self, at: str, limit: int = DOORS) -> tuple[Found, ...]:
        """The homes below a place, by its own order; one more than `limit` where there are more."""
        tree, home = tree_of(at), self.states()
        rows = self.connection.execute(
            sa.select(home, tree.c.unit_id, tree.c.floor_id, tree.c.door_id)
            .join_from(home, tree, tree.c.place_id == home.c.place_id)
            .order_by(tree.c.place_id, home.c.home_id)
            .limit(limit + 1)
        )
        return tuple(map(found_in, rows))

    def loose(self, at: str | None, limit: int, after: str = "") -> tuple[Found, ...]:
        """The homes that stand in this wide place itself, None: in no tree; one more than `limit` where there are more.

        `after`: from the home behind this one on.
        """
        home, nothing = self.states(), sa.null()
        where = home.c.place_id == at if at is not None else home.c.place_id.not_in(sa.select(tree_of(None).c.place_id))
        if at is None:
            where = sa.or_(home.c.place_id.is_(None), where)
        rows = self.connection.execute(
            sa.select(home, nothing.label("unit_id"), nothing.label("floor_id"), nothing.label("door_id"))
            .where(where, home.c.home_id > after)
            .order_by(home.c.home_id)
            .limit(limit + 1)
        )
        return tuple(map(found_in, rows))

    def states(self) -> sa.Subquery:
        """Each home with the rank of its worst state, and with all that holds of it."""
        homes, cases, boxes, cut = schema.homes, _cases(), _boxes(self._now), _cut()
        lost = words_of(self.connection, self._lost)
        away = words_of(self.connection, self._away)
        box = boxes.c
        facts = {
            State.LIFE: cases.c.priority == "P1",
            State.URGENT: cases.c.priority == "P2",
            State.CUT: cut.c.home_key.is_not(None),
            State.SILENT: box.silent == 1,
            State.BATTERY: sa.or_(
                box.battery == 1, sa.and_(box.is_mute == 1, box.gateway_id.in_(sa.select(lost.c.word)))
            ),
            State.TECH: cases.c.priority == "P3",
            State.CARE: cases.c.priority == "P4",
            State.NEVER: box.never == 1,
            State.NO_BOX: box.gateway_id.is_(None),
            State.AWAY: box.gateway_id.in_(sa.select(away.c.word)),
            State.TEST_DUE: box.test_due == 1,
        }
        flags = [sa.case((is_so, 1), else_=0).label(state.name) for state, is_so in facts.items()]
        rank = sa.case(*((is_so, state.rank) for state, is_so in facts.items()), else_=State.WELL.rank)
        chosen = (
            sa.select(homes.c.home_id, home_register.c.place_id, box.gateway_id, rank.label("rank"), *flags)
            .select_from(homes)
            .join(home_register, home_register.c.home_id == homes.c.home_id, isouter=True)
            .join(boxes, box.home_id == homes.c.home_id, isouter=True)
            .join(cases, cases.c.home_key == homes.c.home_id, isouter=True)
            .join(cut, cut.c.home_key == homes.c.home_id, isouter=True)
        )
        if self._homes is not None:
            mine = words_of(self.connection, self._homes)
            chosen = chosen.where(homes.c.home_id.in_(sa.select(mine.c.word)))
        return chosen.subquery("home")


def all_homes(connection: sa.Connection) -> frozenset[str]:
    """Every home's id, to be asked for by the areas of a viewer."""
    return frozenset(connection.scalars(sa.select(schema.homes.c.home_id)))


def wide_places(connection: sa.Connection) -> Mapping[str, PlaceRow]:
    """Districts, communities, grids and buildings."""
    wide = sa.select(places).where(places.c.level.in_(_WIDE)).order_by(places.c.place_id).limit(_PLACES)
    return {row.place_id: _place(row) for row in connection.execute(wide)}


def places_named(connection: sa.Connection, ids: Collection[str]) -> Mapping[str, PlaceRow]:
    """These places."""
    asked = words_of(connection, ids)
    rows = connection.execute(sa.select(places).where(places.c.place_id.in_(sa.select(asked.c.word))))
    return {row.place_id: _place(row) for row in rows}


def path_to(connection: sa.Connection, place_id: str) -> tuple[PlaceRow, ...]:
    """The places around a place and itself, the widest first; empty where there is no such place."""
    found: list[PlaceRow] = []
    at: str | None = place_id
    while at is not None and len(found) < _DEEPEST:
        row = connection.execute(sa.select(places).where(places.c.place_id == at)).first()
        if row is None:
            break
        found.append(_place(row))
        at = row.parent_id
    return tuple(reversed(found))


def place_of(connection: sa.Connection, home_id: str) -> str | None:
    """Where a home stands."""
    return connection.scalar(sa.select(home_register.c.place_id).where(home_register.c.home_id == home_id))


def cases_of(connection: sa.Connection, home_ids: Collection[str]) -> Mapping[str, int]:
    """The most urgent open case of each of these homes that has one; the oldest of those."""
    table, asked = schema.incidents, words_of(connection, home_ids)
    rows = connection.execute(
        sa.select(table.c.home_key, table.c.incident_id)
        .where(_IS_OPEN, table.c.is_test.is_(False), table.c.home_key.in_(sa.select(asked.c.word)))
        .order_by(table.c.priority.desc(), table.c.incident_id.desc())
    )
    return {row.home_key: row.incident_id for row in rows}


def names_of(connection: sa.Connection, home_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Who lives there, the first of each home first."""
    table, asked = schema.residents, words_of(connection, home_ids)
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        sa.select(table.c.home_id, table.c.name)
        .where(living(), table.c.home_id.in_(sa.select(asked.c.word)))
        .order_by(table.c.place, table.c.resident_id)
    )
    for row in rows:
        found.setdefault(row.home_id, []).append(row.name)
    return found


_IS_OPEN = schema.incidents.c.state != sa.literal_column("'CLOSED'")
"""Written out: only so does SQLite take the index of open cases."""


def _cases() -> sa.Subquery:
    """The most urgent open case of each home; what a storm holds back is no row of the queue."""
    table = schema.incidents
    return (
        sa.select(table.c.home_key, sa.func.min(table.c.priority).label("priority"))
        .where(_IS_OPEN, table.c.state != HELD, table.c.is_test.is_(False))
        .group_by(table.c.home_key)
        .subquery("cases")
    )


def _cut() -> sa.Subquery:
    """Homes of a storm that is on and that have not recovered, and homes whose mains are lost alone."""
    table = schema.incidents
    that_are_on = sa.select(storm_table.c.storm_id).where(storm_table.c.ended_at.is_(None))
    in_storm = sa.select(storm_homes.c.home_key).where(
        storm_homes.c.storm_id.in_(that_are_on), storm_homes.c.recovered_at.is_(None)
    )
    alone = (
        sa.select(tech_raises.c.home_key)
        .join(table, table.c.incident_id == tech_raises.c.incident_id)
        .join(quiet_cases, quiet_cases.c.incident_id == table.c.incident_id, isouter=True)
        .where(tech_raises.c.kind == storms.POWER, _IS_OPEN, quiet_cases.c.incident_id.is_(None))
    )
    held = sa.select(table.c.home_key).where(table.c.state == HELD)
    return sa.union(in_storm, alone, held).subquery("cut")


def _boxes(now: datetime) -> sa.Subquery:
    """The box of each home that has one: what the centre knows of it. `is_mute`: heard, but it tells of no mains.

    Silent, never heard and on battery mean the same as on the page of boxes (community.store.fleet).
    """
    gateways, known = schema.gateways, watch_schema.supervision
    is_heard = gateways.c.last_seen.is_not(None)
    is_silent = sa.or_(sa.not_(gateways.c.online), known.c.offline_since.is_not(None))
    tells = gateways.c.is_on_mains.is_not(None)
    falls = sa.and_(reserves.c.level <= reserves.c.from_level - _FALLEN, reserves.c.at > now - _RECENT)
    on_battery = sa.or_(gateways.c.is_on_mains.is_(False), sa.and_(sa.not_(tells), falls))
    facts = {
        "silent": sa.and_(is_heard, is_silent),
        "never": sa.not_(is_heard),
        "battery": sa.and_(is_heard, sa.not_(is_silent), on_battery),
        "is_mute": sa.and_(is_heard, sa.not_(is_silent), sa.not_(tells)),
        "test_due": sa.or_(known.c.test_missed_since.is_not(None), known.c.test_due_at < now),
    }
    return (
        sa.select(
            gateways.c.home_id,
            sa.func.min(gateways.c.gateway_id).label("gateway_id"),
            *(sa.func.max(sa.case((is_so, 1), else_=0)).label(name) for name, is_so in facts.items()),
        )
        .join_from(gateways, known, known.c.gateway_id == gateways.c.gateway_id, isouter=True)
        .join(reserves, reserves.c.gateway_id == gateways.c.gateway_id, isouter=True)
        .where(gateways.c.home_id.is_not(None))
        .group_by(gateways.c.home_id)
        .subquery("box")
    )


def _said_last(connection: sa.Connection) -> tuple[frozenset[str], frozenset[str]]:
    """Boxes whose mains are lost, and those whose people are away, as they said last; nobody, where that is unknown."""
    series, samples, _ = measured.tables(connection)
    newest = (
        sa.select(samples.c.value)
        .where(samples.c.series_id == series.c.series_id)
        .order_by(samples.c.at.desc(), samples.c.message_id.desc(), samples.c.place.desc())
        .limit(1)
        .scalar_subquery()
    )
    mains = sa.and_(series.c.sensor_id == _BOX, series.c.quantity == Quantity.MAINS_LOST.value)
    mode = sa.and_(series.c.sensor_id == _HOME, series.c.quantity == Quantity.MODE.value)
    asked = sa.select(series.c.gateway_id, series.c.quantity, newest.label("value")).where(sa.or_(mains, mode))
    nothing: Sequence[sa.Row[*tuple[Any, ...]]] = ()
    rows = measured.or_without(connection, nothing, lambda: connection.execute(asked).all())
    lost, away = set[str](), set[str]()
    for row in rows:
        is_mode = row.quantity == Quantity.MODE.value
        if is_mode and row.value in _AWAY:
            away.add(row.gateway_id)
        elif not is_mode and row.value == 1:
            lost.add(row.gateway_id)
    return frozenset(lost), frozenset(away)


def tree_of(at: str | None) -> sa.CTE:
    """Every place below (None: of all trees) with its block, the nearest building or what is wider, and its parts."""
    part = sa.literal(None, sa.Text)
    is_top = places.c.parent_id.is_(None) if at is None else places.c.place_id == at

    def parts(above: sa.CTE | None) -> list[sa.ColumnElement[str]]:
        before = [part, part, part] if above is None else [above.c.unit_id, above.c.floor_id, above.c.door_id]
        levels = ((Level.UNIT, "unit_id"), (Level.FLOOR, "floor_id"), (Level.DOOR, "door_id"))
        return [
            sa.case((places.c.level == level.value, places.c.place_id), else_=known).label(name)
            for (level, name), known in zip(levels, before, strict=True)
        ]

    top = sa.select(
        places.c.place_id, places.c.place_id.label("block_id"), sa.literal(0).label("depth"), *parts(None)
    ).where(is_top)
    tree = top.cte("tree", recursive=True)
    block = sa.case((places.c.level.in_(_WIDE), places.c.place_id), else_=tree.c.block_id)
    below = (
        sa.select(places.c.place_id, block, tree.c.depth + 1, *parts(tree))
        .join(tree, places.c.parent_id == tree.c.place_id)
        .where(tree.c.depth < _DEEPEST)
    )
    return tree.union_all(below)


def found_in(row: sa.Row[tuple[object, ...]]) -> Found:
    """A home from what `Seen.states` selects, with the parts of its place."""
    held = row._mapping  # noqa: SLF001 - the public way to ask a row by name
    return Found(
        home_id=row.home_id,
        gateway_id=row.gateway_id or "",
        states=tuple(state for state in _ORDER[:-1] if held[state.name]),
        unit_id=row.unit_id,
        floor_id=row.floor_id,
        door_id=row.door_id,
    )


def _place(row: sa.Row[tuple[object, ...]]) -> PlaceRow:
    return PlaceRow(
        place_id=row.place_id,
        parent_id=row.parent_id,
        level=Level(row.level),
        name=row.name,
        code=row.code,
        point=point_of(row.lat, row.lon),
    )
