"""A responder's phone and the pages of sending, over HTTP as a browser without scripts uses them."""

import io
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, dispatch_of
from fixtures.sent_out import PEOPLE, bring_in
from PIL import Image

from community.casefile import Case
from community.desk import Wish
from community.registry_sealing import Safe
from community.store import people_access, people_key_safes
from community.store.cases import load
from community.store.people_schema import places
from shouwang.alert import Severity


@pytest.fixture
async def phone(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept-language": "en"}
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, headers=headers) as client:
        yield client


@pytest.fixture
async def desk(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as client:
        yield client


async def called_out(centre: Centre) -> None:
    """Liu and Zhao are asked to go to Wang Guilan."""
    gateway = await centre.home(
        501,
        "3号楼2-501",
        "王桂兰 <b>",
        1944,
        allergies=["青霉素"],
        conditions=["冠心病"],
        contacts=[{"name": "王强", "relation": "儿子", "phone": "138 0000 0001", "has_key": True}],
    )
    await bring_in(centre.store, centre.clock.now, PEOPLE)

    def set_code(connection: sa.Connection) -> None:
        people_key_safes.put(connection, "home-501", "47#11", Safe(), hint="门框右侧", by="admin", at=centre.clock.now)

    await centre.store.write(set_code)
    await centre.alarm(gateway, "sos", Severity.P1)
    await by_desk(centre, "ack")
    await by_desk(centre, "dispatch", targets=("liu", "zhao"))


async def by_desk(centre: Centre, command: str, **more: object) -> None:
    case = await case_of(centre)
    whose = {"incident_id": 1, "by": "zhang", "role": "operator", "version": case.version}
    await centre.desk.order(Wish(command=command, command_id=f"{command}-{case.version}", **whose, **more))


async def case_of(centre: Centre) -> Case:
    found = await centre.store.read(lambda connection: load(connection, 1))
    assert found is not None
    return found


async def opened(centre: Centre, phone: httpx.AsyncClient, who: str = "liu") -> str:
    """The address of his link, held by this phone."""
    token = await dispatch_of(centre).errands.make_link(1, who)
    answer = await phone.post(f"/r/{token}")
    assert answer.status_code == 200
    return f"/r/{token}"


def form_of(page: str, action: str, command: str = "") -> dict[str, str]:
    """The hidden fields of the form that posts there (with this command)."""
    for found in re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL):
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found))
        if not command or fields.get("command") == command:
            return fields
    raise AssertionError(f"no form {action} {command}")


async def press(phone: httpx.AsyncClient, link: str, command: str, **more: str) -> httpx.Response:
    page = (await phone.get(link)).text
    return await phone.post(f"{link}/order", data=form_of(page, f"{link}/order", command) | more)


def a_photo() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (3000, 2000), (90, 120, 60)).save(made, "JPEG", comment=b"secret place")
    return made.getvalue()


