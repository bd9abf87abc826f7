"""What a family member may be told of his elders, read for him alone; the elder's word decides item by item."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.casefile import Case
from community.consent import Consent, Purpose, standing
from community.desk import HomeMode, QueueRow
from community.family import Known, Moved
from community.people import Item, Left, Sex
from community.store import (
    cases,
    contact_keys,
    measured,
    modes,
    people,
    resident_file,
    resident_photos,
    schema,
    watch_schema,
)
from community.store.case_schema import attempts, notices
from community.store.people_rows import contact_in
from community.store.request_results import submitter
from community.store.stays import Claim
from community.store.views import rows_of
from community.users import User
from shouwang.quantities import Quantity

SIGNS = frozenset(
    {Quantity.MOTION, Quantity.PRESENCE, Quantity.DOOR, Quantity.BED, Quantity.BUTTON, Quantity.MEDICATION}
)
"""What a person sets off by moving, going through a door, lying down, pressing something."""
LOOKED_BACK = timedelta(days=3)
"""For a last movement: longer ago than a rule of stillness waits, so that the family is not told nonsense."""
MOST_ELDERS = 8
_TO_FAMILY = ("family", "keyholder")
_STEPS = ("ack", "accept", "arrive", "report", "resolve_remote", "mark_false")
_SIGN_MEANS = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Elder:
    """An elder of this family member. `may_see`: what he agreed to, now; `keys`: by which attempts name the member.

    `left`: why the elder lives here no more; then there is nothing to see and nothing to do. `phones`, `languages`:
    the member's own, as the centre calls him.
    """

    resident_id: str
    home_id: str
    name: str
    sex: Sex
    relation: str
    keys: tuple[str, ...]
    may_see: frozenset[Item]
    word: Consent | None
    has_photo: bool
    gateways: tuple[str, ...]
    phones: tuple[str, ...]
    languages: tuple[str, ...]
    left: Left | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summons:
    """The centre called him about a case. `key`: by which he answers; `is_answered`: he said that he goes."""

    incident_id: int
    key: str
    is_answered: bool


def elders(connection: sa.Connection, user: User, now: datetime) -> tuple[Elder, ...]:
    """Whose contact he is, and who is on file."""
    if not user.person:
        return ()
    contacts, residents = schema.contacts, schema.residents
    rows = connection.execute(
        sa.select(contacts, residents.c.home_id, residents.c.name.label("elder"), residents.c.sex, residents.c.left_why)
        .join(residents, residents.c.resident_id == contacts.c.resident_id)
        .where(contacts.c.contact_id == user.person, residents.c.erased_at.is_(None))
        .order_by(residents.c.home_id, residents.c.place)
        .limit(MOST_ELDERS)
    ).all()
    return tuple(_elder(connection, user, row, now) for row in rows)


def _elder(connection: sa.Connection, user: User, row: "sa.Row[tuple[object, ...]]", now: datetime) -> Elder:
    said, his = people.consents_of(connection, row.resident_id), contact_in(row)
    return Elder(
        resident_id=row.resident_id,
        home_id=row.home_id,
        name=row.elder,
        sex=Sex(row.sex or Sex.UNKNOWN),
        relation=his.relation,
        keys=contact_keys.keys_of(row.resident_id, user.person, row.place),
        may_see=people.items_for(connection, row.resident_id, user.person, now),
        word=standing(said, now).get(Purpose.FAMILY_VIEW),
        has_photo=resident_photos.about(connection, row.resident_id) is not None,
        gateways=resident_file.boxes_of(connection, row.home_id),
        phones=his.phones,
        languages=his.languages,
        left=Left(row.left_why) if row.left_why else None,
    )


def open_emergencies(connection: sa.Connection, home_id: str, now: datetime) -> tuple[QueueRow, ...]:
    """Life alarms of the home that are not closed, no tests; the newest first."""
    table = schema.incidents
    here = (table.c.home_key == home_id, table.c.state != cases.CLOSED, table.c.workflow == "emergency")
    asked = sa.select(table.c.incident_id).where(*here, sa.not_(table.c.is_test)).order_by(table.c.incident_id.desc())
    return rows_of(connection, _loaded(connection, connection.scalars(asked.limit(MOST_ELDERS))), now)


def known_of(connection: sa.Connection, elder: Elder, open_rows: Iterable[QueueRow], now: datetime) -> Known:
    """What the state of things is judged from."""
    pages = [page for one in elder.gateways if (page := modes.home_page(connection, one, now)) is not None]
    heard = _heard(connection, elder.gateways)
    return Known(
        states=tuple(row.state for row in open_rows),
        is_heard=any(heard) if heard else None,
        mode=next((page.mode for page in pages if page.mode is not HomeMode.HOME), HomeMode.HOME),
    )


def _heard(connection: sa.Connection, gateways: Sequence[str]) -> list[bool]:
    """Of each box that ever spoke: whether it is heard now."""
    table, known = schema.gateways, watch_schema.supervision
    rows = connection.execute(
        sa.select(table.c.online, known.c.offline_since)
        .join_from(table, known, known.c.gateway_id == table.c.gateway_id, isouter=True)
        .where(table.c.gateway_id.in_(gateways), table.c.last_seen.is_not(None))
    )
    return [bool(row.online) and row.offline_since is None for row in rows]


def last_moved(connection: sa.Connection, claims: Sequence[Claim], home_id: str, now: datetime) -> Moved | None:
    """The newest sign of life in the rooms, of whoever lives there now; None where there was none lately."""
    found = measured.or_without(connection, None, lambda: _newest_sign(connection, claims, now))
    if found is None:
        return None
    at, sensor_id = found
    rooms = resident_file.rooms_of(resident_file.devices_of(connection, home_id))
    return Moved(at=at, room=rooms.get(sensor_id, ""))


def _newest_sign(connection: sa.Connection, claims: Sequence[Claim], now: datetime) -> tuple[datetime, str] | None:
    series, samples, _ = measured.tables(connection)
    newest: tuple[datetime, str] | None = None
    for claim in claims:
        mine = (
            series.c.gateway_id == claim.gateway_id,
            series.c.resident_id == claim.name,
            series.c.quantity.in_(sorted(one.value for one in SIGNS)),
        )
        for one in connection.execute(sa.select(series.c.series_id, series.c.sensor_id).where(*mine)):
            since = max(claim.span.start, now - LOOKED_BACK)
            lately = (samples.c.series_id == one.series_id, samples.c.at >= since, samples.c.at <= now)
            at = connection.scalar(sa.select(sa.func.max(samples.c.at)).where(*lately, samples.c.value > _SIGN_MEANS))
            if at is not None and (newest is None or at > newest[0]):
                newest = at, one.sensor_id
    return newest


def history(connection: sa.Connection, resident_id: str, now: datetime, limit: int) -> tuple[QueueRow, ...]:
    """Emergencies that are over or being called back, the newest first."""
    rows = resident_file.cases_of(connection, resident_id, now)
    over = (row for row in rows if row.workflow == "emergency" and not row.is_test)
    return tuple(row for row in over if row.is_final or row.state in {"FEEDBACK", "REVISIT"})[:limit]


def steps_of(connection: sa.Connection, numbers: Iterable[int]) -> Mapping[int, Mapping[str, datetime]]:
    """When each of these cases was taken, accepted, reached and reported, the first time."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.incident_id, events.c.kind, sa.func.min(events.c.at).label("at"))
        .where(events.c.incident_id.in_(sorted(numbers)), events.c.kind.in_(_STEPS))
        .group_by(events.c.incident_id, events.c.kind)
    )
    found: dict[int, dict[str, datetime]] = {}
    for row in rows:
        found.setdefault(row.incident_id, {})[row.kind] = row.at
    return found


