"""Whether a notice still matters, by which ways a person is told, and when a try is hopeless. Pure."""

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from community.casefile import Answered, Offer
from community.channels.port import STALE_AFTER, Outcome, Way
from community.workflow import Workflow, kept_workflow
from shouwang.alert import Severity

TRIES_BEFORE_NEXT_RUNG = 2
"""One lost packet calls nobody out of bed; the second failure does. The tries go on meanwhile."""
CALLS = 2
"""A contact's telephone is called twice (TSA practice: contacts are cycled twice)."""
AGAIN_S, AGAIN_CAP_S = 1.0, 60.0
"""Ceiling of the pause before a try is repeated: doubling, with full jitter."""
_LADDER_STEPS = frozenset({"opened", "ladder", "ack.red", "rung_failed", "alert", "absorbed", "adopted"})
BROKEN_GLASS = "glass"
"""A medical card was opened with a reason alone: its case is over, and no telephone rings for it."""
SUBMITTER = "submitter"
"""The audience of whoever filed a request (报送人)."""
REQUEST_RESULT = "result"
"""Whoever asked is told that there is a result."""
LATE_ANSWER = "late_answer"
"""Somebody has accepted by a key, too late: he is told, or he goes where nobody waits for him."""
_OUTLIVES = frozenset({"storm_over", BROKEN_GLASS, LATE_ANSWER})
"""Also the summary at the end of a storm: cases of its homes may have ended before (community.store.storm_round)."""
_LAST_WORDS = {"accept": Answered.TAKEN, "arrive.red": Answered.EXPIRED}
"""The step that ends somebody's offer, and how: he is told so, though nothing is asked of him any more."""
_MS = timedelta(milliseconds=1)


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What of a case decides about its notices; read from its stored body."""

    workflow: str
    policy: int = 1
    state: str
    priority: Severity
    home_key: str
    owner: str | None = None
    responder: str | None = None
    offers: tuple[Offer, ...] = ()
    tasks: tuple[Offer, ...] = ()
    has_acted: bool = False
    is_test: bool = False

    @property
    def table(self) -> Workflow:
        """The one that the case was opened with."""
        return kept_workflow(self.workflow, self.policy)

    @property
    def is_life(self) -> bool:
        """P1 or P2."""
        return self.priority.rank <= Severity.P2.rank

    @property
    def is_climbing(self) -> bool:
        """Whether its ladder climbs in this state: nobody has it in hand."""
        return self.state in self.table.ladder_on

    @property
    def last_rung(self) -> int:
        """Of its ladder; -1 where it has none."""
        return len(self.table.ladder.get(self.priority, ())) - 1


def is_needed(case: Glance, *, step: str, audience: str, to: str) -> bool:
    """Whether the notice still tells something: the case is open, and nobody has taken what it asks for."""
    if case.state in case.table.final or step in _OUTLIVES:
        return step in _OUTLIVES
    if audience == "responders":
        answers = [offer.answer for offer in case.offers if offer.to == to]
        is_last_word = bool(answers) and answers[-1] is _LAST_WORDS.get(step)
        is_asked = Answered.ASKED in answers
        return is_last_word or is_asked or (case.responder is not None and to in ("", case.responder))
    if audience == "units":
        return any(task.to == to and task.answer is Answered.ASKED for task in case.tasks)
    if step == "total.red":
        return not case.has_acted
    return step not in _LADDER_STEPS or case.is_climbing


def ways_for(case: Glance, ways: Iterable[tuple[Way, str]], *, step: str = "") -> tuple[tuple[Way, str], ...]:
    """All at once where a life may hang on it; else nobody's telephone rings."""
    rings = case.is_life and step != BROKEN_GLASS
    return tuple((way, address) for way, address in ways if rings or way is not Way.VOICE)


def is_stale(way: Way, age_ms: int) -> bool:
    """Whether so old a message would mislead."""
    return way in STALE_AFTER and timedelta(milliseconds=age_ms) > STALE_AFTER[way]


def stale_ms(way: Way) -> int:
    """The age from which it is, ms."""
    return STALE_AFTER[way] // _MS


def is_hopeless(outcome: Outcome, tries: int, *, is_channel_up: bool) -> bool:
    """Whether the ladder need not wait for this attempt any more."""
    if outcome is Outcome.QUEUED:
        return tries >= TRIES_BEFORE_NEXT_RUNG or not is_channel_up
    return outcome is Outcome.FAILED


def pause_ceiling_s(tries: int) -> float:
    """The longest pause after so many failed tries."""
    return min(AGAIN_CAP_S, AGAIN_S * 2.0 ** min(max(tries - 1, 0), 16))
