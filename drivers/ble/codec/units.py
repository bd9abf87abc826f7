"""From the units that devices choose to the canonical ones of `shouwang/quantities.py`.

Results are rounded to a millionth: finer than any of these devices measures, coarser than the error of a float, so
that 97.7 degrees Fahrenheit are 36.5 Celsius and not 36.50000000000001.
"""

_DECIMALS = 6

PA_PER_MMHG = 133.322387415  # conventional millimetre of mercury, exact (ISO 80000-4; 13 595.1 kg/m3 x 9.806 65 m/s2)
KG_PER_LB = 0.45359237  # avoirdupois pound, exact (international agreement of 1959)
CM_PER_INCH = 2.54  # exact, same agreement
GLUCOSE_G_PER_MOL = 180.16  # PubChem, compound 5793, D-glucose: so 1 mmol/L is 18.016 mg/dL


def mmhg_of_kpa(kpa: float) -> float:
    """Millimetres of mercury."""
    return round(kpa * 1000 / PA_PER_MMHG, _DECIMALS)


def kg_of_lb(pounds: float) -> float:
    """Kilograms."""
    return round(pounds * KG_PER_LB, _DECIMALS)


def cm_of_inch(inches: float) -> float:
    """Centimetres."""
    return round(inches * CM_PER_INCH, _DECIMALS)


def cm_of_m(metres: float) -> float:
    """Centimetres."""
    return round(metres * 100, _DECIMALS)


def celsius_of_fahrenheit(degrees: float) -> float:
    """Degrees Celsius."""
    return round((degrees - 32) * 5 / 9, _DECIMALS)


def mmol_of_mg_dl(mg_dl: float) -> float:
    """Millimoles of glucose in a litre."""
    return round(mg_dl * 10 / GLUCOSE_G_PER_MOL, _DECIMALS)


def mmol_of_kg_l(kg_l: float) -> float:
    """Millimoles of glucose in a litre."""
    return round(kg_l * 1_000_000 / GLUCOSE_G_PER_MOL, _DECIMALS)


def mmol_of_mol_l(mol_l: float) -> float:
    """Millimoles in a litre."""
    return round(mol_l * 1000, _DECIMALS)


def grams_of_kg(kilograms: float) -> float:
    """Grams."""
    return round(kilograms * 1000, _DECIMALS)
