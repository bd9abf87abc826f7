"""What is kept of the way of the alarms of a case: messages, copies by SMS, and the entries that sealed them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from community.alert_refs import AlertRef
from community.store import chain, links, schema
from community.store.cases import decode_alert, told_whence
from community.store.people_left import left_of_alert
from community.store.times import boot_in, told_of, with_boots
from community.trace import KeptAlert, Seal
from shouwang.wire import Lane, MessageId

ALERTS = 50
"""Alerts of one case whose way is shown, the oldest: how it began matters, not how often it rang since."""
ENTRIES = 1000
"""Entries of one case that are looked at: twice as many as its page shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """`alerts` in the order in which they came, `seals` by the number of the entry; `more`: alerts beyond ALERTS."""

    alerts: tuple[KeptAlert, ...]
    seals: Mapping[int, Seal]
    more: int


def kept(connection: sa.Connection, incident_id: int) -> Kept:
    """Of this case."""
    seals, named = _sealed(connection, incident_id)
    table = schema.alerts
    rows = connection.execute(_OF_CASE.where(table.c.incident_id == incident_id).limit(ALERTS)).all()
    of_case = sa.select(sa.func.count()).select_from(table).where(table.c.incident_id == incident_id)
    return Kept(
        alerts=tuple(_alert(connection, row, seals, named) for row in rows),
        seals=seals,
        more=connection.execute(of_case).scalar_one() - len(rows),
    )


_Named = Mapping[tuple[str, str], tuple[int, AlertRef]]


def _alert(
    connection: sa.Connection, row: sa.Row[tuple[object, ...]], seals: Mapping[int, Seal], named: _Named
) -> KeptAlert:
    stored = decode_alert(row.body if row.whole is None else row.whole)
    alert, timing = told_of(told_whence(stored, by_sms=bool(row.was_first)), row.received_at, boot_in(row))
    seq, ref = named.get((row.gateway_id, row.alert_id), (0, None))
    message = ""
    if row.epoch is not None:
        message = str(MessageId(gateway=row.gateway_id, epoch=row.epoch, lane=Lane(row.lane), seq=row.message_seq))
    return KeptAlert(
        gateway_id=row.gateway_id,
        alert=alert,
        told_at=stored.at,
        timing=timing,
        received_at=row.received_at,
        message=message,
        message_at=row.message_at,
        sms_at=row.sms_at,
        seal=seals.get(seq),
        is_unchanged=ref is not None and _is_unchanged(connection, row.body, ref),
    )


def _is_unchanged(connection: sa.Connection, body: bytes, ref: AlertRef) -> bool:
    found = chain.bytes_digest(body)
    return found == ref.digest or left_of_alert(connection, ref.gateway_id, ref.alert_id) == (ref.digest, found)


def _sealed(connection: sa.Connection, incident_id: int) -> tuple[dict[int, Seal], _Named]:
    """The entries of the case with their seals, and which of them names which alert first."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.seq, events.c.body, events.c.prev_hash, events.c.hash)
        .where(events.c.incident_id == incident_id)
        .order_by(events.c.seq)
        .limit(ENTRIES)
    ).all()
    before = _hashes(connection, [row.seq - 1 for row in rows])
    seals: dict[int, Seal] = {}
    named: dict[tuple[str, str], tuple[int, AlertRef]] = {}
    for row in rows:
        follows = row.prev_hash == before.get(row.seq - 1, links.GENESIS if row.seq == 1 else None)
        is_right = follows and links.seal(row.prev_hash, row.body) == row.hash
        seals[row.seq] = Seal(seq=row.seq, hash=row.hash.hex(), is_right=is_right)
        for ref in getattr(chain.decode_entry(row.body).event, "alerts", ()):
            named.setdefault((ref.gateway_id, ref.alert_id), (row.seq, ref))
    return seals, named


def _hashes(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, bytes]:
    events = schema.incident_events
    asked = sa.select(events.c.seq, events.c.hash).where(events.c.seq.in_(list(numbers)))
    return {row.seq: row.hash for row in connection.execute(asked)}


def _of_case() -> sa.Select[tuple[object, ...]]:
    table, messages, copies = schema.alerts, schema.messages, schema.sms_copies
    is_copy = (copies.c.gateway_id == table.c.gateway_id) & (copies.c.alert_id == table.c.alert_id)
    return (
        with_boots(sa.select(table.c.gateway_id, table.c.alert_id, table.c.body, table.c.received_at))
        .add_columns(
            messages.c.epoch,
            messages.c.lane,
            messages.c.seq.label("message_seq"),
            messages.c.received_at.label("message_at"),
            copies.c.received_at.label("sms_at"),
            copies.c.was_first,
            copies.c.whole,
        )
        .join(messages, messages.c.message_id == table.c.message_id, isouter=True)
        .join(copies, is_copy, isouter=True)
        .order_by(table.c.received_at, table.c.alert_id)
    )


_OF_CASE = _of_case()
