"""A sensor that speaks in its advertisements: climate and contact sensors, SOS buttons, beacons, tags.

Nothing is connected to. What a device repeats is told once and then once a minute; a press is told once. The counter
that guards an encrypted device against replays is noted, so that a restart does not open the door to a recording.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal, Self

import msgspec
from pydantic import Field, model_validator

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.families import ENCRYPTED, Family, parser_for
from drivers.ble.adverts.sos_beacons import BeaconButton
from drivers.ble.adverts.told import QUANTITY_OF, AdvertParser
from drivers.ble.hearing import Sighting
from drivers.ble.radio import Radio
from drivers.ble.sensor import BluetoothSensor
from drivers.links import Links
from drivers.rejects import Rejects
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.document import Duration
from shouwang.driver import Alive, Driver, Emit, Note, Notes, Record, Said, Sample
from shouwang.errors import ConfigError, DecodeError
from shouwang.quantities import QUANTITIES, Quantity

AGAIN_S = 60.0
"""A value that does not change is told once a minute: a chart without holes, and 1/60 of the wear."""
STRENGTH_S = 900.0
NOTE_S = 600.0
"""How often the replay counter goes to the card when nothing of weight is said."""
_NOTE = "heard"
_EVENT_FAMILIES = frozenset({Family.BTHOME, Family.MIBEACON})
"""Their buttons and contacts may be silent for days; devices of the others advertise all the time."""
_SILENCE = timedelta(hours=1)
_SILENCE_MIN = timedelta(seconds=30)
"""An active scan hears an advert that does not change every 10.5 s, and may miss one (tests/vm)."""


class Press(StrEnum):
    """What a press of the device's button means."""

    BUTTON = "button"
    SOS = "sos"
    CANCEL = "cancel"


_MEANS = {Press.SOS: Quantity.SOS, Press.CANCEL: Quantity.CANCEL}
_SOS_FAMILIES = frozenset({Family.HOLYIOT})
"""Their frames have a bit for an emergency."""
_IDENTITY_FAMILIES = frozenset({Family.BEACON, Family.KKM, Family.MINEW})
"""Their buttons tell of a press by another identity of the beacon."""
_CARRIED = frozenset(QUANTITY_OF.values()) | {
    Quantity.SMOKE,
    Quantity.GAS_ALARM,
    Quantity.CARBON_MONOXIDE_ALARM,
    Quantity.CARBON_MONOXIDE,
    Quantity.PRESENCE,
    Quantity.PROBLEM,
    Quantity.WEIGHT,
    Quantity.IMPEDANCE,
    Quantity.HEART_RATE,
}


