"""What the desk needs beside its cases to send people: proposals, the sheet for 120, shifts that go over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.casefile import Case
from community.dispatch import CallableUnit, LeftOut, Proposal
from community.errands import Errands
from community.rights import Right, may
from community.rosters import Hole, Post, Shift, holes
from community.sheet import Sheet
from community.store import dispatch, errands, handovers, logins, no_shows, rights, rosters
from community.store import sheet as sheets
from community.store.cases import load
from community.store.database import Connection, Store
from community.store.handovers import Handover, OpenRow, Screen
from community.store.people_access import Act, note
from community.store.responder_links import Link
from community.store.rosters import NoShow
from community.users import User
from shouwang.errors import IllegalMove

LOOKS_AHEAD = timedelta(days=7)
"""How far the page of shifts looks for hours that nobody covers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Whom one could send to a case, and who is left out."""

    case: Case
    proposed: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...]
    units: tuple[CallableUnit, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftPage:
    """What stands on the page of shifts for one person. `screen` None: there is nobody to whom he could give his."""

    owned: tuple[OpenRow, ...]
    takers: tuple[str, ...]
    offers: tuple[tuple[Handover, Screen], ...]
    done: tuple[Handover, ...]
    no_shows: tuple[NoShow, ...]
    here: tuple[Shift, ...]
    holes: tuple[Hole, ...]
    screen: Screen | None


class DispatchRoom:
    """The room beside the desk. Raises Refused where somebody may not."""

    def __init__(
        self,
        store: Store,
        errands: Errands,
        *,
        clock: Callable[[], datetime],
        changed: Callable[[], None],
        centre: str,
    ) -> None:
        """`centre`: its name; `changed` is called when a case has."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._centre = centre
        self.errands = errands

    async def called(self) -> dict[str, str]:
        """What everybody is called whom a case or a roster may name."""
        return await self._store.read(logins.called)

    async def choice(self, user: User, incident_id: int) -> Choice | None:
        """Whom one could send; None for no such case."""
        now = self._clock()

        def work(connection: Connection) -> Choice | None:
            case = load(connection, incident_id)
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if case is None or subject is None:
                return None
            may(user, Right.READ_CASE, subject)
            proposed, left_out = dispatch.proposed(connection, case, now)
            units = dispatch.callable_units(connection, now)
            return Choice(case=case, proposed=proposed, left_out=left_out, units=units)

        return await self._store.read(work)

    async def picture(self, user: User, incident_id: int, photo_id: str) -> bytes | None:
        """A photo of the scene (JPEG); the look is logged. None where there is none."""
        now = self._clock()

        def work(connection: Connection) -> bytes | None:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if subject is None:
                return None
            may(user, Right.READ_MEDICAL, subject)
            return errands.look_at_photo(connection, incident_id, photo_id, by=user.login, now=now)

        return await self._store.write(work)

    async def sheet(self, user: User, incident_id: int) -> Sheet | None:
        """The sheet for 120; the look is logged. None for no such case."""
        now = self._clock()

        def work(connection: Connection) -> Sheet | None:
            subject = rights.subject_of_case(connection, user, incident_id, now)
            if subject is None:
                return None
            may(user, Right.READ_MEDICAL, subject)
            return self._made(connection, incident_id, user.login, now)

        return await self._store.write(work, urgent=True)

    async def sheet_on_scene(self, link: Link) -> Sheet | None:
        """The same for whoever is there, to show the crew; None where the case is not his to show any more."""
        errand = await self.errands.errand(link)
        if errand is None or errand.card is None:
            return None
        now = self._clock()
        return await self._store.write(
            lambda connection: self._made(connection, link.incident_id, link.responder_id, now), urgent=True
        )

    def _made(self, connection: Connection, incident_id: int, by: str, now: datetime) -> Sheet | None:
        made = sheets.gathered(connection, incident_id, now, centre=self._centre, callback=self.errands.phone)
        if made is not None:
            home_id = sheets.home_of(connection, incident_id)
            note(connection, Act.DOSSIER, actor=by, at=now, home_id=home_id, incident_id=incident_id, reason="120")
        return made

    # ---- shifts ----

    async def owned(self, login: str) -> tuple[OpenRow, ...]:
        """His open cases: with any of them nobody leaves."""
        return await self._store.read(lambda connection: handovers.owned(connection, login))

    async def shift_page(self, login: str) -> ShiftPage:
        """All that stands on the page of shifts."""
        now = self._clock()

        def work(connection: Connection) -> ShiftPage:
            takers = handovers.takers(connection, login, now)
            end = now + LOOKS_AHEAD
            duties = rosters.shifts(connection, now, end)
            offers = handovers.offered(connection, login)
            return ShiftPage(
                owned=handovers.owned(connection, login),
                takers=takers,
                offers=tuple((one, handovers.screen(connection, one.leaver, one.taker, now)) for one in offers),
                done=handovers.done(connection),
                no_shows=rosters.open_no_shows(connection),
                here=tuple(shift for post in Post for shift in rosters.here(connection, post, now)),
                holes=holes(duties, rosters.absences(connection, now, end), now, end) if duties else (),
                screen=handovers.screen(connection, login, takers[0], now) if takers else None,
            )

        return await self._store.read(work)

    async def offer_shift(self, leaver: str, taker: str, words: str) -> None:
        """The leaver signs. Raises IllegalMove."""
        now = self._clock()
        await self._store.write(lambda connection: handovers.offer(connection, leaver, taker, words, now))

    async def sign_shift(self, handover_id: int, taker: str) -> tuple[int, ...]:
        """The taker signs: the leaver's cases are his. Raises IllegalMove."""
        now = self._clock()
        taken = await self._store.write(
            lambda connection: handovers.sign(connection, handover_id, taker, now), urgent=True
        )
        self._changed()
        return taken

    async def withdraw_shift(self, handover_id: int, by: str) -> None:
        """Either of the two says no."""
        await self._store.write(lambda connection: handovers.withdraw(connection, handover_id, by))

    async def settle_no_show(self, user: User, no_show_id: int) -> None:
        """A supervisor has seen to it. Raises IllegalMove."""
        if user.role.value != "supervisor":
            raise IllegalMove("a supervisor settles this")
        now = self._clock()
        await self._store.write(lambda connection: no_shows.settle(connection, no_show_id, by=user.login, now=now))
