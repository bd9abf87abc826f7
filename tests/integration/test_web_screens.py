"""Screens on the wall: paired once, good for the wall alone, ended by a click; the real store and console."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, cheap_hasher, console_of
from fixtures.stalled import stalled

from community.accounts import Accounts
from community.screen_room import (
    CODE_LASTS,
    CODE_LENGTH,
    GOOD_FOR,
    LETTERS,
    OLD_WORD_LASTS,
    RENEWED_AFTER,
    SILENT_AFTER,
    ScreenRoom,
)
from community.store import screens
from community.store.passkey_schema import screens as table
from community.store.rights_schema import right_changes
from community.users import EVERYWHERE, Role, User
from community.web import console, streams
from community.web.console import WALLS_OF_ONE
from shouwang.alert import Severity

ADMIN = User(user_id="u", login="gao", name="高远", role=Role.ADMIN, language="en")


def room_of(centre: Centre, accounts: Accounts | None = None) -> ScreenRoom:
    """As a server has it; another one on the same database is a restart, or the standby."""
    return ScreenRoom(centre.store, accounts or centre.accounts, clock=centre.clock, address="https://care.example.org")


async def code_of(centre: Centre, areas: frozenset[str] = EVERYWHERE) -> tuple[str, str]:
    screen, code = await room_of(centre).make(ADMIN, "hall", areas, "en")
    return screen.screen_id, code


def wall(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"accept-language": "en"})


async def changes(centre: Centre) -> list[str]:
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    return [f"{row.actor} {row.what} {row.detail}" for row in rows]


async def test_admin_makes_a_screen_and_its_code_opens_the_wall_once(centre: Centre, console_url: str) -> None:
    await centre.user("gao", "高远", "admin", "en")
    async with wall(console_url) as admin, wall(console_url) as screen, wall(console_url) as second:
        await admin.post("/login", data={"login": "gao", "password": PASSWORD})
        page = (await admin.get("/admin/screens")).text
        csrf = re.search(r'name="csrf" value="(\w+)"', page)
        assert csrf is not None
        made = await admin.post("/admin/screens", data={"csrf": csrf[1], "name": "hall", "language": "en"})
        link = re.search(r"https://care.example.org(/screen\?code=([A-Z]+))", made.text)
        assert link is not None
        assert len(link[2]) == CODE_LENGTH
        assert made.headers["cache-control"] == "no-store"
        assert link[2] not in (await admin.get("/admin/screens")).text, "shown once"
        for _ in range(2):  # whoever opens the link alone does not use it up
            assert f'value="{link[2]}"' in (await screen.get(link[1])).text
        typed = f" {link[2][:4].lower()}-{link[2][4:]} "
        paired = await screen.post("/screen", data={"code": typed})
        assert (paired.status_code, paired.headers["location"]) == (303, "/wall")
        cookie = paired.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Max-Age=7776000"))
        shown = await screen.get("/wall")
        assert shown.status_code == 200
        assert "This screen has been ended" in shown.text, "what its script would say"
        again = await second.post("/screen", data={"code": link[2]})
        assert again.status_code == 401
        assert "not right, was used already" in again.text
        listed = (await admin.get("/admin/screens")).text
        assert "127.0.0.1" in listed
        told = await changes(centre)
        assert [line.split(" ")[:3] for line in told] == [["gao", "screen", "made"], ["screen", "screen", "paired"]]
        assert all("hall" in line for line in told)


async def test_code_is_good_for_fifteen_minutes_and_kept_as_a_hash(centre: Centre) -> None:
    room = room_of(centre)
    _, code = await code_of(centre)
    assert set(code) <= set(LETTERS)
    centre.clock.now += CODE_LASTS
    assert await room.pair(code, client="a") == ""
    screen_id, code = await code_of(centre)
    word = await room.pair(code, client="a")
    assert word
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(table)).all())
    assert code not in repr(rows)
    assert word not in repr(rows)
    assert {row.screen_id for row in rows if row.paired_at} == {screen_id}


async def test_wrong_codes_make_the_next_wait(centre: Centre) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    room = room_of(centre, Accounts(centre.store, hasher=cheap_hasher(), pause=pause))
    _, code = await code_of(centre)
    for number in range(6):
        assert await room.pair(f"WRONG{number}", client="a") == ""
    assert pauses == [1, 2, 4]
    assert await room.pair(code, client="b")
    assert len(pauses) == 3


async def test_screen_outlives_shifts_restarts_and_the_standby_and_its_word_changes_each_day(centre: Centre) -> None:
    _, code = await code_of(centre)
    word = await room_of(centre).pair(code, client="a")
    words = [word]
    for _ in range(120):
        centre.clock.now += RENEWED_AFTER
        shown = await room_of(centre).shown(words[-1], client="a")
        assert shown is not None, "used each day, it is good for longer than its 90 days"
        words.append(shown.word)
    assert len(set(words)) == 121
    assert await room_of(centre).shown(words[-1], client="a") is not None
    for old in words[:-2]:
        assert not await room_of(centre).is_good(old)
    centre.clock.now += OLD_WORD_LASTS + timedelta(seconds=1)
    assert not await room_of(centre).is_good(words[-2]), "what was copied yesterday opens nothing"
    centre.clock.now += GOOD_FOR
    assert await room_of(centre).shown(words[-1], client="a") is None, "dark for 90 days"


async def test_answer_that_was_lost_and_two_requests_at_once_keep_the_screen(centre: Centre) -> None:
    _, code = await code_of(centre)
    room = room_of(centre)
    word = await room.pair(code, client="a")
    centre.clock.now += RENEWED_AFTER
    both = await asyncio.gather(*(room.shown(word, client="a") for _ in range(4)))
    fresh = {one.word for one in both if one is not None}
    assert len(fresh) == 1, "whichever answer comes last, the browser holds a good word"
    centre.clock.now += timedelta(days=3)  # none of the answers has come to the browser
    lost = await room.shown(word, client="a")
    assert lost is not None
    assert {lost.word} == fresh
    assert await room.is_good(lost.word)


async def test_disk_that_stands_still_darkens_no_wall(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = await code_of(centre)
    room = room_of(centre)
    word = await room.pair(code, client="a")
    centre.clock.now += RENEWED_AFTER
    with monkeypatch.context() as patch:
        patch.setattr("community.slowing.DATABASE_WITHIN_S", 0.01)
        async with stalled(centre.store):
            shown = await room.shown(word, client="a")
    monkeypatch.setattr("community.slowing.DATABASE_WITHIN_S", 20.0)  # a machine may be as slow as it likes
    assert shown is not None
    assert not shown.word, "its next word could not be kept"
    again = await room.shown(word, client="a")
    assert again is not None
    assert await room.is_good(again.word)


async def test_ended_screen_is_dark_at_once_with_its_stream(
    centre: Centre, console_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 60.0)  # it does not look by itself meanwhile
    await centre.user("gao", "高远", "admin", "en")
    screen_id, code = await code_of(centre)
    async with wall(console_url) as admin, wall(console_url) as screen:
        await admin.post("/login", data={"login": "gao", "password": PASSWORD})
        csrf = re.search(r'name="csrf" value="(\w+)"', (await admin.get("/admin/screens")).text)
        assert csrf is not None
        await screen.post("/screen", data={"code": code})
        async with screen.stream("GET", "/wall/events") as news:
            lines = news.aiter_lines()
            assert await anext(lines) == "event: news"
            ended = await admin.post(f"/admin/screens/{screen_id}/end", data={"csrf": csrf[1]})
            assert ended.status_code == 303
            async with asyncio.timeout(20):
                assert [line async for line in lines][-1] == ""
        assert (await screen.get("/wall")).headers["location"] == "/login?next=%2Fwall"
        assert (await screen.get("/wall?part=live", headers={"sec-fetch-mode": "cors"})).status_code == 401
        for deed in ("end", "code"):
            assert (await admin.post(f"/admin/screens/{screen_id}/{deed}", data={"csrf": csrf[1]})).status_code == 409
    assert "gao screen ended hall" in await changes(centre)


async def test_new_code_puts_the_old_browser_out_only_when_it_is_used(centre: Centre) -> None:
    screen_id, code = await code_of(centre)
    room = room_of(centre)
    word = await room.pair(code, client="a")
    _, code = await room.new_code(ADMIN, screen_id)
    assert await room.is_good(word)
    with room.until_ended(screen_id) as ended:
        other = await room.pair(code, client="b")
        assert ended.is_set()
    assert not await room.is_good(word)
    assert await room.is_good(other)


async def test_bells_reach_the_stream_as_news_that_name_nobody(
    centre: Centre, console_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 60.0)  # it does not look by itself meanwhile
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    _, code = await code_of(centre)
    async with wall(console_url) as screen:
        await screen.post("/screen", data={"code": code})
        async with screen.stream("GET", "/wall/events") as news:
            lines = news.aiter_lines()
            heard = [await anext(lines) for _ in range(3)]
            assert heard == ["event: news", 'data: {"seq": 0}', ""]
            await centre.alarm(box, "sos", Severity.P1)
            async with asyncio.timeout(20):
                heard = [await anext(lines) for _ in range(3)]
            assert re.fullmatch(r'data: \{"seq": [1-9]\d*\}', heard[1])
        page = (await screen.get("/wall?part=live")).text
        assert "王桂兰" not in page
        assert not re.search(r"\b501\b", page)


async def test_screen_counts_its_areas_only(centre: Centre, console_url: str) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    found = []
    for areas in (EVERYWHERE, frozenset({"far"})):
        screen = await centre.store.write(
            lambda connection, areas=areas: screens.add(
                connection,
                f"{len(areas - EVERYWHERE):08x}",
                name="x",
                areas=areas,
                language="en",
                by="gao",
                at=centre.clock.now,
            )
        )
        _, code = await room_of(centre).new_code(ADMIN, screen.screen_id)
        async with wall(console_url) as client:
            await client.post("/screen", data={"code": code})
            page = (await client.get("/wall?part=live")).text
            found.append(re.findall(r"LIFE open</h2>\s*<p class=\"w-big\">(\d+)", page))
    assert found == [["1"], ["0"]]


async def test_unknown_area_is_refused_and_a_screen_that_is_silent_for_a_day_is_marked(
    centre: Centre, console_url: str
) -> None:
    await centre.user("gao", "高远", "admin", "en")
    _, code = await code_of(centre)
    await room_of(centre).pair(code, client="a")
    centre.clock.now += SILENT_AFTER
    async with wall(console_url) as admin:
        await admin.post("/login", data={"login": "gao", "password": PASSWORD})
        page = (await admin.get("/admin/screens")).text
        assert "silent for more than a day" in page
        csrf = re.search(r'name="csrf" value="(\w+)"', page)
        assert csrf is not None
        lost = await admin.post("/admin/screens", data={"csrf": csrf[1], "name": "x", "areas": "nowhere"})
        assert lost.status_code == 409
        assert "no such area: nowhere" in lost.text


async def test_second_console_on_the_same_database_knows_the_screen(centre: Centre, console_url: str) -> None:
    _, code = await code_of(centre)
    async with wall(console_url) as screen:
        await screen.post("/screen", data={"code": code})
        word = screen.cookies["screen"]
    async with console_of(centre) as other, wall(other) as screen:
        screen.cookies.set("screen", word, domain="127.0.0.1")
        assert (await screen.get("/wall")).status_code == 200


# ---- the seats at its stream ----


@asynccontextmanager
async def news_of(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream that has begun."""
    async with client.stream("GET", "/wall/events") as answer, aclosing(answer.aiter_lines()) as lines:
        assert answer.status_code == 200
        assert [await anext(lines) for _ in range(3)] == ["event: news", 'data: {"seq": 0}', ""]
        yield lines


