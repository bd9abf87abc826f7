"""The chain of changes: what people decided beside the cases, each row sealed in the transaction that writes it.

A link names its row and says what stands in it. Words that may have to be erased are sealed by a salted digest alone,
as the words of cases are. Who runs the record of cases never waits for this one (decision 032).
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgspec
import sqlalchemy as sa

from community.store import links
from community.store.columns import micros
from community.store.links import GENESIS, OTHER_COLUMNS, Walk, unreadable
from community.store.links import at as fault_at
from community.store.policy_schema import policies
from community.store.quality_schema import improvement_steps
from community.store.rights_schema import glass_reviews, right_changes
from community.store.schema import mode_orders
from community.store.sealed_schema import case_holds
from community.store.sealed_schema import sealed_changes as table
from community.store.storm_schema import storms
from community.store.supervising_schema import call_reviews, decisions
from shouwang.bilingual import Bilingual, both
from shouwang.reading import Moment

_BATCH = 500
_Fact = str | int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A table whose rows are sealed: `facts` as they stand, `words` by their digest; `needs`: only those of it."""

    table: sa.Table
    facts: tuple[str, ...]
    words: tuple[str, ...] = ()
    needs: sa.ColumnElement[bool] | None = None

    @property
    def name(self) -> str:
        """As links call it."""
        return str(self.table.name)

    def rows(self) -> "sa.Select[tuple[object, ...]]":
        """All that must be sealed."""
        found = sa.select(self.table)
        return found if self.needs is None else found.where(self.needs)


SOURCES = {
    source.name: source
    for source in (
        Source(table=right_changes, facts=("at", "actor", "what", "whom"), words=("detail",)),
        Source(
            table=policies,
            facts=(
                *("workflow", "base", "instead_of", "numbers", "state"),
                *("proposed_by", "proposed_at", "decided_by", "decided_at"),
            ),
            words=("reason",),
        ),
        Source(table=glass_reviews, facts=("seen_by", "seen_at")),
        Source(table=storms, facts=("released_at", "released_by"), needs=storms.c.released_at.is_not(None)),
        Source(table=mode_orders, facts=("gateway_id", "mode", "hours", "actor", "at")),
        Source(
            table=decisions,
            facts=("incident_id", "by", "at", "due_on", "note_id", "settled_at", "settled_by", "settled_note_id"),
            words=("owner",),
        ),
        Source(table=call_reviews, facts=("month", "handler", "incident_id", "by", "at", "marks", "note_id")),
        Source(table=improvement_steps, facts=("by", "at", "body")),
        Source(table=case_holds, facts=("incident_id", "by", "at", "ended_by", "ended_at"), words=("reason",)),
    )
}


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A link: what stood in the row when it was written. `is_adopted`: it was there before rows were sealed."""

    seq: int
    at: Moment
    source: str
    key: str
    facts: dict[str, _Fact]
    words: str = ""
    is_adopted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a check of the whole chain found."""

    entries: int
    head: str
    faults: tuple[str, ...]


def seal(connection: sa.Connection, of: sa.Table, *key: str | int, at: datetime) -> int:
    """Seal the row of this primary key as it stands now, in the transaction that wrote it; the number of the link."""
    source = SOURCES[of.name]
    columns = zip(of.primary_key.columns, key, strict=True)
    row = connection.execute(sa.select(of).where(*(column == one for column, one in columns))).one()
    seq, previous = head(connection)
    salt = secrets.token_bytes(16) if source.words else None
    link = Sealed(
        seq=seq + 1,
        at=at,
        source=source.name,
        key=key_of(source, row),
        facts=_facts(source, row),
        words="" if salt is None else _digest(salt, source, row),
    )
    body = msgspec.json.encode(link)
    values = {"seq": link.seq, "source": link.source, "key": link.key, "at": at, "salt": salt, "body": body}
    connection.execute(sa.insert(table).values(**values, prev_hash=previous, hash=links.seal(previous, body)))
    return link.seq


def head(connection: sa.Connection) -> tuple[int, bytes]:
    """The number and the hash of the last link."""
    return _head(connection, sa.true())


def head_at(connection: sa.Connection, moment: datetime) -> tuple[int, bytes]:
    """The last link that was sealed by then."""
    return _head(connection, table.c.at <= moment)


def link_with(connection: sa.Connection, head_hex: str) -> int | None:
    """The number of the link that was sealed with this hash (hex); None: it was never in this chain."""
    found = connection.scalar(sa.select(table.c.seq).where(table.c.hash == bytes.fromhex(head_hex)))
    return None if found is None else int(found)


def forget_words(connection: sa.Connection, of: sa.Table, *key: str | int) -> None:
    """The words of a row go; that it was, by whom and when, stays sealed."""
    source = SOURCES[of.name]
    this = [column == one for column, one in zip(of.primary_key.columns, key, strict=True)]
    connection.execute(sa.update(of).where(*this).values(dict.fromkeys(source.words, "")))
    named = (table.c.source == source.name, table.c.key == _joined(key))
    connection.execute(sa.update(table).where(*named).values(salt=None))


def decode_link(body: bytes) -> Sealed:
    """Raises msgspec.DecodeError where the bytes are no link."""
    return _decoder.decode(body)


