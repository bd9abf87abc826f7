"""Ten thousand residents as a list: searched, filtered and paged by the database, for who may read the register.

Of a page only its own rows are read. The score of an entry is that of community.people.completeness, said in SQL.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from community import people
from community.consent import Purpose
from community.people import CareLevel, Completeness, Flag, Hearing, Left, Level, Situation, age_in
from community.rights import Right
from community.store import centre_zone, rights, schema, tokens
from community.store.dispatch_schema import home_spots
from community.store.living import has_left, living
from community.store.pairs import words_of
from community.store.people_schema import consents, home_register, key_safes, places
from community.store.places import inside
from community.store.proposals import has_open
from community.users import EVERYWHERE, User
from shouwang.alert import Severity

PAGE = 40
LAST_PAGE = 500
"""20,000 residents: whoever turns so many pages wants a search."""
INCOMPLETE_BELOW = 80
"""Percent. Below it something is missing that an alarm needs (community.people.WEIGHTS). Set by this project."""
_MOST_PLACES = 400
_FEWEST_DIGITS = 4
"""Fewer digits are a house number rather than a telephone."""
_AREA_LEVELS = (Level.DISTRICT.value, Level.COMMUNITY.value, Level.GRID.value)

_residents, _homes, _contacts = schema.residents, schema.homes, schema.contacts
_cases = schema.incidents


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What a list shows: `find` in names, addresses, ids and telephone numbers; `area`: a place and all in it.

    Who lives there no more is shown to who asks for them (`is_gone`), or looks for words.
    """

    find: str = ""
    area: str = ""
    flag: Flag | None = None
    is_alone: bool = False
    has_no_contact: bool = False
    is_unreviewed: bool = False
    is_incomplete: bool = False
    is_gone: bool = False
    is_proposed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentLine:
    """One resident in the list. `case`: the most urgent open one of his home; `percent`: how much of him is on file.

    `is_proposed`: a contact proposes another number or language.
    """

    resident_id: str
    home_id: str
    name: str
    age: int | None
    address: str
    phone: str
    situation: Situation
    contacts: int
    reviewed_on: str
    is_unreviewed: bool
    percent: int
    case: int | None
    severity: Severity | None
    left: Left | None = None
    left_on: str = ""
    is_proposed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A place that a list may be kept to; `depth` below the district."""

    place_id: str
    name: str
    depth: int


def page(
    connection: sa.Connection, user: User, wanted: Filters, number: int, now: datetime
) -> tuple[tuple[ResidentLine, ...], bool]:
    """One page in the order of addresses, from 0, and whether another follows. Nobody outside his areas."""
    now = centre_zone.here(connection, now)
    order = (_homes.c.address, _residents.c.place, _residents.c.resident_id)
    chosen = (
        sa.select(_residents.c.resident_id)
        .join_from(_residents, _homes, _homes.c.home_id == _residents.c.home_id)
        .join(home_register, home_register.c.home_id == _residents.c.home_id, isouter=True)
        .where(*_conditions(connection, user, wanted, now))
        .order_by(*order)
        .offset(PAGE * number)
        .limit(PAGE + 1)
    )
    if wanted.is_incomplete:
        chosen = _only_incomplete(chosen, now)
    here = list(connection.scalars(chosen))  # what a line shows is asked of its own forty rows alone
    lines = (
        sa.select(
            _residents,
            _homes.c.address,
            _score(_one_by_one(), now).label("percent"),
            _one_by_one().contacts.label("contacts"),
            _open_case(_cases.c.incident_id).label("open_case"),
            _open_case(_cases.c.priority).label("open_priority"),
            has_open(_residents.c.resident_id).label("proposed"),
        )
        .join_from(_residents, _homes, _homes.c.home_id == _residents.c.home_id)
        .join(home_register, home_register.c.home_id == _residents.c.home_id, isouter=True)
        .where(_residents.c.resident_id.in_(here[:PAGE]))
        .order_by(*order)
    )
    rows = connection.execute(lines).all()
    seen = rights.visible(connection, user, Right.READ_RESIDENTS, (row.home_id for row in rows), now)
    found = tuple(_line(row, now) for row in rows if row.home_id in seen)
    return found, len(here) > PAGE and number < LAST_PAGE


def score_of(connection: sa.Connection, resident_id: str, now: datetime) -> Completeness:
    """How much is on file of one resident; nothing of a stranger."""
    now = centre_zone.here(connection, now)
    has = dict(_has(_one_by_one(), now))
    asked = (
        sa.select(*(sa.case((one, 1), else_=0).label(name) for name, one in has.items()))
        .select_from(_residents)
        .join(home_register, home_register.c.home_id == _residents.c.home_id, isouter=True)
        .where(_residents.c.resident_id == resident_id)
    )
    row = connection.execute(asked).first()
    held = {name for name, is_there in row._mapping.items() if is_there} if row is not None else set()  # noqa: SLF001 - SQLAlchemy's public name for it
    reached = sum(people.WEIGHTS[name] for name in held)
    missing = tuple(name for name in people.WEIGHTS if name not in held)
    return Completeness(percent=100 * reached // sum(people.WEIGHTS.values()), missing=missing)


def areas(connection: sa.Connection) -> tuple[Area, ...]:
    """Districts, communities and grids as a tree, each below the one around it."""
    rows = connection.execute(
        sa.select(places).where(places.c.level.in_(_AREA_LEVELS)).order_by(places.c.name).limit(_MOST_PLACES)
    ).all()
    below: dict[str | None, list[sa.Row[tuple[object, ...]]]] = {}
    ids = {row.place_id for row in rows}
    for row in rows:
        below.setdefault(row.parent_id if row.parent_id in ids else None, []).append(row)

    def walk(parent: str | None, depth: int) -> Iterator[Area]:
        for row in below.get(parent, ()):
            yield Area(place_id=row.place_id, name=row.name or row.code, depth=depth)
            yield from walk(row.place_id, depth + 1) if depth < len(_AREA_LEVELS) else ()

    return tuple(walk(None, 0))


def _line(row: "sa.Row[tuple[object, ...]]", now: datetime) -> ResidentLine:
    return ResidentLine(
        resident_id=row.resident_id,
        home_id=row.home_id,
        name=row.name,
        age=age_in(now.year, row.born),
        address=row.address,
        phone=row.phone,
        situation=Situation(row.situation or Situation.UNKNOWN),
        contacts=row.contacts,
        reviewed_on=row.reviewed_on,
        is_unreviewed=row.reviewed_on < _day(now, people.REVIEWED_WITHIN),
        percent=int(row.percent),
        case=row.open_case,
        severity=Severity(row.open_priority) if row.open_priority else None,
        left=Left(row.left_why) if row.left_why else None,
        left_on=row.left_on,
        is_proposed=bool(row.proposed),
    )


# ---- which ----


def _conditions(
    connection: sa.Connection, user: User, wanted: Filters, now: datetime
) -> "Iterator[sa.ColumnElement[bool]]":
    yield from within_reach(connection, user, wanted.area, now)
    if wanted.is_gone:
        yield has_left()
    elif not wanted.find.strip():
        yield living()
    if word := " ".join(wanted.find.split()).casefold():
        yield _found(word)
    if wanted.flag is not None:
        yield _residents.c.flags.contains(f'"{wanted.flag.value}"', autoescape=True)
        yield ~has_withdrawn(Purpose.EMERGENCY, now)
    if wanted.is_alone:
        yield _residents.c.situation == Situation.ALONE.value
    if wanted.is_proposed:
        yield has_open(_residents.c.resident_id)
    if wanted.has_no_contact:
        yield ~sa.exists().where(_contacts.c.resident_id == _residents.c.resident_id)
    if wanted.is_unreviewed:
        yield _residents.c.reviewed_on < _day(now, people.REVIEWED_WITHIN)


def within_reach(connection: sa.Connection, user: User, area: str, now: datetime) -> "Iterator[sa.ColumnElement[bool]]":
    """Of whom he may know at all, as far as their places decide it; `area`: he wants those there alone."""
    yield _residents.c.erased_at.is_(None)
    if user.areas != EVERYWHERE:
        yield _homes_in(connection, user.areas)
    yield from _of_organisations(connection, user, now)
    if area:
        yield _homes_in(connection, frozenset({area}))


def _found(word: str) -> "sa.ColumnElement[bool]":
    said = (
        sa.func.lower(_residents.c.name).contains(word, autoescape=True),
        sa.func.lower(_homes.c.address).contains(word, autoescape=True),
        sa.func.lower(_residents.c.resident_id).startswith(word, autoescape=True),
        sa.func.lower(_residents.c.home_id).startswith(word, autoescape=True),
    )
    digits = "".join(sign for sign in word if sign.isascii() and sign.isdigit())
    if len(digits) < _FEWEST_DIGITS or any(sign not in "+0123456789 -()" for sign in word):
        return sa.or_(*said)
    of_contact = sa.select(_contacts.c.resident_id).where(_bare(_contacts.c.phone).contains(digits))
    return sa.or_(*said, _bare(_residents.c.phone).contains(digits), _residents.c.resident_id.in_(of_contact))


def _bare(phone: "sa.ColumnElement[str]") -> "sa.ColumnElement[str]":
    """A number without what people write between its digits."""
    for sign in (" ", "-", "(", ")"):
        phone = sa.func.replace(phone, sign, "", type_=sa.Text)
    return phone


def _homes_in(connection: sa.Connection, areas: frozenset[str]) -> "sa.ColumnElement[bool]":
    """Whether a resident's home stands in these places (ids or codes), however deep, or is said to by its spot."""
    named = sorted(areas)
    there = inside(sa.or_(places.c.place_id.in_(named), places.c.code.in_(named)))
    in_tree = sa.select(home_register.c.home_id).where(home_register.c.place_id.in_(there))
    spots = connection.execute(sa.select(home_spots.c.home_id, home_spots.c.areas))
    said = {row.home_id for row in spots if not areas.isdisjoint(_words.decode(row.areas))}
    is_there = _residents.c.home_id.in_(in_tree)
    return (
        sa.or_(is_there, _residents.c.home_id.in_(sa.select(words_of(connection, said).c.word))) if said else is_there
    )


