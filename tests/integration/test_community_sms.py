"""What homes send by SMS, at the centre: one case whichever copy comes first, nothing for forgers."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import cheap_hasher
from fixtures.community_home import GATEWAY, NOON, DemoHome

from community.accounts import Accounts
from community.bells import Bells
from community.counter import Counter
from community.settings import load
from community.sms_inlet import DEAD_LETTERS_AN_HOUR, PER_HOME_A_MINUTE, SmsInlet, keys_of, token_of
from community.store import chain, intake, page, schema, views, watch_schema
from community.store.database import Store
from community.web.app import create_app
from community.web.providers import MAX_BODY_BYTES
from shouwang.alert import Alert, AlertState, Severity
from shouwang.errors import ConfigError, TryLater
from shouwang.short_alert import encode_alert, encode_test, key_from
from shouwang.wire import Path, PathBody

KEY = key_from("0123456789abcdef" * 2)
TOKEN = "a-token-of-thirty-characters-or-so"
SENDER = "+8613700137000"


class Desk:
    """The inlet as a provider meets it, and the tables as an operator does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON + timedelta(seconds=30)
        self.rung = 0
        self.remembers = False
        """Else each SMS finds a server that has just started: the tables have to know what came before."""
        self.inlet = SmsInlet(store, token=TOKEN, keys={GATEWAY: KEY}, clock=self._time, committed=self._ring)
        counter = Counter(store, Bells(store), clock=self._time, for_homes=lambda: None)
        self.app = create_app(
            counter,
            Accounts(store, hasher=cheap_hasher()),
            name="c",
            clock=self._time,
            secure_cookies=False,
            sms_inlet=self.inlet,
        )
        self.web = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://centre")

    def _time(self) -> datetime:
        return self.now

    def _ring(self) -> None:
        self.rung += 1

    async def sms(self, text: str, **options: object) -> int:
        """Bring one SMS as a form; the status of the answer."""
        if not self.remembers:
            self.inlet._stored.clear()
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = await self.web.post("/inlet/sms", data={"from": SENDER, "text": text}, headers=headers, **options)
        return answer.status_code

    async def wire(self, home: DemoHome, alert: Alert) -> None:
        envelopes = [home.envelope(alert)]
        await self.store.write(lambda connection: intake.take_in(connection, envelopes, self.now))

    async def rows(self, table: sa.Table):
        return await self.store.read(lambda connection: connection.execute(sa.select(table)).all())

    async def queue(self):
        return await self.store.read(lambda connection: views.queue(connection, self.now))

    async def case(self, incident_id: int = 1):
        return await self.store.read(lambda connection: page.page(connection, incident_id, self.now))

    async def faults(self) -> tuple[str, ...]:
        return (await self.store.read(chain.verify)).faults


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    made = Desk(store)
    yield made
    await made.web.aclose()


def short(home: DemoHome, alert: Alert | None = None, *, key: bytes = KEY, is_clock_unsure: bool = False) -> str:
    return encode_alert(GATEWAY, alert or home.alert(), key, is_clock_unsure=is_clock_unsure)


async def test_an_sms_opens_a_case_and_says_by_which_way_it_came(desk: Desk, home: DemoHome) -> None:
    assert await desk.sms(short(home)) == 200
    (row,) = await desk.queue()
    assert (row.priority, row.hazard, row.resident_name, row.alerts) == (Severity.P1, "sos", "王桂兰", 1)
    assert row.why.zh.startswith("【短信】sos，传感器 sos-bed")
    case = await desk.case()
    assert case is not None
    assert "by SMS: sos, sensor sos-bed" in case.timeline[0].text.en
    assert desk.rung == 1
    assert await desk.faults() == ()


@pytest.mark.parametrize("order", ["sms wire", "wire sms", "sms sms wire wire", "wire sms sms", "sms wire sms"])
async def test_whichever_copy_comes_first_there_is_one_alert_and_one_case(
    desk: Desk, home: DemoHome, order: str
) -> None:
    evidence = (home.reading(88.0),)
    alert = home.alert(since=NOON + timedelta(microseconds=123_456), evidence=evidence)
    for way in order.split():
        if way == "sms":
            assert await desk.sms(short(home, alert)) == 200
        else:
            await desk.wire(home, alert)
    (row,) = await desk.queue()
    assert (row.alerts, row.version) == (1, 1)
    assert len(await desk.rows(schema.alerts)) == 1
    case = await desk.case()
    assert case is not None
    assert len(case.timeline) == 1
    (told,) = case.alerts
    assert told.why.zh.endswith(alert.why.zh), "what the internet brings is told as soon as it is here"
    assert told.why.zh.startswith("【短信】") is order.startswith("sms")
    assert told.evidence == evidence
    assert [series.sensor_id for series in case.evidence] == ["oximeter"]
    (copy,) = await desk.rows(schema.sms_copies)
    assert (copy.sender, copy.was_first) == (SENDER, order.startswith("sms"))
    assert await desk.faults() == ()


