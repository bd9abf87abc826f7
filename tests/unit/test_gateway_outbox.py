"""The card: all of a batch or none, numbers that never come back, damage that is put aside and told."""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from gateway.batch import Batch
from gateway.clock import ClockMark
from gateway.outbox import Outbox
from gateway.outbox_budget import Budget
from rules.engine import Saved
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.bilingual import chinese, told_by
from shouwang.errors import ConfigError, TryLater
from shouwang.gap import GapCode
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import AlertBody, GapBody, HeartbeatBody, Lane, TelemetryBody, decode_envelope

AT = datetime(2026, 11, 24, 3, 12, 58, tzinfo=UTC)
MARK = ClockMark(boot="boot", boottime_ms=5, engine_ms=77, wall=AT)


def alert(key="sos:bed", state=AlertState.FIRING) -> Alert:
    return Alert(
        alert_id=alert_id_of(key, AT, state),
        key=key,
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=Severity.P1,
        state=state,
        resident_id="r1",
        sensor_id="bed",
        since=AT,
        at=AT,
        mono=77,
        why=Sentence(zh="按了紧急呼叫", en="SOS pressed"),
    )


def reading(value=97.0) -> Reading:
    return Reading(sensor_id="oximeter", quantity=Quantity.SPO2, value=value, at=AT, mono=77)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "outbox.sqlite3"


@pytest.fixture
def outbox(path):
    box = Outbox(path, "gw-1")
    yield box
    box.close()


def test_a_batch_becomes_messages_alerts_first_with_numbers_per_lane(outbox):
    batch = Batch(alerts=[alert()], bodies=[(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))])
    batch.readings = [reading(float(n)) for n in range(250)]
    stored = outbox.commit(batch, MARK)
    assert [(message.lane, message.seq) for message in stored] == [
        (Lane.LIFE_SAFETY, 1),
        (Lane.STATE, 1),
        (Lane.TELEMETRY, 1),
        (Lane.TELEMETRY, 2),
        (Lane.TELEMETRY, 3),
    ]
    first = decode_envelope(stored[0].payload, gateway="gw-1")
    assert isinstance(first.body, AlertBody)
    assert first.body.alert == alert()
    assert (first.created_at, first.boot, first.mono, first.id.epoch) == (AT, "boot", 77, outbox.epoch)
    last = decode_envelope(stored[-1].payload, gateway="gw-1").body
    assert isinstance(last, TelemetryBody)
    assert [item.value for item in last.readings] == [float(n) for n in range(200, 250)]


def test_bytes_of_a_message_never_change_and_go_only_on_confirmation(outbox):
    (stored,) = outbox.commit(Batch(alerts=[alert()]), MARK)
    assert outbox.pending(Lane.LIFE_SAFETY, 0, 10) == [stored]
    assert outbox.backlog == 1
    outbox.commit(Batch(confirmed=[(outbox.epoch, Lane.LIFE_SAFETY, 1), (outbox.epoch, Lane.LIFE_SAFETY, 99)]), MARK)
    assert outbox.pending(Lane.LIFE_SAFETY, 0, 10) == []
    assert outbox.backlog == 0


def test_numbers_do_not_come_back_after_confirmation_and_restart(path):
    first = Outbox(path, "gw-1")
    first.commit(Batch(alerts=[alert()]), MARK)
    first.commit(Batch(confirmed=[(first.epoch, Lane.LIFE_SAFETY, 1)]), MARK)
    first.close()
    second = Outbox(path, "gw-1")
    assert second.epoch == first.epoch
    (stored,) = second.commit(Batch(alerts=[alert()]), MARK)
    assert stored.seq == 2
    second.close()


def test_states_alarms_commands_and_clock_survive_a_restart(path):
    box = Outbox(path, "gw-1")
    assert box.clock_mark() is None
    batch = Batch(alerts=[alert()], commands=["c1"], states={"sos:bed": Saved(state=b'{"x":1}', wake_at=9)})
    box.commit(batch, MARK)
    box.close()
    box = Outbox(path, "gw-1")
    assert box.saved_states() == {"sos:bed": Saved(state=b'{"x":1}', wake_at=9)}
    assert box.active_alarms() == [alert()]
    assert box.commands_done() == {"c1"}
    assert box.clock_mark() == MARK
    box.commit(Batch(alerts=[alert(state=AlertState.RESOLVED)]), MARK)
    assert box.active_alarms() == []
    box.close()


def test_only_the_last_thousand_commands_are_remembered(outbox):
    outbox.commit(Batch(commands=[f"c{n}" for n in range(1200)]), MARK)
    done = outbox.commands_done()
    assert len(done) == 1000
    assert "c1199" in done
    assert "c0" not in done


