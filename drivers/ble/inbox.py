"""The values of one device in the order of arrival, for whoever reads them next.

It outlives the device's connections: bluetoothd has confirmed what is in here, so the device will not say it again.
"""

import asyncio
from collections import deque

from drivers.ble.attribute import Attribute

CAPACITY = 256
"""Values; what a device keeps comes at once, and it keeps 30 to 250. When full, the oldest goes."""


class Inbox:
    """Empty at first."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._values: deque[tuple[Attribute, bytes]] = deque(maxlen=CAPACITY)
        self._changed = asyncio.Event()

    def put(self, attribute: Attribute, value: bytes) -> None:
        """One has come."""
        self._values.append((attribute, value))
        self._changed.set()

    def take(self) -> tuple[Attribute, bytes] | None:
        """The oldest one; None where there is none."""
        return self._values.popleft() if self._values else None

    def take_all(self) -> list[tuple[Attribute, bytes]]:
        """All that is there."""
        found = [*self._values]
        self._values.clear()
        return found

    def wake(self) -> None:
        """Let `changed` return, whatever has come."""
        self._changed.set()

    async def changed(self) -> None:
        """Return when something comes, or `wake` is called, after now."""
        self._changed.clear()
        await self._changed.wait()
