"""To what use of what is known of him a person has agreed. Values and judgement only.

Each purpose is asked for by itself and may be withdrawn by itself (PIPL art. 14, 15, 29); what nobody has agreed to is
refused. Answering an alarm needs no consent (PIPL art. 13 (4): to protect life in an emergency); only who has said no
to it is not shown to whoever answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from community.people import Callee, Item


class Purpose(StrEnum):
    """What something may be used for."""

    EMERGENCY = "emergency"
    HEALTH_MONITORING = "health_monitoring"
    FAMILY_VIEW = "family_view"
    SHARING_WITH_CLINICS = "sharing_with_clinics"
    STATISTICS = "statistics"


class How(StrEnum):
    """How somebody said it."""

    PAPER = "paper"
    SPOKEN = "spoken"
    ONLINE = "online"


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """Somebody agreed, or withdrew it. `given_by`: himself, or who for him (`relation`) under which text."""

    purpose: Purpose
    is_given: bool
    given_by: str
    relation: str
    at: datetime
    text_version: str
    how: How
    recorded_by: str = ""
    recorded_at: datetime | None = None


def standing(said: Iterable[Consent], now: datetime) -> dict[Purpose, Consent]:
    """The word that holds for each purpose now: the newest. Of two of one moment the withdrawal holds."""
    found: dict[Purpose, Consent] = {}
    for one in sorted((one for one in said if one.at <= now), key=lambda one: (one.at, not one.is_given)):
        found[one.purpose] = one
    return found


def may(purpose: Purpose, said: Iterable[Consent], now: datetime) -> bool:
    """Whether the purpose is agreed to now. Whoever has never been asked about emergencies is helped."""
    holds = standing(said, now).get(purpose)
    return purpose is Purpose.EMERGENCY if holds is None else holds.is_given


def may_see(contact: Callee, said: Iterable[Consent], now: datetime) -> frozenset[Item]:
    """What of the resident this contact may see now."""
    return contact.may_see if may(Purpose.FAMILY_VIEW, said, now) else frozenset()
