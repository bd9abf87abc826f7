"""What the page of one resident shows, read from the register and from all that happened in his home."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community import people as judgement
from community.consent import Consent, Purpose, may, standing
from community.desk import Health, HomePage, QueueRow
from community.people import Callee, Completeness, age_in
from community.register_forms import with_marks
from community.registry import DeviceRow, ResidentRow
from community.store import cases, modes, people, register_tries, resident_list, resident_photos, schema, stays
from community.store.centre_zone import here
from community.store.health import health_of
from community.store.people_rows import contact_in, device_in, resident_in
from community.store.people_schema import devices, home_register, key_safes
from community.store.places import grid_of, name_of
from community.store.resident_photos import Portrait
from community.store.stays import Claim, Stay
from community.store.views import rows_of
from shouwang.alert import Severity
from shouwang.status import SensorState

SHOWN = 40
"""Cases, requests and looks of one page, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentFile:
    """What the register says. `place`: in words, from the district to the grid; `gateways`: boxes of his home now.

    `is_withheld`: he does not want health to be shown; `is_monitored`: he has agreed that values are looked at.
    """

    resident: ResidentRow
    age: int | None
    address: str
    place: str
    route: str
    key_safe: str | None
    contacts: tuple[Callee, ...]
    said: tuple[Consent, ...]
    consents: Mapping[Purpose, Consent]
    score: Completeness
    portrait: Portrait | None
    gateways: tuple[str, ...]
    open_case: int | None
    open_severity: Severity | None
    is_withheld: bool
    is_monitored: bool
    is_unreviewed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorRow:
    """A sensor as its box says it is. `room`, `model`: as the register knows it."""

    sensor_id: str
    kind: str
    state: SensorState
    reason: str
    since: datetime | None
    battery: float | None
    room: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxFile:
    """A box, what it says of its sensors, and how it is."""

    gateway_id: str
    health: Health
    sensors: tuple[SensorRow, ...]


def home_of(connection: sa.Connection, resident_id: str) -> str | None:
    """Where he lives; None for a stranger, or who was erased."""
    table = schema.residents
    lives = (table.c.resident_id == resident_id) & table.c.erased_at.is_(None)
    return connection.scalar(sa.select(table.c.home_id).where(lives))


def called(connection: sa.Connection, resident_id: str) -> str:
    """What a resident is called who is on file."""
    table = schema.residents
    return str(connection.execute(sa.select(table.c.name).where(table.c.resident_id == resident_id)).scalar_one())


def read(connection: sa.Connection, resident_id: str, now: datetime) -> ResidentFile:
    """Of a resident who is on file."""
    residents, homes, register = schema.residents, schema.homes, home_register
    row = connection.execute(
        sa.select(residents, homes.c.address, register.c.route, key_safes.c.hint)
        .join_from(residents, homes, homes.c.home_id == residents.c.home_id)
        .join(register, register.c.home_id == residents.c.home_id, isouter=True)
        .join(key_safes, key_safes.c.home_id == residents.c.home_id, isouter=True)
        .where(residents.c.resident_id == resident_id)
    ).one()
    resident = resident_in(row)
    grid = grid_of(connection, resident.home)
    case, said = _open_case(connection, resident.home), people.consents_of(connection, resident_id)
    reviewed, today = judgement.day_of(resident.reviewed_on), here(connection, now).date()
    return ResidentFile(
        resident=resident,
        age=age_in(now.year, resident.born),
        address=row.address,
        place=name_of(connection, grid) if grid is not None else "",
        route=row.route or "",
        key_safe=row.hint,
        contacts=_contacts(connection, resident_id, now),
        said=said,
        consents=standing(said, now),
        score=resident_list.score_of(connection, resident_id, now),
        portrait=resident_photos.about(connection, resident_id),
        gateways=boxes_of(connection, resident.home),
        open_case=None if case is None else case[0],
        open_severity=None if case is None else case[1],
        is_withheld=not may(Purpose.EMERGENCY, said, now),
        is_monitored=may(Purpose.HEALTH_MONITORING, said, now),
        is_unreviewed=reviewed is None or today - reviewed > judgement.REVIEWED_WITHIN,
    )


def is_withheld(connection: sa.Connection, resident_id: str, now: datetime) -> bool:
    """Whether he does not want his health, and his face, to be shown."""
    return not may(Purpose.EMERGENCY, people.consents_of(connection, resident_id), now)


