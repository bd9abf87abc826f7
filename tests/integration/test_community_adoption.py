"""A database of the version before cases had clocks: carried over once, whole, and its chain still proves it."""

from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.casebook import at_the_desk, brought_to_end, wish
from fixtures.community_home import NOON, DemoHome

from community import first_cases
from community.alert_refs import AlertRef
from community.first_cases import Acked, Closed, FirstEvent, FirstState, Noted, Opened, Refused
from community.store import adoption, case_schema, cases, chain, intake, links, page, schema, views
from community.store.database import Store
from shouwang.alert import Severity
from shouwang.reading import Moment

LATER = datetime(2026, 11, 26, tzinfo=UTC)


class FirstEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A link as the version before wrote it."""

    seq: int
    incident_id: int
    version: int
    at: Moment
    actor: str
    state: FirstState
    priority: Severity
    event: FirstEvent


def kept_as_before(connection: sa.Connection, steps: tuple[tuple[str, FirstState, FirstEvent], ...]) -> None:
    """Case 1 as the version before kept it, in place of what this version made of the alert."""
    for table in (schema.incident_events, case_schema.notices):
        connection.execute(table.delete())
    case, head = None, links.GENESIS
    for seq, (actor, state, event) in enumerate(steps, 1):
        case = first_cases.evolve(case, event, state, at=NOON, actor=actor)
        entry = FirstEntry(
            seq=seq,
            incident_id=1,
            version=case.version,
            at=NOON,
            actor=actor,
            state=state,
            priority=case.priority,
            event=event,
        )
        body = msgspec.json.encode(entry)
        sealed = links.seal(head, body)
        values = {"seq": seq, "incident_id": 1, "version": case.version, "actor": actor, "at": NOON, "body": body}
        kind = event.__struct_config__.tag
        connection.execute(schema.incident_events.insert().values(kind=kind, prev_hash=head, hash=sealed, **values))
        head = sealed
    assert case is not None
    columns = {"state": case.state.value, "version": case.version, "workflow": "", "due_e": None, "rung": -1}
    connection.execute(schema.incidents.update().values(body=msgspec.json.encode(case), **columns))


async def old_database(store: Store, home: DemoHome, *steps: tuple[str, FirstState, FirstEvent]) -> AlertRef:
    await store.write(lambda connection: intake.take_in(connection, [home.envelope(home.alert())], NOON))
    (ref,) = await store.read(lambda connection: cases.refs_of(connection, 1))
    opened = ("system", FirstState.OPEN, Opened(home_key="home-501", lane="life", alerts=(ref,)))
    await store.write(lambda connection: kept_as_before(connection, (opened, *steps)))
    return ref


async def faults(store: Store) -> tuple[str, ...]:
    return (await store.read(chain.verify)).faults


async def test_open_case_goes_on_with_its_owner_and_gets_clocks(store: Store, home: DemoHome) -> None:
    refused = ("li", FirstState.ACKED, Refused(action="ack", reason="ack is not possible"))
    await old_database(store, home, ("zhang", FirstState.ACKED, Acked()), refused)
    assert await faults(store) == ()
    assert await store.write(lambda connection: adoption.adopt(connection, LATER)) == 1
    assert await store.write(lambda connection: adoption.adopt(connection, LATER)) == 0
    assert await faults(store) == ()
    (row,) = await store.read(lambda connection: views.queue(connection, LATER))
    assert (row.owner, row.state, row.version) == ("zhang", "ACKED", 3)
    assert row.clock is not None
    found = await store.read(lambda connection: page.page(connection, 1, LATER))
    assert [entry.kind for entry in found.timeline] == ["opened", "acked", "refused", "adopted"]
    done = await at_the_desk(store, LATER)(
        wish("resolve_remote", 1, version=3, disposition="helped", text="well", spoke=True)
    )
    assert done.state == "FEEDBACK"
    assert await faults(store) == ()


async def test_closed_case_stays_closed_and_a_new_alarm_opens_another(store: Store, home: DemoHome) -> None:
    salt, words = b"s" * 16, "fell, helped up"
    digest = links.words_digest(salt, words)
    closed = Closed(disposition="helped", note_id="n1", digest=digest)
    noted = ("zhang", FirstState.ACKED, Noted(note_id="n1", digest=digest))
    await old_database(store, home, ("zhang", FirstState.ACKED, Acked()), noted, ("zhang", FirstState.CLOSED, closed))
    await store.write(
        lambda connection: connection.execute(
            schema.notes.insert().values(note_id="n1", incident_id=1, salt=salt, words=words)
        )
    )
    await store.write(lambda connection: adoption.adopt(connection, LATER))
    assert await faults(store) == ()
    assert await store.read(lambda connection: views.queue(connection, LATER)) == ()
    again = home.envelope(home.alert(since=LATER))
    await store.write(lambda connection: intake.take_in(connection, [again], LATER))
    (row,) = await store.read(lambda connection: views.queue(connection, LATER))
    assert row.incident_id == 2
    await brought_to_end(at_the_desk(store, LATER), row)
    assert await faults(store) == ()


@pytest.mark.parametrize("column", ["body", "home_key"])
async def test_case_that_was_changed_behind_our_back_is_found(store: Store, home: DemoHome, column: str) -> None:
    await old_database(store, home, ("zhang", FirstState.ACKED, Acked()))
    await store.write(lambda connection: adoption.adopt(connection, LATER))
    forged = {"body": sa.literal(b"{}"), "home_key": "home-502"}[column]
    await store.write(lambda connection: connection.execute(schema.incidents.update().values({column: forged})))
    assert await faults(store) == ("case 1: is not what its events make of it",)
