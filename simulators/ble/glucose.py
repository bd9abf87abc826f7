"""Glucose in the two units that meters and sensors speak."""

from simulators.ble.numbers import Number

G_PER_MOL = 180.16
"""Of glucose (PubChem, compound 5793): 1 mmol/L is 18.016 mg/dL."""


def mmol(mg_dl: Number) -> Number:
    """Millimoles in a litre, to a millionth; what is no number stays as it is."""
    return round(mg_dl * 10 / G_PER_MOL, 6) if isinstance(mg_dl, (int, float)) else mg_dl


def mg(mmol_l: float) -> float:
    """Milligrams in a decilitre."""
    return mmol_l * G_PER_MOL / 10
