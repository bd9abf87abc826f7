"""Who can be reached now, and how: consoles that are open, and people by the channels that live.

`audiences` is asked inside the transaction of every clock: a handful of small reads.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import msgspec
import sqlalchemy as sa

from community.casefile import Case
from community.channels.port import Way
from community.consent import Purpose
from community.notice_rules import Glance, ways_for
from community.people import Circle, Item, in_hours
from community.store.channel_schema import channel_health, reach_people, reach_ways
from community.store.dispatch_schema import responders
from community.store.people_schema import consents
from community.store.schema import contacts, login_sessions, residents, users
from community.users import Role

CONSOLE_SEEN_WITHIN = timedelta(seconds=90)
"""An open console is seen every 30 s: one that missed three times is shut, asleep or cut off."""
AUDIENCES = ("operators", "owner", "supervisor", "team_lead", "responders", "next_candidate", "family", "keyholder")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody to reach. `key` names him in `attempts`: desk:LOGIN, responder:ID, contact:RESIDENT:PLACE, shared:NAME.

    `ways`: the dearest first; `is_told_why`: he may hear what happened.
    """

    key: str
    name: str
    language: str
    ways: tuple[tuple[Way, str], ...] = ()
    has_console: bool = False
    is_told_why: bool = False
    relation: str = ""


def audiences(connection: sa.Connection, case: Case, now: datetime) -> frozenset[str]:
    """Those in which somebody can be reached now by a console or by a channel that lives."""
    known = Known(connection, now)
    glance = msgspec.convert(case, Glance, from_attributes=True)
    return frozenset(who for who in AUDIENCES if any(known.is_reachable(one, glance) for one in known.of(who, glance)))


