"""The pages of residents as one user may see them: his areas, what his role may know, and every look written down.

Nothing here changes the register (community.register_room).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from community.care_measured import MOST_SERIES
from community.desk import HomePage, Point, QueueRow, Series
from community.measurements.port import Bucket, Latest, Measurements, SeriesKey, Span, Step
from community.people import CareLevel, Hearing
from community.registry import DeviceRow
from community.rights import Refused, Right, Subject, breaks_glass, holds, is_allowed, may
from community.store import (
    people_access,
    proposal_list,
    resident_file,
    resident_list,
    resident_looks,
    resident_photos,
    rights,
)
from community.store.database import Connection, Store
from community.store.people_access import Access, Act
from community.store.resident_file import BoxFile, ResidentFile
from community.store.resident_list import Area, Filters, ResidentLine
from community.store.stays import Claim, Stay, of_person
from community.users import User
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

LOOKS_SHOWN = 60
ROOM_QUANTITIES = frozenset(
    {
        Quantity.PRESENCE,
        Quantity.MOTION,
        Quantity.BED,
        Quantity.DOOR,
        Quantity.MEDICATION,
        Quantity.LEAK,
        Quantity.SMOKE,
        Quantity.MAINS_LOST,
        Quantity.SWITCH,
        Quantity.POWER,
        Quantity.TEMPERATURE,
        Quantity.HUMIDITY,
        Quantity.CO2,
        Quantity.CARBON_MONOXIDE,
        Quantity.PM2_5,
        Quantity.ILLUMINANCE,
    }
)
"""What tells of a room; boxes measure themselves too, and that is for their own page."""


class Tab(StrEnum):
    """A part of a resident's page."""

    VITALS = "vitals"
    HEALTH = "health"
    CARE = "care"
    ASSESSMENTS = "assessments"
    MEDICINES = "medicines"
    SERVICES = "services"
    DEVICES = "devices"
    CASES = "cases"
    STAYS = "stays"
    LOOKED = "looked"


_RIGHTS = {
    Tab.VITALS: Right.READ_RESIDENTS,
    Tab.HEALTH: Right.READ_RESIDENTS,
    Tab.CARE: Right.READ_RESIDENTS,
    Tab.ASSESSMENTS: Right.READ_RESIDENTS,
    Tab.MEDICINES: Right.READ_RESIDENTS,
    Tab.SERVICES: Right.READ_RESIDENTS,
    Tab.DEVICES: Right.READ_HOMES,
    Tab.CASES: Right.READ_CASE,
    Tab.STAYS: Right.READ_HOMES,
    Tab.LOOKED: Right.READ_ACCESS,
}
ABOUT_HEALTH = frozenset({Tab.VITALS, Tab.HEALTH, Tab.CARE, Tab.ASSESSMENTS, Tab.MEDICINES, Tab.SERVICES})
"""Tabs that need the right to medical data too, or a reason."""
_OF_VALUES = frozenset({Tab.VITALS, Tab.CARE, Tab.MEDICINES})
"""Tabs that show what was measured, or what follows from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One quantity of one sensor: the newest value, and how it went. `room`: where the sensor is, where on file."""

    series: Series
    last: Latest
    room: str
    is_vital: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentPage:
    """What one user sees of a resident. `is_hidden`: health is not for him here; `may_ask`: unless he says why.

    `reason`: why it is open to him, where only that opens it; `is_foreign`: the home is outside his area, and all that
    he may do is look. Of the rest only what the tab shows is filled.
    """

    file: ResidentFile
    tab: Tab
    tabs: tuple[Tab, ...]
    is_hidden: bool
    may_ask: bool
    reason: str
    is_foreign: bool = False
    organisations: tuple[str, ...] = ()
    cases: tuple[QueueRow, ...] = ()
    boxes: tuple[BoxFile, ...] = ()
    devices: tuple[DeviceRow, ...] = ()
    homes: tuple[HomePage, ...] = ()
    lived: tuple[Stay, ...] = ()
    looked: tuple[Access, ...] = ()
    measured: tuple[Measured, ...] = ()

    @property
    def is_health_shown(self) -> bool:
        """Whether health may be drawn: he may see it, and the person lets it be seen."""
        return not self.is_hidden and not self.file.is_withheld


