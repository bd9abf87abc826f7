"""Teltonika EYE Sensor and EYE Beacon: magnet contact, movement, climate, battery (wiki.teltonika-gps.com, EYE SENSOR /
BTSMP1, "Protocol description")."""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import Cursor
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

COMPANY = 0x089A

_PROTOCOL = 0x01
_TEMPERATURE, _HUMIDITY, _MAGNET, _MAGNET_STATE = 0x01, 0x02, 0x04, 0x08
_MOVEMENT, _ANGLE, _BATTERY_LOW, _VOLTAGE = 0x10, 0x20, 0x40, 0x80
_MOVING = 0x8000


def read(advert: Advert) -> Told:
    """What an EYE device says; raises DecodeError. A magnet at its sensor means a closed door."""
    frame = advert.manufacturer_data.get(COMPANY)
    if not frame or frame[0] != _PROTOCOL:
        raise DecodeError("nothing of a Teltonika EYE in the advert")
    rest = Cursor(frame, at=1)
    flags = rest.big(1)
    fields: dict[str, Field] = {}
    if flags & _TEMPERATURE:
        fields["temperature"] = rest.big(2, signed=True) / 100
    if flags & _HUMIDITY:
        fields["humidity"] = float(rest.big(1))
    if flags & _MAGNET:
        fields["magnetic field detected"] = bool(flags & _MAGNET_STATE)
        fields["door"] = not fields["magnetic field detected"]
    if flags & _MOVEMENT:
        movement = rest.big(2)
        fields["vibration"] = bool(movement & _MOVING)
        fields["movement counter"] = float(movement & ~_MOVING)
    if flags & _ANGLE:
        fields["pitch"] = float(rest.big(1, signed=True))
        fields["roll"] = float(rest.big(2, signed=True))
    fields["battery low"] = bool(flags & _BATTERY_LOW)
    if flags & _VOLTAGE:
        fields["voltage"] = (2000 + 10 * rest.big(1)) / 1000
    return tell(fields, frame)
