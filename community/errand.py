"""What a responder sees of his case on his phone, and what he may press there. Values and judgement only."""

from datetime import datetime
from enum import StrEnum

import msgspec

from community.casefile import Answered, Case
from community.desk import ResidentCard
from community.people import Gone
from community.rights import Right, Subject, is_allowed
from community.users import Role, User
from shouwang.alert import Sentence, Severity
from shouwang.reading import Moment

ETAS_MIN = (5, 10, 15, 20, 30)
"""What he may say how long he takes: the first button is what most take (石景山 reports 15 to 18 min on site)."""
DECLINES = ("far", "busy", "ill", "off", "danger", "other")
"""Why somebody does not go; words in the catalogues."""


class Standing(StrEnum):
    """How the holder of a link stands to the case."""

    ASKED = "asked"
    GOING = "going"
    THERE = "there"
    DONE = "done"
    TAKEN = "taken"
    DECLINED = "declined"
    EXPIRED = "expired"
    OVER = "over"


CURRENT = frozenset({Standing.ASKED, Standing.GOING, Standing.THERE})
"""The case waits for him, or for what he does."""


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """The case as its responder may see it now.

    Before he accepts: where about and why. Once it is his: all that he needs. When it is over: nothing of it.
    `way_in`: how one gets to the door; `key_at`: where the key-safe hangs, never its code; `pinged_at`: since when one
    waits for his "all well"; None: nobody waits.
    """

    standing: Standing
    incident_id: int
    responder_id: str
    name: str
    priority: Severity
    hazard: str
    why: Sentence
    opened_at: Moment
    address: str
    way_in: str = ""
    key_at: str = ""
    has_key_safe: bool = False
    card: ResidentCard | None = None
    gone: tuple[Gone, ...] = ()
    due_at: Moment | None = None
    pinged_at: Moment | None = None
    helpers: tuple[str, ...] = ()
    photos: int = 0

    @property
    def step(self) -> str | None:
        """The one big button: the order that is next."""
        return {Standing.ASKED: "accept", Standing.GOING: "arrive", Standing.THERE: "report"}.get(self.standing)


def standing_of(case: Case, responder_id: str) -> Standing:
    """How he stands to the case, by its offers and its state."""
    answers = [offer.answer for offer in case.offers if offer.to == responder_id]
    last = answers[-1] if answers else None
    if last is Answered.ASKED:
        return _WHERE_ASKED.get(case.state, Standing.OVER)
    if case.responder == responder_id and case.state in _WHERE_HIS:
        return _WHERE_HIS[case.state]
    return Standing.OVER if last is None else _AFTER_ANSWER[last]


_WHERE_ASKED = {"DISPATCHED": Standing.ASKED, "WORKING": Standing.THERE}
"""A repair (WORKING) is nobody's to accept: whoever was sent goes and reports."""
_WHERE_HIS = {"EN_ROUTE": Standing.GOING, "ON_SCENE": Standing.THERE}
_AFTER_ANSWER = {
    Answered.ACCEPTED: Standing.DONE,
    Answered.DECLINED: Standing.DECLINED,
    Answered.EXPIRED: Standing.EXPIRED,
    Answered.TAKEN: Standing.TAKEN,
}


def subject_of(case: Case, responder_id: str, now: datetime, over_at: datetime | None) -> Subject:
    """The case as the judge of rights must know it, for the holder of this link.

    `responder`: he, as long as it is or was his; whoever never accepted has no part in it.
    """
    standing = standing_of(case, responder_id)
    is_under_way = standing in (Standing.GOING, Standing.THERE)
    was_his = is_under_way or responder_id in case.handlers
    return Subject(
        now=now,
        responder=responder_id if was_his else "",
        offered=frozenset({responder_id} if standing is Standing.ASKED else ()),
        is_under_way=is_under_way,
        left_at=None if is_under_way else over_at or case.changed_at,
    )


def holder(responder_id: str, name: str, language: str) -> User:
    """The holder of a link as a user: no login, no rights but those over his own case."""
    return User(
        user_id=responder_id,
        login=responder_id,
        name=name,
        role=Role.RESPONDER,
        language=language,
        areas=frozenset(),
        organisations=frozenset(),
        person=responder_id,
    )


def may_see(user: User, right: Right, subject: Subject) -> bool:
    """Whether the holder of a link has this right over his case now."""
    return is_allowed(user, right, subject)