async def test_a_link_shows_nothing_before_it_is_pressed_and_then_to_one_phone_only(
    centre: Centre, phone: httpx.AsyncClient, desk: httpx.AsyncClient
) -> None:
    await called_out(centre)
    link = f"/r/{await dispatch_of(centre).errands.make_link(1, 'liu')}"
    preview = await phone.get(link)
    assert preview.status_code == 200
    for secret in ("3号楼", "王桂兰", "SOS"):
        assert secret not in preview.text
    answer = await phone.post(link, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", f"Path={link}"} <= set(cookie.split("; "))
    assert "3号楼2-501" in (await phone.get(link)).text
    stranger = await desk.get(link)
    assert stranger.status_code == 410
    assert "3号楼" not in stranger.text
    assert (await desk.post(f"{link}/key-safe")).status_code == 404
    assert (await desk.get("/r/" + "x" * 32)).status_code == 410
    assert (await desk.get("/r/short")).status_code == 422


async def test_the_way_from_accept_to_report(centre: Centre, phone: httpx.AsyncClient) -> None:
    await called_out(centre)
    link = await opened(centre, phone)
    page = (await phone.get(link)).text
    assert "接单，我去" in page  # on file as Chinese
    assert "王桂兰" not in page
    assert "钥匙盒" not in page
    page = (await press(phone, link, "accept", eta_min="5")).text
    assert "我已到达" in page
    for needed in ("王桂兰 &lt;b&gt;", "青霉素", "冠心病", "138 0000 0001", "门框右侧", "北门进", "tel:057188880000"):
        assert needed in page
    assert "47#11" not in page
    assert "47#11" in (await phone.post(f"{link}/key-safe")).text
    assert "47#11" not in (await phone.get(link)).text
    page = (await press(phone, link, "arrive")).text
    assert (await case_of(centre)).state == "ON_SCENE"
    fields = form_of(page, f"{link}/report") | {"disposition": "helped", "text": "扶起，无外伤"}
    answer = await phone.post(f"{link}/report", data=fields, files={"photo": ("a.jpg", a_photo(), "image/jpeg")})
    assert answer.status_code == 200
    assert "您已上报" in answer.text
    case = await case_of(centre)
    assert (case.state, case.reporter) == ("FEEDBACK", "liu")
    assert (await phone.post(f"{link}/key-safe")).status_code == 409
    acts = [(one.actor, one.act.value) for one in await centre.store.read(people_access.newest) if one.actor == "liu"]
    assert sorted(acts) == [("liu", "card"), ("liu", "key_safe")]


async def test_the_desk_sees_the_photo_and_each_look_is_logged(
    centre: Centre, phone: httpx.AsyncClient, desk: httpx.AsyncClient
) -> None:
    await centre.user()
    await called_out(centre)
    link = await opened(centre, phone)
    for command in ("accept", "arrive"):
        page = (await press(phone, link, command, **({"eta_min": "5"} if command == "accept" else {}))).text
    fields = form_of(page, f"{link}/report") | {"disposition": "helped", "text": "好"}
    await phone.post(f"{link}/report", data=fields, files={"photo": ("a.jpg", a_photo(), "image/jpeg")})
    assert (await desk.get(f"/incidents/1/photos/{fields['command_id']}")).url.path == "/login"
    await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
    page = (await desk.get("/incidents/1/send")).text
    (address,) = re.findall(r'href="(/incidents/1/photos/[^"]+)"', page)
    answer = await desk.get(address)
    assert answer.headers["content-type"] == "image/jpeg"
    assert b"secret place" not in answer.content
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (1600, 1067)
    looks = await centre.store.read(people_access.newest)
    assert (looks[0].actor, looks[0].act.value) == ("zhang", "photo")
    assert (await desk.get("/incidents/1/photos/unknown-photo")).status_code == 404


async def test_a_bad_photo_keeps_the_words_and_a_double_send_is_one_report(
    centre: Centre, phone: httpx.AsyncClient
) -> None:
    await called_out(centre)
    link = await opened(centre, phone)
    await press(phone, link, "accept", eta_min="5")
    page = (await press(phone, link, "arrive")).text
    fields = form_of(page, f"{link}/report") | {"disposition": "hospital", "text": "她说胸口痛"}
    answer = await phone.post(f"{link}/report", data=fields, files={"photo": ("a.jpg", b"no photo", "image/jpeg")})
    assert answer.status_code == 422
    assert "她说胸口痛" in answer.text
    assert 'value="hospital" required checked' in answer.text
    assert (await case_of(centre)).state == "ON_SCENE"
    empty = await phone.post(f"{link}/report", data=fields | {"text": "  "})
    assert empty.status_code == 422
    for _ in range(2):
        answer = await phone.post(f"{link}/report", data=fields, files={"photo": ("", b"", "image/jpeg")})
        assert answer.status_code == 200
    assert (await case_of(centre)).state == "FEEDBACK"


async def test_two_phones_accept_and_one_is_told_that_somebody_was_faster(
    centre: Centre, phone: httpx.AsyncClient, desk: httpx.AsyncClient
) -> None:
    await called_out(centre)
    liu, zhao = await opened(centre, phone), await opened(centre, desk, "zhao")
    late = form_of((await desk.get(zhao)).text, f"{zhao}/order", "accept")
    await press(phone, liu, "accept", eta_min="5")
    answer = await desk.post(f"{zhao}/order", data=late | {"eta_min": "5"})
    assert answer.status_code == 409
    assert "已有他人接单前往" in answer.text
    assert "3号楼" not in answer.text


async def test_a_decline_says_why_in_the_timeline(centre: Centre, phone: httpx.AsyncClient) -> None:
    await called_out(centre)
    link = await opened(centre, phone)
    answer = await press(phone, link, "decline", why="far")
    assert "您表示不能前往" in answer.text  # on file as Chinese
    page = await centre.desk.incident(1)
    assert page is not None
    assert page.timeline[-1].text.zh.endswith("拒单：距离太远")


async def test_a_phone_orders_nothing_of_the_desk(centre: Centre, phone: httpx.AsyncClient) -> None:
    await called_out(centre)
    link = await opened(centre, phone)
    fields = form_of((await phone.get(link)).text, f"{link}/order", "accept")
    for command in ("verify_ok", "ack", "offer_next"):
        answer = await phone.post(f"{link}/order", data=fields | {"command": command})
        assert answer.status_code == 422
    foreign = {"origin": "https://evil.example"}
    assert (await phone.post(f"{link}/order", data=fields, headers=foreign)).status_code == 403


async def test_the_language_of_the_phone_can_be_chosen(centre: Centre, phone: httpx.AsyncClient) -> None:
    await called_out(centre)
    link = await opened(centre, phone)
    assert '<html lang="zh-CN">' in (await phone.get(link)).text
    answer = await phone.post("/language", data={"language": "en", "next": link})
    assert answer.url.path == link
    assert '<html lang="en">' in answer.text


async def test_the_sheet_is_shown_on_scene_and_printed_at_the_desk(
    centre: Centre, phone: httpx.AsyncClient, desk: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    await called_out(centre)
    link = await opened(centre, phone)
    assert (await phone.get(f"{link}/sheet")).status_code == 404  # not before it is his
    await press(phone, link, "accept", eta_min="5")
    assert "青霉素" in (await phone.get(f"{link}/sheet")).text
    await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
    page = (await desk.get("/incidents/1/sheet")).text
    assert "120 has not been called yet" in page
    await by_desk(centre, "call_120")
    assert "has given no reference yet" in (await desk.get("/incidents/1/sheet")).text
    await by_desk(centre, "call_120", reference="HZ-4711")
    page = (await desk.get("/incidents/1/sheet")).text
    for part in ("reference HZ-4711", "王桂兰 &lt;b&gt;", "冠心病", "门框右侧", "0571-8888 0000", "刘芳"):
        assert part in page
    said = (await desk.get("/incidents/1/sheet.txt")).text
    assert "Patient: 王桂兰 <b>, aged 82" in said
    assert "47#11" not in said
    looks = [one.act.value for one in await centre.store.read(people_access.newest) if one.actor == "zhang"]
    assert looks.count("dossier") == 4
    assert (await desk.get("/incidents/99/sheet")).status_code == 404


async def test_a_role_without_a_right_to_medical_data_gets_no_sheet(centre: Centre, desk: httpx.AsyncClient) -> None:
    await centre.user("wu", "吴", role="auditor")
    await called_out(centre)
    await desk.post("/login", data={"login": "wu", "password": PASSWORD})
    for path in ("/incidents/1/sheet", "/incidents/1/sheet.txt"):
        answer = await desk.get(path)
        assert answer.status_code == 403
        assert "青霉素" not in answer.text


async def test_the_desk_sends_whom_it_ticks_and_sees_the_reasons(centre: Centre, desk: httpx.AsyncClient) -> None:
    await centre.user(language="en")
    gateway = await centre.home(501, "3号楼2-501", "王桂兰", 1944)
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    grid = sa.insert(places).values(place_id="grid-7", level="grid", code="7", name="第七网格")
    await centre.store.write(lambda connection: connection.execute(grid))
    await centre.alarm(gateway, "sos", Severity.P1)
    await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
    assert "Only who has taken the case" in (await desk.get("/incidents/1/send")).text
    await by_desk(centre, "ack")
    page = (await desk.get("/incidents/1/send")).text
    for said in ("刘芳", "responsible for 第七网格", "has the skill first aid", "has no telephone number on file"):
        assert said in page
    fields = form_of(page, "/incidents/1/send/order")
    none = await desk.post("/incidents/1/send/order", data=fields)
    assert none.status_code == 409
    fields = form_of(none.text, "/incidents/1/send/order")
    answer = await desk.post("/incidents/1/send/order", data={**fields, "who": ["liu", "zhao"]})
    assert answer.url.path == "/incidents/1"
    case = await case_of(centre)
    assert (case.state, [offer.to for offer in case.offers]) == ("DISPATCHED", ["liu", "zhao"])


async def test_units_are_called_in_from_the_page_and_their_answers_stand_there(
    centre: Centre, desk: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    gateway = await centre.home(501, "3号楼2-501", "王桂兰", 1944)
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    await centre.alarm(gateway, "sos", Severity.P1)
    await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
    await by_desk(centre, "ack")
    page = (await desk.get("/incidents/1/send")).text
    units = page[page.index('action="/incidents/1/send/units"') :]
    assert "社区卫生站" in units
    assert "急救中心" not in units  # 120 is called by people
    fields = form_of(page, "/incidents/1/send/units")
    answer = await desk.post("/incidents/1/send/units", data={**fields, "who": ["clinic", "grid"]})
    assert "has not answered yet" in answer.text
    fields = form_of(answer.text, "/incidents/1/send/units/accept")
    answer = await desk.post("/incidents/1/send/units/accept", data=fields)
    assert [(task.to, task.answer) for task in (await case_of(centre)).tasks] == [
        ("clinic", "accepted"),
        ("grid", "asked"),
    ]
    never = await desk.post(
        "/incidents/1/send/units",
        data={**form_of(answer.text, "/incidents/1/send/units"), "who": ["ambulance"]},
    )
    assert never.status_code == 409
    assert "orders of their own" in never.text


async def test_nobody_leaves_with_a_life_alarm_and_the_next_one_signs(
    centre: Centre, desk: httpx.AsyncClient, phone: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    await centre.user("chen", "陈晨", language="en")
    await called_out(centre)
    await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
    page = (await desk.get("/shifts")).text
    assert "Nobody else is logged in" in page
    leaving = await desk.post("/logout", data=form_of(page, "/logout"))
    assert leaving.url.path == "/shifts"
    assert "a life alarm is in your hands" in leaving.text
    await phone.post("/login", data={"login": "chen", "password": PASSWORD})
    page = (await desk.get("/shifts")).text
    offer = form_of(page, "/shifts/offer") | {"taker": "chen", "words": "3 号楼等家属"}
    page = (await desk.post("/shifts/offer", data=offer)).text
    assert "陈晨 has not yet" in page
    assert (await case_of(centre)).owner == "zhang"
    theirs = (await phone.get("/shifts")).text
    assert "张琳 gives you the shift" in theirs
    assert "3 号楼等家属" in theirs
    assert "case 1" in theirs
    await phone.post("/shifts/sign", data=form_of(theirs, "/shifts/sign"))
    assert (await case_of(centre)).owner == "chen"
    assert (await desk.get("/queue")).url.path == "/login", "the session of who has left ends with his shift"
    stays = await phone.post("/logout", data=form_of(theirs, "/logout"))
    assert stays.url.path == "/shifts"


async def test_an_offer_can_be_taken_back_and_refused(
    centre: Centre, desk: httpx.AsyncClient, phone: httpx.AsyncClient
) -> None:
    await centre.user()
    await centre.user("chen", "陈晨")
    for client, login in ((desk, "zhang"), (phone, "chen")):
        await client.post("/login", data={"login": login, "password": PASSWORD})
    fields = form_of((await desk.get("/shifts")).text, "/shifts/offer")
    page = (await desk.post("/shifts/offer", data=fields | {"taker": "chen"})).text
    await desk.post("/shifts/withdraw", data=form_of(page, "/shifts/withdraw"))
    assert "/shifts/sign" not in (await phone.get("/shifts")).text
    wrong = await desk.post("/shifts/offer", data=fields | {"taker": "nobody"})
    assert wrong.status_code == 409
    old = await phone.post("/shifts/sign", data={"csrf": fields["csrf"], "handover_id": "1"})
    assert old.status_code == 403


async def test_a_colleague_who_did_not_come_is_a_red_row_that_a_supervisor_settles(
    centre: Centre, desk: httpx.AsyncClient, phone: httpx.AsyncClient
) -> None:
    from community.dispatcher import Dispatcher

    await centre.user(language="en")
    await centre.user("wang", "王主管", role="supervisor", language="en")
    # BEGIN is 03:12 in Shanghai
    duties = 'duties:\n  - {post: operator, person: zhang, from: "02:00", to: "10:00"}\n'
    await bring_in(centre.store, centre.clock.now, PEOPLE + duties)
    await Dispatcher(centre.store, clock=centre.clock, told=lambda: None).look_at_the_roster()
    for client, login in ((desk, "zhang"), (phone, "wang")):
        await client.post("/login", data={"login": login, "password": PASSWORD})
    page = (await desk.get("/shifts")).text
    assert "张琳 has not come" in page
    assert "/shifts/settle" not in page
    assert "no back-up" in page
    page = (await phone.get("/shifts")).text
    fields = form_of(page, "/shifts/settle")
    assert "has not come" not in (await phone.post("/shifts/settle", data=fields)).text


async def test_without_a_room_there_are_no_such_pages(centre: Centre) -> None:
    from community.web.app import create_app

    app = create_app(centre.desk, centre.accounts, name="x", clock=centre.clock, secure_cookies=False)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/r/" + "x" * 32)).status_code == 404