@pytest.mark.parametrize("ways", [("sms", "wire"), ("wire", "sms"), ("sms", "sms")])
async def test_the_end_of_an_alarm_finds_its_beginning_across_the_ways(desk: Desk, home: DemoHome, ways) -> None:
    since = NOON + timedelta(microseconds=654_321)
    steps = [
        home.alert(since=since),
        home.alert(since=since, state=AlertState.RESOLVED, at=since + timedelta(minutes=5)),
    ]
    for way, step in zip(ways, steps, strict=True):
        if way == "sms":
            assert await desk.sms(short(home, step)) == 200
        else:
            await desk.wire(home, step)
    (row,) = await desk.queue()
    assert row.cleared
    assert await desk.faults() == ()


async def test_a_forged_or_edited_sms_opens_no_alarm_and_asks_somebody_to_look(desk: Desk, home: DemoHome) -> None:
    forged = short(home, key=key_from("another key of thirty-two letters"))
    edited = short(home).replace("sos-bed", "sos-bad")
    assert [await desk.sms(text) for text in (forged, edited, forged)] == [422, 422, 422]
    (row,) = await desk.queue()
    assert (row.priority, row.hazard) == (Severity.P3, "unreadable")
    letters = await desk.rows(schema.dead_letters)
    assert sorted(letter.times for letter in letters) == [1, 2]
    assert all(letter.topic == f"sms/{SENDER}" for letter in letters)
    assert all("its signature does not fit" in letter.reason for letter in letters)


async def test_a_cut_off_sms_of_a_known_home_is_told_and_a_foreign_one_is_only_kept(desk: Desk, home: DemoHome) -> None:
    assert await desk.sms("【某某银行】您的验证码是 123456") == 422
    assert await desk.sms(short(home).replace(GATEWAY, "gw-nobody")) == 422
    assert await desk.queue() == ()
    assert [row.gateway_id for row in await desk.rows(schema.gateways)] == [GATEWAY]
    assert await desk.sms(short(home)[:-5]) == 422
    (row,) = await desk.queue()
    assert row.hazard == "unreadable"
    assert len(await desk.rows(schema.dead_letters)) == 3


async def test_an_old_sms_that_is_played_again_changes_nothing(desk: Desk, home: DemoHome) -> None:
    text = short(home)
    assert await desk.sms(text) == 200
    before = (
        await desk.rows(schema.alerts),
        await desk.rows(watch_schema.path_states),
        await desk.rows(schema.incidents),
    )
    desk.now += timedelta(days=40)
    assert await desk.sms(text) == 200
    after = await desk.rows(schema.alerts), await desk.rows(watch_schema.path_states), await desk.rows(schema.incidents)
    assert after == before


async def test_an_sms_that_was_held_back_for_hours_opens_a_case_that_says_so(desk: Desk, home: DemoHome) -> None:
    desk.now += timedelta(hours=5)
    assert await desk.sms(short(home)) == 200
    (row,) = await desk.queue()
    assert row.why.en.startswith("LATE")


async def test_an_sms_of_a_box_whose_clock_is_of_1970_is_not_late(desk: Desk, home: DemoHome) -> None:
    alert = home.alert(since=datetime.fromisoformat("1970-01-01T00:03:00+00:00"))
    assert await desk.sms(short(home, alert, is_clock_unsure=True)) == 200
    (row,) = await desk.queue()
    assert "LATE" not in row.why.en


async def test_an_sms_proves_its_own_way_and_not_that_the_home_is_online(desk: Desk, home: DemoHome) -> None:
    await desk.wire(home, home.alert("fall:radar"))
    (before,) = await desk.rows(schema.gateways)
    desk.now += timedelta(minutes=30)
    assert await desk.sms(short(home)) == 200
    (after,) = await desk.rows(schema.gateways)
    assert (after.online, after.last_seen) == (before.online, before.last_seen)
    (way,) = await desk.rows(watch_schema.path_states)
    assert (way.path, way.is_up, way.tested_at) == ("sms", True, desk.now)


