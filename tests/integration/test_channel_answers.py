"""What people press and what providers tell comes in over HTTP, is kept once, and acts on the case."""

from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fixtures.notified import Notified

from community.casefile import Answered, Offer
from community.channels.port import Carried, Outcome, Way
from community.desk import Wish
from community.replies import Replies, wish_of
from community.store.answers import Reply, attempts_of
from community.store.case_schema import attempts, notices
from community.store.contact_keys import key_of
from community.store.dispatch_schema import responders, units
from community.store.people_rows import contact_id_of
from community.web import answers
from shouwang.errors import IllegalMove, TryLater

TOKEN = "0123456789abcdef0123"


class Orders:
    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.error: Exception | None = None

    async def __call__(self, wish: Wish) -> object:
        self.wishes.append(wish)
        if self.error is not None:
            raise self.error
        return None


@pytest.fixture
def orders() -> Orders:
    return Orders()


@pytest.fixture
async def provider(notified: Notified, orders: Orders) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(answers.router)
    app.state.replies = Replies(
        notified.store, token=TOKEN, clock=lambda: notified.now, order=orders, rung_failed=notified.rung_failed
    )
    headers = {"authorization": f"Bearer {TOKEN}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://care", headers=headers) as client:
        yield client


async def called(notified: Notified, audience: str = "family") -> tuple[int, str]:
    """A call that a provider has taken: its case and its key."""
    voice = notified.line("calls", Way.VOICE)

    async def taken() -> Carried:
        return Carried(code="pending")

    voice.does = [taken]
    incident = await notified.case()
    await notified.notice(incident, audience, rung=2)
    async with notified.running():
        await notified.until_outcomes("sent")
    return incident, voice.sent[0].key


@pytest.mark.parametrize("form", ["json", "form"])
async def test_i_am_going_is_noted_in_the_case_once(
    notified: Notified, orders: Orders, provider: httpx.AsyncClient, form: str
) -> None:
    incident, key = await called(notified)
    fields = {"id": key, "digit": "1"}
    for _ in range(2):
        response = await provider.post("/inlet/answer", **({"json": fields} if form == "json" else {"data": fields}))
        assert response.status_code == 200
    assert [row.outcome for row in await notified.rows(attempts)] == ["answered"]
    first, second = orders.wishes
    assert (first.incident_id, first.command, first.role, first.command_id) == (incident, "note", "caller", f"{key}-1")
    assert "王强" in first.text
    assert "我去" in first.text
    assert first == second  # the desk carries one command id out once
    assert first.by == key_of("resident-0001", contact_id_of("resident-0001", "王强", "138"))


async def test_nobody_took_the_call_and_the_ladder_goes_on(
    notified: Notified, orders: Orders, provider: httpx.AsyncClient
) -> None:
    incident, key = await called(notified)
    assert (await provider.post("/inlet/answer", json={"id": key, "state": "no-answer"})).status_code == 200
    assert [row.outcome for row in await notified.rows(attempts)] == ["failed"]
    assert notified.lost == [(incident, 2)]
    assert (await provider.post("/inlet/answer", json={"id": key, "digit": "1"})).status_code == 200
    assert [row.outcome for row in await notified.rows(attempts)] == ["answered"]


async def test_a_call_without_a_word_is_a_failure(notified: Notified) -> None:
    from datetime import timedelta

    incident, _ = await called(notified)
    notified.later(timedelta(minutes=3))
    async with notified.running():
        await notified.until_outcomes("failed")
    assert notified.lost == [(incident, 2)]


async def test_kannel_reports_by_its_numbers(notified: Notified, provider: httpx.AsyncClient) -> None:
    _, key = await called(notified)
    for state, outcome in (("8", "sent"), ("1", "delivered"), ("2", "delivered")):
        response = await provider.get("/inlet/delivery", params={"key": key, "state": state})
        assert response.status_code == 200
        assert [row.outcome for row in await notified.rows(attempts)] == [outcome]


