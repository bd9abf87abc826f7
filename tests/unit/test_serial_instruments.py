"""Every serial instrument over streams that are cut anywhere and full of noise: nothing lost, nothing invented."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from fixtures.serial_line import SERIAL_KINDS, SerialKind, frames_of

from drivers.serial.framing import Framer
from shouwang.driver import Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

Values = list[tuple[Quantity, float]]
ROUNDS = 6
"""Of all frames: some kinds believe only what was said several times."""


@pytest.fixture(params=SERIAL_KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> SerialKind:
    return request.param


@pytest.fixture
async def frames(kind: SerialKind, tmp_path: Path) -> list[bytes]:
    """What one device says, several times over."""
    return frames_of(kind, kind.simulator(tmp_path)) * ROUNDS


def values(kind: SerialKind, pieces: Iterable[bytes]) -> Values:
    """What is read of a stream that comes in these pieces."""
    framer = kind.instrument.framer()
    rejected: list[DecodeError] = []
    said = [one for piece in pieces for one in framer.feed(piece, rejected.append)]
    return [(one.quantity, one.value) for some in said for one in some if isinstance(one, Sample)]


def tails(kind: SerialKind, frames: list[bytes]) -> list[Values]:
    """What must have been read at the end: all but what the first frame says, or what it lets the others mean."""
    whole, without_first = values(kind, frames), values(kind, frames[1:])
    return [whole[-len(without_first) :], without_first]


async def test_two_frames_in_one_read_and_every_cut_say_the_same(kind: SerialKind, frames: list[bytes]) -> None:
    stream = b"".join(frames)
    whole = values(kind, [stream])
    assert whole
    assert values(kind, frames) == whole
    assert values(kind, [bytes((byte,)) for byte in stream]) == whole
    for cut in range(len(stream)):
        assert values(kind, [stream[:cut], stream[cut:]]) == whole


async def test_after_a_broken_frame_at_most_one_more_is_lost(kind: SerialKind, frames: list[bytes]) -> None:
    expected = tails(kind, frames)
    for frame in dict.fromkeys(frames):
        for end in range(1, len(frame)):
            heard = values(kind, [frame[:end], *frames])
            assert heard[-len(expected[0]) :] in expected, frame[:end].hex()


async def test_garbage_between_frames_hides_none_of_the_next(kind: SerialKind, frames: list[bytes]) -> None:
    dice = random.Random(1)
    expected = tails(kind, frames)
    for length in range(1, 60):
        heard = values(kind, [dice.randbytes(length), *frames])
        assert heard[-len(expected[0]) :] in expected


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_random_streams_bring_no_false_reading(kind: SerialKind, frames: list[bytes], count: int) -> None:
    """Noise, cut and garbled frames among sound ones, in random pieces; at the end the line is sound again."""
    dice = random.Random(f"{kind.name} {count}")
    expected = tails(kind, frames)
    true = set(values(kind, frames))
    for number in range(count):
        stream = b"".join(_something(dice, frames, kind.check) for _ in range(dice.randint(1, 8)))
        heard = values(kind, [*_pieces(dice, stream), *frames])
        assert heard[-len(expected[0]) :] in expected, (number, stream.hex())
        if kind.check != "none":
            assert set(heard) <= true, (number, stream.hex())


def _something(dice: random.Random, frames: list[bytes], check: str) -> bytes:
    frame = dice.choice(frames)
    at = dice.randrange(len(frame))
    found = [
        frame,
        frame[:at] + bytes((frame[at] ^ dice.randint(1, 255),)) + frame[at + 1 :],
        dice.randbytes(dice.randint(1, 40)),
    ]
    return dice.choice(found if check == "sum" else [*found, frame[:at], frame[at:]])


def _pieces(dice: random.Random, stream: bytes) -> list[bytes]:
    cuts = sorted(dice.randrange(len(stream) + 1) for _ in range(dice.randint(0, 6)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@pytest.mark.parametrize("size", [None, 1000], ids=["undecided", "too long"])
def test_no_length_makes_a_framer_wait_for_more_than_any_frame(size: int | None) -> None:
    framer: Framer[bytes] = Framer(b"\x01", lambda _: size, bytes, max_frame=8)
    rejected: list[DecodeError] = []
    for _ in range(1000):
        assert framer.feed(b"\x01" * 100, rejected.append) == []
    assert framer.taken == 0
    assert framer.skipped >= 1000 * 100 - 8
    assert rejected
