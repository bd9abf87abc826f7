"""Valves and the stove: closed by alarms until it is sure, opened by people alone, and closed again after a restart."""

import asyncio
from datetime import UTC, datetime

import pytest
from fixtures.quick_time import run_quickly
from pydantic import TypeAdapter

from config.cut_offs import CutOffPart
from gateway.cut_off import NOTE, CutOff
from gateway.cut_offs import CutOffs
from gateway.danger_watch import LAPSE_MS, DangerWatch
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.driver import Measurement
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus

AT = datetime(2026, 11, 24, 3, 12, 58, tzinfo=UTC)
GAS = {
    "id": "gas-valve",
    "cuts": "gas",
    "by": {"kind": "mqtt_switch", "topic": "zigbee2mqtt/valve"},
    "closed_when": "switched_off",
    "open_by": [{"sensor": "fob", "value": 4}],
}
STOVE = GAS | {"id": "stove", "cuts": "stove"}
PIN = {"by": {"kind": "gpio_switch", "pin": 17}}


class Valve:
    """A switch that obeys, unless told not to, and says how it stands if asked to."""

    name = "valve"

    def __init__(self):
        self.is_on = None
        self.reported = None
        self.trouble = ""
        self.tries = 0

    async def set(self, on):
        self.tries += 1
        if self.trouble:
            raise DeviceError(self.trouble)
        self.is_on = self.reported = on


class LoopClock:
    """Engine time by the loop."""

    def now(self):
        return AT

    def mono(self):
        return int(asyncio.get_running_loop().time() * 1000)

    def seconds_until(self, engine_ms):
        return max(0.0, (engine_ms - self.mono()) / 1000)


class Home:
    """One cut-off that runs, in virtual time."""

    def __init__(self, written=GAS, *, noted=None):
        self.valve = Valve()
        self.taken = []
        self.said = []
        self.dangers = DangerWatch(LoopClock(), changed=self.look)
        part = TypeAdapter(CutOffPart).validate_python(written)
        self.cut_off = CutOff(
            part,
            self.valve,
            LoopClock(),
            noted=noted,
            dangers=self.dangers,
            accept=self.taken.append,
            say=lambda _id, phrase, _severity: self.said.append(phrase.id or phrase.words.en),
        )
        self.all = CutOffs([self.cut_off])

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.cut_off.run()), asyncio.create_task(self.dangers.run())]
        await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def alarm(self, state=AlertState.FIRING, hazard="gas", key="gas:kitchen", severity=Severity.P1, at=AT, **more):
        why = Sentence(zh="", en="")
        step = Alert(
            alert_id=alert_id_of(key, at, state),
            key=key,
            rule_id="gas",
            rule_version=1,
            hazard=hazard,
            severity=severity,
            state=state,
            resident_id="r1",
            sensor_id="kitchen",
            since=at,
            at=at,
            mono=0,
            why=why,
            **more,
        )
        self.dangers.alerts([step])
        self.all.alerts([step])

    def hear(self, quantity, value, sensor="kitchen"):
        reading = Reading(sensor_id=sensor, quantity=quantity, value=value, at=AT, mono=0)
        self.dangers.hear(reading)
        self.all.hear(reading)

    def status(self, state, sensor="kitchen"):
        self.dangers.status(SensorStatus(sensor_id=sensor, state=state, since=AT, at=AT, mono=0))

    def press(self, value=4):
        self.hear(Quantity.BUTTON, value, sensor="fob")

    def look(self):
        self.all.look()

    def notes(self):
        return [note.text for one in self.taken if isinstance(one, Measurement) for note in one.notes]

    def values(self):
        return [reading.value for one in self.taken if isinstance(one, Measurement) for reading in one.readings]

    def states(self):
        return [one.state for one in self.taken if isinstance(one, SensorStatus)]


def played(script, *args, **more):
    async def main():
        async with Home(*args, **more) as home:
            await script(home)

    run_quickly(main())


