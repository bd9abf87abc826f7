"""What can be measured or noticed in a home. Units, codes and plausible ranges hang on the quantity.

Codes: LOINC and UCUM from the FHIR vital-sign value sets; MDC from IEEE 11073-10101 (32-bit: partition 2, term).
"""

from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """A measured quantity or a noticed event. A unit is never a free string: it belongs to the quantity."""

    HEART_RATE = "heart-rate"
    SPO2 = "spo2"
    BATTERY = "battery"
    SOS = "sos"
    CANCEL = "cancel"
    FALL = "fall"
    PRESENCE = "presence"
    MOTION = "motion"
    BODY_MOVEMENT = "body-movement"
    DOOR = "door"
    TAMPER = "tamper"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantityInfo:
    """Unit (UCUM), codes, inclusive plausible range in that unit, and words for people.

    `event` marks what happens at a moment (a press), as against a level that lasts (a door is open).
    `life_safety` marks what must never be dropped when a queue is full.
    """

    unit: str
    low: float
    high: float
    zh: str
    en: str
    loinc: str | None = None
    mdc: int | None = None
    event: bool = False
    life_safety: bool = False

    def is_plausible(self, value: float) -> bool:
        """Whether a sensor in a home can mean this value (NaN and infinities never are)."""
        return self.low <= value <= self.high


# Plausible ranges are wider than physiology at home needs, so that only impossible values fall out:
# oximeters report 0-100 % and pulse 25-250 /min or so (ISO 80601-2-61 class devices state 18-321 at the extremes).
QUANTITIES: dict[Quantity, QuantityInfo] = {
    Quantity.HEART_RATE: QuantityInfo(
        unit="/min", low=10, high=350, zh="脉率", en="pulse rate", loinc="8867-4", mdc=149530
    ),
    Quantity.SPO2: QuantityInfo(
        unit="%", low=20, high=100, zh="血氧饱和度", en="oxygen saturation", loinc="59408-5", mdc=150456
    ),
    Quantity.BATTERY: QuantityInfo(unit="%", low=0, high=100, zh="电量", en="battery", mdc=67996),
    Quantity.SOS: QuantityInfo(unit="1", low=1, high=1, zh="紧急呼叫", en="SOS", event=True, life_safety=True),
    Quantity.CANCEL: QuantityInfo(unit="1", low=1, high=1, zh="取消", en="cancel", event=True, life_safety=True),
    Quantity.FALL: QuantityInfo(unit="1", low=0, high=1, zh="跌倒", en="fall", life_safety=True),
    Quantity.PRESENCE: QuantityInfo(unit="1", low=0, high=1, zh="有人", en="presence"),
    Quantity.MOTION: QuantityInfo(unit="1", low=0, high=2, zh="活动", en="motion"),
    Quantity.BODY_MOVEMENT: QuantityInfo(unit="%", low=0, high=100, zh="体动", en="body movement"),
    Quantity.DOOR: QuantityInfo(unit="1", low=0, high=1, zh="门开", en="door open"),
    Quantity.TAMPER: QuantityInfo(unit="1", low=0, high=1, zh="防拆", en="tamper"),
}
