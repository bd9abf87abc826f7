"""The page of a home's gateway over HTTP: whether it is heard, by which ways, its test alarms, what is missing."""

import re
from datetime import timedelta

import httpx
import msgspec
import pytest
from fixtures.browser import PASSWORD, Centre
from fixtures.community_home import DemoHome

from community.desk import HomeMode
from community.fleet_room import FleetRoom
from community.store import schema, supervision
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import (
    AlertBody,
    BirthBody,
    GapBody,
    HeartbeatBody,
    Lane,
    Path,
    PathBody,
    RequestTest,
    StatusBody,
    decode_command,
)


@pytest.fixture
async def gateway(centre: Centre) -> str:
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944)


async def page(
    browser: httpx.AsyncClient, centre: Centre, gateway: str, *, language: str = "en", role: str = ""
) -> str:
    await centre.user(login=language + role, language=language, role=role or "operator")
    await browser.post("/login", data={"login": language + role, "password": PASSWORD})
    text = (await browser.get(f"/gateways/{gateway}")).text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index("<main") :]))


def csrf_of(html: str) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', html)[0]


async def judge(centre: Centre) -> None:
    now = centre.clock.now
    since = now - timedelta(days=9)
    await centre.store.write(
        lambda connection: supervision.judge_and_record(connection, {}, now=now, listening_since=since)
    )


async def test_ways_are_told_in_words(centre: Centre, browser: httpx.AsyncClient, gateway: str) -> None:
    at = centre.clock.now
    body = PathBody(path=Path.INTERNET, is_up=True, since=at, at=at, mono=1, tested_at=at)
    await centre.send(gateway, Lane.STATE, body)
    lost = msgspec.structs.replace(body, path=Path.SMS, is_up=False, reason="no SIM <b>card</b>", tested_at=None)
    await centre.send(gateway, Lane.STATE, lost)
    said = await page(browser, centre, gateway)
    assert "online last word 03:12:44" in said
    assert "Internet: works since 03:12:44 · last test 03:12:44" in said
    assert "Text messages: lost since 03:12:44 · never tested no SIM &lt;b&gt;card&lt;/b&gt;" in said
    said = await page(browser, centre, gateway, language="zh")
    assert "互联网：正常 自 03:12:44 · 上次测试 03:12:44" in said
    assert "短信：中断" in said


async def test_box_that_is_offline_and_one_that_restarts_are_seen(
    centre: Centre, browser: httpx.AsyncClient, gateway: str
) -> None:
    await centre.send(gateway, Lane.STATE, BirthBody(version="0.1.0", sensors={}, starts=4))
    await centre.send(gateway, Lane.STATE, HeartbeatBody(backlog=7, uptime_s=1))
    centre.clock.later(seconds=200)
    await judge(centre)
    said = await page(browser, centre, gateway)
    assert "offline last word 03:12:44 03:20" in said
    assert "Waiting there 7 messages" in said
    assert "4 starts in 24 hours" in said
    assert "The home has not said yet which ways it has." in said
    fleet = (await browser.get("/gateways")).text
    assert '<span class="light bad">silent</span>' in fleet


async def test_home_that_never_spoke_says_so(centre: Centre, browser: httpx.AsyncClient, gateway: str) -> None:
    said = await page(browser, centre, gateway)
    assert "never heard" in said
    assert "Test alarms None has arrived yet." in said  # whether it will send any is not known


async def test_gaps_are_told_by_their_code_or_else_in_the_homes_words(
    centre: Centre, browser: httpx.AsyncClient, gateway: str
) -> None:
    at = centre.clock.now
    for code in ("card-full", "of-tomorrow"):
        gap = GapBody(reason="the reason itself", code=code, count=3, first_at=at - timedelta(hours=1), last_at=at)
        await centre.send(gateway, Lane.STATE, gap)
    await centre.alarm(gateway, "sos", Severity.P1)
    said = await page(browser, centre, gateway)
    assert "02:12:44 to 03:12:44 : the box&#39;s storage was full 3 pieces" in said
    assert "02:12:44 to 03:12:44 : the reason itself 3 pieces" in said
    case = (await browser.get("/incidents/1")).text
    assert "Data are missing:" in case
    assert "the box&#39;s storage was full" in case
    assert "网关存储已满" in await page(browser, centre, gateway, language="zh")


async def test_button_asks_for_a_test_alarm_and_the_page_tells_when_it_has_come(
    centre: Centre, browser: httpx.AsyncClient, gateway: str
) -> None:
    at = centre.clock.now
    await centre.send(gateway, Lane.STATE, BirthBody(version="1", sensors={}, test_due_at=at + timedelta(days=2)))
    await page(browser, centre, gateway)
    text = (await browser.get(f"/gateways/{gateway}")).text
    form = text[text.index(f'action="/gateways/{gateway}/test"') :]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    for _ in range(2):  # a double click
        answer = await browser.post(f"/gateways/{gateway}/test", data=fields)
        assert answer.url.path == f"/gateways/{gateway}"
    letters = await centre.store.read(lambda connection: connection.execute(schema.downlink.select()).all())
    assert [decode_command(letter.body).action for letter in letters] == [RequestTest(by="en")]
    assert "you: asked for a test alarm" in re.sub(r"<[^>]+>", "", answer.text)

    named = {"severity": Severity.P4, "hazard": "self-test", "sensor_id": "gateway"}
    alert = DemoHome().alert("self-test:gateway", since=at, **named)
    centre.clock.later(seconds=2.5)
    await centre.send(gateway, Lane.LIFE_SAFETY, AlertBody(alert=msgspec.structs.replace(alert, is_test=True)))
    said = re.sub(r"<[^>]+>", "", (await browser.get(f"/gateways/{gateway}")).text)
    assert "2.5 seconds from the home to here" in said
    assert await centre.desk.queue() == ()


