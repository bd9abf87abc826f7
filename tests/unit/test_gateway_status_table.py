"""The table for whoever stands at the box: columns that fit, in both languages, whatever stands in them."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.columns import Column, cut, table, width_of
from gateway.status import (
    AlarmLine,
    CardLine,
    ClockLine,
    LaneLine,
    PathLine,
    SensorLine,
    Status,
    WaitLine,
)
from gateway.status_table import lines_of
from shouwang.quantities import Quantity

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


def ago(**span):
    return NOW - timedelta(**span)


STATUS = Status(
    gateway="wang-home",
    version="0.1.0",
    pid=7,
    language="zh",
    timezone="Asia/Shanghai",
    mode="away",
    uptime_s=90_000,
    memory_bytes=50 * 1024 * 1024,
    clock=ClockLine(now=NOW, source="ntp", error_s=0.02, boot="b"),
    card=CardLine(used=41.6, free_bytes=3 * 1024**3, outbox_bytes=2 * 1024**2),
    sensors=(
        SensorLine(
            id="oximeter",
            kind="pulse_oximeter_plx",
            state="up",
            since=ago(hours=3),
            quantity=Quantity.SPO2,
            value=96.0,
            at=ago(seconds=4),
            battery=71.0,
            signal_dbm=-63.0,
        ),
        SensorLine(id="door", kind="mqtt_json", state="down", since=ago(minutes=2), reason="the broker is gone"),
        SensorLine(id="new", kind="mqtt_json"),
    ),
    rules=12,
    waiting=(WaitLine(key="fall:wrist", seconds=17.4),),
    waiting_count=3,
    alarms=(AlarmLine(key="spo2-low:oximeter", severity="P1", state="prealarm", since=ago(seconds=9)),),
    lanes=(
        LaneLine(lane="life-safety", waiting=1, oldest_s=9.0),
        LaneLine(lane="state", waiting=0, oldest_s=0.0),
        LaneLine(lane="telemetry", waiting=40, oldest_s=None),
    ),
    paths=(
        PathLine(path="internet", is_up=False, since=ago(minutes=5), reason="no network", tested_at=ago(hours=1)),
        PathLine(path="sms", is_up=None, since=ago(days=1)),
    ),
)

ENGLISH = """\
Shouwang gateway wang-home  0.1.0
running for 1 d  memory 50 MiB  the home is set to: away
ALARM P1 spo2-low:oximeter: asking, may be cancelled, 9 s

sensor    kind                state          for  last reading            ago  battery   signal
oximeter  pulse_oximeter_plx  heard          3 h  oxygen saturation 96 %  4 s     71 %  -63 dBm
door      mqtt_json           DOWN         2 min  -                         -        -        -
new       mqtt_json           not heard yet    -  -                         -        -        -

! door: the broker is gone
12 rules watch (each counted once a sensor), 3 of them count down
  fall:wrist  in 17 s

waiting for the centre: 1 of alarms, the oldest for 9 s
waiting for the centre: 40 of readings, the card does not answer
path internet: DOWN for 5 min: no network; last proven 1 h ago
path SMS: not known yet
clock 2026-11-26 12:00:00 Asia/Shanghai, set by time servers (NTP), right to 0.0 s
the card is 42 % full, 3072 MiB are free; the outbox takes 2.0 MiB"""


def test_it_reads_like_this():
    assert [line.split() for line in lines_of(STATUS, language="en", width=120)] == [
        line.split() for line in ENGLISH.splitlines()
    ]


def test_card_that_does_not_answer_is_said():
    silent = msgspec.structs.replace(STATUS, card=None)
    assert lines_of(silent, language="en", width=120)[-1] == "the card does not answer"
    assert lines_of(silent, language="zh", width=120)[-1] == "存储卡没有应答"


def test_in_chinese_the_columns_stand_under_each_other():
    title, *rows = lines_of(STATUS, language="zh", width=120)[4:8]
    assert title.split() == ["传感器", "类型", "状态", "持续", "最近读数", "距今", "电量", "信号"]
    begin = width_of(title[: title.index("状态")])
    for row, state in zip(rows, ("正常", "断开", "还未听到"), strict=True):
        assert width_of(row[: row.index(state)]) == begin


def test_where_there_is_little_room_the_least_important_goes_first():
    title = lines_of(STATUS, language="en", width=72)[4].split()
    assert "kind" not in title
    assert {"sensor", "state", "last", "reading"} <= set(title)
    narrow = lines_of(STATUS, language="en", width=44)[4].split()
    assert "battery" not in narrow
    assert {"sensor", "state", "ago"} <= set(narrow)


@given(st.text(), st.integers(0, 40))
def test_a_text_is_never_wider_than_its_room_and_moves_no_cursor(text, width):
    shown = cut(text, width)
    assert width_of(shown) <= width
    assert shown.isprintable()


CELLS = st.text(max_size=30)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(10, 100))
def test_no_row_is_wider_than_the_terminal(rows, width):
    columns = [Column(title="传感器"), Column(title="kind", rank=1), Column(title="ago", is_number=True)]
    drawn = table(columns, rows, width)
    assert len(drawn) == len(rows) + 1
    assert all(width_of(line) <= width for line in drawn)


@given(st.integers(1, 200), st.sampled_from(["zh", "en"]))
def test_the_whole_fits_any_terminal(width, language):
    assert all(width_of(line) <= width for line in lines_of(STATUS, language=language, width=width))


def test_a_chinese_character_is_as_wide_as_two():
    assert width_of("守望 gw") == 7
    assert cut("守望网关", 6) == "守望…"
    assert cut("守望网关", 8) == "守望网关"


def test_alarms_stand_first_and_what_all_sensors_suffer_from_is_said_once():
    """With 300 sensors nobody scrolls; `--watch` shows the beginning."""
    gone = [
        SensorLine(id=f"s-{n}", kind="mqtt_json", state="down", since=NOW, reason="the broker is gone")
        for n in range(300)
    ]
    lines = lines_of(msgspec.structs.replace(STATUS, sensors=tuple(gone)), language="en", width=120)
    assert lines[2].startswith("ALARM P1 spo2-low:oximeter")
    assert [line for line in lines if line.startswith("! ")] == ["! s-0 and 299 more: the broker is gone"]
