"""Device Information: the strings 0x2A24 to 0x2A29, System ID (0x2A23) and PnP ID (0x2A50).

Formats: Device Information Service 1.2, section 3.
"""

import msgspec

from drivers.ble.codec.fields import Fields
from shouwang.errors import DecodeError


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a device calls itself, empty where it does not say: maker and model, and the name that it advertises."""

    manufacturer: str = ""
    model: str = ""
    name: str = ""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """One of the strings."""

    text: str


class SystemId(msgspec.Struct, frozen=True, kw_only=True):
    """Who made the device (an OUI of the IEEE) and which of theirs it is."""

    manufacturer_identifier: int
    organizationally_unique_identifier: int


class PnpId(msgspec.Struct, frozen=True, kw_only=True):
    """Vendor, product and version; `vendor_id_source` is 1 for Bluetooth's list of companies, 2 for that of USB."""

    vendor_id_source: int
    vendor_id: int
    product_id: int
    product_version: int


def decode_text(value: bytes) -> str:
    """Any of the strings: up to a NUL, by which some devices fill the rest. Raises DecodeError."""
    try:
        text = value.partition(b"\0")[0].decode().strip()
    except UnicodeDecodeError:
        raise DecodeError(f"not a text: {value[:40].hex()}") from None
    if not text.isprintable():
        raise DecodeError(f"not a text: {value[:40].hex()}")
    return text


def decode_string(value: bytes) -> Text:
    """The same, as a characteristic of its own. Raises DecodeError."""
    return Text(text=decode_text(value))


def decode_system_id(value: bytes) -> SystemId:
    """System ID. Raises DecodeError."""
    rest = Fields(value)
    manufacturer, organisation = rest.number(5), rest.number(3)
    rest.end()
    return SystemId(manufacturer_identifier=manufacturer, organizationally_unique_identifier=organisation)


def decode_pnp_id(value: bytes) -> PnpId:
    """PnP ID. Raises DecodeError."""
    rest = Fields(value)
    source, vendor, product, version = rest.number(1), rest.number(2), rest.number(2), rest.number(2)
    rest.end()
    return PnpId(vendor_id_source=source, vendor_id=vendor, product_id=product, product_version=version)
