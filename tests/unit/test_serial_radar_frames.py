"""Frames of every radar cut anywhere, with garbage between, several in one read; and bytes that mean nothing.

The frames are literal: those of the conformance test's documents, chained into a stream per kind.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.decode import answer
from drivers.serial import (
    bed_radar_mr60bha2,
    bed_radar_r60,
    fall_radar_mr60fda2,
    fall_radar_r60,
    presence_radar_ld2410,
    tracking_radar_ld2450,
)
from drivers.serial.codec import ld24xx, ld2410, ld2450, mr60, r60
from drivers.serial.codec.r60 import Table
from drivers.serial.framing import Framer
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError

Measured = list[tuple[str, float]]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A kind's framer as its driver has it, and frames with what they measure."""

    head: bytes
    framer: Callable[[], Framer[list[Said]]]
    frames: tuple[bytes, ...]
    measured: Measured


def stateless(head: bytes, size_of: Callable[[bytes], int | None], decode: Callable[[bytes], list[Said]], most: int):
    return lambda: Framer(head, size_of, decode, max_frame=most)


STREAMS = {
    "fall_radar_r60": Stream(
        head=r60.HEAD,
        framer=fall_radar_r60.INSTRUMENT.framer,
        frames=(
            bytes.fromhex("5359 83 01 0001 01 32 5443"),
            bytes.fromhex("5359 01 01 0001 0f be 5443"),
            bytes.fromhex("5359 80 01 0001 01 2f 5443"),
        ),
        measured=[("fall", 1), ("presence", 1)],
    ),
    "bed_radar_r60": Stream(
        head=r60.HEAD,
        framer=stateless(
            r60.HEAD, r60.size_of, lambda frame: bed_radar_r60.decode(frame, Table.R60ABD1), r60.MAX_FRAME
        ),
        frames=(
            bytes.fromhex("5359 85 02 0001 3e 72 5443"),
            bytes.fromhex("5359 84 01 0001 00 32 5443"),
            bytes.fromhex("5359 80 04 0002 0023 55 5443"),
        ),
        measured=[("heart-rate", 62), ("bed", 0), ("distance", 0.35)],
    ),
    "fall_radar_mr60fda2": Stream(
        head=mr60.HEAD,
        framer=fall_radar_mr60fda2.INSTRUMENT.framer,
        frames=(
            bytes.fromhex("01 8000 0001 0e02 73 01 fe"),
            bytes.fromhex("01 0000 0000 0e06 f6"),
            bytes.fromhex("01 8000 0001 0f09 79 00 ff"),
        ),
        measured=[("fall", 1), ("presence", 0)],
    ),
    "bed_radar_mr60bha2": Stream(
        head=mr60.HEAD,
        framer=bed_radar_mr60bha2.INSTRUMENT.framer,
        frames=(
            bytes.fromhex("01 8000 0004 0a14 64 00006041 de"),
            bytes.fromhex("01 8000 0008 0a16 6a 01000000 713d9542 65"),
            bytes.fromhex("01 8000 0001 0f09 79 01 fe"),
        ),
        measured=[("respiratory-rate", 14), ("distance", 0.746), ("presence", 1)],
    ),
    "presence_radar_ld2410": Stream(
        head=ld2410.HEAD,
        framer=presence_radar_ld2410.INSTRUMENT.framer,
        frames=(
            bytes.fromhex("f4f3f2f1 0d00 02aa 02 5100 00 0000 3b 0000 5500 f8f7f6f5"),
            bytes.fromhex("f4f3f2f1 0d00 02aa 03 6400 32 7800 19 2c01 00 5500 f8f7f6f5"),
            bytes.fromhex("f4f3f2f1 0b00 02aa 00 0000 00 0000 00 5500 f8f7f6f5"),
        ),
        measured=[
            *(("presence", 1), ("motion", 1)),
            *(("presence", 1), ("motion", 2), ("distance", 1)),
            *(("presence", 0), ("motion", 0)),
        ],
    ),
    "tracking_radar_ld2450": Stream(
        head=ld2450.HEAD,
        framer=tracking_radar_ld2450.INSTRUMENT.framer,
        frames=(
            bytes.fromhex("aaff0300 0e03 b186 1000 4001 0000000000000000 0000000000000000 55cc"),
            bytes.fromhex("aaff0300 0000000000000000 0000000000000000 0000000000000000 55cc"),
        ),
        measured=[("presence", 1), ("motion", 2), ("distance", 1.883), ("presence", 0), ("motion", 0)],
    ),
}
KINDS = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)


def measured(framer: Framer[list[Said]], chunks: list[bytes]) -> tuple[Measured, list[DecodeError]]:
    bad: list[DecodeError] = []
    found = [one for chunk in chunks for said in framer.feed(chunk, bad.append) for one in said]
    while framer.is_waiting:
        found += [one for said in framer.give_up(bad.append) for one in said]
    return [(str(one.quantity), one.value) for one in found if isinstance(one, Sample)], bad


@KINDS
def test_a_stream_cut_at_any_byte_says_the_same(stream: Stream) -> None:
    whole = b"".join(stream.frames)
    for cut in range(len(whole) + 1):
        found, bad = measured(stream.framer(), [whole[:cut], whole[cut:]])
        assert found == stream.measured
        assert not bad
    found, bad = measured(stream.framer(), [whole[at : at + 1] for at in range(len(whole))])
    assert (found, bad) == (stream.measured, [])


