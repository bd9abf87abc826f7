"""Relsib's EClerk Eco (temperature, humidity, CO2) and WT51 thermometer; the layout is that of
custom-components/ble_monitor, relsib.py."""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import Cursor, sized
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

ECLERK = (0xAA20, 0xAA21, 0xAA22)
WT51 = 0x1809

_WITH_BATTERY = 0xAA20
_ECLERK_SIZE = 22
_WT51_SIZE = 6
_NOT_READY = 0x8000
_ON_MAINS = 0x80


def read(advert: Advert) -> Told:
    """What a Relsib sensor says; raises DecodeError."""
    for uuid in ECLERK:
        frame = advert.service(uuid)
        if frame is not None:
            return _eclerk(sized(frame, _ECLERK_SIZE, "EClerk's data"), has_battery=uuid == _WITH_BATTERY)
    return _wt51(sized(advert.service(WT51), _WT51_SIZE, "WT51's data"))


def _eclerk(frame: bytes, *, has_battery: bool) -> Told:
    rest = Cursor(frame, at=4 if has_battery else 0)
    fields: dict[str, Field] = {}
    temperature, humidity, co2 = rest.little(2), rest.little(2), rest.little(2)
    if temperature != _NOT_READY:
        fields["temperature"] = (temperature - 0x10000 * (temperature > _NOT_READY)) / 100
    if humidity != _NOT_READY:
        fields["humidity"] = humidity / 100
    if co2 != _NOT_READY:
        fields["co2"] = float(co2)
    if has_battery and fields:
        fields["battery"] = 100.0 if frame[13] & _ON_MAINS else float(frame[13])
    return tell(fields, frame)


def _wt51(frame: bytes) -> Told:
    """The temperature in digits."""
    try:
        temperature = float(frame.decode("ascii"))
    except ValueError as error:
        raise DecodeError(f"WT51 says no number: {frame.hex()}") from error
    return tell({"temperature": temperature}, frame)
