"""What the elder hears: at once, repeated while it matters, never stopped by a broken loudspeaker."""

import asyncio
import io
import logging
from datetime import UTC, datetime

import msgspec
import pytest

from gateway.annunciators.announcement import Announcement, Cue, Phrase
from gateway.annunciators.console import ConsoleAnnunciator
from gateway.annunciators.signal import Standing
from gateway.circle_words import ARRIVED, NOBODY
from gateway.clock import Clock
from gateway.local import Voice
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import DeviceError

AT = datetime(2026, 11, 24, 3, 12, 58, tzinfo=UTC)
WHY = Sentence(zh="床头按了紧急呼叫。", en="SOS pressed at the bed.")
HELP = Sentence(zh="帮助在路上。", en="Help is coming.")


def alert(state=AlertState.FIRING, key="sos:bed", severity=Severity.P1, hazard="sos"):
    return Alert(
        alert_id=alert_id_of(key, AT, state),
        key=key,
        rule_id=key.split(":")[0],
        rule_version=1,
        hazard=hazard,
        severity=severity,
        state=state,
        resident_id="r1",
        sensor_id="bed",
        since=AT,
        at=AT,
        mono=0,
        why=WHY,
    )


class Ear:
    """An annunciator that remembers, and fails or hangs when told to."""

    def __init__(self, *, fails=False):
        self.name = "ear"
        self.longest_s = 5.0
        self.heard = asyncio.Queue()
        self.fails = fails

    async def announce(self, announcement):
        if self.fails:
            raise DeviceError("the loudspeaker is unplugged")
        self.heard.put_nowait(announcement)

    async def next(self) -> Announcement:
        return await asyncio.wait_for(self.heard.get(), 20)


class Ticks:
    """Engine time moved by hand; sleeping takes a breath."""

    def __init__(self):
        self.ms = 0

    def mono(self):
        return self.ms

    def seconds_until(self, engine_ms):
        return 0.001 if engine_ms > self.ms else 0.0


@pytest.fixture
async def stage():
    ears, ticks = [Ear()], Ticks()
    voice = Voice(ears, ticks)
    task = asyncio.create_task(voice.run())
    yield voice, ears[0], ticks
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_alarm_is_said_and_repeated_each_minute_until_it_ends(stage):
    voice, ear, ticks = stage
    voice.alerts([alert()])
    first = await ear.next()
    assert (first.cue, first.severity, first.key) == (Cue.ALARM, Severity.P1, "sos:bed")
    assert WHY.en in first.words.en
    assert WHY.zh in first.words.zh
    ticks.ms = 60_000
    assert await ear.next() == first
    voice.alerts([alert(AlertState.RESOLVED)])
    assert (await ear.next()).cue is Cue.RESOLVED
    ticks.ms = 600_000
    voice.help_coming("7", HELP)
    assert (await ear.next()).cue is Cue.HELP_COMING
    assert ear.heard.empty()


async def test_help_is_coming_is_said_and_the_alarm_is_not_repeated_any_more(stage):
    voice, ear, ticks = stage
    voice.alerts([alert()])
    await ear.next()
    voice.help_coming("7", HELP)
    said = await ear.next()
    assert (said.cue, said.words) == (Cue.HELP_COMING, HELP)
    ticks.ms = 10**9
    voice.alerts([alert(key="other")])
    assert (await ear.next()).key == "other"


async def test_a_question_is_repeated_at_10_20_and_30_s_then_every_30_s_also_when_help_comes_for_another(stage):
    voice, ear, ticks = stage
    voice.alerts([alert(AlertState.PREALARM, "fall:bath")])
    assert (await ear.next()).cue is Cue.PREALARM
    voice.help_coming("7", HELP)
    await ear.next()
    for second in (10, 20, 30, 60, 90, 120):
        ticks.ms = second * 1000 - 1
        await asyncio.sleep(0.01)
        assert ear.heard.empty(), second
        ticks.ms = second * 1000
        assert (await ear.next()).cue is Cue.PREALARM
    voice.alerts([alert(AlertState.CANCELLED, "fall:bath")])
    assert (await ear.next()).cue is Cue.CANCELLED
    ticks.ms = 10**9
    await asyncio.sleep(0.01)
    assert ear.heard.empty()


async def test_a_question_tells_how_to_answer_it(stage):
    voice, ear, _ = stage
    voice.alerts([alert(AlertState.PREALARM, "fall:bath")])
    assert "press cancel; otherwise help" in (await ear.next()).words.en
    voice.alerts([alert(AlertState.PREALARM, "still:home", hazard="inactivity")])
    assert "press cancel or move about" in (await ear.next()).words.en


