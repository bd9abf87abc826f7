"""Pages of residents over HTTP: who sees whom, what is found and paged, what is written down, faces and tabs."""

import io
import re

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.district import words_of
from fixtures.visitor import come_in
from PIL import Image

from community.consent import Consent, How, Purpose
from community.photos import remade, smaller
from community.registry import ResidentRow, register_of
from community.staff import Staff
from community.store import people_access, people_demands, resident_photos, schema
from community.store.people_register import Hand, Tally, take_in
from community.store.resident_list import PAGE
from community.users import EVERYWHERE
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import BirthBody, HeartbeatBody, Lane, StatusBody

HIM, BOX = "resident-001a", "gw-demo-1001"
"""王桂兰, 95, falls, amlodipine; her son 王强 has a key; never reviewed."""


async def main(browser: httpx.AsyncClient, address: str) -> str:
    page = await browser.get(address)
    assert page.status_code == 200, page.status_code
    return words_of(page.text)


def names(html: str) -> list[str]:
    return re.findall(r'<a class="open" href="/residents/[^"]+"><b>([^<]+)</b>', html)


async def acts(centre: Centre) -> list[tuple[str, str | None, str]]:
    log = await centre.store.read(people_access.newest)
    return [(one.act.value, one.resident_id, one.reason) for one in reversed(log)]


def csrf(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None
    return found[1]


# ---- the list ----


async def test_an_open_case_has_the_colour_of_its_severity_and_of_several_the_worst_is_named(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    for hazard, severity in (("sos", Severity.P1), ("sensor-silent", Severity.P3)):
        await district.alarm(BOX, hazard, severity)
        for address in ("/residents", f"/residents/{HIM}"):
            page = (await browser.get(address)).text
            found = re.findall(r'<a class="badge (p\d) open-case" href="/incidents/(\d+)">', page)
            assert found == [("p1", "1")]
    await district.alarm("gw-demo-1009", "sensor-silent", Severity.P3)
    page = (await browser.get("/residents")).text
    assert set(re.findall(r'class="badge (p\d) open-case"', page)) == {"p1", "p3"}
    assert "TECH case open" in words_of(page)


async def test_list_is_paged_in_the_order_of_addresses_and_each_stands_in_it_once(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    first = (await browser.get("/residents")).text
    assert len(names(first)) == PAGE
    assert 'rel="prev"' not in first
    address = re.search(r'rel="next" href="([^"]+)"', first)
    assert address is not None
    second = (await browser.get(address[1])).text
    found = re.findall(r'href="/residents/(resident-[0-9a-z]+)"', first + second)
    assert len(found) == len(set(found)) == 48, "forty homes, eight of them with two people"
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("find=王桂兰", {"王桂兰"}),
        ("find=江畔社区 2号楼1-602", {"黄志强"}),
        ("find=RESIDENT-001", {"王桂兰"}),
        ("find=021-5555 0100", {"王桂兰"}),
        ("find=13800000000", {"王桂兰"}),
        ("find=%25", set()),
        ("find=_", set()),
        ("find=王' OR '1'='1", set()),
    ],
)
async def test_search_finds_by_name_address_id_and_telephone(
    district: Centre, browser: httpx.AsyncClient, query: str, found: set[str]
) -> None:
    await come_in(district, browser)
    page = (await browser.get(f"/residents?{query}")).text
    assert set(names(page)) == found
    assert ("Nobody was found" in page) is (not found)


async def test_filters_find_who_is_alone_forgotten_or_half_on_file(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)

    def forget(connection: sa.Connection) -> None:
        residents, contacts = schema.residents, schema.contacts
        connection.execute(sa.delete(contacts).where(contacts.c.resident_id == HIM))
        his = sa.update(residents).where(residents.c.resident_id == HIM)
        connection.execute(his.values(phone="", born=None))
        connection.execute(sa.update(residents).values(reviewed_on="2026-11-01"))
        connection.execute(his.values(reviewed_on="2025-11-01"))

    await district.store.write(forget)
    for name in ("no_contact", "unreviewed", "incomplete"):
        page = (await browser.get(f"/residents?{name}=true")).text
        assert names(page) == ["王桂兰"], name
    alone = [await main(browser, f"/residents?alone=true&page={page}") for page in (0,)]
    assert "吴国华" not in alone[0], "he lives with his wife"
    there = names((await browser.get("/residents?area=riverside-1")).text)
    assert len(there) == 8
    assert names((await browser.get("/residents?area=riverside-1&alone=true&find=刘建国")).text) == ["刘建国"]


async def test_search_by_risk_is_for_who_may_see_health_and_is_written_down(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    assert 'name="flag"' not in (await browser.get("/residents")).text
    assert (await browser.get("/residents?flag=oxygen")).status_code == 403
    assert await acts(district) == []
    no = Consent(
        purpose=Purpose.EMERGENCY,
        is_given=False,
        given_by="刘建国",
        relation="",
        at=district.clock.now,
        text_version="",
        how=How.SPOKEN,
    )
    await district.store.write(
        lambda connection: people_demands.say_consent(
            connection, "resident-002a", no, by="zhang", at=district.clock.now
        )
    )
    await come_in(district, browser, "supervisor")
    page = (await browser.get("/residents?flag=oxygen")).text
    assert names(page)
    assert "刘建国" not in names(page), "he does not want health to be shown"
    looked = [whose for act, whose, _ in await acts(district) if act == "card"]
    assert len(looked) == len(names(page))
    await browser.get("/residents?flag=oxygen")
    assert len(await acts(district)) == len(looked) + 1, "one look an hour, and the consent"


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("operator", 200),
        ("supervisor", 200),
        ("auditor", 200),
        ("regulator", 403),
        ("admin", 403),
        ("responder", 403),
        ("family", 403),
    ],
)
async def test_only_who_may_read_the_register_gets_in(
    district: Centre, browser: httpx.AsyncClient, role: str, status: int
) -> None:
    await come_in(district, browser, role)
    for address in ("/residents", f"/residents/{HIM}"):
        page = await browser.get(address)
        assert page.status_code == status
        assert ("王桂兰" in page.text or "刘建国" in page.text) is (status == 200)


