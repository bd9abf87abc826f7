"""Who is on duty when, as the tables have it: what a file brought in, absences, and who did not come."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from community.dispatch import Hours
from community.dispatch_file import DispatchFile, GridEntry, ResponderEntry, UnitEntry, WhereEntry
from community.rosters import Absence, GridPost, Place, Post, Shift, Weekly, expanded, no_shows, on_duty
from community.store import dispatch_schema as tables
from community.store.schema import login_sessions, users
from shouwang.bilingual import both, by_lines
from shouwang.errors import ConfigError

_LONGEST_SHIFT = timedelta(hours=24)


# ---- a file comes in ----


def bring_in(connection: sa.Connection, file: DispatchFile, now: datetime) -> dict[str, int]:
    """Make the tables say what the file says, part by part; parts that it leaves out stay. How many of each.

    Units and responders no longer named are not asked any more; they stay on file, for cases name them. Shifts and
    absences that have ended stay. Raises ConfigError where something is named that nobody knows; nothing is changed.
    """
    for work in (_bring_in_units, _bring_in_responders, _bring_in_grids, _bring_in_homes):
        work(connection, file)
    _refuse_strangers(connection, file)
    if file.duties is not None:
        connection.execute(tables.weekly_duties.delete())
        for duty in file.duties:
            values = {"since": duty.since, "until": duty.until, "days": _json(duty.days), "zone": file.zone}
            whose = {"post": duty.post.value, "person": duty.person, "place": duty.place.value}
            connection.execute(tables.weekly_duties.insert().values(**whose, **values))
    if file.shifts is not None:
        table = tables.single_shifts
        connection.execute(table.delete().where(table.c.ends_at > now))
        for shift in file.shifts:
            starts_at, ends_at = file.aware(shift.start), file.aware(shift.end)
            if ends_at > now:
                whose = {"post": shift.post.value, "person": shift.person, "place": shift.place.value}
                connection.execute(table.insert().values(**whose, starts_at=starts_at, ends_at=ends_at))
    if file.absences is not None:
        connection.execute(tables.absences.delete().where(tables.absences.c.ends_at > now))
        for one in file.absences:
            away = Absence(
                person=one.person, starts_at=file.aware(one.start), ends_at=file.aware(one.end), reason=one.reason
            )
            if away.ends_at > now:
                add_absence(connection, away)
    parts = ("units", "responders", "grids", "duties", "shifts", "absences", "homes")
    return {part: len(given) for part in parts if (given := getattr(file, part)) is not None}


def left_out(connection: sa.Connection, file: DispatchFile) -> dict[str, tuple[str, ...]]:
    """Units and responders on file that a file which names others does not name any more."""
    found: dict[str, tuple[str, ...]] = {}
    for part, table, key in (("units", tables.units, "unit_id"), ("responders", tables.responders, "responder_id")):
        given: tuple[UnitEntry | ResponderEntry, ...] | None = getattr(file, part)
        if given is not None:
            active = connection.execute(sa.select(table.c[key]).where(table.c.is_active)).scalars()
            found[part] = tuple(sorted(set(active) - {one.id for one in given}))
    return found


def add_absence(connection: sa.Connection, one: Absence) -> None:
    """Somebody cannot: whoever stands in is asked instead from then on."""
    connection.execute(tables.absences.insert().values(msgspec.structs.asdict(one)))


def _bring_in_units(connection: sa.Connection, file: DispatchFile) -> None:
    if file.units is None:
        return
    connection.execute(tables.units.update().values(is_active=False))
    for unit in file.units:
        _put(connection, tables.units, {"unit_id": unit.id}, _of_unit(unit, file.zone))


def _of_unit(unit: UnitEntry, zone: str) -> dict[str, object]:
    hours = [Hours(since=one.since, until=one.until, days=one.days) for one in unit.hours]
    return {
        "name": unit.name,
        "kind": unit.kind.value,
        "tier": unit.tier,
        "phone": unit.phone or "",
        "channel": unit.channel,
        "hours": msgspec.json.encode(hours),
        "zone": zone,
        "areas": _json(unit.areas),
        "skills": _json(unit.skills),
        "is_active": True,
    }


def _bring_in_responders(connection: sa.Connection, file: DispatchFile) -> None:
    if file.responders is None:
        return
    known = set(connection.execute(sa.select(tables.units.c.unit_id)).scalars())
    _refuse(f"the responder {one.id} is of the unit {one.unit}" for one in file.responders if one.unit not in known)
    connection.execute(tables.responders.update().values(is_active=False))
    for one in file.responders:
        _put(connection, tables.responders, {"responder_id": one.id}, _of_responder(one))


def _of_responder(one: ResponderEntry) -> dict[str, object]:
    return {
        "unit_id": one.unit,
        "name": one.name,
        "phone": one.phone or "",
        "tier": one.tier,
        "skills": _json(one.skills),
        "areas": _json(one.areas),
        "language": one.language,
        "lat": one.lat,
        "lon": one.lon,
        "is_active": one.active,
    }


def _bring_in_grids(connection: sa.Connection, file: DispatchFile) -> None:
    if file.grids is None:
        return
    connection.execute(tables.grid_posts.delete())
    for grid in file.grids:
        for person, place in _posts_of(grid):
            connection.execute(tables.grid_posts.insert().values(grid=grid.id, person=person, place=place.value))


def _posts_of(grid: GridEntry) -> Sequence[tuple[str, Place]]:
    if grid.worker == grid.backup:
        raise ConfigError(both(*_OWN_BACKUP, grid=grid.id, worker=grid.worker))
    return (grid.worker, Place.MAIN), (grid.backup, Place.BACKUP)


def _bring_in_homes(connection: sa.Connection, file: DispatchFile) -> None:
    for home in file.homes or ():
        _put(connection, tables.home_spots, {"home_id": home.home}, _of_home(home))


def _of_home(home: WhereEntry) -> dict[str, object]:
    """What it does not write of the point stays: the register may have told it."""
    point: dict[str, object] = {name: getattr(home, name) for name in ("lat", "lon") if name in home.model_fields_set}
    return {"areas": _json(home.areas), "door_note": home.door_note, **point}


def _refuse_strangers(connection: sa.Connection, file: DispatchFile) -> None:
    responders = set(connection.execute(sa.select(tables.responders.c.responder_id)).scalars())
    logins = set(connection.execute(sa.select(users.c.login)).scalars())
    faults = [
        both("the grid {grid} names {person}", "网格 {grid} 写的是 {person}", grid=grid.id, person=person)
        for grid in file.grids or ()
        for person, _ in _posts_of(grid)
        if person not in responders
    ]
    posts = [(one.post, one.person) for one in file.duties or ()]
    posts += [(one.post, one.person) for one in file.shifts or ()]
    faults += [
        both("a duty as {post} names {person}", "{post} 的值守写的是 {person}", post=post.value, person=person)
        for post, person in posts
        if person not in (responders if post is Post.RESPONDER else logins)
    ]
    strangers = [one.person for one in file.absences or () if one.person not in responders | logins]
    faults += [both("an absence names {person}", "缺勤写的是 {person}", person=person) for person in strangers]
    _refuse(faults)


def _refuse(faults: Iterable[str]) -> None:
    found = list(dict.fromkeys(faults))
    if found:
        raise ConfigError(by_lines(both(*_UNKNOWN, fault=fault) for fault in found))


_UNKNOWN = (
    "{fault}, which nobody knows here: bring it in first, or mend the name",
    "{fault}，这里没有登记：请先导入，或改正写法",
)
_OWN_BACKUP = (
    "grid {grid}: {worker} cannot be his own back-up; name somebody else",
    "网格 {grid}：{worker} 不能做自己的备岗，请写另一个人",
)


# ---- who is there ----


def shifts(connection: sa.Connection, start: datetime, end: datetime, post: Post | None = None) -> tuple[Shift, ...]:
    """All duties (of this post) that touch this time, weekly ones and single ones."""
    found: list[Shift] = []
    for row in connection.execute(_of_post(tables.weekly_duties, post)):
        weekly = Weekly(
            post=Post(row.post),
            person=row.person,
            place=Place(row.place),
            since=row.since,
            until=row.until,
            days=_words(row.days),
        )
        found += expanded((weekly,), ZoneInfo(row.zone), start, end)
    table = tables.single_shifts
    for row in connection.execute(_of_post(table, post).where(table.c.starts_at < end, table.c.ends_at > start)):
        found.append(
            Shift(
                post=Post(row.post),
                person=row.person,
                place=Place(row.place),
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.starts_at, one.person)))


def _of_post(table: sa.Table, post: Post | None) -> sa.Select[tuple[object, ...]]:
    rows = sa.select(table)
    return rows if post is None else rows.where(table.c.post == post.value)


def absences(connection: sa.Connection, start: datetime, end: datetime) -> tuple[Absence, ...]:
    """All that touch this time."""
    table = tables.absences
    rows = connection.execute(
        sa.select(table).where(table.c.starts_at < end, table.c.ends_at > start).order_by(table.c.starts_at)
    )
    return tuple(
        Absence(person=row.person, starts_at=row.starts_at, ends_at=row.ends_at, reason=row.reason) for row in rows
    )


def rostered(connection: sa.Connection) -> frozenset[str]:
    """Responders who have duties at all: whoever has none is on duty whenever his unit is open."""
    weekly, single = tables.weekly_duties, tables.single_shifts
    people = sa.union(
        sa.select(weekly.c.person).where(weekly.c.post == Post.RESPONDER.value),
        sa.select(single.c.person).where(single.c.post == Post.RESPONDER.value),
    )
    return frozenset(connection.execute(people).scalars())


def here(connection: sa.Connection, post: Post, now: datetime) -> tuple[Shift, ...]:
    """Who is on duty as this, the first before the back-ups."""
    moment = timedelta(microseconds=1)
    duties = shifts(connection, now, now + moment, post)
    return on_duty(duties, absences(connection, now, now + moment), post, now) if duties else ()


def grid_posts(connection: sa.Connection) -> tuple[GridPost, ...]:
    """Who answers for which grid."""
    table = tables.grid_posts
    rows = connection.execute(sa.select(table).order_by(table.c.grid, table.c.place, table.c.person))
    return tuple(GridPost(grid=row.grid, person=row.person, place=Place(row.place)) for row in rows)


# ---- who did not come ----


def find_no_shows(connection: sa.Connection, now: datetime) -> tuple[str, ...]:
    """Write down operators who should be here and are not, and those who came late; who is newly missing.

    The shift stays with whoever is signed in and whose own shift ended last: he is named as the leaver.
    """
    table = tables.no_shows
    signed_in = _signed_in(connection, now)
    missing = no_shows(
        shifts(connection, now - _LONGEST_SHIFT, now), absences(connection, now - _LONGEST_SHIFT, now), signed_in, now
    )
    came = (table.c.came_at.is_(None), table.c.person.in_(sorted(signed_in)))
    connection.execute(table.update().where(*came).values(came_at=now))
    told = {(row.person, row.starts_at) for row in connection.execute(sa.select(table.c.person, table.c.starts_at))}
    fresh = [one for one in missing if (one.person, one.starts_at) not in told]
    for one in fresh:
        connection.execute(
            table.insert().values(
                person=one.person,
                starts_at=one.starts_at,
                leaver=_leaver(connection, one, signed_in),
                told_at=now,
            )
        )
    return tuple(one.person for one in fresh)


class NoShow(msgspec.Struct, frozen=True, kw_only=True):
    """A red row for the supervisor."""

    no_show_id: int
    person: str
    starts_at: datetime
    leaver: str
    came_at: datetime | None


def open_no_shows(connection: sa.Connection) -> tuple[NoShow, ...]:
    """Those that no supervisor has settled."""
    table = tables.no_shows
    rows = connection.execute(sa.select(table).where(table.c.settled_at.is_(None)).order_by(table.c.starts_at))
    return tuple(no_show_of(row) for row in rows)


def no_show_of(row: sa.Row[tuple[object, ...]]) -> NoShow:
    """From `no_shows`."""
    return NoShow(
        no_show_id=row.no_show_id,
        person=row.person,
        starts_at=row.starts_at,
        leaver=row.leaver,
        came_at=row.came_at,
    )


def settle_no_show(connection: sa.Connection, no_show_id: int, *, by: str, now: datetime) -> None:
    """A supervisor has seen to it."""
    table = tables.no_shows
    unsettled = (table.c.no_show_id == no_show_id, table.c.settled_at.is_(None))
    connection.execute(table.update().where(*unsettled).values(settled_by=by, settled_at=now))


def _leaver(connection: sa.Connection, missing: Shift, signed_in: frozenset[str]) -> str:
    before = shifts(connection, missing.starts_at - _LONGEST_SHIFT, missing.starts_at)
    leaving = [
        one
        for one in before
        if one.post is Post.OPERATOR and one.ends_at <= missing.starts_at and one.person in signed_in
    ]
    return max(leaving, key=lambda one: (one.ends_at, one.person)).person if leaving else ""


def _signed_in(connection: sa.Connection, now: datetime) -> frozenset[str]:
    rows = connection.execute(
        sa.select(users.c.login)
        .join(login_sessions, login_sessions.c.user_id == users.c.user_id)
        .where(login_sessions.c.expires_at > now)
        .distinct()
    )
    return frozenset(rows.scalars())


def _put(connection: sa.Connection, table: sa.Table, key: dict[str, str], values: dict[str, object]) -> None:
    where = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(table.update().where(where).values(values)).rowcount == 0:
        connection.execute(table.insert().values({**key, **values}))


def _json(words: Sequence[str]) -> bytes:
    return json.dumps(list(words), ensure_ascii=False).encode()


def _words(body: bytes) -> tuple[str, ...]:
    return _decoder.decode(body)


_decoder = msgspec.json.Decoder(tuple[str, ...])
