"""How a home's YAML names its modem."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.serial.codec.sms_fields import is_e164
from drivers.serial.port_name import PortName
from shouwang.bilingual import Bilingual

MODEM_ID = "modem"
"""The sensor that the modem is; a home has one."""


def _number(written: str) -> str:
    if not is_e164(written):
        raise ValueError(
            Bilingual(
                f'"{written[:20]}" is no telephone number as the whole world writes it; begin with + and the '
                f"country code, "
                'without blanks, in quotes: "+8613800138000"',
                zh=f'“{written[:20]}”不是国际格式的电话号码；请以 + 和国家码开头，不要空格，加引号："+8613800138000"',
            )
        )
    return written


def _service_code(written: str) -> str:
    if not re.fullmatch(r"[*#0-9]{2,20}", written):
        raise ValueError(
            Bilingual(
                f'"{written[:20]}" is no service code; it looks like "*100#"',
                zh=f'“{written[:20]}”不是业务代码；它的样子是 "*100#"',
            )
        )
    return written


def _pattern(written: str) -> str:
    try:
        groups = re.compile(written).groups
    except re.error as error:
        raise ValueError(Bilingual(f"is no regular expression: {error}", zh=f"不是正则表达式：{error}")) from None
    if groups != 1:
        raise ValueError(
            Bilingual(
                "needs one pair of brackets around the amount, e.g. ([0-9.]+)",
                zh="金额要用一对括号括起来，例如 ([0-9.]+)",
            )
        )
    return written


TelephoneNumber = Annotated[str, AfterValidator(_number)]
"""E.164: `+`, country code, number."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class BalancePart(_Part):
    """How to ask a prepaid SIM for its credit."""

    code: Annotated[str, AfterValidator(_service_code)] = Field(
        description='the operator\'s service code for the balance, e.g. "*100#"'
    )
    pattern: Annotated[str, AfterValidator(_pattern)] = Field(
        default=r"(-?[0-9]+(?:[.,][0-9]+)?)",
        description="where the amount stands in the answer: a regular expression with one pair of brackets",
    )
    at_least: float = Field(description="with less than this the modem counts as down, in the SIM's currency")


class CommandsPart(_Part):
    """Who may ask this home by SMS how it is."""

    numbers: tuple[TelephoneNumber, ...] = Field(
        description="the only telephones that are answered, each with its country code, in quotes"
    )
    code_file: Path = Field(
        description="file with the code word that each command must carry: 6 to 20 letters or digits, nothing else"
    )


class ModemPart(_Part):
    """The home's mobile modem, for alarms when the internet is down."""

    port: PortName = Field(
        description="the modem's port for AT commands by a name that stays (see: shouwang gateway ports)"
    )
    baudrate: int = Field(default=115200, ge=9600, le=921600, description="speed of the port; USB modems take any")
    pin_file: Path | None = Field(
        default=None, description="file with the SIM's PIN; best is a SIM without one, so that nothing can lock it"
    )
    smsc: TelephoneNumber | None = Field(
        default=None, description="number of the SMS service centre, only where the SIM does not hold the right one"
    )
    balance: BalancePart | None = Field(default=None, description="for prepaid SIMs: how to ask for the credit")
    commands: CommandsPart | None = Field(
        default=None, description="who may ask by SMS how this home is; nobody where it is left out"
    )

    def anchored(self, folder: Path) -> "ModemPart":
        """The same with its relative file names taken from `folder`."""
        commands = self.commands
        if commands is not None:
            commands = commands.model_copy(update={"code_file": folder / commands.code_file})
        pin_file = None if self.pin_file is None else folder / self.pin_file
        return self.model_copy(update={"pin_file": pin_file, "commands": commands})
