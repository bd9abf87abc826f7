"""The parts of the modem that do nothing but think: lines, letters, reports, commands."""

import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.serial.at_actor import Handover, Submitted
from drivers.serial.at_splitter import MAX_LINE, PROMPT, AtSplitter
from drivers.serial.codec.at_errors import refusal
from drivers.serial.codec.sms_pdu import StatusReport
from drivers.serial.modem_models import PLAIN, abilities_of
from drivers.serial.sms import Fate, masked
from drivers.serial.sms_commands import Commands, Order, SmsOrder
from drivers.serial.sms_letter import (
    Letter,
    Part,
    PartState,
    doubted,
    handed,
    handed_over,
    is_same_number,
    reported,
    settled,
    taken_late,
    whose,
)

SON, CODE = "+8613800138000", "lotus88"
SPOKEN = b'\r\nOK\r\n\r\n+CMGL: 1,0,,23\r\n0791AB\r\n+CREG: 1,"00C3"\r\n\r\n> \r\nRING\r\n\0~x\xff\r\n'


# ---- lines ----


def test_lines_are_cut_wherever_the_bytes_are():
    whole = AtSplitter().feed(SPOKEN)
    assert whole == ["OK", "+CMGL: 1,0,,23", "0791AB", '+CREG: 1,"00C3"', ">", "RING", "~xÿ"]
    for cut in range(len(SPOKEN)):
        splitter = AtSplitter()
        assert splitter.feed(SPOKEN[:cut]) + splitter.feed(SPOKEN[cut:]) == whole


@pytest.mark.parametrize("said", [b"\r\n> ", b"> ", b"+CREG: 1\r\n> ", b"\r\n>\r\n", b"\r\n\0> "])
def test_a_prompt_is_seen_only_where_it_was_asked_for(said):
    for cut in range(len(said)):
        splitter = AtSplitter()
        splitter.expects_prompt = True
        assert PROMPT in splitter.feed(said[:cut]) + splitter.feed(said[cut:])
        assert not splitter.expects_prompt
    assert PROMPT not in AtSplitter().feed(said)


@pytest.mark.no_cover  # no coverage is judged of drivers, and tracing makes this four times slower
def test_ten_thousand_random_streams():
    """Nothing raises, nothing grows, and what comes behind the next line end is read."""
    dice = random.Random(2611)
    for _ in range(10_000):
        splitter = AtSplitter()
        splitter.expects_prompt = dice.random() < 0.5
        for _ in range(dice.randrange(6)):
            splitter.feed(dice.randbytes(dice.choice((1, 7, 60, 3000))))
        assert len(splitter._pending) <= MAX_LINE
        assert splitter.feed(b"\r\nOK\r\n")[-1] == "OK"


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_cut_of_any_stream_gives_the_same_lines(data, cuts):
    whole = AtSplitter().feed(data)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    splitter = AtSplitter()
    found = [line for at, end in pairwise(places) for line in splitter.feed(data[at:end])]
    assert found == whole


def test_a_line_without_end_is_dropped_and_counted():
    splitter = AtSplitter()
    assert splitter.feed(b"x" * 10 * MAX_LINE) == []
    assert splitter.dropped == 1
    assert splitter.feed(b"rest\r\nOK\r\n") == ["OK"]


# ---- letters ----


def letter(parts: int = 1, *, number: int = 1, to: str = SON, is_urgent: bool = False) -> Letter:
    return Letter(
        number=number,
        key=f"k{number}",
        digest="d",
        to=to,
        is_urgent=is_urgent,
        parts=tuple(Part(pdu=b"\0", tpdu_size=1) for _ in range(parts)),
    )


def taken(ref: int | None) -> Submitted:
    return Submitted(handover=Handover.TAKEN, ref=ref)


UNKNOWN = Submitted(handover=Handover.UNKNOWN)


def report(ref: int, to: str = SON, status: int = 0) -> StatusReport:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    return StatusReport(centre=None, ref=ref, to=to, at=at, discharged_at=at, status=status)


def sent(one: Letter, ref: int, n: int = 0) -> Letter:
    return handed_over(handed(one, n, None), n, taken(ref))


def doubtful(one: Letter, ref_before: int | None, n: int = 0) -> Letter:
    return handed_over(handed(one, n, ref_before), n, UNKNOWN)


def test_a_letter_goes_part_by_part():
    one = letter(2)
    assert (one.fate, one.waiting) == (Fate.QUEUED, 0)
    one = handed(one, 0, None)
    assert (one.fate, one.waiting) == (Fate.HANDED, None), "one part at a time"
    one = handed_over(one, 0, taken(7))
    assert (one.fate, one.waiting) == (Fate.HANDED, 1)
    one = sent(one, 8, 1)
    assert (one.fate, one.waiting) == (Fate.SENT, None)
    one = reported(one, 0, report(7))
    assert one.fate is Fate.SENT
    assert reported(one, 1, report(8)).fate is Fate.DELIVERED


def test_a_doubtful_part_is_never_handed_again_and_the_next_one_is():
    one = doubtful(letter(2), 4)
    assert one.waiting == 1
    one = sent(one, 6, 1)
    assert (one.fate, one.waiting) == (Fate.HANDED, None)
    told = settled(one, "")
    assert (told.fate, told.outcome.is_final) == (Fate.UNCERTAIN, True)
    assert all(not part.pdu for part in told.parts)
    assert reported(told, 0, report(5)).fate is Fate.SENT


STEPS = st.sampled_from(["hand", "taken", "taken without ref", "unknown", "38", "28", "332", "500", "kill", "report"])


