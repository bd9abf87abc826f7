"""An entry of the register as forms show and change it: one person, his list of contacts, his home.

Each change is taken in as a file's row would be, with what was said before, its author and the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import sqlalchemy as sa

from community.consent import Consent
from community.photos import Photo
from community.proposals import Proposal, State, spelled
from community.register_forms import Fault, Unfit, in_order, stands
from community.register_history import Change
from community.registry import ContactRow, HomeRow, Reading, ResidentRow, Row, register_of
from community.registry_checks import Known, Seat, sift
from community.store import people, people_key_safes, proposals, register_tries, resident_photos, schema
from community.store.living import living
from community.store.people_demands import change_in
from community.store.people_key_safes import KeySafe
from community.store.people_register import Hand, Tally, note_change, put_contacts, take_in
from community.store.people_rows import contact_id_of, contact_in, resident_in
from community.store.people_schema import home_register, register_changes
from community.store.resident_photos import Portrait


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What forms are filled with. `beside`: lists of the others who live there; `marks`: numbers tried in vain.

    `proposals`: what his contacts propose for themselves and nobody has decided.
    """

    resident: ResidentRow
    contacts: tuple[ContactRow, ...]
    beside: Mapping[str, tuple[ContactRow, ...]]
    names: Mapping[str, str]
    home: HomeRow
    safe: KeySafe | None
    said: tuple[Consent, ...]
    portrait: Portrait | None
    marks: Mapping[str, date]
    proposals: Mapping[str, Proposal]

    @cached_property
    def contacts_stand(self) -> str:
        """How the lists of the home stand, for the form that was opened over them."""
        others = (row for name in sorted(self.beside) for row in self.beside[name])
        return stands((*self.contacts, *others))

    def proposal_stands(self, contact_id: str) -> str:
        """How what this contact proposes stands over the lists; empty where he proposes nothing."""
        found = self.proposals.get(contact_id)
        return "" if found is None else stands((self.contacts_stand, found.mark))

    @cached_property
    def person_stands(self) -> str:
        """How the person's own card stands."""
        return stands((self.resident,))

    @cached_property
    def home_stands(self) -> str:
        """How home and key-safe stand."""
        safe = "" if self.safe is None else f"{self.safe.hint} {self.safe.changed_at.isoformat()}"
        return stands((self.home, safe))

    @cached_property
    def consents_stand(self) -> str:
        """How what was said of consent stands."""
        return stands(f"{one.purpose} {one.is_given} {one.at.isoformat()}" for one in self.said)

    @cached_property
    def photo_stands(self) -> str:
        """Which photograph there is."""
        return stands(("" if self.portrait is None else self.portrait.put_at.isoformat(),))

    def contact(self, contact_id: str) -> ContactRow | None:
        """One of his list."""
        return next((one for one in self.contacts if one.id == contact_id), None)


def read(connection: sa.Connection, resident_id: str) -> Entry | None:
    """The entry; None for a stranger, or who was erased."""
    table = schema.residents
    lives = table.c.erased_at.is_(None)
    row = connection.execute(sa.select(table).where(table.c.resident_id == resident_id, lives)).first()
    if row is None:
        return None
    resident = resident_in(row)
    is_there = sa.or_(living(), table.c.resident_id == resident_id)
    here = sa.select(table.c.resident_id, table.c.name).where(table.c.home_id == resident.home, is_there)
    names = {one.resident_id: one.name for one in connection.execute(here.order_by(table.c.place))}
    lists = _lists(connection, names)
    return Entry(
        resident=resident,
        contacts=in_order(lists.pop(resident_id, ())),
        beside={name: in_order(rows) for name, rows in lists.items()},
        names=names,
        home=_home(connection, resident.home),
        safe=people_key_safes.about(connection, resident.home),
        said=people.consents_of(connection, resident_id),
        portrait=resident_photos.about(connection, resident_id),
        marks=register_tries.silent(connection, [resident_id]).get(resident_id, {}),
        proposals=proposals.open_of(connection, resident_id),
    )


def keep_list(
    connection: sa.Connection, home_id: str, resident_id: str, rows: Sequence[ContactRow], hand: Hand
) -> bool:
    """Whether the list of contacts says something else since. Raises Unfit."""
    _fits(connection, rows, hand.at, homes=[home_id], residents=[resident_id])
    return put_contacts(connection, resident_id, rows, hand)


def note_try(connection: sa.Connection, entry: Entry, phone: str, hand: Hand, *, answers: bool) -> None:
    """Keep what became of a try of one of his contacts' numbers."""
    outcome = register_tries.ANSWERED if answers else register_tries.SILENT
    _note(connection, entry, hand, "contacts", {register_tries.TRIED: (phone, outcome)})


def decide(connection: sa.Connection, entry: Entry, proposal: Proposal, state: State, hand: Hand) -> None:
    """What one of his contacts proposed is taken over, or refused with the reason of this hand."""
    proposals.decide(connection, proposal, state, hand.at, hand.reason if state is State.REFUSED else "")
    said = spelled(entry.contact(proposal.contact_id), proposal)
    _note(connection, entry, hand, "contacts", {"proposal": (said, state.value)})


def keep_rows(
    connection: sa.Connection, rows: Sequence[ResidentRow | HomeRow], hand: Hand, pinned: Mapping[str, str]
) -> bool:
    """Whether these rows of people or homes say something else since. Raises Unfit."""
    homes = [row.home if isinstance(row, ResidentRow) else row.id for row in rows]
    people_of = [row.id for row in rows if isinstance(row, ResidentRow)]
    _fits(connection, rows, hand.at, homes=homes, residents=people_of, pinned=pinned)
    tally = Tally()
    take_in(connection, register_of(rows), hand, tally)
    return tally.touched > 0


