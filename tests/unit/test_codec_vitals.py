"""Heart rate, blood pressure, thermometer, oximeter, battery: each flag and status bit, in frames written by hand."""

import pytest

from drivers.ble.codec import battery, blood_pressure, heart_rate, pulse_oximeter, thermometer
from drivers.ble.codec.blood_pressure import decode_blood_pressure, decode_cuff_pressure
from drivers.ble.codec.heart_rate import Location, decode_heart_rate, decode_location
from drivers.ble.codec.numbers import Special
from drivers.ble.codec.pulse_oximeter import (
    ALL_STATUS,
    Status,
    decode_continuous,
    decode_plx_features,
    decode_spot_check,
)
from drivers.ble.codec.thermometer import decode_temperature, decode_temperature_type
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.reading import Quality

NONE, DOUBT, GOOD = None, Quality.QUESTIONABLE, Quality.GOOD


def values(said: list[Said]) -> dict[str, float]:
    return {str(one.quantity): one.value for one in said if isinstance(one, Sample)}


def qualities(said: list[Said]) -> dict[str, Quality]:
    return {str(one.quantity): one.quality for one in said if isinstance(one, Sample)}


def heart(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return heart_rate.samples(decode_heart_rate(frame), frame)


def cuff(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return blood_pressure.samples(decode_blood_pressure(frame), frame)


def inflating(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return blood_pressure.cuff_samples(decode_cuff_pressure(frame), frame)


def warmth(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return thermometer.samples(decode_temperature(frame), frame)


# --- Heart Rate Service 1.0, section 3.1 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00 48", {"heart-rate": 72}),
        ("01 4800", {"heart-rate": 72}),
        ("01 2c01", {"heart-rate": 300}),
        ("02 48", {"heart-rate": 72}),  # contact bit of a sensor that cannot tell: nothing
        ("08 48 3200", {"heart-rate": 72}),
        ("10 48 0004", {"heart-rate": 72, "rr-interval": 1000}),
        ("10 48", {"heart-rate": 72}),
        ("10 00 0003", {"rr-interval": 750}),
        ("00 00", {}),
    ],
)
def test_a_heart_rate(hexed: str, wanted: dict[str, float]) -> None:
    assert values(heart(hexed)) == wanted


def test_all_fields_of_a_heart_rate() -> None:
    found = decode_heart_rate(bytes.fromhex("1f 4800 3200 0003 ff02 0004"))
    assert (found.heart_rate, found.contact, found.energy_kj, found.rr_1024) == (72, True, 50, (768, 767, 1024))
    intervals = [one.value for one in heart("1f 4800 3200 0003 ff02 0004") if isinstance(one, Sample)]
    assert intervals == [72, 750, 767 * 1000 / 1024, 1000]


@pytest.mark.parametrize(("flags", "contact"), [("00", None), ("02", None), ("04", False), ("06", True)])
def test_skin_contact(flags: str, contact: bool | None) -> None:
    assert decode_heart_rate(bytes.fromhex(flags + "48")).contact is contact


def test_a_heart_rate_without_skin_contact_is_questionable() -> None:
    assert qualities(heart("14 48 0003")) == {"heart-rate": DOUBT, "rr-interval": DOUBT}
    assert qualities(heart("16 48 0003")) == {"heart-rate": GOOD, "rr-interval": GOOD}


def test_a_heart_rate_of_nothing_is_a_life_sign_not_a_heart_that_stands_still() -> None:
    assert heart("0400") == [Alive()]
    assert heart("01 0000") == [Alive()]


@pytest.mark.parametrize(
    "hexed", ["", "00", "01 48", "08 48 32", "00 4848", "08 48 3200 00", "10 48 00", "20 48", "40 48", "80 48"]
)
def test_what_is_no_heart_rate_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        heart(hexed)


def test_where_a_sensor_is_worn() -> None:
    # Heart Rate Service 1.0, section 3.2
    assert [decode_location(bytes((number,))).location for number in range(7)] == list(Location)
    for bad in (b"", b"\x07", b"\xff", b"\x01\x00"):
        with pytest.raises(DecodeError):
            decode_location(bad)


# --- Blood Pressure Service 1.1.1, sections 3.1 and 3.2 --------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00 7700 5000 5d00", {"systolic": 119, "diastolic": 80, "mean-arterial-pressure": 93}),
        # 16.0, 10.6 and 12.4 kPa
        ("01 a0f0 6af0 7cf0", {"systolic": 120.009852, "diastolic": 79.506527, "mean-arterial-pressure": 93.007635}),
        ("02 7700 5000 ff07 e807060f11111b", {"systolic": 119, "diastolic": 80}),
        ("04 7700 5000 ff07 4800", {"systolic": 119, "diastolic": 80, "heart-rate": 72}),
        ("04 7700 5000 ff07 ff07", {"systolic": 119, "diastolic": 80}),
        ("08 7700 5000 ff07 01", {"systolic": 119, "diastolic": 80}),
        ("10 7700 5000 ff07 0000", {"systolic": 119, "diastolic": 80, "irregular-pulse": 0}),
        ("10 7700 5000 ff07 0400", {"systolic": 119, "diastolic": 80, "irregular-pulse": 1}),
        ("00 ff07 0008 fe07", {}),
        ("10 ff07 0208 0108 0400", {}),
    ],
)
def test_a_blood_pressure(hexed: str, wanted: dict[str, float]) -> None:
    assert values(cuff(hexed)) == wanted


