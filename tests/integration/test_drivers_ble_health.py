"""Health devices end to end on the simulated air: woken, asked, dated, told apart, never lost, never doubled."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fixtures.ble_radio import BleAir
from fixtures.heard import Heard, supervised
from pydantic import TypeAdapter

from drivers import AnyDriver
from drivers.ble import health, rest
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState
from simulators.ble.blood_pressure import BloodPressureCuff, Status
from simulators.ble.cgm import GlucoseSensor
from simulators.ble.cgm import Reading as CgmReading
from simulators.ble.clock import DeviceClock
from simulators.ble.glucose_meter import Context, GlucoseMeter
from simulators.ble.heart_rate import HeartRateStrap
from simulators.ble.peripheral import Peripheral
from simulators.ble.thermometer import Thermometer
from simulators.ble.weight_scale import Body, WeightScale

ADDRESS = "C0:FF:EE:00:04:01"
OUTFIT: dict[str, Any] = {"sensor_id": "it", "address": ADDRESS, "advertising_interval_ms": 50}
LINK_WORDS = frozenset({Quantity.BATTERY, Quantity.SIGNAL_STRENGTH})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(health, "IDLE_S", 0.5)
    monkeypatch.setattr(rest, "REST_S", 0.0)


class Home:
    """A gateway's side of one device: what was heard, and what was noted, over restarts of the gateway."""

    def __init__(self, **written: object) -> None:
        self._written = {"id": "it", "address": ADDRESS, **written}
        self.notes: dict[str, str] = {}
        self.heard: list[Reading] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Heard]:
        links = Links(notes={"it": self.notes}, resident_id="wang")
        config: Any = TypeAdapter[Any](AnyDriver).validate_python(self._written)
        async with supervised(config.build(links), *links.radios.values()) as (told, _):
            await told.until_state(SensorState.UP)
            yield told
        for one in told.said:
            if isinstance(one, Measurement):
                self.notes.update({note.name: note.text for note in one.notes})
        self.heard += readings(told)


def readings(heard: Heard) -> list[Reading]:
    """What was measured."""
    found: list[Reading] = []
    for one in heard.said:
        found += [one] if isinstance(one, Reading) else [*one.readings] if isinstance(one, Measurement) else []
    return [reading for reading in found if reading.quantity not in LINK_WORDS]


def values(heard: list[Reading], quantity: Quantity) -> list[float]:
    return [reading.value for reading in heard if reading.quantity is quantity]


def counts(device_tally: Mapping[tuple[str, str, float], int]) -> dict[tuple[str, float], int]:
    """What reached a listener, of what is measured."""
    return {
        (quantity, value): count
        for (_, quantity, value), count in device_tally.items()
        if quantity not in LINK_WORDS and quantity is not Quantity.CUFF_PRESSURE
    }


def counted(heard: list[Reading]) -> dict[tuple[str, float], int]:
    found: dict[tuple[str, float], int] = {}
    for reading in heard:
        key = (reading.quantity, reading.value)
        found[key] = found.get(key, 0) + 1
    return found


@asynccontextmanager
async def switched_on(device: Peripheral) -> AsyncIterator[None]:
    async with device.running():
        yield


