"""Clock anchors for the centre: when, how many, and what they say."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.box_clocks import EPOCH, NOON, YEAR_2106, BoxClocks

from gateway.timekeeper import NOTES, Timekeeper, floor_of
from gateway.wall import RELEASED, built_at
from shouwang.wire import ClockBody, Lane


@dataclass
class Box:
    clocks: BoxClocks
    sent: list[ClockBody] = field(default_factory=list)
    noted: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self):
        self.clock = self.clocks.clock(floor=NOON - timedelta(days=1))
        self.keeper = Timekeeper(self.clock, send=self.send, note=lambda *note: self.noted.append(note))

    def send(self, lane, body):
        assert lane is Lane.STATE
        self.sent.append(body)

    def seconds(self, count):
        for _ in range(count):
            self.keeper.look()
            self.clocks.pass_s(1)


def test_a_box_tells_what_time_it_was_once_that_is_known():
    box = Box(BoxClocks(wall=EPOCH))
    box.seconds(30)
    assert box.sent == []
    box.clocks.ntp()
    box.seconds(3_000)
    (anchor,) = box.sent
    assert anchor == ClockBody(
        mono=30_000,
        wall=NOON + timedelta(seconds=30),
        error_ms=20,
        source="ntp",
        stepped_ms=round((NOON - EPOCH).total_seconds() * 1000),
    )


def test_without_ntp_the_centre_is_the_source_until_ntp_answers():
    box = Box(BoxClocks(wall=EPOCH))
    box.seconds(5)
    box.clock.wall.heard(box.clocks.true, 0.5)
    box.seconds(100)
    box.clocks.ntp()
    box.seconds(100)
    assert [(one.source, one.error_ms, one.stepped_ms == 0) for one in box.sent] == [
        ("centre", 1_250, True),
        ("ntp", 20, False),
    ]


@pytest.mark.parametrize("step_s", [0.6, -0.6, 3_600, -3_600])
def test_a_step_is_told_with_its_size(step_s):
    box = Box(BoxClocks(is_synced=True))
    box.seconds(90)
    box.clocks.wall += timedelta(seconds=step_s)
    box.seconds(5)
    assert [one.stepped_ms for one in box.sent] == [0, round(step_s * 1000)]


@pytest.mark.parametrize("step_s", [0.4, -0.4])
def test_a_clock_that_is_pushed_gently_is_not_told(step_s):
    box = Box(BoxClocks(is_synced=True))
    box.seconds(90)
    box.clocks.wall += timedelta(seconds=step_s)
    box.seconds(90)
    assert len(box.sent) == 1


@pytest.mark.parametrize("wild", [EPOCH, NOON + timedelta(hours=1), NOON - timedelta(hours=1), YEAR_2106])
def test_what_a_hand_has_moved_is_told_with_the_right_time(wild):
    box = Box(BoxClocks(is_synced=True))
    box.seconds(90)
    box.clocks.by_hand(wild)
    box.seconds(5)
    assert box.sent[-1].wall == NOON + timedelta(seconds=90)
    assert box.sent[-1].stepped_ms == round((wild - NOON).total_seconds() * 1000) - 90_000


def test_two_programs_that_fight_over_the_clock_give_one_message_a_minute():
    box = Box(BoxClocks(is_synced=True))
    for n in range(600):
        box.clocks.wall += timedelta(hours=1 if n % 2 else -1)
        box.seconds(1)
    assert len(box.sent) == 10


def test_an_anchor_goes_out_each_day_and_after_a_drift():
    box = Box(BoxClocks(is_synced=True))
    for _ in range(3 * 1_440):
        box.keeper.look()
        box.clocks.pass_s(60)
    assert [one.mono // 86_400_000 for one in box.sent] == [0, 1, 2]
    for _ in range(600):  # NTP finds that the crystal was off, and turns the clock slowly
        box.keeper.look()
        box.clocks.pass_s(1)
        box.clocks.wall += timedelta(milliseconds=5)
    assert 4 <= len(box.sent) <= 5


def test_a_busy_box_that_is_held_up_between_two_clocks_sees_no_step():
    box = Box(BoxClocks(is_synced=True))
    box.seconds(90)
    pauses = [4, 0, 0]

    def boottime_ms():
        at = box.clocks.boottime
        box.clocks.pass_s(pauses.pop(0) if pauses else 0)
        return at

    box.clock.wall._boottime_ms = boottime_ms
    assert box.clock.wall.look() == timedelta()
    assert abs(box.clock.wall.look()) < timedelta(milliseconds=1)


def test_the_hour_is_noted_while_the_clock_is_right():
    box = Box(BoxClocks(wall=EPOCH))
    box.seconds(10)
    assert box.noted == []
    box.clocks.ntp()
    box.seconds(3_650)
    moments = [datetime.fromisoformat(text) for _, _, text in box.noted]
    assert moments == [NOON + timedelta(seconds=10), NOON + timedelta(seconds=3_610)]
    name = box.noted[-1][1]
    assert floor_of({NOTES: {name: box.noted[-1][2]}}) == max(built_at(), moments[-1])


def test_what_the_centre_alone_says_is_not_noted():
    """One minute with a wrong clock at the centre would be the floor of all homes for ever."""
    box = Box(BoxClocks(wall=EPOCH))
    box.clock.wall.heard(box.clocks.true + timedelta(days=1_800), 0.5)
    box.seconds(3_700)
    assert box.sent
    assert box.noted == []


@pytest.mark.parametrize("noted", ["", "tomorrow", "2027-01-01", YEAR_2106.isoformat(), EPOCH.isoformat()])
def test_a_note_that_means_nothing_is_no_floor(noted):
    assert floor_of({NOTES: {"sure": noted}}) == built_at()


def test_the_floor_is_what_was_noted_last():
    sure = RELEASED + timedelta(days=3_000)
    assert floor_of({NOTES: {"sure": sure.isoformat()}}) == sure
    assert floor_of({}) == built_at() >= RELEASED
    assert sure.tzinfo is UTC
