"""The page of a case over HTTP: what is measured now, movements, surroundings, the next order, and for whose eyes."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import Centre
from fixtures.casebook import brought_to_end, wish
from fixtures.desk_time import let_pass, take_the_engine
from fixtures.visitor import log_in

from community.registry_sealing import Safe
from community.staff import Staff
from community.store import people_access, people_key_safes
from community.store.people_schema import devices, home_register, places
from community.users import EVERYWHERE
from community.web.access import CODE_SHOWN_S
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import Lane, TelemetryBody


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept-language": "en"}
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, headers=headers) as client:
        yield client


@pytest.fixture
async def box(centre: Centre) -> str:
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"])


async def told(
    centre: Centre, box: str, quantity: Quantity, *values: tuple[float, float], sensor: str = "radar"
) -> None:
    """Readings of so many minutes ago."""
    readings = tuple(
        Reading(
            sensor_id=sensor,
            quantity=quantity,
            value=value,
            at=centre.clock.now - timedelta(minutes=ago),
            mono=int(100_000 - ago * 60),
        )
        for ago, value in values
    )
    await centre.send(box, Lane.TELEMETRY, TelemetryBody(readings=readings))


def part(page: str, name: str) -> str:
    """From this id to the end of the card."""
    start = page.index(f'id="{name}"')
    ends = [place for mark in ("</section>", "</header>") if (place := page.find(mark, start)) > 0]
    return page[start : min(ends)]


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# ---- what is measured now ----


async def test_new_readings_of_an_open_case_are_shown_long_after_its_alarm(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.measure(box, Quantity.SPO2, [93, 88, 84])
    await centre.alarm(box, "vital", Severity.P1)
    centre.clock.later(minutes=40)
    await centre.measure(box, Quantity.SPO2, [91])
    for address in ("/incidents/1", "/incidents/1/vitals"):
        latest = text(part((await browser.get(address)).text + "</section>", "latest"))
        assert "oxygen saturation 91 %" in latest
        assert "good · 5 s ago" in latest


async def test_closed_case_shows_nothing_of_later_life(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(role="supervisor", language="en")
    await log_in(browser)
    await centre.measure(box, Quantity.SPO2, [93, 88, 84])
    await centre.alarm(box, "vital", Severity.P1)
    (row,) = await centre.desk.queue()
    await brought_to_end(centre.desk.order, row)
    centre.clock.later(minutes=40)
    await centre.measure(box, Quantity.SPO2, [99])
    await told(centre, box, Quantity.PRESENCE, (1, 1))
    for address in ("/incidents/1", "/incidents/1/vitals"):
        page = (await browser.get(address)).text
        assert "84 %" in text(page)
        assert "99 %" not in text(page)
        assert "There now" not in page
    assert "data-measures" not in (await browser.get("/incidents/1")).text


async def test_old_and_doubtful_values_are_said_to_be_so(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "vital", Severity.P1)
    doubtful = Reading(
        sensor_id="oximeter",
        quantity=Quantity.SPO2,
        value=70,
        at=centre.clock.now - timedelta(minutes=3),
        mono=1,
        quality=Quality.QUESTIONABLE,
    )
    await centre.send(box, Lane.TELEMETRY, TelemetryBody(readings=(doubtful,)))
    latest = part((await browser.get("/incidents/1/vitals")).text, "latest")
    assert 'class="how doubt"' in latest
    assert re.search(r'<sw-ago [^>]*class="stale">3 min ago</sw-ago>', latest)


async def test_number_of_points_of_an_open_case_is_bounded(
    centre: Centre, browser: httpx.AsyncClient, box: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.store.evidence.LIVE_POINTS", 5)
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "vital", Severity.P1)
    centre.clock.later(minutes=40)
    await centre.measure(box, Quantity.SPO2, [float(value) for value in range(80, 100)])
    page = (await browser.get("/incidents/1/vitals")).text
    assert "5 values" in page
    assert "99 %" in text(page)


@pytest.mark.parametrize(("role", "is_shown"), [("operator", True), ("auditor", False), ("regulator", False)])
async def test_measurements_and_movements_are_for_who_may_see_health(
    centre: Centre, browser: httpx.AsyncClient, box: str, role: str, *, is_shown: bool
) -> None:
    await centre.user(role=role, language="en")
    await log_in(browser)
    await centre.measure(box, Quantity.SPO2, [93, 88, 84])
    await told(centre, box, Quantity.PRESENCE, (30, 1), (20, 0))
    await centre.alarm(box, "vital", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    assert ("Last seen in" in page) is is_shown
    assert ('id="activity"' in page) is is_shown
    assert ("sw-plot" in page) is is_shown
    assert (await browser.get("/incidents/1/vitals")).status_code == (200 if is_shown else 403)


async def test_who_watches_the_readings_for_long_has_looked_again(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "vital", Severity.P1)
    await browser.get("/incidents/1")
    for _ in range(3):
        await browser.get("/incidents/1/vitals")
    centre.clock.later(minutes=61)
    for _ in range(3):
        await browser.get("/incidents/1/vitals")
    log = await centre.store.read(people_access.newest)
    assert [one.act.value for one in log] == ["card", "card"]


# ---- where somebody moved ----


async def test_movements_are_shown_by_room_with_where_somebody_was_seen_last(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)

    def hang(connection: sa.Connection) -> None:
        row = dict.fromkeys(("maker", "model", "serial", "installed_on", "serviced_on", "key_ref"), "")
        radar = {"device_id": "d-1", "home_id": "home-1", "kind": "sensor", "sensors": '["radar"]', "room": "卫生间"}
        connection.execute(sa.insert(devices).values(row | radar))

    await centre.store.write(hang)
    await told(centre, box, Quantity.BED, (500, 1), (60, 0), sensor="bed-mat")
    await told(centre, box, Quantity.PRESENCE, (2000, 1), (1900, 0), (45, 1), (30, 0), (30, 0))
    await told(centre, box, Quantity.DOOR, (10, 1), (9, 0), sensor="door")
    await centre.alarm(box, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    lanes = part(page, "activity")
    assert re.search(r"Last seen in: 卫生间 02:42:44", text(lanes))
    assert lanes.count('class="lane"') == 3
    assert lanes.count('class="rang"') == 3
    assert text(lanes).count("卫生间") == 2
    assert lanes.count('aria-label="1 spell"') == 3


async def test_nothing_is_shown_of_who_lived_there_before(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await told(centre, box, Quantity.PRESENCE, (300, 1), (290, 0))
    await centre.store.write(
        lambda connection: connection.execute(
            sa.text("UPDATE resident_stays SET since = :since"),
            {"since": int((centre.clock.now - timedelta(minutes=100)).timestamp() * 1_000_000)},
        )
    )
    await centre.alarm(box, "sos", Severity.P1)
    assert "No sensor has told of movements" in part((await browser.get("/incidents/1")).text, "activity")


# ---- what stands around the case ----


async def test_other_alarms_and_earlier_cases_of_the_home(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(language="en")
    for _ in range(6):
        await centre.alarm(box, "sos", Severity.P1)
        (row,) = await centre.desk.queue()
        await brought_to_end(centre.desk.order, row)
        centre.clock.later(hours=5)
    await centre.alarm(box, "mains", Severity.P3)
    other = await centre.home(2, "3号楼2-502", "李建国", 1950)
    await centre.alarm(other, "sos", Severity.P1)
    await centre.alarm(box, "fall", Severity.P1)
    await log_in(browser)
    facts = part((await browser.get("/incidents/9")).text, "home-facts")
    alarms, earlier = facts.split("Earlier cases")
    assert re.findall(r"/incidents/(\d+)", alarms) == ["7", "6", "5", "4", "3"]
    assert re.findall(r"/incidents/(\d+)", earlier) == ["6", "5", "4", "3", "2"]
    assert earlier.count("Helped at home") == 5


async def test_open_cases_of_the_home_are_offered_to_be_merged_into(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    other = await centre.home(2, "3号楼2-502", "李建国", 1950)
    await centre.alarm(box, "medicine", Severity.P4)
    await centre.alarm(box, "sensor-silent", Severity.P3)
    await centre.alarm(box, "mains", Severity.P3)
    await centre.alarm(other, "mains", Severity.P3)
    for number in (2, 3):
        await centre.desk.order(wish("ack", number, version=1))
    page = (await browser.get("/incidents/2")).text
    form = page[page.index('action="/incidents/2/merge"') :]
    form = form[: form.index("</form>")]
    assert re.findall(r'name="into" value="(\d+)"', form) == ["3"]
    data = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    done = await browser.post("/incidents/2/merge", data=data | {"into": "3", "into_number": ""})
    assert done.status_code == 200
    assert (await centre.desk.incident(2)).case.merged_into == 3  # type: ignore[union-attr]


async def test_number_of_another_case_is_taken_as_well(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "sensor-silent", Severity.P3)
    await centre.alarm(box, "mains", Severity.P3)
    await centre.desk.order(wish("ack", 1, version=1))
    page = (await browser.get("/incidents/1")).text
    form = page[page.index('action="/incidents/1/merge"') :]
    data = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    assert (await browser.post("/incidents/1/merge", data=data | {"into_number": "2"})).status_code == 200
    assert (await centre.desk.incident(1)).case.merged_into == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(("language", "says"), [("en", "calls family, keyholder"), ("zh", "呼叫家属、持钥匙人")])
async def test_ladder_says_what_each_rung_does(
    centre: Centre, browser: httpx.AsyncClient, box: str, language: str, says: str
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    await take_the_engine(centre)
    await centre.alarm(box, "sos", Severity.P1)
    await let_pass(centre, 90)
    ladder = part((await browser.get("/incidents/1")).text, "case-facts")
    assert f'title="{says}"' in ladder
    assert ladder.count('class="climbed"') == 2
    assert says in text(ladder)


async def test_the_next_right_order_is_the_one_that_stays_in_sight(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await centre.user("li", "李敏", language="en")
    await log_in(browser)
    await centre.alarm(box, "sos", Severity.P1)
    assert 'action="/incidents/1/ack"' in part((await browser.get("/incidents/1")).text, "case-head")
    await centre.desk.order(wish("ack", 1, version=1))
    assert "/incidents/1/send" in part((await browser.get("/incidents/1")).text, "case-head")
    await centre.desk.order(wish("resolve_remote", 1, version=2, disposition="helped", text="ok", spoke=True))
    assert "A colleague verifies it" in part((await browser.get("/incidents/1")).text, "case-head")
    await log_in(browser, "li")
    assert 'href="#order-verify_ok"' in part((await browser.get("/incidents/1")).text, "case-head")


async def test_calls_under_way_stand_above_the_timeline(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await take_the_engine(centre)
    await centre.alarm(box, "sos", Severity.P1)
    await let_pass(centre, 1)
    for address in ("/incidents/1", "/incidents/1/calls"):
        page = (await browser.get(address)).text
        pending = page[page.index('id="pending"') :]
        assert "about to be called" in text(pending[: pending.index("</ul>")])


async def test_alarm_says_since_when_by_which_rule_and_what_was_read(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "vital", Severity.P1)
    why = text(part((await browser.get("/incidents/1")).text, "alerts"))
    assert "oxygen saturation 84 %, below the limit of 88 % for 30 s" in why
    assert "began 03:12:44" in why
    assert "rule vital, version 1" in why


# ---- whose eyes it is for ----


async def test_regulator_sees_no_name_on_the_page(centre: Centre, browser: httpx.AsyncClient, box: str) -> None:
    await centre.user(role="regulator", language="en")
    await log_in(browser)
    await centre.alarm(box, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    assert "王桂兰" not in page
    assert "portrait" not in page
    assert 'action="/incidents/1/' not in page


async def test_case_outside_ones_area_asks_for_a_reason_and_a_supervisor_is_to_look(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")

    def put(connection: sa.Connection) -> None:
        place = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(place))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id="home-1", place_id="north"))

    await centre.store.write(put)
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    await staff.set_scope("zhang", areas=frozenset({"south"}), organisations=EVERYWHERE)
    await centre.alarm(box, "sos", Severity.P1)
    await log_in(browser)
    asked = await browser.get("/incidents/1")
    assert asked.status_code == 403
    assert "冠心病" not in asked.text
    assert "王桂兰" not in asked.text
    found = re.search(r'name="csrf" value="([^"]+)"', asked.text)
    assert found is not None
    shown = await browser.post("/incidents/1/look", data={"csrf": found[1], "reason": "the neighbour rang me"})
    assert "冠心病" in shown.text
    assert "outside your area" in shown.text
    assert 'action="/incidents/1/ack"' not in shown.text
    assert 'action="/incidents/1/note"' not in shown.text
    assert (await browser.get("/incidents/1/vitals")).status_code == 403
    log = await centre.store.read(people_access.newest)
    assert {one.act.value for one in log} == {"card", "break_glass"}


async def test_key_safe_code_leaves_the_page_by_itself_without_scripts(
    centre: Centre, browser: httpx.AsyncClient, box: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(box, "sos", Severity.P1)
    now = centre.clock.now
    await centre.store.write(
        lambda connection: people_key_safes.put(connection, "home-1", "47#11", Safe(), hint="", by="li", at=now)
    )
    page = (await browser.get("/incidents/1/key-safe")).text
    assert "http-equiv" not in page
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    shown = await browser.post("/incidents/1/key-safe/code", data={"csrf": found[1]})
    assert f'<meta http-equiv="refresh" content="{CODE_SHOWN_S};url=/incidents/1">' in shown.text
    assert "47#11" in shown.text
    assert shown.headers["cache-control"] == "no-store"
