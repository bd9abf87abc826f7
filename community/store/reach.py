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
from community.dispatch import EMERGENCY, UnitKind
from community.notice_rules import SUBMITTER, Glance, ways_for
from community.people import Circle, Item, in_hours
from community.rosters import Post
from community.store import contact_keys, rosters
from community.store.centre_zone import here
from community.store.channel_schema import channel_health, reach_people, reach_ways
from community.store.dispatch_schema import responders, units
from community.store.living import living
from community.store.people_rows import contact_in
from community.store.people_schema import consents
from community.store.schema import contacts, login_sessions, residents, users
from community.users import Role
from community.workflow import MANAGEMENT
from shouwang.alert import Severity

CONSOLE_SEEN_WITHIN = timedelta(seconds=90)
"""An open console is seen every 30 s: one that missed three times is shut, asleep or cut off."""
AUDIENCES = ("operators", "owner", *MANAGEMENT, "responders", "next_candidate", "family", "keyholder")

_BY_UNIT: Mapping[str, tuple[Way, ...]] = {
    "voice": (Way.VOICE,),
    "sms": (Way.SMS, Way.VOICE),
    "app": (Way.PUSH, Way.SMS, Way.VOICE),
}
"""How a unit is told by its own choice, the dearest first; telephones ring for a life only (notice_rules.ways_for)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody to reach. `key` names him in `attempts`: desk:LOGIN, responder:ID, unit:ID, contact:RESIDENT:CONTACT
    (community.store.contact_keys), shared:NAME.

    `ways`: the dearest first; `is_told_why`: he may hear what happened; `has_left`: he was taken off the list, and is
    called no more.
    """

    key: str
    name: str
    language: str
    ways: tuple[tuple[Way, str], ...] = ()
    has_console: bool = False
    is_told_why: bool = False
    relation: str = ""
    has_left: bool = False


def audiences(connection: sa.Connection, case: Case, now: datetime, known: "Known | None" = None) -> frozenset[str]:
    """Those in which somebody can be reached now by a console or by a channel that lives.

    `known`: whom another case of this transaction has asked for.
    """
    known = known or Known(connection, now)
    glance = msgspec.convert(case, Glance, from_attributes=True)
    return frozenset(who for who in AUDIENCES if any(known.is_reachable(one, glance) for one in known.of(who, glance)))


