"""How the centre itself stands: its database, who runs its engine, and when its safety was last seen to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.store import lease, passkeys
from community.store.admin import Change, admins
from community.store.case_schema import attempts
from community.store.channel_health import ChannelRow
from community.store.channel_health import rows as channel_rows
from community.store.channel_schema import reach_ways
from community.store.policies import PROPOSED
from community.store.policy_schema import policies
from community.store.rights_schema import api_tokens, right_changes

_TRIES = 500
"""Of the newest attempts so many are looked through: a seldom used channel must not read years."""
_SOON = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the database says of the centre."""

    dialect: str
    bytes: int
    holder: str
    channels: tuple[ChannelRow, ...]
    admins: int
    admins_without_app: int
    proposals: int
    tokens_ending: int
    verified: Change | None
    backed_up: Change | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One attempt by a channel; whom it was for is not told."""

    at: datetime
    outcome: str
    tries: int


def facts(connection: sa.Connection, now: datetime) -> Facts:
    """As it stands now."""
    held = lease.look(connection)
    in_charge, by_key = admins(connection), passkeys.owners(connection)
    good = (api_tokens.c.revoked_at.is_(None), api_tokens.c.expires_at > now, api_tokens.c.expires_at < now + _SOON)
    return Facts(
        dialect=connection.dialect.name,
        bytes=_bytes(connection),
        holder="" if held is None else held.holder.partition("/")[0],
        channels=channel_rows(connection),
        admins=len(in_charge),
        admins_without_app=sum(not user.has_totp and user.user_id not in by_key for user in in_charge),
        proposals=_count(connection, sa.select(policies).where(policies.c.state == PROPOSED)),
        tokens_ending=_count(connection, sa.select(api_tokens).where(*good)),
        verified=last_change(connection, ("record verified",)),
        backed_up=last_change(connection, ("backup made",)),
    )


def last_change(connection: sa.Connection, what: Iterable[str]) -> Change | None:
    """When this was last done."""
    table = right_changes
    found = sa.select(table).where(table.c.what.in_(tuple(what))).order_by(table.c.change_id.desc()).limit(1)
    row = connection.execute(found).mappings().first()
    return None if row is None else Change(**row)


def last_tries(connection: sa.Connection, each: int) -> dict[str, tuple[Try, ...]]:
    """The newest attempts of each channel, of those that are not long ago."""
    newest = sa.select(attempts).order_by(attempts.c.attempt_id.desc()).limit(_TRIES)
    found: dict[str, list[Try]] = {}
    for row in connection.execute(newest):
        mine = found.setdefault(row.channel, [])
        if len(mine) < each:
            mine.append(Try(at=row.changed_at, outcome=row.outcome, tries=row.tries))
    return {channel: tuple(some) for channel, some in found.items()}


def addresses_of(connection: sa.Connection, person: str) -> dict[str, str]:
    """Under which number or address somebody is reached by each way."""
    table = reach_ways
    rows = connection.execute(sa.select(table).where(table.c.person == person).order_by(table.c.place.desc()))
    return {row.way: row.address for row in rows}


def _bytes(connection: sa.Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    return int(connection.execute(sa.select(sa.func.pg_database_size(sa.func.current_database()))).scalar_one())


def _count(connection: sa.Connection, rows: sa.Select[tuple[object, ...]]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one())
