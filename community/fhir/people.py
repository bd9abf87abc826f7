"""The resident, whom to call, what is known of his health, which devices watch: Patient and what hangs on it."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from community import consent
from community.consent import Consent, Purpose
from community.fhir import resources
from community.fhir.codes import OWN, own
from community.fhir.elements import Address, Coding, Concept, ContactPoint, Name, Period, words
from community.fhir.moments import moment
from community.fhir.names import Names
from community.fhir.record import Box, Person, Sensor
from community.people import Left

_ACTIVE_CONDITION = Concept(
    coding=(Coding(system="http://terminology.hl7.org/CodeSystem/condition-clinical", code="active"),)
)
_ACTIVE_ALLERGY = Concept(
    coding=(Coding(system="http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code="active"),)
)
_SAFETY = Concept(coding=(Coding(system="http://terminology.hl7.org/CodeSystem/flag-category", code="safety"),))
_SCOPE = Concept(coding=(Coding(system="http://terminology.hl7.org/CodeSystem/consentscope", code="patient-privacy"),))
_DISCLOSURE = Concept(coding=(Coding(system="http://loinc.org", code="59284-0"),))
_RANKS = range(1, 100)

_GENDERS = {"female": "female", "male": "male"}
_STATES = {"up": ("active", "online"), "silent": ("active", "not-ready"), "down": ("inactive", "offline")}
"""SensorState -> Device.status and http://terminology.hl7.org/CodeSystem/device-status-reason."""


def patient(names: Names, person: Person) -> resources.Patient:
    """The resident."""
    name, address = words(person.name), words(person.address)
    return resources.Patient(
        id=names.id_of("Patient", person.resident_id),
        identifier=(names.identifier("residents", person.resident_id),),
        active=not person.is_erased and person.left is None,
        name=(Name(text=name),) if name else (),
        gender=_GENDERS.get(person.sex, "unknown"),
        birth_date=f"{person.born:04d}" if person.born else None,
        deceased_date_time=person.left_on if person.left is Left.DIED else None,
        address=(Address(text=address),) if address else (),
    )


def contacts(names: Names, person: Person) -> Iterator[resources.RelatedPerson]:
    """Whom to call, first to last."""
    subject = names.ref("Patient", person.resident_id)
    for rank, one in zip(_RANKS, person.contacts, strict=False):
        name, relation = words(one.name), words(one.relation)
        phones = [phone for phone in map(words, one.phones) if phone]
        yield resources.RelatedPerson(
            id=names.id_of("RelatedPerson", person.resident_id, one.contact_id),
            patient=subject,
            name=(Name(text=name),) if name else (),
            relationship=(Concept(text=relation),) if relation else (),
            telecom=tuple(ContactPoint(system="phone", value=phone, rank=rank) for phone in phones),
        )


def devices(
    names: Names, person: Person, boxes: tuple[Box, ...], sensors: tuple[Sensor, ...]
) -> Iterator[resources.Device]:
    """The gateways of the home, then their sensors."""
    subject = names.ref("Patient", person.resident_id)
    for box in boxes:
        version = words(box.version)
        yield resources.Device(
            id=names.id_of("Device", box.gateway_id),
            identifier=(names.identifier("gateways", box.gateway_id),),
            status="active" if box.is_online else "inactive",
            status_reason=(_status_reason("online" if box.is_online else "offline"),),
            device_name=_called(box.gateway_id),
            type=own("device", "gateway", "网关 (gateway)"),
            version=(resources.Version(value=version),) if version else (),
            patient=subject,
        )
    for sensor in sensors:
        status, reason = _STATES.get(sensor.state, ("unknown", ""))
        kind = words(sensor.kind)
        yield resources.Device(
            id=names.id_of("Device", sensor.gateway_id, sensor.sensor_id),
            identifier=(names.identifier("sensors", f"{sensor.gateway_id}/{sensor.sensor_id}"),),
            status=status,
            status_reason=(_status_reason(reason),) if reason else (),
            device_name=_called(sensor.sensor_id),
            type=Concept(text=kind) if kind else None,
            patient=subject,
            parent=names.ref("Device", sensor.gateway_id),
        )


def health(names: Names, person: Person) -> Iterator[resources.AnyResource]:
    """Illnesses, allergies, medicines, risks: as they stand on the resident's card."""
    subject, whose = names.ref("Patient", person.resident_id), person.resident_id
    for text in _each(person.conditions):
        yield resources.Condition(
            id=names.id_of("Condition", whose, text),
            clinical_status=_ACTIVE_CONDITION,
            code=Concept(text=text),
            subject=subject,
        )
    for text in _each(person.allergies):
        yield resources.AllergyIntolerance(
            id=names.id_of("AllergyIntolerance", whose, text),
            clinical_status=_ACTIVE_ALLERGY,
            code=Concept(text=text),
            patient=subject,
        )
    for text in _each(person.medicines):
        yield resources.MedicationStatement(
            id=names.id_of("MedicationStatement", whose, text),
            status="active",
            medication_codeable_concept=Concept(text=text),
            subject=subject,
        )
    living = words(person.living)
    risks = [own("risk", flag, flag.replace("_", " ")) for flag in _each(person.flags)]
    risks += [Concept(coding=(Coding(system=f"{OWN}risk", code="living-situation"),), text=living)] if living else []
    for risk in risks:
        yield resources.Flag(
            id=names.id_of("Flag", whose, risk.coding[0].code),
            status="active",
            category=(_SAFETY,),
            code=risk,
            subject=subject,
        )


def consents(names: Names, person: Person, now: datetime, zone: tzinfo | None) -> Iterator[resources.Consent]:
    """What the resident has said of his data, purpose by purpose, as it holds now."""
    for purpose, said in consent.standing(person.consents, now).items():
        yield _consent(names, person, purpose, said, zone)


def _consent(names: Names, person: Person, purpose: Purpose, said: Consent, zone: tzinfo | None) -> resources.Consent:
    return resources.Consent(
        id=names.id_of("Consent", person.resident_id, purpose.value),
        status="active" if said.is_given else "inactive",
        scope=_SCOPE,
        category=(_DISCLOSURE, own("purpose", purpose.value)),
        patient=names.ref("Patient", person.resident_id),
        date_time=moment(said.at, zone),
        policy_rule=own("consent-text", words(said.text_version) or "unknown"),
        provision=resources.Provision(
            type="permit" if said.is_given else "deny", period=Period(start=moment(said.at, zone))
        ),
    )


def _status_reason(code: str) -> Concept:
    return Concept(coding=(Coding(system="http://terminology.hl7.org/CodeSystem/device-status-reason", code=code),))


def _called(name: str) -> tuple[resources.DeviceName, ...]:
    said = words(name)
    return (resources.DeviceName(name=said, type="user-friendly-name"),) if said else ()


def _each(texts: tuple[str, ...]) -> Iterator[str]:
    """Each that says something, once."""
    yield from dict.fromkeys(text for text in map(words, texts) if text)
