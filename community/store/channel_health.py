"""Whether channels work: a dead one is a technical case, and takes the people behind it out of reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community import notice_words, reasons
from community.channels.port import Way
from community.store.channel_schema import channel_health as table
from community.store.directory import meet_gateway
from community.store.told import Told
from community.supervision import CENTRE_BOX, CHANNEL, OWN_CHANNELS
from shouwang.bilingual import chinese


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelRow:
    """How a channel is. `tested_at`: its last real test that worked; `is_refused`: the far end does not take us."""

    channel: str
    way: Way
    is_up: bool
    since: datetime
    reason: str
    is_refused: bool
    probed_at: datetime | None
    tested_at: datetime | None


def keep_only(connection: sa.Connection, channels: Sequence[tuple[str, Way]], now: datetime) -> None:
    """A row for each of these channels, in their order. One that is gone takes its case with it.

    What the far end refused may be right in the new file: a probe may take it back.
    """
    names = [name for name, _ in channels]
    for row in connection.execute(sa.select(table).where(table.c.channel.not_in(names))).all():
        restore(connection, row.channel, now)
        connection.execute(table.delete().where(table.c.channel == row.channel))
    for place, (name, way) in enumerate(channels):
        values = {"way": way.value, "place": place, "refused": False}
        if connection.execute(table.update().where(table.c.channel == name).values(values)).rowcount == 0:
            connection.execute(table.insert().values(channel=name, is_up=True, since=now, reason="", **values))


def rows(connection: sa.Connection) -> tuple[ChannelRow, ...]:
    """All channels, in their order."""
    return tuple(
        ChannelRow(
            channel=row.channel,
            way=Way(row.way),
            is_up=row.is_up,
            since=row.since,
            reason=row.reason,
            is_refused=row.refused,
            probed_at=row.probed_at,
            tested_at=row.tested_at,
        )
        for row in connection.execute(sa.select(table).order_by(table.c.place))
    )


def probed(connection: sa.Connection, channel: str, now: datetime) -> None:
    """It answered."""
    connection.execute(table.update().where(table.c.channel == channel).values(probed_at=now))


def tested(connection: sa.Connection, channel: str, now: datetime) -> None:
    """It has carried a real message to its test address."""
    connection.execute(table.update().where(table.c.channel == channel).values(tested_at=now))


def fail(connection: sa.Connection, channel: str, reason: str, now: datetime, *, is_refused: bool = False) -> bool:
    """It is dead; True where that is new. It gets a case."""
    values = {
        "is_up": False,
        "since": now,
        "reason": reasons.kept(str(reason), chinese(reason)),
        "told_since": now,
        "refused": is_refused,
    }
    is_it = (table.c.channel == channel, table.c.is_up)
    if not connection.execute(table.update().where(*is_it).values(values)).rowcount:
        return False
    meet_gateway(connection, CENTRE_BOX)
    _told(channel, now).begin(connection, notice_words.channel_down(channel, reason), now)
    return True


def restore(connection: sa.Connection, channel: str, now: datetime) -> bool:
    """It works; True where it did not. Its case is cleared."""
    row = connection.execute(
        sa.select(table.c.told_since).where(table.c.channel == channel, sa.not_(table.c.is_up))
    ).first()
    if row is None:
        return False
    values = {"is_up": True, "since": now, "reason": "", "told_since": None, "refused": False}
    connection.execute(table.update().where(table.c.channel == channel).values(values))
    if row.told_since is not None:
        _told(channel, row.told_since).over(connection, notice_words.CHANNEL_BACK, now)
    return True


def _told(channel: str, since: datetime) -> Told:
    return Told(hazard=CHANNEL, gateway_id=CENTRE_BOX, since=since, part=channel, home_key=OWN_CHANNELS)
