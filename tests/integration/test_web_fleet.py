"""The pages of boxes and sensors over HTTP: filters, pages, tables, rounds of tests, and what is not the viewer's."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.visitor import come_in, fields

from community.asking import Asking
from community.settings import HomeEntry
from community.staff import Staff
from community.store import directory, schema
from community.store.people_schema import home_register, places
from community.users import EVERYWHERE
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import BirthBody, BoxFacts, HeartbeatBody, Lane, RequestTest, SensorFacts, StatusBody, decode_command

BOXES = 60


@pytest.fixture
async def fleet(centre: Centre) -> Centre:
    """60 homes; the boxes of the first three have spoken, the second with every trouble that a box can tell."""
    homes = [
        {
            "id": f"home-{number}",
            "gateway": f"gw-{number}",
            "address": f"{number} Street" if number != 3 else "=cmd|' /C calc'!A0",
            "resident": {"id": f"resident-{number}", "name": "Li", "born": 1940},
        }
        for number in range(1, BOXES + 1)
    ]
    entries = [HomeEntry.model_validate(one) for one in homes]
    await centre.store.write(lambda connection: directory.bring_in(connection, entries))
    now = centre.clock.now
    facts = BoxFacts(is_on_mains=True, battery=100, link="wired", certificate_ends=now + timedelta(days=400))
    bad = BoxFacts(is_on_mains=False, battery=63, link="wifi", link_dbm=-81, certificate_ends=now + timedelta(days=12))
    sensors = {"door": "door_contact_zigbee2mqtt"}
    for gateway, told, battery in (("gw-1", facts, 90.0), ("gw-2", bad, 8.0), ("gw-3", facts, 70.0)):
        await centre.send(gateway, Lane.STATE, BirthBody(version="1.4.2", sensors=sensors))
        side = {"door": SensorFacts(battery=battery, signal_dbm=-95, quiet_s=60)}
        await centre.send(
            gateway, Lane.STATE, HeartbeatBody(backlog=70 if told is bad else 0, uptime_s=1, box=told, sensors=side)
        )
        status = SensorStatus(sensor_id="door", state=SensorState.UP, since=now, at=now, mono=1)
        await centre.send(gateway, Lane.STATE, StatusBody(status=status))
    return centre


def said(answer: httpx.Response) -> str:
    text = answer.text[answer.text.index("<main") :]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def shown(answer: httpx.Response) -> list[str]:
    return re.findall(r'<tr id="box-([^"]+)"', answer.text)


async def test_list_begins_with_the_worst_and_never_heard_ones_are_not_red(
    browser: httpx.AsyncClient, fleet: Centre
) -> None:
    await come_in(fleet, browser)
    answer = await browser.get("/gateways")
    assert shown(answer)[0] == "gw-2"
    page = said(answer)
    assert "60 all boxes 3 online 0 silent 57 never heard 1 on battery" in page
    assert "1 backlog 0 clock off 1 certificate ends < 30 d" in page
    assert "1.4.2 100 % (3)" in page
    row = page[page.index("gw-2") :]
    assert "2 Street 03:12:44 Wi-Fi −81 dBm on battery 63 %" in row
    assert "12 days 2026-12-06 1 ok 1 battery low none yet" in row
    assert '<span class="light bad">never heard' not in answer.text
    assert "page 1 of 2" in page


async def test_filters_search_pages_and_orders_stand_in_the_address(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    assert shown(await browser.get("/gateways?show=battery")) == ["gw-2"]
    assert set(shown(await browser.get("/gateways?search=3+street"))) == {f"gw-{n}" for n in (13, 23, 33, 43, 53)}
    assert "No box fits what you look for." in said(await browser.get("/gateways?search=nowhere"))
    assert shown(await browser.get("/gateways?version=1.4.2&sort=gateway")) == ["gw-1", "gw-2", "gw-3"]
    first, second = [shown(await browser.get(f"/gateways?page={number}")) for number in (1, 2)]
    assert len({*first, *second}) == len(first) + len(second) == BOXES
    assert (await browser.get("/gateways?sort=nonsense")).status_code == 422
    assert (await browser.get("/gateways?page=0")).status_code == 422
    assert (await browser.get("/gateways?search=%00")).status_code == 200


async def test_open_page_keeps_its_rows_where_they_are(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    answer = await browser.get("/gateways")
    refresh = re.search(r'<div id="fleet" hx-get="([^"]+)"', answer.text)
    assert refresh is not None
    await fleet.send("gw-2", Lane.STATE, HeartbeatBody(backlog=999, uptime_s=1))
    again = await browser.get(unescape(refresh[1]))
    assert shown(again) == shown(answer)
    assert ">999<" in again.text
    assert "The order has changed meanwhile." not in said(answer)
    await fleet.send("gw-1", Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1, box=BoxFacts(is_on_mains=False)))
    assert "The order has changed meanwhile." in said(await browser.get(unescape(refresh[1])))


async def test_page_of_a_home_says_what_to_do(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    page = said(await browser.get("/gateways/gw-2"))
    assert "The box runs on its battery: call the home" in page
    assert "Its certificate ends soon: renew it before that day" in page
    assert "Battery at 8 %: take a new one along" in page
    assert "Its radio is weak here" in page
    assert "door contact door" in page
    assert "History of starts 03:12:44 1.4.2" in page
    assert "What to do" not in said(await browser.get("/gateways/gw-1")).split("Sensors")[0]
    page = said(await browser.get("/gateways/gw-40"))
    assert "This box is on file and has never spoken." in page
    assert "The box has not told of any sensor." in page


async def test_sensors_to_visit_are_listed_and_told_in_both_languages(
    browser: httpx.AsyncClient, fleet: Centre
) -> None:
    await come_in(fleet, browser, language="zh")
    page = said(await browser.get("/sensors"))
    assert "1 需上门 0 失联 1 电量低" in page
    assert "2 Street gw-2 门磁" in page
    assert "请带新电池" in page
    assert "没有符合条件的传感器。" in said(await browser.get("/sensors?search=9999"))


async def test_tables_hold_all_rows_and_no_formula(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser, "supervisor")
    text = (await browser.get("/gateways.csv?sort=gateway")).text
    assert text.startswith("\ufeff")
    rows = {row["gateway"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}
    assert len(rows) == BOXES
    assert rows["gw-3"]["address"].startswith("'=")
    assert rows["gw-2"]["troubles"] == "backlog battery certificate low"
    assert rows["gw-2"]["last_heard"] == "2026-11-24 03:12:44"
    (tour,) = csv.DictReader(io.StringIO((await browser.get("/sensors.csv")).text.removeprefix("\ufeff")))
    assert (tour["gateway"], tour["what"], tour["battery"]) == ("gw-2", "door contact", "8.0")


async def test_who_may_not_export_gets_no_table(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    assert ".csv" not in (await browser.get("/gateways")).text
    assert (await browser.get("/gateways.csv")).status_code == 403
    assert (await browser.get("/sensors.csv")).status_code == 403


async def test_chosen_boxes_are_asked_for_tests_in_turn_and_the_page_tells_how_far(
    browser: httpx.AsyncClient, fleet: Centre
) -> None:
    await come_in(fleet, browser)
    form = fields((await browser.get("/gateways?version=1.4.2")).text, "/gateways/tests")
    for _ in range(2):  # a double click
        answer = await browser.post("/gateways/tests", data=form)
        assert answer.status_code == 200
    assert "asked 0 of 3" in said(answer)
    asking = Asking(fleet.store, clock=fleet.clock, asked=lambda: None)
    await asking.look()
    assert "asked 1 of 3" in said(await browser.get("/gateways"))
    other = fields((await browser.get("/gateways")).text, "/gateways/tests")
    assert (await browser.post("/gateways/tests", data=other)).status_code == 409  # one round at a time
    fleet.clock.later(seconds=4)
    await asking.look()
    assert "asked 3 of 3 arrived 0 on their way 3" in said(await browser.get("/gateways"))
    letters = await fleet.store.read(lambda connection: connection.execute(schema.downlink.select()).all())
    assert sorted(letter.gateway_id for letter in letters) == ["gw-1", "gw-2", "gw-3"]
    assert {decode_command(letter.body).action for letter in letters} == {RequestTest(by="operator")}


async def test_round_is_stopped(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    await browser.post("/gateways/tests", data=fields((await browser.get("/gateways")).text, "/gateways/tests"))
    page = (await browser.get("/gateways")).text
    answer = await browser.post("/gateways/tests/1/stop", data=fields(page, "/gateways/tests/1/stop"))
    assert "stopped" in said(answer)
    fleet.clock.later(minutes=5)
    await Asking(fleet.store, clock=fleet.clock, asked=lambda: None).look()
    assert await fleet.store.read(lambda connection: connection.execute(schema.downlink.select()).all()) == []


async def test_form_of_another_session_asks_and_stops_nothing(browser: httpx.AsyncClient, fleet: Centre) -> None:
    await come_in(fleet, browser)
    data = {"csrf": "x", "command_id": "12345678"}
    assert (await browser.post("/gateways/tests", data=data)).status_code == 403
    assert (await browser.post("/gateways/tests/1/stop", data={"csrf": "x"})).status_code == 403


async def test_viewer_of_an_area_sees_counts_exports_and_asks_its_boxes_alone(
    browser: httpx.AsyncClient, fleet: Centre
) -> None:
    def put(connection: sa.Connection) -> None:
        row = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id="home-1", place_id="north"))

    await fleet.store.write(put)
    await fleet.user(login="chen", role="supervisor", language="en")
    staff = Staff(store=fleet.store, by="root", clock=fleet.clock)
    await staff.set_scope("chen", areas=frozenset({"north"}), organisations=EVERYWHERE)
    await browser.post("/login", data={"login": "chen", "password": PASSWORD})
    answer = await browser.get("/gateways")
    assert shown(answer) == ["gw-1"]
    assert "1 all boxes 1 online" in said(answer)
    assert shown(await browser.get("/gateways?held=gw-1,gw-2")) == ["gw-1"]
    assert "gw-2" not in (await browser.get("/gateways.csv")).text
    assert "gw-2" not in (await browser.get("/sensors")).text
    assert "gw-2" not in (await browser.get("/sensors.csv")).text
    assert (await browser.get("/gateways/gw-2")).status_code == 403
    await browser.post("/gateways/tests", data=fields(answer.text, "/gateways/tests"))
    await Asking(fleet.store, clock=fleet.clock, asked=lambda: None).look()
    letters = await fleet.store.read(lambda connection: connection.execute(schema.downlink.select()).all())
    assert "gw-2" not in {letter.gateway_id for letter in letters}