def _of_organisations(connection: sa.Connection, user: User, now: datetime) -> "Iterator[sa.ColumnElement[bool]]":
    if user.organisations == EVERYWHERE:
        return
    agreed = [
        one for one in tokens.all_agreements(connection) if one.stands(now) and one.organisation in user.organisations
    ]
    if not any(one.areas == EVERYWHERE for one in agreed):
        served = frozenset().union(*(one.areas for one in agreed)) if agreed else frozenset[str]()
        yield _homes_in(connection, served) if served else sa.false()


def has_withdrawn(purpose: Purpose, now: datetime) -> "sa.ColumnElement[bool]":
    """Whether the word of a resident that holds now is a no (community.consent.standing)."""
    return _said(purpose, now, is_given=False)


def has_agreed(purpose: Purpose, now: datetime) -> "sa.ColumnElement[bool]":
    """Whether the word of a resident that holds now is a yes; whom nobody asked has not agreed."""
    return _said(purpose, now, is_given=True)


def _said(purpose: Purpose, now: datetime, *, is_given: bool) -> "sa.ColumnElement[bool]":
    word, later = consents.alias("word"), consents.alias("later")
    is_later = later.c.at >= word.c.at if is_given else later.c.at > word.c.at  # of two at once the withdrawal holds
    anew = sa.exists().where(
        later.c.resident_id == word.c.resident_id,
        later.c.purpose == purpose.value,
        later.c.is_given.is_(not is_given),
        is_later,
        later.c.at <= now,
    )
    return sa.exists().where(
        word.c.resident_id == _residents.c.resident_id,
        word.c.purpose == purpose.value,
        word.c.is_given.is_(is_given),
        word.c.at <= now,
        ~anew,
    )


