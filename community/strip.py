"""What every page of the console says of the open cases, whatever else it shows: sums, and a few cases by name.

There may be thousands of cases, and a page is asked for every second: who lives where is looked up of those few alone.
"""

from collections.abc import Sequence

from community.desk import QueueRow

WAITS = "OPEN"
"""The state of a case that nobody has taken."""


def named_on(rows: Sequence[QueueRow]) -> tuple[QueueRow, ...]:
    """The cases of these that are called by name: those for which 120 must be called, then the first that waits."""
    calls = tuple(row for row in rows if row.must_call_120)
    first = next((row for row in rows if row.state == WAITS), None)
    return calls if first is None or first.must_call_120 else (*calls, first)
