"""What beats tell, in the tables; the list of boxes and of sensors; rounds of test alarms. On both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.fleet import ASK_EVERY, PAGE_ROWS, BoxState, FleetPage, FleetWish, SensorWish, Show, Sort, Want
from community.store import box_facts, fleet, fleet_sensors, fleet_tests, intake, schema, watch_schema
from community.store.database import Store
from community.store.people_schema import devices
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import (
    BirthBody,
    Body,
    BoxFacts,
    HeartbeatBody,
    Path,
    PathBody,
    RequestTest,
    SensorFacts,
    Sent,
    StatusBody,
    decode_command,
)

SOON = NOON + timedelta(seconds=1)
ENDS = NOON + timedelta(days=12)


async def tell(store: Store, home: DemoHome, *bodies: Body, sent_mono: int | None = None) -> None:
    envelopes = [home.envelope(body) for body in bodies]
    sent = {} if sent_mono is None else {one.id: Sent(boot="boot-1", mono=sent_mono) for one in envelopes}
    await store.write(lambda connection: intake.take_in(connection, envelopes, SOON, sent))


async def page(store: Store, **wish: object) -> FleetPage:
    return await store.read(lambda connection: fleet.page(connection, FleetWish(**wish), SOON))  # type: ignore[arg-type]


def beat(**more: object) -> HeartbeatBody:
    return HeartbeatBody(**{"backlog": 0, "uptime_s": 60} | more)  # type: ignore[arg-type]


async def test_what_a_beat_tells_stays_until_another_tells_more(store: Store, home: DemoHome) -> None:
    facts = BoxFacts(is_on_mains=False, battery=163, disk_used=41, link="wifi", link_dbm=-61, certificate_ends=ENDS)
    side = {"sos": SensorFacts(battery=8, signal_dbm=-70, quiet_s=30), "of-nobody": SensorFacts(battery=1)}
    await tell(store, home, BirthBody(version="1.4.2", sensors={"sos": "sos_button_zigbee2mqtt", "box": "box"}))
    await tell(store, home, beat(box=facts, sensors=side))
    await tell(store, home, beat(backlog=70, sensors={"sos": SensorFacts(signal_dbm=-76)}))
    (row,) = (await page(store)).rows
    assert (row.is_on_mains, row.battery, row.disk_used, row.link, row.link_dbm) == (False, 100, 41, "wifi", -61)
    assert (row.version, row.certificate_ends, row.told_at, row.backlog) == ("1.4.2", ENDS, SOON, 70)
    assert (row.sensors_up, row.sensors_dead, row.sensors_low) == (0, 1, 1)  # the box is no sensor to people
    assert row.troubles == {Show.BATTERY, Show.SENSORS, Show.LOW, Show.BACKLOG, Show.CERTIFICATE}
    (sensor,) = await store.read(lambda connection: fleet_sensors.of_box(connection, home.gateway))
    assert (sensor.battery, sensor.signal_dbm, sensor.heard_at) == (8, -76, SOON - timedelta(seconds=30))


async def test_status_without_a_battery_does_not_forget_what_a_beat_told(store: Store, home: DemoHome) -> None:
    status = SensorStatus(sensor_id="sos", state=SensorState.UP, since=NOON, at=NOON, mono=2000)
    await tell(
        store, home, BirthBody(version="1", sensors={"sos": "button"}), beat(sensors={"sos": SensorFacts(battery=8)})
    )
    await tell(store, home, StatusBody(status=status))
    (sensor,) = await store.read(lambda connection: fleet_sensors.of_box(connection, home.gateway))
    assert (sensor.state, sensor.battery) == (SensorState.UP, 8)


@pytest.mark.parametrize(
    ("sent_mono", "offset_ms"),
    [(None, None), (2_000, 0), (62_000, 60_000), (900, None)],  # not told; at once; a minute ahead; sent before made
)
async def test_clock_is_compared_by_when_the_beat_was_sent(
    store: Store, home: DemoHome, sent_mono: int | None, offset_ms: int | None
) -> None:
    await tell(store, home, beat(), sent_mono=sent_mono)  # made at noon, engine time 1000; arrives a second after noon
    (row,) = (await page(store)).rows
    assert row.clock_offset_ms == offset_ms
    assert (Show.CLOCK in row.troubles) is (offset_ms == 60_000)


async def test_numbers_that_no_box_means_do_not_stop_the_intake(store: Store, home: DemoHome) -> None:
    far = BoxFacts(certificate_ends=NOON.replace(year=9999), link="x" * 999, battery=-4)
    await tell(store, home, BirthBody(version="1", sensors={"sos": "button"}))
    await tell(store, home, beat(box=far, sensors={"sos": SensorFacts(quiet_s=10**15)}), sent_mono=10**16)
    (row,) = (await page(store)).rows
    assert (row.certificate_ends, row.battery, len(row.link), row.clock_offset_ms) == (None, 0, 16, None)


async def test_starts_are_kept_newest_first_and_not_for_ever(store: Store, home: DemoHome) -> None:
    for number in range(box_facts.STARTS_KEPT + 3):
        birth = BirthBody(version=f"1.{number}", sensors={}, starts=number)
        at = NOON + timedelta(minutes=number)
        await store.write(lambda connection, birth=birth, at=at: intake.take_in(connection, [home.envelope(birth)], at))
    starts = await store.read(lambda connection: box_facts.starts_of(connection, home.gateway))
    assert [one.starts for one in starts] == list(range(box_facts.STARTS_KEPT + 2, 2, -1))


# ---- the list ----

COUNT = 130


@pytest.fixture
async def many(store: Store) -> Store:
    """Boxes of every state and trouble, beside the demo home's, which was never heard."""

    def fill(connection: sa.Connection) -> None:
        numbers = range(COUNT)
        homes = [{"home_id": f"h-{n}", "address": f"{n % 7}号楼{n}"} for n in numbers]
        connection.execute(schema.homes.insert(), homes)
        connection.execute(schema.gateways.insert(), [box(n) for n in numbers])
        known = [
            {
                "gateway_id": f"gw-{n:03}",
                "born_at": NOON - timedelta(days=40),
                "offline_since": NOON if n % 11 == 1 else None,
                "starts": 1,
                "heartbeat_s": 60,
            }
            for n in numbers
        ]
        connection.execute(watch_schema.supervision.insert(), known)
        tests = [
            {
                "gateway_id": f"gw-{n:03}",
                "alert_id": "a",
                "raised_at": NOON,
                "received_at": NOON - timedelta(days=n % 50),
            }
            for n in numbers
            if n % 4
        ]
        connection.execute(watch_schema.test_alarms.insert(), tests)
        sensors = [
            {
                "gateway_id": f"gw-{n:03}",
                "sensor_id": name,
                "kind": "x",
                "state": "down" if n % 17 == 3 and name == "a" else "silent" if n % 19 == 3 else "up",
                "reason": "",
                "mono": 0,
                "battery": float(n % 100),
            }
            for n in numbers
            for name in "ab"
        ]
        connection.execute(schema.sensor_status.insert(), sensors)

    await store.write(fill)
    return store


