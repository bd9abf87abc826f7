"""Places for large bodies: who sends slowly or much takes nobody else's, and half a body is nobody's word."""

import asyncio

import pytest
from fixtures.quick_time import run_quickly
from starlette.types import Message, Receive, Scope, Send

from community.web import uploads
from community.web.guard import Guard
from community.web.uploads import AT_ONCE, IN_LINE_OF_ONE, LEAST_BYTES, LULL_S, OF_ONE, TooSlow, Uploads
from shouwang.errors import TryLater

MOST = 10 * LEAST_BYTES


class Feed:
    """A line over which pieces come, each after a pause of virtual seconds."""

    def __init__(self, *pieces: tuple[float, bytes]) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._pieces = pieces

    async def run(self) -> None:
        for number, (pause_s, piece) in enumerate(self._pieces, start=1):
            await asyncio.sleep(pause_s)
            more = number < len(self._pieces)
            self._messages.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    async def flowing(self, *, is_needed: bool) -> bytes | None:
        sending = asyncio.create_task(self.run())
        try:
            return await uploads.flowing(self._messages.get, MOST, lambda: is_needed)
        finally:
            sending.cancel()


# ---- how it comes ----


@pytest.mark.parametrize("is_needed", [True, False])
def test_what_comes_steadily_comes_whole(is_needed: bool) -> None:
    pieces = [(LULL_S / 8, b"x" * (LEAST_BYTES // 4))] * 24 + [(LULL_S / 2, b"end")]
    body = run_quickly(Feed(*pieces).flowing(is_needed=is_needed))
    assert body == b"x" * (6 * LEAST_BYTES) + b"end"


@pytest.mark.parametrize(
    "pieces",
    [
        [(0.0, b"x" * LEAST_BYTES), (2.5 * LULL_S, b"end")],  # a lift
        [(LULL_S / 10, b"x")] * 30,  # a byte now and then
    ],
)
def test_a_place_that_nobody_needs_is_kept_through_a_lull_and_any_other_given_up(
    pieces: list[tuple[float, bytes]],
) -> None:
    whole = b"".join(piece for _, piece in pieces)
    assert run_quickly(Feed(*pieces).flowing(is_needed=False)) == whole
    with pytest.raises(TooSlow):
        run_quickly(Feed(*pieces).flowing(is_needed=True))


def test_what_is_too_large_is_not_read_to_its_end() -> None:
    assert run_quickly(Feed(*[(0.0, b"x" * LEAST_BYTES)] * 99).flowing(is_needed=True)) is None


# ---- whose turn it is ----


async def test_one_who_sends_has_few_of_the_places_and_the_others_theirs() -> None:
    places, done = Uploads(), asyncio.Event()
    inside: list[str] = []
    news = asyncio.Condition()

    async def send(sender: str) -> None:
        async with places.place(sender):
            inside.append(sender)
            async with news:
                news.notify_all()
            await done.wait()

    slow = [asyncio.create_task(send("slow")) for _ in range(IN_LINE_OF_ONE)]
    others = [asyncio.create_task(send(f"phone {number}")) for number in range(AT_ONCE - OF_ONE)]
    async with asyncio.timeout(20), news:
        await news.wait_for(lambda: len(inside) == AT_ONCE)
    assert sorted(inside) == ["phone 0", "phone 1", "slow", "slow"]
    with pytest.raises(TryLater):
        async with asyncio.timeout(20), places.place("slow"):
            pass
    done.set()
    await asyncio.gather(*slow, *others)
    assert inside.count("slow") == IN_LINE_OF_ONE
    async with places.place("slow") as is_needed:
        assert not is_needed()


async def test_a_place_is_needed_once_all_are_taken_or_the_same_one_sends_anew() -> None:
    places = Uploads()
    async with places.place("a") as is_needed, places.place("a"):
        assert not is_needed()
        again = asyncio.create_task(_taken(places, "a"))
        await asyncio.sleep(0)
        assert is_needed()
        again.cancel()
        await asyncio.wait({again})
        assert not is_needed()
        async with places.place("b"), places.place("c"):
            assert is_needed()


async def _taken(places: Uploads, sender: str) -> None:
    async with places.place(sender):
        pass


# ---- who he is ----


@pytest.mark.parametrize(("sender", "length", "came"), [("", 100, 100), ("", 70_000, 0), ("li", 70_000, 70_000)])
async def test_of_a_stranger_is_read_what_a_form_may_hold_and_nothing_larger(
    sender: str, length: int, came: int
) -> None:
    told: list[int] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        told.append(len((await receive())["body"]))

    async def sender_of(_: Scope) -> str:
        return sender

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * length, "more_body": False}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": "/admin/files", "headers": [], "query_string": b""}
    await Guard(app, secure=True, sender_of=sender_of)(scope, receive, send)
    assert told == [came]


async def test_what_is_no_larger_than_a_form_waits_for_no_place_and_is_asked_for_no_sender() -> None:
    """A report without a photo, of somebody whose photos are under way on dead connections."""
    told: list[int] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        told.append(len((await receive())["body"]))

    async def sender_of(scope: Scope) -> str:
        if dict(scope["headers"]).get(b"content-length") != b"1000000":
            raise AssertionError("nobody asks who he is")
        return "li"

    async def small() -> Message:
        return {"type": "http.request", "body": b"x" * 100, "more_body": False}

    async def held() -> Message:
        in_line.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    def scope(length: int) -> Scope:
        headers = [(b"content-length", str(length).encode())]
        path = f"/r/{'x' * 32}/report"
        return {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}

    in_line, guard = asyncio.Event(), Guard(app, secure=True, sender_of=sender_of)
    photos = [asyncio.ensure_future(guard(scope(1_000_000), held, send)) for _ in range(IN_LINE_OF_ONE)]
    async with asyncio.timeout(20):
        await in_line.wait()
        await guard(scope(100), small, send)
    assert told == [100]
    for photo in photos:
        photo.cancel()
    await asyncio.wait(photos)


# ---- half a body ----


@pytest.mark.parametrize("path", ["/incidents/1/note", f"/r/{'x' * 32}/report"])
@pytest.mark.parametrize("sender", ["", "li"])
async def test_half_a_form_is_nobodys_order(path: str, sender: str) -> None:
    """A note that ends in the middle of a sentence may say its opposite."""
    came: list[Scope] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        came.append(scope)

    async def sender_of(_: Scope) -> str:
        return sender

    async def send(message: Message) -> None:
        raise AssertionError(message)

    async def half() -> Message:
        return next(messages)

    cut: list[Message] = [
        {"type": "http.request", "body": b"note=he+needs+no+help+that", "more_body": True},
        {"type": "http.disconnect"},
    ]
    messages = iter(cut)
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await Guard(app, secure=True, sender_of=sender_of)(scope, half, send)
    assert came == []
