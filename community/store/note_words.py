"""Words about a case, kept with its notes, so that they can be erased; the log seals their digest."""

import secrets
from collections.abc import Collection

import sqlalchemy as sa

from community.casefile import Step
from community.store import chain, links, schema


def keep(connection: sa.Connection, incident_id: int, words: str) -> tuple[str, str]:
    """Write them down: the number of the note and its digest, both to be sealed."""
    note_id, salt = secrets.token_hex(8), secrets.token_bytes(16)
    row = {"note_id": note_id, "incident_id": incident_id, "salt": salt, "words": words}
    connection.execute(schema.notes.insert().values(row))
    return note_id, links.words_digest(salt, words)


def of(connection: sa.Connection, note_ids: Collection[str]) -> dict[str, str]:
    """Those of these notes that were not erased."""
    table = schema.notes
    rows = connection.execute(sa.select(table).where(table.c.note_id.in_(sorted(note_ids)), table.c.words.is_not(None)))
    return {row.note_id: row.words for row in rows}


def id_in(entry: chain.Entry) -> str:
    """The number of the note that was written with this step; empty where nothing was."""
    order = entry.event.order if isinstance(entry.event, Step) else None
    return "" if order is None else order.note_id
