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
from drivers.ble import pulse_oximeter_plx as plx
from drivers.links import Links
from drivers.mqtt import door_contact_zigbee2mqtt, sos_button_zigbee2mqtt
from drivers.mqtt.link import BrokerAddress, LocalBroker
from drivers.serial import fall_radar_r60
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity

KINDS: tuple[type[BaseModel], ...] = get_args(get_args(AnyDriver)[0])
ROWS = {
    cells[1].strip(" `"): cells
    for cells in (
        line.split("|")
        for line in (Path(__file__).parents[2] / "docs" / "drivers.md").read_text(encoding="utf-8").splitlines()
    )
    if len(cells) > 2
}
LINKS = Links(
    local_broker=LocalBroker(BrokerAddress.of("mqtt://127.0.0.1", username=None, password=None)),
)
WRITTEN = {
    "pulse_oximeter_plx": {"address": "C0:FF:EE:00:00:01"},
    "fall_radar_r60": {"port": "/dev/serial/by-id/usb-radar"},
    "sos_button_zigbee2mqtt": {"topic": "zigbee2mqtt/sos"},
    "door_contact_zigbee2mqtt": {"topic": "zigbee2mqtt/door"},
}
"""The keys that must be given, beside kind and id."""

READ: dict[str, Callable[[bytes], list[Said]]] = {
    "pulse_oximeter_plx": lambda frame: plx.decode(plx.BATTERY if len(frame) == 1 else plx.CONTINUOUS, frame),
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
        "a frame for each quantity": bool(emits) and {str(quantity) for quantity in emits} == quantities_in(kind),
        "a simulated device": has_simulator(model, module),
        "a row in docs/drivers.md": row is not None,
        "its quantities in that row": row is not None and all(str(quantity) in row[3] for quantity in emits),
        "its keys in that row": row is not None and all(f"`{name}`" in row[5] for name in own),
    }
    return [part for part, is_there in found.items() if not is_there]


def quantities_in(kind: str) -> set[str]:
    return {quantity for values in FRAMES.get(kind, {}).values() for quantity in values or {}}


def has_simulator(model: type[BaseModel], module: ModuleType) -> bool:
    """`PulseOximeterPlx` of `drivers.ble` is simulated by `PulseOximeter` somewhere in `simulators.ble`."""
    transport = module.__name__.split(".")[1]
    try:
        package = importlib.import_module(f"simulators.{transport}")
    except ModuleNotFoundError:
        return False
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return any(
        model.__name__.startswith(name) and thing.__module__ == place.__name__
        for place in modules
        for name, thing in inspect.getmembers(place, inspect.isclass)
    )


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
        if hasattr(importlib.import_module(f"drivers.{transport}.{found.name}"), "decode")
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
    assert all(one.frame == frame for one in samples)
    assert all(QUANTITIES[one.quantity].is_plausible(one.value) for one in samples)
    assert {one.quantity for one in samples} <= build(kind)[0].emits  # type: ignore[attr-defined]
