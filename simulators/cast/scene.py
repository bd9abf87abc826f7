"""What people write about a device of a story: where it is, what it shows, what goes wrong with it. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shouwang.document import Duration, Id
from shouwang.quantities import Quantity
from shouwang.recording import as_said
from simulators.ble.numbers import NotCarried, Special, float32, scaled, sfloat
from simulators.recording import Measures


class Written(BaseModel):
    """A part of a story as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _address(written: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", written):
        raise ValueError(f'"{written[:40]}" is not a Bluetooth address; write it like C0:FF:EE:00:00:11')
    if int(written[:2], 16) < 0xC0:
        # Core specification, volume 6, part B, 1.3.2.1: the two highest bits of a static random address are set.
        raise ValueError(f'"{written}" cannot be the address of a simulated device; begin it with C0 to FF')
    return written.upper()


Address = Annotated[str, AfterValidator(_address)]

_TURN = re.compile(r"([+-])([0-9]{1,6})(s|m|h|d)")
_TURN_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LOST = "lost"


def _turn(written: str) -> str:
    if written != LOST and not _TURN.fullmatch(written):
        raise ValueError(f'"{written[:40]}" is no turn of a clock; write e.g. "-5h", "+3m" or "-2400d", or lost')
    return written


Turn = Annotated[str, AfterValidator(_turn)]
"""How a device's clock goes wrong: by `-5h`, `+3m`, `-2400d`, or `lost`: it was never set."""


def turned_by(turn: Turn) -> timedelta | None:
    """How far the clock is turned; None where it has lost the time."""
    match = _TURN.fullmatch(turn)
    return None if match is None else timedelta(**{_TURN_UNITS[match[3]]: int(match[1] + match[2])})


def _sayable(encode: Callable[[float], object], nearest: Callable[[float], float]) -> Callable[[float], float]:
    def check(value: float) -> float:
        try:
            encode(value)
        except NotCarried as error:
            raise ValueError(f"{value:g} has more digits than this device can say; write {nearest(value):g}") from error
        return value

    return check


def tenths(value: float) -> bytes:
    """What a display with one decimal can say. Raises NotCarried."""
    return float32(value, exponent=-1)


def kilograms(value: float) -> bytes:
    """Kilograms in steps of 5 g. Raises NotCarried."""
    return scaled(value, 0.005)


Short = Annotated[float, AfterValidator(_sayable(sfloat, as_said))]
"""A number that an SFLOAT carries: about three digits."""
Tenths = Annotated[float, AfterValidator(_sayable(tenths, lambda value: round(value, 1)))]
"""A number with one decimal."""
Kilograms = Annotated[float, AfterValidator(_sayable(kilograms, lambda value: as_said(value, Quantity.WEIGHT)))]
"""A mass in steps of 5 g."""


class Scene(Written):
    """What one device measures or does. A field that measures is written by the name of its quantity."""

    of: Id | None = Field(default=None, description="id of the device; left out where there is one of its kind")

    @property
    def values(self) -> Mapping[Quantity, float]:
        """What is measured, in canonical units."""
        known = {quantity.value: quantity for quantity in Quantity}
        named = {name: known.get(field.alias or name) for name, field in type(self).model_fields.items()}
        said = {quantity: getattr(self, name) for name, quantity in named.items() if quantity is not None}
        return {quantity: float(value) for quantity, value in said.items() if isinstance(value, (int, float))}


class SpecialWord(StrEnum):
    """What a device sends where a number belongs, and is none (IEEE 11073-20601)."""

    NAN = "nan"
    NRES = "nres"
    PLUS_INFINITY = "plus-infinity"
    MINUS_INFINITY = "minus-infinity"
    RESERVED = "reserved"

    @property
    def special(self) -> Special:
        """As it is encoded."""
        return Special[self.name]


class Drop(Written):
    """The link breaks from the device's side."""

    after: int = Field(default=0, ge=0, le=10_000, description="after so many more values; 0: at once")
    before_confirmation: bool = Field(
        default=False, description="true: before the last of them is confirmed, so that the device sends it again"
    )


class Range(StrEnum):
    """Whether the device is in range."""

    AWAY = "away"
    BACK = "back"


class Fault(Written):
    """One thing that goes wrong with a device: exactly one besides `of`."""

    of: Id = Field(description="id of the device")
    drop: Drop | None = Field(default=None, description="the link breaks, e.g. {after: 2}, or {} for at once")
    wrong_length: int | None = Field(
        default=None, ge=-64, le=64, description="octets that the next value has too many, or too few (-1)"
    )
    special: SpecialWord | None = Field(
        default=None, description="the next measurement has this in the place of its numbers"
    )
    resend: int | None = Field(
        default=None, ge=1, le=1000, description="so many records are sent again though the listener has them"
    )
    clock: Turn | None = Field(default=None, description='how its clock goes wrong: "-5h", "+3m", or lost')
    bond: Literal["lost"] | None = Field(default=None, description="lost: the device was reset and knows no host")
    range: Range | None = Field(default=None, description="away: out of range or battery; back: in range again")

    WAYS: ClassVar[tuple[str, ...]] = ("drop", "wrong_length", "special", "resend", "clock", "bond", "range")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        said = [way for way in Fault.WAYS if getattr(self, way) is not None]
        if len(said) != 1:
            found = f"this has {' and '.join(said)}" if said else "this has none"
            raise ValueError(f"plants not exactly one fault ({found}); write one of {', '.join(Fault.WAYS)}")
        if self.wrong_length == 0:
            raise ValueError("wrong_length: 0 would be the right length; write e.g. -1")
        return self

    @property
    def way(self) -> str:
        """Which one it is."""
        return next(way for way in Fault.WAYS if getattr(self, way) is not None)


_KEPT_AWAKE_S = timedelta(seconds=30)


class DeviceSpec(Written):
    """A device that stands in the home.

    `key` is how steps call its kind, `measures` what a recording can hold of it, `faults` what may go wrong with it.
    """

    key: ClassVar[str]
    measures: ClassVar[Measures] = Measures(leads=frozenset())
    faults: ClassVar[frozenset[str]] = frozenset(Fault.WAYS)

    kind: str
    id: Id = Field(description="name of the device, as in home.yaml")
    address: Address = Field(description="Bluetooth address of the device, e.g. C0:FF:EE:00:00:11")

    def objection(self, scene: Scene) -> str | None:  # noqa: ARG002 - for kinds that cannot do all that their scene has
        """Why this device cannot do that, and what to write instead; None: it can."""
        return None

    def sensor(self) -> dict[str, object]:
        """The entry of home.yaml that hears it."""
        return {"kind": self.kind, "id": self.id, "address": self.address}


class PeripheralSpec(DeviceSpec):
    """A device that is connected to."""

    battery: int = Field(default=80, ge=0, le=100, description="charge of its battery in %")
    must_pair: bool = Field(default=False, description="true: it tells nothing before it is paired")
    advertising: Duration = Field(
        default=timedelta(milliseconds=200), ge=timedelta(milliseconds=20), description="time between two adverts"
    )


class PassingSpec(PeripheralSpec):
    """A device that is awake for moments, with a memory and a clock."""

    awake: Duration = Field(
        default=_KEPT_AWAKE_S, ge=timedelta(seconds=1), description="how long it is awake after a measurement"
    )
    clock: Turn | None = Field(default=None, description='how wrong its clock is at first: "-5h", "+3m", or lost')


class LastingSpec(PeripheralSpec):
    """A device that measures all the time."""

    faults: ClassVar[frozenset[str]] = frozenset(Fault.WAYS) - {"resend", "clock"}

    interval: Duration = Field(
        default=timedelta(seconds=1), ge=timedelta(milliseconds=1), description="time between two measurements"
    )
    speaks: bool = Field(default=True, description="false: it says only what a step or a recording tells it to")
