"""Alarms as Flags, cases as Tasks, and what was done: ServiceRequest, Encounter, Communication."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from community.casefile import Disposition
from community.desk import Timing
from community.fhir import resources
from community.fhir.codes import OWN, own
from community.fhir.elements import Coding, Concept, Extension, Note, Reference, words
from community.fhir.moments import lasting, moment
from community.fhir.names import Names
from community.fhir.record import Alarm, CaseFile, Deed, Try
from community.workflow import State, workflow
from shouwang.alert import Severity
from shouwang.errors import ConfigError

_PRIORITIES: Mapping[Severity, str] = {
    Severity.P1: "stat",
    Severity.P2: "urgent",
    Severity.P3: "asap",
    Severity.P4: "routine",
}
_STATUS_OF_PHASE = {
    "found": "on-hold",
    "reported": "requested",
    "assigned": "accepted",
    "handled": "in-progress",
    "fed_back": "in-progress",
    "revisited": "in-progress",
    "done": "completed",
}
"""The six steps 发现 上报 交办 处置 反馈 回访 and the end: where a Task stands."""
_CANCELLED = frozenset({Disposition.TEST, Disposition.MERGED, Disposition.SUPERSEDED})
_FAILED = frozenset({Disposition.UNREACHABLE})
_SAFETY, _CLINICAL = (
    Concept(coding=(Coding(system="http://terminology.hl7.org/CodeSystem/flag-category", code=code),))
    for code in ("safety", "clinical")
)
_CLINICAL_HAZARDS = frozenset({"vital", "news2", "trend", "glucose", "weight"})
_HOME_VISIT = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActCode", code="HH", display="home health")
_MEDIA = {"voice": "PHONE", "sms": "WRITTEN", "mail": "EMAILWRIT", "push": "ONLINEWRIT", "webhook": "ONLINEWRIT"}
_MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
"""In which `_MEDIA` says channels."""
_HAPPENED = {"queued": "preparation", "sent": "in-progress", "delivered": "completed", "answered": "completed"}
"""Outcome of an attempt -> Communication.status; all others did not reach anybody."""
_FIRST_WORKFLOW = "emergency"
"""Cases from before there were tables of their own name none."""
_REACHED = frozenset({"delivered", "answered"})


@dataclass(slots=True)
class Visit:
    """When somebody was at the home for a case, as its entries in the chain say. Fed in their order."""

    began: datetime | None = None
    ended: datetime | None = None
    by: str = ""

    def hear(self, deed: Deed) -> None:
        """The next entry."""
        if deed.is_denied:
            return
        if deed.what == "arrive":
            self.began, self.ended, self.by = self.began or deed.at, None, deed.actor
        elif deed.what == "report" and self.began is not None and self.ended is None:
            self.ended = deed.at


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Of whom, and where it is what time."""

    names: Names
    subject: Reference
    zone: tzinfo | None


def flag(told: Told, alarm: Alarm) -> resources.Flag:
    """An alarm: active as long as it goes on at home and its case is open."""
    timing = () if alarm.timing is Timing.RIGHT else (Extension(url=f"{OWN}fhir:timing", value_code=_timing(alarm)),)
    goes_on = alarm.ended_at is None and not alarm.is_over
    return resources.Flag(
        id=told.names.id_of("Flag", alarm.gateway_id, alarm.key, alarm.told_since),
        identifier=(told.names.identifier("alarms", f"{alarm.gateway_id}/{alarm.key}"),),
        status="active" if goes_on else "inactive",
        category=(_CLINICAL if alarm.hazard in _CLINICAL_HAZARDS else _SAFETY,),
        code=own("hazard", alarm.hazard, words(f"{alarm.why.zh} ({alarm.why.en})")),
        subject=told.subject,
        period=lasting(alarm.since, alarm.ended_at, told.zone),
        extension=timing,
    )


