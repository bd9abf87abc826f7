"""The chain of changes on SQLite and PostgreSQL: every decision is sealed with its row, every other change is named."""

from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fixtures.community_home import NOON, DemoHome

from community.call_review import Review
from community.desk import HomeMode, ModeOrder
from community.improvement import Planned
from community.policy import numbers_of
from community.store import (
    call_reviews,
    chain,
    decisions,
    improvements,
    intake,
    modes,
    people_access,
    policies,
    retention_cases,
    rights,
    seals,
    storms,
    tokens,
)
from community.store.database import Connection, Store
from community.store.migrations.versions import sealed_changes as migration
from community.store.people_access import Act
from community.store.policies import PROPOSED, Policy
from community.store.quality_schema import improvement_steps
from community.store.quality_schema import improvements as items
from community.store.rights_schema import right_changes
from community.store.schema import mode_orders
from community.store.sealed_schema import sealed_changes
from community.store.storm_schema import storms as storm_rows
from community.workflow import workflow
from shouwang.bilingual import chinese
from shouwang.errors import ConfigError, IllegalMove

LATER = NOON + timedelta(hours=1)
DEEDS = ("right", "policy", "glass", "storm", "mode", "decision", "settled", "review", "improvement")


def give_a_right(connection: Connection) -> None:
    tokens.changed(connection, "admin", "role", "zhang", "operator -> supervisor", at=LATER)


def set_limits(connection: Connection) -> None:
    shipped = workflow("technical")
    wanted = Policy(
        policy_id=0,
        workflow="technical",
        base=shipped.version,
        instead_of=policies.current(connection, "technical"),
        numbers=numbers_of(shipped),
        reason="nights are long",
        state=PROPOSED,
        proposed_by="li",
        proposed_at=LATER,
        decided_by=None,
        decided_at=None,
    )
    policies.put_in_force(connection, policies.propose(connection, wanted), "admin", LATER)


def look_over_glass(connection: Connection) -> None:
    number = people_access.note(connection, Act.BREAK_GLASS, actor="zhang", at=LATER, reason="asked by her son")
    rights.review(connection, number, "li", LATER)


def let_a_storm_go(connection: Connection) -> None:
    begun = storms.Storm(storm_id=0, kind="power", area="", since=NOON, last_at=NOON)
    storm = storms.begin(connection, begun, "gw-1", 20)
    assert storms.release(connection, storm.storm_id, by="li", now=LATER)


def say_away(connection: Connection) -> None:
    gateway = connection.scalar(sa.text("SELECT gateway_id FROM gateways"))
    order = ModeOrder(mode=HomeMode.AWAY, hours=24, by="zhang", at=LATER)
    modes.order_mode(connection, str(gateway), order, command_id="m1")


def decide(connection: Connection) -> None:
    wanted = decisions.Wanted(measure="look at the door", owner="Wu", due_on=date(2026, 12, 1))
    decisions.decide(connection, 1, wanted, by="li", now=LATER)


def settle(connection: Connection) -> None:
    decide(connection)
    number = connection.scalar(sa.text("SELECT max(decision_id) FROM decisions"))
    decisions.settle(connection, int(number or 0), "done", by="li", now=LATER)


def look_over_a_call(connection: Connection) -> None:
    found = Review(
        review_id=0,
        month="2026-10",
        handler="zhang",
        incident_id=1,
        by="li",
        at=LATER,
        marks={"manner": 4},
        words="calm",
        seen_at=None,
    )
    call_reviews.keep(connection, found)


def improve(connection: Connection) -> None:
    connection.execute(items.insert().values(source="card:1:ack", metric="red:ack", opened_at=NOON))
    number = connection.scalar(sa.select(sa.func.max(items.c.item_id)))
    plan = Planned(cause="too few", measure="one more at night", owner="Wu", due_on=date(2026, 12, 1))
    improvements.move(connection, int(number or 0), plan, by="li", now=LATER)


DONE: dict[str, Callable[[Connection], None]] = dict(
    zip(
        DEEDS,
        (
            give_a_right,
            set_limits,
            look_over_glass,
            let_a_storm_go,
            say_away,
            decide,
            settle,
            look_over_a_call,
            improve,
        ),
        strict=True,
    )
)


@pytest.fixture
async def begun(store: Store, home: DemoHome) -> Store:
    """A centre with one home and one case."""
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    return store


async def faults(store: Store) -> tuple[str, ...]:
    found = (await store.read(chain.verify)).faults
    assert all(chinese(one) and "{" not in chinese(one) for one in found), "each is told in both languages"
    return found


