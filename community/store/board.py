"""The open cases as the queue shows them. Every page of every console asks for them, so little is done twice.

What the database says now is read each time, as light as it can be; what it says in the same words as before is not
taken apart again. A case changes with its version only; a home, an alert or a clock may change without it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from math import inf

import msgspec
import sqlalchemy as sa

from community.casefile import Case, Colour
from community.desk import QueueRow
from community.store import flapping, schema, storm_rows
from community.store.case_rows import Home, Lead, lead_of, leads_asked, made, named_by
from community.store.cases import CLOSED, decode_case
from community.store.columns import moment_of
from community.store.gathered import NOTHING, gathered
from community.store.lease import engine_now
from community.store.living import living
from community.store.storm_schema import storm_homes
from community.store.storms import HELD

CLOCK_SLACK = timedelta(milliseconds=50)
"""A running clock is shown to the second: times that are off by less are not computed anew. Set by this project."""
_FEW = 500
"""So many cases are asked for by number; with more of them it is cheaper to read all."""

_Stamp = tuple[int, int]
"""Version of a case, and when it changed: a database that was set back may count the same numbers anew."""
_Pair = tuple[str, str]
_Told = tuple[str, str, str, bool | int, int, int | None]
Moment = tuple[datetime, int]
"""Wall time and engine time (ms)."""


@dataclass(frozen=True, slots=True)
class _Row:
    case: Case
    home: Home | None
    lead: Lead | None
    row: QueueRow


@dataclass(frozen=True)
class _Cases:
    said: str = NOTHING
    of: Mapping[int, tuple[_Stamp, Case]] = field(default_factory=dict)

    @cached_property
    def leads(self) -> frozenset[_Pair]:
        return frozenset(named_by(case) for _, case in self.of.values())


@dataclass(frozen=True, slots=True)
class _Homes:
    said: str = NOTHING
    of: Mapping[str, Home] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Leads:
    said: str = NOTHING
    of: Mapping[_Pair, Lead] = field(default_factory=dict)
    told: Mapping[_Pair, _Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read last. `moment`: wall and engine time by which the clocks of `rows` were computed."""

    cases: _Cases = field(default_factory=_Cases)
    homes: _Homes = field(default_factory=_Homes)
    leads: _Leads = field(default_factory=_Leads)
    moment: Moment | None = None
    rows: Mapping[int, _Row] = field(default_factory=dict)
    ordered: tuple[QueueRow, ...] = ()


class Memory:
    """What one reader keeps from one read to the next: of one database, and of no more cases than it has open.

    Several threads may read with it: each goes on from a whole state, and leaves a whole one.
    """

    def __init__(self, *, held: bool = False) -> None:
        """Of the open cases; `held`: of those that storms hold back instead."""
        self.which = _HELD if held else IS_OPEN
        self.known = _Known()


def queue(connection: sa.Connection, memory: Memory, clock: Callable[[], datetime]) -> tuple[QueueRow, ...]:
    """Open cases: a red card first, then the most urgent, then the shortest battery, then what turns red next."""
    return labelled(connection, _read(connection, memory, clock), clock())


def held(
    connection: sa.Connection, memory: Memory, clock: Callable[[], datetime], *, storm_id: int
) -> tuple[QueueRow, ...]:
    """The cases that this storm holds back: the shortest battery first, then the oldest. `memory`: of those held."""
    of_it = sa.select(storm_homes.c.incident_id).where(
        storm_homes.c.storm_id == storm_id, storm_homes.c.incident_id.is_not(None)
    )
    mine = {number for (number,) in _numbers.decode(gathered(connection, of_it))}
    rows = tuple(row for row in _read(connection, memory, clock) if row.incident_id in mine)
    found = labelled(connection, rows, clock())
    return tuple(sorted(found, key=lambda row: (_or_most(row.battery_min), row.opened_at, row.incident_id)))


def _read(connection: sa.Connection, memory: Memory, clock: Callable[[], datetime]) -> tuple[QueueRow, ...]:
    """Without what is not kept with a case."""
    before = memory.known
    cases = _cases(connection, memory.which, before.cases)
    homes = _homes(connection, memory.which, before.homes)
    leads = _leads(connection, cases, before.leads)
    now_e = engine_now(connection)
    moment = same_moment(before.moment, (clock(), now_e))
    if cases is before.cases and homes is before.homes and leads is before.leads and moment is before.moment:
        return before.ordered
    kept = before.rows if moment is before.moment else {}
    rows = {
        number: _row(number, case, homes.of.get(case.home_key), leads.of.get(named_by(case)), (moment, kept))
        for number, (_, case) in cases.of.items()
    }
    ordered = tuple(sorted((one.row for one in rows.values()), key=urgency))
    memory.known = _Known(cases=cases, homes=homes, leads=leads, moment=moment, rows=rows, ordered=ordered)
    return ordered


def _row(
    number: int, case: Case, home: Home | None, lead: Lead | None, known: tuple[Moment, Mapping[int, _Row]]
) -> _Row:
    moment, kept = known
    before = kept.get(number)
    if before is not None and before.case is case and before.home == home and before.lead is lead:
        return before
    return _Row(case=case, home=home, lead=lead, row=made(number, case, home, lead, moment))


