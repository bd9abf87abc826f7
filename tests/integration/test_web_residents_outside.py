"""A resident outside one's area: a reason opens the page to read, for a quarter of an hour; supervisors look at it."""

import re

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.visitor import come_in

from community.notice_rules import BROKEN_GLASS
from community.store import people_access
from community.store.case_schema import notices
from shouwang.alert import Severity

HIM, BOX = "resident-001a", "gw-demo-1001"
ELSEWHERE = frozenset({"riverside"})
WHY = "hospital asks"


def csrf(html: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', html)[0]


async def ask(browser: httpx.AsyncClient, reason: str = WHY, tab: str = "health") -> httpx.Response:
    door = await browser.get(f"/residents/{HIM}")
    return await browser.post(f"/residents/{HIM}/look", data={"csrf": csrf(door.text), "reason": reason, "tab": tab})


async def acts(centre: Centre) -> list[tuple[str, str]]:
    log = await centre.store.read(people_access.newest)
    return [(one.act.value, one.reason) for one in reversed(log)]


@pytest.mark.parametrize("role", ["operator", "supervisor"])
async def test_reason_opens_the_page_to_read_for_a_quarter_of_an_hour(
    district: Centre, browser: httpx.AsyncClient, role: str
) -> None:
    await come_in(district, browser, role, areas=ELSEWHERE)
    door = await browser.get(f"/residents/{HIM}")
    assert door.status_code == 403
    assert "This home is outside your area." in door.text
    for secret in ("王桂兰", "氨氯地平", "1号楼1-101"):
        assert secret not in door.text
    assert (await ask(browser, "no")).status_code == 422, "two letters are no reason"
    page = await ask(browser)
    assert page.status_code == 200
    for known in ("王桂兰", "氨氯地平", WHY, "You cannot act here."):
        assert known in page.text
    assert await acts(district) == [("card", WHY), ("break_glass", WHY)]
    for deed in (f"/residents/{HIM}/keep", f"/residents/{HIM}/history", "/requests/new?home="):
        assert f'href="{deed}' not in page.text
    for tab, status in (("vitals", 200), ("services", 200), ("cases", 403), ("devices", 403), ("looked", 403)):
        assert (await browser.get(f"/residents/{HIM}?tab={tab}")).status_code == status, tab
    assert (await browser.get(f"/residents/{HIM}/photo")).status_code == 404, "he may; there is none"
    assert (await browser.get("/residents/resident-005a")).status_code == 403, "of this person alone"
    assert (await browser.get(f"/residents/{HIM}/keep")).status_code == 403
    district.clock.later(minutes=16)
    assert (await browser.get(f"/residents/{HIM}")).status_code == 403


async def test_supervisor_of_the_place_is_told_and_reviews_it(district: Centre, browser: httpx.AsyncClient) -> None:
    await district.alarm(BOX, "sos", Severity.P1)
    await come_in(district, browser, areas=ELSEWHERE)
    await ask(browser)
    called = sa.select(notices.c.audience, notices.c.incident_id).where(notices.c.step == BROKEN_GLASS)
    told = await district.store.read(lambda connection: connection.execute(called).all())
    assert [tuple(row) for row in told] == [("supervisor", 1)]
    await come_in(district, browser, "supervisor")
    page = await browser.get("/access")
    assert WHY in page.text
    number = re.findall(r'action="/access/(\d+)/review"', page.text)[0]
    page = await browser.post(f"/access/{number}/review", data={"csrf": csrf(page.text)})
    assert f"/access/{number}/review" not in page.text


@pytest.mark.parametrize("role", ["auditor", "regulator", "admin"])
async def test_nobody_else_is_asked_why(district: Centre, browser: httpx.AsyncClient, role: str) -> None:
    await come_in(district, browser, role, areas=ELSEWHERE)
    door = await browser.get(f"/residents/{HIM}")
    assert door.status_code == 403
    assert "/look" not in door.text
    token = csrf((await browser.get("/kpi")).text)
    answer = await browser.post(f"/residents/{HIM}/look", data={"csrf": token, "reason": WHY})
    assert answer.status_code == 403
    assert await acts(district) == []


async def test_whoever_belongs_there_is_not_asked(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser, areas=frozenset({"sunny"}))
    page = await browser.get(f"/residents/{HIM}")
    assert page.status_code == 200
    assert "You cannot act here." not in page.text
    await browser.post("/login", data={"login": "operator", "password": PASSWORD})
    assert [act for act, _ in await acts(district)] == ["contacts"]
