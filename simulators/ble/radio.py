"""The Bluetooth of one home without a radio: devices, adapters and beacons that share one air."""

from collections import defaultdict
from collections.abc import Callable

from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address
from bumble.host import Host
from bumble.pairing import PairingConfig, PairingDelegate

from simulators.ble.air import AdapterController, Air, DeviceController, Hear

Delivered = Callable[[str, bytes], None]
"""Told a peripheral's address and a value of it that was signalled to a client which had asked for it."""


class Radio:
    """What all devices of one home share; `air` tells who reaches whom."""

    def __init__(self) -> None:
        """Nobody is there yet."""
        self.air = Air()
        self._told: defaultdict[str, list[Callable[[bytes], None]]] = defaultdict(list)

    def device(self, address: str, name: str, *, advertising_interval_ms: float = 200) -> Device:
        """A peripheral with this static random address; not powered yet."""
        config = DeviceConfiguration(
            name=name,
            address=Address(address),
            advertising_interval_min=advertising_interval_ms,
            advertising_interval_max=advertising_interval_ms,
        )
        controller = DeviceController(name, self.air)
        return Device(config=config, host=Host(controller, controller))

    def adapter(self, address: str, name: str, hear: Hear) -> tuple[Device, AdapterController]:
        """An adapter that hears all adverts in its reach, as the central of connections; not powered yet."""
        controller = AdapterController(name, self.air, hear)
        config = DeviceConfiguration(name=name, address=Address(address))
        return Device(config=config, host=Host(controller, controller)), controller

    def advertise(self, address: str, data: bytes, *, is_connectable: bool = False) -> None:
        """One advert of a device that is nothing but a beacon."""
        self.air.advertise(Address(address), data, is_connectable=is_connectable)

    def on_delivered(self, address: str, told: Callable[[bytes], None]) -> None:
        """Have `told` called with each value of that peripheral that was handed to a listener."""
        self._told[address].append(told)

    def delivered(self, address: str, value: bytes) -> None:
        """A value of `address` was handed to a listener."""
        for told in self._told[address]:
            told(value)


def bonding(capability: PairingDelegate.IoCapability) -> PairingConfig:
    """How either side pairs: LE Secure Connections, bonding. Addresses are static, so no identity keys are given."""
    keys = PairingDelegate.KeyDistribution.DISTRIBUTE_ENCRYPTION_KEY
    delegate = PairingDelegate(capability, keys, keys)
    return PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate)
