"""Run by Alembic: brings the database of the given connection to the newest shape."""

from alembic import context

from community.store import quality_schema, rights_schema  # noqa: F401 - their tables belong to the metadata
from community.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
