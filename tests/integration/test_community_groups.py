"""What a transaction remembers and puts off changes nothing: the tables are as if each alarm had asked and written."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from fixtures.community_home import NOON, DemoHome

from community.store import case_schema, cases, chain, intake, lease, pairs, schema, storm_schema
from community.store.database import Connection, Store, open_store
from community.store.directory import bring_in
from shouwang.alert import AlertState, Severity
from shouwang.wire import Envelope

HOMES = 12
LOT = 40
MAINS, SOS, WATER = ("mains", Severity.P3), ("sos", Severity.P1), ("leak", Severity.P2)
EPISODES = (NOON - timedelta(hours=2), NOON - timedelta(minutes=3), NOON - timedelta(minutes=1), NOON)


def town() -> list[DemoHome]:
    return [DemoHome(gateway=f"gw-{number:03d}") for number in range(HOMES)]


def entries(homes: Sequence[DemoHome]) -> list[object]:
    entry = DemoHome.entry
    return [
        entry.model_copy(
            update={
                "id": f"home-{home.gateway}",
                "gateway": home.gateway,
                "resident": entry.resident.model_copy(update={"id": f"resident-{home.gateway}"}),
            }
        )
        for home in homes
    ]


def story(seed: int) -> list[list[Envelope]]:
    """Lots of alarms of few homes: begun, ended, told twice, sent twice, and of a box that nobody knows."""
    chance = random.Random(seed)
    homes = [*town(), DemoHome(gateway="gw-unknown")]
    lots = []
    for _ in range(3):
        lot = []
        for _ in range(LOT):
            home, (hazard, severity) = chance.choice(homes), chance.choice((MAINS, MAINS, SOS, WATER))
            alert = home.alert(
                f"{hazard}:meter",
                hazard=hazard,
                severity=severity,
                state=chance.choice((AlertState.FIRING, AlertState.FIRING, AlertState.RESOLVED, AlertState.PREALARM)),
                since=chance.choice(EPISODES),
                at=NOON,
            )
            lot.append(home.envelope(alert))
            if chance.random() < 0.2:
                lot.append(chance.choice((lot[-1], home.envelope(alert))))
        lots.append(lot)
    return lots


async def told(store: Store, lots: list[list[Envelope]]) -> dict[str, list[object]]:
    def begin(connection: Connection) -> None:
        bring_in(connection, entries(town()))  # type: ignore[arg-type]
        lease.take(connection, None, "test")

    await store.write(begin)
    for number, lot in enumerate(lots):
        when = NOON + timedelta(seconds=number)
        await store.write(lambda connection, lot=lot, when=when: intake.take_in(connection, lot, when))
    assert (await store.read(chain.verify)).faults == ()
    return await store.read(tables)


def tables(connection: Connection) -> dict[str, list[object]]:
    """All that alarms leave, but for what depends on the moment at which they were taken in."""
    rows = {
        table.name: [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]
        for table, columns in (
            (table, [column for column in table.c if column.name not in _OF_THE_MOMENT])
            for table in (
                schema.messages,
                schema.alerts,
                schema.incidents,
                schema.incident_events,
                case_schema.notices,
                case_schema.cards,
                storm_schema.storms,
                storm_schema.storm_homes,
                storm_schema.tech_raises,
                storm_schema.flapping,
                storm_schema.quiet_cases,
            )
        )
    }
    bodies = connection.execute(sa.select(schema.incidents.c.body).order_by(schema.incidents.c.incident_id)).scalars()
    rows["cases"] = [
        msgspec.structs.replace(
            case, opened_e=0, entered_e=0, clocks=tuple((clock.name, clock.limit_ms) for clock in case.clocks)
        )
        for case in map(cases.decode_case, bodies)
    ]
    return rows


_OF_THE_MOMENT = {"message_id", "notice_id", "card_id", "body", "prev_hash", "hash", "due_e", "created_e", "actual_ms"}


@contextmanager
def _no_memory(_: Connection) -> Iterator[None]:
    yield


@pytest.mark.parametrize("seed", range(2))
async def test_memory_of_a_transaction_changes_nothing(
    seed: int, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots = story(seed)
    found = await told(store, lots)
    assert len(found["storms"]) >= 1
    assert {case.state for case in found["cases"]} > {"OPEN"}  # type: ignore[attr-defined]
    monkeypatch.setattr(intake, "group", _no_memory)
    plain = await open_store(f"sqlite:///{tmp_path}/plain.db")
    try:
        for name, rows in (await told(plain, lots)).items():
            assert rows == found[name], name
    finally:
        await plain.close()


async def test_pairs_and_words_reach_the_database_as_they_are(store: Store) -> None:
    said = [("gw-1", 'a "quoted" \\ word'), ("网关", "o'clock"), ("", "x")]

    def read(connection: Connection) -> tuple[set[tuple[str, str]], set[str]]:
        two, one = pairs.pairs_of(connection, said), pairs.words_of(connection, [word for _, word in said])
        return (
            {tuple(row) for row in connection.execute(sa.select(two.c.first, two.c.second))},
            set(connection.execute(sa.select(one.c.word)).scalars()),
        )

    assert await store.read(read) == (set(said), {word for _, word in said})
