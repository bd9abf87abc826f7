"""What all pages count of the open cases, in one look over them: there may be thousands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from community.casefile import Colour
from community.desk import QueueRow
from community.strip import WAITS
from community.web.words import STEP_OF, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Counts for one user: `mine`, red cards, cases in each step; `calls`: those for which 120 must be called.

    `first`: the most urgent of the `waiting`. `told`: what somebody must hear of, as cases.js reads it.
    """

    mine: int
    red: int
    waiting: int
    first: QueueRow | None
    calls: tuple[QueueRow, ...]
    steps: Counter[Step]
    told: str


def tally_of(rows: Sequence[QueueRow], login: str) -> Tally:
    """Of these rows, in their order, for the user of this login."""
    waiting = [row for row in rows if row.state == WAITS]
    calls = tuple(row for row in rows if row.must_call_120)
    phases = Counter([row.phase for row in rows])
    steps: Counter[Step] = Counter()
    for phase, number in phases.items():
        if phase in STEP_OF:
            steps[STEP_OF[phase]] += number
    return Tally(
        mine=sum([row.owner == login for row in rows]),
        red=sum([row.card is Colour.RED for row in rows]),
        waiting=len(waiting),
        first=waiting[0] if waiting else None,
        calls=calls,
        steps=steps,
        told=" ".join(map(_told, [row for row in rows if row.state == WAITS or row.must_call_120])),
    )


def _told(row: QueueRow) -> str:
    return f"{row.incident_id}:{row.priority.value}:120" if row.must_call_120 else f"{row.incident_id}:{row.priority}"
