"""The supervisor's page: cards, red cases with decisions, call-backs, calls looked over; on both databases below."""

import re
from datetime import UTC, date, datetime, timedelta

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre
from fixtures.casework import Casework
from fixtures.kpi_cases import stored, walked
from fixtures.visitor import come_in

from community.call_review import CRITERIA, Review
from community.casefile import NotNow
from community.desk import Wish
from community.kpi_desk import KpiDesk
from community.staff import Staff
from community.store import call_reviews, chain, decisions, lease, supervising_schema
from community.store.database import Connection, Store
from community.store.orders import carry_out
from community.store.people_schema import home_register, places
from community.users import EVERYWHERE

NOW = datetime(2026, 11, 24, 3, 20, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)
DUE = "2026-11-25"


@pytest.fixture
async def shift(centre: Centre) -> Centre:
    """Case 1 drew a red card and is open, case 2 waits for a call-back, case 3 went all the way."""
    late = Casework()
    late.wait(65)
    late.order("ack", by="zhang")
    works = {"home-1": late, "home-2": walked("REVISIT"), "home-3": walked("CLOSED")}
    for number, name in enumerate(("王桂兰", "李建国", "陈秀英"), 1):
        await centre.home(number, f"{number}号楼", name, 1944)
    await centre.store.write(lambda connection: lease.take(connection, None, "test"))
    await centre.store.write(lambda connection: [stored(connection, work, home) for home, work in works.items()])
    centre.clock.now = NOW
    return centre


def part(page: str, title: str) -> str:
    """The text of the section of this heading's id."""
    begin = page.index(f'aria-labelledby="{title}"')
    return " ".join(re.sub(r"<[^>]+>", " ", page[begin : page.index("</section>", begin)]).split())


async def faults(store: Store) -> list[str]:
    """What a check of the sealed record finds; cases that were played have no alerts and notes on file."""
    return [one for one in (await store.read(chain.verify)).faults if "alert " not in one and "note n " not in one]


