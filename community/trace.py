"""The way of each alarm of a case from the sensor to the ear, as far as it is kept. Pure; guesses nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from community.desk import Called, IncidentPage, TimelineEntry, Timing
from community.rings import UNHEARD_AFTER, Rung
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

CONSOLE = "console"
"""The channel of attempts that are a ring at an open console."""
_TAKES = frozenset({"ack", "take_over", "hand_over"})
"""Steps by which a person says that he has the case."""
_OF_THE_HOUSE = frozenset(
    {
        Quantity.BATTERY,
        Quantity.BATTERY_VOLTAGE,
        Quantity.BATTERY_LOW,
        Quantity.SIGNAL_STRENGTH,
        Quantity.TAMPER,
        Quantity.SMOKE,
        Quantity.CARBON_MONOXIDE_ALARM,
        Quantity.GAS_ALARM,
        Quantity.GAS_CONCENTRATION,
        Quantity.HEAT_ALARM,
        Quantity.LEAK,
        Quantity.PROBLEM,
        Quantity.MAINS_LOST,
        Quantity.QUEUE_AGE,
        Quantity.DISK_USED,
        Quantity.CLOCK_ERROR,
        Quantity.STARTS,
        Quantity.MEMORY_FREE,
        Quantity.CARD_WEAR,
        Quantity.BOX_TEMPERATURE,
        Quantity.UNDER_VOLTAGE,
        Quantity.POWER_CUT,
        Quantity.BACKUP_BATTERY,
        Quantity.CUT_OFF,
    }
)
"""Tells how house and devices are, and nothing of a person."""


_HIDDEN = Sentence(zh="（不显示）", en="(not shown)")


class Stage(StrEnum):
    """Where an alarm is on its way, in the order of the way."""

    MEASURED = "measured"
    BEGAN = "began"
    RAISED = "raised"
    QUEUED = "queued"
    SENT = "sent"
    RECEIVED_BY_SMS = "received-by-sms"
    RECEIVED = "received"
    SEALED = "sealed"
    RECEIPT = "receipt"
    HEARD = "heard"
    RANG = "rang"
    TAKEN = "taken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """An entry of the sealed record. `is_right`: its bytes are as they were sealed, and it follows the one before."""

    seq: int
    hash: str
    is_right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAlert:
    """An alert of the case with what is kept of its way.

    `alert`: with the times that are known now; `told_at`: when it was raised as its home told it; `message`: the
    identity of the message that brought it, empty where none did; `sms_at`: when an SMS told of it. `seal`: the entry
    that names it; `is_unchanged`: what is stored of it is what that entry sealed (or what an erasure left of it).
    """

    gateway_id: str
    alert: Alert
    told_at: datetime
    timing: Timing
    received_at: datetime
    message: str = ""
    message_at: datetime | None = None
    sms_at: datetime | None = None
    seal: Seal | None = None
    is_unchanged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One reading that the rule judged. `value`, `frame` (hex) None: not for whoever looks; `frame` empty: not kept."""

    sensor_id: str
    quantity: Quantity
    at: datetime
    quality: Quality
    is_late: bool
    value: float | None
    frame: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """One stage; `at` None: not kept. `after`: since the stage before that is kept."""

    stage: Stage
    at: datetime | None
    after: timedelta | None = None
    is_earlier: bool = False
    """Of TAKEN: somebody had the case in hand before this alarm came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One alert and its way. `why` None: not for whoever looks. `to_the_ear`: from measurement to first ring."""

    gateway_id: str
    alert_id: str
    key: str
    rule_id: str
    rule_version: int
    hazard: str
    severity: Severity
    state: AlertState
    sensor_id: str
    timing: Timing
    told_at: datetime
    message: str
    why: Sentence | None
    frames: tuple[Frame, ...]
    stages: tuple[Passed, ...]
    seal: Seal | None
    is_unchanged: bool
    to_the_ear: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """What the centre did: a sealed step, or one try to reach somebody. `after`: since the one before."""

    at: datetime
    text: Sentence | None = None
    seal: Seal | None = None
    rung: int = -1
    audience: Sentence | None = None
    person: str = ""
    channel: str = ""
    outcome: str = ""
    code: str = ""
    ended_at: datetime | None = None
    is_of_home: bool = False
    after: timedelta | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Of one case. `more`: alerts that are not shown; `is_hidden`: values and words of health are not.

    `desks`: what browsers told of their sound; `is_unheard`: consoles were called, and none of them told that it rang.
    """

    incident_id: int
    ways: tuple[Way, ...]
    happened: tuple[Happened, ...]
    is_hidden: bool
    more: int = 0
    desks: tuple[Rung, ...] = ()
    is_unheard: bool = False

    @property
    def are_sealed_right(self) -> bool:
        """Whether every entry and alert that is shown is as it was sealed."""
        links = [one.seal.is_right for one in self.happened if one.seal is not None]
        return all(links) and all(way.is_unchanged and way.seal is not None for way in self.ways)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Moments of the case, in order: when the ladder called consoles, desks told that they rang, somebody took it."""

    rings: Sequence[datetime] = ()
    heard: Sequence[datetime] = ()
    taken: Sequence[datetime] = ()


def trace_of(
    page: IncidentPage,
    kept: Sequence[KeptAlert],
    seals: dict[int, Seal],
    *,
    now: datetime,
    desks: Sequence[Rung] = (),
    more: int = 0,
) -> Trace:
    """What whoever opened this page may see of the way of its alarms."""
    rings = sorted(
        one.since for call in page.calls for one in call.tries if one.channel == CONSOLE and one.since is not None
    )
    heard = sorted(one.rang_at for one in desks if one.rang_at is not None)
    known = Known(rings=rings, heard=heard, taken=[one.at for one in page.timeline if one.kind in _TAKES])
    return Trace(
        incident_id=page.row.incident_id,
        ways=tuple(way_of(one, known, is_hidden=page.is_card_hidden) for one in kept),
        happened=_happened(_told(page), page.calls, seals),
        is_hidden=page.is_card_hidden,
        more=more,
        desks=tuple(desks),
        is_unheard=bool(rings) and not heard and now - page.row.opened_at > UNHEARD_AFTER,
    )


