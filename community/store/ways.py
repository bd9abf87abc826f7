"""Channels and people of community.yaml, brought into the tables at start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.channels.port import Way
from community.store import channel_health
from community.store.channel_schema import reach_people, reach_ways


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How a person of community.yaml is reached."""

    person: str
    name: str
    language: str
    audiences: tuple[str, ...]
    ways: tuple[tuple[Way, str], ...]


def bring_in(
    connection: sa.Connection, channels: Sequence[tuple[str, Way]], people: Sequence[Reached], now: datetime
) -> None:
    """Make the tables say what the file says; what is known of a channel's health stays."""
    channel_health.keep_only(connection, channels, now)
    connection.execute(reach_ways.delete())
    connection.execute(reach_people.delete())
    for one in people:
        connection.execute(
            reach_people.insert().values(
                person=one.person, name=one.name, language=one.language, audiences=" ".join(one.audiences)
            )
        )
        for place, (way, address) in enumerate(one.ways):
            connection.execute(
                reach_ways.insert().values(person=one.person, place=place, way=way.value, address=address)
            )
