"""A family member's page over HTTP: only his elders, only what they agreed to, and the few things that he may do."""

import io
import re
from datetime import timedelta

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.casebook import brought_to_end, wish
from fixtures.desk_time import take_the_engine
from fixtures.district import words_of
from PIL import Image

from community.consent import Consent, How, Purpose
from community.desk import QueueRow
from community.people import Item
from community.photos import remade, smaller
from community.registry_batches import batches
from community.registry_demo import demo
from community.store import people_access, people_demands, resident_photos, schema
from community.store.case_schema import attempts, notices
from community.store.people_register import Hand, Tally, take_in
from community.store.people_rows import listed
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import BirthBody, HeartbeatBody, Lane, SetMode, TelemetryBody, decode_command

HIM, BOX, OTHER = "resident-001a", "gw-demo-1001", "resident-003a"


@pytest.fixture
async def family(centre: Centre, browser: httpx.AsyncClient) -> Centre:
    """王强, son of 王桂兰, who has agreed to everything; logged in."""
    hand = Hand(by="import", at=centre.clock.now)
    for part in batches(demo()):
        await centre.store.write(lambda connection, part=part: take_in(connection, part, hand, Tally()))
    await sees(centre, *Item)
    await centre.user("wangqiang", "王强", "family", "zh")
    await ties(centre, "wangqiang")
    await centre.send(BOX, Lane.STATE, BirthBody(version="0.1.0", sensors={}, starts=1))
    await centre.send(BOX, Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))
    await take_the_engine(centre)
    await browser.post("/login", data={"login": "wangqiang", "password": PASSWORD})
    return centre


async def ties(centre: Centre, person: str) -> None:
    users = schema.users
    await centre.store.write(
        lambda of: of.execute(sa.update(users).where(users.c.login == "wangqiang").values(person=person))
    )


async def sees(centre: Centre, *items: Item, whose: tuple[str, ...] = (HIM,)) -> None:
    contacts = schema.contacts
    his = contacts.c.resident_id.in_(whose) & (contacts.c.place == 0)
    values = {"contact_id": "wangqiang", "may_see": listed(item.value for item in items)}
    await centre.store.write(lambda connection: connection.execute(sa.update(contacts).where(his).values(values)))


async def withdraw(centre: Centre) -> None:
    no = Consent(
        purpose=Purpose.FAMILY_VIEW,
        is_given=False,
        given_by="王桂兰",
        relation="",
        at=centre.clock.now,
        text_version="",
        how=How.SPOKEN,
    )
    await centre.store.write(
        lambda connection: people_demands.say_consent(connection, HIM, no, by="zhang", at=centre.clock.now)
    )


async def shown(browser: httpx.AsyncClient) -> str:
    page = await browser.get("/family")
    assert page.status_code == 200
    return words_of(page.text)


async def send(browser: httpx.AsyncClient, what: str, whose: str = HIM, **fields: object) -> httpx.Response:
    page = (await browser.get("/family")).text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf": token[1], "command_id": "a-button-pressed", **fields}
    return await browser.post(f"/family/{whose}/{what}", data=form)


async def order(centre: Centre, command: str, **details: object) -> QueueRow:
    row = next(one for one in await centre.desk.queue() if one.home_id == "home-001")
    return await centre.desk.order(wish(command, row.incident_id, version=row.version, **details))