@pytest.mark.parametrize("hazard", ["gas", "gas-alarm", "gas-concentration", "carbon-monoxide"])
def test_a_gas_alarm_closes_the_valve_at_once_and_tells_it(hazard):
    async def script(home):
        home.alarm(hazard=hazard)
        assert home.notes() != []  # on its way to the card before anything else
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False
        assert (home.values(), home.said, home.states()) == ([1.0], ["gas-closed"], [SensorState.UP])

    played(script)


def test_nothing_but_its_own_dangers_closes_it_no_test_and_no_fault():
    async def script(home):
        home.alarm(hazard="sos")
        home.alarm(hazard="leak")
        home.alarm(severity=Severity.P3)
        home.alarm(is_test=True)
        home.alarm(AlertState.PREALARM)
        await asyncio.sleep(60)
        assert home.valve.tries == 0
        assert home.taken == []

    played(script)


def test_the_end_of_the_alarm_opens_nothing_and_neither_does_the_centre():
    async def script(home):
        home.alarm()
        home.alarm(AlertState.RESOLVED)
        await asyncio.sleep(3600)
        assert home.valve.is_on is False

    played(script)


def test_a_press_opens_it_when_the_air_is_good_again():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        await asyncio.sleep(1)
        home.press()
        await asyncio.sleep(1)
        assert (home.valve.is_on, home.said[-1]) == (False, "gas-refused")
        home.hear(Quantity.GAS_ALARM, 0)
        home.press()
        await asyncio.sleep(1)
        assert (home.valve.is_on, home.said[-1], home.values()) == (True, "gas-opened", [1.0, 0.0])

    played(script)


def test_another_button_opens_nothing():
    async def script(home):
        home.alarm()
        home.press(3)
        home.hear(Quantity.BUTTON, 4, sensor="other")
        await asyncio.sleep(1)
        assert home.valve.is_on is False

    played(script)


def test_gas_that_comes_again_while_the_old_alarm_is_still_on_closes_it_again():
    """A latched alarm gives no second step."""

    async def script(home):
        home.alarm()
        await asyncio.sleep(1)
        home.press()
        await asyncio.sleep(1)
        assert home.valve.is_on is True
        home.hear(Quantity.GAS_CONCENTRATION, 2)
        await asyncio.sleep(1)
        assert home.valve.is_on is True
        home.hear(Quantity.GAS_CONCENTRATION, 12)
        await asyncio.sleep(1)
        assert home.valve.is_on is False

    played(script)


def test_a_restart_closes_it_again_and_does_not_undo_what_a_person_opened():
    async def first(home):
        home.alarm()
        await asyncio.sleep(1)
        closed.append(home.notes()[-1])
        home.press()
        await asyncio.sleep(1)
        opened.append(home.notes()[-1])

    closed, opened = [], []
    played(first)

    async def again(home):
        assert home.valve.is_on is False
        assert home.said == []  # nothing new has happened

    async def left_open(home):
        home.alarm()  # the same step of the same alarm, told anew at the start
        await asyncio.sleep(60)
        assert home.valve.tries == 0
        home.alarm(at=AT.replace(hour=5))
        await asyncio.sleep(1)
        assert home.valve.is_on is False

    played(again, noted=closed[0])
    played(left_open, noted=opened[0])


def test_a_state_that_cannot_be_read_opens_nothing(caplog):
    async def script(home):
        await asyncio.sleep(60)
        assert home.valve.tries == 0

    played(script, noted="{")
    assert "cannot be read" in caplog.text


def test_it_is_tried_for_ever_told_aloud_and_to_the_centre_until_it_is_closed():
    async def script(home):
        home.valve.trouble = "out of reach"
        home.alarm()
        await asyncio.sleep(3600)
        assert home.valve.tries > 100  # at least every 30 s
        assert 12 <= home.said.count("gas-failed") <= 13  # once, and each 5 min while the alarm is on
        assert home.states() == [SensorState.DOWN]
        home.alarm(AlertState.RESOLVED)
        before = len(home.said)
        await asyncio.sleep(3600)
        assert len(home.said) == before
        home.valve.trouble = ""
        await asyncio.sleep(31)
        assert (home.said[before], home.states()[-1], home.valve.is_on) == ("gas-closed", SensorState.UP, False)

    played(script)


