"""Adverts as the simulated bluetoothd reads them, and as simulated peripherals write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.ble.attributes import LEGACY_MAX, advert
from simulators.ble.sightings import read, uuid_of

BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"


def test_all_kinds_of_fields() -> None:
    long_uuid = bytes.fromhex("fb349b5f80000080001000000d180000")
    said = read(
        bytes.fromhex("020106 050309180f18 1107")
        + long_uuid
        + bytes.fromhex("0508 6c616d70 0416d2fc40 020af4 03194003 05ff4c0002aa")
    )
    assert said.flags == b"\x06"
    assert said.uuids == [uuid_of(b"\x09\x18"), uuid_of(b"\x0f\x18"), uuid_of(b"\x0d\x18"), BTHOME]
    assert said.name == "lamp"
    assert said.service_data == {BTHOME: b"\x40"}
    assert (said.tx_power, said.appearance) == (-12, 0x0340)
    assert said.manufacturer_data == {0x004C: b"\x02\xaa"}


def test_a_complete_name_wins_over_a_short_one_and_ends_at_a_nul() -> None:
    assert read(b"\x03\x09ab\x03\x08cd").name == "ab"
    assert read(b"\x05\x09ab\x00x").name == "ab"


@pytest.mark.parametrize("data", ["05ff0100", "00ffffff", "01", "0216d2", "02ff01", "0303"])
def test_what_is_cut_off_or_too_short_says_nothing(data: str) -> None:
    said = read(bytes.fromhex(data))
    assert (said.manufacturer_data, said.service_data, said.uuids) == ({}, {}, [])


@given(st.binary(max_size=255))
def test_no_advert_is_too_broken_to_be_read(data: bytes) -> None:
    said = read(data)
    assert said.name is None or "\0" not in said.name
    said.matches([(0, 1, b"\x06"), (3, 0xFF, b"")])


@given(name=st.text(max_size=6), company=st.integers(0, 0xFFFF), content=st.binary(max_size=9))
def test_what_a_peripheral_advertises_is_read_as_it_was_meant(name: str, company: int, content: bytes) -> None:
    data, response = advert(name=name, services=[0x1810], service_data={}, manufacturer_data={company: content})
    assert len(data) <= LEGACY_MAX
    assert len(response) <= LEGACY_MAX
    said = read(data + response)
    assert said.uuids == [uuid_of(b"\x10\x18")]
    assert said.manufacturer_data == {company: content}
    assert said.name == name.split("\0", maxsplit=1)[0] or not said.name


def test_a_name_that_does_not_fit_goes_to_the_scan_response_and_too_much_is_refused() -> None:
    data, response = advert(name="SIM-GLU", services=[0x1808], service_data={0xFCD2: bytes(12)}, manufacturer_data={})
    assert (len(data), response) == (23, b"\x08\x09SIM-GLU")
    with pytest.raises(ValueError, match="31"):
        advert(name="SIM-GLU", services=[], service_data={}, manufacturer_data={1: bytes(30)})
