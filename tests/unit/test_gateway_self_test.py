"""The weekly test alarm: due at its hour, over with its receipt, found again after a restart, made up once."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from fixtures.quick_time import run_quickly
from pydantic import ValidationError

from config.self_test import SelfTestPart
from gateway.batch import Batch
from gateway.clock import Clock, ClockMark
from gateway.control import Refusal
from gateway.kernel_clock import KernelClock
from gateway.outbox import Outbox, Stored
from gateway.self_test import LIMIT_S, NOTES, SETTLE_MS, SelfTest, next_slot
from shouwang.alert import AlertState, Sentence, Severity
from shouwang.errors import TryLater
from shouwang.wire import AlertBody, Body, GapBody, Lane, decode_envelope

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)  # 10:00 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")
TUESDAY_AT_11 = SelfTestPart(weekday="tue", hour=11)


@dataclass
class Kernel:
    """Clocks that a test moves by hand; the kernel says whether somebody keeps them right."""

    boottime: int = 1_000
    wall: datetime = MONDAY
    is_synchronised: bool = True

    def pass_by(self, **by: float) -> None:
        passed = timedelta(**by)
        self.boottime += passed // timedelta(milliseconds=1)
        self.wall += passed

    def clock(self, last: ClockMark | None) -> Clock:
        return Clock(
            last,
            boot="a",
            boottime_ms=lambda: self.boottime,
            wall=lambda: self.wall,
            kernel=lambda: KernelClock(is_synchronised=self.is_synchronised, error_s=0.01),
        )


@dataclass
class Box:
    """A gateway's card and what is told of its paths; `start` begins a run."""

    outbox: Outbox
    kernel: Kernel = field(default_factory=Kernel)
    batch: Batch = field(default_factory=Batch)
    failures: list[str] = field(default_factory=list)
    part: SelfTestPart = TUESDAY_AT_11

    def start(self, *, settled: bool = True) -> None:
        self.clock = self.kernel.clock(self.outbox.clock_mark())
        self.test = SelfTest(
            self.clock,
            "gw-1",
            "r1",
            noted=self.outbox.notes().get(NOTES, {}),
            send=lambda lane, body: self.batch.bodies.append((lane, body)),
            note=lambda owner, name, text: self.batch.notes.__setitem__((owner, name), text),
            failed=self.failures.append,
        )
        self.test.use(self.part, SHANGHAI)
        self.test.resume(self.outbox.pending, self.batch.bodies)
        if settled:
            self.kernel.pass_by(milliseconds=SETTLE_MS)
        self.commit()

    def commit(self) -> list[Stored]:
        batch, self.batch = self.batch, Batch()
        stored = self.outbox.commit(batch, self.clock.mark())
        self.test.stored(stored)
        return stored

    def look(self, **after: float) -> int:
        """How many messages of the alarm lane come of it."""
        self.kernel.pass_by(**after)
        self.clock.wall.look()
        self.test.look()
        return sum(one.lane is Lane.LIFE_SAFETY for one in self.commit())

    def tests(self) -> list[AlertBody]:
        """Those on the card without a receipt."""
        found: list[Body] = [
            decode_envelope(one.payload, gateway="gw-1").body for one in self.outbox.pending(Lane.LIFE_SAFETY, 0, 99)
        ]
        return [body for body in found if isinstance(body, AlertBody)]

    def receipt(self) -> None:
        """The centre has all that is on the card."""
        keys = [one.key for lane in Lane for one in self.outbox.pending(lane, 0, 99)]
        self.batch.confirmed.extend(keys)
        self.test.confirmed(keys)
        self.commit()


@pytest.fixture
def box(tmp_path):
    outbox = Outbox(tmp_path / "outbox.sqlite3", "gw-1")
    yield Box(outbox)
    outbox.close()


