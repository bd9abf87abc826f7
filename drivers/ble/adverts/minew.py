"""Minew's sensor frames: A1 in service data FFE1 (Minew, "BeaconPlus configuration instruction"), and the door sensor
S4 in data of company 0639 (as in reelyactive/advlib-ble-manufacturers, minew.js).

Minew's buttons tell of a press by another slot's identity: `sos_beacons.BeaconButton`.
"""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import Cursor, sized
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

SERVICE = 0xFFE1
COMPANY = 0x0639

_FRAME = 0xA1
_CLIMATE, _LIGHT, _ACCELERATION, _INFO, _TEMPERATURE, _VIBRATION = 0x01, 0x02, 0x03, 0x08, 0x13, 0x18
_DOOR = b"\xa4\x01"
_DOOR_SIZE = 13
_DOOR_INFO = b"\xa4\x00"


def read(advert: Advert) -> Told:
    """What a Minew sensor says; raises DecodeError. Numbers with fractions are 8.8 fixed point."""
    frame = advert.service(SERVICE)
    if frame is not None:
        return _sensor(frame)
    record = advert.manufacturer_data.get(COMPANY)
    if record is not None and record[:2] == _DOOR:
        return _door(record)
    if record is not None and record[:2] == _DOOR_INFO:
        return tell({}, record)
    raise DecodeError("nothing of a Minew sensor in the advert")


def _sensor(frame: bytes) -> Told:
    rest = Cursor(frame)
    if rest.big(1) != _FRAME:
        raise DecodeError(f"not a Minew frame: {frame[:30].hex()}")
    kind = rest.big(1)
    fields: dict[str, Field] = {"battery": float(rest.big(1))}
    if kind in (_CLIMATE, _TEMPERATURE):
        fields["temperature"] = rest.big(2, signed=True) / 256
    if kind == _CLIMATE:
        fields["humidity"] = rest.big(2, signed=True) / 256
    elif kind == _LIGHT:
        fields["light"] = bool(rest.big(1) & 1)
    elif kind == _ACCELERATION:
        for axis in "xyz":
            fields[f"acceleration {axis}"] = rest.big(2, signed=True) / 256
    elif kind == _VIBRATION:
        rest.take(4)  # a clock of the beacon
        fields["vibration"] = bool(rest.big(1) & 1)
    elif kind not in (_INFO, _TEMPERATURE):
        raise DecodeError(f"a Minew frame of kind {kind:02X}: {frame[:30].hex()}")
    return tell(fields, frame)


def _door(record: bytes) -> Told:
    """Battery, magnet gone, housing opened, which of them sends this, and the address."""
    rest = Cursor(sized(record, _DOOR_SIZE, "Minew door frame"), at=2)
    fields: dict[str, Field] = {"battery": float(rest.big(1))}
    fields["door"] = rest.big(1) != 0
    fields["tamper"] = rest.big(1) != 0
    return tell(fields, record)
