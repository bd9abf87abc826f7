"""AD structures: the bytes of an advertisement, whole, cut and padded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert, uuid16
from shouwang.errors import DecodeError

ADDRESS = "c0:ff:ee:00:00:01"


def advert(written: str) -> Advert:
    return Advert.from_ad_structures(bytes.fromhex(written), address=ADDRESS, rssi=-60, heard_at=3.5)


def test_name_services_and_data_of_every_size() -> None:
    heard = advert(
        "020106"  # flags
        "0503aafe0d18"  # complete list of two 16-bit UUIDs
        "0505 04030201"  # one 32-bit UUID
        "1107 b00a09ecd79db893ba42d611000009ef"  # one 128-bit UUID
        "0516 0918 2a01"  # service data, 16 bits
        "0620 04030201 07"  # service data, 32 bits
        "1221 b00a09ecd79db893ba42d611000009ef 08"  # service data, 128 bits
        "04ff 9904 05"  # manufacturer
        "03085068"  # "Ph", shortened name
        "060950686f6e65"  # "Phone", complete name
    )
    assert heard == Advert(
        address="C0:FF:EE:00:00:01",
        name="Phone",
        rssi=-60,
        manufacturer_data={0x0499: b"\x05"},
        service_data={
            "00001809-0000-1000-8000-00805f9b34fb": b"\x2a\x01",
            "01020304-0000-1000-8000-00805f9b34fb": b"\x07",
            "ef090000-11d6-42ba-93b8-9dd7ec090ab0": b"\x08",
        },
        service_uuids=(
            "0000feaa-0000-1000-8000-00805f9b34fb",
            "0000180d-0000-1000-8000-00805f9b34fb",
            "01020304-0000-1000-8000-00805f9b34fb",
            "ef090000-11d6-42ba-93b8-9dd7ec090ab0",
        ),
        records=((0x0499, b"\x05"),),
        heard_at=3.5,
    )


def test_several_records_of_one_company_are_kept_in_their_order() -> None:
    heard = advert("06ff570712980a 05ff5707f10d 03ff4c00")  # ELA: temperature, then battery
    assert heard.records_of(0x0757) == (b"\x12\x98\x0a", b"\xf1\x0d")
    assert heard.manufacturer_data == {0x0757: b"\xf1\x0d", 0x004C: b""}
    assert heard.records_of(0x0001) == ()


def test_records_are_found_where_only_the_last_of_each_company_is_known() -> None:
    merged = Advert(address="A", manufacturer_data={0x0757: b"\xf1\x0d"})
    assert merged.records_of(0x0757) == (b"\xf1\x0d",)
    assert merged.records_of(0x0001) == ()


def test_zero_length_ends_the_significant_part() -> None:
    """Core 5.4, volume 3, part C, section 11: the rest of the octets is zero, and is not looked at."""
    assert advert("0201060000ff").service_data == {}
    assert advert("") == Advert(address="C0:FF:EE:00:00:01", rssi=-60, heard_at=3.5)


def test_a_structure_with_a_type_and_nothing_else() -> None:
    assert advert("0109").name is None


@pytest.mark.parametrize(
    "written",
    [
        "0201060516d2fc40",  # cut in the data
        "05",  # cut before its type
        "0216d2",  # half a UUID
        "03200403",
        "0321b00a",
        "02ff99",  # half a company
        "0403aafe0d",  # one and a half UUIDs
        "0707b00a09ecd79d",
    ],
)
def test_what_is_cut_is_refused(written: str) -> None:
    with pytest.raises(DecodeError):
        advert(written)


def test_a_name_that_is_no_text_is_still_a_name() -> None:
    assert advert("0309ff41").name == "�A"


@given(data=st.binary(max_size=64))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        heard = Advert.from_ad_structures(data, address=ADDRESS)
    except DecodeError:
        return
    assert heard.address == ADDRESS.upper()


@given(
    structures=st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=16, max_size=24)), max_size=5),
    padding=st.integers(0, 8),
)
def test_whole_structures_are_read_to_the_last(structures: list[tuple[int, bytes]], padding: int) -> None:
    """None of them in front hides the one at the end."""
    others = [(kind, data) for kind, data in structures if kind not in range(0x02, 0x08)]
    data = b"".join(bytes((len(body) + 1, kind)) + body for kind, body in others)
    last = bytes.fromhex("0516d2fc4001")
    heard = Advert.from_ad_structures(data + last + bytes(padding), address=ADDRESS)
    assert heard.service_data[uuid16(0xFCD2)] == b"\x40\x01"
