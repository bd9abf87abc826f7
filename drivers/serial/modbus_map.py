"""Register maps: which register of a Modbus unit says what. YAML, checked as a home is; docs/modbus.md explains it.

A map only reads. What a maker's document does not say is not guessed at: a value without a name in `values` is told as
a problem of the unit, never as "no smoke".
"""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.serial.codec.modbus import OF_BITS
from drivers.serial.modbus_units import CONVERSIONS
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, parse
from shouwang.errors import ConfigError
from shouwang.nodes import MAX_CHARS
from shouwang.quantities import QUANTITIES, Quantity

ANY_UNIT = 254
"""SenseAir sensors answer to it whatever their own address is (SenseAir S8 Modbus documentation)."""
MAX_UNIT = 247
"""Modbus over Serial Line 1.02, 2.2: 0 is a broadcast, 248 to 255 are reserved."""
MAX_ADDRESS = 0xFFFF

URGENT_POLL = timedelta(seconds=1)
STATE_POLL = timedelta(seconds=2)
NUMBER_POLL = timedelta(seconds=30)
"""Where a map gives no period. Shared design of serial devices, 2.1: smoke and gas 1 to 2 s, climate 30 to 60 s."""
MIN_POLL, MAX_POLL = timedelta(milliseconds=500), timedelta(minutes=10)

_FOLDER = Path(__file__).with_name("maps")
_UTF8_BYTES = 4
_YES_OR_NO = "1"
_ACTIVE = 2
"""The highest value of what is noticed rather than measured (motion: active)."""

