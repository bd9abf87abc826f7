"""How things stand with an elder, as his family is told: one state, judged from what is known. Values only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from community.desk import HomeMode
from community.people import Sex


class Status(StrEnum):
    """What a family member reads first; the words stand in community.web.family_words."""

    WAITING = "waiting"
    TAKEN = "taken"
    ASKED = "asked"
    COMING = "coming"
    THERE = "there"
    CHECKED = "checked"
    SILENT = "silent"
    HOSPITAL = "hospital"
    AWAY = "away"
    VISITOR = "visitor"
    UNKNOWN = "unknown"
    HOME = "home"

    @property
    def is_alarm(self) -> bool:
        """Whether an alarm is being handled."""
        return self in _ALARMS


_ALARMS = frozenset({Status.WAITING, Status.TAKEN, Status.ASKED, Status.COMING, Status.THERE, Status.CHECKED})
_OF_STATES = {
    "OPEN": Status.WAITING,
    "ACKED": Status.TAKEN,
    "DISPATCHED": Status.ASKED,
    "EN_ROUTE": Status.COMING,
    "ON_SCENE": Status.THERE,
    "FEEDBACK": Status.CHECKED,
}
_OF_MODES = {HomeMode.HOSPITAL: Status.HOSPITAL, HomeMode.AWAY: Status.AWAY, HomeMode.VISITOR: Status.VISITOR}
CALLED_BACK = "REVISIT"
"""The state of an emergency that is over, and of which the family is asked how it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of a home. `states`: of its open emergencies; `is_heard` None: its box has never said a word."""

    states: tuple[str, ...]
    is_heard: bool | None
    mode: HomeMode


def status_of(known: Known) -> Status:
    """An alarm before all else, then a box that is silent: who does not hear cannot say that all is well."""
    alarms = [_OF_STATES.get(state, Status.WAITING) for state in known.states if state != CALLED_BACK]
    if alarms:
        return min(alarms, key=list(Status).index)
    if known.is_heard is None:
        return Status.UNKNOWN
    return _OF_MODES.get(known.mode, Status.HOME) if known.is_heard else Status.SILENT


class Kin(StrEnum):
    """How the elder is called to whoever reads."""

    MOTHER = "mother"
    FATHER = "father"
    OTHER = "other"


_CHILDREN = frozenset({"儿子", "女儿", "长子", "次子", "长女", "次女", "独子", "独女", "子", "女", "son", "daughter"})


def kin_of(relation: str, sex: Sex) -> Kin:
    """By what the reader is to the elder, as the register says it; OTHER: by name."""
    if relation.strip().lower() not in _CHILDREN:
        return Kin.OTHER
    return {Sex.FEMALE: Kin.MOTHER, Sex.MALE: Kin.FATHER}.get(sex, Kin.OTHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """The last sign of life that a sensor gave, and in which room, where that is on file."""

    at: datetime
    room: str
