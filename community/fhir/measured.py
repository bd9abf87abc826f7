"""What was measured, as Observations: one value, one blood pressure, or what stands for an hour of values.

How far a value may be trusted is never lost: a doubtful one is `preliminary`, an impossible one is told as absent, a
moment that is not certain says so, each with an extension of its own (docs/fhir.md) and in words.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from community.desk import Timing
from community.fhir import codes
from community.fhir.codes import CODED, OWN, PRESSURE, PRESSURE_PANEL, UCUM, Kind, Summary, category_of, code_of
from community.fhir.elements import Coding, Concept, Extension, Measure, Note, Period, Reference, decimal
from community.fhir.moments import moment
from community.fhir.names import Names
from community.fhir.record import RollUp, Sample, Sensor
from community.fhir.resources import Component, Observation
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ERROR = Concept(coding=(Coding(system=_ABSENT, code="error"),))
_UNKNOWN = Concept(coding=(Coding(system=_ABSENT, code="unknown"),))
_YES = 0.5
"""Yes-or-no quantities are 0 or 1."""
_QUALITY, _LATE, _TIMING, _ROLL_UP = (f"{OWN}fhir:{name}" for name in ("quality", "late", "timing", "roll-up"))
_WORDS: Mapping[Quality, str] = {
    Quality.QUESTIONABLE: "可疑，请复测 (doubtful: measure again)",
    Quality.IMPLAUSIBLE: "不可能的数值，传感器报 {value} (impossible: the sensor said {value})",
    Quality.THINNED: "一分钟平均值 (the mean of a minute)",
}
_TIMINGS: Mapping[Timing, tuple[str, str]] = {
    Timing.MENDED: ("mended", "时间已校正 (the time was put right afterwards)"),
    Timing.ESTIMATED: ("estimated", "时间为估计 (the time is an estimate)"),
    Timing.AHEAD: ("ahead", "不晚于此时间 (at this time or earlier)"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Whose, by what, where: what is the same for all Observations of one sensor."""

    names: Names
    subject: Reference
    zone: tzinfo | None
    sensor: Sensor

    @property
    def device(self) -> Reference:
        """The sensor."""
        return self.names.ref("Device", self.sensor.gateway_id, self.sensor.sensor_id)


def observations(watched: Watched, samples: Iterable[Sample]) -> Iterator[Observation]:
    """One for each value; values of one blood pressure, which follow each other at one moment, are one."""
    together: dict[Quantity, Sample] = {}
    for sample in samples:
        first = next(iter(together.values()), None)
        is_part = first is not None and sample.at == first.at and sample.quantity not in together
        if together and not (is_part and sample.quantity in PRESSURE):
            yield _pressure(watched, together)
            together = {}
        if sample.quantity in PRESSURE:
            together[sample.quantity] = sample
        else:
            yield _single(watched, sample)
    if together:
        yield _pressure(watched, together)


def rolled_up(watched: Watched, sums: Iterable[RollUp]) -> Iterator[Observation]:
    """One for each span of time; blood pressures, which follow each other with one span, together."""
    together: dict[Quantity, RollUp] = {}
    for span in sums:
        first = next(iter(together.values()), None)
        is_part = first is not None and span.start == first.start and span.quantity not in together
        if together and not (is_part and span.quantity in PRESSURE):
            yield _pressures(watched, together)
            together = {}
        if span.quantity in PRESSURE:
            together[span.quantity] = span
        else:
            yield _summed(watched, span)
    if together:
        yield _pressures(watched, together)


def _single(watched: Watched, sample: Sample) -> Observation:
    value = None if sample.quality is Quality.IMPLAUSIBLE else sample.value
    base = _at_one_moment(watched, (sample,), code_of(sample.quantity, watched.sensor.measures))
    return _with_value(base, sample.quantity, value)


def _pressure(watched: Watched, parts: Mapping[Quantity, Sample]) -> Observation:
    base = _at_one_moment(watched, tuple(parts.values()), PRESSURE_PANEL)
    told = {quantity: (None if part.quality is Quality.IMPLAUSIBLE else part.value) for quantity, part in parts.items()}
    return msgspec.structs.replace(base, component=tuple(_components(told, {})))


