"""What a resident, or who stands for him, may demand of the register: agree, withdraw, correct, see the changes."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError

from community.consent import Consent
from community.register_history import Change
from community.registry import ConsentRow, Register, ResidentRow, Written
from community.store import schema
from community.store.people_access import Act, note
from community.store.people_register import Hand, Tally, take_in
from community.store.people_rows import resident_in
from community.store.people_schema import register_changes
from shouwang.errors import IllegalMove

_NOT_CORRECTED = frozenset({"id"})


def say_consent(connection: sa.Connection, resident_id: str, said: Consent, *, by: str, at: datetime) -> None:
    """Add a word of consent, or of withdrawal, which holds at once; logged. Raises IllegalMove for a stranger."""
    home_id = _known(connection, resident_id).home
    if said.at > at:
        raise IllegalMove("consent is written down after it was said, not before")
    row = ConsentRow(
        resident=resident_id,
        purpose=said.purpose,
        given=said.is_given,
        by=said.given_by,
        relation=said.relation,
        at=said.at.isoformat(),
        text_version=said.text_version,
        how=said.how,
    )
    tally = Tally()
    take_in(connection, Register(entries=(Written(row=row, where="here"),)), Hand(by=by, at=at), tally)
    if tally.touched:
        word = "given" if said.is_given else "withdrawn"
        reason = f"{said.purpose} {word}"
        note(connection, Act.CONSENT, actor=by, at=at, resident_id=resident_id, home_id=home_id, reason=reason)


def correct(connection: sa.Connection, resident_id: str, field: str, value: object, hand: Hand) -> bool:
    """Whether the register said something else before; that is kept, and logged with its reason.

    Raises IllegalMove for an unknown person, a field that there is not, a value that cannot stand there, or no reason.
    """
    before = _known(connection, resident_id)
    if not hand.reason.strip():
        raise IllegalMove("say why it is corrected: whoever asked for it, and by what proof")
    if field not in ResidentRow.model_fields or field in _NOT_CORRECTED:
        right = ", ".join(name for name in ResidentRow.model_fields if name not in _NOT_CORRECTED)
        raise IllegalMove(f'"{field}" cannot be corrected; possible: {right}')
    try:
        row = ResidentRow.model_validate({"id": before.id, "home": before.home, "name": before.name, field: value})
    except ValidationError as error:
        raise IllegalMove(f"{field}: {error.errors(include_url=False)[0]['msg']}") from None
    if row.home != before.home and not _is_home(connection, row.home):
        raise IllegalMove(f"the home {row.home} is not on file")
    tally = Tally()
    take_in(connection, Register(entries=(Written(row=row, where="here"),)), hand, tally)
    if tally.touched:
        note(
            connection,
            Act.CORRECTION,
            actor=hand.by,
            at=hand.at,
            resident_id=resident_id,
            home_id=row.home,
            reason=hand.reason,
        )
    return tally.touched > 0


def value_of(field: str, words: Sequence[str]) -> object:
    """The words of a command line as the value of a field: a list where there may be several, nothing for no words."""
    described = ResidentRow.model_fields.get(field)
    if described is not None and isinstance(described.default, tuple):
        return tuple(words)
    return " ".join(words) if words or described is None else described.get_default()


def history(connection: sa.Connection, resident_id: str) -> tuple[Change, ...]:
    """What was changed of a resident's entry, oldest first."""
    table = register_changes
    rows = connection.execute(sa.select(table).where(table.c.resident_id == resident_id).order_by(table.c.change_id))
    return tuple(change_in(row) for row in rows)


def change_in(row: "sa.Row[tuple[object, ...]]") -> Change:
    """From `register_changes`."""
    return Change(
        at=row.at,
        by=row.by,
        subject=row.subject,
        field=row.field,
        before=row.before,
        after=row.after,
        reason=row.reason,
    )


def _known(connection: sa.Connection, resident_id: str) -> ResidentRow:
    table = schema.residents
    lives = (table.c.resident_id == resident_id) & table.c.erased_at.is_(None)
    row = connection.execute(sa.select(table).where(lives)).first()
    if row is None:
        raise IllegalMove(f"the resident {resident_id} is not on file")
    return resident_in(row)


def _is_home(connection: sa.Connection, home_id: str) -> bool:
    table = schema.homes
    return connection.execute(sa.select(table.c.home_id).where(table.c.home_id == home_id)).first() is not None
