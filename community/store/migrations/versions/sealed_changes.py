"""Changes of rights and policies in the sealed record, and how long things are kept."""

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

from shouwang.errors import ConfigError

revision = "0024"
down_revision = "0023"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 500

# what is looked for where somebody or a case ends: table and column
_LOOKED_FOR = (
    ("alerts", "home_key"),
    ("incidents", "home_key"),
    ("gateways", "home_id"),
    ("commands_done", "done_at"),
    ("dead_letters", "received_at"),
    ("handovers", "begun_at"),
    ("handovers", "signed_at"),
)

# table, its key, what is sealed as it stands, what is sealed by a salted digest (as community.store.seals has them)
_SOURCES: Sequence[tuple[str, str, str, str, str]] = (
    ("right_changes", "change_id", "at actor what whom", "detail", ""),
    (
        "policies",
        "policy_id",
        "workflow base instead_of numbers state proposed_by proposed_at decided_by decided_at",
        "reason",
        "",
    ),
    ("glass_reviews", "access_id", "seen_by seen_at", "", ""),
    ("storms", "storm_id", "released_at released_by", "", "released_at"),
    ("mode_orders", "command_id", "gateway_id mode hours actor at", "", ""),
    (
        "decisions",
        "decision_id",
        "incident_id by at due_on note_id settled_at settled_by settled_note_id",
        "owner",
        "",
    ),
    ("call_reviews", "review_id", "month handler incident_id by at marks note_id", "", ""),
    ("improvement_steps", "item_id number", "by at body", "", ""),
)


def upgrade() -> None:
    """Whatever there is of changes is sealed once, and marked as older than the seal."""
    op.create_table(
        "sealed_changes",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_sealed_changes"),
    )
    op.create_index("ix_sealed_changes_source_key", "sealed_changes", ["source", "key"])
    _kept_and_gone()
    for name, column in _LOOKED_FOR:
        op.create_index(f"ix_{name}_{column}", name, [column])
    _adopt(op.get_bind(), datetime.now(UTC))


def downgrade() -> None:
    """Forget the seals, and holds that have ended; the other rows that were sealed stay.

    Raises ConfigError while a hold stands: an older version would let the case end, and so would a newer one after it.
    """
    held = op.get_bind().scalar(sa.text("SELECT incident_id FROM case_holds WHERE ended_at IS NULL LIMIT 1"))
    if held is not None:
        raise ConfigError(
            f"case {held} is held back from ending, which an older version does not know; let it go first"
        )
    for name, column in _LOOKED_FOR:
        op.drop_index(f"ix_{name}_{column}", name)
    for table in ("retired_cases", "retired", "case_holds", "sealed_changes"):
        op.drop_table(table)


def _kept_and_gone() -> None:
    """Holds, and what has ended."""
    op.create_table(
        "case_holds",
        sa.Column("hold_id", _NUMBER, nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("ended_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_case_holds_incident_id"),
        sa.PrimaryKeyConstraint("hold_id", name="pk_case_holds"),
    )
    op.create_index("ix_case_holds_incident_id", "case_holds", ["incident_id"])
    op.create_table(
        "retired",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", name="pk_retired"),
    )
    op.create_table(
        "retired_cases",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_retired_cases_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_retired_cases"),
    )


def _adopt(connection: sa.Connection, now: datetime) -> None:
    names = ("seq", "source", "key", "at", "salt", "body", "prev_hash", "hash")
    sealed = sa.table("sealed_changes", *map(sa.column, names))
    links: list[dict[str, object]] = []
    for link in _links(connection, now.replace(microsecond=0)):
        links.append(link)
        if len(links) == _AT_ONCE:
            connection.execute(sealed.insert(), links)
            links.clear()
    if links:
        connection.execute(sealed.insert(), links)


def _links(connection: sa.Connection, now: datetime) -> Iterator[dict[str, object]]:
    micros, said = round(now.timestamp()) * 1_000_000, now.isoformat()
    seq, head = 0, bytes(32)
    for name, key, facts, words, needs in _SOURCES:
        for row in _rows(connection, name, f"{key} {facts} {words}", key=key, needs=needs):
            seq += 1
            salt = secrets.token_bytes(16) if words else None
            link = {
                "seq": seq,
                "at": said,
                "source": name,
                "key": "/".join(str(row[one]) for one in key.split()),
                "facts": {one: _fact(row[one]) for one in facts.split()},
                "words": "" if salt is None else _digest(salt, [row[one] or "" for one in words.split()]),
                "is_adopted": True,
            }
            body = json.dumps(link, ensure_ascii=False, separators=(",", ":")).encode()
            before, head = head, sha256(head + body).digest()
            stands = {"seq": seq, "source": name, "key": link["key"], "at": micros}
            yield stands | {"salt": salt, "body": body, "prev_hash": before, "hash": head}


def _rows(connection: sa.Connection, name: str, wanted: str, *, key: str, needs: str) -> "sa.MappingResult":
    columns: list[sa.ColumnClause[object]] = [sa.column(one) for one in wanted.split()]
    query = sa.select(*columns).select_from(sa.table(name)).order_by(*columns[: len(key.split())])
    if needs:
        query = query.where(sa.column(needs).is_not(None))
    return connection.execute(query.execution_options(yield_per=_AT_ONCE)).mappings()


def _fact(value: object) -> object:
    return sha256(bytes(value)).hexdigest() if isinstance(value, bytes | memoryview) else value


def _digest(salt: bytes, words: list[object]) -> str:
    return sha256(salt + json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
