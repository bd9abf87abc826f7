"""Units as makers write them, into the unit of the quantity. One that is not known here is refused, never guessed."""

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from shouwang.bilingual import Bilingual
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value * factor + offset` is the value in the quantity's own unit."""

    factor: float = 1.0
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        """The value in the quantity's unit, without the noise of the arithmetic."""
        found = value * self.factor + self.offset
        return float(f"{found:.9g}") if math.isfinite(found) else found


_SAME = Conversion()
_MG_DL_PER_MMOL_L = 18.0156
"""Glucose, molar mass 180.156 g/mol."""

_KNOWN: dict[str, dict[str, Conversion]] = {
    "Cel": {
        **dict.fromkeys(("Cel", "°C", "℃", "C", "degC"), _SAME),
        **dict.fromkeys(("[degF]", "°F", "℉", "F", "degF"), Conversion(5 / 9, -160 / 9)),
        "K": Conversion(1.0, -273.15),
    },
    "%": {"%": _SAME},
    "hPa": {
        **dict.fromkeys(("hPa", "mbar"), _SAME),
        "Pa": Conversion(0.01),
        "kPa": Conversion(10.0),
        "bar": Conversion(1000.0),
        "mmHg": Conversion(1.333224),
        "inHg": Conversion(33.86389),
        "psi": Conversion(68.94757),
    },
    "mm[Hg]": {**dict.fromkeys(("mm[Hg]", "mmHg"), _SAME), "kPa": Conversion(7.500617)},
    "lx": dict.fromkeys(("lx", "lux", "Lux"), _SAME),
    "[ppm]": {**dict.fromkeys(("[ppm]", "ppm"), _SAME), **dict.fromkeys(("ppb", "[ppb]"), Conversion(0.001))},
    "ug/m3": {
        **dict.fromkeys(("ug/m3", "ug/m³", "µg/m³", "μg/m³", "µg/m3", "μg/m3"), _SAME),  # two signs look like mu
        **dict.fromkeys(("mg/m³", "mg/m3"), Conversion(1000.0)),
    },
    "W": {"W": _SAME, "kW": Conversion(1000.0), "mW": Conversion(0.001)},
    "kW.h": {
        **dict.fromkeys(("kW.h", "kWh"), _SAME),
        "Wh": Conversion(0.001),
        "MWh": Conversion(1000.0),
        "Wmin": Conversion(1 / 60_000),
    },
    "V": {"V": _SAME, "mV": Conversion(0.001)},
    "dB[mW]": dict.fromkeys(("dB[mW]", "dBm"), _SAME),
    "m": {"m": _SAME, "cm": Conversion(0.01), "mm": Conversion(0.001)},
    "cm": {"cm": _SAME, "m": Conversion(100.0), "mm": Conversion(0.1)},
    "kg": {"kg": _SAME, "g": Conversion(0.001), "lb": Conversion(0.45359237)},
    "/min": dict.fromkeys(("/min", "bpm", "BPM", "1/min"), _SAME),
    "mmol/L": {"mmol/L": _SAME, "mg/dL": Conversion(1 / _MG_DL_PER_MMOL_L)},
    "{steps}": dict.fromkeys(("{steps}", "steps"), _SAME),
    "%{LEL}": dict.fromkeys(("%{LEL}", "%LEL", "LEL"), _SAME),
}


def _one_line(written: str) -> str:
    if not written or len(written) > 16:
        raise ValueError(
            Bilingual(
                f'"{written[:20]}" is no unit; write it as the device\'s page does, e.g. °F, ppb, kW',
                zh=f"“{written[:20]}”不是单位；请照设备说明页写，例如 °F、ppb、kW",
            )
        )
    return written


Unit = Annotated[str, AfterValidator(_one_line)]


def units_of(quantity: Quantity) -> tuple[str, ...]:
    """The units in which this quantity may be said."""
    own = QUANTITIES[quantity].unit
    return tuple(_KNOWN.get(own, {own: _SAME}))


def conversion(quantity: Quantity, unit: str) -> Conversion:
    """From this unit into the quantity's own; raises DecodeError for one that is not known for it."""
    own = QUANTITIES[quantity].unit
    found = _KNOWN.get(own, {own: _SAME}).get(unit)
    if found is None:
        raise DecodeError(f"{quantity} in {unit[:20]!r} is not known; known: {', '.join(units_of(quantity))}")
    return found
