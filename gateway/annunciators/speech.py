"""A loudspeaker: recorded phrases, and the rest by espeak-ng, through aplay or paplay.

Each sentence is a child process that can be cut off in the middle of a word. What is always the same is played from a
recording where there is one, so that it starts at once; what a rule has just put into words is synthesised.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Literal

from gateway.annunciators.announcement import Announcement, Cue, Phrase
from gateway.annunciators.child import Sound, run_program
from gateway.annunciators.recordings import Recording, recordings
from shouwang.bilingual import told_by
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

VOICES = {"zh": "cmn-latn-pinyin", "en": "en"}
"""espeak-ng 1.51 (Debian 12) has a voice `cmn` that reads Chinese letter by letter in English; this one speaks it."""
MOST_CHARS = 600
"""A sentence that is longer is cut: nobody listens for two minutes."""
SYNTHESIS_S = 10.0
_BYTES_A_SECOND = 44_100
"""espeak-ng gives 22,050 samples a second of 16 bits."""
_SLACK_S = 8.0
"""For the loudspeaker to wake up (Bluetooth and HDMI take seconds)."""
_LONGEST_S = 180.0
_PACKAGES = {"aplay": "alsa-utils", "paplay": "pulseaudio-utils"}
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*[%％]")
_SIGNS = {
    "zh": {"℃": "度", "°C": "度", "≥": "不低于", "≤": "不高于", "<": "低于", ">": "高于", "SOS": "求助"},
    "en": {"°C": "degrees"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerSettings:
    """How it speaks: `languages` one after the other, `speed` in words a minute, `volume` in % of the synthesiser's."""

    player: Literal["aplay", "paplay"]
    device: str | None
    languages: tuple[Literal["zh", "en"], ...]
    speed: int
    volume: int


class _MuteError(DeviceError):
    """There is no voice; the loudspeaker may be well."""


class Speech:
    """One loudspeaker."""

    longest_s = _LONGEST_S

    def __init__(self, name: str, settings: SpeakerSettings, phrases: Path | None) -> None:
        """`phrases`: the folder of recordings. Before `load` all is synthesised."""
        self.name = name
        self._settings = settings
        self._folder = phrases
        self._recorded: dict[str, dict[str, Recording]] = {}

    def load(self) -> None:
        """Look which phrases are recorded; reads the disk, so it is for a thread."""
        self._recorded = {language: recordings(self._folder, language) for language in self._settings.languages}

    async def announce(self, announcement: Announcement) -> None:
        """Say it in each of its languages. Raises DeviceError where nothing can be heard.

        A question is asked in all of them before it is said why: a fall allows 15 to 30 s for the answer.
        """
        mute: _MuteError | None = None
        is_question = announcement.cue is Cue.PREALARM
        turns = [(phrase,) for phrase in announcement.phrases] if is_question else [announcement.phrases]
        for phrases, language in product(turns, self._settings.languages):
            for recording, text in self._pieces(phrases, language):
                try:
                    await self._say(recording, text, language)
                except _MuteError as error:  # the rest may be recorded, or in a language that can be spoken
                    mute = error
        if mute is not None:
            raise mute

    def _pieces(
        self, phrases: tuple[Phrase, ...], language: Literal["zh", "en"]
    ) -> Iterator[tuple[Recording | None, str]]:
        """Recordings and their texts, and what lies between them as one text."""
        recorded: dict[str, Recording] = self._recorded.get(language, {})

        def is_recorded(phrase: Phrase) -> bool:
            return phrase.id in recorded

        for is_file, some in groupby(phrases, is_recorded):
            if is_file:
                yield from ((recorded[phrase.id], getattr(phrase.words, language)) for phrase in some)
            else:
                yield None, " ".join(getattr(phrase.words, language) for phrase in some)

    async def _say(self, recording: Recording | None, text: str, language: Literal["zh", "en"]) -> None:
        if recording is None:
            await self._speak(text, language)
            return
        try:
            await self._play(str(recording.path), recording.seconds)
        except DeviceError as error:  # it was taken away or spoilt since it was loaded, or nothing can be played
            await self._speak(text, language)
            log.warning("%s was not played, the synthesiser has spoken: %s", recording.path, error)

    async def _speak(self, text: str, language: Literal["zh", "en"]) -> None:
        sound = Sound()
        try:
            try:
                await synthesise(text, language, self._settings, sound.path, fd=sound.fd)
            except DeviceError as error:
                raise _MuteError(told_by(error)) from error
            await self._play(sound.path, sound.size / _BYTES_A_SECOND, fd=sound.fd)
        finally:
            sound.close()

    async def _play(self, path: str, seconds: float, *, fd: int | None = None) -> None:
        player, device = self._settings.player, self._settings.device
        command: list[str] = [player]
        if player == "aplay":
            command += ["-q", *(() if device is None else ("-D", device))]
        elif device is not None:
            command.append(f"--device={device}")
        await run_program([*command, path], seconds + _SLACK_S, fd=fd, package=_PACKAGES[player])


async def synthesise(
    text: str, language: Literal["zh", "en"], settings: SpeakerSettings, into: str, *, fd: int | None = None
) -> None:
    """Make a WAV file of a text. Raises DeviceError."""
    command = ["espeak-ng", "-b", "1", "-v", VOICES[language], "-s", str(settings.speed), "-a", str(settings.volume)]
    await run_program([*command, "-w", into, "--", spoken(text, language)], SYNTHESIS_S, fd=fd)


def spoken(text: str, language: Literal["zh", "en"]) -> str:
    """As a voice of this language can read it: signs as words, nothing that it would spell."""
    if language == "zh":
        text = _PERCENT.sub(r"百分之\1", text)
    for sign, word in _SIGNS[language].items():
        text = text.replace(sign, word)
    return "".join(char if char.isprintable() else " " for char in text)[:MOST_CHARS]