def box(n: int) -> dict[str, object]:
    return {
        "gateway_id": f"gw-{n:03}",
        "home_id": f"h-{n}",
        "online": n % 11 != 1,
        "last_seen": None if n % 13 == 0 else NOON - timedelta(seconds=n),
        "backlog": 99 if n % 9 == 0 else 0,
        "rejected": 0,
        "version": "1.4.2" if n % 5 else "1.4.1",
        "clock_offset_ms": [None, 40, -70_000][n % 3],
        "is_on_mains": [None, True, False][n % 3],
        "battery": [None, 50.0][n % 2],
        "certificate_ends": [None, NOON + timedelta(days=n)][n % 2],
    }


async def test_each_number_of_the_summary_is_the_rows_behind_it(many: Store) -> None:
    sums = (await page(many)).sums
    states = {Show.ONLINE: BoxState.ONLINE, Show.SILENT: BoxState.SILENT, Show.NEVER: BoxState.NEVER}
    for show in Show:
        rows = [row for number in (1, 2, 3) for row in (await page(many, show=show, page=number)).rows]
        assert len({row.gateway_id for row in rows}) == len(rows) == sums[show] == (await page(many, show=show)).found
        assert {row.state for row in rows} == {states[show]} if show in states else True, show
        assert all(show in row.troubles for row in rows) or show in {Show.ALL, *states}, show


async def test_states_add_up_and_who_never_spoke_is_not_silent(many: Store) -> None:
    sums = (await page(many)).sums
    assert sums[Show.ALL] == COUNT + 1 == sums[Show.ONLINE] + sums[Show.SILENT] + sums[Show.NEVER]
    assert (sums[Show.NEVER], sums[Show.SILENT]) == (11, 11)  # each 13th, and the demo home; one of each 11th is both
    assert sums[Show.PATH] == 0


