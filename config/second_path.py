"""How a home reaches people when the internet is down: the centre's number, the contact circle, and in which order."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.serial.modem_part import TelephoneNumber
from shouwang.bilingual import Bilingual
from shouwang.document import Duration

AFTER = timedelta(seconds=20)
"""Without the centre's receipt for so long: two tries over a slow mobile uplink, and well within a minute of help."""
LEAST_AFTER, MOST_AFTER = timedelta(seconds=5), timedelta(minutes=5)
CONTACTS = 8


def _bearable(after: timedelta) -> timedelta:
    if not LEAST_AFTER <= after <= MOST_AFTER:
        raise ValueError(Bilingual("is too short or too long; write 5s to 5m", zh="太短或太长；请写 5s 到 5m"))
    return after


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CirclePart(_Part):
    """One person who is told and called, in the order of the list."""

    name: str = Field(min_length=1, max_length=40, description="the person's name, as the home says it")
    relation: str = Field(
        default="", max_length=20, description="who this is to the resident, e.g. 儿子 or son; the home speaks of it"
    )
    phone: TelephoneNumber = Field(description='telephone with country code, in quotes, e.g. "+8613800138000"')
    language: Literal["zh", "en"] = Field(default="zh", description="language of the SMS to this person")


class SecondPathPart(_Part):
    """What the home does where the centre has not confirmed an alarm. It needs the `modem:`."""

    after: Annotated[Duration, AfterValidator(_bearable)] = Field(
        default=AFTER, description="how long the centre's receipt is waited for, e.g. 20s (5s to 5m)"
    )
    centre_number: TelephoneNumber | None = Field(
        default=None, description="the centre's number for SMS of boxes, in quotes; it is told in a signed short text"
    )
    key_file: Path | None = Field(
        default=None,
        description="file with the key that signs these texts, the same as at the centre: openssl rand -hex 32",
    )
    contacts: tuple[CirclePart, ...] = Field(
        default=(), max_length=CONTACTS, description="who is told by SMS and called, the first one first"
    )
    call: bool = Field(default=True, description="false: contacts get SMS only, nobody is called")
    prompt: str = Field(
        default="",
        max_length=60,
        pattern=r"^[A-Za-z0-9_./:-]*$",
        description="sound file in the modem that is played to who answers, as the modem's manual says; empty: none",
    )
    home_phone: TelephoneNumber | None = Field(
        default=None, description="telephone in the home: contacts are told to ring there"
    )
    severities: tuple[Literal["P1", "P2"], ...] = Field(
        default=("P1",), min_length=1, description="which alarms go this way: [P1], or [P1, P2]"
    )
    self_test: bool = Field(
        default=True, description="one signed SMS a day to centre_number, to know that it arrives; false to save it"
    )

    @model_validator(mode="after")
    def _can_reach_somebody(self) -> Self:
        if self.centre_number is None and not self.contacts:
            raise ValueError(
                Bilingual(
                    "reaches nobody; give centre_number with key_file, or contacts, or both",
                    zh="谁也联系不到；请写 centre_number 和 key_file，或 contacts，或都写",
                )
            )
        if (self.centre_number is None) != (self.key_file is None):
            raise ValueError(
                Bilingual(
                    "centre_number and key_file belong together: the centre believes signed texts only",
                    zh="centre_number 和 key_file 要一起写：中心只相信签了名的短信",
                )
            )
        phones = [contact.phone for contact in self.contacts]
        if twice := next((phone for phone in phones if phones.count(phone) > 1), None):
            raise ValueError(
                Bilingual(
                    f"{twice} stands in contacts twice; keep one of the two",
                    zh=f"contacts 里 {twice} 写了两次；请留一个",
                )
            )
        return self

    def anchored(self, folder: Path) -> "SecondPathPart":
        """The same with its relative file name taken from `folder`."""
        key_file = None if self.key_file is None else folder / self.key_file
        return self.model_copy(update={"key_file": key_file})
