"""Who is asked when: alarms first, silent units seldom, nobody starves, and no late answer can be taken for another."""

import random
from datetime import timedelta

import pytest

from drivers.serial.modbus_block import Block
from drivers.serial.modbus_ear import Question
from drivers.serial.modbus_turns import LATE_S, PROBE_S, PROBES_S, Outcome, Turn, Turns

ANSWER_S, TIMEOUT_S = 0.05, 0.45


def block(unit: int, *, poll_s: float = 1.0, urgent: bool = True, address: int = 0) -> Block:
    asked = Question(unit=unit, function=3, address=address, count=1)
    return Block(question=asked, registers=(), poll=timedelta(seconds=poll_s), is_urgent=urgent)


SMOKE = block(1)
CLIMATE = block(2, poll_s=30, urgent=False)


def turns(*blocks: Block) -> Turns:
    units = {one.question.unit: [two for two in blocks if two.question.unit == one.question.unit] for one in blocks}
    found = Turns(units)
    found.begin(0.0)
    return found


def taken(line: Turns, now: float) -> Turn:
    turn = line.next(now)
    assert turn is not None
    return turn


def miss(line: Turns, now: float) -> Outcome:
    return line.missed(taken(line, now), now, may_come_late=True)


def test_what_a_life_hangs_on_comes_first_then_the_earliest_deadline() -> None:
    slow, fast = block(3, poll_s=30, urgent=False), block(4, poll_s=2, urgent=False)
    line = turns(slow, fast, SMOKE)
    for wanted in (SMOKE, fast, slow):
        turn = taken(line, 0.0)
        assert turn.block is wanted
        line.answered(turn, 0.0)
    assert line.next(0.9) is None
    assert line.next_at() == 1.0
    assert taken(line, 1.0).block is SMOKE


def test_a_period_counts_from_the_question() -> None:
    line = turns(CLIMATE)
    line.answered(taken(line, 7.0), 7.0)
    assert line.next_at() == 37.0


def test_a_unit_that_missed_twice_is_silent_and_asked_ever_less_often() -> None:
    line = turns(SMOKE)
    assert miss(line, 0.0) is Outcome.AGAIN
    assert line.next_at() == LATE_S
    now = LATE_S
    assert miss(line, now) is Outcome.SILENT
    assert line.are_all_silent
    for pause in (*PROBES_S, PROBE_S, PROBE_S):
        assert line.next_at() == pytest.approx(now + pause)
        now = line.next_at()
        assert miss(line, now) is Outcome.SILENT


def test_a_unit_that_is_back_is_asked_everything_at_once() -> None:
    line = turns(SMOKE, block(1, poll_s=30, urgent=False, address=9))
    now = 0.0
    while not line.are_all_silent:
        now = max(now, line.next_at())
        miss(line, now)
    now = line.next_at()
    line.answered(taken(line, now), now)
    assert not line.are_all_silent
    assert taken(line, now).block.question.address in (0, 9)
    assert line.next_at() <= now


def test_probes_go_round_all_that_is_read_of_a_unit() -> None:
    """What one unit never answers must not hide that it would answer to something else."""
    line = turns(SMOKE, block(1, urgent=False, address=9))
    asked: set[int] = set()
    now = 0.0
    for _ in range(8):
        now = max(now, line.next_at())
        turn = taken(line, now)
        if line.are_all_silent:
            asked.add(turn.block.question.address)
        line.missed(turn, now, may_come_late=True)
    assert asked == {0, 9}


def test_a_unit_is_left_alone_while_its_answer_may_come_late() -> None:
    """Also for its other registers: an answer does not say what it is one to. Neighbours are asked meanwhile."""
    line = turns(SMOKE, block(1, address=9), block(5))
    first = taken(line, 0.0)
    line.missed(first, 0.4, may_come_late=True)
    now = 0.4
    while (turn := line.next(now)) is not None:
        assert turn.unit != first.unit
        line.answered(turn, now)
    assert line.next_at() == pytest.approx(0.4 + LATE_S)


def test_a_garbled_answer_is_asked_for_again_at_once() -> None:
    line = turns(SMOKE)
    line.missed(taken(line, 0.0), 0.1, may_come_late=False)
    assert line.next_at() <= 0.1


def test_a_register_that_is_refused_is_asked_seldom_and_its_unit_lives() -> None:
    line = turns(SMOKE, block(1, poll_s=2, urgent=False, address=9))
    refusals = 0
    now, outcomes = 0.0, []
    while now < 20.0:
        now = max(now, line.next_at())
        turn = taken(line, now)
        if turn.block.question.address:
            refusals += 1
            outcomes.append(line.refused(turn, now))
        else:
            line.answered(turn, now)
    assert refusals == 2
    assert outcomes == [Outcome.AGAIN, Outcome.WITHHELD]
    assert not line.are_all_silent


