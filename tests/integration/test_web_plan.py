"""The plan: how each home is, counted for buildings and drawn door by door; to whom what is shown; both databases."""

import re
from datetime import timedelta

import httpx
import pytest
from fixtures.browser import Centre
from fixtures.casebook import wish
from fixtures.desk_time import let_pass
from fixtures.plan_homes import home, name_of, settle, tower
from fixtures.visitor import come_in

from community.people import Level
from community.plan import Door, State, front
from community.plan_room import PlanRoom, groups_of, seen_homes, totals
from community.registry import PlaceRow, register_of
from community.registry_batches import batches
from community.rights import Right
from community.store import plan, schema, watch_schema
from community.store.database import Store
from community.store.people_register import Hand, Tally, take_in
from community.store.storm_schema import reserves, storm_homes, storms
from community.users import Role, User
from shouwang.alert import AlertState, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Lane, TelemetryBody

HEARD = (*range(1, 23), 30, 31, 32, 100, 101)
"""Boxes that live; those of homes 23 and 24 were never heard."""


async def say(centre: Centre, number: int, sensor: str, quantity: Quantity, value: float) -> None:
    reading = Reading(sensor_id=sensor, quantity=quantity, value=value, at=centre.clock.now, mono=0)
    await centre.send(f"gw-{number}", Lane.TELEMETRY, TelemetryBody(readings=(reading,)))


async def put(centre: Centre, *statements: object) -> None:
    await centre.store.write(lambda connection: [connection.execute(one) for one in statements])  # type: ignore[call-overload]


def door(text: str, number: int) -> str:
    """How a door is told to who cannot see the drawing."""
    found = re.search(rf'id="door-home-{number:03}"[^>]*aria-label="([^"]*)"', text)
    assert found is not None
    return found[1]


def drawing(text: str) -> str:
    return text[text.index('<svg class="plan-front"') : text.index("</svg>\n</div>")]


async def test_buildings_stand_in_their_grids_with_what_is_worst(town: Centre, browser: httpx.AsyncClient) -> None:
    await town.alarm("gw-10", "sos", Severity.P1)
    await town.alarm("gw-11", "sensor-silent", Severity.P3)
    await come_in(town, browser)
    text = (await browser.get("/plan")).text
    assert re.findall(r'<h2 id="grid-\d+"><a href="([^"]+)">([^<]+)<', text) == [
        ("/plan?at=river-2", "湖滨区 · 江畔社区 · 第二网格"),
        ("/plan?at=sunny-1", "湖滨区 · 阳光社区 · 第一网格"),
    ]
    blocks = re.findall(r'class="plan-block st-([\w-]+)" id="block-([^"]+)".*?aria-label="([^"]+)"', text)
    assert [(state, place) for state, place, _ in blocks] == [
        ("well", "river-2/b3号楼"),
        ("well", "river-2"),
        ("p1", "sunny-1/b8号楼"),
        ("well", "sunny-1/b10号楼"),
        ("well", "none"),
    ]
    assert blocks[2][2] == (
        "8号楼: 23 homes, worst: Open case: LIFE, Open case: LIFE 1, Open case: TECH 1, Box never heard 2"
    )


async def test_every_state_is_drawn_and_told(town: Centre, browser: httpx.AsyncClient) -> None:
    await town.alarm("gw-1", "sos", Severity.P1)
    await town.alarm("gw-2", "fall", Severity.P2)
    await town.alarm("gw-3", "mains", Severity.P3)
    silent = schema.gateways.update().where(schema.gateways.c.gateway_id.in_(["gw-4", "gw-1"])).values(online=False)
    now = town.clock.now
    falling = {"from_at": now - timedelta(hours=1), "from_level": 90.0, "at": now, "level": 70.0}
    wavering = falling | {"level": 89.0}
    due = {"test_due_at": now - timedelta(hours=1)}
    await put(
        town,
        silent,
        reserves.insert().values(gateway_id="gw-5", **falling),
        reserves.insert().values(gateway_id="gw-22", **wavering),
        reserves.insert().values(gateway_id="gw-21", **falling | {"at": now - timedelta(days=1)}),
    )
    await town.alarm("gw-6", "sensor-silent", Severity.P3)
    await town.alarm("gw-7", "medicine", Severity.P4)
    await say(town, 8, "home", Quantity.MODE, 2)
    await say(town, 9, "home", Quantity.MODE, 1)
    await say(town, 9, "home", Quantity.MODE, 0)
    await say(town, 13, "gateway", Quantity.MAINS_LOST, 1)
    for number in (14, 15, 16):
        await say(town, number, "gateway", Quantity.MAINS_LOST, 1)
    for number, is_on_mains, online in ((14, True, True), (15, False, True), (16, False, False)):
        table = schema.gateways
        told = table.update().where(table.c.gateway_id == f"gw-{number}")
        await put(town, told.values(is_on_mains=is_on_mains, online=online))
    await put(
        town, watch_schema.supervision.update().where(watch_schema.supervision.c.gateway_id == "gw-12").values(due)
    )
    box = schema.gateways.update().where(schema.gateways.c.gateway_id == "gw-11").values(home_id=None)
    await put(town, box)
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"at": "sunny-1/b8号楼"})).text
    said = {number: door(text, number) for number in (*range(1, 17), 21, 22, 23)}
    assert said[1] == "Door 101: Open case: LIFE, Box silent"
    assert said[2] == "Door 102: Open case: URGENT"
    assert said[3] == "Door 201: Power cut or storm, Open case: TECH"
    assert said[4] == "Door 202: Box silent"
    assert said[5] == "Door 301: On battery"
    assert said[6] == "Door 302: Open case: TECH"
    assert said[7] == "Door 401: Open case: CARE"
    assert said[8] == "Door 402: Nobody at home"
    assert said[9] == "Door 501: All well"
    assert said[11] == "Door 601: No box"
    assert said[13] == "Door 101: On battery"
    assert [said[number] for number in (14, 15, 16)] == [
        "Door 102: All well",
        "Door 201: On battery",
        "Door 202: Box silent",
    ]
    assert said[21] == said[22].replace("502", "501") == "Door 501: All well"
    assert said[23] == "Door 601: Box never heard"
    signs = {state: len(re.findall(f'class="door st-{state}"', text)) for state in State}
    assert signs[State.NEVER] == 2
    assert signs[State.SILENT] == 2


