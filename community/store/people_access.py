"""Who read what of whom, when and why: a log of its own, sealed as the audit chain is, and checked with it.

The reason is kept beside the seal, so that its words can be erased; ids stay, and say nothing of the person.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import msgspec
import sqlalchemy as sa

from community.store import schema
from community.store.links import GENESIS, OTHER_COLUMNS, Walk, seal, unreadable, words_digest
from community.store.links import at as fault_at
from community.store.people_schema import access_log
from shouwang.bilingual import Bilingual, both
from shouwang.reading import Moment

_BATCH = 500


class Act(StrEnum):
    """What was done with what is known of somebody."""

    CARD = "card"
    PHOTO = "photo"
    VITALS = "vitals"
    CONTACTS = "contacts"
    KEY_SAFE = "key_safe"
    KEY_SAFE_SET = "key_safe_set"
    DOSSIER = "dossier"
    EXPORT = "export"
    CORRECTION = "correction"
    CONSENT = "consent"
    ERASURE = "erasure"
    BREAK_GLASS = "break_glass"


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What the seal holds of an entry."""

    access_id: int
    at: Moment
    actor: str
    act: str
    resident_id: str | None
    home_id: str | None
    incident_id: int | None
    reason: str
    """SHA-256 of salt and reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """One entry, as people read it; an erased reason is empty."""

    access_id: int
    at: datetime
    actor: str
    act: Act
    resident_id: str | None
    home_id: str | None
    incident_id: int | None
    reason: str


def note(
    connection: sa.Connection,
    act: Act,
    *,
    actor: str,
    at: datetime,
    resident_id: str | None = None,
    home_id: str | None = None,
    incident_id: int | None = None,
    reason: str = "",
) -> int:
    """Add an entry, in the transaction of the act itself; its number."""
    said = {"at": at, "actor": actor, "act": act.value}
    of = {"resident_id": resident_id, "home_id": home_id, "incident_id": incident_id}
    return _add(connection, [said | of], reason)


def note_each(
    connection: sa.Connection,
    act: Act,
    *,
    actor: str,
    at: datetime,
    whose: Iterable[tuple[str, str]],
    reason: str = "",
) -> None:
    """An entry for each of many: resident and home. It holds the one writer a tenth as long as `note` for each."""
    said = {"at": at, "actor": actor, "act": act.value, "incident_id": None}
    _add(connection, [said | {"resident_id": one, "home_id": home} for one, home in whose], reason)


def _add(connection: sa.Connection, entries: Iterable[Mapping[str, object]], reason: str) -> int:
    """Seal each after the one before it; the number of the last."""
    head = connection.execute(
        sa.select(access_log.c.access_id, access_log.c.hash).order_by(access_log.c.access_id.desc()).limit(1)
    ).first()
    number, previous = (head.access_id, head.hash) if head else (0, GENESIS)
    rows: list[dict[str, object]] = []
    for entry in entries:
        number, salt = number + 1, secrets.token_bytes(16)
        said = {"access_id": number, **entry}
        body = msgspec.json.encode(msgspec.convert(said | {"reason": words_digest(salt, reason)}, Sealed))
        sealed = seal(previous, body)
        rows.append(said | {"body": body, "prev_hash": previous, "hash": sealed, "salt": salt, "reason": reason})
        previous = sealed
    if rows:
        connection.execute(sa.insert(access_log), rows)
    return number


def of_resident(connection: sa.Connection, resident_id: str, *, limit: int = 500) -> tuple[Access, ...]:
    """Who looked at what of a resident, or at what is his home's, newest first."""
    table, residents = access_log, schema.residents
    home = sa.select(residents.c.home_id).where(residents.c.resident_id == resident_id).scalar_subquery()
    his = (table.c.resident_id == resident_id) | (table.c.resident_id.is_(None) & (table.c.home_id == home))
    rows = connection.execute(sa.select(table).where(his).order_by(table.c.access_id.desc()).limit(limit))
    return tuple(access_in(row) for row in rows)


def newest(connection: sa.Connection, limit: int = 500) -> tuple[Access, ...]:
    """The last entries of all, newest first, for an auditor."""
    rows = connection.execute(sa.select(access_log).order_by(access_log.c.access_id.desc()).limit(limit))
    return tuple(access_in(row) for row in rows)


def forget_reasons(connection: sa.Connection, resident_id: str) -> int:
    """The words of the reasons of one resident go; that somebody looked stays. How many there were."""
    his = (access_log.c.resident_id == resident_id) & access_log.c.salt.is_not(None)
    return connection.execute(sa.update(access_log).where(his).values(salt=None, reason=None)).rowcount


def without_reasons(looked: Iterable[Access]) -> tuple[Access, ...]:
    """Why an entry was corrected says what the matter is with somebody: only who may see his card reads it."""
    return tuple(replace(one, reason="") if one.act is Act.CORRECTION else one for one in looked)


def faults(connection: sa.Connection) -> Sequence[str]:
    """What is wrong with the log: an entry that is missing, or not as it was sealed. Its chain's head is `head`."""
    found: list[str] = []
    walk = Walk()
    rows = connection.execution_options(yield_per=_BATCH).execute(
        sa.select(access_log).order_by(access_log.c.access_id)
    )
    for row in rows:
        told = walk.pass_on(row.access_id, body=row.body, previous=row.prev_hash, sealed=row.hash)
        where = both("access {number}", "第 {number} 条查看记录", number=row.access_id)
        found.extend(fault_at(where, fault) for fault in (*told, *_of_columns(row)))
    return found


def head(connection: sa.Connection) -> str:
    """The newest seal (hex), to be compared with one kept elsewhere; zeros where nobody has looked yet."""
    newest_seal = sa.select(access_log.c.hash).order_by(access_log.c.access_id.desc()).limit(1)
    return (connection.scalar(newest_seal) or GENESIS).hex()


def _of_columns(row: "sa.Row[tuple[object, ...]]") -> list[str]:
    try:
        sealed = _decoder.decode(row.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return [unreadable(error)]
    found: list[str] = []
    said = (row.access_id, row.at, row.actor, row.act, row.resident_id, row.home_id, row.incident_id)
    names = ("access_id", "at", "actor", "act", "resident_id", "home_id", "incident_id")
    if said != tuple(getattr(sealed, name) for name in names):
        found.append(OTHER_COLUMNS)
    is_erased = row.salt is None and row.reason is None
    if not is_erased and words_digest(row.salt or b"", row.reason or "") != sealed.reason:
        found.append(Bilingual("its reason is not the one that was sealed", zh="理由不是当时封存的原文"))
    return found


def access_in(row: "sa.Row[tuple[object, ...]]") -> Access:
    """The entry in a row."""
    return Access(
        access_id=row.access_id,
        at=row.at,
        actor=row.actor,
        act=Act(row.act),
        resident_id=row.resident_id,
        home_id=row.home_id,
        incident_id=row.incident_id,
        reason=row.reason or "",
    )


_decoder = msgspec.json.Decoder(Sealed)