def requests_of(connection: sa.Connection, user: User, elder: Elder, now: datetime, limit: int) -> tuple[QueueRow, ...]:
    """What he filed of this home himself, the newest first."""
    rows = resident_file.cases_of(connection, elder.resident_id, now, are_requests=True)
    his = (row for row in rows if submitter(connection, row.incident_id) in user.names)
    return tuple(his)[:limit]


def summons(connection: sa.Connection, elder: Elder, incident_id: int) -> Summons | None:
    """The newest call of the centre to him about this case; None: nobody has called him."""
    asked = (
        sa.select(attempts.c.key, attempts.c.outcome, attempts.c.code)
        .join(notices, notices.c.notice_id == attempts.c.notice_id)
        .where(
            notices.c.incident_id == incident_id,
            notices.c.audience.in_(_TO_FAMILY),
            attempts.c.person.in_(elder.keys),
        )
        .order_by(attempts.c.attempt_id.desc())
    )
    rows = connection.execute(asked).all()
    if not rows:
        return None
    is_answered = any(row.outcome == "answered" and row.code == "key 1" for row in rows)
    return Summons(incident_id=incident_id, key=rows[0].key, is_answered=is_answered)


def _loaded(connection: sa.Connection, numbers: Iterable[int]) -> list[tuple[int, Case]]:
    return [(number, case) for number in numbers if (case := cases.load(connection, number)) is not None]