async def test_a_test_is_noted_once_and_an_older_one_proves_nothing(desk: Desk, home: DemoHome) -> None:
    async def said(at: datetime) -> None:
        body = PathBody(path=Path.SMS, is_up=True, since=NOON, at=at, mono=5000, tested_at=at)
        await desk.store.write(lambda connection: intake.take_in(connection, [home.envelope(body)], desk.now))

    first, second = encode_test(GATEWAY, NOON, KEY), encode_test(GATEWAY, NOON + timedelta(days=1), KEY)
    await said(NOON)
    for text, day in ((first, 0), (second, 1), (first, 2), (second, 3)):
        desk.now = NOON + timedelta(days=day, seconds=20)
        assert await desk.sms(text) == 200
    (way,) = await desk.rows(watch_schema.path_states)
    assert way.tested_at == NOON + timedelta(days=1, seconds=20)
    assert (await desk.queue(), await desk.rows(schema.alerts)) == ((), [])


async def test_the_answer_comes_after_the_commit_and_a_busy_database_is_told(desk: Desk, home: DemoHome) -> None:
    async def busy(work, *, urgent=False):
        raise TryLater("the disk is full")

    write, desk.store.write = desk.store.write, busy
    answer = await desk.web.post(
        "/inlet/sms", data={"from": SENDER, "text": short(home)}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    desk.store.write = write
    assert await desk.queue() == ()
    assert await desk.sms(short(home)) == 200
    assert len(await desk.queue()) == 1


# ---- HTTP ----


async def test_only_who_knows_the_token_may_bring_anything(desk: Desk, home: DemoHome, caplog) -> None:
    data = {"from": SENDER, "text": short(home)}
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
        assert (await desk.web.post("/inlet/sms", data=data, headers=headers)).status_code == 401
    assert (await desk.web.post("/inlet/sms?token=密码", data=data)).status_code == 401
    assert (await desk.web.get(f"/inlet/sms?token={TOKEN}&text=x")).status_code == 405
    assert await desk.rows(schema.dead_letters) == []
    assert caplog.text.count("missing or wrong token") == 1, "a guesser fills no log"


@pytest.mark.parametrize("way", ["form", "json", "other names", "kannel", "kannel in unicode"])
async def test_providers_may_bring_it_in_their_own_ways(desk: Desk, home: DemoHome, way: str) -> None:
    text, bearer = short(home), {"authorization": f"Bearer {TOKEN}"}
    address = f"/inlet/sms?token={TOKEN}"
    plain = {"x-kannel-from": SENDER, "content-type": "text/plain"}
    unicode = plain | {"content-type": "text/plain; charset=UTF-16BE"}
    answer = await {
        "form": lambda: desk.web.post("/inlet/sms", data={"from": SENDER, "text": text, "id": "7"}, headers=bearer),
        "json": lambda: desk.web.post("/inlet/sms", json={"from": SENDER, "text": text, "id": 7}, headers=bearer),
        "other names": lambda: desk.web.post(address, data={"From": SENDER, "Body": text, "MessageSid": "SM7"}),
        "kannel": lambda: desk.web.post(address, content=text.encode(), headers=plain),
        "kannel in unicode": lambda: desk.web.post(address, content=text.encode("utf-16-be"), headers=unicode),
    }[way]()
    assert (answer.status_code, answer.text) == (200, ""), "an empty answer: kannel sends nothing back"
    (copy,) = await desk.rows(schema.sms_copies)
    assert copy.sender == SENDER


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 400),
        (b"from=1", "application/x-www-form-urlencoded", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"text": {"a": 1}}', "application/json", 400),
        (b"\xff\xfe\xff", "text/plain", 400),
        (b"[" * MAX_BODY_BYTES, "application/json", 400),
        (b"\xff", "text/plain; charset=klingon", 400),
        (b"x", "multipart/form-data", 400),
        (b"x" * (MAX_BODY_BYTES + 1), "text/plain", 413),
        (b"x" * 100_000, "text/plain", 413),
        (b"x" * 5000, "text/plain", 422),
        (b"\0\0", "text/plain", 422),
    ],
)
async def test_what_is_no_sms_is_refused_and_breaks_nothing(desk: Desk, content: bytes, kind: str, status: int) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": kind}
    assert (await desk.web.post("/inlet/sms", content=content, headers=headers)).status_code == status
    assert await desk.queue() == ()


