"""Whether people are at home: who may say it, how long it lasts, and what it never changes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.quick_time import run_quickly

from config.presets import preset
from config.presses import ModePress
from gateway.batch import Batch
from gateway.clock import Clock, ClockMark
from gateway.modes import NOTE, Modes, Stay
from gateway.outbox import Outbox
from gateway.phone import Whereabouts, WhereaboutsWish
from gateway.pipeline import Pipeline
from rules.bound import HomeFacts
from rules.engine import Engine
from rules.modes import HOME_SENSOR, Mode
from rules.preset import rules_of
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.wire import Command, SetMode, decode_command, encode

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
H = 3600
AWAY = WhereaboutsWish(whereabouts=Whereabouts.AWAY, by="+8613800138000")
BACK = WhereaboutsWish(whereabouts=Whereabouts.HOME, by="+8613800138000")


class Time:
    """Seconds that a test lets pass, on both clocks; the loop's own where there is one."""

    def __init__(self, wall=AT):
        self.wall = wall
        self.passed = 0.0

    def clock(self, last=None, boot="b"):
        return Clock(
            last,
            boot=boot,
            boottime_ms=lambda: round(self.passed * 1000),
            wall=lambda: self.wall + timedelta(seconds=self.passed),
        )


class Here:
    """The mode of one home, what it tells the rules and says aloud."""

    def __init__(self, time=None, noted=None, presses=(), last=None, boot="b"):
        self.time = time or Time()
        self.clock = self.time.clock(last, boot)
        self.told: list[Measurement] = []
        self.said: list[Sentence] = []
        self.modes = Modes(self.clock, presses, noted=noted, accept=self.told.append, say=self.said.append)

    @property
    def noted(self):
        return self.told[-1].notes[0].text

    @property
    def values(self):
        return [one.readings[0].value for one in self.told]

    def hear(self, quantity, value, sensor="s", quality=Quality.GOOD, is_late=False):
        reading = Reading(
            sensor_id=sensor,
            quantity=quantity,
            value=value,
            at=self.clock.now(),
            mono=self.clock.mono(),
            quality=quality,
            is_late=is_late,
        )
        self.modes.hear(reading)


def alarm(state=AlertState.FIRING, severity=Severity.P2):
    return Alert(
        alert_id=alert_id_of("inactivity:home", AT, state),
        key="inactivity:home",
        rule_id="inactivity",
        rule_version=1,
        hazard="inactivity",
        severity=severity,
        state=state,
        resident_id="r",
        sensor_id="home",
        since=AT,
        at=AT,
        mono=0,
        why=Sentence(zh="", en=""),
    )


def test_a_press_is_a_reading_with_an_end_that_is_noted_in_the_same_measurement_and_said_once():
    press = ModePress.model_validate({"sensor": "fob", "value": 3, "mode": "away", "lasts": "8h"})
    here = Here(presses=[press])
    here.hear(Quantity.BUTTON, 2, "fob")
    here.hear(Quantity.BUTTON, 3, "other")
    here.hear(Quantity.BUTTON, 3, "fob", quality=Quality.QUESTIONABLE)
    here.hear(Quantity.BUTTON, 3, "fob", is_late=True)
    assert here.told == []
    here.hear(Quantity.BUTTON, 3, "fob")
    here.hear(Quantity.BUTTON, 3, "fob")
    assert here.values == [1.0, 1.0]
    (reading,), (note,) = here.told[0].readings, here.told[0].notes
    assert (reading.sensor_id, reading.quantity, note.name) == (HOME_SENSOR, Quantity.MODE, NOTE)
    assert here.modes.stay.until == AT + timedelta(hours=8)
    assert [said.en for said in here.said] == [
        "The home is set to: away. Smoke, gas, water and SOS are watched all the same."
    ]


@pytest.mark.parametrize(
    ("mode", "hours"), [(Mode.AWAY, 14 * 24), (Mode.HOSPITAL, 14 * 24), (Mode.VISITOR, 24), (Mode.HOME, None)]
)
def test_every_mode_but_home_has_an_end_that_nobody_can_put_off_further(mode, hours):
    here = Here()
    longest = None if hours is None else AT + timedelta(hours=hours)
    assert here.modes.set(mode, by="x").until == longest
    assert here.modes.set(mode, by="x", lasts=timedelta(days=400)).until == longest


