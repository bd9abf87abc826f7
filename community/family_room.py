"""The page of a family member: his elders, as far as each has agreed, and what the matrix lets him do for them.

"I am going" is an answer to a call of the centre, as by the key of a telephone (community.replies): whom nobody called
in a case says nothing in it here, he rings.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from community.casefile import NotNow
from community.desk import Desk, HomeMode, QueueRow, Wish
from community.family import CALLED_BACK, Kin, Moved, Status, kin_of, status_of
from community.guarded_desk import GuardedDesk
from community.guards import LOW_SCORE
from community.limits import Limits, Rate
from community.measurements.port import Latest, Measurements
from community.people import Item
from community.proposals import Proposal, Wanted, proposed
from community.request_desk import Asked, RequestDesk
from community.resident_room import is_vital, newest
from community.rights import Right, is_allowed, may
from community.store import (
    family,
    proposals,
    register_keeping,
    resident_file,
    resident_looks,
    resident_photos,
    rights,
)
from community.store.database import Connection, Store
from community.store.family import Elder, Summons
from community.store.people_access import Act
from community.store.stays import Claim
from community.users import User
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

HISTORY_SHOWN = 6
REQUESTS_SHOWN = 5
PROPOSES = Rate(a_minute=0.2, at_once=8)
"""Own numbers that one login proposes or withdraws: slips of one evening, then one each 5 minutes. Set by this project.
"""
Pressed = Callable[[str, str], Awaitable[bool]]
"""community.replies.Replies.pressed: the key of an attempt, and the digit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ElderPage:
    """One elder as this family member may see him. What he has not agreed to is empty.

    `alarm`: the emergency that is on; `revisits`: those of which the family is asked how it was; `ratings`: requests
    whose result he may rate; `proposal`: what he proposed of his own number, and what became of it.
    """

    elder: Elder
    kin: Kin
    status: Status | None
    mode: HomeMode
    alarm: QueueRow | None = None
    summons: Summons | None = None
    moved: Moved | None = None
    vitals: tuple[Latest, ...] = ()
    history: tuple[QueueRow, ...] = ()
    steps: Mapping[int, Mapping[str, datetime]] = field(default_factory=dict)
    revisits: tuple[QueueRow, ...] = ()
    requests: tuple[QueueRow, ...] = ()
    proposal: Proposal | None = None

    def sees(self, item: Item) -> bool:
        """Whether the elder agreed that he sees this."""
        return item in self.elder.may_see


class FamilyRoom:
    """What stands behind /family."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        requests: RequestDesk,
        *,
        clock: Callable[[], datetime],
        pressed: Pressed,
        phone: str = "",
    ) -> None:
        """`pressed` takes an answer to a call; `phone`: of the centre."""
        self._store = store
        self._desk = desk
        self._requests = requests
        self._clock = clock
        self._pressed = pressed
        self._port: Measurements | None = None
        self._proposes = Limits(PROPOSES)
        self.phone = phone

    def measured_by(self, port: Measurements) -> None:
        """Where measurements lie, known once their place is open."""
        self._port = port

    async def elders(self, user: User) -> tuple[ElderPage, ...]:
        """Each of his elders; what is medical among it is written down as a look."""
        now = self._clock()

        def read(connection: Connection) -> list[tuple[ElderPage, tuple[Claim, ...]]]:
            proposals.clear(connection, now)
            return [_page(connection, user, one, now) for one in family.elders(connection, user, now)]

        return tuple([await self._with_vitals(page, claims) for page, claims in await self._store.write(read)])

    async def _with_vitals(self, page: ElderPage, claims: tuple[Claim, ...]) -> ElderPage:
        if self._port is None or page.status is None or not page.sees(Item.VITALS):
            return page
        found = [last for last, _ in await newest(self._port, claims) if is_vital(last.series.quantity)]
        return replace(page, vitals=tuple(found))

    async def going(self, user: User, resident_id: str, incident_id: int) -> None:
        """He answers the centre's call: he goes there. Raises IllegalMove where nobody called him in this case."""
        now = self._clock()

        def called(connection: Connection) -> Summons | None:
            elder = _own(connection, user, resident_id, now)
            subject = rights.subject_of_case(connection, user, incident_id, now)
            is_his = subject is not None and is_allowed(user, Right.READ_CASE, subject)
            return family.summons(connection, elder, incident_id) if is_his else None

        found = await self._store.read(called)
        if found is None:
            raise IllegalMove(f"nobody has called {user.login} about the case {incident_id}")
        await self._pressed(found.key, "1")

    async def set_mode(self, user: User, resident_id: str, mode: HomeMode, hours: int, command_id: str) -> None:
        """Tell the home whether the elder is there. Raises Refused, IllegalMove."""
        now = self._clock()
        elder = await self._store.read(lambda connection: _own(connection, user, resident_id, now))
        if not elder.gateways:
            raise IllegalMove(f"no box stands in the home {elder.home_id}")
        desk = GuardedDesk(self._store, self._desk, user, self._clock)
        for place, gateway_id in enumerate(elder.gateways):
            of_this = command_id if place == 0 else f"{command_id}-{place}"
            await desk.set_mode(gateway_id, mode=mode, hours=hours, by=user.login, command_id=of_this)

    async def ask(self, user: User, resident_id: str, words: str, key: str) -> int:
        """File a request for the elder's home; its number. Raises Refused, IllegalMove."""
        now = self._clock()
        elder = await self._store.read(lambda connection: _own(connection, user, resident_id, now))
        return await self._requests.file(user, Asked(home_id=elder.home_id, words=words, key=key, by=user.person))

    async def rate(self, user: User, incident_id: int, score: int, words: str, key: str) -> None:
        """How it was, of 1 to 5: a low one opens the case again, else it is closed. Raises Refused, IllegalMove."""
        if await self._requests.request(user, incident_id) is not None:
            await self._requests.rate(user, incident_id, score, words, key)
            return
        is_low = score <= LOW_SCORE
        wish = Wish(
            incident_id=incident_id,
            command="revisit_bad" if is_low else "revisit_ok",
            by=user.login,
            role=user.role.value,
            command_id=key,
            score=score,
            reason=(words or f"{score}/5") if is_low else "",
            text="" if is_low else words,
        )
        await GuardedDesk(self._store, self._desk, user, self._clock).order(wish)

    async def propose(self, user: User, resident_id: str, wanted: Wanted) -> None:
        """Another number or language of his own, for the centre to check; it replaces the one before.

        Raises Unfit, Refused, IllegalMove.
        """
        self._count(user)
        now = self._clock()

        def work(connection: Connection) -> None:
            elder = _own(connection, user, resident_id, now)
            may(user, Right.FILE_REQUEST, rights.subject_of_home(connection, user, elder.home_id, now))
            entry = register_keeping.read(connection, resident_id)
            row = None if entry is None else entry.contact(user.person)
            if entry is None or row is None:
                raise IllegalMove(f"{user.login} is not on the list of {resident_id} any more")
            proposals.put(connection, proposed(entry.contacts, row, wanted, by=user.login, now=now))

        await self._store.write(work)

    async def withdraw(self, user: User, resident_id: str) -> None:
        """What he proposed is nobody's work any more. Raises IllegalMove where it was decided before."""
        self._count(user)
        now = self._clock()

        def work(connection: Connection) -> None:
            _own(connection, user, resident_id, now)
            if not proposals.withdraw(connection, resident_id, user.person):
                raise NotNow(_DECIDED)

        await self._store.write(work)

    def _count(self, user: User) -> None:
        wait_s = self._proposes.wait_s(user.login, asyncio.get_running_loop().time())
        if wait_s:
            raise NotNow(_too_often(math.ceil(wait_s / 60)))

    async def photo(self, user: User, resident_id: str) -> bytes | None:
        """The elder's face, small; None where there is none, or he has not agreed. The look is written down."""
        now = self._clock()

        def look(connection: Connection) -> bytes | None:
            elder = next((one for one in family.elders(connection, user, now) if one.resident_id == resident_id), None)
            if elder is None or Item.CARD not in elder.may_see:
                return None
            subject = rights.subject_of_home(connection, user, elder.home_id, now, item=Item.CARD)
            resident_looks.seen(connection, user, Act.PHOTO, subject, whose=(resident_id, elder.home_id))
            return resident_photos.picture(connection, resident_id, is_small=True)

        return await self._store.write(look)