async def test_a_test_that_is_due_is_told_and_a_case_hides_it(town: Centre, browser: httpx.AsyncClient) -> None:
    values = {"gateway_id": "gw-12", "test_due_at": town.clock.now - timedelta(hours=1), "starts": 0}
    table = watch_schema.supervision
    await put(town, table.delete().where(table.c.gateway_id == "gw-12"), table.insert().values(values))
    await come_in(town, browser)
    asked = {"at": "sunny-1/b8号楼", "part": "live"}
    assert door((await browser.get("/plan", params=asked)).text, 12) == "Door 602: Test is due"
    await town.alarm("gw-12", "fall", Severity.P2)
    assert door((await browser.get("/plan", params=asked)).text, 12) == "Door 602: Open case: URGENT, Test is due"


async def test_a_storm_marks_its_homes_until_they_have_recovered(town: Centre, browser: httpx.AsyncClient) -> None:
    now = town.clock.now
    storm = {"storm_id": 7, "kind": "mains", "area": "sunny", "since": now, "last_at": now, "lead": "gw-1"}
    there = [
        {"storm_id": 7, "home_key": f"home-{number:03}", "gateway_id": f"gw-{number}", "told_at": now}
        for number in (1, 2)
    ]
    await put(town, storms.insert().values(storm), storm_homes.insert().values(there))
    back = storm_homes.update().where(storm_homes.c.home_key == "home-002").values(recovered_at=now)
    await put(town, back)
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"home": "home-001"})).text
    assert door(text, 1) == "Door 101: Power cut or storm, this home"
    assert door(text, 2) == "Door 102: All well"
    await put(town, storms.update().values(ended_at=now))
    assert door((await browser.get("/plan", params={"home": "home-001"})).text, 1) == "Door 101: All well, this home"


async def test_a_mains_alarm_that_has_ended_is_no_power_cut(town: Centre, browser: httpx.AsyncClient) -> None:
    await town.alarm("gw-3", "mains", Severity.P3)
    await town.alarm("gw-3", "mains", Severity.P3, state=AlertState.RESOLVED)
    await let_pass(town, 30)
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"at": "sunny-1/b8号楼"})).text
    assert "Power cut" not in door(text, 3)


async def test_a_door_leads_to_its_case_or_its_box_and_the_marked_one_nowhere(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await town.alarm("gw-10", "sensor-silent", Severity.P3)
    await town.alarm("gw-10", "sos", Severity.P1)
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"home": "home-009"})).text
    assert 'href="/incidents/2" id="door-home-010"' in text
    assert 'href="/gateways/gw-1" id="door-home-001"' in text
    assert re.search(r'<g role="img" id="door-home-009" class="door st-well marked"', text)
    assert text.count('class="mark"') == 1


async def test_no_name_stands_on_a_drawing_and_names_beside_it_only_for_who_may_know(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"at": "sunny-1/b8号楼"})).text
    names = {name_of(number) for number in range(1, 25)} - {name_of(17)}
    assert not [name for name in names if name in drawing(text)]
    assert not [name for name in names if name not in text]
    await come_in(town, browser, "regulator")
    without = (await browser.get("/plan", params={"at": "sunny-1/b8号楼"})).text
    assert not [name for name in names if name in without]
    assert "Who lives there" not in without