def csrf(page: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return {"csrf": found[1]}


DECISION = {"measure": "two operators at night", "owner": "Chen", "due_on": DUE}


async def test_the_page_shows_what_waits_for_a_supervisor(shift: Centre, browser: httpx.AsyncClient) -> None:
    await shift.user("liu", "Liu Gang", "operator")  # he handled case 2
    await shift.user("wu", "Wu Tao", "operator")
    await come_in(shift, browser, "supervisor")
    page = (await browser.get("/supervision")).text
    red = part(page, "red")
    assert "case 1" in red
    assert "王桂兰" in red
    assert "case 2" not in red
    assert "Today" in part(page, "cards")
    back = part(page, "callbacks")
    assert "李建国" in back
    assert "Wu Tao" in back
    assert "Liu Gang" not in back
    assert "case 3" not in back


async def test_a_missed_call_back_is_told(shift: Centre, browser: httpx.AsyncClient) -> None:
    late = walked("REVISIT")
    late.wait(25 * 3600)
    await shift.store.write(lambda connection: stored(connection, late, "home-9"))
    await come_in(shift, browser, "supervisor")
    page = (await browser.get("/supervision")).text
    assert "2 call-backs due, 1 missed" in " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "missed" in part(page, "callbacks")


@pytest.mark.parametrize(
    ("role", "may_read", "names", "may_act"),
    [("supervisor", True, True, True), ("auditor", True, True, False), ("regulator", True, False, False)]
    + [(role, False, False, False) for role in ("operator", "admin", "family", "responder")],
)
async def test_who_sees_what(
    shift: Centre, browser: httpx.AsyncClient, *, role: str, may_read: bool, names: bool, may_act: bool
) -> None:
    await come_in(shift, browser, role)
    page = await browser.get("/supervision")
    assert page.status_code == (200 if may_read else 403)
    assert ("王桂兰" in page.text) is names
    assert ("/supervision/cases/1/decision" in page.text) is may_act
    assert ("/excuse" in page.text) is may_act
    agenda = await browser.get("/supervision/agenda")
    assert (agenda.status_code, "王桂兰" in agenda.text) == (200 if may_read else 403, names)


async def test_an_excuse_leads_back_here(shift: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(shift, browser, "supervisor")
    page = (await browser.get("/supervision")).text
    action = re.search(r'action="(/kpi/cards/\d+/excuse)"', page)
    assert action is not None
    data = csrf(page) | {"code": "weather", "month": "2026-11", "back": "supervision"}
    after = await browser.post(action[1], data=data)
    assert after.url.path == "/supervision"
    assert "weather, or the road was closed" in part(after.text, "cards")


async def test_a_decision_is_sealed_and_keeps_the_case_open_until_it_is_settled(
    shift: Centre, browser: httpx.AsyncClient
) -> None:
    await come_in(shift, browser, "supervisor")
    form = csrf((await browser.get("/supervision")).text)
    page = (await browser.post("/supervision/cases/1/decision", data=form | DECISION)).text
    assert "two operators at night" in part(page, "red")
    assert "two operators at night" in (await browser.get("/incidents/1")).text
    assert "two operators at night" in (await browser.get("/supervision/agenda")).text
    shift.clock.later(days=2)
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    page = (await browser.get("/supervision")).text
    assert "overdue" in part(page, "red")
    answer = await browser.post("/supervision/decisions/1/settle", data=csrf(page) | {"outcome": " "})
    assert answer.status_code == 409
    assert "say in a few words how it went" in answer.text
    answer = await browser.post("/supervision/decisions/1/settle", data=csrf(page) | {"outcome": "done on Monday"})
    assert "done on Monday" in part(answer.text, "red")
    again = await browser.post("/supervision/decisions/1/settle", data=csrf(page) | {"outcome": "again"})
    assert again.status_code == 409
    assert await faults(shift.store) == []


@pytest.mark.parametrize("change", [{"measure": ""}, {"owner": " "}, {"due_on": "soon"}, {"csrf": "x"}])
async def test_a_decision_without_something_is_none(
    shift: Centre, browser: httpx.AsyncClient, change: dict[str, str]
) -> None:
    await come_in(shift, browser, "supervisor")
    form = csrf((await browser.get("/supervision")).text)
    answer = await browser.post("/supervision/cases/1/decision", data=form | DECISION | change)
    assert answer.status_code in {403, 409, 422}
    assert (
        await browser.post("/supervision/cases/3/decision", data=form | DECISION)
    ).status_code == 409  # it has ended
    assert "two operators" not in (await browser.get("/supervision")).text


async def test_the_agenda_goes_on_paper(shift: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(shift, browser, "supervisor", language="zh")
    answer = await browser.get("/supervision/agenda.pdf")
    if answer.status_code == 503 and "PDF" in answer.text:  # a slow press is no excuse
        pytest.skip("needs Pango and fonts-noto-cjk")
    assert answer.content.startswith(b"%PDF-")


# ---- calls looked over ----


@pytest.fixture
async def drawn(shift: Centre) -> Centre:
    """The month is over: its sample is drawn. Case 3 was handled by li (desk) and liu (on site)."""
    shift.clock.now = DECEMBER
    return shift


MARKS = dict.fromkeys(CRITERIA, "4")


async def test_a_call_is_looked_over_once_and_its_handler_reads_it(drawn: Centre, browser: httpx.AsyncClient) -> None:
    await drawn.user("li", "Li Min", "operator", "en")
    await come_in(drawn, browser, "supervisor")
    page = (await browser.get("/supervision/sample/2026-11")).text
    assert "Li Min" in page
    address = "/supervision/sample/2026-11/3/li"
    assert address in page
    form = csrf((await browser.get(address)).text)
    answer = await browser.post(address, data=form | MARKS | {"manner": "5", "words": "calm; ask for the floor"})
    assert answer.url.path == "/supervision/sample/2026-11"
    assert "4.17" in answer.text
    assert "calm; ask for the floor" in (await browser.get(address)).text
    assert (await browser.post(address, data=form | MARKS | {"words": "again"})).status_code == 409
    told = (await browser.get("/incidents/3")).text
    assert "looked over this case" in told
    assert "ask for the floor" not in told
    await browser.post("/login", data={"login": "li", "password": PASSWORD})
    mine = (await browser.get("/reviews")).text
    assert "calm; ask for the floor" in mine
    mine = (await browser.post("/reviews/1/read", data=csrf(mine))).text
    assert "/reviews/1/read" not in mine
    await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
    row = (await browser.get("/supervision/sample/2026-11")).text
    assert row.count("2026-12-02") + row.count("08:00:00") >= 2
    assert await faults(drawn.store) == []


async def test_nobody_reviews_himself_or_what_was_not_drawn(drawn: Centre, browser: httpx.AsyncClient) -> None:
    await come_in(drawn, browser, "supervisor", login="li")
    page = (await browser.get("/supervision/sample/2026-11/3/li")).text
    assert "somebody else looks it over" in page
    form = csrf(page) | MARKS | {"words": "I was splendid"}
    answer = await browser.post("/supervision/sample/2026-11/3/li", data=form)
    assert answer.status_code == 409
    assert "nobody reviews his own calls" in answer.text
    assert (await browser.post("/supervision/sample/2026-11/1/zhang", data=form)).status_code == 404
    assert (await browser.get("/supervision/sample/2026-10/3/li")).status_code == 404
    form["manner"] = "6"
    assert (await browser.post("/supervision/sample/2026-11/3/liu", data=form)).status_code == 422


async def test_a_review_is_for_its_handler_and_overseers_alone(drawn: Centre, browser: httpx.AsyncClient) -> None:
    await drawn.store.write(lambda connection: call_reviews.keep(connection, review()))
    await come_in(drawn, browser, "operator", login="wu")
    assert "well done" not in (await browser.get("/reviews")).text
    assert (await browser.get("/supervision/sample/2026-11")).status_code == 403
    await browser.post("/reviews/1/read", data=csrf((await browser.get("/reviews")).text))
    table = supervising_schema.call_reviews
    assert await drawn.store.read(lambda connection: connection.scalar(sa.select(table.c.seen_at))) is None
    await come_in(drawn, browser, "auditor")
    assert (await browser.get("/reviews")).status_code == 403


@pytest.mark.parametrize(
    ("role", "reads", "by"),
    [
        ("supervisor", True, "Supervisor Wang"),
        ("auditor", False, "Supervisor Wang"),
        ("regulator", False, "Supervisor"),
    ],
)
async def test_words_of_a_review_are_for_who_may_know_of_illness(
    drawn: Centre, browser: httpx.AsyncClient, *, role: str, reads: bool, by: str
) -> None:
    await drawn.user("chief", "Supervisor Wang", "supervisor", "en")
    made = msgspec.structs.replace(review(), by="chief")
    await drawn.store.write(lambda connection: call_reviews.keep(connection, made))
    await come_in(drawn, browser, role)
    page = part((await browser.get("/supervision/sample/2026-11/3/li")).text, "review-title")
    assert ("well done" in page) is reads
    assert ("What was written may name people" in page) is not reads
    assert f"{by}," in page
    assert ("Wang" in (await browser.get("/supervision/sample/2026-11")).text) is (role != "regulator")


@pytest.mark.parametrize(("role", "reads"), [("supervisor", True), ("auditor", False), ("regulator", False)])
async def test_words_of_a_decision_are_for_who_may_know_of_illness(
    shift: Centre, browser: httpx.AsyncClient, *, role: str, reads: bool
) -> None:
    await shift.user("chief", "Supervisor Wang", "supervisor", "en")
    words = ("王桂兰 has a weak heart", "a lock for 王桂兰", "nephew of 王桂兰")
    wanted = decisions.Wanted(measure=words[0], owner=words[2], due_on=date(2026, 12, 1))

    def decide(connection: Connection) -> None:
        number = decisions.decide(connection, 1, wanted, by="chief", now=shift.clock())
        decisions.settle(connection, number, words[1], by="chief", now=shift.clock())

    await shift.store.write(decide)
    await come_in(shift, browser, role)
    for address in ("/supervision", "/supervision/agenda"):
        page = (await browser.get(address)).text
        page = part(page, "red") if address == "/supervision" else page
        assert [one in page for one in words] == [reads, reads, role != "regulator"]
        assert ("Decision 1" in page) is not reads
        assert ("Wang" in page) is (role != "regulator" and (reads is False or address == "/supervision"))
        assert "2026-12-01" in page


async def test_a_supervisor_of_another_area_sees_none_of_it(shift: Centre, browser: httpx.AsyncClient) -> None:
    def put(connection: Connection) -> None:
        row = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        for home in ("home-1", "home-2", "home-3"):
            connection.execute(sa.insert(home_register).values(home_id=home, place_id="north"))

    await shift.store.write(put)
    await KpiDesk(shift.store, clock=shift.clock, zone=UTC).take_in()
    await shift.user("supervisor", "Supervisor", "supervisor", "en")
    staff = Staff(store=shift.store, by="root", clock=shift.clock)
    for areas, is_seen in ((frozenset({"south"}), False), (frozenset({"north"}), True)):
        await staff.set_scope("supervisor", areas=areas, organisations=EVERYWHERE)
        await browser.post("/login", data={"login": "supervisor", "password": PASSWORD})
        page = (await browser.get("/supervision")).text
        assert ("/incidents/1" in part_html(page)) is is_seen
        assert ("王桂兰" in (await browser.get("/supervision/agenda")).text) is is_seen
        assert ("item-1" in (await browser.get("/improvements")).text) is is_seen
        form = csrf(page)
        answer = await browser.post("/supervision/cases/1/decision", data=form | DECISION)
        assert answer.status_code == (200 if is_seen else 409)
        plan = {"cause": "c", "measure": "m", "owner": "o", "due_on": DUE}
        answer = await browser.post("/improvements/1/plan", data=form | plan)
        assert answer.status_code == (200 if is_seen else 409)


def part_html(page: str) -> str:
    return page[page.index('<main id="main"') :]


# ---- on both databases ----


def review(**changes: object) -> Review:
    values: dict[str, object] = {
        "review_id": 0,
        "month": "2026-11",
        "handler": "li",
        "incident_id": 3,
        "by": "boss",
        "at": NOW,
        "marks": dict.fromkeys(CRITERIA, 4),
        "words": "well done",
    }
    return Review(**(values | changes))  # type: ignore[arg-type]


async def test_reviews_and_decisions_are_sealed_on_both_databases(store: Store) -> None:
    def write(connection: Connection) -> int:
        number = stored(connection, walked("REVISIT"), "home-of-decisions")
        call_reviews.keep(connection, review(incident_id=number))
        wanted = decisions.Wanted(measure="look twice", owner="Chen", due_on=date(2026, 11, 25))
        decisions.decide(connection, number, wanted, by="boss", now=NOW)
        return number

    number = await store.write(write)
    kept = (await store.read(lambda connection: call_reviews.of_handlers(connection, {"li"})))[0]
    assert (kept.words, kept.marks) == ("well done", dict.fromkeys(CRITERIA, 4))
    with pytest.raises(NotNow, match="already"):
        await store.write(lambda connection: call_reviews.keep(connection, review(incident_id=number)))
    assert await faults(store) == []

    def end(connection: Connection, command_id: str) -> str:
        wish = Wish(
            incident_id=number,
            command="revisit_ok",
            by="mei",
            role="caller",
            command_id=command_id,
            version=None,
            score=5,
        )
        return carry_out(connection, wish, NOW + timedelta(hours=1)).refusal

    refusal = await store.write(lambda connection: end(connection, f"end-{number}-1"))
    assert "decision of the joint meeting is open" in refusal
    (made,) = await store.read(lambda connection: decisions.of_cases(connection, [number]))
    assert (made.measure, made.is_late(date(2026, 11, 26)), made.outcome) == ("look twice", True, None)
    await store.write(
        lambda connection: decisions.settle(
            connection, made.decision_id, "done", by="boss", now=NOW + timedelta(hours=2)
        )
    )
    assert await store.write(lambda connection: end(connection, f"end-{number}-2")) == ""
    assert await faults(store) == []
    await store.write(lambda connection: connection.execute(sa.text("UPDATE notes SET words = 'look once'")))
    assert any("is not the one that was sealed" in fault for fault in await faults(store))
