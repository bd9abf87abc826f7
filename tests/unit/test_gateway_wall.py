"""What time a box believes it is: by NTP, by the centre's receipts, by what it knew before; never by a wild clock."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.box_clocks import EPOCH, NOON, YEAR_2106, BoxClocks
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel_clock import read_kernel_clock
from gateway.wall import RELEASED, built_at

HOUR = timedelta(hours=1)
LAST_SURE = NOON - HOUR


def test_the_kernel_says_whether_its_clock_is_kept_right():
    told = read_kernel_clock()
    assert told is None or 0 <= told.error_s <= 16.5  # the kernel stops at 16 s


def test_a_clock_that_nobody_has_set_is_unsure_and_one_that_ntp_keeps_is_not():
    box = BoxClocks()
    clock = box.clock()
    assert clock.mark().sure_from is None
    box.pass_s(5)
    box.ntp()
    clock.wall.look()
    assert clock.mark().sure_from == 5_000
    assert box.clock().mark().sure_from == 0  # one that starts then is sure from its beginning


@pytest.mark.parametrize("wild", [EPOCH, datetime(2023, 2, 1, tzinfo=UTC), YEAR_2106])
def test_an_impossible_time_is_not_believed(wild):
    box = BoxClocks(wall=wild)
    clock = box.clock(floor=LAST_SURE)
    box.pass_s(60)
    assert clock.now() == LAST_SURE + timedelta(seconds=60)


def test_a_possible_time_is_believed_although_nobody_vouches_for_it():
    box = BoxClocks(wall=NOON + 5 * HOUR)
    assert box.clock(floor=LAST_SURE).now() == NOON + 5 * HOUR


@pytest.mark.parametrize("wrong", [EPOCH, NOON - HOUR, NOON + HOUR, YEAR_2106])
def test_the_centre_tells_the_time_where_there_is_no_ntp(wrong):
    box = BoxClocks(wall=wrong)
    clock = box.clock(floor=LAST_SURE)
    box.pass_s(10)
    clock.wall.heard(box.true - timedelta(milliseconds=100), 0.2)
    assert clock.now() == box.true
    assert clock.wall.anchor.source == "centre"
    assert clock.wall.anchor.error_s == pytest.approx(1.1)  # half the round trip and a second
    box.pass_s(86_400)
    assert clock.now() == box.true
    assert clock.mark().sure_from == 10_000


def test_a_clock_that_agrees_with_the_centre_is_left_as_it_is():
    box = BoxClocks(wall=NOON + timedelta(seconds=1))
    clock = box.clock()
    clock.wall.heard(box.true, 0.0)
    assert clock.now() == NOON + timedelta(seconds=1)


def test_the_time_does_not_tremble_with_every_receipt():
    box = BoxClocks(wall=EPOCH)
    clock = box.clock(floor=LAST_SURE)
    clock.wall.heard(box.true, 0.0)
    for late_s in (0.9, 0.0, 0.5, 1.9):
        box.pass_s(60)
        clock.wall.heard(box.true - timedelta(seconds=late_s), 0.0)
        assert clock.now() == box.true


def test_a_quick_receipt_corrects_what_a_slow_one_told():
    box = BoxClocks(wall=EPOCH)
    clock = box.clock(floor=LAST_SURE)
    clock.wall.heard(box.true - timedelta(seconds=19), 20.0)
    assert clock.now() == box.true - timedelta(seconds=9)
    clock.wall.heard(box.true, 0.1)
    assert abs(clock.now() - box.true) < timedelta(seconds=0.1)


@pytest.mark.parametrize(
    ("server_at", "round_trip_s"), [(NOON, 61.0), (NOON, -1.0), (EPOCH, 0.1), (YEAR_2106, 0.1), (NOON, float("nan"))]
)
def test_a_receipt_that_tells_nothing_sets_nothing(server_at, round_trip_s):
    clock = BoxClocks(wall=EPOCH).clock(floor=LAST_SURE)
    clock.wall.heard(server_at, round_trip_s)
    assert clock.wall.anchor is None


@pytest.mark.parametrize("wrong_first", [True, False])
def test_a_centre_whose_clock_was_years_ahead_for_a_while_shuts_no_home_out(wrong_first):
    """By its time all certificates have expired, and the right time comes over none but the connection they guard."""
    box = BoxClocks(wall=EPOCH)
    clock = box.clock(floor=LAST_SURE)
    for is_wrong in (wrong_first, not wrong_first):
        box.pass_s(60)
        clock.wall.heard(box.true + (5 * 365 * 24 * HOUR if is_wrong else 0 * HOUR), 0.0)
    assert clock.now() - box.true in (0 * HOUR, 5 * 365 * 24 * HOUR)
    box.pass_s(60)
    assert abs(clock.wall.earliest() - box.true) < timedelta(seconds=1)
    box.ntp()
    clock.wall.look()
    assert clock.wall.earliest() is None


def test_ntp_outranks_the_centre():
    box = BoxClocks(is_synced=True)
    clock = box.clock()
    clock.wall.heard(NOON + HOUR, 0.1)
    assert clock.wall.anchor.source == "ntp"
    assert clock.now() == NOON


@pytest.mark.parametrize("moved", [EPOCH, NOON - HOUR, NOON + HOUR, YEAR_2106])
@pytest.mark.parametrize("by", ["ntp", "centre"])
def test_a_clock_that_somebody_moves_is_not_followed(moved, by):
    box = BoxClocks()
    clock = box.clock(floor=LAST_SURE)
    if by == "ntp":
        box.ntp()
        clock.wall.look()
    else:
        clock.wall.heard(box.true, 0.0)
    box.by_hand(moved)
    assert clock.now() == box.true
    box.pass_s(3_600)
    assert clock.now() == box.true
    assert clock.mark().sure_from == 0


def test_a_step_of_ntp_is_followed_at_once():
    box = BoxClocks(is_synced=True)
    clock = box.clock()
    box.true += HOUR
    box.ntp()
    assert clock.now() == NOON + HOUR


def test_the_centre_corrects_an_oscillator_that_ran_alone_for_long():
    box = BoxClocks(is_synced=True)
    clock = box.clock()
    box.is_synced = False
    box.pass_s(86_400)
    box.true += timedelta(seconds=4)
    clock.wall.heard(box.true, 0.0)
    assert clock.now() == box.true


@pytest.mark.parametrize(
    ("is_synced", "off", "told", "expected"),
    [
        (True, timedelta(), False, 0.02),
        (False, timedelta(), False, 16.0),
        (False, timedelta(seconds=1), True, 0.0),
        (False, timedelta(seconds=70), True, 69.0),
        (False, -timedelta(days=20_000), True, 20_000 * 86_400 - 1.0),
    ],
)
def test_how_far_the_clock_is_off_is_what_is_proven(is_synced, off, told, expected):
    box = BoxClocks(wall=NOON + off, is_synced=is_synced)
    clock = box.clock()
    if told:
        clock.wall.heard(box.true, 0.0)
    assert clock.wall.error_s() == pytest.approx(expected)


def test_where_the_kernel_says_nothing_nothing_is_said():
    box = BoxClocks()
    box.kernel = lambda: None
    assert box.clock().wall.error_s() is None


def test_a_right_clock_judges_certificates_itself():
    box = BoxClocks(is_synced=True)
    assert box.clock(floor=LAST_SURE).wall.earliest() is None


@pytest.mark.parametrize(
    ("wall", "earliest"), [(EPOCH, LAST_SURE), (YEAR_2106, LAST_SURE), (NOON, NOON), (NOON + HOUR, NOON + HOUR)]
)
def test_one_that_nobody_has_set_gives_a_floor_only(wall, earliest):
    clock = BoxClocks(wall=wall).clock(floor=LAST_SURE)
    assert clock.wall.earliest() == earliest
    clock.wall.heard(NOON, 0.0)
    assert clock.wall.earliest() == (None if wall == NOON else NOON)


def test_the_program_is_as_old_as_its_newest_file(tmp_path):
    assert built_at(tmp_path) == RELEASED
    for name, moment in (
        ("a.py", RELEASED + HOUR),
        ("b.py", YEAR_2106),
        ("c.py", EPOCH),
        ("d.txt", RELEASED + 2 * HOUR),
    ):
        file = tmp_path / name
        file.touch()
        os.utime(file, (0, moment.timestamp()))
    assert built_at(tmp_path) == RELEASED + HOUR
    assert RELEASED <= built_at() <= datetime.fromtimestamp(time.time() + 86_400, UTC)


def test_what_a_driver_dates_by_the_systems_clock_is_moved_with_it():
    box = BoxClocks(wall=EPOCH)
    clock = box.clock(floor=LAST_SURE)
    clock.wall.heard(box.true, 0.0)
    assert clock.corrected(EPOCH - timedelta(minutes=5)) == NOON - timedelta(minutes=5)
    right = BoxClocks(is_synced=True).clock()
    assert right.corrected(NOON) == NOON


def test_a_wild_clock_after_a_power_cut_lets_no_time_pass():
    box = BoxClocks(is_synced=True)
    mark = box.clock().mark()
    for wild in (EPOCH, YEAR_2106):
        again = BoxClocks(wall=wild, boottime=3)
        assert again.clock(mark, boot="b", floor=LAST_SURE).mono() == mark.engine_ms


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "ntp", "hand", "heard", "look", "restart", "reboot"]), st.integers(-(10**9), 10**9)
    ),
    max_size=25,
)


@given(STEPS)
def test_once_it_is_set_the_time_is_right_whatever_is_done_to_the_clock(steps):
    box, boots = BoxClocks(wall=EPOCH), 0
    clock, mono = box.clock(floor=LAST_SURE), 0
    for what, amount in steps:
        match what:
            case "pass":
                box.pass_s(abs(amount) % 10_000)
            case "ntp":
                box.ntp()
            case "hand":
                box.by_hand(NOON + timedelta(seconds=amount))
            case "heard":
                clock.wall.heard(box.true, 0.1)
            case "look":
                clock.wall.look()
            case _:
                boots += what == "reboot"
                mark = clock.mark()
                if what == "reboot":
                    box.boottime, box.is_synced, box.wall = 5, False, EPOCH
                clock = box.clock(mark, boot=str(boots or "a"), floor=LAST_SURE)
        assert clock.mono() >= mono
        mono = clock.mono()
        if clock.mark().sure_from is not None:
            assert abs(clock.now() - box.true) <= timedelta(seconds=4)  # 2 s are nobody's business, the centre tells 1
