"""Every kind of device has its parts: configuration, decoder, literal frames, simulator, a row in the documents."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, Field, ValidationError

from drivers import AnyDriver
from drivers.ble import (
    advert_sensor,
    blood_pressure_monitor_blp,
    glucose_meter_gls,
    glucose_sensor_cgms,
    heart_rate_monitor_hrs,
    pulse_oximeter_plx,
    thermometer_hts,
    weight_scale_wss,
)
from drivers.ble.adverts.families import Family
from drivers.ble.health import BATTERY
from drivers.ble.link import Attribute
from drivers.links import Links
from drivers.mqtt import door_contact_zigbee2mqtt, sos_button_zigbee2mqtt
from drivers.mqtt.link import BrokerAddress, LocalBroker
from drivers.serial import fall_radar_r60
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

KINDS: tuple[type[BaseModel], ...] = get_args(get_args(AnyDriver)[0])
ROWS = {  # the first table of the page; a later one may name the kinds again
    cells[1].strip(" `"): cells
    for cells in (
        line.split("|")
        for line in reversed(
            (Path(__file__).parents[2] / "docs" / "drivers.md").read_text(encoding="utf-8").splitlines()
        )
    )
    if len(cells) > 2
}
LINKS = Links(
    local_broker=LocalBroker(BrokerAddress.of("mqtt://127.0.0.1", username=None, password=None)),
)
WRITTEN = {
    "pulse_oximeter_plx": {"address": "C0:FF:EE:00:00:01"},
    "heart_rate_monitor_hrs": {"address": "C0:FF:EE:00:00:01"},
    "blood_pressure_monitor_blp": {"address": "C0:FF:EE:00:00:01"},
    "thermometer_hts": {"address": "C0:FF:EE:00:00:01"},
    "glucose_meter_gls": {"address": "C0:FF:EE:00:00:01"},
    "glucose_sensor_cgms": {"address": "C0:FF:EE:00:00:01"},
    "weight_scale_wss": {"address": "C0:FF:EE:00:00:01"},
    "advert_sensor": {"address": "C0:FF:EE:00:00:01", "family": "ruuvi"},
    "fall_radar_r60": {"port": "/dev/serial/by-id/usb-radar"},
    "sos_button_zigbee2mqtt": {"topic": "zigbee2mqtt/sos"},
    "door_contact_zigbee2mqtt": {"topic": "zigbee2mqtt/door"},
}
"""The keys that must be given, beside kind and id."""


def health(module: ModuleType, **of_size: Attribute) -> Callable[[bytes], list[Said]]:
    """Reads a health device's value as of its main characteristic, or of another that has so many bytes (`n17=...`)."""
    main = of_size.pop("main")

    def decode(frame: bytes) -> list[Said]:
        attribute = BATTERY if len(frame) == 1 else of_size.get(f"n{len(frame)}", main)
        found: list[Said] = module.decode(attribute, frame)
        return found

    return decode


