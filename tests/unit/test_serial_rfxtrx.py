"""RFXtrx: what each family says, what words mean, the stream, the handshake."""

import random
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.decode import answer
from drivers.serial import rfxtrx_radio
from drivers.serial.codec import rfxtrx, rfxtrx_words
from drivers.serial.codec.rfxtrx_names import PROTOCOLS, SECURITY1
from drivers.serial.receiver import Word
from drivers.serial.receiver_parts import RfxtrxPart
from drivers.serial.rfxtrx_device import RfxtrxDevice, decode
from shouwang.bilingual import chinese, told_by
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality
from simulators.serial import rfxtrx as wire

CONTACT = "d3dc54"
STATUS = bytes.fromhex("0d010001025345000c2f01010000")


def framed(packet: bytes, number: int = 1) -> bytes:
    whole = packet[:2] + bytes((number,)) + packet[2:]
    return bytes((len(whole),)) + whole


def values(said: Iterable[Any]) -> dict[str, float]:
    samples = [one for one in said if isinstance(one, Sample) and one.quantity is not Quantity.SIGNAL_STRENGTH]
    return {str(one.quantity): one.value for one in samples}


def device(written: str, **keys: Any) -> RfxtrxDevice:
    return RfxtrxDevice.model_validate({"kind": "rfxtrx_device", "id": "it", "device": written, **keys})


FULL, TOUCHED = {"tamper": 0.0, "battery": 100.0}, {"tamper": 1.0, "battery": 100.0}
SAYS: list[tuple[bytes, dict[str, str], dict[str, float]]] = [
    (wire.security(CONTACT, 0x00), {}, {"door": 0, **FULL}),
    (wire.security(CONTACT, 0x02), {}, {"door": 1, **FULL}),
    (wire.security(CONTACT, 0x03), {}, {"door": 1, **FULL}),  # delayed
    (wire.security(CONTACT, 0x82), {}, {"door": 1, **TOUCHED}),
    (wire.security(CONTACT, 0x80, subtype=4), {}, {"door": 0, **TOUCHED}),
    (wire.security(CONTACT, 0x02, subtype=8), {}, {"door": 1, **FULL}),
    (wire.security(CONTACT, 0x04, subtype=1), {}, {"motion": 1, **FULL}),
    (wire.security(CONTACT, 0x05, subtype=1), {}, {"motion": 0, **FULL}),
    (wire.security(CONTACT, 0x02, subtype=5), {}, {"motion": 1, **FULL}),
    (wire.security(CONTACT, 0x06, subtype=2), {}, {"sos": 1, "battery": 100}),
    (wire.security(CONTACT, 0x06, subtype=8), {}, {"sos": 1, **FULL}),
    (wire.security(CONTACT, 0x07, subtype=2), {}, {"battery": 100}),
    (wire.security(CONTACT, 0x09, subtype=2), {}, {"battery": 100}),
    (wire.security(CONTACT, 0x06, subtype=3), {}, {"smoke": 1}),
    (wire.security(CONTACT, 0x06, subtype=9), {}, {"smoke": 1}),
    (wire.security(CONTACT, 0x00, subtype=10), {}, {"smoke": 0}),
    (wire.security(CONTACT, 0x17, subtype=3), {}, {}),  # wants to be paired
    (wire.security(CONTACT, 0x16, battery=0), {}, {"battery-low": 1, "tamper": 0, "battery": 10}),
    (wire.security(CONTACT, 0x02), {"alarm": "smoke"}, {"smoke": 1, **FULL}),  # a smoke detector SD90
    (wire.security(CONTACT, 0x02), {"alarm": "leak"}, {"leak": 1, **FULL}),
    (wire.security(CONTACT, 0x06), {"panic": "nothing"}, FULL),
    (wire.climate("7002", -12.5, 45), {}, {"temperature": -12.5, "humidity": 45, "battery": 100}),
    (wire.climate("7002", 21.0, 0, battery=0), {}, {"temperature": 21, "battery": 10}),
    (bytes.fromhex("5002") + bytes.fromhex("f100 00d7 69"), {}, {"temperature": 21.5, "battery": 100}),
    (bytes.fromhex("5101") + bytes.fromhex("7700 32 02 59"), {}, {"humidity": 50, "battery": 100}),
    (wire.lighting2("01234567", 5, 1), {}, {"button": 1}),
    (wire.lighting2("01234567", 5, 0), {}, {}),
    (wire.lighting2("01234567", 5, 1), {"on": "sos"}, {"sos": 1}),
    (wire.lighting2("01234567", 5, 0), {"on": "open", "off": "closed"}, {"door": 0}),
    (wire.lighting4("12345e"), {"E": "sos"}, {"sos": 1}),
    (wire.lighting4("12345a"), {"E": "sos"}, {"button": 1}),
    (wire.chime("7a3c"), {"chime": "sos"}, {"sos": 1}),
    (bytes.fromhex("1000 41 05 01 70"), {"on": "motion"}, {"motion": 1}),
]


