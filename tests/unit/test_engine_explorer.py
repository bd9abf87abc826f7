"""Every order of acknowledging, releasing, handing over and waiting, not only random ones (S2, S6, S7 exhaustively).

Cases are told apart by what can matter later: state, owner, rung, clocks relative to now. All ways through these are
walked until nothing new appears, up to ten minutes of age; there the ladder of P1 is at its end.
"""

from collections import deque

import pytest
from fixtures.casework import BEGIN, EVERYBODY, alert

from community import engine
from community.casefile import Case, Context, Order
from community.workflow import workflow
from shouwang.errors import IllegalMove

TICK_MS = 5_000
OLDEST_MS = 600_000
TABLE = workflow("emergency")
_ORDERS = (
    ("ack", "li", {}),
    ("release", "li", {"reason": "later"}),
    ("hand_over", "li", {"targets": ("wu",), "confirmed_by": "wu"}),
    ("ack", "wu", {}),
    ("release", "wu", {"reason": "later"}),
)


def settle(case: Case, now_ms: int) -> Case:
    while (made := engine.fired(case, Context(now_e=now_ms, reachable=EVERYBODY), at=BEGIN)) is not None:
        after = made[0]
        assert after.rung >= case.rung  # S7
        case = after
    return case


def key_of(case: Case, now_ms: int) -> tuple:
    clocks = tuple(
        (clock.name, clock.due_e - now_ms, None if clock.yellow_e is None else clock.yellow_e - now_ms, clock.stands)
        for clock in case.clocks
        if clock.name not in ("close",)
    )
    return case.state, case.owner, case.rung, case.has_acted, case.card, clocks, now_ms


def explored() -> tuple[int, list[tuple[Case, int]]]:
    first, _ = engine.opened(TABLE, "home-1", "life", (alert(),), Context(now_e=0, reachable=EVERYBODY), at=BEGIN)
    waiting = deque([(settle(first, 0), 0)])
    seen = {key_of(waiting[0][0], 0)}
    old: list[tuple[Case, int]] = []
    while waiting:
        case, now_ms = waiting.popleft()
        assert case.next_e is not None  # S2
        assert case.next_e > now_ms  # nothing due is unfired
        if now_ms >= 300_000:  # S6
            assert case.rung >= 2
            assert case.card is not None
        if now_ms >= OLDEST_MS:
            old.append((case, now_ms))
            continue
        for after, then in [*after_orders(case, now_ms), (settle(case, now_ms + TICK_MS), now_ms + TICK_MS)]:
            name = key_of(after, then)
            if name not in seen:
                seen.add(name)
                waiting.append((after, then))
    return len(seen), old


def after_orders(case: Case, now_ms: int):
    for command, by, more in _ORDERS:
        order = Order(command=command, by=by, role="operator", version=case.version, **more)
        try:
            after, _ = engine.ordered(case, order, Context(now_e=now_ms, reachable=EVERYBODY), at=BEGIN)
        except IllegalMove:
            continue
        yield settle(after, now_ms), now_ms


@pytest.mark.slow
def test_no_order_of_acknowledging_and_releasing_hides_a_life_alarm():
    states, old = explored()
    assert states > 10_000
    assert old
    for case, _ in old:
        assert case.card == "red"
        assert case.rung >= 2
