"""Items of improvement on disk: opened by what went wrong, moved on by people, counted by the metric."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.casefile import Colour, NotNow
from community.improvement import CHECK_DAYS, Checked, Count, Item, ItemStep, Move, moved
from community.kpi import POOR, Figure, Kpi, figures
from community.kpi_facts import History
from community.kpi_months import Window, days_after, days_before
from community.store import kpi, quality_schema, seals
from shouwang.alert import Sentence

_RED = "red:"
"""Metric: red cards of a step in all its timed steps, e.g. `red:ack`; others are figures by their name."""


def open_for(connection: sa.Connection, histories: Iterable[History], now: datetime) -> int:
    """Open an item for each red card of a step of a case, and for each poor call-back, that has none; how many."""
    opened = 0
    for history in histories:
        facts = history.facts
        if facts.is_test:
            continue
        late = {card.step for card in history.cards if card.colour is Colour.RED}
        for step in sorted(late):
            opened += _open(connection, f"card:{facts.incident_id}:{step}", f"{_RED}{step}", now, facts.incident_id)
        if any(rating.score is not None and rating.score <= POOR for rating in facts.ratings):
            source = f"revisit:{facts.incident_id}"
            opened += _open(connection, source, Kpi.REVISIT_SCORE.value, now, facts.incident_id)
    return opened


def open_for_figures(connection: sa.Connection, found: Iterable[Figure], month: str, now: datetime) -> int:
    """Open an item for each figure of the month that missed its target; how many."""
    return sum(
        _open(connection, f"kpi:{figure.kpi.value}:{month}", figure.kpi.value, now) for figure in found if figure.is_red
    )


def _open(connection: sa.Connection, source: str, metric: str, now: datetime, incident_id: int | None = None) -> bool:
    table = quality_schema.improvements
    if connection.execute(sa.select(table.c.item_id).where(table.c.source == source)).first() is not None:
        return False
    connection.execute(table.insert().values(source=source, metric=metric, opened_at=now, incident_id=incident_id))
    return True


def listed(connection: sa.Connection) -> tuple[Item, ...]:
    """All of them, the newest first."""
    return tuple(_items(connection, sa.true()))


def item(connection: sa.Connection, item_id: int) -> Item | None:
    """One; None where there is none."""
    return next(iter(_items(connection, quality_schema.improvements.c.item_id == item_id)), None)


def move(connection: sa.Connection, item_id: int, what: Move, *, by: str, now: datetime) -> Item:
    """One step further. Raises IllegalMove where there is no such item, or it is another step's turn."""
    before = item(connection, item_id)
    if before is None:
        raise NotNow(Sentence(zh=f"没有第 {item_id} 项", en=f"there is no item {item_id}"))
    after = moved(before, what, by=by, at=now)
    connection.execute(
        quality_schema.improvement_steps.insert().values(
            item_id=item_id, number=len(after.steps), by=by, at=now, body=msgspec.json.encode(what)
        )
    )
    seals.seal(connection, quality_schema.improvement_steps, item_id, len(after.steps), at=now)
    return after


def check(connection: sa.Connection, item_id: int, *, by: str, now: datetime) -> Item:
    """Count its metric before and after the measure. Raises IllegalMove where the days after are not over."""
    before = item(connection, item_id)
    done_at = None if before is None else before.done_at
    if before is None or done_at is None:
        raise NotNow(Sentence(zh="现在还没有可核对的内容", en="there is nothing to be checked yet"))
    counted = Checked(
        before=_count(connection, before.metric, days_before(done_at, CHECK_DAYS), now),
        after=_count(connection, before.metric, days_after(done_at, CHECK_DAYS), now),
    )
    return move(connection, item_id, counted, by=by, now=now)


def _count(connection: sa.Connection, metric: str, window: Window, now: datetime) -> Count:
    material = kpi.from_tables(connection, window)
    if metric.startswith(_RED):
        step = metric.removeprefix(_RED)
        runs = [run for run in material.timed_steps if run.step == step and window.holds(run.ended_at)]
        red = {
            (card.incident_id, card.version)
            for card in material.cards
            if (card.step, card.colour, card.level) == (step, Colour.RED, 0)
        }
        return Count(numerator=len(red), denominator=len(runs))
    figure = next(one for one in figures(material.facts, material.cards, window, now) if one.kpi == metric)
    return Count(numerator=figure.numerator, denominator=figure.denominator)


def _items(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterable[Item]:
    table, steps = quality_schema.improvements, quality_schema.improvement_steps
    rows = connection.execute(sa.select(table).where(which).order_by(table.c.item_id.desc())).all()
    taken: dict[int, list[ItemStep]] = {}
    query = (
        sa.select(steps).where(steps.c.item_id.in_([row.item_id for row in rows]))
        if len(rows) == 1
        else sa.select(steps)
    )
    for step in connection.execute(query.order_by(steps.c.item_id, steps.c.number)):
        taken.setdefault(step.item_id, []).append(ItemStep(by=step.by, at=step.at, move=_move.decode(step.body)))
    for row in rows:
        yield Item(
            item_id=row.item_id,
            source=row.source,
            metric=row.metric,
            opened_at=row.opened_at,
            incident_id=row.incident_id,
            steps=tuple(taken.get(row.item_id, ())),
        )


_move: msgspec.json.Decoder[Move] = msgspec.json.Decoder(Move)
