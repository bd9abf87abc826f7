"""A condition on one value, as rules write it: `equals`, `below` or `above`."""

import math
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from rules import words
from shouwang.alert import Sentence
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Exactly one of `equals`, `below` (this or less) and `above` (this or more)."""

    quantity: Quantity
    equals: float | None = None
    below: float | None = None
    above: float | None = None

    @classmethod
    def of(cls, quantity: Quantity, *, equals: float | None, below: float | None, above: float | None) -> Self:
        """Raises ValueError where not exactly one is given, or where the quantity never says such a value."""
        given = [limit for limit in (equals, below, above) if limit is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of equals, below and above")
        info = QUANTITIES[quantity]
        if not info.is_plausible(given[0]):
            reach = f"{info.low:g} to {info.high:g} {info.unit.removeprefix('1')}".rstrip()
            raise ValueError(f"{quantity} goes from {reach}, so {given[0]:g} is never reached; change it")
        return cls(quantity=quantity, equals=equals, below=below, above=above)

    def holds(self, reading: Reading) -> bool:
        """Whether the reading says so; a raising word may be doubtful, an implausible one counts for nothing."""
        value = reading.value
        if reading.quality is Quality.IMPLAUSIBLE or not math.isfinite(value):
            return False
        if self.equals is not None:
            return value == self.equals
        return value <= self.below if self.below is not None else self.above is not None and value >= self.above

    def denied_by(self, reading: Reading) -> bool:
        """Whether the reading says surely that it is not so: what ends an alarm must be of good quality."""
        return reading.quality is Quality.GOOD and math.isfinite(reading.value) and not self.holds(reading)

    def said(self, value: float) -> Sentence:
        """The state in words, with the value that was said."""
        name, here = words.name(self.quantity), words.value(self.quantity, value)
        if QUANTITIES[self.quantity].unit == "1":
            is_on = value != 0
            return Sentence(zh=f"{name.zh}：{'是' if is_on else '否'}", en=f"{name.en}: {'yes' if is_on else 'no'}")
        return Sentence(zh=f"{name.zh} {here.zh}", en=f"{name.en} {here.en}")


class OfValue(BaseModel):
    """The keys with which rules name a state: a quantity, and one of `equals`, `below` and `above`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    quantity: Quantity = Field(description="what is said, e.g. door, bed, fall, power")
    equals: Number | None = Field(default=None, description="it is this value, e.g. 1 for a door that is open")
    below: Number | None = Field(default=None, description="it is this value or less")
    above: Number | None = Field(default=None, description="it is this value or more")

    @model_validator(mode="after")
    def _is_one_state(self) -> Self:
        self.condition()
        return self

    def condition(self) -> Condition:
        """On the value. Raises ValueError where not exactly one is given, or one that is never said."""
        return Condition.of(self.quantity, equals=self.equals, below=self.below, above=self.above)
