"""Another number or language that a contact proposes for himself, and what it would make of his entry. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from community.people import digits
from community.register_forms import Fault, Unfit, checked_against, row_of, stands, with_changed
from community.registry import ContactRow

TOLD_FOR = timedelta(days=30)
"""So long his page tells what became of a proposal. Set by this project."""
_SHOWN = 4
"""Last digits by which people know a number of their own, and nobody else learns it."""


class State(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """`phone` takes the place of `instead`, `language` is the first that he speaks; an empty one stays as it is.

    `stood`: how the contact was reached when he proposed it (`how_reached`).
    """

    resident_id: str
    contact_id: str
    by: str
    at: datetime
    instead: str
    phone: str
    language: str
    stood: str
    state: State = State.OPEN
    decided_at: datetime | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided it."""
        return self.state is State.OPEN

    @property
    def mark(self) -> str:
        """Another word as soon as it is another proposal, or decided."""
        return stands((self.by, self.at.isoformat(), self.instead, self.phone, self.language, self.state))

    def is_told(self, now: datetime) -> bool:
        """Whether his page still says what became of it."""
        return self.decided_at is None or now - self.decided_at < TOLD_FOR


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What he wrote. `at`: the place of the number that `phone` shall follow, from 0."""

    phone: str = ""
    at: int = 0
    language: str = ""


def proposed(rows: Sequence[ContactRow], row: ContactRow, wanted: Wanted, *, by: str, now: datetime) -> Proposal:
    """What he wants of his entry among these, by the rules of the register's own form. Raises Unfit."""
    if wanted.at >= len(row.phones):  # the list is shorter since
        raise Unfit({"phone": Fault.RETOLD})
    found = Proposal(
        resident_id=row.resident,
        contact_id=row.id or "",
        by=by,
        at=now,
        instead=row.phones[wanted.at] if wanted.phone else "",
        phone=wanted.phone,
        language="" if wanted.language in row.languages[:1] else wanted.language,
        stood=how_reached(row),
    )
    if found.phone and digits(found.phone) in {digits(one) for one in row.phones}:
        raise Unfit({"phone": Fault.SAME})
    if not found.phone and not found.language:
        raise Unfit({"phone": Fault.NOTHING})
    try:
        with_changed(rows, checked_against(row, rewritten(row, found)))
    except Unfit as error:
        names = {"phones": "phone", "languages": "language"}
        raise Unfit({names.get(name, "phone"): fault for name, fault in error.fields.items()}, str(error)) from None
    return found


def how_reached(row: ContactRow) -> str:
    """What a proposal was made over: another word as soon as name, numbers or languages are others."""
    return stands((row.name, *row.phones, "", *row.languages))


def written(row: ContactRow, proposal: Proposal) -> dict[str, tuple[str, ...]]:
    """His numbers and languages as they would be."""
    phones, first = row.phones, proposal.language
    if proposal.phone:
        phones = tuple(proposal.phone if digits(one) == digits(proposal.instead) else one for one in phones)
    languages = (first, *(one for one in row.languages if one != first)) if first else row.languages
    return {"phones": phones, "languages": languages}


def rewritten(row: ContactRow, proposal: Proposal) -> ContactRow:
    """His entry as it would be. Raises Unfit."""
    return row_of(ContactRow, {**row.model_dump(), **written(row, proposal)})


def says_so(row: ContactRow, proposal: Proposal) -> bool:
    """Whether his entry says all of it already."""
    has_phone = not proposal.phone or digits(proposal.phone) in {digits(one) for one in row.phones}
    return has_phone and (not proposal.language or row.languages[:1] == (proposal.language,))


def is_outrun(row: ContactRow, proposal: Proposal) -> bool:
    """Whether his entry was changed since, and to something else."""
    return how_reached(row) != proposal.stood and not says_so(row, proposal)


def spelled(row: ContactRow | None, proposal: Proposal) -> str:
    """For the history: who, and what he proposed."""
    return " ".join(part for part in (row.name if row else "", proposal.phone, proposal.language) if part)


def tail(phone: str) -> str:
    """The end of a number, for whom it is."""
    return "…" + digits(phone)[-_SHOWN:]
