"""One EnOcean device: contact, button, pull cord, motion, climate, CO2, leak or smoke, as its profile (EEP) says.

The dongle hears it among the others; here its telegrams become samples. They are not encrypted: anybody within reach
can send such a telegram, so it may raise an alarm and never takes one of life safety back.
"""

import re
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from drivers.ble.adverts.told import unproven
from drivers.links import Links
from drivers.serial.codec import enocean, esp3
from drivers.serial.codec.eep import DOUBLE, KEYS, LONG, PRESS, PROFILES, SEVERAL, SINGLE, Profile, input_state
from drivers.serial.ear_driver import EarDriver
from drivers.serial.enocean_dongle import DIALECT
from drivers.serial.receiver import Ear, Heard
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id
from shouwang.driver import Alive, Driver, Said, Sample
from shouwang.quantities import Quantity

COPY_S = 0.5
"""A telegram goes out as three subtelegrams within 40 ms, and each of two repeaters adds some 100 ms at most (EnOcean
Radio Protocol 1, 2.6): what is the same within this is the same."""
REPORTS_SILENCE = timedelta(minutes=100)
"""Devices that report do so each 15 to 30 min, contacts at most each 33 min: three reports missed."""

ANY = "any"
Key = Literal["any", "press", "AI", "AO", "BI", "BO", "CI", "CO", "DI", "DO", "single", "double", "long"]
_NUMBERS = {word: number for number, word in enumerate((*KEYS, SEVERAL), 1)} | {PRESS: 1, SINGLE: 1, DOUBLE: 2, LONG: 3}
_INPUTS = {
    "smoke": Quantity.SMOKE,
    "leak": Quantity.LEAK,
    "heat": Quantity.HEAT_ALARM,
    "gas": Quantity.GAS_ALARM,
    "door": Quantity.DOOR,
}
_INPUT_PROFILE = "A5-30-03"
Meant = Literal["smoke", "leak", "heat", "gas", "door"]
USABLE = (*(name for name, one in PROFILES.items() if one.emits or one.has_buttons), _INPUT_PROFILE)
"""The profiles of sensors."""


def _sender(written: str) -> str:
    digits = written.replace(":", "").upper()
    if not re.fullmatch(r"[0-9A-F]{8}", digits):
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" is not the number of a device; it has eight digits 0 to 9 and A to F and stands '
                f"on the "
                'device, e.g. "01825DAB"',
                zh=f"“{written[:40]}”不是设备编号；编号是八位 0 到 9 和 A 到 F，印在设备上，例如 01825DAB",
            )
        )
    return digits


def _profile(written: str) -> str:
    name = written.upper()
    if name not in USABLE:
        raise ValueError(
            Bilingual(
                f'"{written[:20]}" is not a profile (EEP) that this gateway knows; it stands on the device or in its '
                f"manual; known are {', '.join(USABLE)}",
                zh=f"“{written[:20]}”不是本网关认识的协议（EEP）；它印在设备上或写在说明书里；认识的有："
                f"{'、'.join(USABLE)}",
            )
        )
    return name


def _as_text(written: object) -> object:
    return f"{written:08d}" if isinstance(written, int) and not isinstance(written, bool) else written


