"""What chip and kernel keep from bluetoothd while it discovers: an advert that has not changed is told once a round.

The kernel has the chip drop duplicates, whatever a client asks for, and begins anew after each round. Until then it
does not hear again who has been told already, so it does not connect to them either. Measured with bluetoothd 5.66 and
Linux 6.1: an unchanged advert every 10.5 s, 9.7 s to connect while discovering, 0.3 s after StopDiscovery.
"""

import asyncio

from bumble.hci import Address

from simulators.ble.air import Advert

ROUND_S = 10.24
"""The kernel's DISCOV_LE_TIMEOUT."""


class Rounds:
    """The rounds of one adapter's discovery."""

    def __init__(self) -> None:
        """None has begun."""
        self.length_s = ROUND_S
        self._began = float("-inf")
        self._told: set[tuple[Address, bytes]] = set()

    def begin(self) -> None:
        """Discovery starts, or starts anew."""
        self._began = asyncio.get_running_loop().time()
        self._told.clear()

    def lets_through(self, advert: Advert) -> bool:
        """Whether this is the first of its like in this round."""
        if asyncio.get_running_loop().time() - self._began >= self.length_s:
            self.begin()
        like = (advert.address, advert.data)
        is_first = like not in self._told
        self._told.add(like)
        return is_first
