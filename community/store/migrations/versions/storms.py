"""Storms of technical alarms, silent gateways among them; devices that flap; cases that end by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SILENT = "gateway-silent"
_MOMENT = sa.BigInteger


def upgrade() -> None:
    """One table of storms for all kinds; those of silent gateways go over into it."""
    old = op.get_bind().execute(sa.text("SELECT since, gateway_id, ended_at FROM storms")).all()
    op.drop_table("storms")
    _storms()
    new = sa.table("storms", *map(sa.column, ("kind", "area", "since", "last_at", "lead", "ended_at")))
    for row in old:
        # its homes had no cases: one that is on ends here, and each home that is still silent is judged anew
        values = {
            "since": row.since,
            "last_at": row.since,
            "lead": row.gateway_id,
            "ended_at": row.ended_at or row.since,
        }
        op.get_bind().execute(new.insert().values(kind=_SILENT, area="", **values))
    in_storm = "is_in_storm = " + ("1" if op.get_bind().dialect.name == "sqlite" else "true")
    op.execute(sa.text(f"UPDATE supervision SET offline_since = NULL WHERE {in_storm}"))  # noqa: S608 - a constant
    op.drop_column("supervision", "is_in_storm")
    _homes()
    _flapping()
    _quiet_cases()
    _reserves()


def downgrade() -> None:
    """Back to storms of silent gateways alone."""
    old = op.get_bind().execute(
        sa.text("SELECT since, min(lead), max(ended_at) FROM storms WHERE kind = :kind GROUP BY since"),
        {"kind": _SILENT},
    )
    rows = [tuple(row) for row in old]
    for table in ("reserves", "quiet_cases", "flapping", "tech_raises", "storm_homes", "storms"):
        op.drop_table(table)
    op.add_column("supervision", sa.Column("is_in_storm", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "storms",
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_storms_gateway_id"),
        sa.PrimaryKeyConstraint("since", name="pk_storms"),
    )
    insert = sa.text("INSERT INTO storms (since, gateway_id, ended_at) VALUES (:since, :lead, :ended_at)")
    for since, lead, ended_at in rows:
        op.get_bind().execute(insert, {"since": since, "lead": lead, "ended_at": ended_at or since})


def _storms() -> None:
    op.create_table(
        "storms",
        sa.Column("storm_id", _NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT(), nullable=False),
        sa.Column("last_at", _MOMENT(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=False),
        sa.Column("homes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("is_ours", sa.Boolean(), nullable=False, server_default=sa.false()),
        _incident(),
        sa.Column("released_at", _MOMENT()),
        sa.Column("released_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("ended_at", _MOMENT()),
        sa.Column("told_at", _MOMENT()),
        _of_incidents("storms"),
        sa.PrimaryKeyConstraint("storm_id", name="pk_storms"),
    )
    on = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_storms_one_on_per_kind_and_area",
        "storms",
        ["kind", "area"],
        unique=True,
        sqlite_where=on,
        postgresql_where=on,
    )


def _homes() -> None:
    op.create_table(
        "storm_homes",
        sa.Column("storm_id", _NUMBER, nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        _incident(),
        sa.Column("told_at", _MOMENT(), nullable=False),
        sa.Column("recovered_at", _MOMENT()),
        sa.Column("let_go_at", _MOMENT()),
        sa.ForeignKeyConstraint(["storm_id"], ["storms.storm_id"], name="fk_storm_homes_storm_id"),
        _of_incidents("storm_homes"),
        sa.PrimaryKeyConstraint("storm_id", "home_key", name="pk_storm_homes"),
    )
    op.create_index("ix_storm_homes_incident_id", "storm_homes", ["incident_id"])
    op.create_index("ix_storm_homes_let_go_at", "storm_homes", ["let_go_at"])
    op.create_table(
        "tech_raises",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT(), nullable=False),
        _incident(),
        _of_incidents("tech_raises"),
        sa.PrimaryKeyConstraint("kind", "home_key", name="pk_tech_raises"),
    )
    op.create_index("ix_tech_raises_kind_at", "tech_raises", ["kind", "at"])


def _flapping() -> None:
    op.create_table(
        "flapping",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        _incident(),
        sa.Column("since", _MOMENT(), nullable=False),
        sa.Column("last_at", _MOMENT(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False, server_default=sa.false()),
        _of_incidents("flapping"),
        sa.PrimaryKeyConstraint("gateway_id", "key", name="pk_flapping"),
    )
    op.create_index("ix_flapping_incident_id", "flapping", ["incident_id"])


def _quiet_cases() -> None:
    op.create_table(
        "quiet_cases",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("due_e", sa.BigInteger(), nullable=False),
        _of_incidents("quiet_cases"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_quiet_cases"),
    )
    op.create_index("ix_quiet_cases_due_e", "quiet_cases", ["due_e"])


def _reserves() -> None:
    op.create_table(
        "reserves",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("from_at", _MOMENT(), nullable=False),
        sa.Column("from_level", sa.Double(), nullable=False),
        sa.Column("at", _MOMENT(), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_reserves_gateway_id"),
        sa.PrimaryKeyConstraint("gateway_id", name="pk_reserves"),
    )


def _incident() -> sa.Column[int]:
    return sa.Column("incident_id", _NUMBER)


def _of_incidents(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name=f"fk_{table}_incident_id")
