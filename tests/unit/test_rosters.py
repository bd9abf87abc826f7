"""The hours nobody covers, the grids nobody answers for, and who did not come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.rosters import (
    Absence,
    GridPost,
    Place,
    Post,
    Shift,
    Weekly,
    expanded,
    grid_faults,
    holes,
    no_shows,
    on_duty,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, tzinfo=SHANGHAI)
WEEK = MONDAY + timedelta(days=7)
ROUND_THE_CLOCK = (
    Weekly(post=Post.OPERATOR, person="zhang", since="08:00", until="20:00"),
    Weekly(post=Post.OPERATOR, person="li", since="20:00", until="08:00"),
    Weekly(post=Post.OPERATOR, person="chen", place=Place.BACKUP, since="00:00", until="00:00"),
)


def hours(hole) -> tuple[str, str, str]:
    begins, ends = (moment.astimezone(SHANGHAI) for moment in (hole.starts_at, hole.ends_at))
    return f"{begins:%a %H:%M}", f"{ends:%a %H:%M}", "+".join(place.value for place in hole.lacks)


def test_a_rota_without_a_gap_has_no_holes():
    assert holes(expanded(ROUND_THE_CLOCK, SHANGHAI, MONDAY, WEEK), (), MONDAY, WEEK) == ()


def test_each_hole_is_told_with_its_hours_and_what_lacks():
    weekly = (
        Weekly(post=Post.OPERATOR, person="zhang", since="08:00", until="20:00"),
        Weekly(post=Post.OPERATOR, person="li", since="20:00", until="06:30"),
        ROUND_THE_CLOCK[2],
    )
    found = holes(expanded(weekly, SHANGHAI, MONDAY, WEEK), (), MONDAY, MONDAY + timedelta(days=1))
    assert [hours(hole) for hole in found] == [("Mon 06:30", "Mon 08:00", "main")]


def test_one_person_twice_is_no_backup():
    weekly = (
        *ROUND_THE_CLOCK[:2],
        Weekly(post=Post.OPERATOR, person="zhang", place=Place.BACKUP, since="00:00", until="00:00"),
    )
    found = holes(expanded(weekly, SHANGHAI, MONDAY, WEEK), (), MONDAY, MONDAY + timedelta(days=1))
    assert [hours(hole) for hole in found] == [("Mon 08:00", "Mon 20:00", "backup")]


def test_an_absence_makes_a_hole():
    away = Absence(person="li", starts_at=MONDAY + timedelta(hours=22), ends_at=MONDAY + timedelta(hours=26))
    found = holes(expanded(ROUND_THE_CLOCK, SHANGHAI, MONDAY, WEEK), (away,), MONDAY, WEEK)
    assert [hours(hole) for hole in found] == [("Mon 22:00", "Tue 02:00", "main")]


def test_nobody_at_all_lacks_both():
    assert [hours(hole) for hole in holes((), (), MONDAY, MONDAY + timedelta(hours=3))] == [
        ("Mon 00:00", "Mon 03:00", "main+backup")
    ]


def test_days_of_23_and_25_hours_have_no_hole():
    zone = ZoneInfo("Europe/Berlin")
    for day in (datetime(2026, 3, 29, tzinfo=zone), datetime(2026, 10, 25, tzinfo=zone)):
        end = day + timedelta(days=2)
        assert holes(expanded(ROUND_THE_CLOCK, zone, day, end), (), day, end) == ()


def test_a_night_shift_of_yesterday_still_runs_this_morning():
    shifts = expanded(ROUND_THE_CLOCK[1:2], SHANGHAI, MONDAY, MONDAY + timedelta(hours=1))
    assert [one.person for one in on_duty(shifts, (), Post.OPERATOR, MONDAY)] == ["li"]


def test_the_first_stand_before_the_backups():
    shifts = expanded(ROUND_THE_CLOCK, SHANGHAI, MONDAY, WEEK)
    noon = MONDAY + timedelta(hours=12)
    assert [one.person for one in on_duty(shifts, (), Post.OPERATOR, noon)] == ["zhang", "chen"]
    assert on_duty(shifts, (), Post.RESPONDER, noon) == ()


_people = st.sampled_from(["zhang", "li", "chen"])
_hours = st.integers(min_value=0, max_value=47)
_shifts = st.lists(
    st.builds(
        lambda person, place, start, length: Shift(
            post=Post.OPERATOR,
            person=person,
            place=place,
            starts_at=MONDAY + timedelta(hours=start),
            ends_at=MONDAY + timedelta(hours=start + length),
        ),
        _people,
        st.sampled_from(Place),
        _hours,
        st.integers(min_value=1, max_value=30),
    ),
    max_size=8,
)
_absences = st.lists(
    st.builds(
        lambda person, start, length: Absence(
            person=person,
            starts_at=MONDAY + timedelta(hours=start),
            ends_at=MONDAY + timedelta(hours=start + length),
        ),
        _people,
        _hours,
        st.integers(min_value=1, max_value=12),
    ),
    max_size=3,
)


@given(_shifts, _absences)
def test_an_hour_is_in_a_hole_exactly_where_an_operator_or_another_backup_lacks(shifts, absences):
    found = holes(shifts, absences, MONDAY, MONDAY + timedelta(hours=48))
    for hour in range(48):
        moment = MONDAY + timedelta(hours=hour, minutes=30)
        here = [
            one
            for one in shifts
            if one.starts_at <= moment < one.ends_at
            and not any(a.person == one.person and a.starts_at <= moment < a.ends_at for a in absences)
        ]
        is_covered = any(one.place is Place.MAIN for one in here) and len({one.person for one in here}) > 1
        assert is_covered is not any(hole.starts_at <= moment < hole.ends_at for hole in found)


@pytest.mark.parametrize(
    ("posts", "said"),
    [
        ([("liu", Place.MAIN), ("an", Place.BACKUP)], []),
        (
            [],
            ["grid 7 has no grid worker (网格员)", "grid 7 has no back-up for its grid worker"],
        ),
        ([("liu", Place.MAIN)], ["grid 7 has no back-up for its grid worker"]),
        ([("an", Place.BACKUP), ("liu", Place.BACKUP)], ["grid 7 has no grid worker (网格员)"]),
        (
            [("liu", Place.MAIN), ("gone", Place.BACKUP)],
            ["grid 7: gone is not among the responders", "grid 7 has no back-up for its grid worker"],
        ),
    ],
)
def test_every_grid_has_a_worker_and_another_one(posts, said):
    found = grid_faults(["7"], [GridPost(grid="7", person=who, place=place) for who, place in posts], _KNOWN)
    assert [fault.en for fault in found] == said
    assert all("网格" in fault.zh for fault in found)


_KNOWN = frozenset({"liu", "an"})


def test_a_colleague_is_missing_after_a_quarter_of_an_hour():
    shifts = expanded(ROUND_THE_CLOCK, SHANGHAI, MONDAY, WEEK)
    begin = MONDAY + timedelta(hours=20)
    here = frozenset({"chen", "zhang"})
    assert no_shows(shifts, (), here, begin + timedelta(minutes=14, seconds=59)) == ()
    assert [one.person for one in no_shows(shifts, (), here, begin + timedelta(minutes=15))] == ["li"]
    assert no_shows(shifts, (), here | {"li"}, begin + timedelta(hours=1)) == ()
    away = Absence(person="li", starts_at=begin, ends_at=begin + timedelta(hours=12))
    assert no_shows(shifts, (away,), here, begin.astimezone(UTC) + timedelta(hours=1)) == ()