def test_test_alarm_goes_the_way_of_alarms_at_its_hour(box):
    box.start()
    assert [box.look(hours=24), box.look(minutes=56), box.look(minutes=1)] == [0, 0, 0]
    due = box.test.due
    assert due is not None
    assert due.astimezone(SHANGHAI).strftime("%a %H") == "Tue 11"
    assert box.look(seconds=(due - box.kernel.wall).total_seconds()) == 1
    (sent,) = box.tests()
    alert = sent.alert
    assert (alert.is_test, alert.state, alert.severity, alert.hazard) == (
        True,
        AlertState.FIRING,
        Severity.P4,
        "self-test",
    )
    assert alert.since == alert.at == due
    assert box.outbox.active_alarms() == []  # a restart must not tell the elder of it


def test_it_is_over_with_its_receipt_and_due_again_in_a_week(box):
    box.start()
    first = box.test.due
    assert first is not None
    box.look(days=1, hours=2)
    box.receipt()
    assert box.test.due == first + timedelta(days=7)
    assert [box.look(minutes=10), box.look(days=6)] == [0, 0]
    assert box.look(days=1) == 1


def test_only_one_is_on_its_way_whatever_happens(box):
    box.start()
    assert box.look(days=2) == 1
    box.test.request()
    assert [box.look(hours=1), box.look(days=3)] == [0, 0]
    assert len(box.tests()) == 1


def test_no_receipt_in_time_is_told_once_and_the_test_waits_on(box):
    box.start()
    box.look(days=2)
    box.look(seconds=LIMIT_S)
    assert box.failures == []
    box.look(seconds=1)
    box.look(seconds=600)
    assert len(box.failures) == 1
    assert "no receipt" in box.failures[0]
    box.receipt()
    assert box.look(days=7) == 1


def test_restart_in_the_middle_finds_it_again_on_the_card(box):
    box.start()
    box.look(days=2)
    box.start()
    assert box.look(seconds=5) == 0
    due = box.test.due
    box.receipt()
    assert box.tests() == []
    assert box.test.due != due
    assert box.look(minutes=9) == 0


def test_receipt_that_came_just_before_the_power_cut_counts(box):
    box.start()
    box.look(days=2)
    for one in box.outbox.pending(Lane.LIFE_SAFETY, 0, 9):  # the row has gone, the note has not
        box.outbox.commit(Batch(confirmed=[one.key]), box.clock.mark())
    box.start()
    assert box.look(minutes=9) == 0
    assert box.test.due > box.kernel.wall


def test_test_of_a_killed_run_that_is_in_memory_only_is_not_forgotten(box):
    box.start()
    box.look(days=2)
    (stored,) = box.outbox.pending(Lane.LIFE_SAFETY, 0, 9)
    body = decode_envelope(stored.payload, gateway="gw-1").body
    box.outbox.commit(Batch(confirmed=[stored.key]), box.clock.mark())
    box.batch.bodies += [(Lane.STATE, GapBody(reason="x", count=0)), (Lane.LIFE_SAFETY, body)]  # taken up from the tail
    due = box.test.due
    box.start()
    assert (len(box.tests()), box.test.due) == (1, due)
    box.receipt()
    assert box.test.due > box.kernel.wall


def test_one_that_was_missed_while_off_is_made_up_once(box):
    box.start()
    due = box.test.due
    box.kernel.pass_by(days=20)
    box.start(settled=False)
    assert box.test.due == due  # the centre hears in the birth that it is overdue
    assert box.look(seconds=SETTLE_MS / 1000 - 1) == 0
    assert box.look(seconds=2) == 1
    box.receipt()
    assert [box.look(hours=1), box.look(days=1)] == [0, 0]


def test_by_an_unset_clock_nothing_is_due(box):
    box.kernel.is_synchronised = False
    box.start()
    assert box.look(days=30) == 0
    box.kernel.is_synchronised = True
    assert box.look(seconds=1) == 1


def test_due_date_of_a_wrong_clock_is_planned_anew(box):
    box.kernel.wall += timedelta(days=3650)
    box.start()
    box.kernel.wall -= timedelta(days=3650)
    box.start()
    assert box.look(seconds=1) == 0
    assert box.test.due - box.kernel.wall < timedelta(days=8)


