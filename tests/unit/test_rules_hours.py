"""Hours of the day: over midnight, and where the clocks are put forward or back."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from rules.hours import Hours, HoursOfDay, last_time, look_again, mono_at, next_time

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = "2026-03-29"  # 02:00 is followed by 03:00
WINTER = "2026-10-25"  # 03:00 is followed by 02:00
HOURS = TypeAdapter(HoursOfDay)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("08:00-20:00", ["08:00", "12:00", "19:59:59.999"], ["07:59:59.999", "20:00", "23:00"]),
        ("22:00-06:00", ["22:00", "00:00", "05:59:59.999"], ["21:59:59.999", "06:00", "12:00"]),
        ("00:00-06:00", ["00:00", "05:59"], ["06:00", "23:59:59"]),
        ("18:00-00:00", ["18:00", "23:59:59"], ["00:00", "17:59"]),
    ],
)
def test_hours_contain_their_beginning_and_not_their_end(hours, inside, outside):
    read = HOURS.validate_python(hours)
    assert all(read.contains(local(f"2026-06-10T{moment}"), BERLIN) for moment in inside)
    assert not any(read.contains(local(f"2026-06-10T{moment}"), BERLIN) for moment in outside)
    assert (str(read), HOURS.validate_python(read)) == (hours, read)


def open_ms(hours: Hours, day: str) -> list[tuple[datetime, datetime]]:
    """The stretches of a day and a half in which they are on, minute by minute."""
    found, begin, at = [], None, local(f"{day}T00:00") - timedelta(hours=4)
    for _ in range(36 * 60):
        is_on = hours.contains(at, BERLIN)
        if is_on and begin is None:
            begin = at
        elif not is_on and begin is not None:
            found.append((begin, at))
            begin = None
        at += timedelta(minutes=1)
    return found


@pytest.mark.parametrize(
    ("hours", "day", "begin", "end"),
    [
        ("22:00-06:00", SUMMER, "2026-03-28T22:00", "2026-03-29T06:00"),
        ("22:00-06:00", WINTER, "2026-10-24T22:00", "2026-10-25T06:00"),
        ("02:30-06:00", SUMMER, "2026-03-29T03:30", "2026-03-29T06:00"),  # 02:30 does not come
        ("02:15-02:45", SUMMER, "2026-03-29T03:15", "2026-03-29T03:45"),
        ("02:30-06:00", WINTER, "2026-10-25T02:30", "2026-10-25T06:00"),  # 02:30 comes twice: from the first on
        ("01:00-02:30", WINTER, "2026-10-25T01:00", "2026-10-25T02:30"),
    ],
)
def test_hours_come_once_also_on_days_of_23_and_25_hours(hours, day, begin, end):
    read = HOURS.validate_python(hours)
    assert open_ms(read, day)[0] == (local(begin), local(end))
    inside = local(begin)
    assert read.opened(inside, BERLIN) == inside
    assert read.opens(inside - timedelta(milliseconds=1), BERLIN) == inside
    assert read.opens(inside, BERLIN) > inside + timedelta(hours=22)
    assert read.opened(inside + timedelta(hours=22), BERLIN) == inside


def test_hours_that_fall_into_the_gap_as_a_whole_do_not_come():
    assert not any(begin.day == 29 for begin, _ in open_ms(Hours(time(2, 0), time(3, 0)), SUMMER))


@pytest.mark.parametrize("zone", [UTC, BERLIN])
def test_next_and_last_do_not_depend_on_the_zone_of_the_moment(zone):
    at = local(f"{WINTER}T02:40", fold=1).astimezone(zone)
    assert last_time(time(2, 30), at, BERLIN) == local(f"{WINTER}T02:30")
    assert next_time(time(2, 30), at, BERLIN) == local("2026-10-26T02:30")
    assert mono_at(next_time(time(3), at, BERLIN), at, 1000) == 1000 + 20 * 60_000
    assert last_time(time(2, 30), local(f"{WINTER}T02:30"), BERLIN) == local(f"{WINTER}T02:30")


def test_a_moment_between_two_milliseconds_is_not_too_early():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert mono_at(at + timedelta(microseconds=1), at, 5) == 6
    assert mono_at(at, at, 5) == 5


def test_what_is_due_at_a_time_of_the_day_is_looked_at_each_hour():
    assert (look_again(5000, 0), look_again(7_200_000, 100)) == (5000, 3_600_100)


@pytest.mark.parametrize("written", ["22-6", "24:00-06:00", "06:00-06:00", "6:00-7:00", 3, None, "22:00 - 06:00"])
def test_what_is_no_hours_is_refused(written):
    with pytest.raises(ValidationError, match="write a beginning and an end on the 24-hour clock"):
        HOURS.validate_python(written)
