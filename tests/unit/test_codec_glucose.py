"""Glucose meters and continuous monitors: each flag and each status bit, in frames written by hand."""

from datetime import UTC, datetime

import pytest

from drivers.ble.codec import cgm, glucose, glucose_context, record_access
from drivers.ble.codec.cgm import decode_cgm_measurement
from drivers.ble.codec.cgm_session import decode_cgm_feature, decode_session_run_time, decode_session_start
from drivers.ble.codec.checksum import mcrf4xx
from drivers.ble.codec.glucose import decode_glucose
from drivers.ble.codec.glucose_context import decode_glucose_context
from drivers.ble.codec.record_access import RecordCount, RecordResponse, decode_record_access
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.reading import Quality

NONE, DOUBT, GOOD = None, Quality.QUESTIONABLE, Quality.GOOD
HEAD = " 0100 e40705150a1e2d "
"""Sequence number 1 on 21 May 2020 at 10:30:45."""
FIVE = "0ab2"
"""522 * 10^-5 mol/L: 5.22 mmol/L. In kg/L: 94e-5, FIVE_KG."""
FIVE_KG = "5eb0"


def values(said: list[Said]) -> dict[str, float]:
    return {str(one.quantity): one.value for one in said if isinstance(one, Sample)}


def qualities(said: list[Said]) -> dict[str, Quality]:
    return {str(one.quantity): one.quality for one in said if isinstance(one, Sample)}


def meter(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return glucose.samples(decode_glucose(frame), frame)


def monitor(hexed: str) -> list[Said]:
    frame = bytes.fromhex(hexed)
    return cgm.samples(decode_cgm_measurement(frame), frame)


# --- Glucose Service 1.0.1, section 3.1 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00" + HEAD, {}),
        ("02" + HEAD + FIVE_KG + "11", {"glucose": 5.217584}),  # 94 mg/dL over 18.016
        ("06" + HEAD + FIVE + "11", {"glucose": 5.22}),
        ("07" + HEAD + "c4ff" + FIVE + "11", {"glucose": 5.22}),
        ("16" + HEAD + FIVE + "11", {"glucose": 5.22}),
        ("0e" + HEAD + FIVE + "11 0000", {"glucose": 5.22, "battery-low": 0}),
        ("0e" + HEAD + FIVE + "11 0100", {"glucose": 5.22, "battery-low": 1}),
        ("08" + HEAD + "0100", {"battery-low": 1}),
        ("06" + HEAD + FIVE + "19", {"interstitial-glucose": 5.22}),
        ("06" + HEAD + FIVE + "1a", {}),  # control solution
        ("06" + HEAD + FIVE + "41", {}),  # where a finger would be named: control solution
        ("06" + HEAD + "ff07 11", {}),
        ("06" + HEAD + "fe07 11", {}),
    ],
)
def test_a_record_of_a_meter(hexed: str, wanted: dict[str, float]) -> None:
    assert values(meter(hexed)) == wanted


def test_nothing_measured_is_a_life_sign() -> None:
    assert meter("06" + HEAD + FIVE + "1a") == [Alive()]


@pytest.mark.parametrize(
    ("bit", "quality"),
    [
        (0, GOOD),  # battery low
        (1, NONE),  # sensor malfunction
        (2, DOUBT),  # sample insufficient
        (3, NONE),  # strip insertion error
        (4, NONE),  # strip type incorrect
        (5, GOOD),  # result higher than the meter can process
        (6, GOOD),  # result lower
        (7, NONE),  # too warm for a valid result
        (8, NONE),  # too cold
        (9, NONE),  # strip pulled too soon
        (10, NONE),  # device fault
        (11, GOOD),  # time fault
        (12, GOOD),  # reserved
        (15, GOOD),  # reserved
    ],
)
def test_what_each_bit_makes_of_a_record(bit: int, quality: Quality | None) -> None:
    found = qualities(meter("0e" + HEAD + FIVE + "11" + (1 << bit).to_bytes(2, "little").hex()))
    assert found.get("glucose") == quality
    assert found["battery-low"] == GOOD


