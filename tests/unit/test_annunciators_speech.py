"""The loudspeaker: Chinese and English, recordings first, silent at once when hushed, and no device is no end."""

import asyncio
import shutil
import subprocess
import wave
from pathlib import Path

import pytest
from fixtures.serial_line import open_files

from gateway.annunciators.announcement import Announcement, Cue, Phrase
from gateway.annunciators.child import UNENDED_MAX, run_program
from gateway.annunciators.speech import VOICES, SpeakerSettings, Speech, spoken
from gateway.clock import Clock
from gateway.cut_off_words import WORDS, Step
from gateway.local import Voice
from gateway.phrases import ASK_STOVE, PHRASES
from gateway.try_out import all_phrases
from shouwang.alert import Sentence, Severity
from shouwang.errors import DeviceError

FREE = Phrase(words=Sentence(zh="床头按了紧急呼叫。", en="SOS pressed at the bed."))
RAISED = Phrase(id="raised", words=Sentence(zh="警报响了。", en="The alarm is raised."))


def settings(*languages, **more):
    given = {"player": "aplay", "device": None, "speed": 140, "volume": 100} | more
    return SpeakerSettings(languages=languages or ("en",), **given)


def speech(*languages, phrases=None, **more):
    made = Speech("speech", settings(*languages, **more), phrases)
    made.load()
    return made


def announcement(*phrases, cue=Cue.ALARM, key="sos:bed", severity=Severity.P1):
    return Announcement(cue=cue, severity=severity, key=key, phrases=phrases or (RAISED, FREE))


def tone(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\1" * int(8000 * seconds))
    return path


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_one_announcement_is_one_sound_of_a_plausible_length(loudspeaker):
    await speech("zh").announce(announcement())
    await speech("en").announce(announcement())
    assert all(0.8 < seconds < 10 for seconds in loudspeaker.seconds())
    assert len(loudspeaker.played()) == 2


async def test_the_question_about_the_stove_and_its_warning_are_over_before_the_cut(loudspeaker):
    """The cut comes 15 s after them; the question may take 12 s in both languages, Chinese first."""
    await speech("zh", "en").announce(announcement(ASK_STOVE, cue=Cue.PREALARM))
    asked = sum(loudspeaker.seconds())
    await speech("zh", "en").announce(announcement(WORDS["stove"][Step.WARNED], cue=Cue.CUT_OFF))
    assert asked <= 12
    assert sum(loudspeaker.seconds()) <= 15


async def test_both_languages_are_spoken_one_after_the_other(loudspeaker):
    await speech("zh", "en").announce(announcement(FREE))
    both = loudspeaker.seconds()
    assert len(both) == 2
    assert both[0] != both[1]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.id)
def test_chinese_is_spoken_and_not_spelled_in_english(loudspeaker, phrase):
    """The voice `cmn` of espeak-ng 1.51 reads Chinese as English letters; phonemes tell it by `(en)`."""
    words = spoken(phrase.words.zh, "zh")
    command = ["espeak-ng", "-b", "1", "-q", "--ipa", "-v", VOICES["zh"], "--", words]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    assert "(en)" not in told


async def test_what_is_recorded_is_played_as_it_is_and_the_rest_synthesised(tmp_path, loudspeaker):
    tone(tmp_path / "phrases" / "en" / "raised.wav", 0.5)
    await speech(phrases=tmp_path / "phrases").announce(announcement())
    assert loudspeaker.seconds()[0] == 0.5
    assert len(loudspeaker.played()) == 2


async def test_a_recording_that_cannot_be_played_is_told_and_the_synthesiser_speaks(tmp_path, loudspeaker, caplog):
    folder = tmp_path / "phrases" / "en"
    folder.mkdir(parents=True)
    (folder / "raised.wav").write_text("no sound")
    await speech(phrases=tmp_path / "phrases").announce(announcement(RAISED))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert loudspeaker.seconds()[0] > 0.5


async def test_the_device_is_named_to_each_player_in_its_own_way(loudspeaker):
    await speech(device="plughw:1").announce(announcement(RAISED))
    await speech(device="sink", player="paplay").announce(announcement(RAISED))
    alsa, pulse = loudspeaker.commands()
    assert alsa[1:4] == ["-q", "-D", "plughw:1"]
    assert pulse[1] == "--device=sink"


async def test_no_loudspeaker_is_told_in_its_own_words(loudspeaker):
    loudspeaker.unplug()
    with pytest.raises(DeviceError, match="aplay fails: aplay: main:831: audio open error"):
        await speech().announce(announcement())


async def test_a_program_that_is_missing_is_told_with_its_package(loudspeaker, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(shutil.which("espeak-ng")).parent))
    with pytest.raises(DeviceError, match="aplay is not installed: sudo apt-get install alsa-utils"):
        await speech().announce(announcement())


