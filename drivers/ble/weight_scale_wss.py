"""A scale with the Weight Scale Service (WSS, 0x181D), the Body Composition Service (BCS, 0x181B), or both.

A scale for several people tells a person's data only after that person's consent (User Data Service, 0x181C).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from drivers.ble.attribute import Attribute
from drivers.ble.codec import body_composition, weight_scale
from drivers.ble.codec.body_composition import BodyComposition, decode_body_composition, merged
from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.device_information import Identity
from drivers.ble.codec.user_data import consent, decode_user_control
from drivers.ble.codec.weight_scale import decode_weight
from drivers.ble.device_clock import DeviceClock, dated
from drivers.ble.health import Codecs, HealthDriver, Told, as_standard, read
from drivers.ble.link import Peripheral
from drivers.ble.memory import Seen
from drivers.ble.people import USERS, People, Users, consents_in
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Driver, Emitted, Notes, Record, Said
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity

WEIGHT_SERVICE, COMPOSITION_SERVICE = 0x181D, 0x181B
WEIGHT = Attribute(WEIGHT_SERVICE, 0x2A9D)
COMPOSITION = Attribute(COMPOSITION_SERVICE, 0x2A9C)
USER_CONTROL = Attribute(0x181C, 0x2A9F)


class WeightScaleWss(BluetoothSensor):
    """A scale on Bluetooth LE with the standard Weight Scale or Body Composition Service."""

    emits: ClassVar[frozenset[Quantity]] = weight_scale.EMITS | body_composition.EMITS | {Quantity.BATTERY}

    kind: Literal["weight_scale_wss"]
    users: Users = Field(default={}, description=USERS)
    consent_file: Path | None = Field(
        default=None,
        description="file with a line for each user of the scale: user number and consent code, e.g. 1 4711",
    )

    def build(self, links: Links) -> Driver:
        """The driver of this sensor. Raises ConfigError where the consent file cannot be used."""
        consents = {} if self.consent_file is None else consents_in(self.consent_file)
        talk = ScaleTalk(People(self.users, links.resident_id), links.notes_of(self.id), consents)
        return HealthDriver(self.id, self.address, links.radio(self.adapter), talk, max_silence=None)


class ScaleTalk:
    """What a scale says."""

    services = (WEIGHT_SERVICE, COMPOSITION_SERVICE)
    unasked = (WEIGHT, COMPOSITION)
    is_over = False

    def __init__(self, people: People, notes: Notes, consents: Mapping[int, int]) -> None:
        """`consents`: the code of each user number."""
        self._people = people
        self._seen = Seen(notes)
        self._consents = consents
        self._clock = DeviceClock(None)
        self._identity = Identity()
        self._half: BodyComposition | None = None

    async def open(self, told: Told) -> None:
        """Subscribe, and give each user's consent. Raises DeviceError."""
        self._clock, self._identity, self._half = told.clock, told.identity, None
        wanted = [attribute for attribute in (WEIGHT, COMPOSITION) if told.device.can_tell(attribute)]
        if not wanted:
            raise DeviceError(
                Bilingual(
                    "the device has a scale's service that reports nothing", zh="设备有体重秤服务，但它什么也不报告"
                )
            )
        for attribute in wanted:
            await told.device.subscribe(attribute)
        await self._consent(told.device)

    async def _consent(self, device: Peripheral) -> None:
        if not self._consents or not device.can_tell(USER_CONTROL):
            return
        await device.subscribe(USER_CONTROL)
        for user, code in self._consents.items():
            await device.write(USER_CONTROL, consent(user, code))

    async def answer(self, attribute: Attribute, value: bytes) -> None:
        """It waits for none."""

    def take(self, attribute: Attribute, value: bytes) -> Iterable[Emitted]:
        """A weighing, once. Raises DecodeError."""
        if attribute == USER_CONTROL:
            decode_user_control(value)
            return [Alive()]
        if attribute == WEIGHT:
            weight = decode_weight(value)
            return self._record(value, weight_scale.samples(weight, value), weight.timestamp, weight.user_id)
        return self._composition(value)

    def _composition(self, value: bytes) -> list[Emitted]:
        measured = decode_body_composition(as_standard(self._identity, COMPOSITION, value))
        if measured.is_half:
            if self._half is None:
                self._half = measured
                return [Alive()]
            first, self._half = self._half, None
            measured = merged(first, measured)
        said = body_composition.samples(measured, value)
        return self._record(value, said, measured.timestamp, measured.user_id)

    def _record(self, value: bytes, said: list[Said], stamp: DateTime | None, user: int | None) -> list[Emitted]:
        if stamp is not None and self._seen.has(value):
            return [Alive()]
        samples = self._people.of(user, dated(said, self._clock.moment(stamp)))
        if not samples:
            return [Alive()]
        return [Record(samples=tuple(samples), notes=() if stamp is None else (self._seen.add(value),))]


_CODECS: Codecs = {
    WEIGHT: lambda value: weight_scale.samples(decode_weight(value), value),
    COMPOSITION: lambda value: body_composition.samples(decode_body_composition(value), value),
}


def decode(attribute: Attribute, value: bytes) -> list[Said]:
    """What one value means. Raises DecodeError."""
    return read(_CODECS, attribute, value)