async def test_a_flood_is_slowed_down_and_advertisements_do_not_fill_the_database(desk: Desk, home: DemoHome) -> None:
    texts = [short(home, home.alert(f"smoke:{n}")) for n in range(PER_HOME_A_MINUTE + 1)]
    answers = [await desk.sms(text) for text in texts]
    assert answers == [200] * PER_HOME_A_MINUTE + [429]
    desk.now += timedelta(minutes=1)
    text = texts[-1]
    assert await desk.sms(text) == 200
    for n in range(DEAD_LETTERS_AN_HOUR + 5):
        assert await desk.sms(f"advertisement {n}") == 422
    assert len(await desk.rows(schema.dead_letters)) == DEAD_LETTERS_AN_HOUR
    assert await desk.sms(text[:-1]) == 422
    assert len(await desk.rows(schema.dead_letters)) == DEAD_LETTERS_AN_HOUR + 1, "a home's own has its own room"


async def test_a_recording_that_is_played_again_for_ever_shuts_no_new_alarm_out(desk: Desk, home: DemoHome) -> None:
    """Who has seen one SMS of a home can send it as often as he likes, and needs no key for that."""
    desk.remembers, recorded = True, short(home)
    answers = {await desk.sms(recorded) for _ in range(3 * PER_HOME_A_MINUTE)}
    assert answers == {200}
    assert await desk.sms(short(home, home.alert("smoke:hall"))) == 200
    assert len(await desk.rows(schema.alerts)) == 2


@pytest.mark.parametrize("sender", [SENDER, "\ud83d", "\0"])
@pytest.mark.parametrize(
    "text",
    [
        "hello \ud83d",
        "SW1.A.gw\ud800.x.ABCDEFGHIJKLMNOPQRST",
        f"SW1.A.{GATEWAY}.x\ud83d.ABCDEFGHIJKLMNOPQRST",
        f"SW1.A.{GATEWAY}.x.ABCDEFGHIJKLMNOPQRS\ud83d",
        f"SW1.A.{GATEWAY}.\0.ABCDEFGHIJKLMNOPQRST",
    ],
)
async def test_half_a_character_is_refused_and_not_brought_again_for_ever(desk: Desk, text: str, sender: str) -> None:
    """A provider that cuts an emoji in two; what is answered with 5xx would come back without end."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    content = json.dumps({"from": sender, "text": text})
    assert (await desk.web.post("/inlet/sms", content=content, headers=headers)).status_code == 422


async def test_a_sender_that_is_none_costs_no_alarm(desk: Desk, home: DemoHome) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    for n, sender in enumerate(["\ud83d", "\0", "x" * 5000, ""]):
        content = json.dumps({"from": sender, "text": short(home, home.alert(f"smoke:{n}"))})
        assert (await desk.web.post("/inlet/sms", content=content, headers=headers)).status_code == 200
    assert len(await desk.rows(schema.alerts)) == 4


async def test_a_centre_without_an_inlet_says_so(store: Store) -> None:
    counter = Counter(store, Bells(store), clock=lambda: NOON, for_homes=lambda: None)
    app = create_app(
        counter, Accounts(store, hasher=cheap_hasher()), name="c", clock=lambda: NOON, secure_cookies=False
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre") as web:
        answer = await web.post("/inlet/sms", data={"text": "x"})
    assert answer.status_code == 404
    assert "sms_inlet" in answer.text


async def test_copies_that_come_at_once_are_one(desk: Desk, home: DemoHome) -> None:
    alert = home.alert()
    text = short(home, alert)
    await asyncio.gather(*(desk.sms(text) for _ in range(5)), desk.wire(home, alert), desk.sms(text))
    (row,) = await desk.queue()
    assert row.alerts == 1


# ---- settings ----


def test_keys_and_tokens_are_read_and_bad_ones_told(tmp_path) -> None:
    (tmp_path / "c.yaml").write_text(
        """\
name: Sunshine
broker: {url: "mqtt://127.0.0.1"}
sms_inlet: {token_file: token}
homes:
  - {id: h1, gateway: gw-1, address: a, sms_key_file: key, resident: {id: r1, name: W}}
  - {id: h2, gateway: gw-2, address: b, resident: {id: r2, name: L}}
"""
    )
    settings = load(tmp_path / "c.yaml")
    assert settings.sms_inlet is not None
    (tmp_path / "token").write_text("short")
    (tmp_path / "key").write_text("short")
    with pytest.raises(ConfigError, match="has 5 characters, and needs 20 at least"):
        token_of(settings.sms_inlet)
    with pytest.raises(ConfigError, match=r"home h1: .*key has 5 characters, and needs 32 at least"):
        keys_of(settings.homes)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "key").write_text(KEY.decode())
    assert token_of(settings.sms_inlet) == TOKEN
    assert keys_of(settings.homes) == {"gw-1": KEY}
