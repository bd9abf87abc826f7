"""Numbers and moments of health devices, against IEEE 11073-20601 and the documents of the Bluetooth SIG."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.ble.numbers import NotCarried, Special, crc16, date_time, float32, scaled, sfloat


def value_of(word: bytes) -> float:
    """An SFLOAT read by its definition: signed 12-bit mantissa times ten to a signed 4-bit exponent."""
    bits = int.from_bytes(word, "little")
    mantissa, exponent = bits & 0xFFF, bits >> 12
    mantissa -= 0x1000 if mantissa >= 0x800 else 0
    exponent -= 0x10 if exponent >= 8 else 0
    return float(f"{mantissa}e{exponent}")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "ff07"),
        (0, "0000"),
        (97, "6100"),
        (97.0, "6100"),
        (2045, "fd07"),
        (3000, "2c11"),
        (36.4, "6cf1"),
        (-1.5, "f1ff"),
        (0.0114, "72c0"),
    ],
)
def test_sfloat(value: float | None, word: str) -> None:
    assert sfloat(value) == bytes.fromhex(word)


@pytest.mark.parametrize("value", [2046.5, 97.123, 12345, float("nan"), float("inf"), 1e-9, 1e12])
def test_a_value_without_an_sfloat_is_refused_not_rounded(value: float) -> None:
    with pytest.raises(NotCarried):
        sfloat(value)


@given(mantissa=st.integers(-2045, 2045), exponent=st.integers(-8, 7))
def test_every_value_of_the_format_is_carried_exactly(mantissa: int, exponent: int) -> None:
    value = float(f"{mantissa}e{exponent}")
    assert value_of(sfloat(value)) == value


@given(st.floats())
def test_what_is_carried_is_equal_and_never_a_special_value(value: float) -> None:
    try:
        word = sfloat(value)
    except NotCarried:
        return
    assert value_of(word) == value
    assert int.from_bytes(word, "little") & 0xFFF not in {0x7FE, 0x7FF, 0x800, 0x801, 0x802}


def test_special_values_have_words_of_their_own() -> None:
    words = [sfloat(special).hex() for special in Special]
    assert words == ["ff07", "0008", "fe07", "0208", "0108"]
    longer = [float32(special).hex() for special in Special]
    assert longer == ["ffff7f00", "00008000", "feff7f00", "02008000", "01008000"]


@pytest.mark.parametrize(
    ("value", "exponent", "word"),
    [
        (36.4, None, "6c0100ff"),  # the example of IEEE 11073-20601, 36.4 Cel
        (37, None, "25000000"),
        (37, -1, "720100ff"),
        (97.9, -2, "3e2600fe"),
        (-1.5, None, "f1ffffff"),
        (None, None, "ffff7f00"),
    ],
)
def test_float32(value: float | None, exponent: int | None, word: str) -> None:
    assert float32(value, exponent=exponent) == bytes.fromhex(word)


def test_an_exponent_may_be_asked_for_and_is_refused_where_it_loses_digits() -> None:
    assert sfloat(16.0, exponent=-1) == bytes.fromhex("a0f0")
    with pytest.raises(NotCarried):
        sfloat(16.05, exponent=-1)


@given(mantissa=st.integers(-0x7FFFFD, 0x7FFFFD), exponent=st.integers(-20, 20))
def test_every_value_of_the_long_format_is_carried_exactly(mantissa: int, exponent: int) -> None:
    word = float32(float(f"{mantissa}e{exponent}"))
    power = int.from_bytes(word[3:], "little", signed=True)
    assert float(f"{int.from_bytes(word[:3], 'little', signed=True)}e{power}") == float(f"{mantissa}e{exponent}")


def test_scaled_values_are_whole_steps() -> None:
    assert scaled(70.5, 0.005) == bytes.fromhex("1437")
    with pytest.raises(NotCarried):
        scaled(70.501, 0.005)
    with pytest.raises(NotCarried):
        scaled(400, 0.005)


def test_moments() -> None:
    assert date_time(datetime(2026, 11, 24, 3, 12, 58)) == bytes.fromhex("ea070b18030c3a")  # noqa: DTZ001 - device-local
    assert date_time(None) == bytes(7)


def test_the_check_value_of_the_crc() -> None:
    """CRC-16/MCRF4XX of "123456789" is 6F91, least significant octet first."""
    assert crc16(b"123456789") == bytes.fromhex("916f")