def test_an_alarm_is_tried_at_once_also_in_a_pause_between_tries():
    async def script(home):
        home.valve.trouble = "out of reach"
        home.alarm()
        await asyncio.sleep(600)
        home.valve.trouble = ""
        home.alarm(key="gas:hall", at=AT.replace(hour=4))
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False

    played(script)


def test_a_valve_that_comes_back_open_by_itself_is_closed_again():
    async def script(home):
        home.alarm()
        await asyncio.sleep(1)
        home.valve.is_on = home.valve.reported = True
        await asyncio.sleep(6)
        assert home.valve.is_on is False

    played(script)


def test_the_stove_is_cut_15_s_after_a_spoken_warning():
    async def script(home):
        home.alarm(AlertState.PREALARM, "stove", "stove:hob", Severity.P2)
        assert home.said == ["stove-goes-off"]
        await asyncio.sleep(14.5)
        assert home.valve.tries == 0
        await asyncio.sleep(1)
        assert (home.valve.is_on, home.said) == (False, ["stove-goes-off", "stove-closed"])

    played(script, STOVE)


@pytest.mark.parametrize("end", [AlertState.CANCELLED, AlertState.RESOLVED])
def test_who_cancels_in_time_goes_on_cooking(end):
    async def script(home):
        home.alarm(AlertState.PREALARM, "stove", "stove:hob", Severity.P2)
        await asyncio.sleep(14)
        home.alarm(end, "stove", "stove:hob", Severity.P2)
        await asyncio.sleep(600)
        assert home.valve.tries == 0

    played(script, STOVE)


def test_smoke_cuts_the_stove_without_a_question():
    async def script(home):
        home.alarm(AlertState.PREALARM, "stove", "stove:hob", Severity.P2)
        home.alarm(hazard="smoke", key="smoke:kitchen")
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False

    played(script, STOVE)


def test_a_stove_that_is_cut_only_when_help_is_called():
    async def script(home):
        home.alarm(AlertState.PREALARM, "stove", "stove:hob", Severity.P2)
        await asyncio.sleep(600)
        assert home.valve.tries == 0
        home.alarm(AlertState.FIRING, "stove", "stove:hob", Severity.P2)
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False

    played(script, STOVE | {"at": "alarm"})


@pytest.mark.parametrize(
    ("closed_when", "was", "stands"),
    [
        ("switched_on", None, False),
        ("switched_on", "open", False),
        ("switched_on", "closed", True),
        ("switched_off", None, None),  # nobody has ever opened it: it stays closed
        ("switched_off", "open", True),
        ("switched_off", "closed", False),
    ],
)
def test_a_pin_comes_back_as_people_left_it(closed_when, was, stands):
    async def script(home):
        assert home.valve.is_on is stands
        assert home.said == []

    noted = {"open": '{"is_closed":false,"since":"2026-11-24T03:12:58Z"}', None: None}
    noted["closed"] = noted["open"].replace("false", "true")
    played(script, GAS | PIN | {"closed_when": closed_when}, noted=noted[was])


def test_an_order_at_the_box_opens_it_or_says_why_not():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        await asyncio.sleep(1)
        assert home.all.open("gas-valve").id == "gas-refused"
        home.hear(Quantity.GAS_ALARM, 0)
        assert home.all.open("gas-valve").id == "gas-opening"
        await asyncio.sleep(1)
        assert home.valve.is_on is True

    played(script)


def test_what_is_noted_is_what_the_next_one_is_given():
    async def script(home):
        home.alarm()
        assert home.all.noted() == {"gas-valve": home.notes()[-1]}
        assert NOTE == "cut-off"

    played(script)


WATER = GAS | {"id": "water", "cuts": "water"}


