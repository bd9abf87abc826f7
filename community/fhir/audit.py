"""Who did what: each entry of a case's sealed chain as an AuditEvent, the chain behind a case as Provenance."""

from datetime import tzinfo

from community.casefile import SYSTEM
from community.fhir import resources
from community.fhir.codes import OWN, code_in, own
from community.fhir.elements import Coding, Concept, Reference, words
from community.fhir.moments import moment
from community.fhir.names import Names
from community.fhir.record import Deed, Reader

_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PATIENT_RECORD = Coding(system=_DICOM, code="110110", display="Patient Record")
_EXPORT = Coding(system=_DICOM, code="110106", display="Export")
_DONE, _REFUSED = "0", "4"
"""http://hl7.org/fhir/audit-event-outcome: success, minor failure."""
_BEGINNINGS = frozenset({"opened", "adopted"})
_PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def audit_event(names: Names, deed: Deed, zone: tzinfo | None) -> resources.AuditEvent:
    """One entry of the chain, with its number and its seal: whoever holds the chain can find it there."""
    return resources.AuditEvent(
        id=names.id_of("AuditEvent", deed.seq),
        type=_PATIENT_RECORD,
        subtype=(Coding(system=f"{OWN}step", code=code_in(deed.what)),),
        action="C" if deed.what in _BEGINNINGS else "U",
        recorded=moment(deed.at, zone),
        outcome=_REFUSED if deed.is_denied else _DONE,
        agent=(_actor(names, deed.actor, deed.role),),
        source=resources.Observer(observer=names.itself()),
        entity=(
            resources.Thing(
                what=names.ref("Task", deed.incident_id),
                detail=(
                    resources.Detail(type="seq", value_string=str(deed.seq)),
                    resources.Detail(type="sha256", value_string=deed.seal),
                    resources.Detail(type="state", value_string=words(deed.state) or "-"),
                ),
            ),
        ),
    )


def provenance_of_case(names: Names, last: Deed, zone: tzinfo | None) -> resources.Provenance:
    """From which entry of the chain on downwards the case was told."""
    return resources.Provenance(
        id=names.id_of("Provenance", "case", last.incident_id),
        target=(names.ref("Task", last.incident_id),),
        recorded=moment(last.at, zone),
        agent=(resources.Agent(who=_who(names, last.actor)),),
        entity=(
            resources.Source(
                role="source",
                what=Reference(identifier=names.identifier("entries of the audit chain", f"{last.seq}:{last.seal}")),
            ),
        ),
    )


def provenance_of_export(names: Names, resident_id: str, reader: Reader, zone: tzinfo | None) -> resources.Provenance:
    """Who asked for the bundle, and who made it."""
    return resources.Provenance(
        id=names.id_of("Provenance", "export", resident_id, reader.who, reader.at),
        target=(names.ref("Patient", resident_id),),
        recorded=moment(reader.at, zone),
        activity=own("activity", "export"),
        agent=(
            resources.Agent(type=_participant("enterer"), who=_who(names, reader.who)),
            resources.Agent(type=_participant("assembler"), who=names.itself()),
        ),
    )


def audit_of_export(names: Names, resident_id: str, reader: Reader, zone: tzinfo | None) -> resources.AuditEvent:
    """That this bundle was made: the same is in the centre's record of reads."""
    reason = words(reader.why)
    return resources.AuditEvent(
        id=names.id_of("AuditEvent", "export", resident_id, reader.who, reader.at),
        type=_EXPORT,
        action="R",
        recorded=moment(reader.at, zone),
        outcome=_DONE,
        agent=(_actor(names, reader.who, ""),),
        source=resources.Observer(observer=names.itself()),
        entity=(
            resources.Thing(
                what=names.ref("Patient", resident_id),
                detail=(resources.Detail(type="purpose", value_string=reason),) if reason else (),
            ),
        ),
    )


def _who(names: Names, actor: str) -> Reference:
    return names.itself() if actor == SYSTEM or not words(actor) else names.somebody("people", actor)


def _actor(names: Names, actor: str, role: str) -> resources.Actor:
    is_person = actor != SYSTEM
    return resources.Actor(
        who=_who(names, actor), requestor=is_person, role=(own("role", role),) if words(role) else ()
    )


def _participant(code: str) -> Concept:
    return Concept(coding=(Coding(system=_PARTICIPANTS, code=code),))
