"""Which decoder reads which characteristic, and what people call it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from drivers.ble.codec import (
    battery,
    blood_pressure,
    body_composition,
    cgm,
    cgm_session,
    current_time,
    date_time,
    device_information,
    glucose,
    glucose_context,
    heart_rate,
    numbers,
    pulse_oximeter,
    record_access,
    thermometer,
    user_data,
    weight_scale,
)
from shouwang.driver import Said
from shouwang.errors import DecodeError

Read = Callable[[bytes], tuple[msgspec.Struct, list[Said]]]
"""From a value to its fields and to what of them is a measurement; raises DecodeError."""

_Fields = TypeVar("_Fields", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One characteristic."""

    name: str
    zh: str
    read: Read


class PlainNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number without a characteristic around it."""

    value: numbers.Number


def _sfloat(value: bytes) -> PlainNumber:
    if len(value) != 2:
        raise DecodeError(f"not a number of 16 bits: {value[:20].hex()}")
    return PlainNumber(value=numbers.sfloat(int.from_bytes(value, "little")))


def _float(value: bytes) -> PlainNumber:
    if len(value) != 4:
        raise DecodeError(f"not a number of 32 bits: {value[:20].hex()}")
    return PlainNumber(value=numbers.float32(int.from_bytes(value, "little")))


def _nothing(_fields: msgspec.Struct, _frame: bytes) -> list[Said]:
    return []


def _entry(
    name: str,
    zh: str,
    decode: Callable[[bytes], _Fields],
    samples: Callable[[_Fields, bytes], list[Said]] = _nothing,
) -> Entry:
    def read(value: bytes) -> tuple[_Fields, list[Said]]:
        fields = decode(value)
        return fields, samples(fields, value)

    return Entry(name=name, zh=zh, read=read)


CATALOGUE = {
    "2A08": _entry("Date Time", "日期时间", date_time.decode_clock),
    "2A18": _entry("Glucose Measurement", "血糖测量", glucose.decode_glucose, glucose.samples),
    "2A19": _entry("Battery Level", "电池电量", battery.decode_battery, battery.samples),
    "2A1C": _entry("Temperature Measurement", "体温测量", thermometer.decode_temperature, thermometer.samples),
    "2A1D": _entry("Temperature Type", "测温部位", thermometer.decode_temperature_type),
    "2A1E": _entry(
        "Intermediate Temperature", "测量中的体温", thermometer.decode_temperature, thermometer.intermediate_samples
    ),
    "2A23": _entry("System ID", "系统标识", device_information.decode_system_id),
    "2A24": _entry("Model Number String", "型号", device_information.decode_string),
    "2A25": _entry("Serial Number String", "序列号", device_information.decode_string),
    "2A26": _entry("Firmware Revision String", "固件版本", device_information.decode_string),
    "2A27": _entry("Hardware Revision String", "硬件版本", device_information.decode_string),
    "2A28": _entry("Software Revision String", "软件版本", device_information.decode_string),
    "2A29": _entry("Manufacturer Name String", "制造商", device_information.decode_string),
    "2A2B": _entry("Current Time", "当前时间", current_time.decode_current_time),
    "2A34": _entry(
        "Glucose Measurement Context", "血糖测量背景", glucose_context.decode_glucose_context, glucose_context.samples
    ),
    "2A35": _entry(
        "Blood Pressure Measurement", "血压测量", blood_pressure.decode_blood_pressure, blood_pressure.samples
    ),
    "2A36": _entry(
        "Intermediate Cuff Pressure", "测量中的袖带压", blood_pressure.decode_cuff_pressure, blood_pressure.cuff_samples
    ),
    "2A37": _entry("Heart Rate Measurement", "心率测量", heart_rate.decode_heart_rate, heart_rate.samples),
    "2A38": _entry("Body Sensor Location", "佩戴部位", heart_rate.decode_location),
    "2A50": _entry("PnP ID", "产品标识", device_information.decode_pnp_id),
    "2A52": _entry("Record Access Control Point", "记录访问控制点", record_access.decode_record_access),
    "2A5E": _entry("PLX Spot-check Measurement", "血氧点测", pulse_oximeter.decode_spot_check, pulse_oximeter.samples),
    "2A5F": _entry(
        "PLX Continuous Measurement", "血氧连续测量", pulse_oximeter.decode_continuous, pulse_oximeter.samples
    ),
    "2A60": _entry("PLX Features", "血氧仪功能", pulse_oximeter.decode_plx_features),
    "2A9A": _entry("User Index", "用户编号", user_data.decode_user_index),
    "2A9B": _entry("Body Composition Feature", "体成分秤功能", body_composition.decode_body_composition_feature),
    "2A9C": _entry(
        "Body Composition Measurement",
        "体成分测量",
        body_composition.decode_body_composition,
        body_composition.samples,
    ),
    "2A9D": _entry("Weight Measurement", "体重测量", weight_scale.decode_weight, weight_scale.samples),
    "2A9E": _entry("Weight Scale Feature", "体重秤功能", weight_scale.decode_weight_feature),
    "2A9F": _entry("User Control Point", "用户控制点", user_data.decode_user_control),
    "2AA7": _entry("CGM Measurement", "持续葡萄糖测量", cgm.decode_cgm_measurement, cgm.samples),
    "2AA8": _entry("CGM Feature", "持续葡萄糖监测功能", cgm_session.decode_cgm_feature),
    "2AAA": _entry("CGM Session Start Time", "监测开始时间", cgm_session.decode_session_start),
    "2AAB": _entry("CGM Session Run Time", "监测可用时长", cgm_session.decode_session_run_time),
    "SFLOAT": _entry("SFLOAT", "16 位医用小数", _sfloat),
    "FLOAT": _entry("FLOAT", "32 位医用小数", _float),
}
"""By the 16-bit number of the characteristic in capital hexadecimal, or the name of a plain number."""