@given(st.integers(1, 3), st.booleans(), st.lists(STEPS, max_size=30))
def test_whatever_happens_a_part_that_may_have_gone_is_not_handed_again(parts, is_urgent, steps):
    one, gone, n = letter(parts, is_urgent=is_urgent), set(), None
    for step in steps:
        if step == "hand":
            if n is None and one.waiting is not None:
                n = one.waiting
                assert n not in gone
                one = handed(one, n, 1)
        elif step == "kill":
            gone |= {n} - {None}
            one, n = doubted(one), None
        elif step == "report":
            one = reported(one, 0, report(1)) if one.parts[0].state is PartState.SENT else one
        elif n is not None:
            is_refused = step in ("38", "28", "500")
            gone |= set() if is_refused else {n}
            words = {"taken": taken(3), "taken without ref": taken(None), "unknown": UNKNOWN}
            one = handed_over(one, n, words.get(step) or refused(step))
            n = None
        assert settled(one, "").outcome.is_final


def refused(code: str) -> Submitted:
    return Submitted(handover=Handover.REFUSED, refusal=refusal(f"+CMS ERROR: {code if code.isdigit() else 38}"))


def test_the_report_of_a_sent_part_is_found_by_its_reference():
    letters = [sent(letter(number=1), 7), sent(letter(number=2, to="+8613900139000"), 7)]
    assert whose(letters, report(7)) == (letters[0], 0)
    assert whose(letters, report(7, "13900139000")) == (letters[1], 0), "networks leave the country code out"
    assert whose(letters, report(8)) is None
    assert whose(letters, report(7, "+8613700137000")) is None


def test_references_begin_anew_and_the_latest_is_meant():
    letters = [sent(letter(number=1), 7), sent(letter(number=2), 7)]
    assert whose(letters, report(7)) == (letters[1], 0)
    delivered = [letters[0], reported(letters[1], 0, report(7))]
    assert whose(delivered, report(7)) is None, "told already"


@pytest.mark.parametrize(
    ("ref", "is_found"), [(5, True), (6, False), (4, False), (250, False)], ids=["next", "later", "last", "far"]
)
def test_a_doubtful_part_is_found_by_the_next_reference(ref, is_found):
    one = doubtful(letter(), 4)
    assert (whose([one], report(ref)) is not None) is is_found


def test_a_doubtful_part_of_another_receiver_widens_what_may_be():
    ours, other = doubtful(letter(number=2), 4), doubtful(letter(number=1, to="+8613900139000"), 4)
    assert whose([other, ours], report(6)) == (ours, 0)


def test_two_doubtful_parts_are_not_guessed_apart():
    """A wrong "delivered" could cost help; a wrong "uncertain" costs an SMS."""
    two = [doubtful(letter(number=1), 4), doubtful(letter(number=2), 4)]
    assert whose(two, report(5)) is None


def test_references_wrap_at_255():
    assert whose([doubtful(letter(), 255)], report(0)) is not None


def test_a_late_answer_settles_only_what_is_in_doubt():
    one = doubtful(letter(), 4)
    assert taken_late(one, 0, 5).fate is Fate.SENT
    delivered = reported(one, 0, report(5))
    assert taken_late(delivered, 0, 9) == delivered


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+8613800138000", "13800138000", True),
        ("+8613800138000", "013800138000", True),
        ("+8613800138000", "8613800138000", True),
        ("+8613800138000", "+8613800138001", False),
        ("+8613800138000", "138000", False),
        ("+8613800138000", "", False),
    ],
)
def test_numbers_with_and_without_country_code(one, other, same):
    assert is_same_number(one, other) is is_same_number(other, one) is same


# ---- commands ----


def test_no_word_ends_an_alarm_or_switches_a_watch_off():
    assert {order.value for order in Order} == {"status", "test", "away", "home"}
    for word in ("取消", "关闭", "静音", "解除", "停止", "off", "stop", "cancel", "silence", "disarm", "mute", "reset"):
        assert isinstance(Commands((SON,), CODE).judge(SON, f"{word} {CODE}", 0.0), str)


def test_the_senders_number_may_lack_its_country_code_and_the_answer_goes_to_the_known_one():
    found = Commands((SON,), CODE).judge("13800138000", f"状态{CODE}", 0.0)
    assert found == SmsOrder(order=Order.STATUS, sender=SON, language="zh")


@given(st.text(max_size=200), st.sampled_from([SON, "10086", ""]))
def test_random_texts_are_refused(text, sender):
    assert isinstance(Commands((SON,), CODE).judge(sender, text, 0.0), str)


def test_wrong_codes_count_within_the_hour():
    commands = Commands((SON,), CODE)
    for n in range(3):
        assert "code is missing or wrong" in str(commands.judge(SON, "状态 guess11", 60.0 * n))
    assert "too many" in str(commands.judge(SON, f"状态 {CODE}", 300.0))
    assert isinstance(commands.judge(SON, f"状态 {CODE}", 3700.0), SmsOrder)


# ---- words ----


def test_numbers_are_never_logged_whole():
    assert masked(SON) == "+86…00"
    assert masked("10086") == "…"


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ("SIMCOM_SIM7600E-H", "SIM7600"),
        ("SIM800 R14.18", "SIM800"),
        ("EC25", "EC25"),
        ("EC25-E", "EC25"),
        ("", "unknown"),
    ],
)
def test_abilities_by_model(said, family):
    assert abilities_of(said).family == family
    assert PLAIN.keys_on == PLAIN.play == ""
