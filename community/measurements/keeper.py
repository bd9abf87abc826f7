"""Keeps measurements in order while the server runs: sums them, mends times, lets go of what is too old.

In small pieces, so that what homes send waits for none of them. What fails is tried again; it stops nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from community import measurement_words
from community.measurement_words import MEASUREMENTS
from community.measurements.own_file import OwnFile
from community.measurements.port import Keep
from community.store import measured_homes, measurement_file, own_faults, rollups
from community.store.database import Connection, Store
from shouwang.bilingual import told_by
from shouwang.errors import ConfigError, GiveUp, TryLater

_TURN_S = 5.0
_QUARTERS_AT_ONCE = 50
"""About 40 ms of the writer."""
_PIECES_A_TURN = 200
"""After so many the other chores have their turn."""
PASSES_WITHIN = timedelta(minutes=2)
"""A failure that is over sooner is nobody's case: homes keep what they measure for days."""
_FORGET_EVERY = timedelta(hours=1)
_SERIES_AT_ONCE, _MESSAGES_AT_ONCE, _SAMPLES_AT_ONCE = 20, 5000, 5000

log = logging.getLogger(__name__)


class Keeper:
    """One for the server."""

    def __init__(
        self,
        community: Store,
        keep: Keep,
        *,
        clock: Callable[[], datetime],
        own: OwnFile | None = None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """`own`: where the samples have a file of their own; `told` is called when there may be a new case."""
        self._community = community
        self._keep = keep
        self._clock = clock
        self._file = own
        self._tell = told
        self._failing_since: datetime | None = None
        self._is_said = False
        self._forgotten_at: datetime | None = None
        self._forgot_up_to: int | None = None
        self._is_copied = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(_TURN_S)

    async def turn(self) -> None:
        """Every chore once, as far as it comes."""
        chores = [self.roll, self.forget]
        if self._file is not None:
            chores = [self._check, self.learn, self.mend, self.note_seen, self.roll, self.copy, self.forget]
        try:
            for chore in chores:
                await chore()
        except (TryLater, GiveUp, ConfigError) as error:
            await self._failed(told_by(error))
        else:
            await self._works()

    async def _failed(self, reason: str) -> None:
        now = self._clock()
        if self._failing_since is None:
            log.warning("measurements are kept in order later: %s", reason)
            self._failing_since, self._is_said = now, False
        if not self._is_said and now - self._failing_since >= PASSES_WITHIN:
            why = measurement_words.measurements_down(reason)
            await self._say(lambda connection: own_faults.begin(connection, MEASUREMENTS, why, now))

    async def _works(self) -> None:
        if self._failing_since is not None:
            log.info("measurements are in order again")
            self._failing_since, self._is_said = None, False
        if not self._is_said:  # also after a start: what failed before it may work now
            now, why = self._clock(), measurement_words.MEASUREMENTS_BACK
            await self._say(lambda connection: own_faults.over(connection, MEASUREMENTS, why, now))

    async def _say(self, what: Callable[[Connection], bool]) -> None:
        try:
            is_new = await self._community.write(what)
        except (TryLater, GiveUp) as error:
            log.warning("nobody was told of the state of measurements: %s", error)
            return
        self._is_said = True
        if is_new:
            self._tell()

    async def open(self) -> None:
        """Open the file of its own, where it is not; what fails is told, and tried again at each turn."""
        if self._file is None:
            return
        try:
            await self._file.open()
            await self.learn()
        except (TryLater, GiveUp, ConfigError) as error:
            await self._failed(told_by(error))

    async def _check(self) -> None:
        file, _ = self._own()
        await file.open()
        if file.refused is not None:
            raise TryLater(file.refused)

    async def roll(self) -> None:
        """Sum what has changed and ended."""
        now = self._clock()
        for _ in range(_PIECES_A_TURN):
            done = await self._place.write(
                lambda connection: rollups.roll(connection, now, self._keep, limit=_QUARTERS_AT_ONCE)
            )
            if done < _QUARTERS_AT_ONCE:
                return

    async def forget(self) -> None:
        """Once an hour: let go of what is too old."""
        now = self._clock()
        if self._forgot_up_to is None:
            if self._forgotten_at is not None and now - self._forgotten_at < _FORGET_EVERY:
                return
            self._forgotten_at, self._forgot_up_to = now, 0
        for _ in range(_PIECES_A_TURN):
            self._forgot_up_to = await self._place.write(
                partial(rollups.forget, after=self._forgot_up_to, now=now, keep=self._keep, limit=_SERIES_AT_ONCE)
            )
            if self._forgot_up_to is None:
                break
        if self._file is not None:
            await self._place.write(
                lambda connection: rollups.forget_messages(connection, now, self._keep, limit=_MESSAGES_AT_ONCE)
            )
            await self._forget_copied(now)

    # ---- a file of its own ----

    async def learn(self) -> None:
        """Learn which messages the community database has, before any is written: one that comes again is known."""
        file, community = self._own()
        if file.knows_what_came_before.is_set():
            return
        number = await self._mark("known_up_to")
        while True:
            parcels, last = await community.read(
                partial(measured_homes.messages_after, number=number, limit=_MESSAGES_AT_ONCE)
            )
            if last is None:
                break
            await file.file.copy(parcels, {"known_up_to": last})
            number = last
        file.knows_what_came_before.set()

    async def copy(self) -> None:
        """Copy the samples that the community database has, piece by piece; they stay there until they are old."""
        file, community = self._own()
        if self._is_copied:
            return
        done, up_to = await self._mark("copied_up_to"), await self._mark("known_up_to")
        series, before = await self._mark("copying_series"), await self._mark("copying_before")
        before = before if series else measured_homes.NEWEST_US
        for _ in range(_PIECES_A_TURN):
            if done == up_to:
                self._is_copied = True
                return
            part = partial(
                measured_homes.samples_before,
                series_id=series,
                before_us=before,
                messages=(done, up_to),
                limit=_SAMPLES_AT_ONCE,
            )
            piece = await community.read(part)
            series, before = piece.series_id or 0, piece.before_us
            reached = {"copying_series": series, "copying_before": before}
            if piece.series_id is None:
                reached["copied_up_to"] = done = up_to
            await file.file.copy(piece.parcels, reached)

    async def mend(self) -> None:
        """Move samples of homes whose clock was wrong to what is known of it now."""
        _, community = self._own()
        stored = await self._place.read(measurement_file.applied)
        if not stored:
            return
        for boot in await community.read(lambda connection: measured_homes.boots(connection, stored)):
            if boot.zero is not None and stored[boot.number] != (boot.zero, int(boot.timing)):
                await self._place.write(partial(measurement_file.mend_boot, boot=boot))

    async def note_seen(self) -> None:
        """Tell the community database that those homes live that measure."""
        file, community = self._own()
        last, file.last_seen = file.last_seen, {}
        if last:
            await community.write(lambda connection: measured_homes.seen(connection, last))

    async def _forget_copied(self, now: datetime) -> None:
        if not self._is_copied:
            return
        after: int | None = 0
        while after is not None:
            part = partial(measured_homes.drop_copied, after=after, now=now, keep=self._keep, limit=_SERIES_AT_ONCE)
            after = await self._community.write(part)

    @property
    def _place(self) -> Store:
        """Where the samples lie."""
        return self._community if self._file is None else self._file.file.store

    async def _mark(self, name: str) -> int:
        return await self._place.read(lambda connection: measurement_file.mark(connection, name))

    def _own(self) -> tuple[OwnFile, Store]:
        if self._file is None:
            raise TypeError("the samples lie beside the cases")
        return self._file, self._community
