"""What must be known of people and places, and what follows from it. Values and judgement only; no store, no clock."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import StrEnum


class Level(StrEnum):
    """Of a place in the tree, the widest first. A level may be left out: a cottage has no unit."""

    DISTRICT = "district"
    COMMUNITY = "community"
    GRID = "grid"
    BUILDING = "building"
    UNIT = "unit"
    FLOOR = "floor"
    DOOR = "door"

    def is_within(self, other: "Level") -> bool:
        """Whether a place of this level may stand in one of the other."""
        order = list(Level)
        return order.index(self) > order.index(other)


class Flag(StrEnum):
    """A risk that whoever answers an alarm must know at once."""

    FALLS = "falls"
    WANDERING = "wandering"
    OXYGEN = "oxygen"
    VENTILATOR = "ventilator"
    ELECTRIC_BED = "electric_bed"
    HOME_DIALYSIS = "home_dialysis"
    DIABETES = "diabetes"
    HEART = "heart"
    LUNGS = "lungs"
    STROKE = "stroke"
    EPILEPSY = "epilepsy"
    DEMENTIA = "dementia"
    BEDRIDDEN = "bedridden"
    BLOOD_THINNER = "blood_thinner"
    SPEECHLESS = "speechless"


class Left(StrEnum):
    """Why somebody lives here no more."""

    DIED = "died"
    MOVED = "moved"
    CARE_HOME = "care_home"
    ENDED = "ended"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """Somebody on file who lives here no more: why, and since which day (ISO 8601)."""

    resident_id: str
    name: str
    left: Left
    left_on: str


POWER_DEPENDENT = frozenset({Flag.OXYGEN, Flag.VENTILATOR, Flag.ELECTRIC_BED, Flag.HOME_DIALYSIS})
"""Without mains power these people are in danger: their alarms are never held back (docs/people.md)."""


class CareLevel(StrEnum):
    """Ability by the grades of GB/T 42195-2022; `unknown`: not assessed."""

    UNKNOWN = "unknown"
    ABLE = "able"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    TOTAL = "total"


class Situation(StrEnum):
    """With whom somebody lives."""

    UNKNOWN = "unknown"
    ALONE = "alone"
    WITH_SPOUSE = "with_spouse"
    WITH_FAMILY = "with_family"
    WITH_CARER = "with_carer"


class Eligibility(StrEnum):
    """Why the public pays: 高龄, 孤寡, 空巢, 低收入, 特殊困难."""

    AGED = "aged"
    BEREFT = "bereft"
    EMPTY_NEST = "empty_nest"
    LOW_INCOME = "low_income"
    SPECIAL_HARDSHIP = "special_hardship"


class Hearing(StrEnum):
    """Whether a voice from the box is heard."""

    UNKNOWN = "unknown"
    NORMAL = "normal"
    HARD = "hard"
    DEAF = "deaf"


class Sex(StrEnum):
    """As an ambulance asks for it."""

    UNKNOWN = "unknown"
    FEMALE = "female"
    MALE = "male"


class Circle(StrEnum):
    """How near somebody stands; an alarm walks them in this order."""

    FAMILY = "family"
    NEIGHBOURS = "neighbours"
    PROFESSIONAL = "professional"


class Item(StrEnum):
    """What a contact may be shown, one by one."""

    STATUS = "status"
    LOCATION = "location"
    VITALS = "vitals"
    CARD = "card"
    HISTORY = "history"


def is_power_dependent(flags: Iterable[Flag]) -> bool:
    """Whether somebody here cannot do without mains power."""
    return not POWER_DEPENDENT.isdisjoint(flags)


def age_in(year: int, born: int | None) -> int | None:
    """Years, as near as a year of birth tells."""
    return None if born is None else max(0, year - born)


def situation_in(words: str) -> Situation:
    """What the words of an older register say of it."""
    return next((found for sign, found in _SITUATIONS if sign in words.lower()), Situation.UNKNOWN)


_SITUATIONS = (
    ("独居", Situation.ALONE),
    ("alone", Situation.ALONE),
    ("保姆", Situation.WITH_CARER),
    ("护工", Situation.WITH_CARER),
    ("老伴", Situation.WITH_SPOUSE),
    ("配偶", Situation.WITH_SPOUSE),
    ("子女", Situation.WITH_FAMILY),
    ("家人", Situation.WITH_FAMILY),
)

HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
"""One span of a day, e.g. `08:00-22:00`; one that ends before it begins lasts over midnight."""


def in_hours(hours: str, local: time) -> bool:
    """Whether the time of day is within `08:00-22:00, 23:00-01:00`; at any time where nothing is written."""
    spans = [HOURS.fullmatch(span.strip()) for span in hours.split(",") if span.strip()]
    return not spans or any(span is not None and _is_in(span, local) for span in spans)


def _is_in(span: re.Match[str], local: time) -> bool:
    begin, end = time(int(span[1]), int(span[2])), time(int(span[3]), int(span[4]))
    at = local.replace(second=0, microsecond=0, tzinfo=None)
    return begin <= at < end if begin < end else at >= begin or at < end


@dataclass(frozen=True, kw_only=True, slots=True)
class Callee:
    """Somebody to call about a home. `is_in_hours`: it is a time of day at which he wants to be called."""

    contact_id: str
    resident_id: str
    name: str
    relation: str
    circle: Circle
    phones: tuple[str, ...]
    has_key: bool
    languages: tuple[str, ...] = ()
    hours: str = ""
    may_see: frozenset[Item] = frozenset()
    tested_on: date | None = None
    is_in_hours: bool = True
    silent: frozenset[str] = frozenset()
    """Of his numbers those that were tried in vain, and not tested since."""


def keyholders(people: Iterable[Callee]) -> tuple[Callee, ...]:
    """Those who can open the door, in the same order."""
    return tuple(one for one in people if one.has_key)


def digits(phone: str) -> str:
    """A number without what people write between its digits."""
    return re.sub(r"[^0-9+]", "", phone)


def in_circles(people: Iterable[Callee]) -> tuple[Callee, ...]:
    """Family before neighbours before professionals, else as they stand.

    Who stands for two people of one home is called once: as he is named first, with the key if he has it for either.
    """
    found: dict[str, Callee] = {}
    for one in sorted(people, key=lambda one: list(Circle).index(one.circle)):
        number = digits(one.phones[0]) if one.phones else one.contact_id
        before = found.get(number)
        found[number] = one if before is None else replace(before, has_key=before.has_key or one.has_key)
    return tuple(found.values())


REVIEWED_WITHIN = timedelta(days=366)
"""What a register says of people is looked over at least each year (TSA code, domain/telecare: resident data)."""
TESTED_WITHIN = timedelta(days=183)
"""A telephone number that nobody has tried for half a year may be another's. Set by this project."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """What of a person is on file, as far as completeness asks."""

    born: int | None
    phone: str
    has_place: bool
    situation: Situation
    care_level: CareLevel
    hearing: Hearing
    language: str
    has_health: bool
    contacts: Sequence[Callee]
    has_way_in: bool
    consents: int
    has_gateway: bool
    reviewed_on: date | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completeness:
    """How much is on file, in percent, and what is not; the heaviest first."""

    percent: int
    missing: tuple[str, ...]


