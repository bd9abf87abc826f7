"""Who is looked after for what in the district of the console: one in three has a plan, one in four was assessed."""

from datetime import datetime, timedelta

from community.care import Keeping
from community.consent import Purpose
from community.store.care_schema import assessments, care_plans, care_standings
from community.store.database import Connection
from community.store.people_schema import consents

_PLANNED_EACH, _ASSESSED_EACH, _SHORT_EACH = 3, 4, 4
_MEASURED = ("systolic", "diastolic")


def bring_in_care(connection: Connection, residents: int, now: datetime) -> None:
    """Plans that were looked at just now, a quarter of them not kept; a tenth of reviews and assessments overdue."""
    planned = range(0, residents, _PLANNED_EACH)
    said = [
        {"resident_id": f"resident-{one}", "purpose": Purpose.HEALTH_MONITORING.value, "is_given": True}
        | {"given_by": "-", "relation": "", "at": now - timedelta(days=90), "text_version": "", "how": "paper"}
        | {"recorded_by": "import", "recorded_at": now}
        for one in planned
    ]
    connection.execute(consents.insert(), said)
    keys = [
        {"resident_id": f"resident-{one}", "condition": "hypertension", "quantity": quantity}
        for one in planned
        for quantity in _MEASURED
    ]
    plan = {"title": "", "times": 2, "days": 7, "low": 100, "high": 140, "set_by": "Dr Li", "set_on": "2026-01-01"}
    plan |= {"since": "", "until": ""}
    connection.execute(
        care_plans.insert(), [key | plan | {"review_on": _due(place, now)} for place, key in enumerate(keys)]
    )
    connection.execute(
        care_standings.insert(),
        [
            key
            | {"keeping": (Keeping.KEPT if place % _SHORT_EACH else Keeping.SHORT).value, "found": 2}
            | {"newest_at": now, "judged_at": now}
            for place, key in enumerate(keys)
        ],
    )
    assessed = [
        {"resident_id": f"resident-{one}", "kind": "barthel", "scale": "", "day": "2026-01-05", "score": 80}
        | {"level": "", "assessor": "", "next_on": _due(one, now)}
        for one in range(0, residents, _ASSESSED_EACH)
    ]
    connection.execute(assessments.insert(), assessed)


def _due(place: int, now: datetime) -> str:
    return (now + timedelta(days=-20 if place % 10 == 0 else 200)).date().isoformat()