async def status_of(client: httpx.AsyncClient, address: str) -> int:
    async with client.stream("GET", address) as answer:
        return answer.status_code


async def paired(centre: Centre, client: httpx.AsyncClient) -> None:
    _, code = await code_of(centre)
    assert (await client.post("/screen", data={"code": code})).status_code == 303


@pytest.mark.parametrize("who", ["screen", "person"])
async def test_newest_stream_of_one_wall_takes_the_seat_of_its_oldest(
    centre: Centre, console_url: str, who: str
) -> None:
    await centre.user("gao", "高远", "admin", "en")
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        client = await stack.enter_async_context(wall(console_url))
        if who == "screen":
            await paired(centre, client)
        else:
            await client.post("/login", data={"login": "gao", "password": PASSWORD})
        oldest = await stack.enter_async_context(news_of(client))
        others = [await stack.enter_async_context(news_of(client)) for _ in range(WALLS_OF_ONE - 1)]
        newest = await stack.enter_async_context(news_of(client))
        assert "retry: 30000" in [line async for line in oldest], "and it comes again no sooner"
        box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
        await centre.alarm(box, "sos", Severity.P1)
        for lines in (*others, newest):
            assert await anext(lines) == "event: news", "the others go on"


async def test_copied_cookie_takes_no_stream_from_a_desk(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MAX_STREAMS", 1)
    await centre.user()
    async with console_of(centre) as console_url, AsyncExitStack() as stack, asyncio.timeout(20):
        desk = await stack.enter_async_context(wall(console_url))
        await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
        thief = await stack.enter_async_context(wall(console_url))
        await paired(centre, thief)
        for _ in range(2 * WALLS_OF_ONE):
            await stack.enter_async_context(news_of(thief))
        assert await status_of(desk, "/events") == 200


async def test_full_house_refuses_a_strange_wall_and_no_desk(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MAX_WALLS", WALLS_OF_ONE)
    await centre.user()
    async with console_of(centre) as url, AsyncExitStack() as stack, asyncio.timeout(20):
        first, second, desk = [await stack.enter_async_context(wall(url)) for _ in range(3)]
        await paired(centre, first)
        await paired(centre, second)
        await desk.post("/login", data={"login": "zhang", "password": PASSWORD})
        for _ in range(WALLS_OF_ONE):
            await stack.enter_async_context(news_of(first))
        assert await status_of(second, "/wall/events") == 503
        assert await status_of(first, "/wall/events") == 200, "it gives up one of its own"
        assert await status_of(desk, "/events") == 200
