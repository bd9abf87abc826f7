"""The console over HTTP as a browser without scripts uses it, on the real store and desk."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from fixtures.browser import PASSWORD, Centre
from fixtures.casebook import wish
from fixtures.community_home import DemoHome
from fixtures.visitor import fields, log_in

from shouwang.alert import AlertState, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import AlertBody, BirthBody, ClockBody, Lane, TelemetryBody


@pytest.fixture
async def home(centre: Centre) -> str:
    return await centre.home(
        1,
        "3号楼2-501",
        "王桂兰 <b>",
        1944,
        allergies=["青霉素"],
        contacts=[{"name": "王强", "relation": "儿子", "phone": "138 0000 0001", "has_key": True}],
    )


async def order(browser: httpx.AsyncClient, what: str, page: str = "", **extra: str) -> httpx.Response:
    page = page or (await browser.get("/incidents/1")).text
    action = f"/incidents/1/{what}"
    return await browser.post(action, data=fields(page, action) | extra)


async def test_strangers_see_the_login_page_only(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/queue", "/incidents/1", "/closed", "/gateways", "/events"):
        answer = await browser.get(path)
        assert answer.url.path == "/login"
        assert answer.url.params["next"] == path
    answer = await browser.post("/incidents/1/ack")
    assert answer.url.path == "/login"


async def test_scripts_of_strangers_are_told_401(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/queue?part=live", headers={"sec-fetch-mode": "cors"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


async def test_no_generated_api_pages(browser: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await browser.get(path)).status_code == 404


async def test_login_leads_to_where_one_wanted(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    answer = await browser.post("/login", data={"login": "zhang", "password": PASSWORD, "next": "/closed"})
    assert answer.url.path == "/closed"


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil", "evil"])
async def test_login_never_leads_to_another_host(centre: Centre, browser: httpx.AsyncClient, address: str) -> None:
    await centre.user()
    data = {"login": "zhang", "password": PASSWORD, "next": address}
    answer = await browser.post("/login", data=data, follow_redirects=False)
    assert answer.headers["location"] == "/"


async def test_wrong_password_is_said_in_words(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    answer = await browser.post(
        "/login", data={"login": "zhang", "password": "wrong"}, headers={"accept-language": "en"}
    )
    assert answer.status_code == 401
    assert "The login or the password is wrong" in answer.text
    assert "wrong</" not in answer.text


async def test_session_cookie_is_out_of_reach(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    answer = await browser.post("/login", data={"login": "zhang", "password": PASSWORD}, follow_redirects=False)
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("shift="))
    assert {"HttpOnly", "SameSite=strict", "Max-Age=43200", "Path=/"} <= set(cookie.split("; "))


async def test_one_time_link_asks_before_it_is_used(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    token = await centre.accounts.make_link("zhang", now=centre.clock.now)
    for _ in range(2):
        assert (await browser.get(f"/login/once/{token}")).status_code == 200
    assert (await browser.post(f"/login/once/{token}")).url.path == "/queue"
    browser.cookies.clear()
    again = await browser.post(f"/login/once/{token}", headers={"accept-language": "en"})
    assert again.status_code == 401
    assert "used already" in again.text


async def test_logging_out_ends_the_session(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    page = await log_in(browser)
    kept = dict(browser.cookies)
    assert (await browser.post("/logout", data=fields(page.text, "/logout"))).url.path == "/login"
    browser.cookies.update(kept)
    assert (await browser.get("/queue")).url.path == "/login"


async def test_language_follows_the_user(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    page = await log_in(browser)
    assert '<html lang="zh-CN">' in page.text
    page = await browser.post("/language", data=fields(page.text, "/language") | {"language": "en"})
    assert '<html lang="en">' in page.text
    browser.cookies.clear()
    assert '<html lang="en">' in (await log_in(browser)).text


async def test_queue_shows_who_where_and_why(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user()
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/queue")).text
    assert "王桂兰 &lt;b&gt;" in page
    assert "<b>王桂兰 <b>" not in page
    for word in ("急救", "3号楼2-501", "有人按下了紧急呼叫按钮", "82岁"):
        assert word in page


async def test_case_page_shows_what_an_operator_needs(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.measure(home, Quantity.SPO2, [95, 93, 88, 84])
    await centre.alarm(home, "vital", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    assert 'href="tel:13800000001"' in page
    for word in ("青霉素", "oxygen saturation 84 %", "<polyline", "84 %", "has a key", "03:12:44"):
        assert word in page


async def test_case_goes_its_six_steps_by_plain_forms(
    centre: Centre, browser: httpx.AsyncClient, console_url: str, home: str
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    taken = await order(browser, "ack")
    assert taken.url.path == "/incidents/1"
    assert "taken: you" in taken.text
    noted = await order(browser, "note", note="她接了电话 <script>")
    assert "她接了电话 &lt;script&gt;" in noted.text
    found = {"disposition": "helped", "note": "son is there"}
    refused = await order(browser, "resolve_remote", **found)
    assert refused.status_code == 409
    assert "only after speaking with the person" in refused.text
    told = await order(browser, "resolve_remote", spoke="true", **found)
    assert "son is there" in told.text
    assert 'action="/incidents/1/verify_ok"' not in told.text  # not by whoever reported it
    for login, command, more in (("li", "verify_ok", {}), ("wu", "revisit_ok", {"score": "5"})):
        await centre.user(login, login, language="en")
        async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as colleague:
            await log_in(colleague, login)
            assert (await order(colleague, command, **more)).status_code == 200
    closed = await browser.get("/incidents/1")
    assert "This case is closed." in closed.text
    # health, for a reason, is no order
    assert 'action="/incidents/1/' not in closed.text.replace('action="/incidents/1/look"', "")
    assert "王桂兰" in (await browser.get("/closed")).text
    assert "王桂兰" not in (await browser.get("/queue")).text


async def test_double_click_is_one_order(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user()
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    first, second = await order(browser, "ack", page), await order(browser, "ack", page)
    assert (first.status_code, second.status_code) == (200, 200)
    case = await centre.desk.incident(1)
    assert case is not None
    assert [entry.kind for entry in case.timeline].count("ack") == 1


async def test_the_slower_of_two_operators_is_told_and_changes_nothing(
    centre: Centre, browser: httpx.AsyncClient, console_url: str, home: str
) -> None:
    await centre.user(language="en")
    await centre.user("li", "李敏", language="en")
    await centre.alarm(home, "sos", Severity.P1)
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as other:
        await log_in(browser)
        await log_in(other, "li")
        page = (await other.get("/incidents/1")).text
        assert (await order(browser, "ack")).status_code == 200
        late = await order(other, "ack", page)
    assert late.status_code == 409
    assert "What you ordered was NOT done" in late.text
    assert "taken: 张琳" in late.text


async def test_closing_on_an_old_page_keeps_the_words(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = (await order(browser, "ack")).text
    centre.clock.later(seconds=30)
    await centre.alarm(home, "fall", Severity.P1)
    found = {"disposition": "helped", "note": "all is well", "spoke": "true"}
    late = await order(browser, "resolve_remote", page, **found)
    assert late.status_code == 409
    assert ">all is well</textarea>" in late.text
    assert 'value="helped" required checked' in late.text
    again = await order(browser, "resolve_remote", late.text, **found)
    assert "to be verified" in again.text


async def test_scripts_get_the_row_alone(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    page = await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = await browser.get("/queue")
    data = fields(page.text, "/incidents/1/ack")
    headers = {"hx-request": "true", "hx-request-type": "partial"}
    row = await browser.post("/incidents/1/ack", data=data, headers=headers)
    assert row.text.lstrip().startswith('<li class="case p1 acked"')
    late = await browser.post("/incidents/1/ack", data=data | {"command_id": "another-one"}, headers=headers)
    assert late.status_code == 409
    assert late.text.lstrip().startswith("<li")
    assert "Somebody was faster" in late.text


async def test_a_colleague_takes_a_case_as_agreed_with_its_owner_and_gives_none_away(
    centre: Centre, browser: httpx.AsyncClient, console_url: str, home: str
) -> None:
    await centre.user(language="en")
    await centre.user("li", "李敏", language="en")
    await centre.alarm(home, "sos", Severity.P1)
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as other:
        await log_in(browser)
        await order(browser, "ack")
        await log_in(other, "li")
        page = (await other.get("/incidents/1")).text
        forged = await order(other, "hand_over", page, second="", command_id="no-consent-of-the-owner")
        assert forged.status_code == 409
        taken = await order(other, "hand_over", (await other.get("/incidents/1")).text)
    assert taken.status_code == 200
    assert "李敏" in (await browser.get("/incidents/1")).text.split('id="actions"')[1]


async def test_form_of_another_session_is_refused(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user()
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    await log_in(browser)
    answer = await order(browser, "ack", page)
    assert answer.status_code == 403
    assert "页面已过期" in answer.text


async def test_order_from_another_site_is_refused(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user()
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    data = fields(page, "/incidents/1/ack")
    answer = await browser.post("/incidents/1/ack", data=data, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert (await centre.desk.queue())[0].owner is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": "x"},
        {"version": "-1"},
        {"command_id": ""},
        {"note": "长" * 4001},
        {"disposition": "vanished"},
        {"surprise": "1"},
    ],
)
async def test_bad_form_is_refused_in_words(
    centre: Centre, browser: httpx.AsyncClient, home: str, change: dict[str, str]
) -> None:
    await centre.user()
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    await order(browser, "ack")
    answer = await order(browser, "resolve_remote", **({"disposition": "helped", "note": "ok"} | change))
    assert answer.status_code == 422
    assert "填写的内容有缺漏或太长" in answer.text


@pytest.mark.parametrize("lack", [{"note": "  "}, {"disposition": ""}])
async def test_result_without_words_is_refused_by_the_case(
    centre: Centre, browser: httpx.AsyncClient, home: str, lack: dict[str, str]
) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    await order(browser, "ack")
    answer = await order(browser, "resolve_remote", **({"disposition": "helped", "note": "ok", "spoke": "true"} | lack))
    assert answer.status_code == 409
    assert "say how it ended, and in a few words" in answer.text


@pytest.mark.parametrize(
    "path", ["/incidents/999", "/incidents/abc", "/incidents/-1", "/incidents/99999999999999999999"]
)
async def test_missing_case_is_said_in_words(centre: Centre, browser: httpx.AsyncClient, path: str) -> None:
    await centre.user()
    await log_in(browser)
    answer = await browser.get(path)
    assert answer.status_code in {404, 422}
    assert "返回首页" in answer.text


async def test_admin_sees_no_resident(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(role="admin")
    await centre.alarm(home, "sos", Severity.P1)
    assert (await log_in(browser)).url.path == "/gateways"
    for path in ("/queue", "/queue?part=live", "/incidents/1", "/closed", "/events"):
        answer = await browser.get(path)
        assert answer.status_code == 403
        assert "王桂兰" not in answer.text
    assert "王桂兰" not in (await browser.get("/gateways")).text


async def test_auditor_reads_and_cannot_act(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(role="auditor")
    page = await log_in(browser)
    await centre.alarm(home, "sos", Severity.P1)
    assert 'action="/incidents/1/ack"' not in (await browser.get("/incidents/1")).text
    data = {"csrf": fields(page.text, "/logout")["csrf"], "version": "1", "command_id": "12345678"}
    assert (await browser.post("/incidents/1/ack", data=data)).status_code == 403


async def test_another_operator_cannot_close(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    await centre.user("li", "李敏")
    await centre.alarm(home, "sos", Severity.P1)
    row = (await centre.desk.queue())[0]
    await centre.desk.order(wish("ack", 1, "li", version=row.version))
    await log_in(browser)
    page = (await browser.get("/incidents/1")).text
    assert "In the hands of 李敏" in page
    assert 'action="/incidents/1/resolve_remote"' not in page


async def test_ended_cause_is_shown(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.user(language="en")
    await log_in(browser)
    await centre.alarm(home, "vital", Severity.P1)
    await centre.alarm(home, "vital", Severity.P1, state=AlertState.RESOLVED)
    assert "ended at home" in (await browser.get("/queue")).text


async def test_pages_may_not_be_kept_and_assets_may(centre: Centre, browser: httpx.AsyncClient) -> None:
    await centre.user()
    page = await log_in(browser)
    assert page.headers["cache-control"] == "no-store"
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(paths) >= 5
    for path in paths:
        asset = await browser.get(path)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]


async def test_health_answers_without_a_login(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/healthz")).text == "ok\n"


@pytest.mark.parametrize(
    ("language", "not_on_file", "not_heard"),
    [
        ("zh", "此户未登记", "网关启动后尚未收到数据"),
        ("en", "home not on file", "not heard since the gateway started"),
    ],
)
async def test_home_that_is_not_on_file_is_shown_all_the_same(
    centre: Centre, browser: httpx.AsyncClient, language: str, not_on_file: str, not_heard: str
) -> None:
    await centre.user(language=language)
    await centre.alarm("gw-stranger", "sos", Severity.P1)
    await centre.send("gw-stranger", Lane.STATE, BirthBody(version="1", sensors={"sos-bed": "sos_button_zigbee2mqtt"}))
    await log_in(browser)
    for path in ("/queue", "/incidents/1", "/gateways"):
        page = (await browser.get(path)).text
        assert "gw-stranger" in page
        assert not_on_file in page
    assert not_heard in (await browser.get("/gateways/gw-stranger")).text


def pressure(value: float, at: datetime, **whose_and_when: object) -> Reading:
    return Reading(sensor_id="cuff", quantity=Quantity.SYSTOLIC, value=value, at=at, mono=0, **whose_and_when)


@pytest.mark.parametrize(("language", "late"), [("zh", "补传"), ("en", "sent later")])
async def test_case_page_marks_late_values_and_writes_units_for_people(
    centre: Centre, browser: httpx.AsyncClient, home: str, language: str, late: str
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    now = centre.clock.now
    readings = (pressure(166, now - timedelta(hours=4), is_late=True), pressure(171, now))
    await centre.send(home, Lane.TELEMETRY, TelemetryBody(readings=readings))
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    rows = page[page.index("<tbody>") : page.index("</tbody>")].split("<tr>")[1:]
    assert [("171 mmHg" in row, late in row) for row in rows] == [(True, False), (False, True)]
    assert "[Hg]" not in page


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("时间已校正", "时间为估计值", "按送达时间：家中时钟超前")),
        ("en", ("time corrected", "time estimated", "time of arrival: the home&#39;s clock was ahead")),
    ],
)
async def test_case_page_says_how_it_knows_the_times_of_a_home_whose_clock_was_wrong(
    centre: Centre, browser: httpx.AsyncClient, home: str, language: str, words: tuple[str, ...]
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    now, unset = centre.clock.now, datetime(1970, 1, 1, tzinfo=UTC)
    values = (166, 171, 176)
    for value, at, boot in zip(values, (unset, unset, now + timedelta(days=1)), ("a", "b", ""), strict=True):
        stamps = {"boot": boot, "created_at": at, "is_clock_unsure": bool(boot), "mono": 5_000 if boot else 0}
        await centre.send(home, Lane.TELEMETRY, TelemetryBody(readings=(pressure(value, at),)), **stamps)
    alert = DemoHome().alert(since=unset, sensor_id="cuff")
    await centre.send(home, Lane.LIFE_SAFETY, AlertBody(alert=alert), boot="a", is_clock_unsure=True, mono=1000)
    clock = ClockBody(mono=60_000, wall=now, error_ms=10, source="ntp")
    await centre.send(home, Lane.STATE, clock, boot="a", mono=60_000)
    page = (await browser.get("/incidents/1")).text
    rows = [row for row in page.split("<tr>") if "mmHg" in row]
    said = [[word in row for row in rows if f"{value} mmHg" in row] for value, word in zip(values, words, strict=True)]
    assert said == [[True]] * 3
    assert words[0] in page[page.index('id="alerts"') : page.index('id="evidence"')]
    assert not re.search(r"\b1970\b", page)


@pytest.mark.parametrize(
    ("language", "words"), [("zh", "另一位住户：li-jianguo"), ("en", "another resident: li-jianguo")]
)
async def test_case_page_shows_another_residents_values_only_with_his_alarm(
    centre: Centre, browser: httpx.AsyncClient, home: str, language: str, words: str
) -> None:
    await centre.user(language=language)
    await log_in(browser)
    now = centre.clock.now
    his, guests = pressure(152, now, resident_id="li-jianguo"), pressure(133, now, resident_id="guest")
    await centre.send(home, Lane.TELEMETRY, TelemetryBody(readings=(his, guests)))
    await centre.alarm(home, "sos", Severity.P1)
    page = (await browser.get("/incidents/1")).text
    assert "152 mmHg" not in page
    alert = DemoHome().alert("high:cuff:li-jianguo", hazard="systolic", sensor_id="cuff", since=now, evidence=(his,))
    alert = msgspec.structs.replace(alert, resident_id="li-jianguo")
    await centre.send(home, Lane.LIFE_SAFETY, AlertBody(alert=alert))
    page = (await browser.get("/incidents/1")).text
    assert page.count(words) == 3  # at the newest value, the alert and the series
    assert "152 mmHg" in page
    assert "133 mmHg" not in page
