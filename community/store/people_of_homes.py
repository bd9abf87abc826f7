"""Who lives in these homes, and where they are: for lists that name them to whoever may read names."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from community.store import schema
from community.store.living import living
from community.store.pairs import words_of
from community.store.people_erasure_cases import ERASED

_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Household:
    """The home's address and its people in their order, each with id and name."""

    address: str
    people: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(name for _, name in self.people)

    def named(self, resident_id: str) -> str:
        """What one of them is called; empty for who is not of this home (any more)."""
        return dict(self.people).get(resident_id, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What the alarm that names a case is about. `resident_id` empty: it names nobody."""

    hazard: str
    resident_id: str


def households(connection: sa.Connection, home_keys: Collection[str]) -> dict[str, Household]:
    """Those of these homes that are on file."""
    homes, people = schema.homes, schema.residents
    keys = words_of(connection, home_keys)
    lives = (people.c.home_id == homes.c.home_id) & living()
    rows = connection.execute(
        sa.select(homes.c.home_id, homes.c.address, people.c.resident_id, people.c.name)
        .join_from(keys, homes, homes.c.home_id == keys.c.word)
        .join(people, lives, isouter=True)
        .order_by(homes.c.home_id, people.c.place, people.c.resident_id)
    )
    found: dict[str, Household] = {}
    for row in rows:
        known = found[row.home_id].people if row.home_id in found else ()
        known = (*known, (row.resident_id, row.name)) if row.name else known
        found[row.home_id] = Household(address=row.address, people=known)
    return found


def about(connection: sa.Connection, numbers: Collection[int]) -> dict[int, About]:
    """What the alarm that names each of these cases is about, and whom it names."""
    table, found, ordered = schema.incidents, {}, sorted(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        part = ordered[start : start + _AT_ONCE]
        rows = connection.execute(
            sa.select(table.c.incident_id, table.c.body).where(table.c.incident_id.in_(part))
        ).all()
        leads = {int(row.incident_id): _case.decode(row.body).lead for row in rows}
        named = _named_by(connection, leads.values())
        for number, lead in leads.items():
            found[number] = About(hazard=lead.hazard, resident_id=named.get((lead.gateway_id, lead.alert_id), ""))
    return found


def _named_by(connection: sa.Connection, leads: Iterable["_Lead"]) -> dict[tuple[str, str], str]:
    table = schema.alerts
    these = sa.tuple_(table.c.gateway_id, table.c.alert_id).in_([(one.gateway_id, one.alert_id) for one in leads])
    rows = connection.execute(sa.select(table.c.gateway_id, table.c.alert_id, table.c.body).where(these))
    said = {(row.gateway_id, row.alert_id): _alert.decode(row.body).resident_id for row in rows}
    return {which: name for which, name in said.items() if name != ERASED}


class _Lead(msgspec.Struct):
    gateway_id: str = ""
    alert_id: str = ""
    hazard: str = ""


class _Case(msgspec.Struct):
    lead: _Lead


class _Alert(msgspec.Struct):
    resident_id: str = ""


_case = msgspec.json.Decoder(_Case)
_alert = msgspec.json.Decoder(_Alert)
