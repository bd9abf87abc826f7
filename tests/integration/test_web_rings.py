"""What desks tell of their sound: kept once for a case and a person, shown, and a case of its own."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import BEGIN, PASSWORD, Centre
from fixtures.casebook import wish
from fixtures.desk_time import take_the_engine
from fixtures.presses import alert

from community.ring_room import ASKS, LOOK_S, RingRoom
from community.rings import DESKS_SILENT, GRACE, Cause, Mute, Report
from community.staff import Staff
from community.store import cases, directory, logins, retention_cases, rings, schema
from community.store.database import Connection, Store
from community.store.people_schema import home_register, places
from community.store.ring_schema import case_rings, desk_sounds
from community.users import EVERYWHERE, Role, User
from shouwang.alert import Severity

RANG = "1:1:opened:25:1"
MUTE = "1:1:opened:suspended"


@pytest.fixture
async def case(centre: Centre) -> None:
    await take_the_engine(centre)
    await centre.alarm(await centre.home(1, "3号楼2-501", "王桂兰", 1944), "sos", Severity.P1)


@pytest.fixture
async def browser(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as client:
        yield client


async def sit_down(centre: Centre, browser: httpx.AsyncClient, login: str, role: str = "operator") -> str:
    """Somebody logs in; what the forms of his pages carry."""
    await centre.user(login, login.title(), role, "en")
    return await log_in(browser, login)


async def log_in(browser: httpx.AsyncClient, login: str) -> str:
    page = await browser.post("/login", data={"login": login, "password": PASSWORD})
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def tell(browser: httpx.AsyncClient, csrf: str, **told: object) -> httpx.Response:
    return await browser.post("/rings", data={"csrf": csrf, **told})


async def rows(store: Store, table: sa.Table = case_rings) -> list[dict[str, object]]:
    return await store.read(lambda one: [dict(row) for row in one.execute(sa.select(table)).mappings()])


def said(page: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def put_in_north(centre: Centre) -> None:
    def put(connection: Connection) -> None:
        row = {"place_id": "north", "parent_id": None, "level": "grid", "code": "n", "name": "n"}
        connection.execute(sa.insert(places).values(row))
        connection.execute(sa.delete(home_register))
        connection.execute(sa.insert(home_register).values(home_id="home-1", place_id="north"))

    await centre.store.write(put)


# ---- what is taken ----


@pytest.mark.usefixtures("case")
async def test_first_ring_is_kept_with_the_servers_time(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    centre.clock.later(seconds=0.3)
    first = centre.clock.now
    assert (await tell(browser, csrf, rang=RANG)).json() == {"kept": 1, "unknown": [], "refused": []}
    centre.clock.later(seconds=9)
    for again in ("1:2:alert:30:0", RANG):
        await tell(browser, csrf, rang=again)
    (row,) = await rows(centre.store)
    assert (row["rang_at"], row["after_ms"], row["was_visible"], row["rang_seq"]) == (first, 25, True, 1)
    (desk,) = await rows(centre.store, desk_sounds)
    assert desk["rang_at"] == centre.clock.now


@pytest.mark.usefixtures("case")
async def test_mute_desk_that_rings_later_has_both(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    await tell(browser, csrf, mute=MUTE)
    mute_at, rang_at = centre.clock.now, centre.clock.later(seconds=20)
    await tell(browser, csrf, rang="1:0:seen:20020:0")
    (row,) = await rows(centre.store)
    assert (row["mute_at"], row["mute"], row["rang_at"], row["rang_seq"]) == (mute_at, "suspended", rang_at, None)


@pytest.mark.usefixtures("case")
async def test_second_browser_of_his_makes_no_desk_mute_that_rang(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    await tell(browser, csrf, rang=RANG)
    centre.clock.later(seconds=6)
    await tell(browser, csrf, mute=MUTE)
    assert [row["mute_at"] for table in (case_rings, desk_sounds) for row in await rows(centre.store, table)] == [
        None,
        None,
    ]


@pytest.mark.usefixtures("case")
async def test_storm_comes_in_one_post(centre: Centre, browser: httpx.AsyncClient) -> None:
    for number in range(2, 6):
        await centre.alarm(await centre.home(number, f"{number}号楼", "李建国", 1940), "sos", Severity.P1)
    csrf = await sit_down(centre, browser, "zhang")
    answer = await tell(browser, csrf, rang=[f"{number}:{number}:opened:25:1" for number in (1, 2, 3, 4, 5, 99)])
    assert answer.json() == {"kept": 5, "unknown": [99], "refused": []}
    assert {row["incident_id"] for row in await rows(centre.store)} == {1, 2, 3, 4, 5}


@pytest.mark.usefixtures("case")
async def test_case_of_another_area_is_refused(centre: Centre, browser: httpx.AsyncClient) -> None:
    await sit_down(centre, browser, "zhang")
    await put_in_north(centre)
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    for area, status, kept in (("south", 403, 0), ("north", 200, 1)):
        await staff.set_scope("zhang", areas=frozenset({area}), organisations=EVERYWHERE)
        answer = await tell(browser, await log_in(browser, "zhang"), rang=RANG)
        assert (answer.status_code, answer.json()["refused"]) == (status, [] if kept else [1])
        assert len(await rows(centre.store)) == kept


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize(
    "told",
    [
        {"rang": "1:1:opened:25"},
        {"rang": "0:1:opened:25:1"},
        {"rang": "1:1:louder:25:1"},
        {"rang": "1:1:opened:-5:1"},
        {"rang": "9999999999999999999:1:opened:5:1"},
        {"mute": "1:1:opened:broken"},
        {"mute": ["1:1:opened:stuck"] * 51},
        {"rang": RANG, "at": "2026-01-01"},
    ],
)
async def test_nothing_else_is_taken(centre: Centre, browser: httpx.AsyncClient, told: dict[str, object]) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    assert (await tell(browser, csrf, **told)).status_code == 422
    assert await rows(centre.store) == []


@pytest.mark.usefixtures("case")
async def test_only_who_works_on_cases_tells_and_with_his_own_form(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "shen", "auditor")
    assert "data-desk" not in (await browser.get("/queue")).text
    assert (await tell(browser, csrf, rang=RANG)).status_code == 403
    await sit_down(centre, browser, "zhang")
    assert "data-desk" in (await browser.get("/queue")).text
    assert (await tell(browser, csrf, rang=RANG)).status_code == 403
    assert await rows(centre.store) == []


@pytest.mark.usefixtures("case")
async def test_whoever_tells_too_often_waits(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    got = [await tell(browser, csrf, rang="99:1:opened:1:1") for _ in range(ASKS.at_once + 3)]
    assert [one.status_code for one in got][: ASKS.at_once] == [200] * ASKS.at_once
    assert got[-1].status_code == 429
    assert int(got[-1].headers["retry-after"]) >= 1


# ---- what is shown ----


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize(("after_s", "words"), [(0.04, "Rang at 1 desk, at once"), (0.1, "first after 0.1 s")])
async def test_a_ring_without_a_wait_is_said_to_be_at_once(
    centre: Centre, browser: httpx.AsyncClient, after_s: float, words: str
) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    centre.clock.later(seconds=after_s)
    await tell(browser, csrf, rang=RANG)
    assert words in said(await browser.get("/incidents/1"))


@pytest.mark.usefixtures("case")
async def test_case_and_its_trace_say_who_heard_it(centre: Centre, browser: httpx.AsyncClient) -> None:
    centre.clock.later(seconds=0.3)
    await tell(browser, await sit_down(centre, browser, "zhang"), rang=RANG)
    centre.clock.later(seconds=6)
    await tell(browser, await sit_down(centre, browser, "li"), mute=MUTE)
    await sit_down(centre, browser, "chen", "supervisor")
    case = said(await browser.get("/incidents/1"))
    assert "Rang at 1 desk, first after 0.3 s 1 desk could not ring" in case
    page = said(await browser.get("/incidents/1/trace"))
    assert "rang 25 ms in sight the case was opened entry 1" in page
    assert "was silent the browser had stopped the sound" in page
    assert re.search(r"Rang at a desk, as its browser told \S+ \S+ \+300 ms", page) is not None
    table = (await browser.get("/incidents/1/trace.csv")).text
    of_desks = [line.split(",") for line in table.splitlines() if line.startswith("desk,")]
    assert [line[-2:] for line in of_desks] == [["25", "visible"], ["", ""]]
    structure = (await browser.get("/incidents/1/trace.json")).json()
    assert [(one["login"], one["mute"]) for one in structure["desks"]] == [("zhang", None), ("li", "suspended")]


@pytest.mark.usefixtures("case")
async def test_supervisor_and_wall_see_mute_desks(centre: Centre, browser: httpx.AsyncClient) -> None:
    await tell(browser, await sit_down(centre, browser, "zhang"), rang=RANG)
    await tell(browser, await sit_down(centre, browser, "li"), mute=MUTE)
    assert "Sound at the desks" not in said(await browser.get("/shifts"))
    await sit_down(centre, browser, "chen", "supervisor")
    page = said(await browser.get("/shifts"))
    assert re.search(r"Li no sound the browser had stopped the sound", page) is not None
    assert re.search(r"Zhang rings last at", page) is not None
    assert "Chen no alarm has rung there in this session" in page
    wall = said(await browser.get("/wall"))
    assert "1 desk is silent" in wall
    assert "Li " not in wall
    centre.clock.later(seconds=91)  # nobody has been seen for so long: whose console is shut is no desk
    await browser.get("/shifts")
    assert [one.login for one in await RingRoom(centre.store, clock=centre.clock).desks()] == ["chen"]


@pytest.mark.usefixtures("case")
async def test_new_session_begins_with_nothing_told(centre: Centre, browser: httpx.AsyncClient) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    await tell(browser, csrf, mute=MUTE)
    await browser.post("/logout", data={"csrf": csrf})
    centre.clock.later(seconds=5)
    await browser.post("/login", data={"login": "zhang", "password": PASSWORD})
    (desk,) = await RingRoom(centre.store, clock=centre.clock).desks()
    assert (desk.is_mute, desk.rings) == (False, False)


# ---- the centre's own case ----


async def own_case(centre: Centre) -> tuple[str, ...]:
    """How the centre's case about its desks stands, where there is one."""
    found = [row for row in await centre.desk.queue() if row.hazard == DESKS_SILENT]
    return tuple("cleared" if row.cleared else "open" for row in found)


