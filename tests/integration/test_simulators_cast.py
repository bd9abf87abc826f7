"""Stories and recordings through every profile, heard by the gateway's own drivers: each reading once, as said."""

import asyncio
import csv
import gzip
import itertools
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fixtures.ble_client import dbus_client, device_path, pairing_agent
from fixtures.ble_radio import close_bleak
from fixtures.heard import Heard, supervised
from fixtures.quick_time import run_quickly
from pydantic import TypeAdapter

from drivers import AnyDriver
from drivers.ble import health
from drivers.ble.device_clock import heed_clock
from drivers.links import Links
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.recording import Recording, read_recording
from shouwang.status import SensorState
from simulators.bedside import Bedside, bedside
from simulators.cast import EVERY_KIND, AnyDevice
from simulators.cast.beacon import BeaconSpec, Family
from simulators.cast.meter import Meter
from simulators.cast.scene import PassingSpec
from simulators.player import play
from simulators.recording import Dates, Played, beginning, needed
from simulators.scenario import Action, parse_scenario

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (apt install dbus)")

LINK_WORDS = frozenset({Quantity.BATTERY, Quantity.SIGNAL_STRENGTH})
Values = Counter[tuple[str, Quantity, float]]


@asynccontextmanager
async def stage(monkeypatch: pytest.MonkeyPatch, *devices: AnyDevice) -> AsyncIterator[Bedside]:
    """A bedside with these devices; the gateway's bus is the simulated one, and its clock goes with the loop's."""
    async with bedside() as beside:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", beside.dbus)
        for device in devices:
            await beside.place(device)
        loop, began = asyncio.get_running_loop(), datetime.now(UTC)
        start = loop.time()

        def now() -> datetime:
            return (began + timedelta(seconds=loop.time() - start)).astimezone()

        monkeypatch.setattr(health, "heed_clock", partial(heed_clock, now=now))
        try:
            yield beside
        finally:
            await close_bleak()


@asynccontextmanager
async def gateway(*entries: dict[str, object]) -> AsyncIterator[list[Heard]]:
    """The drivers of these sensors, supervised."""
    links = Links(resident_id="wang")
    configs: list[Any] = [TypeAdapter[Any](AnyDriver).validate_python(entry) for entry in entries]
    drivers = [config.build(links) for config in configs]
    async with supervised(*drivers, *links.radios.values()) as told:
        yield told[: len(drivers)]


def readings(heard: list[Heard]) -> list[Reading]:
    """What was measured."""
    found: list[Reading] = []
    for one in (said for ear in heard for said in ear.said):
        found += [one] if isinstance(one, Reading) else [*one.readings] if isinstance(one, Measurement) else []
    return [reading for reading in found if reading.quantity not in LINK_WORDS]


def tallied(beside: Bedside) -> Values:
    return Counter({key: count for key, count in beside.tally.counts().items() if key[1] not in LINK_WORDS})


DEVICES = """
devices:
  - {kind: pulse_oximeter_plx, id: oximeter, address: "C0:FF:EE:00:09:01", interval: 20s}
  - {kind: heart_rate_monitor_hrs, id: strap, address: "C0:FF:EE:00:09:02", interval: 20s}
  - {kind: blood_pressure_monitor_blp, id: cuff, address: "C0:FF:EE:00:09:03"}
  - {kind: thermometer_hts, id: ear, address: "C0:FF:EE:00:09:04"}
  - {kind: glucose_meter_gls, id: meter, address: "C0:FF:EE:00:09:05", must_pair: false, awake: 5s}
  - {kind: glucose_sensor_cgms, id: cgm, address: "C0:FF:EE:00:09:06", must_pair: false, speaks: false}
  - {kind: weight_scale_wss, id: scale, address: "C0:FF:EE:00:09:07", users: {1: 4711}}
  - {kind: advert_sensor, id: button, address: "C0:FF:EE:00:09:08", family: bthome}
  - {kind: advert_sensor, id: neighbour, address: "C0:FF:EE:00:09:09", family: ruuvi, interval: 10s}
"""

