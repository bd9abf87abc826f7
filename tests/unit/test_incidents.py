"""Cases: which moves are allowed, what an alert does to a case, and the properties S1, S3 to S5, S11, S13."""

from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from community import incidents
from community.desk import Action, Disposition, StaleVersion, State
from community.incidents import (
    SYSTEM,
    Ack,
    Acked,
    AlertJoined,
    AlertRef,
    Close,
    Event,
    Incident,
    Ingest,
    Note,
    Opened,
    Order,
    Refused,
    StepJoined,
    decide,
    evolve,
    lane_of,
)
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove

NOW = datetime(2026, 11, 24, 3, 12, 44, tzinfo=UTC)
_numbers = count()


def ref(
    key="sos:bed", *, severity=Severity.P1, state=AlertState.FIRING, since=NOW, hazard="sos", late=False
) -> AlertRef:
    return AlertRef(
        gateway_id="gw",
        alert_id=f"{key}/{next(_numbers)}",
        key=key,
        since=since,
        state=state,
        severity=severity,
        hazard=hazard,
        is_late=late,
        digest="00",
    )


def ingest(alert: AlertRef, *earlier: AlertRef) -> Ingest:
    return Ingest(home_key="home", alert=alert, earlier=earlier)


def do(case: Incident | None, order: Order, by: str = "zhang") -> Incident:
    event, state = decide(case, order)
    return evolve(case, event, state, at=NOW, actor=by)


def close(case: Incident, by: str = "zhang") -> Close:
    return Close(by=by, version=case.version, disposition=Disposition.HELPED, note_id="n", digest="00")


def opened() -> Incident:
    return do(None, ingest(ref()))


def acked() -> Incident:
    case = opened()
    return do(case, Ack(by="zhang", version=case.version))


def closed() -> Incident:
    case = acked()
    return do(case, close(case))


def test_case_goes_from_alarm_to_owner_to_end() -> None:
    case = closed()
    assert (case.state, case.owner, case.disposition, case.version) == (
        State.CLOSED,
        "zhang",
        Disposition.HELPED,
        3,
    )


@pytest.mark.parametrize("state", [AlertState.PREALARM, AlertState.CANCELLED, AlertState.RESOLVED])
def test_only_firing_opens_a_case(state: AlertState) -> None:
    with pytest.raises(IllegalMove):
        decide(None, ingest(ref(state=state)))


@pytest.mark.parametrize(
    ("make", "order"),
    [
        (opened, close),
        (acked, lambda case: Ack(by="li", version=case.version)),
        (closed, lambda case: Ack(by="li", version=case.version)),
        (closed, close),
        (closed, lambda _: Note(by="li", note_id="n", digest="00")),
        (closed, lambda _: ingest(ref())),
        (acked, lambda case: close(case, by="li")),
    ],
)
def test_unlisted_moves_are_illegal(make, order) -> None:
    case = make()
    before = msgspec.json.encode(case)
    with pytest.raises(IllegalMove) as refused:
        decide(case, order(case))
    assert not isinstance(refused.value, StaleVersion)
    assert msgspec.json.encode(case) == before


@pytest.mark.parametrize("make", [opened, acked, closed])
def test_stale_version_is_refused_before_anything_else(make) -> None:
    case = make()
    with pytest.raises(StaleVersion):
        decide(case, Ack(by="li", version=case.version - 1))
    with pytest.raises(StaleVersion):
        decide(case, msgspec.structs.replace(close(case), version=case.version + 1))


def test_two_operators_press_ack_and_one_wins() -> None:
    case = opened()
    first, second = Ack(by="zhang", version=case.version), Ack(by="li", version=case.version)
    case = do(case, first, by="zhang")
    with pytest.raises(StaleVersion):
        decide(case, second)
    assert case.owner == "zhang"