@pytest.mark.parametrize(("packet", "says", "wanted"), SAYS, ids=lambda value: str(value)[:24])
def test_each_family_says_what_the_guide_says(packet: bytes, says: dict[str, str], wanted: dict[str, float]) -> None:
    frame = framed(packet)
    said = decode(frame, says)
    assert values(said) == wanted
    address = rfxtrx_words.address_of(rfxtrx.decode_packet(frame))
    assert {one.quantity for one in said if isinstance(one, Sample)} <= device(str(address), says=says).can_say


def test_strength_is_in_decibels() -> None:
    said = decode(framed(wire.security(CONTACT, 0x00, rssi=7)))
    assert [one.value for one in said if isinstance(one, Sample)][-1] == -64


def test_an_all_clear_that_anybody_could_send_takes_no_alarm_back() -> None:
    alarm, clear = (decode(framed(wire.security(CONTACT, status, subtype=3)))[0] for status in (0x06, 0x00))
    assert isinstance(alarm, Sample)
    assert isinstance(clear, Sample)
    assert (alarm.quality, clear.quality) == (Quality.GOOD, Quality.QUESTIONABLE)


@pytest.mark.parametrize("frame", [STATUS, bytes.fromhex("0a4e0106fcd80013001379")[:-1], b"", b"\x08\x20"])
def test_what_no_sensor_says_is_refused(frame: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(frame)


def test_every_status_has_a_word_or_is_for_learning() -> None:
    for status in SECURITY1:
        packet = rfxtrx.decode_packet(framed(wire.security(CONTACT, status)))
        assert (rfxtrx_words.word_of(packet) is None) is (status == 0x17)


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (wire.security(CONTACT, 0x06, subtype=3), 'device: "security1:D3DC54", says: {panic: smoke, alarm: smoke, '),
        (wire.security(CONTACT, 0x06, subtype=2), "heard a new device security1:D3DC54 (X10 Security Remote, signal 7"),
        (wire.lighting2("01234567", 5, 1), 'which said "on". To use it, paste under sensors: - {kind: rfxtrx_device'),
        (wire.climate("7002", 20, 50), 'device: "temphum:7002"}'),
    ],
)
def test_a_newcomer_is_introduced_with_the_lines_to_paste(packet: bytes, said: str) -> None:
    assert said in rfxtrx_radio.dialect().introduce(framed(packet))


# The stream.

STREAM = (
    STATUS,
    framed(wire.security(CONTACT, 0x02), 1),
    framed(wire.climate("7002", 20, 50), 2),
    framed(bytes.fromhex("5a020102030405060708090a0b0c0d0e"), 3),  # a meter, passed over
    framed(wire.lighting4("12345e"), 4),
)
NOISE = (b"\x00", b"\xff\xff\xff", b"\x03\x20", b"\x25\x20\x00")


def words(chunks: Iterable[bytes]) -> list[Word]:
    framer = rfxtrx_radio.dialect().framer()
    found = [word for chunk in chunks for word in framer.feed(chunk, lambda _: None)]
    while framer.is_waiting:
        found += framer.give_up(lambda _: None)
    return found


def test_packets_are_the_same_wherever_the_stream_is_cut() -> None:
    whole = b"".join(STREAM)
    wanted = words([whole])
    assert [word.address for word in wanted] == ["", "security1:D3DC54", "temphum:7002", "", "lighting4:12345"]
    assert words(STREAM) == words([bytes((byte,)) for byte in whole]) == wanted
    for cut in range(1, len(whole)):
        assert words([whole[:cut], whole[cut:]]) == wanted, cut


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: noise.hex())
def test_packets_are_the_same_with_noise_between_them(noise: bytes) -> None:
    assert words([noise + frame for frame in STREAM]) == words(STREAM)


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
def test_ten_thousand_random_streams_never_name_a_device_of_the_home() -> None:
    """There is no check sum: a packet may be met by chance, the number of a device is not."""
    noise, found = random.Random(4), 0
    for _ in range(10_000):
        heard = words([noise.randbytes(60)])
        found += len(heard)
        assert "security1:D3DC54" not in {word.address for word in heard}
    assert found < 600  # of 600,000 bytes


