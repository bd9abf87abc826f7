"""Counters of encrypted adverts, and what counts of an advert that anybody could have sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.replay import RESTART_RUN, Freshness, ReplayGuard
from drivers.ble.adverts.told import unproven
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

KEY = bytes(range(16))
counters = st.integers(0, 2**32 - 1)


def heard(guard: ReplayGuard, *counted: int) -> list[Freshness | None]:
    """What the guard says of each; None where it refuses."""
    found: list[Freshness | None] = []
    for counter in counted:
        try:
            found.append(guard.take(counter))
        except DecodeError:
            found.append(None)
    return found


PROVEN, UNPROVEN, REPEATED, REFUSED = Freshness.PROVEN, Freshness.UNPROVEN, Freshness.REPEATED, None


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((5, 6, 9), [PROVEN, PROVEN, PROVEN]),
        ((5, 5, 6), [PROVEN, REPEATED, PROVEN]),
        ((5, 9, 7, 10), [PROVEN, PROVEN, REFUSED, PROVEN]),
        ((0, 1), [PROVEN, PROVEN]),
        # below all that was heard: a device that began again, heard at once
        ((500, 501, 3, 4), [PROVEN, PROVEN, UNPROVEN, UNPROVEN]),
        # it began again among counters that were heard: believed when it goes on
        ((1, 90, 1, 2, 3, 4), [PROVEN, PROVEN, REFUSED, REFUSED, UNPROVEN, UNPROVEN]),
        ((1, 90, 1, 1, 1, 1), [PROVEN, PROVEN, REFUSED, REFUSED, REFUSED, REFUSED]),
        ((1, 90, 3, 2, 1, 1), [PROVEN, PROVEN, REFUSED, REFUSED, REFUSED, REFUSED]),
        ((1, 90, 1, 2, 91, 2, 3, 92), [PROVEN, PROVEN, REFUSED, REFUSED, PROVEN, REFUSED, REFUSED, PROVEN]),
        # proven again when it passes the highest ever
        ((500, 3, 4, 499, 500, 501), [PROVEN, UNPROVEN, UNPROVEN, UNPROVEN, UNPROVEN, PROVEN]),
        # the counter is 32 bits wide
        ((2**32 - 1, 0, 1), [PROVEN, UNPROVEN, UNPROVEN]),
    ],
)
def test_counters(counted: tuple[int, ...], said: list[Freshness | None]) -> None:
    assert heard(ReplayGuard(KEY), *counted) == said


def test_a_counter_is_remembered_across_a_restart_of_the_gateway() -> None:
    guard = ReplayGuard(KEY)
    assert guard.memory() == ""
    heard(guard, 500, 3, 70)
    again = ReplayGuard(KEY, guard.memory())
    assert again.memory() == guard.memory()
    assert heard(again, 70, 69, 71, 501) == [REPEATED, REFUSED, UNPROVEN, PROVEN]


def test_a_new_key_begins_anew() -> None:
    guard = ReplayGuard(KEY)
    heard(guard, 500)
    assert heard(ReplayGuard(bytes(16), guard.memory()), 7) == [PROVEN]


@pytest.mark.parametrize("memory", ["", "7", "a:b:c:d", "00000000:1:1", "zzzzzzzz:1:1:1", "x" * 500])
def test_what_is_no_memory_is_forgotten(memory: str) -> None:
    assert heard(ReplayGuard(KEY, memory), 7) == [PROVEN]


@given(memory=st.text())
def test_any_text_is_a_memory(memory: str) -> None:
    assert heard(ReplayGuard(KEY, memory), 7) == [PROVEN]


@given(counted=st.lists(counters, min_size=1))
def test_the_highest_counter_never_goes_back(counted: list[int]) -> None:
    guard, highest = ReplayGuard(KEY), -1
    for counter in counted:
        heard(guard, counter)
        now = int(guard.memory().split(":")[1])
        assert now >= highest
        highest = now
    assert highest == max(counted)


@given(counted=st.sets(counters, min_size=2), replayed=st.data())
def test_a_frame_that_is_sent_again_says_nothing(counted: set[int], replayed: st.DataObject) -> None:
    """Any one that was heard, at any time after, and as often as one likes."""
    guard = ReplayGuard(KEY)
    grown = sorted(counted)
    heard(guard, *grown)
    old = replayed.draw(st.sampled_from(grown))
    for _ in range(5):
        assert heard(guard, old)[0] in (REFUSED, REPEATED)


@given(counted=st.lists(st.integers(0, 50), min_size=1), cut=st.integers(0, 50))
def test_only_what_is_above_all_before_is_proven(counted: list[int], cut: int) -> None:
    guard, highest = ReplayGuard(KEY), -1
    for at, counter in enumerate(counted):
        if at == cut:
            guard = ReplayGuard(KEY, guard.memory())
        (said,) = heard(guard, counter)
        assert (said is PROVEN) == (counter > highest)
        highest = max(highest, counter)


@given(first=st.integers(1000, 2000), begins=st.integers(0, 500))
def test_a_device_that_began_again_is_heard_in_the_end(first: int, begins: int) -> None:
    guard = ReplayGuard(KEY)
    heard(guard, *range(begins, first))
    said = heard(guard, *range(begins, begins + RESTART_RUN))
    assert said[-1] is UNPROVEN


ALL_CLEAR = [
    (Quantity.SMOKE, 0.0),
    (Quantity.GAS_ALARM, 0.0),
    (Quantity.CARBON_MONOXIDE_ALARM, 0.0),
    (Quantity.FALL, 0.0),
    (Quantity.CANCEL, 1.0),
]


@pytest.mark.parametrize(("quantity", "value"), ALL_CLEAR)
def test_an_unproven_all_clear_is_questionable(quantity: Quantity, value: float) -> None:
    sample = Sample(quantity=quantity, value=value, frame=b"x", resident_id="li")
    (said,) = unproven([sample])
    assert said == Sample(quantity=quantity, value=value, frame=b"x", resident_id="li", quality=Quality.QUESTIONABLE)


@pytest.mark.parametrize("quantity", [quantity for quantity in Quantity if quantity is not Quantity.CANCEL])
def test_an_unproven_alarm_is_as_good_as_any(quantity: Quantity) -> None:
    raised = Sample(quantity=quantity, value=1.0)
    assert unproven([raised, Alive()]) == (raised, Alive())


def test_what_is_not_of_life_safety_may_be_taken_back_by_anybody() -> None:
    for quantity in Quantity:
        calm = Sample(quantity=quantity, value=0.0)
        if not QUANTITIES[quantity].life_safety:
            assert unproven([calm]) == (calm,)
