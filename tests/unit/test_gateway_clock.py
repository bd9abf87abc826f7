"""Engine time goes on across restarts and reboots, and never back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock, ClockMark, read_boot_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEEK_MS = 7 * 86_400_000


@dataclass
class Kernel:
    """Clocks that a test moves by hand."""

    boottime: int = 1_000
    wall: datetime = NOON

    def pass_ms(self, ms: int) -> None:
        self.boottime += ms
        self.wall += timedelta(milliseconds=ms)

    def clock(self, last: ClockMark | None = None, *, boot: str = "a", scale: float = 1.0) -> Clock:
        return Clock(last, boot=boot, scale=scale, boottime_ms=lambda: self.boottime, wall=lambda: self.wall)


def test_a_new_house_begins_at_zero_and_counts_milliseconds():
    kernel = Kernel()
    clock = kernel.clock()
    assert clock.mono() == 0
    kernel.pass_ms(1_500)
    assert clock.mono() == 1_500
    assert clock.now() == NOON + timedelta(seconds=1.5)


def test_a_restart_in_the_same_boot_loses_no_millisecond_whatever_the_wall_clock_did():
    kernel = Kernel()
    mark = kernel.clock().mark()
    kernel.pass_ms(4_000)
    kernel.wall -= timedelta(days=400)
    assert kernel.clock(mark).mono() == 4_000


def test_a_reboot_goes_on_by_the_wall_time_that_passed():
    kernel = Kernel(boottime=50_000)
    clock = kernel.clock()
    kernel.pass_ms(10_000)
    mark = clock.mark()
    kernel.wall += timedelta(seconds=30)
    kernel.boottime = 7
    assert kernel.clock(mark, boot="b").mono() == 40_000


def test_a_reboot_with_a_clock_gone_back_takes_no_time():
    kernel = Kernel()
    mark = kernel.clock().mark()
    kernel.wall = datetime(1970, 1, 1, tzinfo=UTC)
    assert kernel.clock(mark, boot="b").mono() == mark.engine_ms


def test_a_reboot_after_a_year_counts_seven_days():
    kernel = Kernel()
    mark = kernel.clock().mark()
    kernel.wall += timedelta(days=365)
    assert kernel.clock(mark, boot="b").mono() == WEEK_MS


def test_scale_makes_engine_time_run_faster_and_sleeps_shorter():
    kernel = Kernel()
    clock = kernel.clock(scale=600)
    kernel.pass_ms(100)
    assert clock.mono() == 60_000
    assert clock.seconds_until(120_000) == 0.1
    assert clock.seconds_until(0) == 0.0


@given(
    st.lists(
        st.tuples(st.sampled_from(["pass", "restart", "reboot", "wall"]), st.integers(-(10**10), 10**10)), max_size=20
    )
)
def test_engine_time_never_steps_back(steps):
    kernel, boots = Kernel(boottime=10), 0
    clock = kernel.clock(boot="0")
    seen = clock.mono()
    for what, amount in steps:
        if what == "pass":
            kernel.pass_ms(abs(amount))
        elif what == "wall":
            kernel.wall = NOON + timedelta(milliseconds=amount)
        else:
            mark = clock.mark()
            if what == "reboot":
                boots += 1
                kernel.boottime = 3
            clock = kernel.clock(mark, boot=str(boots))
        assert clock.mono() >= seen
        seen = clock.mono()


def test_the_kernel_tells_its_boot():
    assert len(read_boot_id()) == 36
    assert Clock().boot == read_boot_id()
