"""What a device that is heard looks like to an installer, and the entry of home.yaml that would use it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shouwang.alert import Sentence

_BASE = "-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """A kind of device. `kind` is that of home.yaml, None where this gateway has no use for it."""

    words: Sentence
    kind: str | None
    needs_key: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """A device as heard: its strength in dBm, what it looks like (the most useful first), None where unknown."""

    address: str
    name: str | None
    rssi_dbm: int
    looks: Looks | None
    is_address_lasting: bool


def _looks(zh: str, en: str, kind: str | None, *, needs_key: bool = False) -> Looks:
    return Looks(words=Sentence(zh=zh, en=en), kind=kind, needs_key=needs_key)


# Bluetooth SIG assigned numbers, services. The order is that of usefulness: a scale often has both of its services.
_BY_SERVICE: Mapping[int, Looks] = {
    0x1810: _looks("血压计", "a blood-pressure cuff", "blood_pressure_monitor_blp"),
    0x1822: _looks("血氧仪", "a pulse oximeter", "pulse_oximeter_plx"),
    0x181F: _looks("动态血糖仪", "a continuous glucose sensor", "glucose_sensor_cgms"),
    0x1808: _looks("血糖仪", "a glucose meter", "glucose_meter_gls"),
    0x1809: _looks("体温计", "a thermometer for people", "thermometer_hts"),
    0x181D: _looks("体重秤", "a weight scale", "weight_scale_wss"),
    0x181B: _looks("体脂秤", "a body-composition scale", "weight_scale_wss"),
    0x180D: _looks("心率带", "a heart-rate monitor", "heart_rate_monitor_hrs"),
}
_BY_SERVICE_DATA: Mapping[int, Looks] = {
    0xFCD2: _looks("BTHome 传感器", "a BTHome sensor", "sensor_bthome"),
    0x181C: _looks("BTHome 传感器(旧版)", "a BTHome sensor (version 1)", "sensor_bthome"),
    0x181E: _looks(
        "BTHome 传感器(旧版,加密)", "a BTHome sensor (version 1, encrypted)", "sensor_bthome", needs_key=True
    ),
    0xFE95: _looks("小米/米家传感器", "a Xiaomi (MiBeacon) sensor", "sensor_mibeacon", needs_key=True),
    0xFEAA: _looks("Eddystone 信标", "an Eddystone beacon", "beacon_ble"),
}
_ENCRYPTED_BIT = 0x01
_APPLE, _RUUVI = 0x004C, 0x0499
_RUUVI_TAG = _looks("Ruuvi 温湿度标签", "a Ruuvi tag", "sensor_ruuvi")
_IBEACON = _looks("iBeacon 信标", "an iBeacon", "beacon_ble")


def looks_of(
    *, service_uuids: tuple[str, ...], service_data: Mapping[str, bytes], manufacturer_data: Mapping[int, bytes]
) -> Looks | None:
    """What the advert tells of the device; None where it tells nothing that this gateway knows."""
    offered = {number for uuid in (*service_uuids, *service_data) if (number := _short(uuid)) is not None}
    for number, looks in _BY_SERVICE.items():
        if number in offered:
            return looks
    for uuid, data in service_data.items():
        if (found := _BY_SERVICE_DATA.get(_short(uuid) or 0)) is not None:
            return _bthome(data, found) if _short(uuid) == 0xFCD2 else found
    if _RUUVI in manufacturer_data:
        return _RUUVI_TAG
    if manufacturer_data.get(_APPLE, b"")[:2] == b"\x02\x15":
        return _IBEACON
    return None


def _bthome(data: bytes, plain: Looks) -> Looks:
    if data[:1] and data[0] & _ENCRYPTED_BIT:
        return _looks("BTHome 传感器(加密)", "a BTHome sensor (encrypted)", plain.kind, needs_key=True)
    return plain


def entry_for(near: Near, *, adapter: str, taken: frozenset[str] = frozenset()) -> str | None:
    """The entry for `sensors:` of home.yaml, to be pasted; None where this gateway has no use for the device.

    `taken` are ids that the home has already.
    """
    if near.looks is None or near.looks.kind is None:
        return None
    lines = [f"- kind: {near.looks.kind}", f"  id: {_id_for(near.looks.kind, taken)}", f"  address: {near.address}"]
    if adapter != "hci0":
        lines.append(f"  adapter: {adapter}")
    if near.looks.needs_key:
        lines.append("  key_file: secrets/KEY-OF-THIS-SENSOR   # its bind key, 32 hex digits, in a file of its own")
    return "\n".join(f"  {line}" for line in lines)


def _id_for(kind: str, taken: frozenset[str]) -> str:
    stem = re.sub(r"_(blp|plx|cgms|gls|hts|wss|hrs|ble)$", "", kind).replace("_", "-")
    number = 1
    while (name := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return name


def _short(uuid: str) -> int | None:
    """The 16-bit number of a service of the Bluetooth SIG, None for others."""
    return int(uuid[4:8], 16) if uuid.startswith("0000") and uuid.endswith(_BASE) else None
