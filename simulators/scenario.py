"""A story at home, written in YAML: what happens when, and what must follow from it. Pure: text in, a schedule out.

Moments are written `mm:ss` from the beginning of the story.
"""

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from shouwang.alert import AlertState
from shouwang.document import Duration, Id, parse


def _offset(written: object) -> timedelta:
    if isinstance(written, timedelta):
        return written
    match = re.fullmatch(r"([0-9]{2,3}):([0-5][0-9])", str(written))
    if not match:
        raise ValueError('is not a moment of the story; write minutes and seconds, e.g. "00:10" or "01:05"')
    return timedelta(minutes=int(match[1]), seconds=int(match[2]))


def _offset_text(offset: timedelta) -> str:
    minutes, seconds = divmod(int(offset.total_seconds()), 60)
    return f"{minutes:02d}:{seconds:02d}"


Offset = Annotated[
    timedelta,
    BeforeValidator(_offset),
    PlainSerializer(_offset_text),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{2,3}:[0-5][0-9]$", "examples": ["00:10", "01:05"]}),
]
"""A moment of the story, from its beginning: `01:05`."""


class SosKey(StrEnum):
    """A key of the SOS fob."""

    PRESS = "press"
    CANCEL = "cancel"


class RadarScene(StrEnum):
    """What the fall radar sees."""

    FALL = "fall"
    UP = "up"
    MOVE = "move"
    LEAVE = "leave"


class DoorMove(StrEnum):
    """What the door does."""

    OPEN = "open"
    CLOSE = "close"


class RadioFault(StrEnum):
    """The oximeter's radio: the link breaks once, it goes out of range, it is back."""

    DROP = "drop"
    AWAY = "away"
    BACK = "back"


class CableFault(StrEnum):
    """The radar's cable."""

    UNPLUG = "unplug"
    PLUG = "plug"


class FingerPlace(StrEnum):
    """Whether a finger is in the oximeter."""

    IN = "in"
    OUT = "out"


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class OximeterScene(_Written):
    """What the oximeter shows from now on; what is left out stays as it is. `over`: how long it takes to get there."""

    spo2: float | None = Field(default=None, ge=0, le=100, description="oxygen saturation in %")
    heart_rate: float | None = Field(
        default=None, ge=0, le=400, alias="heart-rate", description="pulse rate per minute"
    )
    over: Duration = timedelta(0)
    finger: FingerPlace = FingerPlace.IN


class Action(_Written):
    """One thing that happens at home: exactly one of these."""

    oximeter: OximeterScene | None = None
    sos: SosKey | None = None
    radar: RadarScene | None = None
    door: DoorMove | None = None
    radio: RadioFault | None = None
    cable: CableFault | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        said = [name for name in Action.model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            found = f"this has {' and '.join(said)}" if said else "this has none"
            raise ValueError(f"says not exactly one thing ({found}); write one of {', '.join(Action.model_fields)}")
        return self


class Step(Action):
    """An action and its moment."""

    at: Offset

    @property
    def action(self) -> Action:
        """What happens, without the moment."""
        return Action(**{name: getattr(self, name) for name in Action.model_fields})


class WantedAlert(_Written):
    """A step of an alarm: the rule's id and the state that it reaches."""

    rule: Id
    state: AlertState


class IncidentBeat(StrEnum):
    """What the centre does with a case."""

    OPENED = "opened"
    CLOSED = "closed"


class HomeBeat(StrEnum):
    """What the home says to the elder."""

    HELP_COMING = "help-coming"


class Beat(_Written):
    """What must be seen between two moments: exactly one of an alert, an incident's move, a word at home."""

    beat: str = Field(min_length=1, max_length=80, description="its name in the report; it stays the same")
    between: tuple[Offset, Offset]
    alert: WantedAlert | None = None
    incident: IncidentBeat | None = None
    home: HomeBeat | None = None

    @model_validator(mode="after")
    def _can_be_seen(self) -> Self:
        if [self.alert, self.incident, self.home].count(None) != 2:
            raise ValueError("wants not exactly one thing; write one of alert, incident, home")
        if self.between[0] > self.between[1]:
            raise ValueError("ends before it begins; write the earlier moment first")
        return self


class Scenario(_Written):
    """A story: steps in the order of time, and the beats that must follow."""

    scenario: Id
    about: str = ""
    lasts: Duration
    steps: tuple[Step, ...] = Field(min_length=1)
    want: tuple[Beat, ...] = ()

    @model_validator(mode="after")
    def _is_told_in_time(self) -> Self:
        names = [beat.beat for beat in self.want]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f'has two beats named "{sorted(twice)[0]}"; give each its own name')
        last = max(*(step.at for step in self.steps), timedelta(0), *(beat.between[1] for beat in self.want))
        if last > self.lasts:
            raise ValueError(f"goes on until {_offset_text(last)}; let it last at least that long")
        return self

    def schedule(self) -> tuple[Step, ...]:
        """The steps in the order of time; those of one moment in the order of writing."""
        return tuple(sorted(self.steps, key=lambda step: step.at))


def parse_scenario(text: str, *, name: str) -> Scenario:
    """The story that `text` tells. Raises ConfigError with line, path and what to do."""
    return parse(text, Scenario, name=name)


def evening() -> str:
    """The text of the 90-second story that `shouwang demo` plays."""
    return Path(__file__).with_name("scenarios").joinpath("evening.yaml").read_text(encoding="utf-8")
