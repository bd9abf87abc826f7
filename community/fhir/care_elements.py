"""The data types of FHIR R4 of which plans of care and doses are made."""

from community.fhir.elements import Concept, Element, Measure, Period, Reference


class Repeat(Element, frozen=True, kw_only=True):
    """How often within a period, or at which times of each day."""

    bounds_period: Period | None = None
    frequency: int | None = None
    period: int | None = None
    period_unit: str | None = None
    time_of_day: tuple[str, ...] = ()


class Timing(Element, frozen=True, kw_only=True):
    """When something is to be done."""

    repeat: Repeat


class Dosage(Element, frozen=True, kw_only=True):
    """How much, and when."""

    text: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None


class Range(Element, frozen=True, kw_only=True):
    """From a value to a value."""

    low: Measure | None = None
    high: Measure | None = None


class Target(Element, frozen=True, kw_only=True):
    """Where values should lie."""

    measure: Concept
    detail_range: Range


class ActivityDetail(Element, frozen=True, kw_only=True):
    """What is measured how often."""

    kind: str
    code: Concept
    status: str
    goal: tuple[Reference, ...] = ()
    scheduled_timing: Timing | None = None


class Activity(Element, frozen=True, kw_only=True):
    """A part of a plan."""

    detail: ActivityDetail
