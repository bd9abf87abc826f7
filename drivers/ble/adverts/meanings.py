"""What the words of the sensor-state-data libraries mean to us: device class and unit to quantity and number.

The classes are those of sensor-state-data 2 and its extensions in bthome-ble and xiaomi-ble, as text: importing them
for their names would load the libraries.
"""

from collections.abc import Callable, Mapping

from shouwang.quantities import Quantity

MEASURES: Mapping[str, Quantity] = {
    "temperature": Quantity.TEMPERATURE,
    "humidity": Quantity.HUMIDITY,
    "pressure": Quantity.AIR_PRESSURE,
    "battery": Quantity.BATTERY,
    "voltage": Quantity.BATTERY_VOLTAGE,
    "illuminance": Quantity.ILLUMINANCE,
    "carbon_dioxide": Quantity.CO2,
    "carbon_monoxide": Quantity.CARBON_MONOXIDE,
    "pm1": Quantity.PM1,
    "pm25": Quantity.PM2_5,
    "pm4": Quantity.PM4,
    "pm10": Quantity.PM10,
    "voc_index": Quantity.VOC_INDEX,
    "mass": Quantity.WEIGHT,
    "impedance": Quantity.IMPEDANCE,
    "heart_rate": Quantity.HEART_RATE,
}

# A class "moving" or "vibration" tells of the thing that bears the sensor, "motion" of a person before it.
STATES: Mapping[str, Quantity] = {
    "door": Quantity.DOOR,
    "garage_door": Quantity.DOOR,
    "window": Quantity.DOOR,
    "opening": Quantity.DOOR,
    "smoke": Quantity.SMOKE,
    "moisture": Quantity.LEAK,
    "gas": Quantity.GAS_ALARM,
    "carbon_monoxide": Quantity.CARBON_MONOXIDE_ALARM,
    "motion": Quantity.MOTION,
    "moving": Quantity.VIBRATION,
    "vibration": Quantity.VIBRATION,
    "occupancy": Quantity.PRESENCE,
    "presence": Quantity.PRESENCE,
    "tamper": Quantity.TAMPER,
    "pry_the_door": Quantity.TAMPER,
    "device_forcibly_removed": Quantity.TAMPER,
    "problem": Quantity.PROBLEM,
    "battery": Quantity.BATTERY_LOW,
}

# The codes of BTHome object 3A, for all makers. 129 (hold released) is no press.
PRESSES: Mapping[str, int] = {
    "press": 1,
    "double_press": 2,
    "triple_press": 3,
    "long_press": 4,
    "long_double_press": 5,
    "long_triple_press": 6,
    "hold_press": 128,
}

EVENTS: Mapping[str, Quantity] = {
    "motion": Quantity.MOTION,
    "motion_detected": Quantity.MOTION,
    "vibration": Quantity.VIBRATION,
}


def _times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


def _same(value: float) -> float:
    return value


def _celsius(fahrenheit: float) -> float:
    return (fahrenheit - 32) * 5 / 9


# From the library's unit to the quantity's own; a unit that is not here is no measurement.
_UNITS: Mapping[Quantity, Mapping[str | None, Callable[[float], float]]] = {
    Quantity.TEMPERATURE: {"°C": _same, "°F": _celsius},
    Quantity.HUMIDITY: {"%": _same},
    Quantity.AIR_PRESSURE: {"hPa": _same, "mbar": _same, "Pa": _times(0.01), "kPa": _times(10)},
    Quantity.BATTERY: {"%": _same},
    Quantity.BATTERY_VOLTAGE: {"V": _same, "mV": _times(0.001)},
    Quantity.ILLUMINANCE: {"lx": _same},
    Quantity.CO2: {"ppm": _same},
    Quantity.CARBON_MONOXIDE: {"ppm": _same},
    Quantity.PM1: {"µg/m³": _same},
    Quantity.PM2_5: {"µg/m³": _same},
    Quantity.PM4: {"µg/m³": _same},
    Quantity.PM10: {"µg/m³": _same},
    Quantity.VOC_INDEX: {None: _same},
    Quantity.WEIGHT: {"kg": _same, "g": _times(0.001), "lb": _times(0.45359237)},  # NIST SP 811, appendix B.8
    Quantity.IMPEDANCE: {"ohm": _same},
    Quantity.HEART_RATE: {"bpm": _same},
}


def canonical(quantity: Quantity, value: float, unit: str | None) -> float | None:
    """The value in the quantity's unit; None where the unit is none that we know for it."""
    convert = _UNITS[quantity].get(unit)
    return None if convert is None else convert(value)
