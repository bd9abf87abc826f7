"""Plans of care, assessments and medicines kept at the console: validated as an import is, with author and reason.

What was changed by somebody else meanwhile is not written over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from pydantic import ValidationError

from community.casefile import StaleVersion
from community.register_forms import stands
from community.registry import AssessmentRow, CarePlanRow, MedicineRow, Misfit
from community.rights import Right, may
from community.store import care, care_rows, resident_file, resident_looks, rights
from community.store.care import Change
from community.store.care_rows import CareRow
from community.store.database import Connection, Store
from community.store.people_access import Act, note
from community.store.people_register import Hand
from community.users import User
from community.wording import MOVED_ON
from shouwang.errors import ShouwangError


class Kept(StrEnum):
    """What is kept; the parts of the addresses of the forms."""

    PLANS = "plans"
    ASSESSMENTS = "assessments"
    MEDICINES = "medicines"


MODELS: Mapping[Kept, type[CarePlanRow] | type[AssessmentRow] | type[MedicineRow]] = {
    Kept.PLANS: CarePlanRow,
    Kept.ASSESSMENTS: AssessmentRow,
    Kept.MEDICINES: MedicineRow,
}
FUTURE, THERE = "future", "there"
"""Slips that the model cannot know: a day that is not over, an entry of that name that is on file already."""


class Unfit(ShouwangError):
    """What was written cannot stand; `fields` of it are wrong, `slips` say which do not fit each other."""

    def __init__(self, fields: frozenset[str], slips: frozenset[str]) -> None:
        """Both may be empty, not both at once."""
        super().__init__(f"cannot stand: {', '.join(sorted(fields | slips))}")
        self.fields = fields
        self.slips = slips


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A form: whose, what is on file (None: a new entry), how it stands, how it came to be so."""

    resident_id: str
    name: str
    kept: Kept
    entry: CareRow | None
    stand: str
    changes: tuple[Change, ...] = ()


def stand_of(entry: CareRow | None) -> str:
    """How an entry stands: another word as soon as any of it is another; empty where there is none."""
    return "" if entry is None else stands((entry,))


def row_of(kept: Kept, written: Mapping[str, object]) -> CareRow:
    """The entry as an import would take it; what was left empty is not written. Raises Unfit."""
    try:
        return MODELS[kept].model_validate(written)
    except ValidationError as error:
        told = error.errors(include_url=False)
    fields = frozenset(str(one["loc"][0]) for one in told if one["loc"])
    slips = (one.get("ctx", {}).get("error") for one in told if not one["loc"])
    raise Unfit(fields, frozenset(slip.slip.value for slip in slips if isinstance(slip, Misfit)))


class CareDesk:
    """Forms of who may keep the register. Raises Refused where somebody may not."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], zone: tzinfo | None = None) -> None:
        """`zone`: of days; None: where this computer is."""
        self._store = store
        self._clock = clock
        self._zone = zone

    async def sheet(self, user: User, resident_id: str, kept: Kept, key: Mapping[str, str]) -> Sheet | None:
        """The form of an entry, or of a new one where `key` is empty; None for a stranger, or an entry that is gone."""
        now = self._clock()

        def read(connection: Connection) -> Sheet | None:
            home_id = _let_in(connection, user, resident_id, now)
            if home_id is None:
                return None
            entry = care.entry(connection, MODELS[kept], resident_id, key) if key else None
            if key and entry is None:
                return None
            changes = care.changes(connection, MODELS[kept], resident_id, key) if key else ()
            return Sheet(
                resident_id=resident_id,
                name=resident_file.called(connection, resident_id),
                kept=kept,
                entry=entry,
                stand=stand_of(entry),
                changes=changes,
            )

        return await self._store.write(read)

    async def keep(self, user: User, kept: Kept, row: CareRow, stand: str, reason: str) -> bool:
        """Put it on file. False for a stranger. Raises Unfit, StaleVersion where it does not stand as it was seen."""
        now = self._clock()
        if isinstance(row, AssessmentRow) and row.day > now.astimezone(self._zone).date().isoformat():
            raise Unfit(frozenset({"day"}), frozenset({FUTURE}))

        def write(connection: Connection) -> bool:
            home_id = _let_in(connection, user, row.resident, now)
            if home_id is None:
                return False
            key = {name: str(value) for name, value in care_rows.key_of(row).items()}
            found = care.entry(connection, MODELS[kept], row.resident, key)
            if found is not None and not stand:
                raise Unfit(frozenset(care_rows.KEYS[MODELS[kept]]), frozenset({THERE}))
            if stand_of(found) != stand:
                raise StaleVersion(MOVED_ON)
            hand = Hand(by=user.login, at=now, reason=reason)
            if care.keep(connection, row, hand):
                _written(connection, user, hand, row.resident, home_id)
            return True

        return await self._store.write(write)

    async def take_away(
        self, user: User, kept: Kept, resident_id: str, key: Mapping[str, str], *, stand: str, reason: str
    ) -> bool:
        """Take an entry off the file that should not be there. False for a stranger. Raises StaleVersion."""
        now = self._clock()

        def write(connection: Connection) -> bool:
            home_id = _let_in(connection, user, resident_id, now)
            found = None if home_id is None else care.entry(connection, MODELS[kept], resident_id, key)
            if home_id is None:
                return False
            if found is None or stand_of(found) != stand:
                raise StaleVersion(MOVED_ON)
            hand = Hand(by=user.login, at=now, reason=reason)
            care.take_away(connection, found, hand, home_id=home_id)
            _written(connection, user, hand, resident_id, home_id)
            return True

        return await self._store.write(write)


def _let_in(connection: Connection, user: User, resident_id: str, now: datetime) -> str | None:
    """The home of the resident, if he may keep what is known of his health; that he looks is written down."""
    home_id = resident_file.home_of(connection, resident_id)
    if home_id is None:
        return None
    subject = rights.subject_of_home(connection, user, home_id, now)
    may(user, Right.KEEP_REGISTER, subject)
    may(user, Right.READ_MEDICAL, subject)
    if resident_file.is_withheld(connection, resident_id, now):
        return None
    resident_looks.seen(connection, user, Act.CARD, subject, whose=(resident_id, home_id))
    return home_id


def _written(connection: Connection, user: User, hand: Hand, resident_id: str, home_id: str) -> None:
    note(
        connection,
        Act.CORRECTION,
        actor=user.login,
        at=hand.at,
        resident_id=resident_id,
        home_id=home_id,
        reason=hand.reason,
    )
