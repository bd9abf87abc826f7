"""Figures and scores on both databases: what pages read is what the sealed log says; excuses; items of improvement."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from fixtures.casework import BEGIN, FOUND, Casework, alert
from fixtures.kpi_cases import histories, play, stored, walked
from hypothesis import HealthCheck, given, settings

from community.excuses import EXCUSES
from community.improvement import Acted, Count, Done, Phase, Planned, Verdict
from community.kpi import Kpi, figures, step_times
from community.kpi_desk import KpiDesk
from community.kpi_months import Month, Window
from community.scores import Group, differences, scores
from community.step_words import told_in_timeline
from community.store import card_excuses, case_schema, chain, improvements, kpi, quality_schema, schema
from community.store.database import Store, open_store
from community.store.people_schema import home_register, places
from community.users import Role, User
from shouwang.alert import Sentence
from shouwang.errors import DecodeError, IllegalMove

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOVEMBER = Month(year=2026, month=11).window(SHANGHAI)
AFTER = NOVEMBER.end + timedelta(hours=2)
ALWAYS = Window(start=BEGIN - timedelta(days=1), end=BEGIN + timedelta(days=400))


async def keep(store: Store, *works: Casework) -> list[int]:
    def write(connection: sa.Connection) -> list[int]:
        return [stored(connection, work, f"home-{uuid4()}") for work in works]

    return await store.write(write)


async def caught_up(store: Store, limit: int = kpi.BATCH) -> int:
    batches = 0
    while await store.read(kpi.is_behind):
        found = await store.write(lambda connection: kpi.catch_up(connection, limit))
        await store.write(lambda connection, found=found: improvements.open_for(connection, found, AFTER))
        batches += 1
    return batches


async def compared(store: Store, window: Window) -> None:
    """Page and log say the same, number by number."""
    pages = await store.read(lambda connection: kpi.from_tables(connection, window))
    sealed = await store.read(lambda connection: kpi.from_log(connection, window))
    people = await store.read(kpi.people)
    made = [scores(one.timed_steps, one.cards, window, people) for one in (pages, sealed)]
    assert differences(*made) == ()
    assert made[0] == made[1]
    shown = [figures(one.facts, one.cards, window, AFTER) for one in (pages, sealed)]
    assert shown[0] == shown[1]
    assert step_times(pages.facts, window) == step_times(sealed.facts, window)


def late() -> Casework:
    """Answered after 65 s: a yellow and a red card of the shift."""
    work = Casework()
    work.wait(65)
    work.order("ack")
    return work


async def card(store: Store, step: str, colour: str) -> int:
    table = case_schema.cards
    query = sa.select(table.c.card_id).where(table.c.step == step, table.c.colour == colour)
    return await store.read(lambda connection: connection.execute(query).scalars().first())


async def centre_score(store: Store):
    material = await store.read(lambda connection: kpi.from_tables(connection, NOVEMBER))
    found = scores(material.timed_steps, material.cards, NOVEMBER, {})
    return next(one for one in found if one.group is Group.CENTRE)


# ---- the same from the page and from the log (S20) ----


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(played=histories)
def test_scores_and_figures_of_pages_are_those_of_the_log(store_url: str, played: list[list[object]]) -> None:
    """Whatever people and clocks did to the cases, in however small pieces the log was read."""

    async def run() -> None:
        store = await open_store(store_url)
        await keep(store, *(play(Casework(candidates=("liu", "zhao")), moves) for moves in played))
        await compared(store, ALWAYS)
        await store.write(lambda connection: kpi.catch_up(connection, 7))
        await compared(store, ALWAYS)
        await caught_up(store, limit=7)
        await compared(store, ALWAYS)
        await compared(store, NOVEMBER)
        await store.close()

    asyncio.run(run())


async def test_reading_the_log_in_pieces_or_at_once_is_the_same(store: Store) -> None:
    await keep(store, late(), walked("CLOSED"), walked("ON_SCENE"))
    assert await caught_up(store, limit=3) > 3
    await compared(store, NOVEMBER)
    tables = [await rows(store, table) for table in (quality_schema.case_facts, quality_schema.timed_steps)]
    await store.write(lambda connection: connection.execute(quality_schema.timed_steps.delete()))
    await store.write(lambda connection: connection.execute(quality_schema.case_facts.delete()))
    assert await caught_up(store) == 1
    assert [await rows(store, table) for table in (quality_schema.case_facts, quality_schema.timed_steps)] == tables
    assert await caught_up(store) == 0


async def rows(store: Store, table: sa.Table) -> list[tuple[object, ...]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    found = [tuple(row) for row in await store.read(lambda connection: connection.execute(query).all())]
    return [row if table is quality_schema.timed_steps else row[:1] + row[2:] for row in found]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cards SET responsible = 'li' WHERE colour = 'red'",
        "DELETE FROM cards WHERE colour = 'red'",
        "UPDATE timed_steps SET responsible = 'li' WHERE step = 'ack'",
        "DELETE FROM timed_steps WHERE step = 'ack'",
    ],
)
async def test_a_changed_table_is_found_by_the_log(store: Store, change: str) -> None:
    await keep(store, late())
    await caught_up(store)
    await compared(store, NOVEMBER)
    await store.write(lambda connection: connection.execute(sa.text(change)))
    with pytest.raises(AssertionError):
        await compared(store, NOVEMBER)


async def test_an_entry_that_cannot_be_read_is_told_in_words(store: Store) -> None:
    await keep(store, late())
    broken = schema.incident_events.update().values(body=b"{}")
    await store.write(lambda connection: connection.execute(broken))
    with pytest.raises(DecodeError, match="audit log cannot be read; check it"):
        await store.read(lambda connection: kpi.from_log(connection, NOVEMBER))


async def test_test_calls_are_in_no_score_and_no_figure(store: Store) -> None:
    work = Casework(is_test=True)
    work.wait(65)
    await keep(store, work)
    await caught_up(store)
    material = await store.read(lambda connection: kpi.from_tables(connection, NOVEMBER))
    assert (material.timed_steps, material.cards) == ((), ())
    await compared(store, NOVEMBER)
    assert await store.read(improvements.listed) == ()


# ---- excuses ----


async def test_an_excuse_is_sealed_and_leaves_the_card(store: Store) -> None:
    (number,) = await keep(store, late())
    await caught_up(store)
    assert (await centre_score(store)).red == 1
    red = await card(store, "ack", "red")
    await store.write(lambda connection: card_excuses.excuse(connection, red, "weather", by="boss", now=AFTER))
    assert ((await centre_score(store)).red, (await centre_score(store)).excused) == (0, 1)
    assert len(await rows(store, case_schema.cards)) == 2
    await caught_up(store)
    await compared(store, NOVEMBER)
    audit = await store.read(chain.verify)
    assert not [fault for fault in audit.faults if "alert" not in fault]  # the alerts of this case were never stored
    last = (await rows(store, schema.incident_events))[-1]
    assert b'"excused"' in last[5]
    assert number == 1


async def test_an_excuse_behind_the_logs_back_is_found(store: Store) -> None:
    await keep(store, late())
    await caught_up(store)
    values = {"card_id": await card(store, "ack", "red"), "reason_code": "weather", "by": "boss", "at": AFTER}
    await store.write(lambda connection: connection.execute(case_schema.excuses.insert().values(values)))
    with pytest.raises(AssertionError):
        await compared(store, NOVEMBER)


async def test_who_may_not_excuse_and_what_is_no_reason(store: Store) -> None:
    work = Casework()
    work.order("ack", by="boss", role="supervisor")
    work.wait(95)
    await keep(store, work)
    yellow = await card(store, "triage", "yellow")
    for card_id, code, by, words in (
        (yellow, "weather", "boss", "his own"),
        (yellow, "tired", "chief", "no reason of the list"),
        (99, "weather", "chief", "no card 99"),
    ):
        with pytest.raises(IllegalMove, match=words):
            await store.write(
                lambda connection, one=(card_id, code, by): card_excuses.excuse(
                    connection, one[0], one[1], by=one[2], now=AFTER
                )
            )
    await store.write(lambda connection: card_excuses.excuse(connection, yellow, "weather", by="chief", now=AFTER))
    with pytest.raises(IllegalMove, match="already"):
        await store.write(lambda connection: card_excuses.excuse(connection, yellow, "weather", by="chief", now=AFTER))
    assert set(EXCUSES) >= {"weather"}


async def test_the_page_of_a_case_tells_of_the_excuse(store: Store) -> None:
    await keep(store, late())
    red = await card(store, "ack", "red")
    await store.write(lambda connection: card_excuses.excuse(connection, red, "weather", by="boss", now=AFTER))
    body = await store.read(
        lambda connection: connection.execute(
            sa.select(schema.incident_events.c.body).order_by(schema.incident_events.c.seq.desc()).limit(1)
        ).scalar_one()
    )
    said = told_in_timeline(chain.decode_entry(body).event, Sentence(zh="boss", en="boss"), {}, {})
    assert "weather" in said.en
    assert "恶劣天气" in said.zh


# ---- improvement ----

PLAN = Planned(cause="one operator alone", measure="two from six on", owner="boss", due_on=date(2026, 12, 1))


async def test_red_cards_and_poor_call_backs_open_items_once(store: Store) -> None:
    unhappy = walked("REVISIT")
    unhappy.order("revisit_ok", "mei", "caller", score=2)
    await keep(store, late(), unhappy)
    await caught_up(store, limit=5)
    found = {item.source: item for item in await store.read(improvements.listed)}
    assert sorted(found) == ["card:1:ack", "revisit:2"]
    assert found["card:1:ack"].metric == "red:ack"
    assert found["card:1:ack"].phase is Phase.PLAN


async def test_a_red_figure_opens_one_item_a_month(store: Store) -> None:
    await keep(store, late())
    await caught_up(store)
    material = await store.read(lambda connection: kpi.from_tables(connection, NOVEMBER))
    made = figures(material.facts, material.cards, NOVEMBER, AFTER)
    for _ in range(2):
        await store.write(lambda connection: improvements.open_for_figures(connection, made, "2026-11", AFTER))
    sources = {item.source for item in await store.read(improvements.listed)}
    assert sources == {"card:1:ack", f"kpi:{Kpi.ANSWERED_SOON}:2026-11"}


async def test_an_item_goes_from_plan_to_act_and_counts_whether_it_helped(store: Store) -> None:
    done_at = BEGIN + timedelta(days=10)
    better = _moved(timedelta(days=20))
    await keep(store, late(), better)
    await caught_up(store)
    (item,) = await store.read(improvements.listed)

    async def go(what, at):
        return await store.write(
            lambda connection: improvements.move(connection, item.item_id, what, by="boss", now=at)
        )

    with pytest.raises(IllegalMove, match="waits for plan"):
        await go(Done(change="roster-7"), BEGIN)
    with pytest.raises(IllegalMove, match="a plan says"):
        await go(Planned(cause=" ", measure="x", owner="y", due_on=PLAN.due_on), BEGIN)
    planned = await go(PLAN, BEGIN)
    assert planned.is_late(date(2026, 12, 2))
    assert not planned.is_late(PLAN.due_on)
    with pytest.raises(IllegalMove, match="name the change"):
        await go(Done(change=""), done_at)
    await go(Done(change="roster-7"), done_at)
    with pytest.raises(IllegalMove, match="30 days"):
        await store.write(lambda connection: improvements.check(connection, item.item_id, by="boss", now=done_at))
    later = done_at + timedelta(days=30)
    checked = await store.write(lambda connection: improvements.check(connection, item.item_id, by="boss", now=later))
    assert checked.check is not None
    assert checked.check.before == Count(numerator=1, denominator=1)
    assert checked.check.after == Count(numerator=0, denominator=1)
    assert checked.check.before.value == Fraction(1)
    acted = await go(Acted(verdict=Verdict.KEEP), later)
    assert acted.phase is Phase.DONE
    assert await store.read(lambda connection: improvements.item(connection, item.item_id)) == acted
    with pytest.raises(IllegalMove, match="waits for done"):
        await go(PLAN, later)
    with pytest.raises(IllegalMove, match="no item 99"):
        await store.write(lambda connection: improvements.move(connection, 99, PLAN, by="boss", now=later))


def _moved(by: timedelta) -> Casework:
    """Answered at once, so much later."""

    class Later(Casework):
        def wall(self):
            return super().wall() + by

    work = Later(alert(2))
    work.order("ack")
    work.order("resolve_remote", spoke=True, **FOUND)
    return work


async def test_a_metric_that_is_a_figure_is_counted_as_the_figure(store: Store) -> None:
    unhappy = walked("REVISIT")
    unhappy.order("revisit_ok", "mei", "caller", score=1)
    await keep(store, unhappy)
    await caught_up(store)
    (item,) = await store.read(improvements.listed)
    for what in (PLAN, Done(change="script-3")):
        await store.write(
            lambda connection, what=what: improvements.move(
                connection, item.item_id, what, by="boss", now=BEGIN + timedelta(days=1)
            )
        )
    checked = await store.write(
        lambda connection: improvements.check(connection, item.item_id, by="boss", now=BEGIN + timedelta(days=31))
    )
    assert checked.check is not None
    assert (checked.check.before, checked.check.after.value) == (Count(numerator=1, denominator=1), None)
    with pytest.raises(IllegalMove, match="nothing to be checked"):
        await store.write(lambda connection: improvements.check(connection, 99, by="boss", now=AFTER))


async def test_open_cases_are_counted_by_priority_with_the_oldest(store: Store) -> None:
    await keep(store, late(), walked("CLOSED"))
    assert await store.read(kpi.open_now) == (("P1", 1, BEGIN),)


async def test_a_month_shows_whoever_is_bound_to_an_area_its_homes_alone(store: Store) -> None:
    def write(connection: sa.Connection) -> None:
        for name in ("north", "south"):
            row = {"place_id": name, "parent_id": None, "level": "grid", "code": name, "name": name}
            connection.execute(sa.insert(places).values(row))
            connection.execute(sa.insert(schema.homes).values(home_id=f"home-{name}", address=name))
            connection.execute(sa.insert(home_register).values(home_id=f"home-{name}", place_id=name))
            stored(connection, late(), f"home-{name}")

    await store.write(write)
    await caught_up(store)
    desk = KpiDesk(store, clock=lambda: AFTER, zone=SHANGHAI)
    month = Month(year=2026, month=11)
    who = User(user_id="u", login="boss", name="boss", role=Role.SUPERVISOR, language="zh", areas=frozenset({"north"}))
    whole, his = await desk.month(month), await desk.month(month, who)
    assert {card.incident_id for _, card in whole.cards} == {1, 2}
    assert {card.incident_id for _, card in his.cards} == {1}
    assert {number for score in his.scores for number in score.cases} == {1}
    assert {number for figure in his.figures for number in figure.cases} <= {1}
    assert [number for _, number, _ in his.open_now] == [1]
    nowhere = replace(who, areas=frozenset({"west"}))
    assert (await desk.month(month, nowhere)).cards == ()
