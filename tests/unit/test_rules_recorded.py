"""Recorded patients: the rules say the same every time, and what an independent count says they must."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.home import Home
from gateway.replay import replay
from shouwang.alert import AlertState
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.recording import RecordedMoment, Recording, read_recording

START = datetime(2026, 11, 24, tzinfo=UTC)
LIMITS = {
    # rule id: quantity, limit, is it an upper one, hysteresis, hold in seconds
    "spo2-low": (Quantity.SPO2, 92.0, False, 2.0, 0),
    "spo2-held": (Quantity.SPO2, 94.0, False, 1.0, 3600),
    "pulse-high": (Quantity.HEART_RATE, 100.0, True, 5.0, 1800),
    "pulse-low": (Quantity.HEART_RATE, 70.0, False, 0.0, 60),
}


def home(limits: dict = LIMITS) -> Home:
    rules = [
        {
            "kind": "threshold",
            "id": rule_id,
            "quantity": quantity.value,
            "above" if is_upper else "below": limit,
            "hysteresis": hysteresis,
            "hold": f"{hold}s",
        }
        for rule_id, (quantity, limit, is_upper, hysteresis, hold) in limits.items()
    ]
    return Home.model_validate(
        {
            "gateway": {"id": "gw-1"},
            "resident": {"id": "r1"},
            "uplink": {"url": "mqtt://127.0.0.1"},
            "sensors": [{"kind": "pulse_oximeter_plx", "id": "oximeter", "address": "C0:FF:EE:00:00:01"}],
            "rules": rules,
        }
    )


def counted(recording: Recording, rule_id: str, until: float) -> list[tuple[float, str]]:
    """Second and state of every alert that the rule must give, found by looking over the whole series at once."""
    quantity, limit, is_upper, hysteresis, hold = LIMITS[rule_id]
    sign = 1 if is_upper else -1
    series = [
        (round(moment.offset_s * 1000) / 1000, sign * moment.values[quantity])
        for moment in recording.moments
        if quantity in moment.values and QUANTITIES[quantity].is_plausible(moment.values[quantity])
    ]
    found: list[tuple[float, str]] = []
    index = 0
    while index < len(series):
        if series[index][1] < sign * limit:
            index += 1
            continue
        begin = series[index][0]
        better = next((i for i in range(index, len(series)) if series[i][1] < sign * limit), None)
        if better is not None and series[better][0] < begin + hold:
            index = better
            continue
        if begin + hold > until:
            break
        found.append((begin + hold, "firing"))
        after = [i for i in range(index + 1, len(series)) if series[i][0] >= begin + hold]
        clear = next((i for i in after if series[i][1] < sign * limit - hysteresis), None)
        if clear is None:
            break
        found.append((series[clear][0], "resolved"))
        index = clear
    return found


def said(alerts, rule_id: str) -> list[tuple[float, str]]:
    return [(alert.mono / 1000, alert.state.value) for alert in alerts if alert.rule_id == rule_id]


@pytest.fixture(scope="module")
def patients(shared: Path) -> dict[str, Recording]:
    rows: dict[str, list[str]] = defaultdict(lambda: ["at,quantity,value"])
    with gzip.open(shared / "data" / "icu2012" / "vitals.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["record_id"]].append(f"{float(row['t_min']) * 60},{row['param']},{row['value']}")
    return {record: read_recording(lines, name=record) for record, lines in rows.items()}


def test_recorded_patients_give_what_an_independent_count_gives(patients):
    until = timedelta(days=4)
    fired = dict.fromkeys(LIMITS, 0)
    for recording in patients.values():
        alerts = replay(home(), recording.moments, sensor_id="oximeter", start=START, until=until)
        for rule_id in LIMITS:
            wanted = counted(recording, rule_id, until.total_seconds())
            assert said(alerts, rule_id) == wanted
            fired[rule_id] += len(wanted)
    assert min(fired.values()) > 25
    assert len(patients) > 100


def test_recorded_patients_give_the_same_every_time(patients):
    for recording in list(patients.values())[:20]:
        first = replay(home(), recording.moments, sensor_id="oximeter", start=START)
        again = replay(home(), iter(recording.moments), sensor_id="oximeter", start=START)
        assert first == again
        assert all(alert.evidence for alert in first)


def test_other_quantities_of_the_recording_are_counted_not_played(patients):
    assert all("Temp" in recording.skipped for recording in patients.values())


MOMENTS = (
    RecordedMoment(0.0, {Quantity.HEART_RATE: 120.0, Quantity.SPO2: 90.0}),
    RecordedMoment(60.0, {Quantity.HEART_RATE: 65.0, Quantity.SPO2: 5.0}),
)


def test_time_goes_on_until_every_hold_has_ended():
    alerts = replay(home(), MOMENTS, sensor_id="oximeter", start=START)
    assert [(alert.rule_id, alert.mono / 1000, alert.state) for alert in alerts] == [
        ("spo2-low", 0, AlertState.FIRING),
        ("pulse-low", 120, AlertState.FIRING),
        ("spo2-held", 3600, AlertState.FIRING),
    ]
    assert alerts[2].at == START + timedelta(hours=1)
    assert replay(home(), (), sensor_id="oximeter", start=START) == []


def test_one_frame_is_judged_in_the_order_in_which_an_oximeter_says_it():
    at_once = {"pulse": (Quantity.HEART_RATE, 100.0, True, 0.0, 0), "spo2": (Quantity.SPO2, 92.0, False, 0.0, 0)}
    alerts = replay(home(at_once), MOMENTS[:1], sensor_id="oximeter", start=START)
    assert [alert.rule_id for alert in alerts] == ["spo2", "pulse"]


def test_values_that_no_sensor_can_mean_are_played_as_such():
    impossible = [RecordedMoment(0.0, {Quantity.SPO2: 0.0, Quantity.HEART_RATE: 500.0})]
    assert replay(home(), impossible, sensor_id="oximeter", start=START) == []


def test_time_may_end_before_a_hold():
    alerts = replay(home(), MOMENTS, sensor_id="oximeter", start=START, until=timedelta(seconds=119))
    assert [alert.rule_id for alert in alerts] == ["spo2-low"]
