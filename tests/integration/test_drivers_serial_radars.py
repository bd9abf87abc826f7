"""Every radar on a pseudo terminal: real serial code, faults of real cables, stories of people; long ones quickly."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fixtures.heard import Heard, failure, running, supervised
from fixtures.quick_time import run_quickly

from drivers.links import Links
from drivers.serial.bed_radar_mr60bha2 import BedRadarMr60bha2
from drivers.serial.bed_radar_r60 import BedRadarR60
from drivers.serial.fall_radar_mr60fda2 import FallRadarMr60fda2
from drivers.serial.fall_radar_r60 import FallRadarR60
from drivers.serial.instrument import SerialSensor
from drivers.serial.presence_radar_ld2410 import PresenceRadarLd2410
from drivers.serial.tracking_radar_ld2450 import TrackingRadarLd2450
from gateway import supervise
from shouwang.driver import Driver, Sample
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState
from simulators.serial.bed_radar import BedRadar
from simulators.serial.fall_radar import FallRadar
from simulators.serial.instrument import SimulatedInstrument
from simulators.serial.ld24xx import PresenceRadar, TrackingRadar
from simulators.serial.mr60 import BedRadarBha2, FallRadarFda2
from simulators.serial.shown import Shown
from simulators.tally import Tally

UP, DOWN, SILENT = SensorState.UP, SensorState.DOWN, SensorState.SILENT
BED_ZONE = {"x": [-90, 90], "y": [120, 320]}
IN_BED, BESIDE, DOOR = (0.0, 220.0), (-150.0, 220.0), (-150.0, 420.0)

KINDS: dict[str, tuple[type[SerialSensor], type[SimulatedInstrument], dict[str, Any]]] = {
    "fall_radar_r60": (FallRadarR60, FallRadar, {}),
    "fall_radar_mr60fda2": (FallRadarMr60fda2, FallRadarFda2, {}),
    "bed_radar_r60": (BedRadarR60, BedRadar, {}),
    "bed_radar_mr60bha2": (BedRadarMr60bha2, BedRadarBha2, {}),
    "presence_radar_ld2410": (PresenceRadarLd2410, PresenceRadar, {}),
    "tracking_radar_ld2450": (TrackingRadarLd2450, TrackingRadar, {"bed": BED_ZONE}),
}


def driver(kind: str, port: Path, **keys: Any) -> Driver:
    model, _, given = KINDS[kind]
    return model.model_validate({"kind": kind, "id": "radar", "port": str(port), **given, **keys}).build(Links())


def simulator(kind: str, folder: Path, **keys: Any) -> Any:
    return KINDS[kind][1](Tally(), sensor_id="radar", link=folder / "radar", **keys)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)


@asynccontextmanager
async def heard(
    kind: str, folder: Path, *, plug: dict[str, Any] | None = None, **keys: Any
) -> AsyncIterator[tuple[Any, Heard]]:
    """A radar, and what the supervisor of its driver says."""
    async with (
        simulator(kind, folder, **(plug or {})).running() as radar,
        supervised(driver(kind, radar.line.link, **keys)) as (ear,),
    ):
        yield radar, ear


def last(ear: Heard, quantity: Quantity) -> Reading | None:
    return next((one for one in reversed(ear.said) if isinstance(one, Reading) and one.quantity is quantity), None)


async def until_last(ear: Heard, quantity: Quantity, value: float) -> Reading:
    await ear.until(lambda: (found := last(ear, quantity)) is not None and found.value == value)
    found = last(ear, quantity)
    assert found is not None
    return found


# every radar


def first_of(kind: str) -> tuple[Quantity, float]:
    return (Quantity.PRESENCE, 0.0 if kind == "presence_radar_ld2410" else 1.0)


def begin(kind: str, radar: Any) -> None:
    if kind == "tracking_radar_ld2450":
        radar.walk(BESIDE)


@pytest.mark.parametrize("kind", KINDS)
async def test_unplugged_and_plugged_in_again(kind: str, tmp_path: Path) -> None:
    async with heard(kind, tmp_path) as (radar, ear):
        begin(kind, radar)
        for lap in range(2):
            await ear.until_state(UP)
            await ear.until(lambda lap=lap: ear.count(*first_of(kind)) > lap)
            radar.line.unplug()
            await ear.until_state(DOWN)
            assert "radar" in ear.reason
            radar.line.plug()
        await ear.until_state(UP)
    assert ear.states == [UP, DOWN] * 2 + [UP]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mute_radar_is_silent_and_comes_back(kind: str, tmp_path: Path) -> None:
    async def wait() -> None:
        async with heard(kind, tmp_path, max_silence="3s") as (radar, ear):
            await ear.until_state(UP)
            radar.line.is_hung = True
            await ear.until_state(SILENT)
            radar.line.is_hung = False
            await ear.until_state(UP)

    run_quickly(wait())


@pytest.mark.parametrize("kind", KINDS)
async def test_garbage_cut_and_dripping_frames_say_nothing_false(kind: str, tmp_path: Path) -> None:
    async with heard(kind, tmp_path) as (radar, ear):
        begin(kind, radar)
        await ear.until_value(*first_of(kind))
        dirt = [
            b"\x53\x59\x83\x01\xff\xff",
            b"\xf4\xf3\xf2\xf1\x0d\x00\x02\xaa",
            b"\xaa\xff\x03\x00\x01",
            b"\x01\x80\x00",
        ]
        for _ in range(5):
            for noise in (*dirt, os.urandom(100)):
                await radar.line.say(noise)
            radar.line.corrupt_next = radar.line.cut_next = 1
            await asyncio.sleep(0.02)
        radar.line.drip_s = 0.0005
        seen = ear.count(*first_of(kind))
        radar.line.unplug()
        await ear.until_state(DOWN)
        radar.line.plug()
        await ear.until(lambda: ear.count(*first_of(kind)) > seen)
    states = {Quantity.PRESENCE, Quantity.BED, Quantity.FALL}
    assert {one.value for one in ear.said if isinstance(one, Reading) and one.quantity in states} <= {0, 1}
    assert ear.count(Quantity.FALL, 1) == 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bed_radar_r60", {Quantity.HEART_RATE: 71, Quantity.RESPIRATORY_RATE: 17, Quantity.BED: 0}),
        ("fall_radar_mr60fda2", {Quantity.FALL: 1}),
        ("bed_radar_mr60bha2", {Quantity.HEART_RATE: 71.5, Quantity.RESPIRATORY_RATE: 17.25}),
        ("presence_radar_ld2410", {Quantity.PRESENCE: 1, Quantity.MOTION: 2, Quantity.DISTANCE: 2.5}),
        ("tracking_radar_ld2450", {Quantity.DISTANCE: 2.5}),
    ],
)
def test_a_recording_is_played_through_it(kind: str, values: dict[Quantity, float], tmp_path: Path) -> None:
    async def play() -> None:
        async with heard(kind, tmp_path, plug={"every_s": 1.0}) as (radar, ear):
            assert isinstance(radar, Shown)
            await ear.until_state(UP)
            await asyncio.sleep(25)
            async with radar.playing(None):
                for _ in range(4):  # at first, rates are life signs, and numbers come every 10 s
                    told = await radar.show(values, None)
                    assert told.is_heard()
                    assert not told.refused
                    await asyncio.sleep(11)
            for quantity, value in values.items():
                assert ear.count(quantity, value), (quantity, value, ear.values)

    run_quickly(play())


# the R60 family


async def test_a_bed_radar_is_asked_at_the_start_and_its_changes_are_heard(tmp_path: Path) -> None:
    async with heard("bed_radar_r60", tmp_path, plug={"find_s": 0.0}) as (radar, ear):
        await until_last(ear, Quantity.PRESENCE, 1)
        await until_last(ear, Quantity.BED, 1)
        await radar.leave_bed()
        await until_last(ear, Quantity.BED, 0)
        await until_last(ear, Quantity.MOTION, 2)
        await radar.leave()
        await until_last(ear, Quantity.PRESENCE, 0)
        await radar.get_into_bed()
        await until_last(ear, Quantity.BED, 1)
    assert all(command & 0x80 and data == b"\x0f" for _, command, data in radar.asked), "nothing is ever set"


def test_heart_and_breath_are_read_after_the_warm_up_by_the_table_of_the_model(tmp_path: Path) -> None:
    async def sleep_well(plug: dict[str, Any]) -> Heard:
        folder = tmp_path / plug["model"].decode() / str(plug.get("is_early", False))
        folder.mkdir(parents=True)
        async with heard("bed_radar_r60", folder, plug=plug) as (radar, ear):
            await asyncio.sleep(19)
            early = [one for one in ear.said if isinstance(one, Reading) and one.quantity is Quantity.HEART_RATE]
            assert early == []
            await asyncio.sleep(60)
            await radar.get_into_bed()
            await asyncio.sleep(10)
            await radar.line.wait_until_open()
        return ear

    for plug in (
        {"model": b"R60ABD1"},
        {"model": b"MR60BHA1", "is_early": True},
        {"model": b"MR60BHA1"},
    ):
        ear = run_quickly(sleep_well(plug))
        rates = {
            (one.quantity, one.value)
            for one in ear.said
            if isinstance(one, Reading) and one.quantity in (Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE)
        }
        assert rates == {(Quantity.HEART_RATE, 62), (Quantity.RESPIRATORY_RATE, 14)}, plug
        assert ear.count(Quantity.HEART_RATE, 62) <= 8, "one in ten seconds"


def test_a_radar_of_unknown_model_gives_no_rate_of_81(tmp_path: Path) -> None:
    async def listen() -> Heard:
        async with heard("bed_radar_r60", tmp_path, plug={"model": b"R60A"}) as (radar, ear):
            await asyncio.sleep(100)
        assert (0x81, 0x82, b"\x0f") not in radar.asked
        return ear

    ear = run_quickly(listen())
    assert ear.count(Quantity.HEART_RATE, 62)
    assert not any(quantity is Quantity.RESPIRATORY_RATE for quantity, _ in ear.values)
    assert ear.count(Quantity.BED, 1)


def test_a_radar_that_never_tells_its_model_is_heard_all_the_same(tmp_path: Path) -> None:
    async def listen() -> Heard:
        async with simulator("bed_radar_r60", tmp_path).running() as radar:
            radar.is_nameless = True
            async with supervised(driver("bed_radar_r60", radar.line.link)) as (ear,):
                await asyncio.sleep(100)
        assert sum(what[:2] == (0x02, 0xA1) for what in radar.asked) > 5
        return ear

    ear = run_quickly(listen())
    assert ear.states == [UP]
    assert ear.count(Quantity.PRESENCE, 1)
    assert ear.count(Quantity.BED, 1)


async def test_the_wrong_radar_on_a_port_is_told_by_name_and_says_nothing_else(tmp_path: Path) -> None:
    async with simulator("bed_radar_r60", tmp_path).running() as radar:
        async with supervised(driver("fall_radar_r60", radar.line.link)) as (ear,):
            await ear.until_state(DOWN)
            await asyncio.sleep(0.3)
        assert "says that it is R60ABD1, a bed radar; write kind: bed_radar_r60" in ear.reason
        assert ear.states == [DOWN], "not up and down in turn"
        assert not ear.values


async def test_the_other_way_round_too_and_the_second_family(tmp_path: Path) -> None:
    for meant, there, words in (
        ("bed_radar_r60", "fall_radar_r60", "says that it is R60AFD1, a fall radar; write kind: fall_radar_r60"),
        ("bed_radar_mr60bha2", "fall_radar_mr60fda2", "is the fall radar MR60FDA2; write kind: fall_radar_mr60fda2"),
        ("fall_radar_mr60fda2", "bed_radar_mr60bha2", "is the bed radar MR60BHA2; write kind: bed_radar_mr60bha2"),
        (
            "presence_radar_ld2410",
            "tracking_radar_ld2450",
            "is the tracking radar LD2450; write kind: tracking_radar_ld2450",
        ),
        (
            "tracking_radar_ld2450",
            "presence_radar_ld2410",
            "is the presence radar LD2410 or LD2412; write kind: presence_radar_ld2410",
        ),
    ):
        async with (
            simulator(there, tmp_path).running() as radar,
            running(driver(meant, radar.line.link)) as (ear, task),
        ):
            error = await failure(task)
        assert isinstance(error, DeviceError)
        assert words in str(error)
        assert not ear.values


async def test_a_fall_does_not_wait_for_the_model(tmp_path: Path) -> None:
    async with heard("fall_radar_r60", tmp_path) as (radar, ear):
        await radar.line.wait_until_open()
        await radar.fall()
        await ear.until_value(Quantity.FALL, 1)


# the second family


async def test_a_fall_before_an_mr60fda2_is_heard_and_its_parameters_are_asked_for(tmp_path: Path) -> None:
    async with heard("fall_radar_mr60fda2", tmp_path, plug={"every_s": 0.02}) as (radar, ear):
        await until_last(ear, Quantity.FALL, 0)
        await until_last(ear, Quantity.PRESENCE, 1)
        radar.fall()
        await until_last(ear, Quantity.FALL, 1)
        radar.get_up()
        await until_last(ear, Quantity.FALL, 0)
        radar.leave()
        await until_last(ear, Quantity.PRESENCE, 0)
    assert radar.asked >= 1


def test_an_mr60bha2_is_thinned_and_zero_is_no_rate(tmp_path: Path) -> None:
    async def night() -> Heard:
        async with heard("bed_radar_mr60bha2", tmp_path, plug={"every_s": 1.0}) as (radar, ear):
            await asyncio.sleep(61)
            radar.leave()
            await asyncio.sleep(60)
            assert last(ear, Quantity.PRESENCE).value == 0  # type: ignore[union-attr] # it was said
        return ear

    ear = run_quickly(night())
    assert {value for quantity, value in ear.values if quantity is Quantity.HEART_RATE} == {62}
    assert 3 <= ear.count(Quantity.HEART_RATE, 62) <= 6
    assert ear.count(Quantity.DISTANCE, 0.746) <= 8
    assert ear.states == [UP]


# Hi-Link


def test_a_presence_radar_tells_changes_at_once_and_numbers_seldom(tmp_path: Path) -> None:
    async def day() -> Heard:
        async with heard("presence_radar_ld2410", tmp_path) as (radar, ear):
            await until_last(ear, Quantity.PRESENCE, 0)
            radar.move(250)
            await until_last(ear, Quantity.MOTION, 2)
            for _ in range(50):  # to and fro, as single reports do
                radar.hold_still()
                await asyncio.sleep(1)
                radar.move(250)
                await asyncio.sleep(0.2)
            assert ear.count(Quantity.MOTION, 1) == 0
            radar.hold_still()
            await until_last(ear, Quantity.MOTION, 1)
            radar.leave()
            await until_last(ear, Quantity.PRESENCE, 0)
        return ear

    ear = run_quickly(day())
    assert 2 <= ear.count(Quantity.DISTANCE, 2.5) <= 8


@pytest.mark.parametrize("kind", ["presence_radar_ld2410", "tracking_radar_ld2450"])
async def test_a_radar_left_in_configuration_mode_is_brought_back(kind: str, tmp_path: Path) -> None:
    async with simulator(kind, tmp_path).running() as radar:
        radar.is_configuring = True
        async with supervised(driver(kind, radar.line.link)) as (ear,):
            await ear.until_state(UP)
    assert set(radar.commands) == {0xFE}, "nothing is set"


def test_a_night_with_a_tracking_radar(tmp_path: Path) -> None:
    async def night() -> Heard:
        async with heard("tracking_radar_ld2450", tmp_path, plug={"every_s": 0.5}) as (radar, ear):
            radar.walk(DOOR, BESIDE, IN_BED, over_s=6)
            await until_last(ear, Quantity.BED, 1)
            await asyncio.sleep(20)
            radar.lose()  # asleep
            await asyncio.sleep(400)
            assert last(ear, Quantity.BED).value == 1  # type: ignore[union-attr]
            radar.line.unplug()
            await ear.until_state(DOWN)
            radar.line.plug()
            await ear.until_state(UP)
            await asyncio.sleep(30)
            assert ear.count(Quantity.BED, 0) <= 1, "before the night; the cable is no exit"
            radar.walk(IN_BED, BESIDE, DOOR, over_s=8)
            await until_last(ear, Quantity.BED, 0)
            assert last(ear, Quantity.BED).quality is Quality.GOOD  # type: ignore[union-attr]
            radar.leave()
            await asyncio.sleep(50)
            await until_last(ear, Quantity.PRESENCE, 0)
        return ear

    ear = run_quickly(night())
    assert {one.quality for one in ear.said if isinstance(one, Reading)} == {Quality.GOOD}
    assert ear.states == [UP, DOWN, UP]


def test_who_is_lost_in_bed_for_long_is_marked_doubtful(tmp_path: Path) -> None:
    async def night() -> Heard:
        async with heard("tracking_radar_ld2450", tmp_path, plug={"every_s": 0.5}, lost_after="1m") as (radar, ear):
            radar.walk(IN_BED)
            await until_last(ear, Quantity.BED, 1)
            radar.lose()
            await asyncio.sleep(70)
        return ear

    ear = run_quickly(night())
    bed = last(ear, Quantity.BED)
    assert bed is not None
    assert (bed.value, bed.quality) == (1, Quality.QUESTIONABLE)


async def test_the_speed_of_the_line_is_that_of_the_model(tmp_path: Path) -> None:
    """A pseudo terminal carries any speed: this shows that the port can be opened with each."""
    async with simulator("presence_radar_ld2410", tmp_path).running() as radar:
        for model in ("ld2410", "ld2412"):
            async with running(driver("presence_radar_ld2410", radar.line.link, model=model)) as (ear, _):
                await ear.until(lambda ear=ear: any(isinstance(one, Sample) for one in ear.said))
