"""What the configuration says of one value of a device: its quantity, its unit, its own words for yes and no."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.mqtt.meaning import YES_OR_NO, Meaning
from drivers.mqtt.payload import Plain
from drivers.mqtt.units import Unit, conversion, units_of
from shouwang.bilingual import both
from shouwang.driver import Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity


class SaidAs(BaseModel):
    """One value of a device and what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    quantity: Quantity = Field(description="what it is, e.g. temperature, smoke, door, power")
    unit: Unit | None = Field(
        default=None, description="the unit in which the device says it, e.g. °F, ppb, Pa, kW; not for yes-or-no values"
    )
    values: dict[str, float] = Field(
        default_factory=dict, description='what the words of the device mean, e.g. {"open": 1, "closed": 0}'
    )

    @model_validator(mode="after")
    def _has_the_unit_it_needs(self) -> Self:
        own = QUANTITIES[self.quantity].unit
        if self.values:
            info = QUANTITIES[self.quantity]
            strange = [n for n in self.values.values() if not (info.is_plausible(n) or (info.event and n == 0))]
            if strange:
                raise ValueError(both(*_STRANGE, value=strange[0], quantity=self.quantity))
        if own == YES_OR_NO:
            if self.unit is not None:
                raise ValueError(both(*_NO_UNIT, quantity=self.quantity))
            return self
        if self.unit is None:
            if self.values:
                return self
            raise ValueError(both(*_UNITLESS, quantity=self.quantity, choice=_choice(self.quantity)))
        try:
            conversion(self.quantity, self.unit)
        except DecodeError:
            raise ValueError(
                both(*_OTHER_UNIT, unit=self.unit, quantity=self.quantity, choice=_choice(self.quantity))
            ) from None
        return self

    def sample(self, raw: Plain, frame: bytes, *, at: datetime | None = None) -> Sample | None:
        """What the device says, None where it has no value; raises DecodeError."""
        if raw is None or not self.values:
            return Meaning(quantity=self.quantity, unit=self.unit or "").sample(raw, frame, at=at)
        word = str(raw).lower() if isinstance(raw, bool) else str(raw)
        if word not in self.values:
            raise DecodeError(f"{word[:40]!r} is not among the values in the configuration")
        number = self.values[word]
        if QUANTITIES[self.quantity].event and not number:
            return None
        return Sample(quantity=self.quantity, value=number, frame=frame, measured_at=at)


def _choice(quantity: Quantity) -> str:
    return both("possible here: {units}", "这里可以写：{units}", units=", ".join(units_of(quantity)))


_UNITLESS = (
    '"{quantity}" needs the unit in which the device says it; {choice}',
    "“{quantity}”要写设备用的单位；{choice}",
)
_STRANGE = (
    '{value:g} is no possible value of "{quantity}"; change it in values',
    "“{quantity}”不可能是 {value:g}；请在 values 里改正",
)
_NO_UNIT = '"{quantity}" is a yes or no and has no unit; take unit out', "“{quantity}”只有是或否，没有单位；请删去 unit"
_OTHER_UNIT = '"{unit}" is no unit for "{quantity}"; {choice}', "“{quantity}”不能用单位“{unit}”；{choice}"
