"""What is left of alerts whose personal part was erased; the audit chain asks.

Only an erasure that stands in the log of access, which is sealed itself, counts.
"""

import sqlalchemy as sa

from community.store.people_schema import access_log, erased_alerts


def left_of_alert(connection: sa.Connection, gateway_id: str, alert_id: str) -> tuple[str, str] | None:
    """The digests of an erased alert: as it was sealed, and of what is left of it; None for one that is whole."""
    table = erased_alerts
    this = (table.c.gateway_id == gateway_id) & (table.c.alert_id == alert_id)
    row = connection.execute(
        sa.select(table.c.digest, table.c.left_digest)
        .join(access_log, access_log.c.access_id == table.c.access_id)
        .where(this, access_log.c.act == "erasure")
    ).first()
    return None if row is None else (row.digest, row.left_digest)
