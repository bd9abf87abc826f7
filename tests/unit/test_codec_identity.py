"""Who a device is, for whom it speaks, and where it deviates from the standard."""

import pytest

from drivers.ble.codec.blood_pressure import decode_blood_pressure
from drivers.ble.codec.body_composition import decode_body_composition
from drivers.ble.codec.device_information import Identity, decode_pnp_id, decode_string, decode_system_id, decode_text
from drivers.ble.codec.numbers import Special
from drivers.ble.codec.quirks import QUIRKS, quirk_named, quirk_of, quirk_shown_by
from drivers.ble.codec.user_data import UserControlResponse, consent, decode_user_control, decode_user_index
from shouwang.errors import DecodeError

# derdilla/blood-pressure-monitor-fl, captures of a Beurer BM85: 119 over 70, pulse 87, user 1, status 0040;
# 118 over 80, pulse 60, user 0, irregular pulse.
RESERVED_STATUS = bytes.fromhex("56 7700 4600 0000 ea07080b143900 0057 01 0040")
IRREGULAR = bytes.fromhex("56 7600 5000 0000 ea07080b141b00 003c 00 0004")


def test_the_words_of_a_device() -> None:
    assert decode_text(b"Beurer GmbH") == "Beurer GmbH"
    assert decode_text("欧姆龙".encode()) == "欧姆龙"
    assert decode_text(b" BM85\0\0\xff") == "BM85"
    assert decode_text(b"") == ""
    assert decode_string(b"BM85").text == "BM85"
    for bad in (b"\xff\xfe", b"BM\x0785", b"\xe6\xac"):
        with pytest.raises(DecodeError):
            decode_text(bad)


def test_the_numbers_of_a_device() -> None:
    # Device Information Service 1.2, section 3: the example of System ID in the GATT Specification Supplement
    found = decode_system_id(bytes.fromhex("bc9a563412 efcdab"))
    assert (found.manufacturer_identifier, found.organizationally_unique_identifier) == (0x123456_9ABC, 0xABCDEF)
    plug = decode_pnp_id(bytes.fromhex("01 5900 0100 1000"))
    assert (plug.vendor_id_source, plug.vendor_id, plug.product_id, plug.product_version) == (1, 0x59, 1, 0x10)
    for decode, bad in ((decode_system_id, "bc9a563412efcd"), (decode_pnp_id, "0159000100100000")):
        with pytest.raises(DecodeError):
            decode(bytes.fromhex(bad))


# --- User Data Service 1.1 -------------------------------------------------------------------------------------------


def test_consent_of_a_user() -> None:
    assert consent(1, 1234) == bytes.fromhex("02 01 d204")
    for user, code in ((255, 0), (-1, 0), (0, 10_000), (0, -1)):
        with pytest.raises(ValueError, match="consent code"):
            consent(user, code)


def test_what_a_device_answers_to_consent() -> None:
    assert decode_user_control(bytes.fromhex("20 02 01")) == UserControlResponse(request=2, code=1, parameter="")
    assert decode_user_control(bytes.fromhex("20 02 05")).code == 5
    assert decode_user_control(bytes.fromhex("20 01 01 03")).parameter == "03"
    for bad in ("", "20", "2002", "02 01 d204"):
        with pytest.raises(DecodeError):
            decode_user_control(bytes.fromhex(bad))


def test_the_user_whose_data_are_told() -> None:
    assert decode_user_index(b"\x03").user_index == 3
    assert decode_user_index(b"\xff").user_index is None
    for bad in (b"", b"\x03\x00"):
        with pytest.raises(DecodeError):
            decode_user_index(bad)


# --- devices that deviate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (Identity(name="BM85"), "beurer_bm85"),
        (Identity(name="Beurer BM 59"), "beurer_bm85"),
        (Identity(name="ELITE 900"), "beurer_bm85"),
        (Identity(manufacturer="Beurer GmbH", model="BM-48"), "beurer_bm85"),
        (Identity(manufacturer="OMRON", model="BM-48"), None),
        (Identity(manufacturer="Beurer GmbH", model="BM 77"), None),
        (Identity(name="BM 57"), None),
        (Identity(), None),
    ],
)
def test_a_cuff_is_known_by_what_it_calls_itself(identity: Identity, name: str | None) -> None:
    quirk = quirk_of(0x2A35, identity)
    assert (quirk and quirk.name) == name