STORY = (
    """
scenario: everything
lasts: 90m
"""
    + DEVICES
    + """
steps:
  - {at: "00:00", beacon: {of: neighbour, temperature: 19.5}}

  # each device: a measurement, a break in mid-transfer, a garbled value, no number, a resend, a wrong clock, away
  - {at: "01:00", cuff: {systolic: 135, diastolic: 85, heart-rate: 72}}
  - {at: "10:00", fault: {of: cuff, drop: {after: 2, before_confirmation: true}}}
  - {at: "10:00", cuff: {systolic: 141, diastolic: 91}}
  - {at: "10:00", cuff: {systolic: 142, diastolic: 92}}
  - {at: "10:00", cuff: {systolic: 143, diastolic: 93}}
  - {at: "20:00", fault: {of: cuff, wrong_length: -1}}
  - {at: "20:00", cuff: {systolic: 150, diastolic: 90}}
  - {at: "20:10", cuff: {systolic: 151, diastolic: 91}}
  - {at: "30:00", fault: {of: cuff, special: nan}}
  - {at: "30:00", cuff: {systolic: 160, diastolic: 99}}
  - {at: "40:00", fault: {of: cuff, resend: 2}}
  - {at: "40:00", cuff: {systolic: 144, diastolic: 94}}
  - {at: "50:00", fault: {of: cuff, clock: "-5h"}}
  - {at: "50:00", cuff: {systolic: 145, diastolic: 95}}
  - {at: "60:00", fault: {of: cuff, range: away}}
  - {at: "60:00", cuff: {systolic: 146, diastolic: 96}}
  - {at: "70:00", fault: {of: cuff, range: back}}
  - {at: "70:00", cuff: {systolic: 147, diastolic: 97}}

  - {at: "03:00", thermometer: {body-temperature: 38.2}}
  - {at: "12:00", fault: {of: ear, drop: {after: 1}}}
  - {at: "12:00", thermometer: {body-temperature: 38.3}}
  - {at: "22:00", fault: {of: ear, wrong_length: 2}}
  - {at: "22:00", thermometer: {body-temperature: 39.9}}
  - {at: "22:10", thermometer: {body-temperature: 37.9}}
  - {at: "32:00", fault: {of: ear, special: nres}}
  - {at: "32:00", thermometer: {body-temperature: 40.1}}
  - {at: "42:00", fault: {of: ear, resend: 1}}
  - {at: "42:00", thermometer: {body-temperature: 37.7}}
  - {at: "52:00", fault: {of: ear, clock: "-2400d"}}
  - {at: "52:00", thermometer: {body-temperature: 37.5}}
  - {at: "62:00", fault: {of: ear, range: away}}
  - {at: "62:00", thermometer: {body-temperature: 37.3}}
  - {at: "72:00", fault: {of: ear, range: back}}
  - {at: "72:00", thermometer: {body-temperature: 37.1}}

  - {at: "05:00", meter: {glucose: 7.9, carbohydrate: 60}}
  - {at: "14:00", fault: {of: meter, drop: {after: 2}}}
  - {at: "14:00", meter: {glucose: 8.1}}
  - {at: "14:00", meter: {glucose: 8.2}}
  - {at: "14:00", meter: {glucose: 8.3}}
  - {at: "24:00", fault: {of: meter, wrong_length: -4}}
  - {at: "24:00", meter: {glucose: 9.9}}
  - {at: "24:00", meter: {glucose: 6.5}}
  - {at: "34:00", fault: {of: meter, special: plus-infinity}}
  - {at: "34:00", meter: {glucose: 30}}
  - {at: "44:00", fault: {of: meter, resend: 2}}
  - {at: "44:00", meter: {glucose: 6.6}}
  - {at: "44:00", meter: {glucose: 6.7}}
  - {at: "54:00", fault: {of: meter, clock: "+3h"}}
  - {at: "54:00", meter: {glucose: 6.8}}
  - {at: "64:00", fault: {of: meter, range: away}}
  - {at: "64:00", meter: {glucose: 6.9}}
  - {at: "74:00", fault: {of: meter, range: back}}
  - {at: "74:00", meter: {glucose: 5.9}}

  - {at: "07:00", scale: {weight: 72.365, user: 1, body-fat: 24.5, impedance: 512.5}}
  - {at: "16:00", fault: {of: scale, drop: {after: 2, before_confirmation: true}}}
  - {at: "16:00", scale: {weight: 72.4, user: 1, body-fat: 24.4}}
  - {at: "26:00", fault: {of: scale, wrong_length: 1}}
  - {at: "26:00", scale: {weight: 99, user: 1}}
  - {at: "26:10", scale: {weight: 72.5, user: 1}}
  - {at: "36:00", fault: {of: scale, special: reserved}}
  - {at: "36:00", scale: {weight: 101, user: 1}}
  - {at: "46:00", fault: {of: scale, resend: 1}}
  - {at: "46:00", scale: {weight: 72.6, user: 1}}
  - {at: "56:00", fault: {of: scale, clock: lost}}
  - {at: "56:00", scale: {weight: 72.7, user: 1}}
  - {at: "66:00", fault: {of: scale, range: away}}
  - {at: "66:00", scale: {weight: 72.8, user: 1}}
  - {at: "76:00", fault: {of: scale, range: back}}
  - {at: "76:00", scale: {weight: 72.9, user: 1}}

  - {at: "01:00", cgm: {interstitial-glucose: 6.1, glucose-trend: -0.05}}
  - {at: "10:00", fault: {of: cgm, drop: {after: 1}}}
  - {at: "10:00", cgm: {interstitial-glucose: 6.2}}
  - {at: "10:00", fault: {of: cgm, drop: {}}}
  - {at: "11:00", cgm: {interstitial-glucose: 6.3}}
  - {at: "20:00", fault: {of: cgm, wrong_length: -1}}
  - {at: "20:00", cgm: {interstitial-glucose: 9.9}}
  - {at: "30:00", fault: {of: cgm, special: minus-infinity}}
  - {at: "30:00", cgm: {interstitial-glucose: 2.2}}
  - {at: "40:00", fault: {of: cgm, resend: 1}}
  - {at: "40:00", cgm: {interstitial-glucose: 6.4}}
  - {at: "60:00", fault: {of: cgm, range: away}}
  - {at: "61:00", cgm: {interstitial-glucose: 6.5}}
  - {at: "66:00", cgm: {interstitial-glucose: 6.6}}
  - {at: "70:00", fault: {of: cgm, range: back}}
  - {at: "75:00", cgm: {interstitial-glucose: 6.7}}

  - {at: "01:00", strap: {heart-rate: 73, rr-intervals: [812.5, 796.875]}}
  - {at: "10:00", fault: {of: strap, drop: {after: 1}}}
  - {at: "20:00", fault: {of: strap, wrong_length: -1}}
  - {at: "30:00", fault: {of: strap, special: nan}}
  - {at: "60:00", fault: {of: strap, range: away}}
  - {at: "70:00", strap: {heart-rate: 76, contact: lost}}
  - {at: "70:00", fault: {of: strap, range: back}}
  - {at: "71:00", strap: {heart-rate: 77, contact: lost}}

  - {at: "01:00", oximeter: {spo2: 96, heart-rate: 72}}
  - {at: "10:00", fault: {of: oximeter, drop: {}}}
  - {at: "20:00", fault: {of: oximeter, wrong_length: -3}}
  - {at: "30:00", fault: {of: oximeter, special: nan}}
  - {at: "40:00", oximeter: {finger: out}}
  - {at: "41:00", oximeter: {spo2: 95, heart-rate: 70, over: 30s}}
  - {at: "60:00", fault: {of: oximeter, range: away}}
  - {at: "70:00", fault: {of: oximeter, range: back}}

  - {at: "01:05", beacon: {of: button, press: single}}
  - {at: "60:00", fault: {of: button, range: away}}
  - {at: "61:00", beacon: {of: button, press: double}}
  - {at: "70:00", fault: {of: button, range: back}}
  - {at: "71:00", beacon: {of: button, press: long}}
"""
)