class Known:
    """The people around a case, read once and only as far as they are asked for."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        """For one transaction, at this moment."""
        self._connection = connection
        self.now = now

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
        if audience in MANAGEMENT:
            return (*self._management(audience, is_shared=bool(shared)), *shared)
        if audience in ("operators", "next_candidate", "owner"):
            return (*self._operators(case.owner if audience != "operators" else None), *shared)
        if audience in ("responders", "units"):
            whom = to or case.responder or ""
            person = self._responder(whom) if audience == "responders" else ()
            return (*(person or self._unit(whom)), *shared)
        if audience == SUBMITTER:
            return self._asker(case.home_key, to)
        return (*self._contacts(case, audience), *shared)

    def _management(self, level: str, *, is_shared: bool) -> tuple[Person, ...]:
        """A level above the operators. `is_shared`: a telephone of community.yaml stands for it as well."""
        if level == "command_centre":
            return self._units_of(UnitKind.COMMAND)
        leaders = self._duty_leaders if level == "duty_leader" else ()
        is_vacant = level == "supervisor" or not (leaders or is_shared)
        return self._desk_of(Role.SUPERVISOR) if is_vacant else leaders

    def person(self, key: str) -> Person | None:
        """Whom an attempt names; None where he is gone."""
        kind, _, rest = key.partition(":")
        if kind == "desk":
            return next((one for one in self._desk.values() if one[0].key == key), (None,))[0]
        if kind == "responder":
            return next(iter(self._responder(rest)), None)
        if kind == "unit":
            return next(iter(self._unit(rest)), None)
        if kind == "resident":
            return self._resident(rest)
        if kind == "shared":
            return next((one for people in self._shared.values() for one in people if one.key == key), None)
        return self._contact(key)

    # ---- the desk and above it ----

    @cached_property
    def _desk(self) -> dict[str, tuple[Person, Role]]:
        seen = sa.and_(
            login_sessions.c.user_id == users.c.user_id,
            login_sessions.c.expires_at > self.now,
            login_sessions.c.last_seen_at > self.now - CONSOLE_SEEN_WITHIN,
        )
        rows = self._connection.execute(
            sa.select(users, sa.exists(sa.select(sa.literal(1)).where(seen)).label("has_console")).where(
                sa.or_(users.c.role.in_(_AT_THE_DESK), users.c.login.in_(self._leaders)), users.c.disabled_at.is_(None)
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

    @cached_property
    def _leaders(self) -> tuple[str, ...]:
        """值班领导: whoever the roster names for now, of any role; the first before the back-ups."""
        return tuple(dict.fromkeys(one.person for one in rosters.here(self._connection, Post.DUTY_LEADER, self.now)))

    @property
    def _duty_leaders(self) -> tuple[Person, ...]:
        return tuple(self._desk[login][0] for login in self._leaders if login in self._desk)

    def _operators(self, owner: str | None) -> tuple[Person, ...]:
        """The owner; without one all at an open console; without any, all who can be called."""
        if owner is not None and owner in self._desk:
            return (self._desk[owner][0],)
        everybody = tuple(person for person, role in self._desk.values() if role.value in _AT_THE_DESK)
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

    # ---- responders, units and contacts ----

    def _responder(self, responder_id: str) -> tuple[Person, ...]:
        table = responders
        row = self._connection.execute(
            sa.select(table).where(table.c.responder_id == responder_id, table.c.is_active)
        ).first()
        if row is None:
            return ()
        ways = self._ways_of(responder_id, row.phone) or _by_phone(row.phone)
        return (Person(key=f"responder:{responder_id}", name=row.name, language=row.language or "zh", ways=ways),)

    def _units_of(self, kind: UnitKind) -> tuple[Person, ...]:
        rows = self._connection.execute(
            sa.select(units)
            .where(units.c.kind == kind.value, units.c.is_active)
            .order_by(units.c.tier, units.c.unit_id)
        )
        return tuple(self._person_of_unit(row) for row in rows)

    def _unit(self, unit_id: str) -> tuple[Person, ...]:
        """120, 119 and 110 are called by people, with an order of their own: no machine dials them."""
        row = self._connection.execute(
            sa.select(units).where(
                units.c.unit_id == unit_id, units.c.is_active, units.c.kind.not_in([one.value for one in EMERGENCY])
            )
        ).first()
        return () if row is None else (self._person_of_unit(row),)

    def _person_of_unit(self, row: sa.Row[tuple[object, ...]]) -> Person:
        """By the unit's channel first; people of community.yaml may give it other addresses under its id."""
        listed = dict(self._ways_of(row.unit_id))
        known = listed or dict(_by_phone(row.phone))
        wanted = tuple(way for way in _BY_UNIT.get(row.channel, _BY_UNIT["sms"]) if way in known)
        others = tuple(way for way in listed if way not in wanted)
        ways = tuple((way, known[way]) for way in (*wanted, *others))
        return Person(key=f"unit:{row.unit_id}", name=row.name, language="zh", ways=ways)

    def _contacts(self, case: Glance, audience: str) -> tuple[Person, ...]:
        """Those who want to be called at this hour, else all; all at once where a life hangs on it (P1)."""
        table = contacts
        rows = self._connection.execute(
            sa.select(table, residents.c.place.label("of_place"))
            .join(residents, residents.c.resident_id == table.c.resident_id)
            .where(residents.c.home_id == case.home_key, living())
            .order_by(residents.c.place, residents.c.resident_id, table.c.place)
        ).all()
        if audience == "keyholder":
            mine = [row for row in rows if row.has_key]
        else:
            family = [row for row in rows if row.circle == Circle.FAMILY.value]
            mine = family or [row for row in rows if row.circle == Circle.NEIGHBOURS.value]
        local = here(self._connection, self.now).time()
        awake = [row for row in mine if case.priority is Severity.P1 or in_hours(row.hours, local)]
        return tuple(self._person_of(row) for row in awake or mine)

    def _asker(self, home_key: str, who: str) -> tuple[Person, ...]:
        """Who filed a request: a resident or a contact of the home; a colleague or a program is told by no message."""
        resident = self._resident(who)
        if resident is not None:
            return (resident,)
        table = contacts
        rows = self._connection.execute(
            sa.select(table)
            .join(residents, residents.c.resident_id == table.c.resident_id)
            .where(residents.c.home_id == home_key, living())
            .order_by(residents.c.place, table.c.place)
        )
        return tuple(self._person_of(row) for row in rows if contact_in(row).id == who)[:1]

    def _resident(self, resident_id: str) -> Person | None:
        table = residents
        row = self._connection.execute(sa.select(table).where(table.c.resident_id == resident_id, living())).first()
        if row is None:
            return None
        key = f"resident:{resident_id}"
        return Person(key=key, name=row.name, language=row.language or "zh", ways=_by_phone(row.phone))

    def _contact(self, key: str) -> Person | None:
        """Somebody who was taken off the list still has his name, and no way to be reached."""
        whom = contact_keys.named(key)
        row = None if whom is None else contact_keys.row_of(self._connection, whom)
        if whom is None or row is not None:
            return None if row is None else self._person_of(row)
        left = contact_keys.left_of(self._connection, whom)
        if left is None:
            return None
        return Person(key=key, name=left.name, language="zh", relation=left.relation, has_left=True)

    def _person_of(self, row: sa.Row[tuple[object, ...]]) -> Person:
        phones: Iterable[str] = (row.phone, *msgspec.json.decode(row.more_phones or "[]", type=tuple[str, ...]))
        languages = msgspec.json.decode(row.languages or "[]", type=tuple[str, ...])
        listed = next((self._reach[phone] for phone in phones if phone in self._reach), None)
        items = msgspec.json.decode(row.may_see or "[]", type=tuple[str, ...])
        spoken = next((one for one in languages if one in ("zh", "en")), "zh")
        return Person(
            key=contact_keys.key_of(row.resident_id, contact_in(row).id or ""),
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
                table.c.at <= self.now,
            )
            .order_by(table.c.at.desc(), table.c.is_given)
            .limit(1)
        ).scalar()
        return bool(said)


_AT_THE_DESK = (Role.OPERATOR.value, Role.SUPERVISOR.value)


def _by_phone(phone: str) -> tuple[tuple[Way, str], ...]:
    """Who has told us no ways is called and written to at once (incident model, ladder)."""
    number = "".join(sign for sign in phone if sign.isdigit() or sign == "+")
    return ((Way.VOICE, number), (Way.SMS, number)) if number else ()
