"""What presses of the home's own buttons mean for the home as a whole: its mode, and a pause for what it says aloud."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shouwang.document import Duration, Id

LONGEST = timedelta(days=14)
"""No mode that watches less lasts longer without being said again. Set by this project."""


class ButtonPress(BaseModel):
    """One press of one button: a sensor and the number that it says."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    sensor: Id = Field(description="id of the sensor with the button")
    quantity: Literal["button"] = Field(default="button", description="what it says: button")
    value: int = Field(default=1, ge=1, le=255, description="which of its buttons, or which kind of press, e.g. 3")


class ModePress(ButtonPress):
    """A press that says whether the people of the home are there."""

    mode: Literal["home", "away", "hospital", "visitor"] = Field(
        description="home; away; hospital; visitor (somebody else is there too)"
    )
    lasts: Annotated[Duration, Field(ge=timedelta(minutes=5), le=LONGEST)] | None = Field(
        default=None, description="when it is over by itself, e.g. 8h; left out: visitor 24h, away and hospital 336h"
    )
