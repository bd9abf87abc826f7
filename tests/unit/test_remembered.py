"""A pure function that is asked the same again and again."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.remembered import Remembered


@given(st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=2).map(tuple), st.integers(0, 1)), max_size=30))
def test_answers_are_those_of_the_function(asked: list[tuple[tuple[int, ...], int]]) -> None:
    """Whatever was asked before, in whatever order."""

    def function(numbers: tuple[int, ...], *, more: int) -> tuple[int, ...]:
        return (*numbers, more)

    remembered = Remembered(function, most=2)
    for numbers, more in asked:
        assert remembered(numbers, more=more) == function(numbers, more=more)


def test_the_same_question_is_computed_once_and_little_is_kept() -> None:
    computed: list[int] = []

    def function(number: int) -> int:
        computed.append(number)
        return number

    remembered = Remembered(function, most=2)
    for number in (1, 1, 2, 1, 3, 1):
        remembered(number)
    assert computed == [1, 2, 3, 1]


def test_a_failure_is_told_each_time() -> None:
    def function(numbers: Iterable[int]) -> int:
        raise ValueError(f"no {numbers}")

    remembered = Remembered(function)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            remembered(())
