"""RuuviTag and Ruuvi Air: data formats 2 to 6 and E1 (docs.ruuvi.com, Bluetooth advertisements)."""

import base64
import binascii
import math
from collections.abc import Callable

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.beacons import EDDYSTONE, URL_FRAME, expand_url
from drivers.ble.adverts.fields import Cursor, sized
from drivers.ble.adverts.repeats import Repeats
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.driver import Alive, Said
from shouwang.errors import DecodeError

COMPANY = 0x0499

_URL = "https://ruu.vi/#"
_URL_TEXT_SIZE = 8
_LUMINOSITY_STEP = math.log(65536) / 254
"""Format 6: luminosity is logarithmic, code 254 is 65535 lx."""

_CALIBRATING = 0x01
_VOC_LOW_BIT = 0x40
_NOX_LOW_BIT = 0x80


class RuuviParser:
    """The adverts of one Ruuvi sensor. It moved where its movement counter did."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self._repeats = Repeats()
        self._movements: Field | None = None

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them; a life sign for a measurement that was heard already."""
        frame, fields = _read(advert)
        movements = fields.get("movement counter")
        if movements is not None and self._movements is not None:
            fields["vibration"] = movements != self._movements
        self._movements = movements
        is_new = self._repeats.is_new(frame, advert.heard_at)
        if "sequence" in fields and not is_new:
            return Told(fields, (Alive(),))
        return tell(fields, frame)


def _read(advert: Advert) -> tuple[bytes, dict[str, Field]]:
    frame = advert.manufacturer_data.get(COMPANY)
    if frame:
        reader = _FORMATS.get(frame[0])
        if reader is None:
            raise DecodeError(f"Ruuvi data format {frame[0]:02X} is not known")
        return frame, reader(frame)
    url = advert.service_data.get(EDDYSTONE, b"")
    if url[:1] == URL_FRAME:
        return url, _format_2_4(url)
    raise DecodeError("nothing of Ruuvi in the advert")


def _format_2_4(frame: bytes) -> dict[str, Field]:
    """Formats 2 and 4: base64 in the address of a page; the ninth character of format 4 is an identifier."""
    url = expand_url(frame)
    if not url.startswith(_URL):
        raise DecodeError(f"a link that is not of a Ruuvi sensor: {url[:60]}")
    text = url.removeprefix(_URL)[:_URL_TEXT_SIZE]
    try:
        data = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"not base64 of a Ruuvi sensor: {text!r}") from error
    if len(data) != 6 or data[0] not in (2, 4):
        raise DecodeError(f"a link of another data format: {data.hex()}")
    return _climate_3(Cursor(data, at=1))


def _format_3(frame: bytes) -> dict[str, Field]:
    """Format 3 has no special values. Devices pad it with zeros to 18 bytes."""
    rest = Cursor(frame, at=1)
    found = _climate_3(rest)
    for axis in "xyz":
        found[f"acceleration {axis}"] = float(rest.big(2, signed=True))
    found["voltage"] = rest.big(2) / 1000
    return found


def _climate_3(rest: Cursor) -> dict[str, Field]:
    humidity, whole, hundredths, pressure = rest.big(1), rest.big(1), rest.big(1), rest.big(2)
    degrees = (whole & 0x7F) + hundredths / 100  # sign and magnitude
    return {
        "humidity": humidity * 0.5,
        "temperature": -degrees if whole & 0x80 else degrees,
        "pressure": (pressure + 50000) / 100,
    }


def _format_5(frame: bytes) -> dict[str, Field]:
    rest = Cursor(sized(frame, 24, "Ruuvi data format 5"), at=1)
    found = _climate_5(rest)
    for axis in "xyz":
        _put(found, f"acceleration {axis}", rest.big(2, signed=True), -0x8000, float)
    power = rest.big(2)
    _put(found, "voltage", power >> 5, 0x7FF, lambda raw: (raw + 1600) / 1000)
    _put(found, "tx power", power & 0x1F, 0x1F, lambda raw: raw * 2.0 - 40)
    _put(found, "movement counter", rest.big(1), 0xFF, float)
    _put(found, "sequence", rest.big(2), 0xFFFF, float)
    return found


def _climate_5(rest: Cursor) -> dict[str, Field]:
    found: dict[str, Field] = {}
    _put(found, "temperature", rest.big(2, signed=True), -0x8000, lambda raw: raw / 200)
    _put(found, "humidity", rest.big(2), 0xFFFF, lambda raw: raw / 400)
    _put(found, "pressure", rest.big(2), 0xFFFF, lambda raw: (raw + 50000) / 100)
    return found


def _format_6(frame: bytes) -> dict[str, Field]:
    rest = Cursor(sized(frame, 20, "Ruuvi data format 6"), at=1)
    found = _climate_5(rest)
    _put(found, "pm2.5", rest.big(2), 0xFFFF, lambda raw: raw / 10)
    _put(found, "co2", rest.big(2), 0xFFFF, float)
    voc, nox, luminosity = rest.big(1), rest.big(1), rest.big(1)
    rest.take(1)  # reserved
    found["sequence"] = float(rest.big(1))
    _put(found, "illuminance", luminosity, 0xFF, lambda raw: math.exp(raw * _LUMINOSITY_STEP) - 1)
    return _with_indexes(found, voc, nox, rest.big(1))


def _format_e1(frame: bytes) -> dict[str, Field]:
    rest = Cursor(sized(frame, 40, "Ruuvi data format E1"), at=1)
    found = _climate_5(rest)
    for name in ("pm1", "pm2.5", "pm4", "pm10"):
        _put(found, name, rest.big(2), 0xFFFF, lambda raw: raw / 10)
    _put(found, "co2", rest.big(2), 0xFFFF, float)
    voc, nox = rest.big(1), rest.big(1)
    _put(found, "illuminance", rest.big(3), 0xFFFFFF, lambda raw: raw / 100)
    rest.take(3)  # reserved
    _put(found, "sequence", rest.big(3), 0xFFFFFF, float)
    return _with_indexes(found, voc, nox, rest.big(1))


def _with_indexes(found: dict[str, Field], voc: int, nox: int, flags: int) -> dict[str, Field]:
    """The nine-bit indexes, whose lowest bit stands in the flags. While it calibrates itself, there are none."""
    found["calibrating"] = bool(flags & _CALIBRATING)
    if not found["calibrating"]:
        _put(found, "voc", voc << 1 | bool(flags & _VOC_LOW_BIT), 0x1FF, float)
        _put(found, "nox", nox << 1 | bool(flags & _NOX_LOW_BIT), 0x1FF, float)
    return found


def _put(found: dict[str, Field], name: str, raw: int, special: int, scale: Callable[[int], float]) -> None:
    """A field, unless it is the special value that says: not measured."""
    if raw != special:
        found[name] = scale(raw)


_FORMATS: dict[int, Callable[[bytes], dict[str, Field]]] = {
    0x03: _format_3,
    0x05: _format_5,
    0x06: _format_6,
    0xE1: _format_e1,
}
