"""What simulated oximeters, air sensors and receivers put on the wire, against recorded frames."""

import json
from pathlib import Path

import pytest

from simulators.serial import cms50, esp3, mhz19, nonin, pms5003, rfxtrx
from simulators.serial.finger import Clip, Seen
from simulators.serial.glide import Glide


def recorded(shared: Path, name: str) -> dict[str, bytes]:
    vectors = json.loads((shared / f"vectors/serial/{name}.json").read_text())["vectors"]
    return {row["id"]: bytes.fromhex(row["hex"]) for row in vectors}


def test_frames_equal_the_recorded_ones(shared: Path) -> None:
    air = recorded(shared, "air")
    assert mhz19.answer(635) == air["air-d003"]
    words = [int.from_bytes(air["air-d005"][at : at + 2], "big") for at in range(4, 30, 2)]
    assert pms5003.frame(words) == air["air-d005"]
    assert pms5003.EMPTY[:-4] == air["air-d006"][:-4]  # the version differs
    oximeter = recorded(shared, "cms50")
    assert cms50.live5(Seen(clip=Clip.FINGER, spo2=0, pulse=72), signal=0, pleth=0, bar=0) == oximeter["cms50-d005"]
    assert cms50.live5(Seen(clip=Clip.SEARCHING, spo2=0, pulse=0), signal=0, pleth=0, bar=0) == oximeter["cms50-d006"]
    radio = recorded(shared, "enocean")
    telegram = esp3.telegram("01825DAB", esp3.CONTACT, b"\x09", dbm=-54)
    assert telegram == radio["enocean-d007"]
    assert esp3.packet(esp3.COMMON_COMMAND, b"\x08") == radio["enocean-d002"]
    climate = recorded(shared, "rfxtrx")["rfxtrx-d001"]
    made = rfxtrx.climate("7002", 16.7, 45, rssi=8)
    assert (made[:2], made[2:7]) == (climate[1:3], climate[4:9])


def test_frames_of_46_equal_captured_ones() -> None:
    """headrotor/contec_data, stream_data.py."""
    seen = Seen(clip=Clip.FINGER, spo2=97, pulse=65)
    assert cms50.live9(seen, signal=5, pleth=0x33, bar=0x16) == bytes.fromhex("01e085b396c1e1ffff")
    assert cms50.live9(Seen(clip=Clip.FINGER, spo2=97, pulse=148))[1] == 0xE8
    assert cms50.live9(Seen(clip=Clip.NOTHING, spo2=None, pulse=None))[1] == 0xE1


@pytest.mark.parametrize(
    ("seen", "more", "line"),
    [
        (Seen(clip=Clip.FINGER, spo2=97, pulse=72), {}, b"SPO2=097 HR=072\r\n"),
        (Seen(clip=Clip.NOTHING, spo2=None, pulse=None), {"suffix": "*"}, b"SPO2=--- HR=---*\r\n"),
        (Seen(clip=Clip.FINGER, spo2=100, pulse=54), {"time": "12:31:05"}, b"12:31:05 SPO2=100 HR=054\r\n"),
    ],
)
def test_lines_are_those_of_the_manuals(seen: Seen, more: dict[str, str], line: bytes) -> None:
    assert nonin.line(seen, **more) == line


def test_a_value_glides() -> None:
    glide = Glide(97)
    glide.turn_to(85, now=10, over_s=4)
    assert [glide.at(moment) for moment in (10, 11, 12, 14, 20)] == [97, 94, 91, 85, 85]