class ResidentRoom:
    """Lists and pages of residents. Raises Refused where somebody may not look."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """Without measurements until it is told where they lie."""
        self._store = store
        self._clock = clock
        self._port: Measurements | None = None

    def measured_by(self, port: Measurements) -> None:
        """Where measurements lie, known once their place is open."""
        self._port = port

    def may_sort_by_health(self, user: User) -> bool:
        """Whether he may look for people by their risks: whose health he sees without a case or a reason."""
        return is_allowed(user, Right.READ_MEDICAL, Subject(now=self._clock(), is_home=False))

    async def lines(self, user: User, wanted: Filters, number: int) -> tuple[tuple[ResidentLine, ...], bool]:
        """A page of the list, and whether there are more; a search by a risk is a look at each card that it finds."""
        now = self._clock()
        if wanted.flag is None:
            return await self._store.read(lambda of: resident_list.page(of, user, wanted, number, now))
        if not self.may_sort_by_health(user):
            may(user, Right.READ_MEDICAL, Subject(now=now, is_home=False))

        def look(connection: Connection) -> tuple[tuple[ResidentLine, ...], bool]:
            lines, has_more = resident_list.page(connection, user, wanted, number, now)
            for one in lines:
                subject = rights.subject_of_home(connection, user, one.home_id, now)
                resident_looks.seen(connection, user, Act.CARD, subject, whose=(one.resident_id, one.home_id))
            return lines, has_more

        return await self._store.write(look)

    async def waiting(self, user: User) -> int:
        """Of how many residents a contact proposes another number, which he may put in force."""
        if not holds(user, Right.KEEP_REACH):
            return 0
        now = self._clock()
        return await self._store.read(lambda connection: proposal_list.waiting(connection, user, now))

    async def areas(self) -> tuple[Area, ...]:
        """Places that a list may be kept to."""
        return await self._store.read(resident_list.areas)

    async def page(self, user: User, resident_id: str, tab: Tab, days: int) -> ResidentPage | None:
        """One resident; the look is written down. None for a stranger. Raises Refused."""
        now = self._clock()
        found = await self._store.write(lambda connection: self._read(connection, user, resident_id, tab, now))
        if found is None:
            return None
        page, claims = found
        is_shown = page.is_health_shown and (page.file.is_monitored or page.file.open_case is not None)
        if page.tab is not Tab.VITALS or not is_shown or self._port is None:
            return page
        rooms = resident_file.rooms_of(page.devices)
        span = Span(now - timedelta(days=days), now)
        return replace(page, measured=await _measured(self._port, claims, span, rooms))

    async def ask(self, user: User, resident_id: str, reason: str) -> bool:
        """Open the medical card for a reason, which a supervisor looks at. False for a stranger. Raises Refused."""
        now = self._clock()

        def look(connection: Connection) -> bool:
            home_id = resident_file.home_of(connection, resident_id)
            if home_id is None:
                return False
            subject = rights.subject_of_home(connection, user, home_id, now, reason=reason)
            _may_open(user, subject)
            rights.look(connection, user, Act.CARD, subject, home_id=home_id, resident_id=resident_id)
            return True

        return await self._store.write(look)

    async def photo(self, user: User, resident_id: str, *, is_small: bool) -> bytes | None:
        """The face as JPEG; the look is written down. None where there is none to be seen. Raises Refused."""
        now = self._clock()

        def look(connection: Connection) -> bytes | None:
            home_id = resident_file.home_of(connection, resident_id)
            if home_id is None:
                return None
            subject = _subject(connection, user, resident_id, home_id, now)
            _may_open(user, subject)
            if resident_file.is_withheld(connection, resident_id, now):
                return None
            resident_looks.seen(connection, user, Act.PHOTO, subject, whose=(resident_id, home_id))
            return resident_photos.picture(connection, resident_id, is_small=is_small)

        return await self._store.write(look)

    def _read(
        self, connection: Connection, user: User, resident_id: str, tab: Tab, now: datetime
    ) -> tuple[ResidentPage, tuple[Claim, ...]] | None:
        home_id = resident_file.home_of(connection, resident_id)
        if home_id is None:
            return None
        subject = _subject(connection, user, resident_id, home_id, now)
        is_foreign = _may_open(user, subject)
        tabs = tuple(one for one, right in _RIGHTS.items() if is_allowed(user, right, subject))
        if is_foreign:
            tabs = tuple(one for one in _RIGHTS if one in ABOUT_HEALTH)
        if tab not in tabs:
            raise Refused("Your role may not see this.")
        is_hidden = not is_allowed(user, Right.READ_MEDICAL, subject)
        file = resident_file.read(connection, resident_id, now)
        whose = (resident_id, home_id)
        resident_looks.seen(connection, user, Act.CONTACTS if is_hidden else Act.CARD, subject, whose=whose)
        if tab in _OF_VALUES and not is_hidden:
            resident_looks.seen(connection, user, Act.VITALS, subject, whose=whose)
        page = ResidentPage(
            file=_without_health(file) if is_hidden or file.is_withheld else file,
            tab=tab,
            tabs=tabs,
            is_hidden=is_hidden,
            may_ask=is_hidden and is_allowed(user, Right.READ_MEDICAL, replace(subject, reason="asked")),
            reason=subject.reason,
            is_foreign=is_foreign,
        )
        return _with_tab(connection, page, subject, now), resident_file.claims_now(connection, resident_id, now)


def _may_open(user: User, subject: Subject) -> bool:
    """Whether only a reason opens the page to him, which is outside his area. Raises Refused where nothing does."""
    if is_allowed(user, Right.READ_RESIDENTS, subject):
        return False
    if not breaks_glass(user, Right.READ_MEDICAL, subject):
        may(user, Right.READ_RESIDENTS, subject)
    return True


def _subject(connection: Connection, user: User, resident_id: str, home_id: str, now: datetime) -> Subject:
    return resident_looks.seen_as(connection, user, resident_id, rights.subject_of_home(connection, user, home_id, now))


def _with_tab(connection: Connection, page: ResidentPage, subject: Subject, now: datetime) -> ResidentPage:
    resident_id, home_id = page.file.resident.id, page.file.resident.home
    found: dict[str, object] = {}
    match page.tab:
        case Tab.VITALS:
            found["devices"] = resident_file.devices_of(connection, home_id)
        case Tab.SERVICES:
            found["cases"] = resident_file.cases_of(connection, resident_id, now, are_requests=True)
            found["organisations"] = tuple(sorted(subject.organisations))
        case Tab.DEVICES:
            found["boxes"] = resident_file.boxes(connection, home_id, now)
            found["devices"] = resident_file.devices_of(connection, home_id)
        case Tab.CASES:
            found["cases"] = resident_file.cases_of(connection, resident_id, now)
        case Tab.STAYS:
            found["homes"] = resident_file.homes_of(connection, home_id, now)
            found["lived"] = of_person(connection, resident_id)
        case Tab.LOOKED:
            looked = people_access.of_resident(connection, resident_id, limit=LOOKS_SHOWN)
            found["looked"] = (
                people_access.without_reasons(looked) if page.is_hidden or page.file.is_withheld else looked
            )
    return replace(page, **found)  # type: ignore[arg-type]  # its own fields


def _without_health(file: ResidentFile) -> ResidentFile:
    """As the page of a case leaves it out (community.guarded_desk)."""
    nothing = {
        "conditions": (),
        "allergies": (),
        "medicines": (),
        "notes": "",
        "flags": (),
        "eligibility": (),
        "care_level": CareLevel.UNKNOWN,
        "hearing": Hearing.UNKNOWN,
    }
    return replace(file, resident=file.resident.model_copy(update=nothing), route="", key_safe=None, portrait=None)


# ---- what is measured ----


async def newest(port: Measurements, claims: Iterable[Claim]) -> tuple[tuple[Latest, Span], ...]:
    """The newest of each series that is a person's now, and since when it has been his."""
    mine = {(one.gateway_id, one.name): one.span for one in claims}
    found = []
    for gateway_id in sorted({gateway_id for gateway_id, _ in mine}):
        for last in await port.latest(gateway_id):
            his = mine.get((gateway_id, last.series.resident_id))
            if his is not None and his.start <= last.at < his.end and _is_told(last.series.quantity):
                found.append((last, his))
    return tuple(found[:MOST_SERIES])


