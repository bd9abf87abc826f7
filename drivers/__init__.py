"""Drivers: one module per kind of device. The registry is a type: a home's sensors are a list of `AnyDriver`."""

from typing import Annotated

from pydantic import Field

from drivers.ble.advert_sensor import AdvertSensor
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.ble.glucose_meter_gls import GlucoseMeterGls
from drivers.ble.glucose_sensor_cgms import GlucoseSensorCgms
from drivers.ble.heart_rate_monitor_hrs import HeartRateMonitorHrs
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.ble.thermometer_hts import ThermometerHts
from drivers.ble.weight_scale_wss import WeightScaleWss
from drivers.links import Links
from drivers.mqtt.door_contact_zigbee2mqtt import DoorContactZigbee2mqtt
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from drivers.serial.fall_radar_r60 import FallRadarR60

__all__ = ["AnyDriver", "Links"]

AnyDriver = Annotated[
    PulseOximeterPlx
    | HeartRateMonitorHrs
    | BloodPressureMonitorBlp
    | ThermometerHts
    | GlucoseMeterGls
    | GlucoseSensorCgms
    | WeightScaleWss
    | AdvertSensor
    | FallRadarR60
    | SosButtonZigbee2mqtt
    | DoorContactZigbee2mqtt,
    Field(discriminator="kind"),
]
"""The configuration of one sensor, of any kind. Every model has `kind`, `id`, `emits` and `build(links)`."""