class Known:
    """The people around a case, read once and only as far as they are asked for."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        """For one transaction."""
        self._connection = connection
        self._now = now

    @cached_property
    def living(self) -> dict[Way, tuple[str, ...]]:
        """The channels that work, by way, in the order of community.yaml."""
        table = channel_health
        found: dict[Way, list[str]] = defaultdict(list)
        for row in self._connection.execute(sa.select(table).where(table.c.is_up).order_by(table.c.place)):
            found[Way(row.way)].append(row.channel)
        return {way: tuple(channels) for way, channels in found.items()}

    @cached_property
    def all_channels(self) -> dict[Way, tuple[str, ...]]:
        """Those that do not work too, after the others."""
        table = channel_health
        found: dict[Way, list[str]] = defaultdict(list)
        for row in self._connection.execute(sa.select(table).order_by(sa.not_(table.c.is_up), table.c.place)):
            found[Way(row.way)].append(row.channel)
        return {way: tuple(channels) for way, channels in found.items()}

    def is_reachable(self, person: Person, case: Glance) -> bool:
        """By his console or a living channel."""
        return person.has_console or any(way in self.living for way, _ in ways_for(case, person.ways))

    def of(self, audience: str, case: Glance, to: str = "") -> tuple[Person, ...]:
        """The people of the audience. `to`: one of them by name."""
        shared = self._shared.get(audience, ())
        if audience in ("operators", "next_candidate", "owner"):
            return (*self._operators(case.owner if audience != "operators" else None), *shared)
        if audience in ("supervisor", "team_lead"):
            own = self._desk_of(Role.SUPERVISOR) if audience == "supervisor" or not shared else ()
            return (*own, *shared)
        if audience == "responders":
            return (*self._responder(to or case.responder or ""), *shared)
        return (*self._contacts(case.home_key, audience), *shared)

    def person(self, key: str) -> Person | None:
        """Whom an attempt names; None where he is gone."""
        kind, _, rest = key.partition(":")
        if kind == "desk":
            return next((one for one in self._desk.values() if one[0].key == key), (None,))[0]
        if kind == "responder":
            return next(iter(self._responder(rest)), None)
        if kind == "shared":
            return next((one for people in self._shared.values() for one in people if one.key == key), None)
        resident_id, _, place = rest.rpartition(":")
        return self._contact(resident_id, int(place)) if place.isdigit() else None

    # ---- the desk ----

    @cached_property
    def _desk(self) -> dict[str, tuple[Person, Role]]:
        seen = sa.and_(
            login_sessions.c.user_id == users.c.user_id,
            login_sessions.c.expires_at > self._now,
            login_sessions.c.last_seen_at > self._now - CONSOLE_SEEN_WITHIN,
        )
        rows = self._connection.execute(
            sa.select(users, sa.exists(sa.select(sa.literal(1)).where(seen)).label("has_console")).where(
                users.c.role.in_([Role.OPERATOR.value, Role.SUPERVISOR.value]), users.c.disabled_at.is_(None)
            )
        )
        return {
            row.login: (
                Person(
                    key=f"desk:{row.login}",
                    name=row.name,
                    language=row.language,
                    ways=self._ways_of(row.login),
                    has_console=bool(row.has_console),
                    is_told_why=False,
                ),
                Role(row.role),
            )
            for row in rows
        }

    def _desk_of(self, role: Role) -> tuple[Person, ...]:
        return tuple(person for person, his in self._desk.values() if his is role)

    def _operators(self, owner: str | None) -> tuple[Person, ...]:
        """The owner; without one all at an open console; without any, all who can be called."""
        if owner is not None and owner in self._desk:
            return (self._desk[owner][0],)
        everybody = tuple(person for person, _ in self._desk.values())
        at_desk = tuple(replace(person, ways=()) for person in everybody if person.has_console)
        return at_desk or tuple(person for person in everybody if person.ways)

    # ---- people of community.yaml ----

    @cached_property
    def _reach(self) -> dict[str, tuple[str, str, tuple[str, ...], tuple[tuple[Way, str], ...]]]:
        rows = self._connection.execute(
            sa.select(reach_people, reach_ways.c.way, reach_ways.c.address)
            .join_from(reach_people, reach_ways, reach_ways.c.person == reach_people.c.person, isouter=True)
            .order_by(reach_people.c.person, reach_ways.c.place)
        )
        found: dict[str, tuple[str, str, tuple[str, ...], tuple[tuple[Way, str], ...]]] = {}
        for row in rows:
            ways = found[row.person][3] if row.person in found else ()
            mine = () if row.way is None else ((Way(row.way), row.address),)
            found[row.person] = (row.name, row.language, tuple(row.audiences.split()), (*ways, *mine))
        return found

    @cached_property
    def _shared(self) -> Mapping[str, tuple[Person, ...]]:
        found: dict[str, list[Person]] = defaultdict(list)
        for name, (shown, language, duties, ways) in self._reach.items():
            for audience in duties:
                found[audience].append(Person(key=f"shared:{name}", name=shown, language=language, ways=ways))
        return {audience: tuple(people) for audience, people in found.items()}

    def _ways_of(self, *names: str) -> tuple[tuple[Way, str], ...]:
        return next((self._reach[name][3] for name in names if name in self._reach), ())

    # ---- responders and contacts ----

    def _responder(self, responder_id: str) -> tuple[Person, ...]:
        table = responders
        row = self._connection.execute(
            sa.select(table).where(table.c.responder_id == responder_id, table.c.is_active)
        ).first()
        if row is None:
            return ()
        ways = self._ways_of(responder_id, row.phone) or _by_phone(row.phone)
        return (Person(key=f"responder:{responder_id}", name=row.name, language=row.language or "zh", ways=ways),)

    def _contacts(self, home_key: str, audience: str) -> tuple[Person, ...]:
        table = contacts
        rows = self._connection.execute(
            sa.select(table, residents.c.place.label("of_place"))
            .join(residents, residents.c.resident_id == table.c.resident_id)
            .where(residents.c.home_id == home_key, residents.c.erased_at.is_(None))
            .order_by(residents.c.place, residents.c.resident_id, table.c.place)
        ).all()
        if audience == "keyholder":
            mine = [row for row in rows if row.has_key]
        else:
            family = [row for row in rows if row.circle == Circle.FAMILY.value]
            mine = family or [row for row in rows if row.circle == Circle.NEIGHBOURS.value]
        local = self._now.astimezone().time()
        awake = [row for row in mine if in_hours(row.hours, local)]
        return tuple(self._person_of(row) for row in awake or mine)

    def _contact(self, resident_id: str, place: int) -> Person | None:
        table = contacts
        row = self._connection.execute(
            sa.select(table).where(table.c.resident_id == resident_id, table.c.place == place)
        ).first()
        return None if row is None else self._person_of(row)

    def _person_of(self, row: sa.Row[tuple[object, ...]]) -> Person:
        phones: Iterable[str] = (row.phone, *msgspec.json.decode(row.more_phones or "[]", type=tuple[str, ...]))
        languages = msgspec.json.decode(row.languages or "[]", type=tuple[str, ...])
        listed = next((self._reach[phone] for phone in phones if phone in self._reach), None)
        items = msgspec.json.decode(row.may_see or "[]", type=tuple[str, ...])
        spoken = next((one for one in languages if one in ("zh", "en")), "zh")
        return Person(
            key=f"contact:{row.resident_id}:{row.place}",
            name=row.name,
            language=spoken if listed is None else listed[1],
            ways=_by_phone(row.phone) if listed is None else listed[3],
            is_told_why=Item.STATUS.value in items and self._family_may_hear(row.resident_id),
            relation=row.relation,
        )

    def _family_may_hear(self, resident_id: str) -> bool:
        table = consents
        said = self._connection.execute(
            sa.select(table.c.is_given)
            .where(
                table.c.resident_id == resident_id,
                table.c.purpose == Purpose.FAMILY_VIEW.value,
                table.c.at <= self._now,
            )
            .order_by(table.c.at.desc(), table.c.is_given)
            .limit(1)
        ).scalar()
        return bool(said)


def _by_phone(phone: str) -> tuple[tuple[Way, str], ...]:
    """Who has told us no ways is called and written to at once (incident model, ladder)."""
    number = "".join(sign for sign in phone if sign.isdigit() or sign == "+")
    return ((Way.VOICE, number), (Way.SMS, number)) if number else ()
