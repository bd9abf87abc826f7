"""Hörmann's garage door drive Supramatic E4: how far the door is open (custom-components/ble_monitor, hormann.py)."""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.told import Told, tell
from shouwang.errors import DecodeError

COMPANY = 0x07B4

_SIZE = 17


def read(advert: Advert) -> Told:
    """The door's state; raises DecodeError. Of the drive's two records, the long one tells it."""
    for frame in advert.records_of(COMPANY):
        if len(frame) == _SIZE:
            return tell({"door": frame[1] > 0, "opening percentage": frame[1] / 2}, frame)
    raise DecodeError("nothing of a Hörmann drive in the advert")
