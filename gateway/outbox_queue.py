"""The messages in the outbox's file: numbered, counted, let go on receipts, kept within the budget.

All within the caller's transactions.
"""

import logging
import secrets
import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from gateway.batch import Key, enveloped
from gateway.clock import ClockMark
from gateway.outbox_budget import Budget, Shrinker, Step
from gateway.stored import Stored
from shouwang.gap import GapCode
from shouwang.wire import Body, Envelope, Lane, MessageId, encode

log = logging.getLogger(__name__)

_STEPS_AT_ONCE = 8
"""Steps of the budget in one transaction: what is over it after that waits for the next."""
_ROOM = ("freelist_count", "page_size")


class Queue:
    """Of one open file."""

    def __init__(self, db: sqlite3.Connection, gateway_id: str) -> None:
        """Draws an epoch for a new file."""
        self._db = db
        self._gateway_id = gateway_id
        row = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        self.epoch = secrets.token_hex(8) if row is None else str(row[0])
        if row is None:
            db.execute("INSERT INTO meta VALUES ('epoch', ?)", (self.epoch,))
        self._count: dict[Lane, int] = {}
        self._waiting = 0
        self.weigh()

    @property
    def counts(self) -> Mapping[Lane, int]:
        """Messages without a receipt in each lane; may be read in any thread."""
        return {lane: self._count.get(lane, 0) for lane in Lane}

    def weigh(self) -> None:
        """Count what there is: after a transaction that failed, and where much has gone."""
        rows = self._db.execute("SELECT lane, count(*), sum(length(body)) FROM message GROUP BY lane").fetchall()
        self._count = {Lane(lane): count for lane, count, _ in rows}
        self._waiting = sum(size for lane, _, size in rows if lane != Lane.LIFE_SAFETY)

    def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Oldest first, with numbers above `after`."""
        rows = self._db.execute(
            "SELECT seq, body FROM message WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?", (lane, after, limit)
        ).fetchall()
        return [Stored(self.epoch, lane, seq, body) for seq, body in rows]

    def store(self, lane: Lane, body: Body, mark: ClockMark) -> Stored:
        """A new message."""
        return self._insert(enveloped(self._next_id(lane), body, mark), mark.engine_ms)

    def renew(self, old: Envelope, mono: int, *, is_thinned: bool = False) -> Stored:
        """A message under a new number; `mono`: since which engine millisecond it waits."""
        return self._insert(msgspec.structs.replace(old, id=self._next_id(old.id.lane)), mono, is_thinned=is_thinned)

    def let_go(self, confirmed: Iterable[Key]) -> None:
        """The centre has these."""
        for epoch, lane, seq in confirmed:
            if epoch != self.epoch:
                continue
            row = self._db.execute(
                "DELETE FROM message WHERE lane = ? AND seq = ? RETURNING length(body)", (lane, seq)
            ).fetchone()
            if row is not None:
                self._add(lane, -1, -row[0])

    def numbers(self) -> dict[int, int]:
        """The last number given in each lane."""
        rows = self._db.execute("SELECT name, value FROM meta WHERE name LIKE 'seq-%'")
        return {int(name.removeprefix("seq-")): int(value) for name, value in rows}

    def undo_after(self, known: Mapping[int, int]) -> None:
        """Let go of what has a higher number than is known."""
        for lane in Lane:
            self._db.execute("DELETE FROM message WHERE lane = ? AND seq > ?", (lane, known.get(lane, 0)))
        self.weigh()

    def keep(self, budget: Budget, room: tuple[int, int], mark: ClockMark) -> list[Stored]:
        """Let go of what is too much or too old; `room`: bytes free on the card, and its size."""
        shrinker, stored = Shrinker(self._db, mark.engine_ms), []
        for _ in range(_STEPS_AT_ONCE):
            step = self._step(shrinker, budget, room, mark.engine_ms)
            if step is None:
                break
            stored += self._take(step, mark)
        return stored

    def make_room(self, mark: ClockMark) -> list[Stored]:
        """The card is full: let go of the next in the order of importance."""
        step = Shrinker(self._db, mark.engine_ms).step(GapCode.CARD_FULL, "the card is full", may_thin=False)
        return [] if step is None else self._take(step, mark)

    def _step(self, shrinker: Shrinker, budget: Budget, room: tuple[int, int], now: int) -> Step | None:
        free, size = room
        (pages,), (page_size,) = (self._db.execute(f"PRAGMA {what}").fetchone() for what in _ROOM)
        if self._waiting > budget.bytes:
            return shrinker.step(GapCode.OVER_BUDGET, "unsent data were over their budget")
        if self._waiting > budget.allowed(self._waiting, free + pages * page_size, size):
            return shrinker.step(GapCode.CARD_FULL, "the card is nearly full")
        oldest = shrinker.oldest()
        if oldest is not None and budget.is_too_old(oldest, now):
            return shrinker.drop_oldest(GapCode.OVER_BUDGET, "unsent data were older than may be kept")
        return None

    def _take(self, step: Step, mark: ClockMark) -> list[Stored]:
        gap = step.gap
        log.error("%s: %d readings or messages from %s to %s", gap.reason, gap.count, gap.first_at, gap.last_at)
        stored = [self.renew(old, mono, is_thinned=True) for mono, old in step.instead]
        stored.append(self.store(Lane.STATE, gap, mark))
        self.weigh()
        return stored

    def _next_id(self, lane: Lane) -> MessageId:
        (seq,) = self._db.execute(
            "INSERT INTO meta VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (f"seq-{lane:d}",),
        ).fetchone()
        return MessageId(gateway=self._gateway_id, epoch=self.epoch, lane=lane, seq=int(seq))

    def _insert(self, envelope: Envelope, mono: int, *, is_thinned: bool = False) -> Stored:
        key, payload = envelope.id, encode(envelope)
        self._db.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?)", (key.lane, key.seq, mono, int(is_thinned), payload)
        )
        self._add(key.lane, 1, len(payload))
        return Stored(key.epoch, key.lane, key.seq, payload)

    def _add(self, lane: Lane, count: int, size: int) -> None:
        self._count[lane] = self._count.get(lane, 0) + count
        self._waiting += size if lane != Lane.LIFE_SAFETY else 0
