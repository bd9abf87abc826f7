"""How often the box has started within a day, over restarts and reboots."""

import pytest

from gateway.starts import NOTES, Starts

HOUR_MS = 3_600_000


class Clock:
    def __init__(self, mono: int) -> None:
        self._mono = mono

    def mono(self) -> int:
        return self._mono


def started(at_h: list[float]) -> tuple[Starts, Clock]:
    """A box that started at these engine hours."""
    notes: dict[str, dict[str, str]] = {}
    for hour in at_h:
        clock = Clock(int(hour * HOUR_MS))
        starts = Starts(clock, notes)
        starts.keep(lambda owner, name, text: notes.setdefault(owner, {}).update({name: text}))
    return starts, clock


@pytest.mark.parametrize(
    ("at_h", "count"), [([0], 1), ([0, 1, 2], 3), ([0, 1, 25], 1), ([1.5, 2, 25.2], 3), ([0] * 300, 200)]
)
def test_starts_of_the_last_day_count(at_h, count):
    assert started(at_h)[0].count() == count


def test_they_are_forgotten_while_the_box_runs():
    starts, clock = started([0, 1, 2])
    clock._mono = 25 * HOUR_MS
    assert starts.count() == 1
    clock._mono = 30 * HOUR_MS
    assert starts.count() == 0


def test_what_another_card_noted_of_later_hours_does_not_count():
    assert Starts(Clock(5), {NOTES: {"starts": "[99999999]"}}).count() == 1


@pytest.mark.parametrize("noted", ["", "{", '{"a": 1}', '["x", 1.5]', "7"])
def test_note_that_cannot_be_read_is_none(noted):
    assert Starts(Clock(5), {NOTES: {"starts": noted}}).count() == 1
