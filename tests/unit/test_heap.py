"""What the server asks of Python's collector while it serves."""

import gc
import weakref

import pytest

from community.heap import THRESHOLDS, settled


class _Knot:
    """Lies in a cycle with itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_at_start_is_put_aside_and_comes_back() -> None:
    """Neither the threshold nor the things put aside outlive the server, whatever ends it."""
    before, aside = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(KeyboardInterrupt), settled():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > aside
        raise KeyboardInterrupt
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_comes_later_is_still_collected() -> None:
    """A server that stands for months must not grow by what lies in cycles."""
    with settled():
        knot = _Knot()
        gone = weakref.ref(knot)
        del knot
        gc.collect()
        assert gone() is None