async def test_a_cuff_is_read_when_it_wakes_with_its_flags(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, awake_s=1.0, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    async with switched_on(cuff), home.running() as told:
        await cuff.measure(151, 92, mean=112, pulse=81, status=Status.IRREGULAR_PULSE)
        await told.until(lambda: len(readings(told)) >= 5)
        await cuff.measure(118, 76, mean=90, pulse=64, status=Status.CUFF_TOO_LOOSE)
        await told.until(lambda: len(readings(told)) >= 10)
    first, second = home.heard[:5], home.heard[5:]
    assert values(first, Quantity.SYSTOLIC) == [151]
    assert values(first, Quantity.IRREGULAR_PULSE) == [1]
    assert {reading.quality for reading in first} == {Quality.GOOD}
    assert {reading.quality for reading in second} == {Quality.QUESTIONABLE}
    assert counted(home.heard) == counts(ble_air.tally.counts())
    assert not any(reading.is_late for reading in home.heard)


async def test_what_a_cuff_kept_comes_with_its_own_time_and_once_over_restarts(ble_air: BleAir) -> None:
    clock = DeviceClock()
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, clock=clock, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    began = datetime.now(UTC)
    async with switched_on(cuff):
        for hours, systolic in ((26, 141), (3, 142), (0, 143)):
            clock.set(datetime.now(UTC).astimezone().replace(tzinfo=None) - timedelta(hours=hours))
            await cuff.measure(systolic, 80)
        async with home.running() as told:
            await told.until(lambda: len(values(readings(told), Quantity.SYSTOLIC)) == 3)
        cuff.mishaps.lost_confirmations = 2
        await cuff.measure(144, 80)  # it will be sent again: its confirmation gets lost
        async with home.running() as told:
            await told.until(lambda: values(readings(told), Quantity.SYSTOLIC) == [144])
            await asyncio.sleep(0.5)
        async with home.running():
            await asyncio.sleep(0.5)
    assert values(home.heard, Quantity.SYSTOLIC) == [141, 142, 143, 144]
    systolic = [reading for reading in home.heard if reading.quantity is Quantity.SYSTOLIC]
    assert [reading.is_late for reading in systolic] == [True, True, False, False]
    for reading, hours in zip(systolic, (26, 3, 0), strict=False):
        assert abs(began - timedelta(hours=hours) - reading.at) < timedelta(seconds=30)


@pytest.mark.parametrize("wrong", [timedelta(days=-2400), timedelta(hours=5)])
async def test_a_wrong_clock_is_set_and_its_stamps_are_corrected(ble_air: BleAir, wrong: timedelta) -> None:
    local = datetime.now(UTC).astimezone().replace(tzinfo=None)
    clock = DeviceClock(at=local + wrong)
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, clock=clock, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    async with switched_on(cuff):
        await cuff.measure(141, 80)
        async with home.running() as told:
            await told.until(lambda: readings(told))
    (reading,) = [reading for reading in home.heard if reading.quantity is Quantity.SYSTOLIC]
    assert abs(datetime.now(UTC) - reading.at) < timedelta(minutes=1)
    assert reading.quality is Quality.GOOD
    assert clock.writes
    assert abs((clock.now() or local) - datetime.now(UTC).astimezone().replace(tzinfo=None)) < timedelta(seconds=5)


async def test_a_clock_that_was_never_set_makes_old_values_doubtful_and_is_set(ble_air: BleAir) -> None:
    clock = DeviceClock(is_set=False)
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, clock=clock, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    async with switched_on(cuff):
        await cuff.measure(141, 80)
        async with home.running() as told:
            await told.until(lambda: readings(told))
            await cuff.measure(142, 80)
            await told.until(lambda: values(readings(told), Quantity.SYSTOLIC) == [141, 142])
    quality = {reading.value: reading.quality for reading in home.heard if reading.quantity is Quantity.SYSTOLIC}
    assert quality == {141: Quality.QUESTIONABLE, 142: Quality.GOOD}
    assert clock.is_set


async def test_two_people_and_a_guest_at_one_cuff(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp", users={1: "wang", 2: "li"})
    async with switched_on(cuff), home.running() as told:
        for user, systolic in ((1, 131), (2, 132), (3, 133), (None, 134)):
            await cuff.measure(systolic, 80, user=user)
        await told.until(lambda: len(values(readings(told), Quantity.SYSTOLIC)) == 4)
    whose = {reading.value: reading.resident_id for reading in home.heard if reading.quantity is Quantity.SYSTOLIC}
    assert whose == {131: "", 132: "li", 133: "guest", 134: "guest"}


async def test_a_cuff_that_goes_to_sleep_in_the_middle_loses_nothing(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    async with switched_on(cuff):
        for systolic in range(120, 130):
            await cuff.measure(systolic, 80)
        cuff.mishaps.drop_after = 3
        async with home.running() as told:
            await told.until(lambda: len(values(readings(told), Quantity.SYSTOLIC)) >= 10)
            assert told.states == [SensorState.UP]  # going to sleep is no fault
    assert values(home.heard, Quantity.SYSTOLIC) == [float(systolic) for systolic in range(120, 130)]


async def test_a_garbled_measurement_is_counted_and_the_next_is_heard(ble_air: BleAir) -> None:
    cuff = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT)
    home = Home(kind="blood_pressure_monitor_blp")
    async with switched_on(cuff), home.running() as told:
        cuff.mishaps.misshapen.append(lambda value: value[:-1])
        await cuff.measure(120, 80)
        await cuff.measure(121, 80)
        await told.until(lambda: 121 in values(readings(told), Quantity.SYSTOLIC))


async def test_a_meter_tells_only_what_is_new_with_what_was_eaten(ble_air: BleAir) -> None:
    meter = GlucoseMeter(ble_air.radio, ble_air.tally, is_guarded=False, **OUTFIT)
    home = Home(kind="glucose_meter_gls")
    async with switched_on(meter):
        for glucose in (5.1, 5.2):
            await meter.measure(glucose)
        await meter.measure(7.9, context=Context(carbohydrate_g=60))
        async with home.running() as told:
            await told.until(lambda: len(readings(told)) >= 4)
        await meter.measure(6.4)
        async with home.running() as told:
            await told.until(lambda: values(readings(told), Quantity.GLUCOSE) == [6.4])
            await asyncio.sleep(0.5)
    assert values(home.heard, Quantity.GLUCOSE) == [5.1, 5.2, 7.9, 6.4]
    assert values(home.heard, Quantity.CARBOHYDRATE) == [60]
    assert meter.deleted == 0


async def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(ble_air: BleAir) -> None:
    meter = GlucoseMeter(ble_air.radio, ble_air.tally, is_guarded=False, **OUTFIT)
    home = Home(kind="glucose_meter_gls")
    wanted = [round(4 + number / 10, 1) for number in range(30)]
    async with switched_on(meter):
        for glucose in wanted:
            await meter.measure(glucose)
        meter.mishaps.drop_after = 11
        async with home.running() as told:
            await told.until(lambda: len(readings(told)) >= 30)
    assert values(home.heard, Quantity.GLUCOSE) == wanted


@pytest.mark.parametrize("earlier", [0, 2])
async def test_what_was_eaten_is_not_lost_with_the_link_after_its_measurement(ble_air: BleAir, earlier: int) -> None:
    meter = GlucoseMeter(ble_air.radio, ble_air.tally, is_guarded=False, **OUTFIT)
    home = Home(kind="glucose_meter_gls")
    async with switched_on(meter):
        for number in range(earlier):
            await meter.measure(5.0 + number)
        await meter.measure(7.9, context=Context(carbohydrate_g=60))
        await meter.measure(8.4)
        meter.mishaps.drop_after = earlier + 1
        async with home.running() as told:
            await told.until(lambda: len(readings(told)) >= earlier + 3)
    assert values(home.heard, Quantity.GLUCOSE) == [*(5.0 + number for number in range(earlier)), 7.9, 8.4]
    assert values(home.heard, Quantity.CARBOHYDRATE) == [60]


async def test_a_meter_that_was_emptied_and_counts_from_the_beginning_is_heard(ble_air: BleAir) -> None:
    home = Home(kind="glucose_meter_gls")
    meter = GlucoseMeter(ble_air.radio, ble_air.tally, is_guarded=False, first_sequence=500, **OUTFIT)
    async with switched_on(meter):
        for glucose in (5.5, 6.6):
            await meter.measure(glucose)
            async with home.running() as told:
                await told.until(lambda: readings(told))
            meter.delete(meter.keys())
            meter._next = 1
    assert values(home.heard, Quantity.GLUCOSE) == [5.5, 6.6]


async def test_a_meter_that_is_not_paired_is_told_with_what_to_do(ble_air: BleAir) -> None:
    meter = GlucoseMeter(ble_air.radio, ble_air.tally, **OUTFIT)
    home = Home(kind="glucose_meter_gls")
    async with switched_on(meter):
        await meter.measure(5.5)
        async with home.running() as told:
            await told.until_state(SensorState.DOWN)
            assert "shouwang gateway pair" in told.reason


async def test_a_strap_says_rate_and_intervals_and_a_lost_contact_is_doubtful(ble_air: BleAir) -> None:
    strap = HeartRateStrap(ble_air.radio, ble_air.tally, **OUTFIT)
    home = Home(kind="heart_rate_monitor_hrs")
    async with switched_on(strap), home.running() as told, asyncio.timeout(20):
        await strap.wait_for_listener()
        strap.feel(72, intervals_ms=[1000.0, 500.0])
        await told.until(lambda: values(readings(told), Quantity.RR_INTERVAL)[-2:] == [1000, 500])
        strap.feel(71, is_on=False)
        await told.until(lambda: any(reading.quality is Quality.QUESTIONABLE for reading in readings(told)))


async def test_a_thermometer_is_read_when_it_has_measured(ble_air: BleAir) -> None:
    thermometer = Thermometer(ble_air.radio, ble_air.tally, awake_s=1.0, **OUTFIT)
    home = Home(kind="thermometer_hts")
    async with switched_on(thermometer), home.running() as told:
        await thermometer.measure(38.4)
        await told.until(lambda: values(readings(told), Quantity.BODY_TEMPERATURE) == [38.4])


@pytest.mark.parametrize("splits", [False, True])
async def test_a_scale_tells_each_persons_weighing_after_consent(ble_air: BleAir, tmp_path: Path, splits: bool) -> None:
    scale = WeightScale(
        ble_air.radio, ble_air.tally, users={1: 4711, 2: 815}, splits_composition=splits, awake_s=2.0, **OUTFIT
    )
    consents = tmp_path / "consents"
    consents.write_text("1 4711\n2 815\n")
    home = Home(kind="weight_scale_wss", users={1: "wang", 2: "li"}, consent_file=consents)
    async with switched_on(scale), home.running() as told:
        await scale.weigh(72.5, user=1, body=Body(fat=24.0, impedance=512.0))
        await told.until(lambda: values(readings(told), Quantity.BODY_FAT) == [24])
        await scale.weigh(60.2, user=2)
        await told.until(lambda: 60.2 in values(readings(told), Quantity.WEIGHT))
    whose = {reading.value: reading.resident_id for reading in home.heard if reading.quantity is Quantity.WEIGHT}
    assert whose == {72.5: "", 60.2: "li"}
    assert values(home.heard, Quantity.IMPEDANCE) == [512]


@pytest.mark.parametrize("has_crc", [False, True])
async def test_a_glucose_sensor_tells_what_was_missed_at_its_own_minute(ble_air: BleAir, has_crc: bool) -> None:
    sensor = GlucoseSensor(
        ble_air.radio, ble_air.tally, has_crc=has_crc, packs=2, speaks=False, is_guarded=False, **OUTFIT
    )
    home = Home(kind="glucose_sensor_cgms")
    async with switched_on(sensor):
        sensor.begin_session(ago=timedelta(minutes=30))
        for minute in (0, 5, 10):
            await sensor.measure(CgmReading(glucose=90.0 + minute), offset=minute)
        async with home.running() as told:
            await told.until(lambda: len(values(readings(told), Quantity.INTERSTITIAL_GLUCOSE)) == 3)
            await sensor.measure(CgmReading(glucose=120.0), offset=30)
            await told.until(lambda: len(values(readings(told), Quantity.INTERSTITIAL_GLUCOSE)) == 4)
        await sensor.until(lambda: not sensor.is_connected)
        await sensor.measure(CgmReading(glucose=130.0), offset=35)
        async with home.running() as told:
            await told.until(lambda: values(readings(told), Quantity.INTERSTITIAL_GLUCOSE))
    glucose = [reading for reading in home.heard if reading.quantity is Quantity.INTERSTITIAL_GLUCOSE]
    assert [round(reading.value * 18.016) for reading in glucose] == [90, 95, 100, 120, 130]
    assert [reading.is_late for reading in glucose[:3]] == [True, True, True]
    assert abs(glucose[1].at - glucose[0].at - timedelta(minutes=5)) < timedelta(seconds=5)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("wrong", [timedelta(hours=-5), timedelta(hours=5)])
async def test_what_a_glucose_sensor_measures_now_is_of_now_however_wrong_its_session_began(
    ble_air: BleAir, wrong: timedelta, is_restarted: bool
) -> None:
    """The clock is set at the first visit, the start of the session is not; what is late is judged by no rule."""
    local = datetime.now(UTC).astimezone().replace(tzinfo=None)
    clock = DeviceClock(at=local + wrong)
    sensor = GlucoseSensor(ble_air.radio, ble_air.tally, clock=clock, speaks=False, is_guarded=False, **OUTFIT)
    home = Home(kind="glucose_sensor_cgms")
    async with switched_on(sensor):
        sensor.begin_session(ago=timedelta(hours=2))
        async with home.running() as told:
            await sensor.measure(CgmReading(glucose=90.0), offset=119)
            await told.until(lambda: readings(told))
            if not is_restarted:
                await sensor.drop()
                await told.until_state(SensorState.DOWN)
                await told.until_state(SensorState.UP)
                await told_live(sensor, told, 2)
        if is_restarted:  # nobody knows of its clock any more: the second tells that it speaks of now
            async with home.running() as told:
                await told_live(sensor, told, 1)
                await sensor.measure(CgmReading(glucose=101.0), offset=120)
                await told.until(lambda: len(values(readings(told), Quantity.INTERSTITIAL_GLUCOSE)) == 2)
    found = [reading for reading in home.heard if reading.quantity is Quantity.INTERSTITIAL_GLUCOSE]
    assert (found[-1].is_late, found[-1].quality) == (False, Quality.GOOD)


async def told_live(sensor: GlucoseSensor, told: Heard, count: int) -> None:
    """What is measured when all that was asked for has been told."""
    async with asyncio.timeout(20):
        await sensor.wait_for_listener()
        while sensor.access.orders[-1:] != [b"\x01\x06"] or sensor.access.is_busy:  # its last record, if none is new
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    await sensor.measure(CgmReading(glucose=100.0), offset=120)
    await told.until(lambda: len(values(readings(told), Quantity.INTERSTITIAL_GLUCOSE)) == count)
