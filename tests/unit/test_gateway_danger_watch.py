"""When there is gas and nothing may make a spark: not for a drifting sensor, and until the last sensor is clear."""

from datetime import UTC, datetime

from gateway.clock import Clock
from gateway.danger_watch import DangerWatch
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Reading

AT = datetime(2026, 11, 24, tzinfo=UTC)


def said(value, quantity=Quantity.GAS_CONCENTRATION):
    return Reading(sensor_id="kitchen", quantity=quantity, value=value, at=AT, mono=0)


def alarm(state):
    return Alert(
        alert_id=alert_id_of("gas:kitchen", AT, state),
        key="gas:kitchen",
        rule_id="gas",
        rule_version=1,
        hazard="gas",
        severity=Severity.P1,
        state=state,
        resident_id="r",
        sensor_id="kitchen",
        since=AT,
        at=AT,
        mono=0,
        why=Sentence(zh="", en=""),
    )


def test_a_drifting_sensor_alone_silences_no_siren():
    watch = DangerWatch(Clock())
    watch.hear(said(4.0))
    assert not watch.is_gas


def test_after_an_alarm_even_a_little_gas_counts_until_the_sensor_is_clear():
    watch = DangerWatch(Clock())
    watch.hear(said(12.0))
    watch.alerts([alarm(AlertState.FIRING)])
    assert watch.is_gas
    watch.hear(said(4.0))
    watch.alerts([alarm(AlertState.RESOLVED)])
    assert watch.is_gas
    watch.hear(said(1.0))
    assert not watch.is_gas
    watch.hear(said(4.0))
    assert not watch.is_gas


def test_a_detectors_own_alarm_needs_no_rule():
    watch = DangerWatch(Clock())
    watch.hear(said(1, Quantity.GAS_ALARM))
    assert watch.is_gas
    watch.hear(said(0, Quantity.GAS_ALARM))
    assert not watch.is_gas
