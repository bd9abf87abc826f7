"""The centre's tables on SQLite and PostgreSQL: migrations, cases from alerts, pages, the audit chain."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fixtures.casebook import at_the_desk, brought_to_end, wish
from fixtures.community_home import NOON, DemoHome
from fixtures.shapes import LATER, MIGRATIONS

from community.casefile import StaleVersion
from community.store import adoption, chain, intake, migrations, page, schema, views
from community.store.database import Store, open_store
from community.store.engines import engines
from community.store.migrations.versions import whose_and_late
from shouwang.alert import Alert, AlertState, Severity
from shouwang.errors import ConfigError, GiveUp, IllegalMove, TryLater
from shouwang.quantities import Quantity
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import BirthBody, Envelope, GapBody, HeartbeatBody, StatusBody, TelemetryBody, decode_command

SOON = NOON + timedelta(seconds=1)


async def take(store: Store, *envelopes: Envelope, at=SOON) -> None:
    await store.write(lambda connection: intake.take_in(connection, envelopes, at))


async def queue(store: Store):
    return await store.read(lambda connection: views.queue(connection, SOON))


async def whole(store: Store, incident_id: int):
    return await store.read(lambda connection: page.page(connection, incident_id, SOON))


async def order(store: Store, command: str, incident_id: int, **details: object):
    given = wish(command, incident_id, **{"by": "zhang", "command_id": "c1", **details})
    return await at_the_desk(store, SOON)(given)


async def rows(store: Store, table: sa.Table):
    return await store.read(lambda connection: connection.execute(sa.select(table)).all())


async def faults(store: Store) -> tuple[str, ...]:
    return (await store.read(chain.verify)).faults


# ---- shape ----


async def test_migrations_build_what_the_code_means(store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"target_metadata": schema.metadata})
        return compare_metadata(context, schema.metadata)

    assert await store.read(differences) == []


async def test_migrations_go_down_and_up_again(store: Store, store_url: str) -> None:
    def down(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            for migration in reversed(MIGRATIONS):
                migration.downgrade()
            for migration in MIGRATIONS:
                migration.upgrade()

    await store.write(down)
    assert await queue(store) == ()


@pytest.mark.parametrize("migration", LATER)
async def test_migration_keeps_alerts_and_samples(store: Store, home: DemoHome, migration: ModuleType) -> None:
    await take(store, home.envelope(home.alert()), home.envelope(home.readings(3)))
    above = LATER[LATER.index(migration) :]  # later tables may name the rows of this one

    def back_and_forth(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            for one in reversed(above):
                one.downgrade()
            for one in above:
                one.upgrade()

    before = [await rows(store, table) for table in (schema.alerts, schema.series, schema.samples)]
    await store.write(back_and_forth)
    await store.write(lambda connection: adoption.adopt(connection, SOON))  # as a server does when it starts
    assert [await rows(store, table) for table in (schema.alerts, schema.series, schema.samples)] == before
    assert await faults(store) == ()


async def test_values_of_another_never_become_the_residents_by_going_back(store: Store, home: DemoHome) -> None:
    his = msgspec.structs.replace(home.reading(90), resident_id="li-jianguo")
    await take(store, home.envelope(TelemetryBody(readings=(his,))))

    def back(connection: sa.Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            whose_and_late.downgrade()

    with pytest.raises(ConfigError, match="1 series are not of the home's resident"):
        await store.write(back)
    assert len(await rows(store, schema.samples)) == 1


ROWS_OF_REVISION_2 = """
INSERT INTO gateways (gateway_id, online, backlog, rejected, version) VALUES ('gw-demo-0001', true, 0, 0, '0.1.0');
INSERT INTO messages (gateway_id, epoch, lane, seq, received_at) VALUES ('gw-demo-0001', 'e', 2, 1, 7);
INSERT INTO series (gateway_id, sensor_id, quantity) VALUES ('gw-demo-0001', 'oximeter', 'heart-rate');
INSERT INTO series (gateway_id, sensor_id, quantity) VALUES ('gw-demo-0001', 'oximeter', 'spo2');
INSERT INTO samples SELECT series_id, 1000000, message_id, series_id, 60 + series_id, 'good', 5 FROM series, messages
""".strip().split(";")


def build_centre_of_revision_2(url: str) -> None:
    """The tables as 0002 left them, with two series of one gateway and their samples."""
    opened = engines(url, None)
    with opened.writer.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for statement in ROWS_OF_REVISION_2:
            connection.exec_driver_sql(statement)
    opened.writer.dispose()


async def test_centre_of_the_version_before_keeps_its_samples(store_url: str, home: DemoHome) -> None:
    await asyncio.to_thread(build_centre_of_revision_2, store_url)
    store = await open_store(store_url)
    await test_migrations_build_what_the_code_means(store)
    assert [tuple(row) for row in await rows(store, schema.series)] == [
        (1, home.gateway, "oximeter", "heart-rate", ""),
        (2, home.gateway, "oximeter", "spo2", ""),
    ]
    at = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert [tuple(row) for row in await rows(store, schema.samples)] == [
        (1, at, 1, 1, 61, "good", 5, False, 0),
        (2, at, 1, 2, 62, "good", 5, False, 0),
    ]
    await take(store, home.envelope(home.readings(1)))
    assert [row.series_id for row in await rows(store, schema.samples)] == [1, 2, 2]
    await store.close()


async def test_samples_still_need_their_series_after_the_migration(store_url: str) -> None:
    await asyncio.to_thread(build_centre_of_revision_2, store_url)
    store = await open_store(store_url)
    for change in (
        "INSERT INTO samples SELECT 9, at, message_id, 9, value, quality, mono, is_late, timing FROM samples",
        "DELETE FROM series",
        "INSERT INTO series (gateway_id, sensor_id, quantity) VALUES ('gw-demo-0001', 'oximeter', 'spo2')",
    ):
        with pytest.raises(GiveUp):
            await store.write(lambda connection, change=change: connection.exec_driver_sql(change))
    await store.close()


async def test_opening_again_keeps_everything(store: Store, store_url: str, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    again = await open_store(store_url)
    assert len(await queue(again)) == 1
    await again.close()


# ---- alerts and cases ----


async def test_alert_opens_a_case_with_home_and_resident(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    (row,) = await queue(store)
    assert (row.state, row.priority, row.hazard, row.alerts, row.version) == ("OPEN", Severity.P1, "sos", 1, 1)
    assert (row.address, row.resident_name, row.resident_age) == ("3号楼2-501", "王桂兰", 82)
    assert row.why.en == "the SOS button at the bed was pressed"
    assert row.opened_at == SOON


async def test_same_message_ten_times_is_one_alert_in_one_case(store: Store, home: DemoHome) -> None:
    envelope = home.envelope(home.alert())
    for _ in range(5):
        await take(store, envelope, envelope)
    (row,) = await queue(store)
    assert (row.alerts, row.version) == (1, 1)
    assert await faults(store) == ()


async def test_same_alert_from_a_new_outbox_is_known(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    await take(store, DemoHome(epoch="ffffffffffffffff").envelope(home.alert()))
    (row,) = await queue(store)
    assert row.alerts == 1


async def test_life_alerts_join_one_case_and_technical_ones_do_not(store: Store, home: DemoHome) -> None:
    vital = home.alert("spo2-low:oximeter", severity=Severity.P2, hazard="vital")
    silent = home.alert("silence:radar", severity=Severity.P3, hazard="sensor-silent")
    await take(store, *(home.envelope(alert) for alert in (silent, vital, home.alert())))
    life, tech = await queue(store)
    assert (life.priority, life.hazard, life.alerts) == (Severity.P1, "sos", 2)
    assert (tech.priority, tech.alerts) == (Severity.P3, 1)


async def test_prealarm_opens_nothing_and_is_linked_when_it_comes_true(store: Store, home: DemoHome) -> None:
    step = partial(home.alert, "fall:radar-bath", hazard="fall")
    await take(store, home.envelope(step(state=AlertState.PREALARM)))
    assert await queue(store) == ()
    (kept,) = await rows(store, schema.alerts)
    assert (kept.incident_id, kept.home_key) == (None, "home-501")
    await take(store, home.envelope(step(state=AlertState.FIRING, at=NOON + timedelta(seconds=20))))
    (row,) = await queue(store)
    assert row.alerts == 1
    assert {alert.incident_id for alert in await rows(store, schema.alerts)} == {row.incident_id}
    assert await faults(store) == ()


async def test_cancelled_prealarm_never_opens_a_case(store: Store, home: DemoHome) -> None:
    for state in (AlertState.PREALARM, AlertState.CANCELLED):
        await take(store, home.envelope(home.alert("fall:radar-bath", state=state)))
    assert await queue(store) == ()


async def test_end_of_cause_marks_the_case_and_leaves_it_open(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()), home.envelope(home.alert(state=AlertState.RESOLVED)))
    (row,) = await queue(store)
    assert row.cleared
    assert row.state == "OPEN"


async def test_end_that_came_first_is_linked_and_the_case_still_opens(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert(state=AlertState.RESOLVED)))
    assert await queue(store) == ()
    await take(store, home.envelope(home.alert()))
    (row,) = await queue(store)
    assert (row.cleared, row.alerts) == (True, 1)


async def test_alert_after_the_end_opens_a_new_case(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    first = await finish(store)
    await take(store, home.envelope(home.alert(state=AlertState.RESOLVED)))  # the reset of the closed case
    assert await queue(store) == ()
    await take(store, home.envelope(home.alert(since=NOON + timedelta(minutes=5))))
    (second,) = await queue(store)
    assert second.incident_id != first.incident_id
    assert (await whole(store, first.incident_id)).row.version == first.version  # S4
    assert await faults(store) == ()


async def test_late_alert_still_opens_and_says_so(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()), at=NOON + timedelta(hours=3))
    (row,) = await queue(store)
    assert row.why.en.startswith("LATE")
    assert "LATE" in (await whole(store, row.incident_id)).timeline[0].text.en


async def test_alarm_of_an_unknown_gateway_is_not_dropped(store: Store, stranger: DemoHome) -> None:
    await take(store, stranger.envelope(stranger.alert()))
    (row,) = await queue(store)
    assert (row.home_id, row.address, row.resident_name) == ("gateway:gw-stranger", "", "")
    found = await whole(store, row.incident_id)
    assert found.resident is None
    assert len(found.alerts) == 1


# ---- orders ----


async def finish(store: Store):
    (row,) = await queue(store)
    return await brought_to_end(at_the_desk(store, SOON), row, text="已扶起，无伤")


async def test_order_of_a_day(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    row = await finish(store)
    assert (row.state, row.owner, row.version) == ("CLOSED", None, 5)
    assert await queue(store) == ()
    assert [one.incident_id for one in await store.read(lambda c: views.closed(c, 50, SOON))] == [row.incident_id]
    found = await whole(store, row.incident_id)
    assert [entry.kind for entry in found.timeline] == ["opened", "ack", "resolve_remote", "verify_ok", "revisit_ok"]
    assert "已扶起，无伤" in found.timeline[2].text.zh
    assert found.actions == ("correct",)
    help_coming, reset = [decode_command(letter.body) for letter in await rows(store, schema.downlink)]
    assert help_coming.expires_at - help_coming.issued_at == timedelta(seconds=120)
    assert "帮助" in help_coming.action.say.zh
    assert help_coming.action.keys == reset.action.keys != ()  # an answer to this case alone
    assert reset.action.keys == ("sos:sos-bed",)
    assert await faults(store) == ()


async def test_same_command_id_gets_the_same_answer(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    (row,) = await queue(store)
    first = await order(store, "ack", row.incident_id, version=1)
    await order(store, "note", row.incident_id, command_id="c2", text="呼吸平稳")
    assert await order(store, "ack", row.incident_id, version=1) == first
    for command_id in ("c3", "c3"):
        with pytest.raises(StaleVersion):
            await order(store, "ack", row.incident_id, version=1, command_id=command_id)
    kinds = [entry.kind for entry in (await whole(store, row.incident_id)).timeline]
    assert kinds == ["opened", "ack", "note", "denied"]
    with pytest.raises(IllegalMove):
        await order(store, "note", row.incident_id, text="another order, same id")
    assert len(await rows(store, schema.downlink)) == 1


async def test_two_operators_at_once_and_one_wins(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    answers = await asyncio.gather(
        *(order(store, "ack", 1, version=1, by=by, command_id=by) for by in ("zhang", "li", "wu")),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["QueueRow", "StaleVersion", "StaleVersion"]
    assert await faults(store) == ()


async def test_case_that_does_not_exist(store: Store) -> None:
    with pytest.raises(IllegalMove):
        await order(store, "ack", 7, version=1)
    assert await whole(store, 7) is None


async def test_page_shows_readings_around_the_alarm(store: Store, home: DemoHome) -> None:
    early = home.reading(71, at=NOON - timedelta(minutes=1))
    vital = home.alert("spo2-low:oximeter", severity=Severity.P2, sensor_id="oximeter", evidence=(early,))
    await take(store, home.envelope(home.readings(5)), home.envelope(vital))
    (row,) = await queue(store)
    found = await whole(store, row.incident_id)
    (series,) = found.evidence
    assert (series.sensor_id, series.quantity) == ("oximeter", Quantity.SPO2)
    assert [point.value for point in series.points] == [71, 90, 91, 92, 93, 94]
    assert found.resident.contacts[0].name == "王强"


# ---- boxes ----


async def test_box_and_its_sensors(store: Store, home: DemoHome, stranger: DemoHome) -> None:
    status = SensorStatus(
        sensor_id="oximeter", state=SensorState.UP, since=NOON, at=NOON, mono=2000, reason="found", battery=80
    )
    older = SensorStatus(sensor_id="oximeter", state=SensorState.DOWN, since=NOON, at=NOON, mono=1000)
    await take(
        store,
        home.envelope(BirthBody(version="0.1", sensors={"oximeter": "plx", "radar-bath": "r60"})),
        home.envelope(StatusBody(status=status)),
        home.envelope(StatusBody(status=older)),
        home.envelope(HeartbeatBody(backlog=7, uptime_s=60, rejected=1)),
        home.envelope(GapBody(reason="disk full", count=100)),
        intake.LifeSign(gateway_id=stranger.gateway, is_online=False, is_news=True),
    )
    first, second = await store.read(views.gateways)
    assert (first.gateway_id, first.online, first.last_seen) == ("gw-stranger", False, None)
    assert (second.gateway_id, second.online, second.backlog, second.last_seen) == (home.gateway, True, 7, SOON)
    assert [(sensor, state) for sensor, state, _ in second.sensors] == [
        ("oximeter", SensorState.UP),
        ("radar-bath", SensorState.DOWN),
    ]
    assert [gap.lost for gap in await rows(store, schema.gaps)] == [100]
    await take(store, home.envelope(BirthBody(version="0.1", sensors={"oximeter": "plx"})))
    (box,) = [box for box in await store.read(views.gateways) if box.gateway_id == home.gateway]
    assert [sensor for sensor, _, _ in box.sensors] == ["oximeter"]


async def test_readings_with_one_stamp_do_not_merge(store: Store, home: DemoHome) -> None:
    body = home.readings(1)
    await take(store, home.envelope(body), home.envelope(body))
    assert len(await rows(store, schema.samples)) == 2


# ---- audit ----


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("incident_events", "body", "seq = 2"),
        ("incident_events", "prev_hash", "seq = 1"),
        ("incident_events", "hash", "seq = 3"),
        ("incidents", "body", "incident_id = 1"),
        ("alerts", "body", "incident_id = 1"),
    ],
)
async def test_one_flipped_byte_is_found(store: Store, home: DemoHome, table: str, column: str, where: str) -> None:
    await take(store, home.envelope(home.alert()))
    await finish(store)
    target = schema.metadata.tables[table]

    def flip(connection: sa.Connection) -> None:
        body = bytearray(connection.execute(sa.select(target.c[column]).where(sa.text(where))).scalar_one())
        body[len(body) // 2] ^= 1
        connection.execute(target.update().where(sa.text(where)).values({column: bytes(body)}))

    assert await faults(store) == ()
    await store.write(flip)
    assert await faults(store) != ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE incident_events SET actor = 'li' WHERE seq = 2",
        "UPDATE incident_events SET at = at + 1 WHERE seq = 2",
        "UPDATE incidents SET state = 'OPEN'",
        "UPDATE notes SET words = 'changed'",
        "UPDATE notes SET words = NULL",
        "DELETE FROM incident_events WHERE seq = 2",
        "DELETE FROM incident_events WHERE seq = 3",
        "DELETE FROM notes",
        "UPDATE alerts SET incident_id = NULL",
        "DELETE FROM alerts",
    ],
)
async def test_rewritten_history_is_found(store: Store, home: DemoHome, change: str) -> None:
    await take(store, home.envelope(home.alert()))
    await finish(store)
    await store.write(lambda connection: connection.exec_driver_sql(change))
    assert await faults(store) != ()


async def test_erased_words_do_not_break_the_chain(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    await finish(store)
    await store.write(lambda connection: connection.exec_driver_sql("UPDATE notes SET words = NULL, salt = NULL"))
    assert await faults(store) == ()
    assert "erased" in (await whole(store, 1)).timeline[2].text.en


# ---- failures ----


async def test_refused_values_roll_back_all(store: Store, home: DemoHome) -> None:
    bad = Alert(**{**{f: getattr(home.alert(), f) for f in Alert.__struct_fields__}, "key": "k"})
    huge = home.envelope(home.readings(1))
    huge = Envelope(
        id=huge.id,
        created_at=NOON,
        boot="b",
        mono=1,
        body=StatusBody(status=SensorStatus(sensor_id="x", state=SensorState.UP, since=NOON, at=NOON, mono=10**30)),
    )
    with pytest.raises(GiveUp):
        await take(store, home.envelope(bad), huge)
    assert await queue(store) == ()
    assert await rows(store, schema.messages) == []


async def test_crash_before_commit_leaves_nothing_and_retry_brings_all(store: Store, home: DemoHome) -> None:
    envelope = home.envelope(home.alert())

    def cut(connection: sa.Connection) -> None:
        intake.take_in(connection, [envelope], SOON)
        raise TryLater("power cut")

    with pytest.raises(TryLater):
        await store.write(cut)
    assert await queue(store) == ()
    await take(store, envelope)
    assert len(await queue(store)) == 1


async def test_urgent_writes_pass_those_that_wait(store: Store) -> None:
    done: list[str] = []
    loop = asyncio.get_running_loop()
    entered, release = asyncio.Event(), asyncio.Event()

    def block(_: sa.Connection) -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(timeout=30)

    first = asyncio.create_task(store.write(block))
    await entered.wait()
    slow = asyncio.create_task(store.write(lambda _: done.append("telemetry")))
    quick = asyncio.create_task(store.write(lambda _: done.append("alert"), urgent=True))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, slow, quick)
    assert done == ["alert", "telemetry"]


async def test_bells_are_read_from_the_log_in_order(store: Store, home: DemoHome) -> None:
    await take(store, home.envelope(home.alert()))
    await finish(store)
    bells = await store.read(lambda connection: views.bells_after(connection, 0, 10))
    assert [(bell.seq, bell.kind, bell.state) for bell in bells] == [
        (1, "opened", "OPEN"),
        (2, "changed", "ACKED"),
        (3, "changed", "FEEDBACK"),
        (4, "changed", "REVISIT"),
        (5, "closed", "CLOSED"),
    ]
    assert await store.read(views.last_seq) == 5


async def test_file_that_is_no_database_is_refused_with_words(tmp_path: Path) -> None:
    path = tmp_path / "community.db"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(ConfigError, match=r"not a database.*backup"):
        await open_store(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is no database")


async def test_damaged_file_is_refused_with_words(tmp_path: Path, home: DemoHome) -> None:
    path = tmp_path / "community.db"
    store = await open_store(f"sqlite:///{path}")
    for _ in range(20):
        await take(store, home.envelope(home.readings(50)))
    await store.close()
    with sqlite3.connect(path) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    body = bytearray(path.read_bytes())
    for start in range(3 * size, len(body), size):
        body[start : start + 8] = b"\xff" * 8
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=r"backup|damaged"):
        await open_store(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "write sqlite"),
        ("sqlite://", "write sqlite"),
        ("rubbish", "write sqlite"),
        ("postgresql://user:secret@127.0.0.1/db", "password_file"),
        ("sqlite:////proc/nowhere/c.db", "cannot open the database"),
    ],
)
async def test_bad_url_is_refused_with_words(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await open_store(url)


async def test_database_that_is_not_there_is_refused_with_words(free_port: int) -> None:
    with pytest.raises(ConfigError, match="is PostgreSQL running there"):
        await open_store(f"postgresql://user@127.0.0.1:{free_port}/db")


async def test_newer_database_is_refused_with_words(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'community.db'}"
    store = await open_store(url)
    await store.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(ConfigError, match="newer version"):
        await open_store(url)