READ: dict[str, Callable[[bytes], list[Said]]] = {
    "pulse_oximeter_plx": health(pulse_oximeter_plx, main=pulse_oximeter_plx.CONTINUOUS),
    "heart_rate_monitor_hrs": health(heart_rate_monitor_hrs, main=heart_rate_monitor_hrs.MEASUREMENT),
    "blood_pressure_monitor_blp": health(blood_pressure_monitor_blp, main=blood_pressure_monitor_blp.MEASUREMENT),
    "thermometer_hts": health(thermometer_hts, main=thermometer_hts.MEASUREMENT),
    "glucose_meter_gls": health(
        glucose_meter_gls,
        main=glucose_meter_gls.MEASUREMENT,
        n6=glucose_meter_gls.CONTEXT,
        n5=glucose_meter_gls.CONTEXT,
    ),
    "glucose_sensor_cgms": health(glucose_sensor_cgms, main=glucose_sensor_cgms.MEASUREMENT),
    "weight_scale_wss": health(weight_scale_wss, main=weight_scale_wss.WEIGHT, n18=weight_scale_wss.COMPOSITION),
    "advert_sensor": lambda frame: advert_sensor.decode(Family.RUUVI, frame),
    "fall_radar_r60": fall_radar_r60.decode,
    "sos_button_zigbee2mqtt": lambda frame: sos_button_zigbee2mqtt.decode(
        frame, retained=False, press=("emergency",), cancel=("disarm",)
    ),
    "door_contact_zigbee2mqtt": lambda frame: door_contact_zigbee2mqtt.decode(frame, retained=False),
}
FRAMES: dict[str, dict[bytes, dict[str, float] | None]] = {
    # Pulse Oximeter Service 1.0.1, written out by hand from tables 3.1 to 3.5; Battery Service 1.0.
    "pulse_oximeter_plx": {
        bytes.fromhex("00 6100 4800"): {"spo2": 97, "heart-rate": 72},
        bytes.fromhex("0c 5800 6800 2000 000000"): {"spo2": 88, "heart-rate": 104},
        bytes.fromhex("0c ff07 ff07 2020 000800"): {},
        bytes.fromhex("1f 6100 4800 6100 4800 6100 4800 a000 000000 57f0"): {
            "spo2": 97,
            "heart-rate": 72,
            "pulse-amplitude": 8.7,
        },
        bytes.fromhex("25"): {"battery": 37},
        bytes.fromhex("0c 6100 48"): None,
    },
    # Written out by hand from the tables of each service and of the GATT Specification Supplement.
    "heart_rate_monitor_hrs": {
        bytes.fromhex("16 48 0004"): {"heart-rate": 72, "rr-interval": 1000},
        bytes.fromhex("00 00"): {},
        bytes.fromhex("64"): {"battery": 100},
        bytes.fromhex("01 48"): None,
    },
    "blood_pressure_monitor_blp": {
        bytes.fromhex("1e 8200 5000 6000 ea07 0b 18 08 1e 00 4600 01 0400"): {
            "systolic": 130,
            "diastolic": 80,
            "mean-arterial-pressure": 96,
            "heart-rate": 70,
            "irregular-pulse": 1,
        },
        bytes.fromhex("00 ff07 ff07 ff07"): {},
        bytes.fromhex("32"): {"battery": 50},
        bytes.fromhex("00 8200 50"): None,
    },
    "thermometer_hts": {
        bytes.fromhex("04 6e0100ff 03"): {"body-temperature": 36.6},
        bytes.fromhex("00 ffff7f00"): {},
        bytes.fromhex("32"): {"battery": 50},
        bytes.fromhex("00 6e0100"): None,
    },
    "glucose_meter_gls": {
        bytes.fromhex("06 0300 ea07 0b 18 08 1e 00 37c0 11"): {"glucose": 5.5},
        bytes.fromhex("06 0300 ea07 0b 18 08 1e 00 37c0 19"): {"interstitial-glucose": 5.5},
        bytes.fromhex("08 0300 ea07 0b 18 08 1e 00 0100"): {"battery-low": 1},
        bytes.fromhex("01 0300 02 32d0"): {"carbohydrate": 50},
        bytes.fromhex("40 0300 41f0"): {"hba1c": 6.5},
        bytes.fromhex("32"): {"battery": 50},
        bytes.fromhex("06 0300 ea"): None,
    },
    "glucose_sensor_cgms": {
        bytes.fromhex("06 00 5a00 0500"): {"interstitial-glucose": 4.995560},
        bytes.fromhex("09 81 5a00 0500 02 0900"): {
            "interstitial-glucose": 4.995560,
            "glucose-trend": 0.499556,
            "battery-low": 1,
        },
        bytes.fromhex("06 00 ff07 0500"): {},
        bytes.fromhex("32"): {"battery": 50},
        bytes.fromhex("07 00 5a00 0500"): None,
    },
    "weight_scale_wss": {
        bytes.fromhex("08 8038 f000 5006"): {"weight": 72.32, "bmi": 24, "height": 161.6},
        bytes.fromhex("f803 f000 2017 5e01 7017 f82a a028 401f 5014"): {
            "body-fat": 24,
            "basal-metabolism": 5920,
            "muscle-share": 35,
            "muscle-mass": 30,
            "fat-free-mass": 55,
            "soft-lean-mass": 52,
            "body-water": 40,
            "impedance": 520,
        },
        bytes.fromhex("00 ffff"): {},
        bytes.fromhex("32"): {"battery": 50},
        bytes.fromhex("00 80"): None,
    },
    # ruuvi.com, data format 5, the documented valid sample, as manufacturer data in an AD structure.
    "advert_sensor": {
        bytes.fromhex("1bff9904 0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"): {
            "temperature": 24.3,
            "humidity": 53.49,
            "air-pressure": 1000.44,
            "battery-voltage": 2.977,
        },
        bytes.fromhex("1bff9904"): None,
    },
    # Seeed's wiki page Radar_MR60FDA1: presence, motion, body movement, fall, heartbeat, and a sum that is wrong.
    "fall_radar_r60": {
        bytes.fromhex("5359 80 01 0001 01 2f 5443"): {"presence": 1},
        bytes.fromhex("5359 80 02 0001 02 31 5443"): {"motion": 2},
        bytes.fromhex("5359 80 03 0001 28 58 5443"): {"body-movement": 40},
        bytes.fromhex("5359 83 01 0001 01 32 5443"): {"fall": 1},
        bytes.fromhex("5359 83 81 0001 00 b1 5443"): {"fall": 0},
        bytes.fromhex("5359 01 01 0001 0f be 5443"): {},
        bytes.fromhex("5359 83 01 0001 01 33 5443"): None,
    },
    # zigbee2mqtt.io, device page TS0215A_sos, and Zigbee2MQTT before 2.0 that clears the action.
    "sos_button_zigbee2mqtt": {
        b'{"action":"emergency","battery":90,"linkquality":120}': {"sos": 1, "battery": 90},
        b'{"action":"disarm"}': {"cancel": 1},
        b'{"action":"","battery":90}': {"battery": 90},
        b'{"action":"arm_all_zones"}': None,
        b"emergency": None,
    },
    # zigbee2mqtt.io, device page TS0203: contact is true while closed.
    "door_contact_zigbee2mqtt": {
        b'{"contact":false,"tamper":false,"battery":100}': {"door": 1, "tamper": 0, "battery": 100},
        b'{"contact":true,"tamper":true}': {"door": 0, "tamper": 1},
        b'{"contact":null,"linkquality":80}': {},
        b'{"contact":"open"}': None,
    },
}
"""Literal frames and the values in them; {} for a life sign alone, None for what must be refused."""