LED: dict[tuple[str, Quantity], list[float]] = {
    ("cuff", Quantity.SYSTOLIC): [135, 141, 142, 143, 151, 144, 145, 146, 147],
    ("ear", Quantity.BODY_TEMPERATURE): [38.2, 38.3, 37.9, 37.7, 37.5, 37.3, 37.1],
    ("meter", Quantity.GLUCOSE): [7.9, 8.1, 8.2, 8.3, 6.5, 6.6, 6.7, 6.8, 6.9, 5.9],
    ("scale", Quantity.WEIGHT): [72.365, 72.4, 72.5, 72.6, 72.7, 72.8, 72.9],
    ("cgm", Quantity.INTERSTITIAL_GLUCOSE): [6.1, 6.2, 6.3, 6.4, 6.5, 6.6, 6.7],
}
"""What each device measures that somebody must have heard, once."""
GARBLED = {150, 39.9, 9.9, 99}
"""Went out with a wrong length: lost, or sent again where the link broke before it was confirmed."""


@pytest.mark.slow
def test_a_story_with_every_profile_and_every_fault_gives_each_reading_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    consents = tmp_path / "consents"
    consents.write_text("1 4711\n")

    async def main() -> tuple[list[Reading], Values]:
        story = parse_scenario(STORY, name="everything.yaml")
        async with stage(monkeypatch, *story.devices) as beside:
            entries = [device.sensor() for device in story.devices if device.id != "neighbour"]
            entries[6] |= {"users": {1: "wang"}, "consent_file": str(consents)}
            async with gateway(*entries) as heard:
                await play(story, beside.apply)
                await asyncio.sleep(SETTLE_S)
                return readings(heard), tallied(beside)

    heard, said = run_quickly(main())
    assert not [one for one in heard if one.value in (101, 160, 40.1, 30, 2.2)]  # no number was sent
    counted = Counter((one.sensor_id, one.quantity, one.value) for one in heard)
    presses = {key: counted.pop(key) for key in [*counted] if key[0] == "button"}
    assert presses == {("button", Quantity.BUTTON, 1.0): 1, ("button", Quantity.BUTTON, 4.0): 1}
    assert counted == said
    for (sensor, quantity), wanted in LED.items():
        found = [one.value for one in heard if (one.sensor_id, one.quantity) == (sensor, quantity)]
        clear = sorted(value for value in found if round(value, 1) not in GARBLED)
        assert clear == pytest.approx(sorted(wanted), rel=1 / 400), (sensor, quantity)
        assert len(found) == len(set(found))


