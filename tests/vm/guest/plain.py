"""A peripheral that has one characteristic of each kind, and keeps a log of what is done to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR
from bumble.pairing import PairingConfig, PairingDelegate
from vm.guest.client import INDICATING, NOTIFYING, PLAIN, REFUSING, SECRET, SECRET_VALUE, WRITABLE

from simulators.ble.radio import Radio

_P = Characteristic.Properties
_MAY = Characteristic.Permissions
_REFUSAL = 0x80
"""The first error of an application (Core specification, volume 3, part F, 3.4.1.1)."""


class Plain:
    """One peripheral at this static random address."""

    def __init__(self, radio: Radio, address: str, *, advertising_interval_ms: float) -> None:
        """Switched off until `running`."""
        self._device = radio.device(address, "SIM-PLAIN", advertising_interval_ms=advertising_interval_ms)
        self._device.pairing_config_factory = _just_works
        self._log: list[tuple[float, str]] = []
        self._hastily: bytes | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._is_here = False
        self._notifying: Characteristic[bytes] = Characteristic(NOTIFYING, _P.NOTIFY | _P.READ, _MAY.READABLE, b"\x01")
        self._indicating: Characteristic[bytes] = Characteristic(INDICATING, _P.INDICATE, _MAY(0), b"")
        for characteristic, name in ((self._notifying, "notify"), (self._indicating, "indicate")):
            characteristic.on(characteristic.EVENT_SUBSCRIPTION, self._subscription(name))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Plain"]:
        """Switched on and advertising."""
        self._device.add_services([self._service()])
        self._device.on(self._device.EVENT_CONNECTION, self._connected)
        await self._device.power_on()
        await self.advertise()
        try:
            yield self
        finally:
            await self.hide()
            await self.drop()
            await asyncio.gather(*self._errands, return_exceptions=True)
            await self._device.power_off()

    async def log(self) -> list[tuple[float, str]]:
        """What has happened: CLOCK_MONOTONIC, which all processes of the guest share, and words."""
        return self._log

    async def advertise(self) -> None:
        """Be heard."""
        await self._advertise(bytes(AdvertisingData([(AdvertisingData.Type.COMPLETE_LOCAL_NAME, b"SIM-PLAIN")])))

    async def beacon(self, payload: str) -> None:
        """Be heard with this service data of FCD2 (BTHome), in hexadecimal."""
        data = bytes.fromhex("D2FC") + bytes.fromhex(payload)
        await self._advertise(bytes(AdvertisingData([(AdvertisingData.Type.SERVICE_DATA_16_BIT_UUID, data)])))

    async def hide(self) -> None:
        """Be heard no more."""
        self._is_here = False
        await self._device.stop_advertising()

    async def drop(self) -> None:
        """Break the link from this side."""
        for connection in [*self._device.connections.values()]:
            await connection.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    async def notify(self, payloads: list[str]) -> None:
        """Notify whoever has subscribed of these, in hexadecimal."""
        for payload in payloads:
            await self._device.notify_subscribers(self._notifying, bytes.fromhex(payload))

    async def indicate(self, payload: str) -> tuple[float, float]:
        """Indicate to whoever has subscribed; returns when it was sent and when it was confirmed."""
        sent_at = time.monotonic()
        await self._device.indicate_subscribers(self._indicating, bytes.fromhex(payload))
        return sent_at, time.monotonic()

    async def be_hasty(self, payload: str) -> None:
        """From now on indicate this as soon as there is a link, as a bonded cuff that remembers its listener."""
        self._hastily = bytes.fromhex(payload)

    async def is_encrypted(self) -> bool:
        """Whether there is one link and it is."""
        return [connection.is_encrypted for connection in self._device.connections.values()] == [True]

    async def _advertise(self, data: bytes) -> None:
        flags = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
        await self._device.stop_advertising()
        self._is_here = True
        self._device.advertising_data = bytes((2, AdvertisingData.Type.FLAGS, flags)) + data
        await self._device.start_advertising()

    def _connected(self, connection: Connection) -> None:
        self._note("connected")
        connection.once(connection.EVENT_DISCONNECTION, self._disconnected)
        connection.on(connection.EVENT_PAIRING, lambda _keys: self._note("paired"))
        connection.on(connection.EVENT_PAIRING_FAILURE, lambda _why: self._note("pairing failed"))
        connection.on(connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, lambda: self._note("encrypted"))
        if self._hastily is not None:
            self._start(self._indicate_hastily(connection, self._hastily))

    def _disconnected(self, _reason: int) -> None:
        self._note("disconnected")
        if self._is_here:
            self._start(self._device.start_advertising())

    async def _indicate_hastily(self, connection: Connection, payload: bytes) -> None:
        self._note("hastily indicated")
        await self._device.gatt_server.indicate_subscriber(connection, self._indicating, payload, force=True)
        self._note("hastily confirmed")

    def _start(self, errand: Any) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _note(self, words: str) -> None:
        self._log.append((time.monotonic(), words))

    def _subscription(self, name: str) -> Callable[[Connection, bool, bool], None]:
        def changed(_bearer: Connection, notify: bool, indicate: bool) -> None:
            self._note(f"{name} {'on' if notify or indicate else 'off'}")

        return changed

    def _service(self) -> Service:
        secret: Characteristic[bytes] = Characteristic(
            SECRET, _P.READ, _MAY.READABLE | _MAY.READ_REQUIRES_ENCRYPTION, CharacteristicValue(read=self._read_secret)
        )
        refusing: Characteristic[bytes] = Characteristic(
            REFUSING, _P.READ, _MAY.READABLE, CharacteristicValue(read=_refuse)
        )
        can_write = _P.WRITE | _P.WRITE_WITHOUT_RESPONSE
        writable: Characteristic[bytes] = Characteristic(
            WRITABLE, can_write, _MAY.WRITEABLE, CharacteristicValue(write=self._written)
        )
        return Service(UUID(PLAIN), [self._notifying, self._indicating, secret, refusing, writable])

    def _read_secret(self, _connection: Connection) -> bytes:
        self._note("secret read")
        return SECRET_VALUE

    def _written(self, _connection: Connection, value: bytes) -> None:
        self._note(f"written {value.hex()}")


def _refuse(_connection: Connection) -> bytes:
    raise ATT_Error(_REFUSAL)


def _just_works(_connection: Connection) -> PairingConfig:
    delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)
    return PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate)