async def test_pages_hold_every_box_once_in_every_order(many: Store) -> None:
    for sort in Sort:
        ids = [row.gateway_id for number in (1, 2, 3) for row in (await page(many, sort=sort, page=number)).rows]
        assert len(ids) == len(set(ids)) == COUNT + 1, sort
        assert (await page(many, sort=sort)).pages == 3


async def test_worst_come_first_and_never_heard_ones_behind_all_troubles(many: Store) -> None:
    rows = [row for number in (1, 2, 3) for row in (await page(many, page=number)).rows]
    states = [row.state for row in rows]
    silent = states.count(BoxState.SILENT)
    assert set(states[:silent]) == {BoxState.SILENT}
    first_never = states.index(BoxState.NEVER)
    assert all(row.troubles for row in rows[:first_never] if row.state is BoxState.ONLINE)
    assert not any(row.troubles for row in rows[first_never:] if row.state is BoxState.ONLINE)


async def test_search_finds_addresses_and_ids_and_takes_signs_as_they_are(many: Store) -> None:
    assert {row.gateway_id for row in (await page(many, search="号楼12")).rows} >= {"gw-012", "gw-120"}
    found = await page(many, search="GW-07", version="1.4.1", sort=Sort.GATEWAY)
    assert [row.gateway_id for row in found.rows] == ["gw-070", "gw-075"]
    assert (await page(many, search="%")).found == (await page(many, search="_")).found == 0


async def test_page_that_is_held_keeps_its_rows_and_says_that_others_stand_first(many: Store) -> None:
    ids = tuple(row.gateway_id for row in (await page(many, page=2)).rows)
    assert not (await page(many, page=2, held=ids)).is_moved
    await many.write(lambda connection: connection.execute(schema.gateways.update().values(backlog=0)))
    held = await page(many, page=2, held=ids)
    assert tuple(row.gateway_id for row in held.rows) == ids
    assert held.is_moved


async def test_versions_are_named_by_their_number_the_most_frequent_first(many: Store) -> None:
    found = await page(many)
    numbers = [boxes for _, boxes in found.versions]
    assert len(numbers) > 1
    assert numbers == sorted(numbers, reverse=True)
    for version, boxes in found.versions:
        assert (await page(many, version=version)).found == boxes
        assert (await page(many, version=version)).versions == found.versions


async def test_who_sees_some_boxes_counts_those_alone(many: Store) -> None:
    seen = ["gw-001", "gw-002", "gw-013"]
    found = await many.read(lambda connection: fleet.page(connection, FleetWish(), SOON, seen))
    assert {row.gateway_id for row in found.rows} == set(seen)
    assert found.sums[Show.ALL] == found.found == 3
    assert found.versions == (("1.4.2", 3),)
    listed = await many.read(lambda connection: fleet_sensors.page(connection, SensorWish(), seen))
    assert {row.gateway_id for row in listed.rows} <= set(seen)


async def test_lost_second_path_and_old_tests_are_troubles(store: Store, home: DemoHome) -> None:
    await tell(store, home, BirthBody(version="1", sensors={}))
    way = PathBody(path=Path.SMS, is_up=False, since=NOON, at=NOON, mono=1)
    await tell(store, home, way, replace_path(way, Path.INTERNET))
    (row,) = (await page(store)).rows
    assert (row.second_paths, row.paths_down, row.troubles) == (1, 1, {Show.PATH})
    later = SOON + timedelta(days=35, seconds=1)
    found = await store.read(lambda connection: fleet.page(connection, FleetWish(show=Show.UNTESTED), later))
    assert [row.gateway_id for row in found.rows] == [home.gateway]


def replace_path(way: PathBody, path: Path) -> PathBody:
    return PathBody(path=path, is_up=way.is_up, since=way.since, at=way.at, mono=way.mono)


# ---- sensors ----


