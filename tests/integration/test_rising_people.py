"""Rising risk of two people in one home is counted for each of them, by whom the alarms name; on both databases."""

from datetime import UTC, timedelta

import msgspec
from fixtures.casebook import at_the_desk, brought_to_end
from fixtures.community_home import NOON, DemoHome

from community.kpi_desk import KpiDesk
from community.registry import HomeRow, ResidentRow, register_of
from community.reports_room import ReportRoom
from community.store import intake, people_of_homes, views
from community.store.database import Store
from community.store.people_register import Hand, Tally, take_in
from community.users import EVERYWHERE, Role, User

HIM, HER, HOME = "resident-0001", "resident-0002", "home-501"
SUPERVISOR = User(
    user_id="1", login="li", name="Li", role=Role.SUPERVISOR, language="en", areas=EVERYWHERE, organisations=EVERYWHERE
)


async def two_live_there(store: Store) -> None:
    rows = (HomeRow(id=HOME, address="3号楼501"), ResidentRow(id=HER, home=HOME, name="李建国"))
    hand = Hand(by="zhang", at=NOON, reason="a visit")
    await store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


async def alarms(store: Store, home: DemoHome, *about: str) -> None:
    """One after the other, each a case that is brought to its end."""
    for number, who in enumerate(about):
        at = NOON + timedelta(minutes=number)
        alert = msgspec.structs.replace(
            home.alert(), alert_id=f"alert-{number}", key=f"sos:{number}", resident_id=who, since=at, at=at
        )
        await store.write(lambda connection, alert=alert, at=at: intake.take_in(connection, [home.envelope(alert)], at))
        (row,) = await store.read(lambda connection, at=at: views.queue(connection, at))
        await brought_to_end(at_the_desk(store, at), row)


async def listed(store: Store) -> list[tuple[str, str, int]]:
    clock = lambda: NOON + timedelta(days=8)  # noqa: E731
    kpis = KpiDesk(store, clock=clock, zone=UTC)
    await kpis.take_in()
    room = ReportRoom(store, kpis, clock=clock, zone=UTC)
    report = await room.report(SUPERVISOR, room.newest())
    assert report.homes is not None
    return [(one.home_key, one.resident_id, one.now) for one in report.homes.rising]


async def test_two_people_of_one_home_do_not_mix(store: Store, home: DemoHome) -> None:
    await two_live_there(store)
    await alarms(store, home, HIM, HER, HIM, "")
    said = await store.read(lambda connection: people_of_homes.about(connection, [1, 2, 3, 4]))
    assert [said[number].resident_id for number in (1, 2, 3, 4)] == [HIM, HER, HIM, ""]
    assert {one.hazard for one in said.values()} == {home.alert().hazard}
    assert await listed(store) == [(HOME, HIM, 2)]


async def test_whoever_lives_alone_is_his_home(store: Store, home: DemoHome) -> None:
    await alarms(store, home, HIM, "")
    assert await listed(store) == [(HOME, "", 2)]
