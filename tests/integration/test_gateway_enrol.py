"""Enrolment as an installer sees it: what is near, bonding, the clock, the first reading."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from fixtures.ble_radio import BleAir

from gateway import enrol
from shouwang.errors import DeviceError
from simulators.ble import adverts
from simulators.ble.beacon import Beacon
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.clock import DeviceClock

ADDRESS = "C0:FF:EE:00:05:01"
OUTFIT: dict[str, Any] = {"sensor_id": "it", "address": ADDRESS, "advertising_interval_ms": 50}


async def test_a_scan_names_what_is_near_and_gives_entries_that_can_be_pasted(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT)
    contact = Beacon(
        ble_air.radio,
        address="C0:FF:EE:00:05:02",
        data=adverts.bthome([(adverts.Object.DOOR, 1)]),
        interval_ms=50,
    )
    told: list[str] = []
    async with cuff.running(), contact.running():
        await enrol.scan("hci0", 0.5, None, told.append)
    text = "\n".join(told)
    assert "血压计 a blood-pressure cuff" in text
    assert "BTHome" in text
    pasted = yaml.safe_load("sensors:\n" + "\n".join(line for line in text.splitlines() if line.startswith("  ")))
    assert {entry["kind"] for entry in pasted["sensors"]} == {"blood_pressure_monitor_blp", "advert_sensor"}


async def test_a_scan_that_hears_nothing_says_what_to_look_at(ble_air: BleAir) -> None:
    told: list[str] = []
    await enrol.scan("hci0", 0.2, None, told.append)
    assert told[-1].startswith("nothing was heard; is the device switched on")


async def test_pairing_bonds_sets_the_clock_and_shows_the_first_reading(ble_air: BleAir) -> None:
    clock = DeviceClock(at=datetime.now(UTC).astimezone().replace(tzinfo=None) - timedelta(hours=7))
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, clock=clock, is_guarded=True, **OUTFIT)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("measure once now"):
            errands.append(asyncio.ensure_future(cuff.measure(128, 79, pulse=66)))

    errands: list[asyncio.Future[None]] = []
    async with cuff.running():
        await enrol.pair("hci0", ADDRESS, tell)
    text = "\n".join(told)
    assert "bonded: 血压计 a blood-pressure cuff" in text
    assert "none" in text or "gives all" in text
    assert "wrong by 420 min and has been set" in text
    assert "收缩压 systolic pressure: 128" in text
    assert "kind: blood_pressure_monitor_blp" in text
    assert cuff.is_bonded


async def test_the_agent_is_gone_after_enrolment(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, is_guarded=True, **OUTFIT)
    async with cuff.running():
        before = await ble_air.bluez.client_count()
        await cuff.measure(128, 79)
        await enrol.pair("hci0", ADDRESS, lambda _: None)
        assert ble_air.bluez._agents.capability_for("anybody") is None
        assert await ble_air.bluez.client_count() <= before + 1  # bleak keeps one


async def test_a_device_that_never_measures_is_told_in_the_end(
    ble_air: BleAir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrol, "FIRST_READING_S", 0.5)
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT)
    async with cuff.running():
        with pytest.raises(DeviceError, match=r"has bonded but measured nothing .* measure once more"):
            await enrol.pair("hci0", ADDRESS, lambda _: None)