@KINDS
def test_frames_in_one_read_are_all_there(stream: Stream) -> None:
    found, bad = measured(stream.framer(), [b"".join(stream.frames) * 3])
    assert (found, bad) == (stream.measured * 3, [])


@KINDS
def test_a_frame_that_is_cut_off_hides_no_other(stream: Stream) -> None:
    """Any beginning of a frame, then whole ones: nothing more is said, and nothing less."""
    for frame in stream.frames:
        for length in range(1, len(frame)):
            assert measured(stream.framer(), [frame[:length], *stream.frames])[0] == stream.measured, length


@KINDS
def test_garbage_between_frames_changes_nothing(stream: Stream) -> None:
    dice = random.Random(4)
    for _ in range(300):
        noise = [dice.randbytes(dice.randrange(40)) + stream.head * dice.randrange(2) for _ in range(4)]
        # garbage that happens to make a whole frame with its checks would be a frame; none of these does
        chunks = [part for frame, dirt in zip(stream.frames, noise, strict=False) for part in (dirt, frame)]
        assert measured(stream.framer(), [b"".join(chunks), noise[-1]])[0] == stream.measured, chunks


@KINDS
def test_a_garbled_frame_is_refused_and_the_next_one_read(stream: Stream) -> None:
    """One bit wrong anywhere: with a checksum no value, without one none of a frame whose marks are wrong."""
    has_checksum = stream.head not in (ld2410.HEAD, ld2450.HEAD)
    for at in range(len(stream.frames[0])):
        for bit in range(8):
            garbled = bytearray(stream.frames[0])
            garbled[at] ^= 1 << bit
            found, _ = measured(stream.framer(), [bytes(garbled), *stream.frames])
            assert found[-len(stream.measured) :] == stream.measured, (at, bit)
            assert found == stream.measured or not has_checksum, (at, bit)


@KINDS
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_a_driver_may_hear_anything(stream: Stream, chunks: list[bytes]) -> None:
    measured(stream.framer(), [stream.head, *chunks])


@given(st.binary(max_size=80))
def test_a_decoder_may_be_given_anything(value: bytes) -> None:
    framed = [
        value,
        r60.HEAD + value,
        ld2410.HEAD + value,
        ld24xx.HEAD + value,
        ld2450.HEAD + value.ljust(24)[:24] + ld2450.TAIL,
    ]
    decoders: tuple[Callable[[bytes], object], ...] = (
        fall_radar_r60.decode,
        bed_radar_r60.decode,
        fall_radar_mr60fda2.decode,
        bed_radar_mr60bha2.decode,
        presence_radar_ld2410.decode,
        tracking_radar_ld2450.decode,
        ld24xx.read_command,
        ld24xx.read_reply,
    )
    for decode in decoders:
        for frame in framed:
            with suppress(DecodeError):
                decode(frame)


CHECKED = {
    "mr60-r60": lambda data: _summed(b"\x53\x59" + data[:2].ljust(2, b"\x80") + bytes((0, len(data[2:]))) + data[2:]),
    "mr60-v2": lambda data: _xored(data[:2].rjust(2, b"\x0a"), data[2:]),
    "ld2410": lambda data: b"\xf4\xf3\xf2\xf1" + _sized(b"\x01\xaa" + data + b"\x55\x00") + b"\xf8\xf7\xf6\xf5",
    "ld2410-command": lambda data: b"\xfd\xfc\xfb\xfa" + _sized(data.ljust(2, b"\xff")) + b"\x04\x03\x02\x01",
    "ld2410-reply": lambda data: b"\xfd\xfc\xfb\xfa" + _sized(data[:1] + b"\x01" + data[1:]) + b"\x04\x03\x02\x01",
    "ld2450": lambda data: b"\xaa\xff\x03\x00" + data.ljust(24, b"\x00")[:24] + b"\x55\xcc",
}
"""Well-made frames around any data."""


def _summed(body: bytes) -> bytes:
    return body + bytes((sum(body) & 0xFF,)) + b"\x54\x43"


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "little") + data


def _xored(kind: bytes, data: bytes) -> bytes:
    def check(part: bytes) -> bytes:
        xor = 0xFF
        for byte in part:
            xor ^= byte
        return bytes((xor,))

    head = b"\x01\x80\x00" + len(data).to_bytes(2, "big") + kind
    return head + check(head) + (data + check(data) if data else b"")


@pytest.mark.parametrize("protocol", CHECKED)
@given(st.binary(max_size=40), st.sampled_from(["R60ABD1", "MR60BHA1", None]))
def test_a_well_made_frame_may_hold_anything(protocol: str, data: bytes, model: str | None) -> None:
    frame = CHECKED[protocol](data)
    for row in ({"hex": frame.hex()}, {"stream": [frame.hex()]}):
        answer({"protocol": protocol, "model": model, **row})  # raises nothing: a refusal is an answer


@pytest.mark.parametrize("protocol", CHECKED)
@pytest.mark.parametrize(
    "row", [{}, {"hex": 7}, {"hex": "0g"}, {"stream": "00"}, {"stream": [None]}, {"hex": "0" * 10**6}]
)
def test_a_row_that_cannot_be_read_is_told(protocol: str, row: dict[str, object]) -> None:
    assert answer({"protocol": protocol, **row}).reason
