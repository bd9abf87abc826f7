"""Boxes and sensors as one user may see them, and the test alarms that he asks for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from community.casefile import NotNow
from community.fleet import (
    EXPORT_ROWS,
    ROUND_MOST,
    BoxLine,
    BoxStart,
    FleetPage,
    FleetWish,
    RoundOfTests,
    SensorLine,
    SensorPage,
    SensorWish,
)
from community.rights import Right, Subject, holds, may
from community.store import box_facts, fleet, fleet_sensors, fleet_tests, rights
from community.store.database import Connection, Store
from community.users import EVERYWHERE, User
from shouwang.alert import Sentence


class FleetRoom:
    """Every question is asked for somebody; what lies outside his areas is not there for him."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """Reads and writes this store."""
        self._store = store
        self._clock = clock

    async def page(self, user: User, wish: FleetWish) -> FleetPage:
        """One page of boxes, and the sums over all of his."""
        now = self._clock()
        return await self._store.read(
            lambda connection: fleet.page(connection, wish, now, self._seen(connection, user, Right.READ_HOMES, now))
        )

    async def boxes(self, user: User, wish: FleetWish) -> tuple[BoxLine, ...]:
        """All that fit, for a table. Raises Refused."""
        now = self._clock()
        may(user, Right.EXPORT, Subject(now=now, is_home=False))
        all_pages = replace(wish, page=1, held=())

        def read(connection: Connection) -> tuple[BoxLine, ...]:
            seen = self._seen(connection, user, Right.READ_HOMES, now)
            return fleet.lines(connection, all_pages, now, seen, EXPORT_ROWS)

        return await self._store.read(read)

    async def sensors_of(self, user: User, gateway_id: str) -> tuple[SensorLine, ...]:
        """Those of one box; none where it is not his."""
        now = self._clock()

        def read(connection: Connection) -> tuple[SensorLine, ...]:
            seen = self._seen(connection, user, Right.READ_HOMES, now)
            found = fleet_sensors.of_box(connection, gateway_id) if seen is None or gateway_id in seen else ()
            if holds(user, Right.READ_CASE):
                return found
            return tuple(replace(one, value_at=None) for one in found)  # when somebody was measured tells of him

        return await self._store.read(read)

    async def starts_of(self, user: User, gateway_id: str) -> tuple[BoxStart, ...]:
        """When it started, newest first; none where it is not his."""
        now = self._clock()

        def read(connection: Connection) -> tuple[BoxStart, ...]:
            seen = self._seen(connection, user, Right.READ_HOMES, now)
            return box_facts.starts_of(connection, gateway_id) if seen is None or gateway_id in seen else ()

        return await self._store.read(read)

    async def box(self, user: User, gateway_id: str) -> BoxLine | None:
        """One box as the list shows it; None where it is not his."""
        found = await self.page(user, FleetWish(held=(gateway_id,)))
        return found.rows[0] if found.rows else None

    async def sensors(self, user: User, wish: SensorWish) -> SensorPage:
        """Those of all his boxes that want a visit."""
        now = self._clock()
        return await self._store.read(
            lambda connection: fleet_sensors.page(connection, wish, self._seen(connection, user, Right.READ_HOMES, now))
        )

    async def tour(self, user: User, wish: SensorWish) -> tuple[SensorLine, ...]:
        """All that fit, for a table. Raises Refused."""
        now = self._clock()
        may(user, Right.EXPORT, Subject(now=now, is_home=False))
        all_pages = replace(wish, page=1)

        def read(connection: Connection) -> tuple[SensorLine, ...]:
            seen = self._seen(connection, user, Right.READ_HOMES, now)
            return fleet_sensors.lines(connection, all_pages, seen, EXPORT_ROWS)

        return await self._store.read(read)

    async def rounds(self, user: User) -> tuple[RoundOfTests, ...]:
        """The last rounds of test alarms, as far as they are about his boxes."""
        now = self._clock()
        return await self._store.read(
            lambda connection: fleet_tests.rounds(connection, now, self._seen(connection, user, Right.READ_HOMES, now))
        )

    async def ask_tests(self, user: User, wish: FleetWish, *, command_id: str) -> int:
        """Ask those that fit and are heard, one after the other. How many are in the round.

        Raises IllegalMove where a round is still on, Refused.
        """
        now = self._clock()
        may(user, Right.WORK_CASES, Subject(now=now, is_home=False))

        def write(connection: Connection) -> int:
            if fleet_tests.is_known(connection, command_id):
                return 0
            if fleet_tests.is_on(connection):
                raise NotNow(
                    Sentence(
                        zh="上一轮测试报警还没有结束；请等它结束，或先停止",
                        en="a round of test alarms is still on; wait for its end, or stop it",
                    )
                )
            seen = self._seen(connection, user, Right.READ_HOMES, now)  # a home in nobody's tree is not his to test
            chosen = fleet.ids(connection, wish, now, seen, ROUND_MOST)
            if chosen:
                fleet_tests.begin(connection, chosen, by=user.login, command_id=command_id, now=now)
            return len(chosen)

        return await self._store.write(write)

    async def stop_tests(self, user: User, round_id: int) -> None:
        """Whoever may ask may also stop. Raises Refused."""
        now = self._clock()
        may(user, Right.WORK_CASES, Subject(now=now, is_home=False))
        await self._store.write(lambda connection: fleet_tests.stop(connection, round_id, now))

    def _seen(self, connection: Connection, user: User, right: Right, now: datetime) -> frozenset[str] | None:
        """The boxes over which he has this right; None: all."""
        if not holds(user, right):
            return frozenset()
        if user.areas == EVERYWHERE and user.organisations == EVERYWHERE:
            return None
        keys = fleet.home_keys(connection)
        homes = rights.visible(connection, user, right, {home for _, home in keys}, now)
        return frozenset(gateway_id for gateway_id, home in keys if home in homes)