async def run(store: Store, statement: sa.Executable) -> None:
    await store.write(lambda connection: connection.execute(statement))


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_decided_is_sealed_and_a_changed_row_is_named(begun: Store, deed: str) -> None:
    assert (await begun.read(seals.head))[0] == 0
    await begun.write(DONE[deed])
    audit = await begun.read(chain.verify)
    assert audit.faults == ()
    assert audit.changes >= 1
    assert await begun.read(lambda connection: seals.link_with(connection, audit.changes_head)) == audit.changes
    source, key = (await begun.read(lambda one: one.execute(sa.select(sealed_changes)).all()))[-1][1:3]
    table = seals.SOURCES[source].table
    who = next(c for c in ("actor", "decided_by", "seen_by", "released_by", "by", "settled_by") if c in table.c)
    await run(begun, sa.update(table).values({who: "nobody"}))
    assert any(f"{source} {key}: is not as it was sealed" in fault for fault in await faults(begun))


async def test_all_deeds_together_are_whole_and_everything_of_a_link_counts(begun: Store) -> None:
    for deed in DEEDS:
        await begun.write(DONE[deed])
    assert await faults(begun) == ()
    rows = await begun.read(lambda one: one.execute(sa.select(sealed_changes).order_by(sealed_changes.c.seq)).all())
    middle = rows[len(rows) // 2]
    which = sealed_changes.c.seq == middle.seq
    for column in ("body", "hash", "prev_hash"):
        for place in (0, len(getattr(middle, column)) // 2):
            flipped = bytearray(getattr(middle, column))
            flipped[place] ^= 1
            await run(begun, sa.update(sealed_changes).where(which).values({column: bytes(flipped)}))
            found = await faults(begun)
            assert any(fault.startswith((f"change {middle.seq}:", f"change {middle.seq + 1}:")) for fault in found)
            await run(begun, sa.update(sealed_changes).where(which).values({column: getattr(middle, column)}))
    for column, other in (("source", "storms"), ("key", "77"), ("at", NOON + timedelta(days=1))):
        await run(begun, sa.update(sealed_changes).where(which).values({column: other}))
        assert f"change {middle.seq}: its columns differ from its sealed bytes" in await faults(begun)
        await run(begun, sa.update(sealed_changes).where(which).values({column: getattr(middle, column)}))
    assert await faults(begun) == ()


async def test_a_link_that_is_gone_or_has_changed_its_place_is_found(begun: Store) -> None:
    for _ in range(4):
        await begun.write(give_a_right)
    column = sealed_changes.c.seq
    for old, new in ((2, 9), (3, 2), (9, 3)):
        await run(begun, sa.update(sealed_changes).where(column == old).values(seq=new))
    found = await faults(begun)
    assert "change 2: does not follow the one before it" in found
    assert "change 2: its columns differ from its sealed bytes" in found
    for old, new in ((2, 9), (3, 2), (9, 3)):
        await run(begun, sa.update(sealed_changes).where(column == old).values(seq=new))
    assert await faults(begun) == ()
    await run(begun, sa.delete(sealed_changes).where(column == 2))
    found = await faults(begun)
    assert "change 3: changes are missing before it (expected 2)" in found
    assert "right_changes 2: was never sealed" in found


async def test_whoever_seals_one_link_anew_must_seal_all_after_it(begun: Store) -> None:
    for _ in range(3):
        await begun.write(give_a_right)
    first = (await links(begun))[0]
    body = first.body.replace(b"zhang", b"ganzh")
    forged = sha256(first.prev_hash + body).digest()
    column = sealed_changes.c.seq
    await run(begun, sa.update(sealed_changes).where(column == 1).values(body=body, hash=forged))
    await run(begun, sa.update(sealed_changes).where(column == 2).values(prev_hash=forged))
    assert "change 2: its bytes are not those that were sealed" in await faults(begun)


async def test_a_row_that_is_gone_or_was_slipped_in_is_named(begun: Store) -> None:
    await begun.write(give_a_right)
    await begun.write(say_away)
    await run(begun, sa.delete(mode_orders))
    assert await faults(begun) == ("mode_orders m1: is missing",)
    row = {"at": NOON, "actor": "x", "what": "role", "whom": "y", "detail": ""}
    await run(begun, sa.insert(right_changes).values(**row))
    assert "right_changes 2: was never sealed" in await faults(begun)


async def test_a_storm_that_nobody_let_go_needs_no_seal(begun: Store) -> None:
    held = storms.Storm(storm_id=0, kind="power", area="", since=NOON, last_at=NOON)
    await begun.write(lambda connection: storms.begin(connection, held, "gw-1", 20))
    assert await faults(begun) == ()
    await run(begun, sa.update(storm_rows).values(released_at=NOON, released_by="li"))
    assert await faults(begun) == ("storms 1: was never sealed",)


async def test_erased_words_keep_the_chain_whole_and_changed_ones_do_not(begun: Store) -> None:
    await begun.write(give_a_right)
    await run(begun, sa.update(right_changes).values(detail="operator -> auditor"))
    assert await faults(begun) == ("right_changes 1: its words are not those that were sealed by change 1",)
    await begun.write(lambda connection: seals.forget_words(connection, right_changes, 1))
    assert await faults(begun) == ()
    row = await begun.read(lambda connection: connection.execute(sa.select(sealed_changes)).one())
    assert row.salt is None
    assert b"operator" not in row.body
    await run(begun, sa.update(right_changes).values(detail="something else"))
    assert await faults(begun) != ()


async def test_a_deed_that_fails_leaves_neither_row_nor_seal(begun: Store) -> None:
    def broken(connection: Connection) -> None:
        give_a_right(connection)
        raise IllegalMove("on second thoughts")

    with pytest.raises(IllegalMove):
        await begun.write(broken)
    assert (await begun.read(seals.head))[0] == 0
    await begun.write(give_a_right)
    assert await faults(begun) == ()


async def test_rows_of_before_are_adopted_once_and_marked(begun: Store) -> None:
    for deed in DEEDS:
        await begun.write(DONE[deed])
    before = len({(row.source, row.key) for row in await links(begun)})

    await begun.write(anew)
    assert await faults(begun) == ()
    adopted = [seals.decode_link(row.body) for row in await links(begun)]
    assert len(adopted) == before
    assert all(link.is_adopted for link in adopted)
    await begun.write(give_a_right)
    assert await faults(begun) == ()
    assert not seals.decode_link((await links(begun))[-1].body).is_adopted
    await run(begun, sa.update(improvement_steps).values(body=b"{}"))
    assert any(fault.startswith("improvement_steps 1/1: is not as it was sealed") for fault in await faults(begun))


def anew(connection: Connection) -> None:
    """To the shape before seals, and back."""
    with Operations.context(MigrationContext.configure(connection)):
        migration.downgrade()
        migration.upgrade()


async def test_many_rows_are_adopted_a_part_at_a_time(begun: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "_AT_ONCE", 3)
    for _ in range(8):
        await begun.write(give_a_right)
    await begun.write(say_away)
    parts: list[int] = []

    def counted(connection: Connection) -> None:
        def heard(*told: object) -> None:
            if str(told[2]).startswith("INSERT INTO sealed_changes"):
                parts.append(len(rows) if isinstance(rows := told[3], list) else 1)

        sa.event.listen(connection, "before_cursor_execute", heard)
        anew(connection)
        sa.event.remove(connection, "before_cursor_execute", heard)

    await begun.write(counted)
    assert parts == [3, 3, 3]
    assert [row.seq for row in await links(begun)] == list(range(1, 10))
    assert await faults(begun) == ()


async def test_nobody_goes_back_to_a_version_that_would_let_a_held_case_end(begun: Store) -> None:
    held = {"by": "li", "at": NOON, "reason": "the court asked"}
    await begun.write(lambda connection: retention_cases.hold(connection, 1, **held))
    with pytest.raises(ConfigError, match="case 1 is held"):
        await begun.write(anew)
    assert len(await begun.read(retention_cases.holds)) == 1
    await begun.write(lambda connection: retention_cases.let_go(connection, 1, by="wu", at=LATER))
    await begun.write(anew)
    assert await begun.read(retention_cases.holds) == ()
    assert await faults(begun) == ()


async def test_a_row_that_is_adopted_later_is_a_fault(begun: Store) -> None:
    await begun.write(give_a_right)

    def adopt(connection: Connection) -> None:
        real = seals.Sealed

        def adopted(**given: object) -> seals.Sealed:
            return real(**given, is_adopted=True)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(seals, "Sealed", adopted)
            give_a_right(connection)

    await begun.write(adopt)
    assert await faults(begun) == ("change 2: says that it is older than sealed changes, and stands after one",)


async def links(store: Store) -> list[sa.Row[tuple[object, ...]]]:
    query = sa.select(sealed_changes).order_by(sealed_changes.c.seq)
    return list(await store.read(lambda connection: connection.execute(query).all()))
