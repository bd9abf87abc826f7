"""The air between simulated peripherals and the simulated adapter: one Bumble link."""

import asyncio

from bumble.controller import Controller
from bumble.device import Device, DeviceConfiguration
from bumble.hci import (
    Address,
    HCI_ErrorCode,
    HCI_LE_Connection_Complete_Event,
    HCI_LE_Create_Connection_Cancel_Command,
    HCI_StatusReturnParameters,
    LeFeatureMask,
    Role,
)
from bumble.host import Host
from bumble.link import LocalLink


class Radio:
    """A link that all devices of one home share."""

    def __init__(self) -> None:
        """An empty link."""
        self._link = LocalLink()  # type: ignore[no-untyped-call] # bumble leaves this constructor bare

    def device(self, address: str, name: str, *, advertising_interval_ms: float = 200) -> Device:
        """A Bluetooth device with this static random address; not powered yet."""
        controller = _Controller(name, link=self._link)
        # Extended advertising and privacy make bumble's own controller lose connects (google/bumble#841).
        controller.le_features &= ~(LeFeatureMask.LL_PRIVACY | LeFeatureMask.LE_EXTENDED_ADVERTISING)
        config = DeviceConfiguration(
            name=name,
            address=Address(address),
            advertising_interval_min=advertising_interval_ms,
            advertising_interval_max=advertising_interval_ms,
        )
        return Device(config=config, host=Host(controller, controller))


class _Controller(Controller):
    """bumble 0.0.236 says yes to cancelling a connection attempt and goes on with it: the host waits for ever."""

    def on_hci_le_create_connection_cancel_command(
        self, _command: HCI_LE_Create_Connection_Cancel_Command
    ) -> HCI_StatusReturnParameters:
        """Core specification, volume 4, part E, 7.8.13: the attempt ends with an LE Connection Complete event."""
        wanted, self.pending_le_connection = self.pending_le_connection, None
        if wanted is None:
            return HCI_StatusReturnParameters(HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        ended = HCI_LE_Connection_Complete_Event(
            status=HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=Role.CENTRAL,
            peer_address_type=wanted.peer_address_type,
            peer_address=wanted.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return HCI_StatusReturnParameters(HCI_ErrorCode.SUCCESS)