def same_moment(before: Moment | None, now: Moment) -> Moment:
    """The one by which clocks were computed before, as long as both clocks have gone on alike in the same year."""
    if before is None or before[0].year != now[0].year:
        return now
    apart = (now[0] - before[0]) - timedelta(milliseconds=now[1] - before[1])
    return before if abs(apart) <= CLOCK_SLACK else now


def _cases(connection: sa.Connection, which: sa.ColumnElement[bool], before: _Cases) -> _Cases:
    said = gathered(connection, sa.select(_NUMBER, _TABLE.c.version, _TABLE.c.changed_at).where(which))
    if said == before.said:
        return before
    stamps = {number: (version, changed) for number, version, changed in _stamps.decode(said)}
    kept = {number: known for number, known in before.of.items() if stamps.get(number) == known[0]}
    new = stamps.keys() - kept.keys()
    asked = _NUMBER.in_(sorted(new)) if len(new) <= _FEW else which
    if new:
        kept |= {
            number: (stamps[number], decode_case(body)) for number, body in bodies(connection, asked) if number in new
        }
    return _Cases(said=said, of=kept)


def bodies(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[tuple[int, bytes]]:
    """Cases as they are stored, by their numbers."""
    found = _bodies.decode(gathered(connection, sa.select(_NUMBER, _TABLE.c.body).where(which)))
    return ((number, bytes.fromhex(body)) for number, body in found)


def _homes(connection: sa.Connection, which: sa.ColumnElement[bool], before: _Homes) -> _Homes:
    homes, residents = schema.homes, schema.residents
    lives = (residents.c.home_id == homes.c.home_id) & living()
    said = gathered(
        connection,
        sa.select(
            homes.c.home_id,
            homes.c.address,
            residents.c.place,
            residents.c.resident_id,
            residents.c.name,
            residents.c.born,
        )
        .join_from(_TABLE, homes, homes.c.home_id == _TABLE.c.home_key)
        .join(residents, lives, isouter=True)
        .where(which),
    )
    if said == before.said:
        return before
    rows = sorted(_people.decode(said), key=lambda row: (row[2] or 0, row[3] or ""), reverse=True)
    # the first of a home stays
    return _Homes(said=said, of={row[0]: Home(address=row[1], name=row[4] or "", born=row[5]) for row in rows})


def _leads(connection: sa.Connection, cases: _Cases, before: _Leads) -> _Leads:
    said = gathered(connection, leads_asked(connection, cases.leads))
    if said == before.said:
        return before
    of: dict[_Pair, Lead] = {}
    told: dict[_Pair, _Told] = {}
    for row in _alerts.decode(said):
        pair = (row[0], row[1])
        told[pair] = row
        of[pair] = before.of[pair] if before.told.get(pair) == row else _lead(row)
    return _Leads(said=said, of=of, told=told)


def _lead(row: _Told) -> Lead:
    _, _, body, by_sms, received_at, seen_at = row
    return lead_of(
        bytes.fromhex(body),
        by_sms=bool(by_sms),
        received_at=moment_of(received_at),
        seen_at=None if seen_at is None else moment_of(seen_at),
    )


def labelled(connection: sa.Connection, rows: tuple[QueueRow, ...], now: datetime) -> tuple[QueueRow, ...]:
    """In the order of the queue, with what comes and goes beside the case; the very same where there is none of it."""
    left = storm_rows.batteries(connection, now)
    flap = flapping.all_labelled(connection)
    if not left and not flap:
        return rows
    told = (
        replace(row, battery_min=left.get(row.incident_id), is_flapping=row.incident_id in flap)
        if row.incident_id in left or row.incident_id in flap
        else row
        for row in rows
    )
    return tuple(sorted(told, key=urgency))


def urgency(row: QueueRow) -> tuple[bool, int, float, float, int]:
    """By which the queue is in order."""
    left = row.clock.due_at.timestamp() if row.clock is not None else inf
    is_red = row.card is Colour.RED
    return not is_red, row.priority.rank, _or_most(row.battery_min), left, row.incident_id


def _or_most(minutes: float | None) -> float:
    return inf if minutes is None else minutes


_TABLE = schema.incidents
_NUMBER = _TABLE.c.incident_id
_CLOSED: sa.ColumnElement[str] = sa.literal_column(f"'{CLOSED}'")
_HELD_BACK: sa.ColumnElement[str] = sa.literal_column(f"'{HELD}'")
IS_OPEN = sa.and_(_TABLE.c.state != _CLOSED, _TABLE.c.state != _HELD_BACK)
"""Said as the index of open cases says it: the closed ones of ten years are not looked at."""
_HELD = _TABLE.c.state == _HELD_BACK
_numbers = msgspec.json.Decoder(list[tuple[int]])
_stamps = msgspec.json.Decoder(list[tuple[int, int, int]])
_bodies = msgspec.json.Decoder(list[tuple[int, str]])
_people = msgspec.json.Decoder(list[tuple[str, str, int | None, str | None, str | None, int | None]])
_alerts = msgspec.json.Decoder(list[_Told])
