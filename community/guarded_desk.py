"""The desk as one user may see it: his areas, of a person what his role may know, and every look written down.

Whoever shows a page or carries an order out for somebody asks this desk, not the one behind it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from community.desk import (
    Bell,
    Board,
    Called,
    Desk,
    GatewayRow,
    HomeMode,
    HomePage,
    IncidentPage,
    QueueRow,
    ResidentCard,
    StormRow,
    Wish,
)
from community.people import CareLevel, Hearing, Item
from community.registry_sealing import Safe
from community.rights import Right, Subject, breaks_glass, holds, is_allowed, may, may_order
from community.store import logins, people_key_safes, rights, strip, views
from community.store.database import Connection, Store
from community.store.people_access import Act
from community.strip import named_on
from community.users import EVERYWHERE, User
from shouwang.errors import IllegalMove

_NAMES_THE_OWNER = "hand_over"
LOOKED_AGAIN_AFTER = timedelta(hours=1)
"""A page that reloads itself is one look of a person at a case; who opens it again later has looked again."""


class GuardedDesk:
    """Implements `community.desk.Desk` for one user."""

    def __init__(
        self, store: Store, desk: Desk, user: User, clock: Callable[[], datetime], *, safe: Safe | None = None
    ) -> None:
        """`desk`: the one behind it; `safe` opens key-safe codes."""
        self._safe = safe or Safe()
        self._store = store
        self._desk = desk
        self._user = user
        self._clock = clock
        self._is_everywhere = user.areas == EVERYWHERE and user.organisations == EVERYWHERE

    async def board(self) -> Board:
        """The queue of his areas, and the audit sequence of the same moment."""
        found = await self._desk.board()
        return replace(found, rows=await self._seen(found.rows))

    async def strip(self) -> Board:
        """The cases of his areas in the same order; those that pages call by name alone have name and address."""
        found = await self._desk.strip()
        rows = await self._of_his_areas(found.rows)
        if named_on(rows):
            rows = await self._store.read(lambda connection: strip.named(connection, rows))
        return replace(found, rows=self._as_he_may(rows))

    async def queue(self) -> tuple[QueueRow, ...]:
        """Open cases of his areas: a red card first, then the most urgent, then what turns red next."""
        return await self._seen(await self._desk.queue())

    async def storms(self) -> tuple[StormRow, ...]:
        """Those that are on, the oldest first: numbers only, so whoever may read a queue sees them all."""
        return await self._desk.storms() if holds(self._user, Right.READ_QUEUE) else ()

    async def held(self, storm_id: int) -> tuple[QueueRow, ...]:
        """The cases of his areas that this storm holds back: the shortest battery first, then the oldest."""
        return await self._seen(await self._desk.held(storm_id))

    async def release_storm(self, storm_id: int, *, by: str) -> bool:
        """End the waiting. False where it is over, or was released. Raises Refused."""
        may(self._user, Right.DIRECT_CASES, Subject(now=self._clock(), is_home=False))
        return await self._desk.release_storm(storm_id, by=by)

    async def calls(self, incident_id: int) -> tuple[Called, ...]:
        """Whom this case called, and what became of it, newest first; relatives without names for who may not know."""
        now, user = self._clock(), self._user
        subject = await self._store.read(lambda connection: rights.subject_of_case(connection, user, incident_id, now))
        if subject is None:
            return ()
        may(user, Right.READ_CASE, subject)
        told = await self._desk.calls(incident_id)
        return told if is_allowed(user, Right.READ_RESIDENTS, subject) else _without_relatives(told)

    async def called(self) -> dict[str, str]:
        """What everybody is called whom a case may name: by login, and by the id of a responder."""
        return await self._store.read(logins.called)

    async def closed(self, limit: int = 50) -> tuple[QueueRow, ...]:
        """The cases of his areas closed last, newest first: as many as anybody sees."""
        if self._is_everywhere:
            return await self._seen(await self._desk.closed(limit))
        now = self._clock()
        seen = await self._visible(Right.READ_QUEUE, await self._store.read(views.closed_homes))
        return await self._seen(await self._store.read(lambda of: views.closed(of, limit, now, homes=seen)))

    async def incident(self, incident_id: int, *, reason: str = "") -> IncidentPage | None:
        """One case whole; the look is written down. `reason` opens a case outside his area, and the card of an old one.

        None where there is none. Raises Refused.
        """
        page = await self._desk.incident(incident_id)
        if page is None:
            return None
        now, user, home_id = self._clock(), self._user, page.row.home_id

        def look(connection: Connection) -> IncidentPage:
            subject = rights.subject_of_case(connection, user, incident_id, now, item=Item.CARD, reason=reason)
            if subject is None:
                raise IllegalMove(f"there is no case {incident_id}")
            resident_id = page.resident.resident_id if page.resident is not None else None
            is_foreign = not is_allowed(user, Right.READ_CASE, subject)
            if resident_id is None or not breaks_glass(user, Right.READ_MEDICAL, subject):
                may(user, Right.READ_CASE, subject)
            if resident_id is not None and is_allowed(user, Right.READ_MEDICAL, subject):
                if not rights.has_looked(connection, user, incident_id, now - LOOKED_AGAIN_AFTER) or reason:
                    rights.look(
                        connection,
                        user,
                        Act.CARD,
                        subject,
                        home_id=home_id,
                        resident_id=resident_id,
                        incident_id=incident_id,
                    )
                return replace(page, is_foreign=is_foreign)
            hidden = _without_medical(page, is_known=is_allowed(user, Right.READ_RESIDENTS, subject))
            if not holds(user, Right.READ_MEDICAL):  # what people wrote may name anybody, and say what ails him
                hidden = replace(hidden, timeline=tuple(replace(one, text=one.bare) for one in hidden.timeline))
            return replace(hidden, may_ask=is_allowed(user, Right.READ_MEDICAL, replace(subject, reason="asked")))

        return await self._store.write(look, urgent=True)

    async def key_safe(self, incident_id: int) -> str:
        """The code of the key-safe of the case's home; the look is written down.

        Raises Refused; IllegalMove where there is no such case, it is over, or there is no code.
        """
        now, user, safe = self._clock(), self._user, self._safe

        def look(connection: Connection) -> str:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            home_id = rights.homes_of(connection, {incident_id}).get(incident_id)
            if subject is None or home_id is None:
                raise IllegalMove(f"there is no case {incident_id}")
            may(user, Right.READ_KEY_SAFE, subject)
            return people_key_safes.read(connection, home_id, safe, incident_id=incident_id, by=user.login, at=now)

        return await self._store.write(look, urgent=True)

    async def broken_glass(self) -> tuple[rights.BrokenGlass, ...]:
        """Reads that only a reason opened, in his areas: those that nobody has looked at first."""
        homes = await self._store.read(rights.glass_homes)
        seen = await self._visible(Right.READ_ACCESS, homes)
        return await self._store.read(lambda connection: rights.broken_glass(connection, homes=seen))

    async def review(self, access_id: int) -> None:
        """A supervisor has looked at it. Raises Refused, IllegalMove."""
        now, user = self._clock(), self._user

        def work(connection: Connection) -> None:
            home_id = rights.glass_home(connection, access_id)
            nowhere = Subject(now=now, is_home=False)
            there = rights.subject_of_home(connection, user, home_id, now) if home_id else nowhere
            may(user, Right.REVIEW_ACCESS, there)
            rights.review(connection, access_id, user.login, now)

        await self._store.write(work)

    async def witness(self, incident_id: int) -> bool:
        """Whether he may stand by a colleague's word in this case: he works on cases, and on this one."""
        now, user = self._clock(), self._user
        subject = await self._store.read(lambda connection: rights.subject_of_case(connection, user, incident_id, now))
        return subject is not None and is_allowed(user, Right.WORK_CASES, subject)

    async def order(self, wish: Wish, *, second: str = "") -> QueueRow:
        """Carry it out, once for each command id. Raises Refused, StaleVersion, IllegalMove.

        `second`: the colleague who has proved here who he is; a name that is only written down is nobody's word. Of a
        hand-over it is the owner as the taker saw him (community.guards), and no second person.
        """
        if wish.command != _NAMES_THE_OWNER:
            wish = replace(wish, second=second)
        now, user = self._clock(), self._user
        subject = await self._store.read(
            lambda connection: rights.subject_of_case(connection, user, wish.incident_id, now)
        )
        if subject is None:
            raise IllegalMove(f"there is no case {wish.incident_id}")
        may_order(user, wish.command, subject)
        return await self._desk.order(wish)

    async def gateways(self) -> tuple[GatewayRow, ...]:
        """The boxes of his areas, those not heard first."""
        rows = await self._desk.gateways()
        seen = await self._visible(Right.READ_HOMES, (row.home_id for row in rows))
        return tuple(row for row in rows if row.home_id in seen)

    async def home(self, gateway_id: str) -> HomePage | None:
        """The home behind this gateway; None where there is none. Raises Refused.

        Who may read boxes and no cases sees the box, and not whether its people are there.
        """
        page = await self._desk.home(gateway_id)
        if page is None:
            return None
        await self._must(Right.READ_HOMES, page.home_id)
        if holds(self._user, Right.READ_CASE):
            return page
        return replace(page, mode=HomeMode.HOME, said_at=None, orders=(), are_people_hidden=True)

    async def set_mode(self, gateway_id: str, *, mode: HomeMode, hours: int, by: str, command_id: str) -> None:
        """Tell the home whether its people are there. Raises Refused, IllegalMove."""
        await self._must_at(Right.SET_AWAY, gateway_id)
        await self._desk.set_mode(gateway_id, mode=mode, hours=hours, by=by, command_id=command_id)

    async def request_test(self, gateway_id: str, *, by: str, command_id: str) -> None:
        """Ask the home for a test alarm, now. Raises Refused, IllegalMove."""
        await self._must_at(Right.WORK_CASES, gateway_id)
        await self._desk.request_test(gateway_id, by=by, command_id=command_id)

    async def bells_after(self, seq: int, limit: int) -> tuple[Bell, ...]:
        """What happened in his areas after `seq`, oldest first, among at most `limit`."""
        return await self._heard(await self._desk.bells_after(seq, limit))

    async def last_seq(self) -> int:
        """The newest audit sequence; 0 in an empty house."""
        return await self._desk.last_seq()

    @asynccontextmanager
    async def bells(self) -> AsyncIterator[AsyncIterator[Bell]]:
        """New bells of his areas from now on."""
        async with self._desk.bells() as live:
            yield live if self._is_everywhere else _Heard(live, self._heard)

    async def _seen(self, rows: tuple[QueueRow, ...]) -> tuple[QueueRow, ...]:
        return self._as_he_may(await self._of_his_areas(rows))

    async def _of_his_areas(self, rows: tuple[QueueRow, ...]) -> tuple[QueueRow, ...]:
        if self._is_everywhere and holds(self._user, Right.READ_QUEUE):  # nothing is left out for who sees it all
            return rows
        seen = await self._visible(Right.READ_QUEUE, (row.home_id for row in rows))
        return tuple(row for row in rows if row.home_id in seen)

    def _as_he_may(self, rows: tuple[QueueRow, ...]) -> tuple[QueueRow, ...]:
        return rows if holds(self._user, Right.READ_RESIDENTS) else tuple(map(_nameless, rows))

    async def _heard(self, bells: tuple[Bell, ...]) -> tuple[Bell, ...]:
        if self._is_everywhere or not bells:
            return bells
        now, user = self._clock(), self._user
        numbers = {bell.incident_id for bell in bells}
        keys = await self._store.read(lambda connection: rights.homes_of(connection, numbers))
        seen = await self._store.read(
            lambda connection: rights.visible(connection, user, Right.READ_QUEUE, keys.values(), now)
        )
        return tuple(bell for bell in bells if keys.get(bell.incident_id) in seen)

    async def _visible(self, right: Right, home_ids: Iterable[str]) -> frozenset[str]:
        now, user, wanted = self._clock(), self._user, frozenset(home_ids)
        if self._is_everywhere:  # at every reload of every queue: no tree is climbed for who sees it all
            return wanted if holds(user, right) else frozenset()
        return await self._store.read(lambda connection: rights.visible(connection, user, right, wanted, now))

    async def _must(self, right: Right, home_id: str) -> None:
        now, user = self._clock(), self._user

        def subject(connection: Connection) -> Subject:
            return rights.subject_of_home(connection, user, home_id, now)

        may(user, right, await self._store.read(subject))

    async def _must_at(self, right: Right, gateway_id: str) -> None:
        page = await self._desk.home(gateway_id)
        if page is None:
            raise IllegalMove(f"there is no home behind the gateway {gateway_id}")
        await self._must(right, page.home_id)