async def test_family_lands_on_its_page_and_reads_that_all_is_well(family: Centre, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/")).url.path == "/family"
    moved = Reading(
        sensor_id="radar", quantity=Quantity.MOTION, value=1, at=family.clock.now - timedelta(minutes=30), mono=1
    )
    still = msgspec.structs.replace(moved, value=0, at=family.clock.now)
    await family.send(BOX, Lane.TELEMETRY, TelemetryBody(readings=(moved, still)))
    said = await shown(browser)
    assert "您母亲现在在家，一切正常。" in said
    assert "最后一次动静 02:42:44 卫生间" in said
    assert 'href="/queue"' not in (await browser.get("/family")).text
    assert (await browser.get("/queue")).status_code == 403


async def test_an_alarm_is_told_step_by_step(family: Centre, browser: httpx.AsyncClient) -> None:
    await family.alarm(BOX, "sos", Severity.P1)
    assert "您母亲家中有报警，呼叫中心正在接警。" in await shown(browser)
    await order(family, "ack")
    assert "呼叫中心正与家中联系" in await shown(browser)


async def test_what_happened_is_told_with_what_was_done(family: Centre, browser: httpx.AsyncClient) -> None:
    await family.alarm(BOX, "sos", Severity.P1)
    await brought_to_end(family.desk.order, next(iter(await family.desk.queue())))
    said = await shown(browser)
    assert "您母亲现在在家，一切正常。" in said
    assert "SOS紧急呼叫" in said
    assert "中心接警" in said


async def test_box_that_is_silent_is_never_told_as_all_is_well(family: Centre, browser: httpx.AsyncClient) -> None:
    gateways = schema.gateways
    await family.store.write(lambda of: of.execute(sa.update(gateways).values(online=False)))
    said = await shown(browser)
    assert "失去联系" in said
    assert "一切正常" not in said


async def test_consent_decides_item_by_item_and_withdrawn_at_once(family: Centre, browser: httpx.AsyncClient) -> None:
    await family.measure(BOX, Quantity.SPO2, [96, 95])
    await family.alarm(BOX, "sos", Severity.P1)
    said = await shown(browser)
    assert "血氧饱和度" in said
    log = await family.store.read(people_access.newest)
    assert [one.act.value for one in log] == ["vitals"]
    await sees(family, Item.STATUS)
    said = await shown(browser)
    assert "呼叫中心正在接警" in said
    for hidden in ("血氧饱和度", "最后一次动静", "以往记录"):
        assert hidden not in said, hidden
    await withdraw(family)
    page = await browser.get("/family")
    for hidden in ("王桂兰", "报警正在", "正在接警", "血氧", "1号楼"):
        assert hidden not in words_of(page.text), hidden
    assert "您的家人没有同意向您展示近况" in page.text


async def test_nobody_sees_the_elder_of_another(family: Centre, browser: httpx.AsyncClient) -> None:
    await ties(family, "c-somebody")
    said = await shown(browser)
    assert "王桂兰" not in said
    assert "还没有关联老人" in said
    await ties(family, "wangqiang")
    for what, fields in (
        ("mode", {"mode": "away", "hours": 8}),
        ("request", {"text": "please"}),
        ("going", {"incident_id": 1}),
    ):
        answer = await send(browser, what, OTHER, **fields)
        assert answer.status_code == 409, what
    assert (await browser.get(f"/family/{OTHER}/photo")).status_code == 404
    assert await family.store.read(lambda of: of.execute(sa.select(schema.downlink)).all()) == []
    assert await family.store.read(lambda of: of.execute(sa.select(schema.incidents)).all()) == []


async def test_two_elders_are_told_apart_by_name(family: Centre, browser: httpx.AsyncClient) -> None:
    await sees(family, *Item, whose=(HIM, "resident-021a"))
    said = await shown(browser)
    assert "您母亲（王桂兰）" in said
    assert "您母亲（王玉珍）" in said


async def test_away_goes_to_the_home_under_his_name(family: Centre, browser: httpx.AsyncClient) -> None:
    answer = await send(browser, "mode", mode="away", hours=24)
    assert "已通知家中设备" in answer.text
    sent = await family.store.read(lambda of: of.execute(sa.select(schema.downlink)).all())
    action = decode_command(sent[0].body).action
    assert isinstance(action, SetMode)
    assert (action.mode, action.by) == ("away", "wangqiang")
    await send(browser, "mode", mode="away", hours=24)
    assert len(await family.store.read(lambda of: of.execute(sa.select(schema.downlink)).all())) == 1


async def test_request_is_filed_once_and_its_result_rated(family: Centre, browser: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await send(browser, "request", text="请换一个灯泡")
        assert "诉求已登记" in answer.text
    rows = [row for row in await family.desk.queue() if row.workflow == "request"]
    assert len(rows) == 1
    assert f"编号 {rows[0].incident_id}" in await shown(browser)
    assert "非常满意" not in await shown(browser)
    answer = await send(browser, "rating", incident_id=rows[0].incident_id, score=5, text="谢谢王师傅")
    assert answer.status_code == 409, "there is no result yet"
    assert "谢谢王师傅</textarea>" in answer.text, "what he wrote is kept"


async def test_call_back_is_answered_by_the_family(family: Centre, browser: httpx.AsyncClient) -> None:
    await family.alarm(BOX, "sos", Severity.P1)
    await order(family, "ack")
    await order(family, "mark_false", text="she pressed it by mistake", spoke=True)
    said = await shown(browser)
    assert "您母亲现在在家，一切正常。" in said
    assert "您对这次救助满意吗" in said
    answer = await send(browser, "rating", incident_id=1, score=1, text="没有人来")
    assert answer.status_code == 200
    row = (await family.desk.queue())[0]
    assert row.state in {"ACKED", "OPEN"}
    case = await family.desk.incident(1)
    assert case is not None
    assert "没有人来" in " ".join(entry.text.zh for entry in case.timeline)


async def called(centre: Centre) -> None:
    """The ladder has rung the son up."""

    def write(connection: sa.Connection) -> None:
        notice = {"incident_id": 1, "version": 1, "place": 700, "step": "ladder", "audience": "family", "to_whom": ""}
        rest = {"rung": 3, "prompt": "", "created_at": centre.clock.now, "created_e": 0, "state": "done"}
        connection.execute(sa.insert(notices).values(notice | rest))
        number = connection.scalar(sa.select(sa.func.max(notices.c.notice_id)))
        tried = {"notice_id": number, "channel": "voice", "person": f"contact:{HIM}:0", "key": "k-1"}
        at = {"queued_at": centre.clock.now, "changed_at": centre.clock.now}
        connection.execute(sa.insert(attempts).values(tried | at | {"outcome": "sent"}))

    await centre.store.write(write)


async def test_i_am_going_answers_a_call_and_stands_in_the_case(family: Centre, browser: httpx.AsyncClient) -> None:
    await family.alarm(BOX, "sos", Severity.P1)
    assert "/going" not in (await browser.get("/family")).text, "nobody has called him"
    assert (await send(browser, "going", incident_id=1)).status_code == 409
    await called(family)
    assert "/going" in (await browser.get("/family")).text
    answer = await send(browser, "going", incident_id=1)
    assert "已知道您正赶过去" in answer.text
    assert "/going" not in answer.text
    case = await family.desk.incident(1)
    assert case is not None
    assert any("王强（儿子） 电话确认：我去" in entry.text.zh for entry in case.timeline)
    await send(browser, "going", incident_id=1)
    again = await family.desk.incident(1)
    assert again is not None
    assert len(again.timeline) == len(case.timeline)


async def test_form_of_another_session_changes_nothing(family: Centre, browser: httpx.AsyncClient) -> None:
    answer = await send(browser, "mode", mode="away", hours=24, csrf="x")
    assert answer.status_code == 403
    assert await family.store.read(lambda of: of.execute(sa.select(schema.downlink)).all()) == []


async def test_face_is_shown_where_the_elder_agreed(family: Centre, browser: httpx.AsyncClient) -> None:
    sent = io.BytesIO()
    Image.new("RGB", (400, 400)).save(sent, "PNG")
    whole = remade(sent.getvalue())
    hand = Hand(by="li", at=family.clock.now, reason="a visit")
    await family.store.write(lambda of: resident_photos.put(of, HIM, whole, smaller(whole, 96), hand))
    answer = await browser.get(f"/family/{HIM}/photo")
    assert answer.headers["cache-control"] == "private, no-store"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (96, 96)
    await sees(family, Item.STATUS)
    assert (await browser.get(f"/family/{HIM}/photo")).status_code == 404
    assert "/photo" not in (await browser.get("/family")).text


@pytest.mark.parametrize("role", ["operator", "supervisor", "responder", "auditor", "admin", "regulator"])
async def test_page_is_for_families_alone(centre: Centre, browser: httpx.AsyncClient, role: str) -> None:
    await centre.user(role, role, role)
    await browser.post("/login", data={"login": role, "password": PASSWORD})
    assert (await browser.get("/family")).status_code == 403
