"""How closely the boxes of the register are watched."""

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from community.people import is_power_dependent
from community.store.people import flags_of_homes
from community.store.people_schema import home_register
from community.store.supervision import Watch


def watches(connection: sa.Connection) -> Mapping[str, Watch]:
    """How closely each box is watched: as the register says; closely where somebody there needs mains power."""
    table = home_register
    rows = connection.execute(sa.select(table).where(table.c.gateway_id.is_not(None))).all()
    risks = flags_of_homes(connection, [row.home_id for row in rows])
    return {
        row.gateway_id: Watch(
            limit=timedelta(minutes=row.offline_after),
            is_high_risk=row.high_risk or is_power_dependent(risks.get(row.home_id, ())),
        )
        for row in rows
    }
