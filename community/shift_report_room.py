"""The report of a shift: what came, what ended, what is left, who was there, and the head of the sealed record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import structs

from community.casefile import Disposition
from community.desk import QueueRow
from community.kpi_facts import CaseFacts, Drawn
from community.kpi_months import Window
from community.rights import Right, holds
from community.rosters import Shift
from community.store import kpi, kpi_scope, rights, shift_reports
from community.store.case_rows import rows_of
from community.store.cases import load
from community.store.channel_health import ChannelRow
from community.store.channel_health import rows as channel_rows
from community.store.database import Connection, Store
from community.store.handovers import Change, Handover, Note
from community.store.rosters import NoShow
from community.store.shift_reports import MOST, Head, Span, StormOf, Tests
from community.supervision import OWN_CHANNELS
from community.users import User

_MOMENT = timedelta(microseconds=1)
"""What is done now is of the shift going on; what is done as it is signed over is of the next one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseOf:
    """A case of the shift. `closed_at` None: it was open at the end; `answered_ms` None: nobody had taken it up."""

    row: QueueRow
    opened_at: datetime
    closed_at: datetime | None
    answered_ms: int | None
    disposition: Disposition | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftReport:
    """A shift of `login`. `handover` None: it is going on. Counts are of all; lists hold the first MOST."""

    login: str
    span: Span
    handover: Handover | None
    opened: int
    closed: int
    left_open: int
    cases: tuple[CaseOf, ...]
    cards: tuple[tuple[int, Drawn], ...]
    notes: tuple[Note, ...]
    on_duty: tuple[Shift, ...]
    went_over: tuple[Handover, ...]
    missing: tuple[NoShow, ...]
    changes: tuple[Change, ...]
    storms: tuple[StormOf, ...]
    tests: Tests
    channels_down: tuple[ChannelRow, ...]
    channel_cases: tuple[CaseOf, ...]
    head: Head

    @property
    def window(self) -> Window:
        """Of which time it tells."""
        return self.span.window

    @property
    def is_cut(self) -> bool:
        """Whether there were more cases than it lists."""
        return len(self.cases) >= MOST


class ShiftReports:
    """Reports of shifts as far as the areas of who asks reach; no names of residents for who may not read them."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """On this store."""
        self._store = store
        self._clock = clock

    async def now(self, user: User) -> ShiftReport:
        """The shift that is going on for who asks."""
        now = self._clock()
        return await self._store.read(lambda connection: _made(connection, user, now, None))

    async def ended(self, user: User, handover_id: int) -> ShiftReport | None:
        """The shift that ended with this hand-over; None where there is none."""
        now = self._clock()

        def read(connection: Connection) -> ShiftReport | None:
            found = shift_reports.handover(connection, handover_id)
            return None if found is None else _made(connection, user, now, found)

        return await self._store.read(read)


def _made(connection: Connection, user: User, now: datetime, handover: Handover | None) -> ShiftReport:
    if handover is not None:
        handover = _worded(user, handover)
    login = user.login if handover is None else handover.leaver
    end = now if handover is None or handover.signed_at is None else handover.signed_at
    span = shift_reports.span_of(connection, login, end if handover is not None else end + _MOMENT)
    window = span.window
    facts = _facts(connection, user, window, now)
    opened = [one for one in facts if window.holds(one.opened_at)]
    closed = [one for one in facts if window.holds(one.ended_at)]
    left = [one for one in facts if one.ended_at is None or one.ended_at >= window.end]
    of_channels = [one for one in facts if one.home_key == OWN_CHANNELS]
    numbers = [one.incident_id for one in facts]
    cards = kpi_scope.Scope(connection, user, now).cards(kpi.cards(connection, window))
    return ShiftReport(
        login=login,
        span=span,
        handover=handover,
        opened=len(opened),
        closed=len(closed),
        left_open=len(left),
        cases=_cases(connection, user, facts, window, now),
        cards=cards[:MOST],
        notes=_notes(connection, user, numbers, window),
        on_duty=shift_reports.on_duty(connection, window),
        went_over=tuple(_worded(user, one) for one in shift_reports.went_over(connection, window)),
        missing=shift_reports.missing(connection, window),
        changes=_changes(connection, user, window, now),
        storms=shift_reports.storms_in(connection, window),
        tests=shift_reports.tests_in(connection, window),
        channels_down=tuple(one for one in channel_rows(connection) if not one.is_up) if handover is None else (),
        channel_cases=_cases(connection, user, of_channels, window, now),
        head=shift_reports.head_at(connection, end),
    )


def _facts(connection: Connection, user: User, window: Window, now: datetime) -> list[CaseFacts]:
    """Cases that were open in the shift, but for tests: those left over first, then as they came."""
    found = kpi_scope.Scope(connection, user, now).of(kpi.from_tables(connection, window)).facts
    return sorted((one for one in found if not one.is_test), key=lambda one: (one.priority.rank, one.opened_at))


def _cases(
    connection: Connection, user: User, facts: Iterable[CaseFacts], window: Window, now: datetime
) -> tuple[CaseOf, ...]:
    shown = list(facts)[:MOST]
    loaded = {one.incident_id: load(connection, one.incident_id) for one in shown}
    numbered = [(number, case) for number, case in loaded.items() if case is not None]
    rows = {row.incident_id: row for row in rows_of(connection, numbered, now)}
    if not holds(user, Right.READ_RESIDENTS):
        rows = {number: replace(row, resident_name="", resident_age=None) for number, row in rows.items()}
    return tuple(
        CaseOf(
            row=rows[one.incident_id],
            opened_at=one.opened_at,
            closed_at=one.ended_at if window.holds(one.ended_at) else None,
            answered_ms=one.answered_ms,
            disposition=one.disposition if window.holds(one.ended_at) else None,
        )
        for one in shown
        if one.incident_id in rows
    )


def _notes(connection: Connection, user: User, numbers: Iterable[int], window: Window) -> tuple[Note, ...]:
    """Words may name a resident: they are for whoever may read the register."""
    found = shift_reports.notes(connection, list(numbers), window)
    if holds(user, Right.READ_RESIDENTS):
        return found
    return tuple(Note(incident_id=one.incident_id, at=one.at, by=one.by, words="") for one in found)


def _worded(user: User, handover: Handover) -> Handover:
    """As with notes."""
    return handover if holds(user, Right.READ_RESIDENTS) else structs.replace(handover, words="")


def _changes(connection: Connection, user: User, window: Window, now: datetime) -> tuple[Change, ...]:
    found = shift_reports.away_changes(connection, window)
    seen = rights.visible(connection, user, Right.READ_SILENCES, {home for home, _ in found if home}, now)
    return tuple(change for home, change in found if home in seen)
