"""Cases that end by themselves: which of them a person looks at first. Pure; when, says the table (workflow.Quiet)."""

import hashlib
from datetime import timedelta

from community.workflow import Quiet

_MS = timedelta(milliseconds=1)


def wait_ms(quiet: Quiet, *, is_flapping: bool) -> int:
    """For how long every cause must have ended."""
    return (quiet.flapping if is_flapping else quiet.after) // _MS


def is_sampled(incident_id: int, percent: int) -> bool:
    """Whether this case is looked at: always the same answer for a number, and nobody can tell which without asking."""
    drawn = int.from_bytes(hashlib.sha256(f"quiet:{incident_id}".encode()).digest()[:4])
    return drawn % 100 < percent
