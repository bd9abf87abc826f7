"""Buttons that call for help by their adverts: HolyIOT tags, and any beacon whose identity tells of a press.

A button repeats its frame for seconds: a press is one SOS, by the states of `repeats`.
"""

from collections.abc import Iterable

from drivers.ble.adverts.advert import NO_ADDRESS, Advert
from drivers.ble.adverts.beacons import identity
from drivers.ble.adverts.beacons import read as read_beacon
from drivers.ble.adverts.fields import Cursor, sized
from drivers.ble.adverts.repeats import Repeats
from drivers.ble.adverts.told import Field, Told, tell
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

HOLYIOT_SERVICE = 0x5242

_HOLYIOT_SIZE = 13
_HOLYIOT_MARK = 0x41
_TEMPERATURE, _PRESSURE, _HUMIDITY, _VIBRATION, _SIDE, _BUTTON = 1, 2, 3, 4, 5, 6
_PRESSURE_OFFSET = 80_000
"""Pascals (custom-components/ble_monitor, holyiot.py: no document of the maker is public)."""


class HolyIotParser:
    """A HolyIOT tag: service data 5242 with mark, battery %, address, two unknown bytes, kind of value, value.

    A tag with several sensors tells of them in turns. A button's value is 1 for about 5 s after a press and 0 otherwise
    (owners' observations; short presses of some models do not set it).
    """

    def __init__(self) -> None:
        """Nobody pressed."""
        self._presses = Repeats()

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """All fields, and the samples in them; a press as SOS."""
        frame = sized(advert.service(HOLYIOT_SERVICE), _HOLYIOT_SIZE, "HolyIOT service data")
        rest = Cursor(frame)
        mark, battery, address = rest.big(1), rest.big(1), rest.take(6)
        if mark != _HOLYIOT_MARK or battery > 100:
            raise DecodeError(f"not of a HolyIOT tag: {frame.hex()}")
        if advert.address not in (NO_ADDRESS, address.hex(":").upper()):
            raise DecodeError(f"of another tag: {address.hex(':')}")
        rest.take(2)
        fields: dict[str, Field] = {"battery": float(battery)}
        kind, value = rest.big(1), rest.take(2)
        fields.update(_holyiot_value(kind, value))
        if kind == _BUTTON:
            fields["pressed"] = value[0] == 1
            self._take_button(fields, frame, advert.heard_at)
        return tell(fields, frame)

    def _take_button(self, fields: dict[str, Field], frame: bytes, heard_at: float | None) -> None:
        if not fields["pressed"]:
            self._presses.over()
        elif self._presses.is_new(frame[10:], heard_at):  # the battery's level may change while it is pressed
            fields["sos"] = True


def _holyiot_value(kind: int, value: bytes) -> dict[str, Field]:
    if kind == _TEMPERATURE:
        whole, hundredths = int.from_bytes(value[:1], "big", signed=True), value[1] / 100
        return {"temperature": whole + hundredths if whole >= 0 else whole - hundredths}
    if kind == _PRESSURE:
        return {"pressure": (_PRESSURE_OFFSET + int.from_bytes(value, "big", signed=True)) / 100}
    if kind == _HUMIDITY:
        return {"humidity": float(value[0])}
    if kind == _VIBRATION:
        return {"vibration": value[0] != 0}
    if kind == _SIDE:
        return {"side": float(value[0])}
    return {}


class BeaconButton:
    """A beacon that tells of a press by who it says it is: another UUID, major, minor, namespace or instance.

    `pressed` are identities as `beacons.identity` gives them, or their beginnings up to a slash. Without any, every
    change of identity is a press (a minor that counts them); what is heard first is then where it begins.

    A beacon may send its everyday identity in between (KKM, "always advertise"), so that does not end a press: silence
    of the press's own frame does. Where times are not known, the everyday identity must.
    """

    def __init__(self, pressed: Iterable[str] = ()) -> None:
        """Nobody pressed."""
        self._pressed = tuple(text.lower() for text in pressed)
        self._presses = Repeats()
        self._last: str | None = None

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert."""
        return list(self.read(advert).said)

    def read(self, advert: Advert) -> Told:
        """The beacon's fields and telemetry; a press as SOS."""
        told = read_beacon(advert)
        name = identity(advert)
        if name is None or not self._is_press(name, advert.heard_at):
            return told
        sos = Sample(quantity=Quantity.SOS, value=1.0, frame=_frame_of(told, name))
        return Told({**told.fields, "sos": True}, (*(one for one in told.said if not isinstance(one, Alive)), sos))

    def _is_press(self, name: str, heard_at: float | None) -> bool:
        if not self._pressed:
            was, self._last = self._last, name
            return was is not None and was != name
        if any(f"{name}/".startswith(f"{pressed}/") for pressed in self._pressed):
            return self._presses.is_new(name.encode(), heard_at)
        if heard_at is None:
            self._presses.over()
        return False


def _frame_of(told: Told, name: str) -> bytes:
    """The raw evidence of a press; an identity frame carries no sample that would hold its bytes."""
    frames = [one.frame for one in told.said if isinstance(one, Sample)]
    return frames[0] if frames else name.encode()


KKM_TRIGGERS = range(3, 7)
"""KKM, "Push button trigger": the UUID grows by the kind of press (single, double, triple, long)."""


def kkm_presses(everyday_uuid: str) -> tuple[str, ...]:
    """Identities by which a KKM button tells of a press where its "trigger content change mode" is on."""
    digits = everyday_uuid.replace("-", "")
    try:
        number = int(digits, 16)
    except ValueError as error:
        raise DecodeError(f"not a UUID: {everyday_uuid[:40]}") from error
    return tuple(f"{(number + kind) % (1 << 128):032x}" for kind in KKM_TRIGGERS)