_DECIDED = Sentence(
    zh="没有等待核对的申请：中心可能已经处理了，请看本页现在的内容",
    en="nothing waits to be checked: the centre may have decided it, look at this page as it is now",
)


def _too_often(minutes: int) -> Sentence:
    return Sentence(
        zh=f"改得太频繁了，请 {minutes} 分钟后再试；着急请直接致电呼叫中心",
        en=f"this was changed too often: try again in {minutes} min, or ring the centre if it cannot wait",
    )


def _own(connection: Connection, user: User, resident_id: str, now: datetime) -> Elder:
    """Raises IllegalMove for somebody who is not his elder."""
    found = next((one for one in family.elders(connection, user, now) if one.resident_id == resident_id), None)
    if found is None or found.left is not None:
        raise IllegalMove(f"{resident_id} is no elder of {user.login}, or lives here no more")
    return found


def _page(connection: Connection, user: User, elder: Elder, now: datetime) -> tuple[ElderPage, tuple[Claim, ...]]:
    """As he may see it, and what is measured of the elder now."""
    if elder.left is not None:
        return ElderPage(elder=elder, kin=kin_of(elder.relation, elder.sex), status=None, mode=HomeMode.HOME), ()
    sees, home_id = elder.may_see, elder.home_id
    open_rows = family.open_emergencies(connection, home_id, now)
    known = family.known_of(connection, elder, open_rows, now)
    page = ElderPage(
        elder=elder,
        kin=kin_of(elder.relation, elder.sex),
        status=None,
        mode=known.mode,
        requests=family.requests_of(connection, user, elder, now, REQUESTS_SHOWN),
        proposal=_proposal(connection, user, elder, now),
    )
    if Item.STATUS not in sees:
        return page, ()
    if Item.VITALS in sees:
        subject = rights.subject_of_home(connection, user, home_id, now, item=Item.VITALS)
        resident_looks.seen(connection, user, Act.VITALS, subject, whose=(elder.resident_id, home_id))
    alarm = next((row for row in open_rows if row.state != CALLED_BACK), None)
    claims = resident_file.claims_now(connection, elder.resident_id, now)
    told = family.history(connection, elder.resident_id, now, HISTORY_SHOWN) if Item.HISTORY in sees else ()
    page = replace(
        page,
        status=status_of(known),
        alarm=alarm,
        summons=None if alarm is None else family.summons(connection, elder, alarm.incident_id),
        moved=family.last_moved(connection, claims, home_id, now) if Item.LOCATION in sees else None,
        history=told,
        steps=family.steps_of(connection, (row.incident_id for row in told)),
        revisits=tuple(row for row in open_rows if row.state == CALLED_BACK),
    )
    return page, claims


def _proposal(connection: Connection, user: User, elder: Elder, now: datetime) -> Proposal | None:
    found = proposals.of_contact(connection, elder.resident_id, user.person)
    return found if found is not None and found.is_told(now) else None
