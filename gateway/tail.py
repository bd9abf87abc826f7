"""What was taken in since the last commit, beside the card: it survives the death of the process, not of the box.

Each event is appended with one write and no sync before the pipeline has it. Two files are written in turn: the older
one is cleared once a transaction of the outbox holds all that is in it. The transaction names the last numbers that it
holds, so what is read back at the start is exactly what no transaction holds.

The folder is on tmpfs where systemd gives one (no wear, no waiting); else it is the data folder.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gateway.clock import ClockMark
from gateway.position import Position
from gateway.tail_file import Record, TailFile, packed, records_in
from gateway.tail_records import KIND_OF, Deed, Done, Event, Kind, Mark, Recovered, moment_of
from shouwang.gap import GapCode
from shouwang.quantities import QUANTITIES
from shouwang.reading import Reading
from shouwang.wire import GapBody

log = logging.getLogger(__name__)

FILE_BYTES = 4 * 1024 * 1024
"""Each of the two files: more than the readings that wait in memory while the card fails (20,000 of 110 bytes)."""


class Tail:
    """Belongs to the loop's thread. A folder that fails costs nothing but this protection: rules go on."""

    def __init__(self, folders: Iterable[Path], name: str, *, committed: Position) -> None:
        """Read back what is after `committed`. `folders`: the best first; `name` sets it apart in a shared one."""
        self._mark: Callable[[], ClockMark] = _no_clock
        self._pairs = [pair for folder in folders if (pair := _opened(folder, name)) is not None]
        self._place = 0
        self._is_told = False
        self.recovered = self._read_back(committed)
        """What no transaction holds; to be replayed once, before anything else is taken in."""
        self._events, self._deeds = self.recovered.position
        if self._pairs:
            self._pairs[0].sort(key=lambda file: file.size, reverse=True)
        self.committed(committed)

    def start(self, mark: Callable[[], ClockMark]) -> None:
        """Before anything is appended: `mark` tells engine time."""
        self._mark = mark

    def take_in(self, event: Event) -> int:
        """Append an event; returns its number, that of the last one for what is not kept (a sample of a stream)."""
        if isinstance(event, Reading) and QUANTITIES[event.quantity].is_stream:
            return self._events
        if self._append(KIND_OF[type(event)], Position(self._events + 1, self._deeds), _encoder.encode(event)):
            self._events += 1
        return self._events

    def do(self, what: Done, *, after: int) -> int:
        """Append what was done after event `after` was judged; returns its number."""
        deed = Deed(after=after, mono=self._mark().engine_ms, what=what)
        if self._append(Kind.DEED, Position(self._events, self._deeds + 1), _encoder.encode(deed)):
            self._deeds += 1
        return self._deeds

    def turn(self) -> None:
        """A batch begins: go on in the other file where that one is clear, and in the best folder again."""
        if self._place and not any(file.size for file in self._pairs[0]):
            self._place = 0
        elif self._pairs and self._pairs[self._place][0].size and not self._pairs[self._place][1].size:
            self._pairs[self._place].reverse()

    def committed(self, position: Position) -> None:
        """A transaction holds all up to there."""
        for file in (file for pair in self._pairs for file in pair):
            if file.size and position.holds(file.last):
                try:
                    file.clear()
                except OSError as error:
                    self._tell(error)

    @property
    def last(self) -> int:
        """The number of the last event that was taken in."""
        return self._events

    @property
    def is_kept(self) -> bool:
        """Whether what is taken in now survives the process."""
        return self._place < len(self._pairs)

    def close(self) -> None:
        """Close the files; what no transaction holds stays."""
        for pair in self._pairs:
            for file in pair:
                file.close()

    # ---- inside ----

    def _append(self, kind: Kind, position: Position, payload: bytes) -> bool:
        record = packed(kind, position.deeds if kind is Kind.DEED else position.events, payload)
        for place in range(self._place, len(self._pairs)):
            try:
                self._write(self._pairs[place], record)
            except OSError as error:
                self._tell(error)
                continue
            self._place = place
            self._pairs[place][0].last = position
            return True
        return False

    def _write(self, pair: list[TailFile], record: bytes) -> None:
        if pair[0].size + len(record) > FILE_BYTES and pair[0].size:
            pair.reverse()  # the card has failed for long: what is oldest in memory goes there too
            pair[0].clear()
        file = pair[0]
        if not file.size:
            clock = Mark(clock=self._mark(), events=self._events, deeds=self._deeds)
            record = packed(Kind.MARK, 0, _encoder.encode(clock)) + record
        file.append(record)

    def _tell(self, error: OSError) -> None:
        if not self._is_told:
            log.warning("what is taken in is not protected against a kill as it should be: %s", error)
        self._is_told = True

    def _read_back(self, committed: Position) -> Recovered:
        reader = _Reader(committed)
        for file in (file for pair in self._pairs for file in pair):
            if file.size:
                try:
                    file.last = reader.read(file.read())
                except OSError as error:
                    self._tell(error)
        return reader.recovered()


