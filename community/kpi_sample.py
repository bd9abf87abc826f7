"""Which closed cases of a month are looked over: the regulator's random sample of call records (S32). Pure.

Two for each person who handled any, one of them a life alarm where he had one (TSA code of practice: at least 2 calls
a handler a month, at least 1 an emergency call from end to end). The draw follows from the seed alone: the hash of the
month's last audit entry, which nobody knows beforehand and everybody can check afterwards.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from community.kpi_facts import CaseFacts
from community.kpi_months import Window

PER_HANDLER = 2


def sample(facts: Iterable[CaseFacts], window: Window, seed: bytes) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """For each handler the cases to be looked over, among those that ended in the span and were no test calls."""
    handled: dict[str, list[CaseFacts]] = defaultdict(list)
    for one in facts:
        if window.holds(one.ended_at) and not one.is_test:
            for handler in one.handlers:
                handled[handler].append(one)
    return tuple((handler, _drawn(handler, handled[handler], seed)) for handler in sorted(handled))


def _drawn(handler: str, cases: list[CaseFacts], seed: bytes) -> tuple[int, ...]:
    lots = sorted(cases, key=lambda one: _lot(seed, handler, one.incident_id))
    life = [one for one in lots if one.workflow == "emergency"][:1]
    others = [one for one in lots if one not in life]
    return tuple(sorted(one.incident_id for one in [*life, *others][:PER_HANDLER]))


def _lot(seed: bytes, handler: str, incident_id: int) -> bytes:
    return hashlib.sha256(seed + f"{handler}:{incident_id}".encode()).digest()
