"""Run by Alembic: brings the database of the given connection to the newest shape."""

from alembic import context

from community.store import (  # noqa: F401 - of the metadata
    care_schema,
    fleet_schema,
    log_in_schema,
    passkey_schema,
    proposal_schema,
    quality_schema,
    rights_schema,
    ring_schema,
    supervising_schema,
)
from community.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
