"""What the elder hears: at once, repeated while it matters, never stopped by a broken loudspeaker."""

import asyncio
import io
from datetime import UTC, datetime

import pytest

from gateway.clock import Clock
from gateway.local import Announcement, ConsoleAnnunciator, Cue, Voice
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
        self.heard = asyncio.Queue()
        self.fails = fails

    async def announce(self, announcement):
        if self.fails:
            raise DeviceError("the loudspeaker is unplugged")
        self.heard.put_nowait(announcement)

    async def next(self) -> Announcement:
        return await asyncio.wait_for(self.heard.get(), 5)


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
    broken, fine = Ear(fails=True), Ear()
    voice = Voice([broken, fine], Clock())
    task = asyncio.create_task(voice.run())
    for n in range(3):
        voice.alerts([alert(key=f"k{n}")])
        assert (await fine.next()).key == f"k{n}"
    broken.fails = False
    voice.alerts([alert(key="last")])
    assert (await broken.next()).key == "last"
    await fine.next()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


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
    announcement = Announcement(cue=Cue.HELP_COMING, severity=Severity.P1, key="7", words=HELP)
    await ConsoleAnnunciator(language, out).announce(announcement)
    assert out.getvalue() == f"ANNOUNCE help-coming P1 7 | {words}\n"
