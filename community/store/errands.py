"""What a responder's phone shows, read with the right to it and logged; photos of a scene."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.casefile import Case
from community.errand import CURRENT, Errand, Standing, holder, may_see, standing_of, subject_of
from community.photos import Photo
from community.registry_sealing import Safe
from community.rights import Right, may
from community.store import chain, dispatch_schema, people, people_key_safes, schema
from community.store.cases import load
from community.store.lease import engine_now
from community.store.living import left_as_told
from community.store.people_access import Act, note
from community.store.people_schema import access_log
from community.store.responder_links import Link
from community.store.sheet import way_in
from community.store.views import dues_of, row_of
from shouwang.errors import IllegalMove

LOOK_AGAIN = timedelta(minutes=10)
"""A page that is loaded again within this is the same look at a medical card; the log holds one entry of it."""
MOST_PHOTOS = 8
"""Of one person in one case."""
_photos = dispatch_schema.case_photos
_HIS = (Standing.GOING, Standing.THERE, Standing.DONE)
_CLOCK_OF = {Standing.ASKED: "accept", Standing.GOING: "arrive", Standing.THERE: "handle"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """That there is a photo, for the page of the case."""

    photo_id: str
    taken_by: str
    at: datetime
    is_erased: bool


def errand(connection: sa.Connection, link: Link, now: datetime) -> Errand | None:
    """The case as the holder of the link may see it now; his look at the medical card is logged. None: it is gone."""
    case = load(connection, link.incident_id)
    if case is None:
        return None
    user = holder(link.responder_id, link.name, link.language)
    subject = subject_of(case, link.responder_id, now, link.over_at)
    standing = standing_of(case, link.responder_id)
    row = row_of(connection, link.incident_id, case, now)
    is_his = standing in _HIS and may_see(user, Right.READ_MEDICAL, subject)
    shown: dict[str, object] = {}
    if standing in (Standing.GOING, Standing.THERE):
        shown = {"way_in": way_in(connection, case.home_key), "helpers": case.helpers}
    if is_his:
        shown |= _of_his_own(connection, case, link, now)
    elif standing is Standing.DONE:
        standing = Standing.OVER
    return Errand(
        standing=standing,
        incident_id=link.incident_id,
        responder_id=link.responder_id,
        name=link.name,
        priority=row.priority,
        hazard=row.hazard,
        why=row.why,
        opened_at=row.opened_at,
        address=row.address if standing in CURRENT else "",
        due_at=_due(connection, case, standing, now),
        **shown,  # type: ignore[arg-type]  # names of the struct's own fields
    )


def key_safe(connection: sa.Connection, link: Link, safe: Safe, now: datetime) -> str:
    """The code, one look, logged. Raises Refused where he is neither on the way nor there, IllegalMove for no code."""
    case = load(connection, link.incident_id)
    if case is None:
        raise IllegalMove(f"there is no case {link.incident_id}")
    user = holder(link.responder_id, link.name, link.language)
    may(user, Right.READ_KEY_SAFE, subject_of(case, link.responder_id, now, link.over_at))
    return people_key_safes.read(
        connection, case.home_key, safe, incident_id=link.incident_id, by=link.responder_id, at=now
    )


def add_photo(
    connection: sa.Connection, photo: Photo, *, photo_id: str, incident_id: int, by: str, now: datetime
) -> None:
    """Keep a photo; one that is sent twice is kept once. Raises IllegalMove for too many."""
    table = _photos
    if connection.execute(sa.select(table.c.photo_id).where(table.c.photo_id == photo_id)).first() is not None:
        return
    if _count(connection, incident_id, by) >= MOST_PHOTOS:
        raise IllegalMove(f"at most {MOST_PHOTOS} photos of one case are kept")
    connection.execute(
        table.insert().values(
            photo_id=photo_id,
            incident_id=incident_id,
            taken_by=by,
            at=now,
            width=photo.width,
            height=photo.height,
            digest=chain.bytes_digest(photo.body),
            body=photo.body,
        )
    )


def photos_of(connection: sa.Connection, incident_id: int) -> tuple[Picture, ...]:
    """Which photos a case has, the oldest first."""
    columns = (_photos.c.photo_id, _photos.c.taken_by, _photos.c.at, _photos.c.body.is_(None).label("is_erased"))
    rows = connection.execute(
        sa.select(*columns).where(_photos.c.incident_id == incident_id).order_by(_photos.c.at, _photos.c.photo_id)
    )
    return tuple(
        Picture(photo_id=row.photo_id, taken_by=row.taken_by, at=row.at, is_erased=bool(row.is_erased)) for row in rows
    )


def look_at_photo(
    connection: sa.Connection, incident_id: int, photo_id: str, *, by: str, now: datetime
) -> bytes | None:
    """The picture (JPEG), one look, logged; None where there is none, or it was erased."""
    mine = (_photos.c.photo_id == photo_id, _photos.c.incident_id == incident_id)
    body: bytes | None = connection.execute(sa.select(_photos.c.body).where(*mine)).scalar()
    if body is not None:
        home_id = connection.execute(
            sa.select(schema.incidents.c.home_key).where(schema.incidents.c.incident_id == incident_id)
        ).scalar_one()
        note(connection, Act.PHOTO, actor=by, at=now, home_id=home_id, incident_id=incident_id)
    return body


def erase_photos(connection: sa.Connection, home_id: str) -> int:
    """The pictures of all cases of a home go; that there were some, and their digests, stay. How many."""
    of_home = sa.select(schema.incidents.c.incident_id).where(schema.incidents.c.home_key == home_id)
    gone = connection.execute(
        _photos.update().where(_photos.c.incident_id.in_(of_home), _photos.c.body.is_not(None)).values(body=None)
    )
    return gone.rowcount


def _of_his_own(connection: sa.Connection, case: Case, link: Link, now: datetime) -> dict[str, object]:
    card = people.card(connection, case.home_key, now)
    if card is not None:
        _log_card(connection, card.resident_id, case.home_key, link, now)
    safe = people_key_safes.about(connection, case.home_key)
    ping = case.clock("ping")
    is_there = standing_of(case, link.responder_id) is Standing.THERE
    return {
        "card": card,
        "gone": left_as_told(connection, case.home_key, "", now),
        "key_at": "" if safe is None else safe.hint,
        "has_key_safe": safe is not None,
        "pinged_at": _last_ping(connection, link.incident_id) if is_there and ping and ping.reds else None,
        "photos": _count(connection, link.incident_id, link.responder_id),
    }


def _log_card(connection: sa.Connection, resident_id: str, home_id: str, link: Link, now: datetime) -> None:
    table = access_log
    same = (
        table.c.resident_id == resident_id,
        table.c.at > now - LOOK_AGAIN,
        table.c.actor == link.responder_id,
        table.c.incident_id == link.incident_id,
        table.c.act == Act.CARD.value,
    )
    if connection.execute(sa.select(table.c.access_id).where(*same).limit(1)).first() is None:
        note(
            connection,
            Act.CARD,
            actor=link.responder_id,
            at=now,
            resident_id=resident_id,
            home_id=home_id,
            incident_id=link.incident_id,
        )


def _last_ping(connection: sa.Connection, incident_id: int) -> datetime | None:
    events = schema.incident_events
    mine = (events.c.incident_id == incident_id, events.c.kind == "ping.red")
    at: datetime | None = connection.execute(
        sa.select(events.c.at).where(*mine).order_by(events.c.seq.desc()).limit(1)
    ).scalar()
    return at


def _count(connection: sa.Connection, incident_id: int, by: str) -> int:
    mine = (_photos.c.incident_id == incident_id, _photos.c.taken_by == by)
    return connection.execute(sa.select(sa.func.count()).select_from(_photos).where(*mine)).scalar_one()


def _due(connection: sa.Connection, case: Case, standing: Standing, now: datetime) -> datetime | None:
    """When the clock of his step is over, by the wall."""
    running = dues_of(case, (now, engine_now(connection)))
    return next((one.due_at for one in running if one.name == _CLOCK_OF.get(standing)), None)