def _at_one_moment(watched: Watched, parts: Sequence[Sample], code: Concept) -> Observation:
    """All but the values."""
    first = parts[0]
    doubts = {part.quality: part for part in parts if part.quality is not Quality.GOOD}
    timing = max(one.timing for one in parts)
    extension = [Extension(url=_QUALITY, value_code=quality.value) for quality in doubts]
    notes = [Note(text=_WORDS[quality].format(value=part.value)) for quality, part in doubts.items()]
    if any(one.is_late for one in parts):
        extension.append(Extension(url=_LATE, value_boolean=True))
    if timing is not Timing.RIGHT:
        extension.append(Extension(url=_TIMING, value_code=_TIMINGS[timing][0]))
        notes.append(Note(text=_TIMINGS[timing][1]))
    which = (first.gateway_id, first.sensor_id, first.quantity.value, first.at, first.message_id, first.place)
    return Observation(
        id=watched.names.id_of("Observation", *which),
        status="final" if doubts.keys() <= {Quality.THINNED} else "preliminary",
        category=(category_of(first.quantity),),
        code=code,
        subject=watched.subject,
        effective_date_time=moment(first.at, watched.zone),
        issued=None if first.received_at is None else moment(first.received_at, watched.zone),
        device=watched.device,
        extension=tuple(extension),
        note=tuple(notes),
    )


def _summed(watched: Watched, span: RollUp) -> Observation:
    base = _over_a_span(watched, span, code_of(span.quantity, watched.sensor.measures))
    base = msgspec.structs.replace(base, extension=(_sum(span),))
    return _with_value(base, span.quantity, _told(span))


def _pressures(watched: Watched, parts: Mapping[Quantity, RollUp]) -> Observation:
    base = _over_a_span(watched, next(iter(parts.values())), PRESSURE_PANEL)
    told = {quantity: _told(span) for quantity, span in parts.items()}
    return msgspec.structs.replace(base, component=tuple(_components(told, parts)))


def _over_a_span(watched: Watched, span: RollUp, code: Concept) -> Observation:
    """All but the values."""
    which = (span.gateway_id, span.sensor_id, span.quantity.value, span.start, span.end)
    return Observation(
        id=watched.names.id_of("Observation", "rolled up", *which),
        status="final",
        category=(category_of(span.quantity),),
        code=code,
        subject=watched.subject,
        effective_period=Period(start=moment(span.start, watched.zone), end=moment(span.end, watched.zone)),
        method=Concept(coding=(Coding(system=codes.STATISTICS, code=CODED[span.quantity].summary.value),)),
        device=watched.device,
    )


def _with_value(base: Observation, quantity: Quantity, value: float | None) -> Observation:
    """With the value as its kind is told; None: the sensor erred."""
    measure = None if value is None else _measure(quantity, value)
    if measure is None:
        return msgspec.structs.replace(base, data_absent_reason=_ERROR)
    match CODED[quantity].kind:
        case Kind.MEASURE:
            return msgspec.structs.replace(base, value_quantity=measure)
        case Kind.YES_OR_NO:
            return msgspec.structs.replace(base, value_boolean=measure.value >= _YES)
        case Kind.CONSCIOUSNESS:
            return msgspec.structs.replace(base, value_codeable_concept=codes.consciousness(measure.value))


def _components(told: Mapping[Quantity, float | None], spans: Mapping[Quantity, RollUp]) -> Iterator[Component]:
    """FHIR R4, profile bp: both pressures are told, one that is missing as absent."""
    for quantity in PRESSURE:
        if quantity not in told and quantity is Quantity.MEAN_ARTERIAL_PRESSURE:
            continue
        value = told.get(quantity)
        measure = None if value is None else _measure(quantity, value)
        absent = _ERROR if quantity in told else _UNKNOWN
        yield Component(
            code=code_of(quantity, frozenset()),
            value_quantity=measure,
            data_absent_reason=absent if measure is None else None,
            extension=(_sum(spans[quantity]),) if quantity in spans else (),
        )


def _told(span: RollUp) -> float | None:
    """The value that stands for the span; None where nothing in it was good."""
    if span.count == 0:
        return None
    return span.high if CODED[span.quantity].summary is Summary.MAXIMUM else span.mean


def _sum(span: RollUp) -> Extension:
    inner = [Extension(url="count", value_unsigned_int=span.count)]
    if span.count:
        for url, value in (("minimum", span.low), ("maximum", span.high)):
            measure = _measure(span.quantity, value)
            inner += [Extension(url=url, value_quantity=measure)] if measure is not None else []
    inner += [Extension(url="doubtful", value_unsigned_int=span.doubtful)] if span.doubtful else []
    return Extension(url=_ROLL_UP, extension=tuple(inner))


def _measure(quantity: Quantity, value: float) -> Measure | None:
    number, unit = decimal(value), QUANTITIES[quantity].unit
    return None if number is None else Measure(value=number, unit=unit, system=UCUM, code=unit)