class EnoceanDevice(BaseModel):
    """An EnOcean device in the reach of the home's dongle."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset().union(
        *(profile.emits for profile in PROFILES.values()),
        _INPUTS.values(),
        {Quantity.SOS, Quantity.BUTTON, Quantity.SIGNAL_STRENGTH},
    )

    kind: Literal["enocean_device"]
    id: Id = Field(description="name of this sensor in the home")
    sender: Annotated[str, BeforeValidator(_as_text), AfterValidator(_sender)] = Field(
        description='number of the device, eight digits as they stand on it, e.g. "01825DAB"'
    )
    profile: Annotated[str, AfterValidator(_profile)] = Field(
        description="its equipment profile (EEP), e.g. D5-00-01 for a contact, F6-02-01 for a rocker or pull cord"
    )
    press: tuple[Key, ...] = Field(
        default=(),
        description="keys that call for help: any; AI, AO, BI, BO ... of a rocker; press; single, double, long "
        "(left out: no key does)",
    )
    means: Meant | None = Field(
        default=None, description="what the detector behind profile A5-30-03 tells: smoke, leak, heat, gas or door"
    )
    max_silence: Duration | None = Field(
        default=None,
        ge=timedelta(minutes=1),
        description="longest time unheard before it counts as silent, e.g. 100m (left out: 100m, but none for buttons "
        "and what speaks only when something happens)",
    )

    @model_validator(mode="after")
    def _fits_its_profile(self) -> Self:
        if self.press and not self.described.has_buttons:
            raise ValueError(
                Bilingual(
                    f"press is for buttons; a device of profile {self.profile} has none",
                    zh=f"press 只用于按键；{self.profile} 的设备没有按键",
                )
            )
        if (self.means is None) == (self.profile == _INPUT_PROFILE):
            raise ValueError(
                Bilingual(
                    f"means belongs to profile {_INPUT_PROFILE}, which needs it: smoke, leak, heat, gas or door",
                    zh=f"means 属于 {_INPUT_PROFILE}，它必须写：smoke、leak、heat、gas 或 door",
                )
            )
        return self

    @property
    def described(self) -> Profile:
        """Its profile."""
        return PROFILES[self.profile]

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may watch."""
        found = self.described.emits | {Quantity.SIGNAL_STRENGTH}
        if self.described.has_buttons:
            found |= {Quantity.SOS, Quantity.BUTTON} if self.press else {Quantity.BUTTON}
        return found if self.means is None else found | {_INPUTS[self.means]}

    @property
    def will_say(self) -> frozenset[Quantity]:
        """What somebody should listen to."""
        return self.can_say

    @property
    def silence(self) -> timedelta | None:
        """As configured, or as the profile goes."""
        return self.max_silence or (REPORTS_SILENCE if self.described.reports else None)

    def build(self, links: Links) -> Driver:
        """The driver of this sensor; raises ConfigError where the home has no dongle."""
        return EnoceanDriver(self, links.receiver_for(self.id, DIALECT.part).ear(self.sender))


class EnoceanDriver(EarDriver):
    """Takes what the dongle hears from this device, and emits what it means."""

    def __init__(self, config: EnoceanDevice, ear: Ear) -> None:
        """Nothing is opened: the dongle is held by somebody else."""
        super().__init__(config, ear, copy_s=COPY_S)
        self._config = config

    def is_copy(self, heard: Heard) -> bool:
        """The same content again; how often it was repeated is told apart."""
        telegram = esp3.telegram_in(esp3.decode_packet(heard.frame))
        content = bytes((telegram.rorg,)) + telegram.payload
        return self._copies.is_copy(content, heard.at, level=telegram.level)

    def decoded(self, heard: Heard) -> list[Said]:
        """As its profile says."""
        return decode(heard.frame, self._config.profile, press=self._config.press, means=self._config.means)


def decode(frame: bytes, profile: str, *, press: tuple[str, ...] = (), means: Meant | None = None) -> list[Said]:
    """What one packet from a device of this profile means. Raises DecodeError.

    A telegram for learning is a life sign. A key that is not in `press` is kept as a button; a hand on the whole plate
    calls for help where any key does.
    """
    telegram = esp3.telegram_in(esp3.decode_packet(frame))
    if enocean.learn_in(telegram) is not None:
        return [Alive()]
    meaning = enocean.meaning_of(telegram, profile)
    said = [*enocean.samples(meaning, frame), *_keys(meaning.pressed, press, frame)]
    if means is not None:
        said.append(Sample(quantity=_INPUTS[means], value=input_state(telegram.payload), frame=frame))
    return [*unproven(said), *enocean.strength(telegram, frame)]


def _keys(pressed: tuple[str, ...], press: tuple[str, ...], frame: bytes) -> list[Said]:
    if press and (ANY in press or SEVERAL in pressed) and pressed:
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=frame)]
    if set(pressed) & set(press):
        return [Sample(quantity=Quantity.SOS, value=1.0, frame=frame)]
    return [Sample(quantity=Quantity.BUTTON, value=float(_NUMBERS[key]), frame=frame) for key in pressed]
