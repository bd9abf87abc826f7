"""A device that a receiver hears: its strength now and then, numbers at a pace that begins anew with the receiver."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from fixtures.quick_time import run_quickly

from drivers.serial.ear_driver import STRENGTH_S, EarDriver
from drivers.serial.pace import Pace
from drivers.serial.receiver import Heard
from shouwang.driver import Said, Sample
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

EVERY_S = 100.0
STRONG = Sample(quantity=Quantity.SIGNAL_STRENGTH, value=-60.0)
WARM = Sample(quantity=Quantity.TEMPERATURE, value=21.0)


@dataclass(frozen=True)
class Device:
    id: str = "it"
    silence: timedelta | None = None


class Ear:
    """Hears the same every 100 s, so many times; then the receiver is lost."""

    def __init__(self, times: int) -> None:
        self.times = self.left = times

    async def connection(self) -> None:
        self.left = self.times

    async def next(self) -> Heard:
        if not self.left:
            raise DeviceError("the receiver was lost")
        self.left -= 1
        await asyncio.sleep(EVERY_S)
        return Heard(frame=b"x", at=asyncio.get_running_loop().time())


class Driver(EarDriver):
    def __init__(self, ear: Ear, *said: Said, pace: Pace | None = None) -> None:
        super().__init__(Device(), ear, copy_s=1.0, pace=pace)  # type: ignore[arg-type] # an ear of a test
        self._always = said

    def is_copy(self, heard: Heard) -> bool:
        return False

    def decoded(self, heard: Heard) -> list[Said]:
        return list(self._always)


def heard(driver: Driver, *, runs: int = 1) -> list[Sample]:
    found: list[Said] = []

    async def listen() -> None:
        for _ in range(runs):
            try:
                await driver.run(found.append)
            except DeviceError:
                continue

    run_quickly(listen())
    return [one for one in found if isinstance(one, Sample)]


def test_the_strength_is_told_once_in_a_quarter_of_an_hour() -> None:
    times = 2 * int(STRENGTH_S / EVERY_S) + 1
    assert len(heard(Driver(Ear(times), STRONG))) == 3


def test_other_values_are_told_each_time() -> None:
    assert len(heard(Driver(Ear(5), STRONG, WARM))) == 5 + 1


def test_numbers_come_at_the_pace_which_begins_anew_with_the_receiver() -> None:
    assert len(heard(Driver(Ear(3), WARM, pace=Pace(3600.0)))) == 1
    assert len(heard(Driver(Ear(3), WARM, pace=Pace(3600.0)), runs=2)) == 2
