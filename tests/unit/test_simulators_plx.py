"""The oximeter's bytes against the Bluetooth SIG's and IEEE's own rules."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.ble import plx
from simulators.ble.plx import DeviceStatus, MeasurementStatus, NotCarried


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
    assert plx.sfloat(value) == bytes.fromhex(word)


@pytest.mark.parametrize("value", [2046.5, 97.123, 12345, float("nan"), float("inf"), 1e-9, 1e12])
def test_a_value_without_an_sfloat_is_refused_not_rounded(value: float) -> None:
    with pytest.raises(NotCarried):
        plx.sfloat(value)


@given(mantissa=st.integers(-2045, 2045), exponent=st.integers(-8, 7))
def test_every_value_of_the_format_is_carried_exactly(mantissa: int, exponent: int) -> None:
    value = float(f"{mantissa}e{exponent}")
    assert value_of(plx.sfloat(value)) == value


@given(st.floats())
def test_what_is_carried_is_equal_and_never_a_special_value(value: float) -> None:
    try:
        word = plx.sfloat(value)
    except NotCarried:
        return
    assert value_of(word) == value
    assert int.from_bytes(word, "little") & 0xFFF not in {0x7FE, 0x7FF, 0x800, 0x801, 0x802}


def test_continuous_measurement() -> None:
    said = plx.continuous(97, 72, measurement=MeasurementStatus.ONGOING, device=DeviceStatus(0))
    assert said == bytes.fromhex("0c 6100 4800 2000 000000")


def test_continuous_measurement_without_a_finger() -> None:
    said = plx.continuous(None, None, measurement=MeasurementStatus.UNAVAILABLE, device=DeviceStatus.SENSOR_UNCONNECTED)
    assert said == bytes.fromhex("0c ff07 ff07 0020 000800")


def test_spot_check_with_and_without_a_clock() -> None:
    status = {"measurement": MeasurementStatus.VALIDATED, "device": DeviceStatus(0)}
    at = datetime(2026, 11, 24, 3, 12, 58)  # noqa: DTZ001 - the profile's time is the device's own, without a zone
    assert plx.spot_check(96, 61, at=at, **status) == bytes.fromhex("07 6000 3d00 ea070b18030c3a 8000 000000")
    assert plx.spot_check(96, 61, at=None, **status) == bytes.fromhex("17 6000 3d00 00000000000000 8000 000000")
