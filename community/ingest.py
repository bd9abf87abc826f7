"""From the broker into the store: batches, one transaction each, PUBACK after COMMIT, then a receipt to the home.

Two sessions, so that an alert never waits behind telemetry. What cannot be read goes to the dead letters and blocks
nobody; what the database cannot take now stays unacknowledged and is tried again; what is sent twice is stored once.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from community.batches import BATCH_BYTES, PAUSE_S, batch_of, fill, is_full
from community.measurements.port import Measurements
from community.store import cases, dead_letters, intake, reserves
from community.store.database import Connection, Store
from community.store.intake import Arrival, LifeSign
from community.store.lease import LeaseLost
from messaging.attempt import attempt
from messaging.backoff import Backoff
from messaging.broker import BrokerSettings
from messaging.session import Message, Session, connect
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, DecodeError, DeviceError, GiveUp, TryLater
from shouwang.outage import Outage
from shouwang.squeeze import unsqueeze
from shouwang.wire import (
    MAX_PAYLOAD_BYTES,
    Envelope,
    Lane,
    MessageId,
    Receipt,
    Sent,
    TelemetryBody,
    decode_envelope,
    encode,
    gateway_of,
    read_sent,
    receipt_topic,
    up_topic,
    will_topic,
)

LINGER_S = 0.05
"""How long telemetry may wait for company: one sync of the disk for many messages, and nobody sees such a delay."""
_RETRY_START_S, _RETRY_CAP_S = 0.2, 10.0
_RECONNECT_START_S, _RECONNECT_CAP_S = 0.5, 60.0
"""Full jitter up to 60 s, so that a restarted broker is not stormed."""
BEHIND_S = 30.0
"""After so long without a pause between full batches, what homes say waits at the broker for nobody knows how long: a
home whose beats lie there is not silent. Set by this project."""
_WILL_WORDS = {b"online": True, b"offline": False}
_GATEWAY_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
_ID_CHARS = 64
"""A longer name is no gateway's; a part of it is enough to find who speaks there."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lot:
    """What one session subscribes to and how it is batched. `linger_s` 0: commit at once what is there."""

    name: str
    topics: Sequence[str]
    linger_s: float
    is_urgent: bool
    bytes_at_once: int = BATCH_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class _Poison:
    message: Message
    reason: str
    id: MessageId | None
    """Its id where that much can be read: the home gets a receipt, and need not send it for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parsed:
    message: Message
    arrival: Arrival


class Ingest:
    """One lot of topics, from the broker to the store, for as long as the server runs."""

    def __init__(
        self,
        lot: Lot,
        settings: BrokerSettings,
        store: Store,
        *,
        clock: Callable[[], datetime],
        beat: Callable[[], None],
        committed: Callable[[], None],
        measurements: Measurements | None = None,
    ) -> None:
        """`beat` is called at every turn, so that a stuck ingest is a stuck watchdog; `committed` after each batch.

        `measurements`: where telemetry goes; None: into the store, like all else.
        """
        self._measurements = measurements
        self._lot = lot
        self.name = lot.name
        self._settings = settings
        self._store = store
        self._clock = clock
        self._beat = beat
        self._committed = committed
        self._outage = Outage(
            log,
            f"no {lot.name} are coming in: %s",
            ends=f"broker found again, {lot.name} are coming in",
            level=logging.WARNING,
            tells_news=True,
        )
        self.dead = 0
        """Unreadable messages since the start."""
        self.listening = asyncio.Event()
        """Set while subscribed."""
        self._hears_since: datetime | None = None
        self._full_since: float | None = None
        self._is_behind = False

    @property
    def hears_since(self) -> datetime | None:
        """Since when what homes say is subscribed to and reaches the database at once; None while it does not."""
        return None if self._is_behind else self._hears_since

    async def run(self) -> None:
        """Take in until cancelled; a lost broker is looked for again and again."""
        backoff = Backoff(_RECONNECT_START_S, _RECONNECT_CAP_S)
        while True:
            await attempt(self._connection(backoff), f"ingest-{self._lot.name}-connection")
            await self._pause(backoff.next_pause_s())

    async def _connection(self, backoff: Backoff) -> None:
        try:
            async with connect(self._settings) as session:
                await session.subscribe(self._lot.topics)
                backoff.succeeded()
                self._found()
                await self._take_in_from(session)
        except* (DeviceError, ConfigError) as errors:  # a certificate may be half replaced while we run
            self._lost(errors)

    def _found(self) -> None:
        self.listening.set()
        self._hears_since, self._full_since, self._is_behind = self._clock(), None, False
        self._outage.over()

    def _lost(self, errors: ExceptionGroup[DeviceError | ConfigError]) -> None:
        self.listening.clear()
        self._hears_since = None
        self._outage.begin(_first(errors))

    async def _pause(self, seconds: float) -> None:
        while seconds > 0:
            self._beat()
            await asyncio.sleep(min(seconds, PAUSE_S))
            seconds -= PAUSE_S

    async def _take_in_from(self, session: Session) -> None:
        waiting: asyncio.Queue[Message] = asyncio.Queue(max(1, self._settings.receive_maximum))
        async with asyncio.TaskGroup() as group:
            group.create_task(fill(waiting, session), name=f"ingest-{self._lot.name}-messages")
            while not session.is_lost:
                self._beat()
                batch = await batch_of(waiting, self._lot.linger_s, self._lot.bytes_at_once)
                if batch:
                    await self._settle(session, batch)
                self._look_behind(is_full=is_full(batch, self._lot.bytes_at_once))

    def _look_behind(self, *, is_full: bool) -> None:
        now = asyncio.get_running_loop().time()
        if not is_full:
            if self._is_behind:
                log.info("%s are no longer behind", self._lot.name)
                self._hears_since = self._clock()
            self._full_since, self._is_behind = None, False
            return
        self._full_since = now if self._full_since is None else self._full_since
        if now - self._full_since > BEHIND_S and not self._is_behind:
            log.warning("%s come in faster than they can be stored; no home is judged silent meanwhile", self._lot.name)
            self._is_behind = True

    async def _settle(self, session: Session, batch: Sequence[Message]) -> None:
        """Store the batch, acknowledge it, send the receipts. Raises DeviceError where the link is lost."""
        read = [_read(message) for message in batch]
        received_at = self._clock()
        good = [one for one in read if isinstance(one, _Parsed)]
        refused = await self._store_all(session, good, received_at)
        poison = [*(one for one in read if isinstance(one, _Poison)), *refused]
        for one in poison:
            await self._bury(session, one, received_at)
        for message in batch:
            message.ack()
        await self._confirm(session, _ids(good, poison), received_at)

    async def _store_all(self, session: Session, parsed: Sequence[_Parsed], received_at: datetime) -> list[_Poison]:
        """Store them in one transaction; where the database refuses one, one by one, to find which."""
        if not parsed:
            return []
        try:
            await self._write(session, lambda: self._keep(parsed, received_at))
        except (DeviceError, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a request: one message must not stop the others
            if len(parsed) == 1:
                return [_given_up(parsed[0], error)]
            return [found for one in parsed for found in await self._store_all(session, [one], received_at)]
        self._committed()
        return []

    async def _keep(self, parsed: Sequence[_Parsed], received_at: datetime) -> None:
        sent = _sent(parsed)
        telemetry, others = _telemetry(parsed) if self._measurements else ([], [one.arrival for one in parsed])
        if telemetry and self._measurements:
            await self._measurements.write(telemetry, received_at, sent)
            if levels := reserves.levels_in(telemetry):
                await self._store.write(lambda connection: reserves.take_in(connection, levels, received_at))
        if others:
            await self._store.write(
                lambda connection: intake.take_in(connection, others, received_at, sent), urgent=self._lot.is_urgent
            )

    async def _bury(self, session: Session, poison: _Poison, received_at: datetime) -> None:
        message = poison.message
        self.dead += 1
        log.error("unreadable message on %s, kept as a dead letter: %s", message.topic, poison.reason)

        gateway_id = _whose_alarms(message.topic)

        def bury(connection: Connection) -> None:
            is_new = dead_letters.bury(
                connection, topic=message.topic, payload=message.payload, reason=poison.reason, at=received_at
            )
            if is_new and gateway_id is not None:
                cases.warn_of_unreadable(connection, gateway_id, received_at)

        await self._write(session, lambda: self._store.write(bury, urgent=self._lot.is_urgent))
        self._committed()

    async def _write(self, session: Session, work: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(_RETRY_START_S, _RETRY_CAP_S)
        while True:
            try:
                await work()
            except TryLater as error:
                self._hears_since = None
                if backoff.failures == 0:
                    log.error("%s wait unacknowledged: %s", self._lot.name, error)  # noqa: TRY400 - no traceback: said in words
            else:
                self._hears_since = self._hears_since or self._clock()
                return
            if session.is_lost:
                raise DeviceError(
                    Bilingual(
                        "the link was lost while the database was away; the broker sends it all again",
                        zh="数据库不可用期间连接断了；消息服务器会全部重发",
                    )
                )
            await self._pause(backoff.next_pause_s())

    async def _confirm(self, session: Session, ids: Iterable[MessageId], received_at: datetime) -> None:
        stored: dict[tuple[str, str, Lane], set[int]] = {}
        for one in ids:
            stored.setdefault((one.gateway, one.epoch, one.lane), set()).add(one.seq)
        for (gateway, epoch, lane), seqs in stored.items():
            receipt = Receipt(epoch=epoch, lane=lane, seqs=tuple(sorted(seqs)), server_at=received_at)
            await session.publish(receipt_topic(gateway), encode(receipt), qos=0)


class _OnlyId(msgspec.Struct):
    id: MessageId


_only_id = msgspec.json.Decoder(_OnlyId)


def _read(message: Message) -> _Parsed | _Poison:
    try:
        gateway = gateway_of(message.topic)
        if message.topic == will_topic(gateway):
            return _Parsed(message=message, arrival=_life_sign(gateway, message))
        return _Parsed(message=message, arrival=decode_envelope(_plain(message), gateway=gateway))
    except DecodeError as error:
        return _Poison(message=message, reason=str(error), id=_id_in(message))


def _plain(message: Message) -> bytes:
    return unsqueeze(message.payload, message.encoding)


def _telemetry(parsed: Sequence[_Parsed]) -> tuple[list[Envelope], list[Arrival]]:
    """The messages with readings, and all others."""
    telemetry: list[Envelope] = []
    others: list[Arrival] = []
    for one in parsed:
        if isinstance(one.arrival, Envelope) and isinstance(one.arrival.body, TelemetryBody):
            telemetry.append(one.arrival)
        else:
            others.append(one.arrival)
    return telemetry, others


def _sent(parsed: Sequence[_Parsed]) -> dict[MessageId, Sent]:
    """When the home sent them, where it says so."""
    said = ((one.arrival.id, read_sent(one.message.sent)) for one in parsed if isinstance(one.arrival, Envelope))
    return {message_id: sent for message_id, sent in said if sent is not None}


def _life_sign(gateway: str, message: Message) -> LifeSign:
    is_online = _WILL_WORDS.get(message.payload)
    if is_online is None or not _GATEWAY_ID.match(gateway):
        raise DecodeError("not the word online or offline of a gateway")
    return LifeSign(gateway_id=gateway, is_online=is_online, is_news=not message.retained)


def _id_in(message: Message) -> MessageId | None:
    """The id of a message of which nothing else can be read, if it is its sender's own."""
    try:
        plain = _plain(message)
        if len(plain) > MAX_PAYLOAD_BYTES:
            return None
        found = _only_id.decode(plain).id
        return found if found.gateway == gateway_of(message.topic) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecodeError):
        return None


