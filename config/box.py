"""What of the gateway's own box is watched: home.yaml's `box:`."""

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from config.presets import preset
from rules import AnyRule
from rules.lasting import Lasting
from rules.preset import rules_of
from shouwang.alert import Severity
from shouwang.document import Id
from shouwang.quantities import Quantity

BOX_ID = "gateway"
"""The gateway's own box as a sensor: its queue, its card, its clock, its power."""
BOX_SAYS = frozenset(
    {
        Quantity.QUEUE_AGE,
        Quantity.DISK_USED,
        Quantity.CLOCK_ERROR,
        Quantity.STARTS,
        Quantity.MEMORY_FREE,
        Quantity.CARD_WEAR,
        Quantity.BOX_TEMPERATURE,
        Quantity.UNDER_VOLTAGE,
        Quantity.POWER_CUT,
        Quantity.BACKUP_BATTERY,
    }
)
BOX_PRESET = "box"
"""The rules that watch it."""


class LidPart(BaseModel):
    """A contact on the lid of the box, or on the cupboard that it stands in."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    sensor: Id = Field(description="id of the sensor on the lid, any that is listed under sensors")
    quantity: Quantity = Field(default=Quantity.DOOR, description="what it says when opened, e.g. door, tamper")
    value: float = Field(default=1.0, strict=True, description="the value that means open; for nearly all sensors 1")


class BoxPart(BaseModel):
    """The gateway's own box: its queue, card, clock, memory, temperature and power are watched unless it says no."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    watch: bool = Field(
        default=True,
        description="false: the rules of the preset box do not apply; single ones change with `- {use: box, ...}`",
    )
    tamper: tuple[LidPart, ...] = Field(
        default=(), description="contacts that tell when the box is opened; the centre is told at once"
    )

    def rules(self, named: Collection[str]) -> tuple[AnyRule, ...]:
        """Those of the preset, which every home has, but for the `named`: those a home writes by itself."""
        if not self.watch:
            return ()
        return tuple(rule for rule in rules_of(preset(BOX_PRESET)) if rule.id not in named)

    def lid_rules(self) -> tuple[Lasting, ...]:
        """One for each contact."""
        return tuple(
            Lasting(
                kind="lasting",
                id=f"box-opened-{lid.sensor}",
                sensors=(lid.sensor,),
                quantity=lid.quantity,
                equals=lid.value,
                lasts="0s",
                hazard=Quantity.TAMPER.value,
                severity=Severity.P3,
            )
            for lid in self.tamper
        )
