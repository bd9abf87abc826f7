"""Measurements in a SQLite file of their own beside the community database: the way of SQLite.

A message and its samples are one transaction in that file, and on the disk before the home gets its receipt; the
community database is asked only for homes whose clock was not set. Cases and alarms never wait for this file.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from community.measurements.port import Bucket, Keep, Latest, SeriesKey, Span, Step
from community.store import measured_homes, measurements
from community.store.database import Store
from community.store.measurement_file import MeasurementFile, open_file
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import TryLater
from shouwang.wire import Envelope, MessageId, Sent

_NOT_OPEN = "the file of measurements {path} is not open", "测量数据文件 {path} 没有打开"
_NOT_KNOWN_YET = Bilingual(
    "it is not known yet which measurements came before this version", zh="还不知道哪些测量数据是这个版本之前收到的"
)


class OwnFile:
    """The port on a file of its own."""

    def __init__(self, path: Path, community: Store, keep: Keep) -> None:
        """`keep`: for how long, and when days begin. It is not open yet."""
        self._path = path
        self._file: MeasurementFile | None = None
        self._community = community
        self._keep = keep
        self.knows_what_came_before = asyncio.Event()
        """Nothing is written until it is known which messages the community database has (see Keeper)."""
        self.refused: str | None = None
        """Why the last message could not be kept."""
        self.last_seen: dict[str, datetime] = {}
        """Of gateways, when they were last heard of since somebody took note of it."""

    @property
    def file(self) -> MeasurementFile:
        """The open file. Raises TryLater where it could not be opened."""
        if self._file is None:
            raise TryLater(both(*_NOT_OPEN, path=self._path))
        return self._file

    async def open(self) -> None:
        """Open it, where it is not. Raises ConfigError."""
        if self._file is None:
            self._file = await open_file(self._path)

    async def close(self) -> None:
        """Finish what waits, then let go of the file."""
        if self._file is not None:
            await self._file.close()

    async def write(
        self, telemetry: Sequence[Envelope], received_at: datetime, sent: Mapping[MessageId, Sent] | None = None
    ) -> None:
        """As the port says."""
        if not self.knows_what_came_before.is_set():
            raise TryLater(_NOT_KNOWN_YET)
        unsure = [one for one in telemetry if one.is_clock_unsure]
        boots = {}
        if unsure:
            boots = await self._community.write(
                lambda connection: measured_homes.heard(connection, unsure, received_at, sent or {})
            )
        try:
            await self.file.put(telemetry, received_at, boots)
        except TryLater as error:
            self.refused = told_by(error)
            raise
        self.refused = None
        self.last_seen.update((one.id.gateway, received_at) for one in telemetry)

    async def query(self, series: SeriesKey, span: Span, step: Step) -> tuple[Bucket, ...]:
        """As the port says."""
        offset = self._keep.day_offset
        return await self.file.store.read(lambda connection: measurements.query(connection, series, span, step, offset))

    async def latest(self, gateway_id: str) -> tuple[Latest, ...]:
        """As the port says."""
        return await self.file.store.read(lambda connection: measurements.latest(connection, gateway_id))