def task(told: Told, case: CaseFile, *, has_flag: bool, has_visit: bool) -> resources.Task:
    """A case. `has_flag`: the alarm that names it is in the bundle; `has_visit`: its Encounter is."""
    names, zone = told.names, told.zone
    who = case.responder or case.owner
    others = [number for number in (case.previous, case.merged_into) if number is not None]
    return resources.Task(
        id=names.id_of("Task", case.incident_id),
        identifier=(names.identifier("cases", case.incident_id),),
        based_on=(names.ref("ServiceRequest", case.incident_id),) if case.offered else (),
        part_of=tuple(Reference(type="Task", identifier=names.identifier("cases", number)) for number in others),
        status=status_of(case),
        business_status=own("case-state", case.state, _title(case)),
        intent="order",
        priority=_PRIORITIES[case.priority],
        code=own("hazard", case.hazard),
        focus=names.ref("Flag", *case.lead) if has_flag else None,
        for_=told.subject,
        encounter=names.ref("Encounter", case.incident_id) if has_visit else None,
        authored_on=moment(case.opened_at, zone),
        last_modified=moment(case.changed_at, zone),
        execution_period=lasting(case.opened_at, case.changed_at if case.is_ended else None, zone),
        owner=names.somebody("people", who) if words(who) else None,
        note=tuple(Note(text=f"已呼叫 {number} (called {number})") for number in map(words, case.helpers) if number),
        output=(_output(case.disposition),) if case.disposition else (),
    )


def status_of(case: CaseFile) -> str:
    """Where a Task stands."""
    if case.is_ended and case.disposition in _CANCELLED:
        return "cancelled"
    if case.is_ended and case.disposition in _FAILED:
        return "failed"
    if case.is_ended:
        return "completed"
    state = _state(case)
    return "in-progress" if state is None else _STATUS_OF_PHASE[state.phase]


def service_request(told: Told, case: CaseFile) -> resources.ServiceRequest:
    """Somebody was asked to go there."""
    performers = (case.responder,) if case.responder else case.offered
    return resources.ServiceRequest(
        id=told.names.id_of("ServiceRequest", case.incident_id),
        status="completed" if case.is_ended else "active",
        intent="order",
        priority=_PRIORITIES[case.priority],
        code=own("service", "home-visit", "上门处置 (go to the home)"),
        subject=told.subject,
        authored_on=moment(case.opened_at, told.zone),
        performer=tuple(told.names.somebody("people", one) for one in performers if words(one)),
    )


def encounter(told: Told, case: CaseFile, visit: Visit) -> resources.Encounter:
    """Somebody was there."""
    return resources.Encounter(
        id=told.names.id_of("Encounter", case.incident_id),
        status="finished" if visit.ended or case.is_ended else "in-progress",
        class_=_HOME_VISIT,
        subject=told.subject,
        based_on=(told.names.ref("ServiceRequest", case.incident_id),) if case.offered else (),
        participant=(
            (resources.Participant(individual=told.names.somebody("people", visit.by)),) if words(visit.by) else ()
        ),
        period=lasting(visit.began, visit.ended, told.zone),
    )


def communication(told: Told, one: Try) -> resources.Communication:
    """Who was called, and whether it reached him."""
    status = _HAPPENED.get(one.outcome, "not-done")
    code, reason = _MEDIA.get(one.channel), words(one.code)
    coding = (Coding(system=_MODES, code=code),) if code else ()
    return resources.Communication(
        id=told.names.id_of("Communication", one.attempt_id),
        part_of=(told.names.ref("Task", one.incident_id),),
        status=status,
        status_reason=Concept(text=reason) if status == "not-done" and reason else None,
        medium=(Concept(coding=coding, text=words(one.channel) or "-"),),
        subject=told.subject,
        sent=moment(one.queued_at, told.zone),
        received=moment(one.changed_at, told.zone) if one.outcome in _REACHED else None,
        recipient=(told.names.somebody("people", one.person or one.audience),),
    )


def _state(case: CaseFile) -> State | None:
    try:
        return workflow(case.workflow or _FIRST_WORKFLOW).states.get(case.state)
    except ConfigError:
        return None


def _title(case: CaseFile) -> str | None:
    state = _state(case)
    return None if state is None else f"{state.title.zh} ({state.title.en})"


def _output(disposition: str) -> resources.Output:
    return resources.Output(
        type=own("case", "disposition", "结果 (disposition)"), value_codeable_concept=own("disposition", disposition)
    )


def _timing(alarm: Alarm) -> str:
    return alarm.timing.name.lower()
