"""What the elder hears and sees at home, at once and without any network.

`Voice` decides what is said and repeated, and what siren and lamp have to know; annunciators only carry it out. One
that hangs or fails delays no other.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Never

from gateway import phrases
from gateway.annunciators.announcement import Announcement, Annunciator, Cue, Phrase
from gateway.annunciators.signal import Beacon, Signal, Standing
from gateway.clock import Clock
from gateway.dangers import IN_THE_ROOM, danger_of
from gateway.mouth import Mouth
from gateway.quiet import Held
from shouwang.alert import Alert, AlertState, Sentence, Severity

REPEAT_PREALARM_MS = 30_000
"""A question is repeated as long as it may be answered (Lifeline 4000: every 30 s in windows of minutes)."""
REPEAT_PREALARM_SOON_MS = 10_000
"""In its first 30 s more often: windows after a fall are 20 to 30 s, and who lies there needs a second hearing."""
REPEAT_ALARM_MS = 60_000
"""An alarm is repeated until the centre answers or it ends."""
AUDIO_PAUSE_MS = 120_000
"""The idea of AUDIO PAUSED in IEC 60601-1-8: a state that ends by itself, and with each new alarm. Two minutes are what
monitors at bedsides commonly allow."""
_QUIET_LOOK_S = 60.0


@dataclass(slots=True)
class _On:
    """An alarm that is on. `due`: when it is said again, None for what is said once."""

    alert: Alert
    announcement: Announcement
    began: int
    due: int | None
    is_answered: bool = False

    @property
    def is_pausable(self) -> bool:
        return self.announcement.cue is Cue.ALARM and danger_of(self.alert.hazard) not in IN_THE_ROOM

    def pause_ms(self, now: int) -> int:
        """How long until it is said again."""
        if self.announcement.cue is Cue.ALARM:
            return REPEAT_ALARM_MS
        is_young = now - self.began < REPEAT_PREALARM_MS
        return REPEAT_PREALARM_SOON_MS if is_young else REPEAT_PREALARM_MS


class Voice:
    """Turns alerts into announcements and signals, and repeats what must be repeated."""

    def __init__(
        self,
        annunciators: Sequence[Annunciator],
        clock: Clock,
        *,
        beacons: Sequence[Beacon] = (),
        is_quiet: Callable[[], bool] = lambda: False,
        is_gas: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nothing is said before `run`.

        `is_quiet`: whether what is not urgent waits for the morning. `is_gas`: whether gas may be in the air.
        """
        self._mouths = [Mouth(annunciator) for annunciator in annunciators]
        self._beacons = tuple(beacons)
        self._clock = clock
        self._held = Held(is_quiet)
        self._on: dict[str, _On] = {}
        self._paused_until = 0
        self._changed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[Mouth, asyncio.Task[Never]] = {}
        self._is_gas = is_gas
        self._shown: tuple[tuple[Signal, ...], bool] = ((), False)
        self._numbers = itertools.count(1)

    def use(self, annunciators: Sequence[Annunciator], beacons: Sequence[Beacon]) -> None:
        """Speak through these from now on. What stays goes on where it is; what is new is told what is on."""
        kept = {mouth.annunciator: mouth for mouth in self._mouths}
        before, self._mouths = self._mouths, [kept.get(one) or Mouth(one) for one in annunciators]
        for mouth in before:
            if mouth not in self._mouths and mouth in self._tasks:
                self._tasks.pop(mouth).cancel()
        for mouth in self._mouths:
            if mouth not in before:
                for on in self._on.values():
                    if on.due is not None:
                        mouth.queue(on.announcement)
                self._start(mouth)
        self._beacons = tuple(beacons)
        self._show_now()

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Say new steps of alarms; never blocks. Of a test alarm nothing is heard at home."""
        for alert in alerts:
            if not alert.is_test:
                self._alert(alert)
        self._show()

    def look(self) -> None:
        """Whether there is gas has changed; never blocks."""
        self._show()

    def progress(self, words: Sentence, key: str) -> None:
        """How far help is in the alarm with this key: it has arrived, your son is being called, nobody answers.

        Said once, and whenever the alarm is said again. Nothing is said of an alarm that is over or answered.
        """
        on = self._on.get(key)
        if on is None or on.is_answered or on.announcement.cue is not Cue.ALARM:
            return
        phrase = (phrases.of_second_path(words),)
        on.announcement = phrases.still_on(on.alert, phrase)
        self._say(Announcement(cue=Cue.PROGRESS, severity=on.alert.severity, key=key, phrases=phrase))

    def notice(self, words: Sentence | Phrase, *, topic: str = "", is_answer: bool = False) -> None:
        """Say something that is no alarm, once; in quiet hours at their end.

        What is said of the same `topic` replaces what still waits, and `withdraw` takes it back. `is_answer`: somebody
        has just pressed something, and waits for it.
        """
        phrase = words if isinstance(words, Phrase) else Phrase(words=words)
        key = topic or f"{_HOME}-{next(self._numbers)}"
        self._say(
            Announcement(cue=Cue.NOTICE, severity=Severity.P4, key=key, phrases=(phrase,)), may_wait=not is_answer
        )

    def withdraw(self, topic: str) -> bool:
        """It is no longer so; whether it still waited for the end of the quiet hours."""
        for mouth in self._mouths:
            mouth.hush(topic)
        return self._held.drop(topic)

    def cut_off(self, cut_off_id: str, phrase: Phrase, severity: Severity) -> None:
        """What a valve or a stove's cut-off does."""
        self._say(Announcement(cue=Cue.CUT_OFF, severity=severity, key=cut_off_id, phrases=(phrase,)))

    def pause(self) -> None:
        """Do not repeat the alarms that were told for AUDIO_PAUSE_MS, or until there is a new one.

        Questions are not paused, for a press of cancel answers them, nor what tells people to go out. Another press
        while it lasts does not prolong it.
        """
        now = self._clock.mono()
        pausable = [key for key, on in self._on.items() if on.is_pausable and not on.is_answered]
        if not pausable or now < self._paused_until:
            return
        self._paused_until = now + AUDIO_PAUSE_MS
        for mouth in self._mouths:
            for key in pausable:
                mouth.hush(key)
        self._say(Announcement(cue=Cue.PAUSED, severity=Severity.P4, key=_HOME, phrases=(phrases.PAUSED,)))
        self._show()
        self._changed.set()

    def help_coming(self, incident_id: str, words: Sentence, keys: Collection[str] = ()) -> None:
        """The centre has taken the case of these alarms (of all, where it names none).

        Say so, and stop repeating them. A spoken check goes on, and so does what tells people to leave the home: the
        siren is silent then, the voice is not.
        """
        phrase = Phrase(words=words)
        for key, on in self._on.items():
            if on.announcement.cue is not Cue.PREALARM and (key in keys or not keys):
                on.is_answered = True
                on.announcement = phrases.still_on(on.alert, (phrase,))
                on.due = on.due if danger_of(on.alert.hazard) in IN_THE_ROOM else None
                for mouth in self._mouths:
                    mouth.hush(key)
        self._say(Announcement(cue=Cue.HELP_COMING, severity=Severity.P1, key=incident_id, phrases=(phrase,)))
        self._show()

    async def run(self) -> Never:
        """Speak and repeat until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            for mouth in self._mouths:
                self._start(mouth)
            while True:
                self._changed.clear()
                self._show()
                pause = self._say_what_is_due()
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    # ---- inside ----

    def _start(self, mouth: Mouth) -> None:
        if self._group is not None:
            name = f"annunciator-{mouth.annunciator.name}"
            self._tasks[mouth] = self._group.create_task(mouth.run(), name=name)

    def _alert(self, alert: Alert) -> None:
        announcement = phrases.of_alert(alert)
        self._on.pop(alert.key, None)
        was_held = self._held.drop(alert.key)
        for mouth in self._mouths:  # what was said of this alarm is no longer so: not a word more of it
            mouth.hush(alert.key)
        is_urgent = announcement.cue in (Cue.PREALARM, Cue.ALARM)
        if alert.state in (AlertState.PREALARM, AlertState.FIRING):
            now = self._clock.mono()
            on = self._on[alert.key] = _On(alert, announcement, began=now, due=None)
            if is_urgent:
                self._paused_until = 0  # something new: nothing is paused any more
                on.due = now + on.pause_ms(now)
                self._changed.set()
        if not was_held or announcement.cue not in (Cue.CANCELLED, Cue.RESOLVED):  # the end of what nobody was told of
            self._say(announcement, may_wait=alert.severity.rank > Severity.P2.rank, is_new=True)

    def _say_what_is_due(self) -> float | None:
        now = self._clock.mono()
        for announcement in self._held.released():
            self._speak(announcement)
        repeated = [(on, self._due(on)) for on in self._on.values()]
        for on, due in repeated:
            if due is not None and due <= now:
                on.due = now + on.pause_ms(now)
                self._speak(on.announcement)
        pauses = [self._clock.seconds_until(due) for on in self._on.values() if (due := self._due(on)) is not None]
        if now < self._paused_until:
            pauses.append(self._clock.seconds_until(self._paused_until))
        if self._held.holds or any(on.announcement.cue is Cue.NOTICE for on in self._on.values()):
            pauses.append(_QUIET_LOOK_S)
        return min(pauses, default=None)

    def _due(self, on: _On) -> int | None:
        return on.due if on.due is None or not on.is_pausable else max(on.due, self._paused_until)

    def _say(self, announcement: Announcement, *, may_wait: bool = False, is_new: bool = False) -> None:
        if may_wait and self._held.takes(announcement):
            self._changed.set()  # it looks from now on whether the quiet hours are over
        else:
            self._speak(announcement, is_new=is_new)

    def _speak(self, announcement: Announcement, *, is_new: bool = False) -> None:
        for mouth in self._mouths:
            mouth.queue(announcement, is_new=is_new)

    def _show(self) -> None:
        is_paused, is_quiet = self._clock.mono() < self._paused_until, self._held.is_quiet()
        signals = tuple(
            Signal(
                key=key,
                severity=on.alert.severity,
                standing=_STANDINGS[on.announcement.cue],
                is_answered=on.is_answered,
                is_paused=is_paused and on.is_pausable,
            )
            for key, on in self._on.items()
            if not (is_quiet and on.announcement.cue is Cue.NOTICE)
        )
        shown = signals, self._is_gas()
        if shown != self._shown:
            self._shown = shown
            self._show_now()

    def _show_now(self) -> None:
        signals, is_gas = self._shown
        for beacon in self._beacons:
            beacon.show(signals, is_gas=is_gas)


_HOME = "home"
_STANDINGS = {Cue.PREALARM: Standing.QUESTION, Cue.ALARM: Standing.ALARM, Cue.NOTICE: Standing.NOTICE}
