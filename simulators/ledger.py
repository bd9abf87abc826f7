"""Holds what was said at home against what the centre stored: the report of a demonstration."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shouwang.quantities import Quantity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS = {
    "opened": "SELECT opened_at FROM incidents ORDER BY 1",
    "closed": "SELECT changed_at FROM incidents WHERE state = 'CLOSED' ORDER BY 1",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAlert:
    """One step of an alarm as the centre has it."""

    at: str
    rule_id: str
    key: str
    severity: str
    state: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """`lost`: said to a listener and not stored; `duplicated`: stored more often than said."""

    emitted: int
    stored: int
    lost: int
    duplicated: int


@dataclass(kw_only=True, slots=True)
class SeenBeat:
    """One beat of the story. `latency_ms` counts from the first moment at which it could be seen."""

    name: str
    expected: str
    seen: bool = False
    latency_ms: int | None = None


@dataclass(kw_only=True, slots=True)
class Report:
    """What `--report` writes."""

    broker: str
    beats: list[SeenBeat] = field(default_factory=list)
    readings: Readings = Readings(emitted=0, stored=0, lost=0, duplicated=0)
    alerts: list[StoredAlert] = field(default_factory=list)
    incidents: int = 0
    sent_out: list[str] = field(default_factory=list)
    """The steps of the case to which a responder was sent."""
    errors: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Every beat was seen, no reading is lost or doubled, nothing went wrong."""
        is_complete = self.readings.lost == 0 and self.readings.duplicated == 0
        return is_complete and not self.errors and all(beat.seen for beat in self.beats)

    def as_json(self) -> str:
        """The report as JSON."""
        alerts = [
            {name: value for name, value in asdict(alert).items() if name != "received_at"} for alert in self.alerts
        ]
        found = {
            "ok": self.ok,
            "broker": self.broker,
            "beats": [asdict(beat) for beat in self.beats],
            "readings": asdict(self.readings),
            "alerts": alerts,
            "incidents": self.incidents,
            "sent_out": self.sent_out,
            "errors": self.errors,
        }
        return json.dumps(found, ensure_ascii=False, indent=2)


class Ledger:
    """The community server's SQLite files, read from outside."""

    def __init__(self, database: Path) -> None:
        """Each question opens a file anew, read-only: it never holds up the server."""
        self._database = database
        self._measurements = database.with_name(f"{database.stem}-measurements.db")

    def alerts(self) -> list[StoredAlert]:
        """All alerts, in the order of their coming."""
        rows = self._rows("SELECT body, received_at FROM alerts ORDER BY message_id")
        return [_alert(json.loads(body), received_at) for body, received_at in rows]

    def incidents(self) -> int:
        """How many cases there are, open and closed."""
        return int(self._rows("SELECT count(*) FROM incidents")[0][0])

    def has_audience(self) -> bool:
        """Whether somebody is logged in at the console."""
        return bool(self._rows("SELECT EXISTS (SELECT 1 FROM login_sessions)")[0][0])

    def newest_life(self) -> str:
        """The state of the newest P1 case, empty where there is none."""
        rows = self._rows("SELECT state FROM incidents WHERE priority = 'P1' ORDER BY incident_id DESC LIMIT 1")
        return str(rows[0][0]) if rows else ""

    def storms(self) -> int:
        """How many storms there were."""
        return int(self._rows("SELECT count(*) FROM storms")[0][0])

    def incident_moments(self, kind: str) -> list[datetime]:
        """When cases were `opened` or `closed`, in order."""
        rows = self._rows(_MOMENTS[kind])
        return [_EPOCH + timedelta(microseconds=at) for (at,) in rows]

    def readings(self, emitted: Mapping[tuple[str, str, float], int]) -> Readings:
        """Compare with what the simulated sensors said."""
        stored = self.stored()
        return Readings(
            emitted=sum(emitted.values()),
            stored=sum(stored.values()),
            lost=sum((Counter(emitted) - stored).values()),
            duplicated=sum((stored - Counter(emitted)).values()),
        )

    def stored(self) -> Counter[tuple[str, str, float]]:
        """How often each value of each sensor is stored; how strongly it was heard is no word of the sensor.

        The gateway's own box (sensor `gateway`) is not simulated.
        """
        rows = self._rows(
            "SELECT sensor_id, quantity, value, count(*) FROM samples JOIN series USING (series_id)"
            f" WHERE quantity <> '{Quantity.SIGNAL_STRENGTH}' AND sensor_id <> 'gateway' GROUP BY 1, 2, 3",
            self._measurements,
        )
        return Counter({(sensor, quantity, value): count for sensor, quantity, value, count in rows})

    def _rows(self, question: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{file or self._database}?mode=ro", uri=True, timeout=5.0)) as db:
            return db.execute(question).fetchall()


def _alert(body: Mapping[str, Any], received_at: int) -> StoredAlert:
    return StoredAlert(
        at=body["at"],
        rule_id=body["rule_id"],
        key=body["key"],
        severity=body["severity"],
        state=body["state"],
        received_at=_EPOCH + timedelta(microseconds=received_at),
    )
