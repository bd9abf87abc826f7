"""Weight and body composition scales: each flag, in frames written by hand."""

import pytest

from drivers.ble.codec import body_composition, weight_scale
from drivers.ble.codec.body_composition import decode_body_composition, decode_body_composition_feature, merged
from drivers.ble.codec.weight_scale import decode_weight, decode_weight_feature
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError


def values(said: list[Said]) -> dict[str, float]:
    return {str(one.quantity): one.value for one in said if isinstance(one, Sample)}


def weight(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return weight_scale.samples(decode_weight(frame), frame)


def composition(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return body_composition.samples(decode_body_composition(frame), frame)


# --- Weight Scale Service 1.0.1, sections 3.1 and 3.2 ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00 b036", {"weight": 70}),
        ("00 b136", {"weight": 70.005}),
        ("01 543d", {"weight": 71.214002}),  # 157.00 lb
        ("02 b036 e7070c190e1e2d", {"weight": 70}),
        ("04 b036 05", {"weight": 70}),
        ("08 b036 f500 d606", {"weight": 70, "bmi": 24.5, "height": 175}),
        ("09 543d f500 a802", {"weight": 71.214002, "bmi": 24.5, "height": 172.72}),  # 68.0 in
        ("0f 543d e7070c190e1e2d 03 f500 a802", {"weight": 71.214002, "bmi": 24.5, "height": 172.72}),
    ],
)
def test_a_weight(hexed: str, wanted: dict[str, float]) -> None:
    assert values(weight(hexed)) == wanted


def test_a_weighing_that_failed_says_nothing_whatever_else_it_holds() -> None:
    assert weight("08 ffff f500 d606") == [Alive()]
    assert decode_weight(bytes.fromhex("00 ffff")).weight is None


def test_the_words_of_a_weighing() -> None:
    found = decode_weight(bytes.fromhex("0f 543d e7070c190e1e2d 03 f500 a802"))
    assert (found.weight, found.weight_unit, found.measurement_units) == (157, "LB", "IMPERIAL")
    assert (found.height, found.height_unit, found.user_id) == (68, "INCHES", 3)
    assert found.timestamp is not None
    assert decode_weight(bytes.fromhex("04 b036 ff")).user_id is None


@pytest.mark.parametrize("hexed", ["", "00 b0", "00 b036 00", "02 b036 e7", "08 b036 f500", "10 b036", "80 b036"])
def test_what_is_no_weight_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_weight(bytes.fromhex(hexed))


def test_what_a_scale_can_do() -> None:
    found = decode_weight_feature(bytes.fromhex("bb010000"))  # 0 0011 0111 011: time, users, no BMI, 7 and 3
    assert (found.timestamp_supported, found.multiple_users_supported, found.bmi_supported) == (True, True, False)
    assert (found.weight_measurement_resolution, found.height_measurement_resolution) == (7, 3)
    for bad in ("", "bb0100", "bb01000000"):
        with pytest.raises(DecodeError):
            decode_weight_feature(bytes.fromhex(bad))


# --- Body Composition Service 1.0.1, sections 3.1 and 3.2 ------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("0000 3200", {"body-fat": 5}),
        ("0100 3200", {"body-fat": 5}),
        ("0200 3200 e80706140a1e00", {"body-fat": 5}),
        ("0400 3200 05", {"body-fat": 5}),
        ("0800 3200 4006", {"body-fat": 5, "basal-metabolism": 1600}),
        ("1000 3200 c800", {"body-fat": 5, "muscle-share": 20}),
        ("2000 3200 b80b", {"body-fat": 5, "muscle-mass": 15}),
        ("4000 3200 e02e", {"body-fat": 5, "fat-free-mass": 60}),
        ("8000 3200 1027", {"body-fat": 5, "soft-lean-mass": 50}),
        ("0001 3200 401f", {"body-fat": 5, "body-water": 40}),
        ("0002 3200 401f", {"body-fat": 5, "impedance": 800}),
        ("0004 3200 b036", {"body-fat": 5, "weight": 70}),
        ("0008 3200 d606", {"body-fat": 5, "height": 175}),
        ("0010 3200", {"body-fat": 5}),
        ("010c 3200 543d a802", {"body-fat": 5, "weight": 71.214002, "height": 172.72}),
        ("0004 ffff b036", {"weight": 70}),
        ("0000 ffff", {}),
    ],
)
def test_each_flag_of_a_body_composition(hexed: str, wanted: dict[str, float]) -> None:
    assert values(composition(hexed)) == wanted


def test_a_body_composition_that_failed_is_a_life_sign() -> None:
    assert composition("0000 ffff") == [Alive()]


ALL = "ff0f 3200 e80706140a1e00 05 4006 c800 b80b e02e 1027 401f 401f b036 d606"


def test_all_fields_of_a_body_composition() -> None:
    found = decode_body_composition(bytes.fromhex(ALL.replace("ff0f", "fe0f")))
    assert (found.body_fat_percentage, found.user_id, found.basal_metabolism) == (5, 5, 1600)
    assert (found.muscle_percentage, found.muscle_mass, found.muscle_mass_unit) == (20, 15, "KG")
    assert (found.fat_free_mass, found.soft_lean_mass, found.body_water_mass) == (60, 50, 40)
    assert (found.impedance, found.weight, found.height, found.height_unit) == (800, 70, 1.75, "METERS")
    pounds = decode_body_composition(bytes.fromhex(ALL))
    assert (pounds.muscle_mass, pounds.muscle_mass_unit, pounds.measurement_units) == (30, "LB", "IMPERIAL")


FIRST = "fe11 3200 e80706140a1e00 05 4006 c800 b80b e02e 1027 401f"
SECOND = "001e 3200 401f b036 d606"


def halves(*hexed: str) -> list[body_composition.BodyComposition]:
    return [decode_body_composition(bytes.fromhex(one)) for one in hexed]


def test_two_halves_are_one_measurement() -> None:
    whole = decode_body_composition(bytes.fromhex(ALL.replace("ff0f", "fe0f")))
    first, second = halves(FIRST, SECOND)
    assert first.is_half
    assert merged(first, second) == whole
    assert not merged(first, second).is_half


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FIRST, SECOND.replace("001e", "000e")),  # the second is whole
        (FIRST, SECOND.replace("3200", "3300")),  # other body fat
        (FIRST, "0011 3200 b036"),  # body water of 40 and of 70 kg
        (FIRST, "0410 3200 06"),  # another user
        (FIRST, SECOND.replace("001e", "011e")),  # other units
    ],
)
def test_halves_of_different_measurements_are_not_put_together(one: str, other: str) -> None:
    first, second = halves(one, other)
    with pytest.raises(DecodeError):
        merged(first, second)


@pytest.mark.parametrize(
    "hexed", ["", "0000 32", "0000 3200 00", "0004 3200 b0", "0020 3200", "0080 3200", "0000 e903", "0000 feff"]
)
def test_what_is_no_body_composition_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_body_composition(bytes.fromhex(hexed))


def test_what_a_body_composition_scale_can_do() -> None:
    found = decode_body_composition_feature(bytes.fromhex("0b200100"))  # as in bluetooth-sig's tests, and three bits
    assert (found.timestamp_supported, found.multiple_users_supported) == (True, True)
    assert (found.basal_metabolism_supported, found.muscle_percentage_supported) == (False, True)
    assert (found.mass_measurement_resolution, found.height_measurement_resolution) == (4, 2)
    for bad in ("", "002001", "0020010000"):
        with pytest.raises(DecodeError):
            decode_body_composition_feature(bytes.fromhex(bad))
