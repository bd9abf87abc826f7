"""Rows of the queue are drawn once for all: what is each one's own stays his, and what runs on with time runs on."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fixtures.browser import BEGIN, PASSWORD, Centre
from fixtures.casebook import wish
from fixtures.desk_time import let_pass, run_on, take_the_engine
from jinja2 import DictLoader, Environment, StrictUndefined

from community.accounts import Shift
from community.desk import QueueRow
from community.store.people_schema import home_register, places
from community.users import Role, User
from community.web.kept_rows import KeptRows
from shouwang.alert import Sentence, Severity


@pytest.fixture
async def seats(centre: Centre, console_url: str) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Browsers of three operators (one reads English), and of an auditor, who may only look."""
    await take_the_engine(centre)
    people = (
        ("zhang", "operator", "zh"),
        ("wang", "operator", "zh"),
        ("li", "operator", "en"),
        ("shen", "auditor", "zh"),
    )
    for login, role, language in people:
        await centre.user(login, login.title(), role=role, language=language)
    async with AsyncExitStack() as open_ones:
        found = {}
        for login, _, _ in people:
            client = httpx.AsyncClient(base_url=console_url, follow_redirects=True)
            found[login] = await open_ones.enter_async_context(client)
            await found[login].post("/login", data={"login": login, "password": PASSWORD})
        yield found


async def live(seat: httpx.AsyncClient) -> str:
    return (await seat.get("/queue?part=live")).text


def own(page: str, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)


async def test_each_browser_gets_its_own_token_and_each_form_its_own_order(
    centre: Centre, seats: dict[str, httpx.AsyncClient]
) -> None:
    for number in (1, 2):
        await centre.alarm(await centre.home(number, f"{number}号楼", "王桂兰", 1940), "sos", Severity.P1)
    pages = [await live(seats[login]) for login in ("zhang", "li", "zhang")]
    tokens = [set(own(page, "csrf")) for page in pages]
    assert [len(one) for one in tokens] == [1, 1, 1]
    assert tokens[0] == tokens[2] != tokens[1]
    orders = [one for page in pages for one in own(page, "command_id")]
    assert len(set(orders)) == len(orders) == 6
    answer = await seats["li"].post(
        "/incidents/1/ack",
        data={"csrf": own(pages[1], "csrf")[0], "command_id": orders[2], "version": "1", "back": "queue"},
    )
    assert answer.status_code == 200
    assert {row.incident_id: row.owner for row in await centre.desk.queue()} == {1: "li", 2: None}


async def test_languages_owners_and_those_who_may_only_look_are_kept_apart(
    centre: Centre, seats: dict[str, httpx.AsyncClient]
) -> None:
    await centre.alarm(await centre.home(1, "1号楼", "王桂兰", 1940), "sos", Severity.P1)
    assert "<form" in await live(seats["zhang"])
    assert "有人按下了紧急呼叫按钮" in await live(seats["zhang"])
    assert "the SOS button was pressed" in await live(seats["li"])
    assert '<form method="post" action="/incidents/1/ack"' not in await live(seats["shen"])
    await centre.desk.order(wish("ack", 1, "zhang", version=1))
    his, hers, looked_at = [await live(seats[login]) for login in ("zhang", "li", "shen")]
    assert '<span class="owner">我</span>' in his
    assert '<span class="owner">Zhang</span>' in hers
    assert '<span class="owner">Zhang</span>' in looked_at
    assert '<span class="owner">Zhang</span>' in await live(seats["wang"])  # reads and may do the same as the owner


async def test_ages_and_what_is_left_run_on_in_a_row_that_is_kept(
    centre: Centre, seats: dict[str, httpx.AsyncClient]
) -> None:
    await centre.alarm(await centre.home(1, "1号楼", "王桂兰", 1940), "vital", Severity.P2)
    age = r"<sw-age [^>]*>([^<]*)</sw-age>"
    rows = (await live(seats["zhang"])).partition('id="rows"')[2]
    assert re.findall(age, rows) == ["00:00"]
    centre.clock.later(seconds=7)
    rows = (await live(seats["zhang"])).partition('id="rows"')[2]
    assert re.findall(age, rows) == ["00:07"]
    await let_pass(centre, 5 * 60)
    rows = (await live(seats["zhang"])).partition('id="rows"')[2]
    assert re.findall(age, rows) == ["05:07"]
    assert 'class="sw-card red"' in rows


async def test_who_sees_one_community_only_gets_its_rows_from_the_read_of_all(
    centre: Centre, seats: dict[str, httpx.AsyncClient], console_url: str
) -> None:
    for number in (1, 2):
        await centre.alarm(await centre.home(number, f"{number}号楼", f"住户{number}", 1940), "sos", Severity.P1)
    for number, place_id in ((1, "north"), (2, "sunny")):
        there = {"place_id": place_id, "level": "community", "code": place_id, "name": place_id, "parent_id": None}
        lies = home_register.update().where(home_register.c.home_id == f"home-{number}").values(place_id=place_id)
        for statement in (places.insert().values(there), lies):
            await centre.store.write(lambda connection, statement=statement: connection.execute(statement))
    await centre.accounts.add_user(
        login="wu",
        name="吴涛",
        role=Role.OPERATOR,
        language="zh",
        password=PASSWORD,
        now=centre.clock.now,
        areas=frozenset({"sunny"}),
    )
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as narrow:
        await narrow.post("/login", data={"login": "wu", "password": PASSWORD})
        all_of_it, part = await live(seats["zhang"]), await live(narrow)
    assert ("住户1" in all_of_it, "住户2" in all_of_it) == (True, True)
    assert ("住户1" in part, "住户2" in part) == (False, True)
    assert 'value="2:P1"' in part