# ---- what of each ----


class _Sums(NamedTuple):
    """What tables beside his own say of a resident, as columns: 0 or none where they say nothing."""

    contacts: "sa.ColumnElement[int]"
    keys: "sa.ColumnElement[int]"
    tested_on: "sa.ColumnElement[str]"
    consents: "sa.ColumnElement[int]"


def _one_by_one() -> _Sums:
    """Asked for each row: for a few of them."""
    his, said = _contacts.c.resident_id == _residents.c.resident_id, consents.c.resident_id == _residents.c.resident_id
    keys = sa.select(sa.func.count()).select_from(_contacts).where(his, _contacts.c.has_key)
    return _Sums(
        contacts=sa.select(sa.func.count()).select_from(_contacts).where(his).scalar_subquery(),
        keys=keys.scalar_subquery(),
        tested_on=sa.select(sa.func.max(_contacts.c.tested_on)).where(his).scalar_subquery(),
        consents=sa.select(sa.func.count()).select_from(consents).where(said).scalar_subquery(),
    )


def _only_incomplete(chosen: "sa.Select[tuple[str]]", now: datetime) -> "sa.Select[tuple[str]]":
    """Those of a list whose score is low; each table beside is read once, not once for each of ten thousand."""
    has_key = sa.case((_contacts.c.has_key, 1), else_=0)
    calls = (
        sa.select(
            _contacts.c.resident_id,
            sa.func.count().label("contacts"),
            sa.func.sum(has_key).label("keys"),
            sa.func.max(_contacts.c.tested_on).label("tested_on"),
        )
        .group_by(_contacts.c.resident_id)
        .subquery()
    )
    said = sa.select(consents.c.resident_id, sa.func.count().label("said")).group_by(consents.c.resident_id).subquery()
    sums = _Sums(
        contacts=sa.func.coalesce(calls.c.contacts, 0),
        keys=sa.func.coalesce(calls.c["keys"], 0),
        tested_on=sa.func.coalesce(calls.c.tested_on, ""),
        consents=sa.func.coalesce(said.c.said, 0),
    )
    return (
        chosen.join(calls, calls.c.resident_id == _residents.c.resident_id, isouter=True)
        .join(said, said.c.resident_id == _residents.c.resident_id, isouter=True)
        .where(_score(sums, now) < INCOMPLETE_BELOW)
    )


