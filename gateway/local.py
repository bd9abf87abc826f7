"""What the elder hears and sees at home, at once and without any network.

`Voice` decides what is said and repeated; annunciators (console now; siren, lamp and speech are further ones) only
carry it out. An annunciator that hangs or fails delays no other.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TextIO

import msgspec

from gateway.clock import Clock
from rules.inactivity import HAZARD as INACTIVITY
from shouwang.alert import Alert, AlertState, Sentence, Severity

log = logging.getLogger(__name__)

REPEAT_PREALARM_MS = 30_000
"""A question is repeated as long as it may be answered (Lifeline 4000: every 30 s in windows of minutes)."""
REPEAT_PREALARM_SOON_MS = 10_000
"""In its first 30 s more often: windows after a fall are 20 to 30 s, and who lies there needs a second hearing."""
REPEAT_ALARM_MS = 60_000
"""An alarm is repeated until the centre answers or it ends."""
AUDIO_PAUSE_MS = 120_000
"""The idea of AUDIO PAUSED in IEC 60601-1-8: a state that ends by itself, and with each new alarm. Two minutes are what
monitors at bedsides commonly allow."""
NEVER_PAUSED = frozenset(
    {"smoke", "heat", "heat-alarm", "carbon-monoxide", "carbon-monoxide-alarm", "gas", "gas-alarm", "gas-concentration"}
)
"""Hazards that are in the room with whoever presses: they must go out, and only the voice tells them so."""
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
    PAUSED = "paused"


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


@dataclass(slots=True)
class _Repeat:
    """What is said again at `due`; for a question `began` tells how often."""

    announcement: Announcement
    began: int
    due: int
    is_pausable: bool

    def next_ms(self, now: int) -> int:
        if self.announcement.cue is Cue.ALARM:
            return REPEAT_ALARM_MS
        is_young = now - self.began < REPEAT_PREALARM_MS
        return REPEAT_PREALARM_SOON_MS if is_young else REPEAT_PREALARM_MS


class Voice:
    """Turns alerts into announcements and repeats what must be repeated."""

    def __init__(self, annunciators: Sequence[Annunciator], clock: Clock) -> None:
        """Nothing is said before `run`."""
        self._mouths = [_Mouth(annunciator) for annunciator in annunciators]
        self._clock = clock
        self._repeats: dict[str, _Repeat] = {}
        self._paused_until = 0
        self._changed = asyncio.Event()

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Say new steps of alarms; never blocks."""
        for alert in alerts:
            announcement = _words_for(alert)
            self._repeats.pop(alert.key, None)
            for mouth in self._mouths:  # what was said of this alarm is no longer so: not a word more of it
                mouth.hush(alert.key)
            if announcement.cue in _REPEATED:
                self._paused_until = 0  # something new: nothing is paused any more
                is_pausable = announcement.cue is Cue.ALARM and alert.hazard not in NEVER_PAUSED
                self._repeat(announcement, is_pausable=is_pausable)
            self._say(announcement)

    def notice(self, words: Sentence) -> None:
        """Say something that is no alarm, once."""
        self._say(Announcement(cue=Cue.NOTICE, severity=Severity.P4, key=_HOME, words=words))

    def pause(self) -> None:
        """Do not repeat the alarms that were told for AUDIO_PAUSE_MS, or until there is a new one.

        Questions are not paused, for a press of cancel answers them, nor what NEVER_PAUSED names. Another press while
        it lasts does not prolong it.
        """
        now = self._clock.mono()
        pausable = [key for key, repeat in self._repeats.items() if repeat.is_pausable]
        if not pausable or now < self._paused_until:
            return
        self._paused_until = now + AUDIO_PAUSE_MS
        for mouth in self._mouths:
            for key in pausable:
                mouth.hush(key)
        self._say(Announcement(cue=Cue.PAUSED, severity=Severity.P4, key=_HOME, words=_PAUSED))
        self._changed.set()

    def help_coming(self, incident_id: str, words: Sentence) -> None:
        """The centre has taken the case: say so, and stop repeating alarms (a spoken check goes on)."""
        for key, repeat in list(self._repeats.items()):
            if repeat.announcement.cue is Cue.ALARM:
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

    def _repeat(self, announcement: Announcement, *, is_pausable: bool) -> None:
        now = self._clock.mono()
        repeat = _Repeat(announcement, began=now, due=now, is_pausable=is_pausable)
        repeat.due += repeat.next_ms(now)
        self._repeats[announcement.key] = repeat
        self._changed.set()

    def _say_due_repeats(self) -> float | None:
        now = self._clock.mono()
        for repeat in self._repeats.values():
            if self._due(repeat) <= now:
                repeat.due = now + repeat.next_ms(now)
                self._say(repeat.announcement)
        if not self._repeats:
            return None
        return self._clock.seconds_until(min(self._due(repeat) for repeat in self._repeats.values()))

    def _due(self, repeat: _Repeat) -> int:
        return max(repeat.due, self._paused_until) if repeat.is_pausable else repeat.due

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
        self._saying: str | None = None
        self._deadline: asyncio.Timeout | None = None
        self._is_hushed = False

    def hush(self, key: str) -> None:
        """Not a word more of this alarm, also where it is being said."""
        self._queue = deque(waiting for waiting in self._queue if waiting.key != key or waiting.cue not in _REPEATED)
        if self._saying == key and self._deadline is not None and not self._deadline.expired():
            self._is_hushed = True
            self._deadline.reschedule(asyncio.get_running_loop().time())

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
            async with asyncio.timeout(_ANNUNCIATOR_TIMEOUT_S) as self._deadline:
                self._saying = announcement.key if announcement.cue in _REPEATED else None
                await self._annunciator.announce(announcement)
        except TimeoutError as error:
            if not self._is_hushed:
                self._fails(error)
        except Exception as error:  # noqa: BLE001 - a broken loudspeaker must not silence the siren
            self._fails(error)
        else:
            if self._is_failing:
                log.warning("annunciator %s works again", self.name)
            self._is_failing = False
        finally:
            self._saying, self._deadline, self._is_hushed = None, None, False

    def _fails(self, error: Exception) -> None:
        if not self._is_failing:
            log.error("annunciator %s fails: %r", self.name, error)
        self._is_failing = True


_REPEATED = (Cue.PREALARM, Cue.ALARM)
_HOME = "home"
_PAUSED = Sentence(
    zh="声音暂停两分钟。报警仍在，帮助照常呼叫；有新的报警会立即播报。",
    en="Sound is off for two minutes. The alarm is still on, and help is called; a new alarm will sound at once.",
)
_STILL = Sentence(
    zh="您还好吗?如果没事,请按取消键或走动一下;不然就会呼叫帮助。",
    en="Are you all right? If so, press cancel or move about; otherwise help will be called.",
)
"""The question of an alarm that any movement answers (rules.inactivity)."""
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
    phrase = _STILL if cue is Cue.PREALARM and alert.hazard == INACTIVITY else _PHRASES[cue]
    if cue in (Cue.CANCELLED, Cue.RESOLVED):
        words = phrase
    else:
        why = alert.why
        words = Sentence(zh=f"{phrase.zh}{why.zh}", en=f"{phrase.en} {why.en[:1].upper()}{why.en[1:]}")
    return Announcement(cue=cue, severity=alert.severity, key=alert.key, words=words)
