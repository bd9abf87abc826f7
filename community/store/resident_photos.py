"""The photograph of a resident: put, shown, and gone with him. Who may see it, community.rights says."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.photos import Photo
from community.store import schema
from community.store.people_access import Act, note
from community.store.people_register import Hand
from community.store.resident_schema import resident_photos
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """That there is one, for the page; `put_at` changes with the picture."""

    width: int
    height: int
    put_at: datetime


def put(connection: sa.Connection, resident_id: str, portrait: Photo, small: Photo, hand: Hand) -> None:
    """Keep it in the place of the one before; logged. Raises IllegalMove for a stranger, or without a reason."""
    table, residents = resident_photos, schema.residents
    lives = (residents.c.resident_id == resident_id) & residents.c.erased_at.is_(None)
    home_id = connection.scalar(sa.select(residents.c.home_id).where(lives))
    if home_id is None:
        raise IllegalMove(f"the resident {resident_id} is not on file")
    if not hand.reason.strip():
        raise IllegalMove("say why: who asked for the photograph, and that the person agrees to it")
    values = {
        "width": portrait.width,
        "height": portrait.height,
        "body": portrait.body,
        "small": small.body,
        "put_by": hand.by,
        "put_at": hand.at,
    }
    changed = connection.execute(sa.update(table).where(table.c.resident_id == resident_id).values(values))
    if changed.rowcount == 0:
        connection.execute(sa.insert(table).values(resident_id=resident_id, **values))
    whose = {"resident_id": resident_id, "home_id": home_id}
    note(connection, Act.CORRECTION, actor=hand.by, at=hand.at, reason=hand.reason, **whose)


def take_away(connection: sa.Connection, resident_id: str, hand: Hand) -> bool:
    """Whether there was one, which is gone now; logged."""
    is_gone = forget(connection, resident_id) > 0
    if is_gone:
        note(connection, Act.CORRECTION, actor=hand.by, at=hand.at, resident_id=resident_id, reason=hand.reason)
    return is_gone


def forget(connection: sa.Connection, resident_id: str) -> int:
    """It goes; how many there were."""
    table = resident_photos
    return connection.execute(sa.delete(table).where(table.c.resident_id == resident_id)).rowcount


def about(connection: sa.Connection, resident_id: str) -> Portrait | None:
    """Whether there is one."""
    table = resident_photos
    asked = sa.select(table.c.width, table.c.height, table.c.put_at).where(table.c.resident_id == resident_id)
    row = connection.execute(asked).first()
    return None if row is None else Portrait(width=row.width, height=row.height, put_at=row.put_at)


def picture(connection: sa.Connection, resident_id: str, *, is_small: bool = False) -> bytes | None:
    """Its JPEG; None where there is none."""
    table = resident_photos
    column = table.c.small if is_small else table.c.body
    return connection.scalar(sa.select(column).where(table.c.resident_id == resident_id))
