"""The desk on the store: what consoles ask is read, what they order is written, and all consoles hear of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from community.bells import Bells
from community.desk import (
    Bell,
    Board,
    Called,
    GatewayRow,
    HomeMode,
    HomePage,
    IncidentPage,
    ModeOrder,
    QueueRow,
    StormRow,
    Wish,
)
from community.shared_read import SharedRead
from community.store import board, calls, modes, orders, page, storm_rows, storms, strip, test_wishes, views
from community.store.database import Connection, Store


class Counter:
    """Implements `community.desk.Desk`."""

    def __init__(
        self, store: Store, bells: Bells, *, clock: Callable[[], datetime], for_homes: Callable[[], None]
    ) -> None:
        """`for_homes` is called when there may be something new to send to a home."""
        self._store = store
        self._bells = bells
        self._clock = clock
        self._for_homes = for_homes
        self._open, self._held = board.Memory(), board.Memory(held=True)
        self._boards = SharedRead(lambda: store.read(self._board))
        self._counted = strip.Memory()
        self._strips = SharedRead(lambda: store.read(self._strip))
        self._storms = SharedRead(lambda: store.read(lambda connection: storm_rows.summary(connection, clock())))

    async def board(self) -> Board:
        """The queue, and the audit sequence of the same moment: what comes after it is yet to be told."""
        return await self._boards()

    async def strip(self) -> Board:
        """The same cases in the same order, without homes and reasons."""
        return await self._strips()

    async def queue(self) -> tuple[QueueRow, ...]:
        """Open cases: a red card first, then the most urgent, then what turns red next."""
        return (await self._boards()).rows

    async def storms(self) -> tuple[StormRow, ...]:
        """Those that are on, the oldest first."""
        return await self._storms()

    async def held(self, storm_id: int) -> tuple[QueueRow, ...]:
        """The cases that this storm holds back: the shortest battery first, then the oldest."""
        return await self._store.read(
            lambda connection: board.held(connection, self._held, self._clock, storm_id=storm_id)
        )

    async def release_storm(self, storm_id: int, *, by: str) -> bool:
        """End the waiting. False where it is over, or was released."""
        now = self._clock()
        done = await self._store.write(lambda connection: storms.release(connection, storm_id, by=by, now=now))
        self._bells.look()
        return done

    async def calls(self, incident_id: int) -> tuple[Called, ...]:
        """Whom this case called by which channel, and what became of it, newest first."""
        now = self._clock()
        return await self._store.read(lambda connection: calls.calls_of(connection, incident_id, now))

    async def closed(self, limit: int = 50) -> tuple[QueueRow, ...]:
        """The cases closed last, newest first."""
        now = self._clock()
        return await self._store.read(lambda connection: views.closed(connection, limit, now))

    async def incident(self, incident_id: int) -> IncidentPage | None:
        """One case whole; None where there is none."""
        now = self._clock()
        return await self._store.read(lambda connection: page.page(connection, incident_id, now))

    async def order(self, wish: Wish) -> QueueRow:
        """Carry it out, once for each command id. Raises StaleVersion, IllegalMove."""
        now = self._clock()
        cleaned = replace(wish, text=_clean(wish.text), reason=_clean(wish.reason), reference=_clean(wish.reference))
        answer = await self._store.write(lambda connection: orders.carry_out(connection, cleaned, now), urgent=True)
        self._bells.look()
        self._for_homes()
        return answer.value()

    async def gateways(self) -> tuple[GatewayRow, ...]:
        """All boxes, those not heard first."""
        return await self._store.read(views.gateways)

    async def home(self, gateway_id: str) -> HomePage | None:
        """The home behind this gateway; None where there is none."""
        now = self._clock()
        return await self._store.read(lambda connection: modes.home_page(connection, gateway_id, now))

    async def set_mode(self, gateway_id: str, *, mode: HomeMode, hours: int, by: str, command_id: str) -> None:
        """Tell the home whether its people are there. Raises IllegalMove."""
        order = ModeOrder(mode=mode, hours=hours, by=by, at=self._clock())
        await self._store.write(
            lambda connection: modes.order_mode(connection, gateway_id, order, command_id=command_id), urgent=True
        )
        self._for_homes()

    async def request_test(self, gateway_id: str, *, by: str, command_id: str) -> None:
        """Ask the home for a test alarm. Raises IllegalMove."""
        now = self._clock()
        await self._store.write(
            lambda connection: test_wishes.wish(connection, gateway_id, by=by, command_id=command_id, now=now),
            urgent=True,
        )
        self._for_homes()

    async def bells_after(self, seq: int, limit: int) -> tuple[Bell, ...]:
        """What happened after `seq`, oldest first, at most `limit`."""
        return await self._store.read(lambda connection: views.bells_after(connection, seq, limit))

    async def last_seq(self) -> int:
        """The newest audit sequence; 0 in an empty house."""
        return await self._store.read(views.last_seq)

    def _board(self, connection: Connection) -> Board:
        seq = views.last_seq(connection)  # before the rows: where a database has no one moment, a bell rings twice
        return Board(seq=seq, rows=board.queue(connection, self._open, self._clock))

    def _strip(self, connection: Connection) -> Board:
        seq, rows = strip.look(connection, self._counted, self._clock)
        return Board(seq=seq, rows=rows)

    @asynccontextmanager
    async def bells(self) -> AsyncIterator[AsyncIterator[Bell]]:
        """New bells from now on; the iterator ends for a listener that falls too far behind."""
        with self._bells.listen() as rung:
            yield rung


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()  # PostgreSQL keeps no NUL in text
