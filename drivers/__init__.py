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
from drivers.mqtt.ha_discovery_home import HaDiscoveryHome
from drivers.mqtt.mqtt_json import MqttJson
from drivers.mqtt.sensor_esphome import SensorEsphome
from drivers.mqtt.sensor_shelly import SensorShelly
from drivers.mqtt.sensor_tasmota import SensorTasmota
from drivers.mqtt.sensor_zigbee2mqtt import SensorZigbee2mqtt
from drivers.mqtt.sensor_zwave_js import SensorZwaveJs
from drivers.mqtt.shelly_home import ShellyHome
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from drivers.mqtt.tasmota_home import TasmotaHome
from drivers.mqtt.zigbee2mqtt_home import Zigbee2mqttHome
from drivers.mqtt.zwave_js_home import ZwaveJsHome
from drivers.serial.air_particles_pms5003 import AirParticlesPms5003
from drivers.serial.bed_radar_mr60bha2 import BedRadarMr60bha2
from drivers.serial.bed_radar_r60 import BedRadarR60
from drivers.serial.co2_mhz19 import Co2Mhz19
from drivers.serial.enocean_device import EnoceanDevice
from drivers.serial.fall_radar_mr60fda2 import FallRadarMr60fda2
from drivers.serial.fall_radar_r60 import FallRadarR60
from drivers.serial.modbus_unit import ModbusUnit
from drivers.serial.presence_radar_ld2410 import PresenceRadarLd2410
from drivers.serial.pulse_oximeter_cms50 import PulseOximeterCms50
from drivers.serial.pulse_oximeter_nonin import PulseOximeterNonin
from drivers.serial.rfxtrx_device import RfxtrxDevice
from drivers.serial.tracking_radar_ld2450 import TrackingRadarLd2450
from shouwang.kinds import ByKind

__all__ = ["AnyDriver", "AnyEntry", "AnyHub", "Links"]

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
    | FallRadarMr60fda2
    | BedRadarR60
    | BedRadarMr60bha2
    | PresenceRadarLd2410
    | TrackingRadarLd2450
    | PulseOximeterCms50
    | PulseOximeterNonin
    | AirParticlesPms5003
    | Co2Mhz19
    | EnoceanDevice
    | RfxtrxDevice
    | ModbusUnit
    | SosButtonZigbee2mqtt
    | DoorContactZigbee2mqtt
    | SensorZigbee2mqtt
    | SensorZwaveJs
    | SensorTasmota
    | SensorShelly
    | SensorEsphome
    | MqttJson,
    Field(discriminator="kind"),
]
"""The configuration of one sensor, of any kind. Every model has `kind`, `id`, `emits` and `build(links)`."""

AnyHub = Annotated[
    Zigbee2mqttHome | ZwaveJsHome | TasmotaHome | ShellyHome | HaDiscoveryHome, Field(discriminator="kind")
]
"""The configuration of what brings sensors along at run time (`drivers.joining`); else as one sensor."""

AnyEntry = Annotated[AnyDriver | AnyHub, ByKind()]
"""What may stand under `sensors`."""
