"""One 433 MHz device behind an RFXtrx: contact, button, panic key, motion, smoke, climate.

The receiver hears it among the others; here its packets become samples. Nothing of it is encrypted: anybody within
reach can send the same, so it may raise an alarm and never takes one of life safety back.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.ble.adverts.told import unproven
from drivers.links import Links
from drivers.serial.codec import rfxtrx
from drivers.serial.codec.rfxtrx_words import MEANINGS, WORDS, samples, strength
from drivers.serial.ear_driver import EarDriver
from drivers.serial.pace import Pace
from drivers.serial.receiver import Ear, Heard
from drivers.serial.rfxtrx_radio import PART
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id
from shouwang.driver import Driver, Said
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

COPY_S = 2.0
"""Remotes send five times within a second and go on while a key is held; what is the same within this is the same."""
NUMBERS_S = 60.0
"""Thermometers send each 40 s or so; a reading a minute is enough."""
CLIMATE_SILENCE = timedelta(hours=1)
"""Thermometers send at least each two minutes; at the edge of the reach most of it is lost."""

_PATTERNS = {
    "security1": r"[0-9A-F]{6}",
    "lighting1": r"[A-P][0-9]{1,3}",
    "lighting2": r"[0-9A-F]{7}:[0-9]{1,3}",
    "lighting4": r"[0-9A-F]{5}",
    "chime": r"[0-9A-F]{4}",
    "temp": r"[0-9A-F]{4}",
    "humid": r"[0-9A-F]{4}",
    "temphum": r"[0-9A-F]{4}",
}
_CLIMATE: Mapping[str, frozenset[Quantity]] = {
    "temp": frozenset({Quantity.TEMPERATURE, Quantity.BATTERY}),
    "humid": frozenset({Quantity.HUMIDITY, Quantity.BATTERY}),
    "temphum": frozenset({Quantity.TEMPERATURE, Quantity.HUMIDITY, Quantity.BATTERY}),
}
_SECURITY = frozenset(
    {Quantity.DOOR, Quantity.MOTION, Quantity.SOS, Quantity.SMOKE, Quantity.TAMPER, Quantity.BATTERY}
    | {Quantity.BATTERY_LOW}
)


def _device(written: str) -> str:
    family, _, number = written.partition(":")
    family, number = family.lower(), number.upper()
    if not re.fullmatch(_PATTERNS.get(family, "(?!)"), number):
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" is not a device of an RFXtrx; it looks like "security1:D3DC54" or '
                f'"temphum:7002", as '
                f"the gateway's log says when it hears it; families are {', '.join(_PATTERNS)}",
                zh=f"“{written[:40]}”不是 RFXtrx 的设备；它的样子是 security1:D3DC54 或 temphum:7002，"
                f"网关收到它时日志里有；种类有：{'、'.join(_PATTERNS)}",
            )
        )
    return f"{family}:{number}"


def _meaning(written: str) -> str:
    if written not in MEANINGS:
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" is nothing that a device can mean; write one of {", ".join(MEANINGS)}',
                zh=f"“{written[:40]}”不是设备能表示的意思；请写其中之一：{'、'.join(MEANINGS)}",
            )
        )
    return written


class RfxtrxDevice(BaseModel):
    """A 433 MHz device in the reach of the home's RFXtrx."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset(
        _SECURITY.union(
            *_CLIMATE.values(),
            {meaning[0] for meaning in MEANINGS.values() if meaning is not None},
            {Quantity.SIGNAL_STRENGTH},
        )
    )

    kind: Literal["rfxtrx_device"]
    id: Id = Field(description="name of this sensor in the home")
    device: Annotated[str, AfterValidator(_device)] = Field(
        description='family and number of the device as the gateway\'s log says, e.g. "security1:D3DC54"'
    )
    says: dict[str, Annotated[str, AfterValidator(_meaning)]] = Field(
        default={},
        description="what its words mean where that is not clear, e.g. {on: sos}, {alarm: open, normal: closed} or "
        "{panic: smoke} (left out: panic is sos, or smoke of a smoke detector)",
    )
    max_silence: Duration | None = Field(
        default=None,
        ge=timedelta(minutes=1),
        description="longest time unheard before it counts as silent, e.g. 3h for a contact that reports (left out: 1h "
        "for climate, none for the others)",
    )

    @model_validator(mode="after")
    def _says_what_it_can(self) -> Self:
        for word in self.says:
            if word not in WORDS[self.family]:
                able = ", ".join(WORDS[self.family])
                raise ValueError(
                    Bilingual(
                        f'says: a device of the family {self.family} never says "{word[:20]}"; it says '
                        + (able or "no words, only values"),
                        zh=f"says：{self.family} 的设备从来不说“{word[:20]}”；它"
                        + (f"会说 {able}" if able else "不说词，只报数值"),
                    )
                )
        return self

    @property
    def family(self) -> str:
        """The family of the device."""
        return self.device.partition(":")[0]

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may watch."""
        by_itself = _CLIMATE.get(self.family, _SECURITY if self.family == "security1" else frozenset({Quantity.BUTTON}))
        return by_itself | self._told | {Quantity.SIGNAL_STRENGTH}

    @property
    def will_say(self) -> frozenset[Quantity]:
        """What somebody should listen to: of the rest nobody has said that it is there."""
        return self._told

    @property
    def _told(self) -> frozenset[Quantity]:
        meant = (MEANINGS[meaning] for meaning in self.says.values())
        return frozenset(meaning[0] for meaning in meant if meaning is not None)

    @property
    def silence(self) -> timedelta | None:
        """As configured, or as the family goes."""
        return self.max_silence or (CLIMATE_SILENCE if self.family in _CLIMATE else None)

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no RFXtrx."""
        return RfxtrxDriver(self, links.receiver_for(self.id, PART).ear(self.device))


class RfxtrxDriver(EarDriver):
    """Takes what the receiver hears from this device, and emits what it means."""

    def __init__(self, config: RfxtrxDevice, ear: Ear) -> None:
        """Nothing is opened: the receiver is held by somebody else."""
        super().__init__(config, ear, copy_s=COPY_S, pace=Pace(NUMBERS_S))
        self._config = config

    def is_copy(self, heard: Heard) -> bool:
        """Neither the sequence number nor the strength makes another packet of it."""
        return self._copies.is_copy(heard.frame[1:3] + heard.frame[4:-1], heard.at)

    def decoded(self, heard: Heard) -> list[Said]:
        """As its family and `says` go."""
        return decode(heard.frame, self._config.says)


def decode(frame: bytes, says: Mapping[str, str] | None = None) -> list[Said]:
    """What one packet of a device means, with the words that `says` gives another meaning. Raises DecodeError."""
    packet = rfxtrx.decode_packet(frame)
    if isinstance(packet, rfxtrx.Status | rfxtrx.Other):
        raise DecodeError(f"no packet of a sensor: {frame.hex()}")
    return [*unproven(samples(packet, frame, says or {})), strength(packet, frame)]
