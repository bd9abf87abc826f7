"""What stands behind the administrator's overview, and what is done for the safety of the data: backups, the record."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from community.casefile import NotNow
from community.channel_watch import sent_test
from community.facts import Fact, fact, kept, words
from community.long_work import LongWork, Outcome
from community.measurement_settings import BackupEntry, KeepEntry
from community.post import Line
from community.retention_rounds import due, people_over
from community.retention_settings import RetentionEntry
from community.rights import Right, may
from community.store import backups, centre, chain, retention_cases, retention_days, retention_people, round_clock
from community.store import tokens as books
from community.store.backups import Source
from community.store.centre import Facts, Try
from community.store.channel_health import ChannelRow
from community.store.channel_health import rows as channel_rows
from community.store.database import Connection, Store
from community.store.retention import Kind
from community.store.retention_days import Night
from community.store.rights import subject_of_case
from community.store.round_clock import SANE, Reckoned
from community.users import User
from shouwang.alert import Sentence

BY_HAND = "shouwang-by-hand.backup"
"""One alone: whoever presses again replaces it, and the disk does not fill."""
_ANY = "shouwang-*.backup"
_LISTED = 30
_TRIES = 5
_FAULTS_TOLD = 5
"""Of a record that is not whole: enough to see of what kind they are; the command `audit verify` tells all."""
_COUNTED_WITHIN_S = 10.0
"""Whoever opens the page waits no longer for all counts together: the project's."""
_NO_DAY = ""
"""The page asks for the next round, of whichever day."""
VERIFY, BACKUP, TRIAL, TEST = "verify", "backup", "restore-check", "test"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A backup on disk; it was restored on trial before it got its name."""

    name: str
    bytes: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """The disk below a folder."""

    free: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The centre at a glance. `backups`: None where none are made by the server itself."""

    version: str
    facts: Facts
    backups: tuple[Kept, ...] | None
    disk: Disk | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelPage:
    """A channel, what it did last, the address of who asks, and his test. `is_wired`: this server can send by it."""

    row: ChannelRow
    tries: tuple[Try, ...]
    own_address: str
    test_to: str
    is_wired: bool
    test: Outcome | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What the server has: its channels, what is backed up to where, for how long what is kept.

    `undone`: what of it could not end when that was tried last, by kind, and why.
    """

    lines: Sequence[Line] = ()
    source: Source | None = None
    backup: BackupEntry | None = None
    keep: KeepEntry = field(default_factory=KeepEntry)
    retention: RetentionEntry = field(default_factory=RetentionEntry)
    undone: Callable[[], Mapping[str, str]] = dict


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A case of which nothing ends."""

    incident_id: int
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Endings:
    """What ended last, what waits to end (by kind), and which cases are held.

    `waiting`: None where it could not be counted. `early`: how many are left, being stamped by a wrong clock.
    `undone`: what failed in the last round, by kind, and why.
    """

    night: Night | None
    reckoned: Reckoned
    waiting: Mapping[str, int | None]
    early: int
    undone: Mapping[str, str]
    held: tuple[Held, ...]


