"""Streams of oximeters and air sensors: cut anywhere, noise between, several frames in one read, anything at all."""

import random
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.decode import answer
from drivers.serial import air_particles_pms5003, co2_mhz19, pulse_oximeter_cms50, pulse_oximeter_nonin
from drivers.serial.instrument import Instrument
from drivers.serial.instruments import INSTRUMENTS
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

ALIKE = pulse_oximeter_cms50.ALIKE
STREAMS: dict[str, tuple[Instrument, tuple[bytes, ...]]] = {
    "cms50, old": (
        pulse_oximeter_cms50.OLD,
        tuple(bytes.fromhex(f) for f in ["c632074861"] * ALIKE + ["8632074861", "900000007f", "863247145a"] * ALIKE),
    ),
    "cms50, 4.6": (
        pulse_oximeter_cms50.V46,
        tuple(bytes.fromhex(f) for f in ["01e085b396c1e1ffff"] * ALIKE + ["01e1808080c1e1ffff"] * ALIKE),
    ),
    "nonin": (
        pulse_oximeter_nonin.INSTRUMENT,
        (b"SPO2=097 HR=072\r\n", b"12:31:05 SPO2=088 HR=131*\r\n"[9:], b"SPO2=--- HR=---\r\n"),
    ),
    "pms5003": (
        air_particles_pms5003.INSTRUMENT,
        tuple(
            bytes.fromhex(f)
            for f in (
                "424d001c000000000000000000000000000000000000000000000000000000ab",
                "424d001c00000007000700000007000700b4003c00270018000000009700028d",
                "424d001c00000007000700000007000700d20046002d001e00000000970002c1",
            )
        ),
    ),
    "mhz19": (
        co2_mhz19.INSTRUMENT,
        tuple(bytes.fromhex(f) for f in ("ff860000000000007a", "ff86027b42000000bb", "ff8601f44200000043")),
    ),
}
NOISE = (b"\x00", b"\x55\x42\x4d\x00", b"\xff\x86\xff", b"SPO2=0", b"\x01\xe0\x85", bytes(range(0x20, 0x7F)))


def heard(instrument: Instrument, chunks: Iterable[bytes]) -> list[Sample]:
    """All samples, frames without their evidence: a frame may be found with noise before it."""
    framer = instrument.framer()
    said: list[Said] = []
    for chunk in chunks:
        for one in framer.feed(chunk, lambda _: None):
            said += one
    while framer.is_waiting:
        for one in framer.give_up(lambda _: None):
            said += one
    return [one for one in said if isinstance(one, Sample)]


def values(samples: Iterable[Sample]) -> list[tuple[Quantity, float]]:
    return [(one.quantity, one.value) for one in samples]


@pytest.mark.parametrize("name", STREAMS)
def test_samples_are_the_same_wherever_the_stream_is_cut(name: str) -> None:
    instrument, frames = STREAMS[name]
    whole = b"".join(frames)
    wanted = values(heard(instrument, [whole]))
    assert wanted
    assert values(heard(instrument, frames)) == wanted
    assert values(heard(instrument, [bytes((byte,)) for byte in whole])) == wanted
    for cut in range(1, len(whole)):
        assert values(heard(instrument, [whole[:cut], whole[cut:]])) == wanted, cut


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: noise[:6].hex())
@pytest.mark.parametrize("name", STREAMS)
def test_samples_are_the_same_with_noise_between_the_frames(name: str, noise: bytes) -> None:
    instrument, frames = STREAMS[name]
    assert values(heard(instrument, [noise + frame for frame in frames])) == values(heard(instrument, frames))


@pytest.mark.parametrize("name", STREAMS)
def test_a_frame_that_is_cut_off_costs_no_other(name: str) -> None:
    """Behind each broken frame the whole stream is read: in sync again within one frame."""
    instrument, frames = STREAMS[name]
    wanted = values(heard(instrument, frames))
    for cut in range(1, len(frames[0])):
        assert values(heard(instrument, [frames[0][:cut], *frames])) == wanted, cut


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
@pytest.mark.parametrize("name", STREAMS)
def test_ten_thousand_random_streams_say_nothing(name: str) -> None:
    """From a fixed seed. A frame with a check sum is not met by chance; one without must be repeated."""
    instrument, _ = STREAMS[name]
    noise = random.Random(4)
    for _ in range(10_000):
        assert heard(instrument, [noise.randbytes(60)]) == []


@given(chunks=st.lists(st.binary(max_size=40), max_size=8), name=st.sampled_from(sorted(STREAMS)))
def test_anything_may_come_in(chunks: list[bytes], name: str) -> None:
    instrument, _ = STREAMS[name]
    heard(instrument, chunks)


@given(frame=st.binary(max_size=40), protocol=st.sampled_from(["cms50d-live5", "cms50d-live9", "pms5003t", "mhz19"]))
def test_what_is_decoded_is_plausible_or_marked(frame: bytes, protocol: str) -> None:
    for told in answer({"protocol": protocol, "hex": frame.hex()}).readings:
        is_plausible = QUANTITIES[Quantity(told.quantity)].is_plausible(told.value)
        assert (told.quality == "implausible") is not is_plausible


@given(st.binary(max_size=40))
def test_decoders_raise_decode_error_or_say_something(frame: bytes) -> None:
    for decode in (
        pulse_oximeter_cms50.decode,
        pulse_oximeter_nonin.decode,
        air_particles_pms5003.decode,
        co2_mhz19.decode,
    ):
        with suppress(DecodeError):
            assert decode(frame)


def test_one_flipped_bit_of_an_oximeter_is_no_desaturation() -> None:
    """Its frames have no check sum: 97 % with a bit flipped would be 33 %."""
    sound, flipped = bytes.fromhex("c632074861"), bytes.fromhex("c632074821")
    said = heard(pulse_oximeter_cms50.OLD, [sound] * 5 + [flipped] + [sound] * 5)
    assert {one.value for one in said if one.quantity is Quantity.SPO2} == {97}
    assert pulse_oximeter_cms50.decode(flipped) != [Alive()]


def test_a_fast_pulse_of_firmware_46_keeps_its_top_bit() -> None:
    """148 /min would be 20 /min without it: a missed alarm and a false one."""
    frame = bytes.fromhex("01e885b39694daffff")
    assert values(heard(pulse_oximeter_cms50.V46, [frame] * ALIKE)) == [(Quantity.SPO2, 90), (Quantity.HEART_RATE, 148)]


def test_the_old_firmware_is_asked_after_the_new_one() -> None:
    """A stream of 4.6 at the wrong speed could look like frames of five bytes; the other way round it cannot."""
    kinds = [one for one in INSTRUMENTS if one.kind == "pulse_oximeter_cms50"]
    assert kinds == [pulse_oximeter_cms50.V46, pulse_oximeter_cms50.OLD]