def test_card_that_does_not_answer_at_the_start_costs_a_week_at_most(box, monkeypatch):
    box.start()
    box.look(days=2)
    with monkeypatch.context() as patched:

        def mute(*_: object) -> list[Stored]:
            raise TryLater("the card sleeps")

        patched.setattr(box.outbox, "pending", mute)
        box.start()
    assert box.look(days=6) == 0
    assert box.look(days=2) == 1


def test_home_that_wants_none_sends_one_when_asked_only(box):
    box.part = SelfTestPart(enabled=False)
    box.start()
    assert box.test.due is None
    assert box.look(days=30) == 0
    box.test.request()
    assert box.look(seconds=1) == 1
    box.receipt()
    assert box.test.due is None


def test_another_plan_holds_from_now_on(box):
    box.start()
    box.test.use(SelfTestPart(weekday="fri", hour=15), SHANGHAI)
    assert box.test.due.astimezone(SHANGHAI).strftime("%a %H") == "Fri 15"
    assert box.look(days=2) == 0


def test_note_of_another_version_begins_afresh(box):
    box.start()
    box.batch.notes[NOTES, "state"] = '{"due": 5}'
    box.commit()
    box.start()
    assert box.test.due is not None


def test_who_tests_by_hand_is_told_how_long_it_took(box):
    box.start()

    async def ask() -> Sentence:
        asked = asyncio.create_task(box.test.by_hand())
        await asyncio.sleep(0)
        box.commit()
        box.kernel.pass_by(seconds=1.5)
        box.receipt()
        return await asked

    said = run_quickly(ask())
    assert "confirmed after 1.5 s" in said.en
    assert "1.5 秒后得到确认" in said.zh


def test_who_tests_by_hand_in_vain_is_told_where_to_look(box):
    box.start()
    with pytest.raises(Refusal, match=r"not confirmed the test alarm within 45 s.*gateway status") as refused:
        run_quickly(box.test.by_hand())
    assert "45 秒内没有确认测试报警" in refused.value.words.zh


def test_it_looks_by_itself_until_cancelled(box):
    box.start()

    async def wait() -> int:
        task = asyncio.create_task(box.test.run())
        box.kernel.pass_by(days=2)
        await asyncio.sleep(6)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return len(box.batch.bodies)

    assert run_quickly(wait()) == 1


# ---- when ----


def test_a_thousand_homes_do_not_test_at_once():
    slots = [SelfTestPart().slot(f"gw-{number}") for number in range(1000)]
    assert {weekday for weekday, _ in slots} == {0, 1, 2, 3, 4}
    assert all(9 <= at.hour < 17 for _, at in slots)
    minutes = Counter((weekday, at.hour, at.minute) for weekday, at in slots)
    assert max(minutes.values()) <= 6
    assert SelfTestPart().slot("gw-1") == SelfTestPart().slot("gw-1")


def test_home_may_choose_day_and_hour():
    assert {SelfTestPart(weekday="sun", hour=0).slot(f"gw-{n}")[0] for n in range(9)} == {6}
    assert {SelfTestPart(hour=22).slot(f"gw-{n}")[1].hour for n in range(9)} == {22}
    with pytest.raises(ValidationError):
        SelfTestPart(hour=24)


@pytest.mark.parametrize(
    ("after", "weekday", "at", "slot"),
    [
        ("2026-11-23T10:00", 0, time(10, 0, 1), "2026-11-23T10:00:01"),
        ("2026-11-23T10:00", 0, time(10), "2026-11-30T10:00:00"),
        ("2026-11-23T10:00", 6, time(9), "2026-11-29T09:00:00"),
        ("2026-12-31T23:59", 4, time(0), "2027-01-01T00:00:00"),
    ],
)
def test_next_slot(after, weekday, at, slot):
    begin = datetime.fromisoformat(after).replace(tzinfo=SHANGHAI).astimezone(UTC)
    assert next_slot(begin, weekday, at, SHANGHAI) == datetime.fromisoformat(slot).replace(tzinfo=SHANGHAI)


def test_clocks_that_are_put_forward_leave_no_day_out():
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_slot(before, 6, time(2, 30), berlin) - before < timedelta(days=1)