async def test_sensors_to_visit_are_the_lost_ones_of_boxes_that_are_heard_and_low_batteries(many: Store) -> None:
    wanted: dict[Want, Callable[[object], bool]] = {
        Want.ALL: lambda row: row.is_low or (row.is_lost and row.is_box_heard),  # type: ignore[attr-defined]
        Want.LOW: lambda row: row.is_low,  # type: ignore[attr-defined]
        Want.LOST: lambda row: row.is_lost and row.is_box_heard,  # type: ignore[attr-defined]
    }
    sums = (await many.read(lambda connection: fleet_sensors.page(connection, SensorWish()))).sums
    for want, is_wanted in wanted.items():
        wish = SensorWish(want=want)
        rows = await many.read(lambda connection, wish=wish: fleet_sensors.lines(connection, wish, None, 999))
        assert rows
        assert all(is_wanted(row) for row in rows)
        assert len(rows) == sums[want]
        pages = [replace(wish, page=number) for number in range(1, len(rows) // PAGE_ROWS + 2)]
        found = [await many.read(lambda connection, one=one: fleet_sensors.page(connection, one)) for one in pages]
        paged = [(row.gateway_id, row.sensor_id) for one in found for row in one.rows]
        assert paged == [(row.gateway_id, row.sensor_id) for row in rows]


async def test_sensor_has_the_name_the_room_and_the_cell_of_the_register(store: Store, home: DemoHome) -> None:
    row = {
        "device_id": "d",
        "home_id": "home-501",
        "kind": "sensor",
        "maker": "Aqara",
        "model": "MCCGQ11LM",
        "serial": "",
    }
    row |= {"sensors": '["door"]', "room": "门厅", "installed_on": "", "serviced_on": "", "key_ref": ""}
    await store.write(lambda connection: connection.execute(devices.insert().values(row)))
    await tell(store, home, BirthBody(version="1", sensors={"door": "door_contact_zigbee2mqtt"}))
    await tell(store, home, home.readings(3))
    (sensor,) = await store.read(lambda connection: fleet_sensors.of_box(connection, home.gateway))
    assert (sensor.model, sensor.room, sensor.cell, sensor.value_at) == ("Aqara MCCGQ11LM", "门厅", "CR1632", None)
    await tell(store, home, BirthBody(version="1", sensors={"oximeter": "pulse_oximeter_plx"}))
    (sensor,) = await store.read(lambda connection: fleet_sensors.of_box(connection, home.gateway))
    assert sensor.value_at == NOON + timedelta(seconds=2)


# ---- rounds of test alarms ----


async def test_boxes_of_a_round_are_asked_one_after_the_other_and_once(many: Store) -> None:
    chosen = ["gw-001", "gw-002", "gw-003"]

    def begin(connection: sa.Connection) -> int:
        return fleet_tests.begin(connection, chosen, by="zhang", command_id="form-1", now=NOON)

    round_id = await many.write(begin)
    assert await many.read(lambda connection: fleet_tests.is_known(connection, "form-1"))
    asked = []
    for number in range(6):
        now = NOON + number * ASK_EVERY / 2
        asked.append(await many.write(lambda connection, now=now: fleet_tests.ask_due(connection, now)))
    assert asked == [1, 0, 1, 0, 1, 0]
    letters = await many.read(lambda connection: connection.execute(schema.downlink.select()).all())
    assert sorted(letter.gateway_id for letter in letters) == chosen
    assert {decode_command(letter.body).action for letter in letters} == {RequestTest(by="zhang")}
    row = {"gateway_id": "gw-001", "alert_id": "new", "raised_at": NOON, "received_at": NOON}
    await many.write(lambda connection: connection.execute(watch_schema.test_alarms.insert().values(row)))

    async def at(minutes: float, seen: list[str] | None = None) -> tuple[int, ...]:
        now = NOON + timedelta(minutes=minutes)
        (one,) = await many.read(lambda connection: fleet_tests.rounds(connection, now, seen))
        assert one.round_id == round_id
        return one.boxes, one.asked, one.arrived, one.waiting, one.unanswered

    assert await at(1) == (3, 3, 1, 2, 0)
    assert await at(11) == (3, 3, 1, 0, 2)
    assert await at(1, ["gw-002"]) == (1, 1, 0, 1, 0)


async def test_stopped_round_asks_nobody_else(many: Store) -> None:
    def work(connection: sa.Connection) -> tuple[int, bool]:
        number = fleet_tests.begin(connection, ["gw-001", "gw-002"], by="zhang", command_id="form-1", now=NOON)
        fleet_tests.ask_due(connection, NOON)
        fleet_tests.stop(connection, number, NOON)
        return fleet_tests.ask_due(connection, NOON + timedelta(hours=1)), fleet_tests.is_on(connection)

    assert await many.write(work) == (0, False)
