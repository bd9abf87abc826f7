"""Moves what is stored of a boot whose clock was wrong to the moments that are known now, and has it summed anew."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from community.desk import Timing
from community.store import schema
from community.store.measurements import touch_doubtful

AGREES = timedelta(seconds=2)
"""A time that is mended by less was right."""
_ONE_MICRO = timedelta(microseconds=1)


def mend(connection: sa.Connection, boot_number: int, zero: datetime, timing: Timing) -> None:
    """Move the samples of this boot that are stored already; `zero`: when its engine time would have been 0."""
    samples, doubtful = schema.samples, schema.doubtful_samples
    at = sa.type_coerce(sa.literal(schema.micros(zero), sa.BigInteger) + doubtful.c.engine_ms * 1000, sa.BigInteger)
    told = sa.type_coerce(doubtful.c.told_at, sa.BigInteger)
    was_right = sa.func.abs(told - at) <= AGREES // _ONE_MICRO
    right_or_mended = sa.case((was_right, int(Timing.RIGHT)), else_=int(timing))
    of_boot = doubtful.c.boot_number == boot_number
    touch_doubtful(connection, of_boot)
    connection.execute(
        samples.update()
        .values(
            at=sa.type_coerce(at, schema.UtcMicros),
            timing=right_or_mended if timing is Timing.MENDED else int(timing),
        )
        .where(
            of_boot,
            samples.c.series_id == doubtful.c.series_id,
            samples.c.at == doubtful.c.at,
            samples.c.message_id == doubtful.c.message_id,
            samples.c.place == doubtful.c.place,
        )
    )
    connection.execute(doubtful.update().values(at=sa.type_coerce(at, schema.UtcMicros)).where(of_boot))
    touch_doubtful(connection, of_boot)
