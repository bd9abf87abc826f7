"""What community.yaml says of sending people."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from community.dispatch_file import Phone
from shouwang.bilingual import Bilingual


def _short(written: str) -> str:
    if len(written) > 40:
        raise ValueError(Bilingual("write one telephone number", zh="请写一个电话号码"))
    return written


class DispatchEntry(BaseModel):
    """`dispatch:` of community.yaml. Units, people and rosters come in by `shouwang community dispatch import`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: Annotated[Phone, AfterValidator(_short)] | None = Field(
        default=None, description="where the centre answers: responders and the 120 crew call back here"
    )
