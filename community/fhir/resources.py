"""The resources of FHIR R4 that we write, with the fields that we fill. Whoever builds one keeps its invariants."""

import msgspec

from community.fhir.care_elements import Activity, Dosage, Target
from community.fhir.elements import (
    Address,
    Coding,
    Concept,
    ContactPoint,
    Element,
    Extension,
    Identifier,
    Measure,
    Name,
    Note,
    Period,
    Reference,
)


class Resource(Element, frozen=True, kw_only=True):
    """Has an id."""

    id: str


class Patient(Resource, frozen=True, kw_only=True, tag="Patient", tag_field="resourceType"):
    """The resident."""

    identifier: tuple[Identifier, ...]
    active: bool
    name: tuple[Name, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    deceased_date_time: str | None = None
    address: tuple[Address, ...] = ()


class RelatedPerson(Resource, frozen=True, kw_only=True, tag="RelatedPerson", tag_field="resourceType"):
    """A contact of the resident."""

    patient: Reference
    relationship: tuple[Concept, ...] = ()
    name: tuple[Name, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()


class DeviceName(Element, frozen=True, kw_only=True):
    """How a device is called."""

    name: str
    type: str


class Version(Element, frozen=True, kw_only=True):
    """Of a device's program."""

    value: str


class Device(Resource, frozen=True, kw_only=True, tag="Device", tag_field="resourceType"):
    """A gateway or a sensor."""

    identifier: tuple[Identifier, ...]
    status: str
    status_reason: tuple[Concept, ...] = ()
    device_name: tuple[DeviceName, ...] = ()
    type: Concept | None = None
    version: tuple[Version, ...] = ()
    patient: Reference | None = None
    parent: Reference | None = None


class Component(Element, frozen=True, kw_only=True):
    """A part of an Observation."""

    code: Concept
    value_quantity: Measure | None = None
    value_codeable_concept: Concept | None = None
    data_absent_reason: Concept | None = None
    extension: tuple[Extension, ...] = ()


class Observation(Resource, frozen=True, kw_only=True, tag="Observation", tag_field="resourceType"):
    """A measurement."""

    status: str
    code: Concept
    subject: Reference
    category: tuple[Concept, ...] = ()
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    value_quantity: Measure | None = None
    value_boolean: bool | None = None
    value_codeable_concept: Concept | None = None
    data_absent_reason: Concept | None = None
    note: tuple[Note, ...] = ()
    method: Concept | None = None
    device: Reference | None = None
    component: tuple[Component, ...] = ()
    extension: tuple[Extension, ...] = ()


class Condition(Resource, frozen=True, kw_only=True, tag="Condition", tag_field="resourceType"):
    """An illness, as the resident's file says it."""

    clinical_status: Concept
    code: Concept
    subject: Reference


class AllergyIntolerance(Resource, frozen=True, kw_only=True, tag="AllergyIntolerance", tag_field="resourceType"):
    """What the resident does not bear."""

    clinical_status: Concept
    code: Concept
    patient: Reference


class MedicationStatement(Resource, frozen=True, kw_only=True, tag="MedicationStatement", tag_field="resourceType"):
    """A medicine, as the resident's file says it."""

    status: str
    medication_codeable_concept: Concept
    subject: Reference
    effective_period: Period | None = None
    dosage: tuple[Dosage, ...] = ()
    note: tuple[Note, ...] = ()


class Goal(Resource, frozen=True, kw_only=True, tag="Goal", tag_field="resourceType"):
    """What a clinician has set for the resident's values."""

    lifecycle_status: str
    description: Concept
    subject: Reference
    start_date: str | None = None
    target: tuple[Target, ...] = ()
    note: tuple[Note, ...] = ()


class CarePlan(Resource, frozen=True, kw_only=True, tag="CarePlan", tag_field="resourceType"):
    """What is done about an illness."""

    status: str
    intent: str
    subject: Reference
    category: tuple[Concept, ...] = ()
    title: str | None = None
    goal: tuple[Reference, ...] = ()
    activity: tuple[Activity, ...] = ()
    note: tuple[Note, ...] = ()


class Flag(Resource, frozen=True, kw_only=True, tag="Flag", tag_field="resourceType"):
    """What whoever goes there must know: a risk, or an alarm."""

    status: str
    code: Concept
    subject: Reference
    identifier: tuple[Identifier, ...] = ()
    category: tuple[Concept, ...] = ()
    period: Period | None = None
    extension: tuple[Extension, ...] = ()


class Output(Element, frozen=True, kw_only=True):
    """What came of a task."""

    type: Concept
    value_codeable_concept: Concept


class Task(Resource, frozen=True, kw_only=True, tag="Task", tag_field="resourceType"):
    """A case."""

    identifier: tuple[Identifier, ...]
    status: str
    business_status: Concept
    intent: str
    priority: str
    for_: Reference = msgspec.field(name="for")
    authored_on: str
    last_modified: str
    execution_period: Period
    based_on: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    code: Concept | None = None
    focus: Reference | None = None
    encounter: Reference | None = None
    owner: Reference | None = None
    note: tuple[Note, ...] = ()
    output: tuple[Output, ...] = ()


class ServiceRequest(Resource, frozen=True, kw_only=True, tag="ServiceRequest", tag_field="resourceType"):
    """Somebody was sent."""

    status: str
    intent: str
    priority: str
    code: Concept
    subject: Reference
    authored_on: str
    performer: tuple[Reference, ...] = ()


class Participant(Element, frozen=True, kw_only=True):
    """Somebody who was there."""

    individual: Reference


class Encounter(Resource, frozen=True, kw_only=True, tag="Encounter", tag_field="resourceType"):
    """Somebody was at the home."""

    status: str
    class_: Coding = msgspec.field(name="class")
    subject: Reference
    based_on: tuple[Reference, ...] = ()
    participant: tuple[Participant, ...] = ()
    period: Period | None = None


class Communication(Resource, frozen=True, kw_only=True, tag="Communication", tag_field="resourceType"):
    """One try to reach somebody."""

    status: str
    subject: Reference
    part_of: tuple[Reference, ...] = ()
    status_reason: Concept | None = None
    medium: tuple[Concept, ...] = ()
    sent: str | None = None
    received: str | None = None
    recipient: tuple[Reference, ...] = ()


class Provision(Element, frozen=True, kw_only=True):
    """What a consent allows (`permit`) or forbids (`deny`)."""

    type: str
    period: Period | None = None


class Consent(Resource, frozen=True, kw_only=True, tag="Consent", tag_field="resourceType"):
    """What the resident has said about his data."""

    status: str
    scope: Concept
    category: tuple[Concept, ...]
    patient: Reference
    date_time: str | None = None
    policy_rule: Concept | None = None
    provision: Provision | None = None


class Agent(Element, frozen=True, kw_only=True):
    """Who had a part in what Provenance tells."""

    who: Reference
    type: Concept | None = None


class Source(Element, frozen=True, kw_only=True):
    """From what a Provenance says that something comes."""

    role: str
    what: Reference


class Provenance(Resource, frozen=True, kw_only=True, tag="Provenance", tag_field="resourceType"):
    """Where resources come from."""

    target: tuple[Reference, ...]
    recorded: str
    agent: tuple[Agent, ...]
    activity: Concept | None = None
    entity: tuple[Source, ...] = ()


class Actor(Element, frozen=True, kw_only=True):
    """Who did it."""

    requestor: bool
    who: Reference
    role: tuple[Concept, ...] = ()


class Observer(Element, frozen=True, kw_only=True):
    """Who wrote it down."""

    observer: Reference


class Detail(Element, frozen=True, kw_only=True):
    """More of an entity."""

    type: str
    value_string: str


class Thing(Element, frozen=True, kw_only=True):
    """What it was done to."""

    what: Reference
    detail: tuple[Detail, ...] = ()


class AuditEvent(Resource, frozen=True, kw_only=True, tag="AuditEvent", tag_field="resourceType"):
    """Somebody did something."""

    type: Coding
    recorded: str
    agent: tuple[Actor, ...]
    source: Observer
    subtype: tuple[Coding, ...] = ()
    action: str | None = None
    outcome: str | None = None
    entity: tuple[Thing, ...] = ()


class Issue(Element, frozen=True, kw_only=True):
    """One thing that must be known of the export itself."""

    severity: str
    code: str
    details: Concept


class OperationOutcome(Resource, frozen=True, kw_only=True, tag="OperationOutcome", tag_field="resourceType"):
    """What is not in the bundle, and why."""

    issue: tuple[Issue, ...]


AnyResource = (
    Patient
    | RelatedPerson
    | Device
    | Observation
    | Condition
    | AllergyIntolerance
    | MedicationStatement
    | CarePlan
    | Goal
    | Flag
    | Task
    | ServiceRequest
    | Encounter
    | Communication
    | Consent
    | Provenance
    | AuditEvent
    | OperationOutcome
)
