"""Medical decimals, moments and units: exact, or nothing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.codec import units
from drivers.ble.codec.checksum import checked, mcrf4xx
from drivers.ble.codec.current_time import Adjusted, CurrentTime, decode_current_time, encode_current_time
from drivers.ble.codec.date_time import DateTime, decode_clock, decode_date_time, encode_date_time
from drivers.ble.codec.numbers import Special, float32, measured, sfloat
from shouwang.errors import DecodeError

EARLIEST, LATEST = datetime.fromisoformat("1582-01-01"), datetime.fromisoformat("9999-12-31")


@pytest.mark.parametrize(
    ("word", "number"),
    # Personal Health Devices Transcoding White Paper, 2.2: mantissa times ten to the exponent, both signed
    [
        (0x0072, 114),
        (0xF072, 11.4),
        (0xF057, 8.7),
        (0xE057, 0.87),
        (0x1048, 720),
        (0x0FFF, -1),
        (0xFFFF, -0.1),
        (0x07FD, 2045),
        (0x0803, -2045),
        (0x8001, 1e-8),
        (0x7001, 1e7),
        (0x0000, 0),
        (0x07FF, Special.NAN),
        (0x0800, Special.NRES),
        (0x07FE, Special.POSITIVE_INFINITY),
        (0x0802, Special.NEGATIVE_INFINITY),
        (0x0801, Special.RESERVED),
        (0xF7FF, 204.7),  # the mantissa of a special with an exponent is a number
    ],
)
def test_sfloat(word: int, number: float | Special) -> None:
    assert sfloat(word) == number
    assert isinstance(sfloat(word), float) is isinstance(number, int | float)


@pytest.mark.parametrize(
    ("word", "number"),
    [
        (0xFF00016D, 36.5),
        (0xFE000EB0, 37.6),
        (0x00000025, 37),
        (0xFFFFFFFF, -0.1),
        (0x00FFFFFF, -1),
        (0x007FFFFF, Special.NAN),
        (0x00800000, Special.NRES),
        (0x007FFFFE, Special.POSITIVE_INFINITY),
        (0x00800002, Special.NEGATIVE_INFINITY),
        (0x00800001, Special.RESERVED),
    ],
)
def test_float(word: int, number: float | Special) -> None:
    assert float32(word) == number


@given(st.integers(-2045, 2045), st.integers(-8, 7))
def test_an_sfloat_is_the_float_nearest_to_its_decimal(mantissa: int, exponent: int) -> None:
    word = (exponent & 0xF) << 12 | mantissa & 0xFFF
    if word not in (0x07FF, 0x0800, 0x07FE, 0x0802, 0x0801):
        assert sfloat(word) == float(f"{mantissa}e{exponent}")


@given(st.integers(-8_388_605, 8_388_605), st.integers(-128, 127))
def test_a_float_is_the_float_nearest_to_its_decimal(mantissa: int, exponent: int) -> None:
    assert float32((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF) == float(f"{mantissa}e{exponent}")


def test_a_special_cannot_pass_for_a_number() -> None:
    assert measured(Special.NAN) is None
    assert measured(None) is None
    assert measured(36.5) == 36.5
    with pytest.raises(TypeError):
        assert Special.NAN > 38  # type: ignore[operator]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (units.mmhg_of_kpa(16.0), 120.009852),  # 16000 / 133.322387415
        (units.kg_of_lb(157.0), 71.214002),  # 157 x 0.45359237
        (units.cm_of_inch(68.0), 172.72),
        (units.cm_of_m(1.75), 175),
        (units.celsius_of_fahrenheit(97.7), 36.5),
        (units.celsius_of_fahrenheit(98.6), 37),
        (units.mmol_of_mg_dl(90.08), 5),  # 18.016 mg/dL to the mmol/L
        (units.mmol_of_kg_l(0.0009008), 5),
        (units.mmol_of_mol_l(0.0055), 5.5),
        (units.grams_of_kg(0.035), 35),
    ],
)
def test_units_become_canonical_and_round_numbers_stay_round(found: float, wanted: float) -> None:
    assert found == wanted


def test_a_clock_tells_what_it_knows() -> None:
    known = decode_clock(bytes.fromhex("e40705150a1e2d")).datetime  # nRF Toolbox, DateTimeParserTest
    assert known.isoformat() == "2020-05-21T10:30:45"
    assert known.local() == datetime.fromisoformat("2020-05-21T10:30:45")
    unknown = decode_date_time(bytes.fromhex("0000041114293b"))
    assert unknown.isoformat() == "0000-04-17T20:41:59"
    assert unknown.local() is None
    assert decode_date_time(bytes.fromhex("e4070000000000")).local() is None
    assert decode_date_time(bytes.fromhex("e607021e000000")).local() is None  # 30 February


@pytest.mark.parametrize(
    "hexed",
    [
        "",
        "e40705150a1e",
        "e40705150a1e2d00",
        "2d0605150a1e2d",  # 1581: before the Gregorian calendar
        "102705150a1e2d",  # 10000
        "e4070d150a1e2d",
        "e40705200a1e2d",
        "e4070515181e2d",
        "e40705150a3c2d",
        "e40705150a1e3c",
    ],
)
def test_what_is_no_moment_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_date_time(bytes.fromhex(hexed))


@given(st.datetimes(EARLIEST, LATEST))
def test_a_clock_that_is_set_tells_the_same_time(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert decode_date_time(encode_date_time(moment)).local() == whole
    found = decode_current_time(encode_current_time(moment, adjusted=Adjusted.MANUAL | Adjusted.TIME_ZONE))
    assert found.datetime.local() == whole
    assert found.day_of_week == moment.isoweekday()
    assert abs(found.fractions_256 / 256 - moment.microsecond / 1e6) < 1 / 256
    assert found.adjust_reason == 5


def test_current_time_as_the_service_writes_it() -> None:
    # Current Time Service 1.1: Thursday 6 June 2024, 12:04:44 and a half, set by hand (as in SpeziBluetooth's tests)
    value = bytes.fromhex("e80706060c042c 04 80 01")
    moment = datetime.fromisoformat("2024-06-06T12:04:44.500000")
    assert encode_current_time(moment, adjusted=Adjusted.MANUAL) == value
    clock = DateTime(year=2024, month=6, day=6, hour=12, minute=4, second=44)
    assert decode_current_time(value) == CurrentTime(
        datetime=clock, day_of_week=4, fractions_256=128, adjust_reason=Adjusted.MANUAL
    )
    for bad in ("e80706060c042c 04 80", "e80706060c042c 08 80 01", "e80706060c042c 04 80 01 00"):
        with pytest.raises(DecodeError):
            decode_current_time(bytes.fromhex(bad))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8))])
def test_a_device_is_never_given_a_time_with_a_zone(zone: timezone) -> None:
    with pytest.raises(ValueError, match="no zone"):
        encode_date_time(datetime(2024, 6, 6, tzinfo=zone))


def test_check_sums() -> None:
    assert mcrf4xx(bytes.fromhex("3e010203040506070809")) == 12033  # nRF Toolbox for iOS, CGMSParsingTest
    assert mcrf4xx(b"123456789") == 0x6F91  # catalogue of parametrised CRC algorithms, CRC-16/MCRF4XX
    assert checked(b"123456789\x91\x6f") == 0x6F91
    for bad in (b"", b"\xff", b"123456789\x91\x6e"):
        with pytest.raises(DecodeError):
            checked(bad)
