"""Policies on both databases: which table governs which case, across a new start, and what the engine makes of it."""

from datetime import timedelta

import msgspec
import pytest
from fixtures.community_home import NOON, DemoHome

from community.engine_room import EngineRoom
from community.policy import numbers_of
from community.policy_room import PolicyRoom
from community.store import cases, policies
from community.store.database import Store
from community.store.directory import bring_in
from community.store.intake import take_in
from community.users import Role, User
from community.workflow import keep_policies, kept_workflow, workflow

GAO = User(user_id="1", login="gao", name="Gao", role=Role.ADMIN, language="zh")
LIN = User(user_id="2", login="lin", name="Lin", role=Role.ADMIN, language="zh")
TABLE = workflow("emergency")


@pytest.fixture(autouse=True)
def _forget_policies() -> "object":
    keep_policies((), is_all=True)
    yield
    keep_policies((), is_all=True)


async def set_ack(store: Store, seconds: int) -> int:
    """New cases must be answered within so many seconds; the version."""
    room = PolicyRoom(store, clock=lambda: NOON)
    raw = msgspec.json.decode(msgspec.json.encode(numbers_of(TABLE)))
    raw["limits"]["ack"]["P1"] = seconds * 1000
    numbers = msgspec.convert(raw, type(numbers_of(TABLE)))
    seen = (await room.standing("emergency")).version
    made = await room.propose(GAO, "emergency", numbers, seen=seen, reason="test")
    await room.approve(LIN, made)
    return 1000 + made


async def ring(store: Store, number: int) -> object:
    """A life alarm of a home of its own; its case."""
    home = DemoHome(gateway=f"gw-{number}", epoch=f"{number:016x}")
    entry = DemoHome.entry.model_copy(update={"id": f"home-{number}", "gateway": f"gw-{number}"})
    resident = entry.resident.model_copy(update={"id": f"resident-{number}"})
    homes = [entry.model_copy(update={"resident": resident})]
    await store.write(lambda connection: bring_in(connection, homes))
    await store.write(lambda connection: take_in(connection, [home.envelope(home.alert())], NOON))
    return await load(store, number)


async def load(store: Store, number: int) -> object:
    return await store.read(lambda connection: cases.load(connection, number))


async def test_new_version_governs_new_cases_and_old_ones_end_under_theirs(store: Store) -> None:
    first = await ring(store, 1)
    version = await set_ack(store, 30)
    second = await ring(store, 2)
    third = await set_ack(store, 45)
    last = await ring(store, 3)
    assert [(case.policy, case.clock("ack").limit_ms) for case in (first, second, last)] == [
        (TABLE.version, 60_000),
        (version, 30_000),
        (third, 45_000),
    ]
    for number, limit in ((1, 60_000), (2, 30_000), (3, 45_000)):
        case = await load(store, number)
        assert kept_workflow(case.workflow, case.policy).limit_ms("ack", case.priority) == limit


async def test_new_start_knows_all_versions_that_ever_governed(store: Store) -> None:
    version = await set_ack(store, 30)
    case = await ring(store, 1)
    await set_ack(store, 45)
    keep_policies((), is_all=True)  # another process
    assert kept_workflow("emergency", version).version == TABLE.version
    room = EngineRoom(store, clock=lambda: NOON + timedelta(minutes=1))
    await room.enter()
    await room.leave()
    assert kept_workflow(case.workflow, case.policy).limit_ms("ack", case.priority) == 30_000


async def test_proposal_alone_governs_nothing(store: Store) -> None:
    room = PolicyRoom(store, clock=lambda: NOON)
    raw = msgspec.json.decode(msgspec.json.encode(numbers_of(TABLE)))
    raw["limits"]["ack"]["P1"] = 30_000
    await room.propose(
        GAO, "emergency", msgspec.convert(raw, type(numbers_of(TABLE))), seen=TABLE.version, reason="test"
    )
    assert (await ring(store, 1)).policy == TABLE.version
    assert await store.read(policies.bring_in) == ()
    assert kept_workflow("emergency", 1001).version == TABLE.version


async def test_only_one_version_of_a_workflow_is_in_force(store: Store) -> None:
    for seconds in (30, 40, 50):
        await set_ack(store, seconds)
    states = [one.state for one in await PolicyRoom(store, clock=lambda: NOON).history()]
    assert states == ["in_force", "past", "past"]
    assert [one.version for one in await PolicyRoom(store, clock=lambda: NOON).standings()][1:] == [
        workflow(name).version for name in ("technical", "care", "request")
    ]
