"""The clocks of cases run on over restarts, and no wall clock moves them (S16)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from community.engine_time import AT_MOST, EngineTime, Mark

WALL = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)


class Kernel:
    def __init__(self, boot: str = "a", boottime_ms: int = 50_000, wall: datetime = WALL) -> None:
        self.boot, self.boottime_ms, self.wall = boot, boottime_ms, wall

    def passes(self, ms: int) -> None:
        self.boottime_ms += ms
        self.wall += timedelta(milliseconds=ms)

    def engine(self, last: Mark | None = None) -> EngineTime:
        return EngineTime(last, boot=self.boot, boottime_ms=lambda: self.boottime_ms, wall=lambda: self.wall)


def test_a_restart_in_the_same_boot_goes_on_exactly_whatever_the_wall_says():
    kernel = Kernel()
    first = kernel.engine()
    kernel.passes(7_000)
    mark = first.mark()
    kernel.passes(61_234)
    kernel.wall = datetime(1970, 1, 1, tzinfo=UTC)
    again = kernel.engine(mark)
    assert again.now() == 68_234
    assert not again.is_doubtful


def test_another_boot_goes_on_by_the_wall():
    mark = Kernel().engine().mark()
    later = Kernel("b", 900, WALL + timedelta(minutes=3)).engine(mark)
    assert later.now() == mark.engine_ms + 180_000


def test_a_wall_that_went_back_is_doubtful_and_nothing_has_passed():
    mark = Kernel().engine().mark()
    later = Kernel("b", 900, WALL - timedelta(seconds=1)).engine(mark)
    assert later.now() == mark.engine_ms
    assert later.is_doubtful


def test_no_wall_clock_makes_years_pass():
    mark = Kernel().engine().mark()
    assert Kernel("b", 900, WALL + timedelta(days=36_500)).engine(mark).now() == mark.engine_ms + AT_MOST // timedelta(
        milliseconds=1
    )


def test_the_same_boot_id_with_an_older_clock_is_another_machine():
    mark = Kernel(boottime_ms=90_000).engine().mark()
    assert Kernel(boottime_ms=100, wall=WALL + timedelta(seconds=5)).engine(mark).now() == mark.engine_ms + 5_000


def test_the_machines_own_clocks_are_read():
    engine = EngineTime()
    assert engine.mark().boot
    assert engine.now() >= 0


@given(st.lists(st.tuples(st.integers(0, 100_000), st.timedeltas(timedelta(days=-30_000), timedelta(days=30_000)))))
def test_steps_of_the_wall_never_move_it(steps):
    kernel = Kernel()
    engine, passed = kernel.engine(), 0
    for ms, step in steps:
        kernel.passes(ms)
        passed += ms
        kernel.wall = WALL + step
        assert engine.now() == passed
