"""What a page of what ends costs the writer, and what it asks once more, on SQLite and PostgreSQL."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.store import (
    case_schema,
    chain,
    dispatch_schema,
    people_access,
    people_erasure,
    retention,
    retention_cases,
    retention_days,
    retention_people,
    schema,
    tokens,
)
from community.store.database import Connection, Store, open_store
from community.store.handovers import Note, Screen
from community.store.people_access import Act
from community.store.people_schema import access_log, box_stays, register_changes, resident_stays
from community.store.register_tries import SILENT, TRIED
from community.store.retention import FEW, KINDS
from community.store.rights_schema import right_changes
from shouwang.errors import IllegalMove

SOON = NOON + timedelta(hours=1)
LATER = NOON + timedelta(days=3700)
OF = {kind.name: kind for kind in KINDS}
HOME, HIM = "home-a", "resident-a"
LARGE = {
    *("alerts", "incidents", "gateways", "notices", "attempts", "handovers", "commands_done", "case_photos"),
    *("access_log", "register_changes", "incident_events", "notes", "dead_letters", "erased_alerts", "sms_copies"),
    *("case_holds", "retired_cases", "responder_links", "residents", "resident_stays", "box_stays", "consents"),
}
"""Tables that grow with the years or with the homes."""
ALERTS = 50
"""Of one case: as many as a sensor that flaps brings in a day."""


def a_case(connection: Connection, number: int, state: str = "CLOSED", home: str = HOME) -> None:
    """Opened at NOON, and changed last an hour later."""
    told = {"home_key": home, "lane": str(number), "priority": "P3", "version": 1, "body": b"{}"}
    connection.execute(
        schema.incidents.insert().values(incident_id=number, state=state, opened_at=NOON, changed_at=SOON, **told)
    )
    connection.execute(schema.notes.insert().values(note_id=f"n{number}", incident_id=number, salt=b"s", words="slip"))


def alerts_of(connection: Connection, home: DemoHome, number: int, many: int = 1, *, of_case: bool = True) -> None:
    """Whole alerts of a case, or of none."""
    rows = []
    for place in range(many):
        alert_id = f"{number}-{place}"
        alert = home.alert(evidence=(home.reading(81.5),))
        body = msgspec.json.encode(msgspec.structs.replace(alert, alert_id=alert_id, resident_id=HIM))
        said = {"home_key": HOME, "key": "k", "since": NOON, "state": "raised", "received_at": NOON, "is_late": False}
        rows.append(
            {
                "gateway_id": home.gateway,
                "alert_id": alert_id,
                "incident_id": number if of_case else None,
                "body": body,
                **said,
            }
        )
    connection.execute(schema.alerts.insert(), rows)


def a_call(connection: Connection, number: int) -> None:
    """Somebody of the family was called."""
    calls, tries = case_schema.notices, case_schema.attempts
    said = {"version": 1, "place": 0, "step": "opened", "rung": 0, "prompt": "p", "state": "done", "created_e": 0}
    whom = {"incident_id": number, "audience": "family", "to_whom": "son-138", "created_at": NOON}
    made = connection.execute(calls.insert().values(**said, **whom).returning(calls.c.notice_id)).scalar_one()
    tried = {"channel": "sms", "person": "son-138", "key": f"k{number}", "outcome": "sent"}
    connection.execute(tries.insert().values(notice_id=made, queued_at=NOON, changed_at=NOON, **tried))


def a_photo(connection: Connection, number: int) -> None:
    """Taken in his home."""
    said = {"taken_by": "liu", "at": NOON, "width": 1, "height": 1, "digest": "d", "body": b"picture"}
    connection.execute(dispatch_schema.case_photos.insert().values(photo_id=f"p{number}", incident_id=number, **said))


def a_hand_over(connection: Connection, *numbers: int) -> None:
    """These cases went from one operator to the other."""
    notes = tuple(Note(incident_id=one, at=NOON, by="li", words=f"note of {one}") for one in numbers)
    body = msgspec.json.encode(Screen(rows=(), waiting=0, notes=notes, changes=()))
    said = {"leaver": "li", "taker": "wu", "begun_at": NOON, "signed_at": SOON, "words": "all is well", "state": "done"}
    connection.execute(dispatch_schema.handovers.insert().values(body=body, **said))


def an_order(connection: Connection, name: str, number: int | None) -> None:
    """Its answer shows the case."""
    row = None if number is None else {"incident_id": number, "address": "3-501", "resident_name": "Wang"}
    values = {"fingerprint": b"", "answer": msgspec.json.encode({"row": row}), "done_at": NOON}
    connection.execute(schema.commands_done.insert().values(command_id=name, **values))


def somebody(connection: Connection, resident_id: str = HIM, home: str = HOME) -> None:
    """He lived there with a box until NOON; both are gone."""
    connection.execute(schema.homes.insert().values(home_id=home, address="3-501"))
    words = {"conditions": b"[]", "allergies": b"[]", "medicines": b"[]", "notes": "", "living": "alone"}
    connection.execute(schema.residents.insert().values(resident_id=resident_id, home_id=home, name="Wang", **words))
    gateway = connection.scalar(sa.select(sa.func.min(schema.gateways.c.gateway_id)))
    connection.execute(box_stays.insert().values(gateway_id=gateway, home_id=home, since=None, until=SOON))
    connection.execute(resident_stays.insert().values(resident_id=resident_id, home_id=home, is_first=True))


def all_of_it(connection: Connection, home: DemoHome, cases: int = 6) -> None:
    """Cases with all that may belong to one."""
    somebody(connection)
    for number in range(1, cases + 1):
        a_case(connection, number)
        alerts_of(connection, home, number)
        alerts_of(connection, home, number + 100, of_case=False)
        a_call(connection, number)
        a_photo(connection, number)
        a_hand_over(connection, number)
        an_order(connection, f"o{number}", number)
        people_access.note(connection, Act.CARD, actor="li", at=NOON, incident_id=number, reason="her daughter asked")


async def done(store: Store, work: Callable[[Connection], object]) -> None:
    await store.write(work)


async def ended(store: Store, name: str) -> int:
    """One page of a kind, looked up and ended."""
    page = await store.read(lambda connection: OF[name].look(connection, LATER, None))
    return await store.write(lambda connection: OF[name].end(connection, page.keys, LATER, LATER))


@contextmanager
def asked_of(connection: Connection) -> Iterator[list[str]]:
    """How SQLite goes about each statement, one line a step."""
    plans: list[str] = []
    statements: list[tuple[str, object]] = []

    def heard(_: object, __: object, statement: str, parameters: object, ___: object, is_many: bool) -> None:
        statements.append((statement, parameters[0] if is_many and isinstance(parameters, list) else parameters))

    sa.event.listen(connection, "before_cursor_execute", heard)
    try:
        yield plans
    finally:
        sa.event.remove(connection, "before_cursor_execute", heard)
    for statement, parameters in statements:
        if "WHERE" not in statement and "LIMIT" in statement:
            continue  # the newest of a chain
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        plans += [f"{row.detail} ({' '.join(statement.split())[:70]})" for row in steps]


def slow(plans: list[str]) -> list[str]:
    """Steps that take longer with each year."""
    scanned = [line for line in plans if "AUTOMATIC" in line]  # an index that is made for this one question
    scanned += [line for line in plans if line.startswith("SCAN ") and line.split()[1] in LARGE]
    return scanned + [
        line for line in plans if "ix_notices_audience" in line or "ix_incidents_state_changed_at" in line
    ]


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    """A centre with one box."""
    store = await open_store(f"sqlite:///{tmp_path / 'community.db'}")
    box = {"gateway_id": DemoHome().gateway, "online": True, "backlog": 0, "rejected": 0, "version": ""}
    await store.write(lambda connection: connection.execute(schema.gateways.insert().values(**box)))
    yield store
    await store.close()


# ---- what it costs ----


async def test_nobody_waits_for_a_table_when_somebody_is_erased(on_sqlite: Store) -> None:
    def erase(connection: Connection) -> list[str]:
        all_of_it(connection, DemoHome())
        with asked_of(connection) as plans:
            gone = people_erasure.erase(connection, HIM, by="li", at=LATER, reason="asked")
        assert (gone.notes, gone.alerts, gone.photos) == (6, 12, 6)
        return plans

    plans = await on_sqlite.write(erase)
    assert len(plans) > 40
    assert slow(plans) == []


async def test_nobody_waits_for_a_table_when_a_page_ends(on_sqlite: Store) -> None:
    await done(on_sqlite, lambda connection: all_of_it(connection, DemoHome()))
    for name in (
        "photos",
        "calls",
        "hand-overs",
        "answers to orders",
        "reasons of looks",
        "cases",
        "alarms without a case",
    ):
        page = await on_sqlite.read(lambda connection, name=name: OF[name].look(connection, LATER, None))

        def end(connection: Connection, name: str = name, keys: object = page.keys) -> list[str]:
            with asked_of(connection) as plans:
                assert OF[name].end(connection, keys, LATER, LATER) == 6  # type: ignore[arg-type]
            return plans

        plans = await on_sqlite.write(end)
        # hand-overs and the numbers of a page are read by their own key, from the first one on
        assert [line for line in slow(plans) if "handovers.handover_id >" not in line] == [], name


async def test_who_is_gone_is_looked_up_by_one_walk_through_the_residents(on_sqlite: Store) -> None:
    def look(connection: Connection) -> list[str]:
        all_of_it(connection, DemoHome())
        with asked_of(connection) as plans:
            assert retention_people.over(connection, LATER) == (HIM,)
        return plans

    assert slow(await on_sqlite.write(look)) == []


async def test_a_page_holds_few_cases_and_few_photos(on_sqlite: Store) -> None:
    def many(connection: Connection) -> None:
        for number in range(1, FEW + 6):
            a_case(connection, number)
            a_photo(connection, number)
            a_call(connection, number)

    await done(on_sqlite, many)
    for name in ("cases", "photos", "calls"):
        page = await on_sqlite.read(lambda connection, name=name: OF[name].look(connection, LATER, None))
        assert (len(page.keys), page.last) == (FEW, page.keys[-1])
        rest = await on_sqlite.read(
            lambda connection, name=name, last=page.last: OF[name].look(connection, LATER, last)
        )
        assert (len(rest.keys), rest.last) == (5, None)
    waits = await on_sqlite.read(
        lambda connection: retention_days.waiting(connection, [(OF["cases"], LATER), (OF["sessions"], LATER)])
    )
    assert waits == {"cases": FEW + 5, "sessions": 0}


async def test_a_page_of_cases_with_many_alerts_is_measured(
    on_sqlite: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    def many(connection: Connection) -> None:
        for number in range(1, FEW + 1):
            a_case(connection, number)
            alerts_of(connection, DemoHome(), number, ALERTS)
            a_call(connection, number)
            a_photo(connection, number)

    await done(on_sqlite, many)
    begun, worked = time.perf_counter(), time.process_time()
    assert await ended(on_sqlite, "cases") == FEW
    took_ms, work_ms = (time.perf_counter() - begun) * 1000, (time.process_time() - worked) * 1000
    with capsys.disabled():
        print(f"\na page of {FEW} cases with {ALERTS} alerts each: {took_ms:.0f} ms, {work_ms:.0f} of them at work")
    audit = await on_sqlite.read(lambda connection: connection.execute(sa.select(schema.alerts.c.body)).scalars().all())
    assert len(audit) == FEW * ALERTS
    assert [body for body in audit if b"81.5" in body] == []


# ---- what it asks again ----


@pytest.fixture
async def years_ago(store: Store, home: DemoHome) -> Store:
    """Six cases, all closed."""
    await done(store, lambda connection: all_of_it(connection, home))
    return store


def words_of(connection: Connection) -> tuple[str, str]:
    """What two operators wrote, and what they saw."""
    row = connection.execute(sa.select(dispatch_schema.handovers).order_by(sa.text("handover_id DESC"))).first()
    return (row.words, row.body.decode()) if row else ("", "")


async def test_a_case_that_ends_leaves_the_words_of_a_held_one_that_went_with_it(years_ago: Store) -> None:
    await done(years_ago, lambda connection: a_hand_over(connection, 1, 2))
    await done(years_ago, lambda one: retention_cases.hold(one, 2, by="li", at=SOON, reason="the court asked"))
    assert await ended(years_ago, "cases") == 5
    assert await ended(years_ago, "hand-overs") == 5
    words, seen = await years_ago.read(words_of)
    assert words == "all is well"
    assert "note of 1" in seen
    assert "note of 2" in seen
    await done(years_ago, lambda connection: retention_cases.let_go(connection, 2, by="wu", at=LATER))
    assert await ended(years_ago, "hand-overs") == 2
    words, seen = await years_ago.read(words_of)
    assert (words, "note of" in seen) == ("", False)


async def test_who_is_erased_leaves_the_words_of_another_ones_held_case(years_ago: Store) -> None:
    def both(connection: Connection) -> None:
        somebody(connection, "resident-b", "home-b")
        a_case(connection, 77, home="home-b")
        a_hand_over(connection, 1, 77)
        retention_cases.hold(connection, 77, by="li", at=SOON, reason="the court asked")
        people_erasure.erase(connection, HIM, by="li", at=LATER, reason="asked")

    await done(years_ago, both)
    words, seen = await years_ago.read(words_of)
    assert words == "all is well"
    assert "note of 77" in seen
    assert "note of 1" not in seen.replace("note of 77", "")


def held(connection: Connection) -> None:
    retention_cases.hold(connection, 1, by="li", at=SOON, reason="the court asked")


def open_again(connection: Connection) -> None:
    case = schema.incidents.c.incident_id == 1
    connection.execute(sa.update(schema.incidents).where(case).values(state="ACKED"))


@pytest.mark.parametrize("meanwhile", [held, open_again])
@pytest.mark.parametrize("name", ["photos", "calls", "hand-overs", "answers to orders", "reasons of looks", "cases"])
async def test_between_look_and_end_it_is_asked_again(
    years_ago: Store, name: str, meanwhile: Callable[[Connection], None]
) -> None:
    page = await years_ago.read(lambda connection: OF[name].look(connection, LATER, None))
    assert len(page.keys) == 6
    await done(years_ago, meanwhile)
    assert await years_ago.write(lambda connection: OF[name].end(connection, page.keys, LATER, LATER)) == 5
    if name == "reasons of looks":
        left = sa.select(access_log.c.incident_id).where(access_log.c.reason == "her daughter asked")
        assert await years_ago.read(lambda connection: connection.scalars(left).all()) == [1]
    if name == "answers to orders":
        left = sa.select(schema.commands_done.c.command_id)
        assert await years_ago.read(lambda connection: connection.scalars(left).all()) == ["o1"]


async def test_a_detail_that_is_newer_by_then_stays(years_ago: Store) -> None:
    await done(years_ago, lambda one: tokens.changed(one, "admin", "role", "li", "lighter work", at=NOON))
    page = await years_ago.read(lambda connection: OF["details of changes"].look(connection, LATER, None))
    end = OF["details of changes"].end
    assert await years_ago.write(lambda connection: end(connection, page.keys, NOON, LATER)) == 0
    detail = sa.select(right_changes.c.detail)
    assert await years_ago.read(lambda connection: connection.scalars(detail).all()) == ["lighter work"]


async def test_that_a_number_was_tried_in_vain_stays(years_ago: Store) -> None:
    def two(connection: Connection) -> None:
        said = {"resident_id": HIM, "home_id": HOME, "subject": "contact", "by": "li", "at": NOON}
        for field, before, after in ((TRIED, "138", SILENT), ("phone", "137", "138")):
            entry = register_changes.insert().values(field=field, before=before, after=after, reason="r", **said)
            connection.execute(entry)

    await done(years_ago, two)
    assert await ended(years_ago, "old entries of the register") == 1
    left = sa.select(register_changes.c.field, register_changes.c.before).where(register_changes.c.before.is_not(None))
    assert await years_ago.read(lambda one: [tuple(row) for row in one.execute(left)]) == [(TRIED, "138")]


# ---- people ----


async def test_who_may_not_end_stands_in_nobodys_way(years_ago: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_people, "AT_ONCE", 2)

    def three(connection: Connection) -> None:
        connection.execute(schema.homes.insert().values(home_id="home-0", address=""))
        a_case(connection, 90, "ACKED", home="home-0")
        for number in range(3):  # these lived where a case is open; their ids come first
            somebody(connection, f"kept-{number}", f"home-{number + 1}")
            there = {"home_id": "home-0", "is_first": True, "until": SOON}
            connection.execute(resident_stays.insert().values(resident_id=f"kept-{number}", **there))

    await done(years_ago, three)
    assert await years_ago.read(lambda connection: retention_people.over(connection, LATER)) == (HIM,)
    with pytest.raises(IllegalMove):
        await done(years_ago, lambda one: people_erasure.erase(one, "kept-0", by="li", at=LATER, reason="he stays"))


async def test_who_looked_for_the_key_of_the_home_looked_for_him(years_ago: Store) -> None:
    def over(connection: Connection) -> tuple[str, ...]:
        return retention_people.over(connection, LATER)

    assert await years_ago.read(over) == (HIM,)
    look = {"actor": "li", "at": LATER + timedelta(days=1), "home_id": HOME}
    await done(years_ago, lambda connection: people_access.note(connection, Act.KEY_SAFE, **look))
    assert await years_ago.read(over) == ()


async def test_what_ended_leaves_every_chain_whole(years_ago: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    for name in OF:
        while await ended(years_ago, name):
            pass
    faults = (await years_ago.read(chain.verify)).faults
    assert [fault for fault in faults if fault.startswith(("access", "change", "case_holds"))] == []
