"""Plans of care, assessments, medicines on file: CarePlan and Goal, Observation, MedicationStatement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from community.care import Assessment, Condition, is_over
from community.fhir import resources
from community.fhir.care_elements import Activity, ActivityDetail, Dosage, Range, Repeat, Target, Timing
from community.fhir.codes import CATEGORIES, UCUM, code_of, own
from community.fhir.elements import Coding, Concept, Measure, Note, Period, Reference, decimal, words
from community.fhir.names import Names
from community.registry import AssessmentRow, CarePlanRow, MedicineRow
from shouwang.quantities import QUANTITIES

_ILLNESSES: Mapping[Condition, str] = {
    Condition.HYPERTENSION: "高血压 (hypertension)",
    Condition.DIABETES: "糖尿病 (diabetes)",
    Condition.COPD: "慢性阻塞性肺疾病 (COPD)",
    Condition.HEART_FAILURE: "心力衰竭 (heart failure)",
    Condition.OTHER: "其他疾病 (another illness)",
}
_KINDS: Mapping[Assessment, str] = {
    Assessment.LONG_TERM_CARE: "长期护理失能评估 (long-term care need)",
    Assessment.ABILITY: "老年人能力评估 (ability of elders)",
    Assessment.BARTHEL: "Barthel 指数 (Barthel index)",
    Assessment.FALLS: "跌倒风险评估 (risk of falling)",
    Assessment.OTHER: "其他评估 (another assessment)",
}
_SURVEY = Concept(coding=(Coding(system=CATEGORIES, code="survey"),))


def care(
    names: Names, whose: str, entries: Iterable[CarePlanRow | AssessmentRow | MedicineRow], today: date
) -> Iterator[resources.AnyResource]:
    """All of a resident. Who set, assessed or prescribed stands in notes: he is nobody whom the centre knows."""
    rows = tuple(entries)
    subject = names.ref("Patient", whose)
    for condition in Condition:
        his = [row for row in rows if isinstance(row, CarePlanRow) and row.condition is condition]
        if his:
            yield from _goals(names, subject, his)
            yield _plan(names, subject, his, today)
    for row in rows:
        if isinstance(row, AssessmentRow):
            yield _assessment(names, subject, row)
        elif isinstance(row, MedicineRow):
            yield _medicine(names, subject, row, today)


def _goals(names: Names, subject: Reference, rows: Sequence[CarePlanRow]) -> Iterator[resources.Goal]:
    for row in rows:
        target = _range(row)
        if target is not None:
            concept = code_of(row.quantity, frozenset())
            yield resources.Goal(
                id=names.id_of("Goal", *_key(row)),
                lifecycle_status="active",
                description=Concept(text=concept.text),
                subject=subject,
                start_date=row.set_on or None,
                target=(Target(measure=concept, detail_range=target),),
                note=_notes("设定 (set by)", row.set_by),
            )


def _plan(names: Names, subject: Reference, rows: Sequence[CarePlanRow], today: date) -> resources.CarePlan:
    first, has_ended = rows[0], all(is_over(row.until, today) for row in rows)
    title = ", ".join(dict.fromkeys(filter(None, (words(row.title) for row in rows)))) or _ILLNESSES[first.condition]
    goals = tuple(names.ref("Goal", *_key(row)) for row in rows if _range(row) is not None)
    return resources.CarePlan(
        id=names.id_of("CarePlan", first.resident, first.condition.value),
        status="completed" if has_ended else "active",
        intent="plan",
        category=(own("care-plan", first.condition.value, _ILLNESSES[first.condition]),),
        title=title,
        subject=subject,
        goal=goals,
        activity=tuple(Activity(detail=_detail(names, row, today)) for row in rows),
        note=tuple(
            Note(text=f"复核 (next review) {row.quantity.value}: {row.review_on}") for row in rows if row.review_on
        ),
    )


def _detail(names: Names, row: CarePlanRow, today: date) -> ActivityDetail:
    repeat = Repeat(frequency=row.times, period=row.days, period_unit="d", bounds_period=_period(row.since, row.until))
    return ActivityDetail(
        kind="ServiceRequest",
        code=code_of(row.quantity, frozenset()),
        status="completed" if is_over(row.until, today) else "in-progress",
        goal=(names.ref("Goal", *_key(row)),) if _range(row) is not None else (),
        scheduled_timing=Timing(repeat=repeat),
    )


def _assessment(names: Names, subject: Reference, row: AssessmentRow) -> resources.Observation:
    score = None if row.score is None else decimal(row.score)
    points = None if score is None else Measure(value=score, unit="{score}", system=UCUM, code="{score}")
    level = words(row.level)
    named = Concept(text=level) if level else None
    component: tuple[resources.Component, ...] = ()
    if points is not None and named is not None:
        component = (
            resources.Component(code=own("assessment", "level", "等级 (level)"), value_codeable_concept=named),
        )
    due = (Note(text=f"下次评估 (next due) {row.next_on}"),) if row.next_on else ()
    scale = words(row.scale)
    return resources.Observation(
        id=names.id_of("Observation", "assessment", row.resident, row.kind.value, row.scale, row.day),
        status="final",
        category=(_SURVEY,),
        code=own("assessment", row.kind.value, _KINDS[row.kind]),
        subject=subject,
        effective_date_time=row.day,
        value_quantity=points,
        value_codeable_concept=named if points is None else None,
        component=component,
        method=Concept(text=scale) if scale else None,
        note=(*_notes("评估 (assessed by)", row.assessor), *due),
    )


def _medicine(names: Names, subject: Reference, row: MedicineRow, today: date) -> resources.MedicationStatement:
    repeat = Repeat(time_of_day=tuple(f"{at}:00" for at in row.at))
    dosage = Dosage(
        text=words(row.dose),
        timing=Timing(repeat=repeat) if row.at else None,
        as_needed_boolean=None if row.at else True,
    )
    return resources.MedicationStatement(
        id=names.id_of("MedicationStatement", row.resident, "plan", row.name),
        status="completed" if is_over(row.until, today) else "active",
        medication_codeable_concept=Concept(text=words(row.name) or "unknown"),
        subject=subject,
        effective_period=_period(row.since, row.until),
        dosage=(dosage,),
        note=_notes("开药 (prescribed by)", row.prescribed_by),
    )


def _range(row: CarePlanRow) -> Range | None:
    low, high = _measure(row, row.low), _measure(row, row.high)
    return None if low is None and high is None else Range(low=low, high=high)


def _measure(row: CarePlanRow, value: float | None) -> Measure | None:
    said = None if value is None else decimal(value)
    unit = QUANTITIES[row.quantity].unit
    return None if said is None else Measure(value=said, unit=unit, system=UCUM, code=unit)


def _key(row: CarePlanRow) -> tuple[str, str, str]:
    return row.resident, row.condition.value, row.quantity.value


def _period(since: str, until: str) -> Period | None:
    return Period(start=since or None, end=until or None) if since or until else None


def _notes(what: str, who: str) -> tuple[Note, ...]:
    said = words(who)
    return (Note(text=f"{what}: {said}"),) if said else ()