class _Heard:
    """A listener that hears of his areas only."""

    def __init__(
        self, live: AsyncIterator[Bell], heard: Callable[[tuple[Bell, ...]], Awaitable[tuple[Bell, ...]]]
    ) -> None:
        self._live = live
        self._keep = heard

    def __aiter__(self) -> "_Heard":
        return self

    async def __anext__(self) -> Bell:
        while True:
            kept = await self._keep((await anext(self._live),))
            if kept:
                return kept[0]


def _without_medical(page: IncidentPage, *, is_known: bool) -> IncidentPage:
    resident = page.resident
    if resident is not None:
        resident = _without_health(resident) if is_known else None
    row = page.row if is_known else _nameless(page.row)
    calls = page.calls if is_known else _without_relatives(page.calls)
    return replace(page, row=row, resident=resident, evidence=(), calls=calls, is_card_hidden=True)


def _without_health(card: ResidentCard) -> ResidentCard:
    nothing = {"conditions": (), "allergies": (), "medicines": (), "notes": "", "flags": (), "eligibility": ()}
    unknown = {"care_level": CareLevel.UNKNOWN, "hearing": Hearing.UNKNOWN}
    return replace(card, **nothing, **unknown, route="", key_safe=None)  # type: ignore[arg-type]  # its own fields


def _without_relatives(calls: Iterable[Called]) -> tuple[Called, ...]:
    return tuple(
        replace(one, tries=tuple(replace(each, person="") if each.is_of_home else each for each in one.tries))
        for one in calls
    )


def _nameless(row: QueueRow) -> QueueRow:
    return replace(row, resident_name="", resident_age=None)
