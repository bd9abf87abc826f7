"""What residents, families and inspectors ask for, filed as cases of the table `request` (报送). No alarm, no siren."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import engine
from community.alert_refs import AlertRef
from community.casefile import SYSTEM
from community.desk import Wish
from community.store import cases, chain, orders, policies, schema
from community.store.directory import meet_gateway
from community.store.living import living
from community.store.people_rows import contact_in
from community.store.surroundings import moment
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import IllegalMove

HAZARD = "request"
_BOX = "centre"
"""Stands for a home's box: a request comes from a person."""
_WHY = Sentence(zh="居民诉求", en="a request")
SHOWN = 20
"""Homes of one search: more words find the right one."""
_LOOKED_THROUGH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeFound:
    """A home that a search found, with who lives there."""

    home_id: str
    address: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Somebody on file who may be asking: `person` is the id of a resident or of a contact."""

    person: str
    name: str
    relation: str


def file(
    connection: sa.Connection, home_id: str, words: str, *, by: str, key: str, is_urgent: bool, at: datetime
) -> int:
    """The case of a new request; the same `key` again gives the first case.

    Raises IllegalMove where there is no such home.
    """
    homes = schema.homes
    if connection.execute(sa.select(homes.c.home_id).where(homes.c.home_id == home_id)).first() is None:
        raise IllegalMove(f"there is no home {home_id}")
    mark = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:24]
    known = _case_of(connection, mark)
    if known is not None:
        return known
    ref = _keep(connection, home_id, mark, Severity.P3 if is_urgent else Severity.P4, at)
    lane = f"{HAZARD}:{mark}"
    made = engine.opened(policies.table_for(connection, lane), home_id, lane, (ref,), moment(connection), at=at)
    incident_id = cases.record(connection, None, made, at=at, actor=SYSTEM)
    cases.link(connection, (ref,), incident_id)
    note = Wish(incident_id=incident_id, command="note", by=by, role="caller", command_id=f"filed:{mark}", text=words)
    orders.carry_out(connection, note, at).value()
    return incident_id


def homes_like(connection: sa.Connection, wanted: str) -> tuple[HomeFound, ...]:
    """Homes whose id, address or people hold these words, in the order of addresses; of a very common word not all."""
    word = wanted.strip().casefold()
    if not word:
        return ()
    homes, residents = schema.homes, schema.residents
    lives = sa.and_(residents.c.home_id == homes.c.home_id, living())
    said = sa.func.lower(homes.c.home_id + " " + homes.c.address + " " + sa.func.coalesce(residents.c.name, ""))
    rows = connection.execute(
        sa.select(homes.c.home_id, homes.c.address, residents.c.name)
        .join_from(homes, residents, lives, isouter=True)
        .where(said.contains(word, autoescape=True))
        .order_by(homes.c.address, homes.c.home_id, residents.c.place)
        .limit(_LOOKED_THROUGH)
    )
    found: dict[str, HomeFound] = {}
    for row in rows:
        known = found.get(row.home_id)
        names = (*(known.names if known else ()), *((row.name,) if row.name else ()))
        found[row.home_id] = HomeFound(home_id=row.home_id, address=row.address, names=names)
    return tuple(found.values())


def askers(connection: sa.Connection, home_id: str) -> tuple[Asker, ...]:
    """Who lives there, then whom they have on file."""
    contacts, residents = schema.contacts, schema.residents
    lives = (residents.c.home_id == home_id, living())
    here = connection.execute(
        sa.select(residents.c.resident_id, residents.c.name).where(*lives).order_by(residents.c.place)
    )
    near = connection.execute(
        sa.select(contacts)
        .join(residents, residents.c.resident_id == contacts.c.resident_id)
        .where(*lives)
        .order_by(residents.c.place, contacts.c.place)
    )
    return (
        *(Asker(person=row.resident_id, name=row.name, relation="") for row in here),
        *(Asker(person=str(one.id), name=one.name, relation=one.relation) for one in map(contact_in, near)),
    )


def is_request(connection: sa.Connection, incident_id: int) -> bool:
    """Whether the case began with a request."""
    table = schema.incidents
    lane = connection.scalar(sa.select(table.c.lane).where(table.c.incident_id == incident_id))
    return lane is not None and str(lane).startswith(f"{HAZARD}:")


def _case_of(connection: sa.Connection, mark: str) -> int | None:
    table = schema.incidents
    return connection.scalar(sa.select(table.c.incident_id).where(table.c.lane == f"{HAZARD}:{mark}"))


def _keep(connection: sa.Connection, home_id: str, mark: str, severity: Severity, at: datetime) -> AlertRef:
    meet_gateway(connection, _BOX)
    alert = _alert(f"{HAZARD}:{mark}", severity, at)
    key = alert.key
    body = msgspec.json.encode(alert)
    connection.execute(
        schema.alerts.insert().values(
            gateway_id=_BOX,
            alert_id=alert.alert_id,
            home_key=home_id,
            key=key,
            since=at,
            state=alert.state.value,
            received_at=at,
            is_late=False,
            body=body,
        )
    )
    return AlertRef(
        gateway_id=_BOX,
        alert_id=alert.alert_id,
        key=key,
        since=at,
        state=alert.state,
        severity=severity,
        hazard=HAZARD,
        is_late=False,
        digest=chain.bytes_digest(body),
    )


def _alert(key: str, severity: Severity, at: datetime) -> Alert:
    return Alert(
        alert_id=alert_id_of(key, at, AlertState.FIRING),
        key=key,
        rule_id=HAZARD,
        rule_version=1,
        hazard=HAZARD,
        severity=severity,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id=HAZARD,
        since=at,
        at=at,
        mono=0,
        why=_WHY,
    )
