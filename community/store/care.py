"""Plans of care, assessments and medicines of one resident: read, kept with author and reason, taken away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.registry import CarePlanRow, Row, register_of
from community.store import care_rows, schema, stays
from community.store.care_rows import CareRow
from community.store.cases import decode_alert
from community.store.differing import matches
from community.store.people_register import Hand, Tally, note_change, take_in
from community.store.people_schema import register_changes
from community.store.stays import Claim

MISSED = "medication-missed"
"""The hazard that a home's rule `expected` tells when nothing was taken (docs/rules.md)."""
MOST_ALERTS = 500
"""Of one box within the span: sixteen missed doses a day for a month."""
CHANGES_SHOWN = 12
_MOST_CHANGES = 500
"""Of one resident, of all entries of a kind, that are looked through for those of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What an entry said before, and says since; None: it was not there, or the words are erased."""

    at: datetime
    by: str
    reason: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


def entry(connection: sa.Connection, model: type[Row], resident_id: str, key: Mapping[str, str]) -> CareRow | None:
    """One entry of a resident by what names it; None where there is none."""
    table = care_rows.TABLES[model]
    named = {"resident_id": resident_id} | {name: key.get(name, "") for name in care_rows.KEYS[model]}
    row = connection.execute(sa.select(table).where(matches(table, named))).first()
    return None if row is None else care_rows.row_in(model, row)


def keep(connection: sa.Connection, row: CareRow, hand: Hand) -> bool:
    """Put an entry on file; whether that changes anything."""
    tally = Tally()
    take_in(connection, register_of((row,)), hand, tally)
    return tally.touched > 0


def take_away(connection: sa.Connection, seen: CareRow, hand: Hand, *, home_id: str) -> None:
    """An entry that should not be there. What it said is kept."""
    table, key = care_rows.TABLES[type(seen)], care_rows.key_of(seen)
    if isinstance(seen, CarePlanRow):
        care_rows.forget_standing(connection, key)
    connection.execute(sa.delete(table).where(matches(table, key)))
    note_change(
        connection,
        hand,
        home_id=home_id,
        resident_id=seen.resident,
        subject=table.name,
        changes={"entry": (care_rows.spelled(seen), "")},
    )


def changes(
    connection: sa.Connection, model: type[Row], resident_id: str, key: Mapping[str, str]
) -> tuple[Change, ...]:
    """How an entry came to be as it is, the newest first."""
    table = register_changes
    his = (table.c.resident_id == resident_id, table.c.subject == care_rows.TABLES[model].name)
    rows = connection.execute(sa.select(table).where(*his).order_by(table.c.change_id.desc()).limit(_MOST_CHANGES))
    found = []
    for row in rows:
        before, after = _told(row.before), _told(row.after)
        told = after or before
        if told is not None and all(str(told.get(name, "")) == key.get(name, "") for name in care_rows.KEYS[model]):
            found.append(Change(at=row.at, by=row.by, reason=row.reason or "", before=before, after=after))
    return tuple(found[:CHANGES_SHOWN])


def missed_doses(connection: sa.Connection, resident_id: str, since: datetime, now: datetime) -> int:
    """How often a home of this person called because a medicine was not taken; each alarm once."""
    homes = {stay.home_id for stay in stays.of_person(connection, resident_id)}
    others = stays.housemates(connection, resident_id, homes)
    table, found = schema.alerts, set()
    for claim in stays.claims(connection, resident_id):
        start, end = max(claim.span.start, since), min(claim.span.end, now)
        asked = sa.select(table.c.key, table.c.since, table.c.body).where(
            table.c.gateway_id == claim.gateway_id,
            table.c.since >= start,
            table.c.since < end,
            table.c.state == "firing",
        )
        for row in connection.execute(asked.order_by(table.c.since.desc()).limit(MOST_ALERTS)):
            alert = decode_alert(row.body)
            if alert.hazard == MISSED and not alert.is_test and _is_his(claim, alert.resident_id, resident_id, others):
                found.add((claim.gateway_id, row.key, row.since))
    return len(found)


def _is_his(claim: Claim, named: str, resident_id: str, others: Iterable[str]) -> bool:
    """What names nobody, or nobody whom the register knows, is the first resident's."""
    return named == resident_id or (claim.name == "" and named not in others)


def _told(written: str | None) -> Mapping[str, object] | None:
    return _object.decode(written) if written else None


_object = msgspec.json.Decoder(dict[str, object])
