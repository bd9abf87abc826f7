"""Cuff, thermometer, strap and meter through bleak: literal frames from the services' documents, memories, faults."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError
from fixtures.ble_client import WAIT_S, Values, dbus_client, find, full, pairing_agent, until
from fixtures.ble_radio import ADDRESS, ADVERTISING_MS, BleAir

from shouwang.quantities import Quantity
from simulators.ble.blood_pressure import BloodPressureCuff, Status
from simulators.ble.clock import DeviceClock
from simulators.ble.glucose_meter import Context, Fluid, GlucoseMeter
from simulators.ble.glucose_meter import Status as GlucoseStatus
from simulators.ble.heart_rate import HeartRateStrap, Location
from simulators.ble.numbers import Special
from simulators.ble.thermometer import Site, Thermometer

SENSOR = "sensor"
NIGHT = datetime(2026, 11, 24, 3, 12, 58)  # noqa: DTZ001 - a device's clock has no zone
NIGHT_BYTES = "ea070b18030c3a"
FACTORY = datetime(2000, 1, 1)  # noqa: DTZ001
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
BLOOD_PRESSURE, CUFF, TEMPERATURE = full(0x2A35), full(0x2A36), full(0x2A1C)
HEART_RATE, GLUCOSE, CONTEXT, RACP = full(0x2A37), full(0x2A18), full(0x2A34), full(0x2A52)
DATE_TIME, CURRENT_TIME = full(0x2A08), full(0x2A2B)


class Still(DeviceClock):
    """A clock that stands still, so that stamps can be foretold."""

    def now(self) -> datetime | None:
        return NIGHT if self.is_set else None


def outfit(air: BleAir) -> dict:
    return {
        "radio": air.radio,
        "tally": air.tally,
        "sensor_id": SENSOR,
        "address": ADDRESS,
        "advertising_interval_ms": ADVERTISING_MS,
    }


def tallied(air: BleAir) -> dict[Quantity, Counter[float]]:
    quantities = {quantity for _, quantity, _ in air.tally.counts()} - {Quantity.BATTERY}
    return {quantity: air.tally.of(SENSOR, quantity) for quantity in quantities}


# ---- blood pressure ----


async def test_a_cuff_offers_what_the_service_asks_for(ble_air: BleAir) -> None:
    async with BloodPressureCuff(**outfit(ble_air)).running(), BleakClient(await find(ADDRESS)) as client:
        assert await client.read_gatt_char(full(0x2A49)) == bytes.fromhex("3700")
        assert await client.read_gatt_char(full(0x2A24)) == b"SIM-BPM"
        assert await client.read_gatt_char(full(0x2A19)) == b"\x50"
        with pytest.raises(BleakGATTProtocolError, match="READ_NOT_PERMITTED"):
            await client.read_gatt_char(BLOOD_PRESSURE)


async def test_measurements_of_before_the_visit_come_in_order_and_are_then_forgotten(ble_air: BleAir) -> None:
    async with BloodPressureCuff(**outfit(ble_air), clock=Still()).running() as cuff:
        await cuff.measure(120, 80, mean=93, pulse=72, user=1, status=Status(0))
        await cuff.measure(151, 92, status=Status.IRREGULAR_PULSE | Status.BODY_MOVEMENT)
        await cuff.measure(Special.NAN, Special.NAN, status=Status.CUFF_TOO_LOOSE)
        heard = Values()
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(BLOOD_PRESSURE, heard)
            await heard.until(3)
            await cuff.wait_until_empty()
    assert heard.values == [
        bytes.fromhex(f"1e 7800 5000 5d00 {NIGHT_BYTES} 4800 01 0000"),
        bytes.fromhex(f"12 9700 5c00 ff07 {NIGHT_BYTES} 0500"),
        bytes.fromhex(f"12 ff07 ff07 ff07 {NIGHT_BYTES} 0200"),
    ]
    assert (cuff.confirmed, cuff.lost, cuff.delivery.repeats) == (3, 0, 0)
    assert tallied(ble_air) == {
        Quantity.SYSTOLIC: Counter({120: 1, 151: 1}),
        Quantity.DIASTOLIC: Counter({80: 1, 92: 1}),
        Quantity.MEAN_ARTERIAL_PRESSURE: Counter({93: 1}),
        Quantity.HEART_RATE: Counter({72: 1}),
        Quantity.IRREGULAR_PULSE: Counter({0: 1, 1: 1}),
    }


async def test_kilopascals_and_a_cuff_without_stamps(ble_air: BleAir) -> None:
    heard = Values()
    cuff = BloodPressureCuff(**outfit(ble_air), is_in_kpa=True, has_stamps=False)
    async with cuff.running(), BleakClient(await find(ADDRESS)) as client:
        await client.start_notify(BLOOD_PRESSURE, heard)
        await cuff.measure(16.0, 10.7)
        await heard.until(1)
    assert heard.values == [bytes.fromhex("01 1000 6bf0 ff07")]
    assert tallied(ble_air)[Quantity.SYSTOLIC] == Counter({120.009852: 1})


async def test_the_pressure_in_the_cuff_is_notified_and_never_kept(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air), has_stamps=False).running() as cuff:
        assert not await cuff.inflate(30)
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(CUFF, heard)
            await cuff.inflate(112)
            await heard.until(1)
    assert heard.values == [bytes.fromhex("00 7000 ff07 ff07")]


async def test_a_drop_amid_the_memory_loses_and_doubles_nothing(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air)).running() as cuff:
        for systolic in range(101, 107):
            await cuff.measure(systolic, 70)
        for drop_after in (2, 1, None):
            cuff.mishaps.drop_after = drop_after
            async with BleakClient(await find(ADDRESS)) as client:
                with suppress(BleakError):  # it may hang up before BlueZ answers
                    await client.start_notify(BLOOD_PRESSURE, heard)
                if drop_after is None:
                    await cuff.wait_until_empty()
                    await heard.until(6)
                else:
                    await until(lambda linked=client: not linked.is_connected)
    assert [value[1] for value in heard.values] == [101, 102, 103, 104, 105, 106]
    assert cuff.delivery.repeats == 0


async def test_what_was_heard_but_not_confirmed_comes_again(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air)).running() as cuff:
        await cuff.measure(131, 80)
        cuff.mishaps.drop_after, cuff.mishaps.drops_unconfirmed = 1, True
        async with BleakClient(await find(ADDRESS)) as client:
            with suppress(BleakError):  # it hangs up before BlueZ answers
                await client.start_notify(BLOOD_PRESSURE, heard)
            await until(lambda: not client.is_connected)
        assert cuff.pending == 1
        cuff.mishaps.lost_confirmations = 1
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(BLOOD_PRESSURE, heard)
            await cuff.wait_until_empty()
            await heard.until(3)
    assert heard.values == heard.values[:1] * 3
    assert cuff.delivery.repeats == 2
    assert tallied(ble_air)[Quantity.SYSTOLIC] == Counter({131: 1})  # a gateway that counts right counts one


async def test_a_frame_of_the_wrong_length_goes_out_and_is_not_counted(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air)).running() as cuff, BleakClient(await find(ADDRESS)) as client:
        cuff.mishaps.misshapen.append(lambda value: value[:-3])
        await client.start_notify(BLOOD_PRESSURE, heard)
        await cuff.measure(120, 80)
        await cuff.measure(121, 81)
        await heard.until(2)
    assert [len(value) for value in heard.values] == [11, 14]
    assert tallied(ble_air)[Quantity.SYSTOLIC] == Counter({121: 1})


async def test_a_full_memory_loses_its_oldest_records(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air), capacity=2).running() as cuff:
        for systolic in (101, 102, 103):
            await cuff.measure(systolic, 70)
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(BLOOD_PRESSURE, heard)
            await heard.until(2)
            await cuff.wait_until_empty()
    assert [value[1] for value in heard.values] == [102, 103]
    assert cuff.lost == 1


async def test_a_cuff_sleeps_and_is_awake_for_a_moment_after_a_measurement(ble_air: BleAir) -> None:
    heard = Values()
    async with BloodPressureCuff(**outfit(ble_air), awake_s=0.3).running() as cuff:
        searching = asyncio.create_task(find(ADDRESS))
        await asyncio.sleep(0.1)
        assert not searching.done()
        await cuff.measure(120, 80)
        async with BleakClient(await searching) as client:
            await client.start_notify(BLOOD_PRESSURE, heard)
            await heard.until(1)
            await until(lambda: not client.is_connected)  # it lets go of us
        searching = asyncio.create_task(find(ADDRESS))
        await asyncio.sleep(0.1)
        assert not searching.done()
        await cuff.wake()
        await searching


async def test_strangers_are_dropped_by_a_cuff_that_wants_to_be_paired(ble_air: BleAir) -> None:
    async with BloodPressureCuff(**outfit(ble_air), is_guarded=True).running() as cuff, pairing_agent(ble_air.dbus):
        cuff.patience_with_strangers_s = 0.3
        with suppress(BleakError):  # it may let go before its services were found
            async with BleakClient(await find(ADDRESS)) as client:
                await until(lambda: not client.is_connected)
        await until(lambda: not cuff.is_connected)
        cuff.patience_with_strangers_s = 1.0
        async with BleakClient(await find(ADDRESS), pair=True) as client:
            await asyncio.sleep(1.2)
            assert client.is_connected


async def test_a_bonded_cuff_that_remembers_speaks_before_it_is_asked_and_what_it_says_is_lost(ble_air: BleAir) -> None:
    """bluetoothd confirms an indication that no client has asked for: the trap of remembered subscriptions."""
    async with BloodPressureCuff(**outfit(ble_air), is_guarded=True).running() as cuff:
        cuff.remembers_subscriptions = True
        async with pairing_agent(ble_air.dbus), BleakClient(await find(ADDRESS), pair=True) as client:
            await client.start_notify(BLOOD_PRESSURE, Values())
            await cuff.drop()
            await until(lambda: not client.is_connected)
        await cuff.measure(120, 80)
        heard = Values()
        async with BleakClient(await find(ADDRESS)) as client:
            await cuff.wait_until_empty()
            await client.start_notify(BLOOD_PRESSURE, heard)
    assert heard.values == []
    assert Quantity.SYSTOLIC not in tallied(ble_air)


@pytest.mark.parametrize("asked", ["before the link was lost", "while there is no link"])
async def test_who_is_subscribed_before_the_link_gets_its_first_word(ble_air: BleAir, asked: str) -> None:
    """The same of bluetoothd itself: tests/vm/test_bluez_indications.py."""
    async with (
        BloodPressureCuff(**outfit(ble_air), is_guarded=True).running() as cuff,
        dbus_client(ble_air.dbus) as standing,
    ):
        cuff.remembers_subscriptions = True
        async with pairing_agent(ble_air.dbus), BleakClient(await find(ADDRESS), pair=True) as client:
            path = client.services.get_characteristic(BLOOD_PRESSURE).obj[0]
            await client.start_notify(BLOOD_PRESSURE, Values())
            if asked == "before the link was lost":
                assert (await standing.call(path, CHARACTERISTIC, "StartNotify")).error_name is None
            await cuff.drop()
            await until(lambda: not client.is_connected)
        if asked == "while there is no link":
            assert (await standing.call(path, CHARACTERISTIC, "StartNotify")).error_name is None
        assert (await standing.call(path, CHARACTERISTIC, "StartNotify")).error_name is None  # harmless
        await cuff.measure(120, 80)
        async with BleakClient(await find(ADDRESS)):
            await cuff.wait_until_empty()
        assert bytes(await standing.get(path, CHARACTERISTIC, "Value"))[1] == 120
    assert tallied(ble_air)[Quantity.SYSTOLIC] == Counter({120: 1})


# ---- clocks ----


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_clock_is_read_and_set(ble_air: BleAir, guarded: bool) -> None:
    clock = DeviceClock(at=FACTORY, is_set=False)
    heard = Values()
    cuff = BloodPressureCuff(**outfit(ble_air), clock=clock, is_guarded=guarded)
    async with (
        cuff.running(),
        pairing_agent(ble_air.dbus),
        BleakClient(await find(ADDRESS), pair=guarded) as client,
    ):
        assert await client.read_gatt_char(CURRENT_TIME) == bytes(10)
        await client.start_notify(BLOOD_PRESSURE, heard)
        await cuff.measure(120, 80)
        assert (await heard.until(1))[0][7:14] == bytes(7)
        await client.write_gatt_char(CURRENT_TIME, bytes.fromhex(NIGHT_BYTES + "020001"), response=True)
        assert clock.now() - NIGHT < timedelta(minutes=1)
        now = await client.read_gatt_char(CURRENT_TIME)
        assert now[:6] == bytes.fromhex(NIGHT_BYTES)[:6]
        assert now[7] == 2  # a Tuesday
        await client.write_gatt_char(DATE_TIME, bytes.fromhex("d0070101000000"), response=True)
        assert (await client.read_gatt_char(DATE_TIME))[:4] == bytes.fromhex("d0070101")
        for wrong in ("ea070d18030c3a", "ea07"):
            with pytest.raises(BleakError, match="0x80"):
                await client.write_gatt_char(DATE_TIME, bytes.fromhex(wrong), response=True)
    assert clock.writes == [
        bytes.fromhex(NIGHT_BYTES + "020001"),
        bytes.fromhex("d0070101000000"),
        bytes.fromhex("ea070d18030c3a"),
        bytes.fromhex("ea07"),
    ]


# ---- thermometer ----


async def test_temperatures(ble_air: BleAir) -> None:
    thermometer = Thermometer(**outfit(ble_air), clock=Still(), site=Site.TYMPANUM)
    heard = Values()
    async with thermometer.running():
        await thermometer.measure(36.4)
        await thermometer.measure(38.0, names_site=True)
        await thermometer.measure(Special.NRES)
        async with BleakClient(await find(ADDRESS)) as client:
            assert await client.read_gatt_char(full(0x2A1D)) == b"\x09"
            await client.start_notify(full(0x2A1E), heard)
            await thermometer.rise(31.2)
            await client.start_notify(TEMPERATURE, heard)
            await thermometer.wait_until_empty()
            await heard.until(4)
    assert heard.values == [
        bytes.fromhex(f"02 380100ff {NIGHT_BYTES}"),
        bytes.fromhex(f"02 6c0100ff {NIGHT_BYTES}"),
        bytes.fromhex(f"06 7c0100ff {NIGHT_BYTES} 09"),
        bytes.fromhex(f"02 00008000 {NIGHT_BYTES}"),
    ]
    assert tallied(ble_air) == {Quantity.BODY_TEMPERATURE: Counter({31.2: 1, 36.4: 1, 38.0: 1})}


async def test_a_thermometer_in_fahrenheit(ble_air: BleAir) -> None:
    heard = Values()
    thermometer = Thermometer(**outfit(ble_air), has_stamps=False, is_in_fahrenheit=True)
    async with thermometer.running(), BleakClient(await find(ADDRESS)) as client:
        await client.start_notify(TEMPERATURE, heard)
        await thermometer.measure(98.6)
        await heard.until(1)
    assert heard.values == [bytes.fromhex("01 da0300ff")]
    assert tallied(ble_air) == {Quantity.BODY_TEMPERATURE: Counter({37.0: 1})}


# ---- heart rate ----


async def test_a_strap_says_what_it_feels(ble_air: BleAir) -> None:
    heard = Values()
    strap = HeartRateStrap(**outfit(ble_air), speaks=False, location=Location.WRIST)
    async with strap.running(), BleakClient(await find(ADDRESS)) as client:
        assert await client.read_gatt_char(full(0x2A38)) == b"\x02"
        await client.start_notify(HEART_RATE, heard)
        await strap.say(72, intervals_ms=[1000, 750])
        strap.energy_kj = 300
        await strap.say(48, is_on=False)
        await strap.say(300)
        await strap.say(0)
        await heard.until(4)
        await client.write_gatt_char(full(0x2A39), b"\x01", response=True)
        assert strap.energy_kj == 0
        with pytest.raises(BleakError, match="0x80"):
            await client.write_gatt_char(full(0x2A39), b"\x02", response=True)
    assert heard.values == [
        bytes.fromhex("16 48 0004 0003"),
        bytes.fromhex("04 30"),
        bytes.fromhex("07 2c01"),
        bytes.fromhex("06 00"),
    ]
    assert tallied(ble_air) == {
        Quantity.HEART_RATE: Counter({72: 1, 48: 1, 300: 1}),
        Quantity.RR_INTERVAL: Counter({1000: 1, 750: 1}),
    }


async def test_energy_comes_with_every_tenth_measurement(ble_air: BleAir) -> None:
    heard = Values()
    strap = HeartRateStrap(**outfit(ble_air), interval_s=0.005, tells_contact=False)
    strap.energy_kj = 300
    async with strap.running(), BleakClient(await find(ADDRESS)) as client:
        strap.feel(64)
        await client.start_notify(HEART_RATE, heard)
        await heard.until(21)
    assert {bytes.fromhex("08 40 2c01"), bytes.fromhex("00 40")} == set(heard.values)
    assert heard.values.count(bytes.fromhex("08402c01")) in (2, 3)


# ---- glucose ----


class Meter:
    """A conversation with a paired meter."""

    def __init__(self, client: BleakClient) -> None:
        self.client = client
        self.measurements, self.contexts, self.answers = Values(), Values(), Values()

    async def listen(self) -> None:
        await self.client.start_notify(GLUCOSE, self.measurements)
        await self.client.start_notify(CONTEXT, self.contexts)
        await self.client.start_notify(RACP, self.answers)

    async def ask(self, order: str) -> str:
        count = len(self.answers.values)
        await self.client.write_gatt_char(RACP, bytes.fromhex(order), response=True)
        return (await self.answers.until(count + 1))[count].hex()


async def test_a_meter_wants_to_be_paired(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air)).running(), BleakClient(await find(ADDRESS)) as client:
        assert await client.read_gatt_char(full(0x2A51)) == bytes.fromhex("0104")
        with pytest.raises(BleakDBusError, match="Not paired"):
            await client.write_gatt_char(RACP, b"\x01\x01", response=True)


async def test_records_are_asked_for_reported_and_stay(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air), clock=Still(), first_sequence=7).running() as meter:
        await meter.measure(5.6, status=GlucoseStatus(0))
        await meter.measure(12.3, offset_min=-60, context=Context(carbohydrate_g=45, meal=2, hba1c=6.5))
        await meter.measure(Special.PLUS_INFINITY, status=GlucoseStatus.RESULT_TOO_HIGH | GlucoseStatus.BATTERY_LOW)
        await meter.measure(6.1, fluid=Fluid.CONTROL_SOLUTION, location=4)
        async with (
            pairing_agent(ble_air.dbus),
            BleakClient(await find(ADDRESS), pair=True) as client,
        ):
            talk = Meter(client)
            with pytest.raises(BleakError, match="Improperly Configured"):
                await client.write_gatt_char(RACP, b"\x01\x01", response=True)
            await talk.listen()
            assert await talk.ask("0101") == "06000101"
            assert await talk.ask("010301" + "0900") == "06000101"
    first = [
        bytes.fromhex(f"0e 0700 {NIGHT_BYTES} 38c0 11 0000"),
        bytes.fromhex(f"17 0800 {NIGHT_BYTES} c4ff 7bc0 11"),
        bytes.fromhex(f"0e 0900 {NIGHT_BYTES} fe07 11 2100"),
        bytes.fromhex(f"06 0a00 {NIGHT_BYTES} 3dc0 4a"),
    ]
    assert talk.measurements.values == first + first[2:]
    assert talk.contexts.values == [bytes.fromhex("43 0800 01 2dd0 02 41f0")]
    assert meter.delivery.repeats == 2
    assert tallied(ble_air) == {
        Quantity.GLUCOSE: Counter({5.6: 1, 12.3: 1}),
        Quantity.BATTERY_LOW: Counter({0: 1, 1: 1}),
        Quantity.CARBOHYDRATE: Counter({45: 1}),
        Quantity.HBA1C: Counter({6.5: 1}),
    }
    assert meter.deleted == 0


async def test_a_meter_in_milligrams(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air), clock=Still(), is_in_moles=False, is_guarded=False).running() as meter:
        await meter.measure(126)
        async with BleakClient(await find(ADDRESS)) as client:
            talk = Meter(client)
            await talk.listen()
            assert await talk.ask("0101") == "06000101"
    assert talk.measurements.values == [bytes.fromhex(f"02 0100 {NIGHT_BYTES} 7eb0 11")]
    assert tallied(ble_air) == {Quantity.GLUCOSE: Counter({6.993783: 1})}


@pytest.mark.parametrize(
    ("order", "answer", "keys"),
    [
        ("0401", "05000500", []),  # how many
        ("040301 0400", "05000200", []),
        ("040301 0900", "05000000", []),
        ("0102 01 0200", "06000101", [1, 2]),
        ("0103 01 0400", "06000101", [4, 5]),
        ("0104 01 0200 0300", "06000101", [2, 3]),
        ("0105", "06000101", [1]),
        ("0106", "06000101", [5]),
        ("0103 01 0900", "06000106", []),  # no records
        ("0300", "06000301", []),  # nothing to abort is a success
        ("0301", "06000303", []),
        ("0701", "06000702", []),  # unknown order
        ("0100", "06000103", []),  # no operator
        ("0107", "06000104", []),
        ("0103 02 0400", "06000109", []),  # by time: not here
        ("0104 01 0300 0200", "06000105", []),
        ("0103 01 04", "06000105", []),
        ("0103", "06000105", []),
        ("0101 01", "06000105", []),
        ("0201", "06000201", []),  # delete all
    ],
)
async def test_the_control_point_answers_as_the_service_says(
    ble_air: BleAir, order: str, answer: str, keys: list[int]
) -> None:
    async with GlucoseMeter(**outfit(ble_air), is_guarded=False).running() as meter:
        for _ in range(5):
            await meter.measure(5.5)
        async with BleakClient(await find(ADDRESS)) as client:
            talk = Meter(client)
            await talk.listen()
            assert await talk.ask(order) == answer
    assert [int.from_bytes(value[1:3], "little") for value in talk.measurements.values] == keys
    assert meter.deleted == (5 if order == "0201" else 0)


async def test_a_report_can_be_aborted_and_is_refused_while_another_runs(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air), is_guarded=False).running() as meter:
        meter.gap_s = 30.0
        for _ in range(3):
            await meter.measure(5.5)
        async with BleakClient(await find(ADDRESS)) as client:
            talk = Meter(client)
            await talk.listen()
            await client.write_gatt_char(RACP, b"\x01\x01", response=True)
            await talk.measurements.until(1)
            with pytest.raises(BleakError, match="Already in Progress"):
                await client.write_gatt_char(RACP, b"\x01\x01", response=True)
            assert await talk.ask("0300") == "06000301"
            meter.gap_s = 0
            assert await talk.ask("0101") == "06000101"


async def test_a_report_that_breaks_off_is_asked_for_again(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air), is_guarded=False).running() as meter:
        for _ in range(4):
            await meter.measure(5.5)
        meter.mishaps.drop_after = 2
        async with BleakClient(await find(ADDRESS)) as client:
            talk = Meter(client)
            await talk.listen()
            await client.write_gatt_char(RACP, b"\x01\x01", response=True)
            await until(lambda: not client.is_connected)
        assert len(talk.measurements.values) == 2
        async with BleakClient(await find(ADDRESS)) as client:
            again = Meter(client)
            await again.listen()
            assert await again.ask("0103 01 0300") == "06000101"
    assert len(again.measurements.values) == 2
    assert tallied(ble_air) == {Quantity.GLUCOSE: Counter({5.5: 4})}


async def test_an_answer_may_never_come(ble_air: BleAir) -> None:
    async with GlucoseMeter(**outfit(ble_air), is_guarded=False).running() as meter:
        await meter.measure(5.5)
        meter.access.stalls = 1
        async with BleakClient(await find(ADDRESS)) as client:
            talk = Meter(client)
            await talk.listen()
            await client.write_gatt_char(RACP, b"\x01\x01", response=True)
            await talk.measurements.until(1)
            await until(lambda: not meter.access.is_busy)
            assert talk.answers.values == []
            async with asyncio.timeout(WAIT_S):
                assert await talk.ask("0101") == "06000101"
