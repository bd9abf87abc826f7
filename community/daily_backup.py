"""One backup a day, tried out, the newest few kept. One that fails is a technical case, and the older ones stay."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from community import measurement_words
from community.measurement_settings import BackupEntry
from community.measurement_words import BACKUP
from community.measurements.place import measured_file
from community.settings import CommunitySettings, secret
from community.store import backups, own_faults
from community.store.backups import Source
from community.store.database import Store
from shouwang.bilingual import Bilingual, told_by
from shouwang.errors import ConfigError, GiveUp, TryLater

_LOOK_S = 60.0
AGAIN = timedelta(hours=1)
"""A backup that failed is tried again after so long."""
_NAME = "shouwang-%Y-%m-%d.backup"
_ANY = "shouwang-????-??-??.backup"

log = logging.getLogger(__name__)


def source_of(settings: CommunitySettings) -> Source:
    """What is to be backed up of this server. Raises ConfigError for a secret of no use."""
    return Source(
        url=settings.store.url,
        password=secret(settings.store.password_file),
        measured=measured_file(settings.measurements, settings.store.url),
    )


def backups_of(folder: Path) -> list[Path]:
    """The daily backups that are there, the oldest first."""
    return sorted(folder.glob(_ANY))


class DailyBackup:
    """Runs while the server does."""

    def __init__(
        self, settings: CommunitySettings, store: Store, *, clock: Callable[[], datetime], told: Callable[[], None]
    ) -> None:
        """`told` is called when there may be a new case."""
        if settings.backup is None:
            raise TypeError("no backup is wanted")
        self._entry: BackupEntry = settings.backup
        self._source = source_of(settings)
        self._store = store
        self._clock = clock
        self._tell = told
        self._not_before: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Make today's backup, where it is time and there is none."""
        now = self._clock()
        local = now.astimezone()
        file = self._entry.folder / local.strftime(_NAME)
        is_early = local.hour < self._entry.hour or (self._not_before is not None and now < self._not_before)
        if is_early or await asyncio.to_thread(file.exists):
            return
        try:
            facts = await asyncio.to_thread(self._make, file)
        except ConfigError as error:
            log.error("the daily backup failed: %s", error)  # noqa: TRY400 - said in words
            self._not_before = now + AGAIN
            await self._say(told_by(error), now)
            return
        log.info("backup %s: %d cases, head %s", file.name, facts.cases, facts.head[:12])
        await self._say(None, now)

    def _make(self, file: Path) -> backups.Facts:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                Bilingual(
                    f"{file.parent}: cannot be made: {error.strerror}", zh=f"{file.parent}：建不了：{error.strerror}"
                )
            ) from error
        facts = backups.back_up(self._source, file)
        for old in backups_of(self._entry.folder)[: -self._entry.keep]:
            old.unlink(missing_ok=True)
        return facts

    async def _say(self, reason: str | None, now: datetime) -> None:
        try:
            if reason is None:
                why = measurement_words.BACKUP_BACK
                is_new = await self._store.write(lambda one: own_faults.over(one, BACKUP, why, now))
            else:
                failed = measurement_words.backup_failed(reason)
                is_new = await self._store.write(lambda one: own_faults.begin(one, BACKUP, failed, now))
        except (TryLater, GiveUp) as error:
            log.warning("nobody was told of the backup: %s", error)
            return
        if is_new:
            self._tell()
