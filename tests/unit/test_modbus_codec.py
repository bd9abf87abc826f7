"""Modbus-RTU frames: every recorded one means what its own project says; what is no frame is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.decode import answer
from drivers.serial.codec.modbus import READERS, explained, question, read_answer, read_exchange, read_question
from shouwang.errors import DecodeError
from simulators.serial.modbus_slaves import crc


def sealed(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc(data)


def rows(shared: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "vectors/serial/modbus.json").read_text(encoding="utf-8"))[
        "vectors"
    ]
    return found


def test_every_recorded_frame_means_what_its_own_project_expects(shared: Path) -> None:
    assert len(rows(shared)) >= 37
    for row in rows(shared):
        found = answer(row)
        wanted = {name: value for name, value in row["expect"].items() if name != "valid"}
        assert found.valid is row["expect"]["valid"], (row["id"], found.reason)
        assert {name: found.fields[name] for name in wanted} == wanted, row["id"]


def test_every_recorded_exception_is_explained(shared: Path) -> None:
    excepted = [row for row in rows(shared) if "exception" in row["expect"]]
    assert excepted
    for row in excepted:
        assert "this unit has no register" in str(answer(row).fields["meaning"])


def test_a_changed_byte_of_any_recorded_frame_is_refused(shared: Path) -> None:
    for row in rows(shared):
        for key in {"hex", "request", "response"} & row.keys():
            frame = bytearray.fromhex(row[key])
            for at in range(len(frame)):
                frame[at] ^= 0x01
                assert answer({**row, key: frame.hex()}).reason
                frame[at] ^= 0x01


def test_our_questions_are_those_of_the_makers() -> None:
    # SenseAir S8 (ESPHome senseair.cpp), SONBEST's manuals, XY-MD02's protocol sheet
    assert question(254, 4, 0, 4) == bytes.fromhex("FE0400000004E5C6")
    assert question(254, 4, 3, 1) == bytes.fromhex("FE0400030001D5C5")
    assert question(1, 3, 0, 2) == bytes.fromhex("010300000002C40B")
    assert question(1, 4, 1, 1) == bytes.fromhex("010400010001600A")


@pytest.mark.parametrize("code", range(256))
def test_every_exception_has_words(code: int) -> None:
    said = explained(code, function=3, address=7, count=2)
    assert said.startswith(f"exception {code:02d}, ")
    assert "None" not in said


def test_the_words_name_what_was_asked() -> None:
    assert explained(2, function=3, address=7, count=2) == (
        "exception 02, this unit has no register 7 to 8: is the map right?"
    )
    assert "no input 9:" in explained(2, function=2, address=9, count=1)
    assert "function 4" in explained(1, function=4)


@pytest.mark.parametrize(
    ("asked", "answered", "why"),
    [
        ("010300000002", "020304008d008e", "unit 2, function 3 answers what unit 1"),
        ("010300000002", "010404008d008e", "unit 1, function 4 answers what"),
        ("010300000002", "010302008d", "2 were asked for, and the answer has 2 bytes"),
        ("010600010005", "010600010006", "confirms another value"),
        ("010600010005", "010600020005", "confirms another value"),
    ],
)
def test_an_answer_to_something_else_is_refused(asked: str, answered: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_exchange(sealed(asked), sealed(answered))


@pytest.mark.parametrize("body", ["01", "0103", "010304008d00", "014304008d008e", "0103000000000000", "010300000000"])
def test_what_is_no_frame_is_refused(body: str) -> None:
    for frame in (sealed(body), bytes.fromhex(body)):
        for read in (read_question, read_answer):
            with pytest.raises(DecodeError):
                read(frame)


@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_no_bytes_break_a_reader(first: bytes, second: bytes, sound: bool) -> None:
    if sound:
        first, second = first + crc(first), second + crc(second)
    for row in (
        {"protocol": "modbus-rtu", "hex": first.hex(), "direction": "request"},
        {"protocol": "modbus-rtu", "hex": first.hex(), "direction": "response"},
        {"protocol": "modbus-rtu-exchange", "request": first.hex(), "response": second.hex()},
    ):
        found = answer(row)
        assert found.valid is (found.reason is None)


@pytest.mark.parametrize(
    "row", [{}, {"hex": 5}, {"hex": "xy"}, {"hex": "0103", "direction": "sideways"}, {"request": "00"}]
)
def test_a_row_that_lacks_something_is_told_what(row: dict[str, object]) -> None:
    for protocol in READERS:
        assert answer({"protocol": protocol, **row}).reason