def boxes_of(connection: sa.Connection, home_id: str) -> tuple[str, ...]:
    """The boxes that stand in a home."""
    table = schema.gateways
    asked = sa.select(table.c.gateway_id).where(table.c.home_id == home_id)
    return tuple(connection.scalars(asked.order_by(table.c.gateway_id)))


def boxes(connection: sa.Connection, home_id: str, now: datetime) -> tuple[BoxFile, ...]:
    """How each box of a home is, and its sensors."""
    known = devices_of(connection, home_id)
    return tuple(
        BoxFile(
            gateway_id=one,
            health=health_of(connection, one, now),
            sensors=_sensors(connection, one, known),
        )
        for one in boxes_of(connection, home_id)
    )


def devices_of(connection: sa.Connection, home_id: str) -> tuple[DeviceRow, ...]:
    """What the register has of the devices there."""
    asked = sa.select(devices).where(devices.c.home_id == home_id).order_by(devices.c.kind, devices.c.device_id)
    return tuple(device_in(row) for row in connection.execute(asked))


def rooms_of(known: Sequence[DeviceRow]) -> dict[str, str]:
    """In which room each sensor is, where that is on file."""
    return {sensor: one.room for one in known for sensor in (one.id, *one.sensors) if one.room}


def cases_of(
    connection: sa.Connection, resident_id: str, now: datetime, *, are_requests: bool = False
) -> tuple[QueueRow, ...]:
    """Cases (or requests) of his homes while he lived there, the newest first."""
    lived = stays.of_person(connection, resident_id)
    table = schema.incidents
    is_request = table.c.workflow == "request"
    asked = (
        sa.select(table.c.incident_id, table.c.home_key, table.c.opened_at)
        .where(
            table.c.home_key.in_({one.home_id for one in lived}), is_request if are_requests else sa.not_(is_request)
        )
        .order_by(table.c.incident_id.desc())
        .limit(SHOWN * 2)
    )
    numbers = [row.incident_id for row in connection.execute(asked) if _was_there(lived, row.home_key, row.opened_at)]
    found = [(number, case) for number in numbers[:SHOWN] if (case := cases.load(connection, number)) is not None]
    return rows_of(connection, found, now)


def homes_of(connection: sa.Connection, home_id: str, now: datetime) -> tuple[HomePage, ...]:
    """What each box says of whether the people of a home are there, and what was ordered."""
    pages = (modes.home_page(connection, one, now) for one in boxes_of(connection, home_id))
    return tuple(page for page in pages if page is not None)


def claims_now(connection: sa.Connection, resident_id: str, now: datetime) -> tuple[Claim, ...]:
    """What is measured of him now: by which box, under which name, since when."""
    return tuple(one for one in stays.claims(connection, resident_id) if one.span.start <= now < one.span.end)


def _was_there(lived: Sequence[Stay], home_id: str, at: datetime) -> bool:
    return any(one.home_id == home_id and one.span.start <= at < one.span.end for one in lived)


def _contacts(connection: sa.Connection, resident_id: str, now: datetime) -> tuple[Callee, ...]:
    table = schema.contacts
    rows = connection.execute(sa.select(table).where(table.c.resident_id == resident_id).order_by(table.c.place))
    marks = register_tries.silent(connection, [resident_id]).get(resident_id, {})
    local = here(connection, now)
    return judgement.in_circles(with_marks(people.callee(contact_in(row), local), marks) for row in rows)


def _open_case(connection: sa.Connection, home_id: str) -> tuple[int, Severity] | None:
    """The most urgent one."""
    table = schema.incidents
    here = (table.c.home_key == home_id, table.c.state != cases.CLOSED)
    asked = sa.select(table.c.incident_id, table.c.priority).where(*here)
    row = connection.execute(asked.order_by(table.c.priority, table.c.incident_id.desc()).limit(1)).first()
    return None if row is None else (row.incident_id, Severity(row.priority))


def _sensors(connection: sa.Connection, gateway_id: str, known: Sequence[DeviceRow]) -> tuple[SensorRow, ...]:
    table, rooms = schema.sensor_status, rooms_of(known)
    models = {sensor: one.model for one in known for sensor in (one.id, *one.sensors)}
    asked = sa.select(table).where(table.c.gateway_id == gateway_id).order_by(table.c.sensor_id)
    return tuple(
        SensorRow(
            sensor_id=row.sensor_id,
            kind=row.kind,
            state=SensorState(row.state),
            reason=row.reason,
            since=row.since,
            battery=row.battery,
            room=rooms.get(row.sensor_id, ""),
            model=models.get(row.sensor_id, ""),
        )
        for row in connection.execute(asked)
    )
