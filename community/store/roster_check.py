"""What the check of rosters looks at: duties, grids, homes without a grid, people without a telephone."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.rosters import Absence, GridPost, Shift
from community.store import dispatch, rosters, schema
from community.store import dispatch_schema as tables
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `grids`: where somebody lives, or for which somebody answers; `people`: responders who work here."""

    shifts: tuple[Shift, ...]
    absences: tuple[Absence, ...]
    posts: tuple[GridPost, ...]
    grids: tuple[str, ...]
    people: frozenset[str]
    gridless: tuple[str, ...]
    mute: tuple[str, ...]


def gathered(connection: sa.Connection, start: datetime, end: datetime) -> Seen:
    """As the tables have it."""
    posts = rosters.grid_posts(connection)
    grid_of = dispatch.grids_of_homes(connection)
    homes = connection.execute(
        sa.select(schema.homes.c.home_id)
        .join(schema.gateways, schema.gateways.c.home_id == schema.homes.c.home_id)
        .distinct()
    ).scalars()
    covered = {post.grid for post in posts}
    gridless = [
        home for home in homes if home not in grid_of and not covered & set(dispatch.all_areas_of(connection, home))
    ]
    staff = connection.execute(sa.select(tables.responders).where(tables.responders.c.is_active)).all()
    return Seen(
        shifts=rosters.shifts(connection, start, end),
        absences=rosters.absences(connection, start, end),
        posts=posts,
        grids=tuple(sorted(covered | set(grid_of.values()))),
        people=frozenset(row.responder_id for row in staff),
        gridless=tuple(sorted(gridless)),
        mute=tuple(sorted(row.responder_id for row in staff if not row.phone)),
    )


def known_people(connection: sa.Connection) -> frozenset[str]:
    """Logins, and ids of responders."""
    logins = connection.execute(sa.select(schema.users.c.login)).scalars()
    return frozenset(logins) | frozenset(connection.execute(sa.select(tables.responders.c.responder_id)).scalars())


def excuse(connection: sa.Connection, away: Absence) -> None:
    """Somebody who works here cannot come. Raises ConfigError for somebody whom nobody knows."""
    if away.person not in known_people(connection):
        raise ConfigError(
            Bilingual(f"{away.person}: nobody of this name works here", zh=f"{away.person}：这里没有叫这个名字的人")
        )
    rosters.add_absence(connection, away)
