"""The register kept at the console: who may change what of an entry, each change with author, reason and what was
before. What was changed by somebody else meanwhile is not written over.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from community import consent, register_contacts
from community.casefile import StaleVersion
from community.consent import Purpose
from community.photos import portrait
from community.register_contacts import contact_of, keep_list
from community.register_forms import (
    Fault,
    Unfit,
    kept_by,
    line_of,
    moved,
    put_back,
    row_of,
    with_new,
    without,
    word_of,
)
from community.register_history import HEALTH, MOST_OF_ONE, Told, told
from community.registry import ConsentRow, ContactRow, HomeRow, ResidentRow
from community.registry_checks import said_at
from community.registry_sealing import Safe
from community.rights import Refused, Right, Subject, is_allowed, may
from community.store import people_demands, people_key_safes, register_keeping, register_tries, resident_looks, rights
from community.store.centre_zone import here, zone_of
from community.store.database import Connection, Store
from community.store.people_access import Act, note
from community.store.people_register import Hand
from community.store.register_keeping import Entry
from community.users import User
from community.wording import MOVED_ON
from shouwang.errors import IllegalMove

HISTORY_SHOWN = 50
"""Changes of one page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """An entry as one user may see and change it.

    `is_whole`: all of it, not only how people are reached; `is_health_shown`: what is known of health too;
    `is_way_shown`: how one gets in; `is_pinned`: community.yaml names the home, and has the last word on its box;
    `is_case_open`: of anybody in the home.
    """

    entry: Entry
    is_whole: bool
    is_health_shown: bool
    is_way_shown: bool
    is_pinned: bool
    is_case_open: bool

    @property
    def person_stands(self) -> str:
        """How the person's card stands, and whether its form has what is known of health."""
        return self.entry.person_stands + ("+health" if self.is_whole and self.is_health_shown else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Who changes whose entry, why, and how it stood when he looked. `case`: in which case he learnt it."""

    user: User
    resident_id: str
    reason: str
    seen: str = ""
    case: int | None = None


class Stranger(Exception):
    """Nobody of this id is on file, or nobody any more."""


Work = Callable[[Connection, Sheet, Hand], bool]


class RegisterRoom:
    """Forms of the register. Raises Refused, Unfit, StaleVersion, Stranger."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], safe: Safe, pinned: Mapping[str, str]) -> None:
        """`safe` seals codes; `pinned`: the boxes of homes that community.yaml names."""
        self._store, self._clock, self._safe, self._pinned = store, clock, safe, pinned

    async def sheet(self, user: User, resident_id: str, right: Right = Right.KEEP_REACH) -> Sheet:
        """The entry to be changed; the look is written down."""
        now = self._clock()

        def look(connection: Connection) -> Sheet:
            entry, subject = _found(connection, user, resident_id, now)
            may(user, right, subject)
            found = self._sheet(connection, user, entry, subject)
            _look(connection, user, found, subject)
            return found

        return await self._store.write(look, urgent=True)

    async def history(self, user: User, resident_id: str, page: int) -> tuple[Entry, tuple[Told, ...], bool]:
        """What was changed, newest first, and whether there is more; the look is written down."""
        now = self._clock()

        def look(connection: Connection) -> tuple[Entry, tuple[Told, ...], bool]:
            entry, subject = _found(connection, user, resident_id, now)
            may(user, Right.READ_RESIDENTS, subject)
            shown = self._sheet(connection, user, entry, subject)
            _look(connection, user, shown, subject)
            skip = max(0, page * HISTORY_SHOWN - MOST_OF_ONE)
            first, many = page * HISTORY_SHOWN - skip, HISTORY_SHOWN + 2 * MOST_OF_ONE
            rows = register_keeping.changes(connection, resident_id, entry.home.id, skip=skip, limit=many)
            last = first + HISTORY_SHOWN
            lines = told(rows[first:last], is_health_shown=shown.is_health_shown, beside=rows)
            return entry, lines, len(rows) > last

        return await self._store.write(look)

    # ---- whom to call ----

    async def add_contact(self, wish: Wish, written: Mapping[str, object]) -> None:
        """Somebody more, called last of his circle."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            whole = kept_by(None, written, is_whole=sheet.is_whole)
            row = row_of(ContactRow, {**whole, "resident": wish.resident_id, "order": 0})
            row = row.model_copy(update={"id": register_keeping.new_contact_id(wish.resident_id, row)})
            rows = with_new(sheet.entry.contacts, row)
            return keep_list(connection, sheet.entry, wish.resident_id, rows, hand)

        await self.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.contacts_stand, work)

    async def change_contact(
        self, wish: Wish, contact_id: str, written: Mapping[str, object], *, elsewhere: bool = False
    ) -> None:
        """One of the list says this now. `elsewhere`: his numbers also on the lists of the others in the home."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            entry, before = sheet.entry, contact_of(sheet.entry, contact_id)
            how = {"is_whole": sheet.is_whole, "elsewhere": elsewhere}
            return register_contacts.change(connection, entry, before, written, hand, **how)

        await self.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.contacts_stand, work)

    async def drop_contact(self, wish: Wish, contact_id: str) -> None:
        """He is called no more."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            rows = without(sheet.entry.contacts, contact_of(sheet.entry, contact_id).id or "")
            return keep_list(connection, sheet.entry, wish.resident_id, rows, hand)

        await self.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.contacts_stand, work)

    async def move_contact(self, wish: Wish, contact_id: str, *, up: bool) -> None:
        """He is called one earlier, or later, within his circle."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            rows = moved(sheet.entry.contacts, contact_id, up=up)
            return keep_list(connection, sheet.entry, wish.resident_id, rows, hand)

        await self.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.contacts_stand, work)

    async def tried(self, wish: Wish, contact_id: str, phone: str, *, answers: bool) -> None:
        """His number was tried: the list says today, or that nobody answers there."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            entry, him = sheet.entry, contact_of(sheet.entry, contact_id)
            if phone not in him.phones:
                raise StaleVersion(MOVED_ON)
            register_keeping.note_try(connection, entry, phone, hand, answers=answers)
            marks = register_tries.silent(connection, [wish.resident_id]).get(wish.resident_id, {})
            is_any_left = any(one not in marks for one in him.phones)
            today = here(connection, hand.at).date().isoformat()
            tested_on = today if answers else him.tested_on if is_any_left else ""
            row = him.model_copy(update={"tested_on": tested_on})
            keep_list(connection, entry, wish.resident_id, put_back(entry.contacts, row), hand)
            return True

        await self.keep(wish, Right.KEEP_REACH, lambda sheet: sheet.entry.contacts_stand, work)

    # ---- the person ----

    async def change_person(self, wish: Wish, written: Mapping[str, object], *, reviewed: bool = False) -> None:
        """The person's own card, as far as this user may change it. `reviewed`: somebody went through it today."""
        right = Right.KEEP_REGISTER if reviewed or not written.keys() <= OF_REACH else Right.KEEP_REACH

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            before = sheet.entry.resident
            if not sheet.is_health_shown and written.keys() & HEALTH:
                raise Refused("Your role may not see this.")
            day = {"reviewed_on": here(connection, hand.at).date().isoformat()} if reviewed else {}
            same = {"id": before.id, "home": before.home, "order": before.order, "name": before.name}
            return register_keeping.keep_rows(connection, [row_of(ResidentRow, {**same, **written, **day})], hand, {})

        await self.keep(wish, right, lambda sheet: sheet.person_stands, work)

    async def say_consent(self, wish: Wish, written: Mapping[str, object]) -> None:
        """What somebody agreed to, or withdrew: it holds at once."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            when = {"at": written.get("at") or hand.at.isoformat()}
            row = row_of(ConsentRow, {**written, **when, "resident": wish.resident_id})
            at = said_at(row.at, hand.at, zone_of(connection))
            if at > hand.at:
                raise Unfit({"at": Fault.FUTURE})
            said = word_of(row, at)
            if consent.standing((*sheet.entry.said, said), hand.at)[said.purpose].is_given != said.is_given:
                raise Unfit({"at": Fault.OUTDONE})
            people_demands.say_consent(connection, wish.resident_id, said, by=hand.by, at=hand.at)
            return False  # it has written down who did it by itself

        await self.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.consents_stand, work)

    async def put_photo(self, wish: Wish, upload: bytes | None) -> None:
        """Another face, made anew; None: none any more. Raises DecodeError."""
        faces = None if upload is None else await asyncio.to_thread(portrait, upload)

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            register_keeping.keep_photo(connection, sheet.entry, faces, hand)
            return False

        await self.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.photo_stands, work)

    # ---- the home ----

    async def change_home(self, wish: Wish, written: Mapping[str, object], hint: str | None) -> None:
        """The way there, and where the key-safe hangs (None: it stays); the address by whoever keeps the register."""
        right = Right.KEEP_REGISTER if "address" in written else Right.KEEP_REACH

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            if not sheet.is_way_shown:
                raise Refused("Your role may not see this.")
            home = sheet.entry.home
            where = None if hint is None else line_of("hint", hint)
            row = row_of(HomeRow, {"id": home.id, "address": home.address, **written})
            is_new = register_keeping.keep_rows(connection, [row], hand, self._pinned)
            hangs_elsewhere = where is not None and register_keeping.keep_hint(connection, sheet.entry, where, hand)
            return is_new or hangs_elsewhere

        await self.keep(wish, right, lambda sheet: sheet.entry.home_stands, work)

    async def set_code(self, wish: Wish, code: str, hint: str) -> None:
        """The code of the key-safe, which is never shown back."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            where, reason = line_of("hint", hint), hand.reason
            try:
                people_key_safes.put(
                    connection, sheet.entry.home.id, code, self._safe, hint=where, by=hand.by, at=hand.at, reason=reason
                )
            except IllegalMove:
                raise Unfit({"code": Fault.WRONG}) from None
            register_keeping.note_code(connection, sheet.entry, hand)
            return False

        await self.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.home_stands, work)

    # ---- who comes and goes ----

    async def move_out(self, wish: Wish, home_id: str) -> None:
        """The person lives in another home since now."""

        def work(connection: Connection, sheet: Sheet, hand: Hand) -> bool:
            before = sheet.entry.resident
            _check_home(connection, wish.user, home_id, hand.at)
            if before.left is not None:
                raise Unfit({"home": Fault.GONE})
            if home_id == before.home:
                raise Unfit({"home": Fault.SAME_HOME})
            if sheet.is_case_open:  # whoever goes to the door must find on the case who lives there
                raise Unfit({"home": Fault.OPEN_CASE})
            seat = register_keeping.free_seat(connection, home_id)
            row = row_of(ResidentRow, {"id": before.id, "home": home_id, "order": seat, "name": before.name})
            return register_keeping.keep_rows(connection, [row], hand, {})

        await self.keep(wish, Right.KEEP_REGISTER, lambda sheet: sheet.entry.person_stands, work)

    async def home(self, user: User, home_id: str) -> tuple[str, str]:
        """Address of a home that somebody moves into, and an id for him that is free. Raises Unfit, Refused."""
        now = self._clock()

        def look(connection: Connection) -> tuple[str, str]:
            address = _check_home(connection, user, home_id, now)
            return address, register_keeping.free_id(connection, home_id)

        return await self._store.read(look)

    async def take_on(self, user: User, home_id: str, written: Mapping[str, object], reason: str) -> str:
        """Somebody new in a home that stands; his id."""
        now = self._clock()

        def work(connection: Connection) -> str:
            _check_home(connection, user, home_id, now)
            seat = register_keeping.free_seat(connection, home_id)
            row = row_of(ResidentRow, {**written, "home": home_id, "order": seat})
            taken = register_keeping.fault_of_id(connection, row.id)
            if taken is not None:
                raise Unfit({"id": taken})
            hand = Hand(by=user.login, at=now, reason=reason)
            register_keeping.keep_rows(connection, [row], hand, {})
            note(
                connection, Act.CORRECTION, actor=user.login, at=now, resident_id=row.id, home_id=home_id, reason=reason
            )
            return row.id

        return await self._store.write(work, urgent=True)

    def _sheet(self, connection: Connection, user: User, entry: Entry, subject: Subject) -> Sheet:
        card = is_allowed(
            user, Right.READ_MEDICAL, resident_looks.seen_as(connection, user, entry.resident.id, subject)
        )
        is_withheld = not consent.may(Purpose.EMERGENCY, entry.said, subject.now)
        return Sheet(
            entry=entry,
            is_whole=is_allowed(user, Right.KEEP_REGISTER, subject),
            is_health_shown=card and not is_withheld,
            is_way_shown=card,
            is_pinned=entry.home.id in self._pinned,
            is_case_open=subject.is_open,
        )

    async def keep(self, wish: Wish, right: Right, stands: Callable[[Sheet], str], work: Work) -> None:
        """Do this work on the entry, if it still `stands` as the wish has seen it, and write down who did it."""
        now = self._clock()

        def run(connection: Connection) -> None:
            entry, subject = _found(connection, wish.user, wish.resident_id, now)
            may(wish.user, right, subject)
            sheet = self._sheet(connection, wish.user, entry, subject)
            if stands(sheet) != wish.seen:
                raise StaleVersion(MOVED_ON)
            hand = Hand(by=wish.user.login, at=now, reason=wish.reason)
            if not work(connection, sheet, hand):
                return
            case = rights.homes_of(connection, [wish.case]).get(wish.case) if wish.case is not None else None
            note(
                connection,
                Act.CORRECTION,
                actor=hand.by,
                at=now,
                resident_id=wish.resident_id,
                home_id=entry.home.id,
                incident_id=wish.case if case == entry.home.id else None,
                reason=hand.reason,
            )

        await self._store.write(run, urgent=True)


OF_REACH = frozenset({"phone", "language"})
"""What of a person's card belongs to how he is reached."""


def _found(connection: Connection, user: User, resident_id: str, now: datetime) -> tuple[Entry, Subject]:
    entry = register_keeping.read(connection, resident_id)
    if entry is None:
        raise Stranger
    return entry, rights.subject_of_home(connection, user, entry.home.id, now)


def _look(connection: Connection, user: User, sheet: Sheet, subject: Subject) -> None:
    """Write down that he sees it, and why where only a reason opened it to him."""
    act, whose = Act.CARD if sheet.is_health_shown else Act.CONTACTS, (sheet.entry.resident.id, sheet.entry.home.id)
    resident_looks.seen(connection, user, act, resident_looks.seen_as(connection, user, whose[0], subject), whose=whose)


def _check_home(connection: Connection, user: User, home_id: str, now: datetime) -> str:
    """The address of a home into which this user may let somebody move. Raises Unfit, Refused."""
    address = register_keeping.address_of(connection, home_id)
    if address is None:
        raise Unfit({"home": Fault.UNKNOWN_HOME})
    may(user, Right.KEEP_REGISTER, rights.subject_of_home(connection, user, home_id, now))
    return address
