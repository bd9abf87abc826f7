"""The event stream over a real connection: nothing is missed, nothing told twice, and it ends when it must."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import httpx
import pytest
from fixtures.browser import PASSWORD, Centre, console_of

from community.desk import Bell
from community.web import console, events, streams
from shouwang.alert import Severity

WAIT_S = 30.0


@pytest.fixture
async def browser(centre: Centre, console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    await centre.user()
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as client:
        await client.post("/login", data={"login": "zhang", "password": PASSWORD})
        yield client


@pytest.fixture
async def home(centre: Centre) -> str:
    return await centre.home(1, "3号楼2-501", "王桂兰", 1944)


@pytest.fixture
def one_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all desks; to be used before the console is made."""
    monkeypatch.setattr(console, "MAX_STREAMS", 1)


@asynccontextmanager
async def listening(
    browser: httpx.AsyncClient, after: int | None = None, last: str | None = None
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    headers = {} if last is None else {"last-event-id": last}
    params = {} if after is None else {"after": after}
    async with (
        asyncio.timeout(WAIT_S),
        browser.stream("GET", "/events", params=params, headers=headers) as answer,
        aclosing(said(answer)) as told,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in answer.headers
        yield told


async def said(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if "event" in fields:
                yield fields
            fields = {}


async def bells(told: AsyncIterator[dict[str, str]], count: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    while len(found) < count:
        event = await anext(told)
        if event["event"] == "bell":
            found.append(event)
    return found


async def test_new_case_rings_with_its_place_in_the_audit(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    async with listening(browser) as told:
        assert (await anext(told))["event"] == "ping"
        await centre.alarm(home, "sos", Severity.P1)
        (bell,) = await bells(told, 1)
    data = json.loads(bell["data"])
    assert data == {"seq": int(bell["id"]), "kind": "opened", "incident": 1, "priority": "P1", "state": "OPEN"}


async def test_what_was_missed_is_told_once_and_in_order(centre: Centre, browser: httpx.AsyncClient, home: str) -> None:
    await centre.alarm(home, "sos", Severity.P1)
    seen = await centre.desk.last_seq()
    for _ in range(3):
        centre.clock.later(seconds=1)
        await centre.alarm(home, "fall", Severity.P1)
    async with listening(browser, after=0, last=str(seen)) as told:
        missed = await bells(told, 3)
        centre.clock.later(seconds=1)
        await centre.alarm(home, "fall", Severity.P1)
        (live,) = await bells(told, 1)
    ids = [int(bell["id"]) for bell in (*missed, live)]
    assert ids == sorted(set(ids))
    assert ids[0] > seen


async def test_what_happens_during_the_replay_is_told_once(
    centre: Centre, browser: httpx.AsyncClient, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = centre.desk.bells_after

    async def slow(seq: int, limit: int) -> tuple[Bell, ...]:
        async with centre.desk.bells() as rung:
            await centre.alarm(home, "sos", Severity.P1)
            await anext(rung)  # the stream has it among its live bells too
        return await replay(seq, limit)

    monkeypatch.setattr(centre.desk, "bells_after", slow)
    async with listening(browser, after=0) as told:
        (first,) = await bells(told, 1)
        centre.clock.later(seconds=1)
        await centre.alarm(home, "fall", Severity.P1)
        (second,) = await bells(told, 1)
    assert int(second["id"]) > int(first["id"])


async def test_too_long_a_gap_asks_for_a_new_reading(
    centre: Centre, browser: httpx.AsyncClient, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_REPLAY", 2)
    for _ in range(3):
        centre.clock.later(seconds=1)
        await centre.alarm(home, "fall", Severity.P1)
    async with listening(browser, after=0) as told:
        first, second = await anext(told), await anext(told)
    assert (first["event"], second["event"]) == ("resync", "ping")
    assert int(first["id"]) == await centre.desk.last_seq()


async def test_ping_carries_the_newest_sequence_and_the_time(
    centre: Centre, browser: httpx.AsyncClient, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.01)
    async with listening(browser) as told:
        pings = [await anext(told) for _ in range(3)]
    for ping in pings:
        assert (ping["event"], "id" in ping) == ("ping", False)
        assert json.loads(ping["data"]) == {"seq": 0, "now": centre.clock.now.isoformat()}


async def test_stream_ends_with_the_shift(
    centre: Centre, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.01)
    async with listening(browser) as told:
        await anext(told)
        centre.clock.later(hours=12)
        assert [event async for event in told if event["event"] != "ping"] == []


async def test_listener_that_falls_behind_reads_anew(
    centre: Centre, browser: httpx.AsyncClient, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def ended() -> AsyncIterator[AsyncIterator[object]]:
        async def nothing() -> AsyncIterator[object]:
            return
            yield

        yield nothing()

    monkeypatch.setattr(centre.desk, "bells", ended)
    async with listening(browser) as told:
        assert [event["event"] async for event in told] == ["ping", "resync"]


@pytest.mark.usefixtures("one_seat")
async def test_more_streams_than_allowed_are_refused(browser: httpx.AsyncClient) -> None:
    async with listening(browser) as told:
        await anext(told)
        assert (await browser.get("/events")).status_code == 503


async def test_newest_stream_of_one_login_takes_the_seat_of_its_oldest_and_no_other(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that are dead and do not know it pile up: the one that lives is never refused."""
    monkeypatch.setattr(console, "STREAMS_OF_ONE", 1)
    await centre.user()
    await centre.user(login="li", name="李梅")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(console_of(centre))
        told = []
        for login in ("li", "zhang", "zhang"):
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
            await client.post("/login", data={"login": login, "password": PASSWORD})
            told.append(await stack.enter_async_context(listening(client)))
            assert (await anext(told[-1]))["event"] == "ping"
        assert [event async for event in told[1] if event["event"] != "ping"] == []
        await centre.alarm(await centre.home(1, "3号楼2-501", "王桂兰", 1944), "sos", Severity.P1)
        for heard in (told[0], told[2]):
            assert await bells(heard, 1)


async def test_record_that_was_set_back_rings_at_desks_that_had_seen_more(
    centre: Centre, browser: httpx.AsyncClient, home: str
) -> None:
    """A backup was put in place: homes send anew, under numbers that these desks have heard already."""
    now = await centre.desk.last_seq()
    async with listening(browser, after=0, last=str(now + 500)) as told:
        first = await anext(told)
        assert (first["event"], json.loads(first["data"])["seq"]) == ("resync", now)
        await centre.alarm(home, "sos", Severity.P1)
        (bell,) = await bells(told, 1)
    assert int(bell["id"]) > now


@pytest.mark.usefixtures("one_seat")
async def test_browser_that_goes_leaves_nothing_behind(centre: Centre, browser: httpx.AsyncClient) -> None:
    for _ in range(5):
        async with listening(browser) as told:
            await anext(told)
        async with asyncio.timeout(WAIT_S):
            while (await browser.head("/events")).status_code == 503 or centre.bells._listeners:
                await asyncio.sleep(0)


async def test_streams_end_when_the_server_goes_down(centre: Centre) -> None:
    await centre.user()
    async with httpx.AsyncClient(follow_redirects=True) as client, asyncio.timeout(WAIT_S):
        async with console_of(centre) as url:
            await client.post(f"{url}/login", data={"login": "zhang", "password": PASSWORD})
            answer = await client.send(client.build_request("GET", f"{url}/events"), stream=True)
            told = said(answer)
            assert (await anext(told))["event"] == "ping"
        assert [event async for event in told] == []
        await answer.aclose()