async def test_a_page_is_sent_the_rows_that_it_lacks_and_the_order_of_all(
    centre: Centre, seats: dict[str, httpx.AsyncClient]
) -> None:
    run_on(centre)
    for number in (1, 2, 3):
        await centre.alarm(await centre.home(number, f"{number}号楼", f"住户{number}", 1940), "sos", Severity.P1)
    first = (await seats["zhang"].get("/queue")).text
    assert (sent(first), order_of(first)) == (["1", "2", "3"], None)
    second = await since(seats["zhang"], first)
    assert (sent(second), order_of(second)) == ([], "1:1 2:1 3:1")
    await centre.desk.order(wish("ack", 1, "wang", version=1))
    third = await since(seats["zhang"], second)
    assert (sent(third), order_of(third)) == (["1"], "2:1 3:1 1:2")
    assert sent(await since(seats["zhang"], first)) == ["1"]  # nobody has read in between
    mine = await since(seats["wang"], first)
    assert (sent(mine), '<span class="owner">我</span>' in mine) == (["1"], True)  # never another one's words for his
    for unknown in ("", "0" * 12 + "-9", "x", "-", mark_of(third).replace("-", "-x")):
        whole = (await seats["zhang"].get("/queue", params={"part": "live", "since": unknown})).text
        assert (sorted(sent(whole)), order_of(whole)) == (["1", "2", "3"], None)
    english = await since(seats["li"], third)  # a mark of rows in another language
    assert (sorted(sent(english)), order_of(english)) == (["1", "2", "3"], None)


def mark_of(page: str) -> str:
    return re.findall(r'data-drawn="([^"]*)"', page)[0]


async def since(seat: httpx.AsyncClient, page: str) -> str:
    return (await seat.get("/queue", params={"part": "live", "since": mark_of(page)})).text


def sent(page: str) -> list[str]:
    return re.findall(r'<li class="case [^>]* data-id="(\d+)"', page)


def order_of(page: str) -> str | None:
    return next(iter(re.findall(r'data-order="([^"]*)"', page)), None)


def test_a_row_that_would_show_the_time_of_its_drawing_is_refused() -> None:
    for template in ("{{ at|moment }}", "{{ now }}", "{{ shift.expires_at }}"):
        environment = Environment(
            loader=DictLoader({"_row.html": template}), undefined=StrictUndefined, autoescape=True
        )
        kept = KeptRows(environment, {}, lambda: "order")
        with pytest.raises(Exception, match=r"kept|undefined|no attribute"):
            kept._template.render(at=None, row=None, shift=object(), names={})


def test_a_kept_row_is_one_viewers_kind_of_row_and_never_an_older_one() -> None:
    said = "{{ row.version }} {{ shift.user.login }} {{ shift.user.role.may_act }} {{ names.get(row.owner, '-') }}"
    environment = Environment(loader=DictLoader({"_row.html": said}), undefined=StrictUndefined, autoescape=True)
    kept = KeptRows(environment, {}, lambda: "order")
    row = _row(version=1, owner="zhang")
    names = {"zhang": "Zhang"}
    mine, others, looks = _seat("zhang"), _seat("wang"), _seat("shen", Role.AUDITOR)
    for _ in range(2):
        assert said_of(kept, row, mine, names) == "1 zhang True Zhang"
        assert said_of(kept, row, others, names) == "1  True Zhang"
        assert said_of(kept, row, looks, names) == "1  False Zhang"
        assert said_of(kept, row, others, {"zhang": "张琳"}) == "1  True 张琳"
    assert said_of(kept, _row(version=2, owner="zhang"), mine, names) == "2 zhang True Zhang"


def said_of(kept: KeptRows, row: QueueRow, seat: Shift, names: dict[str, str]) -> str:
    return kept.drawn([row], seat, names).changed[0]


def _seat(login: str, role: Role = Role.OPERATOR) -> Shift:
    user = User(user_id=login, login=login, name=login, role=role, language="zh")
    return Shift(token=login, user=user, expires_at=BEGIN)


def _row(**fields: object) -> QueueRow:
    said = Sentence(zh="", en="")
    whole = dict.fromkeys(("workflow", "state", "phase", "hazard", "home_id", "address", "resident_name"), "")
    whole |= {"incident_id": 1, "state_title": said, "why": said, "priority": Severity.P1, "alerts": 1}
    whole |= {"opened_at": BEGIN, "changed_at": BEGIN, "cleared": False, "resident_age": None} | fields
    return QueueRow(**whole)  # type: ignore[arg-type]  # its own fields
