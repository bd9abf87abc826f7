"""Whatever stands in a record, its Bundle is valid FHIR R4; codes and texts against literal values."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fixtures.fhir_rules import checked, faults, is_ucum, of_type
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from community.casefile import Disposition
from community.consent import Consent, How, Purpose
from community.desk import Timing
from community.fhir import audit, bundle, casework, people
from community.fhir.codes import CODED
from community.fhir.elements import decimal, words
from community.fhir.measured import Watched, observations, rolled_up
from community.fhir.names import Names
from community.fhir.record import (
    Alarm,
    Box,
    CaseFile,
    ContactPerson,
    Deed,
    Person,
    Reader,
    RollUp,
    Sample,
    Sensor,
    Try,
)
from community.fhir.resources import AnyResource
from community.people import Left
from community.store.schema import EARLIEST, LATEST
from community.workflow import workflow
from shouwang.alert import Sentence, Severity
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
NAMES = Names(centre="演示中心", url="https://care.example.org")
WORKFLOWS = ("emergency", "technical", "care", "request")
TOLD = casework.Told(names=NAMES, subject=NAMES.ref("Patient", "r1"), zone=UTC)

text = st.text(max_size=12)
moments = st.datetimes(
    min_value=EARLIEST.replace(tzinfo=None), max_value=LATEST.replace(tzinfo=None), timezones=st.just(UTC)
)
zones = st.sampled_from([UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")])
numbers = st.floats(width=32)
few = 3


def some(strategy):
    return st.lists(strategy, max_size=few).map(tuple)


consents = st.builds(
    Consent,
    purpose=st.sampled_from(Purpose),
    is_given=st.booleans(),
    given_by=text,
    relation=text,
    at=moments,
    text_version=text,
    how=st.sampled_from(How),
)
persons = st.builds(
    Person,
    resident_id=st.just("r1"),
    home_id=text,
    address=text,
    name=text,
    born=st.none() | st.integers(1880, 2100),
    sex=text,
    living=text,
    conditions=some(text),
    allergies=some(text),
    medicines=some(text),
    flags=some(text),
    contacts=st.lists(
        st.builds(ContactPerson, contact_id=text, name=text, relation=text, phones=some(text)),
        max_size=few,
        unique_by=lambda one: one.contact_id,
    ).map(tuple),
    consents=some(consents),
    is_erased=st.booleans(),
    left=st.none() | st.sampled_from(Left),
    left_on=st.dates().map(lambda day: day.isoformat()),
)
sensors = st.builds(
    Sensor,
    gateway_id=st.just("gw"),
    sensor_id=text,
    kind=text,
    state=st.sampled_from(["up", "silent", "down", "", "?"]),
    measures=st.frozensets(st.sampled_from(list(CODED)), max_size=4),
)


def samples_of(sensor: Sensor) -> st.SearchStrategy[list[Sample]]:
    one = st.builds(
        Sample,
        gateway_id=st.just(sensor.gateway_id),
        sensor_id=st.just(sensor.sensor_id),
        quantity=st.sampled_from(list(CODED)),
        at=moments,
        value=numbers,
        quality=st.sampled_from(Quality),
        timing=st.sampled_from(Timing),
        is_late=st.booleans(),
        received_at=st.none() | moments,
        message_id=st.integers(1, 1000),
        place=st.integers(0, 100),
    )
    return st.lists(one, max_size=6, unique_by=lambda it: (it.message_id, it.place))


def spans_of(sensor: Sensor) -> st.SearchStrategy[list[RollUp]]:
    def of(start: datetime, quantity: Quantity, sums: tuple[int, float, float, float], doubtful: int) -> RollUp:
        count, low, high, mean = sums
        end = start + timedelta(hours=1)
        named = {"gateway_id": sensor.gateway_id, "sensor_id": sensor.sensor_id, "quantity": quantity}
        summed = {"count": count, "low": low, "high": high, "mean": mean, "doubtful": doubtful}
        return RollUp(**named, **summed, start=start, end=end)

    sums = st.tuples(st.integers(0, 9), numbers, numbers, numbers)
    starts = st.datetimes(
        min_value=EARLIEST.replace(tzinfo=None),
        max_value=LATEST.replace(tzinfo=None) - timedelta(days=1),
        timezones=st.just(UTC),
    )
    one = st.builds(of, starts, st.sampled_from(list(CODED)), sums, st.integers(0, 9))
    return st.lists(one, max_size=4, unique_by=lambda it: (it.start, it.quantity))


alarms = st.builds(
    Alarm,
    gateway_id=text,
    key=text,
    since=moments,
    told_since=moments,
    ended_at=st.none() | moments,
    hazard=text,
    severity=st.sampled_from(Severity),
    why=st.builds(Sentence, zh=text, en=text),
    timing=st.sampled_from(Timing),
    is_over=st.booleans(),
)
cases = st.builds(
    CaseFile,
    incident_id=st.integers(1, 1000),
    workflow=st.sampled_from([*WORKFLOWS, "", "gone"]),
    lane=text,
    state=st.sampled_from(["OPEN", "ACKED", "EN_ROUTE", "FEEDBACK", "REVISIT", "HELD", "CLOSED", "LATER"]),
    priority=st.sampled_from(Severity),
    opened_at=moments,
    changed_at=moments,
    hazard=text,
    lead=st.just(("gw", "k", NOON)),
    is_ended=st.booleans(),
    owner=text,
    responder=text,
    offered=some(text),
    disposition=st.sampled_from(["", *(one.value for one in Disposition)]),
    previous=st.none() | st.integers(1, 9),
    merged_into=st.none() | st.integers(1, 9),
    helpers=some(text),
)


def deeds_of(case: CaseFile) -> st.SearchStrategy[list[Deed]]:
    one = st.builds(
        Deed,
        seq=st.integers(1, 10_000),
        incident_id=st.just(case.incident_id),
        at=moments,
        actor=text,
        role=text,
        what=st.sampled_from(["opened", "arrive", "report", "note", " ", "ack.red"]),
        state=text,
        is_denied=st.booleans(),
        seal=st.just("ab" * 32),
    )
    return st.lists(one, max_size=5, unique_by=lambda it: it.seq)


def tries_of(case: CaseFile) -> st.SearchStrategy[list[Try]]:
    one = st.builds(
        Try,
        attempt_id=st.integers(1, 1000),
        incident_id=st.just(case.incident_id),
        audience=st.just("family"),
        person=text,
        channel=text | st.sampled_from(["sms", "voice", "mail"]),
        outcome=st.sampled_from(["queued", "sent", "delivered", "answered", "failed", "?"]),
        code=text,
        queued_at=moments,
        changed_at=moments,
    )
    return st.lists(one, max_size=3, unique_by=lambda it: it.attempt_id)


@st.composite
def records(draw: st.DrawFn) -> list[AnyResource]:
    """All that can be told of one person, each part as it comes."""
    zone, person, case = draw(zones), draw(persons), draw(cases)
    told = casework.Told(names=NAMES, subject=NAMES.ref("Patient", "r1"), zone=zone)
    watching = draw(st.lists(sensors, max_size=2, unique_by=lambda one: words(one.sensor_id)))
    boxes = (draw(st.builds(Box, gateway_id=st.just("gw"), is_online=st.booleans(), version=text)),)
    reader = draw(st.builds(Reader, who=text, why=text, at=moments))
    found: list[AnyResource] = [people.patient(NAMES, person), *people.contacts(NAMES, person)]
    found += people.consents(NAMES, person, reader.at, zone)
    found += people.devices(NAMES, person, boxes, tuple(watching))
    found += people.health(NAMES, person)
    for sensor in watching:
        watched = Watched(names=NAMES, subject=told.subject, zone=zone, sensor=sensor)
        found += observations(watched, draw(samples_of(sensor)))
        found += rolled_up(watched, draw(spans_of(sensor)))
    unique = st.lists(alarms, max_size=3, unique_by=lambda one: (one.gateway_id, one.key, one.told_since))
    found += [casework.flag(told, alarm) for alarm in draw(unique)]
    found += of_case(told, case, draw(deeds_of(case)), draw(tries_of(case)))
    found += [
        audit.provenance_of_export(NAMES, "r1", reader, zone),
        audit.audit_of_export(NAMES, "r1", reader, zone),
    ]
    return found


def of_case(told: casework.Told, case: CaseFile, deeds: Iterable[Deed], tries: Iterable[Try]) -> Iterator[AnyResource]:
    visit, last = casework.Visit(), None
    for last in sorted(deeds, key=lambda deed: deed.at):
        visit.hear(last)
        yield audit.audit_event(NAMES, last, told.zone)
    if visit.began is not None:
        yield casework.encounter(told, case, visit)
    if case.offered:
        yield casework.service_request(told, case)
    yield casework.task(told, case, has_flag=False, has_visit=visit.began is not None)
    if last is not None:
        yield audit.provenance_of_case(NAMES, last, told.zone)
    for one in tries:
        yield casework.communication(told, one)


def written(told: Iterable[AnyResource]) -> bytes:
    async def whole() -> bytes:
        async def one_by_one() -> AsyncIterator[AnyResource]:
            for resource in told:
                yield resource

        return b"".join([piece async for piece in bundle.written("b1", NOON, one_by_one())])

    return asyncio.run(whole())


@settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(records())
def test_whatever_stands_in_a_record_its_bundle_is_valid(told: list[AnyResource]) -> None:
    checked(written(told))


def test_a_bundle_without_anything_has_no_entry() -> None:
    assert json.loads(written([])) == {
        "resourceType": "Bundle",
        "id": "b1",
        "type": "collection",
        "timestamp": "2026-11-24T12:00:00+00:00",
    }


def test_the_rules_find_what_is_wrong() -> None:
    """A judge that never says no judges nothing."""
    good = json.loads(written([people.patient(NAMES, person())]))
    assert list(faults(good)) == []
    for path, value in (
        ((), {"type": "batch"}),
        (("entry", 0), {"fullUrl": "urn:uuid:other"}),
        (("entry", 0, "resource"), {"id": "a_b"}),
        (("entry", 0, "resource"), {"name": []}),
        (("entry", 0, "resource"), {"birthDate": "24.11.1944"}),
        (("entry", 0, "resource"), {"managingOrganization": {"reference": "urn:uuid:1", "type": "Organization"}}),
        (("entry", 0, "resource"), {"name": [{"text": " "}]}),
        (("entry", 0, "resource"), {"gender": None}),
        (("entry", 0, "resource"), {"x": {"system": "http://unitsofmeasure.org", "code": "bpm"}}),
    ):
        bad = json.loads(json.dumps(good))
        place = bad
        for step in path:
            place = place[step]
        place.update(value)
        assert list(faults(bad)), value


def test_all_units_that_are_told_are_of_ucum() -> None:
    assert [quantity for quantity in CODED if not is_ucum(QUANTITIES[quantity].unit)] == []
    assert [unit for unit in ("bpm", "mmHg", "°C", "", "kg*m2", "mm[Hg]x") if is_ucum(unit)] == []


def test_every_vital_sign_has_loinc_and_mdc() -> None:
    vital = [quantity for quantity, coded in CODED.items() if coded.category == "vital-signs"]
    assert len(vital) == 13
    assert [one for one in vital if not (QUANTITIES[one].loinc and QUANTITIES[one].mdc)] == [Quantity.IRREGULAR_PULSE]
    assert [one for one, coded in CODED.items() if bool(coded.display) != bool(QUANTITIES[one].loinc)] == []


def test_how_people_live_at_home_is_not_told() -> None:
    kept = {Quantity.DOOR, Quantity.MOTION, Quantity.PRESENCE, Quantity.BED, Quantity.POWER, Quantity.TEMPERATURE}
    assert kept.isdisjoint(CODED)


# ---- cases ----


def person(**more: object) -> Person:
    of = {
        "resident_id": "r1",
        "home_id": "h1",
        "address": "",
        "name": "王桂兰",
        "born": 1944,
        "sex": "female",
        "living": "",
    }
    of |= dict.fromkeys(("conditions", "allergies", "medicines", "flags", "contacts", "consents"), ())
    return Person(**(of | more))


def case(**more: object) -> CaseFile:
    of = {
        "incident_id": 7,
        "home_id": "home-1",
        "workflow": "emergency",
        "lane": "life",
        "state": "OPEN",
        "priority": Severity.P1,
    }
    of |= {"opened_at": NOON, "changed_at": NOON, "hazard": "sos", "lead": ("gw", "k", NOON), "is_ended": False}
    return CaseFile(**(of | more))


@pytest.mark.parametrize(
    ("table", "state", "status"),
    [
        ("emergency", "OPEN", "requested"),
        ("emergency", "ACKED", "accepted"),
        ("emergency", "DISPATCHED", "accepted"),
        ("emergency", "EN_ROUTE", "in-progress"),
        ("emergency", "ON_SCENE", "in-progress"),
        ("emergency", "FEEDBACK", "in-progress"),
        ("emergency", "REVISIT", "in-progress"),
        ("technical", "HELD", "on-hold"),
        ("request", "FILED", "requested"),
        ("care", "OPEN", "requested"),
        ("", "OPEN", "requested"),
        ("of a later version", "SOMETHING", "in-progress"),
    ],
)
def test_where_a_case_stands(table: str, state: str, status: str) -> None:
    assert casework.status_of(case(workflow=table, state=state)) == status


def test_every_state_of_every_table_has_a_status() -> None:
    known = {"on-hold", "requested", "accepted", "in-progress", "completed"}
    for name in WORKFLOWS:
        for state in workflow(name).states:
            assert casework.status_of(case(workflow=name, state=state)) in known


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        (Disposition.HELPED, "completed"),
        (Disposition.HOSPITAL, "completed"),
        (Disposition.FALSE_ALARM, "completed"),
        (Disposition.TEST, "cancelled"),
        (Disposition.MERGED, "cancelled"),
        (Disposition.SUPERSEDED, "cancelled"),
        (Disposition.UNREACHABLE, "failed"),
    ],
)
def test_how_a_case_ended(disposition: Disposition, status: str) -> None:
    ended = case(state="CLOSED", is_ended=True, disposition=disposition.value)
    assert casework.status_of(ended) == status


def test_a_repeated_arrival_is_one_visit_and_a_denied_one_is_none() -> None:
    visit = casework.Visit()
    for minute, what, is_denied in (
        (1, "arrive", True),
        (2, "arrive", False),
        (5, "report", False),
        (9, "report", False),
    ):
        of = {"seq": minute, "incident_id": 7, "actor": "liu", "role": "responder", "state": "", "seal": ""}
        visit.hear(Deed(**of, at=NOON + timedelta(minutes=minute), what=what, is_denied=is_denied))
    assert (visit.began, visit.ended) == (NOON + timedelta(minutes=2), NOON + timedelta(minutes=5))


def test_a_flag_of_a_closed_case_is_not_active() -> None:
    of = {"gateway_id": "gw", "key": "fall:hall", "since": NOON, "told_since": NOON, "ended_at": None, "hazard": "fall"}
    of |= {"severity": Severity.P1, "why": Sentence(zh="跌倒", en="fell"), "timing": Timing.RIGHT}
    assert casework.flag(TOLD, Alarm(**of, is_over=False)).status == "active"
    assert casework.flag(TOLD, Alarm(**of, is_over=True)).status == "inactive"


def test_words_that_fhir_cannot_hold() -> None:
    assert words("a\x00b\ud800c") == "a b c"
    assert words(" \n ") is None
    assert words("王\u3000强\u2028") == "王 强"
    assert decimal(72.0) == 72
    assert isinstance(decimal(72.0), int)
    assert decimal(float("inf")) is None


def test_an_erased_person_is_told_as_inactive_and_risks_as_flags() -> None:
    assert people.patient(NAMES, person(is_erased=True)).active is False
    (flag,) = people.health(NAMES, person(flags=("blood_thinner",)))
    assert flag.code.coding[0].code == "blood_thinner"
    assert of_type(json.loads(written([people.patient(NAMES, person())])), "Patient")[0]["gender"] == "female"


def test_the_page_has_the_codes_of_each_quantity() -> None:
    page = (Path(__file__).parents[2] / "docs/fhir.md").read_text(encoding="utf-8")
    rows = {
        cells[0].strip("` "): [cell.strip("` ") for cell in cells]
        for line in page.partition("## Codes of measurements")[2].splitlines()
        if line.startswith("| `") and (cells := line.split("|")[1:-1])
    }
    assert rows.keys() == {quantity.value for quantity in CODED}
    for quantity, coded in CODED.items():
        _, _, loinc, mdc, unit, category = rows[quantity.value]
        info = QUANTITIES[quantity]
        assert (unit, category) == (info.unit, coded.category)
        assert (info.loinc or "none") in loinc
        assert str(info.mdc or "none") in mdc
