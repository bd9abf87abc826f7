"""How what is measured of a person is coded: LOINC, MDC (IEEE 11073), category, and how many values become one.

Units, and the codes that are the quantity's own, stand in shouwang.quantities. Here stands what FHIR asks for beside
them. Sources are in docs/fhir.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from community.fhir.elements import Coding, Concept, words
from shouwang.quantities import QUANTITIES, Quantity

LOINC = "http://loinc.org"
MDC = "urn:iso:std:iso:11073:10101"
UCUM = "http://unitsofmeasure.org"
STATISTICS = "http://terminology.hl7.org/CodeSystem/observation-statistics"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
OWN = "urn:shouwang:"
"""Code systems of this project: `urn:shouwang:quantity`, `urn:shouwang:hazard`, ... (docs/fhir.md lists them)."""


class Kind(StrEnum):
    """What a value is to FHIR."""

    MEASURE = "measure"
    YES_OR_NO = "yes-or-no"
    CONSCIOUSNESS = "consciousness"


class Summary(StrEnum):
    """What stands for many values: the codes of FHIR's observation-statistics."""

    AVERAGE = "average"
    MAXIMUM = "maximum"


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """A quantity of a person. `display`: of its LOINC code; `also`: a second LOINC code that a profile demands."""

    category: str
    display: str = ""
    also: tuple[str, str] | None = None
    kind: Kind = Kind.MEASURE
    summary: Summary = Summary.AVERAGE


_VITAL, _LAB, _EXAM, _ACTIVITY = "vital-signs", "laboratory", "exam", "activity"
CODED: Mapping[Quantity, Coded] = {
    Quantity.HEART_RATE: Coded(category=_VITAL, display="Heart rate"),
    Quantity.RR_INTERVAL: Coded(category=_VITAL, display="R-R interval"),
    # FHIR R4, profile oxygensat: 2708-6 is demanded, 59408-5 says how it was measured.
    Quantity.SPO2: Coded(
        category=_VITAL,
        display="Oxygen saturation in Arterial blood by Pulse oximetry",
        also=("2708-6", "Oxygen saturation in Arterial blood"),
    ),
    Quantity.PULSE_AMPLITUDE: Coded(category=_VITAL, display="Perfusion index Tissue by Pulse oximetry"),
    Quantity.SYSTOLIC: Coded(category=_VITAL, display="Systolic blood pressure"),
    Quantity.DIASTOLIC: Coded(category=_VITAL, display="Diastolic blood pressure"),
    Quantity.MEAN_ARTERIAL_PRESSURE: Coded(category=_VITAL, display="Mean blood pressure"),
    Quantity.IRREGULAR_PULSE: Coded(category=_VITAL, kind=Kind.YES_OR_NO, summary=Summary.MAXIMUM),
    Quantity.BODY_TEMPERATURE: Coded(category=_VITAL, display="Body temperature"),
    Quantity.RESPIRATORY_RATE: Coded(category=_VITAL, display="Respiratory rate"),
    Quantity.WEIGHT: Coded(category=_VITAL, display="Body weight"),
    Quantity.HEIGHT: Coded(category=_VITAL, display="Body height"),
    Quantity.BMI: Coded(category=_VITAL, display="Body mass index (BMI) [Ratio]"),
    Quantity.GLUCOSE: Coded(category=_LAB, display="Glucose [Moles/volume] in Blood"),
    Quantity.INTERSTITIAL_GLUCOSE: Coded(category=_LAB, display="Glucose [Moles/volume] in Interstitial fluid"),
    Quantity.GLUCOSE_TREND: Coded(category=_LAB),
    Quantity.HBA1C: Coded(category=_LAB, display="Hemoglobin A1c/Hemoglobin.total in Blood"),
    Quantity.CARBOHYDRATE: Coded(category=_EXAM),
    Quantity.BODY_FAT: Coded(category=_EXAM, display="Percentage of body fat Measured"),
    Quantity.MUSCLE_SHARE: Coded(category=_EXAM),
    Quantity.MUSCLE_MASS: Coded(category=_EXAM, display="Body muscle mass Calculated"),
    Quantity.FAT_FREE_MASS: Coded(category=_EXAM, display="Lean body weight"),
    Quantity.SOFT_LEAN_MASS: Coded(category=_EXAM),
    Quantity.BODY_WATER: Coded(category=_EXAM),
    Quantity.IMPEDANCE: Coded(category=_EXAM),
    Quantity.BASAL_METABOLISM: Coded(category=_EXAM),
    Quantity.OXYGEN_THERAPY: Coded(category=_EXAM, kind=Kind.YES_OR_NO, summary=Summary.MAXIMUM),
    # the worst of an hour stands for it: a mean of states means nothing
    Quantity.CONSCIOUSNESS: Coded(
        category=_EXAM, display="Level of consciousness", kind=Kind.CONSCIOUSNESS, summary=Summary.MAXIMUM
    ),
    # a counter that grows over the day
    Quantity.STEPS: Coded(
        category=_ACTIVITY, display="Number of steps in unspecified time Pedometer", summary=Summary.MAXIMUM
    ),
}
"""What is told of a person. How he moves about his home, and the home itself, stay there (docs/fhir.md)."""