class AdvertSensor(BluetoothSensor):
    """A sensor, button or beacon that speaks in its Bluetooth advertisements."""

    emits: ClassVar[frozenset[Quantity]] = _CARRIED | {Quantity.SOS, Quantity.CANCEL}

    kind: Literal["advert_sensor"]
    family: Family = Field(description="format or maker of the device, as shouwang gateway scan says, e.g. bthome")
    key_file: Path | None = Field(
        default=None, description="file that holds the key of this device (32 or 24 hex digits) and nothing else"
    )
    press: Press = Field(
        default=Press.BUTTON, description="what a press of its button means: sos, cancel, or button (only kept)"
    )
    pressed: tuple[str, ...] = Field(
        default=(),
        description="identities that a beacon shows while pressed: uuid, uuid/major/minor, or namespace/instance "
        "(left out with press: sos: every change of its identity is a press)",
    )
    says: frozenset[Quantity] | None = Field(
        default=None, description="what this device measures, e.g. [temperature, humidity]; left out: all it can"
    )
    max_silence: Duration | None = Field(
        default=None,
        ge=_SILENCE_MIN,
        description="longest time unheard before it counts as silent, e.g. 1h (left out: 1h, but none for bthome and "
        "mibeacon, whose buttons and contacts may be silent for days)",
    )

    @model_validator(mode="after")
    def _has_a_key_only_where_there_is_one(self) -> Self:
        if self.key_file is not None and self.family not in ENCRYPTED:
            raise ValueError(
                Bilingual(
                    f"devices of {self.family} have no key; leave key_file out",
                    zh=f"{self.family} 的设备没有密钥；请删去 key_file",
                )
            )
        if self.pressed and not self._is_identity_button:
            raise ValueError(
                Bilingual(
                    f"pressed is for press: sos and the families {', '.join(sorted(_IDENTITY_FAMILIES))}",
                    zh=f"pressed 只用于 press: sos 且属于这些种类的设备：{'、'.join(sorted(_IDENTITY_FAMILIES))}",
                )
            )
        return self

    @property
    def _is_identity_button(self) -> bool:
        return self.press is Press.SOS and self.family in _IDENTITY_FAMILIES

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may watch."""
        carried = (self.says or _CARRIED) - {Quantity.SOS, Quantity.CANCEL}
        if self.press in _MEANS:
            return carried | {_MEANS[self.press]}
        return carried | {Quantity.SOS} if self.family in _SOS_FAMILIES else carried

    @property
    def will_say(self) -> frozenset[Quantity]:
        """What somebody should listen to: nobody has said of the rest that it is there."""
        said = self.says or frozenset()
        return said | {_MEANS[self.press]} if self.press in _MEANS else said

    @property
    def silence(self) -> timedelta | None:
        """As configured, or as the family goes."""
        return self.max_silence or (None if self.family in _EVENT_FAMILIES else _SILENCE)

    def build(self, links: Links) -> Driver:
        """The driver of this sensor. Raises ConfigError where its key cannot be used."""
        notes = links.notes_of(self.id)
        try:
            key = None if self.key_file is None else _key_in(self.key_file)
            parser: AdvertParser = parser_for(self.family, key=key, memory=notes.get(_NOTE, ""))
        except DecodeError as error:
            raise ConfigError(
                both("sensor {id}: {error}", "传感器 {id}：{error}", id=self.id, error=told_by(error))
            ) from error
        if self._is_identity_button:
            parser = BeaconButton(self.pressed)
        return AdvertDriver(self, links.radio(self.adapter), parser, notes)


class AdvertDriver:
    """Hears one device, and emits what its parser makes of each advert."""

    def __init__(self, config: AdvertSensor, radio: Radio, parser: AdvertParser, notes: Notes) -> None:
        """Nothing is heard before `run`."""
        radio.hear_repeats()
        self._config = config
        self._radio = radio
        self._parser = parser
        self._rejects = Rejects(config.id)
        self._noted = notes.get(_NOTE, "")
        self._noted_at = float("-inf")
        self._strength_at = float("-inf")
        self._told: dict[Quantity, tuple[Sample, float]] = {}

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._config.id

    @property
    def max_silence(self) -> timedelta | None:
        """As configured, or as the family goes."""
        return self._config.silence

    @property
    def rejected(self) -> int:
        """How many adverts could not be read since the start."""
        return self._rejects.count

    async def run(self, emit: Emit) -> None:
        """Emit until cancelled; raises DeviceError where the radio does not work."""
        await self._radio.ready()
        with self._radio.ear(self._config.address, is_periodic=self.max_silence is not None) as ear:
            if self.max_silence is None:
                emit(Alive())
            while True:
                self._hear(await ear.next(), emit)

    def _hear(self, sighting: Sighting, emit: Emit) -> None:
        try:
            said = self._parser.parse(advert_of(sighting))
        except DecodeError as error:
            self._rejects.add(error)
            return
        samples = [self._meaning(one) for one in said if isinstance(one, Sample)]
        news = [sample for sample in samples if self._is_news(sample, sighting.at)]
        if sighting.at - self._strength_at >= STRENGTH_S and said:
            self._strength_at = sighting.at
            news.append(Sample(quantity=Quantity.SIGNAL_STRENGTH, value=float(sighting.data.rssi)))
        self._emit(news, said, sighting.at, emit)

    def _emit(self, news: list[Sample], said: list[Said], now: float, emit: Emit) -> None:
        note = self._note(news, now)
        if note is not None:
            emit(Record(samples=tuple(news), notes=(note,)))
            return
        for sample in news:
            emit(sample)
        if said and not news:
            emit(Alive())

    def _meaning(self, sample: Sample) -> Sample:
        means = _MEANS.get(self._config.press)
        if sample.quantity is not Quantity.BUTTON or means is None:
            return sample
        return msgspec.structs.replace(sample, quantity=means, value=1.0)

    def _is_news(self, sample: Sample, now: float) -> bool:
        if QUANTITIES[sample.quantity].event:  # the parser told it from its repetitions
            return True
        before = self._told.get(sample.quantity)
        if before is not None:
            was, at = before
            if (was.value, was.quality) == (sample.value, sample.quality) and now - at < AGAIN_S:
                return False
        self._told[sample.quantity] = sample, now
        return True

    def _note(self, news: Iterable[Sample], now: float) -> Note | None:
        memory: str = getattr(self._parser, "memory", str)()
        has_weight = any(QUANTITIES[one.quantity].life_safety or QUANTITIES[one.quantity].event for one in news)
        if memory == self._noted or not (has_weight or now - self._noted_at >= NOTE_S):
            return None
        self._noted, self._noted_at = memory, now
        return Note(name=_NOTE, text=memory)


def advert_of(sighting: Sighting) -> Advert:
    """What was heard, as the parsers take it."""
    device, data = sighting.device, sighting.data
    return Advert(
        address=device.address.upper(),
        name=data.local_name or device.name,
        rssi=data.rssi,
        manufacturer_data=data.manufacturer_data,
        service_data=data.service_data,
        service_uuids=tuple(data.service_uuids),
        heard_at=sighting.at,
    )


def decode(family: Family, data: bytes, *, address: str = "00:00:00:00:00:00") -> list[Said]:
    """What the AD structures of one advert mean, of a device without key. Raises DecodeError."""
    return parser_for(family).parse(Advert.from_ad_structures(data, address=address))


def _key_in(file: Path) -> bytes:
    try:
        written = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Bilingual(
                f"{file}: the key cannot be read: {error}; the gateway's user must be able to",
                zh=f"{file}：密钥读不出来：{error}；网关的用户必须能读这个文件",
            )
        ) from error
    if not re.fullmatch(r"[0-9A-Fa-f]{24}|[0-9A-Fa-f]{32}", written):
        raise ConfigError(
            Bilingual(
                f"{file}: must hold the device's key, 32 (MiBeacon also 24) hex digits, and nothing else",
                zh=f"{file}：里面只能有设备的密钥：32 位（MiBeacon 也可以 24 位）十六进制数字，不能有别的",
            )
        )
    return bytes.fromhex(written)
