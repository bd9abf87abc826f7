"""Values and durations as people say them, in both languages."""

from shouwang.alert import Sentence
from shouwang.quantities import QUANTITIES, Quantity

_SPOKEN = {
    "/min": Sentence(zh="次/分", en="per minute"),
    "/d": Sentence(zh="次/天", en="per day"),
    "1": Sentence(zh="", en=""),
    "mm[Hg]": Sentence(zh="毫米汞柱", en="mmHg"),
    "Cel": Sentence(zh="℃", en="°C"),
    "mmol/L/min": Sentence(zh="mmol/L 每分钟", en="mmol/L per minute"),
    "kg/m2": Sentence(zh="kg/m²", en="kg/m²"),
    "Ohm": Sentence(zh="欧", en="ohm"),
    "dB[mW]": Sentence(zh="dBm", en="dBm"),
    "[g]": Sentence(zh="g", en="g"),
    "%{LEL}": Sentence(zh="% LEL", en="% LEL"),
    "kW.h": Sentence(zh="度", en="kWh"),
    "[ppm]": Sentence(zh="ppm", en="ppm"),
    "ug/m3": Sentence(zh="微克/立方米", en="µg/m³"),
    "{index}": Sentence(zh="", en=""),
}
"""What people call a unit; the others are said as UCUM writes them."""
_WHOLE_FROM = 1000
_SPANS = ((3_600_000, "小时", "h"), (60_000, "分钟", "min"), (1000, "秒", "s"))


def value(quantity: Quantity, number: float) -> Sentence:
    """A number with its unit, e.g. `87 %`, `42 次/分`."""
    written = QUANTITIES[quantity].unit
    unit = _SPOKEN.get(written, Sentence(zh=written, en=written))
    digits = f"{number:.4g}" if abs(number) < _WHOLE_FROM else f"{number:.0f}"  # never 1.2e+04
    return Sentence(zh=f"{digits} {unit.zh}".rstrip(), en=f"{digits} {unit.en}".rstrip())


def name(quantity: Quantity) -> Sentence:
    """What people call the quantity."""
    return Sentence(zh=QUANTITIES[quantity].zh, en=QUANTITIES[quantity].en)


def span(ms: int) -> Sentence:
    """A duration in its two largest units, e.g. `1 min 30 s`; under a second in tenths."""
    if 0 < ms < 1000:
        return Sentence(zh=f"{ms / 1000:.1g} 秒", en=f"{ms / 1000:.1g} s")
    zh, en, left = [], [], ms
    for size, zh_unit, en_unit in _SPANS:
        count, left = divmod(left, size)
        if count:
            zh.append(f"{count} {zh_unit}")
            en.append(f"{count} {en_unit}")
    return Sentence(zh=" ".join(zh[:2]) or "0 秒", en=" ".join(en[:2]) or "0 s")
