"""Codes of key-safes: in a table of their own, sealed; each reading is one act, logged with its case and its reader."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.registry_sealing import Safe
from community.store import schema
from community.store.people_access import Act, note
from community.store.people_schema import key_safes
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySafe:
    """That there is one, and where it hangs; never its code. `is_used`: the code was read since it was set."""

    hint: str
    changed_at: datetime
    is_used: bool


def about(connection: sa.Connection, home_id: str) -> KeySafe | None:
    """Whether a home has a key-safe, and where."""
    row = connection.execute(sa.select(key_safes).where(key_safes.c.home_id == home_id)).first()
    if row is None:
        return None
    return KeySafe(hint=row.hint, changed_at=row.changed_at, is_used=row.read_at is not None)


def put(
    connection: sa.Connection,
    home_id: str,
    code: str,
    safe: Safe,
    *,
    hint: str,
    by: str,
    at: datetime,
    reason: str = "",
) -> None:
    """Set the code of a home; logged. Raises IllegalMove for a home that is not on file or a code that is none."""
    if not 3 <= len(code) <= 40 or not code.isprintable():
        raise IllegalMove("a code has 3 to 40 signs that can be shown")
    known = connection.execute(sa.select(schema.homes.c.home_id).where(schema.homes.c.home_id == home_id)).first()
    if known is None:
        raise IllegalMove(f"the home {home_id} is not on file")
    values = {
        "sealed": safe.seal(code, of=home_id),
        "key_name": safe.key_name,
        "hint": hint,
        "changed_at": at,
        "changed_by": by,
        "read_at": None,
    }
    if connection.execute(sa.update(key_safes).where(key_safes.c.home_id == home_id).values(values)).rowcount == 0:
        connection.execute(sa.insert(key_safes).values(home_id=home_id, **values))
    note(connection, Act.KEY_SAFE_SET, actor=by, at=at, home_id=home_id, reason=reason)


def hang(connection: sa.Connection, home_id: str, hint: str) -> None:
    """Say anew where the key-safe of a home hangs; its code stays. Whoever orders it writes that down."""
    connection.execute(sa.update(key_safes).where(key_safes.c.home_id == home_id).values(hint=hint))


def read(connection: sa.Connection, home_id: str, safe: Safe, *, incident_id: int, by: str, at: datetime) -> str:
    """The code, for whoever is on an open case of this home (who that may be, community.rights says); logged.

    Raises IllegalMove where the case is another home's or over, or there is no code.
    """
    cases = schema.incidents
    case = connection.execute(
        sa.select(cases.c.home_key, cases.c.state).where(cases.c.incident_id == incident_id)
    ).first()
    if case is None or case.home_key != home_id:
        raise IllegalMove(f"case {incident_id} is not one of the home {home_id}: its code is not shown")
    if case.state == _OVER:
        raise IllegalMove(f"case {incident_id} is over: the code is not shown any more")
    row = connection.execute(sa.select(key_safes).where(key_safes.c.home_id == home_id)).first()
    if row is None:
        raise IllegalMove(f"no key-safe of {home_id} is on file")
    code = safe.open(row.sealed, of=home_id, key_name=row.key_name)
    note(connection, Act.KEY_SAFE, actor=by, at=at, home_id=home_id, incident_id=incident_id)
    connection.execute(sa.update(key_safes).where(key_safes.c.home_id == home_id).values(read_at=at))
    return code


def seal_all(connection: sa.Connection, before: Safe, safe: Safe) -> int:
    """Seal what lies plain or under another key with this one; how many codes that were."""
    rows = connection.execute(sa.select(key_safes).where(key_safes.c.key_name != safe.key_name)).all()
    for row in rows:
        code = before.open(row.sealed, of=row.home_id, key_name=row.key_name)
        values = {"sealed": safe.seal(code, of=row.home_id), "key_name": safe.key_name}
        connection.execute(sa.update(key_safes).where(key_safes.c.home_id == row.home_id).values(values))
    return len(rows)


_OVER = "CLOSED"