def test_a_quirk_is_one_of_one_characteristic() -> None:
    assert quirk_of(0x2A37, Identity(name="BM85")) is None
    assert quirk_of(0x2A9C, Identity(name="MIBFS")) is quirk_named("mi_body_composition_scale_2")
    with pytest.raises(DecodeError, match="there are: beurer_bm85"):
        quirk_named("nonsense")


def test_every_quirk_names_where_it_is_known_from() -> None:
    assert all(len(quirk.source) > 20 for quirk in QUIRKS)
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)


def test_a_bm85_is_read_as_it_means_it() -> None:
    quirk = quirk_named("beurer_bm85")
    found = decode_blood_pressure(quirk.as_standard(RESERVED_STATUS))
    assert (found.systolic, found.diastolic, found.pulse, found.user_id, found.status) == (119, 70, 87, 1, 0x40)
    assert found.map is Special.NAN  # sent as 0
    assert decode_blood_pressure(quirk.as_standard(IRREGULAR)).status == 4


@pytest.mark.parametrize("hexed", ["", "56", "56 7700 4600 0000 ea07080b143900 0057 01 00", "00 7700 5000 5d00"])
def test_what_not_even_a_bm85_says_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        quirk_named("beurer_bm85").as_standard(bytes.fromhex(hexed))


@pytest.mark.parametrize("flags", range(256))
def test_no_cuff_of_the_standard_is_taken_for_a_bm85(flags: int) -> None:
    for size in range(22):
        value = bytes((flags,)) + bytes(size)
        quirk = quirk_shown_by(0x2A35, value)
        if quirk is not None:
            with pytest.raises(DecodeError):
                decode_blood_pressure(value)


# custom-components/ble_monitor, tests of the Mi Scale V2: 105.8 kg that still moves; 85.15 kg and 428 ohms.
MOVING = bytes.fromhex("0204 b207010112101a 0000 a852")
STABLE = bytes.fromhex("0226 b20705040f0201 ac01 8642")


def test_a_mi_scale_is_read_as_it_means_it() -> None:
    quirk = quirk_named("mi_body_composition_scale_2")
    found = decode_body_composition(quirk.as_standard(STABLE))
    assert (found.weight, found.impedance, found.body_fat_percentage) == (85.15, 428, None)
    pounds = decode_body_composition(quirk.as_standard(b"\x03" + STABLE[1:]))
    assert (pounds.weight, pounds.measurement_units) == (170.3, "IMPERIAL")
    removed = bytes((STABLE[0], STABLE[1] | 0x80)) + STABLE[2:]
    for none in (MOVING, removed):
        assert decode_body_composition(quirk.as_standard(none)).weight is None
    dry = bytes((STABLE[0], STABLE[1] & ~2)) + STABLE[2:]
    assert decode_body_composition(quirk.as_standard(dry)).impedance is None
    assert decode_body_composition(quirk.as_standard(STABLE[:9] + b"\xff\xff" + STABLE[11:])).impedance is None
    with pytest.raises(DecodeError):
        quirk.as_standard(STABLE[:-1])


def test_a_mi_scale_betrays_itself_and_is_never_read_as_the_standard() -> None:
    assert quirk_shown_by(0x2A9C, STABLE) is quirk_named("mi_body_composition_scale_2")
    assert quirk_shown_by(0x2A9C, MOVING) is None
    assert quirk_shown_by(0x2A9D, STABLE) is None
    with pytest.raises(DecodeError):
        decode_body_composition(STABLE)
    # On 7 January at 12:16:26 its clock's bytes would pass for one of the standard: 1793, but then fat is 197 %.
    for moving in (MOVING, bytes.fromhex("0204 b20701070c1010 0000 a852")):
        with pytest.raises(DecodeError):
            decode_body_composition(moving)
