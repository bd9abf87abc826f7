"""What a rule says to people: an alert that explains itself."""

from datetime import datetime
from enum import StrEnum

import msgspec

from shouwang.bilingual import chinese
from shouwang.reading import Moment, Reading


class Severity(StrEnum):
    """Priority of the alert, as the call centre uses it: P1 life, P2 urgent, P3 technical, P4 care."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @property
    def rank(self) -> int:
        """1 for the most urgent."""
        return int(self.value[1])


class AlertState(StrEnum):
    """PREALARM may still be cancelled at home; FIRING calls for help; CANCELLED ends a PREALARM, RESOLVED a FIRING."""

    PREALARM = "prealarm"
    FIRING = "firing"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """The same sentence in the languages of the house."""

    zh: str
    en: str


def sentence_of(text: str) -> Sentence:
    """A text that may be in both languages; in English for both where it is not."""
    return Sentence(zh=chinese(text) or str(text), en=str(text))


TEST_HAZARD = "self-test"
"""The hazard of the alarms that only prove that an alarm would arrive."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step in the life of an alarm.

    `key` is the identity for dedup (which rule, on what); `since` the beginning of the episode: all steps of one
    episode share both; `alert_id` is derived from key, since and state, so that the same step always has the same id.
    `hazard` is the kind of danger, for the centre's lane and script: `sos`, `fall`, `vital`, `sensor-silent`, ...
    `why` says in words which readings crossed which limit for how long; `evidence` holds those readings.
    `latching`: it goes on until a person resets it, also when its cause has ended. `is_test`: it only proves that an
    alarm would arrive; nobody is sent.
    """

    alert_id: str
    key: str
    rule_id: str
    rule_version: int
    hazard: str
    severity: Severity
    state: AlertState
    resident_id: str
    sensor_id: str
    since: Moment
    at: Moment
    mono: int
    why: Sentence
    evidence: tuple[Reading, ...] = ()
    latching: bool = False
    is_test: bool = False

    @property
    def is_only_a_test(self) -> bool:
        """Whether nobody need be sent. The mark alone is not believed: on a real alarm it could kill."""
        return self.is_test and self.hazard == TEST_HAZARD and self.severity is Severity.P4


def alert_id_of(key: str, since: datetime, state: AlertState) -> str:
    """The id of one step of one episode, e.g. `sos:bed/20261124T031258.120Z/firing`."""
    stamp = since.strftime("%Y%m%dT%H%M%S.") + f"{since.microsecond // 1000:03d}Z"
    return f"{key}/{stamp}/{state.value}"
