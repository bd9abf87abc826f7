"""Who lives in these homes, and where they are: for lists that name them to whoever may read names."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from community.store import schema
from community.store.pairs import words_of

_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Household:
    """The home's address and the names of its people, in their order."""

    address: str
    names: tuple[str, ...]


def households(connection: sa.Connection, home_keys: Collection[str]) -> dict[str, Household]:
    """Those of these homes that are on file."""
    homes, people = schema.homes, schema.residents
    keys = words_of(connection, home_keys)
    lives = (people.c.home_id == homes.c.home_id) & people.c.erased_at.is_(None)
    rows = connection.execute(
        sa.select(homes.c.home_id, homes.c.address, people.c.name)
        .join_from(keys, homes, homes.c.home_id == keys.c.word)
        .join(people, lives, isouter=True)
        .order_by(homes.c.home_id, people.c.place, people.c.resident_id)
    )
    found: dict[str, Household] = {}
    for row in rows:
        names = found[row.home_id].names if row.home_id in found else ()
        found[row.home_id] = Household(address=row.address, names=(*names, row.name) if row.name else names)
    return found


def hazards(connection: sa.Connection, numbers: Collection[int]) -> dict[int, str]:
    """What the alarm that names each of these cases is about."""
    table, found, ordered = schema.incidents, {}, sorted(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        part = ordered[start : start + _AT_ONCE]
        for row in connection.execute(
            sa.select(table.c.incident_id, table.c.body).where(table.c.incident_id.in_(part))
        ):
            found[int(row.incident_id)] = _named.decode(row.body).lead.hazard
    return found


class _Lead(msgspec.Struct):
    hazard: str = ""


class _Named(msgspec.Struct):
    lead: _Lead


_named = msgspec.json.Decoder(_Named)
