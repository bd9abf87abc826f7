"""What a contact proposed for himself is put in force, or refused, by who keeps telephone numbers (decision 036)."""

from community.casefile import StaleVersion
from community.proposals import Proposal, State, is_outrun, says_so, written
from community.register_contacts import change, contact_of
from community.register_forms import Fault, Unfit
from community.register_room import RegisterRoom, Sheet, Wish
from community.rights import Right
from community.store import register_keeping
from community.store.database import Connection
from community.store.people_register import Hand
from community.store.register_keeping import Entry
from community.wording import MOVED_ON


async def accept(room: RegisterRoom, wish: Wish, contact_id: str, *, elsewhere: bool) -> None:
    """His entry says it from now on, changed as by its form. Raises Unfit where it was changed since he proposed it."""

    def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
        entry, before, found = sheet.entry, contact_of(sheet.entry, contact_id), _open(sheet.entry, contact_id)
        if is_outrun(before, found):
            raise Unfit({"proposal": Fault.RETOLD})
        if not says_so(before, found):
            how = {"is_whole": sheet.is_whole, "elsewhere": elsewhere}
            change(connection, entry, before, written(before, found), hand, **how)
        register_keeping.decide(connection, entry, found, State.ACCEPTED, hand)
        return True

    await room.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.proposal_stands(contact_id), work)


async def refuse(room: RegisterRoom, wish: Wish, contact_id: str) -> None:
    """His entry stays as it is; he reads the reason of the wish."""

    def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
        found = _open(sheet.entry, contact_id)
        register_keeping.decide(connection, sheet.entry, found, State.REFUSED, hand)
        return True

    await room.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.proposal_stands(contact_id), work)


def _open(entry: Entry, contact_id: str) -> Proposal:
    found = entry.proposals.get(contact_id)
    if found is None:  # withdrawn, or decided by a colleague
        raise StaleVersion(MOVED_ON)
    return found
