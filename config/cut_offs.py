"""Valves and switches that the home closes by itself, as people write them."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.outputs import AnyOutput
from config.presses import ButtonPress
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id
from shouwang.quantities import Quantity

WARNING_MAX = timedelta(seconds=15)
"""EN 50615 (stove guards): a warning of at most 15 s, within which the power is cut."""


class Danger(StrEnum):
    """What a cut-off ends."""

    GAS = "gas"
    CARBON_MONOXIDE = "carbon-monoxide"
    SMOKE = "smoke"
    HEAT = "heat"
    LEAK = "leak"
    STOVE = "stove"


SAID_BY: dict[Danger, frozenset[Quantity]] = {
    Danger.GAS: frozenset({Quantity.GAS_ALARM, Quantity.GAS_CONCENTRATION}),
    Danger.CARBON_MONOXIDE: frozenset({Quantity.CARBON_MONOXIDE_ALARM, Quantity.CARBON_MONOXIDE}),
    Danger.SMOKE: frozenset({Quantity.SMOKE}),
    Danger.HEAT: frozenset({Quantity.HEAT_ALARM}),
    Danger.LEAK: frozenset({Quantity.LEAK}),
    Danger.STOVE: frozenset({Quantity.POWER}),
}
"""What sensors say of each danger."""
_USUAL: dict[str, tuple[Danger, ...]] = {
    "gas": (Danger.GAS, Danger.CARBON_MONOXIDE),
    "water": (Danger.LEAK,),
    "stove": (Danger.STOVE, Danger.SMOKE, Danger.HEAT),
}


class CutOffPart(BaseModel):
    """A gas valve, a water valve, or the power of an electric stove. Closed by alarms; opened by people alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    id: Id = Field(description="name of this cut-off in the home; the centre sees it as a sensor")
    cuts: Literal["gas", "water", "stove"] = Field(description="gas (a valve), water (a valve), stove (its power)")
    by: AnyOutput = Field(description="what is switched: kind gpio_switch, mqtt_switch or serial_relay")
    closed_when: Literal["switched_on", "switched_off"] = Field(
        description="switched_off: a plug, a contactor, a Zigbee valve; switched_on: a relay that drives a valve shut"
    )
    dangers: tuple[Danger, ...] | None = Field(
        default=None,
        description="which alarms close it; left out: those in docs/operations.md",
    )
    at: Literal["question", "alarm"] | None = Field(
        default=None,
        description="question: while the home still asks (left out, so of a stove); alarm: when it calls for help",
    )
    warning: Annotated[Duration, Field(ge=timedelta(0), le=WARNING_MAX)] = Field(
        default=WARNING_MAX, description="at: question closes it this long after its warning, unless somebody cancels"
    )
    open_by: tuple[ButtonPress, ...] = Field(
        default=(), description="presses of buttons that open it again; else only `shouwang gateway open` does"
    )
    ex_safe: bool = Field(
        default=False,
        description="true if its switch cannot make a spark where gas may gather; else it is not switched while there "
        "is gas, unless gas is what it cuts",
    )

    @model_validator(mode="after")
    def _no_sparks_in_gas(self) -> Self:
        if self.cuts == "stove" and Danger.GAS in self.closed_by and not self.ex_safe:
            raise ValueError(
                Bilingual(
                    "switching a stove off while there is gas may light it; take gas out of dangers, or write "
                    "ex_safe: true if its switch is built for it",
                    zh="有燃气时切断炉灶可能打出火花、引燃燃气；请从 dangers 里删去 gas；如果它的开关是防爆的，"
                    "就写 ex_safe: true",
                )
            )
        return self

    @property
    def closed_by(self) -> frozenset[Danger]:
        """The dangers that close it."""
        return frozenset(_USUAL[self.cuts] if self.dangers is None else self.dangers)

    @property
    def asks_first(self) -> bool:
        """Whether it closes while the home still asks."""
        return (self.at or ("question" if self.cuts == "stove" else "alarm")) == "question"

    @property
    def is_on_when_closed(self) -> bool:
        """How the output stands then."""
        return self.closed_when == "switched_on"
