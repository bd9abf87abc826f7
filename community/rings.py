"""Whether the alarm of a case was heard at desks, as their browsers told it. Values; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shouwang.alert import Sentence

DESKS_SILENT = "desks-silent"
"""The hazard of the centre's own case: a life alarm was heard at no desk, and a desk said that it is mute."""
MOST_MS = 3_600_000
"""A browser that says that it rang later than this after it learned of the alarm says nothing that helps."""
GRACE = timedelta(seconds=20)
"""After a desk said that it was mute for a life alarm: by then the others have told that they rang, also those that
had to tell it twice (heard.js: 5 s for an answer, up to 6 s until it is told again). Set by this project."""
UNHEARD_AFTER = timedelta(seconds=10)
"""A case that is open for longer, of which no desk has told, is said to have rung at none. Set by this project."""


class Cause(StrEnum):
    """What rang: a new case, one more alarm of it, the end of its ladder; or the queue was read, and held it."""

    OPENED = "opened"
    ALERT = "alert"
    CALL_120 = "call120"
    SEEN = "seen"


class Mute(StrEnum):
    """Why a desk could not ring: its sound waits for a key or click, was stopped, is closed, or does not go on."""

    ASLEEP = "asleep"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    STUCK = "stuck"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What one browser tells of one case; when, the server says. `mute` None: it rang.

    `seq`: the entry of the log that rang, None where the case was found by reading the queue. `after_ms`: by the
    browser's monotonic clock, from the word of the server to the tone.
    """

    incident_id: int
    cause: Cause
    seq: int | None = None
    after_ms: int = 0
    was_visible: bool = False
    mute: Mute | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One person's desk and one case: when it rang there first, when it could not first; by the server's clock."""

    login: str
    rang_at: datetime | None
    cause: Cause | None
    seq: int | None
    after_ms: int | None
    was_visible: bool | None
    mute_at: datetime | None
    mute: Mute | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskSound:
    """A desk on shift, by what its browsers told last in this session; nothing told: nothing is known of it."""

    login: str
    rang_at: datetime | None = None
    mute_at: datetime | None = None
    mute: Mute | None = None

    @property
    def is_mute(self) -> bool:
        """Whether the last alarm that it told of could not be heard there."""
        return self.mute_at is not None and (self.rang_at is None or self.rang_at < self.mute_at)

    @property
    def rings(self) -> bool:
        """Whether it was heard there."""
        return self.rang_at is not None and not self.is_mute


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A case in short. `after`: from its opening to the first ring that was told; `mute`: desks that never rang."""

    desks: int
    after: timedelta | None
    mute: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of the reports: how many were kept, of which cases they were no one's, and of which not his."""

    kept: int
    unknown: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


def heard_of(rungs: Iterable[Rung], opened_at: datetime) -> Heard:
    """The same in short."""
    found = tuple(rungs)
    rang = [one.rang_at for one in found if one.rang_at is not None]
    after = max(min(rang) - opened_at, timedelta()) if rang else None
    return Heard(desks=len(rang), after=after, mute=len(found) - len(rang))


def unheard_why(number: int) -> Sentence:
    """The words of the centre's own case. `number`: of desks that are mute."""
    return Sentence(
        zh=f"有急救报警在任何坐席都没有响铃：{number} 个坐席报告无法发声。请到这些坐席按“开始值班”并确认听到提示音。",
        en=f"A life alarm rang at no desk: {number} of the desks on shift told that they cannot be heard. Go to them, "
        "press Start shift and make sure that the tone is heard.",
    )


HEARD_AGAIN = Sentence(zh="值班坐席都能响铃了。", en="No desk on shift is mute any more.")
