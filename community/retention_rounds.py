"""Each night: what is kept long enough ends, kind by kind, a page at a time, so that no alarm waits for it.

Only the server that runs the engine does it: every transaction begins with the lease (community.store.database). What
fails holds up no other kind, and never leaves this loop: the server goes on taking alarms in.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import partial

from community.retention_settings import RetentionEntry
from community.retention_words import held_back
from community.store import retention_days, retention_people, round_clock
from community.store.database import Connection, Store
from community.store.lease import LeaseLost
from community.store.retention import KINDS, SPENT_AFTER, Key, Kind
from community.store.round_clock import SANE, Looked, Reckoned
from community.store.stays import Claim
from shouwang.bilingual import both, in_a_row, told_by
from shouwang.errors import ShouwangError, TryLater
from shouwang.outage import Outage

LOOK_S = 600.0
"""How often it is asked whether it is time; also the longest wait after the start, so that two servers differ."""
AGAIN_CAP_S = 3600.0
"""The longest pause after failures, one after the other."""
TRIES_A_NIGHT = 3
"""A round of which something failed is tried so often; then the next night."""
PAUSE_S = 0.2
"""Between two pages: alarms and orders go first."""
PAGES = 200
"""Of one kind in one night, of which something ends: 40,000 rows, 4,000 cases. What is left ends the next night."""
LOOK_WITHIN_S = 1800.0
"""A look reads a slice of a table of ten years, that for people all of its slices, beside all other work; longer means
a broken disk."""
MEASUREMENTS = "measurements"
"""What is still to be forgotten of erased people."""
ALL = ""
"""In place of a kind: the round could not begin."""
Forget = Callable[[Sequence[Claim]], Awaitable[tuple[str, ...]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A round, by kind: how many ended, why it could not be looked through, how many are left (stamped too early)."""

    reckoned: Reckoned
    numbers: dict[str, int] = field(default_factory=dict)
    undone: dict[str, str] = field(default_factory=dict)
    early: dict[str, int] = field(default_factory=dict)


def due(entry: RetentionEntry, reckoned: Reckoned) -> Iterator[tuple[Kind, datetime]]:
    """Each kind of which something may be over, and before which moment it ends."""
    for kind in KINDS:
        span = entry.of(kind.setting) if kind.setting else SPENT_AFTER
        before = None if span is None else reckoned.before(span)
        if before is not None:
            yield kind, before


