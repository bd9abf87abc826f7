"""What judging costs: `./dev bench judging [--json FILE]`. Exits 1 where a target is missed.

Counted in seconds of one core. Node-RED and Home Assistant stand beside as measured on one shared x86 machine (shared
design, anchors): messages a second that they held, with one rule.
"""

import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from _figures import Figure, options_of, report

from config.presets import preset, preset_names
from rules.bound import BoundRule, HomeFacts
from rules.engine import Engine, Saved
from rules.fall_wearable import FallWearable
from rules.preset import rules_of
from rules.threshold import Threshold
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Reading

NODE_RED_HELD, HOME_ASSISTANT_HELD = 4000, 1000
ROUNDS = 5
COUNT = 60_000
_START = datetime(2026, 11, 1, tzinfo=UTC)
_DAY_S = 86_400
HOME = HomeFacts(
    resident_id="r",
    emits={
        "oximeter": frozenset({Quantity.SPO2, Quantity.HEART_RATE, Quantity.BATTERY}),
        "bed": frozenset({Quantity.BED, Quantity.MOTION, Quantity.RESPIRATORY_RATE, Quantity.HEART_RATE}),
        "kitchen": frozenset(
            {Quantity.MOTION, Quantity.TEMPERATURE, Quantity.HUMIDITY, Quantity.POWER, Quantity.SMOKE}
        ),
        "bath": frozenset({Quantity.PRESENCE, Quantity.FALL, Quantity.MOTION}),
        "door": frozenset({Quantity.DOOR, Quantity.BATTERY}),
        "fob": frozenset({Quantity.SOS, Quantity.CANCEL, Quantity.BUTTON, Quantity.MEDICATION}),
        "cuff": frozenset({Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.HEART_RATE}),
        "air": frozenset({Quantity.CARBON_MONOXIDE, Quantity.CO2, Quantity.TEMPERATURE}),
    },
)
USUAL = {
    Quantity.SPO2: (95.0, 99.0),
    Quantity.HEART_RATE: (62.0, 88.0),
    Quantity.BATTERY: (60.0, 90.0),
    Quantity.RESPIRATORY_RATE: (12.0, 18.0),
    Quantity.TEMPERATURE: (19.0, 24.0),
    Quantity.HUMIDITY: (40.0, 60.0),
    Quantity.POWER: (0.0, 60.0),
    Quantity.SYSTOLIC: (118.0, 138.0),
    Quantity.DIASTOLIC: (70.0, 84.0),
    Quantity.CARBON_MONOXIDE: (0.0, 4.0),
    Quantity.CO2: (500.0, 900.0),
}
"""Ordinary values; states are said as 0 or 1, events are left out."""


