"""What a console sees of homes: how their boxes are, who is at home, tests and gaps. `community.desk` has it all."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shouwang.status import SensorState
from shouwang.wire import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRow:
    """One home's box: is it heard, how much waits there, which sensors are not up.

    `online`: as its connection says; `offline_since`: its last word before an outage that the centre has told.
    """

    gateway_id: str
    home_id: str
    address: str
    online: bool
    last_seen: datetime | None
    backlog: int
    sensors: tuple[tuple[str, SensorState, str], ...]
    offline_since: datetime | None = None


class HomeMode(StrEnum):
    """Whether the people of a home are there."""

    HOME = "home"
    AWAY = "away"
    HOSPITAL = "hospital"
    VISITOR = "visitor"


LONGEST_MODE_H = 14 * 24
"""No home lets a mode last longer (decision 014)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeOrder:
    """What an operator said of a home; `hours` 0: as long as the home allows. `outcome` is that of the command."""

    mode: HomeMode
    hours: int
    by: str
    at: datetime
    outcome: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PathRow:
    """A way from a home to the centre, since when it is so, and when it last carried something that was answered."""

    path: Path
    is_up: bool
    since: datetime
    tested_at: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrivedTest:
    """A test alarm that has arrived. `took_s`: from the raise at home to the commit here, where its clock was right."""

    raised_at: datetime
    received_at: datetime
    took_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WishedTest:
    """Somebody here asked for a test alarm; `outcome` is that of the command."""

    by: str
    at: datetime
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Data that will never come: `count` readings or messages, and why; `code` where the home named the reason."""

    first_at: datetime
    last_at: datetime
    count: int
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a box is: its connection, its starts, its ways to the centre, its test alarms, and what it has lost.

    `starts`: within the day before `born_at`, its last start; 0 where it does not count. `test_due_at` None: it sends
    no test alarms by itself. `missing`: messages that it numbered and that neither came nor are told to be lost.
    """

    online: bool
    last_seen: datetime | None
    offline_since: datetime | None
    version: str
    backlog: int
    born_at: datetime | None
    starts: int
    paths: tuple[PathRow, ...]
    tests: tuple[ArrivedTest, ...]
    wishes: tuple[WishedTest, ...]
    test_due_at: datetime | None
    is_test_missing: bool
    gaps: tuple[Gap, ...]
    missing: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HomePage:
    """A home without a case: how its box is, the mode that it said last (`said_at` None: none), and the last orders.

    `are_people_hidden`: whether they are there is not for whoever looks; then no mode and no order stands here.
    """

    gateway_id: str
    home_id: str
    address: str
    mode: HomeMode
    said_at: datetime | None
    orders: tuple[ModeOrder, ...]
    health: Health
    are_people_hidden: bool = False
