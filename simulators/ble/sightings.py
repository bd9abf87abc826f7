"""What bluetoothd shows of an advert: AD structures as properties of org.bluez.Device1."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from dbus_fast import Variant

_BASE_UUID = "{:08x}-0000-1000-8000-00805f9b34fb"

# Assigned Numbers, 2.3: Common Data Types; the value is the width of a UUID in octets.
_UUID_LISTS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_FLAGS, _SHORT_NAME, _NAME, _TX_POWER, _APPEARANCE, _MANUFACTURER = 0x01, 0x08, 0x09, 0x0A, 0x19, 0xFF


@dataclass(kw_only=True, slots=True)
class Sighting:
    """The fields of one advert."""

    structures: list[tuple[int, bytes]]
    name: str | None = None
    flags: bytes | None = None
    tx_power: int | None = None
    appearance: int | None = None
    uuids: list[str] = field(default_factory=list)
    service_data: dict[str, bytes] = field(default_factory=dict)
    manufacturer_data: dict[int, bytes] = field(default_factory=dict)

    def matches(self, patterns: list[tuple[int, int, bytes]]) -> bool:
        """Whether one of the patterns (start, AD type, octets) is in it (org.bluez.AdvertisementMonitor)."""
        return any(
            said == kind and content[start : start + len(octets)] == octets
            for start, kind, octets in patterns
            for said, content in self.structures
        )


def read(data: bytes) -> Sighting:
    """The fields of AD structures; like bluetoothd, stop silently where one is longer than what is left."""
    sighting = Sighting(structures=[*_structures(data)])
    for kind, content in sighting.structures:
        if kind in _UUID_LISTS:
            width = _UUID_LISTS[kind]
            whole = range(0, len(content) - width + 1, width)
            sighting.uuids += [uuid_of(content[at : at + width]) for at in whole]
        elif kind in _SERVICE_DATA:
            width = _SERVICE_DATA[kind]
            if len(content) >= width:
                sighting.service_data[uuid_of(content[:width])] = content[width:]
        else:
            _take(sighting, kind, content)
    sighting.uuids += [told for told in sighting.service_data if told not in sighting.uuids]
    return sighting


def uuid_of(octets: bytes) -> str:
    """A UUID of 2, 4 or 16 octets, least significant first, in its full lower-case form."""
    if len(octets) == 16:
        return str(uuid.UUID(bytes=octets[::-1]))
    return _BASE_UUID.format(int.from_bytes(octets, "little"))


def data_property(values: dict[str, bytes] | dict[int, bytes], signature: str) -> Variant:
    """ServiceData (`a{sv}`) or ManufacturerData (`a{qv}`)."""
    return Variant(signature, {key: Variant("ay", content) for key, content in values.items()})


def _take(sighting: Sighting, kind: int, content: bytes) -> None:
    if kind == _NAME or (kind == _SHORT_NAME and sighting.name is None):
        sighting.name = content.split(b"\0")[0].decode("utf-8", "replace")
    elif kind == _FLAGS:
        sighting.flags = content
    elif kind == _TX_POWER and content:
        sighting.tx_power = int.from_bytes(content[:1], "little", signed=True)
    elif kind == _APPEARANCE and len(content) == 2:
        sighting.appearance = int.from_bytes(content, "little")
    elif kind == _MANUFACTURER and len(content) >= 2:
        sighting.manufacturer_data[int.from_bytes(content[:2], "little")] = content[2:]


def _structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data) and data[at] and at + data[at] < len(data):
        yield data[at + 1], data[at + 2 : at + 1 + data[at]]
        at += 1 + data[at]
