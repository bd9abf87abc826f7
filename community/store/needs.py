"""What a home needs, as the register says: who depends on electricity, and who comes first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from community.people import POWER_DEPENDENT, Situation
from community.store import schema
from community.store.group import recall, remember
from community.store.living import living
from community.store.people_schema import home_register
from community.storms import risk_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """`risk`: the greater, the sooner (community.storms.risk_of)."""

    needs_power: bool = False
    risk: int = 0


def needs(connection: sa.Connection, home_key: str) -> Needs:
    """Of this home; of one that is on nobody's file nothing is known."""
    return recall(connection, ("needs", home_key), lambda: _needs(connection.execute(_ONE, {"home": home_key}).all()))


def recall_all(connection: sa.Connection, home_keys: Collection[str]) -> None:
    """Ask for all of these at once: `needs` remembers them."""
    found: dict[str, list[sa.Row[*tuple[Any, ...]]]] = {home_key: [] for home_key in home_keys}
    for row in connection.execute(_EACH.where(schema.residents.c.home_id.in_(home_keys))):
        found[row.home_id].append(row)
    for home_key, rows in found.items():
        remember(connection, ("needs", home_key), _needs(rows))


def risks(connection: sa.Connection) -> Mapping[str, int]:
    """Of all homes on file."""
    found: dict[str, list[sa.Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(_EACH):
        found.setdefault(row.home_id, []).append(row)
    return {home: _needs(rows).risk for home, rows in found.items()}


def _needs(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> Needs:
    flags = {flag for row in rows for flag in msgspec.json.decode(row.flags, type=list[str])}
    return Needs(
        needs_power=not POWER_DEPENDENT.isdisjoint(flags),
        risk=risk_of(
            flags=len(flags),
            is_high_risk=any(row.high_risk for row in rows),
            is_alone=any(row.situation == Situation.ALONE for row in rows),
        ),
    )


_EACH = sa.select(
    schema.residents.c.home_id, schema.residents.c.flags, schema.residents.c.situation, home_register.c.high_risk
).join_from(schema.residents, home_register, home_register.c.home_id == schema.residents.c.home_id, isouter=True)
_EACH = _EACH.where(living())
_ONE = _EACH.where(schema.residents.c.home_id == sa.bindparam("home"))
