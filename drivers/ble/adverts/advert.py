"""One advertisement as it was heard: who, and the data that it carried."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

import msgspec

from shouwang.errors import DecodeError

# AD types: Bluetooth Assigned Numbers, section 2.3.
_UUID_LISTS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_SHORTENED_NAME = 0x08
_COMPLETE_NAME = 0x09
_MANUFACTURER = 0xFF

_BASE_UUID = "-0000-1000-8000-00805f9b34fb"
"""Core 5.4, volume 3, part B, section 2.5.1: 16 and 32-bit UUIDs stand before it."""


NO_ADDRESS = "00:00:00:00:00:00"
"""Of a recording that does not tell who sent it."""


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    """Data of one advertisement, merged with its scan response where there was one.

    `address` is upper case, UUIDs are lower case with 128 bits. `manufacturer_data` holds the last record of each
    company; `records` all of them in their order, where they are known (BlueZ keeps only the last). `heard_at` is
    seconds of a monotonic clock, None where it is not known: only differences count.
    """

    address: str
    name: str | None = None
    rssi: int | None = None
    manufacturer_data: Mapping[int, bytes] = {}
    service_data: Mapping[str, bytes] = {}
    service_uuids: tuple[str, ...] = ()
    records: tuple[tuple[int, bytes], ...] = ()
    heard_at: float | None = None

    @classmethod
    def from_ad_structures(
        cls, data: bytes, *, address: str, rssi: int | None = None, heard_at: float | None = None
    ) -> Self:
        """The advert in AD structures (Core 5.4, volume 3, part C, section 11); raises DecodeError for a cut one.

        A length of zero ends the significant part. Types that no parser needs are passed over.
        """
        found = _Found()
        for kind, value in _structures(data):
            found.take(kind, value)
        return cls(
            address=address.upper(),
            name=found.complete_name or found.short_name,
            rssi=rssi,
            manufacturer_data=dict(found.records),
            service_data=found.service_data,
            service_uuids=tuple(dict.fromkeys(found.service_uuids)),
            records=tuple(found.records),
            heard_at=heard_at,
        )

    def records_of(self, company: int) -> tuple[bytes, ...]:
        """Every record of a company, in the advert's order; empty where there is none."""
        if self.records:
            return tuple(value for owner, value in self.records if owner == company)
        value = self.manufacturer_data.get(company)
        return () if value is None else (value,)

    def service(self, uuid: int) -> bytes | None:
        """The service data of a 16-bit UUID."""
        return self.service_data.get(uuid16(uuid))


def uuid16(number: int) -> str:
    """A 16 or 32-bit UUID in its 128-bit form."""
    return f"{number:08x}{_BASE_UUID}"


class Structure(NamedTuple):
    """One AD structure."""

    kind: int
    value: bytes


def _structures(data: bytes) -> Iterator[Structure]:
    at = 0
    while at < len(data) and data[at]:
        end = at + 1 + data[at]
        if end > len(data):
            raise DecodeError(f"an AD structure of {data[at]} bytes is cut at {len(data) - at - 1}: {data[:62].hex()}")
        yield Structure(data[at + 1], data[at + 2 : end])
        at = end


class _Found:
    """What was found in the structures so far."""

    def __init__(self) -> None:
        self.short_name: str | None = None
        self.complete_name: str | None = None
        self.records: list[tuple[int, bytes]] = []
        self.service_data: dict[str, bytes] = {}
        self.service_uuids: list[str] = []

    def take(self, kind: int, value: bytes) -> None:
        if kind == _MANUFACTURER:
            self.records.append((int.from_bytes(_head(value, 2), "little"), value[2:]))
        elif kind in _SERVICE_DATA:
            size = _SERVICE_DATA[kind]
            self.service_data[_uuid(_head(value, size))] = value[size:]
        elif kind in _UUID_LISTS:
            size = _UUID_LISTS[kind]
            if len(value) % size:
                raise DecodeError(f"a list of {size}-byte UUIDs has {len(value)} bytes")
            self.service_uuids += [_uuid(value[at : at + size]) for at in range(0, len(value), size)]
        elif kind == _COMPLETE_NAME:
            self.complete_name = value.decode(errors="replace")
        elif kind == _SHORTENED_NAME:
            self.short_name = value.decode(errors="replace")


def _head(value: bytes, size: int) -> bytes:
    if len(value) < size:
        raise DecodeError(f"{size} bytes of an identifier are cut at {len(value)}")
    return value[:size]


def _uuid(little_endian: bytes) -> str:
    """The 128-bit form of a UUID of 2, 4 or 16 bytes."""
    if len(little_endian) < 16:
        return uuid16(int.from_bytes(little_endian, "little"))
    digits = little_endian[::-1].hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
