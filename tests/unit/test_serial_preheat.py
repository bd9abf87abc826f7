"""What sensors say before they are warm."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.serial.preheat import Preheat
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality


def co2(ppm: float, quality: Quality = Quality.GOOD) -> list[Said]:
    return [Sample(quantity=Quantity.CO2, value=ppm, quality=quality)]


def preheat() -> Preheat:
    return Preheat(lasts_s=180, pause_s=20, fixed=frozenset({400.0, 410.0}))


def test_a_fixed_number_is_a_life_sign_and_others_are_doubted_until_it_is_warm() -> None:
    sieve = preheat()
    assert sieve.pick([Alive()], 1000.0) == [Alive()]
    assert sieve.pick(co2(410), 1005.0) == [Alive()]
    assert sieve.pick(co2(780), 1015.0) == co2(780, Quality.QUESTIONABLE)
    for second in range(1020, 1180, 5):
        sieve.pick(co2(790), float(second))
    assert sieve.pick(co2(800), 1179.9) == co2(800, Quality.QUESTIONABLE)
    assert sieve.pick(co2(800), 1180.0) == co2(800)
    assert sieve.pick(co2(400), 1185.0) == co2(400)


def test_after_a_pause_it_is_cold_again() -> None:
    sieve = preheat()
    for second in range(0, 300, 5):
        sieve.pick(co2(800), float(second))
    assert sieve.pick(co2(800), 315.0) == co2(800)
    assert sieve.pick(co2(800), 335.1) == co2(800, Quality.QUESTIONABLE)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5000)), max_size=60))
def test_no_value_is_made_good_or_dropped(steps: list[tuple[float, float]]) -> None:
    sieve, now = preheat(), 0.0
    for wait, ppm in steps:
        now += wait
        (one,) = sieve.pick(co2(ppm, Quality.QUESTIONABLE), now)
        assert one == Alive() or (isinstance(one, Sample) and one.quality is Quality.QUESTIONABLE and one.value == ppm)
