"""Any bytes, and real values with a few bytes changed: DecodeError, or fields that add up. Never anything else."""

import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from fixtures.gatt_values import WHOLE
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.codec import record_access
from drivers.ble.codec.blood_pressure import decode_blood_pressure
from drivers.ble.codec.body_composition import decode_body_composition, merged
from drivers.ble.codec.catalogue import CATALOGUE
from drivers.ble.codec.cgm import decode_cgm_measurement
from drivers.ble.codec.cgm_session import decode_session_start
from drivers.ble.codec.glucose import decode_glucose, local_time
from drivers.ble.codec.heart_rate import decode_heart_rate
from drivers.ble.codec.quirks import QUIRKS, quirk_shown_by
from drivers.ble.codec.record_access import RecordCount, RecordResponse
from drivers.decode import answer
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity


@st.composite
def changed(draw: st.DrawFn, whole: bytes) -> bytes:
    """A real value, cut, lengthened, and with some bytes turned into others."""
    value = bytearray(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)
    for _ in range(draw(st.integers(0, 3))):
        if value:
            value[draw(st.integers(0, len(value) - 1))] = draw(st.integers(0, 255))
    return bytes(value) + (draw(st.binary(max_size=4)) if draw(st.booleans()) else b"")


def of_any_kind() -> st.SearchStrategy[tuple[str, bytes]]:
    return st.sampled_from(sorted(CATALOGUE)).flatmap(
        lambda name: st.tuples(st.just(name), st.binary(max_size=40) | changed(bytes.fromhex(WHOLE[name])))
    )


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, msgspec.Struct):
        return [one for name in value.__struct_fields__ for one in numbers_in(getattr(value, name))]
    if isinstance(value, tuple):
        return [number for one in value for number in numbers_in(one)]
    return [value] if isinstance(value, int | float) else []


def test_every_characteristic_has_a_whole_value() -> None:
    assert WHOLE.keys() == CATALOGUE.keys()
    for name, hexed in WHOLE.items():
        CATALOGUE[name].read(bytes.fromhex(hexed))


def check(fields: msgspec.Struct, said: list[Said], frame: bytes) -> None:
    assert all(math.isfinite(number) for number in numbers_in(fields))
    samples = [one for one in said if isinstance(one, Sample)]
    assert samples or said in ([], [Alive()])
    for one in samples:
        assert math.isfinite(one.value)
        assert one.frame == frame


@given(of_any_kind())
def test_a_device_may_say_anything(kind: tuple[str, bytes]) -> None:
    name, value = kind
    with suppress(DecodeError):
        check(*CATALOGUE[name].read(value), value)


@given(of_any_kind())
def test_an_implausible_value_is_never_shown_as_good(kind: tuple[str, bytes]) -> None:
    name, value = kind
    for told in answer({"characteristic": name, "hex": value.hex()}).readings:
        assert (told.quality == "implausible") is not QUANTITIES[Quantity(told.quantity)].is_plausible(told.value)


@given(st.sampled_from(QUIRKS), st.binary(max_size=24))
def test_a_quirk_may_meet_anything(quirk: Any, value: bytes) -> None:
    entry = CATALOGUE[f"{quirk.characteristic:04X}"]
    with suppress(DecodeError):
        entry.read(quirk.as_standard(value))
    if quirk_shown_by(quirk.characteristic, value) is quirk:
        quirk.as_standard(value)
        with pytest.raises(DecodeError):
            entry.read(value)


@given(changed(bytes.fromhex(WHOLE["2A18"])), changed(bytes.fromhex(WHOLE["2AAA"])))
def test_moments_exist_or_are_none(record: bytes, start: bytes) -> None:
    with suppress(DecodeError):
        local_time(decode_glucose(record))
    with suppress(DecodeError):
        decode_session_start(start).utc()


@given(st.binary(max_size=40), st.sampled_from([None, True, False]))
def test_a_monitors_features_may_say_what_they_like_of_check_sums(value: bytes, has_crc: bool | None) -> None:
    with suppress(DecodeError):
        assert decode_cgm_measurement(value, has_crc=has_crc).records


HALF = bytes.fromhex("fe113200e80706140a1e00054006c800b80be02e1027401f")


@given(changed(HALF), changed(bytes.fromhex("001e3200401fb036d606")))
def test_halves_may_be_of_anything(one: bytes, other: bytes) -> None:
    with suppress(DecodeError):
        whole = merged(decode_body_composition(one), decode_body_composition(other))
        assert not whole.is_half


# Round trips: the writer here is made from the documents, not from the decoder.


@given(st.integers(1, 0xFFFF), st.sampled_from([None, False, True]), st.lists(st.integers(0, 0xFFFF), max_size=9))
def test_any_heart_rate_comes_back(rate: int, contact: bool | None, intervals: list[int]) -> None:
    flags = 0x11 | {None: 0, False: 4, True: 6}[contact]
    written = b"".join(number.to_bytes(2, "little") for number in (rate, *intervals))
    found = decode_heart_rate(bytes((flags,)) + written)
    assert (found.heart_rate, found.contact, found.rr_1024) == (rate, contact, tuple(intervals))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 254), st.integers(0, 0xFFFF))
def test_any_blood_pressure_comes_back(systolic: int, diastolic: int, user: int, status: int) -> None:
    pressures = b"".join(number.to_bytes(2, "little") for number in (systolic, diastolic, 0x07FF))
    found = decode_blood_pressure(b"\x18" + pressures + bytes((user,)) + status.to_bytes(2, "little"))
    assert (found.systolic, found.diastolic, found.user_id, found.status) == (systolic, diastolic, user, status)


@given(st.integers(0, 0xFFFF))
def test_any_record_number_can_be_asked_for(number: int) -> None:
    for request in (record_access.report_from(number), record_access.count_from(number)):
        assert int.from_bytes(request[3:], "little") == number
        with pytest.raises(DecodeError):
            record_access.decode_record_access(request)


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 255))
def test_any_answer_of_a_memory_comes_back(count: int, request: int, code: int) -> None:
    assert record_access.decode_record_access(b"\x05\x00" + count.to_bytes(2, "little")) == RecordCount(count=count)
    answered = record_access.decode_record_access(bytes((6, 0, request, code)))
    assert answered == RecordResponse(request=request, code=code)
