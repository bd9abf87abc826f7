"""Alembic migrations, packaged with the server and run at its start."""
