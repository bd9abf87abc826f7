"""Whatever people, alarms, clocks and crashes do to cases on both databases: the properties of the incident model.

Each test of a name is a directed attack that random play would miss. S14 stands with the storms, S17 with the rights,
S20 with the scores.
"""

from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from fixtures.case_worlds import BEGIN, GATEWAYS, Kernel, World, alarm, commands
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from community.casefile import Colour, Disposition, Step
from community.desk import Wish
from community.store import case_schema, cases, chain, schema
from community.store.database import open_store
from community.store.engines import engines
from community.workflow import workflow
from shouwang.alert import AlertState, Severity

PEOPLE = ("li", "wu", "chen", "liu", "zhao")
EVERYBODY = frozenset({"operators", "owner", "supervisor", "responders", "family", "keyholder", "team_lead"})
P1_LADDER = ((0, 0), (60_000, 1), (120_000, 2), (240_000, 3), (420_000, 4))
TOTAL_MS = 5 * 60_000
CRASHES = st.one_of(st.none(), st.integers(1, 40))


class Play(RuleBasedStateMachine):
    """Two worlds and one play: `here` crashes, `there` has a wall clock that jumps."""

    kernel: Kernel
    here: World
    there: World

    def __init__(self) -> None:
        super().__init__()
        self.kernel.now_ms = 0
        self.kernel.reachable, self.kernel.candidates = EVERYBODY, ("liu", "zhao")
        for world in (self.here, self.there):
            world.reset()
        self.jump = timedelta(0)
        self.there.wall = lambda: self.here.wall() + self.jump
        self.since = BEGIN
        self.numbers = count()
        self.wishes: list[tuple[Wish, str]] = []
        self.closed: dict[object, object] = {}
        self.rungs: Counter[object] = Counter()

    def both(self, what: str, *arguments: object) -> object:
        mine = getattr(self.here, what)(*arguments)
        theirs = getattr(self.there, what)(*arguments)
        assert mine == theirs
        return mine

    def give(self, wish: Wish) -> str:
        answer = str(self.both("order", wish))
        if not answer.startswith("no: there is no case"):  # then there is nothing to keep the answer with
            self.wishes.append((wish, answer))
        self.both("fire")
        return answer

    def case(self, incident_id: int):
        return self.here.read(lambda connection: cases.load(connection, incident_id))

    def wish(self, command: str, incident_id: int, by: str = "li", **more: object) -> Wish:
        case = self.case(incident_id)
        given = {
            "role": "operator",
            "version": None if case is None else case.version,
            "command_id": f"c{next(self.numbers)}",
            "disposition": Disposition.HELPED,
            "text": "words",
            "reason": "why",
            "spoke": True,
            **more,
        }
        return Wish(incident_id=incident_id, command=command, by=by, **given)

    # ---- rules ----

    @rule(
        gateway=st.sampled_from(sorted(GATEWAYS)),
        kind=st.sampled_from([(Severity.P1, "sos"), (Severity.P2, "vital"), (Severity.P3, "mains")]),
        is_end=st.booleans(),
        crash=CRASHES,
    )
    def ring(self, gateway, kind, is_end, crash):
        severity, hazard = kind
        now = BEGIN + timedelta(milliseconds=self.kernel.now_ms)
        if not is_end:
            self.since = max(now, self.since + timedelta(milliseconds=1))
        before = {row["incident_id"]: self.case(row["incident_id"]) for row in self.here.rows(schema.incidents)}
        self.here.crash_at = crash
        state = AlertState.RESOLVED if is_end else AlertState.FIRING
        self.both("ring", alarm(self.since, severity, state, hazard), gateway, now)
        self.here.crash_at = None
        self._nothing_is_put_off(before)
        self.both("fire")

    @rule(
        command=st.sampled_from(commands()),
        who=st.tuples(
            st.sampled_from(PEOPLE), st.sampled_from(["operator", "supervisor", "responder", "caller", "system"])
        ),
        incident_id=st.integers(1, 4),
        whom=st.sampled_from(PEOPLE),
        how=st.tuples(st.booleans(), st.integers(1, 4), CRASHES),
    )
    def order(self, command, who, incident_id, whom, how):
        (by, role), (is_stale, into, crash) = who, how
        wish = self.wish(command, incident_id, by, role=role, targets=(whom,), confirmed_by=whom, into=into, eta_min=5)
        if is_stale and wish.version:
            wish = self.wish(command, incident_id, by, role=role, targets=(whom,), version=wish.version - 1)
        before = self.case(incident_id)
        self.here.crash_at = crash
        answer = self.give(wish)
        if answer.startswith("no:") or answer == "stale":
            unfired = before is None or before.next_e is None or before.next_e > self.kernel.now_ms
            assert not unfired or self.case(incident_id) == before  # S11

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data):
        """The same command id again: the same answer, and nothing more (S10)."""
        wish, answer = data.draw(st.sampled_from(self.wishes))
        entries = len(self.here.log())
        assert self.both("order", wish) == answer
        assert len(self.here.log()) == entries

    @rule(seconds=st.sampled_from([1, 29, 31, 59, 60, 61, 120, 240, 600, 4000]), crash=CRASHES)
    def wait(self, seconds, crash):
        self.kernel.now_ms += seconds * 1000
        self.here.crash_at = crash
        self.both("fire")
        self.here.crash_at = None

    @rule(hours=st.integers(-400, 400))
    def set_the_wall_clock(self, hours):
        """Nothing comes of it (S16)."""
        self.jump = timedelta(hours=hours)

    @rule(reachable=st.sampled_from([frozenset(), frozenset({"operators"}), EVERYBODY]), is_anybody=st.booleans())
    def people_come_and_go(self, reachable, is_anybody):
        self.kernel.reachable = reachable
        self.kernel.candidates = ("liu", "zhao") if is_anybody else ()

    @rule(incident_id=st.integers(1, 3))
    def dodge(self, incident_id):
        """Taken and given back every 29 s: the clock `total` and the ladder go on all the same."""
        for _ in range(12):
            self.kernel.now_ms += 29_000
            self.both("fire")
            case = self.case(incident_id)
            if case is None or case.lane != "life":
                return
            self.give(self.wish("ack" if case.state == "OPEN" else "release", incident_id, role="supervisor"))

    @rule(incident_id=st.integers(1, 3))
    def to_the_end(self, incident_id):
        case = self.case(incident_id)
        for command, by in (("ack", "li"), ("resolve_remote", "li"), ("verify_ok", "wu"), ("revisit_ok", "chen")):
            self.give(self.wish(command, incident_id, by))
        after = self.case(incident_id)
        if case is not None and (case.lane, case.state) == ("life", "OPEN"):
            assert after is not None
            assert after.state in {"CLOSED", "OPEN"}  # OPEN: li works on two life alarms already

    # ---- properties ----

    def _nothing_is_put_off(self, before) -> None:
        """S13: an alarm lowers no priority and delays no clock."""
        for incident_id, case in before.items():
            after = self.case(incident_id)
            assert after.priority.rank <= case.priority.rank
            if after.state == case.state:
                for clock in case.clocks:
                    assert after.clock(clock.name).due_e <= clock.due_e

    @invariant()
    def crashes_and_wall_clocks_change_nothing(self):
        """S15, S16: a crash at any statement and another try, and any wall clock, give the same."""
        assert self.here.remembered() == self.there.remembered()

    @invariant()
    def every_alarm_is_in_one_case(self):
        """S1, S3."""
        open_keys = Counter()
        for row in self.here.rows(schema.incidents):
            if row["state"] != "CLOSED":
                open_keys[row["home_key"], row["lane"]] += 1
        assert set(open_keys.values()) <= {1}
        for row in self.here.rows(schema.alerts):
            assert row["state"] != "firing" or row["incident_id"] is not None

    @invariant()
    def clocks_run_and_none_is_forgotten(self):
        """S2, S4, S7, S9."""
        for row in self.here.rows(schema.incidents):
            number = row["incident_id"]
            assert (row["due_e"] is None) == (row["state"] == "CLOSED")
            assert row["due_e"] is None or row["due_e"] > self.kernel.now_ms
            assert self.closed.setdefault(number, row["body"]) == row["body"] or number not in self.closed_ids()
            if row["state"] != "CLOSED":
                self.closed.pop(number)
            assert row["rung"] >= self.rungs.get(number, -1)
            self.rungs[number] = row["rung"]

    def closed_ids(self) -> set[object]:
        """Those that were closed when we last looked; `correct` adds to the log alone, yet moves the version."""
        corrected = {entry.incident_id for entry in self.here.log() if entry.kind == "correct"}
        return set(self.closed) - corrected

    @invariant()
    def steps_are_those_of_the_table(self):
        """S5."""
        state: dict[int, str] = {}
        for entry in self.here.log():
            if isinstance(entry.event, Step):
                before = state.get(entry.incident_id)
                if entry.event.order is not None and entry.event.role != "system":
                    case = self.case(entry.incident_id)
                    row = workflow(case.workflow).row(entry.event.order.command, before)
                    assert row is not None
                    assert entry.event.role in row.who
                state[entry.incident_id] = entry.state

    @invariant()
    def cards_are_drawn_in_their_order(self):
        """S8: red follows yellow."""
        yellow = set()
        for row in self.here.rows(case_schema.cards):
            if row["colour"] == Colour.YELLOW:
                yellow.add((row["incident_id"], row["step"]))
            else:
                assert (row["incident_id"], row["step"]) in yellow

    @invariant()
    def a_life_alarm_that_waits_is_climbing(self):
        """S6, from the moment on from which it was about a life."""
        for row in self.here.rows(schema.incidents):
            case = self.case(row["incident_id"])
            raised = [entry.event for entry in self.here.log() if entry.incident_id == row["incident_id"]]
            born_p1 = raised[0].alerts[0].severity is Severity.P1
            if not born_p1 or case.has_acted or case.lane != "life" or case.state not in {"OPEN", "ACKED"}:
                continue
            age = self.kernel.now_ms - case.opened_e
            if case.state == "OPEN":
                assert case.rung >= max(rung for at, rung in P1_LADDER if at <= age)
            if age >= TOTAL_MS and case.clock("total") is not None:
                cards = self.here.rows(case_schema.cards)
                red = [one for one in cards if (one["step"], one["colour"]) == ("total", "red")]
                assert any(one["incident_id"] == row["incident_id"] for one in red)
                assert case.rung >= 2

    @invariant()
    def every_call_is_a_notice(self):
        """S19: each rung reaches somebody to be tried, or says that nobody is there."""
        called = Counter()
        for entry in self.here.log():
            if isinstance(entry.event, Step):
                called[entry.incident_id, entry.version] += len(entry.event.calls)
                assert entry.event.name != "ladder" or entry.event.calls
        told = Counter((row["incident_id"], row["version"]) for row in self.here.rows(case_schema.notices))
        assert +called == told

    def teardown(self) -> None:
        """S12: the chain is whole, and one flipped byte is found."""
        assert self.here.read(chain.verify).faults == ()
        rows = self.here.rows(schema.incident_events)
        if not rows:
            return
        row = rows[self.kernel.now_ms % len(rows)]
        place = self.kernel.now_ms % len(row["body"])
        flipped = bytes(byte ^ (place == at) for at, byte in enumerate(row["body"]))
        table = schema.incident_events
        with self.here.opened.writer.begin() as connection:
            connection.execute(table.update().where(table.c.seq == row["seq"]).values(body=flipped))
        assert self.here.read(chain.verify).faults


