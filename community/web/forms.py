"""What forms of the console carry besides what people write in them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PlainForm(BaseModel):
    """Every form: `csrf` is the token of the session that it was made for (`check_form`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]


class CommandForm(PlainForm):
    """A form whose deed is done once, however often it is sent: `command_id` was made with the page."""

    command_id: Annotated[str, Field(min_length=8, max_length=64)]