def _whose_alarms(topic: str) -> str | None:
    """The gateway whose alarm channel this is; None for every other topic."""
    try:
        gateway_id = gateway_of(topic)
    except DecodeError:
        return None
    return gateway_id[:_ID_CHARS] if topic == up_topic(gateway_id, Lane.LIFE_SAFETY) else None


def _given_up(parsed: _Parsed, error: Exception) -> _Poison:
    """A message that can be read and cannot be stored.

    Where that is the message's fault (GiveUp) the home gets a receipt; where it is ours, it does not: it sends the
    message again, until a mended server takes it.
    """
    arrival = parsed.arrival
    if isinstance(error, GiveUp):
        return _Poison(
            message=parsed.message, reason=str(error), id=arrival.id if isinstance(arrival, Envelope) else None
        )
    log.error("a mistake of this server, not of the message on %s", parsed.message.topic, exc_info=error)
    return _Poison(message=parsed.message, reason=f"a mistake of this server: {error!r}", id=None)


def _ids(good: Iterable[_Parsed], poison: Iterable[_Poison]) -> Iterable[MessageId]:
    """What the homes may let go of."""
    kept_back = {id(one.message) for one in poison}
    for one in good:
        if isinstance(one.arrival, Envelope) and id(one.message) not in kept_back:
            yield one.arrival.id
    for bad in poison:
        if bad.id is not None:
            yield bad.id


def _first(group: ExceptionGroup[DeviceError | ConfigError]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