@pytest.mark.parametrize(
    ("token", "fields", "status"),
    [
        ("wrong", {"id": "x", "digit": "1"}, 401),
        (TOKEN, {"id": "nosuch", "digit": "1"}, 404),
        (TOKEN, {}, 404),
    ],
)
async def test_strangers_and_nonsense_change_nothing(
    orders: Orders, provider: httpx.AsyncClient, token: str, fields: dict[str, str], status: int
) -> None:
    response = await provider.post("/inlet/answer", json=fields, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == status
    assert orders.wishes == []


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"x" * 9000])
async def test_what_cannot_be_read_is_said(provider: httpx.AsyncClient, body: bytes) -> None:
    response = await provider.post("/inlet/answer", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400


async def test_an_answer_that_comes_too_late_is_taken_all_the_same(
    notified: Notified, orders: Orders, provider: httpx.AsyncClient
) -> None:
    _, key = await called(notified)
    orders.error = IllegalMove("the case has ended")
    assert (await provider.post("/inlet/answer", json={"id": key, "digit": "1"})).status_code == 200


async def test_a_busy_database_is_asked_again(notified: Notified, orders: Orders, provider: httpx.AsyncClient) -> None:
    _, key = await called(notified)
    orders.error = TryLater("busy")
    assert (await provider.post("/inlet/answer", json={"id": key, "digit": "1"})).status_code == 503


async def test_the_timeline_names_every_try(notified: Notified) -> None:
    incident, _ = await called(notified)
    (row,) = await notified.store.read(lambda connection: attempts_of(connection, incident, notified.now))
    assert (row.name, row.channel, row.outcome, row.audience, row.tries) == ("王强", "calls", Outcome.SENT, "family", 1)


@pytest.mark.parametrize(
    ("audience", "digit", "command"),
    [("responders", "1", "accept"), ("responders", "2", "decline"), ("keyholder", "1", "note")],
)
def test_what_a_key_orders(audience: str, digit: str, command: str) -> None:
    wish = wish_of(reply(audience, digit))
    assert wish is not None
    assert (wish.command, wish.by) == (command, "liu" if audience == "responders" else "responder:liu")


@pytest.mark.parametrize(("audience", "digit"), [("family", "2"), ("responders", "5"), ("supervisor", "1")])
def test_other_keys_order_nothing(audience: str, digit: str) -> None:
    assert wish_of(reply(audience, digit)) is None


def reply(audience: str, digit: str) -> Reply:
    return Reply(key="k", incident_id=1, audience=audience, person="responder:liu", name="刘", relation="", digit=digit)


async def test_a_report_that_was_faster_than_our_own_word_stands(
    notified: Notified, provider: httpx.AsyncClient
) -> None:
    voice = notified.line("calls", Way.VOICE)

    async def reported_first() -> Carried:
        report = {"id": voice.sent[-1].key, "state": "delivered"}
        assert (await provider.post("/inlet/delivery", json=report)).status_code == 200
        return Carried(code="pending")

    voice.does = [reported_first]
    notice = await notified.notice(await notified.case(), "family", rung=2)
    async with notified.running():
        await notified.until(lambda: _done(notified, notice))
    assert [row.outcome for row in await notified.rows(attempts)] == ["delivered"]


async def _done(notified: Notified, notice: int) -> bool:
    return await notified.state(notice) == "done" and not notified.channels["calls"].at_once


@pytest.mark.parametrize(("digit", "command"), [("1", "unit_accept"), ("2", "unit_decline"), ("3", None)])
def test_a_unit_answers_by_a_key(digit: str, command: str | None) -> None:
    reply = Reply(
        key="k", incident_id=1, audience="units", person="unit:clinic", name="卫生站", relation="", digit=digit
    )
    wish = wish_of(reply)
    assert (wish and (wish.command, wish.by, wish.role)) == (command and (command, "clinic", "responder"))


async def test_whoever_accepts_by_a_key_too_late_is_told_once(
    provider: httpx.AsyncClient, notified: Notified, orders: Orders
) -> None:
    incident = await notified.case()
    await notified.put(incident, state="CLOSED", offers=(Offer(to="liu", at_e=0, answer=Answered.EXPIRED),))
    replies = provider._transport.app.state.replies  # type: ignore[attr-defined]
    orders.error = IllegalMove("liu was not asked, or has answered already")
    late = Reply(
        key="k", incident_id=incident, audience="responders", person="responder:liu", name="刘", relation="", digit="1"
    )
    await replies.act_on(late)
    await replies.act_on(late)  # the provider brings it twice
    rows = [row for row in await notified.rows(notices) if row.step == "late_answer"]
    assert [(row.audience, row.to_whom, row.prompt) for row in rows] == [("responders", "liu", "withdrawn")]
    sms = notified.line("sms", Way.SMS)
    await notified.store.write(_liu)
    async with notified.running():
        await notified.until_outcomes("sent")
    assert "改派他人" in sms.sent[0].text


def _liu(connection: sa.Connection) -> None:
    blank = dict.fromkeys(("skills", "areas"), b"[]")
    unit = {"unit_id": "u", "name": "U", "kind": "grid", "tier": 1, "zone": "", "hours": b"[]", "is_active": True}
    connection.execute(units.insert().values(phone="", channel="", **unit, **blank))
    person = {"responder_id": "liu", "unit_id": "u", "name": "刘", "language": "zh", "is_active": True}
    connection.execute(responders.insert().values(phone="137", **person, **blank))
