"""How fast values are read, on one core: `./dev bench decode [--json FILE]`. Exits 1 where the target is missed.

Each frame goes from bytes to samples, as in a driver. The rows of `shouwang decode` go from JSON to JSON.
"""

import statistics
import sys
import time
from collections.abc import Callable

import msgspec
from _figures import Figure, options_of, report

from drivers.ble.codec import blood_pressure, body_composition, cgm, glucose, heart_rate, pulse_oximeter, thermometer
from drivers.decode import answer_line
from shouwang.driver import Said

ROUNDS = 7
SECONDS_A_ROUND = 0.3


def _heart_rate(frame: bytes) -> list[Said]:
    return heart_rate.samples(heart_rate.decode_heart_rate(frame), frame)


def _blood_pressure(frame: bytes) -> list[Said]:
    return blood_pressure.samples(blood_pressure.decode_blood_pressure(frame), frame)


def _temperature(frame: bytes) -> list[Said]:
    return thermometer.samples(thermometer.decode_temperature(frame), frame)


def _oximeter(frame: bytes) -> list[Said]:
    return pulse_oximeter.samples(pulse_oximeter.decode_continuous(frame), frame)


def _glucose(frame: bytes) -> list[Said]:
    return glucose.samples(glucose.decode_glucose(frame), frame)


def _monitor(frame: bytes) -> list[Said]:
    return cgm.samples(cgm.decode_cgm_measurement(frame), frame)


def _composition(frame: bytes) -> list[Said]:
    return body_composition.samples(body_composition.decode_body_composition(frame), frame)


def _row(line: bytes) -> bytes:
    return msgspec.json.encode(answer_line(line))


# A strap at rest sends one or two intervals with most frames; all kinds of frames are in the mix.
_STRAP = ("0648", "16480003", "16480003ff02", "1e483200ff020003", "01c800")
_ROWS = tuple(
    f'{{"id":"{number}","format":"gatt","characteristic":"2A37","hex":"{hexed}"}}'.encode()
    for number, hexed in enumerate(_STRAP)
)


def _frames(*hexed: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(one) for one in hexed)


def measure() -> list[Figure]:
    """All figures of one run."""
    found = [_figure("heart rate, frames", _heart_rate, _frames(*_STRAP), target=100_000)]
    for name, read, frame in (
        ("blood pressure, all fields", _blood_pressure, "1e8a00580078000000041114293b3c00012700"),
        ("temperature, all fields", _temperature, "06b00e00fedc070c050b321b04"),
        ("oximeter, all fields", _oximeter, "1fdef3caf3caf35af5d4f3b2f220010000007ae3"),
        ("glucose record, all fields", _glucose, "1f0200e40705150a1e2d00005100140600"),
        ("glucose monitor, all fields and check sum", _monitor, "0fe3d2e405000214ff02f0e5f38e3f"),
        (
            "body composition, all fields",
            _composition,
            "fe0f3200e80706140a1e00054006c800b80be02e1027401f401fb036d606",
        ),
    ):
        found.append(_figure(name, read, _frames(frame)))
    found.append(_figure("rows of `shouwang decode`, JSON to JSON", _row, _ROWS))
    return found


def _figure(
    name: str, read: Callable[[bytes], object], frames: tuple[bytes, ...], target: float | None = None
) -> Figure:
    """The median of some rounds, in CPU time of this process: what others do on the machine does not count."""
    rates = []
    for _ in range(ROUNDS):
        done, began = 0, time.process_time()
        while (spent := time.process_time() - began) < SECONDS_A_ROUND:
            for _ in range(200):
                for frame in frames:
                    read(frame)
            done += 200 * len(frames)
        rates.append(done / spent)
    return Figure(name=name, value=statistics.median(rates), unit="/s", target=target, at_least=True)


def main() -> int:
    """Print the table, write the JSON; 1 where the target is missed."""
    options = options_of(__doc__).parse_args()
    return report(measure(), options.json)


if __name__ == "__main__":
    sys.exit(main())
