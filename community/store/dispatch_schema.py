"""The tables of who goes there: units, responders, rosters, links, photos, hand-overs. They belong to `schema`.

Places (`areas`, `grid`) are ids or codes as text: lists of words are JSON. A person is a login or a responder's id.
"""

import sqlalchemy as sa

from community.store.case_schema import notices
from community.store.schema import NUMBER, UtcMicros, metadata

# A party that helps. `hours`: JSON of community.dispatch.Hours, local in `zone`; empty: day and night.
units = sa.Table(
    "units",
    metadata,
    sa.Column("unit_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("tier", sa.SmallInteger, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("hours", sa.LargeBinary, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("areas", sa.LargeBinary, nullable=False),
    sa.Column("skills", sa.LargeBinary, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
)

# Somebody who goes. Whoever left stays, not active: cases name him. `tier` empty: that of his unit.
responders = sa.Table(
    "responders",
    metadata,
    sa.Column("responder_id", sa.Text, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("units.unit_id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.Column("tier", sa.SmallInteger),
    sa.Column("skills", sa.LargeBinary, nullable=False),
    sa.Column("areas", sa.LargeBinary, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("lat", sa.Double),
    sa.Column("lon", sa.Double),
    sa.Column("is_active", sa.Boolean, nullable=False),
)

# Who answers for a grid (网格员), and who stands in.
grid_posts = sa.Table(
    "grid_posts",
    metadata,
    sa.Column("grid", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
)

# Duties of each week, local in `zone`.
weekly_duties = sa.Table(
    "weekly_duties",
    metadata,
    sa.Column("duty_id", NUMBER, primary_key=True),
    sa.Column("post", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("days", sa.LargeBinary, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
)

# Single duties: swaps and holidays.
single_shifts = sa.Table(
    "single_shifts",
    metadata,
    sa.Column("shift_id", NUMBER, primary_key=True),
    sa.Column("post", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("starts_at", UtcMicros, nullable=False),
    sa.Column("ends_at", UtcMicros, nullable=False),
    sa.Index("ix_single_shifts_ends_at", "ends_at"),
)

absences = sa.Table(
    "absences",
    metadata,
    sa.Column("absence_id", NUMBER, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("starts_at", UtcMicros, nullable=False),
    sa.Column("ends_at", UtcMicros, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_absences_ends_at", "ends_at"),
)

# Somebody did not come. `leaver`: who stays on in his place (empty: nobody); `settled_at`: a supervisor saw it.
no_shows = sa.Table(
    "no_shows",
    metadata,
    sa.Column("no_show_id", NUMBER, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("starts_at", UtcMicros, nullable=False),
    sa.Column("leaver", sa.Text, nullable=False),
    sa.Column("told_at", UtcMicros, nullable=False),
    sa.Column("came_at", UtcMicros),
    sa.Column("settled_by", sa.Text),
    sa.Column("settled_at", UtcMicros),
    sa.UniqueConstraint("person", "starts_at"),
)

# Where a home is: its point in WGS-84, whoever told it, and what the dispatch file adds to the register.
home_spots = sa.Table(
    "home_spots",
    metadata,
    sa.Column("home_id", sa.Text, primary_key=True),
    sa.Column("areas", sa.LargeBinary, nullable=False),
    sa.Column("lat", sa.Double),
    sa.Column("lon", sa.Double),
    sa.Column("door_note", sa.Text, nullable=False),
)

# The way of a responder to his case: only the SHA-256 of its random token is kept. `device_hash`: of the phone that
# opened it first; no other one opens it then. `over_at`: since when the case is his no more.
responder_links = sa.Table(
    "responder_links",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("responder_id", sa.Text, nullable=False),
    sa.Column("made_at", UtcMicros, nullable=False),
    sa.Column("device_hash", sa.LargeBinary),
    sa.Column("opened_at", UtcMicros),
    sa.Column("over_at", UtcMicros),
    sa.Index("ix_responder_links_incident_id_responder_id", "incident_id", "responder_id"),
    sa.Index("ix_responder_links_over_at", "over_at"),
)

# What became of a call for `next_candidate`: done (the next one was asked), missed (nobody is left), dropped (the case
# wants nobody any more). The notice itself belongs to the channels, who tell the desk of it.
next_offers = sa.Table(
    "next_offers",
    metadata,
    sa.Column("notice_id", sa.ForeignKey("notices.notice_id"), primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
)
sa.Index("ix_notices_audience", notices.c.audience, notices.c.notice_id)

# Photos of a scene, made anew by us: no EXIF, bounded. `body` goes with an erasure, its digest stays.
case_photos = sa.Table(
    "case_photos",
    metadata,
    sa.Column("photo_id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False, index=True),
    sa.Column("taken_by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary),
)

# A shift goes from one operator to the next. `body`: what both saw when they signed. `state`: offered, done, withdrawn.
handovers = sa.Table(
    "handovers",
    metadata,
    sa.Column("handover_id", NUMBER, primary_key=True),
    sa.Column("leaver", sa.Text, nullable=False, index=True),
    sa.Column("taker", sa.Text, nullable=False, index=True),
    sa.Column("begun_at", UtcMicros, nullable=False, index=True),
    sa.Column("signed_at", UtcMicros, index=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
