"""What programs may read and order: the same rights, and the same desk, as at a console. No HTTP, no SQL.

Every answer is kept to the rights of the token at the moment of asking; what it may not see is not there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from community.desk import Desk, GatewayRow, IncidentPage, QueueRow, Wish
from community.kpi_desk import KpiDesk, MonthPage
from community.kpi_months import Month
from community.request_desk import Asked, RequestDesk
from community.rights import Right, Subject, may, may_order
from community.store import api_reads, rights, tokens
from community.store.api_reads import BellsPage, CasesPage, NoticeRow, ResidentTold, TimelineRow
from community.store.database import Connection, Store
from community.token_hash import token_hash
from community.tokens import MEDICAL, Caller, Field
from shouwang.errors import TryLater

MAX_WAITING = 64
"""Programs that wait for news at one moment; one more is answered at once."""


class Programs:
    """What the centre shows to programs."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        *,
        clock: Callable[[], datetime],
        told: Callable[[], None],
        figures: KpiDesk | None = None,
    ) -> None:
        """`told` is called when something was filed that consoles must hear of."""
        self._figures = figures
        self._store = store
        self._desk = desk
        self._clock = clock
        self.requests = RequestDesk(store, desk, clock=clock, told=told)
        self._waiting = 0

    async def caller(self, word: str) -> Caller | None:
        """Whom this token stands for, if it is good."""
        now = self._clock()
        found = await self._store.read(lambda connection: tokens.caller(connection, token_hash(word), now))
        if found is None:
            return None
        last = found.token.last_used_at
        if last is None or now - last > tokens.USED_EVERY:
            with suppress(TryLater):  # a busy disk must not keep a program from what is urgent
                await self._store.write(lambda connection: tokens.used(connection, found.token.token_id, now))
        return found

    async def cases(self, caller: Caller, *, after: int, limit: int, only_open: bool) -> CasesPage:
        """Cases that changed after this sequence, each as it stands now."""
        now, user = self._clock(), caller.user
        return await self._store.read(
            lambda connection: api_reads.cases_page(connection, user, after, limit, now, only_open=only_open)
        )

    async def case(self, caller: Caller, incident_id: int) -> IncidentPage | None:
        """One case whole; None where there is none. Raises Refused."""
        if not await self._may_read(caller, incident_id):
            return None
        return await self._desk.incident(incident_id)

    async def timeline(
        self, caller: Caller, incident_id: int, *, after: int, limit: int
    ) -> tuple[TimelineRow, ...] | None:
        """What happened in a case; None where there is none. Raises Refused."""
        if not await self._may_read(caller, incident_id):
            return None
        return await self._store.read(lambda connection: api_reads.timeline(connection, incident_id, after, limit))

    async def notices(
        self, caller: Caller, incident_id: int, *, after: int, limit: int
    ) -> tuple[NoticeRow, ...] | None:
        """Who was called in a case, and what was tried; None where there is none. Raises Refused."""
        if not await self._may_read(caller, incident_id):
            return None
        return await self._store.read(lambda connection: api_reads.notices_of(connection, incident_id, after, limit))

    async def order(self, caller: Caller, wish: Wish) -> QueueRow | None:
        """As the desk carries it out; None where there is no such case. Raises Refused, StaleVersion, IllegalMove."""
        now, user = self._clock(), caller.user
        subject = await self._store.read(
            lambda connection: rights.subject_of_case(connection, user, wish.incident_id, now)
        )
        if subject is None:
            return None
        may_order(user, wish.command, subject)
        return await self._desk.order(wish)

    async def gateways(self, caller: Caller, *, after: str, limit: int) -> tuple[GatewayRow, ...]:
        """Boxes after this id, in the order of ids. Raises Refused."""
        now, user = self._clock(), caller.user
        may(user, Right.READ_HOMES, Subject(now=now, is_home=False))
        rows = await self._desk.gateways()
        keys = {row.home_id for row in rows}
        seen = await self._store.read(lambda connection: api_reads.homes_seen(connection, user, keys, now))
        later = sorted((row for row in rows if row.gateway_id > after), key=lambda row: row.gateway_id)
        return tuple(row for row in later if row.home_id in seen)[:limit]

    async def figures(self, caller: Caller, month: Month | None) -> MonthPage | None:
        """The figures of a month, None: of this one; None where this server has none. Raises Refused."""
        may(caller.user, Right.READ_KPIS, Subject(now=self._clock(), is_home=False))
        if self._figures is None:
            return None
        return await self._figures.month(month or self._figures.this_month(), caller.user)

    async def residents(
        self, caller: Caller, *, after: str, limit: int, fields: frozenset[Field]
    ) -> tuple[tuple[str, ResidentTold], ...]:
        """Residents after this id, with what the agreement covers; each read is written down. Raises Refused."""
        now, user = self._clock(), caller.user

        def read(connection: Connection) -> tuple[tuple[str, ResidentTold], ...]:
            listed = api_reads.resident_ids(connection, user, after, limit, now)
            found = ((one, api_reads.resident(connection, caller, one, fields - MEDICAL, now)) for one in listed)
            return tuple((one, told) for one, told in found if told is not None)

        return await self._store.write(read)

    async def resident(self, caller: Caller, resident_id: str, fields: frozenset[Field]) -> ResidentTold | None:
        """One resident, also who lives there no more; None for an unknown id. The read is written down.

        Raises Refused.
        """
        now = self._clock()
        return await self._store.write(
            lambda connection: api_reads.resident(connection, caller, resident_id, fields, now)
        )

    async def file(self, caller: Caller, *, home_id: str, words: str, key: str, is_urgent: bool) -> int:
        """The case of a new request; the same key gives the first one. Raises Refused, IllegalMove."""
        asked = Asked(home_id=home_id, words=words, key=key, is_urgent=is_urgent)
        return await self.requests.file(caller.user, asked)

    async def request(self, caller: Caller, incident_id: int) -> QueueRow | None:
        """How a request stands, for who may file one there; None where there is none. Raises Refused."""
        return await self.requests.request(caller.user, incident_id)

    async def rate(self, caller: Caller, incident_id: int, *, score: int, words: str, key: str) -> QueueRow | None:
        """Rate the result of a request; None where there is none. Raises Refused, IllegalMove."""
        return await self.requests.rate(caller.user, incident_id, score, words, key)

    async def changes(self, caller: Caller, *, after: int, limit: int, wait_s: float) -> BellsPage:
        """What happened after this sequence; where nothing did, wait so long for the first."""
        page = await self._bells_page(caller, after, limit)
        if page.bells or not page.is_last or wait_s <= 0 or self._waiting >= MAX_WAITING:
            return page
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s), self._desk.bells() as live:
                    page = await self._bells_page(caller, after, limit)
                    while not page.bells and await anext(live, None) is not None:
                        page = await self._bells_page(caller, after, limit)
        finally:
            self._waiting -= 1
        return page

    async def _bells_page(self, caller: Caller, after: int, limit: int) -> BellsPage:
        now, user = self._clock(), caller.user
        return await self._store.read(lambda connection: api_reads.bells_page(connection, user, after, limit, now))

    async def _may_read(self, caller: Caller, incident_id: int) -> bool:
        """False where there is no such case. Raises Refused."""
        now, user = self._clock(), caller.user

        def check(connection: Connection) -> bool:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if subject is not None:
                may(user, Right.READ_CASE, subject)
            return subject is not None

        return await self._store.read(check)