def test_a_failed_blood_pressure_is_a_life_sign() -> None:
    assert cuff("10 ff07 ff07 ff07 0400") == [Alive()]


@pytest.mark.parametrize(
    ("bit", "pressure", "pulse"),
    # GATT Specification Supplement, Blood Pressure Measurement, Measurement Status
    [
        (0, DOUBT, DOUBT),  # body movement
        (1, DOUBT, DOUBT),  # cuff too loose
        (2, GOOD, GOOD),  # irregular pulse
        (3, GOOD, DOUBT),  # pulse above the range
        (4, GOOD, DOUBT),  # pulse below the range
        (5, DOUBT, DOUBT),  # improper position
        (6, GOOD, GOOD),  # reserved
        (15, GOOD, GOOD),  # reserved
    ],
)
def test_what_each_bit_makes_of_a_blood_pressure(bit: int, pressure: Quality, pulse: Quality) -> None:
    found = qualities(cuff("14 7700 5000 5d00 4800" + (1 << bit).to_bytes(2, "little").hex()))
    assert found == {
        "systolic": pressure,
        "diastolic": pressure,
        "mean-arterial-pressure": pressure,
        "heart-rate": pulse,
        "irregular-pulse": pressure,
    }


@pytest.mark.parametrize(("user", "known"), [("00", 0), ("07", 7), ("ff", None)])
def test_whose_blood_pressure_it_is(user: str, known: int | None) -> None:
    assert decode_blood_pressure(bytes.fromhex("08 7700 5000 5d00" + user)).user_id == known


@pytest.mark.parametrize(
    "hexed",
    [
        "",
        "00 7700 5000 5d",
        "00 7700 5000 5d00 00",
        "02 7700 5000 5d00 e80706",
        "02 7700 5000 5d00 e8070d0f11111b",
        "1f 7700 5000 5d00 e807060f11111b 4800 01 00",
        "20 7700 5000 5d00",
        "80 7700 5000 5d00",
    ],
)
def test_what_is_no_blood_pressure_is_refused(hexed: str) -> None:
    for decode in (decode_blood_pressure, decode_cuff_pressure):
        with pytest.raises(DecodeError):
            decode(bytes.fromhex(hexed))


def test_a_cuff_that_inflates() -> None:
    assert values(inflating("00 5100 ff07 ff07")) == {"cuff-pressure": 81}
    assert values(inflating("01 6cf0 ff07 ff07")) == {"cuff-pressure": 81.00665}  # 10.8 kPa
    assert values(inflating("10 5100 0000 0000 0300")) == {"cuff-pressure": 81}
    assert inflating("00 ff07 ff07 ff07") == [Alive()]


