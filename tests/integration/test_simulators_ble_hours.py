"""The simulated radio for hours on end, in virtual time: bleak, D-Bus and BlueZ keep up, and nothing is lost."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError
from fixtures.ble_client import Values, find, full
from fixtures.ble_radio import ADDRESS, OXIMETER, BleAir, ble_air_on
from fixtures.quick_time import run_quickly

from shouwang.quantities import Quantity
from simulators.ble.beacon import Beacon
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.pulse_oximeter import PulseOximeter

HOUR_S = 3600.0
CUFF = "C0:FF:EE:00:00:02"


def oximeter(air: BleAir) -> PulseOximeter:
    return PulseOximeter(air.radio, air.tally, sensor_id=OXIMETER, address=ADDRESS, advertising_interval_ms=1000)


def test_an_hour_at_one_value_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        heard = Values()
        async with (
            ble_air_on(monkeypatch) as air,
            oximeter(air).running(),
            BleakClient(await find(ADDRESS)) as client,
        ):
            await client.start_notify(full(0x2A5F), heard)
            await asyncio.sleep(HOUR_S)
            assert air.tally.of(OXIMETER, Quantity.SPO2) == Counter({97: len(heard.values)})
        return len(heard.values)

    assert HOUR_S - 2 <= run_quickly(main()) <= HOUR_S + 1


def test_a_day_of_a_cuff_that_is_used_each_hour_and_lets_go_at_every_second_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def visit(heard: Values) -> None:
        while True:
            found = await BleakScanner.find_device_by_address(CUFF, timeout=HOUR_S)
            if found is None:
                continue
            gone = asyncio.Event()
            with suppress(BleakError, EOFError):  # it may let go at any moment
                async with BleakClient(found, lambda _client, gone=gone: gone.set()) as client:
                    await client.start_notify(full(0x2A35), heard)
                    await gone.wait()

    async def main() -> tuple[list[int], int]:
        heard = Values()
        async with ble_air_on(monkeypatch) as air:
            cuff = BloodPressureCuff(air.radio, air.tally, sensor_id="cuff", address=CUFF, awake_s=30.0)
            async with cuff.running():
                visiting = asyncio.create_task(visit(heard), name="visits")
                for hour in range(24):
                    cuff.mishaps.drop_after = 1 if hour % 2 else None
                    cuff.mishaps.drops_unconfirmed = hour % 4 == 1
                    await cuff.measure(100 + hour, 70)
                    await asyncio.sleep(HOUR_S)
                visiting.cancel()
                await asyncio.gather(visiting, return_exceptions=True)
                assert cuff.pending == 0
                assert set(air.tally.of("cuff", Quantity.SYSTOLIC).values()) == {1}
        return [value[1] for value in heard.values], cuff.delivery.repeats

    systolics, repeats = run_quickly(main())
    assert sorted(set(systolics)) == [100 + hour for hour in range(24)]
    assert len(systolics) == 24 + repeats
    assert repeats == 6


def test_a_day_of_adverts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        count = 0

        def heard(_device: object, _data: object) -> None:
            nonlocal count
            count += 1

        async with ble_air_on(monkeypatch) as air:
            beacon = Beacon(air.radio, address=ADDRESS, data=bytes.fromhex("0201060316d2fc"), interval_ms=20_000)
            async with beacon.running(), BleakScanner(heard):
                await asyncio.sleep(24 * HOUR_S)
        return count

    assert 4318 <= run_quickly(main()) <= 4321
