"""Measurements in the community database, beside the cases: the way of PostgreSQL, where nothing has to be apart."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from community.measurements.port import Bucket, Keep, Latest, SeriesKey, Span, Step
from community.store import intake, measurements
from community.store.database import Store
from shouwang.wire import Envelope, MessageId, Sent


class BesideCases:
    """The port on the community database."""

    def __init__(self, store: Store, keep: Keep) -> None:
        """`keep`: for how long, and when days begin."""
        self.store = store
        self._keep = keep

    async def write(
        self, telemetry: Sequence[Envelope], received_at: datetime, sent: Mapping[MessageId, Sent] | None = None
    ) -> None:
        """One transaction, with all that the messages tell of their gateways."""
        await self.store.write(lambda connection: intake.take_in(connection, telemetry, received_at, sent))

    async def query(self, series: SeriesKey, span: Span, step: Step) -> tuple[Bucket, ...]:
        """As the port says."""
        offset = self._keep.day_offset
        return await self.store.read(lambda connection: measurements.query(connection, series, span, step, offset))

    async def latest(self, gateway_id: str) -> tuple[Latest, ...]:
        """As the port says."""
        return await self.store.read(lambda connection: measurements.latest(connection, gateway_id))
