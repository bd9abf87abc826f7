"""How the home is, in one short text: which sensors are heard, which alarms are on. For people who ask."""

from collections.abc import Iterable, Sequence

from config.box import BOX_ID
from shouwang.alert import Alert, AlertState, Sentence
from shouwang.status import SensorState, SensorStatus

_NAMED = 3
"""Sensors and alarms named in a text message; the others are counted."""
_ON = (AlertState.FIRING, AlertState.PREALARM)


class Roster:
    """What was last told of each sensor and alarm."""

    def __init__(self, sensors: Sequence[str]) -> None:
        """Nothing was heard of any of these."""
        self._states: dict[str, SensorState | None] = dict.fromkeys(sensors)
        self._alarms: dict[str, Alert] = {}

    def know(self, sensors: Iterable[str]) -> None:
        """These are the sensors of the home now; of those that are new nothing was heard."""
        self._states = {sensor: self._states.get(sensor) for sensor in sensors}

    def status(self, status: SensorStatus) -> None:
        """A sensor's state has changed. The box itself is none: it is the one that answers."""
        if status.sensor_id != BOX_ID:
            self._states[status.sensor_id] = status.state

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Alarms began or ended."""
        for alert in alerts:
            if alert.state in _ON:
                self._alarms[alert.key] = alert
            else:
                self._alarms.pop(alert.key, None)

    def catch_up(self, states: Iterable[SensorStatus], alarms: Iterable[Alert]) -> None:
        """How the sensors stood, and which alarms were on, before there was this roster."""
        for status in states:
            if status.sensor_id in self._states:
                self.status(status)
        self.alerts(alarms)

    def words(self) -> Sentence:
        """All of it, in a text that fits into one or two SMS."""
        lost = [sensor for sensor, state in self._states.items() if state is not SensorState.UP]
        heard = len(self._states) - len(lost)
        alarms = [alert.rule_id for alert in self._alarms.values()]
        return Sentence(
            zh=f"守望：{f'有 {len(alarms)} 个报警：{_listed(alarms)}' if alarms else '没有报警'}；"
            f"{heard} 个传感器正常{f'，{len(lost)} 个失联：{_listed(lost)}' if lost else ''}。",
            en=f"Shouwang: {f'{len(alarms)} alarms on: {_listed(alarms)}' if alarms else 'no alarm'}; "
            f"{heard} sensors heard{f', {len(lost)} lost: {_listed(lost)}' if lost else ''}.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" +{len(names) - _NAMED}" if len(names) > _NAMED else "")
