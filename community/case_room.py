"""What a case's page shows besides the case: its surroundings, and what is measured while one looks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from community.around import Around
from community.desk import Gap, IncidentPage, Series
from community.guarded_desk import LOOKED_AGAIN_AFTER
from community.people import Item
from community.rights import Right, is_allowed, may
from community.rings import heard_of
from community.store import (
    activity,
    around,
    evidence,
    gaps,
    page,
    people,
    resident_file,
    resident_photos,
    rights,
    rings,
)
from community.store.cases import CLOSED, load
from community.store.database import Connection, Store
from community.store.people_access import Act
from community.users import User
from shouwang.alert import Alert


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """What was measured around the alarms of a case and, while it is open, since then."""

    evidence: tuple[Series, ...]
    gaps: tuple[Gap, ...]
    alerts: tuple[Alert, ...]
    is_live: bool


class CaseRoom:
    """Beside the desk; judges rights itself, and writes down who looked."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """`store`: of the cases."""
        self._store = store
        self._clock = clock

    async def around(self, shown: IncidentPage) -> Around:
        """Of a case that was just opened by whoever looks: the page says what he may see."""
        now, incident_id, home_key = self._clock(), shown.row.incident_id, shown.row.home_id
        last = max((alert.at for alert in shown.alerts), default=shown.row.opened_at)
        until = min(now, last + evidence.AFTER_ALARM) if shown.row.is_final else now

        def read(connection: Connection) -> Around:
            boxes = around.boxes_of(connection, home_key, incident_id)
            person = shown.resident
            portrait = None
            if person is not None and not shown.is_card_hidden:
                is_withheld = resident_file.is_withheld(connection, person.resident_id, now)
                portrait = None if is_withheld else resident_photos.about(connection, person.resident_id)
            moves = None
            if not shown.is_card_hidden:
                moves = activity.activity_of(connection, home_key, boxes, until=until)
            return Around(
                alerts=around.other_alerts(connection, home_key, boxes, incident_id, until=until),
                earlier=around.earlier_cases(connection, home_key, boxes, incident_id, before=shown.row.opened_at),
                targets=() if shown.row.is_final else around.merge_targets(connection, shown.case, incident_id, now),
                activity=moves,
                portrait_at=portrait.put_at if portrait is not None else None,
                heard=heard_of(rings.of_case(connection, incident_id), shown.row.opened_at),
            )

        return await self._store.read(read)

    async def vitals(self, user: User, incident_id: int) -> Vitals | None:
        """What is measured now; the look is written down. None where there is no such case. Raises Refused."""
        now = self._clock()

        def read(connection: Connection) -> tuple[Vitals | None, bool]:
            case = load(connection, incident_id)
            subject = rights.subject_of_case(connection, user, incident_id, now, item=Item.CARD)
            if case is None or subject is None:
                return None, True
            may(user, Right.READ_CASE, subject)
            may(user, Right.READ_MEDICAL, subject)
            told = [(gateway_id, alert) for gateway_id, alert, _ in page.alerts_of(connection, incident_id)]
            others = evidence.further_residents(connection, told)
            is_live = case.state != CLOSED
            found = Vitals(
                evidence=evidence.measured_around(
                    connection, case.home_key, told, others, until=now if is_live else None
                ),
                gaps=gaps.gaps_around(connection, told),
                alerts=tuple(alert for _, alert in told),
                is_live=is_live,
            )
            return found, rights.has_looked(connection, user, incident_id, now - LOOKED_AGAIN_AFTER)

        found, is_noted = await self._store.read(read)
        if found is not None and not is_noted:
            await self._store.write(lambda connection: self._note(connection, user, incident_id, now), urgent=True)
        return found

    @staticmethod
    def _note(connection: Connection, user: User, incident_id: int, now: datetime) -> None:
        case = load(connection, incident_id)
        subject = rights.subject_of_case(connection, user, incident_id, now, item=Item.CARD)
        if case is None or subject is None or not is_allowed(user, Right.READ_MEDICAL, subject):
            return
        lives = people.residents_of(connection, case.home_key)
        rights.look(
            connection,
            user,
            Act.CARD,
            subject,
            home_id=case.home_key,
            resident_id=lives[0].id if lives else None,
            incident_id=incident_id,
        )
