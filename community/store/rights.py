"""What the judge of rights must know of homes and cases; and who looked at what is not for everybody's eyes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.casefile import Answered, Case
from community.notice_rules import BROKEN_GLASS
from community.people import Item
from community.rights import Right, Subject, breaks_glass, is_allowed, may
from community.store import case_schema, people, schema, seals, tokens
from community.store.cases import CLOSED, decode_case
from community.store.dispatch_schema import home_spots
from community.store.gathered import gathered
from community.store.lease import engine_now
from community.store.living import living
from community.store.pairs import words_of
from community.store.people_access import Access, Act, access_in, note
from community.store.people_schema import access_log, home_register, places
from community.store.rights_schema import glass_reviews
from community.tokens import Agreement
from community.users import EVERYWHERE, Role, User
from shouwang.alert import Severity
from shouwang.errors import IllegalMove

_ON_SITE = frozenset({"DISPATCHED", "EN_ROUTE", "ON_SCENE", "WORKING"})
"""States in which a case is its responder's."""
_UNDER_WAY = frozenset({"EN_ROUTE", "ON_SCENE", "WORKING"})
_OF_PEOPLE = ("emergency", "care")
"""Workflows whose cases are about a person: a fault of a box opens no medical card."""
_LIFE = (Severity.P1.value, Severity.P2.value)
_TO_SUPERVISOR = 1200
"""The place of such a call among those of a step (community.store.no_shows: 1100)."""
_OF_THE_CENTRE = "centre:"
"""So begin the keys of cases that are about no home."""
_RIGHT_OF = {
    Act.CARD: Right.READ_MEDICAL,
    Act.PHOTO: Right.READ_MEDICAL,
    Act.VITALS: Right.READ_MEDICAL,
    Act.CONTACTS: Right.READ_RESIDENTS,
    Act.KEY_SAFE: Right.READ_KEY_SAFE,
    Act.EXPORT: Right.EXPORT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenGlass:
    """Somebody looked at what only his reason opened. `seen_by`: the supervisor who looked at it in turn."""

    access: Access
    seen_by: str | None


def subject_of_case(
    connection: sa.Connection,
    user: User,
    incident_id: int,
    now: datetime,
    *,
    item: Item = Item.STATUS,
    reason: str = "",
) -> Subject | None:
    """The case as the judge must know it; None where there is none. `item`: what of the elder is asked for."""
    case = _case(connection, sa.select(schema.incidents).where(schema.incidents.c.incident_id == incident_id))
    if case is None:
        return None
    home = subject_of_home(connection, user, case[1].home_key, now, item=item, reason=reason)
    return _with_case(connection, home, case)


def subject_of_home(
    connection: sa.Connection,
    user: User,
    home_id: str,
    now: datetime,
    *,
    item: Item = Item.STATUS,
    reason: str = "",
    resident_id: str = "",
) -> Subject:
    """The home as the judge must know it, with the last case there that was this user's.

    `resident_id`: whose family is meant; empty: that of anybody who lives there.
    """
    areas = areas_of(connection, [home_id]).get(home_id, frozenset())
    relation = _Relation.of(connection, user, (home_id, resident_id), item, now)
    subject = Subject(
        now=now,
        is_home=not home_id.startswith(_OF_THE_CENTRE),
        areas=areas,
        organisations=tokens.serving(connection, areas, now),
        is_open=_is_open(connection, home_id),
        is_own_elder=relation.is_own,
        is_consented=relation.is_consented,
        holds_key=relation.holds_key,
        reason=reason,
    )
    case = _his_last_case(connection, user, home_id) if user.role is Role.RESPONDER else None
    return subject if case is None else _with_case(connection, subject, case)


def home_of(connection: sa.Connection, resident_id: str) -> str | None:
    """Where the resident lives; None for an unknown id."""
    table = schema.residents
    return connection.scalar(sa.select(table.c.home_id).where(table.c.resident_id == resident_id))


def visible(
    connection: sa.Connection, user: User, right: Right, home_ids: Iterable[str], now: datetime
) -> frozenset[str]:
    """Those of these homes over which he has this right, as far as their place decides it."""
    wanted = frozenset(home_ids)
    if user.areas == EVERYWHERE and user.organisations == EVERYWHERE:
        areas: Mapping[str, frozenset[str]] = {}
        agreed: tuple[Agreement, ...] = ()
    else:
        areas, agreed = areas_of(connection, wanted), tokens.all_agreements(connection)
    judged: dict[tuple[frozenset[str], bool], bool] = {}  # thousands of homes lie in a few places
    found = set()
    for home_id in wanted:
        around, is_home = areas.get(home_id, frozenset()), not home_id.startswith(_OF_THE_CENTRE)
        if (around, is_home) not in judged:
            serving = tokens.serving_in(agreed, around, now)
            subject = Subject(now=now, is_home=is_home, areas=around, organisations=serving)
            judged[around, is_home] = is_allowed(user, right, subject)
        if judged[around, is_home]:
            found.add(home_id)
    return frozenset(found)


def areas_of(connection: sa.Connection, home_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Of each home that is on a map: its place with all that lie around it, by id and by code."""
    found: dict[str, set[str]] = {}
    asked = words_of(connection, frozenset(home_ids))
    columns = (places.c.place_id, places.c.parent_id, places.c.code)
    door = sa.select(home_register.c.home_id, *columns).join(places, places.c.place_id == home_register.c.place_id)
    up = door.join(asked, asked.c.word == home_register.c.home_id).cte("around", recursive=True)
    # a union without doubles comes to an end, even where somebody has hung a place under itself
    up = up.union(sa.select(up.c.home_id, *columns).join(up, places.c.place_id == up.c.parent_id))
    for home_id, place_id, code in _around.decode(
        gathered(connection, sa.select(up.c.home_id, up.c.place_id, up.c.code))
    ):
        found.setdefault(home_id, set()).update({place_id, code} - {""})
    spots = sa.select(home_spots).join(asked, asked.c.word == home_spots.c.home_id)
    for row in connection.execute(spots):
        found.setdefault(row.home_id, set()).update(_words.decode(row.areas))
    return {home_id: frozenset(areas) for home_id, areas in found.items()}


def look(
    connection: sa.Connection,
    user: User,
    act: Act,
    subject: Subject,
    *,
    home_id: str,
    resident_id: str | None = None,
    incident_id: int | None = None,
) -> None:
    """Let him look at what is not for everybody, and write it down in the same transaction. Raises Refused.

    Where only his reason opens it, that is written down too, and supervisors are to look at it (`broken_glass`).
    """
    right = _RIGHT_OF[act]
    may(user, right, subject)
    acts = (act, Act.BREAK_GLASS) if breaks_glass(user, right, subject) else (act,)
    for one in acts:
        access_id = note(
            connection,
            one,
            actor=user.login,
            at=subject.now,
            resident_id=resident_id,
            home_id=home_id,
            incident_id=incident_id,
            reason=subject.reason,
        )
        about = (incident_id or _last_case(connection, home_id)) if one is Act.BREAK_GLASS else None
        if about is not None:
            _call_supervisor(connection, about, access_id, subject.now)


def _last_case(connection: sa.Connection, home_id: str) -> int | None:
    """By which supervisors are told of a look at a person without a case; None: this home never had one."""
    table = schema.incidents
    here = sa.select(sa.func.max(table.c.incident_id)).where(table.c.home_key == home_id)
    return connection.execute(here).scalar()


def _call_supervisor(connection: sa.Connection, incident_id: int, access_id: int, now: datetime) -> None:
    """By his channels, at once and beside whatever the case calls for; the words name neither person nor reader."""
    connection.execute(
        case_schema.notices.insert().values(
            incident_id=incident_id,
            version=-access_id,  # of no step of the case: each look is told, though the case is as it was
            place=_TO_SUPERVISOR,
            step=BROKEN_GLASS,
            audience="supervisor",
            to_whom="",
            rung=-1,
            prompt=BROKEN_GLASS,
            created_at=now,
            created_e=engine_now(connection),
            state="waiting",
        )
    )


def has_looked(connection: sa.Connection, user: User, incident_id: int, since: datetime) -> bool:
    """Whether it is written down already that he has looked at the card in this case."""
    his = (access_log.c.incident_id == incident_id) & (access_log.c.actor == user.login)
    card = sa.select(access_log.c.access_id).where(his, access_log.c.act == Act.CARD.value, access_log.c.at > since)
    return connection.execute(card.limit(1)).first() is not None


def homes_of(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """The homes of these cases."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.incident_id, table.c.home_key).where(table.c.incident_id.in_(sorted(numbers)))
    )
    return {int(row.incident_id): row.home_key for row in rows}


def glass_homes(connection: sa.Connection) -> frozenset[str]:
    """Where glass was broken; empty: of no home."""
    mine = sa.select(access_log.c.home_id).where(access_log.c.act == Act.BREAK_GLASS.value).distinct()
    return frozenset(row.home_id or "" for row in connection.execute(mine))


def glass_home(connection: sa.Connection, access_id: int) -> str:
    """The home of a read; empty for none."""
    return connection.scalar(sa.select(access_log.c.home_id).where(access_log.c.access_id == access_id)) or ""


def broken_glass(
    connection: sa.Connection, limit: int = 100, *, homes: frozenset[str] | None = None
) -> tuple[BrokenGlass, ...]:
    """Reads that only a reason opened: those that no supervisor has looked at first, then the newest.

    `homes`: of these alone, as `glass_homes` names them; None: of all.
    """
    here = sa.func.coalesce(access_log.c.home_id, "")
    rows = (
        sa.select(access_log, glass_reviews.c.seen_by)
        .join(glass_reviews, glass_reviews.c.access_id == access_log.c.access_id, isouter=True)
        .where(access_log.c.act == Act.BREAK_GLASS.value)
        .where(sa.true() if homes is None else here.in_(sa.select(words_of(connection, homes or ()).c.word)))
        .order_by(glass_reviews.c.seen_by.is_not(None), access_log.c.access_id.desc())
        .limit(limit)
    )
    return tuple(BrokenGlass(access=access_in(row), seen_by=row.seen_by) for row in connection.execute(rows))


def review(connection: sa.Connection, access_id: int, by: str, at: datetime) -> None:
    """A supervisor has looked at it. Raises IllegalMove where there is nothing to look at, or it is his own."""
    row = connection.execute(
        sa.select(access_log.c.actor, glass_reviews.c.seen_by)
        .join(glass_reviews, glass_reviews.c.access_id == access_log.c.access_id, isouter=True)
        .where(access_log.c.access_id == access_id, access_log.c.act == Act.BREAK_GLASS.value)
    ).first()
    if row is None or row.seen_by is not None or row.actor == by:
        raise IllegalMove("there is nothing here that you could review; your own is for another supervisor")
    connection.execute(sa.insert(glass_reviews).values(access_id=access_id, seen_by=by, seen_at=at))
    seals.seal(connection, glass_reviews, access_id, at=at)


def _case(connection: sa.Connection, of: sa.Select[tuple[object, ...]]) -> tuple[int, Case] | None:
    row = connection.execute(of).first()
    return None if row is None else (int(row.incident_id), decode_case(row.body))


def _his_last_case(connection: sa.Connection, user: User, home_id: str) -> tuple[int, Case] | None:
    """The last one at this home that is, or was, this responder's."""
    table, events, names = schema.incidents, schema.incident_events, sorted(user.names)
    went = sa.select(events.c.incident_id).where(events.c.kind.in_(("accept", "report")), events.c.actor.in_(names))
    is_his = table.c.responder.in_(names) | table.c.incident_id.in_(went)
    here = sa.select(table).where(table.c.home_key == home_id, is_his)
    return _case(connection, here.order_by(table.c.incident_id.desc()).limit(1))


def _with_case(connection: sa.Connection, home: Subject, numbered: tuple[int, Case]) -> Subject:
    incident_id, case = numbered
    return replace(
        home,
        is_life=case.priority.value in _LIFE,
        responder=case.responder or case.reporter or "",
        offered=frozenset(offer.to for offer in case.offers if offer.answer is Answered.ASKED),
        is_under_way=case.state in _UNDER_WAY,
        left_at=None if case.state in _ON_SITE else _left_at(connection, incident_id, case),
    )


def _left_at(connection: sa.Connection, incident_id: int, case: Case) -> datetime:
    """When the responder told what he had found; else when the case changed last."""
    events = schema.incident_events
    told = (events.c.incident_id == incident_id, events.c.kind == "report")
    at: datetime | None = connection.scalar(sa.select(events.c.at).where(*told).order_by(events.c.seq.desc()).limit(1))
    return at or case.changed_at


def _is_open(connection: sa.Connection, home_id: str) -> bool:
    table = schema.incidents
    of_people = table.c.workflow.in_(_OF_PEOPLE) | table.c.priority.in_(_LIFE)
    here = sa.select(table.c.incident_id).where(table.c.home_key == home_id, table.c.state != CLOSED, of_people)
    return connection.execute(here.limit(1)).first() is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Relation:
    """What a family member is to the people of a home."""

    is_own: bool = False
    is_consented: bool = False
    holds_key: bool = False

    @staticmethod
    def of(connection: sa.Connection, user: User, whose: tuple[str, str], item: Item, now: datetime) -> "_Relation":
        home_id, resident_id = whose
        if user.role is not Role.FAMILY or not user.person:
            return _Relation()
        contacts, residents = schema.contacts, schema.residents
        rows = connection.execute(
            sa.select(contacts)
            .join(residents, residents.c.resident_id == contacts.c.resident_id)
            .where(residents.c.home_id == home_id, contacts.c.contact_id == user.person, living())
            .where(residents.c.resident_id == resident_id if resident_id else sa.true())
        ).all()
        return _Relation(
            is_own=bool(rows),
            is_consented=any(item in people.items_for(connection, row.resident_id, user.person, now) for row in rows),
            holds_key=any(row.has_key for row in rows),
        )


_around = msgspec.json.Decoder(list[tuple[str, str, str]])
_words = msgspec.json.Decoder(tuple[str, ...])
