"""What alarms of many homes need to be known of them, asked at once: `cases.take_in` remembers it (store.group)."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from community.lanes import LIFE_LANE, lane_of
from community.store import schema
from community.store.cases import CLOSED, decode_case
from community.store.group import remember
from community.store.pairs import pairs_of, words_of
from shouwang.alert import Alert

_NUL = "\0"
"""SQLite ends a word of a list there: such an alert is asked for by itself."""


def recall_alerts(connection: sa.Connection, homes: Mapping[str, str], told: Sequence[tuple[str, Alert]]) -> None:
    """What `take_in` asks for each of these alerts, asked at once. `told`: with their gateways; `homes`: theirs."""
    for gateway_id, alert in told:
        home_key = homes.get(gateway_id)
        if home_key is not None:
            for lane in (LIFE_LANE, lane_of(alert.severity, alert.hazard)):
                remember(connection, ("open", home_key, lane), (None, None))
    table = schema.incidents
    words = words_of(connection, homes.values())
    is_open = table.c.state != sa.literal_column(f"'{CLOSED}'")
    of_homes = sa.select(table.c.home_key, table.c.lane, table.c.incident_id, table.c.body).join_from(
        words, table, sa.and_(table.c.home_key == words.c.word, is_open)
    )
    for row in connection.execute(of_homes):
        remember(connection, ("open", row.home_key, row.lane), (int(row.incident_id), decode_case(row.body)))
    askable = [(gateway_id, alert) for gateway_id, alert in told if _NUL not in alert.alert_id + alert.key]
    if askable:
        _recall_told(connection, askable)


def _recall_told(connection: sa.Connection, told: Sequence[tuple[str, Alert]]) -> None:
    table = schema.alerts
    pairs = pairs_of(connection, {(gateway_id, alert.alert_id) for gateway_id, alert in told})
    is_it = sa.and_(table.c.gateway_id == pairs.c.first, table.c.alert_id == pairs.c.second)
    stored = connection.execute(sa.select(table.c.gateway_id, table.c.alert_id).join_from(pairs, table, is_it))
    known = {(row.gateway_id, row.alert_id) for row in stored}
    keys = pairs_of(connection, {(gateway_id, alert.key) for gateway_id, alert in told})
    is_key = (table.c.gateway_id == keys.c.first, table.c.key == keys.c.second)
    lately = (table.c.since >= min(alert.since for _, alert in told), table.c.incident_id.is_(None))
    unlinked = connection.execute(
        sa.select(table.c.gateway_id, table.c.key, table.c.since).join_from(keys, table, sa.and_(*is_key, *lately))
    )
    waiting = {(row.gateway_id, row.key, row.since) for row in unlinked}
    for gateway_id, alert in told:
        remember(connection, ("alert", gateway_id, alert.alert_id), (gateway_id, alert.alert_id) in known)
        episode = (gateway_id, alert.key, alert.since)
        if episode not in waiting:  # the others are asked for one by one
            remember(connection, ("steps", *episode), ())