async def test_another_area_is_neither_listed_nor_found_nor_opened(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    staff = Staff(store=district.store, by="root", clock=district.clock)
    await staff.set_scope("operator", areas=frozenset({"riverside"}), organisations=EVERYWHERE)
    await browser.post("/login", data={"login": "operator", "password": PASSWORD})
    listed = names((await browser.get("/residents")).text)
    assert "刘建国" in listed
    assert "王桂兰" not in listed
    assert names((await browser.get("/residents?find=王桂兰")).text) == []
    assert names((await browser.get("/residents?area=sunny")).text) == []
    assert (await browser.get(f"/residents/{HIM}")).status_code == 403
    assert (await browser.get(f"/residents/{HIM}/photo")).status_code == 403
    await staff.set_scope("operator", areas=EVERYWHERE, organisations=frozenset({"care-co"}))
    await browser.post("/login", data={"login": "operator", "password": PASSWORD})
    assert names((await browser.get("/residents")).text) == [], "nobody is served by his organisation"


# ---- the page ----


async def test_page_says_whom_to_call_what_was_agreed_and_what_is_missing(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser, "supervisor")
    said = await main(browser, f"/residents/{HIM}?tab=health")
    assert "94 woman" in said
    assert said.index("王强") < said.index("吴阿姨") < said.index("网格员 王芳")
    assert "has a key" in said
    assert "number never tested" in said
    assert "number tested on 2026-11-01" in said
    assert "95 %" in said
    assert "not reviewed for a year" in said
    assert "agreed Family may look" in said
    assert "not asked" not in said
    assert "氨氯地平" in said
    assert "risk of falling" in said
    said = await main(browser, "/residents/resident-003a?tab=health")
    assert "not asked Given to clinics" in said
    assert (await browser.get("/residents/nobody")).status_code == 404


async def test_health_is_open_with_a_case_or_a_reason_and_each_look_is_written_down(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(district, browser)
    page = await browser.get(f"/residents/{HIM}?tab=health")
    for secret in ("氨氯地平", "risk of falling", "高血压", "东门"):
        assert secret not in page.text
    assert [act for act, *_ in await acts(district)] == ["contacts"]
    token = csrf(page.text)
    assert (
        await browser.post(f"/residents/{HIM}/look", data={"csrf": "x", "reason": "hospital asks"})
    ).status_code == 403
    answer = await browser.post(
        f"/residents/{HIM}/look", data={"csrf": token, "reason": "hospital asks", "tab": "health"}
    )
    assert "氨氯地平" in answer.text
    assert "hospital asks" in answer.text
    await browser.get(f"/residents/{HIM}?tab=vitals")
    assert [act for act, *_ in await acts(district)] == ["contacts", "card", "break_glass", "vitals"]
    assert {reason for act, _, reason in await acts(district) if act != "contacts"} == {"hospital asks"}
    assert "氨氯地平" not in (await browser.get("/residents/resident-005a?tab=health")).text, "of this person alone"
    district.clock.later(minutes=16)
    assert "氨氯地平" not in (await browser.get(f"/residents/{HIM}?tab=health")).text
    await district.alarm(BOX, "sos", Severity.P1)
    assert "氨氯地平" in (await browser.get(f"/residents/{HIM}?tab=health")).text
    assert "/incidents/1" in (await browser.get(f"/residents/{HIM}")).text


async def test_reason_of_a_look_waits_for_a_supervisor(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    token = csrf((await browser.get(f"/residents/{HIM}")).text)
    await browser.post(f"/residents/{HIM}/look", data={"csrf": token, "reason": "hospital asks"})
    await come_in(district, browser, "supervisor")
    assert "hospital asks" in (await browser.get("/access")).text


async def test_whoever_withdrew_is_not_shown_with_his_health(district: Centre, browser: httpx.AsyncClient) -> None:
    said = {"given_by": "王桂兰", "relation": "", "text_version": "", "how": How.SPOKEN, "is_given": False}
    no = Consent(purpose=Purpose.EMERGENCY, at=district.clock.now, **said)
    await district.store.write(
        lambda connection: people_demands.say_consent(connection, HIM, no, by="zhang", at=district.clock.now)
    )
    await come_in(district, browser, "supervisor")
    await district.alarm(BOX, "sos", Severity.P1)
    for tab in ("health", "vitals", "services"):
        page = (await browser.get(f"/residents/{HIM}?tab={tab}")).text
        assert "does not want health to be shown" in page
        assert "氨氯地平" not in page
        assert "risk of falling" not in page


async def test_vitals_need_the_word_for_them_or_an_open_case(district: Centre, browser: httpx.AsyncClient) -> None:
    await district.measure(BOX, Quantity.SPO2, [96, 94, 91], step_s=1200)
    await come_in(district, browser, "supervisor")
    page = (await browser.get(f"/residents/{HIM}")).text
    assert "<b>91</b>" in page
    assert "<polyline" in page
    said = {"given_by": "王桂兰", "relation": "", "text_version": "", "how": How.SPOKEN, "is_given": False}
    no = Consent(purpose=Purpose.HEALTH_MONITORING, at=district.clock.now, **said)
    await district.store.write(
        lambda connection: people_demands.say_consent(connection, HIM, no, by="zhang", at=district.clock.now)
    )
    page = (await browser.get(f"/residents/{HIM}")).text
    assert "<b>91</b>" not in page
    assert "has not agreed that measured values are looked at day by day" in page
    await district.alarm(BOX, "sos", Severity.P1)
    assert "<b>91</b>" in (await browser.get(f"/residents/{HIM}?days=7")).text


async def test_values_of_whoever_lived_there_before_are_not_shown(district: Centre, browser: httpx.AsyncClient) -> None:
    await district.measure(BOX, Quantity.SPO2, [88, 87, 86])
    await district.alarm(BOX, "sos", Severity.P1)
    hand = Hand(by="zhang", at=district.clock.later(hours=1), reason="moved")
    rows = (
        ResidentRow(id=HIM, home="home-040", order=5, name="王桂兰"),
        ResidentRow(id="resident-new", home="home-001", name="钱新来"),
    )
    await district.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))
    await come_in(district, browser, "supervisor")
    page = (await browser.get("/residents/resident-new?tab=vitals")).text
    assert "<b>86</b>" not in page
    assert "There has been no case while this person lived here." in await main(
        browser, "/residents/resident-new?tab=cases"
    )
    assert "SOS button" in await main(browser, f"/residents/{HIM}?tab=cases")


async def test_devices_cases_and_stays_are_told(district: Centre, browser: httpx.AsyncClient) -> None:
    now = district.clock.now
    await district.send(BOX, Lane.STATE, BirthBody(version="0.1.0", sensors={"radar": "radar"}, starts=1))
    await district.send(BOX, Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))
    lost = SensorStatus(sensor_id="radar", state=SensorState.DOWN, since=now, at=now, mono=0, reason="no answer")
    await district.send(BOX, Lane.STATE, StatusBody(status=lost))
    await district.alarm(BOX, "fall", Severity.P1)
    await come_in(district, browser, "auditor")
    said = await main(browser, f"/residents/{HIM}?tab=devices")
    assert "radar · R60AFD1" in said
    assert "卫生间" in said
    assert "RPi 4B 客厅" in said
    assert "never tested" in said
    assert "secrets/" not in said
    assert "Fall case 1" in await main(browser, f"/residents/{HIM}?tab=cases")
    assert "阳光社区 1号楼1-101" in await main(browser, f"/residents/{HIM}?tab=stays")
    looked = await main(browser, f"/residents/{HIM}?tab=looked")
    assert "name and contacts" in looked
    assert "氨氯地平" not in await main(browser, f"/residents/{HIM}?tab=health")


