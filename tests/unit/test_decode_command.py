"""`shouwang decode`: one line out for each line in, whatever is in it; plain words for people."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import commands
from drivers import decode as rows
from shouwang import cli
from shouwang.quantities import QUANTITIES, Quantity

FILES = ("gatt-permissive.json", "gatt-gpl.json")


def answers(*lines: bytes) -> list[dict[str, Any]]:
    """What the command answers to these lines, through its own reading and writing."""
    written = io.BytesIO()
    assert commands._answer_all(io.BytesIO(b"".join(line + b"\n" for line in lines)), written) == 0
    return [json.loads(line, parse_constant=pytest.fail) for line in written.getvalue().splitlines()]


def asked(**row: Any) -> dict[str, Any]:
    (found,) = answers(json.dumps(row).encode())
    return found


def readings(found: dict[str, Any]) -> dict[str, tuple[float, str, str]]:
    return {one["quantity"]: (one["value"], one["unit"], one["quality"]) for one in found["readings"]}


def vectors(shared: Path) -> list[dict[str, Any]]:
    folder = shared / "vectors" / "ble"
    return [row for name in FILES for row in json.loads((folder / name).read_text(encoding="utf-8"))["vectors"]]


def test_every_recorded_value_is_answered_as_its_own_project_expects(shared: Path) -> None:
    recorded = vectors(shared)
    for row, found in zip(recorded, answers(*(json.dumps(row).encode() for row in recorded)), strict=True):
        wanted = row["expected"]
        assert found["id"] == row["id"]
        if wanted.get("error"):
            assert (found["valid"], found["fields"], found["readings"]) == (False, {}, [])
            assert found["reason"]
        else:
            assert (found["valid"], found["reason"]) == (True, None), row
            assert {name: found["fields"][name] for name in wanted} == wanted, row


def test_a_row_named_quirk_is_that_device_and_what_is_guessed_is_questionable(shared: Path) -> None:
    for row in vectors(shared):
        name = row["expected"].get("quirk")
        if name is not None:
            named, guessed = asked(**row, quirk=name), asked(**row)
            assert named["fields"] == guessed["fields"]
            assert {one["quality"] for one in named["readings"]} == {"good"}
            assert {one["quality"] for one in guessed["readings"]} == {"questionable"}
            assert named["readings"][0]["value"] == row["expected"]["systolic"]


def test_a_guess_does_not_make_a_doubtful_or_impossible_value_better() -> None:
    moved = asked(characteristic="2A35", hex="566a0047000000ea07080b121f00003f000001")
    assert {one["quality"] for one in moved["readings"]} == {"questionable"}
    impossible = asked(characteristic="2A35", hex="560a0047000000ea07080b121f00003f000000")
    assert readings(impossible)["systolic"] == (10, "mm[Hg]", "implausible")


def test_an_answer_has_exactly_its_members() -> None:
    (line,) = answers(b'{"id":"a","format":"gatt","characteristic":"2A37","hex":"06aa","key":"00","whatever":[]}')
    assert line == {
        "id": "a",
        "valid": True,
        "reason": None,
        "fields": {"heart_rate": 170, "contact": True, "energy_kj": None, "rr_1024": []},
        "readings": [{"quantity": "heart-rate", "value": 170, "unit": "/min", "quality": "good"}],
    }


def test_values_come_in_canonical_units_and_marked() -> None:
    found = asked(characteristic="2A35", hex="1f790051006a00e40705150a1e2d4800010600")  # 121 kPa
    assert readings(found)["systolic"] == (907.574507, "mm[Hg]", "implausible")
    assert readings(found)["heart-rate"] == (72, "/min", "questionable")  # the cuff is too loose
    assert readings(found)["irregular-pulse"] == (1, "1", "questionable")
    assert readings(asked(characteristic="2A1C", hex="01d10300ff")) == {"body-temperature": (36.5, "Cel", "good")}


@pytest.mark.parametrize(
    "characteristic", ["2a37", "0x2A37", " 2A37 ", "00002a37-0000-1000-8000-00805f9b34fb", "00002A37"]
)
def test_a_characteristic_may_be_written_in_each_usual_way(characteristic: str) -> None:
    assert asked(characteristic=characteristic, hex="06 AA")["fields"]["heart_rate"] == 170


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"id":NaN}', "not JSON"),
        (b'{"id":1e999}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 50_000, "not JSON"),
        (b'"\\ud800"', "not JSON"),
        (b'{"\x8d":1}', "not JSON"),  # found by `./dev bench fuzz`
        (b'{"id":"\x8d"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b"{}", "format"),
        (b'{"id":"a","format":"morse","hex":"00"}', "'morse' is not known"),
        (b'{"format":7,"hex":"00"}', "'7' is not known"),
        (b'{"format":["gatt"]}', "is not known"),
        (b'{"format":"gatt","hex":"00"}', "characteristic is missing"),
        (b'{"format":"gatt","characteristic":10807,"hex":"00"}', "characteristic is missing"),
        (b'{"format":"gatt","characteristic":"2AFF","hex":"00"}', '"2AFF" is not known'),
        (b'{"format":"gatt","characteristic":"","hex":"00"}', "is not known"),
        (b'{"format":"gatt","characteristic":"2A37"}', "hex is missing"),
        (b'{"format":"gatt","characteristic":"2A37","hex":null}', "hex is missing"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"0"}', "hexadecimal"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"zz"}', "hexadecimal"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"' + b"00" * 513 + b'"}', "513 bytes"),
        (b'{"format":"gatt","characteristic":"2A37","hex":""}', "cut off"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"06aa","quirk":7}', "quirk is not a name"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"06aa","quirk":"x"}', "no known quirk"),
        (b'{"format":"gatt","characteristic":"2A37","hex":"06aa","quirk":"beurer_bm85"}', "characteristic 2A35"),
        (b'{"format":"bthome","input":null}', ""),
        (b'{"format":"bthome","input":{"adv_data_hex":7}}', ""),
    ],
)
def test_what_cannot_be_read_has_a_reason(line: bytes, reason: str) -> None:
    (found,) = answers(line)
    assert found["valid"] is False
    assert reason in found["reason"]
    assert (found["fields"], found["readings"]) == ({}, [])


@pytest.mark.parametrize(
    ("written", "known"),
    [('"a"', "a"), ("7", 7), ("1.5", 1.5), ("123456789012345678901", 123456789012345678901), ("true", None)]
    + [(other, None) for other in ("null", "[1]", "{}")],
)
def test_the_id_comes_back_also_with_a_refusal(written: str, known: Any) -> None:
    for hexed in ("06aa", "zz"):
        (found,) = answers(f'{{"id":{written},"characteristic":"2A37","hex":"{hexed}"}}'.encode())
        assert found["id"] == known


def test_a_line_too_long_is_answered_once_and_the_next_is_read() -> None:
    huge = b'{"id":"huge","hex":"' + b"0" * (3 * commands.MAX_LINE) + b'"}'
    found = answers(huge, b'{"id":"next","characteristic":"2A19","hex":"64"}')
    assert [(one["id"], one["valid"]) for one in found] == [(None, False), ("next", True)]
    assert "262144 bytes" in found[0]["reason"]


def test_a_last_line_without_an_end_is_answered() -> None:
    written = io.BytesIO()
    commands._answer_all(io.BytesIO(b"\n" + b'{"characteristic":"2A19","hex":"64"}'), written)
    assert [json.loads(line)["valid"] for line in written.getvalue().splitlines()] == [False, True]


def test_a_decoder_that_breaks_costs_one_row_only(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def breaks(_row: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(rows.FORMATS, "broken", breaks)
    found = answers(b'{"format":"broken"}', b'{"characteristic":"2A19","hex":"64"}')
    assert [one["valid"] for one in found] == [False, True]
    assert "ZeroDivisionError" in caplog.text


def test_a_new_format_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.FORMATS, "mhz19", lambda row: ({"co2_ppm": len(row)}, []))
    assert asked(protocol="mhz19", hex="00")["fields"] == {"co2_ppm": 2}
    assert asked(format="mhz19")["fields"] == {"co2_ppm": 1}


def test_an_advert_is_read_with_the_key_of_the_row_or_of_its_input(shared: Path) -> None:
    recorded = json.loads((shared / "vectors" / "ble" / "bthome-permissive.json").read_text(encoding="utf-8"))
    row = next(one for one in recorded["vectors"] if "bindkey_hex" in one["input"])
    inside = asked(**row)
    assert (inside["id"], inside["valid"]) == (row["id"], True)
    assert inside["readings"]
    key = row["input"].pop("bindkey_hex")
    assert asked(**row, key=key) == inside
    assert asked(**row)["valid"] is False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(["id", "format", "protocol", "characteristic", "hex", "input", "key", "quirk"])
words = st.sampled_from(["gatt", "bthome", "2A37", "2A35", "sfloat", "06aa", "beurer_bm85", ""])


@given(st.lists(st.binary(max_size=80).filter(lambda line: b"\n" not in line), max_size=5))
def test_any_bytes_are_answered_line_by_line(lines: list[bytes]) -> None:
    assert [one["valid"] for one in answers(*lines)] == [False] * len(lines)


@given(st.dictionaries(members | st.text(max_size=8), json_values | words, max_size=8))
def test_any_row_is_answered(row: dict[str, Any]) -> None:
    (found,) = answers(json.dumps(row).encode())
    assert found.keys() == {"id", "valid", "reason", "fields", "readings"}
    assert found["valid"] is (found["reason"] is None)
    for one in found["readings"]:
        info = QUANTITIES[Quantity(one["quantity"])]
        assert one["unit"] == info.unit
        assert one["quality"] == "implausible" or info.is_plausible(one["value"])


# --- for people ------------------------------------------------------------------------------------------------------


def test_a_value_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["decode", "--hex", "16480003ff02", "--characteristic", "2A37"]) == 0
    assert capsys.readouterr().out == (
        "Heart Rate Measurement 心率测量 (2A37)\n"
        "  heart_rate  72\n"
        "  contact     yes\n"
        "  energy_kj   -\n"
        "  rr_1024     768, 767\n"
        "pulse rate 脉率: 72 /min, good 可信\n"
        "RR interval 心搏间期: 750 ms, good 可信\n"
        "RR interval 心搏间期: 749.023 ms, good 可信\n"
    )


def test_doubts_and_impossible_values_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["decode", "--hex", "1f790051006a00e40705150a1e2d4800010600", "--characteristic", "2A35"])
    said = capsys.readouterr().out
    assert "systolic pressure 收缩压: 907.575 mmHg, implausible 不合理" in said
    assert "irregular pulse 脉搏不齐: yes 是, questionable 存疑" in said
    cli.main(["decode", "--hex", "00ffff7f00", "--characteristic", "2A1C"])
    assert "no measurement 无测量值" in capsys.readouterr().out


def test_several_records_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["decode", "--hex", "0680780005000206007800060006", "--characteristic", "2AA7"])
    assert "cut off" in capsys.readouterr().err
    cli.main(["decode", "--hex", "0780780005000206007800 0600", "--characteristic", "2AA7"])
    said = capsys.readouterr().out
    assert "concentration_mg_dl 120; time_offset_min 5; status 2;" in said
    assert "battery low 电量低: yes 是, good 可信" in said


def test_a_device_that_deviates_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    frame = "566a0047000000ea07080b121f00003f000000"
    asked_for = ["decode", "--hex", frame, "--characteristic", "2A35"]
    assert cli.main([*asked_for, "--quirk", "beurer_bm85"]) == 0
    assert "pulse rate 脉率: 63 /min, good 可信" in capsys.readouterr().out
    assert cli.main(asked_for) == 0
    assert "pulse rate 脉率: 63 /min, questionable 存疑" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hexed", "characteristic", "reason"),
    [("06", "2A37", "cut off"), ("zz", "2A37", "hexadecimal"), ("06aa", "2AFF", "known are: 2A08")],
)
def test_what_is_wrong_is_said_and_is_the_status(hexed: str, characteristic: str, reason: str, capsys: Any) -> None:
    assert cli.main(["decode", "--hex", hexed, "--characteristic", characteristic]) == 1
    said = capsys.readouterr()
    assert reason in said.err
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["--hex", "06aa"], ["--characteristic", "2A37"], ["--quirk", "beurer_bm85"]])
def test_half_a_question_is_misuse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["decode", *arguments])
    assert caught.value.code == 2
    assert "belong together" in capsys.readouterr().err


def test_rows_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    row = b'{"id":1,"characteristic":"2A19","hex":"64"}\n'
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(row)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=written))
    assert cli.main(["decode"]) == 0
    assert json.loads(written.getvalue())["fields"] == {"level": 100}


def test_a_reader_that_has_seen_enough_is_no_crash() -> None:
    """A pipe that is closed at the other end, as by `head -1`."""
    ours, theirs = os.pipe()
    os.close(ours)
    program = subprocess.run(
        [sys.executable, "-m", "shouwang", "decode"],
        input=b'{"characteristic":"2A19","hex":"64"}\n' * 10,
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(theirs)
    assert program.returncode == 1
    assert program.stderr == b""
