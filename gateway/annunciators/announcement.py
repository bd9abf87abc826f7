"""One thing to say at home, and the port through which a loudspeaker or a console is told of it."""

from enum import StrEnum
from typing import Protocol

import msgspec

from shouwang.alert import Sentence, Severity


class Cue(StrEnum):
    """What an announcement is about."""

    PREALARM = "prealarm"
    ALARM = "alarm"
    PROGRESS = "progress"
    NOTICE = "notice"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"
    HELP_COMING = "help-coming"
    PAUSED = "paused"
    CUT_OFF = "cut-off"


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an announcement. One with an `id` is always the same, so that a person may have recorded it."""

    words: Sentence
    id: str = ""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say. `key` is the alarm's; for HELP_COMING the incident's id, for CUT_OFF the cut-off's."""

    cue: Cue
    severity: Severity
    key: str
    phrases: tuple[Phrase, ...]

    @property
    def words(self) -> Sentence:
        """All of it."""
        return Sentence(
            zh="".join(phrase.words.zh for phrase in self.phrases),
            en=" ".join(phrase.words.en for phrase in self.phrases),
        )


class Annunciator(Protocol):
    """What says things, one after the other: a loudspeaker, a console."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    @property
    def longest_s(self) -> float:
        """An announcement that takes longer than this has failed."""
        ...

    async def announce(self, announcement: Announcement) -> None:
        """Say it; returns when it was said. Raises DeviceError. Cancelled: falls silent at once."""
        ...
