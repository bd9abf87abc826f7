"""What the centre asks of its boxes and their sensors, and from when on it is a trouble. Values, no SQL, no HTTP.

Who is offline, which test is missing and the cases of that: `community.supervision`. Here it is only shown and sorted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shouwang.status import SensorState

CERTIFICATE_SOON = timedelta(days=30)
"""A certificate that ends sooner is renewed now (the project's console design)."""
NO_TEST_FOR = timedelta(days=35)
"""A home without a good test for so long is looked after (the project's incident model; community.store.untested)."""
CLOCK_OFF = timedelta(seconds=10)
"""A clock set by NTP is within a second, and a message is at most some seconds on its way. Set by this project."""
BACKLOG_MANY = 50
"""A sound box has a handful of messages under way; more wait for a line or a server. Set by this project."""
BATTERY_LOW = 15.0
"""Percent of a sensor's battery: weeks are left, so that it fits into the next tour. Set by this project."""
PAGE_ROWS = 50
EXPORT_ROWS = 20_000
"""No list is longer: a table for a technician's tour, not a copy of the database."""
BOX_KIND = "box"
"""A box tells of itself like of a sensor; it is none to people."""


class BoxState(StrEnum):
    """Whether a box is heard."""

    ONLINE = "online"
    SILENT = "silent"
    NEVER = "never"


class Show(StrEnum):
    """Which boxes are wanted; each but ALL is a number of the summary line."""

    ALL = "all"
    ONLINE = "online"
    SILENT = "silent"
    NEVER = "never"
    BATTERY = "battery"
    PATH = "path"
    SENSORS = "sensors"
    LOW = "low"
    BACKLOG = "backlog"
    CLOCK = "clock"
    CERTIFICATE = "certificate"
    UNTESTED = "untested"
    COLLECT = "collect"
    """Everybody on file of its home has left."""


class Sort(StrEnum):
    """In which order; the worst of it first."""

    WORST = "worst"
    GATEWAY = "gateway"
    HOME = "home"
    SEEN = "seen"
    BATTERY = "battery"
    BACKLOG = "backlog"
    CLOCK = "clock"
    VERSION = "version"
    CERTIFICATE = "certificate"
    SENSORS = "sensors"
    TEST = "test"


class Want(StrEnum):
    """Which sensors are wanted."""

    ALL = "all"
    LOW = "low"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetWish:
    """What somebody looks for. `version`: of the software; `search`: in addresses and ids; `page` counts from 1.

    `held`: these boxes alone and in this order: a page that stands open and must not jump.
    """

    show: Show = Show.ALL
    version: str | None = None
    search: str = ""
    sort: Sort = Sort.WORST
    page: int = 1
    held: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxLine:
    """One box in the list. `paths_down`: ways beside the internet that are lost; `sensors_*`: how many of its sensors.

    What the box has not told is None or empty.
    """

    gateway_id: str
    home_id: str
    address: str
    state: BoxState
    last_seen: datetime | None
    link: str
    link_dbm: float | None
    second_paths: int
    paths_down: int
    is_on_mains: bool | None
    battery: float | None
    backlog: int
    clock_offset_ms: int | None
    disk_used: float | None
    temperature: float | None
    told_at: datetime | None
    version: str
    certificate_ends: datetime | None
    sensors_up: int
    sensors_late: int
    sensors_dead: int
    sensors_low: int
    tested_at: datetime | None
    troubles: frozenset[Show]


class BoxStart(NamedTuple):
    """The box started, or took on another configuration. `starts`: within the day before, as it counts them."""

    at: datetime
    version: str
    starts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetPage:
    """`sums`: of all boxes of the viewer, whatever he looks for; `found`: how many fit his wish.

    `is_moved`: other boxes would stand there now, or in another order, than those that are held.
    """

    rows: tuple[BoxLine, ...]
    found: int
    sums: Mapping[Show, int]
    versions: tuple[tuple[str, int], ...]
    is_moved: bool = False

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.found // PAGE_ROWS))


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorLine:
    """One sensor. `device`, `room`, `model`: of the register, where it is on file there; `cell`: the battery it takes.

    `value_at`: when it last gave a value, where that was asked for. `is_box_heard` False: all of this is old.
    """

    gateway_id: str
    home_id: str
    address: str
    sensor_id: str
    kind: str
    state: SensorState
    reason: str
    since: datetime | None
    battery: float | None
    signal_dbm: float | None
    heard_at: datetime | None
    is_box_heard: bool
    device: str = ""
    room: str = ""
    model: str = ""
    cell: str = ""
    value_at: datetime | None = None

    @property
    def is_low(self) -> bool:
        """Whether its battery wants to be changed."""
        return self.battery is not None and self.battery <= BATTERY_LOW

    @property
    def is_lost(self) -> bool:
        """Whether it is not heard, while its box is."""
        return self.state is not SensorState.UP


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorWish:
    """Which sensors somebody looks for; `page` counts from 1."""

    want: Want = Want.ALL
    search: str = ""
    page: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorPage:
    """Sensors that want a visit: those that are not heard first, then the emptiest battery."""

    rows: tuple[SensorLine, ...]
    found: int
    sums: Mapping[Want, int]

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.found // PAGE_ROWS))


CELLS: Mapping[str, str] = {
    "MCCGQ11LM": "CR1632",
    "RTCGQ11LM": "CR2450",
    "WXKG11LM": "CR2032",
    "WSDCGQ11LM": "CR2032",
    "SJCGQ11LM": "CR2032",
    "SNZB-01": "CR2450",
    "SNZB-02": "CR2450",
    "SNZB-03": "CR2450",
    "SNZB-04": "CR2032",
    "SBDW-002C": "CR2032",
    "SBBT-002C": "CR2032",
    "SBHT-003C": "CR2032",
    "SBMO-003Z": "CR2477",
    "LYWSD03MMC": "CR2032",
}
"""Which cell a model takes, by its maker's manual: Aqara, Sonoff, Shelly BLU, Xiaomi."""


def cell_of(model: str) -> str:
    """The battery that this model takes; empty where nobody has written it down."""
    return CELLS.get(model.strip().upper(), "")


# ---- test alarms of many boxes ----

ROUND_MOST = 500
"""So many boxes are asked in one round: 17 minutes of it. Set by this project."""
ASK_EVERY = timedelta(seconds=2)
"""30 test alarms a minute, a hundredth of what the centre takes in (docs/performance.md). Set by this project."""
ANSWER_WITHIN = timedelta(minutes=10)
"""As long as the command for one home holds (community.store.test_wishes)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundOfTests:
    """Boxes that are asked for a test alarm one after the other, and how far that has come.

    `asked` = `arrived` + `waiting` + `unanswered`; `ends_at`: when the last one is asked.
    """

    round_id: int
    by: str
    at: datetime
    boxes: int
    asked: int
    arrived: int
    waiting: int
    unanswered: int
    ends_at: datetime
    is_stopped: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return (self.is_stopped or self.asked == self.boxes) and not self.waiting
