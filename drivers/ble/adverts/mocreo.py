"""MOCREO's sensors for water, freezers and rooms, known by their name "MOCREO".

The makers publish no document; the layout is that of custom-components/ble_monitor, mocreo.py: 18 bytes of manufacturer
data, of which the second is the model and stands where others have their company's number.
"""

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.fields import sized
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.errors import DecodeError

NAME = "MOCREO"

_SIZE = 18
_SW2, _ST6, _ST9 = 0x82, 0x83, 0x86
_MODELS = {0x81: "ST5", _SW2: "SW2", _ST6: "ST6", 0x84: "ST8", _ST9: "ST9", 0x87: "ST10", 0x94: "MS2", 0x96: "MS3"}
_LEAK = 0x01


def read(advert: Advert) -> Told:
    """What a MOCREO sensor says; raises DecodeError."""
    if advert.name != NAME or not advert.manufacturer_data:
        raise DecodeError("nothing of a MOCREO sensor in the advert")
    company, data = [*advert.manufacturer_data.items()][-1]
    frame = sized((company & 0xFFFF).to_bytes(2, "little") + data, _SIZE, "MOCREO's data")
    model = _MODELS.get(frame[1])
    if model is None:
        raise DecodeError(f"MOCREO model {frame[1]:02X} is not known")
    fields: dict[str, Field] = {"type": model, "battery": float(frame[4] & 0x7F)}
    if frame[1] == _SW2:
        fields["water leak"] = bool(frame[10] & _LEAK)
    else:
        fields["temperature"] = int.from_bytes(frame[6:8], "little", signed=True) / 100
    if frame[1] in (_ST6, _ST9):
        fields["humidity"] = int.from_bytes(frame[8:10], "little", signed=True) / 100
    return tell(fields, frame)
