"""What a case keeps of alarms: its alerts by reference, and what their steps have in common. Values only."""

from collections.abc import Iterable

import msgspec

from shouwang.alert import AlertState, Severity
from shouwang.reading import Moment


class AlertRef(msgspec.Struct, frozen=True, kw_only=True):
    """What the case keeps of an alert; `digest` (SHA-256, hex) ties the stored alert to the audit chain."""

    gateway_id: str
    alert_id: str
    key: str
    since: Moment
    state: AlertState
    severity: Severity
    hazard: str
    is_late: bool
    digest: str

    @property
    def episode(self) -> "Episode":
        """What all steps of one alarm share."""
        return Episode(gateway_id=self.gateway_id, key=self.key, since=self.since)


class Episode(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One alarm from its first step to its end."""

    gateway_id: str
    key: str
    since: Moment


class Alarm(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a gateway resets: the alarm itself, whichever of its episodes."""

    gateway_id: str
    key: str


def newest(episodes: Iterable[Episode]) -> dict[Alarm, Episode]:
    """An alarm that begins anew has ended before, also where its end was never heard of."""
    ordered = sorted(episodes, key=lambda episode: episode.since)
    return {Alarm(gateway_id=one.gateway_id, key=one.key): one for one in ordered}


def firing(alerts: Iterable[AlertRef]) -> Iterable[AlertRef]:
    """Those that ring."""
    return (ref for ref in alerts if ref.state is AlertState.FIRING)
