"""What a device offers, by the numbers of the Bluetooth SIG."""

from typing import NamedTuple


class Attribute(NamedTuple):
    """A characteristic by the 16-bit numbers of its service and itself."""

    service: int
    characteristic: int


def uuid_of(number: int) -> str:
    """The full UUID of a 16-bit number, as bluetoothd writes it."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"
