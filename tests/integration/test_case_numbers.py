"""Numbers of cases: read out on the telephone, so none is missing (decision 027)."""

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.store import schema
from community.store.database import Store
from community.store.directory import bring_in
from community.store.intake import take_in
from shouwang.alert import Severity


class PowerCutError(Exception):
    """Ends a transaction before its commit."""


async def test_a_case_that_was_rolled_back_leaves_no_gap(store: Store, home: DemoHome) -> None:
    def fault(connection: sa.Connection, hazard: str) -> None:
        alert = home.alert(f"{hazard}:x", hazard=hazard, severity=Severity.P3)
        take_in(connection, [home.envelope(alert)], NOON)

    def cut_off(connection: sa.Connection) -> None:
        fault(connection, "disk")
        raise PowerCutError

    await store.write(lambda connection: bring_in(connection, (home.entry,)))
    await store.write(lambda connection: fault(connection, "memory"))
    with pytest.raises(PowerCutError):
        await store.write(cut_off)
    await store.write(lambda connection: fault(connection, "heat"))
    numbers = sa.select(schema.incidents.c.incident_id).order_by(schema.incidents.c.incident_id)
    assert await store.read(lambda connection: list(connection.execute(numbers).scalars())) == [1, 2]