def main() -> int:
    """Measure, print, write."""
    options = options_of(__doc__).parse_args()
    all_rules = [bound for name in preset_names() for rule in rules_of(preset(name)) for bound in rule.bind(HOME)]
    readings = ordinary(COUNT, apart_ms=1000)
    plain = per_second(all_rules, readings)
    idle = [*all_rules, *_unconcerned(10 * len(all_rules))]
    crowded = per_second(idle, readings)
    month = ordinary(30 * _DAY_S // 20, apart_ms=20_000)  # a reading in 20 s over all sensors
    began = time.process_time()
    saved = judged(all_rules, month)
    month_s = time.process_time() - began
    size = sum(len(key) + len(one.state) for key, one in saved.items())
    walking, jumping = accelerations(jumps=False), accelerations(jumps=True)
    figures = [
        Figure(name="readings a second, all presets on", value=plain, target=100_000, at_least=True),
        Figure(name="  as against Node-RED with one rule", value=plain / NODE_RED_HELD, unit="times"),
        Figure(name="  as against Home Assistant", value=plain / HOME_ASSISTANT_HELD, unit="times"),
        Figure(
            name=f"cost of {len(idle) - len(all_rules)} rules that watch something else",
            value=100 * (plain / crowded - 1),
            unit="%",
            target=10,
        ),
        Figure(name="fall rule, an accelerometer sample of walking", value=sample_us(walking), unit="us", target=10),
        Figure(name="fall rule, of somebody who jumps all the time", value=sample_us(jumping), unit="us"),
        Figure(name=f"a month of one home ({len(month)} readings)", value=month_s, unit="s", target=5),
        Figure(name="state of the home after it", value=size / 1024, unit="KiB", target=1024),
    ]
    return report(figures, options.json)


def ordinary(count: int, *, apart_ms: int) -> list[Reading]:
    """Quiet days of the home, one reading after another over all sensors and quantities."""
    chance = random.Random(1)
    said = [
        (sensor, quantity)
        for sensor, quantities in HOME.emits.items()
        for quantity in sorted(quantities)
        if not QUANTITIES[quantity].event and not QUANTITIES[quantity].life_safety
    ]
    found = []
    for number in range(count):
        sensor, quantity = said[number % len(said)]
        low, high = USUAL.get(quantity, (0.0, 1.0))
        value = round(chance.uniform(low, high), 1) if quantity in USUAL else float(chance.random() < 0.3)
        mono = number * apart_ms
        found.append(
            Reading(
                sensor_id=sensor, quantity=quantity, value=value, at=_START + timedelta(milliseconds=mono), mono=mono
            )
        )
    return found


def judged(rules: Sequence[BoundRule], readings: Sequence[Reading]) -> dict[str, Saved]:
    """The states after these readings."""
    engine, saved = Engine(rules, {}), dict[str, Saved]()
    for one in readings:
        saved.update(engine.feed(one).changed)
    return saved


def per_second(rules: Sequence[BoundRule], readings: Sequence[Reading]) -> float:
    """Readings a second, the median of some rounds."""

    def once() -> None:
        engine = Engine(rules, {})
        for one in readings:
            engine.feed(one)

    return len(readings) / _median_s(once)


def accelerations(*, jumps: bool) -> list[Reading]:
    """Ten minutes at 50 Hz of a person who walks, or who hits the ground twice in three seconds."""
    chance = random.Random(2)
    found = []
    for number in range(30_000):
        swing = 0.25 * math.sin(2 * math.pi * 1.8 * number / 50) + chance.gauss(0, 0.03)
        hit = 3.0 if jumps and number % 75 == 0 else 0.0
        x, y, z = 0.1 + chance.gauss(0, 0.02), -1.0 + swing - hit, 0.2 + chance.gauss(0, 0.02)
        mono = number * 20
        found.append(
            Reading(
                sensor_id="belt",
                quantity=Quantity.ACCELERATION,
                value=math.sqrt(x * x + y * y + z * z),
                at=_START + timedelta(milliseconds=mono),
                mono=mono,
                axes=(x, y, z),
            )
        )
    return found


def sample_us(readings: Sequence[Reading]) -> float:
    """Microseconds for one sample in the rule itself."""
    facts = HomeFacts(resident_id="r", emits={"belt": frozenset({Quantity.ACCELERATION})})
    rule = FallWearable(kind="fall_wearable", id="fall", worn="waist").bind(facts)[0].rule

    def once() -> None:
        state = rule.start()
        for one in readings:
            state = rule.step(state, one).state

    return _median_s(once) / len(readings) * 1e6


def _unconcerned(count: int) -> list[BoundRule]:
    facts = HomeFacts(resident_id="r", emits={"freezer": frozenset({Quantity.AIR_PRESSURE})})
    return [
        bound
        for number in range(count)
        for bound in Threshold(kind="threshold", id=f"idle-{number}", quantity=Quantity.AIR_PRESSURE, below=900.0).bind(
            facts
        )
    ]


def _median_s(work: Callable[[], None]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return statistics.median(spent)


if __name__ == "__main__":
    sys.exit(main())
