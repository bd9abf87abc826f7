"""A contact is another one now: on this list, and where the same person stands on another one of the home."""

from collections.abc import Mapping

from community.casefile import StaleVersion
from community.register_forms import checked_against, kept_by, row_of, told_elsewhere, with_changed
from community.registry import ContactRow
from community.store import register_keeping
from community.store.database import Connection
from community.store.people_register import Hand
from community.store.register_keeping import Entry
from community.wording import MOVED_ON


def contact_of(entry: Entry, contact_id: str) -> ContactRow:
    """One of the list. Raises StaleVersion where he is on it no more."""
    found = entry.contact(contact_id)
    if found is None:
        raise StaleVersion(MOVED_ON)
    return found


def keep_list(connection: Connection, entry: Entry, resident_id: str, rows: tuple[ContactRow, ...], hand: Hand) -> bool:
    """Whether the list says something else since. Raises Unfit."""
    return register_keeping.keep_list(connection, entry.home.id, resident_id, rows, hand)


def change(
    connection: Connection,
    entry: Entry,
    before: ContactRow,
    written: Mapping[str, object],
    hand: Hand,
    *,
    is_whole: bool,
    elsewhere: bool,
) -> bool:
    """Whether this one of the list says something else since; what is not written stays. Raises Unfit.

    `is_whole`: by who keeps all of an entry; `elsewhere`: his numbers also on the lists of the others in the home.
    """
    whole = kept_by(before, written, is_whole=is_whole)
    place = {"resident": before.resident, "order": before.order, "id": before.id}
    row = checked_against(before, row_of(ContactRow, {**whole, **place}))
    is_new = keep_list(connection, entry, before.resident, with_changed(entry.contacts, row), hand)
    for name, rows in entry.beside.items() if elsewhere else ():
        keep_list(connection, entry, name, told_elsewhere(rows, before, row), hand)
    return is_new
