"""Somebody died or moved: what the console, the family and the case say then, and that no alarm is lost with it."""

import re

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.district import words_of

from community.people import Item
from community.registry import ResidentRow
from community.store import care_rows, people_access, register_keeping, schema
from community.store.people_rows import listed
from community.store.people_schema import resident_stays
from shouwang.alert import Severity
from shouwang.wire import BirthBody, Lane

HIM, BOX, HOME = "resident-001a", "gw-demo-1001", "home-001"
HUSBAND, WIDOW, THEIR_BOX = "resident-004a", "resident-004b", "gw-demo-1004"
LEFT_ON = "2026-10-30"
WHY = {"why": "paper", "words": "the registry office wrote"}


async def come_in(centre: Centre, browser: httpx.AsyncClient, role: str = "supervisor", language: str = "en") -> None:
    await centre.user(role, role.title(), role, language)
    await browser.post("/login", data={"login": role, "password": PASSWORD})


async def keep(browser: httpx.AsyncClient, whose: str, deed: str, **said: str) -> httpx.Response:
    """The form of the page, sent with this."""
    page = (await browser.get(f"/residents/{whose}/keep/left")).text
    form = page[page.index(f'action="/residents/{whose}/keep/{deed}"') :]
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', form)[1] for name in ("csrf", "seen")}
    return await browser.post(f"/residents/{whose}/keep/{deed}", data={**hidden, **WHY, **said})


async def leave(browser: httpx.AsyncClient, whose: str = HIM, left: str = "died", on: str = LEFT_ON) -> httpx.Response:
    return await keep(browser, whose, "left", left=left, left_on=on)


async def main(browser: httpx.AsyncClient, address: str) -> str:
    page = await browser.get(address)
    assert page.status_code == 200, page.status_code
    return words_of(page.text)


async def person(centre: Centre, whose: str = HIM) -> ResidentRow:
    entry = await centre.store.read(lambda connection: register_keeping.read(connection, whose))
    return entry.resident


async def care(centre: Centre, whose: str = HIM) -> tuple[care_rows.CareRow, ...]:
    return await centre.store.read(lambda connection: care_rows.of_person(connection, whose))


async def stays(centre: Centre, home: str) -> list[tuple[str, bool, bool]]:
    """Who, as the first, and whether it goes on."""
    asked = sa.select(resident_stays).where(resident_stays.c.home_id == home).order_by(resident_stays.c.stay_id)
    rows = await centre.store.read(lambda connection: connection.execute(asked).all())
    return [(row.resident_id, row.is_first, row.until is None) for row in rows]


async def alarm(centre: Centre, box: str, priority: Severity = Severity.P1) -> None:
    await centre.send(box, Lane.STATE, BirthBody(version="0.1.0", sensors={}, starts=1))
    await centre.alarm(box, "fall", priority)


# ---- the mark ----


