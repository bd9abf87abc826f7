"""Pure judgement about people: who depends on power, who may be called when, what is agreed, how much is on file."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.consent import Consent, How, Purpose, may, may_see, standing
from community.people import (
    Callee,
    CareLevel,
    Circle,
    Filed,
    Flag,
    Hearing,
    Item,
    Level,
    Situation,
    completeness,
    day_of,
    in_circles,
    in_hours,
    is_power_dependent,
    keyholders,
    situation_in,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("flag", Flag)
def test_what_needs_the_mains_is_known_by_name(flag: Flag) -> None:
    needs = {"oxygen", "ventilator", "electric_bed", "home_dialysis"}
    assert is_power_dependent([flag, Flag.FALLS]) == (flag.value in needs)


def test_nobody_depends_on_power_without_a_flag() -> None:
    assert not is_power_dependent([])


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        ("", time(3), True),
        ("08:00-22:00", time(8), True),
        ("08:00-22:00", time(21, 59, 59), True),
        ("08:00-22:00", time(22), False),
        ("08:00-22:00", time(7, 59), False),
        ("20:00-06:00", time(23), True),
        ("20:00-06:00", time(5, 59), True),
        ("20:00-06:00", time(6), False),
        ("20:00-06:00, 12:00-13:30", time(13), True),
        ("08:00-08:00", time(3), True),
    ],
)
def test_hours_of_a_contact(hours: str, at: time, *, expected: bool) -> None:
    assert in_hours(hours, at) == expected


@pytest.mark.parametrize(
    ("words", "situation"),
    [
        ("独居", Situation.ALONE),
        ("Lives alone", Situation.ALONE),
        ("与老伴同住", Situation.WITH_SPOUSE),
        ("与子女同住", Situation.WITH_FAMILY),
        ("有住家保姆", Situation.WITH_CARER),
        ("", Situation.UNKNOWN),
    ],
)
def test_words_of_older_registers_are_understood(words: str, situation: Situation) -> None:
    assert situation_in(words) is situation


def test_levels_stand_in_wider_ones_only() -> None:
    assert Level.DOOR.is_within(Level.GRID)
    assert not Level.GRID.is_within(Level.GRID)
    assert not Level.DISTRICT.is_within(Level.COMMUNITY)


def callee(name: str, circle: Circle = Circle.FAMILY, *, phone: str = "", has_key: bool = False) -> Callee:
    return Callee(
        contact_id=name,
        resident_id="r",
        name=name,
        relation="",
        circle=circle,
        phones=(phone,) if phone else (),
        has_key=has_key,
        may_see=frozenset({Item.STATUS}),
    )


@given(st.lists(st.tuples(st.sampled_from(Circle), st.integers(0, 4), st.booleans())))
def test_circles_keep_order_numbers_and_keys(people: list[tuple[Circle, int, bool]]) -> None:
    given_ = [callee(str(n), c, phone=f"13800{p}", has_key=k) for n, (c, p, k) in enumerate(people)]
    called = in_circles(given_)
    assert [list(Circle).index(one.circle) for one in called] == sorted(
        list(Circle).index(one.circle) for one in called
    )
    assert sorted({one.phones for one in given_}) == sorted(one.phones for one in called)
    assert {one.phones for one in keyholders(given_)} == {one.phones for one in keyholders(called)}


def test_contact_without_a_number_is_kept() -> None:
    assert len(in_circles([callee("a"), callee("b")])) == 2


def said(purpose: Purpose, minute: int, *, is_given: bool) -> Consent:
    at = NOW + timedelta(minutes=minute)
    return Consent(
        purpose=purpose, is_given=is_given, given_by="N", relation="", at=at, text_version="1", how=How.PAPER
    )


@pytest.mark.parametrize("purpose", Purpose)
def test_nobody_has_agreed_to_what_he_was_not_asked(purpose: Purpose) -> None:
    assert may(purpose, [], NOW) == (purpose is Purpose.EMERGENCY)


@pytest.mark.parametrize("purpose", Purpose)
def test_newest_word_holds(purpose: Purpose) -> None:
    words = [said(purpose, -3, is_given=True), said(purpose, -1, is_given=False), said(purpose, -2, is_given=True)]
    assert not may(purpose, words, NOW)
    assert may(purpose, [*words, said(purpose, 0, is_given=True)], NOW)


def test_of_two_words_of_one_moment_the_no_holds() -> None:
    words = [said(Purpose.STATISTICS, 0, is_given=False), said(Purpose.STATISTICS, 0, is_given=True)]
    assert not may(Purpose.STATISTICS, words, NOW)
    assert not may(Purpose.STATISTICS, words[::-1], NOW)


def test_word_of_tomorrow_does_not_hold_today() -> None:
    assert not may(Purpose.STATISTICS, [said(Purpose.STATISTICS, 1, is_given=True)], NOW)


@given(st.lists(st.tuples(st.sampled_from(Purpose), st.integers(-9, 9), st.booleans())))
def test_each_purpose_is_judged_by_its_own_words(words: list[tuple[Purpose, int, bool]]) -> None:
    every = [said(purpose, minute, is_given=is_given) for purpose, minute, is_given in words]
    for purpose in Purpose:
        own = [one for one in every if one.purpose is purpose]
        assert may(purpose, every, NOW) == may(purpose, own, NOW)
    assert all(one.at <= NOW for one in standing(every, NOW).values())


def test_contact_sees_his_items_while_family_view_is_agreed() -> None:
    one = callee("son")
    assert may_see(one, [], NOW) == frozenset()
    assert may_see(one, [said(Purpose.FAMILY_VIEW, -1, is_given=True)], NOW) == {Item.STATUS}


def filed(**more: object) -> Filed:
    nothing = {
        "born": None,
        "phone": "",
        "has_place": False,
        "situation": Situation.UNKNOWN,
        "care_level": CareLevel.UNKNOWN,
        "hearing": Hearing.UNKNOWN,
        "language": "",
        "has_health": False,
        "contacts": (),
        "has_way_in": False,
        "consents": 0,
        "has_gateway": False,
        "reviewed_on": None,
    }
    return Filed(**{**nothing, **more})


TODAY = date(2026, 11, 24)


def test_score_runs_from_nothing_to_all() -> None:
    empty = completeness(filed(), TODAY)
    assert (empty.percent, len(empty.missing)) == (0, 15)
    people = [callee("a"), callee("b")]
    tested = [Callee(**{**{f: getattr(one, f) for f in one.__slots__}, "tested_on": TODAY}) for one in people]
    whole = filed(
        born=1944,
        phone="1",
        has_place=True,
        situation=Situation.ALONE,
        care_level=CareLevel.MILD,
        hearing=Hearing.HARD,
        language="普通话",
        has_health=True,
        contacts=tested,
        has_way_in=True,
        consents=1,
        has_gateway=True,
        reviewed_on=TODAY,
    )
    assert completeness(whole, TODAY) == completeness(whole, TODAY + timedelta(days=183))
    assert (completeness(whole, TODAY).percent, completeness(whole, TODAY).missing) == (100, ())
    assert completeness(whole, TODAY + timedelta(days=184)).missing == ("tested_contact",)
    assert completeness(whole, TODAY + timedelta(days=367)).missing == ("tested_contact", "reviewed")


def test_day_that_is_not_written_is_none() -> None:
    assert day_of("") is None
    assert day_of("2026-11-24") == TODAY
