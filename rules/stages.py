"""The stages of an alarm that asks first: the home asks aloud (PREALARM), and calls for help unless somebody answers.

    begun --> PREALARM -- window --> FIRING until it is ended or a person resets it
                       -- cancelled, or over --> CANCELLED
    begun again while FIRING --> RESOLVED, and FIRING of a new episode without asking: nobody answered the last time

With a window of zero nothing is asked. Durations are engine time, so a countdown goes on over a restart.
"""

import msgspec

from rules import words
from rules.alarm import Alarm, episode_begin, reset_by, says
from shouwang.alert import Alert, AlertState, Sentence
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The home asks since the engine millisecond `mono`; `what` was seen, in words."""

    since: Moment
    what: Sentence
    cause: tuple[Reading, ...]
    mono: int


class Called(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Help was called for."""

    since: Moment
    cause: tuple[Reading, ...]


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All well, asked or called; `past`: when the last episode that is over began."""

    asked: Asked | None = None
    called: Called | None = None
    past: Moment | None = None


Moved = tuple[Stage, tuple[Alert, ...]]


class Stages:
    """How one alarm goes through its stages. `window_ms`: how long somebody may answer, in engine milliseconds."""

    def __init__(self, alarm: Alarm, window_ms: int) -> None:
        """Of this alarm."""
        self._alarm = alarm
        self._window_ms = window_ms

    def due(self, stage: Stage) -> int | None:
        """The engine millisecond by which somebody must have answered."""
        return None if stage.asked is None else stage.asked.mono + self._window_ms

    def begin(self, stage: Stage, event: Event, cause: tuple[Reading, ...], what: Sentence) -> Moved:
        """What was seen (`cause`, the first of it when it began) is an alarm. While the home asks already: nothing."""
        if stage.asked is not None:
            return stage, ()
        if stage.called is not None:
            return self._again(stage.called, event, cause, what)
        since = episode_begin(cause[0].at if cause else event.at, stage.past)
        if not self._window_ms:
            called = Called(since=since, cause=cause)
            return Stage(called=called, past=stage.past), (self._alert(AlertState.FIRING, event, called, what),)
        window = words.span(self._window_ms)
        why = Sentence(zh=f"{what.zh}；正在询问，{window.zh}内可取消", en=f"{what.en}; asking, {window.en} to cancel")
        asked = Asked(since=since, what=what, cause=cause, mono=event.mono)
        return Stage(asked=asked, past=stage.past), (self._alert(AlertState.PREALARM, event, asked, why),)

    def ripen(self, stage: Stage, event: Event) -> Moved:
        """Call for help where nobody has answered in time."""
        asked = stage.asked
        if asked is None or event.mono - asked.mono < self._window_ms:
            return stage, ()
        window = words.span(self._window_ms)
        why = Sentence(
            zh=f"{asked.what.zh}；询问后 {window.zh}内无人取消",
            en=f"{asked.what.en}; asked, nobody cancelled in {window.en}",
        )
        called = Called(since=asked.since, cause=asked.cause)
        return Stage(called=called, past=stage.past), (self._alert(AlertState.FIRING, event, called, why),)

    def cancel(self, stage: Stage, event: Reading) -> Moved:
        """Somebody pressed a cancel button: it answers the question, and ends no call for help."""
        if stage.asked is None or not is_cancel(event):
            return stage, ()
        why = Sentence(zh=f"已用 {event.sensor_id} 取消", en=f"cancelled with {event.sensor_id}")
        alert = self._alert(AlertState.CANCELLED, event, stage.asked, why, event)
        return Stage(past=stage.asked.since), (alert,)

    def end(self, stage: Stage, event: Event, why: Sentence, *evidence: Reading) -> Moved:
        """Its cause is over: nothing is asked any more, and a call is taken back."""
        if stage.asked is not None:
            alert = self._alert(AlertState.CANCELLED, event, stage.asked, why, *evidence)
            return Stage(past=stage.asked.since), (alert,)
        if stage.called is not None:
            alert = self._alert(AlertState.RESOLVED, event, stage.called, why, *evidence)
            return Stage(past=stage.called.since), (alert,)
        return stage, ()

    def reset(self, stage: Stage, event: Reset) -> Moved:
        """A person ended the alarm. A PREALARM is not reset: the order may be a late one for the alarm before."""
        if stage.called is None or event.key != self._alarm.key:
            return stage, ()
        alert = self._alert(AlertState.RESOLVED, event, stage.called, reset_by(event))
        return Stage(past=stage.called.since), (alert,)

    def _again(self, before: Called, event: Event, cause: tuple[Reading, ...], what: Sentence) -> Moved:
        called = Called(since=episode_begin(cause[0].at if cause else event.at, before.since), cause=cause)
        again = Sentence(zh=f"{what.zh}；此前的报警尚未解除", en=f"{what.en}, while an earlier alarm is on")
        alerts = (
            self._alert(AlertState.RESOLVED, event, before, _SUPERSEDED),
            self._alert(AlertState.FIRING, event, called, again),
        )
        return Stage(called=called, past=before.since), alerts

    def _alert(self, state: AlertState, event: Event, episode: Asked | Called, why: Sentence, *more: Reading) -> Alert:
        evidence = (*episode.cause, *more)
        return self._alarm.alert(state, event, since=episode.since, why=why, evidence=evidence)


def is_cancel(event: Event) -> bool:
    """Whether this is a cancel button's press that counts."""
    return isinstance(event, Reading) and says(event, Quantity.CANCEL) and event.quality is Quality.GOOD


_SUPERSEDED = Sentence(zh="再次发生，由新的报警接替", en="it happened again; the new alarm takes over")
