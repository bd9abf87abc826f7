"""The small drawing stays inside its box, whatever was measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fixtures.community_home import DemoHome
from hypothesis import given
from hypothesis import strategies as st

from community.desk import Point, Series, Timing
from community.web.plot import HEIGHT, WIDTH, alarms, is_curve, plot_points, sparkline
from shouwang.alert import AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Quality

BEGIN = datetime(2026, 11, 23, 19, tzinfo=UTC)


def series(values: list[tuple[float, Quality]]) -> Series:
    points = tuple(
        Point(at=BEGIN + timedelta(seconds=place), value=value, quality=quality)
        for place, (value, quality) in enumerate(values)
    )
    return Series(sensor_id="oximeter", quantity=Quantity.SPO2, points=points)


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from(Quality)), max_size=30))
def test_line_stays_in_its_box_and_holds_good_values_only(values: list[tuple[float, Quality]]) -> None:
    good = [value for value, quality in values if quality is Quality.GOOD]
    line = sparkline(series(values))
    if len(good) < 2:
        assert line is None
        return
    assert line is not None
    assert (line.low, line.high) == (min(good), max(good))
    places = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert len(places) == len(good)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_a_higher_value_is_drawn_higher() -> None:
    line = sparkline(series([(90, Quality.GOOD), (95, Quality.GOOD)]))
    assert line is not None
    low, high = (float(point.split(",")[1]) for point in line.points.split())
    assert high < low


def test_doubtful_values_are_marked_for_the_browser() -> None:
    values = [(90.0, Quality.GOOD), (50.0, Quality.QUESTIONABLE)]
    assert [(value, good) for _, value, good, *_ in plot_points(series(values))] == [(90.0, True), (50.0, False)]


def test_late_values_are_marked_for_the_browser_and_belong_to_the_line() -> None:
    in_time, late = series([(90, Quality.GOOD), (95, Quality.GOOD)]).points
    found = replace(series([]), points=(in_time, replace(late, is_late=True)))
    assert [is_late for *_, is_late, _ in plot_points(found)] == [False, True]
    assert sparkline(found) is not None


def test_values_whose_moment_we_have_put_right_are_marked_for_the_browser() -> None:
    right, mended = series([(90, Quality.GOOD), (95, Quality.GOOD)]).points
    found = replace(series([]), points=(right, replace(mended, timing=Timing.MENDED)))
    assert [is_retimed for *_, is_retimed in plot_points(found)] == [False, True]


def test_presses_are_no_curve() -> None:
    assert is_curve(series([]))
    assert not is_curve(Series(sensor_id="sos", quantity=Quantity.SOS, points=()))


def test_each_call_for_help_is_marked_when_it_was_made_at_home() -> None:
    home = DemoHome()
    calls = [home.alert("sos", since=BEGIN), home.alert("fall", since=BEGIN + timedelta(seconds=9))]
    steps = [home.alert("fall", state=state) for state in AlertState if state is not AlertState.FIRING]
    assert alarms([*calls, *steps]) == [BEGIN.timestamp(), BEGIN.timestamp() + 9]
