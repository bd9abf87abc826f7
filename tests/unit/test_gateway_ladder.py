"""The ladder: who is told and called when, what is never doubled, what survives a power cut, what a flood may cost."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.serial.sms import Fate, Outcome
from gateway.climb import CENTRE, CENTRE_AGAIN_MS, END_AGAIN_MS, TRIES_TO_PERSON, Parcel
from gateway.ladder import (
    CALL_AFTER_MS,
    CALLS_AN_HOUR,
    CLIMBS,
    NO_MODEM_MS,
    PAUSE_CAP_MS,
    PAUSE_FIRST_MS,
    SMS_AN_HOUR,
    Ladder,
)
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SON, DAUGHTER = "+8613800138000", "+8613900139000"
AFTER = 20_000


def alert(key="sos:bed", *, since_ms=0, state=AlertState.FIRING, mono=None) -> Alert:
    since = AT + timedelta(milliseconds=since_ms)
    return Alert(
        alert_id=alert_id_of(key, since, state),
        key=key,
        rule_id=key.split(":")[0],
        rule_version=1,
        hazard="sos",
        severity=Severity.P1,
        state=state,
        resident_id="r1",
        sensor_id="bed",
        since=since,
        at=since,
        mono=since_ms if mono is None else mono,
        why=Sentence(zh="按下", en="pressed"),
    )


def ladder_of(*, has_centre=True, people=(SON, DAUGHTER), calls_people=True) -> Ladder:
    return Ladder(after_ms=AFTER, has_centre=has_centre, people=people, calls_people=calls_people)


class Day:
    """Climbs: gives and posts what is due, with the fates that the network has for each receiver."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.now = 0
        self.is_dead = False
        self.fates: dict[str, Fate] = {}
        self.sent: list[tuple[int, str, int, AlertState]] = []
        self.keys: list[str] = []
        self.called: list[tuple[int, str]] = []
        self.rests: list[int] = []

    def look(self) -> None:
        now, is_dead = self.now, self.is_dead
        self.ladder.meet(now, is_dead=is_dead)
        while parcels := self.ladder.parcels(now, is_dead=is_dead):
            for parcel in parcels:
                self.ladder.given(parcel, now)
                self.sent.append((now, parcel.receiver, parcel.n, parcel.alert.state))
                self.keys.append(parcel.key)
            for parcel in parcels:
                fate = self.fates.get(parcel.receiver, Fate.DELIVERED)
                is_final = fate not in (Fate.QUEUED, Fate.HANDED)
                self.ladder.posted(parcel, Outcome(key=parcel.key, fate=fate, is_final=is_final))
        while (number := self.ladder.next_call(now, is_dead=is_dead)) is not None:
            self.ladder.calling(number, now, is_dead=is_dead)
            self.called.append((now, number))
        if self.ladder.rested(now, is_dead=is_dead):
            self.rests.append(now)

    def pass_until(self, end: int) -> "Day":
        """Look whenever the ladder wants to be woken, and each minute."""
        while self.now <= end:
            self.look()
            wake_at = self.ladder.wake_at(self.now, is_dead=self.is_dead)
            assert wake_at is None or wake_at > self.now, "it would spin"
            self.now = min(self.now + 60_000, self.now + 60_000 if wake_at is None else wake_at)
        self.now = end
        return self

    def receivers(self) -> Counter[str]:
        return Counter(receiver for _, receiver, _, _ in self.sent)


@pytest.fixture
def day() -> Day:
    return Day(ladder_of())


def test_nothing_is_sent_before_the_receipt_is_late(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER - 1)
    assert (day.sent, day.called) == ([], [])
    day.pass_until(AFTER)
    assert [(receiver, n) for _, receiver, n, _ in day.sent] == [(CENTRE, 1), (SON, 1), (DAUGHTER, 1)]
    assert [number for _, number in day.called] == [SON, DAUGHTER, SON, DAUGHTER]


def test_a_receipt_in_time_leaves_nothing_to_do(day):
    day.ladder.raised(alert(), 0)
    assert day.ladder.confirmed(alert().alert_id) is not None
    day.pass_until(3_600_000)
    assert (day.sent, day.called, day.ladder.saved()) == ([], [], "")
    assert day.ladder.confirmed(alert().alert_id) is None