# --- Health Thermometer Service 1.0, section 3.1 ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00 6d0100ff", 36.5),
        ("01 d10300ff", 36.5),  # 97.7 F
        ("02 6d0100ff e807060f11111b", 36.5),
        ("04 6d0100ff 06", 36.5),
        ("04 6d0100ff ff", 36.5),  # a reserved site changes nothing
        ("06 b00e00fe dc070c050b321b 04", 37.6),
    ],
)
def test_a_temperature(hexed: str, wanted: float) -> None:
    assert values(warmth(hexed)) == {"body-temperature": wanted}
    assert qualities(warmth(hexed)) == {"body-temperature": GOOD}


@pytest.mark.parametrize("special", ["ffff7f00", "00008000", "feff7f00", "02008000", "01008000"])
def test_a_temperature_that_is_no_number_is_a_life_sign(special: str) -> None:
    assert warmth("00" + special) == [Alive()]
    assert isinstance(decode_temperature(bytes.fromhex("01" + special)).temperature, Special)


def test_a_temperature_that_still_rises_is_questionable() -> None:
    frame = bytes.fromhex("00 6d0100ff")
    assert qualities(thermometer.intermediate_samples(decode_temperature(frame), frame)) == {"body-temperature": DOUBT}


@pytest.mark.parametrize(
    "hexed", ["", "00 6d0100", "00 6d0100ff 00", "04 6d0100ff", "06 b00e00fe dc070c050b321b", "08 c40900fe"]
)
def test_what_is_no_temperature_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_temperature(bytes.fromhex(hexed))


def test_the_site_of_a_thermometer() -> None:
    assert decode_temperature_type(b"\x06").type == thermometer.Site.MOUTH
    for bad in (b"", b"\x06\x00"):
        with pytest.raises(DecodeError):
            decode_temperature_type(bad)


# --- Pulse Oximeter Service 1.0.1, sections 3.1 to 3.3 ---------------------------------------------------------------


def continuous(hexed: str, supported: Status = ALL_STATUS) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return pulse_oximeter.samples(decode_continuous(frame), frame, supported=supported)


def spot(hexed: str, supported: Status = ALL_STATUS) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return pulse_oximeter.samples(decode_spot_check(frame), frame, supported=supported)


def check(said: list[Said], quality: Quality | None) -> None:
    if quality is None:
        assert said == [Alive()]
        return
    assert values(said) == {"spo2": 97, "heart-rate": 72}
    assert set(qualities(said).values()) == {quality}


def test_all_fields_of_an_oximeter() -> None:
    # as in SpeziBluetooth's PLXTests
    found = decode_continuous(bytes.fromhex("1f def3 caf3 caf3 5af5 d4f3 b2f2 2001 000000 7ae3"))
    assert (found.spo2, found.pulse) == (99, 97)
    assert (found.spo2_fast, found.pulse_fast, found.spo2_slow, found.pulse_slow) == (97, 137, 98, 69)
    assert (found.measurement_status, found.device_status, found.pai) == (0x0120, 0, 8.9)
    assert values(continuous("10 6100 4800 57f0")) == {"spo2": 97, "heart-rate": 72, "pulse-amplitude": 8.7}
    assert values(spot("08 6100 4800 57f0")) == {"spo2": 97, "heart-rate": 72, "pulse-amplitude": 8.7}


def test_the_stamp_of_a_clock_that_is_not_set_is_none() -> None:
    assert decode_spot_check(bytes.fromhex("01 6100 4800 e8070b1d170839")).timestamp is not None
    assert decode_spot_check(bytes.fromhex("11 6100 4800 d0070101000000")).timestamp is None


@pytest.mark.parametrize(
    ("bit", "quality"),
    # table 3.4
    [
        (0, GOOD),  # reserved
        (4, GOOD),  # reserved
        (5, GOOD),  # measurement ongoing
        (6, DOUBT),  # early estimate
        (7, GOOD),  # validated
        (8, GOOD),  # fully qualified
        (9, NONE),  # from storage
        (10, NONE),  # demonstration
        (11, NONE),  # testing
        (12, DOUBT),  # calibrating
        (13, NONE),  # unavailable
        (14, DOUBT),  # questionable
        (15, NONE),  # invalid
    ],
)
def test_what_each_bit_of_the_measurement_status_makes_of_a_value(bit: int, quality: Quality | None) -> None:
    status = (1 << bit).to_bytes(2, "little").hex()
    check(continuous("04 6100 4800" + status), quality)
    check(spot("02 6100 4800" + status), quality)


