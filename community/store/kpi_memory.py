"""What figures were made of at the last look: a month is not taken apart anew for each page that shows it.

Which cases a span holds, and up to which entry of the log each of them was counted, is read each time; a case of which
that is as it was is not decoded again, and one that has moved is. So no number is older than the database.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import msgspec
import sqlalchemy as sa

from community.kpi_facts import CaseFacts, History, TimedStep
from community.kpi_months import Window
from community.store import quality_schema
from community.store.gathered import NOTHING, gathered

SPANS = 4
"""This month and this week, and those before them: so many are looked at again and again."""
_FEW = 500
"""So many cases are asked for by number; with more of them it is cheaper to read all."""

Stamp = tuple[int, int, int, int | None, bool | int]
"""The case, its last counted entry, when it began and ended, whether it is a test."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A case as it was counted. `runs`: none of a test call."""

    stamp: Stamp
    facts: CaseFacts
    runs: tuple[TimedStep, ...]


@dataclass(frozen=True)
class Span:
    """The cases of a span, by number. `said`: by which words of the database."""

    said: str = NOTHING
    of: Mapping[int, Counted] = field(default_factory=dict)

    @cached_property
    def facts(self) -> tuple[CaseFacts, ...]:
        """Of all of them."""
        return tuple(one.facts for one in self.of.values())

    @cached_property
    def runs(self) -> tuple[TimedStep, ...]:
        """Of all of them."""
        return tuple(run for one in self.of.values() for run in one.runs)


class Memory:
    """Of one database. Several threads may read with it: each goes on from a whole state, and leaves a whole one."""

    def __init__(self) -> None:
        """Nothing is known yet. `histories`: of cases that the tables have not counted yet, each up to an entry."""
        self._spans: dict[Window, Span] = {}
        self._lock = Lock()
        self.histories: Mapping[int, tuple[int, History | None]] = {}

    def span(self, window: Window) -> Span:
        """As it was read last; an empty one where that is forgotten."""
        with self._lock:
            return self._spans.get(window, Span())

    def keep(self, window: Window, span: Span) -> None:
        """Those that were not asked for the longest time are forgotten."""
        with self._lock:
            self._spans.pop(window, None)
            self._spans[window] = span
            while len(self._spans) > SPANS:
                self._spans.pop(next(iter(self._spans)))


def span_of(connection: sa.Connection, window: Window, memory: Memory) -> Span:
    """What the tables say of the cases that were open in the span."""
    table, before = quality_schema.case_facts, memory.span(window)
    of_span = sa.and_(
        table.c.opened_at < window.end, sa.or_(table.c.ended_at.is_(None), table.c.ended_at >= window.start)
    )
    columns = (table.c.incident_id, table.c.seq, table.c.opened_at, table.c.ended_at, table.c.is_test)
    said = gathered(connection, sa.select(*columns).where(of_span))
    found = before if said == before.said else Span(said=said, of=_read(connection, said, of_span, before))
    memory.keep(window, found)
    return found


def _read(connection: sa.Connection, said: str, of_span: sa.ColumnElement[bool], before: Span) -> Mapping[int, Counted]:
    stamps = {stamp[0]: stamp for stamp in _stamps.decode(said)}
    found = {number: one for number, one in before.of.items() if stamps.get(number) == one.stamp}
    new = stamps.keys() - found.keys()
    asked = quality_schema.case_facts.c.incident_id.in_(sorted(new)) if len(new) <= _FEW else of_span
    if new:
        runs = _runs(connection, asked)
        found |= {
            number: Counted(stamp=stamps[number], facts=_facts.decode(body), runs=tuple(runs.get(number, ())))
            for number, body in _bodies(connection, asked, new)
        }
    return dict(sorted(found.items()))


def _bodies(
    connection: sa.Connection, asked: sa.ColumnElement[bool], new: Collection[int]
) -> Iterable[tuple[int, bytes]]:
    table = quality_schema.case_facts
    rows = connection.execute(sa.select(table.c.incident_id, table.c.body).where(asked))
    return [(row.incident_id, row.body) for row in rows if row.incident_id in new]


def _runs(connection: sa.Connection, asked: sa.ColumnElement[bool]) -> Mapping[int, list[TimedStep]]:
    table, runs = quality_schema.case_facts, quality_schema.timed_steps
    rows = connection.execute(
        sa.select(runs)
        .join(table, table.c.incident_id == runs.c.incident_id)
        .where(asked, table.c.is_test.is_(False))
        .order_by(runs.c.incident_id, runs.c.version, runs.c.step)
    )
    found: dict[int, list[TimedStep]] = {}
    for row in rows.mappings():
        found.setdefault(row["incident_id"], []).append(TimedStep(**row))
    return found


_facts = msgspec.json.Decoder(CaseFacts)
_stamps = msgspec.json.Decoder(list[Stamp])