def a_day(began: datetime) -> list[str]:
    """A day of somebody who measures at home, as CSV."""
    rows = ["at,quantity,value"]

    def row(minutes: float, quantity: Quantity, value: float) -> None:
        rows.append(f"{(began + timedelta(minutes=minutes)).isoformat()},{quantity},{value}")

    for number in range(24):
        for quantity, value in ((Quantity.SYSTOLIC, 118 + number), (Quantity.DIASTOLIC, 71 + number % 9)):
            row(60 * number + 0.25, quantity, value)
        row(60 * number + 0.25, Quantity.MEAN_ARTERIAL_PRESSURE, 90 + number % 7)
    for number in range(8):
        row(180 * number + 20, Quantity.BODY_TEMPERATURE, 36.2 + number / 10)
        row(180 * number + 31, Quantity.GLUCOSE, 5.1 + number / 10)
        row(180 * number + 31, Quantity.CARBOHYDRATE, 20 + number)
    for number in range(0, 24 * 60, 15):
        row(number, Quantity.INTERSTITIAL_GLUCOSE, 5.6 + number % 70 / 10)
    row(7 * 60, Quantity.WEIGHT, 72.365)
    for number in range(30):
        row(8 * 60 + number, Quantity.SPO2, 91 + number % 7)
        row(8 * 60 + number, Quantity.HEART_RATE, 70 + number)
        row(9 * 60 + number, Quantity.HEART_RATE, 60 + number)
        row(9 * 60 + number, Quantity.RR_INTERVAL, 812.5 + 62.5 * (number % 4))
    row(12 * 60, Quantity.DOOR, 1)
    row(12 * 60, Quantity.SPO2, 0)
    return rows


STAMPED = {
    **dict.fromkeys((Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_ARTERIAL_PRESSURE), timedelta(seconds=2)),
    **dict.fromkeys((Quantity.BODY_TEMPERATURE, Quantity.GLUCOSE, Quantity.CARBOHYDRATE), timedelta(seconds=2)),
    Quantity.WEIGHT: timedelta(seconds=2),
    Quantity.INTERSTITIAL_GLUCOSE: timedelta(minutes=1),
}
"""How exactly each profile keeps the time of a measurement."""
NEIGHBOUR = BeaconSpec(
    kind="advert_sensor",
    id="neighbour",
    address="C0:FF:EE:00:09:09",
    family=Family.RUUVI,
    interval=timedelta(seconds=10),
)
"""By whom a radio knows that it hears."""


SETTLE_S = 30.0
"""Virtual: what has reached the gateway's Bluetooth is then with its drivers."""


def calm(spec: AnyDevice) -> AnyDevice:
    """The device as owners of weak batteries like it, which also saves the computer some work."""
    is_passing = isinstance(spec, PassingSpec)
    told: dict[str, object] = {"awake": timedelta(seconds=5)} if is_passing else {"speaks": False}
    return spec.model_copy(update={"advertising": timedelta(seconds=1), **told})


