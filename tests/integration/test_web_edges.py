"""Edges of the console's pages: numbers that no table holds, ids of nobody, and what is reached by an address alone."""

import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fixtures.browser import Centre
from fixtures.casebook import wish
from fixtures.visitor import come_in
from PIL import Image

from community.consent import Consent, How, Purpose
from community.photos import remade, smaller
from community.store import dispatch_schema, people_access, people_demands, resident_photos
from community.store.people_register import Hand
from community.store.resident_looks import REASON_STANDS
from shouwang.alert import Severity

HUGE = 10**30


@pytest.fixture
async def client(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, timeout=60) as found:
        yield found


@pytest.fixture
async def case(centre: Centre) -> str:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"], allergies=["青霉素"])
    await centre.alarm(box, "sos", Severity.P1)
    return box


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("role", "address"),
    [
        ("admin", f"/admin/policies/emergency?like={HUGE}"),
        ("admin", f"/admin/changes?before={HUGE}"),
        ("admin", f"/admin/policies/proposals/{HUGE}"),
        ("supervisor", f"/supervision/sample/2026-10/{HUGE}/zhang"),
        ("supervisor", f"/supervision/sample/2026-10/{2**53}/zhang"),
        ("supervisor", "/reports/2000-01"),
        ("supervisor", "/reports/2099-12"),
        ("supervisor", "/reports/2099-W53.csv"),
        ("supervisor", "/shifts/9999999999999999/report"),
        ("supervisor", f"/incidents/{HUGE}"),
        ("supervisor", f"/incidents/{HUGE}/vitals"),
        ("supervisor", f"/incidents/{2**62}/vitals"),
        ("operator", f"/residents?page={HUGE}"),
        ("operator", "/residents?find=%00"),
        ("operator", "/residents/%00"),
        ("operator", "/residents/%00/photo"),
        ("operator", "/gateways/%00"),
        ("operator", "/gateways?held=%00,a"),
        ("operator", "/gateways?version=%00"),
        ("operator", "/sensors?search=%00"),
        ("operator", "/plan?at=%00"),
        ("operator", "/plan?home=%00"),
        ("operator", "/plan?after=%00"),
        ("supervisor", "/supervision/sample/2026-10/1/%00"),
        ("admin", "/admin/users/%00"),
        ("family", "/family/%00/photo"),
    ],
)
async def test_no_address_makes_the_server_fail(
    centre: Centre, client: httpx.AsyncClient, case: str, role: str, address: str
) -> None:
    await come_in(centre, client, role)
    assert (await client.get(address)).status_code < 500


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/shifts/sign", {"handover_id": HUGE}),
        ("/shifts/withdraw", {"handover_id": HUGE}),
        ("/shifts/settle", {"no_show_id": HUGE}),
        (f"/supervision/decisions/{2**53}/settle", {"outcome": "done"}),
        (f"/supervision/cases/{2**53}/decision", {"measure": "x", "owner": "y", "due_on": "2026-12-01"}),
        (f"/reviews/{2**53}/read", {}),
        (f"/gateways/tests/{2**62}/stop", {}),
        ("/residents/nobody/look", {"reason": "who is this"}),
        ("/residents/%00/look", {"reason": "who is this"}),
        ("/residents/resident-1/look", {"reason": "a\0b\0c\0d"}),
        ("/supervision/cases/1/decision", {"measure": "a\0", "owner": "b\0", "due_on": "2026-12-01"}),
        ("/shifts/offer", {"taker": "li\0", "words": "w\0"}),
    ],
)
async def test_no_form_makes_the_server_fail(
    centre: Centre, client: httpx.AsyncClient, case: str, address: str, fields: dict[str, object]
) -> None:
    await come_in(centre, client, "supervisor")
    token = csrf(await client.get("/shifts"))
    answer = await client.post(address, data={"csrf": token} | fields)
    assert answer.status_code < 500


async def test_nobodys_card_is_not_opened_and_not_written_down(
    centre: Centre, client: httpx.AsyncClient, case: str
) -> None:
    await come_in(centre, client, "operator")
    token = csrf(await client.get("/shifts"))
    answer = await client.post("/residents/nobody/look", data={"csrf": token, "reason": "who is this"})
    assert answer.status_code == 404
    assert await centre.store.read(people_access.newest) == ()


