"""`shouwang rules replay`: recorded readings in, alerts as JSON lines out, bad rows told with their line."""

import json
import os
from pathlib import Path

import pytest
from fixtures.rules_room import CSV, HOME, lines, rules, written

from config.recorded import MAX_PROBLEMS
from shouwang import cli


@pytest.fixture
def home(tmp_path) -> Path:
    return written(tmp_path, HOME.format(limit=90, zone="Asia/Shanghai"), "home.yaml")


def test_alerts_are_lines_of_json(capsys, tmp_path, home):
    readings = written(tmp_path, CSV + "0,oximeter,spo2,97\n60,oximeter,spo2,88\n100,oximeter,spo2,95\n")
    code, out, err = rules(capsys, "replay", "--config", home, "--readings", readings)
    assert (code, err) == (0, "")
    fired, over = lines(out)
    assert fired == {
        "at": 70.0,
        "rule_id": "low",
        "key": "low:oximeter",
        "severity": "P2",
        "state": "firing",
        "resident_id": "r1",
        "explanation": fired["explanation"],
    }
    assert fired["explanation"]["en"].startswith("oxygen saturation 88 %, at or below the limit 90 % for 10 s")
    assert fired["explanation"]["zh"].startswith("血氧饱和度 88 %，达到或低于界限 90 %，已持续 10 秒")
    assert (over["at"], over["state"]) == (100.0, "resolved")
    assert "血氧" in out


def test_the_end_of_the_file_does_not_end_a_hold(capsys, tmp_path, home):
    readings = written(tmp_path, CSV + "0,oximeter,spo2,88\n")
    _, out, _ = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert [(line["at"], line["state"]) for line in lines(out)] == [(10.0, "firing")]


def test_json_lines_and_iso_times(capsys, tmp_path, home):
    rows = [
        {"at": "2026-11-24T03:00:00Z", "sensor_id": "oximeter", "quantity": "heart-rate", "value": 120},
        {"at": "2026-11-24T11:00:05", "sensor_id": "oximeter", "quantity": "heart-rate", "value": "90"},
        {"at": "2026-11-24T04:00:10+01:00", "sensor_id": "oximeter", "quantity": "heart-rate", "value": [101.5]},
    ]
    readings = written(tmp_path, "\n\n".join(json.dumps(row) for row in rows), "readings.jsonl")
    code, out, _ = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert code == 0
    assert [(line["at"], line["state"]) for line in lines(out)] == [
        ("2026-11-24T03:00:00+00:00", "firing"),
        ("2026-11-24T03:00:05+00:00", "resolved"),  # of the home's zone, as it names none
        ("2026-11-24T03:00:10+00:00", "firing"),
    ]


def test_columns_in_any_order_with_a_mark_and_spaces(capsys, tmp_path, home):
    readings = written(tmp_path, "\ufeffValue, quantity , sensor_id, AT\n120, heart-rate, oximeter, 7\n\n")
    _, out, _ = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert [line["at"] for line in lines(out)] == [7.0]