async def played(
    monkeypatch: pytest.MonkeyPatch, recording: Recording, began: datetime | None
) -> tuple[Played, list[Reading], Values]:
    """What became of a recording that was played through the devices that measure it, in half an hour."""
    devices = [calm(spec) for spec in needed(recording.moments, EVERY_KIND)]
    async with stage(monkeypatch, *devices, NEIGHBOUR) as beside:
        entries = [device.sensor() for device in devices]
        async with gateway(*entries) as heard:
            result = await beside.play(recording.moments, within=timedelta(minutes=30), began=began)
            await asyncio.sleep(SETTLE_S)
            return result, readings(heard), tallied(beside)


@pytest.mark.slow
def test_a_recorded_day_comes_out_of_the_drivers_equal_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.now(UTC) - timedelta(days=2)
    recording = read_recording(a_day(began), name="day.csv")
    result, heard, said = run_quickly(played(monkeypatch, recording, beginning(recording, Dates.RECORDED)))

    counted = Counter((one.quantity, one.value) for one in heard)
    assert Counter((one.sensor_id, one.quantity, one.value) for one in heard) == said
    assert counted == result.emitted
    assert (result.unheard, result.refused, result.ignored) == (0, [(Quantity.SPO2, 0.0)], Counter({Quantity.DOOR: 1}))
    assert_equal(recording, began, heard)
    assert all(one.is_late for one in heard if one.quantity in STAMPED)


def assert_equal(recording: Recording, began: datetime, heard: list[Reading]) -> None:
    """Each recorded value was heard once, as near as an SFLOAT is, at its own time where its device keeps one."""
    left = [*heard]
    for offset, values in recording.moments:
        at = began + timedelta(seconds=offset)
        for quantity, value in values.items():
            if quantity is Quantity.DOOR or value == 0:
                continue
            near = [one for one in left if one.quantity is quantity and abs(one.value - value) <= value / 400]
            if quantity in STAMPED:
                near = [one for one in near if abs(one.at - at) <= STAMPED[quantity]]
            assert near, (quantity, value, at)
            left.remove(near[0])
    assert left == []
    assert {one.quality for one in heard} == {Quality.GOOD}


