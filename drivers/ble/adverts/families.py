"""The families of adverts by name, and the parser of a device of each."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache

from drivers.ble.adverts import beacons, bthome, hormann, kkm, mibeacon, minew, moat, mocreo, relsib, teltonika
from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.ela import ElaParser
from drivers.ble.adverts.library import LibraryParser
from drivers.ble.adverts.plain import Plain
from drivers.ble.adverts.ruuvi import RuuviParser
from drivers.ble.adverts.sensor_state import Adapter, Library
from drivers.ble.adverts.sos_beacons import HolyIotParser
from drivers.ble.adverts.told import AdvertParser, Told
from shouwang.errors import DecodeError


class Family(StrEnum):
    """A format of adverts, or a maker whose devices one library knows."""

    BTHOME = "bthome"
    MIBEACON = "mibeacon"
    QINGPING = "qingping"
    GOVEE = "govee"
    INKBIRD = "inkbird"
    THERMOBEACON = "thermobeacon"
    THERMOPRO = "thermopro"
    SENSORPUSH = "sensorpush"
    BLUEMAESTRO = "bluemaestro"
    MOAT = "moat"
    SENSIRION = "sensirion"
    RUUVI = "ruuvi"
    BEACON = "beacon"
    HOLYIOT = "holyiot"
    KKM = "kkm"
    TELTONIKA = "teltonika"
    ELA = "ela"
    MINEW = "minew"
    MOCREO = "mocreo"
    RELSIB = "relsib"
    HORMANN = "hormann"


LIBRARIES: Mapping[Family, Library] = {
    Family.BTHOME: bthome.LIBRARY,
    Family.MIBEACON: mibeacon.LIBRARY,
    # A door that was left open is no device that is broken.
    Family.QINGPING: Library("qingping_ble", "QingpingBluetoothDeviceData", frozenset({"problem"})),
    Family.GOVEE: Library("govee_ble", "GoveeBluetoothDeviceData"),
    Family.INKBIRD: Library("inkbird_ble", "INKBIRDBluetoothDeviceData"),
    # Its "occupancy" is the button that starts a connection.
    Family.THERMOBEACON: Library("thermobeacon_ble", "ThermoBeaconBluetoothDeviceData", frozenset({"occupancy"})),
    Family.THERMOPRO: Library("thermopro_ble", "ThermoProBluetoothDeviceData"),
    Family.SENSORPUSH: Library("sensorpush_ble", "SensorPushBluetoothDeviceData"),
    Family.BLUEMAESTRO: Library("bluemaestro_ble", "BlueMaestroBluetoothDeviceData"),
    Family.SENSIRION: Library("sensirion_ble", "SensirionBluetoothDeviceData"),
}

ENCRYPTED = frozenset({Family.BTHOME, Family.MIBEACON})
"""Families whose devices may have a key."""

_PLAIN: Mapping[Family, Callable[[Advert], Told]] = {
    Family.BEACON: beacons.read,
    Family.KKM: kkm.read,
    Family.TELTONIKA: teltonika.read,
    Family.MINEW: minew.read,
    Family.MOCREO: mocreo.read,
    Family.RELSIB: relsib.read,
    Family.HORMANN: hormann.read,
    Family.MOAT: moat.read,
}

_REMEMBERING: Mapping[Family, Callable[[], AdvertParser]] = {
    Family.RUUVI: RuuviParser,
    Family.HOLYIOT: HolyIotParser,
    Family.ELA: ElaParser,
}


def parser_for(family: Family, *, key: bytes | None = None, memory: str = "") -> AdvertParser:
    """A new parser of one device. Raises DecodeError for a key that does not fit, ConfigError where a library lacks.

    Those of `ENCRYPTED` are `told.Remembering`: `memory` is what the last parser of this device gave.
    """
    if family is Family.BTHOME:
        return bthome.BTHomeParser(adapter(family), key=key, memory=memory)
    if family is Family.MIBEACON:
        return mibeacon.MiBeaconParser(adapter(family), key=key, memory=memory)
    if key is not None:
        raise DecodeError(f"devices of {family} have no key")
    if family in LIBRARIES:
        return LibraryParser(adapter(family))
    if family in _PLAIN:
        return Plain(_PLAIN[family])
    return _REMEMBERING[family]()


@cache
def adapter(family: Family) -> Adapter:
    """The family's library, imported when it is first asked for."""
    return LIBRARIES[family].load()