async def _world(url: str, kernel: Kernel) -> World:
    await (await open_store(url)).close()
    opened = engines(url, None)
    return World(opened, kernel, lambda: BEGIN + timedelta(milliseconds=kernel.now_ms))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


@pytest.fixture
async def worlds(store_url: str, tmp_path, kernel: Kernel):
    """One on the database under test, one on SQLite."""
    here = await _world(store_url, kernel)
    there = await _world(f"sqlite:///{tmp_path / 'there.db'}", kernel)
    yield here, there
    for world in (here, there):
        world.opened.writer.dispose()
        world.opened.reader.dispose()


@pytest.mark.slow
def test_any_play_keeps_the_properties(worlds, kernel, store_url) -> None:
    here, there = worlds

    class AnyPlay(Play):
        pass

    AnyPlay.here, AnyPlay.there, AnyPlay.kernel = here, there, kernel
    examples = 60 if store_url.startswith("sqlite") else 20
    run_state_machine_as_test(
        AnyPlay,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],  # a play takes a second: what failed is printed whole
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert here.crashes > 0


def play_of(worlds, kernel) -> Play:
    class ThisPlay(Play):
        pass

    ThisPlay.here, ThisPlay.there, ThisPlay.kernel = *worlds, kernel
    return ThisPlay()


