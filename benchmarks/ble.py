"""Fifty heart-rate straps at one gateway: `./dev bench ble [--json FILE]`. Exits 1 where a target is missed.

The straps, the simulated bluetoothd and our drivers share one process (and a dbus-daemon beside it), so the CPU is that
of both sides: an upper bound for the gateway's own. Each strap says another rate each second; the latency is from the
moment it speaks to the moment the driver emits.
"""

import asyncio
import math
import os
import sys
import time
from contextlib import AsyncExitStack

from _figures import Figure, options_of, report

from drivers.ble.heart_rate_monitor_hrs import HeartRateMonitorHrs
from drivers.ble.radio import Radio
from drivers.links import Links
from shouwang.driver import Emitted, Sample
from shouwang.quantities import Quantity
from simulators.ble.bluez import bluez
from simulators.ble.bus import private_bus
from simulators.ble.heart_rate import HeartRateStrap
from simulators.ble.radio import Radio as Air
from simulators.tally import Tally

STRAPS = 50
SECONDS = 20
FIRST_RATE = 40


class Ear:
    """What one driver emits: how many rates, and how long each was on its way."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self.rates = 0
        self.said_at = 0.0
        self.waits: list[float] = []

    def __call__(self, said: Emitted) -> None:
        """One was said."""
        if isinstance(said, Sample) and said.quantity is Quantity.HEART_RATE:
            self.rates += 1
            self.waits.append(time.perf_counter() - self.said_at)


def _address(number: int) -> str:
    return f"C0:FF:EE:00:10:{number:02X}"


async def measure() -> list[Figure]:
    """All figures of one run."""
    async with AsyncExitStack() as stack:
        dbus = await stack.enter_async_context(private_bus())
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = dbus
        air, tally = Air(), Tally()
        straps = [
            HeartRateStrap(
                air,
                tally,
                sensor_id=f"strap-{number}",
                address=_address(number),
                speaks=False,
                advertising_interval_ms=500,
            )
            for number in range(STRAPS)
        ]
        for strap in straps:
            await stack.enter_async_context(strap.running())
        await stack.enter_async_context(bluez(dbus, air))
        return await _with_drivers(straps)


async def _with_drivers(straps: list[HeartRateStrap]) -> list[Figure]:
    links = Links(radios={"hci0": Radio("hci0", slots=STRAPS + 1)})
    ears = [Ear() for _ in straps]
    began = time.perf_counter()
    tasks = [asyncio.create_task(links.radio("hci0").run(lambda _: None), name="radio")]
    for number, ear in enumerate(ears):
        config = HeartRateMonitorHrs(kind="heart_rate_monitor_hrs", id=f"strap-{number}", address=_address(number))
        tasks.append(asyncio.create_task(config.build(links).run(ear), name=config.id))
    try:
        async with asyncio.timeout(180):
            for strap in straps:
                await strap.wait_for_listener()
        connected_s = time.perf_counter() - began
        await asyncio.sleep(1.0)
        return [Figure(name="all connected and listening", value=connected_s, unit="s"), *await _speak(straps, ears)]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _speak(straps: list[HeartRateStrap], ears: list[Ear]) -> list[Figure]:
    cpu, wall = time.process_time(), time.perf_counter()
    for second in range(SECONDS):
        for strap, ear in zip(straps, ears, strict=True):
            ear.said_at = time.perf_counter()
            await strap.say(FIRST_RATE + second)
            await asyncio.sleep(1 / STRAPS * 0.9)
        await asyncio.sleep(max(0.0, wall + second + 1 - time.perf_counter()))
    await asyncio.sleep(1.0)
    share = 100 * (time.process_time() - cpu) / (time.perf_counter() - wall)
    waits = sorted(wait for ear in ears for wait in ear.waits)
    heard, said = sum(ear.rates for ear in ears), STRAPS * SECONDS
    return [
        Figure(name="rates lost", value=max(0, said - heard), unit="", target=0),
        Figure(name="rates doubled", value=max(0, heard - said), unit="", target=0),
        Figure(name="CPU, straps and bluetoothd simulated in the same process", value=share, unit="% of a core"),
        Figure(name="a strap speaks to the driver emits, p50", value=1000 * _quantile(waits, 0.5), unit="ms"),
        Figure(name="the same, p99", value=1000 * _quantile(waits, 0.99), unit="ms", target=100),
    ]


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def main() -> int:
    """Measure, print, write; 1 where a target is missed."""
    options = options_of(__doc__).parse_args()
    return report(asyncio.run(measure()), options.json, straps=STRAPS)


if __name__ == "__main__":
    sys.exit(main())
