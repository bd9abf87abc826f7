"""Moat S2 hygrometer: service or manufacturer data 1000 with an address, four bytes, temperature, humidity and voltage.

Values are as the chip gives them (Sensirion SHT2x datasheet, section 6); layout as in custom-components/ble_monitor.
"""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import Cursor
from drivers.ble.adverts.told import Told, tell
from shouwang.errors import DecodeError

NUMBER = 0x1000

_VALUES_AT = 10


def read(advert: Advert) -> Told:
    """What a Moat S2 says; raises DecodeError."""
    frame = advert.service(NUMBER) or advert.manufacturer_data.get(NUMBER)
    if frame is None:
        raise DecodeError("nothing of a Moat S2 in the advert")
    rest = Cursor(frame, at=_VALUES_AT)
    temperature, humidity, millivolts = rest.little(2), rest.little(2), rest.little(2)
    return tell(
        {
            "temperature": -46.85 + 175.72 * temperature / 0x10000,
            "humidity": -6.0 + 125.0 * humidity / 0x10000,
            "voltage": millivolts / 1000,
        },
        frame,
    )
