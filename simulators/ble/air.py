"""The air between devices and adapters: who is near enough, how strongly, and links that are lost without a word.

bumble's own LocalLink gives every advert to everybody at one strength and knows no loss. Here only adapters hear
adverts, which keeps many devices cheap, and a device may be out of an adapter's reach, faint, or mute.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bumble import ll
from bumble.controller import Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport
from bumble.hci import (
    Address,
    HCI_ErrorCode,
    HCI_LE_Connection_Complete_Event,
    HCI_LE_Create_Connection_Cancel_Command,
    HCI_StatusReturnParameters,
    LeFeatureMask,
    Role,
)
from bumble.link import LocalLink

STRENGTH_DBM = -50
"""Of a device two or three metres away."""

_WAVER_DB = (0, 3, 6, 9, 2, 5, 8, 1, 4, 7)
"""The strength of a real signal never stands still."""
_UNIT_S = 0.625e-3
"""Advertising intervals on HCI are counts of this (Core specification, volume 4, part E, 7.8.5)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Advert:
    """One advertising packet as an adapter hears it; `data` holds AD structures, `response` those told when asked."""

    address: Address
    data: bytes
    response: bytes
    strength_dbm: int
    is_connectable: bool


Hear = Callable[[Advert], None]


class Air(LocalLink):
    """Carries packets between controllers. Devices and adapters are named by their Bluetooth addresses."""

    def __init__(self) -> None:
        """Everybody hears everybody at the same strength."""
        super().__init__()  # type: ignore[no-untyped-call] # bumble leaves this constructor bare
        self._adapters: list[AdapterController] = []
        self._strengths: dict[tuple[str, str | None], int | None] = {}
        self._mute: set[str] = set()
        self.is_steady = False
        """Each device is always heard at the same strength, as bluetoothd signals it least."""
        self._waver = 0

    def add_controller(self, controller: Controller) -> None:
        """A device or an adapter joins."""
        super().add_controller(controller)
        if isinstance(controller, AdapterController):
            self._adapters.append(controller)

    def set_strength(self, address: str, dbm: int | None, *, adapter: str | None = None) -> None:
        """How strongly a device is heard from now on, by one adapter or all; None: it is out of reach."""
        self._strengths[address, adapter] = dbm

    def strength(self, address: str, adapter: str) -> int | None:
        """How strongly the adapter hears the device, None where not at all."""
        nearest = self._strengths.get((address, adapter), self._strengths.get((address, None), STRENGTH_DBM))
        return None if address in self._mute or adapter in self._mute else nearest

    def mute(self, address: str) -> None:
        """Lose all that the device or adapter sends, and all that is sent to it; links stay up at both ends."""
        self._mute.add(address)

    def unmute(self, address: str) -> None:
        """Carry its packets again."""
        self._mute.discard(address)

    def break_links(self, address: str, *, reason: HCI_ErrorCode = HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR) -> None:
        """Let both ends of all its links notice that nothing came for too long."""
        for controller in [*self.controllers]:
            for link in [*controller.le_connections.values()]:
                if address in (_text(link.self_address), _text(link.peer_address)):
                    controller.on_le_disconnected(link, reason)

    def advertise(self, address: Address, data: bytes, *, response: bytes = b"", is_connectable: bool) -> None:
        """Let all adapters in reach hear it."""
        loop = asyncio.get_running_loop()
        self._waver = 0 if self.is_steady else (self._waver + 1) % len(_WAVER_DB)
        for adapter in self._adapters:
            strength = self.strength(_text(address), _text(adapter.random_address))
            if strength is not None:
                advert = Advert(
                    address=address,
                    data=data,
                    response=response,
                    strength_dbm=strength - _WAVER_DB[self._waver],
                    is_connectable=is_connectable,
                )
                loop.call_soon(adapter.hear, advert)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Adverts go to the adapters; a wish to connect goes to the one device that is meant."""
        if isinstance(packet, ll.AdvInd):
            response = sender_controller.le_legacy_advertiser.scan_response_data
            self.advertise(packet.advertiser_address, packet.data, response=response, is_connectable=True)
        elif isinstance(packet, ll.ConnectInd):
            asyncio.get_running_loop().call_soon(self._connect, sender_controller, packet)

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Data of a link."""
        if self._carries(sender_controller.random_address, destination_address):
            super().send_acl_data(sender_controller, destination_address, transport, data)

    def send_ll_control_pdu(self, sender_address: Address, receiver_address: Address, packet: ll.ControlPdu) -> None:
        """Orders of the link layer, e.g. its end."""
        if self._carries(sender_address, receiver_address) and self.find_le_controller(receiver_address):
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def _connect(self, central: Controller, wish: ll.ConnectInd) -> None:
        wanted = self.find_le_controller(wish.advertiser_address)
        if wanted is not None and self._carries(wish.advertiser_address, wish.initiator_address):
            wanted.on_ll_advertising_pdu(wish)
            if wish.initiator_address in wanted.le_connections:
                return
        # It stopped advertising in between, e.g. since another adapter was quicker.
        link = central.le_connections.get(wish.advertiser_address)
        if link is not None:
            central.on_le_disconnected(link, HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR)

    def _carries(self, *ends: Address) -> bool:
        return self._mute.isdisjoint(map(_text, ends))


class DeviceController(Controller):
    """The controller of a peripheral, without what makes bumble's own lose connects (google/bumble#841)."""

    def __init__(self, name: str, air: Air) -> None:
        """It joins the air at once, and is silent until its host is on."""
        super().__init__(name, link=air)
        self.le_features &= ~(LeFeatureMask.LL_PRIVACY | LeFeatureMask.LE_EXTENDED_ADVERTISING)
        self.le_legacy_advertiser = _Advertiser(self)


class AdapterController(DeviceController):
    """The controller of an adapter: it hears adverts, and connects to whom it was told to, once that one is heard."""

    def __init__(self, name: str, air: Air, hear: Hear) -> None:
        """`hear` is called for each advert in reach."""
        super().__init__(name, air)
        self.is_deaf = False
        """Hears nobody, and so connects to nobody, without saying so."""
        self.lets_through: Callable[[Advert], bool] = lambda _advert: True
        """Asked whether an advert is heard; what the chip drops connects nobody either."""
        self._hear = hear

    def hear(self, advert: Advert) -> None:
        """An advert arrived."""
        if self.is_deaf or not self.lets_through(advert):
            return
        wanted = self.pending_le_connection
        if wanted is not None and advert.is_connectable and wanted.peer_address == advert.address:
            self.create_le_connection(advert.address)
        self._hear(advert)

    def on_hci_le_create_connection_cancel_command(
        self, _command: HCI_LE_Create_Connection_Cancel_Command
    ) -> HCI_StatusReturnParameters:
        """The attempt ends with an LE Connection Complete event (Core specification, volume 4, part E, 7.8.13).

        bumble 0.0.236 says yes to this and goes on with the attempt: the host would wait for ever.
        """
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


class _Advertiser(LegacyAdvertiser):
    """bumble 0.0.236 takes the interval, a count of 0.625 ms, for milliseconds."""

    def _on_timer_fired(self) -> None:
        self.send_advertising_data()
        interval_s = self.advertising_interval_min * _UNIT_S
        self.timer_handle = asyncio.get_running_loop().call_later(interval_s, self._on_timer_fired)


def _text(address: Address) -> str:
    return address.to_string(with_type_qualifier=False)
