"""Fifty accelerations a second: judged, not kept; the card is written no more than for anything else."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fixtures.quick_time import run_quickly

from community.store.cases import decode_alert
from gateway.clock import Clock
from gateway.outbox import Outbox
from gateway.pipeline import Pipeline
from gateway.scribe import GROUP_COMMIT_S, Scribe
from gateway.slips import Slips
from gateway.supervise import Supervisor
from rules.bound import HomeFacts
from rules.engine import Engine
from rules.fall_wearable import FallWearable
from shouwang.alert import AlertState
from shouwang.driver import Sample
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import AlertBody, Lane, StatusBody, decode_envelope, encode

AT = datetime(2026, 11, 24, tzinfo=UTC)
FACTS = HomeFacts(resident_id="r", emits={"belt": frozenset({Quantity.ACCELERATION})})
RATE_HZ = 50


def walk(second):
    """Two steps a second, each an impact of 1.7 g."""
    return (0.1, 1.0 + 0.7 * math.sin(4 * math.pi * second), 0.1)


def stroll(second):
    """One careful step of 1.6 g every four seconds: each is awaited and found to be nothing before the next."""
    return (0.0, 1.6 if second % 4 < 0.04 else 1.0, 0.0)


def fall(second):
    """Stands, falls freely, hits with 5 g, lies on the side."""
    if second < 3:
        return (0.0, 1.0, 0.0)
    if second < 3.4:
        return (0.0, 0.2, 0.0)
    if second < 3.5:
        return (3.0, 4.0, 0.5)
    return (1.0, 0.0, 0.05)


class Belt:
    """A worn sensor; any driver that says accelerations is like it."""

    sensor_id = "belt"
    max_silence = timedelta(seconds=10)

    def __init__(self, feels):
        self.feels = feels

    async def run(self, emit):
        begin = asyncio.get_running_loop().time()
        for count in range(10**6):
            axes = self.feels(count / RATE_HZ)
            emit(Sample(quantity=Quantity.ACCELERATION, value=math.hypot(*axes), axes=axes))
            await asyncio.sleep(begin + (count + 1) / RATE_HZ - asyncio.get_running_loop().time())


class Card(Outbox):
    """Counts its transactions."""

    writes = 0

    def commit(self, batch, mark):
        self.writes += 1
        return super().commit(batch, mark)


def rules(chance):
    config = FallWearable(kind="fall_wearable", id="fall", worn="waist", chance=chance)
    return config.bind(FACTS)


class Worn:
    """A gateway's inner parts for one belt, on a clock that leaps."""

    def __init__(self, path, thread, *, chance, last=None):
        loop = asyncio.get_running_loop()
        self.card = thread.submit(Card, path, "gw").result()
        self.clock = Clock(
            self.card.clock_mark() if last is None else last,
            boot="b",
            boottime_ms=lambda: round(loop.time() * 1000),
            wall=lambda: AT + timedelta(seconds=loop.time()),
        )
        self.engine = Engine(rules(chance), self.card.saved_states())
        self.said = []
        self.pipeline = Pipeline(self.engine, self.clock, announce=self.said.extend, beat=lambda: None)
        self.scribe = Scribe(
            self.card, thread, self.clock, Slips("gw"), stored=lambda _: None, unwritten=lambda _: None
        )

    async def wear(self, feels, seconds):
        tasks = [
            asyncio.create_task(work)
            for work in (
                self.pipeline.run(),
                self.scribe.run(self.pipeline),
                Supervisor(Belt(feels), self.clock, self.pipeline.accept).run(),
            )
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def bodies(self):
        return [
            decode_envelope(one.payload, gateway="gw").body for lane in Lane for one in self.card.pending(lane, 0, 999)
        ]


@pytest.mark.parametrize(("feels", "seconds"), [(walk, 10), pytest.param(stroll, 60, marks=pytest.mark.slow)])
def test_walking_is_written_with_the_group_commit_and_nothing_of_it_is_kept(tmp_path, feels, seconds):
    async def scene():
        with ThreadPoolExecutor(1) as thread:
            worn = Worn(tmp_path / "o.db", thread, chance=0.999)
            await worn.wear(feels, seconds)
            found = worn.card.writes, worn.bodies(), worn.said, len(worn.card.saved_states()["fall:belt"].state)
            worn.card.close()
            return found

    writes, bodies, said, state_bytes = run_quickly(scene())
    assert writes <= seconds / GROUP_COMMIT_S + 2  # one more at the start: the sensor is heard
    assert state_bytes < 10_000
    assert [type(body) for body in bodies] == [StatusBody]
    assert said == []


def test_a_fall_that_is_asked_about_survives_the_power_cut_with_its_evidence(tmp_path):
    async def scene():
        with ThreadPoolExecutor(1) as thread:
            before = Worn(tmp_path / "o.db", thread, chance=0.0001)
            await before.wear(fall, 8)  # asked at 6.5 s; the power goes, and what is in memory with it
            asked = [body.alert for body in before.bodies() if isinstance(body, AlertBody)]
            active = before.card.active_alarms()
            before.card.close()
            after = Worn(tmp_path / "o.db", thread, chance=0.0001)
            await after.wear(lambda _: (1.0, 0.0, 0.05), 20)
            called = [body.alert for body in after.bodies() if isinstance(body, AlertBody)]
            after.card.close()
            return asked, active, called

    asked, active, called = run_quickly(scene())
    assert [alert.state for alert in asked] == [AlertState.PREALARM]
    assert active == asked
    assert [alert.state for alert in called] == [AlertState.PREALARM, AlertState.FIRING]
    assert called[1].since == asked[0].since
    assert called[1].mono - asked[0].mono == 20_000, "the countdown went on"
    (felt,) = called[1].evidence
    assert felt.axes is not None
    assert math.hypot(*felt.axes) == pytest.approx(5.0, abs=0.3)
    assert felt.value == pytest.approx(5.0, abs=0.1)


def test_the_axes_of_the_evidence_come_to_the_centre_as_they_left(tmp_path):
    async def scene():
        with ThreadPoolExecutor(1) as thread:
            worn = Worn(tmp_path / "o.db", thread, chance=0.0001)
            await worn.wear(fall, 8)
            (stored,) = worn.card.pending(Lane.LIFE_SAFETY, 0, 9)
            (said,) = worn.said
            worn.card.close()
            return stored.payload, said

    payload, said = run_quickly(scene())
    envelope = decode_envelope(payload, gateway="gw")
    assert isinstance(envelope.body, AlertBody)
    assert envelope.body.alert == said
    assert encode(envelope) == payload
    assert decode_alert(msgspec.json.encode(envelope.body.alert)) == said


def test_an_alarm_that_a_sample_brings_is_written_at_once(tmp_path):
    async def scene():
        pipeline = Pipeline(Engine(rules(0.0001), {}), Clock(), announce=lambda _: None, beat=lambda: None)
        for count in range(8 * RATE_HZ):
            axes = fall(count / RATE_HZ)
            at = AT + timedelta(seconds=count / RATE_HZ)
            mono = 1000 * count // RATE_HZ
            value = math.hypot(*axes)
            pipeline.accept(
                Reading(sensor_id="belt", quantity=Quantity.ACCELERATION, value=value, at=at, mono=mono, axes=axes)
            )
        pipeline.judge_all()
        return pipeline.take_batch()

    batch = asyncio.run(scene())
    assert AlertState.PREALARM in [alert.state for alert in batch.alerts]
    assert batch.is_urgent
    assert batch.readings == []