def completeness(filed: Filed, today: date) -> Completeness:
    """The score of one entry of the register. What an alarm needs most weighs most; all weights are `WEIGHTS`."""
    tested = [one for one in filed.contacts if one.tested_on is not None and today - one.tested_on <= TESTED_WITHIN]
    has = {
        "contact": bool(filed.contacts),
        "way_in": filed.has_way_in,
        "gateway": filed.has_gateway,
        "place": filed.has_place,
        "second_contact": len(filed.contacts) > 1,
        "consent": filed.consents > 0,
        "health": filed.has_health,
        "tested_contact": bool(tested),
        "reviewed": filed.reviewed_on is not None and today - filed.reviewed_on <= REVIEWED_WITHIN,
        "born": filed.born is not None,
        "phone": bool(filed.phone),
        "situation": filed.situation is not Situation.UNKNOWN,
        "care_level": filed.care_level is not CareLevel.UNKNOWN,
        "hearing": filed.hearing is not Hearing.UNKNOWN,
        "language": bool(filed.language),
    }
    reached = sum(weight for name, weight in WEIGHTS.items() if has[name])
    missing = tuple(name for name in WEIGHTS if not has[name])
    return Completeness(percent=100 * reached // sum(WEIGHTS.values()), missing=missing)


WEIGHTS = {
    "contact": 15,
    "way_in": 12,
    "gateway": 12,
    "place": 10,
    "second_contact": 8,
    "consent": 8,
    "health": 7,
    "tested_contact": 6,
    "reviewed": 5,
    "born": 4,
    "phone": 4,
    "situation": 3,
    "care_level": 2,
    "hearing": 2,
    "language": 2,
}
"""What each part of an entry counts; the same in SQL, for lists of ten thousand (community.store.resident_list)."""


def day_of(written: str) -> date | None:
    """A day as the tables hold it; None where none is written."""
    return date.fromisoformat(written) if written else None