async def test_operator_does_not_read_who_looked(district: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(district, browser)
    assert (await browser.get(f"/residents/{HIM}?tab=looked")).status_code == 403
    assert "tab=looked" not in (await browser.get(f"/residents/{HIM}")).text


# ---- the face ----


def camera() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Wang"
    exif.get_ifd(0x8825)[2] = (30.0, 15.0, 1.0)
    sent = io.BytesIO()
    Image.new("RGB", (1200, 900), (90, 120, 60)).save(sent, "JPEG", exif=exif)
    return sent.getvalue()


async def put_face(centre: Centre) -> None:
    whole = remade(camera())
    hand = Hand(by="li", at=centre.clock.now, reason="a visit")
    await centre.store.write(
        lambda connection: resident_photos.put(connection, HIM, smaller(whole, 480), smaller(whole, 96), hand)
    )


async def test_face_is_shown_by_right_kept_by_nobody_and_each_look_is_written_down(
    district: Centre, browser: httpx.AsyncClient
) -> None:
    await put_face(district)
    await come_in(district, browser)
    assert f"/residents/{HIM}/photo" not in (await browser.get(f"/residents/{HIM}")).text
    assert (await browser.get(f"/residents/{HIM}/photo")).status_code == 403
    await come_in(district, browser, "auditor")
    assert (await browser.get(f"/residents/{HIM}/photo")).status_code == 403
    await come_in(district, browser, "supervisor")
    assert f"/residents/{HIM}/photo" in (await browser.get(f"/residents/{HIM}")).text
    answer = await browser.get(f"/residents/{HIM}/photo")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-type"] == "image/jpeg"
    assert b"Camera of Wang" not in answer.content
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (480, 360)
        assert not picture.getexif()
    with Image.open(io.BytesIO((await browser.get(f"/residents/{HIM}/photo?size=small")).content)) as picture:
        assert picture.size == (96, 72)
    assert [act for act, *_ in await acts(district)].count("photo") == 1
    assert (await browser.get("/residents/resident-002a/photo")).status_code == 404
