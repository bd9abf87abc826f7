"""Plans, assessments and medicines in a record: valid FHIR R4 whatever is written, and values as they were set."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime

from fixtures.care_entries import CARE_ROWS
from fixtures.fhir_rules import checked, of_type
from hypothesis import given
from hypothesis import strategies as st

from community.fhir import bundle
from community.fhir.care import care
from community.fhir.names import Names
from community.fhir.people import patient
from community.fhir.record import Person
from community.fhir.resources import AnyResource
from community.registry import AssessmentRow, CarePlanRow, MedicineRow

NAMES = Names(centre="演示中心", url="https://care.example.org")
TODAY = date(2026, 11, 24)
WHO = Person(
    resident_id="r1", home_id="h1", address="", name="王桂兰", born=None, sex="", living="", conditions=(),
    allergies=(), medicines=(), flags=(), contacts=(), consents=(),
)  # fmt: skip
PLAN = {
    "resident": "r1",
    "condition": "hypertension",
    "times": 2,
    "days": 7,
    "set_by": "李医生",
    "set_on": "2026-10-12",
}


def told(*entries: CarePlanRow | AssessmentRow | MedicineRow) -> dict:
    async def all_of(found: Iterable[AnyResource]) -> AsyncIterator[AnyResource]:
        for one in found:
            yield one

    async def whole() -> bytes:
        found = [patient(NAMES, WHO), *care(NAMES, "r1", entries, TODAY)]
        at = datetime(2026, 11, 24, 12, tzinfo=UTC)
        return b"".join([piece async for piece in bundle.written("b", at, all_of(found))])

    return checked(asyncio.run(whole()))


def test_plan_tells_how_often_and_where_values_should_lie() -> None:
    rows = [
        CarePlanRow.model_validate(PLAN | {"quantity": "systolic", "low": 110, "high": 140, "review_on": "2027-01-12"}),
        CarePlanRow.model_validate(PLAN | {"quantity": "weight", "times": 1, "since": "2026-10-01"}),
    ]
    found = told(*rows)
    (plan,) = of_type(found, "CarePlan")
    (goal,) = of_type(found, "Goal")
    assert (plan["status"], plan["title"]) == ("active", "高血压 (hypertension)")
    repeat = plan["activity"][0]["detail"]["scheduledTiming"]["repeat"]
    assert repeat == {"frequency": 2, "period": 7, "periodUnit": "d"}
    assert plan["activity"][1]["detail"]["scheduledTiming"]["repeat"]["boundsPeriod"] == {"start": "2026-10-01"}
    assert [one["reference"] for one in plan["goal"]] == [f"urn:uuid:{goal['id']}"]
    assert goal["target"][0]["detailRange"]["high"] == {
        "value": 140, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]",
    }  # fmt: skip
    assert goal["target"][0]["measure"]["coding"][0]["code"] == "8480-6"
    assert goal["note"] == [{"text": "设定 (set by): 李医生"}]


def test_ended_plan_is_completed() -> None:
    (plan,) = of_type(
        told(CarePlanRow.model_validate(PLAN | {"quantity": "weight", "until": "2026-11-23"})), "CarePlan"
    )
    assert plan["status"] == "completed"


def test_assessment_is_an_observation_of_its_scale() -> None:
    rows = [
        AssessmentRow(resident="r1", kind="barthel", day="2026-04-20", score=85, assessor="孙敏"),
        AssessmentRow(resident="r1", kind="long_term_care", day="2026-05-08", scale="某量表", level="3"),
        AssessmentRow(resident="r1", kind="falls", day="2026-05-08", scale="Morse", score=45, level="中"),
    ]
    barthel, need, falls = of_type(told(*rows), "Observation")
    assert (barthel["valueQuantity"]["value"], barthel["effectiveDateTime"]) == (85, "2026-04-20")
    assert (need["valueCodeableConcept"], need["method"]) == ({"text": "3"}, {"text": "某量表"})
    assert falls["component"][0]["valueCodeableConcept"] == {"text": "中"}
    assert {one["category"][0]["coding"][0]["code"] for one in (barthel, need, falls)} == {"survey"}


def test_medicine_tells_its_times() -> None:
    rows = [
        MedicineRow(resident="r1", name="氨氯地平", dose="1 片", at=("20:00", "08:00"), since="2026-03-02"),
        MedicineRow(resident="r1", name="硝酸甘油", until="2026-10-01"),
    ]
    first, second = of_type(told(*rows), "MedicationStatement")
    assert first["dosage"] == [{"text": "1 片", "timing": {"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}}}]
    assert (first["status"], first["effectivePeriod"]) == ("active", {"start": "2026-03-02"})
    assert (second["status"], second["dosage"]) == ("completed", [{"asNeededBoolean": True}])


@given(data=st.data())
def test_whatever_is_on_file_is_valid(data: st.DataObject) -> None:
    rows = [
        row
        for table in ("care_plans", "assessments", "medicines")
        for row in data.draw(st.lists(CARE_ROWS[table], max_size=2))
    ]
    unique = {(type(row), *[str(getattr(row, name)) for name in _KEYS[type(row)]]): row for row in rows}
    told(*(row.model_copy(update={"resident": "r1"}) for row in unique.values()))


_KEYS = {CarePlanRow: ("condition", "quantity"), AssessmentRow: ("kind", "scale", "day"), MedicineRow: ("name",)}
