"""The alarms that are on in the home, how one ends whose rule is none any more, and that of a rule which fails."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from gateway.clock import Clock
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of

log = logging.getLogger(__name__)

TAKEN_OUT = Sentence(
    zh="这条规则或传感器已从本户的设置中取消，或改成了另一种，报警随之结束；情况是否平安，请向家中核实",
    en="its rule or sensor was taken out of this home's configuration, or is another one now, so the alarm ends; "
    "whether all is well must be asked at the home",
)

TRIED_AGAIN = Sentence(
    zh="网关已重新开始，这条规则会再试；如果还出错，会再报告",
    en="the gateway has begun anew and tries the rule again; if it still fails, it will say so",
)
RULE_FAILED = "rule-failed"
"""The hazard of a rule that cannot judge for a fault of its own."""


def failure_of(key: str, at: datetime, mono: int) -> Alert:
    """The technical alarm that the rule of this key fails: what it watches over is not watched over."""
    own = f"{RULE_FAILED}:{key}"
    return Alert(
        alert_id=alert_id_of(own, at, AlertState.FIRING),
        key=own,
        rule_id=RULE_FAILED,
        rule_version=1,
        hazard=RULE_FAILED,
        severity=Severity.P3,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id="gateway",
        since=at,
        at=at,
        mono=mono,
        why=Sentence(
            zh=f"规则 {key} 出错，现在不起作用；其他守护照常，请通知维护人员",
            en=f"the rule {key} fails and watches nothing for now; all others do, tell the maintainers",
        ),
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
            if alert.hazard == RULE_FAILED:
                continue
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
        why=TRIED_AGAIN if alert.hazard == RULE_FAILED else TAKEN_OUT,
    )