@pytest.mark.parametrize(("written", "hazard"), [(STOVE, "smoke"), (WATER, "leak")])
def test_what_may_make_a_spark_is_not_switched_while_there_is_gas_but_afterwards(written, hazard):
    async def script(home):
        home.alarm(key="gas:kitchen", hazard="gas")
        home.alarm(key="other", hazard=hazard)
        await asyncio.sleep(20)
        assert home.valve.tries == 0
        assert home.states() == [SensorState.DOWN]
        home.alarm(AlertState.RESOLVED, key="gas:kitchen", hazard="gas")
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False
        home.alarm(key="gas:kitchen", hazard="gas", at=AT.replace(hour=5))
        home.press()
        await asyncio.sleep(20)
        assert home.valve.is_on is False
        assert home.said[-1] == f"{written['cuts']}-not-in-gas"

    played(script, written)


def test_a_switch_that_makes_no_spark_is_switched_in_gas_too():
    async def script(home):
        home.alarm(key="gas:kitchen", hazard="gas")
        home.alarm(key="smoke:kitchen", hazard="smoke")
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False

    played(script, STOVE | {"ex_safe": True})


def test_nobody_is_sent_back_to_a_stove_in_smoke():
    async def script(home):
        home.valve.trouble = "no answer"
        home.alarm(key="smoke:kitchen", hazard="smoke")
        await asyncio.sleep(1)
        assert home.said == ["stove-failed-go-out"]

    played(script, STOVE)


def test_a_question_that_has_closed_it_closes_it_no_second_time_after_a_restart():
    noted = []

    async def before(home):
        home.alarm(AlertState.PREALARM, key="stove", hazard="stove")
        await asyncio.sleep(16)
        assert home.valve.is_on is False
        home.press()
        await asyncio.sleep(0.1)
        assert home.valve.is_on is True
        noted.append(home.notes()[-1])

    async def after(home):
        home.alarm(AlertState.PREALARM, key="stove", hazard="stove")  # told anew
        await asyncio.sleep(60)
        assert home.valve.is_on is not False
        assert home.said == []

    played(before, STOVE)
    played(after, STOVE, noted=noted[0])


def test_a_sensor_alone_closes_nothing_where_no_alarm_is_on():
    async def script(home):
        home.hear(Quantity.GAS_CONCENTRATION, 5.0)
        await asyncio.sleep(1)
        assert home.valve.tries == 0

    played(script)


def test_a_reset_by_the_centre_makes_no_spark_while_a_sensor_still_reports_gas():
    async def script(home):
        home.hear(Quantity.GAS_CONCENTRATION, 12)
        home.alarm(key="gas:kitchen", hazard="gas")
        home.alarm(key="leak", hazard="leak")
        home.alarm(AlertState.RESOLVED, key="gas:kitchen", hazard="gas")
        await asyncio.sleep(600)
        assert home.valve.tries == 0
        home.press()
        assert home.said[-1] == "water-not-in-gas"
        home.hear(Quantity.GAS_CONCENTRATION, 1)
        await asyncio.sleep(0.1)
        assert home.valve.is_on is False

    played(script, WATER)


@pytest.mark.parametrize("state", [SensorState.DOWN, SensorState.SILENT])
def test_the_last_word_of_a_lost_sensor_lapses_after_a_day_unless_it_comes_back(state):
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        home.status(state)
        await asyncio.sleep(LAPSE_MS / 1000 - 120)
        home.status(SensorState.UP)
        home.status(state)
        await asyncio.sleep(LAPSE_MS / 1000 - 120)
        home.press()
        await asyncio.sleep(1)
        assert (home.said[-1], home.valve.is_on) == ("gas-refused", False)
        await asyncio.sleep(300)
        assert home.valve.is_on is False  # that it lapses opens nothing
        home.press()
        await asyncio.sleep(1)
        assert home.valve.is_on is True

    played(script)


def test_a_sensor_that_is_heard_keeps_its_word():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        await asyncio.sleep(LAPSE_MS / 1000 + 120)
        home.press()
        assert home.said[-1] == "gas-refused"

    played(script)


