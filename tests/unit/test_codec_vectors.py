"""Every recorded value of a standard service, through the decoders that drivers use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.ble.codec.battery import decode_battery
from drivers.ble.codec.blood_pressure import decode_blood_pressure, decode_cuff_pressure
from drivers.ble.codec.body_composition import decode_body_composition
from drivers.ble.codec.cgm import decode_cgm_measurement
from drivers.ble.codec.cgm_session import decode_cgm_feature
from drivers.ble.codec.date_time import DateTime, decode_clock
from drivers.ble.codec.glucose import decode_glucose
from drivers.ble.codec.glucose_context import decode_glucose_context
from drivers.ble.codec.heart_rate import decode_heart_rate, decode_location
from drivers.ble.codec.numbers import float32, sfloat
from drivers.ble.codec.pulse_oximeter import decode_continuous, decode_spot_check
from drivers.ble.codec.quirks import quirk_named
from drivers.ble.codec.record_access import decode_record_access
from drivers.ble.codec.thermometer import decode_temperature
from drivers.ble.codec.weight_scale import decode_weight
from shouwang.errors import DecodeError

FILES = ("gatt-permissive.json", "gatt-gpl.json")
DECODERS: dict[str, Callable[[bytes], msgspec.Struct]] = {
    "2A08": decode_clock,
    "2A18": decode_glucose,
    "2A19": decode_battery,
    "2A1C": decode_temperature,
    "2A34": decode_glucose_context,
    "2A35": decode_blood_pressure,
    "2A36": decode_cuff_pressure,
    "2A37": decode_heart_rate,
    "2A38": decode_location,
    "2A52": decode_record_access,
    "2A5E": decode_spot_check,
    "2A5F": decode_continuous,
    "2A9C": decode_body_composition,
    "2A9D": decode_weight,
    "2AA7": decode_cgm_measurement,
    "2AA8": decode_cgm_feature,
}
NUMBERS = {"sfloat": sfloat, "float": float32}


def rows(shared: Path) -> list[dict[str, Any]]:
    folder = shared / "vectors" / "ble"
    return [row for name in FILES for row in json.loads((folder / name).read_text(encoding="utf-8"))["vectors"]]


def shown(value: Any) -> Any:
    """A struct as the vectors write it."""
    if isinstance(value, DateTime):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return {name: shown(getattr(value, name)) for name in value.__struct_fields__}
    return [shown(one) for one in value] if isinstance(value, tuple) else value


def decoded(row: dict[str, Any]) -> dict[str, Any]:
    value = bytes.fromhex(row["hex"])
    if row["characteristic"] in NUMBERS:
        return {"value": NUMBERS[row["characteristic"]](int.from_bytes(value, "little"))}
    quirk = row["expected"].get("quirk")
    if quirk is not None:
        value = quirk_named(quirk).as_standard(value)
    return {**shown(DECODERS[row["characteristic"]](value)), "quirk": quirk}


def test_every_recorded_value_means_what_its_own_project_expects(shared: Path) -> None:
    for row in rows(shared):
        wanted = row["expected"]
        if wanted.get("error"):
            with pytest.raises(DecodeError):
                decoded(row)
        else:
            found = decoded(row)
            assert {name: found[name] for name in wanted} == wanted, row


def test_the_vectors_are_all_there(shared: Path) -> None:
    assert len(rows(shared)) >= 67
    assert {row["characteristic"] for row in rows(shared)} <= DECODERS.keys() | NUMBERS.keys()


def test_a_value_of_a_bm85_without_its_quirk_is_refused(shared: Path) -> None:
    betrayed = [row for row in rows(shared) if "quirk" in row["expected"]]
    assert betrayed
    for row in betrayed:
        with pytest.raises(DecodeError):
            DECODERS[row["characteristic"]](bytes.fromhex(row["hex"]))
