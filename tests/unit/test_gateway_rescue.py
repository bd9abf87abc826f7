"""Two faults at once: a damaged card and a kill, a page that is lost, a loose plug, rows that nobody can read."""

import os
import sqlite3
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from gateway import outbox as outbox_module
from gateway.batch import Batch
from gateway.clock import ClockMark
from gateway.outbox import Outbox
from gateway.outbox_budget import Budget
from gateway.outbox_file import OutboxFile
from rules.engine import Saved
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import TryLater
from shouwang.gap import GapCode
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import GapBody, HeartbeatBody, Lane, TelemetryBody, decode_envelope

AT = datetime(2026, 11, 24, 3, 12, 58, tzinfo=UTC)
MARK = ClockMark(boot="boot", boottime_ms=5, engine_ms=77, wall=AT)
PAGE = 4096


def alert(key):
    return Alert(
        alert_id=alert_id_of(key, AT, AlertState.FIRING),
        key=key,
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=Severity.P1,
        state=AlertState.FIRING,
        resident_id="r1",
        sensor_id="bed",
        since=AT,
        at=AT,
        mono=77,
        why=Sentence(zh="按了紧急呼叫", en="SOS pressed"),
    )


def resolved(told):
    return msgspec.structs.replace(told, state=AlertState.RESOLVED, alert_id=f"{told.alert_id}/ended")


def reading(value=97.0):
    return Reading(sensor_id="oximeter", quantity=Quantity.SPO2, value=value, at=AT, mono=77)


def rows(box, lane):
    return [decode_envelope(item.payload, gateway="gw-1") for item in box.pending(lane, 0, 1000)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "outbox.sqlite3"


def key(n):
    return f"sos:{n}"


def thirty_alarms(path):
    """Alarms that are on, without receipts, among telemetry."""
    box = Outbox(path, "gw-1")
    for n in range(30):
        states = {key(n): Saved(state=b'{"x":1}', wake_at=n)}
        batch = Batch(alerts=[alert(key(n))], states=states, commands=[f"c{n}"], notes={("cuff", "seen"): str(n)})
        batch.readings = [reading() for _ in range(100)]
        box.commit(batch, MARK)
    box.close()


def pages_of(path, name, kind="leaf"):
    db = sqlite3.connect(path)
    try:
        found = db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ?", (name, kind)).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite tells no pages")
    finally:
        db.close()
    return [page for (page,) in found]


