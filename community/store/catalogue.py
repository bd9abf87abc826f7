"""Which devices there are: as homes have told them, and as the register has them."""

import sqlalchemy as sa

from community.catalogue import DeviceKind
from community.store.people_schema import devices
from community.store.schema import sensor_status

MOST = 500
"""Kinds and models on one page; a district has some dozens."""


def device_kinds(connection: sa.Connection) -> tuple[DeviceKind, ...]:
    """Kinds of sensors that boxes have, the most frequent first, then models on file."""
    table = sensor_status
    boxes = sa.func.count(sa.distinct(table.c.gateway_id)).label("boxes")
    told = (
        sa.select(table.c.kind, sa.func.count().label("sensors"), boxes)
        .where(table.c.kind != "")
        .group_by(table.c.kind)
        .order_by(sa.func.count().desc(), table.c.kind)
        .limit(MOST)
    )
    of_model = (devices.c.kind, devices.c.maker, devices.c.model)
    filed = (
        sa.select(*of_model, sa.func.count().label("on_file"))
        .group_by(*of_model)
        .order_by(sa.func.count().desc(), *of_model)
        .limit(MOST)
    )
    return (
        *(DeviceKind(kind=row.kind, sensors=row.sensors, boxes=row.boxes) for row in connection.execute(told)),
        *(
            DeviceKind(kind=row.kind, maker=row.maker, model=row.model, on_file=row.on_file)
            for row in connection.execute(filed)
        ),
    )