BAD = {
    "0,oximeter,spo2": "value is missing; each row has: at, sensor_id, quantity, value",
    ",oximeter,spo2,90": "at is missing",
    "x,oximeter,spo2,90": 'at: "x" is no time; write e.g. 2026-11-24T03:12:58Z',
    "nan,oximeter,spo2,90": "at: nan is no time; write seconds",
    "1e300,oximeter,spo2,90": "is no time",
    "0,oximeter,sp02,90": 'quantity: "sp02" is not known; known are: heart-rate, ',
    "0,oximeter,spo2,many": 'value: "many" is no number; write digits with a point, or "x y z"',
    "0,oximeter,acceleration,1 2": 'value: "1 2" is no number',
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_told_with_its_line_and_the_others_count(capsys, tmp_path, home, row):
    readings = written(tmp_path, f"{CSV}0,oximeter,heart-rate,120\n{row}\n9,oximeter,heart-rate,80\n")
    code, out, err = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert code == 1
    assert [line["state"] for line in lines(out)][:2] == ["firing", "resolved"]
    assert err.startswith(f"{readings}:3: ")
    assert BAD[row] in err


def test_bad_lines_of_json_are_told_with_their_line(capsys, tmp_path, home):
    deep = "[" * 100_000
    good = json.dumps({"at": 1, "sensor_id": "oximeter", "quantity": "spo2", "value": 97})
    readings = written(tmp_path, f"{good}\nnot json\n[1, 2]\n{deep}\n{good}\n")
    code, _, err = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert code == 1
    assert [line.split(":")[-3] for line in err.splitlines()] == ["2", "3", "4"]
    assert "at, sensor_id, quantity, value is missing" in err


def test_no_more_than_twenty_bad_rows_are_told(capsys, tmp_path, home):
    readings = written(tmp_path, CSV + "x,oximeter,spo2,90\n" * 100)
    code, _, err = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert (code, len(err.splitlines())) == (1, MAX_PROBLEMS)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", ":1: the first line lacks at, sensor_id, quantity, value; it must be: at,sensor_id,quantity,value"),
        (b"at,sensor_id,value\n", ":1: the first line lacks quantity"),
        (b"at,sensor_id,quantity,value\n0,\xff\xff,spo2,90\n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(capsys, tmp_path, home, content, complaint):
    readings = tmp_path / "readings.csv"
    if content is not None:
        readings.write_bytes(content)
    code, out, err = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert (code, out) == (1, "")
    assert err.startswith(str(readings))
    assert complaint in err


def test_values_that_no_sensor_can_mean_are_played_as_such(capsys, tmp_path, home):
    readings = written(tmp_path, CSV + "0,oximeter,spo2,0\n1,oximeter,heart-rate,900\n2,oximeter,heart-rate,inf\n")
    assert rules(capsys, "replay", "-c", home, "--readings", readings) == (0, "", "")


def test_readings_out_of_order_do_not_hide_an_alarm(capsys, tmp_path, home):
    readings = written(
        tmp_path, CSV + "100,oximeter,spo2,97\n160,oximeter,spo2,88\n20,oximeter,spo2,88\n175,oximeter,spo2,88\n"
    )
    _, out, _ = rules(capsys, "replay", "-c", home, "--readings", readings)
    assert [line["state"] for line in lines(out)] == ["firing"]


def test_a_preset_is_applied_to_each_sensor_by_itself(capsys, tmp_path):
    rows = [
        f"{t},{sensor},carbon-monoxide,{ppm}" for sensor, ppm in (("attic", 400), ("cellar", 3)) for t in (0, 60, 130)
    ]
    readings = written(tmp_path, CSV + "\n".join(rows) + "\n")
    code, out, _ = rules(capsys, "replay", "--preset", "co-en50291", "--readings", readings)
    assert code == 0
    assert [(line["at"], line["key"], line["state"]) for line in lines(out)] == [(120.0, "co-dose:attic", "firing")]


def test_trials_of_one_file_do_not_disturb_each_other(capsys, tmp_path):
    """Their times may overlap, and go back from one to the next."""
    rows = [f"{t},trial-{n},carbon-monoxide,400" for n in range(50) for t in (0, 60, 130)]
    _, out, _ = rules(
        capsys, "replay", "--preset", "co-en50291", "--readings", written(tmp_path, CSV + "\n".join(rows))
    )
    assert {(line["at"], line["state"]) for line in lines(out)} == {(120.0, "firing")}
    assert len({line["key"] for line in lines(out)}) == 50


def test_vectors_are_written_x_y_z(capsys, tmp_path):
    still = [f"{t / 20},belt,acceleration,0 1 0" for t in range(200)]
    odd = ["10,belt,acceleration,nan 0 0", "10.05,belt,acceleration,99 99 99", "10.1,belt,acceleration,x 0 0"]
    code, out, err = rules(
        capsys, "replay", "--preset", "fall-waist", "--readings", written(tmp_path, CSV + "\n".join(still + odd))
    )
    assert (code, out, err) == (0, "", "")


@pytest.mark.parametrize(("zone", "told"), [("Asia/Shanghai", 1), ("UTC", 0)])
def test_hours_of_a_preset_are_those_of_the_time_zone(capsys, tmp_path, zone, told):
    readings = written(tmp_path, CSV + "2026-11-24T15:00:00Z,gate,door,1\n2026-11-24T15:09:00Z,gate,battery,50\n")
    _, out, _ = rules(capsys, "replay", "--preset", "night", "--readings", readings, "--timezone", zone)
    assert [line["rule_id"] for line in lines(out)] == ["night-exit"] * told


def test_what_a_change_would_have_done(capsys, tmp_path, home):
    old = written(tmp_path, HOME.format(limit=86, zone="Asia/Shanghai"), "old.yaml")
    readings = written(
        tmp_path, CSV + "0,oximeter,spo2,88\n30,oximeter,spo2,97\n60,oximeter,spo2,80\n90,oximeter,spo2,88\n"
    )
    code, out, err = rules(capsys, "replay", "-c", home, "--readings", readings, "--compare", old)
    assert code == 0
    assert [(line["only"], line["at"], line["state"]) for line in lines(out)] == [
        ("new", 10.0, "firing"),
        ("new", 30.0, "resolved"),
        ("old", 90.0, "resolved"),
    ]
    assert err == "alarms: 1 before, 2 after\n"
    assert rules(capsys, "replay", "-c", home, "--readings", readings, "--compare", home)[1] == ""


def misused(capsys, *words: object) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["rules", *(str(word) for word in words)])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_misuse_is_told(capsys, tmp_path, home):
    readings = written(tmp_path, CSV)
    assert "--compare goes with --config" in misused(
        capsys, "replay", "--preset", "sos", "--readings", readings, "--compare", home
    )
    assert "no time zone" in misused(
        capsys, "replay", "--preset", "sos", "--readings", readings, "--timezone", "Mars/Base"
    )
    assert "one of the arguments" in misused(capsys, "replay", "--readings", readings)
    assert "invalid choice" in misused(capsys, "explain", "--preset", "nothing")
    assert "--readings" in misused(capsys, "replay", "--preset", "sos")


def test_a_home_that_cannot_be_used(capsys, tmp_path):
    broken = written(tmp_path, "gateway: 7\n", "home.yaml")
    code, out, err = rules(capsys, "replay", "-c", broken, "--readings", written(tmp_path, CSV))
    assert (code, out) == (1, "")
    assert f"{broken}:1:" in err


def test_who_reads_the_alerts_may_stop(tmp_path, home, monkeypatch):
    readings = written(tmp_path, CSV + "".join(f"{t},oximeter,heart-rate,{70 + t % 2 * 60}\n" for t in range(4000)))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert cli.main(["rules", "replay", "-c", str(home), "--readings", str(readings)]) == 1