Word = Literal["no", "yes", "fault", "nothing"]
"""What a raw value means: the quantity is 0, is 1; the unit is at fault; it means nothing (warming up, a test)."""
Type = Literal["u16", "s16", "u32", "s32", "f32", "bit", "flags"]
Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Register(_Part):
    """One value of a unit, and what it means."""

    function: Literal[1, 2, 3, 4] = Field(
        default=3, description="how it is read: 1 coil, 2 discrete input, 3 holding register, 4 input register"
    )
    address: int = Field(
        ge=0, le=MAX_ADDRESS, description="its number on the wire, from 0 (a manual's 40001 is 0, its 0x0010 is 16)"
    )
    type: Type = Field(
        description="u16, s16, u32, s32 or f32 for a number; bit for one bit, coil or input; flags for any of several"
    )
    order: Order = Field(
        default="ABCD", description="bytes of a 32-bit value as they come: ABCD as usual, CDAB low register first"
    )
    bit: int | None = Field(default=None, ge=0, le=15, description="which bit of the register, 0 is the lowest")
    mask: int | None = Field(default=None, ge=1, le=0xFFFF, description="for flags: the sum of the bits that count")
    quantity: Quantity = Field(description="what it says, e.g. smoke, temperature, problem (see docs/drivers.md)")
    unit: str | None = Field(
        default=None, description="unit of the scaled value, e.g. Cel, [degF], Pa; left out: that of the quantity"
    )
    scale: float = Field(default=1.0, description="what the raw number is multiplied with, e.g. 0.1")
    offset: float = Field(default=0.0, description="what is added after that")
    invalid: tuple[int, ...] = Field(default=(), description="raw numbers that mean: no value, e.g. [32767]")
    values: dict[int, Word] | None = Field(
        default=None, description="what raw numbers mean: no, yes, fault or nothing, e.g. {0: no, 1: yes, 2: fault}"
    )
    doubts: bool = Field(
        default=False, description="true: while this says yes, numbers that are read together with it are questionable"
    )
    poll: Duration | None = Field(
        default=None, ge=MIN_POLL, le=MAX_POLL, description="how often it is read, e.g. 1s; left out: as the map says"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for is_wrong, message in (
            (self.function in OF_BITS and self.type != "bit", "coils and inputs (function 1, 2) are of type: bit"),
            (self.function in OF_BITS and self.bit is not None, "a coil or input has no bits; leave bit out"),
            (
                self.function not in OF_BITS and self.type == "bit" and self.bit is None,
                "which bit of the register is it? add bit: 0 to 15",
            ),
            (self.type != "bit" and self.bit is not None, "bit belongs to type: bit"),
            (self.type != "flags" and self.mask is not None, "mask belongs to type: flags"),
            (self.registers == 1 and self.order != "ABCD", "order belongs to 32-bit types: u32, s32 or f32"),
            (self.address + self.registers - 1 > MAX_ADDRESS, "there is no register after 65535"),
            (self.scale == 0, "a scale of 0 would make every value the same; leave it out for 1"),
            (self.values is not None and self.type == "f32", "values name whole numbers; f32 has others"),
            (self.values is not None and self.is_number_scaled, "values name raw numbers; leave scale and offset out"),
            (self.is_state and self.values is None and not self.is_flag, self._without_values()),
            (
                self.is_flag and set(self.values or (0, 1)) != {0, 1},
                "a bit is 0 or 1; values must name both, and no other",
            ),
            (not self.is_state and (self.is_flag or self.values is not None), self._not_a_state()),
        ):
            if is_wrong:
                raise ValueError(message)
        self._conversion()
        return self

    @property
    def registers(self) -> int:
        """How many registers it takes."""
        return 2 if self.type in ("u32", "s32", "f32") else 1

    @property
    def is_flag(self) -> bool:
        """Whether its raw value is 0 or 1."""
        return self.type in ("bit", "flags")

    @property
    def is_state(self) -> bool:
        """Whether its quantity is one that is so or not so."""
        info = QUANTITIES[self.quantity]
        return info.unit == _YES_OR_NO and info.high <= _ACTIVE

    @property
    def is_number_scaled(self) -> bool:
        """Whether the raw number is not the value."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def is_urgent(self) -> bool:
        """Whether a life may hang on it."""
        return QUANTITIES[self.quantity].life_safety

    @property
    def can_say(self) -> frozenset[Quantity]:
        """Its quantity, and a problem where one of its values is a fault or has no name."""
        named = set() if self.values is None else set(self.values.values())
        may_fail = "fault" in named or (self.is_state and not self.is_flag)
        return frozenset({self.quantity} | ({Quantity.PROBLEM} if may_fail else set()))

    def value_of(self, raw: float) -> float:
        """The value in the unit of its quantity."""
        factor, shift = self._conversion()
        return (raw * self.scale + self.offset) * factor + shift

    def word_of(self, raw: int) -> Word | None:
        """What a raw number of a state means; None where the map does not name it."""
        named: dict[int, Word] = {0: "no", 1: "yes"} if self.values is None else self.values
        return named.get(raw)

    def _conversion(self) -> tuple[float, float]:
        wanted = QUANTITIES[self.quantity].unit
        if self.unit in (None, wanted):
            return 1.0, 0.0
        found = CONVERSIONS.get((str(self.unit), wanted))
        if found is None:
            known = ", ".join(sorted({wanted, *(given for given, into in CONVERSIONS if into == wanted)}))
            raise ValueError(
                Bilingual(
                    f'{self.quantity} cannot be in "{self.unit}"; possible here: {known}',
                    zh=f"{self.quantity} 不能用“{self.unit}”；可以用：{known}",
                )
            )
        return found

    def _without_values(self) -> str:
        return f"{self.quantity} is yes or no; say which number is which, e.g. values: {{0: no, 1: yes}}"

    def _not_a_state(self) -> str:
        return f"{self.quantity} is a number; bits, flags and values are for what is yes or no"


class Factory(_Part):
    """How the unit leaves the factory, for whoever sets it up."""

    unit: int | None = Field(default=None, ge=1, le=255, description="its address")
    baudrate: int | None = Field(default=None, ge=1200, le=115_200, description="bits a second")
    parity: Literal["none", "even", "odd"] | None = Field(default=None, description="none, even or odd")


class RegisterMap(_Part):
    """What one kind of unit says."""

    device: str = Field(min_length=1, description="maker and model")
    source: str = Field(min_length=1, description="document in which these registers were read, or who found them out")
    tested: str = Field(min_length=1, description="on which device it was tried, or that it was not")
    factory: Factory = Field(default=Factory(), description="settings of a new unit")
    any_unit: bool = Field(
        default=False, description="true: it answers to address 254 and must have the line for itself (SenseAir)"
    )
    merge: bool = Field(default=True, description="false: every register is asked for by itself")
    gap: int = Field(
        default=0, ge=0, le=32, description="so many registers between two may be read along, where the unit has them"
    )
    poll: Duration | None = Field(
        default=None,
        ge=MIN_POLL,
        le=MAX_POLL,
        description="how often all of it is read; left out: alarms 1s, other states 2s, numbers 30s",
    )
    registers: tuple[Register, ...] = Field(description="its values, one entry each")

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        if not self.registers:
            raise ValueError(
                Bilingual(
                    "says nothing; write at least one entry under registers",
                    zh="什么都没有说；请在 registers 下至少写一项",
                )
            )
        said = [one.quantity for one in self.registers if one.quantity is not Quantity.PROBLEM]
        twice = sorted({quantity for quantity in said if said.count(quantity) > 1})
        if twice:
            raise ValueError(
                Bilingual(
                    f"says {', '.join(twice)} twice; a sensor says each thing once: make two maps of it",
                    zh=f"{'、'.join(twice)} 说了两次；一个传感器每样只说一次：请分成两张表",
                )
            )
        return self

    @property
    def can_say(self) -> frozenset[Quantity]:
        """All that its registers can say."""
        return frozenset().union(*(register.can_say for register in self.registers))


def _map(written: str | Path) -> str | Path:
    text = str(written)
    if isinstance(written, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        return Path(text)
    if text not in shipped():
        raise ValueError(
            Bilingual(
                f'"{text[:40]}" is not a map that comes with this program; those are {", ".join(shipped())} '
                "(a map of your own: write the name of its file, e.g. maps/mine.yaml)",
                zh=f"“{text[:40]}”不是自带的寄存器表；自带的有：{'、'.join(shipped())}（用自己的表："
                f"请写它的文件名，例如 maps/mine.yaml）",
            )
        )
    return text


MapName = Annotated[str | Path, AfterValidator(_map)]
"""A shipped map by its name, or the file of another."""


@cache
def shipped() -> tuple[str, ...]:
    """The names of the maps that come with this program."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_map(name: str | Path) -> RegisterMap:
    """A shipped map, or the one in this file. Raises ConfigError: a line per problem, with file and line."""
    path = name if isinstance(name, Path) else _FOLDER / f"{name}.yaml"
    try:
        with path.open("rb") as file:
            written = file.read(MAX_CHARS * _UTF8_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            Bilingual(
                f"{path}: cannot be read ({error.strerror}); check its name and who may read it",
                zh=f"{path}：读不出来（{error.strerror}）；请核对文件名以及谁可以读",
            )
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            Bilingual(
                f"{path}: this is not UTF-8; save the file again as UTF-8", zh=f"{path}：不是 UTF-8；请另存为 UTF-8"
            )
        ) from error
    return parse(written, RegisterMap, name=str(path))
