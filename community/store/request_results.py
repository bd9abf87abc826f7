"""Whoever filed a request is told that there is a result: by his channel, in the transaction of the step itself."""

from datetime import datetime

import sqlalchemy as sa

from community.casefile import Case
from community.notice_rules import REQUEST_RESULT, SUBMITTER
from community.store import case_schema, schema
from community.store.lease import engine_now

TABLE = "request"
"""The workflow of the four links: 报送 处置 结果 反馈."""
FED_BACK = "FEEDBACK"
_PLACE = 1300
"""The place of this call among those of a step; community.store.rights has 1200 and on, of other steps' versions."""


def tell(connection: sa.Connection, incident_id: int, before: Case, after: Case, now: datetime) -> None:
    """Call whoever asked, where this step made the result known."""
    if after.workflow != TABLE or after.state != FED_BACK or before.state == FED_BACK:
        return
    connection.execute(
        case_schema.notices.insert().values(
            incident_id=incident_id,
            version=after.version,
            place=_PLACE,
            step=REQUEST_RESULT,
            audience=SUBMITTER,
            to_whom=submitter(connection, incident_id),
            rung=-1,
            prompt=REQUEST_RESULT,
            created_at=now,
            created_e=engine_now(connection),
            state="waiting",
        )
    )


def submitter(connection: sa.Connection, incident_id: int) -> str:
    """Who filed it: the id of a resident or contact, the login of a colleague or the name of a program."""
    events = schema.incident_events
    notes = (events.c.incident_id == incident_id, events.c.kind == "note")
    return connection.scalar(sa.select(events.c.actor).where(*notes).order_by(events.c.seq).limit(1)) or ""
