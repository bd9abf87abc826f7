"""One output that is on or off: a pin, a relay, a plug, a valve."""

from typing import Protocol


class Switch(Protocol):
    """One output of the home."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    @property
    def reported(self) -> bool | None:
        """How the device itself last said that it stands; None where it says nothing."""
        ...

    async def set(self, on: bool) -> None:  # noqa: FBT001 - read aloud: set(True)
        """Switch it; returns when it is as sure as this device makes it. Raises DeviceError, after seconds at most."""
        ...
