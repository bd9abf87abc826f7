"""How figures are written for people, always rounded in the same way."""

from fractions import Fraction


def written(value: Fraction | None, digits: int = 2) -> str:
    """A number for people; a dash where there was nothing to count."""
    if value is None:
        return "–"
    scaled = round(abs(value) * 10**digits)
    whole, rest = divmod(scaled, 10**digits)
    return f"{'−' if value < 0 and scaled else ''}{whole}" + (f".{rest:0{digits}d}" if digits else "")


def percent(value: Fraction | None) -> str:
    """A share for people, to the hundredth of a percent."""
    return written(None if value is None else 100 * value) + ("" if value is None else " %")
