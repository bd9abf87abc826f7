"""The list of boxes: sums, one page, or all of them for a table. One statement each, whatever the number of boxes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from community.fleet import (
    BACKLOG_MANY,
    BATTERY_LOW,
    BOX_KIND,
    CERTIFICATE_SOON,
    CLOCK_OFF,
    NO_TEST_FOR,
    PAGE_ROWS,
    BoxLine,
    BoxState,
    FleetPage,
    FleetWish,
    Show,
    Sort,
)
from community.store import schema, watch_schema
from community.store.cases import unknown_home_key
from community.store.living import is_left_empty
from community.store.pairs import words_of
from community.supervision import CENTRE_BOX
from shouwang.status import SensorState
from shouwang.wire import Path

_VERSIONS = 6
"""So many versions are named; the others are few and far behind."""
_OF_STATE = {Show.ONLINE: BoxState.ONLINE, Show.SILENT: BoxState.SILENT, Show.NEVER: BoxState.NEVER}
_TOLD: tuple[str, ...] = ("last_seen", "link", "link_dbm", "is_on_mains", "battery", "backlog", "clock_offset_ms")
_TOLD += ("version", "certificate_ends", "disk_used", "temperature", "told_at")
_COUNTED = (Show.ALL.value, *(show.value for show in Show if show is not Show.ALL), "found")
_Seen = Collection[str] | None


def home_keys(connection: sa.Connection) -> list[tuple[str, str]]:
    """All boxes, each with the key of its home."""
    table = schema.gateways
    rows = connection.execute(sa.select(table.c.gateway_id, table.c.home_id).where(table.c.gateway_id != CENTRE_BOX))
    return [(row.gateway_id, row.home_id or unknown_home_key(row.gateway_id)) for row in rows]


def page(connection: sa.Connection, wish: FleetWish, now: datetime, seen: _Seen = None) -> FleetPage:
    """What fits the wish, of the boxes `seen` (None: of all)."""
    boxes = _boxes(connection, now, seen)
    sums, versions = _counted(connection, boxes, wish)
    return FleetPage(
        rows=_rows(connection, boxes, wish, PAGE_ROWS),
        found=sums["found"],
        sums={show: sums[show.value] for show in Show},
        versions=versions,
        is_moved=bool(wish.held) and _first(connection, boxes, wish) != list(wish.held),
    )


def lines(connection: sa.Connection, wish: FleetWish, now: datetime, seen: _Seen, limit: int) -> tuple[BoxLine, ...]:
    """All that fits, from the first page on, at most `limit`."""
    return _rows(connection, _boxes(connection, now, seen), wish, limit)


def ids(connection: sa.Connection, wish: FleetWish, now: datetime, seen: _Seen, limit: int) -> list[str]:
    """Those that fit and are heard now, at most `limit`."""
    boxes = _boxes(connection, now, seen)
    heard = boxes.c.state == BoxState.ONLINE.value
    chosen = sa.select(boxes.c.gateway_id).where(heard, *_wanted(boxes, wish)).order_by(*_order(boxes, wish.sort))
    return list(connection.scalars(chosen.limit(limit)))


def _boxes(connection: sa.Connection, now: datetime, seen: _Seen) -> sa.CTE:
    """Each box with its state, and 1 or 0 for each trouble."""
    box, known = schema.gateways, watch_schema.supervision
    sensors, ways, tests = _sensors(), _ways(), _tests()
    told = {
        Show.PATH: ways.c.paths_down > 0,
        Show.SENSORS: sensors.c.sensors_late + sensors.c.sensors_dead > 0,
        Show.LOW: sensors.c.sensors_low > 0,
        Show.UNTESTED: _is_untested(tests.c.tested_at, now),
        Show.COLLECT: is_left_empty(box.c.home_id),
        **_of_itself(now),
    }
    chosen = (
        sa.select(
            box.c.gateway_id,
            box.c.home_id,
            schema.homes.c.address,
            *(box.c[name] for name in _TOLD),
            sa.case(
                (box.c.last_seen.is_(None), BoxState.NEVER.value),
                (_is_silent(), BoxState.SILENT.value),
                else_=BoxState.ONLINE.value,
            ).label("state"),
            tests.c.tested_at,
            *(_nothing_is_0(ways.c[name]) for name in ("second_paths", "paths_down")),
            *(_nothing_is_0(sensors.c[f"sensors_{name}"]) for name in ("up", "late", "dead", "low")),
            *(sa.case((is_so, 1), else_=0).label(f"is_{show.value}") for show, is_so in told.items()),
        )
        .join_from(box, schema.homes, schema.homes.c.home_id == box.c.home_id, isouter=True)
        .where(box.c.gateway_id != CENTRE_BOX)
    )
    for beside in (known, sensors, ways, tests):
        chosen = chosen.join(beside, beside.c.gateway_id == box.c.gateway_id, isouter=True)
    if seen is not None:
        chosen = chosen.where(box.c.gateway_id.in_(sa.select(words_of(connection, seen).c.word)))
    return chosen.cte("boxes")


def _is_silent() -> sa.ColumnElement[bool]:
    return sa.or_(watch_schema.supervision.c.offline_since.is_not(None), sa.not_(schema.gateways.c.online))


def _is_untested(tested_at: sa.ColumnElement[datetime], now: datetime) -> sa.ColumnElement[bool]:
    """As community.store.untested counts it; one that never spoke owes no test yet."""
    known = watch_schema.supervision
    since = sa.func.coalesce(tested_at, known.c.on_file_at, known.c.born_at, type_=schema.UtcMicros)
    return sa.and_(known.c.born_at.is_not(None), since < now - NO_TEST_FOR)


def _of_itself(now: datetime) -> dict[Show, sa.ColumnElement[bool]]:
    """Troubles that the box tells, or that its messages show."""
    box = schema.gateways
    is_online = sa.and_(box.c.last_seen.is_not(None), sa.not_(_is_silent()))
    return {
        Show.BATTERY: sa.and_(is_online, box.c.is_on_mains.is_(False)),
        Show.BACKLOG: box.c.backlog > BACKLOG_MANY,
        Show.CLOCK: sa.func.abs(box.c.clock_offset_ms) > CLOCK_OFF // timedelta(milliseconds=1),
        Show.CERTIFICATE: box.c.certificate_ends < now + CERTIFICATE_SOON,
    }


def _sensors() -> sa.Subquery:
    table = schema.sensor_status
    counts = {
        "up": table.c.state == SensorState.UP.value,
        "late": table.c.state == SensorState.SILENT.value,
        "dead": table.c.state == SensorState.DOWN.value,
        "low": table.c.battery <= BATTERY_LOW,
    }
    return (
        sa.select(table.c.gateway_id, *(_count(one).label(f"sensors_{name}") for name, one in counts.items()))
        .where(table.c.kind != BOX_KIND)
        .group_by(table.c.gateway_id)
        .subquery("sensors")
    )


def _ways() -> sa.Subquery:
    table = watch_schema.path_states
    return (
        sa.select(
            table.c.gateway_id,
            sa.func.count().label("second_paths"),
            _count(sa.not_(table.c.is_up)).label("paths_down"),
        )
        .where(table.c.path != Path.INTERNET.value)
        .group_by(table.c.gateway_id)
        .subquery("ways")
    )


def _tests() -> sa.Subquery:
    table = watch_schema.test_alarms
    newest = sa.func.max(table.c.received_at, type_=schema.UtcMicros).label("tested_at")
    return sa.select(table.c.gateway_id, newest).group_by(table.c.gateway_id).subquery("tests")


def _is(boxes: sa.CTE, show: Show) -> sa.ColumnElement[bool]:
    if show is Show.ALL:
        return sa.true()
    state = _OF_STATE.get(show)
    return boxes.c[f"is_{show.value}"] == 1 if state is None else boxes.c.state == state.value


def _wanted(boxes: sa.CTE, wish: FleetWish) -> list[sa.ColumnElement[bool]]:
    wanted = [_is(boxes, wish.show)]
    if wish.version is not None:
        wanted.append(boxes.c.version == wish.version)
    word = wish.search.strip()
    if word:
        wanted.append(
            sa.or_(
                boxes.c.address.icontains(word, autoescape=True), boxes.c.gateway_id.icontains(word, autoescape=True)
            )
        )
    return wanted


def _order(boxes: sa.CTE, sort: Sort) -> Sequence[sa.ColumnElement[Any]]:
    """The worst first; the id last, so that no page shows a row of another."""
    is_never = boxes.c.state == BoxState.NEVER.value
    flags = [boxes.c[f"is_{show.value}"] for show in Show if show not in _OF_STATE and show is not Show.ALL]
    troubles = sum(flags[1:], flags[0])
    rank = sa.case(
        (boxes.c.state == BoxState.SILENT.value, 0),
        (is_never, 4),
        (boxes.c.is_battery == 1, 1),
        (boxes.c.is_path + boxes.c.is_sensors > 0, 2),
        (troubles > 0, 3),
        else_=5,
    )
    by: dict[Sort, tuple[sa.ColumnElement[Any], ...]] = {
        Sort.WORST: (rank, troubles.desc(), boxes.c.last_seen),
        Sort.GATEWAY: (),
        Sort.HOME: (boxes.c.address.is_(None), boxes.c.address),
        Sort.SEEN: (is_never, boxes.c.last_seen),
        Sort.BATTERY: (_last(boxes.c.battery), boxes.c.is_battery.desc(), boxes.c.battery),
        Sort.BACKLOG: (boxes.c.backlog.desc(),),
        Sort.CLOCK: (_last(boxes.c.clock_offset_ms), sa.func.abs(boxes.c.clock_offset_ms).desc()),
        Sort.VERSION: (boxes.c.version == "", boxes.c.version),
        Sort.CERTIFICATE: (_last(boxes.c.certificate_ends), boxes.c.certificate_ends),
        Sort.SENSORS: (boxes.c.sensors_dead.desc(), boxes.c.sensors_late.desc(), boxes.c.sensors_low.desc()),
        Sort.TEST: (is_never, boxes.c.tested_at.is_not(None), boxes.c.tested_at),
    }
    return (*by[sort], boxes.c.gateway_id)


def _last(column: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    """What is not known comes after what is, in both databases."""
    return column.is_(None)


def _rows(connection: sa.Connection, boxes: sa.CTE, wish: FleetWish, limit: int) -> tuple[BoxLine, ...]:
    if wish.held:
        chosen = sa.select(boxes).where(boxes.c.gateway_id.in_(wish.held[:limit]))
        place = {gateway_id: number for number, gateway_id in enumerate(wish.held)}
        return tuple(sorted(map(_line, connection.execute(chosen)), key=lambda row: place[row.gateway_id]))
    chosen = sa.select(boxes).where(*_wanted(boxes, wish)).order_by(*_order(boxes, wish.sort))
    return tuple(map(_line, connection.execute(chosen.limit(limit).offset(PAGE_ROWS * (wish.page - 1)))))


def _first(connection: sa.Connection, boxes: sa.CTE, wish: FleetWish) -> list[str]:
    chosen = sa.select(boxes.c.gateway_id).where(*_wanted(boxes, wish)).order_by(*_order(boxes, wish.sort))
    return list(connection.scalars(chosen.limit(PAGE_ROWS).offset(PAGE_ROWS * (wish.page - 1))))


def _line(row: sa.Row[*tuple[Any, ...]]) -> BoxLine:
    told: Mapping[str, object] = row._asdict()
    same = BoxLine.__dataclass_fields__.keys() - {"home_id", "address", "state", "troubles"}
    return BoxLine(
        **{name: told[name] for name in same},  # type: ignore[arg-type]  # columns of these names and types
        home_id=row.home_id or unknown_home_key(row.gateway_id),
        address=row.address or "",
        state=BoxState(row.state),
        troubles=frozenset(show for show in Show if told.get(f"is_{show.value}") == 1),
    )


def _counted(
    connection: sa.Connection, boxes: sa.CTE, wish: FleetWish
) -> tuple[Counter[str], tuple[tuple[str, int], ...]]:
    """How many boxes show what and fit the wish, and the most frequent versions: one look at all boxes for both."""
    rows = connection.execute(
        sa.select(
            boxes.c.version,
            sa.func.count().label(Show.ALL.value),
            *(_count(_is(boxes, show)).label(show.value) for show in Show if show is not Show.ALL),
            _count(sa.and_(*_wanted(boxes, wish))).label("found"),
        ).group_by(boxes.c.version)
    )
    sums: Counter[str] = Counter()
    of_version: Counter[str] = Counter()
    for version, *counts in rows:
        sums.update(dict(zip(_COUNTED, counts, strict=True)))
        of_version[version or ""] += counts[0]
    del of_version[""]
    by_number = sorted(of_version.items(), key=lambda one: (-one[1], one[0]))
    return sums, tuple(by_number[:_VERSIONS])


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def _nothing_is_0(column: sa.ColumnElement[int]) -> sa.Label[int]:
    return sa.func.coalesce(column, 0).label(column.key)