def _told(page: IncidentPage) -> tuple[TimelineEntry, ...]:
    """The steps in words; why an alarm rang is left out of them where that is not for whoever looks."""
    hidden = [alert.why for alert in page.alerts if page.is_card_hidden and _tells_of_health(alert)]
    return tuple(replace(one, text=_without(one.text, hidden)) for one in page.timeline)


def _without(text: Sentence, hidden: Iterable[Sentence]) -> Sentence:
    zh, en = text.zh, text.en
    for why in hidden:
        zh, en = zh.replace(why.zh, _HIDDEN.zh) if why.zh else zh, en.replace(why.en, _HIDDEN.en) if why.en else en
    return Sentence(zh=zh, en=en)


def way_of(kept: KeptAlert, known: Known, *, is_hidden: bool) -> Way:
    """One alert as who looks may see it."""
    alert = kept.alert
    stages = _stages(kept, known)
    at = {one.stage: one.at for one in stages}
    measured, rang = at[Stage.MEASURED], at[Stage.RANG]
    return Way(
        gateway_id=kept.gateway_id,
        alert_id=alert.alert_id,
        key=alert.key,
        rule_id=alert.rule_id,
        rule_version=alert.rule_version,
        hazard=alert.hazard,
        severity=alert.severity,
        state=alert.state,
        sensor_id=alert.sensor_id,
        timing=kept.timing,
        told_at=kept.told_at,
        message=kept.message,
        why=None if is_hidden and _tells_of_health(alert) else alert.why,
        frames=tuple(_frame(reading, is_hidden=is_hidden) for reading in alert.evidence),
        stages=stages,
        seal=kept.seal,
        is_unchanged=kept.is_unchanged,
        to_the_ear=None if rang is None else rang - (measured or alert.at),
    )


def _stages(kept: KeptAlert, known: Known) -> tuple[Passed, ...]:
    alert = kept.alert
    measured = max((one.at for one in alert.evidence if not one.is_late), default=None)
    in_hand = _next(known.taken, kept)
    before = max((at for at in known.taken if at < kept.received_at), default=None)
    passed: list[tuple[Stage, datetime | None]] = [
        (Stage.BEGAN, alert.since),
        (Stage.MEASURED, measured),
        (Stage.RAISED, alert.at),
        (Stage.QUEUED, None),
        (Stage.SENT, None),
    ]
    if kept.sms_at is not None:
        passed.append((Stage.RECEIVED_BY_SMS, kept.sms_at))
    if kept.message:
        passed.append((Stage.RECEIVED, kept.message_at))
    passed += [
        (Stage.SEALED, None if kept.seal is None else kept.received_at),
        (Stage.RECEIPT, None),
        *_rung(_next(known.heard, kept), _next(known.rings, kept)),
        (Stage.TAKEN, in_hand or before),
    ]
    found = []
    last: datetime | None = None
    for stage, at in passed:
        is_earlier = stage is Stage.TAKEN and in_hand is None and before is not None
        after = None if at is None or last is None or is_earlier else at - last
        found.append(Passed(stage=stage, at=at, after=after, is_earlier=is_earlier))
        last = last if at is None else at
    return tuple(found)


def _next(moments: Iterable[datetime], kept: KeptAlert) -> datetime | None:
    return next((at for at in moments if at >= kept.received_at), None)


def _rung(heard: datetime | None, called: datetime | None) -> tuple[tuple[Stage, datetime | None], ...]:
    """A desk rings by the record, the ladder calls beside it: whichever is known to be first comes first."""
    both = ((Stage.HEARD, heard), (Stage.RANG, called))
    return both[::-1] if heard is not None and called is not None and called < heard else both


def _frame(reading: Reading, *, is_hidden: bool) -> Frame:
    is_of_house = reading.quantity in _OF_THE_HOUSE
    return Frame(
        sensor_id=reading.sensor_id,
        quantity=reading.quantity,
        at=reading.at,
        quality=reading.quality,
        is_late=reading.is_late,
        value=reading.value if is_of_house or not is_hidden else None,
        frame=None if is_hidden else reading.frame.hex(" "),  # one frame may hold other values beside this one
    )


def _tells_of_health(alert: Alert) -> bool:
    """A technical alarm without readings is about a device; any other one may say how a person is."""
    is_technical = alert.severity is Severity.P3
    return not all(reading.quantity in _OF_THE_HOUSE for reading in alert.evidence) or not (
        alert.evidence or is_technical
    )


def _happened(steps: Iterable[TimelineEntry], calls: Iterable[Called], seals: dict[int, Seal]) -> tuple[Happened, ...]:
    found = [Happened(at=one.at, text=one.text, seal=seals.get(one.seq)) for one in steps]
    found += [
        Happened(
            at=one.since or call.at,
            rung=call.rung,
            audience=call.audience,
            person=one.person,
            channel=one.channel,
            outcome=one.outcome,
            code=one.code,
            ended_at=one.at,
            is_of_home=one.is_of_home,
        )
        for call in calls
        for one in call.tries
    ]
    found.sort(key=lambda one: (one.at, one.text is None))
    return tuple(_spaced(found))


def _spaced(found: Iterable[Happened]) -> Iterable[Happened]:
    last: datetime | None = None
    for one in found:
        yield one if last is None else replace(one, after=one.at - last)
        last = one.at