def test_a_failed_transaction_keeps_nothing_and_wastes_no_number(outbox):
    outbox._db.execute("DROP TABLE rule_state")
    batch = Batch(alerts=[alert()], states={"k": Saved(state=b"{}", wake_at=None)})
    with pytest.raises(TryLater, match="cannot write"):
        outbox.commit(batch, MARK)
    assert outbox.pending(Lane.LIFE_SAFETY, 0, 10) == []
    (stored,) = outbox.commit(Batch(alerts=[alert()]), MARK)
    assert stored.seq == 1


def test_a_damaged_file_is_put_aside_and_a_new_epoch_begins(path):
    box = Outbox(path, "gw-1")
    epoch = box.epoch
    box.close()
    path.write_bytes(b"this is not a database, the card is failing" * 50)
    box = Outbox(path, "gw-1")
    assert box.put_aside == path.with_name("outbox.sqlite3.corrupt-1")
    assert box.put_aside.read_bytes().startswith(b"this is not")
    assert box.epoch != epoch
    box.commit(Batch(alerts=[alert()]), MARK)
    box.close()


def test_a_file_damaged_inside_is_found_at_start(path):
    box = Outbox(path, "gw-1")
    box.commit(Batch(readings=[reading() for _ in range(5000)]), MARK)
    box.close()
    raw = bytearray(path.read_bytes())
    for page in range(4096 * 3, len(raw), 4096):
        raw[page : page + 64] = b"\xff" * 64
    path.write_bytes(raw)
    box = Outbox(path, "gw-1")
    assert box.put_aside is not None
    box.close()


def test_a_data_folder_that_is_a_file_is_said_in_plain_words(tmp_path):
    (tmp_path / "data").write_text("oops")
    with pytest.raises(ConfigError, match="data folder") as caught:
        Outbox(tmp_path / "data" / "outbox.sqlite3", "gw-1")
    assert chinese(told_by(caught.value)).startswith(f"数据文件夹 {tmp_path / 'data'} 不能用：")


def test_over_budget_the_oldest_telemetry_goes_and_a_gap_is_told_but_no_alert(path):
    box = Outbox(path, "gw-1", budget=Budget(bytes=20_000))
    box.commit(Batch(alerts=[alert()]), MARK)
    stored = []
    for _ in range(4):
        stored += box.commit(Batch(readings=[reading() for _ in range(100)]), MARK)
    gaps = [decode_envelope(item.payload, gateway="gw-1").body for item in stored if item.lane == Lane.STATE]
    assert gaps
    assert all(isinstance(gap, GapBody) and gap.count >= 1 and gap.first_at == AT for gap in gaps)
    assert len(box.pending(Lane.LIFE_SAFETY, 0, 10)) == 1
    assert box.pending(Lane.TELEMETRY, 0, 10)[0].seq > 1
    box.close()


def test_it_is_durable_at_each_commit(outbox):
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_second_gateway_on_the_same_folder_is_refused_in_plain_words(path, outbox, monkeypatch):
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **more: real(path, **{**more, "timeout": 0}))
    with pytest.raises(ConfigError, match="another gateway runs on it"):
        Outbox(path, "gw-1")
    outbox.commit(Batch(alerts=[alert()]), MARK)


def test_a_commit_that_fails_leaves_no_transaction_open(outbox):
    outbox._db.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE sick (n REFERENCES message2(n) DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TABLE message2 (n PRIMARY KEY);"
        "CREATE TRIGGER t AFTER INSERT ON message BEGIN INSERT INTO sick VALUES (1); END"
    )
    with pytest.raises(TryLater, match="FOREIGN KEY"):
        outbox.commit(Batch(alerts=[alert()]), MARK)
    assert outbox.backlog == 0
    outbox._db.execute("DROP TRIGGER t")
    (stored,) = outbox.commit(Batch(alerts=[alert()]), MARK)
    assert stored.seq == 1


def test_receipts_of_another_epoch_and_unknown_numbers_let_nothing_go(outbox):
    outbox.commit(Batch(alerts=[alert()]), MARK)
    confirmed = [
        ("f" * 16, Lane.LIFE_SAFETY, 1),
        (outbox.epoch, Lane.TELEMETRY, 1),
        (outbox.epoch, Lane.STATE, 2**63 - 1),
    ]
    outbox.commit(Batch(confirmed=confirmed), MARK)
    assert outbox.backlog == 1


def rows(outbox, lane):
    return [decode_envelope(item.payload, gateway="gw-1") for item in outbox.pending(lane, 0, 1000)]


