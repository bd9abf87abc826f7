"""Units in which makers of Modbus units give their values, and how they become those of our quantities (UCUM)."""

CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("[degF]", "Cel"): (1 / 1.8, -32 / 1.8),
    ("K", "Cel"): (1.0, -273.15),
    ("Pa", "hPa"): (0.01, 0.0),
    ("kPa", "hPa"): (10.0, 0.0),
    ("mbar", "hPa"): (1.0, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("klx", "lx"): (1000.0, 0.0),
    ("kW", "W"): (1000.0, 0.0),
    ("W.h", "kW.h"): (0.001, 0.0),
    ("mV", "V"): (0.001, 0.0),
    ("[ppb]", "[ppm]"): (0.001, 0.0),
    ("mg/m3", "ug/m3"): (1000.0, 0.0),
}
"""(given, wanted) to factor and shift. A gas in mg/m3 is not here: how many ppm that is depends on the gas."""
