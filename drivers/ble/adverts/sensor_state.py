"""The seam to the sensor-state-data libraries of Home Assistant's authors: one adapter for all of them.

A library is imported when its first parser is made, so that a home pays for no family that it does not have. Every
advert gets a fresh library parser: theirs hand out all values ever heard with each update, and judge repetitions by
rules of their own. What must be remembered, our parsers remember.
"""

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.meanings import EVENTS, MEASURES, PRESSES, STATES, canonical
from drivers.ble.adverts.told import Field
from shouwang.bilingual import Bilingual
from shouwang.driver import Sample
from shouwang.errors import ConfigError, DecodeError
from shouwang.quantities import Quantity

_NO_RSSI = -127
"""bleak's number for an unknown strength, which the libraries expect."""

# Their warnings come with every advert; what matters of them is in our DecodeError.
_LOUD = ("bluetooth_data_tools", "habluetooth")


class Value(NamedTuple):
    """One value or event that a library found, in its own words."""

    name: str
    device_class: str
    value: object
    unit: str | None = None


class Heard(NamedTuple):
    """What a library made of one advert."""

    measures: tuple[Value, ...]
    states: tuple[Value, ...]
    events: tuple[Value, ...]
    model: str | None
    is_key_right: bool
    """The library says that it decrypted with the key; True where it knows no encryption."""

    ignored: frozenset[str]
    """Device classes that the library fills with what was not measured."""

    @property
    def is_known(self) -> bool:
        """Whether the library took it for an advert of its family."""
        return bool(self.model or self.measures or self.states or self.events)


class _Description(Protocol):
    """Of a value: sensor_state_data.SensorDescription and BinarySensorDescription."""

    device_class: object
    native_unit_of_measurement: object


class _Found(Protocol):
    """sensor_state_data.SensorValue and BinarySensorValue."""

    name: str
    native_value: object


class _Key(Protocol):
    """sensor_state_data.DeviceKey."""

    key: object


class _Event(Protocol):
    """sensor_state_data.Event."""

    name: str
    device_key: _Key
    event_type: object


class _Device(Protocol):
    """sensor_state_data.SensorDeviceInfo."""

    model: object


class _Update(Protocol):
    """sensor_state_data.SensorUpdate; named here, as importing it for its type would load the library."""

    devices: Mapping[object, _Device]
    entity_descriptions: Mapping[object, _Description]
    entity_values: Mapping[object, _Found]
    binary_entity_descriptions: Mapping[object, _Description]
    binary_entity_values: Mapping[object, _Found]
    events: Mapping[object, _Event]


class _LibraryParser(Protocol):
    """The face that all these libraries share."""

    def update(self, data: object) -> _Update: ...


class Library(NamedTuple):
    """A library by the names of its package and parser class, and the device classes that are not what they say."""

    package: str
    parser: str
    ignored: frozenset[str] = frozenset()

    def load(self) -> "Adapter":
        """Import it; raises ConfigError where it is not installed."""
        try:
            module = importlib.import_module(self.package)
            models = importlib.import_module("habluetooth.models")
        except ImportError as error:
            raise ConfigError(
                Bilingual(
                    f"these sensors need the package {self.package}, which is not installed; install the gateway anew, "
                    "with all that locks/gateway.txt names",
                    zh=f"这些传感器需要 {self.package}，但没有安装；请重新安装网关，装全 locks/gateway.txt 里的软件包",
                )
            ) from error
        for name in (*_LOUD, self.package):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return Adapter(self, getattr(module, self.parser), models.BluetoothServiceInfoBleak)


class Adapter:
    """A library that is loaded."""

    def __init__(
        self, library: Library, make: Callable[..., _LibraryParser], service_info: Callable[..., object]
    ) -> None:
        """Made by `Library.load`."""
        self._library = library
        self._make = make
        self._service_info = service_info

    def hear(self, advert: Advert, *, bindkey: bytes | None = None) -> Heard:
        """What the library makes of an advert by itself; raises DecodeError, whatever the library raises."""
        try:
            parser = self._make(bindkey=bindkey) if bindkey is not None else self._make()
            return self._heard(parser, parser.update(self._info(advert)))
        except Exception as error:  # at this seam only: the libraries raise whatever Python raises on odd bytes
            raise DecodeError(f"{self._library.package} cannot read it: {error!r:.100}") from error

    def _info(self, advert: Advert) -> object:
        return self._service_info(
            name=advert.name or advert.address,
            address=advert.address,
            rssi=_NO_RSSI if advert.rssi is None else advert.rssi,
            manufacturer_data=dict(advert.manufacturer_data),
            service_data=dict(advert.service_data),
            service_uuids=[*advert.service_uuids],
            source="local",
            device=None,
            advertisement=None,
            connectable=False,
            time=0.0,
            tx_power=None,
        )

    def _heard(self, parser: _LibraryParser, update: _Update) -> Heard:
        models = [str(info.model) for info in update.devices.values() if info.model is not None]
        return Heard(
            measures=tuple(_measures(update)),
            states=tuple(_states(update)),
            events=tuple(
                Value(_word(event.name), str(event.device_key.key), str(event.event_type))
                for event in update.events.values()
            ),
            model=models[0] if models else None,
            is_key_right=bool(getattr(parser, "bindkey_verified", True)),
            ignored=self._library.ignored,
        )


