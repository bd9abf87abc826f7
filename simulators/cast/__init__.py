"""The devices that a story can place in a home: a module per kind, with what people write of it and what it does."""

from typing import Annotated

from pydantic import Field

from simulators.cast.beacon import BeaconSpec
from simulators.cast.cuff import CuffSpec
from simulators.cast.glucose_sensor import GlucoseSensorSpec
from simulators.cast.meter import MeterSpec
from simulators.cast.oximeter import OximeterSpec
from simulators.cast.scale import ScaleSpec
from simulators.cast.strap import StrapSpec
from simulators.cast.thermometer import ThermometerSpec

AnyDevice = Annotated[
    OximeterSpec | StrapSpec | CuffSpec | ThermometerSpec | MeterSpec | GlucoseSensorSpec | ScaleSpec | BeaconSpec,
    Field(discriminator="kind"),
]

EVERY_KIND: tuple[AnyDevice, ...] = (
    OximeterSpec(kind="pulse_oximeter_plx", id="oximeter", address="C0:FF:EE:00:00:11"),
    StrapSpec(kind="heart_rate_monitor_hrs", id="strap", address="C0:FF:EE:00:00:12"),
    CuffSpec(kind="blood_pressure_monitor_blp", id="cuff", address="C0:FF:EE:00:00:13"),
    ThermometerSpec(kind="thermometer_hts", id="thermometer", address="C0:FF:EE:00:00:14"),
    MeterSpec(kind="glucose_meter_gls", id="meter", address="C0:FF:EE:00:00:15", must_pair=False),
    GlucoseSensorSpec(kind="glucose_sensor_cgms", id="cgm", address="C0:FF:EE:00:00:16", must_pair=False),
    ScaleSpec(kind="weight_scale_wss", id="scale", address="C0:FF:EE:00:00:17"),
)
"""One of each kind that a recording can be played through, where nobody says more."""