def keep_hint(connection: sa.Connection, entry: Entry, hint: str, hand: Hand) -> bool:
    """Whether the key-safe hangs somewhere else since; nothing where there is none."""
    if entry.safe is None or entry.safe.hint == hint:
        return False
    people_key_safes.hang(connection, entry.home.id, hint)
    _note(connection, entry, hand, "key_safe", {"hint": (entry.safe.hint, hint)})
    return True


def note_code(connection: sa.Connection, entry: Entry, hand: Hand) -> None:
    """That the code of the key-safe was set, never which it is."""
    _note(connection, entry, hand, "key_safe", {"code": ("", "set")})


def keep_photo(connection: sa.Connection, entry: Entry, faces: tuple[Photo, Photo] | None, hand: Hand) -> None:
    """There is another face since, or none."""
    if faces is not None:
        resident_photos.put(connection, entry.resident.id, *faces, hand)
    elif not resident_photos.take_away(connection, entry.resident.id, hand):
        return
    _note(connection, entry, hand, "photo", {"photo_kept": ("", "put" if faces is not None else "taken")})


def new_contact_id(resident_id: str, row: ContactRow) -> str:
    """The id of somebody who was given none, as the import makes it."""
    return contact_id_of(resident_id, row.name, row.phones[0])


def free_seat(connection: sa.Connection, home_id: str) -> int:
    """The next place among those who live in a home."""
    table = schema.residents
    last = connection.scalar(
        sa.select(sa.func.max(table.c.place)).where(table.c.home_id == home_id, table.c.erased_at.is_(None))
    )
    return 0 if last is None else int(last) + 1


def address_of(connection: sa.Connection, home_id: str) -> str | None:
    """Where a home is; None for one that is not on file."""
    table = schema.homes
    return connection.scalar(sa.select(table.c.address).where(table.c.home_id == home_id))


def fault_of_id(connection: sa.Connection, resident_id: str) -> Fault | None:
    """Why nobody new can be called so."""
    table = schema.residents
    row = connection.execute(sa.select(table.c.erased_at).where(table.c.resident_id == resident_id)).first()
    if row is None:
        return None
    return Fault.ID_TAKEN if row.erased_at is None else Fault.ID_ERASED


def free_id(connection: sa.Connection, home_id: str) -> str:
    """An id for somebody new of this home: `home-001` has `resident-001a`, `resident-001b` and so on."""
    table, stem = schema.residents, "resident-" + home_id.removeprefix("home-")
    taken = set(
        connection.scalars(sa.select(table.c.resident_id).where(table.c.resident_id.startswith(stem, autoescape=True)))
    )
    letters = (stem + chr(sign) for sign in range(ord("a"), ord("z") + 1))
    return next((one for one in letters if one not in taken), "")


def changes(connection: sa.Connection, resident_id: str, home_id: str, *, skip: int, limit: int) -> tuple[Change, ...]:
    """What was changed of a person's entry and of his home, newest first."""
    table = register_changes
    his = sa.or_(table.c.resident_id == resident_id, table.c.resident_id.is_(None) & (table.c.home_id == home_id))
    asked = sa.select(table).where(his).order_by(table.c.change_id.desc()).offset(skip).limit(limit)
    return tuple(change_in(row) for row in connection.execute(asked))


def _note(
    connection: sa.Connection, entry: Entry, hand: Hand, subject: str, changed: Mapping[str, tuple[object, object]]
) -> None:
    whose = None if subject == "key_safe" else entry.resident.id
    note_change(connection, hand, home_id=entry.home.id, resident_id=whose, subject=subject, changes=changed)


def _fits(
    connection: sa.Connection,
    rows: Sequence[Row],
    now: datetime,
    *,
    homes: Sequence[str],
    residents: Sequence[str],
    pinned: Mapping[str, str] | None = None,
) -> None:
    """Raise Unfit for what the import would refuse; only what these rows lean on is read."""
    table, register = schema.residents, home_register
    seats = connection.execute(
        sa.select(table).where(sa.or_(table.c.resident_id.in_(residents), table.c.home_id.in_(homes)))
    )
    boxes = sa.select(register.c.gateway_id, register.c.home_id).where(register.c.home_id.in_(homes))
    known = Known(
        homes=frozenset(connection.scalars(sa.select(schema.homes.c.home_id).where(schema.homes.c.home_id.in_(homes)))),
        residents={
            row.resident_id: Seat(home=row.home_id, order=row.place, is_erased=row.erased_at is not None)
            for row in seats
        },
        gateways={row.gateway_id: row.home_id for row in connection.execute(boxes) if row.gateway_id is not None},
        pinned=pinned or {},
    )
    refusals = sift(Reading(register=register_of(rows)), known, now).refusals
    if refusals:
        raise Unfit({}, "; ".join(one.message for one in refusals))


def _home(connection: sa.Connection, home_id: str) -> HomeRow:
    """As far as the form goes."""
    homes, register = schema.homes, home_register
    both = sa.outerjoin(homes, register, register.c.home_id == homes.c.home_id)
    asked = sa.select(homes.c.address, register.c.route, register.c.gateway_id).select_from(both)
    row = connection.execute(asked.where(homes.c.home_id == home_id)).one()
    return HomeRow.model_construct(id=home_id, address=row.address, route=row.route or "", gateway=row.gateway_id)


def _lists(connection: sa.Connection, residents: Iterable[str]) -> dict[str, list[ContactRow]]:
    table = schema.contacts
    found: dict[str, list[ContactRow]] = {}
    asked = sa.select(table).where(table.c.resident_id.in_(sorted(residents))).order_by(table.c.place)
    for row in connection.execute(asked):
        found.setdefault(row.resident_id, []).append(contact_in(row))
    return found