@pytest.mark.parametrize("fluid", ["10", "1b", "1f"])
def test_a_fluid_that_is_reserved_is_questionable(fluid: str) -> None:
    assert qualities(meter("06" + HEAD + FIVE + fluid)) == {"glucose": DOUBT}


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00" + HEAD, datetime.fromisoformat("2020-05-21T10:30:45")),
        ("01" + HEAD + "c4ff", datetime.fromisoformat("2020-05-21T09:30:45")),
        ("01" + HEAD + "3c00", datetime.fromisoformat("2020-05-21T11:30:45")),
        ("08" + HEAD + "0000", datetime.fromisoformat("2020-05-21T10:30:45")),
        ("08" + HEAD + "0008", None),  # time fault
        ("00 0100 000005150a1e2d", None),
        ("01 0100 0f270c1f173b3b ff7f", None),  # past the year 9999
    ],
)
def test_when_a_record_was_made(hexed: str, wanted: datetime | None) -> None:
    assert glucose.local_time(decode_glucose(bytes.fromhex(hexed))) == wanted


def test_all_fields_of_a_record() -> None:
    found = decode_glucose(bytes.fromhex("1f 0200 e40705150a1e2d 0000 5100 14 0600"))  # as in Nordic's parser tests
    assert (found.sequence, found.time_offset_min, found.concentration, found.unit) == (2, 0, 81, "mol/L")
    assert (found.type, found.location, found.status, found.context_follows) == (4, 1, 6, True)


@pytest.mark.parametrize(
    "hexed",
    [
        "",
        "00 0100 e40705150a1e",
        "00" + HEAD + "00",
        "01" + HEAD + "00",
        "02" + HEAD + "5100",
        "08" + HEAD + "06",
        "20" + HEAD,
        "80" + HEAD,
        "00 0100 e4070d150a1e2d",
    ],
)
def test_what_is_no_record_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_glucose(bytes.fromhex(hexed))


# --- Glucose Service 1.0.1, section 3.2 ------------------------------------------------------------------------------


def test_all_fields_of_a_context() -> None:
    # dinner of 35 g, casual meal, a professional's test with minor health issues, a minute at half strength,
    # 2 mL of long acting insulin, HbA1c 7.1 %
    frame = bytes.fromhex("ff 0700 b3 03 23d0 04 12 3c00 32 04 02d0 47f0")
    found = decode_glucose_context(frame)
    assert (found.sequence, found.extended_flags, found.carbohydrate, found.carbohydrate_kg) == (7, 0xB3, 3, 0.035)
    assert (found.meal, found.tester, found.health) == (4, 2, 1)
    assert (found.exercise_s, found.exercise_intensity) == (60, 50)
    assert (found.medication, found.medication_amount, found.medication_unit) == (4, 0.002, "L")
    assert found.hba1c == 7.1
    assert values(glucose_context.samples(found, frame)) == {"carbohydrate": 35, "hba1c": 7.1}


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("00 0100", {}),
        ("80 0100 00", {}),
        ("01 0100 03 23d0", {"carbohydrate": 35}),
        ("01 0100 03 ff07", {}),
        ("02 0100 04", {}),
        ("04 0100 12", {}),
        ("08 0100 3c00 32", {}),
        ("10 0100 04 02d0", {}),
        ("20 0100", {}),
        ("40 0100 47f0", {"hba1c": 7.1}),
    ],
)
def test_each_flag_of_a_context(hexed: str, wanted: dict[str, float]) -> None:
    frame = bytes.fromhex(hexed)
    assert values(glucose_context.samples(decode_glucose_context(frame), frame)) == wanted
    for bad in (frame + b"\0", frame[:-1]):
        with pytest.raises(DecodeError):
            decode_glucose_context(bad)


# --- Record Access Control Point: Glucose Service 1.0.1, section 3.4 -------------------------------------------------


def test_what_is_asked_of_a_memory() -> None:
    assert record_access.report_all() == bytes.fromhex("0101")
    assert record_access.report_from(0x0102) == bytes.fromhex("01 03 01 0201")
    assert record_access.count_all() == bytes.fromhex("0401")
    assert record_access.count_from(513) == bytes.fromhex("04 03 01 0102")
    assert record_access.report_last() == bytes.fromhex("0106")
    assert record_access.abort() == bytes.fromhex("0300")