def test_orders_need_a_case() -> None:
    for order in (Ack(by="li", version=1), Note(by="li", note_id="n", digest="00")):
        with pytest.raises(IllegalMove):
            decide(None, order)
    with pytest.raises(IllegalMove):
        evolve(None, Acked(), State.ACKED, at=NOW, actor="li")
    lost = Close(by="li", version=1, disposition=Disposition.TEST, note_id="n", digest="00")
    with pytest.raises(IllegalMove):
        incidents._closed(None, lost)


def test_more_urgent_alert_raises_and_names_the_case_a_lesser_one_does_not() -> None:
    case = do(None, ingest(ref("spo2", severity=Severity.P2, hazard="vital")))
    case = do(case, ingest(ref("sos", severity=Severity.P1, hazard="sos")))
    assert (case.priority, case.lead.hazard, case.alerts) == (Severity.P1, "sos", 2)
    case = do(case, ingest(ref("spo2-b", severity=Severity.P2, hazard="vital")))
    assert (case.priority, case.lead.hazard) == (Severity.P1, "sos")


def test_prealarm_in_a_case_does_not_raise_it() -> None:
    case = do(None, ingest(ref("spo2", severity=Severity.P2, hazard="vital")))
    event, state = decide(case, ingest(ref("fall", severity=Severity.P1, state=AlertState.PREALARM)))
    assert isinstance(event, StepJoined)
    assert evolve(case, event, state, at=NOW, actor=SYSTEM).priority is Severity.P2


def test_case_is_cleared_when_every_alarm_in_it_has_ended_and_stays_open() -> None:
    case = do(None, ingest(ref("a")))
    case = do(case, ingest(ref("b")))
    case = do(case, ingest(ref("a", state=AlertState.RESOLVED)))
    assert not case.is_cleared
    case = do(case, ingest(ref("b", state=AlertState.RESOLVED)))
    assert case.is_cleared
    assert (case.state, case.alerts) == (State.OPEN, 2)


def test_alarm_that_begins_anew_has_ended_before() -> None:
    """Its end was lost; the case must be able to clear, and must not grow with every episode."""
    case = do(None, ingest(ref("a")))
    later = NOW + timedelta(minutes=1)
    case = do(case, ingest(ref("a", since=later)))
    assert [episode.since for episode in case.active] == [later]
    case = do(case, ingest(ref("a", since=NOW - timedelta(minutes=1))))  # an old one that was held up
    assert [episode.since for episode in case.active] == [later]
    case = do(case, ingest(ref("a", since=later, state=AlertState.RESOLVED)))
    assert case.is_cleared
    assert len(case.alarms) == 1


def test_end_that_overtook_its_alarm_opens_a_cleared_case() -> None:
    case = do(None, ingest(ref("a"), ref("a", state=AlertState.RESOLVED)))
    assert case.is_cleared
    assert (case.state, case.alerts) == (State.OPEN, 1)


def test_refusal_leaves_the_case_as_it_was() -> None:
    case = acked()
    assert evolve(case, Refused(action=Action.ACK, reason="no"), State.ACKED, at=NOW, actor="li") is case


def test_late_means_more_than_ten_minutes() -> None:
    assert not incidents.is_late(NOW, NOW + timedelta(minutes=10))
    assert incidents.is_late(NOW, NOW + timedelta(minutes=10, seconds=1))
    assert not incidents.is_late(NOW + timedelta(hours=1), NOW)
    assert do(None, ingest(ref(late=True))).is_late


def test_life_has_one_lane_and_every_hazard_of_lesser_kinds_its_own() -> None:
    assert lane_of(Severity.P1, "sos") == lane_of(Severity.P2, "fall") == "life"
    assert lane_of(Severity.P3, "sensor-silent") == "tech:sensor-silent"
    assert lane_of(Severity.P4, "medicine") == "care:medicine"


def test_buttons_are_what_the_table_allows() -> None:
    assert incidents.actions(State.OPEN) == (Action.ACK, Action.NOTE)
    assert incidents.actions(State.ACKED) == (Action.CLOSE, Action.NOTE)
    assert incidents.actions(State.CLOSED) == ()


