"""Figures and scores by their written formulas, from sealed steps alone; the same input gives the same number."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fixtures.casework import BEGIN, FOUND, Casework, alert
from fixtures.kpi_cases import cases_of, excuse, histories, history, play, sealed, walked
from hypothesis import given, settings

from community import kpi
from community.casefile import Case, Clock, Colour, Disposition
from community.kpi import Figure, Kpi, figures, step_times
from community.kpi_facts import CaseFacts, Drawn, Sealed, history_of
from community.kpi_months import Month, Window, days_after, days_before, month_named, month_of
from community.kpi_numbers import percent, written
from community.kpi_sample import sample
from community.scores import SHIFT, Belonging, Group, Score, differences, scores
from community.store.write_times import WriteTimes
from community.workflow import Timer, workflow
from shouwang.alert import AlertState, Severity
from shouwang.errors import ConfigError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOVEMBER = Month(year=2026, month=11).window(SHANGHAI)
MONTHS = NOVEMBER, Month(year=2026, month=12).window(SHANGHAI)
LATER = BEGIN + timedelta(days=6)
PEOPLE = {"li": Belonging(team="early", organisation="centre"), "liu": Belonging(organisation="平安")}


def figure(kpi_id: Kpi, *works: Casework, as_of: datetime = LATER, of: str = "") -> Figure:
    found = [history(work, number) for number, work in enumerate(works, 1)]
    cards = [card for one in found for card in one.cards]
    made = figures([one.facts for one in found], cards, NOVEMBER, as_of)
    return next(one for one in made if (one.kpi, one.of) == (kpi_id, of))


def score(group: Group, name: str, *parts: tuple[Casework, list[Sealed]], window: Window = NOVEMBER) -> Score:
    found = [history(work, number, *more) for number, (work, more) in enumerate(parts, 1)]
    runs, cards = [run for one in found for run in one.timed_steps], [card for one in found for card in one.cards]
    return next(one for one in scores(runs, cards, window, PEOPLE) if (one.group, one.name) == (group, name))


# ---- answering ----


def answered_after(seconds: int, command: str = "ack") -> Casework:
    work = Casework()
    work.wait(seconds)
    work.order(command)
    return work


def test_alarms_answered_in_time_are_a_share_of_all_that_could_have_been() -> None:
    soon, last = Kpi.ANSWERED_SOON, Kpi.ANSWERED_AT_LAST
    works = [answered_after(60), answered_after(61), answered_after(181)]
    assert (figure(soon, *works).numerator, figure(soon, *works).denominator) == (1, 3)
    assert (figure(last, *works).numerator, figure(last, *works).hits) == (2, (1, 2))
    assert figure(soon, *works).is_red
    assert figure(soon, answered_after(60)).value == 1
    assert not figure(soon, answered_after(60)).is_red


def test_an_alarm_nobody_answers_counts_from_the_moment_it_is_too_late() -> None:
    work = Casework()
    assert figure(Kpi.ANSWERED_SOON, work, as_of=BEGIN + timedelta(seconds=60)).value is None
    assert figure(Kpi.ANSWERED_SOON, work, as_of=BEGIN + timedelta(seconds=61)).value == 0
    assert not figure(Kpi.ANSWERED_SOON, work, as_of=BEGIN).is_red


def test_calling_120_from_the_queue_is_an_answer_and_a_note_is_none() -> None:
    assert figure(Kpi.ANSWERED_SOON, answered_after(59, "call_120")).value == 1
    assert figure(Kpi.ANSWERED_SOON, answered_after(59, "note")).value == 0


@pytest.mark.parametrize("which", ["technical", "test", "merged"])
def test_technical_cases_tests_and_merged_ones_are_in_no_figure_of_life_alarms(which: str) -> None:
    if which == "technical":
        work = Casework(alert(severity=Severity.P3), table="technical")
    else:
        work = Casework(is_test=which == "test")
    work.order("ack")
    if which == "merged":
        work.order("merge", into=2, into_home="home-1", into_lane="life", into_priority=Severity.P1)
    assert figure(Kpi.ANSWERED_SOON, work).denominator == 0


# ---- visiting ----


def test_on_site_counts_from_the_decision_to_send_somebody() -> None:
    work = walked("EN_ROUTE", seconds=20)
    work.wait(14 * 60)
    work.order("arrive", "liu", "responder")
    assert history(work).facts.on_site_ms == (14 * 60 + 40) * 1000
    assert figure(Kpi.ON_SITE_SOON, work).value == 1


def test_on_site_goes_on_over_a_refusal_and_counts_who_is_still_waited_for() -> None:
    work = walked("DISPATCHED")
    sent = work.now_ms - 10_000
    work.order("decline", "liu", "responder")
    assert figure(Kpi.ON_SITE_SOON, work, as_of=work.wall()).denominator == 0
    work.order("dispatch", targets=("zhao",))
    work.order("accept", "zhao", "responder")
    work.now_ms = sent + 46 * 60_000  # the clocks stand still: only the visit is looked at
    assert figure(Kpi.ON_SITE_SOON, work, as_of=work.wall()).value == 0
    assert figure(Kpi.ON_SITE_AT_LAST, work, as_of=work.wall()).denominator == 0
    work.order("arrive", "zhao", "responder")
    assert figure(Kpi.ON_SITE_SOON, work).value == 0
    assert figure(Kpi.ON_SITE_AT_LAST, work).value == 1


@pytest.mark.parametrize(("minutes", "counted"), [(44, 0), (46, 1)])
def test_a_visit_called_off_in_time_counts_nowhere_and_too_late_is_missed(minutes: int, counted: int) -> None:
    work = walked("DISPATCHED", seconds=0)
    work.order("decline", "liu", "responder")
    work.now_ms += minutes * 60_000
    work.order("resolve_remote", spoke=True, **FOUND)
    found = figure(Kpi.ON_SITE_SOON, work)
    assert (found.numerator, found.denominator) == (0, counted)


# ---- false alarms, call-backs, repeat callers ----


def ended(disposition: Disposition, *, key: str = "sos:bed", given: int | None = 5) -> Casework:
    work = Casework(alert(key=key))
    work.order("ack")
    if disposition is Disposition.FALSE_ALARM:
        work.order("mark_false", spoke=True, **FOUND)
    else:
        work.order("resolve_remote", spoke=True, disposition=disposition, note_id="n")
        work.order("verify_ok", "boss", "supervisor")
    work.order("revisit_ok", "mei", "caller", score=given)
    return work


def test_false_alarms_are_a_share_of_what_ended_also_by_rule_and_by_device() -> None:
    works = [
        ended(Disposition.FALSE_ALARM),
        ended(Disposition.HELPED),
        ended(Disposition.FALSE_ALARM, key="fall:radar:wang"),
    ]
    assert figure(Kpi.FALSE_ALARMS, *works).value == Fraction(2, 3)
    assert figure(Kpi.FALSE_BY_RULE, *works, of="sos").value == Fraction(1, 2)
    assert figure(Kpi.FALSE_BY_DEVICE, *works, of="gw-1/radar").hits == (3,)
    assert figure(Kpi.FALSE_ALARMS, Casework()).value is None


def test_the_call_back_score_is_the_mean_of_what_was_said_and_names_the_poor_ones() -> None:
    works = [
        ended(Disposition.HELPED, given=2),
        ended(Disposition.HELPED, given=5),
        ended(Disposition.HELPED, given=None),
    ]
    found = figure(Kpi.REVISIT_SCORE, *works)
    assert (found.value, found.denominator, found.hits) == (Fraction(7, 2), 2, (1,))
    assert kpi.poor_ratings(history(work, number).facts for number, work in enumerate(works, 1)) == (1,)
    assert figure(Kpi.REVISITED, *works).value == 1


def test_a_case_ended_without_its_call_back_is_told() -> None:
    merged = walked("REVISIT")
    merged.order("merge", into=2, into_home="home-1", into_lane="life", into_priority=Severity.P1)
    assert figure(Kpi.REVISITED, merged).denominator == 0  # it counts where it was merged into
    test = Casework(is_test=True)
    test.order("ack")
    test.order("mark_test")
    assert figure(Kpi.REVISITED, test, ended(Disposition.HELPED)).cases == (2,)


def test_a_home_with_three_life_alarms_in_a_month_calls_repeatedly() -> None:
    assert figure(Kpi.REPEAT_CALLERS, Casework(), Casework()).value == 0
    found = figure(Kpi.REPEAT_CALLERS, Casework(), Casework(), Casework())
    assert (found.numerator, found.denominator, found.hits) == (1, 1, (1, 2, 3))


# ---- the six steps ----


def test_each_stay_in_a_step_is_timed_in_engine_time() -> None:
    work = walked("CLOSED", seconds=10)
    stays = [(stay.phase, stay.took_ms) for stay in history(work).facts.stays]
    assert stays == [
        ("found", 0),  # the home's clock is one second ahead
        ("reported", 10_000),
        ("assigned", 20_000),  # taken, then dispatched
        ("handled", 20_000),
        ("fed_back", 10_000),
        ("revisited", 10_000),
    ]


def test_held_technical_case_is_found_until_it_is_released() -> None:
    early = alert(-30, Severity.P3)
    work = Casework(early, table="technical", is_held=True)
    work.wait(1800)
    work.order("let_go", by="boss", role="supervisor")
    assert work.case.state == "OPEN"
    assert history(work).facts.stays[0].took_ms == 1_830_000


def test_percentiles_are_the_nearest_rank_of_stays_that_ended_in_the_span() -> None:
    found = [history(answered_after(seconds), number).facts for number, seconds in enumerate(range(1, 11), 1)]
    times = {time.phase: time for time in step_times(found, NOVEMBER)}
    assert list(times) == list(kpi.PHASES)
    assert (times["reported"].p50_ms, times["reported"].p90_ms, times["reported"].stays) == (5_000, 9_000, 10)
    assert times["assigned"].p50_ms is None
    assert step_times(found, MONTHS[1])[1].stays == 0


def test_wall_clock_that_steps_changes_no_span_between_states() -> None:
    work = walked("ON_SCENE")
    spans = history(work).facts
    stepped = [Sealed(incident_id=1, version=one.version, at=one.at, event=one.event) for one in sealed(work)]
    stepped = [one if one.version < 4 else _moved(one, hours=-5) for one in stepped]
    after = history_of(stepped)
    assert after is not None
    assert (after.facts.answered_ms, after.facts.on_site_ms) == (spans.answered_ms, spans.on_site_ms)


def _moved(one: Sealed, *, hours: int) -> Sealed:
    return Sealed(incident_id=one.incident_id, version=one.version, at=one.at + timedelta(hours=hours), event=one.event)


# ---- scores ----


def test_score_takes_a_quarter_for_yellow_and_a_whole_for_red() -> None:
    work = Casework()
    work.wait(65)
    work.order("ack")
    work.order("resolve_remote", spoke=True, **FOUND)
    shift = score(Group.PERSON, SHIFT, (work, []))
    assert (shift.timed_steps, shift.yellow, shift.red) == (1, 1, 1)
    assert shift.value == Fraction(-25)
    centre = score(Group.CENTRE, "", (work, []))
    assert (centre.timed_steps, centre.yellow, centre.red) == (3, 1, 1)  # ack, triage, total
    assert centre.value == 100 - Fraction(125, 3)
    assert score(Group.PERSON, "li", (work, [])).value == 100
    assert score(Group.STEP, "ack", (work, [])).timed_steps == 1


def test_teams_and_organisations_answer_for_their_people() -> None:
    work = walked("ON_SCENE")
    work.wait(31 * 60)
    work.order("report", "liu", "responder", **FOUND)
    assert score(Group.ORGANISATION, "平安", (work, [])).red == 1
    assert score(Group.TEAM, "early", (work, [])).red == 0
    assert score(Group.PERSON, "liu", (work, [])).timed_steps == 3  # accept, arrive, handle


def test_a_clock_that_goes_red_again_is_the_same_lateness() -> None:
    work = Casework(reachable=frozenset())
    work.wait(60 + 60)
    found = score(Group.STEP, "ack", (work, []))
    assert (found.red, found.repeats, found.timed_steps) == (1, 1, 1)


def test_an_excused_card_leaves_the_score_and_stays_to_be_seen() -> None:
    work = answered_after(65)
    found = score(Group.CENTRE, "", (work, [excuse(work, "ack", "red"), excuse(work, "ack", "red", code="again")]))
    assert (found.red, found.yellow, found.excused) == (0, 1, 1)
    cards = history(work, 1, excuse(work, "ack", "red")).cards
    share = figures([], cards, NOVEMBER, LATER)
    excused = next(one for one in share if one.kpi is Kpi.EXCUSED)
    assert (excused.value, excused.is_red) == (Fraction(1, 2), True)


def test_handing_over_leaves_each_with_the_cards_of_his_own_time() -> None:
    work = Casework()
    work.order("ack")
    work.wait(100)
    work.order("hand_over", "li", targets=("wu",), confirmed_by="wu")
    work.wait(10)
    work.order("resolve_remote", "wu", spoke=True, **FOUND)
    assert score(Group.PERSON, "li", (work, [])).timed_steps == 1  # a yellow card of triage
    assert score(Group.PERSON, "wu", (work, [])).timed_steps == 2  # triage and total ended with him
    assert score(Group.STEP, "triage", (work, [])).timed_steps == 1


def test_a_month_that_is_over_changes_no_more() -> None:
    work = Casework()
    work.now_ms = int((NOVEMBER.end - BEGIN) / timedelta(milliseconds=1)) - 100_000
    work.order("ack")
    work.wait(95)  # yellow after 90 s
    before = score(Group.STEP, "triage", (work, []))
    assert (before.yellow, before.timed_steps) == (1, 1)
    work.wait(100)
    assert score(Group.STEP, "triage", (work, [])) == before
    after = score(Group.STEP, "triage", (work, []), window=MONTHS[1])
    assert (after.yellow, after.red, after.timed_steps) == (0, 1, 1)


def test_a_card_without_its_step_is_seen_as_a_difference() -> None:
    work = answered_after(65)
    found = history(work)
    whole = scores(found.timed_steps, found.cards, NOVEMBER, PEOPLE)
    lacking = scores(found.timed_steps[1:], found.cards, NOVEMBER, PEOPLE)
    assert differences(whole, whole) == ()
    assert {(one or two).name for one, two in differences(whole, lacking) if one or two} >= {"ack"}
    assert differences(whole, ())[0] == (whole[0], None)


def test_without_any_timed_step_there_is_no_score() -> None:
    card = Drawn(incident_id=1, version=3, step="ack", colour=Colour.RED, responsible="li", at=BEGIN)
    assert scores((), (card,), NOVEMBER, {})[0].value is None


def timed(case: Case, timers: Mapping[str, Timer]) -> dict[tuple[str, int], Clock]:
    """The running clocks that draw cards."""
    drawing = (clock for clock in case.clocks if clock.name in timers and timers[clock.name].yellow)
    return {(clock.name, clock.started_e): clock for clock in drawing}


@settings(max_examples=40)
@given(histories)
def test_scores_agree_with_a_plain_count_of_cards_and_clocks(played: list[list[object]]) -> None:
    works = [play(Casework(candidates=("liu", "zhao")), moves) for moves in played]
    found = [history(work, number) for number, work in enumerate(works, 1)]
    runs, cards = [run for one in found for run in one.timed_steps], [card for one in found for card in one.cards]
    total = Window(start=BEGIN - timedelta(days=1), end=BEGIN + timedelta(days=999))
    centre = [one for one in scores(runs, cards, total, {}) if one.group is Group.CENTRE]
    steps, first_cards = 0, []
    timers = workflow("emergency").timers
    for work in works:
        told = [timed(case, timers) for case in cases_of(work)]
        steps += sum(len(before.keys() - after.keys()) for before, after in pairwise(told))
        steps += sum(clock.yellow_e is None for clock in told[-1].values())
        first_cards += [card.colour for step in work.steps for card in step.cards if not card.level]
    if centre:
        assert centre[0].timed_steps == steps
        assert [centre[0].yellow, centre[0].red] == [first_cards.count("yellow"), first_cards.count("red")]
    else:
        assert not first_cards


@settings(max_examples=40)
@given(histories)
def test_what_was_read_in_parts_is_what_is_read_at_once(played: list[list[object]]) -> None:
    """Every prefix of a log gives the facts of that moment, and the whole one those of its end."""
    for moves in played:
        work = play(Casework(candidates=("liu",)), moves)
        entries, cases = sealed(work), cases_of(work)
        for length in (1, len(entries) // 2 + 1, len(entries)):
            found = history_of(entries[:length])
            assert found is not None
            case = cases[length - 1]
            assert (found.facts.state, found.facts.disposition) == (case.state, case.disposition)
            assert (found.facts.ended_at is not None) == (case.state == "CLOSED")
            assert all(stay.took_ms >= 0 for stay in found.facts.stays)


def test_a_case_from_before_there_were_steps_has_no_figures() -> None:
    assert history_of([Sealed(incident_id=1, version=1, at=BEGIN)]) is None


def test_ladder_alone_does_not_answer_but_does_send_somebody() -> None:
    work = Casework(candidates=("liu",))
    work.wait(130)
    facts = history(work).facts
    assert (facts.answered_ms, facts.deployed_at) == (None, BEGIN + timedelta(seconds=120))


def test_late_alarm_says_nothing_of_how_long_finding_takes() -> None:
    work = Casework(msgspec.structs.replace(alert(-900, state=AlertState.FIRING), is_late=True))
    work.order("ack")
    assert [stay.phase for stay in history(work).facts.stays] == ["reported"]


# ---- months ----


def test_months_are_those_of_the_calendar_on_the_wall() -> None:
    at = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # midnight in Shanghai
    assert str(month_of(at, SHANGHAI)) == "2026-12"
    assert str(month_of(at - timedelta(microseconds=1), SHANGHAI)) == "2026-11"
    assert not NOVEMBER.holds(at)
    assert MONTHS[1].holds(at)
    assert not NOVEMBER.holds(None)
    assert Month(year=2026, month=1).before == Month(year=2025, month=12)
    assert Month(year=2026, month=12).next == Month(year=2027, month=1)
    berlin = Month(year=2026, month=3).window(ZoneInfo("Europe/Berlin"))
    assert berlin.end - berlin.start == timedelta(days=31, hours=-1)
    assert Month(year=2026, month=3).window(None).start.tzinfo is not None


def test_months_are_written_with_their_year() -> None:
    assert month_named("2026-11") == Month(year=2026, month=11)
    for wrong in ("2026-13", "11-2026", "2026-1", ""):
        with pytest.raises(ConfigError, match="2026-11"):
            month_named(wrong)


def test_thirty_days_before_and_after_meet() -> None:
    assert days_before(BEGIN, 30).end == days_after(BEGIN, 30).start


# ---- what is looked over ----


def handled(number: int, *handlers: str, table: str = "emergency", is_test: bool = False) -> CaseFacts:
    facts = history(walked("CLOSED"), number).facts
    return msgspec.structs.replace(facts, handlers=handlers, workflow=table, is_test=is_test)


def test_two_cases_of_each_are_drawn_one_of_them_a_life_alarm() -> None:
    facts = [handled(number, "li", table="technical") for number in range(1, 30)] + [handled(30, "li", "wu")]
    drawn = dict(sample(facts, NOVEMBER, b"seed"))
    assert len(drawn["li"]) == 2
    assert 30 in drawn["li"]
    assert drawn["wu"] == (30,)
    assert dict(sample(facts, NOVEMBER, b"seed")) == drawn
    assert {dict(sample(facts, NOVEMBER, bytes([seed])))["li"] for seed in range(9)} != {drawn["li"]}


def test_tests_and_other_months_are_not_drawn() -> None:
    facts = [handled(1, "li", is_test=True), handled(2, "li")]
    assert sample(facts, NOVEMBER, b"") == (("li", (2,)),)
    assert sample(facts, MONTHS[1], b"") == ()


# ---- numbers for people ----


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (Fraction(2, 3), "0.67"),
        (Fraction(-25), "−25.00"),
        (Fraction(-1, 1000), "0.00"),
        (Fraction(100), "100.00"),
    ],
)
def test_numbers_are_rounded_in_one_way(value: Fraction | None, said: str) -> None:
    assert written(value) == said


def test_shares_are_written_as_percent() -> None:
    assert percent(Fraction(2, 3)) == "66.67 %"
    assert percent(None) == "–"
    assert written(Fraction(7, 2), 0) == "4"


def test_writes_are_counted_up_to_each_bound() -> None:
    times = WriteTimes()
    for seconds in (0.001, 0.0011, 40.0):
        times.note(seconds)
    counts, total = times.so_far()
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (1, 2, 2, 3)
    assert total == pytest.approx(40.0021)


def test_what_was_refused_changes_no_fact() -> None:
    work = walked("CLOSED")
    entries = sealed(work)
    refused = Sealed(incident_id=1, version=2, at=BEGIN)
    assert history_of([*entries[:2], refused, *entries[2:]]) == history_of(entries)


def test_test_calls_are_timed_in_no_step() -> None:
    work = Casework(is_test=True)
    work.order("ack")
    assert all(time.stays == 0 for time in step_times([history(work).facts], NOVEMBER))