def test_no_request_deletes() -> None:
    asked = [name for name in vars(record_access) if "delete" in name.lower() or "clear" in name.lower()]
    assert not asked
    assert 2 not in set(record_access.Operation)


def test_what_a_memory_answers() -> None:
    assert decode_record_access(bytes.fromhex("05 00 0201")) == RecordCount(count=258)
    for code in record_access.Code:
        answer = decode_record_access(bytes((6, 0, 1, code)))
        assert answer == RecordResponse(request=record_access.Operation.REPORT, code=code)


@pytest.mark.parametrize(
    "hexed", ["", "06", "0600", "060001", "06000101 00", "06010101", "0500 02", "0500 0201 00", "0101", "0201", "0300"]
)
def test_what_no_memory_answers_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_record_access(bytes.fromhex(hexed))


# --- Continuous Glucose Monitoring Service 1.0.2, section 3.1 --------------------------------------------------------

FULL = "0f e3 d2e4 0500 02 14 ff 02f0 e5f3 8e3f"
"""All fields, from the tests of Nordic's Android library: 12.34 mg/dL, trend 0.2, quality 99.7 %, check sum 3F8E."""


def test_all_fields_of_a_monitor() -> None:
    (found,) = decode_cgm_measurement(bytes.fromhex(FULL)).records
    assert (found.concentration_mg_dl, found.time_offset_min, found.trend, found.quality) == (12.34, 5, 0.2, 99.7)
    assert (found.status, found.cal_temp, found.warning, found.e2e_crc) == (2, 0x14, 0xFF, 0x3F8E)


@pytest.mark.parametrize(
    ("hexed", "wanted"),
    [
        ("06 00 7800 0500", {"interstitial-glucose": 6.660746}),  # 120 mg/dL over 18.016
        ("08 01 7800 0500 f5ff", {"interstitial-glucose": 6.660746, "glucose-trend": -0.061057}),  # -1.1 mg/dL/min
        ("08 02 7800 0500 5f00", {"interstitial-glucose": 6.660746}),
        ("07 20 7800 0500 0f", {"interstitial-glucose": 6.660746}),
        ("07 40 7800 0500 01", {"interstitial-glucose": 6.660746}),
        ("07 80 7800 0500 02", {"interstitial-glucose": 6.660746, "battery-low": 1}),
        ("06 00 ff07 0500", {}),
        ("08 01 ff07 0500 ff07", {}),
    ],
)
def test_each_flag_of_a_monitor(hexed: str, wanted: dict[str, float]) -> None:
    assert values(monitor(hexed)) == wanted


def test_a_monitor_without_a_number_is_alive() -> None:
    assert monitor("06 00 ff07 0500 06 00 ff07 0600") == [Alive()]


def test_several_records_in_one_notification() -> None:
    frame = bytes.fromhex("06 00 7800 1e00  0f e3 d2e4 0500 02 14 ff 02f0 e5f3 8e3f  06 00 7700 1f00")
    found = decode_cgm_measurement(frame)
    assert [record.time_offset_min for record in found.records] == [30, 5, 31]
    said = [one for one in cgm.samples(found, frame) if isinstance(one, Sample)]
    assert [str(one.quantity) for one in said] == ["interstitial-glucose", "battery-low", "interstitial-glucose"]


STATUS = {0: DOUBT, 1: GOOD, 2: NONE, 3: NONE, 4: GOOD, 5: NONE, 6: GOOD, 7: GOOD}
CALIBRATION = {0: GOOD, 1: GOOD, 2: GOOD, 3: DOUBT, 4: NONE, 5: NONE, 6: GOOD, 7: GOOD}
WARNING = dict.fromkeys(range(8), GOOD)


@pytest.mark.parametrize(
    ("flag", "bit", "quality"),
    [
        (flag, bit, quality)
        for flag, bits in (("80", STATUS), ("40", CALIBRATION), ("20", WARNING))
        for bit, quality in bits.items()
    ],
)
def test_what_each_bit_makes_of_a_monitors_value(flag: str, bit: int, quality: Quality | None) -> None:
    found = qualities(monitor(f"09 {int(flag, 16) | 1:02x} 7800 0500 {1 << bit:02x} f5ff"))
    assert found.get("interstitial-glucose") == quality
    assert found.get("glucose-trend") == quality


