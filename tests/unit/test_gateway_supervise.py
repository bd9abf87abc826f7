"""One sensor's life: heard, silent, lost, broken; status on change only; nobody else is stopped."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.quick_time import quickly

from gateway import supervise
from gateway.clock import Clock
from gateway.supervise import Supervisor, keep
from shouwang.bilingual import Bilingual
from shouwang.driver import Alive, Measurement, Note, Record, Sample
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState, SensorStatus


class Script:
    """A driver that plays one coroutine function per attempt, then waits for ever."""

    def __init__(self, *attempts, max_silence=timedelta(seconds=30)):
        self.sensor_id = "oximeter"
        self.max_silence = max_silence
        self.attempts = list(attempts)
        self.runs = 0

    async def run(self, emit):
        self.runs += 1
        if self.attempts:
            await self.attempts.pop(0)(emit)
        else:
            await asyncio.Event().wait()


class Log(list):
    """Events as they come, to be waited for."""

    def __init__(self):
        super().__init__()
        self.grew = asyncio.Event()

    def accept(self, event):
        self.append(event)
        self.grew.set()

    async def until(self, enough):
        async with asyncio.timeout(20):
            while not enough(self):
                self.grew.clear()
                await self.grew.wait()

    @property
    def states(self):
        return [event.state for event in self if isinstance(event, SensorStatus)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.001)
    monkeypatch.setattr(supervise, "_STOOD_S", 0.01)


async def watch(driver, enough):
    log = Log()
    task = asyncio.create_task(Supervisor(driver, Clock(), log.accept).run())
    try:
        await log.until(enough)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return log


async def test_samples_become_stamped_readings_and_the_first_makes_the_sensor_up():
    async def attempt(emit):
        emit(Sample(quantity=Quantity.SPO2, value=97, frame=b"\x01"))
        emit(Sample(quantity=Quantity.HEART_RATE, value=900))
        emit(Alive())
        await asyncio.Event().wait()

    log = await watch(Script(attempt), lambda seen: len(seen) == 3)
    assert log.states == [SensorState.UP]
    spo2, pulse = (event for event in log if isinstance(event, Reading))
    assert (spo2.sensor_id, spo2.value, spo2.quality, spo2.frame) == ("oximeter", 97, Quality.GOOD, b"\x01")
    assert spo2.at.utcoffset() == timedelta(0)
    assert pulse.quality is Quality.IMPLAUSIBLE


async def test_a_lost_device_is_down_with_its_reason_once_however_often_it_fails():
    async def lost(emit):
        raise DeviceError(Bilingual("the adapter is missing", zh="没有适配器"))

    async def back(emit):
        emit(Alive())
        await asyncio.Event().wait()

    log = await watch(Script(lost, lost, lost, back), lambda seen: len(seen) > 1)
    assert log.states == [SensorState.DOWN, SensorState.UP]
    assert (log[0].reason, log[0].reason_zh) == ("the adapter is missing", "没有适配器")
    assert type(log[0].reason) is str, "as it goes on the wire"
    assert (log[1].reason, log[1].reason_zh) == ("", "")


@quickly
async def test_a_mute_device_is_silent_is_opened_anew_and_comes_back():
    async def mute(emit):
        emit(Alive())
        await asyncio.Event().wait()

    async def speaks(emit):
        emit(Alive())
        await asyncio.Event().wait()

    driver = Script(mute, speaks, max_silence=timedelta(milliseconds=20))
    log = await watch(driver, lambda seen: seen.states.count(SensorState.UP) == 2)
    assert log.states[:3] == [SensorState.UP, SensorState.SILENT, SensorState.UP]
    assert "nothing heard" in log[1].reason


@quickly
async def test_every_word_moves_the_deadline():
    async def chatty(emit):
        for _ in range(10):
            emit(Alive())
            await asyncio.sleep(0.01)
        raise DeviceError("end of the test")

    log = await watch(Script(chatty, max_silence=timedelta(milliseconds=80)), lambda seen: len(seen) == 2)
    assert log.states == [SensorState.UP, SensorState.DOWN]


@pytest.mark.parametrize("error", [ValueError("bug"), TimeoutError("its own"), KeyError("x")])
async def test_a_driver_with_a_bug_is_down_and_tried_again(error):
    async def buggy(emit):
        raise error

    async def fine(emit):
        emit(Alive())
        await asyncio.Event().wait()

    log = await watch(Script(buggy, fine), lambda seen: len(seen) == 2)
    assert log.states == [SensorState.DOWN, SensorState.UP]
    assert "the driver broke" in log[0].reason


async def test_a_driver_that_returns_has_ended():
    async def returns(emit):
        return

    log = await watch(Script(returns), lambda seen: len(seen) == 1)
    assert log[0].reason == "the driver ended"


async def test_a_sensor_that_speaks_only_on_events_is_up_by_its_life_sign_and_never_by_waiting():
    tries_again, is_back = asyncio.Event(), asyncio.Event()

    async def lost(emit):
        raise DeviceError("offline")

    async def waits(emit):
        tries_again.set()
        await is_back.wait()
        emit(Alive())
        await asyncio.Event().wait()

    log = Log()
    task = asyncio.create_task(Supervisor(Script(lost, waits, max_silence=None), Clock(), log.accept).run())
    async with asyncio.timeout(20):
        await tries_again.wait()
    assert log.states == [SensorState.DOWN]
    is_back.set()
    await log.until(lambda seen: len(seen) == 2)
    assert log.states == [SensorState.DOWN, SensorState.UP]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_driver_that_breaks_stops_no_other():
    async def buggy(emit):
        raise ValueError("bug")

    async def speaks(emit):
        emit(Alive())
        await asyncio.Event().wait()

    broken, sound = Log(), Log()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(Supervisor(Script(*[buggy] * 50), Clock(), broken.accept).run()),
            group.create_task(Supervisor(Script(speaks), Clock(), sound.accept).run()),
        ]
        await broken.until(lambda seen: len(seen) == 1)
        await sound.until(lambda seen: len(seen) == 1)
        for task in tasks:
            task.cancel()
    assert broken.states == [SensorState.DOWN]
    assert sound.states == [SensorState.UP]


async def test_the_battery_rides_on_the_next_status():
    async def attempt(emit):
        emit(Sample(quantity=Quantity.BATTERY, value=17))
        raise DeviceError("gone")

    log = await watch(Script(attempt), lambda seen: len(seen) == 3)
    assert log[-1].battery == 17


async def test_a_shared_link_is_kept_up_and_complains_once(caplog, monkeypatch):
    monkeypatch.setattr(supervise, "_STOOD_S", 20.0)
    calls = asyncio.Queue()

    async def link():
        calls.put_nowait(1)
        raise DeviceError("connection refused")

    task = asyncio.create_task(keep("the local MQTT broker", link))
    for _ in range(5):
        await asyncio.wait_for(calls.get(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [record.message for record in caplog.records] == ["the local MQTT broker: connection refused"]


async def test_a_stored_value_keeps_its_own_moment_and_is_late_after_ten_minutes():
    now = datetime.now(UTC)
    ages = [timedelta(seconds=30), timedelta(minutes=9), timedelta(minutes=11), timedelta(days=3), timedelta(days=-1)]

    async def attempt(emit):
        for age in ages:
            emit(Sample(quantity=Quantity.SYSTOLIC, value=120, measured_at=now - age, resident_id="li"))
        await asyncio.Event().wait()

    log = await watch(Script(attempt), lambda log: len(log) > len(ages))
    readings = [event for event in log if isinstance(event, Reading)]
    assert [reading.is_late for reading in readings] == [False, False, True, True, False]
    assert [reading.at for reading in readings[:4]] == [now - age for age in ages[:4]]
    assert abs(readings[4].at - now) < timedelta(minutes=1)  # a moment that has not come yet is now
    assert {reading.resident_id for reading in readings} == {"li"}


async def test_a_record_stays_one_piece_with_its_notes():
    note = Note(name="seen", text="1")
    two = tuple(Sample(quantity=quantity, value=80) for quantity in (Quantity.SYSTOLIC, Quantity.DIASTOLIC))

    async def attempt(emit):
        emit(Record(samples=two, notes=(note,)))
        await asyncio.Event().wait()

    log = await watch(Script(attempt), lambda log: len(log) > 1)
    (measurement,) = [event for event in log if isinstance(event, Measurement)]
    assert [reading.quantity for reading in measurement.readings] == [Quantity.SYSTOLIC, Quantity.DIASTOLIC]
    assert (measurement.sensor_id, measurement.notes) == ("oximeter", (note,))
