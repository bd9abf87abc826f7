"""A story at home, written in YAML: what happens when, and what must follow from it. Pure: text in, a schedule out.

Moments are written `mm:ss` from the beginning of the story. A home always has an oximeter, a fall radar, an SOS fob and
a contact on the door; `devices` stand in it besides.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from shouwang.alert import AlertState
from shouwang.document import Document, Duration, Id, read, refusal
from shouwang.errors import ConfigError
from shouwang.nodes import Problem
from simulators.cast import AnyDevice
from simulators.cast.beacon import BeaconScene
from simulators.cast.cuff import CuffScene
from simulators.cast.glucose_sensor import GlucoseSensorScene
from simulators.cast.meter import MeterScene
from simulators.cast.oximeter import OximeterScene, OximeterSpec
from simulators.cast.scale import ScaleScene
from simulators.cast.scene import Fault, Scene, Written
from simulators.cast.strap import StrapScene
from simulators.cast.thermometer import ThermometerScene


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


class Action(Written):
    """One thing that happens at home: exactly one of these."""

    oximeter: OximeterScene | None = None
    strap: StrapScene | None = None
    cuff: CuffScene | None = None
    thermometer: ThermometerScene | None = None
    meter: MeterScene | None = None
    cgm: GlucoseSensorScene | None = None
    scale: ScaleScene | None = None
    beacon: BeaconScene | None = None
    fault: Fault | None = None
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

    @property
    def key(self) -> str:
        """Which one it is."""
        return next(name for name in Action.model_fields if getattr(self, name) is not None)

    @property
    def scene(self) -> Scene | None:
        """What a device shows; None where it is something else that happens."""
        said = getattr(self, self.key)
        return said if isinstance(said, Scene) else None


class Step(Action):
    """An action and its moment."""

    at: Offset

    @property
    def action(self) -> Action:
        """What happens, without the moment."""
        return Action(**{name: getattr(self, name) for name in Action.model_fields})


class WantedAlert(Written):
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


class Beat(Written):
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


class Scenario(Written):
    """A story: devices, steps in the order of time, and the beats that must follow."""

    scenario: Id
    about: str = ""
    lasts: Duration
    devices: tuple[AnyDevice, ...] = Field(default=(), description="devices that stand in the home")
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

    @property
    def uses_furniture(self) -> bool:
        """Whether more than its own devices is needed: oximeter, radar, fob or contact of the home."""
        return any(step.fault is None and (step.scene is None or step.scene.of is None) for step in self.steps)


def parse_scenario(text: str, *, name: str) -> Scenario:
    """The story that `text` tells, with each step's device named. Raises ConfigError with line, path and what to do."""
    told = read(text, Scenario, name=name)
    problems = [*_twins(told), *_misdirected(told)]
    if problems:
        raise refusal(name, problems)
    steps = tuple(_directed(step, told.value.devices) for step in told.value.steps)
    return told.value.model_copy(update={"steps": steps})


def _twins(told: Document[Scenario]) -> Iterator[Problem]:
    for part in ("id", "address"):
        known: set[str] = set()
        for number, device in enumerate(told.value.devices):
            written = getattr(device, part)
            if written in known:
                yield told.problem(("devices", number, part), f'two devices have "{written}"; give each its own {part}')
            known.add(written)


def _misdirected(told: Document[Scenario]) -> Iterator[Problem]:
    """Steps that are of no device, or of one that cannot do it."""
    devices = told.value.devices
    for number, step in enumerate(told.value.steps):
        path = ("steps", number, step.key)
        if step.fault is not None:
            message = _fault_objection(step.fault, devices)
            way = step.fault.way if any(one.id == step.fault.of for one in devices) else "of"
            if message is not None:
                yield told.problem((*path, way), message)
        elif step.scene is not None:
            spec, message = _meant(step.key, step.scene, devices)
            if message is not None:
                yield told.problem(path if step.scene.of is None else (*path, "of"), message)
            elif spec is not None and (why := spec.objection(step.scene)) is not None:
                yield told.problem(path, why)


def _fault_objection(fault: Fault, devices: tuple[AnyDevice, ...]) -> str | None:
    spec = next((device for device in devices if device.id == fault.of), None)
    if spec is None:
        known = ", ".join(device.id for device in devices) or "none, since devices: is not written"
        return f'"{fault.of}" is no device of this story; possible: {known}'
    if fault.way not in spec.faults:
        return f'does not happen to a {spec.key}; possible for "{spec.id}": {", ".join(sorted(spec.faults))}'
    return None


def _meant(key: str, scene: Scene, devices: tuple[AnyDevice, ...]) -> tuple[AnyDevice | None, str | None]:
    """The device that a scene is of (None: the home's own oximeter), or what is wrong with that."""
    fitting = [device for device in devices if device.key == key]
    named = ", ".join(device.id for device in fitting)
    if scene.of is not None:
        spec = next((device for device in fitting if device.id == scene.of), None)
        return spec, None if spec else f'"{scene.of}" is no {key} of this story; possible: {named or "none"}'
    if len(fitting) == 1:
        return fitting[0], None
    if fitting:
        return None, f'does not say which {key}; add "of: ..." with one of: {named}'
    if key == OximeterSpec.key:
        return None, None
    return None, f"there is no {key} in this story; place one under devices:"


def _directed(step: Step, devices: tuple[AnyDevice, ...]) -> Step:
    if step.scene is None or step.scene.of is not None:
        return step
    spec, _ = _meant(step.key, step.scene, devices)
    return step if spec is None else step.model_copy(update={step.key: step.scene.model_copy(update={"of": spec.id})})


_SHELF = Path(__file__).with_name("scenarios")


def evening() -> str:
    """The text of the 90-second story that `shouwang demo` plays."""
    return shipped("evening")


def shelf() -> list[str]:
    """The names of the stories that are shipped."""
    return sorted(path.stem for path in _SHELF.glob("*.yaml"))


def shipped(name: str) -> str:
    """The text of a story that is shipped. Raises ConfigError."""
    if name not in shelf():
        raise ConfigError(f'there is no story "{name}"; shipped are: {", ".join(shelf())}')
    return (_SHELF / f"{name}.yaml").read_text(encoding="utf-8")