PRESSURE = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_ARTERIAL_PRESSURE)
"""Values of one measurement, told as one Observation."""
PRESSURE_PANEL = Concept(
    coding=(
        Coding(system=LOINC, code="85354-9", display="Blood pressure panel with all children optional"),
        Coding(system=MDC, code="150020", display="MDC_PRESS_BLD_NONINV"),
    ),
    text="血压 (blood pressure)",
)

_PULSE_OF_CUFF = 149546
"""MDC_PULS_RATE_NON_INV: what a cuff tells of the pulse."""
_PULSE = 149514
"""MDC_PULS_RATE: of a pulse from who knows what."""
_ACVPU = (
    ("alert", "清醒 (alert)"),
    ("confused", "新发意识模糊 (new confusion)"),
    ("voice", "呼唤有反应 (responds to voice)"),
    ("pain", "疼痛有反应 (responds to pain)"),
    ("unresponsive", "无反应 (unresponsive)"),
)


def code_of(quantity: Quantity, companions: frozenset[Quantity]) -> Concept:
    """The quantity in all its code systems. `companions`: what else its sensor measures, which tells what it is."""
    info, coded = QUANTITIES[quantity], CODED[quantity]
    coding = []
    if coded.also is not None:
        coding.append(Coding(system=LOINC, code=coded.also[0], display=coded.also[1]))
    if info.loinc is not None:
        coding.append(Coding(system=LOINC, code=info.loinc, display=coded.display))
    mdc = _mdc(quantity, companions)
    if mdc is not None:
        coding.append(Coding(system=MDC, code=str(mdc)))
    coding.append(Coding(system=f"{OWN}quantity", code=quantity.value, display=info.en))
    return Concept(coding=tuple(coding), text=f"{info.zh} ({info.en})")


def category_of(quantity: Quantity) -> Concept:
    """As FHIR sorts observations."""
    return Concept(coding=(Coding(system=CATEGORIES, code=CODED[quantity].category),))


def consciousness(value: float) -> Concept:
    """A value of the ACVPU scale (see shouwang.quantities)."""
    code, text = _ACVPU[min(max(round(value), 0), len(_ACVPU) - 1)]
    return Concept(coding=(Coding(system=f"{OWN}consciousness", code=code),), text=text)


def own(system: str, code: str, text: str | None = None) -> Concept:
    """A meaning for which no public code system was found that we may use."""
    return Concept(coding=(Coding(system=f"{OWN}{system}", code=code_in(code)),), text=words(text or ""))


def code_in(text: str) -> str:
    """The text as a code of FHIR: no blanks but single ones, and never nothing."""
    return " ".join((words(text) or "unknown").split())


def _mdc(quantity: Quantity, companions: frozenset[Quantity]) -> int | None:
    if quantity is not Quantity.HEART_RATE or Quantity.SPO2 in companions:
        return QUANTITIES[quantity].mdc
    return _PULSE_OF_CUFF if Quantity.SYSTOLIC in companions else _PULSE
