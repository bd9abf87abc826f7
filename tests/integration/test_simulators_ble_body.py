"""Scale and glucose sensor through bleak: literal frames from the services' documents, users, sessions, check sums."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError
from fixtures.ble_client import Values, find, full, pairing_agent, until
from fixtures.ble_radio import ADDRESS, ADVERTISING_MS, BleAir

from shouwang.quantities import Quantity
from simulators.ble.cgm import GlucoseSensor, Reading, Status
from simulators.ble.clock import DeviceClock
from simulators.ble.numbers import Special, crc16
from simulators.ble.weight_scale import Body, WeightScale

SENSOR = "sensor"
NIGHT = datetime(2026, 11, 24, 3, 12, 58)  # noqa: DTZ001 - a device's clock has no zone
NIGHT_BYTES = "ea070b18030c3a"
WEIGHT, COMPOSITION = full(0x2A9D), full(0x2A9C)
USER_CONTROL, USER_INDEX = full(0x2A9F), full(0x2A9A)
CGM, RACP, OPS = full(0x2AA7), full(0x2A52), full(0x2AAC)


class Still(DeviceClock):
    """A clock that stands still, so that stamps can be foretold."""

    def now(self) -> datetime | None:
        return NIGHT


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


# ---- weight and body composition ----

BODY = Body(fat=25.5, metabolism=6500, muscle=38.2, muscle_mass=30.0, water=40.0, impedance=512.5)


async def test_weight_and_body_composition(ble_air: BleAir) -> None:
    weights, bodies = Values(), Values()
    async with WeightScale(**outfit(ble_air), clock=Still()).running() as scale:
        await scale.weigh(70.5, bmi=23.4, height=173.6, body=BODY)
        await scale.weigh(None, body=Body(fat=None))
        async with BleakClient(await find(ADDRESS)) as client:
            assert await client.read_gatt_char(full(0x2A9E)) == bytes.fromhex("07000000")
            assert await client.read_gatt_char(full(0x2A9B)) == bytes.fromhex("ff000000")
            await client.start_notify(COMPOSITION, bodies)
            await client.start_notify(WEIGHT, weights)
            await scale.wait_until_empty()
            await bodies.until(2)
    assert weights.values == [
        bytes.fromhex(f"0a 1437 {NIGHT_BYTES} ea00 c806"),
        bytes.fromhex(f"02 ffff {NIGHT_BYTES}"),
    ]
    assert bodies.values == [
        bytes.fromhex(f"3a03 ff00 {NIGHT_BYTES} 6419 7e01 7017 401f 0514"),
        bytes.fromhex(f"0200 ffff {NIGHT_BYTES}"),
    ]
    assert tallied(ble_air) == {
        Quantity.WEIGHT: Counter({70.5: 1}),
        Quantity.BMI: Counter({23.4: 1}),
        Quantity.HEIGHT: Counter({173.6: 1}),
        Quantity.BODY_FAT: Counter({25.5: 1}),
        Quantity.BASAL_METABOLISM: Counter({6500: 1}),
        Quantity.MUSCLE_SHARE: Counter({38.2: 1}),
        Quantity.MUSCLE_MASS: Counter({30.0: 1}),
        Quantity.BODY_WATER: Counter({40.0: 1}),
        Quantity.IMPEDANCE: Counter({512.5: 1}),
    }


async def test_body_composition_in_two_parts(ble_air: BleAir) -> None:
    bodies = Values()
    scale = WeightScale(**outfit(ble_air), has_stamps=False, splits_composition=True)
    async with scale.running(), BleakClient(await find(ADDRESS)) as client:
        await client.start_notify(COMPOSITION, bodies)
        await client.start_notify(WEIGHT, Values())
        await scale.weigh(70.5, body=BODY)
        await bodies.until(2)
    assert bodies.values == [
        bytes.fromhex("3810 ff00 6419 7e01 7017"),
        bytes.fromhex("0013 ff00 401f 0514"),
    ]
    assert tallied(ble_air)[Quantity.BODY_FAT] == Counter({25.5: 1})


async def test_a_scale_in_pounds(ble_air: BleAir) -> None:
    weights = Values()
    scale = WeightScale(**outfit(ble_air), has_stamps=False, is_imperial=True)
    async with scale.running(), BleakClient(await find(ADDRESS)) as client:
        await client.start_notify(WEIGHT, weights)
        await scale.weigh(155.5, bmi=23.4, height=68.3)
        await weights.until(1)
    assert weights.values == [bytes.fromhex("09 be3c ea00 ab02")]
    assert tallied(ble_air)[Quantity.WEIGHT] == Counter({70.533614: 1})


async def test_a_scale_keeps_each_half_until_the_whole_is_confirmed(ble_air: BleAir) -> None:
    bodies = Values()
    async with WeightScale(**outfit(ble_air), splits_composition=True).running() as scale:
        await scale.weigh(70.5, body=BODY)
        scale.mishaps.drop_after = 1
        async with BleakClient(await find(ADDRESS)) as client:
            with suppress(BleakError):  # it may hang up before BlueZ answers
                await client.start_notify(COMPOSITION, bodies)
            await until(lambda: not client.is_connected)
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(COMPOSITION, bodies)
            await bodies.until(3)
            await until(lambda: scale.pending == 1)  # the weight, which nobody has asked for
    assert bodies.values[0] == bodies.values[1]
    assert scale.delivery.repeats == 1
    assert tallied(ble_air)[Quantity.BODY_FAT] == Counter({25.5: 1})
    assert Quantity.WEIGHT not in tallied(ble_air)


async def test_a_scale_tells_of_people_it_knows_only_with_their_consent(ble_air: BleAir) -> None:
    weights, answers = Values(), Values()
    async with WeightScale(**outfit(ble_air), has_stamps=False, users={1: 4711, 2: 815}).running() as scale:
        await scale.weigh(70.5, user=1)
        await scale.weigh(90.0, user=2)
        await scale.weigh(20.0, user=255)
        async with BleakClient(await find(ADDRESS)) as client:
            with pytest.raises(BleakError, match="Improperly Configured"):
                await client.write_gatt_char(USER_CONTROL, bytes.fromhex("02016712"), response=True)
            await client.start_notify(USER_CONTROL, answers)
            await client.start_notify(WEIGHT, weights)
            await weights.until(1)
            assert await client.read_gatt_char(USER_INDEX) == b"\xff"
            for order in ("02016812", "02096712", "02012727", "0201", "07", "03", "02016712", "03"):
                count = len(answers.values) + 1
                await client.write_gatt_char(USER_CONTROL, bytes.fromhex(order), response=True)
                await answers.until(count)
            await weights.until(2)
    assert [answer.hex() for answer in answers.values] == [
        "200205",  # wrong code
        "200203",  # nobody
        "200203",  # codes go up to 9999
        "200203",  # too short
        "200702",  # unknown order
        "200305",  # nobody has consented to be deleted
        "200201",
        "200301",
    ]
    assert weights.values == [bytes.fromhex("04 a00f ff"), bytes.fromhex("04 1437 01")]
    assert scale.pending == 1
    assert scale.users.codes == {2: 815}


async def test_a_new_person_gets_the_next_free_index_and_consent_ends_with_the_link(ble_air: BleAir) -> None:
    answers = Values()
    async with WeightScale(**outfit(ble_air), users={0: 1}).running() as scale:
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(USER_CONTROL, answers)
            await client.write_gatt_char(USER_CONTROL, bytes.fromhex("01 3930"), response=True)  # 12345: too large
            await answers.until(1)
            await client.write_gatt_char(USER_CONTROL, bytes.fromhex("01 6712"), response=True)
            await answers.until(2)
            await client.write_gatt_char(USER_CONTROL, bytes.fromhex("02 01 6712"), response=True)
            await answers.until(3)
            assert await client.read_gatt_char(USER_INDEX) == b"\x01"
        async with BleakClient(await find(ADDRESS)) as client:
            assert await client.read_gatt_char(USER_INDEX) == b"\xff"
    assert [answer.hex() for answer in answers.values] == ["200103", "20010101", "200201"]
    assert scale.users.codes == {0: 1, 1: 4711}


# ---- glucose under the skin ----


def sensor(air: BleAir, *, has_crc: bool = False, packs: int = 1, is_guarded: bool = False) -> GlucoseSensor:
    return GlucoseSensor(
        **outfit(air), clock=Still(), speaks=False, has_crc=has_crc, packs=packs, is_guarded=is_guarded
    )


async def test_a_glucose_sensor_says_what_it_sees(ble_air: BleAir) -> None:
    heard = Values()
    async with sensor(ble_air).running() as running, BleakClient(await find(ADDRESS)) as client:
        assert await client.read_gatt_char(full(0x2AA8)) == bytes.fromhex("008101 59 ffff")
        assert await client.read_gatt_char(full(0x2AA9)) == bytes.fromhex("0000 000000")
        assert await client.read_gatt_char(full(0x2AAA)) == bytes.fromhex(NIGHT_BYTES + "0000")
        assert await client.read_gatt_char(full(0x2AAB)) == bytes.fromhex("5001")
        await client.start_notify(CGM, heard)
        await running.measure(Reading(glucose=100), offset=5)
        await running.measure(Reading(glucose=65, trend=-1.5, quality=95, status=Status.BELOW_PATIENT_LOW), offset=10)
        await running.measure(Reading(glucose=Special.NAN, status=Status.SENSOR_MALFUNCTION), offset=15)
        await heard.until(3)
    assert heard.values == [
        bytes.fromhex("06 00 6400 0500"),
        bytes.fromhex("0b 23 4100 0a00 01 f1ff 5f00"),
        bytes.fromhex("07 80 ff07 0f00 08"),
    ]
    assert tallied(ble_air) == {
        Quantity.INTERSTITIAL_GLUCOSE: Counter({5.550622: 1, 3.607904: 1}),
        Quantity.GLUCOSE_TREND: Counter({-0.083259: 1}),
        Quantity.BATTERY_LOW: Counter({0: 1}),
    }


async def test_missed_records_are_asked_for_by_time_offset_and_come_packed(ble_air: BleAir) -> None:
    heard, answers = Values(), Values()
    async with sensor(ble_air, packs=2).running() as running:
        for offset in (5, 10, 15):
            await running.measure(Reading(glucose=100 + offset), offset=offset)
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(CGM, heard)
            await client.start_notify(RACP, answers)
            await running.measure(Reading(glucose=120), offset=20)
            await client.write_gatt_char(RACP, bytes.fromhex("0103 01 0a00"), response=True)
            await answers.until(1)
            await heard.until(3)
    assert heard.values == [
        bytes.fromhex("06 00 7800 1400"),
        bytes.fromhex("06 00 6e00 0a00 06 00 7300 0f00"),
        bytes.fromhex("06 00 7800 1400"),
    ]
    assert answers.values == [bytes.fromhex("06000101")]
    assert running.delivery.repeats == 1
    assert sum(tallied(ble_air)[Quantity.INTERSTITIAL_GLUCOSE].values()) == 3


async def test_check_sums_are_in_all_values_and_are_asked_for(ble_air: BleAir) -> None:
    heard, answers = Values(), Values()
    async with sensor(ble_air, has_crc=True).running() as running, BleakClient(await find(ADDRESS)) as client:
        for number in (0x2AA8, 0x2AA9, 0x2AAA, 0x2AAB):
            value = await client.read_gatt_char(full(number))
            assert value[-2:] == crc16(bytes(value[:-2]))
        await client.start_notify(CGM, heard)
        await running.measure(Reading(glucose=100), offset=5)
        await heard.until(1)
        start = bytes.fromhex(NIGHT_BYTES + "0004")
        for wrong, error in ((start, "0x80"), (start + b"\0\0", "0x81")):
            with pytest.raises(BleakError, match=error):
                await client.write_gatt_char(full(0x2AAA), wrong, response=True)
        await client.write_gatt_char(full(0x2AAA), start + crc16(start), response=True)
        await client.start_notify(OPS, answers)
        await client.write_gatt_char(OPS, b"\x02" + crc16(b"\x02"), response=True)
        await answers.until(1)
    assert heard.values == [bytes.fromhex("08 00 6400 0500") + crc16(bytes.fromhex("080064000500"))]
    assert answers.values == [b"\x03\x05" + crc16(b"\x03\x05")]


async def test_a_session_ends_and_begins_by_its_control_point(ble_air: BleAir) -> None:
    answers = Values()
    async with sensor(ble_air).running() as running, BleakClient(await find(ADDRESS)) as client:
        running.begin_session(ago=timedelta(hours=2))
        assert await client.read_gatt_char(full(0x2AA9)) == bytes.fromhex("7800 000000")
        assert await client.read_gatt_char(full(0x2AAA)) == bytes.fromhex("ea070b18010c3a 0000")
        await client.start_notify(OPS, answers)
        for order in ("0101", "02", "1b", "1a", "55"):
            count = len(answers.values) + 1
            await client.write_gatt_char(OPS, bytes.fromhex(order), response=True)
            await answers.until(count)
        assert await client.read_gatt_char(full(0x2AAA)) == bytes.fromhex(NIGHT_BYTES + "0000")
    assert [answer.hex() for answer in answers.values] == ["1c0101", "0301", "1c1b01", "1c1a01", "1c5502"]


async def test_a_glucose_sensor_wants_to_be_paired(ble_air: BleAir) -> None:
    async with sensor(ble_air, is_guarded=True).running():
        async with BleakClient(await find(ADDRESS)) as client:
            with pytest.raises(BleakDBusError, match="Not paired"):
                await client.read_gatt_char(full(0x2AA8))
        async with pairing_agent(ble_air.dbus), BleakClient(await find(ADDRESS), pair=True) as client:
            assert await client.read_gatt_char(full(0x2AAB)) == bytes.fromhex("5001")
