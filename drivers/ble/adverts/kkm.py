"""KKM's sensor frame (KBeacon): under Eddystone's UUID, or as KKM's own manufacturer data.

Fields and their order: kkmhogen/android_kbeaconlib2, KBAdvPacketSensor. Buttons of KKM tell of a press by their
identity: `sos_beacons.BeaconButton` with `kkm_presses`.
"""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.beacons import EDDYSTONE
from drivers.ble.adverts.fields import Cursor
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

COMPANY = 0x0A53

_SENSOR, _SYSTEM = 0x21, 0x22
_VOLTAGE, _TEMPERATURE, _HUMIDITY, _ACCELERATION = 0x01, 0x02, 0x04, 0x08
_ALARM, _INFRARED, _LIGHT, _VOC, _CO2 = 0x10, 0x20, 0x40, 0x80, 0x200
_ACCELERATION_SIZE = 6


def read(advert: Advert) -> Told:
    """What a KKM sensor or system frame says; raises DecodeError."""
    frame = advert.service_data.get(EDDYSTONE) or advert.manufacturer_data.get(COMPANY)
    if not frame or frame[0] not in (_SENSOR, _SYSTEM):
        raise DecodeError("no frame of a KKM sensor in the advert")
    if frame[0] == _SYSTEM:
        rest = Cursor(frame, at=2)
        return tell({"battery": float(min(rest.big(1), 100))}, frame)
    rest = Cursor(frame, at=1)
    mask = rest.big(2)
    fields: dict[str, Field] = {}
    _climate(rest, mask, fields)
    # K6 beacons send their acceleration without its bit (recorded 2022).
    if mask & _ACCELERATION or rest.left == _ACCELERATION_SIZE:
        for axis in "xyz":
            fields[f"acceleration {axis}"] = float(rest.big(2, signed=True))
    if mask & _ALARM:  # the band of a wrist beacon is cut
        fields["tamper"] = rest.big(1) != 0
    if mask & _INFRARED:
        fields["motion"] = rest.big(1) != 0
    _air(rest, mask, fields)
    return tell(fields, frame)


def _climate(rest: Cursor, mask: int, fields: dict[str, Field]) -> None:
    if mask & _VOLTAGE:
        fields["voltage"] = rest.big(2) / 1000
    if mask & _TEMPERATURE:
        fields["temperature"] = rest.big(2, signed=True) / 256  # 8.8 fixed point
    if mask & _HUMIDITY:
        humidity = rest.big(2, signed=True) / 256
        if humidity >= 0:
            fields["humidity"] = humidity


def _air(rest: Cursor, mask: int, fields: dict[str, Field]) -> None:
    if mask & _LIGHT:
        fields["illuminance"] = float(rest.big(2))
    if mask & _VOC:
        rest.take(1)  # tens of seconds since it was measured
        fields["voc"], fields["nox"] = float(rest.big(2)), float(rest.big(2))
    if mask & _CO2:
        rest.take(1)
        fields["co2"] = float(rest.big(2))
