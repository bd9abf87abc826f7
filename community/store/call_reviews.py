"""Reviews of calls on disk: sealed in the audit log, never changed; the handler says that he has read his."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.call_review import Review
from community.casefile import NotNow, Reviewed
from community.store import cases, chain, note_words, seals
from community.store.supervising_schema import call_reviews as table
from shouwang.alert import Sentence

MOST = 500
"""Reviews on one page: two of each person and month."""


def keep(connection: sa.Connection, found: Review) -> None:
    """Write it down and seal it. Raises NotNow where there is no such case, or it has been reviewed."""
    case = cases.load(connection, found.incident_id)
    if case is None:
        raise NotNow(Sentence(zh="没有这个警情", en="there is no such case"))
    same = (
        table.c.handler == found.handler,
        table.c.month == found.month,
        table.c.incident_id == found.incident_id,
    )
    if connection.execute(sa.select(table.c.review_id).where(*same)).first() is not None:
        raise NotNow(Sentence(zh="本案已经复核过", en="this call has been reviewed already"))
    note_id, digest = note_words.keep(connection, found.incident_id, found.words or "")
    values = {name: getattr(found, name) for name in ("month", "handler", "incident_id", "by", "at")}
    row = table.insert().values(**values, marks=msgspec.json.encode(found.marks), note_id=note_id)
    number = connection.execute(row.returning(table.c.review_id)).scalar_one()
    seals.seal(connection, table, int(number), at=found.at)
    event = Reviewed(
        by=found.by, handler=found.handler, month=found.month, marks=found.marks, note_id=note_id, digest=digest
    )
    chain.append(connection, found.incident_id, case, event, at=found.at, actor=found.by)


def of_month(connection: sa.Connection, month: str) -> tuple[Review, ...]:
    """All of a month's sample."""
    return tuple(_read(connection, sa.select(table).where(table.c.month == month)))


def of_handlers(connection: sa.Connection, handlers: Iterable[str]) -> tuple[Review, ...]:
    """His own, the newest first. `handlers`: all names of his."""
    return tuple(_read(connection, sa.select(table).where(table.c.handler.in_(sorted(handlers)))))


def read_by_handler(connection: sa.Connection, review_id: int, handlers: Iterable[str], now: datetime) -> None:
    """He has read it; that of somebody else stays as it is."""
    his = (table.c.review_id == review_id, table.c.handler.in_(sorted(handlers)), table.c.seen_at.is_(None))
    connection.execute(table.update().where(*his).values(seen_at=now))


def _read(connection: sa.Connection, of: sa.Select[tuple[object, ...]]) -> Iterable[Review]:
    rows = connection.execute(of.order_by(table.c.at.desc(), table.c.review_id.desc()).limit(MOST)).all()
    words = note_words.of(connection, {row.note_id for row in rows})
    for row in rows:
        yield Review(
            review_id=row.review_id,
            month=row.month,
            handler=row.handler,
            incident_id=row.incident_id,
            by=row.by,
            at=row.at,
            marks=_marks.decode(row.marks),
            words=words.get(row.note_id),
            seen_at=row.seen_at,
        )


_marks = msgspec.json.Decoder(dict[str, int])
