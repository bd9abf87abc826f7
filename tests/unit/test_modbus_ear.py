"""The answer among noise: cut at every byte, behind garbage, beside others' frames; never a reading out of noise."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.serial.codec.modbus import question
from drivers.serial.modbus_ear import Ear, Question
from simulators.serial.modbus_slaves import ModbusSlave, crc

ASKED = Question(unit=1, function=3, address=0, count=2)
TWIN = Question(unit=7, function=2, address=0x0305, count=20)
"""Its answer is as long as it is, and may even begin so."""
SLAVE = ModbusSlave(unit=1, holding={0: 141, 1: 142}, inputs={0x0305 + number: number & 1 for number in range(20)})
FOUND = SLAVE.answer(3, 0, 2, as_unit=1)
REFUSED = b"\x01\x83\x02" + crc(b"\x01\x83\x02")
assert FOUND is not None


def heard(pieces: list[bytes], asked: Question = ASKED, **how: bool) -> bytes | None:
    ear = Ear(asked, **how)
    for piece in pieces:
        if frame := ear.feed(piece):
            return frame
    return None


@pytest.mark.parametrize("frame", [FOUND, REFUSED], ids=["answer", "exception"])
def test_a_frame_cut_at_every_byte_is_found(frame: bytes) -> None:
    for cut in range(len(frame) + 1):
        assert heard([frame[:cut], frame[cut:]]) == frame
    assert heard([bytes((byte,)) for byte in frame]) == frame


@pytest.mark.parametrize(
    "noise", [b"\0", b"\0\0\0", b"\xff" * 9, b"\x01", b"\x01\x03", b"\x01\x03\x04", FOUND[:-1], FOUND[1:], b"\x01\x83"]
)
def test_noise_before_and_behind_is_dropped(noise: bytes) -> None:
    """Leading and trailing zeros (home-assistant/core#69742), torn frames, and heads that begin like the answer."""
    for cut in range(len(noise + FOUND) + 1):
        whole = noise + FOUND + noise
        assert heard([whole[:cut], whole[cut:]]) == FOUND


@pytest.mark.parametrize("head", [b"\x01", b"\x01\x03", b"\x01\x03\x04"])
def test_a_head_that_never_goes_on_does_not_hide_a_shorter_frame(head: bytes) -> None:
    assert heard([head + REFUSED]) == REFUSED


def test_two_frames_in_one_read_give_the_first() -> None:
    other = ModbusSlave(unit=1, holding={0: 7, 1: 8}).answer(3, 0, 2, as_unit=1)
    assert other is not None
    assert heard([FOUND + other]) == FOUND


@pytest.mark.parametrize(
    "frame",
    [
        ModbusSlave(unit=2, holding={0: 1, 1: 2}).answer(3, 0, 2, as_unit=2),
        ModbusSlave(unit=1, input_registers={0: 1, 1: 2}).answer(4, 0, 2, as_unit=1),
        ModbusSlave(unit=1, holding={0: 1}).answer(3, 0, 1, as_unit=1),
        ModbusSlave(unit=1, raises=2).answer(4, 0, 2, as_unit=1),
    ],
    ids=["of another unit", "of another function", "of another length", "exception of another function"],
)
def test_a_sound_frame_that_was_not_asked_for_is_none(frame: bytes | None) -> None:
    assert frame is not None
    assert heard([frame]) is None
    assert heard([frame + FOUND]) == FOUND


def test_a_flipped_bit_is_told_and_hides_no_later_answer() -> None:
    for bit in range(8 * len(FOUND)):
        broken = bytearray(FOUND)
        broken[bit // 8] ^= 1 << bit % 8
        ear = Ear(ASKED)
        assert ear.feed(bytes(broken)) is None
        is_head = bit < 24 and bit != 15  # bit 15 makes an exception of it
        assert ear.is_garbled is not is_head
        assert ear.feed(FOUND) == FOUND


@pytest.mark.parametrize("asked", [ASKED, TWIN], ids=["usual", "as long as its answer"])
def test_our_own_question_is_no_answer(asked: Question) -> None:
    """Behind an adapter that echoes a dead unit must not look alive; also where nobody has said that it echoes."""
    for how in ({}, {"has_echo": True}):
        for cut in range(len(asked.frame) + 1):
            assert heard([asked.frame[:cut], asked.frame[cut:]], asked, **how) is None
    assert heard([asked.frame * 3], asked) is None


@pytest.mark.parametrize("has_echo", [False, True])
def test_the_answer_behind_an_echo_is_found(has_echo: bool) -> None:
    for cut in range(16):
        whole = b"\0" + ASKED.frame + b"\0" + FOUND
        assert heard([whole[:cut], whole[cut:]], has_echo=has_echo) == FOUND


def test_an_answer_like_the_question_counts_where_the_echo_is_known() -> None:
    assert heard([TWIN.frame, TWIN.frame], TWIN, has_echo=True) == TWIN.frame


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 3))
def test_the_answer_is_found_behind_any_noise_that_holds_none(noise: list[bytes], cut: int) -> None:
    if heard(noise) is None:
        assert heard([*noise, FOUND[:cut], FOUND[cut:]]) == FOUND


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
def test_ten_thousand_random_streams_give_no_reading() -> None:
    """Half of the pieces begin like an answer, so that the CRC alone decides."""
    for seed in range(10_000):
        chance = random.Random(seed)
        ear = Ear(ASKED)
        for _ in range(12):
            piece = chance.randbytes(chance.randrange(24))
            assert ear.feed(chance.choice((b"", FOUND[:3])) + piece) is None
            assert len(ear._pending) < 16, "no more is kept than one frame needs"


def test_a_long_answer_is_asked_for_and_found() -> None:
    asked = Question(unit=247, function=3, address=65411, count=125)
    slave = ModbusSlave(unit=247, holding={65411 + number: number for number in range(125)})
    frame = slave.answer(3, 65411, 125, as_unit=247)
    assert frame is not None
    assert len(frame) == asked.answer_bytes == 255
    assert asked.frame == question(247, 3, 65411, 125)
    assert heard([frame[:100], frame[100:]], asked) == frame