def test_acking_and_releasing_every_29_s_wins_nothing(worlds, kernel) -> None:
    play = play_of(worlds, kernel)
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    for _ in range(2):
        play.dodge(1)
    case = play.case(1)
    assert case.rung >= 2
    play.a_life_alarm_that_waits_is_climbing()
    red = [row["step"] for row in play.here.rows(case_schema.cards) if row["colour"] == "red"]
    assert "total" in red
    supervisor = [row for row in play.here.rows(case_schema.notices) if row["audience"] == "supervisor"]
    assert supervisor


def test_an_alarm_never_joins_a_closed_case(worlds, kernel) -> None:
    play = play_of(worlds, kernel)
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    play.to_the_end(1)
    assert play.case(1).state == "CLOSED"
    body = play.here.rows(schema.incidents)[0]["body"]
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    play.ring("gw-1", (Severity.P1, "sos"), is_end=True, crash=None)
    assert play.here.rows(schema.incidents)[0]["body"] == body
    assert (play.case(2).state, play.case(2).is_cleared) == ("OPEN", True)


def test_an_alarm_while_it_waits_for_the_call_back_is_a_new_case_in_its_place(worlds, kernel) -> None:
    play = play_of(worlds, kernel)
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    for command, by in (("ack", "li"), ("resolve_remote", "li"), ("verify_ok", "wu")):
        play.give(play.wish(command, 1, by))
    assert play.case(1).state == "REVISIT"
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    assert (play.case(1).state, play.case(1).disposition) == ("CLOSED", Disposition.SUPERSEDED)
    assert (play.case(2).state, play.case(2).previous) == ("OPEN", 1)


@pytest.mark.parametrize("statement", range(1, 30))
def test_crash_at_each_statement_of_a_merge_is_undone_or_done(worlds, kernel, statement: int) -> None:
    play = play_of(worlds, kernel)
    play.ring("gw-1", (Severity.P1, "sos"), is_end=False, crash=None)
    play.ring("gw-1", (Severity.P3, "mains"), is_end=False, crash=None)
    play.here.crash_at = statement
    assert play.give(play.wish("merge", 2, into=1)) == "CLOSED"
    play.crashes_and_wall_clocks_change_nothing()
    play.every_alarm_is_in_one_case()
    assert play.case(1).alerts == 2
    assert {row["incident_id"] for row in play.here.rows(schema.alerts)} == {1}
    assert play.here.read(chain.verify).faults == ()
