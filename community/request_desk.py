"""The four links of a request at the desk (报送 处置 结果 反馈): who may file one, for whom, and what a rating does."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from community.desk import Desk, QueueRow, Wish
from community.guards import LOW_SCORE
from community.rights import Ground, Refused, Right, Subject, may
from community.store import requests, rights
from community.store.database import Connection, Store
from community.store.people_access import Act
from community.store.request_results import submitter
from community.users import User
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is filed. `by`: whoever asks, by the id of a resident or contact; empty: whoever files it."""

    home_id: str
    words: str
    key: str
    is_urgent: bool = False
    by: str = ""


class RequestDesk:
    """Requests, for a console and for programs alike. Raises Refused where somebody may not."""

    def __init__(self, store: Store, desk: Desk, *, clock: Callable[[], datetime], told: Callable[[], None]) -> None:
        """`told` is called when something was filed that consoles must hear of."""
        self._store = store
        self._desk = desk
        self._clock = clock
        self._told = told

    async def homes(self, user: User, wanted: str) -> tuple[requests.HomeFound, ...]:
        """Homes whose address or people hold these words, of his areas: at most a page of them."""
        now = self._clock()
        may(user, Right.FILE_REQUEST, Subject(now=now, is_home=False))

        def find(connection: Connection) -> tuple[requests.HomeFound, ...]:
            found = requests.homes_like(connection, wanted)
            seen = rights.visible(connection, user, Right.READ_RESIDENTS, (one.home_id for one in found), now)
            return tuple(one for one in found if one.home_id in seen)[: requests.SHOWN]

        return await self._store.read(find)

    async def people(self, user: User, home_id: str) -> tuple[requests.Asker, ...]:
        """Who may be asking: those on file of the home; the look is written down. Raises IllegalMove."""
        now = self._clock()

        def look(connection: Connection) -> tuple[requests.Asker, ...]:
            found = requests.askers(connection, home_id)
            subject = rights.subject_of_home(connection, user, home_id, now)
            rights.look(connection, user, Act.CONTACTS, subject, home_id=home_id)
            return found

        return await self._store.write(look)

    async def file(self, user: User, asked: Asked) -> int:
        """The case of a new request; the same key gives the first one. Raises IllegalMove."""
        now = self._clock()

        def file(connection: Connection) -> int:
            home_id = asked.home_id
            may(user, Right.FILE_REQUEST, rights.subject_of_home(connection, user, home_id, now))
            if asked.by and asked.by not in {one.person for one in requests.askers(connection, home_id)}:
                raise IllegalMove(f"{asked.by} is nobody on file of the home {home_id}")
            by = asked.by or user.person or user.login
            key = f"{user.login}\n{asked.key}"
            return requests.file(connection, home_id, asked.words, by=by, key=key, is_urgent=asked.is_urgent, at=now)

        number = await self._store.write(file)
        self._told()
        return number

    async def request(self, user: User, incident_id: int) -> QueueRow | None:
        """How a request stands, for who may file one there; None where there is none."""
        now = self._clock()

        def is_his(connection: Connection) -> bool:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if subject is None or not requests.is_request(connection, incident_id):
                return False
            may(user, Right.FILE_REQUEST, subject)
            return True

        if not await self._store.read(is_his):
            return None
        found = await self._desk.incident(incident_id)
        return None if found is None else found.row

    async def rate(self, user: User, incident_id: int, score: int, words: str, key: str) -> QueueRow | None:
        """Its result was worth so much, of 1 to 5, to whoever asked: a low one opens it again, else it is closed.

        For whoever filed it alone: who rates for another closes what he may have handled. None where there is none.
        Raises IllegalMove where there is no result yet, or it is closed.
        """
        if await self.request(user, incident_id) is None:
            return None
        by = await self._store.read(lambda connection: submitter(connection, incident_id))
        if by not in user.names:
            raise Refused(Ground.NOT_YOURS)
        is_low = score <= LOW_SCORE
        mark = hashlib.sha256(f"{user.login}\n{incident_id}\n{key}".encode(errors="replace")).hexdigest()[:24]
        wish = Wish(
            incident_id=incident_id,
            command="revisit_bad" if is_low else "revisit_ok",
            by=by,
            role="caller",
            command_id=f"rated:{mark}",
            score=score,
            reason=(words or f"{score}/5") if is_low else "",
            text="" if is_low else words,
        )
        return await self._desk.order(wish)