def test_a_dead_line_is_not_waited_for(day):
    day.is_dead = True
    day.ladder.raised(alert(), 0)
    day.look()
    assert day.receivers() == {CENTRE: 1, SON: 1, DAUGHTER: 1}


def test_a_path_that_flaps_costs_nothing_and_stops_nothing(day):
    """Up and down each 5 s, without a receipt: what is astray stays astray, and is told once."""
    day.is_dead = True
    day.ladder.raised(alert(), 0)
    for _ in range(120):
        day.look()
        assert day.ladder.astray(day.now, is_dead=day.is_dead)
        day.now, day.is_dead = day.now + 5_000, not day.is_dead
    assert day.receivers() == {CENTRE: 1, SON: 1, DAUGHTER: 1}
    assert len(day.rests) == 4, "at 0, and after 1, 2 and 4 minutes"


def test_the_wait_counts_from_the_alarm_also_over_a_restart(day):
    day.ladder.raised(alert(since_ms=0), 15_000)
    day.now = 15_000
    day.pass_until(AFTER)
    assert day.receivers()[CENTRE] == 1


def test_it_goes_on_for_ever_with_growing_pauses(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(3_600_000)
    pauses = [later - earlier for earlier, later in zip(day.rests, day.rests[1:], strict=False)]
    assert pauses[:4] == [PAUSE_FIRST_MS, 2 * PAUSE_FIRST_MS, 4 * PAUSE_FIRST_MS, PAUSE_CAP_MS]
    assert set(pauses[3:]) == {PAUSE_CAP_MS}
    assert day.receivers() == {CENTRE: 2, SON: 1, DAUGHTER: 1}
    assert Counter(number for _, number in day.called)[SON] <= CALLS_AN_HOUR + 1


def test_the_centre_is_told_again_where_its_receipt_stays_away_and_not_sooner(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER + CENTRE_AGAIN_MS - 1)
    assert day.receivers()[CENTRE] == 1
    day.pass_until(AFTER + CENTRE_AGAIN_MS + 60_000)
    assert day.receivers()[CENTRE] == 2


def test_calls_wait_for_the_sms_to_be_handed_over_but_not_for_long(day):
    day.fates = dict.fromkeys((CENTRE, SON, DAUGHTER), Fate.QUEUED)
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER + CALL_AFTER_MS - 1)
    assert day.called == []
    day.pass_until(AFTER + CALL_AFTER_MS)
    assert day.called[0] == (AFTER + CALL_AFTER_MS, SON)
    day.pass_until(3_600_000)
    assert day.receivers() == {CENTRE: 1, SON: 1, DAUGHTER: 1}, "what waits in the queue is not given again"


def test_an_uncertain_sms_is_told_again_to_the_centre_at_once_and_to_nobody_else(day):
    day.fates = dict.fromkeys((CENTRE, SON, DAUGHTER), Fate.UNCERTAIN)
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    assert day.receivers() == {CENTRE: 2, SON: 1, DAUGHTER: 1}
    day.pass_until(3_600_000)
    assert day.receivers()[SON] == 1
    assert 10 <= day.receivers()[CENTRE] <= 20, "once in each round"


def test_what_becomes_of_an_earlier_sms_says_nothing_of_the_last_one():
    day = Day(ladder_of(people=()))
    day.fates = {CENTRE: Fate.UNCERTAIN}
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    first, last = (Parcel(alert=alert(), receiver=CENTRE, n=n) for n in (1, 2))
    day.ladder.posted(last, Outcome(key=last.key, fate=Fate.DELIVERED, is_final=True))
    day.ladder.posted(first, Outcome(key=first.key, fate=Fate.FAILED, is_final=True))
    day.pass_until(AFTER + CENTRE_AGAIN_MS - 60_000)
    assert day.receivers() == {CENTRE: 2}


