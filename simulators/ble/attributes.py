"""Characteristics of simulated peripherals, open to everybody or only over an encrypted link; and adverts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bumble.att import ATT_INSUFFICIENT_AUTHENTICATION_ERROR, ATT_Error, AttributeValue, AttributeValueV2, Bearer
from bumble.core import UUID
from bumble.device import Connection
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR, Characteristic, Descriptor, Service
from bumble.gatt_server import Server

Properties = Characteristic.Properties
READ, WRITE, NOTIFY, INDICATE = Properties.READ, Properties.WRITE, Properties.NOTIFY, Properties.INDICATE

Read = Callable[[Connection], bytes]
Write = Callable[[Connection, bytes], None] | Callable[[Connection, bytes], Awaitable[None]]

LEGACY_MAX = 31
"""Octets in a legacy advert, and in a scan response."""
_DISCOVERABLE = 0x06
"""LE General Discoverable Mode, BR/EDR Not Supported (Supplement to the Core specification, part A, 1.3)."""


def characteristic(
    number: int,
    properties: Properties,
    *,
    value: bytes | Read = b"",
    write: Write | None = None,
    guard: Server | None = None,
) -> Characteristic[bytes]:
    """One characteristic by its 16-bit number; `value` is fixed or asked for at each read.

    `guard`: the server of the device; value and subscription are then only for encrypted links.
    """
    permissions = Characteristic.Permissions(0)
    if properties & READ:
        permissions |= Characteristic.READABLE
    if write is not None:
        permissions |= Characteristic.WRITEABLE
    held: bytes | AttributeValue[bytes] = value if isinstance(value, bytes) and write is None else _live(value, write)
    uuid = UUID.from_16_bits(number)
    if guard is None:
        return _Plain(uuid, properties, permissions, held)
    guarded = _Guarded(uuid, properties, permissions, held)
    if properties & (NOTIFY | INDICATE):
        guarded.descriptors = [_GuardedSubscription(guard, guarded)]
    return guarded


def service(number: int, characteristics: Sequence[Characteristic[bytes]]) -> Service:
    """A primary service by its 16-bit number."""
    return Service(UUID.from_16_bits(number), characteristics)


def advert(
    *,
    name: str,
    services: Sequence[int],
    service_data: Mapping[int, bytes],
    manufacturer_data: Mapping[int, bytes],
) -> tuple[bytes, bytes]:
    """Advertising data and scan response; the name goes to the latter where the advert is full. Raises ValueError."""
    packet = _structure(0x01, bytes((_DISCOVERABLE,)))
    if services:
        packet += _structure(0x03, b"".join(number.to_bytes(2, "little") for number in services))
    for number, content in service_data.items():
        packet += _structure(0x16, number.to_bytes(2, "little") + content)
    for company, content in manufacturer_data.items():
        packet += _structure(0xFF, company.to_bytes(2, "little") + content)
    named = _structure(0x09, name.encode())
    if len(packet) > LEGACY_MAX or len(named) > LEGACY_MAX:
        raise ValueError(f"{len(packet)} octets of advert and {len(named)} of name: one holds {LEGACY_MAX}")
    return (packet + named, b"") if len(packet + named) <= LEGACY_MAX else (packet, named)


def _structure(kind: int, content: bytes) -> bytes:
    return bytes((len(content) + 1, kind)) + content


def _live(value: bytes | Read, write: Write | None) -> AttributeValue[bytes]:
    read = (lambda _connection: value) if isinstance(value, bytes) else value
    return AttributeValue(read=read, write=write)


class _Plain(Characteristic[bytes]):
    """As bumble's own, but not written to where nobody takes what is written (bumble asks no WRITEABLE)."""

    async def write_value(self, bearer: Bearer, value: bytes) -> None:
        if not self.permissions & Characteristic.WRITEABLE:
            raise ATT_Error(error_code=0x03, att_handle=self.handle)
        await super().write_value(bearer, value)

    async def read_value(self, bearer: Bearer) -> bytes:
        if not self.permissions & Characteristic.READABLE:
            raise ATT_Error(error_code=0x02, att_handle=self.handle)
        return await super().read_value(bearer)


class _Guarded(_Plain):
    """Only over an encrypted link, else Insufficient Authentication (Core specification, volume 3, part C, 10.3.1)."""

    async def write_value(self, bearer: Bearer, value: bytes) -> None:
        _require_encryption(bearer, self.handle)
        await super().write_value(bearer, value)

    async def read_value(self, bearer: Bearer) -> bytes:
        _require_encryption(bearer, self.handle)
        return await super().read_value(bearer)


class _GuardedSubscription(Descriptor):
    """The client characteristic configuration of a guarded characteristic."""

    def __init__(self, server: Server, subject: Characteristic[bytes]) -> None:
        value: AttributeValueV2[Any] = server.make_descriptor_value(subject)
        super().__init__(
            GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
            Characteristic.READABLE | Characteristic.WRITEABLE,
            value,
        )

    async def write_value(self, bearer: Bearer, value: bytes) -> None:
        _require_encryption(bearer, self.handle)
        await super().write_value(bearer, value)


def _require_encryption(bearer: Bearer, handle: int) -> None:
    assert isinstance(bearer, Connection)  # enhanced bearers are not offered
    if not bearer.is_encrypted:
        raise ATT_Error(error_code=ATT_INSUFFICIENT_AUTHENTICATION_ERROR, att_handle=handle)