def test_a_register_without_any_answer_does_not_make_its_unit_silent() -> None:
    line = turns(SMOKE, block(1, poll_s=0.5, urgent=False, address=9))
    now, outcomes, withheld = 0.0, [], list[Turn]()
    for _ in range(200):
        now = max(now, line.next_at())
        turn = taken(line, now)
        if turn.block.question.address:
            outcomes.append(line.missed(turn, now, may_come_late=True))
        else:
            withheld += line.answered(turn, now)
    assert set(outcomes) == {Outcome.AGAIN}
    assert len(outcomes) < 10
    assert [turn.block.question.address for turn in withheld] == [9], "told once"


@pytest.mark.parametrize("garbled", [False, True])
@pytest.mark.parametrize("poll_s", [1.0, 30.0])
def test_whether_the_unit_is_dead_or_one_register_is_asked_of_the_others(poll_s: float, garbled: bool) -> None:
    """The others are asked at once, however seldom they are read: a slow unit does not go up and down for ever."""
    line = turns(block(1, poll_s=poll_s, urgent=False), block(1, poll_s=poll_s, urgent=False, address=9))
    now, told_at = 0.0, list[float]()
    while now < 600.0:
        now = max(now, line.next_at())
        turn = taken(line, now)
        if turn.block.question.address:
            assert line.missed(turn, now, may_come_late=not garbled) is Outcome.AGAIN
        else:
            told_at += [now for _ in line.answered(turn, now)]
    assert len(told_at) == 1
    assert told_at[0] <= 3 * LATE_S


def test_a_silent_detector_waits_for_one_that_answers() -> None:
    """Also where its own deadline is the earlier one."""
    line = turns(block(1, poll_s=2.0), block(5, poll_s=0.5))
    line.missed(taken(line, 0.0), 0.0, may_come_late=True)
    line.answered(taken(line, 0.0), 1.0)
    line.missed(taken(line, LATE_S), LATE_S, may_come_late=True)
    now = LATE_S + PROBES_S[0]
    first = taken(line, now)
    line.answered(first, now)
    assert (first.unit, taken(line, now).unit) == (1, 5)


def test_what_is_known_to_be_withheld_says_nothing_of_its_unit() -> None:
    line = turns(SMOKE, block(1, poll_s=30, urgent=False, address=9))
    now, probes = 0.0, 0
    while probes < 3:
        now = max(now, line.next_at())
        turn = taken(line, now)
        if turn.block.question.address:
            probes += 1
            line.missed(turn, now, may_come_late=True)
        else:
            line.answered(turn, now)
    now = line.next_at()
    turn = taken(line, now)
    assert turn.block is SMOKE
    assert line.missed(turn, now, may_come_late=True) is Outcome.AGAIN


def test_one_lost_answer_beside_a_withheld_register_makes_no_unit_silent() -> None:
    line = turns(SMOKE, block(1, urgent=False, address=9))
    now, lost = 0.0, 0
    while now < 200.0:
        now = max(now, line.next_at())
        turn = taken(line, now)
        is_withheld = bool(turn.block.question.address)
        if is_withheld or lost % 7 == 3:
            assert line.missed(turn, now, may_come_late=False) is not Outcome.SILENT
        else:
            line.answered(turn, now)
        lost += not is_withheld


def test_a_full_line_starves_nobody() -> None:
    urgent = [block(unit, poll_s=0.5) for unit in range(1, 41)]
    line = turns(*urgent, block(100, poll_s=30, urgent=False))
    now, seen = 0.0, 0
    for _ in range(50):
        turn = taken(line, now)
        seen += turn.unit == 100
        line.answered(turn, now)
        now += ANSWER_S
    assert seen == 1


def test_the_line_begins_anew_without_prejudice() -> None:
    line = turns(SMOKE)
    for _ in range(4):
        miss(line, line.next_at())
    line.begin(1000.0)
    assert not line.are_all_silent
    assert line.next_at() == 1000.0


def test_a_line_without_units_has_no_turn() -> None:
    line = turns()
    assert line.next(0.0) is None
    assert line.next_at() == float("inf")


@pytest.mark.parametrize("seed", range(20))
def test_dead_units_never_delay_an_alarm_beyond_two_seconds(seed: int) -> None:
    """Sixteen units, some dead from the start, some dying and coming back; a smoke unit that lives is read in 2 s."""
    chance = random.Random(seed)
    smoke = [block(unit) for unit in range(1, 5)]
    climate = [block(unit, poll_s=30, urgent=False) for unit in range(5, 17)]
    line = turns(*smoke, *climate)
    dead = set(chance.sample(range(3, 17), 4))
    read_at = dict.fromkeys((1, 2), 0.0)
    now = 0.0
    while now < 300.0:
        turn = line.next(now)
        if turn is None:
            now = line.next_at()
            continue
        asked_at = now
        if turn.unit in dead:
            now += TIMEOUT_S
            line.missed(turn, now, may_come_late=True)
        else:
            now += ANSWER_S
            line.answered(turn, asked_at)
        if turn.unit in read_at:
            assert now - read_at[turn.unit] <= 2.0, (turn.unit, now)
            read_at[turn.unit] = now
        if chance.random() < 0.01:
            dead = set(chance.sample(range(3, 17), 4))
