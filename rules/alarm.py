"""What all alerts of one rule on one sensor share, and how an episode is told from the one before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset

MAX_WAIT = timedelta(hours=24)
"""No rule may wait longer for anything: a longer wait is a slip of the pen that would switch the rule off."""

_MS = timedelta(milliseconds=1)
_NEAR = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """The part of an alert that never changes for one rule on one sensor."""

    key: str
    rule_id: str
    rule_version: int
    hazard: str
    severity: Severity
    resident_id: str
    sensor_id: str
    latching: bool

    def alert(
        self, state: AlertState, event: Event, *, since: datetime, why: Sentence, evidence: tuple[Reading, ...] = ()
    ) -> Alert:
        """One step of the episode that began at `since`, at the moment of `event`."""
        return Alert(
            alert_id=alert_id_of(self.key, since, state),
            key=self.key,
            rule_id=self.rule_id,
            rule_version=self.rule_version,
            hazard=self.hazard,
            severity=self.severity,
            state=state,
            resident_id=self.resident_id,
            sensor_id=self.sensor_id,
            since=since,
            at=event.at,
            mono=event.mono,
            why=why,
            evidence=evidence,
            latching=self.latching,
        )


def episode_begin(at: datetime, last: datetime | None) -> datetime:
    """When a new episode begins, in whole milliseconds, never the same moment as the episode before.

    Alert ids are made of it: two episodes with one id would be one alarm to the centre, and the second would be lost.
    """
    begin = at - timedelta(microseconds=at.microsecond % 1000)
    if last is not None and last - _NEAR < begin <= last:
        return last + _MS
    return begin


def says(reading: Reading, quantity: Quantity) -> bool:
    """Whether the reading says that an event is on (a press, a fall, a cancel)."""
    return reading.quantity is quantity and reading.value == 1 and reading.quality is not Quality.IMPLAUSIBLE


def ms_of(duration: timedelta) -> int:
    """The duration in engine milliseconds."""
    return duration // _MS


def reset_by(event: Reset) -> Sentence:
    """Why an alarm ended that a person reset."""
    return Sentence(zh=f"已由 {event.by} 解除", en=f"reset by {event.by}")