async def test_form_of_another_session_asks_for_nothing(
    centre: Centre, browser: httpx.AsyncClient, gateway: str
) -> None:
    await page(browser, centre, gateway)
    answer = await browser.post(f"/gateways/{gateway}/test", data={"csrf": "x", "command_id": "12345678"})
    assert answer.status_code == 403
    assert await centre.store.read(lambda connection: connection.execute(schema.downlink.select()).all()) == []


async def test_who_may_only_look_has_no_button(centre: Centre, browser: httpx.AsyncClient, gateway: str) -> None:
    said = await page(browser, centre, gateway, role="auditor")
    assert "Test alarms" in said
    assert "Ask the home" not in said
    answer = await browser.post(f"/gateways/{gateway}/test", data={"csrf": "x", "command_id": "12345678"})
    assert answer.status_code == 403


async def test_storm_is_called_by_its_name_in_the_queue(centre: Centre, browser: httpx.AsyncClient) -> None:
    names = [await centre.home(number, f"{number} Street", "Li", 1940) for number in range(1, 8)]
    for name in names:
        await centre.send(name, Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))
    centre.clock.later(seconds=181)
    await judge(centre)
    await page(browser, centre, names[0])
    queue = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (await browser.get("/queue")).text))
    assert "Many homes at once" in queue
    assert "see Gateways" in queue
    assert "7 homes are not heard at once" in queue
    assert "centre:storm" not in queue


@pytest.mark.parametrize(("role", "sees_people"), [("admin", False), ("auditor", True), ("operator", True)])
async def test_admin_sees_the_box_and_nothing_of_its_people(
    centre: Centre, browser: httpx.AsyncClient, gateway: str, role: str, *, sees_people: bool
) -> None:
    at = centre.clock.now
    await centre.send(gateway, Lane.STATE, BirthBody(version="0.1.0", sensors={"oximeter": "oximeter"}, starts=1))
    await centre.send(gateway, Lane.STATE, HeartbeatBody(backlog=3, uptime_s=60))
    status = SensorStatus(sensor_id="oximeter", state=SensorState.UP, since=at, at=at, mono=1)
    await centre.send(gateway, Lane.STATE, StatusBody(status=status))
    await centre.measure(gateway, Quantity.SPO2, [91])
    await centre.desk.set_mode(gateway, mode=HomeMode.AWAY, hours=8, by="zhang", command_id="mode-00001")
    await centre.desk.request_test(gateway, by="zhang", command_id="test-00001")
    said = await page(browser, centre, gateway, role=role)
    for of_the_box in (
        "The box and its ways to the centre",
        "3 messages",
        "0.1.0",
        "oximeter",
        "asked for a test alarm",
    ):
        assert of_the_box in said
    for of_people in ("Are the people at home?", "Last value", "Who said what"):
        assert (of_people in said) is sees_people
    assert "王桂兰" not in said
    assert not re.search(r"\b91\b", said)
    looker = await centre.user(login=f"second-{role}", role=role)
    (line,) = await FleetRoom(centre.store, clock=centre.clock).sensors_of(looker, gateway)
    assert (line.value_at is not None) is sees_people, "the page leaves it out, and so does the room behind it"
    listed = (await browser.get("/gateways")).text
    assert f'href="/gateways/{gateway}"' in listed
    if role == "admin":
        form = {"csrf": csrf_of(listed), "command_id": "x" * 8}
        for order in ("test", "mode"):
            answer = await browser.post(f"/gateways/{gateway}/{order}", data={**form, "mode": "home", "hours": "0"})
            assert answer.status_code == 403, "he looks, and orders nothing"


async def test_reason_is_told_in_the_language_of_who_reads(
    centre: Centre, browser: httpx.AsyncClient, gateway: str
) -> None:
    at = centre.clock.now
    await centre.send(gateway, Lane.STATE, BirthBody(version="0.1.0", sensors={"a": "radar", "b": "radar"}, starts=1))
    newer = SensorStatus(
        sensor_id="a",
        state=SensorState.DOWN,
        since=at,
        at=at,
        mono=1,
        reason="the modem does not answer",
        reason_zh="调制解调器没有应答",
    )
    older = SensorStatus(sensor_id="b", state=SensorState.DOWN, since=at, at=at, mono=1, reason="no <i>answer")
    for status in (newer, older):
        await centre.send(gateway, Lane.STATE, StatusBody(status=status))
    way = PathBody(path=Path.SMS, is_up=False, since=at, at=at, mono=1, reason="no SIM", reason_zh="没有 SIM 卡")
    await centre.send(gateway, Lane.STATE, way)
    zh = await page(browser, centre, gateway, language="zh")
    en = await page(browser, centre, gateway)
    assert "调制解调器没有应答" in zh
    assert "没有 SIM 卡" in zh
    assert "does not answer" not in zh
    assert "the modem does not answer" in en
    assert "no SIM" in en
    assert "调制解调器" not in en
    for said in (zh, en):
        assert "no &lt;i&gt;answer" in said, "an older home has no other words"
