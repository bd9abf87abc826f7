"""What one adapter hears: each device as it was last heard, and the ears of those who wait for one."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

STATIONARY_S = 600.0
"""A device heard over this span with an address that does not change stands in the house: it should be heard again."""
_RECENT_S = 3600.0
_KNOWN_S = 25.0
"""bluetoothd forgets a device that is not bonded 30 s after it was heard; then it must be told of anew."""
_NO_ADVERT = ("Connected", "ServicesResolved", "Paired", "Bonded", "Trusted", "Blocked")
_ADVERTS_KEPT = 64
_SIGHTINGS_KEPT = 1000
_STATIC_RANDOM = 0b11


class Sighting(NamedTuple):
    """A device as last heard; `at` and `first_at` (the first time in a row) are the loop's time."""

    device: "BLEDevice"
    data: "AdvertisementData"
    at: float
    first_at: float


class Ear:
    """Adverts of one address, in the order of arrival; when full, the oldest goes."""

    def __init__(self, must_be_up: Callable[[], None], *, is_periodic: bool, takes_all: bool) -> None:
        """`must_be_up` raises DeviceError where the radio is down."""
        self.is_periodic = is_periodic
        self.takes_all = takes_all
        self._must_be_up = must_be_up
        self._heard: deque[Sighting] = deque(maxlen=_ADVERTS_KEPT)
        self._arrived = asyncio.Event()

    async def next(self) -> Sighting:
        """The next advert. Raises DeviceError where the radio is down."""
        while not self._heard:
            self._arrived.clear()
            self._must_be_up()
            await self._arrived.wait()
        return self._heard.popleft()

    def take(self, sighting: Sighting) -> None:
        """One was heard."""
        self._heard.append(sighting)
        self._arrived.set()

    def wake(self) -> None:
        """The radio has gone down."""
        self._arrived.set()


class Hearing:
    """All that is heard. `last_at` is the loop's time of the last advert."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self.last_at = float("-inf")
        self._ears: defaultdict[str, set[Ear]] = defaultdict(set)
        self._sightings: dict[str, Sighting] = {}
        self._here: set[str] = set()

    def heard(self, device: "BLEDevice", data: "AdvertisementData") -> None:
        """bleak tells of an advert; or of a link, which it takes for one."""
        now = _now()
        address = device.address.upper()
        before = self._sightings.get(address)
        link = _link_of(data)
        if link.get("Connected") or (before is not None and link != _link_of(before.data)):
            if before is not None:
                self._sightings[address] = before._replace(data=data)
            return
        first_at = before.first_at if before is not None and now - before.at < STATIONARY_S else now
        self._take(address, Sighting(device, data, now, first_at), is_news=True)

    def something_came(self) -> None:
        """An advert came, of whomever: nobody is deaf."""
        self.last_at = _now()

    def heard_again(self, address: str) -> bool:
        """An advert came that says nothing new; False where the device was not heard for long, or never."""
        before = self._sightings.get(address)
        if before is None or _now() - before.at > _KNOWN_S:
            return False
        self._take(address, before._replace(at=_now()), is_news=False)
        return True

    def is_awaited(self, address: str) -> bool:
        """Whether somebody waits for any advert of the device."""
        return any(ear.takes_all for ear in self._ears.get(address, ()))

    def meet(self, device: "BLEDevice", data: "AdvertisementData") -> None:
        """An advert came; what it says is not known, but that of an earlier one."""
        self._take(device.address.upper(), Sighting(device, data, _now(), _now()), is_news=False)

    def _take(self, address: str, sighting: Sighting, *, is_news: bool) -> None:
        self.last_at = sighting.at
        self._sightings.pop(address, None)  # the longest not heard stands first
        self._sightings[address] = sighting
        self._here.add(address)
        if len(self._sightings) > _SIGHTINGS_KEPT:
            oldest = next(iter(self._sightings))
            del self._sightings[oldest]
            self._here.discard(oldest)
        for ear in self._ears.get(address, ()):
            if is_news or ear.takes_all:
                ear.take(sighting)

    @contextmanager
    def ear(self, address: str, must_be_up: Callable[[], None], *, is_periodic: bool, takes_all: bool) -> Iterator[Ear]:
        """Hear the adverts of a device in the block; `takes_all`: also those that say nothing new."""
        ear = Ear(must_be_up, is_periodic=is_periodic, takes_all=takes_all)
        self._ears[address.upper()].add(ear)
        try:
            yield ear
        finally:
            self._ears[address.upper()].discard(ear)

    def wake(self) -> None:
        """Let all ears look whether the radio is up."""
        for ears in self._ears.values():
            for ear in ears:
                ear.wake()

    def sighting(self, address: str, *, within_s: float) -> Sighting | None:
        """The device as last heard, where that is not longer ago than `within_s`."""
        found = self._sightings.get(address.upper())
        return found if found is not None and _now() - found.at <= within_s else None

    def here(self, address: str, *, within_s: float) -> Sighting | None:
        """The same, where it was not `spent` since."""
        return self.sighting(address, within_s=within_s) if address.upper() in self._here else None

    def spend(self, address: str) -> None:
        """It is being connected to: only another advert says that it is there again."""
        self._here.discard(address.upper())

    def spend_all(self) -> None:
        """bluetoothd knows none of them any more."""
        self._here.clear()

    def sightings(self) -> list[Sighting]:
        """Every device as last heard."""
        return [*self._sightings.values()]

    def expected(self) -> set[str]:
        """Who should be heard: a house without neighbours may be silent for good."""
        now = _now()
        periodic = {address for address, ears in self._ears.items() if any(ear.is_periodic for ear in ears)}
        stationary = {
            address
            for address, sighting in self._sightings.items()
            if now - sighting.at < _RECENT_S
            and sighting.at - sighting.first_at >= STATIONARY_S
            and _never_changes(address, sighting.device)
        }
        return periodic | stationary


def _link_of(data: "AdvertisementData") -> dict[str, object]:
    """What bluetoothd shows of the device that no advert changes; bleak tells of each change of it, too."""
    shown = data.platform_data[1] if len(data.platform_data) > 1 else {}
    return {name: shown[name] for name in _NO_ADVERT if name in shown}


def _never_changes(address: str, device: "BLEDevice") -> bool:
    """Whether it is a public or static random address (Core specification, volume 6, part B, 1.3)."""
    kind = device.details["props"].get("AddressType") if isinstance(device.details, dict) else None
    return kind == "public" or int(address[:2], 16) >> 6 == _STATIC_RANDOM


def _now() -> float:
    return asyncio.get_running_loop().time()