def fields_of(heard: Heard) -> Mapping[str, Field]:
    """All that the library found by its names, in our units where we know them."""
    found: dict[str, Field] = {}
    for value in heard.measures:
        number = _number(value)
        found[_FIELD_NAMES.get(value.name, value.name)] = str(value.value) if number is None else number
    for value in heard.states:
        found[_STATE_NAMES.get(value.name, value.name)] = bool(value.value)
    for value in heard.events:
        found[f"{value.name} event" if value.name in found else value.name] = str(value.value)
    return found


def samples_of(heard: Heard, frame: bytes) -> list[Sample]:
    """Levels: the first of each measured quantity (a device with two probes tells of the first), any raised state."""
    levels: dict[Quantity, float] = {}
    for value in heard.measures:
        quantity, number = MEASURES.get(value.device_class), _number(value)
        if quantity is not None and number is not None and value.device_class not in heard.ignored:
            levels.setdefault(_of_body(quantity, heard.model), number)
    for value in heard.states:
        state = STATES.get(value.device_class)
        if state is not None and value.device_class not in heard.ignored:
            levels[state] = max(levels.get(state, 0.0), float(bool(value.value)))
    return [Sample(quantity=quantity, value=value, frame=frame) for quantity, value in levels.items()]


def presses_of(heard: Heard, frame: bytes) -> list[Sample]:
    """Events: presses of any button of the device as BUTTON with BTHome's code, and what else happens at a moment."""
    found = []
    for event in heard.events:
        kind = str(event.value)
        if event.device_class.startswith(("button", "dimmer")) and kind in PRESSES:
            found.append(Sample(quantity=Quantity.BUTTON, value=float(PRESSES[kind]), frame=frame))
        elif kind in EVENTS:
            found.append(Sample(quantity=EVENTS[kind], value=1.0, frame=frame))
    return found


# Models that measure a person and not a room (xiaomi-ble's DEVICE_TYPES).
_BODY_THERMOMETERS = frozenset({"MMC-T201-1", "MMC-T201-2", "MMC-W505"})

_FIELD_NAMES = {
    "carbon dioxide": "co2",
    "pm25": "pm2.5",
    "volatile organic compounds": "tvoc",
    "voc index": "voc",
    "mass": "weight",
    "mass non stabilized": "non-stabilized weight",
}

# Where a state is called as a measure is.
_STATE_NAMES = {
    "battery": "battery low",
    "moisture": "moisture detected",
    "power": "switch",
    "generic": "binary",
    "gas": "gas detected",
    "carbon monoxide": "carbon monoxide detected",
}


def _of_body(quantity: Quantity, model: str | None) -> Quantity:
    return Quantity.BODY_TEMPERATURE if quantity is Quantity.TEMPERATURE and model in _BODY_THERMOMETERS else quantity


def _number(value: Value) -> float | None:
    """The value in our unit where its class is one of ours, else as it is; None where it is no number."""
    if isinstance(value.value, bool) or not isinstance(value.value, int | float):
        return None
    number = float(value.value)
    quantity = MEASURES.get(value.device_class)
    return number if quantity is None else canonical(quantity, number, value.unit)


def _measures(update: _Update) -> Iterable[Value]:
    for key, found in update.entity_values.items():
        description = update.entity_descriptions[key]
        if str(description.device_class) != "signal_strength" and found.native_value is not None:
            unit = description.native_unit_of_measurement
            yield Value(
                _word(found.name),
                str(description.device_class),
                found.native_value,
                None if unit is None else str(unit),
            )


def _states(update: _Update) -> Iterable[Value]:
    for key, found in update.binary_entity_values.items():
        if found.native_value is not None:
            device_class = update.binary_entity_descriptions[key].device_class
            yield Value(_word(found.name), str(device_class), bool(found.native_value))


def _word(name: object) -> str:
    return str(name).lower()