def test_where_nobody_is_called_an_uncertain_sms_to_a_person_counts_as_lost():
    day = Day(ladder_of(calls_people=False))
    day.fates = {SON: Fate.UNCERTAIN, DAUGHTER: Fate.FAILED}
    day.ladder.raised(alert(), 0)
    day.pass_until(3_600_000)
    assert day.receivers() == {CENTRE: 2, SON: TRIES_TO_PERSON, DAUGHTER: TRIES_TO_PERSON}
    assert day.called == []


def test_a_person_who_has_taken_it_ends_the_climbing_and_hears_of_the_end(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    day.ladder.taken(day.ladder.open_ids, SON)
    before = len(day.sent), len(day.called)
    day.pass_until(3_600_000)
    assert (len(day.sent), len(day.called)) == before
    day.ladder.ended(alert(state=AlertState.RESOLVED, mono=day.now), day.now)
    day.pass_until(day.now + AFTER)
    assert [(receiver, state) for _, receiver, _, state in day.sent[3:]] == [
        (SON, AlertState.RESOLVED),
        (DAUGHTER, AlertState.RESOLVED),
        (CENTRE, AlertState.RESOLVED),
    ]
    assert day.ladder.alert_ids == ()


def test_an_alarm_that_the_centre_got_after_all_ends_by_its_own_way_for_the_centre(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    climb = day.ladder.confirmed(alert().alert_id)
    assert climb is not None
    assert climb.is_met
    day.ladder.ended(alert(state=AlertState.RESOLVED), day.now)
    day.pass_until(day.now + 600_000)
    assert [(receiver, state) for _, receiver, _, state in day.sent[3:]] == [
        (SON, AlertState.RESOLVED),
        (DAUGHTER, AlertState.RESOLVED),
    ]


def test_the_end_of_an_alarm_of_which_nobody_was_told_is_told_to_nobody(day):
    day.ladder.raised(alert(), 0)
    day.ladder.ended(alert(state=AlertState.RESOLVED), 5_000)
    day.pass_until(600_000)
    assert (day.sent, day.called, day.ladder.alert_ids) == ([], [], ())


def test_the_end_waits_for_its_own_receipt_before_it_goes_to_the_centre(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    end = alert(state=AlertState.RESOLVED, mono=day.now)
    day.ladder.ended(end, day.now)
    day.look()
    day.ladder.confirmed(end.alert_id)
    day.pass_until(day.now + 600_000)
    assert day.receivers() == {CENTRE: 1, SON: 2, DAUGHTER: 2}
    assert day.ladder.alert_ids == ()


def test_an_end_that_cannot_be_sent_is_tried_again_seldom():
    day = Day(ladder_of(people=()))
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    day.fates = {CENTRE: Fate.FAILED}
    end = alert(state=AlertState.RESOLVED)
    day.ladder.ended(end, day.now)
    day.pass_until(AFTER + 3_600_000)
    assert 10 <= day.receivers()[CENTRE] <= 3_600_000 // END_AGAIN_MS + 2
    day.ladder.confirmed(end.alert_id)
    assert day.ladder.alert_ids == ()


def test_a_second_alarm_ends_the_pause_and_is_told_at_once(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(600_000)
    called = len(day.called)
    day.ladder.raised(alert("smoke:hall", since_ms=600_000), 600_000)
    day.is_dead = True
    day.look()
    assert day.receivers() == {CENTRE: 2, SON: 2, DAUGHTER: 2}
    assert [number for _, number in day.called[called:]] == [SON, DAUGHTER, SON, DAUGHTER]
    rests = len(day.rests)
    day.pass_until(day.now + PAUSE_FIRST_MS)
    assert len(day.rests) == rests + 1, "and the pauses are short again"


def test_who_has_taken_one_alarm_is_called_about_the_next(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER)
    day.ladder.taken(day.ladder.open_ids, SON)
    day.ladder.raised(alert("smoke:hall", since_ms=AFTER), AFTER)
    called = len(day.called)
    day.pass_until(2 * AFTER)
    assert day.called[called][1] == SON


def test_a_modem_that_is_not_ready_is_tried_again_soon_with_the_same_number(day):
    day.ladder.raised(alert(), 0)
    day.pass_until(AFTER - 1)
    day.now = AFTER
    day.ladder.meet(AFTER, is_dead=False)
    assert day.ladder.next_call(AFTER, is_dead=False) == SON
    day.ladder.calling(SON, AFTER, is_dead=False)
    day.ladder.not_called(SON, AFTER)
    assert day.ladder.next_call(AFTER, is_dead=False) is None
    assert day.ladder.wake_at(AFTER, is_dead=False) == AFTER + NO_MODEM_MS
    assert day.ladder.next_call(AFTER + NO_MODEM_MS, is_dead=False) == SON


def test_a_button_that_flaps_costs_so_many_sms_an_hour_and_no_more(day):
    """A press and an end each 30 s, for an hour, with the line down."""
    day.is_dead = True
    for n in range(120):
        day.now = n * 30_000
        day.ladder.raised(alert(since_ms=day.now), day.now)
        day.look()
        day.ladder.ended(alert(since_ms=n * 30_000, state=AlertState.RESOLVED), day.now)
        day.look()
    sent = day.receivers()
    assert sent == {CENTRE: SMS_AN_HOUR[True], SON: SMS_AN_HOUR[False], DAUGHTER: SMS_AN_HOUR[False]}
    assert Counter(number for _, number in day.called) == {SON: CALLS_AN_HOUR, DAUGHTER: CALLS_AN_HOUR}


def test_the_first_alarm_of_each_kind_passes_every_limit(day):
    day.is_dead = True
    for n in range(40):
        day.ladder.raised(alert(f"smoke:room-{n}"), 0)
        day.look()
    assert day.receivers() == {CENTRE: 40, SON: 40, DAUGHTER: 40}


def test_what_was_raised_anew_or_came_late_is_told_apart(day):
    day.ladder.raised(alert(since_ms=1000), 1000)
    day.ladder.raised(alert(since_ms=0), 2000)
    day.ladder.ended(alert(since_ms=0, state=AlertState.RESOLVED), 3000)
    assert day.ladder.alert_ids == (alert(since_ms=1000).alert_id,)
    day.ladder.raised(alert(since_ms=5000), 5000)
    assert day.ladder.alert_ids == (alert(since_ms=5000).alert_id,)


def test_a_home_without_modem_only_rests():
    day = Day(ladder_of(has_centre=False, people=()))
    day.ladder.raised(alert(), 0)
    day.pass_until(600_000)
    assert (day.sent, day.called) == ([], [])
    assert day.rests[:3] == [AFTER, AFTER + PAUSE_FIRST_MS, AFTER + 3 * PAUSE_FIRST_MS]


def test_there_is_a_bound_and_what_is_settled_goes_first(day):
    day.is_dead = True
    day.ladder.raised(alert("sos:first"), 0)
    day.look()
    day.ladder.taken(day.ladder.open_ids, SON)
    for n in range(CLIMBS):
        day.ladder.raised(alert(f"smoke:{n}", since_ms=n), n)
    assert len(day.ladder.alert_ids) == CLIMBS
    assert alert("sos:first").alert_id not in day.ladder.alert_ids


def test_what_another_version_saved_is_forgotten(day):
    day.ladder.raised(alert(), 0)
    day.ladder.go_on_from('{"ladder": "of the future"}', 0)
    assert day.ladder.alert_ids == (alert().alert_id,)


def test_five_alarms_at_once_are_called_about_as_often_as_one():
    """Smoke, heat, CO, gas and a button are one fire: a call about all of them is one call."""
    called = []
    for keys in (["sos:bed"], ["sos:bed", "smoke:hall", "heat:kitchen", "co:bath", "gas:kitchen"]):
        day = Day(ladder_of())
        for key in keys:
            day.ladder.raised(alert(key), 0)
        day.pass_until(3_600_000)
        called.append(len(day.called))
    assert called[1] == called[0]


def test_an_engine_clock_that_began_anew_stops_no_call_and_no_sms(day):
    """The card's file with the engine time was lost; that with the ladder was not, and lies weeks ahead."""
    weeks = 40 * 86_400_000
    day.now = weeks
    day.is_dead = True
    for _ in range(30):  # a purse that is empty
        day.ladder.raised(alert(since_ms=day.now), day.now)
        day.pass_until(day.now + 60_000)
    saved = day.ladder.saved()
    after = Day(ladder_of())
    after.ladder.go_on_from(saved, 0)
    after.pass_until(PAUSE_CAP_MS)
    assert SON in {number for _, number in after.called}
    after.pass_until(2 * 3_600_000)
    before = after.receivers()[SON]
    after.ladder.raised(alert(since_ms=weeks * 2, mono=after.now), after.now)
    after.pass_until(after.now + AFTER)
    assert after.receivers()[SON] == before + 1


def test_an_sms_that_waits_since_a_time_that_lies_ahead_holds_no_call_back(day):
    day.now, day.is_dead, day.fates = 40 * 86_400_000, True, {SON: Fate.QUEUED}
    day.ladder.raised(alert(since_ms=day.now), day.now)
    day.look()
    after = Day(ladder_of())
    after.ladder.go_on_from(day.ladder.saved(), 0)
    after.pass_until(CALL_AFTER_MS)
    assert SON in {number for _, number in after.called}


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["rings", "ends", "is_confirmed", "is_taken", "is_helped", "waits"]),
        st.sampled_from(["sos:bed", "smoke:hall"]),
        st.sampled_from([Fate.QUEUED, Fate.HANDED, Fate.SENT, Fate.DELIVERED, Fate.FAILED, Fate.UNCERTAIN]),
        st.sampled_from([0, 5_000, 15_000, 25_000, 90_000, 400_000]),
    ),
    max_size=25,
)


class Story:
    """A day of moves; before move `cut` the power fails, and the ladder goes on from what the card holds."""

    def __init__(self, moves, cut: int | None = None) -> None:
        self.day = Day(ladder_of())
        self.ringing: dict[str, Alert] = {}
        for place, (move, key, fate, wait) in enumerate(moves):
            if place == cut:
                self.cut_power()
            self.day.fates = dict.fromkeys((CENTRE, SON, DAUGHTER), fate)
            getattr(self, move)(key)
            self.day.pass_until(self.day.now + wait)
            self.day.now += 1

    def cut_power(self) -> None:
        saved, old = self.day.ladder.saved(), self.day.ladder
        self.day.ladder = ladder_of()
        self.day.ladder.go_on_from(saved, self.day.now)
        for one in self.ringing.values():  # what waits for its receipt on the card, in its order
            if one.alert_id in old.alert_ids:
                self.day.ladder.raised(one, self.day.now)

    def rings(self, key: str) -> None:
        if key not in self.ringing:
            self.ringing[key] = alert(key, since_ms=self.day.now)
            self.day.ladder.raised(self.ringing[key], self.day.now)

    def ends(self, key: str) -> None:
        if key in self.ringing:
            began = self.ringing.pop(key).mono
            end = alert(key, since_ms=began, state=AlertState.RESOLVED, mono=self.day.now)
            self.day.ladder.ended(end, self.day.now)

    def is_confirmed(self, key: str) -> None:
        if key in self.ringing:
            self.day.ladder.confirmed(self.ringing[key].alert_id)

    def is_taken(self, key: str) -> None:
        self.day.ladder.taken(self.day.ladder.open_ids, SON)

    def is_helped(self, key: str) -> None:
        self.day.ladder.taken(self.day.ladder.open_ids, CENTRE)

    def waits(self, key: str) -> None:
        pass


@settings(max_examples=150)
@given(MOVES, st.integers(0, 25))
def test_a_power_cut_anywhere_changes_nothing_that_is_given(moves, cut):
    broken, whole = Story(moves, cut).day, Story(moves).day
    assert (broken.sent, broken.called, broken.rests) == (whole.sent, whole.called, whole.rests)


@settings(max_examples=150)
@given(MOVES, st.integers(0, 25))
def test_no_sms_ever_bears_the_key_of_another(moves, cut):
    keys = Story(moves, cut).day.keys
    assert len(keys) == len(set(keys))