@pytest.mark.usefixtures("case")
async def test_life_that_was_heard_nowhere_is_a_case_until_no_desk_is_mute(
    centre: Centre, browser: httpx.AsyncClient
) -> None:
    told = 0

    def tell_of_it() -> None:
        nonlocal told
        told += 1

    room = RingRoom(centre.store, clock=centre.clock, changed=tell_of_it)
    csrf = await sit_down(centre, browser, "zhang")
    await room.look()
    assert await own_case(centre) == ()
    await tell(browser, csrf, mute=MUTE)
    centre.clock.later(seconds=GRACE.total_seconds() - 1)
    await room.look()
    assert await own_case(centre) == ()  # others may have rung and be about to tell
    centre.clock.later(seconds=1)
    for _ in range(2):
        await room.look()
        assert (await own_case(centre), told) == (("open",), 1)
    await tell(browser, csrf, rang="1:0:seen:30000:1")
    for _ in range(2):
        await room.look()
        assert (await own_case(centre), told) == (("cleared",), 2)


@pytest.mark.usefixtures("case")
@pytest.mark.parametrize("why", ["nobody told", "another rang", "taken", "left", "urgent only", "a test"])
async def test_nothing_is_raised_where_it_may_have_been_heard(
    centre: Centre, browser: httpx.AsyncClient, why: str
) -> None:
    csrf = await sit_down(centre, browser, "zhang")
    if why in {"urgent only", "a test"}:
        change = {"priority": "P2"} if why == "urgent only" else {"is_test": True}
        await centre.store.write(lambda one: one.execute(sa.update(schema.incidents).values(change)))
    if why != "nobody told":
        await tell(browser, csrf, mute=MUTE)
    if why == "another rang":
        await tell(browser, await sit_down(centre, browser, "li"), rang=RANG)
    if why == "taken":
        (row,) = await centre.desk.queue()
        await centre.desk.order(wish("ack", row.incident_id, version=row.version))
    if why == "left":
        await browser.post("/logout", data={"csrf": csrf})
    centre.clock.later(seconds=60)
    await RingRoom(centre.store, clock=centre.clock).look()
    assert await own_case(centre) == ()


