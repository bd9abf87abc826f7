"""What a case leaves in the books: whose a card was at the breach, and alerts that only a merge moves."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixtures.browser import cheap_hasher
from fixtures.community_home import NOON, DemoHome
from fixtures.sent_out import alarm, bring_in, order

from community.accounts import Accounts
from community.desk import Wish
from community.kpi_months import Window
from community.scores import Group, scores
from community.store import case_schema, cases, chain, due, kpi, lease, orders, reach, schema
from community.store.database import Store
from community.users import Role
from shouwang.alert import Severity
from shouwang.errors import IllegalMove

SOON = NOON + timedelta(seconds=1)
ALWAYS = Window(start=NOON - timedelta(days=1), end=NOON + timedelta(days=400))
DUTIES = """
zone: Asia/Shanghai
duties:
  - {post: operator, person: zhang, from: "00:00", to: "00:00"}
"""


async def wait(store: Store, seconds: int) -> None:
    """Engine time passes, and what is due fires."""

    def work(connection: sa.Connection) -> None:
        table = case_schema.engine_lease
        connection.execute(table.update().values(engine_ms=table.c.engine_ms + seconds * 1000))

    await store.write(work)
    fired = 1
    while fired:
        turn = await store.write(lambda connection: due.fire(connection, SOON, 100))
        assert turn.stuck == {}
        fired = turn.fired


@pytest.fixture
async def rung(store: Store, home: DemoHome, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Units, responders and one operator of an organisation; the button has been pressed; everybody is reachable."""
    monkeypatch.setattr(reach, "audiences", lambda *_: frozenset(reach.AUDIENCES))
    await store.write(lambda connection: lease.take(connection, None, "test"))
    await Accounts(store, hasher=cheap_hasher()).add_user(
        login="zhang",
        name="张",
        role=Role.OPERATOR,
        language="zh",
        password=None,
        now=NOON,
        organisations=frozenset({"street-a"}),
    )
    await bring_in(store, NOON)
    await bring_in(store, NOON, DUTIES)
    await alarm(store, home.envelope(home.alert()), SOON)
    return store


async def drawn(store: Store) -> dict[tuple[str, str], tuple[str, str]]:
    """Responsible and organisation by step and colour, as the table has it; the log must say the same."""
    table = case_schema.cards
    rows = await store.read(lambda connection: connection.execute(sa.select(table)).all())
    sealed = (await store.read(lambda connection: kpi.from_log(connection, ALWAYS))).cards
    assert sorted((card.step, card.responsible, card.organisation) for card in sealed) == sorted(
        (row.step, row.responsible, row.organisation) for row in rows
    )
    return {(row.step, row.colour): (row.responsible, row.organisation) for row in rows}


async def test_a_card_says_whose_the_responsible_person_was_at_the_breach(rung: Store) -> None:
    await wait(rung, 31)
    await order(rung, SOON, "ack")
    await wait(rung, 91)
    await order(rung, SOON, "dispatch", targets=("liu",))
    await wait(rung, 61)
    assert await drawn(rung) == {
        ("ack", "yellow"): ("", "street-a"),  # the whole shift: whoever is on duty
        ("triage", "yellow"): ("zhang", "street-a"),
        ("accept", "yellow"): ("liu", "grid"),
    }


async def test_who_moves_to_another_organisation_leaves_his_cards_where_they_were(rung: Store) -> None:
    await order(rung, SOON, "ack")
    await wait(rung, 91)
    await rung.write(lambda connection: connection.execute(schema.users.update().values(organisations="street-b")))
    people = await rung.read(kpi.people)
    assert people["zhang"].organisation == "street-b"
    for read in (kpi.from_tables, kpi.from_log):
        found = await rung.read(lambda connection, read=read: read(connection, ALWAYS))
        made = scores(found.timed_steps, found.cards, ALWAYS, people)
        assert {one.name: one.yellow for one in made if one.group is Group.ORGANISATION and one.yellow} == {
            "street-a": 1
        }
    assert (await rung.read(chain.verify)).faults == ()


@pytest.mark.parametrize("scope", ["*", "street-a street-b"])
async def test_who_is_bound_to_no_single_organisation_has_none_on_his_cards(rung: Store, scope: str) -> None:
    await rung.write(lambda connection: connection.execute(schema.users.update().values(organisations=scope)))
    await wait(rung, 31)
    assert await drawn(rung) == {("ack", "yellow"): ("", "")}


@pytest.mark.parametrize("command", ["note", "call_120", "ack"])
async def test_a_number_in_the_form_of_another_order_moves_no_alert(rung: Store, home: DemoHome, command: str) -> None:
    mains = home.alert("mains-lost:box", severity=Severity.P3, hazard="mains-lost")
    await alarm(rung, home.envelope(mains), SOON)
    await order(rung, SOON, command, into=2, text="words")
    found = await rung.read(lambda connection: [len(cases.refs_of(connection, number)) for number in (1, 2)])
    assert found == [1, 1]
    assert (await rung.read(chain.verify)).faults == ()


async def test_a_life_alarm_is_not_merged_into_a_technical_case_however_urgent(rung: Store, home: DemoHome) -> None:
    mains = home.alert("mains-lost:box", severity=Severity.P3, hazard="mains-lost")
    await alarm(rung, home.envelope(mains), SOON)
    wish = Wish(incident_id=1, command="merge", by="zhang", role="operator", command_id="m" * 8, version=1, into=2)
    answer = await rung.write(lambda connection: orders.carry_out(connection, wish, SOON))
    with pytest.raises(IllegalMove):
        answer.value()
    case = await rung.read(lambda connection: cases.load(connection, 1))
    assert case is not None
    assert case.state == "OPEN"


async def test_a_new_press_after_the_result_has_the_whole_ladder(rung: Store, home: DemoHome) -> None:
    await order(rung, SOON, "ack")
    await order(rung, SOON, "resolve_remote", disposition="helped", text="spoke", spoke=True)
    await wait(rung, 60)
    again = home.alert(since=NOON + timedelta(minutes=5))
    await alarm(rung, home.envelope(again), SOON + timedelta(minutes=5))
    old, new = await rung.read(lambda connection: [cases.load(connection, number) for number in (1, 2)])
    assert old is not None
    assert new is not None
    assert (old.state, str(old.disposition)) == ("CLOSED", "superseded")
    assert (new.state, new.previous, new.owner) == ("OPEN", 1, None)
    assert new.clock("ladder") is not None