class Slow(Ear):
    """A loudspeaker in the middle of a sentence."""

    def __init__(self):
        super().__init__()
        self.begun = asyncio.Event()
        self.cut_off = []

    async def announce(self, announcement):
        self.heard.put_nowait(announcement)
        if announcement.cue is not Cue.CANCELLED:
            self.begun.set()
            try:
                await asyncio.sleep(4)
            except asyncio.CancelledError:
                self.cut_off.append(announcement.key)
                raise


async def test_a_cancel_stops_the_question_in_the_middle_of_a_word_and_is_no_failure(caplog):
    ear = Slow()
    voice = Voice([ear], Ticks())
    task = asyncio.create_task(voice.run())
    voice.alerts([alert(AlertState.PREALARM, "fall:bath")])
    await ear.begun.wait()
    voice.alerts([alert(AlertState.PREALARM, "fall:hall")])  # waits for its turn
    voice.alerts([alert(AlertState.CANCELLED, "fall:hall"), alert(AlertState.CANCELLED, "fall:bath")])
    heard = [await ear.next() for _ in range(3)]
    assert [(one.cue, one.key) for one in heard] == [
        (Cue.PREALARM, "fall:bath"),
        (Cue.CANCELLED, "fall:hall"),
        (Cue.CANCELLED, "fall:bath"),
    ]
    assert ear.cut_off == ["fall:bath"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert caplog.records == []


async def test_a_pause_silences_what_was_told_for_two_minutes_and_not_longer(stage):
    voice, ear, ticks = stage
    voice.alerts([alert()])
    await ear.next()
    ticks.ms = 50_000
    voice.pause()
    assert (await ear.next()).cue is Cue.PAUSED
    ticks.ms = 100_000
    voice.pause()  # does not prolong it
    ticks.ms = 169_999
    await asyncio.sleep(0.01)
    assert ear.heard.empty()
    ticks.ms = 170_000
    assert (await ear.next()).cue is Cue.ALARM


@pytest.mark.parametrize("new", [AlertState.PREALARM, AlertState.FIRING])
async def test_a_new_alarm_ends_the_pause_of_all(stage, new):
    voice, ear, ticks = stage
    voice.alerts([alert()])
    await ear.next()
    voice.pause()
    await ear.next()
    ticks.ms = 61_000
    voice.alerts([alert(new, "fall:bath", Severity.P2)])
    assert {(await ear.next()).key for _ in range(2)} == {"fall:bath", "sos:bed"}


async def test_a_notice_or_an_end_does_not_end_the_pause(stage):
    voice, ear, ticks = stage
    voice.alerts([alert(), alert(key="other")])
    assert [(await ear.next()).cue for _ in range(2)] == [Cue.ALARM, Cue.ALARM]
    voice.pause()
    ticks.ms = 61_000
    voice.alerts([alert(key="battery", severity=Severity.P3), alert(AlertState.RESOLVED, "other")])
    assert [(await ear.next()).cue for _ in range(3)] == [Cue.PAUSED, Cue.NOTICE, Cue.RESOLVED]
    await asyncio.sleep(0.01)
    assert ear.heard.empty()


@pytest.mark.parametrize("hazard", ["smoke", "gas", "carbon-monoxide", "heat"])
async def test_smoke_and_gas_are_not_paused(stage, hazard):
    voice, ear, ticks = stage
    voice.alerts([alert(key="danger", hazard=hazard)])
    await ear.next()
    voice.pause()
    ticks.ms = 60_000
    assert [(await ear.next()).key] == ["danger"]


async def test_a_question_is_not_paused_and_where_nothing_can_be_paused_nothing_is_said(stage):
    voice, ear, ticks = stage
    voice.pause()
    voice.alerts([alert(AlertState.PREALARM, "fall:bath")])
    await ear.next()
    voice.pause()
    ticks.ms = 10_000
    assert (await ear.next()).cue is Cue.PREALARM


async def test_a_technical_fault_is_a_notice_and_is_not_repeated(stage):
    voice, ear, ticks = stage
    voice.alerts([alert(severity=Severity.P3, key="silence:oximeter")])
    assert (await ear.next()).cue is Cue.NOTICE
    ticks.ms = 10**9
    voice.alerts([alert(key="other")])
    assert (await ear.next()).key == "other"


async def test_a_broken_loudspeaker_silences_nobody_and_is_told_once(caplog):
    caplog.set_level(logging.INFO, "gateway.mouth")
    broken, fine = Ear(fails=True), Ear()
    voice = Voice([broken, fine], Clock())
    task = asyncio.create_task(voice.run())
    for n in range(3):
        voice.alerts([alert(key=f"k{n}")])
        assert (await fine.next()).key == f"k{n}"
    broken.fails = False
    voice.alerts([alert(key="last")])
    while (await broken.next()).key != "last":
        pass
    await fine.next()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_a_full_queue_lets_go_of_the_least_urgent():
    ear = Ear()
    voice = Voice([ear], Clock())
    voice.alerts([alert(severity=Severity.P4, key="care")])
    voice.alerts([alert(key=f"life{n}") for n in range(64)])
    task = asyncio.create_task(voice.run())
    heard = [(await ear.next()).key for _ in range(64)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heard == [f"life{n}" for n in range(64)]


@pytest.mark.parametrize(("language", "words"), [("zh", "帮助在路上。"), ("en", "Help is coming.")])
async def test_the_console_prints_one_line_in_the_homes_language(language, words):
    out = io.StringIO()
    announcement = Announcement(cue=Cue.HELP_COMING, severity=Severity.P1, key="7", phrases=(Phrase(words=HELP),))
    await ConsoleAnnunciator(language, out).announce(announcement)
    assert out.getvalue() == f"ANNOUNCE help-coming P1 7 | {words}\n"


async def test_both_languages_on_the_console():
    out = io.StringIO()
    announcement = Announcement(cue=Cue.HELP_COMING, severity=Severity.P1, key="7", phrases=(Phrase(words=HELP),))
    await ConsoleAnnunciator("both", out).announce(announcement)
    assert out.getvalue() == "ANNOUNCE help-coming P1 7 | 帮助在路上。 Help is coming.\n"


async def test_the_elder_hears_that_the_alarm_has_arrived_and_hears_it_again_with_the_alarm(stage):
    voice, ear, ticks = stage
    voice.alerts([alert()])
    assert "Calling for help" in (await ear.next()).words.en
    voice.progress(ARRIVED, "sos:bed")
    said = await ear.next()
    assert (said.cue, said.words, said.phrases[0].id) == (Cue.PROGRESS, ARRIVED, "sent")
    ticks.ms = 60_000
    again = await ear.next()
    assert (again.cue, again.words.en) == (Cue.ALARM, f"{ARRIVED.en} {WHY.en}")
    voice.progress(NOBODY, "sos:bed")
    assert (await ear.next()).words == NOBODY


async def test_no_progress_is_told_of_what_is_over_answered_only_asked_or_not_there(stage):
    voice, ear, _ = stage
    voice.progress(ARRIVED, "nothing")
    voice.alerts([alert(AlertState.PREALARM, "fall:bath")])
    await ear.next()
    voice.progress(ARRIVED, "fall:bath")
    voice.alerts([alert()])
    await ear.next()
    voice.help_coming("7", HELP, ["sos:bed"])
    await ear.next()
    voice.progress(ARRIVED, "sos:bed")
    await asyncio.sleep(0.01)
    assert ear.heard.empty()


async def test_help_for_one_case_silences_no_other(stage):
    """An operator who takes the case of an empty battery must not silence an SOS."""
    voice, ear, ticks = stage
    voice.alerts([alert(), alert(key="battery", severity=Severity.P3)])
    await ear.next()
    await ear.next()
    voice.help_coming("7", HELP, ["battery"])
    assert (await ear.next()).cue is Cue.HELP_COMING
    ticks.ms = 60_000
    assert (await ear.next()).key == "sos:bed"


@pytest.mark.parametrize("hazard", ["smoke", "gas", "carbon-monoxide", "heat"])
async def test_people_are_told_to_go_out_until_it_is_over_also_when_help_comes(stage, hazard):
    voice, ear, ticks = stage
    voice.alerts([alert(key="danger", hazard=hazard)])
    first = await ear.next()
    assert "outside" in first.words.en or "leave the home" in first.words.en
    voice.help_coming("7", HELP, ["danger"])
    await ear.next()
    ticks.ms = 60_000
    again = await ear.next()
    assert again.words.en.startswith(first.phrases[0].words.en)
    assert HELP.en in again.words.en


@pytest.mark.parametrize(
    ("hazard", "words"),
    [
        ("fall", "Did you fall"),
        ("stove", "The stove is on"),
        ("inactivity", "or move about"),
        ("door", "Are you all right"),
    ],
)
async def test_a_question_fits_what_it_is_about(stage, hazard, words):
    voice, ear, _ = stage
    voice.alerts([alert(AlertState.PREALARM, "key", hazard=hazard)])
    assert words in (await ear.next()).words.en


async def test_of_a_test_alarm_nothing_is_heard_or_seen(stage):
    voice, ear, _ = stage
    lamp = Lamp()
    voice.use([ear], [lamp])
    voice.alerts([msgspec.structs.replace(alert(), is_test=True)])
    await asyncio.sleep(0.01)
    assert ear.heard.empty()
    assert lamp.shown[-1] == ()


class Lamp:
    """A beacon that remembers what it was shown."""

    name = "lamp"

    def __init__(self):
        self.shown = []
        self.is_gas = False

    def show(self, signals, *, is_gas=False):
        self.shown.append(tuple(signals))
        self.is_gas = is_gas

    async def run(self):
        await asyncio.sleep(3600)


async def test_siren_and_lamp_are_shown_what_is_on_answered_paused_and_over(stage):
    voice, _, ticks = stage
    lamp = Lamp()
    voice.use([], [lamp])
    voice.alerts([alert(), alert(AlertState.PREALARM, "fall:bath")])
    sos, fall = lamp.shown[-1]
    assert (sos.standing, sos.severity, fall.standing) == (Standing.ALARM, Severity.P1, Standing.QUESTION)
    voice.pause()
    assert [one.is_paused for one in lamp.shown[-1]] == [True, False]
    ticks.ms = 120_000
    async with asyncio.timeout(20):
        while lamp.shown[-1][0].is_paused:
            await asyncio.sleep(0.001)
    voice.help_coming("7", HELP, ["sos:bed"])
    assert [one.is_answered for one in lamp.shown[-1]] == [True, False]
    voice.alerts([alert(AlertState.RESOLVED), alert(AlertState.CANCELLED, "fall:bath")])
    assert lamp.shown[-1] == ()


async def test_gas_is_shown_as_gas():
    there = [True]
    voice, lamp = Voice([], Ticks(), is_gas=lambda: bool(there)), Lamp()
    voice.use([], [lamp])
    voice.alerts([alert(hazard="gas-concentration")])
    voice.alerts([alert(AlertState.RESOLVED, hazard="gas-concentration")])
    assert (lamp.shown[-1], lamp.is_gas) == ((), True)
    there.clear()
    voice.look()
    assert (lamp.shown[-1], lamp.is_gas) == ((), False)


async def test_annunciators_are_exchanged_while_an_alarm_is_on(stage):
    voice, ear, ticks = stage
    voice.alerts([alert(), alert(key="battery", severity=Severity.P3)])
    await ear.next()
    await ear.next()
    new, lamp = Ear(), Lamp()
    voice.use([new], [lamp])
    assert (await new.next()).key == "sos:bed"  # what is on is told to who is new, what is told once is not
    assert len(lamp.shown[-1]) == 2
    ticks.ms = 60_000
    assert (await new.next()).key == "sos:bed"
    assert ear.heard.empty()


async def test_an_annunciator_that_stays_is_not_told_twice(stage):
    voice, ear, _ = stage
    voice.alerts([alert()])
    await ear.next()
    voice.use([ear, Ear()], [])
    await asyncio.sleep(0.01)
    assert ear.heard.empty()
    voice.alerts([alert(key="other")])
    assert (await ear.next()).key == "other"


class Night:
    """Quiet hours by hand."""

    def __init__(self):
        self.is_now = True

    def __call__(self):
        return self.is_now


@pytest.fixture
async def night():
    ear, ticks, is_quiet = Ear(), Ticks(), Night()
    voice = Voice([ear], ticks, is_quiet=is_quiet)
    task = asyncio.create_task(voice.run())
    yield voice, ear, is_quiet
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_at_night_only_what_is_urgent_is_said_and_the_rest_in_the_morning_if_it_is_still_so(night, monkeypatch):
    monkeypatch.setattr("gateway.local._QUIET_LOOK_S", 0.01)
    voice, ear, is_quiet = night
    voice.notice(Sentence(zh="网络恢复", en="The network is back."))
    voice.alerts([alert(key="battery", severity=Severity.P3), alert(key="gone", severity=Severity.P4)])
    voice.alerts([alert(AlertState.RESOLVED, "gone", Severity.P4)])
    voice.notice(Sentence(zh="已设为外出", en="Set to away."), is_answer=True)
    voice.alerts([alert(), alert(AlertState.PREALARM, "fall:bath"), alert(key="leak", severity=Severity.P2)])
    heard = [await ear.next() for _ in range(4)]
    voice.help_coming("7", HELP)
    heard.append(await ear.next())
    assert {one.cue for one in heard} == {Cue.NOTICE, Cue.ALARM, Cue.PREALARM, Cue.HELP_COMING}
    assert [one.words.en for one in heard if one.cue is Cue.NOTICE] == ["Set to away."]
    is_quiet.is_now = False
    morning = [await ear.next() for _ in range(2)]
    assert "The network is back." in morning[0].words.en
    assert morning[1].key == "battery"
    await asyncio.sleep(0.03)
    assert ear.heard.empty()


async def test_what_was_withdrawn_at_night_is_not_said_in_the_morning(night, monkeypatch):
    monkeypatch.setattr("gateway.local._QUIET_LOOK_S", 0.01)
    voice, ear, is_quiet = night
    voice.notice(Sentence(zh="停电", en="The power is out."), topic="mains")
    assert voice.withdraw("mains")
    is_quiet.is_now = False
    await asyncio.sleep(0.03)
    assert ear.heard.empty()


async def test_a_technical_lamp_is_dark_at_night(night):
    voice, _, is_quiet = night
    lamp = Lamp()
    voice.use([], [lamp])
    voice.alerts([alert(key="battery", severity=Severity.P3), alert()])
    assert [one.key for one in lamp.shown[-1]] == ["sos:bed"]
    is_quiet.is_now = False
    voice.alerts([alert(AlertState.RESOLVED)])
    assert [one.key for one in lamp.shown[-1]] == ["battery"]


async def test_an_alarm_overtakes_notices_that_wait():
    ear = Ear()
    voice = Voice([ear], Clock())
    for n in range(5):
        voice.alerts([alert(key=f"battery{n}", severity=Severity.P3)])
    voice.alerts([alert()])
    task = asyncio.create_task(voice.run())
    assert (await ear.next()).key == "sos:bed"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_repeats_do_not_pile_up_before_a_slow_loudspeaker():
    slow, ticks = Slow(), Ticks()
    voice = Voice([slow], ticks)
    task = asyncio.create_task(voice.run())
    voice.alerts([alert(key=f"k{n}") for n in range(3)])
    await slow.begun.wait()
    for minute in range(1, 20):
        ticks.ms = minute * 60_000
        await asyncio.sleep(0.003)
    assert len(voice._mouths[0]._queue) <= 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_alarm_that_began_as_a_fault_at_night_is_said_at_once_when_it_becomes_urgent(night):
    voice, ear, _ = night
    voice.alerts([alert(key="bed-exit:bed", severity=Severity.P3, hazard="bed-exit")])
    voice.alerts([alert(key="bed-exit:bed", severity=Severity.P1, hazard="bed-exit")])
    assert (await ear.next()).cue is Cue.ALARM


class SlowEar(Ear):
    """A loudspeaker that speaks until it is told that it is done; it remembers when it was cut off."""

    def __init__(self):
        super().__init__()
        self.may_end = asyncio.Event()
        self.cut_off = []

    async def announce(self, announcement):
        await super().announce(announcement)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cut_off.append(announcement.key)
            raise


async def test_a_new_p1_waits_for_no_p2_and_one_that_is_said_again_takes_its_turn():
    ear, ticks = SlowEar(), Ticks()
    voice = Voice([ear], ticks)
    task = asyncio.create_task(voice.run())
    voice.alerts([alert(key="bed", severity=Severity.P2), alert(key="door", severity=Severity.P2)])
    assert (await ear.next()).key == "bed"
    voice.alerts([alert(key="smoke", hazard="smoke")])
    assert (await ear.next()).key == "smoke"
    assert ear.cut_off == ["bed"]
    ear.may_end.set()
    assert (await ear.next()).key == "door"
    ear.may_end.clear()
    ticks.ms += 60_000  # all three are said again, in the order in which they came
    assert [(await ear.next()).key] == ["bed"]
    await asyncio.sleep(0.01)
    assert ear.cut_off == ["bed"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_alarm_that_could_not_be_said_is_tried_again_but_not_for_ever_and_not_when_it_is_over(monkeypatch):
    monkeypatch.setattr("gateway.mouth.AGAIN_S", 0.01)
    ear = Ear(fails=True)
    tries = []
    ear.announce = lambda said, announce=ear.announce: (tries.append(said.key), announce(said))[1]
    voice = Voice([ear], Ticks())
    task = asyncio.create_task(voice.run())
    voice.alerts([alert(key="bed")])
    async with asyncio.timeout(20):
        while len(tries) < 4:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    assert tries == ["bed"] * 4
    voice.alerts([alert(key="door")])
    await asyncio.sleep(0.005)
    voice.alerts([alert(AlertState.CANCELLED, key="door")])
    ear.fails = False
    assert (await ear.next()).cue is Cue.CANCELLED
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
