"""How each plan of care was kept when it was last looked at: which wait to be looked at, and what was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.care import Keeping
from community.consent import Purpose
from community.registry import CarePlanRow
from community.store import resident_list, schema
from community.store.care_rows import forget_standing, key_of, plan_in
from community.store.care_schema import SAME_PLAN, care_plans, care_standings
from community.store.differing import matches
from community.store.living import living


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one plan is kept: `found` measurements within its last period, the last of all at `newest_at`."""

    plan: CarePlanRow
    keeping: Keeping
    found: int
    newest_at: datetime | None


def waiting(connection: sa.Connection, now: datetime, before: datetime, limit: int) -> tuple[CarePlanRow, ...]:
    """Plans that nobody has looked at since `before`, the longest ago first; of those who agreed to be watched."""
    residents, judged = schema.residents, care_standings.c.judged_at
    asked = (
        sa.select(care_plans)
        .join(residents, residents.c.resident_id == care_plans.c.resident_id)
        .join(care_standings, SAME_PLAN, isouter=True)
        .where(
            living(),
            sa.or_(judged.is_(None), judged < before),
            resident_list.has_agreed(Purpose.HEALTH_MONITORING, now),
        )
        .order_by(sa.func.coalesce(sa.type_coerce(judged, sa.BigInteger), 0), care_plans.c.resident_id)
        .limit(limit)
    )
    return tuple(plan_in(row) for row in connection.execute(asked))


def put(connection: sa.Connection, found: Iterable[Standing], at: datetime) -> None:
    """Keep what was found; of plans that were changed or taken away meanwhile nothing."""
    for one in found:
        key = key_of(one.plan)
        forget_standing(connection, key)
        row = connection.execute(sa.select(care_plans).where(matches(care_plans, key))).first()
        if row is None or plan_in(row) != one.plan:
            continue
        told = {"keeping": one.keeping.value, "found": one.found, "newest_at": one.newest_at, "judged_at": at}
        connection.execute(sa.insert(care_standings).values(**key, **told))
