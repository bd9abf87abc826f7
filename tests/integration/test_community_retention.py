"""What is kept long enough ends by itself, on SQLite and PostgreSQL: words and names go, counts and the chains stay."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, brought_to_end
from fixtures.community_home import NOON, DemoHome

from community import retention_rounds
from community.casefile import NotNow
from community.facts import found
from community.registry import HomeRow, ResidentRow, register_of
from community.retention_rounds import RetentionRounds
from community.retention_settings import RetentionEntry
from community.store import (
    case_schema,
    chain,
    dead_letters,
    dispatch_schema,
    gauges,
    intake,
    lease,
    people_access,
    retention_cases,
    retention_days,
    retention_people,
    round_clock,
    schema,
    stays,
    tokens,
    views,
)
from community.store.database import Connection, Store, open_store
from community.store.handovers import Note, Screen
from community.store.log_in_schema import log_in_failures
from community.store.people_access import Act
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import box_stays, register_changes
from community.store.rights_schema import right_changes
from community.store.sealed_schema import case_holds
from shouwang import cli
from shouwang.errors import IllegalMove, TryLater

SOON = NOON + timedelta(seconds=5)
HIM, HOME = "resident-0001", "home-501"
TEN_YEARS = NOON + timedelta(days=3700)
SHANGHAI = ZoneInfo("Asia/Shanghai")
PICTURE = b"a picture of his bathroom"
SECRETS = ("王桂兰", "slipped", "81.5", "son-138", "bathroom", "her daughter asked", "hand-over words", "sciatica")
"""Words that stand somewhere while they may, and nowhere when all is over; the name on file is not among them."""


class Night:
    """A server of which only the nights are looked at."""

    def __init__(self, store: Store, entry: RetentionEntry | None = None) -> None:
        self.store, self.now = store, NOON
        self.forgot: list[object] = []
        self.rounds = RetentionRounds(
            store, entry or RetentionEntry(), zone=SHANGHAI, clock=lambda: self.now, forget=self._forget
        )

    async def _forget(self, claims: object) -> tuple[str, ...]:
        self.forgot.append(claims)
        return ()

    async def at(self, now: datetime) -> dict[str, int]:
        """What ended in a night that follows another one."""
        self.now = now
        await round_on(self.store, now - timedelta(days=1))
        ended = await self.rounds.turn(f"{now:%Y-%m-%d}", now)
        assert ended.undone == {}
        return {name: number for name, number in ended.numbers.items() if number}


async def round_on(store: Store, now: datetime) -> None:
    """The round of that day reckoned by that moment."""
    await store.write(lambda connection: round_clock.begin(connection, f"{now:%Y-%m-%d}", now))


@pytest.fixture
def night(store: Store, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setattr(retention_rounds, "PAUSE_S", 0)
    return Night(store)


def words_everywhere(connection: Connection) -> None:
    """All that is personal beside a case and its alarm."""
    add = connection.execute
    add(
        dispatch_schema.case_photos.insert().values(
            photo_id="p1", incident_id=1, taken_by="liu", at=SOON, width=1, height=1, digest="d", body=PICTURE
        )
    )
    call = {"incident_id": 1, "version": 90, "place": 0, "step": "opened", "rung": 0, "prompt": "p", "state": "done"}
    made = case_schema.notices.insert().values(
        **call, audience="family", to_whom="son-138", created_at=SOON, created_e=0
    )
    number = add(made.returning(case_schema.notices.c.notice_id)).scalar_one()
    tried = {"notice_id": number, "channel": "sms", "person": "son-138", "key": "k", "outcome": "sent"}
    add(case_schema.attempts.insert().values(**tried, queued_at=SOON, changed_at=SOON))
    screen = Screen(rows=(), waiting=0, notes=(Note(incident_id=1, at=SOON, by="li", words="bathroom"),), changes=())
    body = {"body": msgspec.json.encode(screen), "words": "hand-over words", "state": "done"}
    add(dispatch_schema.handovers.insert().values(leaver="li", taker="wu", begun_at=SOON, signed_at=SOON, **body))
    add(
        dispatch_schema.absences.insert().values(
            person="li", starts_at=SOON, ends_at=SOON + timedelta(days=2), reason="sciatica"
        )
    )
    people_access.note(
        connection, Act.CARD, actor="li", at=SOON, resident_id=HIM, incident_id=1, reason="her daughter asked"
    )
    tokens.changed(connection, "admin", "role", "li", "sciatica: lighter work", at=SOON)
    add(log_in_failures.insert().values(who=b"x", failures=1, last_at=SOON))


@pytest.fixture
async def lived(store: Store, home: DemoHome) -> Store:
    """A case with words, evidence, pictures and calls, closed at NOON; and what stands beside it."""
    alert = msgspec.structs.replace(home.alert(evidence=(home.reading(81.5),)), resident_id=HIM)
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(alert)], SOON))
    give = at_the_desk(store, SOON)
    (row,) = await store.read(lambda connection: views.queue(connection, SOON))
    await brought_to_end(give, row, text="王桂兰 slipped in the bathroom")
    await store.write(words_everywhere)
    return store


async def faults(store: Store) -> tuple[str, ...]:
    return (await store.read(chain.verify)).faults


async def everything(store: Store) -> str:
    """All that stands in any table but the register, as one text."""

    def read(connection: Connection) -> str:
        found = []
        for table in schema.metadata.sorted_tables:
            if table.name in ("residents", "contacts") or not sa.inspect(connection).has_table(table.name):
                continue
            for row in connection.execute(sa.select(table)):
                found += [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row]
        return "\n".join(found)

    return await store.read(read)


async def count(store: Store, table: sa.Table) -> int:
    return await store.read(lambda one: one.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


async def test_after_ten_years_words_and_names_are_gone_and_the_counts_stand(lived: Store, night: Night) -> None:
    before = await everything(lived)
    assert [word for word in SECRETS if word not in before] == []
    entries = await count(lived, schema.incident_events)
    ended = await night.at(TEN_YEARS)
    assert ended["cases"] == 1
    assert {"photos", "calls", "hand-overs", "absences", "answers to orders", "reasons of looks"} <= set(ended)
    after = await everything(lived)
    assert [word for word in SECRETS if word in after] == []
    assert PICTURE.decode() not in after
    assert await faults(lived) == ()
    assert await count(lived, schema.incident_events) == entries
    (row,) = await lived.read(lambda connection: views.closed(connection, 5, TEN_YEARS))
    assert (row.incident_id, row.is_final) == (1, True)
    assert await night.at(TEN_YEARS + timedelta(days=1)) == {}
    assert await faults(lived) == ()


async def test_what_is_not_over_stays(lived: Store, night: Night) -> None:
    before = await everything(lived)
    assert await night.at(NOON + timedelta(hours=12)) == {}
    for days, kind, word in ((366, "photos", "a picture"), (1096, "calls", "son-138"), (3653, "cases", "slipped")):
        await night.at(SOON + timedelta(days=days - 1))
        assert word in await everything(lived), kind
        assert kind in await night.at(SOON + timedelta(days=days, hours=1))
    assert "slipped" in before


async def test_nothing_of_an_open_case_ends(lived: Store, night: Night) -> None:
    reopened = sa.update(schema.incidents).values(state="ACKED")
    await lived.write(lambda connection: connection.execute(reopened))
    ended = await night.at(TEN_YEARS)
    assert set(ended) == {"absences", "details of changes", "failed log-ins"}
    left = await everything(lived)
    kept = [word for word in SECRETS if word != "sciatica"]
    assert [word for word in kept if word not in left] == []


async def test_nothing_of_a_held_case_ends_until_a_supervisor_lets_it_go(lived: Store, night: Night) -> None:
    hold, let_go = retention_cases.hold, retention_cases.let_go
    await lived.write(lambda connection: hold(connection, 1, by="li", at=SOON, reason="the court asked"))
    with pytest.raises(NotNow):
        await lived.write(lambda connection: hold(connection, 1, by="li", at=SOON, reason="again"))
    ended = await night.at(TEN_YEARS)
    assert set(ended) == {"absences", "details of changes", "failed log-ins"}
    assert "slipped" in await everything(lived)
    assert await faults(lived) == ()
    await lived.write(lambda connection: let_go(connection, 1, by="wu", at=TEN_YEARS))
    with pytest.raises(NotNow):
        await lived.write(lambda connection: let_go(connection, 1, by="wu", at=TEN_YEARS))
    assert (await night.at(TEN_YEARS))["cases"] == 1
    assert "slipped" not in await everything(lived)
    assert await faults(lived) == ()
    await lived.write(lambda connection: connection.execute(sa.update(case_holds).values(by="nobody")))
    assert await faults(lived) == ("case_holds 1: is not as it was sealed by change 3 (by)",)


async def test_a_hold_needs_a_case_and_a_reason(lived: Store) -> None:
    for number, reason in ((99, "the court asked"), (1, "  ")):
        with pytest.raises(NotNow):
            await lived.write(
                lambda connection, number=number, reason=reason: retention_cases.hold(
                    connection, number, by="li", at=SOON, reason=reason
                )
            )
    assert await count(lived, case_holds) == 0


async def test_whoever_holds_a_case_is_not_erased_by_hand_either(lived: Store) -> None:
    from community.store.people_erasure import erase

    await lived.write(
        lambda connection: retention_cases.hold(connection, 1, by="li", at=SOON, reason="the court asked")
    )
    with pytest.raises(IllegalMove, match="case 1 is held"):
        await lived.write(lambda connection: erase(connection, HIM, by="li", at=SOON, reason="asked"))


async def test_unreadable_messages_end_and_their_count_never_falls(store: Store, night: Night) -> None:
    def kept(connection: Connection) -> None:
        for _ in range(3):
            dead_letters.bury(connection, topic="v1/gw-1/up/al", payload=b"nonsense", reason="no json", at=SOON)

    await store.write(lambda connection: (lease.take(connection, None, "us"), kept(connection)))
    before = await store.read(lambda connection: gauges.gauges(connection, SOON))
    assert (await night.at(NOON + timedelta(days=91)))["unreadable messages"] == 3
    after = await store.read(lambda connection: gauges.gauges(connection, SOON))
    assert (before.dead_letter_times, before.dead_letters) == (3, 1)
    assert (after.dead_letter_times, after.dead_letters) == (3, 0)


async def test_the_round_of_a_day_runs_once_from_its_hour_on(lived: Store, night: Night) -> None:
    night.now = datetime(2037, 1, 1, 17, 59, tzinfo=UTC)  # 01:59 of 2 January in Shanghai
    await round_on(lived, night.now - timedelta(days=2))
    assert await night.rounds.look() == retention_rounds.LOOK_S
    assert not await lived.read(lambda connection: retention_days.is_done(connection, "2037-01-02"))
    night.now += timedelta(minutes=2)
    await night.rounds.look()
    told = await lived.read(lambda connection: round_clock.newest(connection, night.now))
    assert told is not None
    assert (told.day, told.is_whole, told.numbers["cases"]) == ("2037-01-02", True, 1)
    await lived.write(
        lambda connection: connection.execute(log_in_failures.insert().values(who=b"y", failures=1, last_at=SOON))
    )
    await night.rounds.look()
    assert await count(lived, log_in_failures) == 1
    night.now += timedelta(days=1)
    await night.rounds.look()
    assert await count(lived, log_in_failures) == 0


async def test_a_database_that_is_away_is_tried_again_with_longer_pauses(
    store: Store, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise TryLater("no database")

    night.now = TEN_YEARS.replace(hour=20)
    with monkeypatch.context() as patch:
        patch.setattr(store, "read", away)
        pauses = [await night.rounds.look() for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[0] > retention_rounds.LOOK_S
    assert pauses[-1] == retention_rounds.AGAIN_CAP_S
    assert await night.rounds.look() == retention_rounds.LOOK_S


async def test_a_server_that_lost_the_engine_ends_nothing(lived: Store, night: Night) -> None:
    def other(connection: Connection) -> None:
        lease.take(connection, lease.look(connection), "us")
        lease.take(connection, lease.look(connection), "another")

    await lived.write(other)
    await round_on(lived, TEN_YEARS - timedelta(days=1))
    lived.fence(lambda connection: lease.check(connection, 1))
    with pytest.raises(lease.LeaseLost):
        await night.rounds.turn("2037-01-02", TEN_YEARS)
    night.now = TEN_YEARS
    with pytest.raises(lease.LeaseLost):
        await night.rounds.look()
    assert "slipped" in await everything(lived)


async def test_more_than_a_page_ends_in_one_night_and_a_stuck_row_holds_up_no_other(
    store: Store, home: DemoHome, night: Night
) -> None:
    def many(connection: Connection) -> None:
        intake.take_in(connection, [home.envelope(home.alert())], SOON)
        table = schema.commands_done
        for number in range(450):
            answer = json.dumps({"row": {"incident_id": 1} if number % 2 else None}).encode()
            values = {"fingerprint": b"", "answer": answer, "done_at": SOON}
            connection.execute(table.insert().values(command_id=f"{number:03}", **values))

    await store.write(many)
    assert (await night.at(NOON + timedelta(days=40)))["answers to orders"] == 225  # the others are of an open case
    assert await count(store, schema.commands_done) == 225


# ---- people who are gone ----


def nobody_any_more(connection: Connection) -> None:
    """His box was taken away at SOON."""
    rows = (HomeRow(id=HOME, address="3号楼501"), ResidentRow(id=HIM, home=HOME, name="王桂兰"))
    take_in(connection, register_of(rows), Hand(by="zhang", at=SOON, reason="a visit"), Tally())
    connection.execute(sa.update(schema.gateways).values(home_id=None))
    connection.execute(sa.delete(schema.homes).where(schema.homes.c.home_id == "nowhere"))
    stays.settle_boxes(connection, SOON)


GONE = SOON + timedelta(days=1100)


async def test_who_was_not_heard_of_for_years_after_his_box_left_is_erased(lived: Store, night: Night) -> None:
    await lived.write(nobody_any_more)
    assert "people" not in await night.at(SOON + timedelta(days=1000))
    assert (await night.at(GONE))["people"] == 1
    person = await lived.read(lambda one: one.execute(sa.select(schema.residents)).one())
    assert (person.name, person.erased_at) == ("", GONE)
    assert night.forgot
    assert await lived.read(retention_people.claims) == ()
    assert await faults(lived) == ()


def said_to_have_left(connection: Connection) -> None:
    """His box still stands there, and rings: somebody lives on."""
    left = {"id": HIM, "home": HOME, "name": "王桂兰", "left": "died", "left_on": SOON.date().isoformat()}
    rows = (ResidentRow.model_validate(left), ResidentRow(id="resident-0002", home=HOME, order=1, name="李秀英"))
    take_in(connection, register_of(rows), Hand(by="zhang", at=SOON, reason="a letter"), Tally())
    connection.execute(sa.update(schema.incidents).values(changed_at=GONE - timedelta(days=5)))


async def test_who_is_said_to_have_left_is_erased_after_that_day_while_others_live_on(
    lived: Store, night: Night
) -> None:
    await lived.write(said_to_have_left)
    assert "people" not in await night.at(SOON + timedelta(days=1000))
    assert (await night.at(GONE))["people"] == 1
    asked = sa.select(schema.residents.c.resident_id).where(schema.residents.c.erased_at.is_not(None))
    assert await lived.read(lambda one: list(one.scalars(asked))) == [HIM]


async def test_who_left_and_was_looked_at_since_is_not(lived: Store, night: Night) -> None:
    await lived.write(said_to_have_left)
    await lived.write(a_look)
    assert "people" not in await night.at(GONE)


def a_case(connection: Connection) -> None:
    connection.execute(sa.update(schema.incidents).values(changed_at=GONE - timedelta(days=5)))


def an_open_case(connection: Connection) -> None:
    connection.execute(sa.update(schema.incidents).values(state="OPEN"))


def a_hold(connection: Connection) -> None:
    retention_cases.hold(connection, 1, by="li", at=SOON, reason="the court asked")


def a_look(connection: Connection) -> None:
    people_access.note(connection, Act.CARD, actor="li", at=GONE - timedelta(days=5), resident_id=HIM, reason="x")


def a_change(connection: Connection) -> None:
    connection.execute(sa.update(register_changes).values(at=GONE - timedelta(days=5)))


def a_box(connection: Connection) -> None:
    connection.execute(sa.update(schema.gateways).values(home_id=HOME))
    stays.settle_boxes(connection, SOON + timedelta(days=2))


def no_box_ever(connection: Connection) -> None:
    connection.execute(sa.delete(box_stays))


@pytest.mark.parametrize("still", [a_case, an_open_case, a_hold, a_look, a_change, a_box, no_box_ever])
async def test_anything_since_then_keeps_him(lived: Store, night: Night, still: Callable[[Connection], None]) -> None:
    await lived.write(nobody_any_more)
    await lived.write(still)
    assert "people" not in await night.at(GONE)
    assert (await lived.read(lambda one: one.execute(sa.select(schema.residents)).one())).name == "王桂兰"


async def test_people_stay_where_the_centre_says_so(lived: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_rounds, "PAUSE_S", 0)
    await lived.write(nobody_any_more)
    await Night(lived, RetentionEntry(person_days=None)).at(GONE)
    assert (await lived.read(lambda one: one.execute(sa.select(schema.residents)).one())).name == "王桂兰"


# ---- by hand ----

YAML = """
name: test
store: {url: "sqlite:///community.db"}
broker: {url: "mqtt://127.0.0.1:1"}
kpi: {time_zone: Asia/Shanghai}
retention: {letter_days: 20}
"""


async def test_the_command_says_what_would_end_and_then_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "community.yaml").write_text(YAML, encoding="utf-8")
    command = ["community", "retention", "-c", str(tmp_path / "community.yaml")]
    url = f"sqlite:///{tmp_path / 'community.db'}"
    store = await open_store(url)
    said = {"topic": "v1/gw-1/up/al", "payload": b"nonsense", "reason": "no json"}
    old = datetime.now(UTC) - timedelta(days=21)
    await store.write(lambda connection: dead_letters.bury(connection, **said, at=old))
    await round_on(store, old)
    await round_on(store, datetime.now(UTC) - timedelta(days=1))
    assert await asyncio.to_thread(cli.main, [*command, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "unreadable messages: 1 would end, of before " in told
    assert "cases: 0 would end" in told
    assert await count(store, schema.dead_letters) == 1
    assert "nothing is ended by itself" in told
    assert await asyncio.to_thread(cli.main, command) != 0
    assert "--by" in capsys.readouterr().err
    assert await count(store, schema.dead_letters) == 1
    assert await asyncio.to_thread(cli.main, [*command, "--by", "zhang", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "unreadable messages: 1 have ended" in told
    change = sa.select(right_changes.c.actor, right_changes.c.what, right_changes.c.detail)
    (said,) = await store.read(
        lambda connection: connection.execute(change.where(right_changes.c.actor == "zhang")).all()
    )
    assert tuple(said[:2]) == ("zhang", "retention by hand")
    (told_of,) = found(said.detail) or ()
    assert told_of.of["text_en"] == "unreadable messages: 1 have ended"
    assert told_of.of["text_zh"] == "无法识别的上报消息：已清除 1 条"
    assert "backups that were made by hand" in told
    assert await count(store, schema.dead_letters) == 0
    await store.close()