async def test_that_somebody_died_is_kept_with_who_why_and_when_and_ends_his_care(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    before = await care(district)
    assert any(getattr(row, "until", None) == "" for row in before)
    done = await leave(browser)
    assert "saved=1" in str(done.url)
    assert "has died (2026-10-30)" in words_of(done.text)
    him = await person(district)
    assert (him.left, him.left_on) == ("died", LEFT_ON)
    assert {row.until for row in await care(district) if hasattr(row, "until")} == {"2026-10-29"}
    assert await stays(district, HOME) == [(HIM, True, False)]
    told = await main(browser, f"/residents/{HIM}/history")
    assert "the registry office wrote" in told
    assert "Lives here no more has died" in told
    looked = await district.store.read(lambda connection: people_access.of_resident(connection, HIM, limit=9))
    assert people_access.Act.CORRECTION in {one.act for one in looked}


async def test_a_mistake_is_taken_back_and_all_goes_on_as_before(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    before, him = await care(district), await person(district)
    await leave(browser)
    district.clock.later(hours=1)
    done = await keep(browser, HIM, "stays", why="slip", words="it was the neighbour")
    assert done.status_code == 200
    assert await person(district) == him
    assert await care(district) == before
    assert await stays(district, HOME) == [(HIM, True, True)]
    told = await main(browser, f"/residents/{HIM}/history")
    assert "it was the neighbour" in told
    assert "the registry office wrote" in told


async def test_a_plan_that_was_changed_since_is_not_brought_back(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    await leave(browser)
    district.clock.later(hours=1)
    row = next(row for row in await care(district) if hasattr(row, "until"))
    newer = row.model_copy(update={"until": "2026-09-01"})
    table = care_rows.TABLES[type(row)]
    await district.store.write(
        lambda connection: connection.execute(
            sa.update(table).where(table.c.resident_id == HIM).values(until="2026-09-01")
        )
    )
    await keep(browser, HIM, "stays", why="slip", words="")
    assert newer in await care(district)


async def test_what_cannot_stand_is_refused_at_its_field(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    for said, problem in (
        ({"left": "vanished", "left_on": ""}, "Choose one."),
        ({"left": "died", "left_on": "2027-01-01"}, "This is in the future."),
        ({"left": "died", "left_on": "last week"}, "Write a day such as 2026-11-24."),
        ({"left": "died", "left_on": "", "why": ""}, "Choose a reason."),
    ):
        answer = await keep(browser, HIM, "left", **said)
        assert answer.status_code == 422
        assert problem in words_of(answer.text)
    assert (await person(district)).left is None


async def test_who_left_today_needs_no_day_and_moves_into_no_other_home(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    await leave(browser, left="care_home", on="")
    assert (await person(district)).left_on == district.clock.now.astimezone().date().isoformat()
    page = (await browser.get(f"/residents/{HIM}/keep/move")).text
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf", "seen")}
    answer = await browser.post(f"/residents/{HIM}/keep/move", data={**hidden, **WHY, "home": "home-002"})
    assert answer.status_code == 422
    assert "Take that back first." in words_of(answer.text)


async def test_a_form_over_an_older_entry_marks_nobody(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    answer = await keep(browser, HIM, "left", left="died", left_on="", seen="0" * 32)
    assert answer.status_code == 409
    assert (await person(district)).left is None


async def test_nobody_is_marked_while_somebody_is_on_the_way_to_him(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await alarm(district, BOX)
    await come_in(district, browser)
    answer = await leave(browser)
    assert answer.status_code == 422
    assert "A case of this home is open." in words_of(answer.text)


@pytest.mark.parametrize("role", ["operator", "auditor", "admin", "family", "responder"])
async def test_no_other_role_marks_anybody(district: Centre, browser: httpx.AsyncClient, role: str) -> None:
    await come_in(district, browser, role)
    assert (await browser.get(f"/residents/{HIM}/keep/left")).status_code == 403
    answer = await browser.post(f"/residents/{HIM}/keep/left", data={"csrf": "x", "left": "died", **WHY})
    assert answer.status_code == 403
    assert (await person(district)).left is None


# ---- lists ----


async def test_who_left_is_on_no_list_until_he_is_looked_for(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    assert f'/residents/{HIM}"' in (await browser.get("/residents")).text
    overdue = (await browser.get("/care")).text
    await leave(browser)
    assert f'/residents/{HIM}"' not in (await browser.get("/residents")).text
    found = await browser.get("/residents", params={"find": HIM})
    assert "has died (2026-10-30)" in words_of(found.text)
    gone = await browser.get("/residents", params={"gone": "true"})
    assert re.findall(r'class="open" href="/residents/([^"]+)"', gone.text) == [HIM]
    assert HIM not in (await browser.get("/care")).text
    assert "/residents/" in overdue
    assert "has died (2026-10-30)" in await main(browser, f"/residents/{HIM}")


async def test_a_box_that_nobody_lives_with_any_more_is_listed_to_be_collected(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    await leave(browser)
    await leave(browser, HUSBAND)
    page = await browser.get("/gateways", params={"show": "collect"})
    assert set(re.findall(r'id="box-([^"]+)"', page.text)) == {BOX}
    await leave(browser, WIDOW, "care_home")
    page = await browser.get("/gateways", params={"show": "collect"})
    assert set(re.findall(r'id="box-([^"]+)"', page.text)) == {BOX, THEIR_BOX}
    assert "collect the box" in await main(browser, f"/gateways/{BOX}")
    await keep(browser, HIM, "stays", why="slip", words="")
    page = await browser.get("/gateways", params={"show": "collect"})
    assert set(re.findall(r'id="box-([^"]+)"', page.text)) == {THEIR_BOX}


# ---- the alarm ----


async def test_an_alarm_of_an_empty_home_opens_a_case_that_says_who_left(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    await leave(browser)
    await alarm(district, BOX)
    said = await main(browser, "/incidents/1")
    assert "王桂兰 has died (2026-10-30) · Somebody else may be there" in said
    assert "Nobody on file lives in this home any more." in said
    assert "LIFE" in await main(browser, "/queue")
    assert 'href="/incidents/1/key-safe"' in (await browser.get("/incidents/1")).text
    assert (await browser.get("/incidents/1/key-safe")).status_code == 200


async def test_an_alarm_where_the_widow_lives_on_shows_her_and_whom_she_lost(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    his, hers = await person(district, HUSBAND), await person(district, WIDOW)
    await leave(browser, HUSBAND)
    await alarm(district, THEIR_BOX)
    said = await main(browser, "/incidents/1")
    assert f"{his.name} has died (2026-10-30) · Somebody else may be there" in said
    assert f"/residents/{WIDOW}" in (await browser.get("/incidents/1")).text
    assert hers.name in said
    assert await stays(district, "home-004") == [
        (HUSBAND, True, False),
        (WIDOW, False, False),
        (WIDOW, True, True),
    ]
    district.clock.later(days=200)
    assert "Somebody else may be there" not in await main(browser, "/incidents/1")


# ---- the family ----


async def test_the_family_reads_it_in_humane_words_and_is_offered_nothing(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    await leave(browser)
    contacts, users = schema.contacts, schema.users
    his = (contacts.c.resident_id == HIM) & (contacts.c.place == 0)
    told = {"contact_id": "wangqiang", "relation": "儿子", "may_see": listed(item.value for item in Item)}
    await district.user("wangqiang", "王强", "family", "zh")

    def tie(connection: sa.Connection) -> None:
        connection.execute(sa.update(contacts).where(his).values(told))
        connection.execute(sa.update(users).where(users.c.login == "wangqiang").values(person="wangqiang"))

    await district.store.write(tie)
    browser.cookies.clear()
    await browser.post("/login", data={"login": "wangqiang", "password": PASSWORD})
    page = await browser.get("/family")
    said = words_of(page.text)
    assert "已离世。请您节哀，我们深表哀悼。" in said
    assert "一切正常" not in said
    assert f"/family/{HIM}/" not in page.text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    form = {"csrf": csrf, "command_id": "a-button-pressed"}
    for what, more in (("mode", {"mode": "away", "hours": "8"}), ("request", {"text": "bread"})):
        assert (await browser.post(f"/family/{HIM}/{what}", data=form | more)).status_code == 409
    assert (await browser.get(f"/family/{HIM}/photo")).status_code == 404
