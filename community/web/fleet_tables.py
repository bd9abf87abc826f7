"""Boxes and sensors as tables for a spreadsheet: the technician's tour."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from fastapi.responses import Response

from community.fleet import BoxLine, SensorLine
from community.reasons import told
from community.web.fleet_words import kind_of
from community.web.language import Language, translations
from community.web.spreadsheet import spreadsheet
from community.web.words import REASONS


def box_table(rows: Iterable[BoxLine], zone: tzinfo | None) -> Response:
    """The list of boxes; times in `zone`."""
    head = "gateway home address state last_heard link link_dbm mains battery backlog clock_offset_s version"
    head += " certificate_ends sensors_ok sensors_late sensors_dead last_test troubles"
    return spreadsheet([head.split(), *(_box(row, zone) for row in rows)], name="gateways.csv")


def sensor_table(rows: Iterable[SensorLine], zone: tzinfo | None, language: Language) -> Response:
    """The list of sensors that want a visit, in this language."""
    head = "address gateway sensor what room model state reason battery cell signal_dbm last_heard"
    return spreadsheet([head.split(), *(_sensor(row, zone, language) for row in rows)], name="sensors.csv")


def _box(row: BoxLine, zone: tzinfo | None) -> Sequence[object]:
    return (
        row.gateway_id,
        row.home_id,
        row.address,
        row.state.value,
        _written(row.last_seen, zone),
        row.link,
        row.link_dbm,
        {True: "mains", False: "battery", None: ""}[row.is_on_mains],
        row.battery,
        row.backlog,
        None if row.clock_offset_ms is None else row.clock_offset_ms / 1000,
        row.version,
        _written(row.certificate_ends, zone),
        row.sensors_up,
        row.sensors_late,
        row.sensors_dead,
        _written(row.tested_at, zone),
        " ".join(sorted(show.value for show in row.troubles)),
    )


def _sensor(row: SensorLine, zone: tzinfo | None, language: Language) -> Sequence[object]:
    kind, translated = kind_of(row.kind), translations(language).gettext
    why = told(row.reason)
    reason = translated(REASONS[row.reason]) if row.reason in REASONS else why.zh if language is Language.ZH else why.en
    return (
        row.address,
        row.gateway_id,
        row.sensor_id,
        translated(kind) if kind else row.kind,
        row.room,
        row.model,
        row.state.value,
        reason,
        row.battery,
        row.cell,
        row.signal_dbm,
        _written(row.heard_at, zone),
    )


def _written(at: datetime | None, zone: tzinfo | None) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