@given(st.binary(max_size=80))
def test_anything_may_come_in(data: bytes) -> None:
    words([data])
    with suppress(DecodeError):
        decode(data)


@given(kind=st.sampled_from(sorted(rfxtrx.LENGTHS)), rest=st.binary(min_size=20, max_size=20))
def test_any_packet_is_refused_or_plausible(kind: int, rest: bytes) -> None:
    for length in rfxtrx.LENGTHS[kind]:
        frame = bytes((length, kind)) + rest[: length - 1]
        for told in answer({"protocol": "rfxtrx", "hex": frame.hex()}).readings:
            is_plausible = QUANTITIES[Quantity(told.quantity)].is_plausible(told.value)
            assert (told.quality == "implausible") is not is_plausible
        with suppress(DecodeError):
            assert decode(frame)


# Handshake.


def test_it_is_reset_asked_and_started() -> None:
    """Byte by byte as pyRFXtrx sends them."""
    asked = [question for question, _ in islice(rfxtrx_radio.questions(), 5)]
    assert [question.hex() for question in asked[:3]] == [
        "0d00000000" + "00" * 9,
        "0d00000102" + "00" * 9,
        "0d00000307" + "00" * 9,
    ]
    assert all(question[4] == 0x02 for question in asked[3:])


def test_protocols_are_set_where_the_home_names_them() -> None:
    names = ["x10", "ac", "oregon", "lighting4", "keeloq"]
    mode = next(question for question, _ in rfxtrx_radio.questions(names) if question[4] == 0x03)
    assert mode.hex() == "0d00000203" + "53" + "00" + "08" + "00" + "25" + "01" + "000000"
    status = rfxtrx.decode_packet(STATUS[:7] + mode[7:11] + STATUS[11:])
    assert isinstance(status, rfxtrx.Status)
    assert status.devices == tuple(sorted(names))
    named = [name for name in PROTOCOLS if name != "undecoded"]  # its packets mean nothing to anybody
    assert RfxtrxPart.model_validate({"port": "/dev/x", "protocols": named}).protocols == tuple(named)


# Configuration.


@pytest.mark.parametrize(
    ("written", "stands"),
    [("security1:d3dc54", "security1:D3DC54"), ("Lighting2:1234567:5", "lighting2:1234567:5"), ("lighting1:e5", None)],
)
def test_a_device_is_written_as_the_log_says(written: str, stands: str | None) -> None:
    assert device(written).device == (stands or "lighting1:E5")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"device": "D3DC54"}, "not a device of an RFXtrx"),
        ({"device": "security1:D3DC5"}, "not a device of an RFXtrx"),
        ({"device": "security1:D3DC54", "says": {"alarm": "fire"}}, "nothing that a device can mean"),
        ({"device": "security1:D3DC54", "says": {"on": "sos"}}, "never says"),
        ({"device": "temphum:7002", "says": {"on": "sos"}}, "no words, only values"),
    ],
)
def test_a_device_that_cannot_be_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RfxtrxDevice.model_validate({"kind": "rfxtrx_device", "id": "it", **keys})


def test_a_device_without_words_is_told_so_in_chinese() -> None:
    with pytest.raises(ValidationError) as caught:
        RfxtrxDevice.model_validate(
            {"kind": "rfxtrx_device", "id": "it", "device": "temphum:7002", "says": {"on": "sos"}}
        )
    assert chinese(told_by(caught.value.errors()[0]["ctx"]["error"])).endswith("；它不说词，只报数值")


def test_climate_is_watched_and_what_speaks_on_events_is_not() -> None:
    assert str(device("temphum:7002").silence) == "1:00:00"
    assert device("security1:D3DC54").silence is None
    assert device("security1:D3DC54", says={"panic": "sos"}).will_say == {Quantity.SOS}
    assert decode(framed(wire.security(CONTACT, 0x17, subtype=3)))[0] == Alive()
