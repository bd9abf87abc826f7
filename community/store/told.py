"""Alarms that the centre raises by itself: each episode opens or joins a case once, and clears it once."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store import cases
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One episode of an alarm that the centre raises by itself. `part`: of the gateway, where that has several.

    `home_key`, `lane`: where its case is not that of the gateway's home, or not of the lane of its hazard.
    """

    hazard: str
    gateway_id: str
    since: datetime
    part: str = ""
    home_key: str | None = None
    lane: str | None = None

    def begin(
        self, connection: sa.Connection, why: Sentence, now: datetime, *, severity: Severity = Severity.P3
    ) -> None:
        """It opens or joins a case."""
        self._take_in(connection, AlertState.FIRING, severity, why, now)

    def over(self, connection: sa.Connection, why: Sentence, now: datetime) -> None:
        """Its case is cleared; a person closes it."""
        self._take_in(connection, AlertState.RESOLVED, Severity.P3, why, now)

    def _take_in(
        self, connection: sa.Connection, state: AlertState, severity: Severity, why: Sentence, now: datetime
    ) -> None:
        key = ":".join(part for part in (self.hazard, self.gateway_id, self.part) if part)
        alert = Alert(
            alert_id=alert_id_of(key, self.since, state),
            key=key,
            rule_id=self.hazard,
            rule_version=1,
            hazard=self.hazard,
            severity=severity,
            state=state,
            resident_id="",
            sensor_id=self.gateway_id,
            since=self.since,
            at=now,
            mono=0,
            why=why,
        )
        cases.take_in(connection, self.gateway_id, None, alert, now, home_key=self.home_key, lane=self.lane)
