"""The console's desk over HTTP: the queue's order, storms, calls, scripts, and why an order was refused."""

import re

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import Centre
from fixtures.casebook import wish
from fixtures.desk_time import let_pass, take_the_engine
from fixtures.visitor import fields, log_in

from community.registry_sealing import Safe
from community.store import notices, people_access, people_key_safes, schema
from community.store.orders import rung_failed
from community.store.people_schema import home_register
from community.store.storms import HELD
from shouwang.alert import Severity


async def give(browser: httpx.AsyncClient, command: str, **more: str) -> httpx.Response:
    action = f"/incidents/1/{command}"
    page = (await browser.get("/incidents/1")).text
    return await browser.post(action, data=fields(page, action) | more)


async def homes(centre: Centre, number: int) -> list[str]:
    return [await centre.home(one, f"{one}号楼", f"住户{one}", 1940) for one in range(1, number + 1)]


async def test_queue_begins_with_the_red_cards_then_the_urgent_then_what_turns_red_next(centre: Centre) -> None:
    await take_the_engine(centre)
    boxes = await homes(centre, 4)
    await centre.alarm(boxes[0], "sensor-silent", Severity.P3)
    await let_pass(centre, 15 * 60)
    await centre.alarm(boxes[1], "vital", Severity.P2)
    await let_pass(centre, 30)
    await centre.alarm(boxes[2], "vital", Severity.P2)
    await centre.alarm(boxes[3], "sos", Severity.P1)
    rows = await centre.desk.queue()
    assert [(row.card, row.priority, row.home_id) for row in rows] == [
        ("red", "P3", "home-1"),
        (None, "P1", "home-4"),
        (None, "P2", "home-2"),
        (None, "P2", "home-3"),
    ]


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ("距下一张红牌", "升级 1/5 级")), ("en", ("Until the next red card", "rung 1 of 5"))]
)
async def test_row_says_how_long_is_left_and_how_far_the_ladder_is(
    centre: Centre, browser: httpx.AsyncClient, language: str, words: tuple[str, str]
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    await take_the_engine(centre)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sos", Severity.P1)
    await let_pass(centre, 20)
    page = (await browser.get("/queue")).text
    assert re.search(r"<sw-left [^>]+>00:(?:40|3\d)</sw-left>", page)
    assert all(word in page for word in words)


async def test_search_without_scripts_keeps_every_life(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    await log_in(browser)
    boxes = await homes(centre, 3)
    await centre.alarm(boxes[0], "sos", Severity.P1)
    await centre.alarm(boxes[1], "vital", Severity.P2)
    await centre.alarm(boxes[2], "vital", Severity.P2)
    page = (await browser.get("/queue", params={"find": "住户3"})).text
    rows = page[page.index('id="rows"') : page.index("</ol>", page.index('id="rows"'))]
    assert [f"住户{one}" in rows for one in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize(
    ("language", "why"),
    [
        ("zh", "急救只有在与本人通话之后"),
        ("en", "a life alarm ends from afar only after speaking with the person"),
    ],
)
async def test_refused_order_says_why_in_the_operators_language(
    centre: Centre, browser: httpx.AsyncClient, language: str, why: str
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sos", Severity.P1)
    await give(browser, "ack")
    refused = await give(browser, "resolve_remote", disposition="helped", note="ok")
    assert refused.status_code == 409
    assert why in refused.text[refused.text.index("notice warn") : refused.text.index('id="case-head"')]
    assert why in refused.text[refused.text.index('id="timeline"') :]


async def test_answers_of_the_script_are_kept_once_and_only_where_the_script_asks(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    await centre.user()
    await log_in(browser)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "fall", Severity.P1)
    ticked = await give(browser, "script", **{"step-called": "silent"})
    assert "用姓名称呼两次，说明您是守望中心 → 无应答" in ticked.text
    assert re.search(r'name="step-called" value="silent" checked', ticked.text)
    await give(browser, "script", **{"step-called": "silent"})
    case = await centre.desk.incident(1)
    assert case is not None
    assert [entry.kind for entry in case.timeline].count("note") == 1
    assert case.answers == {"called": "silent"}
    for wrong in ({"step-called": "dancing"}, {"step-nothing": "silent"}, {"note": "x"}):
        assert (await give(browser, "script", **wrong)).status_code == 422


async def test_calls_of_the_ladder_are_shown_with_what_became_of_them(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await take_the_engine(centre)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sos", Severity.P1)
    assert "Nobody has been called" in (await browser.get("/incidents/1/calls")).text
    await let_pass(centre, 1)
    await centre.store.write(lambda connection: notices.turn(connection, centre.clock.now, 0, rung_failed))
    said = re.sub(r"<[^>]+>|\s+", " ", (await browser.get("/incidents/1/calls")).text)
    assert "rung 1" in said
    assert re.search(r"张琳 on the console +arrived", re.sub(" +", " ", said))


async def test_look_at_a_card_is_written_down_once_an_hour(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    await log_in(browser)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sos", Severity.P1)

    async def looks() -> int:
        found = await centre.store.read(lambda connection: people_access.of_resident(connection, "resident-1"))
        return len(found)

    for _ in range(3):
        await browser.get("/incidents/1")
        await browser.get("/incidents/1/calls")
    assert await looks() == 1
    centre.clock.later(minutes=59)
    await browser.get("/incidents/1")
    assert await looks() == 1
    centre.clock.later(minutes=2)
    await browser.get("/incidents/1")
    assert await looks() == 2


async def test_card_shows_what_the_register_holds(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    await log_in(browser)
    contacts = [{"name": "王强", "relation": "儿子", "phone": "138 0000 0001"}]
    box = await centre.home(1, "3号楼", "王桂兰", 1944, contacts=contacts)
    table = schema.residents
    held = {
        "hearing": "hard",
        "language": "杭州话",
        "situation": "alone",
        "phone": "0571 8888",
        "flags": '["oxygen"]',
        "eligibility": '["empty_nest"]',
    }

    def enrich(connection: sa.Connection) -> None:
        connection.execute(table.update().where(table.c.resident_id == "resident-1").values(held))
        connection.execute(
            home_register.update().where(home_register.c.home_id == "home-1").values(route="东门进，左手第二个单元")
        )
        people_key_safes.put(connection, "home-1", "47#11", Safe(), hint="水表箱内", by="root", at=centre.clock.now)

    await centre.store.write(enrich)
    await centre.alarm(box, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    for word in ("听力差", "杭州话", "独居", "0571 8888", "吸氧", "空巢", "水表箱内", "家属", "王强"):
        assert word in page, word
    assert "47#11" not in page
    shown = await browser.post("/incidents/1/key-safe/code", data=fields(page, "/incidents/1/key-safe/code"))
    assert "47#11" in shown.text
    found = await centre.store.read(people_access.newest)
    assert people_access.Act.KEY_SAFE in {one.act for one in found}


async def test_storm_is_one_row_its_cases_lie_behind_it_and_a_supervisor_ends_the_waiting(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    await centre.user(role="supervisor")
    await log_in(browser)
    boxes = await homes(centre, 25)
    for box in boxes:
        await centre.alarm(box, "mains", Severity.P3)
    (storm,) = await centre.desk.storms()
    assert storm.held > 0
    held = {row.home_id for row in await centre.desk.held(storm.storm_id)}
    assert len(held) == storm.held
    assert held.isdisjoint(row.home_id for row in await centre.desk.queue())
    queue = (await browser.get("/queue")).text
    assert f'href="/storms/{storm.storm_id}"' in queue
    page = await browser.get(f"/storms/{storm.storm_id}")
    assert page.text.count('class="case p3 held"') == storm.held
    action = f"/storms/{storm.storm_id}/release"
    form = fields(page.text, action)
    released = await browser.post(action, data=form | {"sure": "true"})
    assert "已结束暂缓" in released.text
    assert (await browser.post(action, data=form | {"sure": "true"})).status_code == 409
    assert HELD in {row.state for row in await centre.desk.held(storm.storm_id)}  # they come as there is room


async def test_operator_sees_a_storm_and_cannot_end_the_waiting(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    await log_in(browser)
    for box in await homes(centre, 22):
        await centre.alarm(box, "mains", Severity.P3)
    (storm,) = await centre.desk.storms()
    page = await browser.get(f"/storms/{storm.storm_id}")
    assert page.status_code == 200
    assert f'action="/storms/{storm.storm_id}/release"' not in page.text
    data = {"csrf": fields(page.text, "/logout")["csrf"], "sure": "true"}
    assert (await browser.post(f"/storms/{storm.storm_id}/release", data=data)).status_code == 403
    assert (await browser.get("/storms/999")).status_code == 404


async def test_case_leads_to_the_one_it_went_on_from_and_the_one_it_was_merged_into(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    await centre.user()
    await log_in(browser)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sensor-silent", Severity.P3)
    await centre.alarm(box, "sos", Severity.P1)
    technical, life = sorted(await centre.desk.queue(), key=lambda row: row.incident_id)
    merged = wish("merge", technical.incident_id, version=technical.version, into=life.incident_id)
    await centre.desk.order(merged)
    assert f'href="/incidents/{life.incident_id}"' in (await browser.get(f"/incidents/{technical.incident_id}")).text


@pytest.mark.parametrize(("role", "is_shown"), [("supervisor", True), ("operator", False), ("auditor", False)])
async def test_record_for_a_clinic_is_offered_to_those_who_may_give_it(
    centre: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, role: str, is_shown: bool
) -> None:
    monkeypatch.setattr("community.web.incident.Records", object)  # as where they are wired
    await centre.user(role=role)
    await log_in(browser)
    (box,) = await homes(centre, 1)
    await centre.alarm(box, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    assert ('action="/residents/resident-1/fhir"' in page) is is_shown