def tail_folders(data_dir: Path) -> list[Path]:
    """Where the tail may lie, the best first: systemd's folder on tmpfs, then the data folder."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return ([Path(runtime)] if runtime else []) + [data_dir]


def _opened(folder: Path, name: str) -> list[TailFile] | None:
    found: list[TailFile] = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        found.extend(TailFile(folder / f"{name}.tail-{n}") for n in (1, 2))
    except OSError as error:
        log.warning("what is taken in cannot be protected against a kill in %s: %s", folder, error)
        for file in found:
            file.close()
        return None
    return found


def _no_clock() -> ClockMark:
    raise AssertionError("start() comes before the first event")


class _Reader:
    """Puts together what the files hold."""

    def __init__(self, committed: Position) -> None:
        self._committed = committed
        self._events: dict[int, Event] = {}
        self._deeds: dict[int, Deed] = {}
        self._marks: list[ClockMark] = []
        self._highest = Position()
        self._is_end_damaged = False

    def read(self, raw: bytes) -> Position:
        """Take a file's bytes in; returns its last numbers."""
        last, is_damaged = Position(), False
        for record in records_in(raw):
            position = None if record is None else self._take(record)
            is_damaged = position is None
            last = last.joined(position or last)
        if last.events >= self._highest.events:
            self._is_end_damaged = is_damaged
        self._highest = self._highest.joined(last)
        return last

    def recovered(self) -> Recovered:
        """The story after the last commit."""
        order: list[tuple[int, bool, int]] = [(n, False, 0) for n in self._events if n > self._committed.events]
        order += [(deed.after, True, n) for n, deed in self._deeds.items() if n > self._committed.deeds]
        at = self._committed
        story: list[tuple[Position, Event | Deed]] = []
        for number, is_deed, deed_number in sorted(order):
            at = at.joined(Position(number, deed_number))
            story.append((at, self._deeds[deed_number] if is_deed else self._events[number]))
        return Recovered(
            story=tuple(story),
            position=self._committed.joined(self._highest),
            marks=tuple(self._marks),
            gap=self._gap(story),
        )

    def _take(self, record: Record) -> Position | None:
        try:
            if record.kind == Kind.MARK:
                mark = _mark.decode(record.payload)
                self._marks.append(mark.clock)
                return Position(mark.events, mark.deeds)
            if record.kind == Kind.DEED:
                self._deeds[record.number] = _deed.decode(record.payload)
                return Position(0, record.number)
            self._events[record.number] = _DECODERS[record.kind].decode(record.payload)
        except (KeyError, msgspec.DecodeError):  # sound, but of another version
            return None
        return Position(record.number, 0)

    def _gap(self, story: list[tuple[Position, Event | Deed]]) -> GapBody | None:
        since, last = self._committed, self._highest
        if since == Position():  # a new card: what came before the files' first record is not known to be lost
            first = Position(min(self._events, default=1), min(self._deeds, default=1))
            since = Position(first.events - 1, first.deeds - 1)
        missing = _missing(self._events, since.events, last.events) + _missing(self._deeds, since.deeds, last.deeds)
        missing += self._is_end_damaged
        if not missing:
            return None
        moments = [moment for _, item in story if (moment := moment_of(item)) is not None]
        return GapBody(
            reason="the gateway was killed, and what it had taken in last cannot be read back in full",
            count=missing,
            first_at=min(moments, default=None),
            last_at=max(moments, default=None),
            code=GapCode.TAIL_DAMAGED,
        )


def _missing(found: Collection[int], after: int, last: int) -> int:
    return max(0, last - after) - sum(after < number <= last for number in found)


_encoder = msgspec.msgpack.Encoder()
_mark = msgspec.msgpack.Decoder(Mark)
_deed = msgspec.msgpack.Decoder(Deed)
_DECODERS: Mapping[int, msgspec.msgpack.Decoder[Event]] = {
    kind: msgspec.msgpack.Decoder(event) for event, kind in KIND_OF.items()
}