async def test_whoever_is_bound_to_an_area_sees_its_homes_alone(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser, areas=frozenset({"river"}))
    text = (await browser.get("/plan")).text
    assert re.findall(r'id="block-([^"]+)"', text) == ["river-2/b3号楼", "river-2", "none"]
    assert "阳光社区 · " not in text
    for elsewhere in ({"at": "sunny-1/b8号楼"}, {"at": "sunny"}, {"home": "home-010"}):
        hidden = await browser.get("/plan", params=elsewhere)
        assert hidden.status_code == 404
        assert "8号楼" not in hidden.text
    assert door((await browser.get("/plan", params={"home": "home-031"})).text, 31) == "Door 101: All well, this home"


async def test_homes_without_a_place_are_not_lost(town: Centre, browser: httpx.AsyncClient) -> None:
    await town.alarm("gw-101", "fall", Severity.P2)
    await come_in(town, browser)
    assert "Not placed: 1 home, worst: Open case: URGENT" in (await browser.get("/plan")).text
    alone = (await browser.get("/plan", params={"at": "none"})).text
    assert 'href="/incidents/1">home-101</a>' in alone
    assert "home-100" not in alone
    grid = (await browser.get("/plan", params={"at": "river-2"})).text
    assert 'href="/gateways/gw-100">home-100</a>' in grid
    assert "home-101" not in grid