def damage_the_telemetry(path):
    """Overwrite the last pages, full of readings, as a failing card does."""
    raw = bytearray(path.read_bytes())
    assert b'"kind":"alert"' not in raw[len(raw) // 2 :]
    raw[len(raw) // 2 :] = b"\xff" * (len(raw) - len(raw) // 2)
    path.write_bytes(raw)


def much(box):
    """An alarm that is on, its rule's state, and telemetry over many pages."""
    batch = Batch(alerts=[alert()], states={"sos:bed": Saved(state=b'{"x":1}', wake_at=9)}, commands=["c1"])
    box.commit(batch, MARK)
    for _ in range(20):
        box.commit(Batch(readings=[reading() for _ in range(100)]), MARK)


def test_alarms_and_alerts_are_saved_out_of_a_damaged_file_at_the_start(path):
    box = Outbox(path, "gw-1")
    much(box)
    epoch = box.epoch
    box.close()
    damage_the_telemetry(path)
    box = Outbox(path, "gw-1")
    assert box.put_aside is not None
    assert box.epoch != epoch
    assert (box.active_alarms(), box.commands_done(), box.clock_mark()) == ([alert()], {"c1"}, MARK)
    assert box.saved_states() == {"sos:bed": Saved(state=b'{"x":1}', wake_at=9)}
    (envelope,) = rows(box, Lane.LIFE_SAFETY)
    assert envelope.body == AlertBody(alert=alert())
    assert (envelope.id.epoch, envelope.id.seq) == (box.epoch, 1)
    assert box.backlog == 1
    box.close()


def test_a_file_damaged_while_running_is_replaced_and_the_alarm_is_written(path):
    box = Outbox(path, "gw-1")
    much(box)
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    epoch = box.epoch
    damage_the_telemetry(path)
    box._db.execute("PRAGMA shrink_memory")
    with pytest.raises(TryLater, match="malformed"):
        box.pending(Lane.TELEMETRY, 0, 1000)
    stored = box.commit(Batch(alerts=[alert("fall:bath")]), MARK)
    assert box.epoch != epoch
    assert {item.epoch for item in stored} == {box.epoch}
    assert [envelope.body.alert.key for envelope in rows(box, Lane.LIFE_SAFETY)] == ["sos:bed", "fall:bath"]
    (gap,) = rows(box, Lane.STATE)
    assert isinstance(gap.body, GapBody)
    assert {item.key for item in box.active_alarms()} == {"sos:bed", "fall:bath"}
    assert rows(box, Lane.TELEMETRY) == []
    box.close()


def test_on_a_full_card_the_oldest_telemetry_makes_room_for_an_alarm(path, caplog):
    box = Outbox(path, "gw-1")
    much(box)
    (pages,) = box._db.execute("PRAGMA page_count").fetchone()
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(30):
        batch = Batch(alerts=[alert(f"sos:{n}")], readings=[reading() for _ in range(100)])
        for _ in range(5):  # one message may be smaller than what must find room: the scribe tries again
            with suppress(TryLater):
                box.commit(batch, MARK)
                break
    assert len(rows(box, Lane.LIFE_SAFETY)) == 31
    gaps = [envelope.body for envelope in rows(box, Lane.STATE)]
    assert gaps
    assert box.backlog == 31 + len(gaps) + len(rows(box, Lane.TELEMETRY))
    assert sum(gap.count for gap in gaps) + 100 * len(rows(box, Lane.TELEMETRY)) == 100 * (20 + 30)
    assert {gap.code for gap in gaps} == {GapCode.CARD_FULL}
    box.close()


def test_the_reserve_is_let_go_when_the_card_is_full(path):
    box = Outbox(path, "gw-1")
    reserve = path.with_name("outbox.sqlite3.reserve")
    assert reserve.stat().st_size == 4 * 1024 * 1024
    (pages,) = box._db.execute("PRAGMA page_count").fetchone()
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(TryLater, match="full"):
        box.commit(Batch(readings=[reading() for _ in range(1000)]), MARK)
    assert reserve.stat().st_size == 0
    box.close()


def test_what_drivers_noted_survives_a_restart_and_a_damaged_file(path):
    box = Outbox(path, "gw-1")
    box.commit(Batch(notes={("cuff", "seen"): "1", ("meter", "last-record"): "7"}), MARK)
    box.commit(Batch(notes={("cuff", "seen"): "2"}), MARK)
    box.close()
    box = Outbox(path, "gw-1")
    wanted = {"cuff": {"seen": "2"}, "meter": {"last-record": "7"}}
    assert box.notes() == wanted
    box._is_damaged = True
    box.commit(Batch(notes={}), MARK)
    assert box.notes() == wanted
    box.close()


def test_a_reading_and_its_note_are_kept_together_or_not_at_all(outbox, monkeypatch):
    reading = Reading(sensor_id="cuff", quantity=Quantity.SYSTOLIC, value=120, at=AT, mono=1)
    batch = Batch(readings=[reading], notes={("cuff", "seen"): "1"})
    monkeypatch.setattr(outbox._queue, "keep", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("no")))
    with pytest.raises(TryLater):
        outbox.commit(batch, MARK)
    assert (outbox.notes(), outbox.pending(Lane.TELEMETRY, 0, 9)) == ({}, [])
    monkeypatch.undo()
    outbox.commit(batch, MARK)
    assert (outbox.notes(), len(outbox.pending(Lane.TELEMETRY, 0, 9))) == ({"cuff": {"seen": "1"}}, 1)
