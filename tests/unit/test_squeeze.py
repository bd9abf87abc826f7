"""Packed payloads: small, exact, and harmless whatever comes."""

import contextlib
import hashlib
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang import squeeze as module
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.squeeze import WORTH_BYTES, ZLIB_1, squeeze, unsqueeze
from shouwang.wire import MAX_PAYLOAD_BYTES, Envelope, HeartbeatBody, Lane, MessageId, TelemetryBody, encode

AT = datetime(2026, 11, 26, 8, 30, 0, 123456, tzinfo=UTC)


def payload(body, lane):
    return encode(
        Envelope(
            id=MessageId(gateway="gw-demo-0001", epoch="6f1c09b2d4e8a573", lane=lane, seq=1234),
            created_at=AT,
            boot="0a4c5e7e-7a2f-4a55-9d7b-2f8c1d0e4b11",
            mono=86400513,
            body=body,
        )
    )


def packed_with(payload, dictionary):
    packer = zlib.compressobj(zdict=dictionary)
    return packer.compress(payload) + packer.flush()


@given(st.binary(max_size=2000))
def test_what_is_packed_comes_out_the_same(raw):
    assert unsqueeze(squeeze(raw), ZLIB_1) == raw
    assert unsqueeze(raw, "") == raw


@given(st.binary(max_size=200))
def test_nonsense_is_refused_in_words(raw):
    with contextlib.suppress(DecodeError):
        unsqueeze(raw, ZLIB_1)


def test_short_messages_of_a_home_are_halved():
    one = Reading(sensor_id="pir-kitchen", quantity=Quantity.TEMPERATURE, value=21.5, at=AT, mono=86400001)
    for plain in (
        payload(HeartbeatBody(backlog=3, uptime_s=123456, rejected=2), Lane.STATE),
        payload(TelemetryBody(readings=(one,)), Lane.TELEMETRY),
    ):
        assert len(plain) > WORTH_BYTES
        assert len(squeeze(plain)) < len(plain) / 2


def test_the_largest_message_fits_and_one_byte_more_is_refused_without_being_unpacked():
    assert len(unsqueeze(squeeze(b"x" * MAX_PAYLOAD_BYTES), ZLIB_1)) == MAX_PAYLOAD_BYTES
    bomb = squeeze(b"x" * (500 * MAX_PAYLOAD_BYTES))
    assert len(bomb) < MAX_PAYLOAD_BYTES
    tracemalloc.start()
    try:
        for packed in (squeeze(b"x" * (MAX_PAYLOAD_BYTES + 1)), bomb):
            with pytest.raises(DecodeError, match="more than the 262144 bytes"):
                unsqueeze(packed, ZLIB_1)
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_PAYLOAD_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda packed: packed[:-3], "cut off"),
        (lambda packed: packed + b"more", "followed by something else"),
        (lambda packed: packed[:6] + bytes([packed[6] ^ 255]) + packed[7:], "not zlib-1"),
        (lambda _: b"", "cut off"),
        (lambda _: packed_with(b"{}", b"another dictionary"), "not zlib-1"),
    ],
)
def test_damage_is_told_apart(spoil, words):
    with pytest.raises(DecodeError, match=words):
        unsqueeze(spoil(squeeze(b'{"id":1}' * 10)), ZLIB_1)


def test_an_unknown_packing_is_named():
    with pytest.raises(DecodeError, match="not known here: 'br'"):
        unsqueeze(b"x", "br")


def test_the_dictionary_stays_the_same_for_ever():
    """Homes and servers of all versions must agree on it: a better one takes another name."""
    assert (
        hashlib.sha256(module._DICTIONARY_1).hexdigest()
        == "6f5f9b555f183f62939a319a3fc91ca5956101dd7ee8faf85b14bd5938ff56d0"
    )