def overwrite(path, page):
    raw = bytearray(path.read_bytes())
    raw[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    path.write_bytes(raw)


def keys(box):
    return {envelope.body.alert.key for envelope in rows(box, Lane.LIFE_SAFETY)}


def test_a_lost_page_of_messages_costs_the_alerts_in_it_alone(path):
    thirty_alarms(path)
    whole = path.read_bytes()
    for page in pages_of(path, "message"):
        for one in path.parent.iterdir():
            one.unlink()
        path.write_bytes(whole)
        overwrite(path, page)
        box = Outbox(path, "gw-1")
        assert box.put_aside is not None
        assert len(keys(box)) >= 26
        assert len(box.saved_states()) == len(box.active_alarms()) == 30
        box.close()


def test_a_lost_index_costs_no_alert(path):
    thirty_alarms(path)
    overwrite(path, pages_of(path, "sqlite_autoindex_message_1")[0])
    box = Outbox(path, "gw-1")
    assert box.put_aside is not None
    assert [envelope.body.alert.key for envelope in rows(box, Lane.LIFE_SAFETY)] == [key(n) for n in range(30)]
    box.close()


def test_lost_commands_cost_neither_states_nor_alarms(path):
    thirty_alarms(path)
    overwrite(path, pages_of(path, "command_done")[0])
    box = Outbox(path, "gw-1")
    assert box.commands_done() == set()
    assert len(box.saved_states()) == len(box.active_alarms()) == 30
    assert box.clock_mark() == MARK
    assert box.notes() == {"cuff": {"seen": "29"}}
    box.close()


def test_without_its_clock_no_state_comes_back_and_without_its_state_no_alarm(path):
    thirty_alarms(path)
    overwrite(path, pages_of(path, "meta")[0])
    box = Outbox(path, "gw-1")
    assert (box.saved_states(), box.active_alarms(), box.clock_mark()) == ({}, [], None)
    assert len(keys(box)) == 30
    box.close()


@pytest.mark.parametrize("table", ["meta", "rule_state", "active_alarm", "driver_note"])
def test_what_rules_know_is_written_anew_where_its_page_is_lost_while_they_run(path, table):
    thirty_alarms(path)
    lost = pages_of(path, table)
    box = Outbox(path, "gw-1")
    ended = resolved(alert(key(3)))
    box.commit(Batch(states={key(3): Saved(state=b"{}")}, alerts=[ended]), MARK)
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for page in lost:
        overwrite(path, page)
    box._db.execute("PRAGMA shrink_memory")
    box.commit(
        Batch(alerts=[alert("fall:bath")], states={"fall:bath": Saved(state=b"1")}, notes={("a", "b"): "c"}), MARK
    )
    if box.put_aside is None:
        for name in ("rule_state", "active_alarm", "driver_note", "meta"):
            with suppress(sqlite3.Error):
                box._db.execute(f"SELECT * FROM {name}").fetchall()
    box.close()
    box = Outbox(path, "gw-1")
    assert len(box.saved_states()) == 31
    assert {item.key for item in box.active_alarms()} == {key(n) for n in range(30) if n != 3} | {"fall:bath"}
    assert box.notes() == {"cuff": {"seen": "29"}, "a": {"b": "c"}}
    assert box.clock_mark() == MARK
    box.close()


@pytest.mark.parametrize("where", ["move", "open", "states", "alerts", "saved"])
def test_a_kill_while_a_damaged_file_is_being_saved_costs_nothing(path, monkeypatch, where):
    box = Outbox(path, "gw-1")
    states = {"sos:bed": Saved(state=b'{"x":1}', wake_at=9)}
    box.commit(Batch(alerts=[alert("sos:bed")], states=states), MARK)
    for _ in range(5):
        box.commit(Batch(readings=[reading() for _ in range(100)]), MARK)
    box.close()
    overwrite(path, path.stat().st_size // PAGE)
    dies_in = {
        "move": (OutboxFile, "_move"),
        "open": (OutboxFile, "_prepare"),
        "states": (outbox_module, "save_states"),
        "alerts": (outbox_module.Queue, "renew"),
        "saved": (OutboxFile, "saved"),
    }
    seen = []

    def die(*rest):
        seen.append(rest)
        if where == "open" and len(seen) == 1:
            raise sqlite3.DatabaseError("database disk image is malformed")
        os._exit(9)

    child = os.fork()
    if not child:
        monkeypatch.setattr(*dies_in[where], die)
        with suppress(BaseException):
            Outbox(path, "gw-1")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    box = Outbox(path, "gw-1")
    assert keys(box) == {"sos:bed"}
    assert box.active_alarms() == [alert("sos:bed")]
    assert box.saved_states() == {"sos:bed": Saved(state=b'{"x":1}', wake_at=9)}
    box.commit(Batch(alerts=[alert("fall:bath")]), MARK)
    box.close()
    box = Outbox(path, "gw-1")
    assert box.put_aside is None
    assert keys(box) == {"sos:bed", "fall:bath"}
    box.close()
    assert not list(path.parent.glob("*.corrupt-2"))


def test_numbers_that_cannot_be_read_after_a_commit_double_nothing(path, monkeypatch):
    box = Outbox(path, "gw-1")

    def sick(self):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(outbox_module.Queue, "numbers", sick)
        with pytest.raises(TryLater):
            box.commit(Batch(readings=[reading(1.0)]), MARK)
    box.commit(Batch(readings=[reading(1.0)]), MARK)
    assert [len(envelope.body.readings) for envelope in rows(box, Lane.TELEMETRY)] == [1]
    assert box.backlog == 1
    box.close()


def test_an_alarm_does_not_wait_for_the_clearing_up(path):
    box = Outbox(path, "gw-1")
    telemetry = TelemetryBody(readings=tuple(reading(float(n)) for n in range(100)))
    for _ in range(50):
        box.commit(Batch(bodies=[(Lane.TELEMETRY, telemetry)]), MARK)
    box.use(Budget(bytes=100_000))
    box.commit(Batch(alerts=[alert("sos:bed")]), MARK)
    assert len(rows(box, Lane.TELEMETRY)) == 50
    box.commit(Batch(bodies=[(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))]), MARK)
    assert len(rows(box, Lane.TELEMETRY)) < 50
    box.close()


@pytest.mark.parametrize("lane", [Lane.STATE, Lane.TELEMETRY, Lane.BULK])
def test_a_message_that_nobody_can_read_goes_like_the_others_and_is_counted(path, lane):
    """Of a later version that was rolled back, or a flipped bit: it stopped every commit from the budget on."""
    box = Outbox(path, "gw-1")
    much_later = replace(MARK, engine_ms=MARK.engine_ms + 2 * 3_600_000)
    box.commit(Batch(bodies=[(lane, TelemetryBody(readings=(reading(),)))], alerts=[alert("sos:bed")]), MARK)
    box._db.execute("UPDATE message SET body = ? WHERE lane = ?", (b'{"of":"another version"}' * 20, lane))
    box._recount()
    box.use(Budget(bytes=100))
    for _ in range(9):
        box.commit(Batch(notes={("a", "b"): "c"}), much_later)
    gaps = [envelope.body for envelope in rows(box, Lane.STATE)]
    assert [gap.count for gap in gaps if isinstance(gap, GapBody)] == [1]
    assert keys(box) == {"sos:bed"}
    box.close()


def test_the_gap_of_a_lost_file_is_told_once(path):
    thirty_alarms(path)
    overwrite(path, pages_of(path, "message")[0])
    box = Outbox(path, "gw-1")
    for _ in range(2):
        box.commit(Batch(notes={("a", "b"): "c"}), MARK)
    assert [envelope.body.code for envelope in rows(box, Lane.STATE)] == [GapCode.DAMAGED]
    box.close()


def test_a_lost_page_of_states_costs_those_in_it_alone(path):
    box = Outbox(path, "gw-1")
    box.commit(Batch(states={f"rule:{n:03}": Saved(state=b'{"x":"' + b"y" * 100 + b'"}') for n in range(400)}), MARK)
    box.close()
    pages = pages_of(path, "rule_state")
    overwrite(path, pages[len(pages) // 3])
    box = Outbox(path, "gw-1")
    assert box.put_aside is not None
    assert 330 <= len(box.saved_states()) < 400
    box.close()
