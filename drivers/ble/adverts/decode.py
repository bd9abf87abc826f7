"""One recorded advert, told apart and read: for people who look at frames, and for tests on recordings."""

import re
from collections.abc import Iterator, Mapping

from drivers.ble.adverts import bthome, mibeacon
from drivers.ble.adverts.advert import NO_ADDRESS, Advert, uuid16
from drivers.ble.adverts.families import ENCRYPTED, Family, parser_for
from drivers.ble.adverts.told import Field, Told
from shouwang.driver import Alive, Said
from shouwang.errors import ConfigError, DecodeError

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

# What recordings call a format, where it is not the family's own name. ELA's pucks were sold by Teltonika.
_FAMILIES_OF: Mapping[str, tuple[Family, ...]] = {
    "xiaomi_scale": (Family.MIBEACON,),
    "qingping": (Family.QINGPING, Family.MIBEACON),
    "ibeacon": (Family.BEACON,),
    "altbeacon": (Family.BEACON,),
    "eddystone": (Family.BEACON,),
    "teltonika": (Family.TELTONIKA, Family.ELA),
}

# Of a frame whose format is not told, strict formats are tried before those that take any name or number.
_IN_ORDER = (
    Family.BTHOME,
    Family.MIBEACON,
    Family.RUUVI,
    Family.QINGPING,
    Family.HOLYIOT,
    Family.KKM,
    Family.TELTONIKA,
    Family.ELA,
    Family.MINEW,
    Family.MOCREO,
    Family.RELSIB,
    Family.HORMANN,
    Family.MOAT,
    Family.SENSORPUSH,
    Family.SENSIRION,
    Family.BLUEMAESTRO,
    Family.THERMOBEACON,
    Family.THERMOPRO,
    Family.GOVEE,
    Family.INKBIRD,
    Family.BEACON,
)


def decode_row(row: object) -> tuple[dict[str, Field], list[Said]]:
    """The fields of a recorded advert by name, and the samples in them; raises DecodeError for what cannot be read.

    A row is JSON: `format` (a family, or nothing), and under `input` either `adv_data_hex` or `service_data_hex` with
    `service_uuid16`, `manufacturer_data_hex` (or `manufacturer_payload_hex` with `company_id`), and `address`, `name`,
    `bindkey_hex` where they are known.
    """
    if not isinstance(row, Mapping):
        raise DecodeError("not a row of a recording")
    given = row.get("input", row)
    if not isinstance(given, Mapping):
        raise DecodeError("a row without input")
    families = _families(row.get("format"))
    advert = _advert(given, families)
    told = _first(advert, _narrowed(families, advert), _bytes(given, "bindkey_hex"))
    return dict(told.fields), list(told.said)


def _families(written: object) -> tuple[Family, ...]:
    if not isinstance(written, str) or not written:
        return _IN_ORDER
    if written in _FAMILIES_OF:
        return _FAMILIES_OF[written]
    return (Family(written),) if written in set(Family) else _IN_ORDER


def _narrowed(families: tuple[Family, ...], advert: Advert) -> tuple[Family, ...]:
    """The formats with a service of their own say best what is wrong with an advert in it."""
    if families is _IN_ORDER:
        for service, family in ((bthome.V2, Family.BTHOME), (mibeacon.MIBEACON, Family.MIBEACON)):
            if service in advert.service_data:
                return (family,)
    return families


def _first(advert: Advert, families: tuple[Family, ...], key: bytes | None) -> Told:
    """What the first family says that reads it; one that finds no value only where no other finds any."""
    silent: Told | None = None
    problem: DecodeError | None = None
    for family in families:
        try:
            told = parser_for(family, key=key if family in ENCRYPTED else None).read(advert)
        except DecodeError as error:
            problem = problem or error
            continue
        except ConfigError as error:  # its library is not installed
            problem = problem or DecodeError(str(error))
            continue
        if told.fields:
            return told
        silent = silent or told
    if silent is not None:
        return Told({}, (Alive(),))
    if problem is None or families is _IN_ORDER:
        raise DecodeError("of no format that is known")
    raise problem


def _advert(given: Mapping[object, object], families: tuple[Family, ...]) -> Advert:
    whole = _bytes(given, "adv_data_hex")
    address = _address(given)
    if whole is not None:
        return Advert.from_ad_structures(whole, address=address)
    service_data = dict(_service_data(given, families))
    if not given.get("address"):
        address = mibeacon.address_in(service_data.get(mibeacon.MIBEACON, b"")) or address
    name = given.get("name")
    return Advert(
        address=address,
        name=name if isinstance(name, str) else None,
        service_data=service_data,
        service_uuids=tuple(service_data),
        manufacturer_data=dict(_manufacturer_data(given)),
    )


def _address(given: Mapping[object, object]) -> str:
    address = given.get("address", NO_ADDRESS)
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise DecodeError(f"not a Bluetooth address: {address!r:.40}")
    return address.upper()


def _service_data(given: Mapping[object, object], families: tuple[Family, ...]) -> Iterator[tuple[str, bytes]]:
    data = _bytes(given, "service_data_hex")
    if data is None:
        return
    written = given.get("service_uuid16", given.get("service_uuid"))
    if written is None:  # a recording that tells its format by the rest of the row
        yield (bthome.V2 if families == (Family.BTHOME,) else mibeacon.MIBEACON), data
        return
    if not isinstance(written, str) or not re.fullmatch(r"(0x)?[0-9A-Fa-f]{1,8}", written):
        raise DecodeError(f"not a UUID of 16 bits: {written!r:.40}")
    yield uuid16(int(written, 16)), data


def _manufacturer_data(given: Mapping[object, object]) -> Iterator[tuple[int, bytes]]:
    whole = _bytes(given, "manufacturer_data_hex")
    if whole is not None:
        if len(whole) < 2:
            raise DecodeError("manufacturer data without its company")
        yield int.from_bytes(whole[:2], "little"), whole[2:]
    data = _bytes(given, "manufacturer_payload_hex")
    if data is None:
        return
    company = given.get("company_id")
    if not isinstance(company, str) or not re.fullmatch(r"(0x)?[0-9A-Fa-f]{1,4}", company):
        raise DecodeError(f"not a company's number: {company!r:.40}")
    yield int(company, 16), data


def _bytes(given: Mapping[object, object], name: str) -> bytes | None:
    written = given.get(name)
    if written is None:
        return None
    if not isinstance(written, str):
        raise DecodeError(f"{name} is not hexadecimal text")
    try:
        return bytes.fromhex(written)
    except ValueError as error:
        raise DecodeError(f"{name} is not hexadecimal text: {written[:40]}") from error
