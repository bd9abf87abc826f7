"""Events, rules, the batch and the card that fails."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway import pipeline as pipeline_module
from gateway import scribe as scribe_module
from gateway import slips as slips_module
from gateway.batch import Batch
from gateway.clock import Clock
from gateway.outbox import Outbox
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from gateway.slips import Slips
from rules.bound import BoundRule, HomeFacts
from rules.engine import Engine
from rules.fall import Fall
from rules.sos import Sos
from shouwang.alert import AlertState
from shouwang.driver import Measurement, Note
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.rule import Reset, Step, Wake
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import GapBody, HeartbeatBody, Lane, StatusBody, decode_envelope

AT = datetime(2026, 11, 24, tzinfo=UTC)
FACTS = HomeFacts(
    resident_id="r", emits={"bed": frozenset({Quantity.SOS, Quantity.CANCEL}), "radar": frozenset({Quantity.FALL})}
)


def rules():
    fall = Fall(kind="fall", id="fall", confirm=timedelta(0), cancel_window=timedelta(seconds=5))
    return [*Sos(kind="sos", id="sos").bind(FACTS), *fall.bind(FACTS)]


def reading(quantity=Quantity.SOS, sensor="bed", value=1.0, mono=0, frame=b""):
    return Reading(sensor_id=sensor, quantity=quantity, value=value, at=AT, mono=mono, frame=frame)


class Stage:
    """A pipeline that runs, and what it said at home."""

    def __init__(self):
        self.said = []
        self.beats = 0
        self.clock = Clock(scale=200)
        self.pipeline = Pipeline(Engine(rules(), {}), self.clock, announce=self.said.extend, beat=self.beat)

    def beat(self):
        self.beats += 1

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
async def stage():
    here = Stage()
    task = asyncio.create_task(here.pipeline.run())
    yield here
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_alarm_is_said_at_once_and_is_in_one_batch_with_the_state_that_gave_it(stage):
    stage.pipeline.accept(reading(frame=b"\x07"))
    await stage.until(lambda: stage.said)
    batch = stage.pipeline.take_batch()
    assert [alert.state for alert in batch.alerts] == [AlertState.FIRING]
    assert list(batch.states) == ["sos:bed"]
    assert batch.is_urgent
    assert batch.alerts[0].evidence[0].frame == b"\x07"
    assert batch.readings[0].frame == b""  # telemetry goes without its frame
    assert stage.pipeline.batch.is_empty


async def test_telemetry_alone_waits_for_the_group_commit(stage):
    for n in range(99):
        stage.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2)))
    await stage.until(lambda: len(stage.pipeline.batch.readings) == 99)
    assert not stage.pipeline.written_soon.is_set()
    stage.pipeline.accept(reading(Quantity.PRESENCE, "radar"))
    await stage.until(stage.pipeline.written_soon.is_set)


async def test_a_countdown_ends_without_any_further_event(stage):
    stage.pipeline.accept(reading(Quantity.FALL, "radar", mono=stage.clock.mono()))
    await stage.until(lambda: len(stage.said) == 2)
    assert [alert.state for alert in stage.said] == [AlertState.PREALARM, AlertState.FIRING]


async def test_a_cancel_that_waits_in_a_long_queue_is_judged_before_the_countdown_ends():
    here = Stage()
    here.pipeline.accept(reading(Quantity.FALL, "radar", mono=1_000))
    for n in range(1_200):
        here.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2), mono=1_500))
    here.pipeline.accept(reading(Quantity.CANCEL, mono=2_000))
    await here.until(lambda: here.clock.mono() > 10_000)  # the window of 5 s is long past when judging begins
    task = asyncio.create_task(here.pipeline.run())
    await here.until(lambda: len(here.said) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [alert.state for alert in here.said] == [AlertState.PREALARM, AlertState.CANCELLED]


async def test_a_status_goes_to_the_centre(stage):
    status = SensorStatus(sensor_id="bed", state=SensorState.DOWN, since=AT, at=AT, mono=0)
    stage.pipeline.accept(status)
    await stage.until(lambda: stage.pipeline.batch.bodies)
    assert stage.pipeline.batch.bodies == [(Lane.STATE, StatusBody(status=status))]


async def test_too_much_at_once_drops_telemetry_tells_the_gap_and_takes_the_alarm(monkeypatch):
    monkeypatch.setattr(pipeline_module, "INBOX_CAPACITY", 10)
    here = Stage()
    for n in range(15):
        here.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2)))
    here.pipeline.accept(reading())
    task = asyncio.create_task(here.pipeline.run())
    await here.until(lambda: here.said and here.pipeline.batch.bodies)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ((lane, gap),) = here.pipeline.batch.bodies
    assert lane == Lane.STATE
    assert isinstance(gap, GapBody)
    assert (gap.count, gap.first_at, gap.last_at) == (5, AT, AT)
    assert len(here.pipeline.batch.readings) == 11


async def test_the_watchdog_is_fed_while_nothing_happens(stage, monkeypatch):
    monkeypatch.setattr(pipeline_module, "_BEAT_S", 0.005)
    stage.pipeline.accept(reading())
    beats = stage.beats
    await stage.until(lambda: stage.beats > beats + 3)


class FailingCard(Outbox):
    """A card that cannot be written for the first attempts."""

    failures = 0

    def _save_states(self, batch, mark):
        if self.failures > 0:
            self.failures -= 1
            self._db.execute("INSERT INTO no_such_table VALUES (1)")
        super()._save_states(batch, mark)


async def test_a_card_that_fails_loses_nothing_and_siren_goes_on(stage, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(scribe_module, "_RETRY_START_S", 0.001)
    with ThreadPoolExecutor(1) as thread:
        card = FailingCard(tmp_path / "o.db", "gw")
        card.failures = 3
        stored, confirmed, slips = [], [], []
        scribe = Scribe(card, thread, stage.clock, Slips("gw"), stored=stored.extend, unwritten=slips.extend)
        task = asyncio.create_task(scribe.run(stage.pipeline))
        stage.pipeline.batch.after_commit.append(lambda: confirmed.append(1))
        stage.pipeline.accept(reading())
        await stage.until(lambda: stage.said)
        stage.pipeline.accept(reading(Quantity.PRESENCE, "radar"))
        await stage.until(lambda: stored)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [item.seq for item in stored if item.lane == Lane.LIFE_SAFETY] == [1]
        assert card.saved_states().keys() == {"sos:bed"}
        assert confirmed == [1]
        card.close()
    words = [record.message for record in caplog.records]
    assert sum("rules and siren go on" in word for word in words) == 1
    assert sum("can be written again" in word for word in words) == 1


async def test_a_card_that_never_comes_back_costs_the_oldest_telemetry_only(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(scribe_module, "_UNWRITTEN_READINGS", 50)
    monkeypatch.setattr(scribe_module, "_RETRY_START_S", 0.001)
    with ThreadPoolExecutor(1) as thread:
        card = FailingCard(tmp_path / "o.db", "gw")
        card.failures = 1
        scribe = Scribe(card, thread, stage.clock, Slips("gw"), stored=lambda _: None, unwritten=lambda _: None)
        stage.pipeline.accept(reading())
        for n in range(200):
            stage.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2)))
        await stage.until(lambda: len(stage.pipeline.batch.readings) == 201)
        await scribe.write(stage.pipeline)
        batch = stage.pipeline.batch
        assert len(batch.readings) == 50
        assert len(batch.alerts) == 1
        assert batch.gap is not None
        assert batch.gap.count == 151
        card.close()


async def test_a_stop_in_the_middle_of_a_commit_that_fails_loses_nothing(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(scribe_module, "_RETRY_START_S", 0.001)
    with ThreadPoolExecutor(1) as thread:
        card = FailingCard(tmp_path / "o.db", "gw")
        card.failures = 1
        scribe = Scribe(card, thread, stage.clock, Slips("gw"), stored=lambda _: None, unwritten=lambda _: None)
        may_go_on = threading.Event()
        thread.submit(may_go_on.wait, 10)
        stage.pipeline.accept(reading())
        await stage.until(lambda: stage.said)
        task = asyncio.create_task(scribe.write(stage.pipeline))
        await stage.until(lambda: stage.pipeline.batch.is_empty)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        may_go_on.set()
        await scribe.finish(stage.pipeline)
        assert card.failures == 0
        assert [item.lane for item in card.pending(Lane.LIFE_SAFETY, 0, 9)] == [Lane.LIFE_SAFETY]
        card.close()


async def test_a_card_that_fails_for_days_gathers_one_gap_and_no_old_heartbeats(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(scribe_module, "_UNWRITTEN_READINGS", 10)
    monkeypatch.setattr(scribe_module, "_RETRY_START_S", 0.001)
    with ThreadPoolExecutor(1) as thread:
        card = FailingCard(tmp_path / "o.db", "gw")
        card.failures = 3
        scribe = Scribe(card, thread, stage.clock, Slips("gw"), stored=lambda _: None, unwritten=lambda _: None)
        for round_ in range(3):
            stage.pipeline.send(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=round_))
            for n in range(20):
                stage.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2)))
            await stage.until(lambda: len(stage.pipeline.batch.readings) >= 20)
            await scribe.write(stage.pipeline)
        batch = stage.pipeline.batch
        assert batch.gap is not None
        assert (batch.gap.count, len(batch.readings), batch.bodies) == (50, 10, [])
        card.close()


async def test_a_card_that_never_answers_is_bounded_in_memory(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(scribe_module, "_UNWRITTEN_READINGS", 50)
    monkeypatch.setattr(scribe_module, "_PATIENCE_S", 0.01)
    with ThreadPoolExecutor(1) as thread:
        card = Outbox(tmp_path / "o.db", "gw")
        slips = []
        scribe = Scribe(card, thread, stage.clock, Slips("gw"), stored=lambda _: None, unwritten=slips.extend)
        may_go_on = threading.Event()
        thread.submit(may_go_on.wait, 10)
        stage.pipeline.send(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=1))
        writing = asyncio.create_task(scribe.write(stage.pipeline))
        await stage.until(lambda: stage.pipeline.batch.is_empty)
        stage.pipeline.accept(reading())
        for n in range(200):
            stage.pipeline.accept(reading(Quantity.PRESENCE, "radar", float(n % 2)))
        await stage.until(lambda: slips and stage.pipeline.batch.gap is not None)
        assert len(stage.pipeline.batch.readings) == 50
        assert len(stage.pipeline.batch.alerts) == 1
        may_go_on.set()
        await writing
        card.close()


def test_messages_of_state_are_bounded_too_and_what_concerns_life_stays():
    status = SensorStatus(sensor_id="bed", state=SensorState.DOWN, since=AT, at=AT, mono=1)
    batch = Batch(bodies=[(Lane.STATE, StatusBody(status=status))] * 5)
    batch.bodies.insert(0, (Lane.LIFE_SAFETY, GapBody(reason="life", count=1)))
    batch.bodies.insert(1, (Lane.STATE, GapBody(reason="another", count=7, first_at=AT)))
    batch.drop_oldest(10, 3, "the card")
    assert [lane for lane, _ in batch.bodies] == [Lane.LIFE_SAFETY, *[Lane.STATE] * 3]
    assert batch.gap is not None
    assert (batch.gap.count, batch.gap.first_at, batch.gap.last_at) == (9, AT, AT)
    batch.drop_oldest(10, 3, "the card")
    assert batch.gap.count == 9


async def test_each_alert_gets_its_slip_however_many_wait(stage, monkeypatch):
    """The uplink keeps so many slips: what it lets go of is on the card, or would never be sent."""
    monkeypatch.setattr(slips_module, "UNDER_WAY", 2)
    engine, mark, slips = Engine(rules(), {}), stage.clock.mark(), Slips("gw")
    alerts = []
    for n in range(5):
        press = msgspec.structs.replace(reading(), at=AT + timedelta(hours=n), mono=n * 3_600_000)
        alerts += engine.feed(press).alerts
        engine.feed(Reset(key="sos:bed", at=press.at, mono=press.mono, by="zhang"))
    sent = []
    while given := slips.of(alerts, mark):
        assert len(given) <= 2
        assert slips.of(alerts, mark) == []
        sent += given
        slips.confirmed(slip.key for slip in given)
    assert [decode_envelope(slip.payload, gateway="gw").body.alert for slip in sent] == alerts
    assert len(alerts) == 5


def test_an_older_batch_comes_first_and_its_states_are_the_older_ones():
    from rules.engine import Saved

    older = Batch(states={"a": Saved(state=b"1"), "b": Saved(state=b"1")}, is_urgent=True)
    older.readings = [reading(mono=1)]
    newer = Batch(states={"b": Saved(state=b"2")})
    newer.readings = [reading(mono=2)]
    newer.prepend(older)
    assert newer.states == {"a": Saved(state=b"1"), "b": Saved(state=b"2")}
    assert [item.mono for item in newer.readings] == [1, 2]
    assert newer.is_urgent


async def test_own_messages_are_stored(stage):
    stage.pipeline.send(Lane.STATE, HeartbeatBody(backlog=1, uptime_s=2))
    assert stage.pipeline.written_soon.is_set()


async def test_history_is_kept_and_not_judged(stage):
    old = reading(quantity=Quantity.SOS)
    stage.pipeline.accept(msgspec.structs.replace(old, is_late=True))
    stage.pipeline.judge_all()
    assert stage.said == []
    assert [kept.is_late for kept in stage.pipeline.batch.readings] == [True]
    stage.pipeline.accept(old)
    stage.pipeline.judge_all()
    assert [alert.state for alert in stage.said] == [AlertState.FIRING]


async def test_a_measurement_and_its_notes_are_in_one_batch_that_is_written_at_once(stage):
    readings = tuple(reading(quantity=Quantity.SYSTOLIC, sensor="cuff", value=120.0 + n) for n in range(3))
    for n in range(2):
        note = Note(name="seen", text=str(n))
        stage.pipeline.accept(Measurement(sensor_id="cuff", readings=readings, notes=(note,)))
    stage.pipeline.judge_all()
    batch = stage.pipeline.batch
    assert len(batch.readings) == 6
    assert batch.notes == {("cuff", "seen"): "1"}
    assert batch.is_urgent


def test_a_batch_that_comes_back_does_not_undo_newer_notes():
    older, newer = Batch(notes={("cuff", "seen"): "1", ("cuff", "x"): "1"}), Batch(notes={("cuff", "seen"): "2"})
    assert not older.is_empty
    newer.prepend(older)
    assert newer.notes == {("cuff", "seen"): "2", ("cuff", "x"): "1"}


class FailingRule:
    """A rule with a fault of its own, until it is `mended`."""

    key = "bad:bed"

    def __init__(self):
        self.mended = False
        self.woken = 0

    def start(self):
        return 0

    def step(self, state, event):
        if isinstance(event, Wake):
            self.woken += 1
            if not self.mended:
                raise ZeroDivisionError
            return Step(state=state, wake_at=None)
        if not self.mended and state:
            raise KeyError("a fault")
        return Step(state=1, wake_at=event.mono + 1000)


async def test_a_rule_that_fails_is_told_once_and_costs_no_other_its_alarm(stage, caplog):
    bad = FailingRule()
    watched = frozenset({("bed", Quantity.SOS)})
    engine = Engine([BoundRule(rule=bad, readings=watched), *rules()], {})
    said = []
    pipeline = Pipeline(engine, stage.clock, announce=said.extend, beat=lambda: None)
    for mono in (0, 10, 20):
        pipeline.accept(reading(mono=mono))
    pipeline.judge_all()
    assert sorted(alert.rule_id for alert in said) == ["rule-failed", "sos"]
    assert [alert.rule_id for alert in pipeline.batch.alerts].count("rule-failed") == 1
    assert "the rule bad:bed fails" in caplog.text
    pipeline.rebind([BoundRule(rule=bad, readings=watched), *rules()])
    pipeline.accept(reading(mono=30))
    pipeline.judge_all()
    assert [alert.rule_id for alert in said].count("rule-failed") == 2  # tried again, told again


def test_what_a_failing_rule_waited_for_wakes_it_again():
    bad = FailingRule()
    engine = Engine([BoundRule(rule=bad, readings=frozenset({("bed", Quantity.SOS)}))], {})
    engine.feed(reading(mono=0))
    failed = engine.advance(AT, 1000).failed
    assert failed is not None
    assert set(failed) == {"bad:bed"}
    bad.mended = True
    assert engine.next_wake == 61_000
    assert engine.advance(AT, 61_000).failed is None
    assert bad.woken == 2
