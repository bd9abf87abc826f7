"""The link by which a responder reaches his case on his phone: random, kept as a hash, bound to the first phone.

It is good while he was asked or the case is his, and until AFTERWARDS (community.rights) after it was.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.errand import CURRENT, standing_of
from community.store import dispatch_schema, schema
from community.store.cases import decode_case, load
from community.token_hash import token_hash
from shouwang.errors import IllegalMove

TOKEN_BYTES = 24
"""192 random bits: nobody guesses one; 32 characters in an SMS."""
MOST_LINKS = 10
"""Of one person to one case, each message has its own: SMS, app, repeats. Older ones end."""

_links = dispatch_schema.responder_links


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link that somebody holds."""

    incident_id: int
    responder_id: str
    name: str
    language: str
    device_hash: bytes | None
    over_at: datetime | None


def make(connection: sa.Connection, incident_id: int, responder_id: str, now: datetime) -> str:
    """The token of a new link to this case. Raises IllegalMove where he was not asked to go there."""
    case = load(connection, incident_id)
    if case is None or responder_id not in {offer.to for offer in case.offers}:
        raise IllegalMove(f"{responder_id} was not asked to go to case {incident_id}")
    his = (_links.c.incident_id == incident_id, _links.c.responder_id == responder_id)
    hashes = connection.execute(sa.select(_links.c.token_hash).where(*his).order_by(_links.c.made_at.desc())).scalars()
    for old in list(hashes)[MOST_LINKS - 1 :]:
        connection.execute(_links.delete().where(_links.c.token_hash == old))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {"incident_id": incident_id, "responder_id": responder_id, "made_at": now}
    connection.execute(_links.insert().values(token_hash=token_hash(token), **values))
    return token


def find(connection: sa.Connection, token: str) -> Link | None:
    """The link of this token; None: there is none, or its holder works here no more."""
    people = dispatch_schema.responders
    row = connection.execute(
        sa.select(_links, people.c.name, people.c.language)
        .join(people, people.c.responder_id == _links.c.responder_id)
        .where(_links.c.token_hash == token_hash(token), people.c.is_active)
    ).first()
    if row is None:
        return None
    return Link(
        incident_id=row.incident_id,
        responder_id=row.responder_id,
        name=row.name,
        language=row.language,
        device_hash=row.device_hash,
        over_at=row.over_at,
    )


def bind(connection: sa.Connection, token: str, device: str, now: datetime) -> bool:
    """This phone holds the link from now on. False where another one does: of two who press at once, one gets it."""
    unbound = (_links.c.token_hash == token_hash(token), _links.c.device_hash.is_(None))
    changed = connection.execute(_links.update().where(*unbound).values(device_hash=token_hash(device), opened_at=now))
    return changed.rowcount == 1


def those_over(connection: sa.Connection) -> tuple[tuple[bytes, datetime], ...]:
    """Links whose case is no errand of their holder any more, and since when: since its last step."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(_links.c.token_hash, _links.c.responder_id, table.c.body, table.c.changed_at)
        .join(table, table.c.incident_id == _links.c.incident_id)
        .where(_links.c.over_at.is_(None))
    ).all()
    return tuple(
        (row.token_hash, row.changed_at)
        for row in rows
        if standing_of(decode_case(row.body), row.responder_id) not in CURRENT
    )


def end(connection: sa.Connection, over: Iterable[tuple[bytes, datetime]]) -> None:
    """Note since when they are over."""
    for hashed, at in over:
        connection.execute(
            _links.update().where(_links.c.token_hash == hashed, _links.c.over_at.is_(None)).values(over_at=at)
        )