async def test_places_that_are_none_are_not_found(town: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(town, browser)
    for nowhere in ({"at": "moon"}, {"home": "home-999"}, {"home": "home-101"}, {"at": "x" * 201}):
        assert (await browser.get("/plan", params=nowhere)).status_code in {404, 422}
    one_floor = (await browser.get("/plan", params={"at": "sunny-1/b8号楼/u2/f3"})).text
    assert re.findall(r'id="door-([^"]+)"', one_floor) == ["home-018"]
    assert "Unit 2" in one_floor


async def test_an_empty_centre_says_where_homes_come_from(centre: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(centre, browser)
    assert "There is no home on file yet" in (await browser.get("/plan")).text


async def test_pages_of_homes_without_a_building_follow_each_other(
    centre: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.plan_room.LOOSE", 2)
    await settle(centre, (row for number in (1, 2, 3) for row in home(number, None, ())))
    await come_in(centre, browser)
    first = (await browser.get("/plan", params={"at": "none"})).text
    assert re.findall(r'id="row-([^"]+)"', first) == ["home-001", "home-002"]
    second = (
        await browser.get(re.search(r'href="(/plan\?at=none&amp;after=[^"]+)"', first)[1].replace("&amp;", "&"))
    ).text
    assert re.findall(r'id="row-([^"]+)"', second) == ["home-003"]
    assert "More homes" not in second


async def test_too_many_buildings_are_cut_and_said(
    town: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BLOCKS", 3)
    await come_in(town, browser)
    text = (await browser.get("/plan")).text
    assert "1 more building is not shown" in text
    assert re.findall(r'id="block-([^"]+)"', text) == ["river-2/b3号楼", "river-2", "sunny-1/b8号楼", "none"]


async def test_a_building_too_large_is_cut_and_said(
    town: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "DOORS", 5)
    monkeypatch.setattr(plan.Seen.doors, "__defaults__", (5,))
    await come_in(town, browser)
    text = (await browser.get("/plan", params={"at": "sunny-1/b8号楼"})).text
    assert "Choose one unit" in text
    assert len(re.findall(r'id="door-', text)) == 5


# ---- both databases ----


async def test_both_databases_count_alike(store: Store) -> None:
    from fixtures.browser import BEGIN

    hand = Hand(by="test", at=BEGIN)
    for part in batches(register_of([*tower()])):
        await store.write(lambda connection, part=part: take_in(connection, part, hand, Tally()))

    def read(connection: object) -> tuple[object, ...]:
        user = User(user_id="u", login="u", name="u", role=Role.OPERATOR, language="zh", areas=frozenset({"sunny"}))
        seen = plan.Seen(connection, BEGIN)  # type: ignore[arg-type]
        mine = plan.Seen(connection, BEGIN, seen_homes(connection, user, Right.READ_QUEUE, BEGIN))  # type: ignore[arg-type]
        groups = groups_of(seen.counts(), plan.wide_places(connection))  # type: ignore[arg-type]
        return (
            seen.sums(),
            totals(mine.counts()),
            groups,
            seen.doors("river-2/b3号楼"),
            mine.loose(None, 10),
            mine.loose("river-2", 10),
        )

    sums, mine, groups, doors, nowhere, strange = await store.read(read)
    assert (sums.homes, sums.holding[State.NEVER]) == (29, 29)  # with the demo home, which has no place
    assert mine == {State.NEVER: 26}  # its own 24, and the two that are in nobody's area
    assert [[(block.place_id, block.homes) for block in group.blocks] for group in groups] == [
        [("river-2/b3号楼", 2), ("river-2", 1)],
        [("sunny-1/b8号楼", 23), ("sunny-1/b10号楼", 1)],
    ]
    assert {one.home_id for one in doors} == {"home-031", "home-032"}
    assert {one.home_id for one in nowhere} == {"home-101", "home-501"}
    assert strange == ()


async def test_a_place_hung_under_itself_ends_the_climb(centre: Centre) -> None:
    await settle(centre, iter([PlaceRow(id="ring", level=Level.BUILDING, code="1", name="环楼"), *home(1, None, ())]))
    from community.store.people_schema import home_register, places

    await put(
        centre,
        places.update().where(places.c.place_id == "ring").values(parent_id="ring"),
        home_register.update().values(place_id="ring"),
    )
    user = User(user_id="u", login="u", name="u", role=Role.OPERATOR, language="zh")
    room = PlanRoom(centre.store, clock=centre.clock)
    found = await room.overview(user)
    assert found is not None
    assert found.not_placed is not None
    assert (found.groups, found.not_placed.homes) == ((), 1)


# ---- the drawing ----


def placed(*doors: tuple[str, str, str]) -> dict[str, tuple[int, int]]:
    homes = [
        Door(home_id=f"{unit}/{number}", state=State.WELL, unit=unit, floor=floor, door=number)
        for unit, floor, number in doors
    ]
    return {cell.door.home_id: (cell.x, cell.y) for cell in front(homes).cells}


def test_doors_stand_above_each_other_whoever_is_missing() -> None:
    at = placed(("1", "10", "1002"), ("1", "9", "901"), ("1", "9", "902"), ("1", "B1", "B101"), ("2", "9", "901"))
    assert at["1/1002"][0] == at["1/902"][0]
    assert at["1/901"][0] == at["1/B101"][0] < at["1/902"][0] < at["2/901"][0]
    assert at["1/1002"][1] < at["1/901"][1] < at["1/B101"][1]
    assert at["1/901"][1] == at["2/901"][1]


def test_no_two_doors_stand_in_one_place() -> None:
    wild = [("", "", f"{number}") for number in range(40)] + [("1", "2", "201"), ("1", "2", "201a"), ("1", "", "9")]
    at = placed(*wild)
    assert len(set(at.values())) == len(at) == len(wild)


def test_a_state_moves_no_door() -> None:
    homes = [Door(home_id=f"h{n}", state=State.WELL, unit="1", floor=str(n), door=f"{n}01") for n in range(1, 7)]
    ill = [Door(home_id=one.home_id, state=State.LIFE, unit="1", floor=one.floor, door=one.door) for one in homes[::-1]]
    assert [(one.x, one.y) for one in front(homes).cells] == [(one.x, one.y) for one in front(ill).cells]


def strip(text: str) -> str:
    """What the strip of a page says."""
    begin = text.index('id="strip"')
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index(">", begin) + 1 : text.index("</aside>", begin)])
    )


async def test_strip_of_every_page_follows_each_step_of_his_areas_alone(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    """On a page that shows no cases itself; a life alarm rings everywhere, also outside of the areas."""
    await come_in(town, browser, areas=frozenset({"river"}))
    assert strip((await browser.get("/plan")).text).strip() == ""
    await town.alarm("gw-1", "sensor-silent", Severity.P3)
    assert strip((await browser.get("/plan")).text).strip() == ""
    await town.alarm("gw-31", "sensor-silent", Severity.P3)
    said = strip((await browser.get("/plan")).text)
    assert "1 case is waiting" in said
    assert f"{name_of(31)} · 阳光路31弄" in said
    await town.alarm("gw-32", "fall", Severity.P2)
    said = strip((await browser.get("/plan")).text)
    assert "2 cases are waiting" in said
    assert f"{name_of(32)} · 阳光路32弄" in said
    row = next(row for row in await town.desk.queue() if row.home_id == "home-032")
    await town.desk.order(wish("ack", row.incident_id, version=row.version))
    said = strip((await browser.get("/plan")).text)
    assert "1 case is waiting" in said
    assert name_of(31) in said


async def test_strip_calls_for_120_by_name_and_names_nobody_to_who_may_not_know(
    town: Centre, browser: httpx.AsyncClient
) -> None:
    await town.alarm("gw-1", "sos", Severity.P1)
    await let_pass(town, 400)
    await come_in(town, browser)
    said = strip((await browser.get("/plan")).text)
    assert re.search(rf"CALL 120 NOW\s+{name_of(1)} · 阳光路1弄", said)
    await come_in(town, browser, "regulator")
    said = strip((await browser.get("/plan")).text)
    assert "CALL 120 NOW" in said
    assert name_of(1) not in said