async def _measured(
    port: Measurements, claims: Iterable[Claim], span: Span, rooms: dict[str, str]
) -> tuple[Measured, ...]:
    """Vital signs first, then room by room."""
    found = [
        await _one(port, last, Span(max(span.start, his.start), span.end), rooms.get(last.series.sensor_id, ""))
        for last, his in await newest(port, claims)
    ]
    return tuple(sorted(found, key=_order))


async def _one(port: Measurements, last: Latest, span: Span, room: str) -> Measured:
    key: SeriesKey = last.series
    is_level = QUANTITIES[key.quantity].unit != "1"
    buckets = await port.query(key, span, Step.QUARTER) if is_level else ()
    points = tuple(_point(one) for one in buckets if one.mean is not None)
    series = Series(sensor_id=key.sensor_id, quantity=key.quantity, points=points, resident_id=key.resident_id)
    return Measured(series=series, last=last, room=room, is_vital=is_vital(key.quantity))


def _point(bucket: Bucket) -> Point:
    return Point(at=bucket.at, value=bucket.mean or 0.0, quality=Quality.GOOD)


def is_vital(quantity: Quantity) -> bool:
    """Whether it tells of the body, not of a room."""
    return QUANTITIES[quantity].loinc is not None and quantity not in ROOM_QUANTITIES


def _is_told(quantity: Quantity) -> bool:
    return is_vital(quantity) or quantity in ROOM_QUANTITIES


def _order(one: Measured) -> tuple[bool, bool, str, int, str]:
    place = list(Quantity).index(one.series.quantity)
    return not one.is_vital, not one.room, one.room, place, one.series.sensor_id
