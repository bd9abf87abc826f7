"""A simulated adapter as the kernel's /dev/vhci, so that bluetoothd takes it for a chip on USB."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bumble.hci import (
    Address,
    HCI_ErrorCode,
    HCI_LE_Advertising_Report_Event,
    HCI_LE_Set_Scan_Enable_Command,
    HCI_StatusReturnParameters,
)
from bumble.transport.vhci import open_vhci_transport

from simulators.ble.air import AdapterController, Advert
from simulators.ble.radio import Radio

ADDRESS = "00:00:5E:00:53:01"
"""Of the block that RFC 7042 sets aside for documentation."""

_Kind = HCI_LE_Advertising_Report_Event.EventType


class _Chip:
    """What a chip does that bumble's controller leaves out: it filters duplicates for the kernel."""

    def __init__(self, radio: Radio) -> None:
        """Not connected to the kernel yet."""
        _, self.controller = radio.adapter(ADDRESS, "vhci", self._hear)
        # bumble's link takes the random address for the sender of all data; the kernel changes it while it scans.
        self.controller.public_address = self.controller.random_address = _PUBLIC
        self._enable_scan = self.controller.on_hci_le_set_scan_enable_command
        self._told: set[tuple[Address, bytes]] = set()
        self._replace("set_random_address", lambda _command: HCI_StatusReturnParameters(HCI_ErrorCode.SUCCESS))
        self._replace("set_scan_enable", self._scan_anew)

    def _replace(self, name: str, answer: object) -> None:
        setattr(self.controller, f"on_hci_le_{name}_command", answer)

    def _scan_anew(self, command: HCI_LE_Set_Scan_Enable_Command) -> HCI_StatusReturnParameters | None:
        self._told.clear()
        return self._enable_scan(command)

    def _hear(self, advert: Advert) -> None:
        controller = self.controller
        if not controller.le_scan_enable:
            return
        if controller.filter_duplicates and (advert.address, advert.data) in self._told:
            return
        self._told.add((advert.address, advert.data))
        answers = advert.is_connectable and controller.le_scan_type == _ACTIVE
        _report(controller, advert, _Kind.ADV_IND if advert.is_connectable else _Kind.ADV_NONCONN_IND, advert.data)
        if answers:
            _report(controller, advert, _Kind.SCAN_RSP, b"")


_PUBLIC = Address(ADDRESS, Address.PUBLIC_DEVICE_ADDRESS)
_ACTIVE = 1


def _report(controller: AdapterController, advert: Advert, kind: _Kind, data: bytes) -> None:
    report = HCI_LE_Advertising_Report_Event.Report(
        event_type=kind,
        address_type=advert.address.address_type,
        address=advert.address,
        data=data,
        rssi=advert.strength_dbm,
    )
    controller.send_hci_packet(HCI_LE_Advertising_Report_Event([report]))


@asynccontextmanager
async def plugged(radio: Radio) -> AsyncIterator[AdapterController]:
    """An adapter that the kernel has until the end of the block."""
    controller = _Chip(radio).controller
    transport = await open_vhci_transport(None)
    controller.host = transport.sink
    transport.source.set_packet_sink(controller)
    try:
        yield controller
    finally:
        await transport.close()
        controller.is_deaf = True
        radio.air.break_links(ADDRESS)
        radio.air.remove_controller(controller)