async def test_cancelled_it_is_silent_at_once_and_leaves_no_child_and_no_file_behind(loudspeaker):
    before = open_files()
    loudspeaker.plays_for_long()
    task = asyncio.create_task(speech().announce(announcement()))
    await until(loudspeaker.pids)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (pid,) = loudspeaker.pids()
    assert not Path(f"/proc/{pid}").exists()
    await until(lambda: open_files() == before)


async def test_an_alarm_cuts_off_a_notice_in_the_middle_of_a_word(loudspeaker, monkeypatch):
    monkeypatch.setattr("gateway.annunciators.speech._SLACK_S", 1000)
    voice = Voice([speech()], Clock())
    task = asyncio.create_task(voice.run())
    loudspeaker.plays_for_long()
    voice.notice(Sentence(zh="电池快没电了。", en="A battery is low."))
    await until(loudspeaker.pids)
    (notice,) = loudspeaker.pids()
    voice.help_coming("7", Sentence(zh="来了", en="Coming"))
    await until(lambda: len(loudspeaker.played()) == 2)
    assert not Path(f"/proc/{notice}").exists()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sentence_longer_than_five_seconds_is_no_failure(loudspeaker, caplog):
    voice = Voice([speech()], Clock())
    task = asyncio.create_task(voice.run())
    voice.notice(Sentence(zh="长", en="This is a long sentence, " * 8))
    await until(loudspeaker.played)
    assert loudspeaker.seconds()[0] > 8
    assert speech().longest_s > 60
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("written", "language", "read"),
    [
        ("血氧 88%，低于 90 %", "zh", "血氧 百分之88，低于 百分之90"),
        ("体温 38.5 ℃", "zh", "体温 38.5 度"),
        ("38.5 °C", "en", "38.5 degrees"),
        ("one\ntwo\x00", "en", "one two "),
        ("-v evil", "en", "-v evil"),
    ],
)
def test_signs_are_read_as_words(written, language, read):
    assert spoken(written, language) == read


async def test_text_that_looks_like_an_option_is_only_spoken(loudspeaker):
    await speech().announce(announcement(Phrase(words=Sentence(zh="", en="-f /etc/passwd"))))
    assert len(loudspeaker.played()) == 1


def test_each_phrase_has_one_name_that_can_be_a_file_and_no_exclamation_mark():
    ids = [phrase.id for phrase in all_phrases()]
    assert len(ids) == len(set(ids)) == len(PHRASES) + sum(len(steps) for steps in WORDS.values())
    assert all(id_.replace("-", "").isalnum() for id_ in ids)
    for phrase in all_phrases():
        assert "!" not in phrase.words.en + phrase.words.zh
        assert "！" not in phrase.words.zh
        assert len(phrase.words.zh) <= 60


async def test_a_recording_that_was_taken_away_is_spoken(tmp_path, loudspeaker, caplog):
    path = tone(tmp_path / "phrases" / "en" / "raised.wav", 0.5)
    made = speech(phrases=tmp_path / "phrases")
    path.unlink()
    await made.announce(announcement(RAISED))
    assert loudspeaker.seconds()[0] > 0.5
    assert "raised.wav was not played" in caplog.text


async def test_without_a_synthesiser_all_that_is_recorded_is_played(tmp_path, loudspeaker, monkeypatch):
    for language in ("zh", "en"):
        tone(tmp_path / "phrases" / language / "raised.wav", 0.5)
    monkeypatch.setenv("PATH", str(Path(shutil.which("aplay")).parent))
    with pytest.raises(DeviceError, match="espeak-ng is not installed"):
        await speech("zh", "en", phrases=tmp_path / "phrases").announce(announcement(FREE, RAISED))
    assert loudspeaker.seconds() == [0.5, 0.5]


def test_a_folder_that_cannot_be_read_is_told_and_silences_nobody(tmp_path, caplog):
    speech(phrases=tmp_path / ("x" * 300))
    assert "cannot be read" in caplog.text


async def test_players_that_cannot_be_ended_do_not_pile_up(monkeypatch):
    monkeypatch.setattr("gateway.annunciators.child._REAP_S", 0.01)
    hanging = []

    def no_kill(process):
        hanging.append(process)

    with monkeypatch.context() as patch:
        patch.setattr("asyncio.subprocess.Process.kill", no_kill)
        for _ in range(UNENDED_MAX):
            with pytest.raises(DeviceError, match="does not end"):
                await run_program(["sleep", "60"], 0.01)
        with pytest.raises(DeviceError, match="hangs and cannot be ended; unplug the loudspeaker"):
            await run_program(["true"], 5)
    for process in hanging:
        process.kill()
        await process.wait()
    await run_program(["true"], 5)


async def test_a_question_is_asked_in_all_languages_before_it_is_said_why(tmp_path, loudspeaker):
    for language, seconds in (("zh", 0.3), ("en", 0.4)):
        tone(tmp_path / "phrases" / language / "raised.wav", seconds)
    await speech("zh", "en", phrases=tmp_path / "phrases").announce(announcement(cue=Cue.PREALARM))
    assert loudspeaker.seconds()[:2] == [0.3, 0.4]
    assert len(loudspeaker.played()) == 4
