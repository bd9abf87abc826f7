"""Whatever people, alarms and clocks do to a case: it always has a running clock, its ladder never falls, red follows
yellow, no due time is put off, its log alone gives it back (S2, S4, S5, S6, S7, S8, S11, S13 of the incident model).
"""

from fixtures.casework import EVERYBODY, FOUND, Casework, alert
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from community.casefile import Colour
from community.workflow import workflow
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove

PEOPLE = st.sampled_from(["li", "wu", "chen", "liu", "zhao"])
ROLES = st.sampled_from(["operator", "supervisor", "responder", "caller", "family", "system"])
COMMANDS = st.sampled_from(sorted({row.command for row in workflow("emergency").transitions}))
P1_TOTAL_MS = 5 * 60_000
# what the ladder of P1 must have reached at an age, without an effective action and with nobody owning the case
LADDER_P1 = ((0, 0), (60_000, 1), (120_000, 2), (240_000, 3), (420_000, 4))


class AnyPlay(RuleBasedStateMachine):
    """Random people at one case."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Casework(candidates=("liu", "zhao"))
        self.number = 1
        self.rung = -1
        self.last = self.work.case
        self.is_dodged = False
        self.urgent_ms = 0  # since when it is about a life

    @rule(command=COMMANDS, by=PEOPLE, role=ROLES, whom=PEOPLE, how=st.tuples(st.booleans(), st.booleans()))
    def order(self, command, by, role, *, whom, how):
        spoke, is_stale = how
        before = self.work.case
        try:
            self.work.order(
                command,
                by=by,
                role=role,
                version=before.version - 1 if is_stale else before.version,
                reason="why",
                targets=(whom,),
                confirmed_by=whom,
                spoke=spoke,
                into=2,
                into_home="home-1",
                into_lane="life",
                into_priority=Severity.P1,
                **FOUND,
            )
        except IllegalMove:
            assert self.work.case is before
        else:
            row = self.work.table.row(command, before.state)
            assert row is not None
            assert role in row.who
            assert not (is_stale and "seen" in row.guards)
            assert self.work.case.state in {before.state, row.to, row.else_to}

    @rule(seconds=st.sampled_from([1, 29, 31, 59, 60, 61, 120, 240, 600]))
    def wait(self, seconds):
        self.work.wait(seconds)

    @rule(by=PEOPLE)
    def dodge(self, by):
        """Acknowledge and release, just before any clock of the queue or of the owner is red."""
        for _ in range(12):
            self.work.wait(29)
            try:
                if self.work.case.state == "OPEN":
                    self.work.order("ack", by=by)
                else:
                    self.work.order("release", by=by, reason="later", role="supervisor")
            except IllegalMove:
                return
        self.is_dodged = True

    @rule(by=PEOPLE)
    def happy_path(self, by):
        """To the end, where the case is at its beginning."""
        try:
            self.work.order("ack", by=by)
            self.work.order("resolve_remote", by=by, spoke=True, **FOUND)
            self.work.order("verify_ok", by="boss", role="supervisor")
            self.work.order("revisit_ok", by="caller", role="caller")
        except IllegalMove:
            return
        assert self.work.case.state == "CLOSED"

    @rule(severity=st.sampled_from([Severity.P1, Severity.P2]), is_end=st.booleans())
    def ring(self, severity, is_end):
        before = self.work.case
        if not is_end:
            self.number += 1
        ref = alert(self.number, severity, AlertState.RESOLVED if is_end else AlertState.FIRING)
        try:
            self.work.ring(ref)
        except IllegalMove:
            assert before.state == "CLOSED"
            assert self.work.case is before
            return
        if before.priority is not self.work.case.priority:
            self.urgent_ms = self.work.now_ms
        for clock in before.clocks:
            after = self.work.case.clock(clock.name)
            assert after is not None
            assert after.due_e <= clock.due_e

    @invariant()
    def has_a_running_clock(self):
        case = self.work.case
        assert (case.next_e is None) == (case.state == "CLOSED")

    @invariant()
    def none_due_is_unfired(self):
        case = self.work.case
        assert case.next_e is None or case.next_e > self.work.now_ms or self._fires()

    def _fires(self) -> bool:
        self.work.wait(0)
        return self.work.case.next_e is None or self.work.case.next_e > self.work.now_ms

    @invariant()
    def ladder_never_falls(self):
        assert self.work.case.rung >= self.rung
        self.rung = self.work.case.rung

    @invariant()
    def priority_never_falls(self):
        assert self.work.case.priority.rank <= self.last.priority.rank
        self.last = self.work.case

    @invariant()
    def red_follows_yellow(self):
        yellow: set[str] = set()
        for step in self.work.steps:
            for card in step.cards:
                if card.colour is Colour.YELLOW:
                    yellow.add(card.step)
                else:
                    assert card.step in yellow

    @invariant()
    def a_life_alarm_that_waits_is_climbing(self):
        case = self.work.case
        if case.has_acted or case.priority is not Severity.P1 or case.state not in ("OPEN", "ACKED"):
            return
        age = self.work.now_ms - case.opened_e
        if case.state == "OPEN" and case.entered_e == case.opened_e and self.urgent_ms == 0:
            assert case.rung >= max(rung for at, rung in LADDER_P1 if at <= age)
        if self.work.now_ms - self.urgent_ms >= P1_TOTAL_MS:  # raising gives the whole a new limit from then
            assert ("total", "red") in self.work.cards()
            assert case.rung >= 2

    @precondition(lambda self: len(self.work.steps) % 5 == 0)
    @invariant()
    def the_log_gives_the_case(self):
        assert self.work.folded() == self.work.case

    @invariant()
    def each_rung_was_called_or_missed(self):
        called = {rung for _, rung in self.work.calls()}
        assert set(range(self.work.case.rung + 1)) <= called


class NobodyThere(AnyPlay):
    """The same where nobody can be reached."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Casework(reachable=EVERYBODY - {"operators", "responders"})


class GrowsUrgent(AnyPlay):
    """The same where the first alarm is not the most urgent one."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Casework(alert(1, Severity.P2), candidates=("liu",))
        self.last = self.work.case


GrowsUrgent.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestGrowsUrgent = GrowsUrgent.TestCase
AnyPlay.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
NobodyThere.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestAnyPlay = AnyPlay.TestCase
TestNobodyThere = NobodyThere.TestCase