def test_a_check_sum_guards_every_bit() -> None:
    frame = bytes.fromhex(FULL)
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            decode_cgm_measurement(bytes(flipped), has_crc=True)


def test_a_monitor_that_guards_its_values_never_sends_one_bare() -> None:
    bare = bytes.fromhex("06 00 7800 0500")
    guarded = b"\x08" + bare[1:]
    guarded += mcrf4xx(guarded).to_bytes(2, "little")
    decode_cgm_measurement(guarded, has_crc=True)
    decode_cgm_measurement(bare, has_crc=False)
    for value, has_crc in ((bare, True), (guarded, False)):
        with pytest.raises(DecodeError):
            decode_cgm_measurement(value, has_crc=has_crc)


@pytest.mark.parametrize(
    "hexed",
    [
        "",
        "00",
        "05 00 7800 1e",
        "06 00 7800 1e",
        "06 00 7800 1e00 00",
        "07 00 7800 1e00 00",
        "08 00 7800 1e00 1234",
        "07 e3 0c10 0600 00",
        "06 04 7800 1e00",
        "0a e0 7800 1e00 01 02 03 04",
    ],
)
def test_what_no_monitor_says_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_cgm_measurement(bytes.fromhex(hexed))


# --- the same service, sections 3.2, 3.4 and 3.5; frames with check sums from the tests of Nordic's Android library --


def test_what_a_monitor_can_do() -> None:
    found = decode_cgm_feature(bytes.fromhex("6e9e01 16 8ac1"))
    assert (found.features, found.type, found.location, found.has_crc) == (0x19E6E, 6, 1, True)
    assert not decode_cgm_feature(bytes.fromhex("6e8e01 16 ffff")).has_crc
    for bad in ("6e9e01 16 8ac0", "6e9e01 16 ffff", "010010 12 ffee", "010010", "6e9e01 16 8ac1 00", ""):
        with pytest.raises(DecodeError):
            decode_cgm_feature(bytes.fromhex(bad))


def test_when_a_session_began() -> None:
    found = decode_session_start(bytes.fromhex("e207 04 18 0d 08 18 08 04 e0c2"))
    assert found.start.isoformat() == "2018-04-24T13:08:24"
    assert (found.time_zone_min, found.dst_min, found.e2e_crc) == (120, 60, 0xC2E0)
    assert found.utc() == datetime(2018, 4, 24, 10, 8, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    "hexed",
    [
        "0000 04 18 0d 08 18 08 02",  # no year
        "e207 04 18 0d 08 18 80 04",  # zone not known
        "e207 04 18 0d 08 18 08 ff",  # summer time not known
        "0f27 0c 1f 17 3b 3b d0 00",  # past the year 9999
    ],
)
def test_a_session_whose_moment_is_not_known(hexed: str) -> None:
    assert decode_session_start(bytes.fromhex(hexed)).utc() is None


@pytest.mark.parametrize(
    "hexed",
    [
        "",
        "e207 04 18 0d 08 18 08",
        "e207 04 18 0d 08 18 08 04 e0",
        "e207 04 18 0d 08 18 08 04 e0c3",
        "e207 04 18 0d 08 18 08 04 e0c2 00",
        "e207 04 18 0d 08 18 39 04",
        "e207 04 18 0d 08 18 08 01",
    ],
)
def test_what_is_no_start_of_a_session_is_refused(hexed: str) -> None:
    with pytest.raises(DecodeError):
        decode_session_start(bytes.fromhex(hexed))


def test_how_long_a_session_can_run() -> None:
    assert decode_session_run_time(bytes.fromhex("0200 08c3")).run_time_h == 2
    assert decode_session_run_time(bytes.fromhex("5001")).run_time_h == 336
    for bad in ("", "02", "0200 01", "0200 09c3", "0200 08c3 00"):
        with pytest.raises(DecodeError):
            decode_session_run_time(bytes.fromhex(bad))
