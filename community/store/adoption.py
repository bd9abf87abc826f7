"""Cases of a database that was kept before cases had clocks: carried over once, each by a sealed step."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import engine
from community.casefile import SYSTEM, Case, Context, Disposition
from community.first_cases import FirstCase
from community.lanes import table_of
from community.store import chain, schema
from community.store.cases import decode_case, record
from community.store.lease import engine_now

_decoder = msgspec.json.Decoder(FirstCase)


def adopt(connection: sa.Connection, now: datetime) -> int:
    """Carry over what is not yet; how many cases that were. The clocks of open ones begin now."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.incident_id, table.c.body).where(table.c.workflow == "").order_by(table.c.incident_id)
    ).all()
    around = Context(now_e=engine_now(connection))
    for row in rows:
        if b'"workflow":' in row.body:  # an earlier version ran on it for a while, and dropped the columns
            columns = chain.columns_of(decode_case(row.body))
            connection.execute(table.update().where(table.c.incident_id == row.incident_id).values(columns))
            continue
        case = _carried_over(_decoder.decode(row.body), around)
        record(connection, row.incident_id, engine.adopted(case, around, at=now), at=now, actor=SYSTEM)
    return len(rows)


def _carried_over(first: FirstCase, around: Context) -> Case:
    table = table_of(first.lane)
    return Case(
        home_key=first.home_key,
        lane=first.lane,
        workflow=table.workflow,
        policy=table.version,
        state=first.state.value,
        priority=first.priority,
        version=first.version,
        lead=first.lead,
        alerts=first.alerts,
        active=first.active,
        alarms=first.alarms,
        opened_at=first.opened_at,
        opened_e=around.now_e,
        changed_at=first.changed_at,
        entered_e=around.now_e,
        is_late=first.is_late,
        owner=first.owner,
        handlers=() if first.owner is None else (first.owner,),
        disposition=None if first.disposition is None else Disposition(first.disposition),
    )