def shared_day(shared: Path) -> list[str]:
    """A day of recorded blood pressure (Harvard Dataverse, HYPNOS) and of recorded glucose (Hall 2018), as one CSV."""
    with (shared / "data/bp_home/abpm_24h.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    day = [row for row in rows if (row["id"], row["visit"]) == (rows[0]["id"], rows[0]["visit"])]
    lines = ["at,quantity,value"]
    began = datetime.fromisoformat(day[0]["ts"])
    for row in day:
        for quantity, column in (
            ("systolic", "sbp_mmhg"),
            ("diastolic", "dbp_mmhg"),
            ("mean-arterial-pressure", "map_mmhg"),
            ("heart-rate", "hr_bpm"),
        ):
            lines.append(f"{row['ts']},{quantity},{row[column]}")
    with gzip.open(shared / "data/cgm_hall2018/cgm.csv.gz", "rt", encoding="utf-8") as file:
        glucose = [row for row in itertools.islice(csv.DictReader(file), 288) if row["glucose_mgdl"]]
    first = datetime.fromisoformat(glucose[0]["ts"])
    for row in glucose:
        at = began + (datetime.fromisoformat(row["ts"]) - first)
        lines.append(f"{at},interstitial-glucose,{float(row['glucose_mgdl']) / 18.016}")
    return lines


@pytest.mark.slow
def test_a_day_that_was_recorded_of_people_comes_out_equal_to_itself(
    monkeypatch: pytest.MonkeyPatch, shared: Path
) -> None:
    recording = read_recording(shared_day(shared), name="people.csv")
    began = beginning(recording, Dates.UNTIL_NOW)
    assert began is not None
    result, heard, said = run_quickly(played(monkeypatch, recording, began))
    assert (result.unheard, result.refused, result.ignored) == (0, [], Counter())
    assert Counter((one.sensor_id, one.quantity, one.value) for one in heard) == said
    assert {one.sensor_id for one in heard if one.quantity is Quantity.HEART_RATE} == {"cuff"}
    assert_equal(recording, began, heard)


@pytest.mark.slow
def test_a_meter_that_lost_its_bond_is_down_until_it_is_paired_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (meter,) = [calm(spec) for spec in EVERY_KIND if spec.kind == "glucose_meter_gls"]
    meter = meter.model_copy(update={"must_pair": True})

    def step(**said: object) -> Action:
        return Action.model_validate(said)

    async def main() -> tuple[list[float], list[SensorState]]:
        async with (
            stage(monkeypatch, meter, NEIGHBOUR) as beside,
            pairing_agent(beside.dbus),
            gateway(meter.sensor()) as heard,
        ):
            await beside.apply(step(meter={"glucose": 5.1}))  # it pairs, as the agent agrees
            await heard[0].until(lambda: readings(heard))
            await asyncio.sleep(60)
            await beside.apply(step(fault={"of": "meter", "bond": "lost"}))
            await beside.apply(step(meter={"glucose": 5.2}))
            await heard[0].until_state(SensorState.DOWN)
            await asyncio.sleep(60)
            async with dbus_client(beside.dbus) as client:
                path = device_path(meter.address)
                await client.call("/org/bluez/hci0", "org.bluez.Adapter1", "RemoveDevice", "o", path)
            before = len(readings(heard))
            for glucose in (5.3, 5.4):
                await beside.apply(step(meter={"glucose": glucose}))
                await asyncio.sleep(120)
            assert before == 1
            return [one.value for one in readings(heard)], heard[0].states

    values, states = run_quickly(main())
    assert values == [5.1, 5.2, 5.3, 5.4]
    assert SensorState.DOWN in states


def test_nobody_listens_and_each_measurement_is_counted_as_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["at,quantity,value", "0,systolic,130", "0,diastolic,80", "60,glucose,5.5", "120,hr,70", "180,glucose,0"]
    recording = read_recording(lines, name="alone.csv")

    async def main() -> tuple[Played, Values, Bedside]:
        async with stage(monkeypatch, *EVERY_KIND) as beside:
            result = await beside.play(recording.moments, within=timedelta(seconds=3))
            return result, tallied(beside), beside

    result, said, _ = run_quickly(main())
    assert (result.notifications, result.unheard) == (0, 4)
    assert result.refused == [(Quantity.GLUCOSE, 0.0)]
    assert not result.emitted
    assert not said


@pytest.mark.slow
def test_a_recording_through_faults_is_still_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{600 * n},{quantity},{value + n}" for n in range(12) for quantity, value in BASE.items()]
    recording = read_recording(["at,quantity,value", *rows], name="faults.csv")
    faults = [
        {"of": "cuff", "drop": {"after": 2, "before_confirmation": True}},
        {"of": "cuff", "resend": 3},
        {"of": "cuff", "special": "nres"},
        {"of": "meter", "drop": {"after": 1}},
        {"of": "meter", "resend": 1},
        {"of": "cuff", "range": "away"},
        {"of": "cuff", "range": "back"},
        {"of": "cuff", "clock": "-5h"},
    ]

    began = datetime.now(UTC) - timedelta(days=1)

    async def main() -> tuple[Played, list[Reading], Values, int]:
        devices = [calm(spec) for spec in EVERY_KIND if spec.id in ("cuff", "meter")]
        entries = [device.sensor() for device in devices]
        async with (
            stage(monkeypatch, *devices, NEIGHBOUR) as beside,
            gateway(*entries) as heard,
            asyncio.TaskGroup() as tasks,
        ):
            playing = tasks.create_task(beside.play(recording.moments, within=timedelta(minutes=20), began=began))
            for fault in faults:
                await asyncio.sleep(100)
                await beside.apply(Action.model_validate({"fault": fault}))
            result = await playing
            await asyncio.sleep(SETTLE_S)
            (meter,) = [one.device for one in beside.playables if isinstance(one, Meter)]
            assert meter.delivery.repeats >= 1
            return result, readings(heard), tallied(beside), meter.mishaps.resends

    result, heard, said, still_to_resend = run_quickly(main())
    assert Counter((one.sensor_id, one.quantity, one.value) for one in heard) == said
    assert Counter((one.quantity, one.value) for one in heard) == result.emitted
    assert still_to_resend == 0
    doubtful = [one for one in heard if one.quality is Quality.QUESTIONABLE]
    assert {one.sensor_id for one in doubtful} == {"cuff"}  # its clock went wrong, and nobody knows when
    for one in [one for one in heard if one not in doubtful]:
        number = one.value - BASE[one.quantity]
        assert abs(one.at - began - timedelta(seconds=600 * number)) <= timedelta(seconds=2), one
    assert len(result.refused) == 2  # systolic and diastolic, by the special value
    assert result.unheard == 0


BASE = {Quantity.SYSTOLIC: 120, Quantity.DIASTOLIC: 80, Quantity.GLUCOSE: 5}
