"""The centre's own numbers for a workflow: bounds, differences in words, the trial on past cases, the form."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from fixtures.casework import Casework
from fixtures.kpi_cases import moves, play, sealed
from hypothesis import given, settings

from community.lanes import WORKFLOWS
from community.policy import (
    CENTRE_FROM,
    LAST_WORD_MS,
    Numbers,
    differences,
    faults,
    laid_over,
    limit_bounds,
    numbers_of,
    span,
)
from community.policy_trial import CaseTimes, Ran, StepCount, times_of, tried
from community.web.policy_form import read, written
from community.workflow import Workflow, keep_policies, kept_workflow, workflow
from shouwang.alert import Severity
from shouwang.errors import ConfigError

TABLE = workflow("emergency")


def changed(change: Callable[[dict], object]) -> Numbers:
    """The numbers as shipped, with this change."""
    raw = msgspec.json.decode(msgspec.json.encode(numbers_of(TABLE)))
    change(raw)
    return msgspec.convert(raw, Numbers)


def limit(timer: str, priority: str, ms: int) -> Numbers:
    return changed(lambda raw: raw["limits"][timer].__setitem__(priority, ms))


def rung(number: int, **fields: object) -> Numbers:
    return changed(lambda raw: raw["ladder"]["P1"][number].update(fields))


def said(numbers: Numbers) -> list[str]:
    return [fault.en for fault in faults(TABLE, numbers)]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_shipped_numbers_are_within_bounds_and_give_the_same_table(name: str) -> None:
    table = workflow(name)
    assert list(faults(table, numbers_of(table))) == []
    assert laid_over(table, numbers_of(table), table.version) == table


def test_other_numbers_change_nothing_else_of_the_table() -> None:
    made = laid_over(TABLE, limit("ack", "P1", 45_000), 1001)
    assert made.version == 1001
    assert made.limit_ms("ack", Severity.P1) == 45_000
    rest = made.model_dump()
    was = TABLE.model_dump()
    assert rest["transitions"] == was["transitions"]
    assert rest["states"] == was["states"]
    assert rest["timers"]["ack"]["red"] == was["timers"]["ack"]["red"]


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        (limit("ack", "P1", 121_000), "LIFE · answer: between 15 s and 2 min"),
        (limit("ack", "P1", 9_000), "LIFE · answer: between 15 s and 2 min"),
        (limit("ack", "P1", 0), "between"),
        (limit("total", "P1", 601_000), "between 1 min 15 s and 10 min"),
        (limit("total", "P2", 3_600_000), "between"),
        (changed(lambda raw: raw["limits"].pop("total")), "missing"),
        (changed(lambda raw: raw["limits"]["total"].pop("P1")), "missing"),
        (changed(lambda raw: raw["yellow"]["ack"].update(P1=100)), "yellow is between"),
        (changed(lambda raw: raw["yellow"].pop("ack")), "missing"),
        (changed(lambda raw: raw["ladder"]["P1"].pop()), "missing"),
        (changed(lambda raw: raw["ladder"].pop("P1")), "missing"),
        (rung(0, at_ms=1_000), "the first ring cannot wait"),
        (rung(0, call=["supervisor"]), "rung 1: it must call"),
        (rung(0, call=[]), "it calls nobody"),
        (rung(1, at_ms=300_000), "between"),
        (rung(2, at_ms=60_000), "it comes after the one before"),
        (rung(2, call=["family"]), "rung 3: it must call"),
        (rung(3, call=["family"]), "the ladder must call"),
        (rung(3, call=["family", "nobody"]), "somebody unknown"),
        (rung(4, at_ms=LAST_WORD_MS + 1000), "rung 5: between 1 s and 10 min"),
        (rung(4, again_ms=None), "calls again and again"),
        (rung(4, again_ms=3_600_000), "between 30 s and 2 min"),
        (rung(4, call=["operators"]), "rung 5: it must call"),
    ],
)
def test_numbers_out_of_bounds_are_refused(numbers: Numbers, why: str) -> None:
    assert any(why in fault for fault in said(numbers)), said(numbers)
    with pytest.raises(ConfigError):
        laid_over(TABLE, numbers, 1001)


def test_last_word_stays_with_its_prompt() -> None:
    made = laid_over(TABLE, rung(4, at_ms=LAST_WORD_MS, call=["operators", "supervisor", "duty_leader"]), 1001)
    last = made.ladder[Severity.P1][-1]
    assert last.prompt == "call_120"
    assert last.call == ("operators", "supervisor", "duty_leader")


def test_family_may_be_called_earlier_than_it_is() -> None:
    numbers = rung(1, call=["operators", "supervisor", "family"])
    assert said(numbers) == []
    (one,) = differences(numbers_of(TABLE), numbers)
    assert one.what.en == "LIFE · rung 2"
    assert "1 min: " in one.new.en
    assert one.new.en.endswith("family")


def test_differences_are_said_in_words_of_both_languages() -> None:
    (one,) = differences(numbers_of(TABLE), limit("ack", "P1", 45_000))
    assert (one.what.en, one.old.en, one.new.en) == ("LIFE · answer", "1 min", "45 s")
    assert (one.what.zh, one.old.zh, one.new.zh) == ("急救 · 接警", "1 分", "45 秒")
    assert differences(numbers_of(TABLE), numbers_of(TABLE)) == ()
    assert span(5_400_000).en == "1 h 30 min"
    assert span(0).en == "at once"


def test_bounds_hold_the_shipped_number_however_short_it_is() -> None:
    assert limit_bounds(5_000, "P1") == (5_000, 10_000)
    assert limit_bounds(3_600_000, "P4") == (900_000, 14_400_000)


# ---- the form ----


@pytest.mark.parametrize("name", WORKFLOWS)
def test_form_gives_back_what_stands_in_it(name: str) -> None:
    numbers = numbers_of(workflow(name))
    assert read(written(numbers), numbers) == (numbers, ())


@pytest.mark.parametrize(
    ("field", "text"),
    [("limit.ack.P1", "soon"), ("limit.ack.P1", ""), ("limit.ack.P1", "45"), ("yellow.ack.P1", "half")],
)
def test_what_cannot_be_read_is_said(field: str, text: str) -> None:
    numbers = numbers_of(TABLE)
    _, problems = read(dict(written(numbers)) | {field: (text,)}, numbers)
    assert len(problems) == 1
    assert (text or "–") in problems[0].en


# ---- the trial ----


@settings(max_examples=40, deadline=None)
@given(moves)
def test_trial_by_the_table_in_force_counts_the_cards_that_were_drawn(played: list[object]) -> None:
    work = play(Casework(candidates=("liu", "zhao")), played)
    times = times_of(sealed(work))
    assert times is not None
    drawn = Counter((card.step, card.colour.value) for step in work.steps for card in step.cards if card.level == 0)
    counted = tried(TABLE, [times]).steps
    assert {name: (one.yellow, one.red) for name, one in counted.items()} == {
        name: (drawn[name, "yellow"], drawn[name, "red"]) for name in counted
    }


def test_trial_tells_what_a_shorter_limit_would_have_drawn() -> None:
    work = Casework()
    work.wait(45)
    work.order("ack")
    cases = [times_of(sealed(work))]
    shorter = laid_over(TABLE, limit("ack", "P1", 40_000), 1001)
    assert tried(TABLE, cases).steps["ack"] == StepCount(ran=1, yellow=1, red=0)
    assert tried(shorter, cases).steps["ack"] == StepCount(ran=1, yellow=1, red=1)


def test_tally_counts_cards_and_rungs_by_the_limits_of_the_table() -> None:
    cases = [
        CaseTimes(priority=Severity.P1, ran=(Ran(clock="ack", ms=40_000), Ran(clock="ladder", ms=40_000))),
        CaseTimes(priority=Severity.P1, ran=(Ran(clock="ack", ms=20_000), Ran(clock="ladder", ms=20_000))),
        CaseTimes(priority=Severity.P1, ran=(Ran(clock="ladder", ms=130_000), Ran(clock="ack", ms=130_000))),
    ]
    old, new = tried(TABLE, cases), tried(laid_over(TABLE, limit("ack", "P1", 30_000), 1001), cases)
    assert (old.steps["ack"].ran, old.steps["ack"].yellow, old.steps["ack"].red) == (3, 2, 1)
    assert (new.steps["ack"].ran, new.steps["ack"].yellow, new.steps["ack"].red) == (3, 3, 2)
    assert old.rungs["P1"] == (3, 1, 1, 0, 0)
    assert new.rungs["P1"] == (3, 2, 1, 0, 0), "a red clock has its rung called"
    assert (old.yellow, old.red, old.called) == (2, 1, 5)


def test_case_of_another_priority_and_no_case_at_all_count_nothing() -> None:
    stray = CaseTimes(priority=Severity.P4, ran=(Ran(clock="ack", ms=10**9),))
    assert tried(TABLE, [stray]) == tried(TABLE, [])
    assert times_of([]) is None


# ---- which table governs a case ----


def test_version_of_the_centre_governs_new_cases_and_old_ones_end_under_theirs() -> None:
    made: Workflow = laid_over(TABLE, limit("ack", "P1", 30_000), CENTRE_FROM + 1)
    keep_policies((made,), is_all=True)
    try:
        assert kept_workflow("emergency", CENTRE_FROM + 1) is made
        assert kept_workflow("emergency", TABLE.version) == TABLE
        later: Workflow = laid_over(TABLE, limit("ack", "P1", 40_000), CENTRE_FROM + 2)
        keep_policies((later,), is_all=False)
        assert kept_workflow("emergency", CENTRE_FROM + 1) is made
        assert kept_workflow("emergency", CENTRE_FROM + 2) is later
        keep_policies((), is_all=True)
        assert kept_workflow("emergency", CENTRE_FROM + 1) == TABLE, "nobody forgets a case for want of a table"
    finally:
        keep_policies((), is_all=True)
