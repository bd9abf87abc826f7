"""What the elder hears and sees at home, at once and without any network.

`Voice` decides what is said and repeated; annunciators (console now; siren, lamp and speech are further ones) only
carry it out. An annunciator that hangs or fails delays no other.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol, TextIO

import msgspec

from gateway.clock import Clock
from shouwang.alert import Alert, AlertState, Sentence, Severity

log = logging.getLogger(__name__)

REPEAT_PREALARM_MS = 10_000
"""A spoken check is repeated within its cancel window of 30 s (telecare units: every 30 s in windows of minutes)."""
REPEAT_ALARM_MS = 60_000
"""An alarm is repeated until the centre answers or it ends."""
_QUEUE_BOUND = 64
_ANNUNCIATOR_TIMEOUT_S = 5.0


class Cue(StrEnum):
    """What an announcement is about; siren and lamp follow it."""

    PREALARM = "prealarm"
    ALARM = "alarm"
    NOTICE = "notice"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"
    HELP_COMING = "help-coming"


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say. `key` is the alarm's; for HELP_COMING the incident's id."""

    cue: Cue
    severity: Severity
    key: str
    words: Sentence


class Annunciator(Protocol):
    """A siren, a lamp, a loudspeaker, a console."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    async def announce(self, announcement: Announcement) -> None:
        """Say or show it; raises DeviceError."""
        ...


class ConsoleAnnunciator:
    """One line on standard output for each announcement, for installers, demonstrations and the journal."""

    name = "console"

    def __init__(self, language: str, out: TextIO = sys.stdout) -> None:
        """`language`: zh or en."""
        self._language = language
        self._out = out

    async def announce(self, announcement: Announcement) -> None:
        """Print `ANNOUNCE <cue> <severity> <key> | <words>`."""
        words = announcement.words.zh if self._language == "zh" else announcement.words.en
        line = f"ANNOUNCE {announcement.cue} {announcement.severity} {announcement.key} | {words}\n"
        self._out.write(line)
        self._out.flush()


class Voice:
    """Turns alerts into announcements and repeats what must be repeated."""

    def __init__(self, annunciators: Sequence[Annunciator], clock: Clock) -> None:
        """Nothing is said before `run`."""
        self._mouths = [_Mouth(annunciator) for annunciator in annunciators]
        self._clock = clock
        self._repeats: dict[str, tuple[Announcement, int, int]] = {}
        self._changed = asyncio.Event()

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Say new steps of alarms; never blocks."""
        for alert in alerts:
            announcement = _words_for(alert)
            self._repeats.pop(alert.key, None)
            if announcement.cue is Cue.PREALARM:
                self._repeat(announcement, REPEAT_PREALARM_MS)
            elif announcement.cue is Cue.ALARM:
                self._repeat(announcement, REPEAT_ALARM_MS)
            self._say(announcement)

    def help_coming(self, incident_id: str, words: Sentence) -> None:
        """The centre has taken the case: say so, and stop repeating alarms (a spoken check goes on)."""
        for key, (announcement, _, _) in list(self._repeats.items()):
            if announcement.cue is Cue.ALARM:
                del self._repeats[key]
        self._say(Announcement(cue=Cue.HELP_COMING, severity=Severity.P1, key=incident_id, words=words))

    async def run(self) -> None:
        """Speak and repeat until cancelled."""
        async with asyncio.TaskGroup() as group:
            for mouth in self._mouths:
                group.create_task(mouth.run(), name=f"annunciator-{mouth.name}")
            while True:
                self._changed.clear()
                pause = self._say_due_repeats()
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def _repeat(self, announcement: Announcement, every_ms: int) -> None:
        self._repeats[announcement.key] = (announcement, every_ms, self._clock.mono() + every_ms)
        self._changed.set()

    def _say_due_repeats(self) -> float | None:
        now = self._clock.mono()
        for key, (announcement, every_ms, due) in list(self._repeats.items()):
            if due <= now:
                self._repeats[key] = (announcement, every_ms, now + every_ms)
                self._say(announcement)
        if not self._repeats:
            return None
        return self._clock.seconds_until(min(due for _, _, due in self._repeats.values()))

    def _say(self, announcement: Announcement) -> None:
        for mouth in self._mouths:
            mouth.queue(announcement)


class _Mouth:
    """One annunciator with its own bounded queue: when full, the oldest of the least urgent goes."""

    def __init__(self, annunciator: Annunciator) -> None:
        self.name = annunciator.name
        self._annunciator = annunciator
        self._queue: deque[Announcement] = deque()
        self._arrived = asyncio.Event()
        self._is_failing = False

    def queue(self, announcement: Announcement) -> None:
        self._queue.append(announcement)
        if len(self._queue) > _QUEUE_BOUND:
            self._queue.remove(max(self._queue, key=lambda waiting: waiting.severity.rank))
        self._arrived.set()

    async def run(self) -> None:
        while True:
            while self._queue:
                await self._announce(self._queue.popleft())
            self._arrived.clear()
            await self._arrived.wait()

    async def _announce(self, announcement: Announcement) -> None:
        try:
            async with asyncio.timeout(_ANNUNCIATOR_TIMEOUT_S):
                await self._annunciator.announce(announcement)
        except Exception as error:  # noqa: BLE001 - a broken loudspeaker must not silence the siren
            if not self._is_failing:
                log.error("annunciator %s fails: %r", self.name, error)  # noqa: TRY400 - once per failure, no trace
            self._is_failing = True
        else:
            if self._is_failing:
                log.warning("annunciator %s works again", self.name)
            self._is_failing = False


_PHRASES: dict[Cue, Sentence] = {
    Cue.PREALARM: Sentence(
        zh="您还好吗?如果没事,请按取消键;不按就会呼叫帮助。",
        en="Are you all right? If so, press cancel; otherwise help will be called.",
    ),
    Cue.ALARM: Sentence(zh="警报响了,正在呼叫帮助。", en="The alarm is raised. Calling for help."),
    Cue.NOTICE: Sentence(zh="提示", en="Notice"),
    Cue.CANCELLED: Sentence(zh="好的,已取消。", en="All right, cancelled."),
    Cue.RESOLVED: Sentence(zh="警报已解除。", en="The alarm is over."),
}


def _words_for(alert: Alert) -> Announcement:
    cue = {
        AlertState.PREALARM: Cue.PREALARM,
        AlertState.CANCELLED: Cue.CANCELLED,
        AlertState.RESOLVED: Cue.RESOLVED,
        AlertState.FIRING: Cue.ALARM if alert.severity.rank <= Severity.P2.rank else Cue.NOTICE,
    }[alert.state]
    phrase = _PHRASES[cue]
    if cue in (Cue.CANCELLED, Cue.RESOLVED):
        words = phrase
    else:
        why = alert.why
        words = Sentence(zh=f"{phrase.zh}{why.zh}", en=f"{phrase.en} {why.en[:1].upper()}{why.en[1:]}")
    return Announcement(cue=cue, severity=alert.severity, key=alert.key, words=words)
