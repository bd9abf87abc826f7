"""The centre's own clock and calendar: one time zone, which every connection of its store carries.

The day on which somebody wants to be called, a review is due or a list begins is the centre's, wherever the server's
machine believes that it stands.
"""

from datetime import datetime, tzinfo

import sqlalchemy as sa

_OPTION = "shouwang_centre_zone"


def carrying(engine: sa.Engine, zone: tzinfo) -> sa.Engine:
    """The same engine, whose connections know the zone."""
    return engine.execution_options(**{_OPTION: zone})


def here(connection: sa.Connection, at: datetime) -> datetime:
    """The moment by the centre's clock; where the store was opened without a zone, by the server's own."""
    return at.astimezone(zone_of(connection))


def zone_of(connection: sa.Connection) -> tzinfo | None:
    """The zone itself; None where the store was opened without one."""
    found: tzinfo | None = connection.get_execution_options().get(_OPTION)
    return found
