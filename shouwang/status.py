"""Whether a sensor is heard. Written on change only."""

from enum import StrEnum

import msgspec

from shouwang.reading import Moment, SensorId


class SensorState(StrEnum):
    """UP: heard. SILENT: link up, but nothing said for longer than its `max_silence`. DOWN: link lost or never up."""

    UP = "up"
    SILENT = "silent"
    DOWN = "down"


class SensorStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sensor's state since `since`; `at` and `mono` (engine milliseconds) say when it was judged.

    `reason` is a sentence for the operator, `reason_zh` the same in Chinese (empty from older gateways, and where a
    driver has none). `battery` is percent, None where not known.
    """

    sensor_id: SensorId
    state: SensorState
    since: Moment
    at: Moment
    mono: int
    reason: str = ""
    reason_zh: str = ""
    battery: float | None = None
