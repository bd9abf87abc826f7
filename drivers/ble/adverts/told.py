"""What a parser makes of an advert: the device's own words, and the samples in them."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from drivers.ble.adverts.advert import Advert
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

Field = float | str | bool
Fields = Mapping[str, Field]


class Told(NamedTuple):
    """Everything in an advert by its name, and what counts of it.

    `said` is empty for a repetition of what was said before, where even a life sign could be a replay.
    """

    fields: Fields
    said: tuple[Said, ...]


class AdvertParser(Protocol):
    """The adverts of one device. Raises DecodeError, and nothing else, for what is not of its format."""

    def parse(self, advert: Advert) -> list[Said]:
        """What counts in an advert; `Alive` alone where it carries no value, nothing where it says nothing new."""
        ...

    def read(self, advert: Advert) -> Told:
        """The same with all fields, for people who look at frames."""
        ...


class Remembering(AdvertParser, Protocol):
    """A parser that must know after a restart what it has heard."""

    def memory(self) -> str:
        """A short text; the next parser of this device is made with it."""
        ...


# Values under these names are in the quantity's unit, so a name here is a promise.
QUANTITY_OF: dict[str, Quantity] = {
    "temperature": Quantity.TEMPERATURE,
    "body temperature": Quantity.BODY_TEMPERATURE,
    "humidity": Quantity.HUMIDITY,
    "pressure": Quantity.AIR_PRESSURE,
    "illuminance": Quantity.ILLUMINANCE,
    "co2": Quantity.CO2,
    "pm1": Quantity.PM1,
    "pm2.5": Quantity.PM2_5,
    "pm4": Quantity.PM4,
    "pm10": Quantity.PM10,
    "voc": Quantity.VOC_INDEX,
    "nox": Quantity.NOX_INDEX,
    "battery": Quantity.BATTERY,
    "voltage": Quantity.BATTERY_VOLTAGE,
    "battery low": Quantity.BATTERY_LOW,
    "door": Quantity.DOOR,
    "motion": Quantity.MOTION,
    "vibration": Quantity.VIBRATION,
    "tamper": Quantity.TAMPER,
    "water leak": Quantity.LEAK,
    "button": Quantity.BUTTON,
    "sos": Quantity.SOS,
}


def tell(fields: Fields, frame: bytes) -> Told:
    """Fields with the samples in them; a life sign where there is none."""
    return Told(
        fields,
        heard(
            Sample(quantity=QUANTITY_OF[name], value=float(value), frame=frame)
            for name, value in fields.items()
            if name in QUANTITY_OF and not isinstance(value, str)
        ),
    )


def heard(samples: Iterable[Sample]) -> tuple[Said, ...]:
    """The samples, or a life sign where there is none. What is not a number is no measurement."""
    return tuple(sample for sample in samples if math.isfinite(sample.value)) or (Alive(),)


def unproven(said: Iterable[Said]) -> tuple[Said, ...]:
    """What anybody within reach could have sent: it may raise an alarm of life safety, never clear one.

    Rules take an alarm back by values of good quality only (docs/rules.md), so an all-clear becomes questionable and
    stays visible. Raising values stay good: a false alarm is worth less than a lost one.
    """
    return tuple(_doubted(one) if isinstance(one, Sample) and _takes_back(one) else one for one in said)


def _takes_back(sample: Sample) -> bool:
    if sample.quantity is Quantity.CANCEL:
        return True
    return QUANTITIES[sample.quantity].life_safety and sample.value == 0


def _doubted(sample: Sample) -> Sample:
    return Sample(
        quantity=sample.quantity,
        value=sample.value,
        quality=Quality.QUESTIONABLE,
        frame=sample.frame,
        measured_at=sample.measured_at,
        resident_id=sample.resident_id,
    )