@given(st.lists(st.sampled_from(list(Severity)), min_size=1))
def test_priority_is_that_of_the_most_urgent_alert(severities: list[Severity]) -> None:
    case: Incident | None = None
    for number, severity in enumerate(severities):
        case = do(case, ingest(ref(f"k{number}", severity=severity)))
    assert case is not None
    assert case.priority.rank == min(severity.rank for severity in severities)


_severities = st.sampled_from([Severity.P1, Severity.P2])
_keys = st.sampled_from(["a", "b", "c"])


class Home(RuleBasedStateMachine):
    """One home's life lane, as the store keeps it: the log, and the case folded from it."""

    @initialize()
    def start(self) -> None:
        self.log: list[tuple[Event, State, str]] = []
        self.case: Incident | None = None
        self.finished: list[bytes] = []
        self.linked: list[str] = []
        self.clock = 0

    def _put(self, order: Order, by: str) -> None:
        open_case = self.case if self.case and self.case.state is not State.CLOSED else None
        before = open_case if isinstance(order, Ingest) else self.case
        event, state = decide(before, order)
        after = evolve(before, event, state, at=NOW, actor=by)
        if before is None and self.case is not None:
            self.finished.append(msgspec.json.encode(self.case))
            self.log = []
        if before is not None:
            assert after.priority.rank <= before.priority.rank  # S13
            assert after.version == before.version + 1
        self.log.append((event, state, by))
        self.case = after
        if isinstance(event, Opened | AlertJoined | StepJoined):
            self.linked += [one.alert_id for one in event.alerts]

    @rule(key=_keys, severity=_severities)
    def alarm(self, key: str, severity: Severity) -> None:
        self.clock += 1
        self._put(ingest(ref(key, severity=severity, since=NOW + timedelta(seconds=self.clock))), SYSTEM)

    @precondition(lambda self: self.case is not None and self.case.active and self.case.state is not State.CLOSED)
    @rule(data=st.data())
    def end_of_alarm(self, data: st.DataObject) -> None:
        assert self.case is not None
        episode = data.draw(st.sampled_from(self.case.active))
        self._put(ingest(ref(episode.key, since=episode.since, state=AlertState.RESOLVED)), SYSTEM)

    @precondition(lambda self: self.case is not None)
    @rule(by=st.sampled_from(["zhang", "li"]), behind=st.integers(0, 2), wish=st.sampled_from(["ack", "close", "note"]))
    def person(self, by: str, behind: int, wish: str) -> None:
        case = self.case
        assert case is not None
        orders: dict[str, Order] = {
            "ack": Ack(by=by, version=case.version - behind),
            "close": msgspec.structs.replace(close(case, by=by), version=case.version - behind),
            "note": Note(by=by, note_id="n", digest="00"),
        }
        try:
            self._put(orders[wish], by)
        except IllegalMove:
            assert self.case is case  # S5, S11: nothing changed
        else:
            allowed = {
                "ack": case.state is State.OPEN and behind == 0,
                "close": case.state is State.ACKED and case.owner == by and behind == 0,
                "note": case.state is not State.CLOSED,
            }
            assert allowed[wish]

    @precondition(lambda self: self.case is not None and self.case.state is State.OPEN)
    @rule()
    def happy_path_to_the_end(self) -> None:
        """Directed: random orders seldom reach CLOSED."""
        assert self.case is not None
        self._put(Ack(by="zhang", version=self.case.version), "zhang")
        self._put(close(self.case), "zhang")

    @invariant()
    def case_is_the_fold_of_its_log(self) -> None:
        folded: Incident | None = None
        for event, state, by in self.log:
            folded = evolve(folded, event, state, at=NOW, actor=by)
        assert folded == self.case

    @invariant()
    def every_alert_is_in_exactly_one_case(self) -> None:
        assert len(self.linked) == len(set(self.linked))  # S1

    @invariant()
    def case_survives_the_disk(self) -> None:
        if self.case is not None:
            assert msgspec.json.decode(msgspec.json.encode(self.case), type=Incident) == self.case


TestHome = Home.TestCase
TestHome.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