class CentreRoom:
    """The centre as its administrator sees it."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], means: Means) -> None:
        """`means`: what the server has beside its database."""
        self._store, self._clock, self.means = store, clock, means
        self._work = LongWork(clock)
        self._counting: asyncio.Task[dict[str, tuple[int, int] | None]] | None = None

    async def overview(self) -> Overview:
        """At a glance."""
        now = self._clock()
        found = await self._store.read(lambda connection: centre.facts(connection, now))
        return Overview(version=version("shouwang"), facts=found, backups=await self.backups(), disk=await self._disk())

    async def backups(self) -> tuple[Kept, ...] | None:
        """The newest backups; None where the server makes none."""
        entry = self.means.backup
        return None if entry is None else await asyncio.to_thread(_kept_in, entry.folder)

    async def endings(self) -> Endings:
        """What ends by itself, as it stands. A kind that cannot be looked through, or not in time, hides no other."""
        clock = self._clock()

        def read(connection: Connection) -> tuple[Night | None, Reckoned, tuple[Held, ...]]:
            held = tuple(
                Held(incident_id=row.incident_id, by=row.by, at=row.at, reason=row.reason)
                for row in retention_cases.holds(connection)
            )
            return round_clock.newest(connection, clock), round_clock.reckoned(connection, _NO_DAY, clock), held

        night, reckoned, held = await self._store.read(read)
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._waiting(reckoned))
        counts = await asyncio.shield(self._counting)  # whoever loads the page again takes no reader more
        return Endings(
            night=night,
            reckoned=reckoned,
            waiting={name: None if count is None else count[0] for name, count in counts.items()},
            early=sum(count[1] for count in counts.values() if count is not None),
            undone=self.means.undone(),
            held=held,
        )

    async def _waiting(self, reckoned: Reckoned) -> dict[str, tuple[int, int] | None]:
        """How many wait, and how many are left, by kind; one look after the other, all of them within a span."""
        entry, until_s = self.means.retention, time.monotonic() + _COUNTED_WITHIN_S
        looks: dict[str, Callable[[Connection], tuple[int, int]]] = {
            kind.name: partial(_counted, kind=kind, before=before, until_s=until_s)
            for kind, before in due(entry, reckoned)
        }
        people = entry.of("person_days")
        before = None if people is None else reckoned.before(people)
        if before is not None:
            looks[retention_people.NAME] = partial(_people_counted, before=before, until_s=until_s)
        counts: dict[str, tuple[int, int] | None] = {}
        for name, look in looks.items():
            left_s = until_s - time.monotonic()
            counts[name] = await self._count(name, look, left_s) if left_s > 0 else None
        return counts

    async def _count(
        self, name: str, look: Callable[[Connection], tuple[int, int]], within_s: float
    ) -> tuple[int, int] | None:
        try:
            return await self._store.read(look, within_s=within_s)
        except Exception:  # whatever it is, the other kinds are shown
            log.exception("%s: it cannot be counted what waits to end", name)
            return None

    async def hold(self, by: User, incident_id: int, reason: str) -> None:
        """Nothing of this case ends any more. Raises Refused, NotNow."""
        await self._held(by, incident_id, partial(retention_cases.hold, reason=reason))

    async def let_go(self, by: User, incident_id: int) -> None:
        """It ends as others do. Raises Refused, NotNow."""
        await self._held(by, incident_id, retention_cases.let_go)

    async def _held(self, by: User, incident_id: int, deed: Callable[..., object]) -> None:
        now = self._clock()

        def write(connection: Connection) -> None:
            subject = subject_of_case(connection, by, incident_id, now)
            if subject is None:
                raise NotNow(Sentence(zh="没有这个警情", en="there is no such case"))
            may(by, Right.DIRECT_CASES, subject)
            deed(connection, incident_id, by=by.login, at=now)

        await self._store.write(write)

    def outcome(self, name: str) -> Outcome | None:
        """Of a verification, a backup or a trial."""
        return self._work.of(name)

    async def verify(self, by: str) -> None:
        """Check the whole sealed record, beside all other work."""

        async def work() -> tuple[bool, str]:
            audit = await self._store.read(chain.verify, within_s=None)
            told = kept(_verified(audit))
            await self._note(by, "record verified", "", told)
            return not audit.faults, told

        await self._work.start(VERIFY, by, work)

    async def back_up(self, by: str) -> None:
        """Make a backup now, and try it out. Raises IllegalMove where the server has no folder for it."""
        source, entry = self.means.source, self.means.backup
        if source is None or entry is None:
            raise NotNow(
                Sentence(
                    zh="community.yaml 没有写明备份目录（backup: folder）",
                    en="no folder for backups is named in community.yaml (backup: folder)",
                )
            )
        file = entry.folder / BY_HAND

        async def work() -> tuple[bool, str]:
            facts = await asyncio.to_thread(backups.back_up, source, file)
            told = kept(_backed_up(facts))
            await self._note(by, "backup made", file.name, told)
            return True, told

        await self._work.start(BACKUP, by, work)

    async def try_out(self, by: str, name: str) -> None:
        """Restore a backup on trial and check its record. Raises IllegalMove where there is none of this name."""
        entry, there = self.means.backup, await self.backups()
        if entry is None or name not in {one.name for one in there or ()}:
            raise NotNow(Sentence(zh=f"没有名为 {name} 的备份", en=f"there is no backup {name}"))
        file = entry.folder / name

        async def work() -> tuple[bool, str]:
            facts = await asyncio.to_thread(backups.check, file)
            told = kept((fact("file", name=name), *_backed_up(facts)))
            await self._note(by, "backup tried", name, told)
            return True, told

        await self._work.start(TRIAL, by, work)

    async def channels(self, login: str) -> tuple[ChannelPage, ...]:
        """All channels, in their order, for this user."""
        rows, tries, mine = await self._store.read(
            lambda connection: (
                channel_rows(connection),
                centre.last_tries(connection, _TRIES),
                centre.addresses_of(connection, login),
            )
        )
        lines = {line.name: line for line in self.means.lines}
        return tuple(
            ChannelPage(
                row=row,
                tries=tries.get(row.channel, ()),
                own_address=mine.get(row.way.value, ""),
                test_to=lines[row.channel].test_to if row.channel in lines else "",
                is_wired=row.channel in lines,
                test=self._work.of(f"{TEST} {row.channel}"),
            )
            for row in rows
        )

    async def send_test(self, by: str, channel: str) -> None:
        """A real message to who asks (or to the test address of the channel). Raises IllegalMove where it has none."""
        page = next((one for one in await self.channels(by) if one.row.channel == channel and one.is_wired), None)
        if page is None:
            raise NotNow(Sentence(zh=f"没有名为 {channel} 的通道", en=f"there is no channel {channel}"))
        to = page.own_address or page.test_to
        if not to:
            raise NotNow(
                Sentence(
                    zh="您没有登记这种方式的号码或地址，community.yaml 中该通道也没有写 test_to",
                    en="you have no address for this way, and the channel has no test_to in community.yaml",
                )
            )
        line = next(one for one in self.means.lines if one.name == channel)

        async def work() -> tuple[bool, str]:
            fault = await sent_test(line, to, self._clock())
            told = kept((words(fault) if fault else fact("taken"),))
            await self._note(by, "channel tested", channel, told)
            return not fault, told

        await self._work.start(f"{TEST} {channel}", by, work)

    async def _note(self, by: str, what: str, whom: str, told: str) -> None:
        now = self._clock()
        await self._store.write(lambda connection: books.changed(connection, by, what, whom, told, at=now))

    async def _disk(self) -> Disk | None:
        entry = self.means.backup
        if entry is None:
            return None
        try:
            found = await asyncio.to_thread(shutil.disk_usage, entry.folder)
        except OSError:
            return None
        return Disk(free=found.free, total=found.total)


def _counted(connection: Connection, kind: Kind, before: datetime, until_s: float) -> tuple[int, int]:
    old, early = (
        retention_days.waiting(connection, ((kind, at),), until_s=until_s)[kind.name] for at in (before, SANE)
    )
    return max(old - early, 0), min(old, early)


def _people_counted(connection: Connection, before: datetime, until_s: float) -> tuple[int, int]:
    over, early = people_over(connection, before, until_s=until_s)
    return len(over), early


def _verified(audit: chain.Audit) -> list[Fact]:
    """What a check of the record found."""
    told = [fact("record", entries=audit.entries, changes=audit.changes)]
    if audit.faults:
        told.append(fact("faults", count=len(audit.faults)))
        told += [words(one) for one in audit.faults[:_FAULTS_TOLD]]
    else:
        told.append(fact("whole"))
    return [*told, fact("head", head=audit.head), fact("changes-head", head=audit.changes_head)]


def _backed_up(found: backups.Facts) -> tuple[Fact, ...]:
    return fact("backup", cases=found.cases, entries=found.entries), fact("head", head=found.head)


def _kept_in(folder: Path) -> tuple[Kept, ...]:
    found = []
    for file in folder.glob(_ANY):
        try:
            stat = file.stat()
        except OSError:  # the daily one was just thrown away
            continue
        found.append(Kept(name=file.name, bytes=stat.st_size, at=datetime.fromtimestamp(stat.st_mtime, UTC)))
    return tuple(sorted(found, key=lambda one: one.at, reverse=True)[:_LISTED])
