"""How much may wait on the box's card while the centre cannot be reached: home.yaml's `outbox:`."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shouwang.document import Duration


class OutboxPart(BaseModel):
    """Alarms are kept in any case; what else waits is made smaller, oldest first, where it is more than this."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    megabytes: Annotated[int, Field(ge=32, le=65_536)] = Field(
        default=256,
        description="room for what waits for the centre, in MB; 256 hold eleven days of two measurements a second",
    )
    keep: Annotated[Duration, Field(ge=timedelta(days=7), le=timedelta(days=365))] = Field(
        default=timedelta(days=30), description="measurements that waited for longer than this go, e.g. 30d"
    )