class RetentionRounds:
    """Goes round until cancelled."""

    def __init__(
        self,
        store: Store,
        entry: RetentionEntry,
        *,
        zone: tzinfo | None,
        clock: Callable[[], datetime],
        forget: Forget,
    ) -> None:
        """`zone`: of the centre's day; `forget`: takes a person's measurements out of wherever they lie."""
        self._store, self._entry, self._zone, self._clock, self._forget = store, entry, zone, clock, forget
        self._outage = Outage(log, "what is kept long enough does not end for now: %s", ends="it ends again")
        self._failures = 0
        self._tried: tuple[str, int] = ("", 0)
        self._reached: dict[str, Key] = {}  # where a look was cut off the next one goes on
        self.undone: Mapping[str, str] = {}
        """What could not be done when it was tried last, by kind (or ALL), and why."""

    async def run(self) -> None:
        """Go round until cancelled. Raises LeaseLost."""
        pause_s = LOOK_S
        while True:
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - jitter, not a secret
            pause_s = await self.look()

    async def look(self) -> float:
        """Tonight's round, where it is time and it was not done; how long to wait for the next look. Raises LeaseLost.

        Nothing else leaves it.
        """
        now = self._clock()
        local = now.astimezone(self._zone)
        day = f"{local:%Y-%m-%d}"
        try:
            if local.hour < self._entry.hour:
                return LOOK_S
            if not await self._store.read(lambda connection: retention_days.is_done(connection, day)):
                return await self._try(day, now)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, alarms must be taken in: this loop never ends
            return self._failed({ALL: _said(error)})
        self._well()
        return LOOK_S

    async def _try(self, day: str, now: datetime) -> float:
        tries = self._tried[1] + 1 if self._tried[0] == day else 1
        if tries > TRIES_A_NIGHT:
            return LOOK_S
        ended = await self.turn(day, now)
        if ended.undone:
            self._tried = (day, tries)
            return self._failed(ended.undone)
        self._well()
        return LOOK_S

    def _failed(self, undone: Mapping[str, str]) -> float:
        self.undone = undone
        self._outage.begin("; ".join(f"{kind}: {why}" if kind else why for kind, why in undone.items()))
        self._failures += 1
        return min(LOOK_S * (1 << min(self._failures, 10)), AGAIN_CAP_S)

    def _well(self) -> None:
        self.undone = {}
        self._outage.over()
        self._failures = 0

    async def turn(self, day: str, now: datetime) -> Ended:
        """The whole round of a day, each kind whatever comes of the others. Raises as the store, before any began."""
        reckoned = await self._store.read(partial(round_clock.reckoned, day=day, clock=now))
        ended = Ended(reckoned=reckoned)
        words = held_back(reckoned)
        if words:
            log.warning("%s", words)
        if reckoned.now is None:
            return ended
        await self._store.write(partial(round_clock.begin, day=day, now=reckoned.now))
        for kind, before in due(self._entry, reckoned):
            await self._part(ended, kind.name, self._all_of(ended, kind, before, day))
        people = self._entry.of("person_days")
        gone = None if people is None else reckoned.before(people)
        if gone is not None:
            await self._part(ended, retention_people.NAME, self._people(ended, gone, day))
        await self._part(ended, MEASUREMENTS, self._measurements())
        if not ended.undone:
            await self._store.write(partial(retention_days.note, day=day, kind=retention_days.ROUND, number=1, at=now))
        _tell(ended)
        return ended

    async def _part(self, ended: Ended, name: str, work: Coroutine[None, None, None]) -> None:
        """One kind: what fails is noted."""
        try:
            await work
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - the other kinds have their turn; it is told at the end
            ended.undone[name] = _said(error)

    async def _all_of(self, ended: Ended, kind: Kind, before: datetime, day: str) -> None:
        """Slice by slice to the end, or so many pages of which something ended: what is left is for the next night."""
        pages = 0
        while pages < PAGES:
            after = self._reached.get(kind.name)
            page = await self._store.read(partial(_looked, kind, before, after), within_s=LOOK_WITHIN_S)
            _count(ended.early, kind.name, page.early)
            if page.keys:
                number = await self._store.write(partial(self._end, kind, page.keys, before, day))
                _count(ended.numbers, kind.name, number)
                pages += 1
            if page.last is None:
                self._reached.pop(kind.name, None)
                break
            self._reached[kind.name] = page.last
            await asyncio.sleep(PAUSE_S)

    def _end(self, kind: Kind, keys: Sequence[Key], before: datetime, day: str, connection: Connection) -> int:
        now = self._clock()
        number = kind.end(connection, keys, before, now)
        if number:
            retention_days.note(connection, day, kind.name, number, now)
        return number

    async def _people(self, ended: Ended, before: datetime, day: str) -> None:
        over, early = await self._store.read(partial(people_over, before=before), within_s=LOOK_WITHIN_S)
        _count(ended.early, retention_people.NAME, early)
        for resident_id in over:
            number = await self._store.write(
                partial(retention_people.end, resident_id=resident_id, before=before, day=day, now=self._clock())
            )
            _count(ended.numbers, retention_people.NAME, number)
            await asyncio.sleep(PAUSE_S)

    async def _measurements(self) -> None:
        """Of each who was erased. Raises TryLater after the last, where those of somebody could not be forgotten."""
        failures = []
        for resident_id, claims in await self._store.read(retention_people.claims):
            try:
                lines = await self._forget(claims)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - the others have their turn
                failures.append(both("{who}: {why}", "{who}：{why}", who=resident_id, why=_said(error)))
                continue
            for line in lines:
                log.warning("%s: %s", resident_id, line)
            await self._store.write(partial(retention_people.forgotten, resident_id=resident_id))
        if failures:
            raise TryLater(in_a_row(failures))


def people_over(connection: Connection, before: datetime, *, until_s: float = math.inf) -> tuple[tuple[str, ...], int]:
    """Whose whole file may end, and how many are left because all of it was stamped by a wrong clock.

    Raises TryLater where it has not come to an end by then, of time.monotonic().
    """
    early = frozenset(retention_people.over(connection, SANE, until_s=until_s))
    over = retention_people.over(connection, before, until_s=until_s)
    return tuple(one for one in over if one not in early), len(early.intersection(over))


def _looked(kind: Kind, before: datetime, after: Key | None, connection: Connection) -> Looked:
    return round_clock.page(connection, kind, before, after)


def _count(counts: dict[str, int], name: str, number: int) -> None:
    counts[name] = counts.get(name, 0) + number


def _tell(ended: Ended) -> None:
    told = _listed(ended.numbers)
    if told:
        log.info("kept long enough, and gone: %s", told)
    left = _listed(ended.early)
    if left:
        log.warning("left, for the clock was wrong when they were written (before %d): %s", SANE.year, left)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def _said(error: Exception) -> str:
    """In both languages, for the page of administration."""
    text = told_by(error)
    if text and isinstance(error, ShouwangError):
        return text
    return both(*_UNFORESEEN, name=type(error).__name__, text=text)


_UNFORESEEN = (
    "an unforeseen fault ({name}: {text}); tell whoever looks after this server",
    "出了意料之外的错（{name}: {text}）；请告诉维护服务器的人",
)
