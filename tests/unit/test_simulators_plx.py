"""The oximeter's bytes against the Bluetooth SIG's own rules."""

from datetime import datetime

from simulators.ble import plx
from simulators.ble.plx import DeviceStatus, MeasurementStatus


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
