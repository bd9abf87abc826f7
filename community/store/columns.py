"""Kinds of columns. Moments are aware UTC in Python and integer microseconds since 1970 in the database.

So SQLite and PostgreSQL hold the same values, and nothing depends on a session's time zone.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)
"""A clock that was never set says 1970 or 2000. Outside this, adding and showing times would fail."""


def micros(moment: datetime) -> int:
    """As the database holds it, for sums of times."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    """Of what `micros` gave."""
    return _EPOCH + timedelta(microseconds=number)


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970 (UTC)."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database. A naive time raises TypeError; one that no clock can mean raises OverflowError."""
        if value is None:
            return None
        if not EARLIEST <= value <= LATEST:
            raise OverflowError(f"{value} is no time that a clock can mean")
        return micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else moment_of(value)


# SQLite gives out row numbers by itself only for the type name INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
