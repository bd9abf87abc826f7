"""What weight and body composition scales have in common: one system of units for all fields of a value.

Resolutions: GATT Specification Supplement, Weight Measurement and Body Composition Measurement. Those in a scale's
features say how fine it measures; they do not change how its values are written.
"""

from enum import StrEnum

from drivers.ble.codec.units import cm_of_inch, cm_of_m, kg_of_lb

UNSUCCESSFUL = 0xFFFF
"""In the place of the first value of a measurement that failed."""


class System(StrEnum):
    """The system of units."""

    METRIC = "METRIC"
    IMPERIAL = "IMPERIAL"

    @property
    def weight_unit(self) -> "WeightUnit":
        """Of all masses."""
        return WeightUnit.LB if self is System.IMPERIAL else WeightUnit.KG

    @property
    def height_unit(self) -> "HeightUnit":
        """Of the height."""
        return HeightUnit.INCHES if self is System.IMPERIAL else HeightUnit.METERS

    def mass(self, raw: int) -> float:
        """Steps of 0.005 kg or of 0.01 lb."""
        return raw / 100 if self is System.IMPERIAL else raw * 5 / 1000

    def height(self, raw: int) -> float:
        """Steps of 0.001 m or of 0.1 in."""
        return raw / 10 if self is System.IMPERIAL else raw / 1000

    def kg(self, mass: float) -> float:
        """A mass in kilograms."""
        return kg_of_lb(mass) if self is System.IMPERIAL else mass

    def cm(self, height: float) -> float:
        """A height in centimetres."""
        return cm_of_inch(height) if self is System.IMPERIAL else cm_of_m(height)


class WeightUnit(StrEnum):
    """What masses are written in."""

    KG = "KG"
    LB = "LB"


class HeightUnit(StrEnum):
    """What heights are written in."""

    METERS = "METERS"
    INCHES = "INCHES"
