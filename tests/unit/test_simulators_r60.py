"""The radar's frames against captured ones, and finding them in noise."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.serial import r60

PRESENCE = bytes.fromhex("535980010001012f5443")


def test_frames_equal_those_of_real_modules() -> None:
    assert r60.frame(*r60.PRESENCE, b"\x01") == PRESENCE
    assert r60.frame(0x80, 0x81, r60.ASK) == bytes.fromhex("53598081 0001 0f bd 5443")
    assert r60.frame(*r60.FIRMWARE, r60.ASK) == bytes.fromhex("535902a4 0001 0f 62 5443")
    assert r60.frame(0x81, 0x09, b"\x00\x66") == bytes.fromhex("53598109000200669e5443")


def test_frames_equal_the_recorded_ones(shared: Path) -> None:
    vectors = json.loads((shared / "vectors/serial/radar-60ghz.json").read_text())["vectors"]
    whole = [bytes.fromhex(v["hex"]) for v in vectors if v.get("hex") and v["expect"].get("valid")]
    assert whole
    for frame in whole:
        assert r60.frame(frame[2], frame[3], frame[6:-3]) == frame


@pytest.mark.parametrize(
    "noise", [b"", b"\x00\xff\x53\x12\x54\x43\x59", b"\x53", b"\x53\x59\x80\x01\xff\xff", PRESENCE[:-1]]
)
def test_a_frame_is_found_behind_noise(noise: bytes) -> None:
    padding = bytes(80)  # what looks like the head of a longer frame must be seen through
    assert r60.Listener().hear(noise + PRESENCE + padding) == [(r60.PRESENCE, b"\x01")]


@given(data=st.binary(max_size=64), control=st.integers(0, 255), command=st.integers(0, 255), cut=st.integers(0, 73))
def test_a_frame_is_found_wherever_it_is_cut(data: bytes, control: int, command: int, cut: int) -> None:
    frame = r60.frame(control, command, data)
    listener = r60.Listener()
    assert listener.hear(frame[:cut]) + listener.hear(frame[cut:]) == [((control, command), data)]


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_noise_never_stops_the_listener(chunks: list[bytes]) -> None:
    listener = r60.Listener()
    for chunk in chunks:
        listener.hear(chunk)
    assert (r60.PRESENCE, b"\x01") in listener.hear(bytes(80) + PRESENCE)
