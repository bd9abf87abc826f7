"""When a case falls quiet, and when it is quiet no more. Its end: community.store.quiet."""

import sqlalchemy as sa

from community.casefile import Case
from community.quiet import wait_ms
from community.store import flapping
from community.store.group import write_out
from community.store.lease import engine_now
from community.store.life_signs import keep
from community.store.storm_schema import quiet_cases
from community.workflow import kept_workflow


def note(connection: sa.Connection, incident_id: int, case: Case) -> None:
    """An alarm has begun or ended in the case: as long as it is cleared, its end draws near."""
    table = kept_workflow(case.workflow, case.policy)
    if table.quiet is None:
        return
    if not case.is_cleared:
        if case.version == 1:  # a new one was never quiet
            return
        write_out(connection)
        connection.execute(FORGET, {"incident": incident_id})
        return
    if case.state not in table.final:
        put_off(connection, incident_id, case)


def put_off(connection: sa.Connection, incident_id: int, case: Case) -> None:
    """From now on for the whole time again."""
    quiet = kept_workflow(case.workflow, case.policy).quiet
    if quiet is None:
        return
    write_out(connection)
    wait = wait_ms(quiet, is_flapping=flapping.is_in(connection, incident_id))
    keep(connection, quiet_cases, {"incident_id": incident_id}, {"due_e": engine_now(connection) + wait})


FORGET = quiet_cases.delete().where(quiet_cases.c.incident_id == sa.bindparam("incident"))
