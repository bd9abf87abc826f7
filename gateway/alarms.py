"""The alarms that are on in the home, and how one ends whose rule is none any more."""

import logging
from collections.abc import Callable, Iterable

import msgspec

from gateway.clock import Clock
from shouwang.alert import Alert, AlertState, Sentence, alert_id_of

log = logging.getLogger(__name__)

TAKEN_OUT = Sentence(
    zh="这条规则或传感器已从本户的设置中取消，或改成了另一种，报警随之结束；情况是否平安，请向家中核实",
    en="its rule or sensor was taken out of this home's configuration, or is another one now, so the alarm ends; "
    "whether all is well must be asked at the home",
)


class Alarms:
    """`on`: the last step of each alarm that is on, by its key."""

    def __init__(self) -> None:
        """None is on."""
        self.on: dict[str, Alert] = {}

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Steps of alarms."""
        for alert in alerts:
            if alert.state in (AlertState.PREALARM, AlertState.FIRING):
                self.on[alert.key] = alert
            else:
                self.on.pop(alert.key, None)

    def orphans(self, stands: Callable[[str], bool], clock: Clock) -> list[Alert]:
        """The last steps of those that no rule stands for: they would sound for ever, and must not just vanish."""
        found = [_end(alert, clock) for key, alert in self.on.items() if not (alert.is_test or stands(key))]
        for alert in found:
            log.warning("alarm %s ends: its rule or sensor was taken out of the configuration", alert.key)
        return found


def _end(alert: Alert, clock: Clock) -> Alert:
    state = AlertState.CANCELLED if alert.state is AlertState.PREALARM else AlertState.RESOLVED
    return msgspec.structs.replace(
        alert,
        alert_id=alert_id_of(alert.key, alert.since, state),
        state=state,
        at=clock.now(),
        mono=clock.mono(),
        why=TAKEN_OUT,
    )