def ends_after(seconds):
    """What the rules are told until then, on a loop whose clock leaps."""

    async def scene():
        time = Time()
        here = Here(time)
        loop = asyncio.get_running_loop()
        here.clock._boottime_ms = lambda: round((time.passed + loop.time()) * 1000)
        here.modes.set(Mode.VISITOR, by="x")
        task = asyncio.create_task(here.modes.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return here.values

    return run_quickly(scene())


def test_a_mode_is_over_by_itself():
    assert ends_after(24 * H - 1) == [3.0]
    assert ends_after(24 * H + 1) == [3.0, 0.0]


def test_a_restart_goes_on_with_the_count_and_tells_the_rules_again():
    before = Here()
    before.modes.set(Mode.VISITOR, by="fob")
    before.time.passed += 23 * H
    mark = before.clock.mark()
    after = Here(before.time, noted=before.noted, last=mark)
    after.modes.restore()
    assert (after.values, after.told[0].notes, after.said) == ([3.0], (), [])
    assert after.clock.seconds_until(after.modes.stay.ends) == H


def test_a_reboot_after_its_end_comes_home_at_once():
    async def scene():
        before = Here()
        before.modes.set(Mode.AWAY, by="fob", lasts=timedelta(hours=8))
        mark: ClockMark = before.clock.mark()
        before.time.passed += 9 * H
        after = Here(before.time, noted=before.noted, last=mark, boot="another")
        after.modes.restore()
        task = asyncio.create_task(after.modes.run())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return after.values

    assert run_quickly(scene()) == [1.0, 0.0]


@pytest.mark.parametrize("noted", ["", "{}", '{"mode":9}'])
def test_what_cannot_be_read_counts_as_home_and_the_rules_are_told(noted, caplog):
    here = Here(noted=noted)
    here.modes.restore()
    assert here.values == [0.0]
    assert "cannot be read" in caplog.text


def test_a_home_that_was_never_anything_else_tells_nothing_at_its_start():
    here = Here()
    here.modes.restore()
    assert here.told == []


def order(until=None, mode="hospital"):
    return SetMode(mode=mode, by="op1", until=until)


def test_the_centre_says_until_when_by_its_own_clock():
    here = Here()
    here.modes.order(order(AT + timedelta(hours=5)), AT)
    assert (here.modes.stay.mode, here.modes.stay.by) == (Mode.HOSPITAL, "op1")
    assert here.clock.seconds_until(here.modes.stay.ends) == 5 * H
    slow = Here(Time(datetime(1970, 1, 1, tzinfo=UTC)))
    slow.modes.order(order(AT + timedelta(hours=5)), AT)
    assert slow.clock.seconds_until(slow.modes.stay.ends) == 5 * H, "a box without a clock counts the same"
    fast = Here(Time(AT + timedelta(hours=4)))
    fast.modes.order(order(AT + timedelta(hours=5)), AT)
    assert fast.clock.seconds_until(fast.modes.stay.ends) == H, "home too early rather than too late"


def test_an_order_that_is_over_changes_nothing(caplog):
    here = Here(Time(AT + timedelta(hours=6)))
    here.modes.order(order(AT + timedelta(hours=5)), AT)
    assert here.told == []
    assert "is left out" in caplog.text


def test_the_order_travels_as_json():
    command = Command(
        command_id="c1", issued_at=AT, expires_at=AT + timedelta(hours=1), incident_id="", action=order(AT)
    )
    assert decode_command(encode(command)) == command


def test_the_family_may_say_away_only_where_the_home_believes_it_too():
    here = Here()
    assert "not set to away" in here.modes.wish(AWAY).en, "nothing was heard yet"
    here.hear(Quantity.MOTION, 1, "hall")
    here.hear(Quantity.DOOR, 1, "front")
    here.time.passed += 200
    here.hear(Quantity.MOTION, 1, "hall")
    assert "not set to away" in here.modes.wish(AWAY).en, "somebody moves inside after the door"
    here.hear(Quantity.DOOR, 0, "front")
    here.hear(Quantity.BED, 1, "bed")
    here.time.passed += 200
    here.hear(Quantity.DOOR, 0, "front")
    assert "not set to away" in here.modes.wish(AWAY).en, "somebody is in bed"
    here.hear(Quantity.BED, 0, "bed")
    assert here.told == []
    assert "Set to away for 72 h" in here.modes.wish(AWAY).en
    assert here.modes.stay.until == here.clock.now() + timedelta(hours=72)
    assert "Set to home" in here.modes.wish(BACK).en
    assert here.values == [1.0, 0.0]


def test_no_message_takes_a_home_with_an_alarm_for_empty():
    here = Here()
    here.hear(Quantity.DOOR, 1, "front")
    here.modes.alerts([alarm(AlertState.PREALARM)])
    assert "An alarm is on" in here.modes.wish(AWAY).en
    here.modes.alerts([alarm(AlertState.FIRING, Severity.P3)])
    assert "Set to away" in here.modes.wish(AWAY).en
    here.modes.alerts([alarm()])
    assert "An alarm is on" in here.modes.wish(AWAY).en
    here.modes.alerts([alarm(AlertState.RESOLVED)])
    assert "Set to away" in here.modes.wish(AWAY).en


def test_the_order_and_what_it_did_are_on_the_card_in_one_transaction_and_carried_out_once(tmp_path):
    async def scene():
        clock = Time().clock()
        pipeline = Pipeline(Engine([], {}), clock, announce=lambda _: None, beat=lambda: None)
        modes = Modes(clock, (), noted=None, accept=pipeline.accept, say=lambda _: None)
        command = Command(
            command_id="c1", issued_at=AT, expires_at=AT + timedelta(hours=1), incident_id="", action=order()
        )
        modes.order(order(), AT)
        pipeline.obey(command, lambda: None)
        return pipeline.take_batch(), clock.mark()

    batch, mark = asyncio.run(scene())
    assert isinstance(batch, Batch)
    assert batch.is_urgent
    assert [one.value for one in batch.readings] == [2.0]
    with ThreadPoolExecutor(1) as thread:
        outbox = thread.submit(Outbox, tmp_path / "o.db", "gw").result()
        outbox.commit(batch, mark)
        assert outbox.commands_done() == {"c1"}
        noted = outbox.notes()[HOME_SENSOR][NOTE]
        outbox.close()
    here = Here(noted=noted)
    assert isinstance(here.modes.stay, Stay)
    assert here.modes.stay.mode is Mode.HOSPITAL


DANGERS = {
    Quantity.SMOKE: 0,
    Quantity.HEAT_ALARM: 0,
    Quantity.CARBON_MONOXIDE_ALARM: 0,
    Quantity.GAS_ALARM: 0,
    Quantity.LEAK: 30,
    Quantity.SOS: 0,
    Quantity.FALL: 90,
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("danger", DANGERS)
def test_danger_and_calls_for_help_are_watched_in_every_mode(mode, danger):
    facts = HomeFacts(resident_id="r", emits={"s": frozenset(DANGERS), "door": frozenset({Quantity.DOOR})})
    names = ("home-safety", "sos", "fall-radar", "inactivity", "night", "daily-life", "doors")
    engine = Engine([one for name in names for rule in rules_of(preset(name)) for one in rule.bind(facts)], {})

    def reading(second, sensor, quantity, value):
        moment = AT + timedelta(seconds=second)
        return Reading(sensor_id=sensor, quantity=quantity, value=value, at=moment, mono=second * 1000)

    engine.feed(reading(0, HOME_SENSOR, Quantity.MODE, float(mode)))
    alerts = [*engine.feed(reading(3600, "s", danger, 1.0)).alerts]
    due = 3600 + DANGERS[danger]
    alerts += engine.advance(AT + timedelta(seconds=due), due * 1000).alerts
    assert AlertState.FIRING in [alert.state for alert in alerts]