async def test_face_of_who_took_his_word_back_is_not_reached_by_its_address(
    centre: Centre, client: httpx.AsyncClient, case: str
) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (600, 600), (90, 120, 80)).save(drawn, "PNG")
    face, hand = remade(drawn.getvalue()), Hand(by="import", at=centre.clock.now, reason="his son brought it")
    await centre.store.write(lambda of: resident_photos.put(of, "resident-1", face, smaller(face, longest=96), hand))
    await come_in(centre, client, "operator")
    assert (await client.get("/residents/resident-1/photo")).status_code == 200
    centre.clock.later(hours=1)
    no = Consent(
        purpose=Purpose.EMERGENCY,
        is_given=False,
        given_by="王桂兰",
        relation="self",
        at=centre.clock.now - timedelta(minutes=1),
        text_version="2026-1",
        how=How.PAPER,
    )
    now = centre.clock.now
    await centre.store.write(lambda of: people_demands.say_consent(of, "resident-1", no, by="zhang", at=now))
    assert (await client.get("/residents/resident-1/photo")).status_code == 404
    assert "/photo" not in (await client.get("/residents/resident-1")).text
    assert "/photo" not in (await client.get("/incidents/1")).text


@pytest.mark.parametrize("role", ["auditor", "regulator"])
async def test_case_page_names_no_face_to_who_may_not_see_it(
    centre: Centre, client: httpx.AsyncClient, case: str, role: str
) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (600, 600), (90, 120, 80)).save(drawn, "PNG")
    face, hand = remade(drawn.getvalue()), Hand(by="import", at=centre.clock.now, reason="his son brought it")
    await centre.store.write(lambda of: resident_photos.put(of, "resident-1", face, smaller(face, longest=96), hand))
    await come_in(centre, client, role)
    assert "/photo" not in (await client.get("/incidents/1")).text


async def test_reason_on_a_resident_stands_a_quarter_of_an_hour(centre: Centre, client: httpx.AsyncClient) -> None:
    await centre.home(1, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"], allergies=["青霉素"])
    await come_in(centre, client, "operator")
    token = csrf(await client.get("/shifts"))
    await client.post("/residents/resident-1/look", data={"csrf": token, "reason": "the hospital asks"})
    assert "青霉素" in (await client.get("/residents/resident-1?tab=health")).text
    centre.clock.now += REASON_STANDS + timedelta(seconds=1)
    assert "青霉素" not in (await client.get("/residents/resident-1?tab=health")).text


@pytest.mark.parametrize("address", ["/shifts", "/shifts/1/report", "/queue", "/incidents/1"])
async def test_regulator_reads_no_name_of_a_resident_in_words_of_the_desk(
    centre: Centre, client: httpx.AsyncClient, case: str, address: str
) -> None:
    now = centre.clock.now
    signed = {"handover_id": 1, "leaver": "zhang", "taker": "li", "words": "王桂兰 rings often", "state": "done"}
    signed |= {"body": b"{}", "begun_at": now - timedelta(minutes=1), "signed_at": now}
    await centre.store.write(lambda of: of.execute(dispatch_schema.handovers.insert().values(signed)))
    await come_in(centre, client, "auditor")
    seen_by_auditor = (await client.get(address)).text
    assert "王桂兰" in seen_by_auditor, "a name stands there for who may read it"
    async with httpx.AsyncClient(base_url=str(client.base_url), follow_redirects=True) as other:
        await come_in(centre, other, "regulator")
        page = await other.get(address)
    assert page.status_code == 200
    assert "王桂兰" not in page.text


@pytest.mark.parametrize(("role", "is_shown"), [("operator", True), ("auditor", False), ("regulator", False)])
async def test_what_people_wrote_is_for_who_may_know_what_ails_a_person(
    centre: Centre, client: httpx.AsyncClient, case: str, role: str, is_shown: bool
) -> None:
    (row,) = await centre.desk.queue()
    await centre.desk.order(wish("note", row.incident_id, "li", version=row.version, text="heart attack in spring"))
    await come_in(centre, client, role)
    page = (await client.get("/incidents/1")).text
    assert ("heart attack in spring" in page) is is_shown
    assert ("words not shown" in page) is not is_shown
