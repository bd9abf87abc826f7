"""Behind the trace of a case: what whoever has opened the case may see, and what leaves as a file."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from community.desk import IncidentPage
from community.rights import Right, may
from community.store import rights, rings, trace
from community.store.database import Connection, Store
from community.store.people_access import Act
from community.trace import Trace, trace_of
from community.users import User


class TraceRoom:
    """Beside the desk, which judged whether the case may be read, and wrote the look down."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """`store`: of the cases."""
        self._store = store
        self._clock = clock

    async def trace(self, shown: IncidentPage) -> Trace:
        """Of a case that was just opened by whoever looks: the page says what he may see."""
        incident_id = shown.row.incident_id
        found, desks = await self._store.read(
            lambda connection: (trace.kept(connection, incident_id), rings.of_case(connection, incident_id))
        )
        return trace_of(shown, found.alerts, dict(found.seals), now=self._clock(), desks=desks, more=found.more)

    async def let_leave(self, user: User, shown: IncidentPage) -> None:
        """Write down that the trace leaves as a file. Raises Refused."""
        now, incident_id = self._clock(), shown.row.incident_id
        resident_id = None if shown.resident is None else shown.resident.resident_id

        def note(connection: Connection) -> None:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if subject is None:
                return
            told = replace(subject, holds_medical=not shown.is_card_hidden)
            may(user, Right.READ_CASE, told)
            rights.look(
                connection,
                user,
                Act.EXPORT,
                told,
                home_id=shown.row.home_id,
                resident_id=resident_id,
                incident_id=incident_id,
            )

        await self._store.write(note)
