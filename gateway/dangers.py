"""Which hazards of rules are which danger in the house, and when the air is still dangerous by a sensor's own word."""

from collections.abc import Mapping

from config.cut_offs import Danger
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

_HAZARDS: Mapping[str, Danger] = {
    "gas": Danger.GAS,
    "gas-alarm": Danger.GAS,
    "gas-concentration": Danger.GAS,
    "carbon-monoxide": Danger.CARBON_MONOXIDE,
    "carbon-monoxide-alarm": Danger.CARBON_MONOXIDE,
    "smoke": Danger.SMOKE,
    "heat": Danger.HEAT,
    "heat-alarm": Danger.HEAT,
    "leak": Danger.LEAK,
    "stove": Danger.STOVE,
}
GAS_STILL_LEL = 3.0
"""EN 50194: detectors alarm between 3 and 20 % of the lower explosive limit; below 3 none does."""
MONOXIDE_STILL_PPM = 30.0
"""EN 50291: no alarm at 30 ppm within 2 h."""
_STILL: Mapping[Quantity, tuple[Danger, float]] = {
    Quantity.GAS_ALARM: (Danger.GAS, 1.0),
    Quantity.GAS_CONCENTRATION: (Danger.GAS, GAS_STILL_LEL),
    Quantity.CARBON_MONOXIDE_ALARM: (Danger.CARBON_MONOXIDE, 1.0),
    Quantity.CARBON_MONOXIDE: (Danger.CARBON_MONOXIDE, MONOXIDE_STILL_PPM),
    Quantity.SMOKE: (Danger.SMOKE, 1.0),
    Quantity.HEAT_ALARM: (Danger.HEAT, 1.0),
    Quantity.LEAK: (Danger.LEAK, 1.0),
}
IN_THE_ROOM = frozenset({Danger.GAS, Danger.CARBON_MONOXIDE, Danger.SMOKE, Danger.HEAT})
"""People must go out: what tells them so is never paused."""


def danger_of(hazard: str) -> Danger | None:
    """None for what is no danger of the house."""
    return _HAZARDS.get(hazard)


def danger_in(reading: Reading) -> tuple[Danger, bool] | None:
    """Of which danger a sensor speaks, and whether it is there; None for what is not about one."""
    found = _STILL.get(reading.quantity)
    if found is None or reading.is_late or reading.quality is Quality.IMPLAUSIBLE:
        return None
    danger, limit = found
    return danger, reading.value >= limit