@pytest.mark.parametrize(
    ("bit", "quality"),
    # table 3.5
    [
        (0, DOUBT),  # extended display update
        (1, NONE),  # equipment malfunction
        (2, DOUBT),  # signal processing irregularity
        (3, DOUBT),  # inadequate signal
        (4, DOUBT),  # poor signal
        (5, GOOD),  # low perfusion: cold hands
        (6, DOUBT),  # erratic signal
        (7, DOUBT),  # not pulsatile
        (8, DOUBT),  # questionable pulse
        (9, DOUBT),  # signal analysis ongoing
        (10, DOUBT),  # sensor interference
        (11, NONE),  # sensor unconnected to user
        (12, DOUBT),  # unknown sensor
        (13, NONE),  # sensor displaced
        (14, NONE),  # sensor malfunctioning
        (15, NONE),  # sensor disconnected
        (16, GOOD),  # reserved
        (23, GOOD),  # reserved
    ],
)
def test_what_each_bit_of_the_device_status_makes_of_a_value(bit: int, quality: Quality | None) -> None:
    status = (1 << bit).to_bytes(3, "little").hex()
    check(continuous("08 6100 4800" + status), quality)
    check(spot("04 6100 4800" + status), quality)
    unused = Status(measurement=0xFFFF, device=0xFFFFFF ^ 1 << bit)
    check(continuous("08 6100 4800" + status, unused), GOOD)


def test_a_recorded_spot_check_of_broken_equipment_is_no_reading() -> None:
    # SpeziBluetooth, PLXTests: device status 000022, equipment malfunction and low perfusion
    frame = "0f acf3 bef5 e8070b1d170839 2040 220000 66e3"
    assert spot(frame) == [Alive()]
    assert values(spot(frame, Status(measurement=0, device=0x20))) == {
        "spo2": 94,
        "heart-rate": 147,
        "pulse-amplitude": 8.7,
    }


@pytest.mark.parametrize("nothing", ["00 0000 0000", "00 ff07 ff07", "00 0008 0008", "00 7f00 ff00"])
def test_numbers_that_say_nothing_are_no_reading(nothing: str) -> None:
    assert continuous(nothing) == [Alive()]


@pytest.mark.parametrize("hexed", ["", "00 6100 48", "00 6100 4800 00", "0c 6100 48", "20 6100 4800", "80 6100 4800"])
def test_what_is_no_oximeters_value_is_refused(hexed: str) -> None:
    for decode in (decode_continuous, decode_spot_check):
        with pytest.raises(DecodeError):
            decode(bytes.fromhex(hexed))


@pytest.mark.parametrize(
    ("features", "status"),
    [
        ("0b00 a020 000800", Status(measurement=0x20A0, device=0x000800)),
        ("0100 a020", Status(measurement=0x20A0, device=0)),
        ("0200 000800", Status(measurement=0, device=0x000800)),
        ("0000", Status(measurement=0, device=0)),
        ("0b00 ffff ffffff", ALL_STATUS),
        ("a300 4010 800100", Status(measurement=0x1040, device=0x000180)),  # as in SpeziBluetooth's PLXTests
    ],
)
def test_features_tell_which_status_bits_are_used(features: str, status: Status) -> None:
    assert decode_plx_features(bytes.fromhex(features)).supported() == status


@pytest.mark.parametrize("features", ["", "0b", "0b00 a020", "0000 00", "0b00 a020 000800 00"])
def test_features_of_a_wrong_size_are_refused(features: str) -> None:
    with pytest.raises(DecodeError):
        decode_plx_features(bytes.fromhex(features))


# --- Battery Service 1.0 ---------------------------------------------------------------------------------------------


def test_a_battery() -> None:
    for level in (0, 37, 100):
        frame = bytes((level,))
        assert values(battery.samples(battery.decode_battery(frame), frame)) == {"battery": level}
    for bad in (b"", b"\x65", b"\xff", b"\x64\x00"):
        with pytest.raises(DecodeError):
            battery.decode_battery(bad)
