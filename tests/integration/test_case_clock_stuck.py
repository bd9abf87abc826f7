"""A case that cannot go on holds up no other: its clock is passed over, told, and tried again."""

import logging

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.firing import Firing
from community.store import schema
from community.store.database import Store
from community.store.directory import bring_in
from community.store.intake import take_in
from shouwang.alert import Severity


async def test_a_case_whose_clock_cannot_fire_holds_up_no_other(
    store: Store, home: DemoHome, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(connection: sa.Connection) -> None:
        bring_in(connection, (home.entry,))
        fault = home.alert("disk:box", hazard="disk", severity=Severity.P3)
        take_in(connection, [home.envelope(home.alert()), home.envelope(fault)], NOON)

    def spoil(connection: sa.Connection) -> None:
        cases = schema.incidents
        connection.execute(cases.update().where(cases.c.incident_id == 1).values(body=b"{}", due_e=0))
        connection.execute(cases.update().where(cases.c.incident_id == 2).values(due_e=0))

    await store.write(begin)
    await store.write(spoil)
    firing = Firing(store, clock=lambda: NOON, fired=lambda: None, beat=lambda: None)
    with caplog.at_level(logging.ERROR):
        await firing.turn()
        await firing.turn()
    told = [record.getMessage() for record in caplog.records]
    assert len([words for words in told if "a clock of case 1 cannot fire, again in 30 s" in words]) == 1
    due = sa.select(schema.incidents.c.due_e).where(schema.incidents.c.incident_id == 2)
    assert (await store.read(lambda connection: connection.execute(due).scalar_one())) > 0