def key_of(source: Source, row: "sa.Row[tuple[object, ...]]") -> str:
    """The primary key of a row, as links name it."""
    return _joined(getattr(row, column.name) for column in source.table.primary_key.columns)


def check(connection: sa.Connection) -> Found:
    """Every link, and every row against the last link that names it."""
    found = _Check()
    rows = connection.execution_options(yield_per=_BATCH).execute(sa.select(table).order_by(table.c.seq))
    for row in rows:
        found.link(row)
    for source in SOURCES.values():
        found.rows_of(source, connection.execution_options(yield_per=_BATCH).execute(source.rows()))
    found.missing()
    return Found(entries=found.walk.number, head=found.walk.head.hex(), faults=tuple(found.faults))


class _Check:
    def __init__(self) -> None:
        self.walk = Walk(_CHANGES)
        self.faults: list[str] = []
        self._last: dict[tuple[str, str], tuple[Sealed, bytes | None]] = {}
        self._is_adopting = True

    def link(self, row: "sa.Row[tuple[object, ...]]") -> None:
        where = both("change {number}", "第 {number} 条变更", number=row.seq)
        told = self.walk.pass_on(row.seq, body=row.body, previous=row.prev_hash, sealed=row.hash)
        self.faults.extend(fault_at(where, fault) for fault in told)
        try:
            sealed = decode_link(row.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.faults.append(fault_at(where, unreadable(error)))
            return
        if (sealed.seq, sealed.source, sealed.key, sealed.at) != (row.seq, row.source, row.key, row.at):
            self.faults.append(fault_at(where, OTHER_COLUMNS))
        if sealed.is_adopted and not self._is_adopting:
            self.faults.append(fault_at(where, _NOT_OLDER))
        self._is_adopting = sealed.is_adopted
        self._last[sealed.source, sealed.key] = (sealed, row.salt)

    def rows_of(self, source: Source, rows: "sa.CursorResult[tuple[object, ...]]") -> None:
        for row in rows:
            key = key_of(source, row)
            sealed, salt = self._last.pop((source.name, key), (None, None))
            where = _row(source.name, key)
            if sealed is None:
                self.faults.append(fault_at(where, _UNSEALED))
            else:
                self.faults.extend(fault_at(where, fault) for fault in _differences(source, row, sealed, salt))

    def missing(self) -> None:
        self.faults.extend(fault_at(_row(source, key), _MISSING) for source, key in sorted(self._last))


def _differences(
    source: Source, row: "sa.Row[tuple[object, ...]]", sealed: Sealed, salt: bytes | None
) -> Iterator[str]:
    facts = _facts(source, row)
    other = [name for name in source.facts if facts[name] != sealed.facts.get(name, "")]
    if other:
        yield both(*_ALTERED, number=sealed.seq, names=", ".join(other))
    is_erased = salt is None and not any(getattr(row, name) for name in source.words)
    if source.words and not is_erased and _digest(salt or b"", source, row) != sealed.words:
        yield both(*_OTHER_WORDS, number=sealed.seq)


def _row(source: str, key: str) -> str:
    return both("{source} {key}", "{source} {key}", source=_ROWS.get(source, source), key=key)


def _facts(source: Source, row: "sa.Row[tuple[object, ...]]") -> dict[str, _Fact]:
    return {name: _fact(getattr(row, name)) for name in source.facts}


def _fact(value: object) -> _Fact:
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, bytes):
        return sha256(value).hexdigest()
    return value if isinstance(value, int) or value is None else str(value)


def _digest(salt: bytes, source: Source, row: "sa.Row[tuple[object, ...]]") -> str:
    words = [getattr(row, name) or "" for name in source.words]
    return sha256(salt + msgspec.json.encode(words)).hexdigest()


def _head(connection: sa.Connection, which: "sa.ColumnElement[bool]") -> tuple[int, bytes]:
    last = sa.select(table.c.seq, table.c.hash).where(which).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(last).first()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def _joined(key: Iterable[object]) -> str:
    return "/".join(map(str, key))


_CHANGES = Bilingual("changes", zh="变更")
_ROWS = {
    name: Bilingual(name, zh=zh)
    for name, zh in {
        right_changes.name: "权限变更",
        policies.name: "时限与呼叫",
        glass_reviews.name: "凭理由查看的复核",
        storms.name: "集中报警",
        mode_orders.name: "在家与外出指令",
        decisions.name: "督办联席会议决定",
        call_reviews.name: "抽查复核",
        improvement_steps.name: "整改步骤",
        case_holds.name: "案件保留",
    }.items()
}
_NOT_OLDER = Bilingual(
    "says that it is older than sealed changes, and stands after one", zh="自称早于封存的变更，却排在其后"
)
_UNSEALED = Bilingual("was never sealed", zh="从未封存")
_MISSING = Bilingual("is missing", zh="不见了")
_ALTERED = "is not as it was sealed by change {number} ({names})", "与第 {number} 条变更封存时不一致（{names}）"
_OTHER_WORDS = "its words are not those that were sealed by change {number}", "文字不是第 {number} 条变更封存的原文"
_decoder = msgspec.json.Decoder(Sealed)
