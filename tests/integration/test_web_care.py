"""Plans of care, assessments and medicines over HTTP: on the page, on the list, in the forms; who sees what."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from html import unescape

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, people_rooms
from fixtures.district import words_of
from fixtures.visitor import come_in

from community import care_room
from community.care_room import CareRoom
from community.care_rounds import CareRounds
from community.consent import Consent, How, Purpose
from community.people import Item
from community.registry import (
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    ContactRow,
    HomeRow,
    MedicineRow,
    PlaceRow,
    ResidentRow,
    Row,
    register_of,
)
from community.staff import Staff
from community.store import care_list, care_rows, people_access, people_demands, schema
from community.store.care_schema import care_standings
from community.store.database import Connection
from community.store.people_register import Hand, Tally, take_in
from community.store.people_rows import listed
from community.users import EVERYWHERE
from shouwang.alert import Severity
from shouwang.errors import TryLater
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Lane, TelemetryBody

BOX, HIM, HER = "gw-1", "resident-1", "resident-2"
PLAN = {"resident": HIM, "condition": "hypertension", "quantity": "systolic", "times": 2, "days": 7}
TARGET = {"low": 110, "high": 140, "set_by": "李医生", "set_on": "2026-10-12"}


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True, timeout=60) as client:
        yield client


@pytest.fixture
async def village(centre: Centre) -> Centre:
    """Two homes in two communities, a person in each; both agreed to all."""
    at = "2026-10-08T01:30:00+00:00"
    rows: list[Row] = [
        PlaceRow(id="d", level="district", name="浦江区"),
        *(PlaceRow(id=one, level="community", within="d", name=one) for one in ("sunny", "riverside")),
        HomeRow(id="home-1", address="阳光 1号楼", place="sunny", gateway=BOX),
        HomeRow(id="home-2", address="江畔 2号楼", place="riverside", gateway="gw-2"),
        ResidentRow(id=HIM, home="home-1", name="王桂兰", born=1932, medicines=("氨氯地平",)),
        ResidentRow(id=HER, home="home-2", name="刘建国", born=1940),
        ContactRow(resident=HIM, order=0, id="son", name="王强", phones=("138 0000 0001",), may_see=tuple(Item)),
        *(
            ConsentRow(resident=who, purpose=purpose, given=True, by="本人", at=at)
            for who in (HIM, HER)
            for purpose in Purpose
        ),
    ]
    await put(centre, *rows)
    return centre


async def put(centre: Centre, *rows: Row) -> None:
    hand = Hand(by="import", at=centre.clock.now, reason="a visit")
    await centre.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))


async def measured(centre: Centre, quantity: Quantity, told: list[tuple[float, float]], box: str = BOX) -> None:
    """Values of so many days ago."""
    readings = tuple(
        Reading(sensor_id="cuff", quantity=quantity, value=value, at=centre.clock.now - timedelta(days=days), mono=1)
        for days, value in told
    )
    await centre.send(box, Lane.TELEMETRY, TelemetryBody(readings=readings))


async def judged(centre: Centre) -> int:
    room = next(one for one in people_rooms(centre) if isinstance(one, CareRoom))
    return await CareRounds(room).look()


async def says(centre: Centre, purpose: Purpose, *, is_given: bool = False, who: str = HIM) -> None:
    now = centre.clock.later(seconds=1)
    said = Consent(
        purpose=purpose, is_given=is_given, given_by="本人", relation="", at=now, text_version="", how=How.SPOKEN
    )
    await centre.store.write(lambda connection: people_demands.say_consent(connection, who, said, by="zhang", at=now))


async def text(browser: httpx.AsyncClient, address: str) -> str:
    page = await browser.get(address)
    assert page.status_code == 200, page.text[:500]
    return words_of(page.text)


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found[1]


async def sent(browser: httpx.AsyncClient, address: str, **fields: str) -> httpx.Response:
    """The form at this address, filled in."""
    page = (await browser.get(address)).text
    data = {"csrf": hidden(page, "csrf"), "stand": hidden(page, "stand"), "reason": "by letter of the clinic"}
    return await browser.post(address.partition("?")[0], data=data | fields, follow_redirects=False)


async def on_file(centre: Centre, who: str = HIM) -> tuple[Row, ...]:
    return await centre.store.read(lambda connection: care_rows.of_person(connection, who))


async def acts(centre: Centre) -> list[tuple[str, str | None, str]]:
    log = await centre.store.read(people_access.newest)
    return [(one.act.value, one.resident_id, one.reason) for one in reversed(log)]


# ---- the page ----


async def test_plan_shows_whether_it_is_kept_and_where_values_lie(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(village, CarePlanRow.model_validate(PLAN | TARGET | {"review_on": "2026-11-23"}))
    # in 30 days 4 values, 3 within; in 90 days 6, 4 within; in 7 days 2
    told = [(1, 120), (3, 140), (10, 141), (29, 110), (40, 150), (80, 130)]
    await measured(village, Quantity.SYSTOLIC, told)
    await come_in(village, browser, "supervisor")
    said = await text(browser, f"/residents/{HIM}?tab=care")
    for words in ("2 times in 7 days", "kept", "2 of 2 measured", "120 mmHg", "110–140 mmHg", "李医生, 2026-10-12"):
        assert words in said, words
    assert "75 % 3 of 4" in said
    assert "67 % 4 of 6" in said
    assert "overdue since 2026-11-23" in said
    assert "too few days for a trend" in said
    village.clock.later(days=5)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    assert "behind the plan 1 of 2 measured" in await text(browser, f"/residents/{HIM}?tab=care")
    assert ("vitals", HIM, "") in await acts(village)


async def test_values_of_others_and_of_before_do_not_keep_a_plan(village: Centre, browser: httpx.AsyncClient) -> None:
    await measured(village, Quantity.SYSTOLIC, [(1, 120), (2, 120)])
    hand = Hand(by="zhang", at=village.clock.later(hours=1), reason="moved")
    rows = (
        ResidentRow(id=HIM, home="home-2", order=5, name="王桂兰"),
        ResidentRow(id="resident-new", home="home-1", name="钱新来"),
        CarePlanRow.model_validate(PLAN | {"resident": "resident-new"}),
        CarePlanRow.model_validate(PLAN),
        ConsentRow(resident="resident-new", purpose=Purpose.HEALTH_MONITORING, given=True, by="本人", at="2026-11-01"),
    )
    await village.store.write(lambda connection: take_in(connection, register_of(rows), hand, Tally()))
    await come_in(village, browser, "supervisor")
    assert "nothing here measures it 0 of 2" in await text(browser, "/residents/resident-new?tab=care")
    assert "kept 2 of 2" in await text(browser, f"/residents/{HIM}?tab=care")


async def test_without_consent_the_plan_stands_there_and_no_value(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(
        village, CarePlanRow.model_validate(PLAN | TARGET), MedicineRow(resident=HIM, name="氨氯地平", at=("08:00",))
    )
    await measured(village, Quantity.SYSTOLIC, [(1, 123)])
    await says(village, Purpose.HEALTH_MONITORING)
    await come_in(village, browser, "supervisor")
    said = await text(browser, f"/residents/{HIM}?tab=care")
    assert "2 times in 7 days" in said
    assert "123" not in said
    assert "behind" not in said
    assert "not shown" in await text(browser, f"/residents/{HIM}?tab=medicines")
    await village.alarm(BOX, "sos", Severity.P1)
    assert "123 mmHg" in await text(browser, f"/residents/{HIM}?tab=care")
    await says(village, Purpose.EMERGENCY)
    for tab in ("care", "assessments", "medicines"):
        page = (await browser.get(f"/residents/{HIM}?tab={tab}")).text
        assert "does not want health to be shown" in page
        assert "2 times in 7 days" not in page


async def test_operator_needs_a_case_or_a_reason_and_changes_nothing(
    village: Centre, browser: httpx.AsyncClient
) -> None:
    await put(
        village,
        CarePlanRow.model_validate(PLAN | TARGET),
        AssessmentRow(resident=HIM, kind="barthel", day="2026-05-01", score=85),
        MedicineRow(resident=HIM, name="硝酸甘油"),
    )
    await come_in(village, browser, "operator")
    secrets = {"care": "李医生", "assessments": "of 100 points", "medicines": "硝酸甘油"}
    for tab, secret in secrets.items():
        assert secret not in (await browser.get(f"/residents/{HIM}?tab={tab}")).text
    token = hidden((await browser.get(f"/residents/{HIM}?tab=care")).text, "csrf")
    data = {"csrf": token, "reason": "the clinic asks", "tab": "care"}
    assert "李医生" in (await browser.post(f"/residents/{HIM}/look", data=data)).text
    for tab, secret in secrets.items():
        page = (await browser.get(f"/residents/{HIM}?tab={tab}")).text
        assert secret in page
        assert "/care/" not in page, "no forms for him"
    assert (await browser.get("/care")).status_code == 403


async def test_assessments_are_told_newest_first_and_only_the_newest_is_due(
    village: Centre, browser: httpx.AsyncClient
) -> None:
    await put(
        village,
        AssessmentRow(resident=HIM, kind="barthel", day="2025-05-01", score=90, next_on="2026-05-01"),
        AssessmentRow(resident=HIM, kind="barthel", day="2026-05-02", score=85, next_on="2027-05-01", assessor="孙敏"),
        AssessmentRow(resident=HIM, kind="falls", day="2026-05-03", scale="Morse", level="high", next_on="2026-11-01"),
    )
    await come_in(village, browser, "supervisor")
    said = await text(browser, f"/residents/{HIM}?tab=assessments")
    assert "Overdue: Risk of falling (2026-11-01)" in said
    assert said.index("2026-05-03") < said.index("85 of 100 points") < said.index("90 of 100 points")
    assert "done since" in said


async def test_medicines_tell_what_the_dispenser_and_the_home_know(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(
        village,
        MedicineRow(resident=HIM, name="氨氯地平", dose="1 片", at=("08:00",), prescribed_by="李医生"),
        MedicineRow(resident=HIM, name="青霉素", at=("08:00",), until="2026-09-01"),
    )
    await come_in(village, browser, "supervisor")
    said = await text(browser, f"/residents/{HIM}?tab=medicines")
    assert "not measured" in said
    assert "1 medicine of before" in said
    # it is 03:12 in Shanghai: 8 in the morning is 19 h 12 min ago, and every day before
    taken = [(day - 1 + 19.2 / 24, 1.0) for day in (1, 2, 4)]
    await measured(village, Quantity.MEDICATION, taken)
    for day in (3, 3):
        village.clock.now -= timedelta(days=day)
        await village.alarm(BOX, "medication-missed", Severity.P4)
        village.clock.now += timedelta(days=day)
    await village.alarm("gw-2", "medication-missed", Severity.P4)
    said = await text(browser, f"/residents/{HIM}?tab=medicines")
    assert "3 of 4 times of the plan" in said
    assert "1 medicine was missed" in said, "told twice, and once in another home"


# ---- the list ----


async def test_list_finds_who_is_overdue_and_each_name_is_a_look(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(
        village,
        CarePlanRow.model_validate(PLAN | {"review_on": "2026-11-23"}),
        CarePlanRow.model_validate(PLAN | {"resident": HER}),
        AssessmentRow(resident=HER, kind="falls", day="2026-05-03", scale="Morse", level="2", next_on="2026-11-01"),
    )
    await measured(village, Quantity.SYSTOLIC, [(1, 120), (2, 121)])
    await measured(village, Quantity.SYSTOLIC, [(1, 120)], "gw-2")
    assert await judged(village) == 2
    assert await judged(village) == 0, "once an hour"
    await come_in(village, browser, "supervisor")
    said = await text(browser, "/care")
    assert "1 Plan not kept 1 Review overdue 1 Assessment overdue" in said
    assert "behind the plan High blood pressure: systolic pressure 1 of 2 measured in 7 days" in said
    assert "review High blood pressure" in said
    assert [whose for act, whose, _ in await acts(village) if act == "card"] == [HER, HIM]
    for why, who in (("unkept", "刘建国"), ("review", "王桂兰"), ("assessment", "刘建国")):
        found = re.findall(r'<a class="open"[^>]*><b>([^<]+)', (await browser.get(f"/care?why={why}")).text)
        assert found == [who], why
    assert "王桂兰" not in await text(browser, "/care?area=riverside")
    file = await browser.get("/care.csv?reason=the monthly visit")
    assert "刘建国" in file.text
    assert "High blood pressure systolic 1/2" in file.text
    assert ("export", None, "the monthly visit") in await acts(village)
    assert (await browser.get("/care.csv")).status_code == 422


@pytest.fixture
async def two_behind(village: Centre, browser: httpx.AsyncClient) -> Centre:
    """Both are behind, and a supervisor is logged in."""
    await put(
        village,
        *(CarePlanRow.model_validate(PLAN | {"resident": one, "review_on": "2026-11-23"}) for one in (HIM, HER)),
    )
    await come_in(village, browser, "supervisor")
    return village


async def test_file_is_read_beside_the_one_who_writes(
    two_behind: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, is_written, page = threading.Event(), threading.Event(), care_list.page

    def slow(*given: object, **more: object) -> object:
        is_asked.set()
        assert is_written.wait(10), "an alarm waits for the file"
        return page(*given, **more)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(care_list, "page", slow)
    asked = asyncio.create_task(browser.get("/care.csv?reason=the monthly visit"))
    assert await asyncio.to_thread(is_asked.wait, 10)
    assert ("export", None, "the monthly visit") in await acts(two_behind), "on record before anything is read"
    await two_behind.store.write(lambda _: None)
    is_written.set()
    assert "刘建国" in (await asked).text


async def test_each_name_in_the_file_is_a_look_and_looks_are_written_in_parts(
    two_behind: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    plain = two_behind.store.write

    async def counting(work: Callable[[Connection], object], *, urgent: bool = False) -> object:
        def counted(connection: Connection) -> object:
            before = len(people_access.newest(connection))
            done = work(connection)
            sizes.append(len(people_access.newest(connection)) - before)
            return done

        assert not urgent
        return await plain(counted)

    monkeypatch.setattr(care_room, "LOOKS_AT_ONCE", 1)
    monkeypatch.setattr(two_behind.store, "write", counting)
    assert (await browser.get("/care.csv?reason=the monthly visit")).status_code == 200
    assert [one for one in sizes if one] == [1, 1, 1]
    once = [("export", None, "the monthly visit"), ("card", HER, ""), ("card", HIM, "")]
    assert await acts(two_behind) == once
    monkeypatch.undo()
    assert (await browser.get("/care.csv?reason=the monthly visit")).status_code == 200
    assert await acts(two_behind) == [*once, once[0]], "who is looked at again within the hour was seen"
    two_behind.clock.later(minutes=61)
    assert (await browser.get("/care.csv?reason=the monthly visit")).status_code == 200
    assert await acts(two_behind) == [*once, once[0], *once]
    log = await two_behind.store.read(people_access.newest)
    assert {(one.actor, one.home_id) for one in log if one.act == "card"} == {
        ("supervisor", "home-1"),
        ("supervisor", "home-2"),
    }
    assert await two_behind.store.read(people_access.faults) == [], "sealed one after the other"


async def test_nothing_is_given_while_looks_cannot_be_written(
    two_behind: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, page = two_behind.store.write, care_list.page

    async def busy(*_: object, **__: object) -> None:
        raise TryLater("the disk is busy")

    def last(*given: object, **more: object) -> object:
        monkeypatch.setattr(two_behind.store, "write", busy)
        return page(*given, **more)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(care_list, "page", last)
    answer = await browser.get("/care.csv?reason=the monthly visit")
    monkeypatch.setattr(two_behind.store, "write", plain)
    assert answer.status_code == 503
    assert "刘建国" not in answer.text


@pytest.mark.parametrize("reason", ["", "%20%20", "%20x%20", "x" * 201])
async def test_reason_of_blanks_is_none(two_behind: Centre, browser: httpx.AsyncClient, reason: str) -> None:
    assert (await browser.get(f"/care.csv?reason={reason}")).status_code == 422
    assert await acts(two_behind) == []


async def test_new_values_and_a_changed_plan_are_looked_at_anew(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(village, CarePlanRow.model_validate(PLAN))
    await judged(village)
    await come_in(village, browser, "supervisor")
    assert "nothing here measures it" in await text(browser, "/care")
    await measured(village, Quantity.SYSTOLIC, [(1, 120)])
    village.clock.later(minutes=61)
    await judged(village)
    assert "1 of 2 measured" in await text(browser, "/care")
    await put(village, CarePlanRow.model_validate(PLAN | {"times": 1}))
    assert "Nobody is overdue here." in await text(browser, "/care"), "what was found says nothing of the new plan"
    await judged(village)
    assert "Nobody is overdue here." in await text(browser, "/care")


async def test_nobody_is_listed_against_his_word_or_outside_ones_areas(
    village: Centre, browser: httpx.AsyncClient
) -> None:
    await put(
        village,
        CarePlanRow.model_validate(PLAN | {"review_on": "2026-11-23"}),
        CarePlanRow.model_validate(PLAN | {"resident": HER, "review_on": "2026-11-23"}),
    )
    await judged(village)
    await says(village, Purpose.HEALTH_MONITORING)
    await come_in(village, browser, "supervisor")
    assert "1 Plan not kept 2 Review overdue" in await text(browser, "/care")
    await says(village, Purpose.EMERGENCY)
    said = await text(browser, "/care")
    assert "1 Plan not kept 1 Review overdue" in said
    assert "王桂兰" not in said
    staff = Staff(store=village.store, by="root", clock=village.clock)
    await staff.set_scope("supervisor", areas=frozenset({"sunny"}), organisations=EVERYWHERE)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    said = await text(browser, "/care")
    assert "0 Plan not kept 0 Review overdue" in said
    assert "刘建国" not in said
    assert (await browser.get(f"/residents/{HER}/care/plans")).status_code == 403


# ---- the forms ----


async def test_supervisor_keeps_a_plan_with_author_reason_and_history(
    village: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(village, browser, "supervisor")
    new = f"/residents/{HIM}/care/plans"
    asked = {"condition": "hypertension", "quantity": "systolic", "times": "2", "days": "7"}
    assert (await sent(browser, new, **asked)).status_code == 303
    assert await on_file(village) == (CarePlanRow.model_validate(PLAN),)
    changed = f"{new}?condition=hypertension&quantity=systolic"
    target = {name: str(value) for name, value in TARGET.items()}
    assert (await sent(browser, changed, **asked, **target)).status_code == 303
    assert await on_file(village) == (CarePlanRow.model_validate(PLAN | TARGET),)
    said = await text(browser, changed)
    assert "Supervisor by letter of the clinic" in said
    assert "Set by (clinician): – → 李医生" in said or "Set by (clinician): 李医生" in said
    assert ("correction", HIM, "by letter of the clinic") in await acts(village)
    assert (await sent(browser, changed, condition="hypertension", quantity="systolic", reason="x")).status_code == 422


@pytest.mark.parametrize(
    ("kept", "fields", "words"),
    [
        (
            "plans",
            {"condition": "hypertension", "quantity": "systolic", "times": "0", "days": "7"},
            "cannot stand here",
        ),
        (
            "plans",
            {"condition": "hypertension", "quantity": "systolic", "times": "2", "days": "7", "high": "140"},
            "set by a clinician",
        ),
        (
            "plans",
            {"condition": "other", "quantity": "weight", "times": "2", "days": "7"},
            "Write the name of the illness.",
        ),
        ("assessments", {"kind": "barthel", "day": "2026-05-01", "score": "101"}, "0 to 100 points"),
        ("assessments", {"kind": "falls", "day": "2026-05-01", "level": "2"}, "which scale it was"),
        ("assessments", {"kind": "barthel", "day": "2026-11-25", "score": "80"}, "not over yet"),
        ("medicines", {"name": "氨氯地平", "at": "8 in the morning"}, "cannot stand here"),
        ("medicines", {"name": "氨氯地平", "since": "2026-05-01", "until": "2026-04-01"}, "before it begins"),
        ("plans", {"condition": "hypertension", "quantity": "door", "times": "2", "days": "7"}, "cannot stand here"),
    ],
)
async def test_slip_is_told_and_what_was_written_stays(
    village: Centre, browser: httpx.AsyncClient, kept: str, fields: dict[str, str], words: str
) -> None:
    await come_in(village, browser, "supervisor")
    answer = await sent(browser, f"/residents/{HIM}/care/{kept}", **fields)
    assert answer.status_code == 422
    assert "This was NOT done." in answer.text
    assert words in unescape(answer.text)
    written = [value for value in fields.values() if value != "door"]  # which nobody could choose
    assert all(value in unescape(answer.text) for value in written)
    assert await on_file(village) == ()


async def test_times_may_be_written_as_people_write_them(village: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(village, browser, "supervisor")
    answer = await sent(browser, f"/residents/{HIM}/care/medicines", name="氨氯地平", at="20：00、8:00")
    assert answer.status_code == 303
    assert await on_file(village) == (MedicineRow(resident=HIM, name="氨氯地平", at=("08:00", "20:00")),)


async def test_whoever_is_slower_writes_over_nothing(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(village, MedicineRow(resident=HIM, name="氨氯地平", dose="1 片"))
    await come_in(village, browser, "supervisor")
    address = f"/residents/{HIM}/care/medicines?name=氨氯地平"
    page = (await browser.get(address)).text
    data = {"csrf": hidden(page, "csrf"), "stand": hidden(page, "stand"), "reason": "by letter", "name": "氨氯地平"}
    await put(village, MedicineRow(resident=HIM, name="氨氯地平", dose="2 片"))
    for where in ("", "/remove"):
        answer = await browser.post(f"/residents/{HIM}/care/medicines{where}", data=data | {"dose": "3 片"})
        assert answer.status_code == 409
        assert "Somebody has changed this" in answer.text
        assert "2 片" in answer.text
    new = await sent(browser, f"/residents/{HIM}/care/medicines", name="氨氯地平", dose="4 片")
    assert new.status_code == 422
    assert "There is such an entry already." in new.text
    assert await on_file(village) == (MedicineRow(resident=HIM, name="氨氯地平", dose="2 片"),)


async def test_what_should_never_have_been_there_is_taken_off(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(village, CarePlanRow.model_validate(PLAN))
    await judged(village)
    await come_in(village, browser, "supervisor")
    page = (await browser.get(f"/residents/{HIM}/care/plans?condition=hypertension&quantity=systolic")).text
    data = {"csrf": hidden(page, "csrf"), "stand": hidden(page, "stand"), "reason": "another person's"}
    key = {"condition": "hypertension", "quantity": "systolic"}
    assert (
        await browser.post(f"/residents/{HIM}/care/plans/remove", data=data | {"csrf": "x"} | key)
    ).status_code == 403
    assert (await browser.post(f"/residents/{HIM}/care/plans/remove", data=data | key)).status_code == 200
    assert await on_file(village) == ()
    left = await village.store.read(lambda connection: connection.execute(sa.select(care_standings)).all())
    assert left == []


async def test_stranger_and_entry_that_is_gone_are_not_there(village: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(village, browser, "supervisor")
    assert (await browser.get("/residents/nobody/care/plans")).status_code == 404
    assert (await browser.get(f"/residents/{HIM}/care/medicines?name=x")).status_code == 404
    assert (await browser.get(f"/residents/{HIM}/care/nonsense")).status_code == 422


# ---- the family ----


async def test_family_sees_what_the_elder_agreed_to_and_no_more(village: Centre, browser: httpx.AsyncClient) -> None:
    await put(village, CarePlanRow.model_validate(PLAN), MedicineRow(resident=HIM, name="硝酸甘油", dose="1 片"))
    await measured(village, Quantity.SYSTOLIC, [(1, 120)])
    await come_in(village, browser, "family")

    def be_the_son(connection: sa.Connection) -> None:
        connection.execute(sa.update(schema.users).where(schema.users.c.login == "family").values(person="son"))

    async def may_see(*items: Item) -> None:
        contacts, said = schema.contacts, listed(("status", *items))
        await village.store.write(
            lambda connection: connection.execute(
                sa.update(contacts).where(contacts.c.contact_id == "son").values(may_see=said)
            )
        )

    await village.store.write(be_the_son)
    said = await text(browser, "/family")
    assert "behind the plan 1 of 2 measured in 7 days" in said
    assert "硝酸甘油" in said
    await may_see(Item.VITALS)
    said = await text(browser, "/family")
    assert "behind the plan" in said
    assert "硝酸甘油" not in said
    await may_see(Item.CARD)
    said = await text(browser, "/family")
    assert "behind the plan" not in said
    assert "硝酸甘油" in said
    await says(village, Purpose.FAMILY_VIEW)
    said = await text(browser, "/family")
    assert "硝酸甘油" not in said
