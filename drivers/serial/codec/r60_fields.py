"""What the frames of R60 radars mean: fields for people, and the measurements among them. Pure.

Names and values of states: Seeed's Arduino libraries 60ghzbreathheart.h and 60ghzfalldetection.h, and
ZyoungInc/R60ABD1_Driver (radar_protocol.h, of the maker's protocol V3.0).
"""

import msgspec

from drivers.rows import Found, Plain, Reader, Row
from drivers.serial.codec import r60
from drivers.serial.codec.r60 import R60Frame, Table, What
from drivers.serial.codec.recorded import frames_reader
from drivers.serial.framing import Framer
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity

_CM = 0.01
_NO_BED_STATE = 2
"""Bed radars say neither in nor out of bed while they are in their mode of real time (60ghzbreathheart.h)."""
_SIGN, _MAGNITUDE = 0x8000, 0x7FFF


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How the data of one kind of frame is read: as a number of `size` bytes, as text, in parts, or not at all."""

    name: str
    size: int | None = None
    is_text: bool = False
    words: dict[int, str] = {}
    parts: tuple[tuple[str, int], ...] = ()


def _number(name: str, size: int = 1, words: dict[int, str] | None = None) -> Entry:
    return Entry(name=name, size=size, words=words or {})


_SLEEP = {0: "deep sleep 深睡", 1: "light sleep 浅睡", 2: "awake 清醒", 3: "none 无"}
_BREATHING = {1: "normal 正常", 2: "fast 过快", 3: "slow 过慢", 4: "none 无"}
_CHECK = {0: "none 无", 1: "normal 正常", 2: "abnormal 异常"}
_YES = {0: "no 否", 1: "yes 是"}
_ENTRIES: dict[What, Entry] = {
    (0x01, 0x01): Entry(name="heartbeat"),
    (0x01, 0x02): Entry(name="reset"),
    r60.MODEL: Entry(name="model", is_text=True),
    (0x02, 0x22): Entry(name="product_id", is_text=True),
    (0x02, 0x23): Entry(name="hardware", is_text=True),
    r60.FIRMWARE: Entry(name="firmware", is_text=True),
    (0x05, 0x01): _number("ready", words=_YES),
    (0x07, 0x07): _number("in_range", words=_YES),
    r60.PRESENCE: _number("presence", words={0: "nobody 无人", 1: "somebody 有人"}),
    r60.MOTION: _number("motion", words={0: "none 无", 1: "still 静止", 2: "active 活跃"}),
    r60.BODY_MOVEMENT: _number("body_movement"),
    r60.DISTANCE: _number("distance_cm", 2),
    (0x80, 0x05): Entry(name="position_cm", parts=(("x", 2), ("y", 2), ("z", 2))),
    r60.FALL: _number("fall", words=_YES),
    (0x83, 0x05): _number("stays_still", words=_YES),
    r60.BED: _number("bed", words={0: "out of bed 离床", 1: "in bed 在床", 2: "none 无"}),
    r60.SLEEP_STATE: _number("sleep_state", words=_SLEEP),
    (0x84, 0x03): _number("awake_min", 2),
    (0x84, 0x04): _number("light_sleep_min", 2),
    (0x84, 0x05): _number("deep_sleep_min", 2),
    (0x84, 0x06): _number("sleep_score"),
    (0x84, 0x0C): Entry(
        name="sleep_now",
        parts=tuple(
            (part, 1)
            for part in (
                "presence",
                "sleep_state",
                "mean_respiration_rate",
                "mean_heart_rate",
                "turns",
                "large_movement_percent",
                "small_movement_percent",
                "apneas",
            )
        ),
    ),
    (0x84, 0x0D): Entry(
        name="sleep_night",
        parts=(
            ("score", 1),
            ("total_min", 2),
            ("awake_percent", 1),
            ("light_percent", 1),
            ("deep_percent", 1),
            ("out_of_bed_min", 1),
            ("times_out_of_bed", 1),
            ("turns", 1),
            ("mean_respiration_rate", 1),
            ("mean_heart_rate", 1),
            ("apneas", 1),
        ),
    ),
    (0x84, 0x0E): _number(
        "sleep_abnormal",
        words={
            0: "less than 4 h of sleep 睡眠不足4小时",
            1: "more than 12 h of sleep 睡眠超过12小时",
            2: "nobody for long 长时间无人",
            3: "none 无",
        },
    ),
    (0x84, 0x0F): _number("sleep_report_mode", words={0: "real time 实时", 1: "sleep 睡眠"}),
    (0x84, 0x10): _number("sleep_grade", words={0: "none 无", 1: "good 良好", 2: "fair 一般", 3: "poor 较差"}),
    (0x84, 0x11): _number("struggle", words=_CHECK),
    (0x84, 0x12): _number("nobody_timer", words=_CHECK),
    r60.HEART_RATE: _number("heart_rate"),
    (0x85, 0x05): Entry(name="heart_wave"),
}
_RESPIRATION: dict[Table | None, dict[What, Entry]] = {
    None: {r60.BREATH: _number("rate")},
    Table.R60ABD1: {
        (0x81, 0x01): _number("respiration", words=_BREATHING),
        r60.BREATH: _number("respiration_rate"),
        (0x81, 0x05): Entry(name="respiration_wave"),
    },
    Table.MR60BHA1: {
        r60.EARLY_HEART: _number("rate"),
        (0x81, 0x03): Entry(name="heart_wave"),
        (0x81, 0x04): _number("respiration", words=_BREATHING),
        r60.EARLY_BREATH: _number("respiration_rate"),
        (0x81, 0x06): Entry(name="respiration_wave"),
        (0x81, 0x07): _number("out_of_range", words=_YES),
        r60.DISTANCE: _number("people"),
        r60.EARLY_DISTANCE: _number("stationary_distance_cm", 2),
        (0x81, 0x09): _number("stationary_angle_deg", 2),
        # Not whether somebody moves, but where to, and there is no third state (vladkozlov69/MR60BHA1, main.cpp).
        r60.MOTION: _number("direction", words={0: "none 无", 1: "closer 靠近", 2: "away 远离", 3: "about 无序"}),
    },
}

_STATES = {
    r60.PRESENCE: Quantity.PRESENCE,
    r60.MOTION: Quantity.MOTION,
    r60.BODY_MOVEMENT: Quantity.BODY_MOVEMENT,
    r60.FALL: Quantity.FALL,
    r60.BED: Quantity.BED,
}
_RATES: dict[Table | None, dict[What, Quantity]] = {
    None: {r60.HEART_RATE: Quantity.HEART_RATE},
    Table.R60ABD1: {r60.HEART_RATE: Quantity.HEART_RATE, r60.BREATH: Quantity.RESPIRATORY_RATE},
    Table.MR60BHA1: {r60.EARLY_HEART: Quantity.HEART_RATE, r60.EARLY_BREATH: Quantity.RESPIRATORY_RATE},
}
_MAY_BE_15 = frozenset((r60.HEART_RATE, r60.BREATH, r60.EARLY_BREATH, r60.BODY_MOVEMENT))


def fields(frame: R60Frame, table: Table | None) -> dict[str, Plain]:
    """A frame as people read it; raises DecodeError where its data has not the size that it must have."""
    found: dict[str, Plain] = {"control": frame.control, "command": frame.command}
    entry = _RESPIRATION[table].get(frame.what) or _ENTRIES.get(frame.what)
    if entry is None:
        return {**found, "field": "unknown", "data": frame.data.hex()}
    if frame.may_be_question and not is_rate(frame):
        return {**found, "field": f"query_{entry.name}"}
    return {**found, "field": entry.name, **_value(frame, entry)}


def said(frame: R60Frame, table: Table | None, evidence: bytes) -> list[Said]:
    """The measurements in a frame; a life sign where there is none, nothing where it is a question.

    Zero is no rate and no distance: the module has not found the chest yet, or nobody is there. While no table is
    known, nothing of 81/xx is a measurement. Raises DecodeError.
    """
    what = frame.what
    rate = _RATES[table].get(what)
    if frame.may_be_question and not is_rate(frame):
        return []
    if rate is not None:
        return _measured(rate, r60.number(frame, 1), 1.0, evidence)
    if what == (r60.EARLY_DISTANCE if table is Table.MR60BHA1 else r60.DISTANCE):
        return _measured(Quantity.DISTANCE, r60.number(frame, 2), _CM, evidence)
    state = None if table is Table.MR60BHA1 and what == r60.MOTION else _STATES.get(what)
    if state is None:
        return [Alive()]
    value = r60.number(frame, 1)
    if state is Quantity.BED and value == _NO_BED_STATE:
        return [Alive()]
    return [Sample(quantity=state, value=float(value), frame=evidence)]


def is_rate(frame: R60Frame) -> bool:
    """Whether 0F may be the answer itself: no state has it, but fifteen breaths a minute are common."""
    return frame.what in _MAY_BE_15


def _measured(quantity: Quantity, value: int, scale: float, evidence: bytes) -> list[Said]:
    if value == 0:
        return [Alive()]
    return [Sample(quantity=quantity, value=round(value * scale, 3), frame=evidence)]


def _value(frame: R60Frame, entry: Entry) -> dict[str, Plain]:
    if entry.is_text:
        return {"value": r60.text(frame)}
    if entry.parts:
        return {"value": _parts(frame, entry)}
    if entry.size is None:
        return {"data": frame.data.hex()}
    value = r60.number(frame, entry.size)
    return {"value": value, "means": entry.words[value]} if value in entry.words else {"value": value}


def _parts(frame: R60Frame, entry: Entry) -> dict[str, Plain]:
    r60.number(frame, sum(size for _, size in entry.parts))  # the size must be right
    found: dict[str, Plain] = {}
    at = 0
    for name, size in entry.parts:
        value = int.from_bytes(frame.data[at : at + size], "big")
        is_position = entry.name == "position_cm"
        found[name] = -(value & _MAGNITUDE) if is_position and value & _SIGN else value
        at += size
    return found


def _read(row: Row, frame: bytes) -> Found:
    """`model` of a row says what module it is from; without it, 81/xx is not known."""
    written = row.get("model")
    table = r60.table_of_model(written) if isinstance(written, str) else None
    opened = r60.opened(frame)
    return fields(opened, table), said(opened, table, frame)


READERS: dict[str, Reader] = {
    "mr60-r60": frames_reader(_read, lambda decode: Framer(r60.HEAD, r60.size_of, decode, max_frame=r60.MAX_FRAME))
}
"""`shouwang decode`: rows with `hex` or `stream`, and `model` where 81/xx is to mean something."""
