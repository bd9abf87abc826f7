"""What community.yaml says of how long things are kept that hold personal data (docs/operations.md)."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shouwang.bilingual import Bilingual

HANDLING_DAYS = 1096
"""Three years: records of how personal data are handled are kept at least so long (PIPL, article 56)."""
LOG_DAYS = 183
"""Six months: logs of a network are kept at least so long (Cybersecurity Law, article 21)."""
WAGE_DAYS = 731
"""Two years: records of working time that wages follow from (Interim Provisions on Payment of Wages, article 6)."""
DISPUTE_DAYS = 1096
"""Three years: the general limitation of claims (Civil Code, article 188)."""
CASE_DAYS = 3653
"""Ten years: the project's design for cases and their record."""


class RetentionEntry(BaseModel):
    """`retention:` of community.yaml. All in days; what is over ends at night, a little at a time, where it `runs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: bool = Field(
        default=False,
        description="true: what is over ends by itself each night. What has ended cannot be brought back: look first "
        "what would end, with `community retention --dry-run`",
    )
    case_days: Annotated[int, Field(ge=HANDLING_DAYS, le=36_525)] = Field(
        default=CASE_DAYS,
        description="words, names and evidence of a closed case, reasons of looks and of changes; counts stay for ever",
    )
    photo_days: Annotated[int, Field(ge=30, le=36_525)] = Field(
        default=366, description="photos that responders took, from the closing of the case"
    )
    call_days: Annotated[int, Field(ge=LOG_DAYS, le=36_525)] = Field(
        default=DISPUTE_DAYS,
        description="whom of a resident's people was called under which number, and links of phones",
    )
    hand_over_days: Annotated[int, Field(ge=LOG_DAYS, le=36_525)] = Field(
        default=DISPUTE_DAYS, description="what two operators saw and wrote when a shift went over"
    )
    register_days: Annotated[int, Field(ge=HANDLING_DAYS, le=36_525)] = Field(
        default=HANDLING_DAYS, description="what the register said before it was changed, and why it was"
    )
    duty_days: Annotated[int, Field(ge=WAGE_DAYS, le=36_525)] = Field(
        default=WAGE_DAYS, description="absences with their reasons, and who did not come"
    )
    letter_days: Annotated[int, Field(ge=14, le=36_525)] = Field(
        default=90, description="messages of homes that could not be read; a home keeps its own for 7 days and more"
    )
    command_days: Annotated[int, Field(ge=14, le=3653)] = Field(
        default=30, description="answers to orders, for an order that comes twice"
    )
    person_days: Annotated[int, Field(ge=LOG_DAYS, le=36_525)] | None = Field(
        default=HANDLING_DAYS,
        description="who moved away or died: his whole file, so long after the last box left his home and nothing was "
        "heard, asked or written of him any more; null: by hand alone (people erase)",
    )
    hour: Annotated[int, Field(ge=0, le=23)] = Field(default=2, description="from which hour on, by the centre's clock")

    @model_validator(mode="after")
    def _cases_are_kept_longest(self) -> "RetentionEntry":
        names = ("photo_days", "call_days", "hand_over_days", "command_days")
        longer = [name for name in names if getattr(self, name) > self.case_days]
        if longer:
            raise ValueError(
                Bilingual(
                    f"{', '.join(longer)}: nothing of a case is kept longer than the case (case_days)",
                    zh=f"{', '.join(longer)}：属于警情的内容不能比警情本身（case_days）保留得更久",
                )
            )
        return self

    def of(self, setting: str) -> timedelta | None:
        """How long, by the name of the setting; None where it never ends by itself."""
        days: int | None = getattr(self, setting)
        return None if days is None else timedelta(days=days)