def test_look_comes_sooner_than_the_second_rung() -> None:
    assert GRACE + timedelta(seconds=LOOK_S) <= timedelta(seconds=30)


# ---- both databases ----


async def test_both_databases_keep_the_same_and_let_it_end(store: Store) -> None:
    user = User(user_id="u", login="zhang", name="z", role=Role.OPERATOR, language="en")

    def fill(connection: Connection) -> None:
        directory.meet_gateway(connection, "gw-9")
        cases.take_in(connection, "gw-9", None, alert(0), BEGIN)
        logins.add(connection, user, password_hash=None, at=BEGIN)

    def told(cause: Cause, seq: int, mute: Mute | None = None) -> Report:
        return Report(incident_id=1, cause=cause, seq=seq, after_ms=30, was_visible=False, mute=mute)

    await store.write(fill)
    for later, report in enumerate((told(Cause.OPENED, 1, Mute.STUCK), told(Cause.OPENED, 1), told(Cause.ALERT, 2))):
        at = BEGIN + timedelta(seconds=later)
        kept, taken = await store.read(partial(rings.sort_out, user=user, reports=[report], now=at))
        assert (kept, taken.kept) == ((report,), 1)
        await store.write(partial(rings.keep, user=user, reports=[report], now=at))
    (rung,) = await store.read(lambda one: rings.of_case(one, 1))
    assert (rung.mute, rung.mute_at, rung.rang_at) == (Mute.STUCK, BEGIN, BEGIN + timedelta(seconds=1))
    assert (rung.cause, rung.seq, rung.after_ms, rung.was_visible) == (Cause.OPENED, 1, 30, False)
    assert await store.read(lambda one: rings.desks(one, BEGIN)) == ()
    assert await store.read(lambda one: rings.mute_for_life(one, BEGIN)) == (0, False)
    await store.write(lambda one: retention_cases.end(one, [1], BEGIN))
    assert await store.read(lambda one: rings.of_case(one, 1)) == ()