def test_the_word_of_a_sensor_that_was_taken_out_is_void():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        home.dangers.keep({"kitchen", "hall"})
        assert home.all.open("gas-valve").id == "gas-refused"
        home.dangers.keep({"hall"})
        assert home.all.open("gas-valve").id == "gas-opening"

    played(script)


def test_a_second_order_at_the_box_overrules_a_lost_sensor_and_a_press_does_not():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        home.status(SensorState.DOWN)
        assert home.all.open("gas-valve").id == "gas-lost"
        home.press()
        assert home.said[-1] == "gas-refused"
        await asyncio.sleep(301)
        assert home.all.open("gas-valve").id == "gas-lost"  # the first was too long ago
        await asyncio.sleep(60)
        assert home.valve.is_on is False
        assert home.all.open("gas-valve").id == "gas-opening"
        await asyncio.sleep(1)
        assert home.valve.is_on is True

    played(script)


def test_no_order_overrules_a_sensor_that_is_heard():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.hear(Quantity.GAS_ALARM, 1, sensor="hall")
        home.alarm()
        home.status(SensorState.DOWN)
        assert [home.all.open("gas-valve").id for _ in range(3)] == ["gas-refused"] * 3
        home.status(SensorState.DOWN, sensor="hall")
        assert home.all.open("gas-valve").id == "gas-lost"
        home.status(SensorState.UP)
        assert home.all.open("gas-valve").id == "gas-refused"

    played(script)


def test_no_order_overrules_a_gas_alarm_for_what_may_spark():
    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        home.status(SensorState.DOWN)
        home.all.open("water")
        assert home.all.open("water").id == "water-not-in-gas"

    played(script, WATER)


def test_when_all_is_over_it_is_said_once_that_it_is_still_closed_and_how_it_is_opened():
    still = "The gas valve is still closed. To undo this, press button 4 of fob."

    async def script(home):
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm()
        await asyncio.sleep(1)
        home.alarm(AlertState.RESOLVED)
        await asyncio.sleep(60)
        assert still not in home.said  # it would be refused
        home.hear(Quantity.GAS_ALARM, 0)
        assert home.said[-1] == still
        home.hear(Quantity.GAS_ALARM, 1)
        home.hear(Quantity.GAS_ALARM, 0)
        await asyncio.sleep(3600)
        assert home.said.count(still) == 1

    played(script)


def test_where_no_button_opens_it_the_command_is_said():
    async def script(home):
        home.alarm(hazard="leak", key="leak")
        await asyncio.sleep(1)
        home.alarm(AlertState.RESOLVED, hazard="leak", key="leak")
        assert home.said[-1] == (
            "The water valve is still closed. To undo this, order at the box: shouwang gateway open water."
        )

    played(script, WATER | {"open_by": []})


def test_what_is_not_yet_closed_is_not_called_so_and_what_was_opened_neither():
    async def disobeys(home):
        home.valve.trouble = "out of reach"
        home.alarm()
        home.alarm(AlertState.RESOLVED)
        await asyncio.sleep(60)
        assert home.said == ["gas-failed"]
        home.valve.trouble = ""
        await asyncio.sleep(31)
        assert [line[:24] for line in home.said[1:]] == ["gas-closed", "The gas valve is still c"]

    async def opened(home):
        home.alarm()
        await asyncio.sleep(1)
        home.press()
        home.alarm(AlertState.RESOLVED)
        await asyncio.sleep(60)
        assert home.said == ["gas-closed", "gas-opened"]

    played(disobeys)
    played(opened)


def test_how_it_is_opened_is_not_said_while_gas_would_refuse_it():
    async def script(home):
        home.alarm(hazard="leak", key="leak")
        await asyncio.sleep(1)
        home.hear(Quantity.GAS_ALARM, 1)
        home.alarm(AlertState.RESOLVED, hazard="leak", key="leak")
        assert home.said == ["water-closed"]
        home.hear(Quantity.GAS_ALARM, 0)
        assert home.said[-1].startswith("The water valve is still closed.")

    played(script, WATER)
