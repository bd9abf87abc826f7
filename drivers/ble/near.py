"""What a device that is heard looks like to an installer, and the entry of home.yaml that would use it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.families import Family, parser_for
from shouwang.alert import Sentence
from shouwang.errors import DecodeError


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """What a device is, and the kind (and family) by which home.yaml would use it."""

    words: Sentence
    kind: str
    family: Family | None = None
    needs_key: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """A device as heard: its strength in dBm, what it looks like (the most useful first), None where unknown."""

    address: str
    name: str | None
    rssi_dbm: int
    looks: Looks | None


def _looks(zh: str, en: str, kind: str) -> Looks:
    return Looks(words=Sentence(zh=zh, en=en), kind=kind)


def _sensor(zh: str, en: str, family: Family, *, needs_key: bool = False) -> Looks:
    return Looks(words=Sentence(zh=zh, en=en), kind="advert_sensor", family=family, needs_key=needs_key)


HEALTH: Mapping[int, Looks] = {
    0x1810: _looks("血压计", "a blood-pressure cuff", "blood_pressure_monitor_blp"),
    0x1822: _looks("血氧仪", "a pulse oximeter", "pulse_oximeter_plx"),
    0x181F: _looks("动态血糖仪", "a continuous glucose sensor", "glucose_sensor_cgms"),
    0x1808: _looks("血糖仪", "a glucose meter", "glucose_meter_gls"),
    0x1809: _looks("体温计", "a thermometer for people", "thermometer_hts"),
    0x181D: _looks("体重秤", "a weight scale", "weight_scale_wss"),
    0x181B: _looks("体脂秤", "a body-composition scale", "weight_scale_wss"),
    0x180D: _looks("心率带", "a heart-rate monitor", "heart_rate_monitor_hrs"),
}
"""What a device with this service (Bluetooth SIG, assigned numbers) is; where it has several, the first counts."""
_FAMILIES: Mapping[Family, Looks] = {
    family: _sensor(zh, en, family)
    for family, zh, en in (
        (Family.RUUVI, "Ruuvi 温湿度标签", "a Ruuvi tag"),
        (Family.HOLYIOT, "HolyIOT 按钮或信标", "a HolyIOT button or beacon"),
        (Family.KKM, "KKM 按钮或信标", "a KKM button or beacon"),
        (Family.TELTONIKA, "Teltonika 传感器", "a Teltonika sensor"),
        (Family.MINEW, "Minew 信标", "a Minew beacon"),
        (Family.ELA, "ELA 标签", "an ELA tag"),
        (Family.BEACON, "信标(iBeacon 或 Eddystone)", "a beacon (iBeacon or Eddystone)"),
        (Family.QINGPING, "青萍传感器", "a Qingping sensor"),
        (Family.GOVEE, "Govee 传感器", "a Govee sensor"),
        (Family.INKBIRD, "Inkbird 传感器", "an Inkbird sensor"),
        (Family.THERMOBEACON, "ThermoBeacon 温度计", "a ThermoBeacon thermometer"),
        (Family.THERMOPRO, "ThermoPro 温度计", "a ThermoPro thermometer"),
        (Family.SENSORPUSH, "SensorPush 温度计", "a SensorPush thermometer"),
        (Family.BLUEMAESTRO, "BlueMaestro 温度计", "a BlueMaestro thermometer"),
        (Family.SENSIRION, "Sensirion 传感器", "a Sensirion sensor"),
    )
}
"""Families that their adverts betray, the strictest format first; those that nearly any bytes fit are not here."""
_BTHOME = (uuid16(0xFCD2), uuid16(0x181C), uuid16(0x181E))
_BTHOME_V1_ENCRYPTED = uuid16(0x181E)
_MIBEACON = uuid16(0xFE95)
_ENCRYPTED_BIT = 0x01


def looks_of(advert: Advert) -> Looks | None:
    """What the advert tells of the device; None where it tells nothing that this gateway knows."""
    offered = {*advert.service_uuids, *advert.service_data}
    for number, looks in HEALTH.items():
        if uuid16(number) in offered:
            return looks
    for uuid in _BTHOME:
        if uuid in advert.service_data:
            return _bthome(uuid, advert.service_data[uuid])
    if _MIBEACON in advert.service_data:
        return _sensor("小米/米家传感器", "a Xiaomi (MiBeacon) sensor", Family.MIBEACON, needs_key=True)
    return next((looks for family, looks in _FAMILIES.items() if _can_read(family, advert)), None)


def _bthome(uuid: str, data: bytes) -> Looks:
    is_encrypted = uuid == _BTHOME_V1_ENCRYPTED or bool(data[:1] and data[0] & _ENCRYPTED_BIT)
    if is_encrypted:
        return _sensor("BTHome 传感器(加密)", "a BTHome sensor (encrypted)", Family.BTHOME, needs_key=True)
    return _sensor("BTHome 传感器", "a BTHome sensor", Family.BTHOME)


def _can_read(family: Family, advert: Advert) -> bool:
    try:
        return bool(parser_for(family).parse(advert))
    except DecodeError:
        return False


def entry_for(near: Near, *, adapter: str, taken: frozenset[str] = frozenset()) -> str | None:
    """The entry for `sensors:` of home.yaml, to be pasted; None where the device is not known.

    `taken` are ids that the home has already.
    """
    if near.looks is None:
        return None
    name = near.looks.family or near.looks.kind
    lines = [f"- kind: {near.looks.kind}", f"  id: {_id_for(name, taken)}", f"  address: {near.address}"]
    if near.looks.family is not None:
        lines.append(f"  family: {near.looks.family}")
    if adapter != "hci0":
        lines.append(f"  adapter: {adapter}")
    if near.looks.needs_key:
        lines.append("  key_file: secrets/KEY-OF-THIS-SENSOR   # its bind key, 32 hex digits, in a file of its own")
    return "\n".join(f"  {line}" for line in lines)


def _id_for(name: str, taken: frozenset[str]) -> str:
    stem = re.sub(r"_(blp|plx|cgms|gls|hts|wss|hrs|ble)$", "", name).replace("_", "-")
    number = 1
    while (found := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return found
