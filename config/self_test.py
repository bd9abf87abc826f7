"""When the home sends its weekly test alarm: home.yaml's `self_test:`."""

from datetime import time
from hashlib import sha256
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
_WORKING_DAYS = WEEKDAYS[:5]
FIRST_HOUR, HOURS = 9, 8
"""Without an hour: between 9:00 and 17:00 on a working day, when a technician can look at what fails."""


class SelfTestPart(BaseModel):
    """A test alarm each week, the whole way to the centre. Nothing sounds at home, nobody is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    enabled: bool = Field(default=True, description="false: no test alarm by itself; the centre may still ask for one")
    weekday: Weekday | None = Field(
        default=None, description="mon ... sun; left out: a working day, another one for each home"
    )
    hour: int | None = Field(
        default=None, ge=0, le=23, description="hour on the clocks of the home; left out: between 9 and 17"
    )

    def slot(self, gateway_id: str) -> tuple[int, time]:
        """Weekday (0 is Monday) and time of day. Spread by the gateway's id: a city must not test in one minute."""
        number = int.from_bytes(sha256(gateway_id.encode()).digest()[:8], "big")
        number, second = divmod(number, 60)
        number, minute = divmod(number, 60)
        number, hour = divmod(number, HOURS)
        weekday = self.weekday or _WORKING_DAYS[number % len(_WORKING_DAYS)]
        return WEEKDAYS.index(weekday), time(FIRST_HOUR + hour if self.hour is None else self.hour, minute, second)