def _score(sums: _Sums, now: datetime) -> "sa.ColumnElement[int]":
    """As community.people.completeness, in whole percent."""
    reached = sum(
        (sa.case((has, people.WEIGHTS[name]), else_=0) for name, has in _has(sums, now)),
        start=sa.literal(0, sa.Integer),
    )
    return reached * 100 // sa.literal(sum(people.WEIGHTS.values()), sa.Integer)


def _has(sums: _Sums, now: datetime) -> "Sequence[tuple[str, sa.ColumnElement[bool]]]":
    of_home = key_safes.c.home_id == _residents.c.home_id
    nothing = b"[]"
    has_health = sa.or_(
        _residents.c.conditions != nothing,
        _residents.c.flags != nothing.decode(),
        _residents.c.medicines != nothing,
        _residents.c.allergies != nothing,
    )
    unknown = {"situation": Situation.UNKNOWN, "care_level": CareLevel.UNKNOWN, "hearing": Hearing.UNKNOWN}
    return (
        ("contact", sums.contacts > 0),
        ("way_in", sa.or_(sums.keys > 0, sa.exists().where(of_home))),
        ("gateway", home_register.c.gateway_id.is_not(None)),
        ("place", home_register.c.place_id.is_not(None)),
        ("second_contact", sums.contacts > 1),
        ("consent", sums.consents > 0),
        ("health", has_health),
        ("tested_contact", sums.tested_on >= _day(now, people.TESTED_WITHIN)),
        ("reviewed", _residents.c.reviewed_on >= _day(now, people.REVIEWED_WITHIN)),
        ("born", _residents.c.born.is_not(None)),
        ("phone", _residents.c.phone != ""),
        *((name, _residents.c[name].not_in(("", none.value))) for name, none in unknown.items()),
        ("language", _residents.c.language != ""),
    )


def _open_case(what: "sa.ColumnElement[object]") -> "sa.ColumnElement[object]":
    here = (_cases.c.home_key == _residents.c.home_id, _cases.c.state != "CLOSED")
    worst_first = (_cases.c.priority, _cases.c.incident_id.desc())
    return sa.select(what).where(*here).order_by(*worst_first).limit(1).scalar_subquery()


def _day(now: datetime, before: timedelta) -> str:
    """So long ago, as days are written in the register; `now` by the centre's clock."""
    return (now.date() - before).isoformat()


_words = msgspec.json.Decoder(tuple[str, ...])
