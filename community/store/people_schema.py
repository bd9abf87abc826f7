"""The tables of people and places beside `homes`, `residents` and `contacts`. They belong to `schema`.

Days are written as people write them (2026-11-24); lists of words are JSON.
"""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# A tree, from districts to doors. `level`: see community.people.Level. `lat`, `lon`: WGS-84, of buildings and what is
# wider; the point of a home lies in `home_spots` (dispatch_schema).
places = sa.Table(
    "places",
    metadata,
    sa.Column("place_id", sa.Text, primary_key=True),
    sa.Column("parent_id", sa.ForeignKey("places.place_id"), index=True),
    sa.Column("level", sa.Text, nullable=False, index=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("lat", sa.Double),
    sa.Column("lon", sa.Double),
)

# What is said of a home. `place_id`: its door, or the nearest place that is known. `is_registered`: community.yaml
# does not change the row any more.
home_register = sa.Table(
    "home_register",
    metadata,
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), primary_key=True),
    sa.Column("place_id", sa.ForeignKey("places.place_id"), index=True),
    sa.Column("gateway_id", sa.Text, unique=True),
    sa.Column("route", sa.Text, nullable=False, server_default=""),
    sa.Column("offline_after", sa.Integer, nullable=False, server_default="3"),
    sa.Column("high_risk", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_registered", sa.Boolean, nullable=False, server_default=sa.false()),
)

# `sealed`: the code as the key file named `key_name` sealed it; plain where that is empty. `read_at`: somebody has
# seen it since it was set, so that it wants to be changed.
key_safes = sa.Table(
    "key_safes",
    metadata,
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("changed_at", UtcMicros, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("read_at", UtcMicros),
)

# Rows are added, never changed; the newest of a purpose holds. `given_by`: the person himself, or who for him.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent_id", NUMBER, primary_key=True),
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("is_given", sa.Boolean, nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("text_version", sa.Text, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcMicros, nullable=False),
    sa.UniqueConstraint("resident_id", "purpose", "at", "is_given"),
)

# Who read what of whom: rows are added, never changed, each sealed with the hash of the one before. Of the reason the
# seal knows only the digest, so that its words can be erased.
access_log = sa.Table(
    "access_log",
    metadata,
    sa.Column("access_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("resident_id", sa.Text),
    sa.Column("home_id", sa.Text),
    sa.Column("incident_id", sa.BigInteger),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("reason", sa.Text),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("ix_access_log_resident_id_at", "resident_id", "at"),
    sa.Index("ix_access_log_home_id_at", "home_id", "at"),
)

# What the register said before. The words go with the person's erasure; that something was changed stays.
register_changes = sa.Table(
    "register_changes",
    metadata,
    sa.Column("change_id", NUMBER, primary_key=True),
    sa.Column("resident_id", sa.Text, index=True),
    sa.Column("home_id", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
)

# `key_ref` names a file or a safe, never the key. A device without a home is in store.
devices = sa.Table(
    "devices",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("maker", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("sensors", sa.Text, nullable=False),
    sa.Column("room", sa.Text, nullable=False),
    sa.Column("installed_on", sa.Text, nullable=False),
    sa.Column("serviced_on", sa.Text, nullable=False),
    sa.Column("key_ref", sa.Text, nullable=False),
)

# Alerts whose personal part was erased: the audit chain keeps the digest of what they were, this that of what is left.
erased_alerts = sa.Table(
    "erased_alerts",
    metadata,
    sa.Column("gateway_id", sa.Text, primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("left_digest", sa.Text, nullable=False),
    sa.Column("access_id", sa.ForeignKey("access_log.access_id"), nullable=False),
    sa.ForeignKeyConstraint(["gateway_id", "alert_id"], ["alerts.gateway_id", "alerts.alert_id"]),
)

# Which box stood in which home, and who lived where (`is_first`: as the one whom readings mean that name nobody), from
# when to when. `since` empty: nothing before is known; `until` empty: still.
box_stays = sa.Table(
    "box_stays",
    metadata,
    sa.Column("stay_id", NUMBER, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False, index=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), nullable=False, index=True),
    sa.Column("since", UtcMicros),
    sa.Column("until", UtcMicros),
)

resident_stays = sa.Table(
    "resident_stays",
    metadata,
    sa.Column("stay_id", NUMBER, primary_key=True),
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), nullable=False, index=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), nullable=False, index=True),
    sa.Column("is_first", sa.Boolean, nullable=False),
    sa.Column("since", UtcMicros),
    sa.Column("until", UtcMicros),
)

# Measurements of an erased person that are still to be forgotten, wherever they lie: rows go when all of it is done.
# `name`: as the readings name him, empty where they name nobody.
to_forget = sa.Table(
    "to_forget",
    metadata,
    sa.Column("claim_id", NUMBER, primary_key=True),
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), nullable=False, index=True),
    sa.Column("gateway_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("until", UtcMicros, nullable=False),
)
