"""ELA Innovation's Blue Puck and Blue Coin: temperature, humidity, contact, movement, infrared, touch.

Formats: ELA, "Blue: advertising formats" as in reelyactive/advlib-ble-manufacturers, elainnovation.js (data of company
0757, possibly several records in one advert), and the older ones in service data of the characteristics 2A6E and 2A6F
(Bluetooth GATT Specification Supplement: 0.01 Cel) and 2A06.
"""

from collections.abc import Callable

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import Cursor
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.driver import Said
from shouwang.errors import DecodeError

COMPANY = 0x0757
TEMPERATURE = 0x2A6E
HUMIDITY = 0x2A6F
CONTACT = 0x2A06

_TEMPERATURE, _CLIMATE, _MAGNET, _MOVEMENT = 0x12, 0x21, 0x32, 0x42
_INFRARED, _TOUCH, _PERCENT, _VOLTAGE = 0x92, 0xB2, 0xF1, 0xF2


class ElaParser:
    """The adverts of one ELA sensor. A touch counts where its counter moved."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self._touches: Field | None = None

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them; a touch as a press of a button."""
        fields: dict[str, Field] = {}
        records = advert.records_of(COMPANY)
        for record in records:
            _record(Cursor(record), fields)
        services = [data for data in map(advert.service, _SERVICES) if data is not None]
        for uuid, reader in _SERVICES.items():
            data = advert.service(uuid)
            if data is not None:
                reader(Cursor(data), fields)
        if not records and not services:
            raise DecodeError("nothing of an ELA sensor in the advert")
        touches = fields.get("touches")
        if touches is not None:
            if self._touches is not None and touches != self._touches:
                fields["button"] = 1.0
            self._touches = touches
        return tell(fields, b"".join((*records, *services)))


def _record(rest: Cursor, fields: dict[str, Field]) -> None:
    kind = rest.big(1)
    if kind == _TEMPERATURE:
        _temperature(rest, fields)
    elif kind == _CLIMATE:
        fields["humidity"] = float(rest.big(1))
        if rest.big(1) == _TEMPERATURE:
            _temperature(rest, fields)
    elif kind == _PERCENT:
        fields["battery"] = float(rest.big(1))
    elif kind == _VOLTAGE:
        fields["voltage"] = rest.little(2) / 1000
    elif kind == _MAGNET:
        _contact(rest, fields)
    elif kind == _MOVEMENT:
        fields["vibration"] = bool(rest.little(2) & 1)
    elif kind == _INFRARED:
        fields["motion"] = bool(rest.little(2) & 1)
    elif kind == _TOUCH:
        fields["touches"] = float(rest.little(2) >> 1)


def _temperature(rest: Cursor, fields: dict[str, Field]) -> None:
    fields["temperature"] = rest.little(2, signed=True) / 100


def _humidity(rest: Cursor, fields: dict[str, Field]) -> None:
    fields["humidity"] = float(rest.big(1))


def _contact(rest: Cursor, fields: dict[str, Field]) -> None:
    """The lowest bit is set while the magnet is near: closed; the others count."""
    fields["door"] = not rest.little(2) & 1


_SERVICES: dict[int, Callable[[Cursor, dict[str, Field]], None]] = {
    TEMPERATURE: _temperature,
    HUMIDITY: _humidity,
    CONTACT: _contact,
}