def kind_of(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field and get_origin(field.annotation) is Literal else "?"


def lacks(model: type[BaseModel]) -> list[str]:
    """What this kind of device lacks."""
    kind, module = kind_of(model), importlib.import_module(model.__module__)
    row = ROWS.get(kind)
    own = [name for name in model.model_fields if name not in ("kind", "id")]
    emits: frozenset[Quantity] = getattr(model, "emits", frozenset())
    found = {
        "a kind that is the name of its module": kind == model.__module__.rpartition(".")[2],
        "an id": "id" in model.model_fields,
        "emits, of quantities that are known": bool(emits) and emits <= QUANTITIES.keys(),
        "build": callable(getattr(model, "build", None)),
        "a frozen model": model.model_config.get("frozen") is True,
        "refusal of unknown keys": model.model_config.get("extra") == "forbid",
        "a description of every key": all(
            model.model_fields[name].description for name in model.model_fields if name != "kind"
        ),
        "decode": inspect.isfunction(getattr(module, "decode", None)),
        "literal frames, good and bad": None in FRAMES.get(kind, {}).values() and len(FRAMES[kind]) > 1,
        # what an advert can carry is shown family by family in tests/unit/test_adverts_*.py
        "a frame for each quantity": bool(emits)
        and (model is advert_sensor.AdvertSensor or {str(quantity) for quantity in emits} == quantities_in(kind)),
        "a simulated device": has_simulator(kind),
        "a row in docs/drivers.md": row is not None,
        "its quantities in that row": row is not None
        and (model is advert_sensor.AdvertSensor or all(str(quantity) in row[3] for quantity in emits)),
        "its keys in that row": row is not None and all(f"`{name}`" in row[5] for name in own),
    }
    return [part for part, is_there in found.items() if not is_there]


def quantities_in(kind: str) -> set[str]:
    return {quantity for values in FRAMES.get(kind, {}).values() for quantity in values or {}}


SIMULATORS = {
    "pulse_oximeter_plx": "simulators.ble.pulse_oximeter:PulseOximeter",
    "heart_rate_monitor_hrs": "simulators.ble.heart_rate:HeartRateStrap",
    "blood_pressure_monitor_blp": "simulators.ble.blood_pressure:BloodPressureCuff",
    "thermometer_hts": "simulators.ble.thermometer:Thermometer",
    "glucose_meter_gls": "simulators.ble.glucose_meter:GlucoseMeter",
    "glucose_sensor_cgms": "simulators.ble.cgm:GlucoseSensor",
    "weight_scale_wss": "simulators.ble.weight_scale:WeightScale",
    "advert_sensor": "simulators.ble.beacon:Beacon",
    "fall_radar_r60": "simulators.serial.fall_radar:FallRadar",
    "sos_button_zigbee2mqtt": "simulators.mqtt.zigbee:SosButton",
    "door_contact_zigbee2mqtt": "simulators.mqtt.zigbee:DoorContact",
}
"""The simulated device of each kind; it encodes from the maker's documents and never imports our decoder."""


def has_simulator(kind: str) -> bool:
    module, _, name = SIMULATORS.get(kind, "shouwang.nothing:Nothing").partition(":")
    try:
        return inspect.isclass(getattr(importlib.import_module(module), name, None))
    except ModuleNotFoundError:
        return False


def build(kind: str) -> tuple[BaseModel, object]:
    model = next(model for model in KINDS if kind_of(model) == kind)
    config = model.model_validate({"kind": kind, "id": "it", **WRITTEN[kind]})
    return config, config.build(LINKS)  # type: ignore[attr-defined] # checked by `lacks`


@pytest.mark.parametrize("model", KINDS, ids=kind_of)
def test_a_kind_lacks_nothing(model: type[BaseModel]) -> None:
    assert lacks(model) == []


def test_every_driver_module_is_in_the_union_and_every_row_and_frame_has_its_kind() -> None:
    devices = {
        found.name
        for transport in ("ble", "serial", "mqtt")
        for found in pkgutil.iter_modules(importlib.import_module(f"drivers.{transport}").__path__)
        if inspect.isfunction(getattr(importlib.import_module(f"drivers.{transport}.{found.name}"), "decode", None))
    }
    kinds = {kind_of(model) for model in KINDS}
    assert devices == kinds == FRAMES.keys() == READ.keys() == WRITTEN.keys()
    assert {kind for kind in ROWS if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", kind)} == kinds


class Unfinished(BaseModel):
    """A kind of device that lacks everything."""

    kind: Literal["unfinished"] = "unfinished"
    name: str = Field(default="")


def test_an_unfinished_kind_is_told_all_that_it_lacks() -> None:
    assert len(lacks(Unfinished)) == 14


@pytest.mark.parametrize("kind", FRAMES)
def test_a_kind_is_built_and_names_its_sensor(kind: str) -> None:
    config, driver = build(kind)
    assert driver.sensor_id == "it"
    assert driver.max_silence is None or driver.max_silence.total_seconds() > 0
    assert driver.rejected == 0
    with pytest.raises(ValidationError):
        config.model_validate({**config.model_dump(), "unknown": 1})
    with pytest.raises(ValidationError, match="frozen"):
        config.id = "other"


@pytest.mark.parametrize(("kind", "frame"), [(kind, frame) for kind, frames in FRAMES.items() for frame in frames])
def test_a_frame_says_what_stands_in_the_table(kind: str, frame: bytes) -> None:
    wanted = FRAMES[kind][frame]
    if wanted is None:
        with pytest.raises(DecodeError):
            READ[kind](frame)
        return
    said = READ[kind](frame)
    samples = [one for one in said if isinstance(one, Sample)]
    assert {str(one.quantity): one.value for one in samples} == wanted
    assert said, "a frame that can be read is at least a life sign"
    assert all(one.frame and frame.endswith(one.frame) for one in samples)
    assert all(QUANTITIES[one.quantity].is_plausible(one.value) for one in samples)
    assert {one.quantity for one in samples} <= build(kind)[0].emits  # type: ignore[attr-defined]
