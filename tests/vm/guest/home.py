"""A home in the guest: the product's radio and pulse oximeter as the gateway runs them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from fixtures.heard import Heard, supervised
from vm.guest.client import Air

from drivers.ble import radio as radio_module
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.ble.radio import Radio
from drivers.ble.scan import Scan
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Driver
from shouwang.quantities import Quantity
from shouwang.status import SensorState

ADDRESS = "C0:FF:EE:00:01:01"
UP, DOWN = SensorState.UP, SensorState.DOWN
PATIENCE_S = 240.0
"""Several searches and connects at the speed of an emulated processor that others use too."""


class Home:
    """One oximeter and one radio; what they say is in `heard` and `radio`."""

    def __init__(self, air: Air, heard: Heard, radio: Heard) -> None:
        self._air = air
        self.heard = heard
        self.radio = radio
        self.said: list[float] = []

    async def says_once(self, *spo2: float) -> None:
        """Values that are said now are heard exactly once each; none of before is heard again."""
        self.said += spo2
        await self._air("say", address=ADDRESS, spo2=[*spo2])
        await self.until(lambda: all(self.heard.count(Quantity.SPO2, value) for value in spo2))
        counts = [self.heard.count(Quantity.SPO2, value) for value in self.said]
        assert counts == [1] * len(self.said)

    @asynccontextmanager
    async def loss(self) -> AsyncIterator[None]:
        """What happens in the block costs the oximeter its link; it is well again at the end."""
        told = len(self.heard.states)
        yield
        await self.until(lambda: DOWN in self.heard.states[told:] and self.heard.states[-1] is UP)

    async def until(self, seen: Callable[[], object]) -> None:
        """Return when it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not seen():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_home(air: Air, monkeypatch: pytest.MonkeyPatch, *, scan: Scan = "active") -> AsyncIterator[Home]:
    """With an oximeter in the air that says what it is told to; both are well at first."""
    be_quick(monkeypatch)
    await air("oximeter", address=ADDRESS)
    links = Links(radios={"hci0": Radio("hci0", scan=scan)})
    oximeter: Driver = PulseOximeterPlx(kind="pulse_oximeter_plx", id="oximeter", address=ADDRESS).build(links)
    async with supervised(oximeter, links.radio("hci0")) as (heard, radio):
        home = Home(air, heard, radio)
        await home.until(lambda: UP in heard.states)
        yield home


def be_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is lost be tried again soon."""
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.1)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 1.0)
    monkeypatch.setattr(radio_module, "CHECK_S", 1.0)
