"""What speaks, sounds and shines in a home, as people write it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.outputs import PIN_MAX, MqttOutput, SerialOutput
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id

LOUD = timedelta(minutes=3)
"""A siren calls the neighbours, and must not annoy them all night. Set by this project; cities have own rules."""
Language = Literal["zh", "en", "both"]


class _Annunciator(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ConsoleAnnunciatorPart(_Annunciator):
    """Speaks alarms as lines on the gateway's standard output."""

    kind: Literal["console"]
    language: Language | None = Field(default=None, description="zh, en or both; left out: the gateway's")


class _Signalling(_Annunciator):
    id: Id = Field(description="name of this siren or lamp, for the log and for `gateway try`")


class _Loud(_Signalling):
    loud_for: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(minutes=30))] = Field(
        default=LOUD, description="how long it sounds for an alarm; after that a P1 sounds once a minute until answered"
    )


class GpioSirenPart(_Loud):
    """A siren or buzzer on a pin of a Raspberry Pi, behind a transistor."""

    kind: Literal["gpio_siren"]
    pin: int = Field(
        ge=0, le=PIN_MAX, description="BCM number of the pin, as in GPIO17; not its place on the connector"
    )
    active_high: bool = Field(default=True, description="false: on is 0 V, as on most relay boards with an optocoupler")
    slow: bool = Field(
        default=False, description="true: a relay sits behind the pin; long tones, for it would wear out by pulses"
    )
    ex_safe: bool | None = Field(
        default=None,
        description="true: it makes no spark where gas may gather, else it is silent while there is gas; left out: "
        "true, but of a relay (slow: true) false",
    )

    @property
    def is_ex_safe(self) -> bool:
        """Whether it may be switched in gas: a transistor may, a relay only if a person says so."""
        return not self.slow if self.ex_safe is None else self.ex_safe


class GpioLampPart(_Signalling):
    """A red lamp, and a yellow one if there is one, on pins of a Raspberry Pi, behind transistors."""

    kind: Literal["gpio_lamp"]
    red: int = Field(ge=0, le=PIN_MAX, description="BCM number of the red lamp's pin; of the only one, if there is one")
    yellow: int | None = Field(default=None, ge=0, le=PIN_MAX, description="BCM number of the yellow lamp's pin")
    active_high: bool = Field(default=True, description="false: on is 0 V, as on most relay boards with an optocoupler")
    slow: bool = Field(default=False, description="true: relays sit behind the pins; the lamps shine without flashing")
    ex_safe: bool | None = Field(
        default=None,
        description="true: it makes no spark where gas may gather, else it is not switched while there is gas; "
        "left out: true, but of relays (slow: true) false",
    )

    @property
    def is_ex_safe(self) -> bool:
        """Whether they may be switched in gas: a transistor may, a relay only if a person says so."""
        return not self.slow if self.ex_safe is None else self.ex_safe

    @model_validator(mode="after")
    def _two_lamps_two_pins(self) -> Self:
        if self.yellow == self.red:
            raise ValueError(
                Bilingual(
                    "red and yellow are one pin; leave yellow out if there is one lamp",
                    zh="red 和 yellow 是同一个引脚；如果只有一盏灯，请删去 yellow",
                )
            )
        return self


_USE = "siren, or lamp (lights up, does not flash)"
_EX_SAFE = (
    "true: it cannot make a spark where gas may gather (another room, or built for it); else it is not switched while "
    "there is gas"
)


class MqttSignalPart(MqttOutput, _Loud):
    """A siren, plug or relay behind the local broker, as siren or lamp."""

    use: Literal["siren", "lamp"] = Field(description=_USE)
    ex_safe: bool = Field(default=False, description=_EX_SAFE)

    @property
    def is_ex_safe(self) -> bool:
        """Whether it may be switched in gas."""
        return self.ex_safe


class SerialSignalPart(SerialOutput, _Loud):
    """A relay of a USB relay board, as siren or lamp."""

    use: Literal["siren", "lamp"] = Field(description=_USE)
    ex_safe: bool = Field(default=False, description=_EX_SAFE)

    @property
    def is_ex_safe(self) -> bool:
        """Whether it may be switched in gas."""
        return self.ex_safe


class SpeechPart(_Annunciator):
    """A loudspeaker: speaks what is always the same from recordings, the rest with espeak-ng."""

    kind: Literal["speech"]
    id: Id = Field(default="speech", description="name of this loudspeaker, for the log and for `gateway try`")
    language: Language | None = Field(default=None, description="zh, en or both; left out: the gateway's")
    device: str | None = Field(
        default=None,
        min_length=1,
        max_length=120,
        description="loudspeaker as `aplay -L` names it, e.g. plughw:CARD=Device; left out: the default one",
    )
    player: Literal["aplay", "paplay"] = Field(
        default="aplay", description="aplay (ALSA), or paplay (PulseAudio, PipeWire)"
    )
    speed: int = Field(default=140, ge=80, le=300, description="words a minute; 140 is slow, for old ears")
    volume: int = Field(default=150, ge=10, le=200, description="loudness of the voice in %, 200 the loudest")
    phrases: Path | None = Field(
        default=None, description="folder of recorded phrases, made with `shouwang gateway phrases` or by a person"
    )


AnyAnnunciator = Annotated[
    ConsoleAnnunciatorPart | GpioSirenPart | GpioLampPart | MqttSignalPart | SerialSignalPart | SpeechPart,
    Field(discriminator="kind"),
]
