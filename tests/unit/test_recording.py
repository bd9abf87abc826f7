"""Recordings: rows into moments in the order of time, tolerant of names, strict about numbers."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shouwang.recording
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.recording import as_said, read_recording

SPO2, PULSE = Quantity.SPO2, Quantity.HEART_RATE


def recorded(*rows: str, header: str = "at,quantity,value"):
    return read_recording([header, *rows], name="r.csv")


def refused(*rows: str, header: str = "at,quantity,value") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        recorded(*rows, header=header)
    return str(caught.value).splitlines()


def test_rows_of_one_time_are_one_moment_in_the_order_of_time():
    recording = recorded("70,spo2,95", "10.5,spo2,97.5", "10.5,heart-rate,80", "70,HR,81", "10.5,spo2,96")
    assert recording.moments == ((0.0, {SPO2: 96.0, PULSE: 80.0}), (59.5, {SPO2: 95.0, PULSE: 81.0}))
    assert recording.skipped == {}


def test_names_of_hospitals_are_known_and_others_are_counted():
    rows = ["0,SaO2,97", "1,SpO2,96", "2,O2 Sat,95", "3,HR,80", "4,Heart_Rate,81", "5,PULSE,82", "6,HEART-RATE,83"]
    recording = recorded(*rows, "7,Temp,37", "8,RespRate,18", "9,Temp,x")
    assert [list(moment.values) for moment in recording.moments] == [[SPO2]] * 3 + [[PULSE]] * 4
    assert recording.skipped == {"Temp": 2, "RespRate": 1}


@pytest.mark.parametrize("quantity", Quantity)
def test_every_quantity_is_known_by_value_and_by_name(quantity):
    recording = recorded(f"0,{quantity.value},1", f"1,{quantity.name},1")
    assert [set(moment.values) for moment in recording.moments] == [{quantity}, {quantity}]


def test_dates_count_from_the_first_and_mean_utc_unless_they_say_more(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    recording = recorded(
        "2026-11-24T03:00:00Z,spo2,1", "2026-11-24 03:00:01.5,spo2,2", "2026-11-24T11:00:02+08:00,spo2,3"
    )
    monkeypatch.undo()
    time.tzset()
    assert [moment.offset_s for moment in recording.moments] == [0.0, 1.5, 2.0]


def test_a_recording_knows_when_it_began_where_its_rows_are_dated():
    dated = recorded("2026-11-24T11:00:02+08:00,spo2,3", "2026-11-24T03:00:00Z,spo2,1")
    assert dated.began == datetime(2026, 11, 24, 3, tzinfo=UTC)
    assert recorded("10,spo2,3").began is None
    assert recorded().began is None


def test_a_time_that_no_calendar_has_is_told():
    (line,) = refused("0001-01-01T00:00:00+14:00,spo2,1")
    assert "is no time; write e.g." in line


def test_columns_in_any_order_with_others_between_and_blank_lines():
    recording = recorded("x,97,spo2,3", "", "  ,,,", "y, 96 , SpO2 , 4", header="\ufeffNote, Value ,QUANTITY,at")
    assert recording.moments == ((0.0, {SPO2: 97.0}), (1.0, {SPO2: 96.0}))


def test_an_empty_recording_has_no_moments():
    assert recorded().moments == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0,spo2,high", 'value: "high" is no number; write digits with a point, e.g. 97.5'),
        ("0,spo2,nan", 'value: "nan" is no number; write digits with a point, e.g. 97.5'),
        ("0,spo2", 'value: "" is no number; write digits with a point, e.g. 97.5'),
        ("soon,spo2,97", 'at: "soon" is no number; write digits with a point, e.g. 97.5'),
        ("inf,spo2,97", 'at: "inf" is no number; write digits with a point, e.g. 97.5'),
        ("2026-13-01,spo2,97", 'at: "2026-13-01" is no time; write e.g. 2026-11-24T03:12:58Z'),
    ],
)
def test_a_bad_row_is_told_with_its_line(row, said):
    assert refused("", row) == [f"r.csv:3: {said}"]


def test_seconds_and_dates_do_not_mix():
    assert refused("0,spo2,97", "2026-11-24T03:00:00Z,spo2,97") == [
        'r.csv:3: at: "2026-11-24T03:00:00Z": seconds and dates are mixed; write all rows in one way'
    ]


@pytest.mark.parametrize("header", ["", "at,value", "97,spo2,0"])
def test_a_first_line_without_the_columns_is_told(header):
    (line,) = refused("0,spo2,97", header=header)
    assert line.startswith("r.csv:1: the first line lacks ")


def test_problems_are_told_together_but_not_without_end():
    assert len(refused("x,spo2,1", "0,spo2,y")) == 2
    assert len(refused(*["x,spo2,1"] * 50)) == 20


def test_what_is_no_csv_is_told():
    (line,) = refused("0,spo2," + "9" * 200_000)
    assert line.startswith("r.csv:2: not readable as CSV (")


def test_a_recording_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(shouwang.recording, "MAX_ROWS", 3)
    assert refused(*[f"{second},spo2,97" for second in range(10)]) == ["r.csv:5: more than 3 rows; cut the recording"]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_lines_are_read_or_refused(lines):
    with suppress(ConfigError):
        offsets = [moment.offset_s for moment in recorded(*lines).moments]
        assert offsets == sorted(set(offsets))


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([SPO2, PULSE]), st.integers(0, 300))))
def test_every_row_is_there_and_the_last_word_stands(rows):
    recording = recorded(*[f"{at},{quantity},{value}" for at, quantity, value in rows])
    first = min((at for at, _, _ in rows), default=0)
    wanted: dict = {}
    for at, quantity, value in rows:
        wanted.setdefault(float(at - first), {})[quantity] = float(value)
    assert dict(recording.moments) == wanted


@given(st.floats(-1e10, 1e10))
def test_a_value_is_what_a_device_can_say_and_near_what_was_recorded(value):
    said = as_said(value)
    assert as_said(said) == said
    assert abs(said - value) <= max(abs(value) / 400, 1e-8)


def test_values_that_devices_count_in_steps_keep_them():
    rows = ["0,weight,72.363", "0,rr-interval,812.4", "0,impedance,512.54", "0,body-temperature,36.66"]
    (moment,) = recorded(*rows).moments
    assert dict(moment.values) == {
        Quantity.WEIGHT: 72.365,
        Quantity.RR_INTERVAL: 812.5,
        Quantity.IMPEDANCE: 512.5,
        Quantity.BODY_TEMPERATURE: 36.7,
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [(88.5, 88.5), (97.26, 97.3), (120.0, 120.0), (2045.0, 2045.0), (2046.0, 2050.0), (0.0, 0.0), (1e30, 1e30)],
)
def test_values_with_more_digits_than_a_device_has_are_rounded(value, said):
    assert as_said(value) == said
    (moment,) = recorded(f"0,spo2,{value}").moments
    assert moment.values == {SPO2: said}
