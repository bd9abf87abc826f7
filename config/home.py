"""The home's YAML as values: who lives there, which sensors, which rules, and where the alarms go."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from drivers import AnyDriver
from drivers.ble.adapter import SLOTS, Adapter, radio_id
from drivers.ble.advert_sensor import AdvertSensor
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from messaging.broker import parse_broker_url
from rules import AnyRule
from rules.bound import BoundRule, HomeFacts
from shouwang.document import Id
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.reading import GUEST


def _gateway_id(written: str) -> str:
    if "." in written:
        raise ValueError(f'"{written}" cannot name a gateway; use letters, digits, "-" and "_", no points')
    return written


def _broker_url(written: str) -> str:
    if "@" in written:
        raise ValueError('holds a user or password; write "username: ..." and "password_file: ..." instead')
    try:
        parse_broker_url(written)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return written


def _as_text(written: object) -> object:
    return str(written) if written == 5 else written


BrokerUrl = Annotated[str, AfterValidator(_broker_url)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewayPart(_Part):
    """The box in the home."""

    id: Annotated[Id, AfterValidator(_gateway_id)] = Field(
        description="name of this box at the call centre; also its user name at the broker"
    )
    data_dir: Path = Field(
        default=Path("/var/lib/shouwang"), description="folder for what must survive a power cut; relative to this file"
    )
    language: Literal["zh", "en"] = Field(default="zh", description="language in which the home speaks")


def _not_guest(written: str) -> str:
    if written == GUEST:
        raise ValueError(f'"{GUEST}" stands for people whom the home does not name; choose another id')
    return written


class Resident(_Part):
    """Who is watched over."""

    id: Annotated[Id, AfterValidator(_not_guest)] = Field(
        description="number or short name of the person at the call centre"
    )
    name: str | None = Field(default=None, description="how the home addresses the person; stays in the home")


class _Broker(_Part):
    url: BrokerUrl = Field(description="mqtt://host:1883, or mqtts://host:8883 for an encrypted link")
    username: str | None = Field(default=None, description="user name at the broker")
    password_file: Path | None = Field(default=None, description="file that holds the password and nothing else")

    @property
    def is_encrypted(self) -> bool:
        """Whether the link is TLS."""
        return parse_broker_url(self.url)[2]

    @property
    def is_on_this_box(self) -> bool:
        """Whether the broker is reached without leaving this box."""
        host = parse_broker_url(self.url)[0]
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class UplinkPart(_Broker):
    """The broker of the call centre. The user name is the gateway's id unless another is given."""

    version: Annotated[Literal["5", "3.1.1"], BeforeValidator(_as_text)] = Field(
        default="5", description='version of MQTT: "5", or "3.1.1" for an old broker'
    )
    ca_file: Path | None = Field(default=None, description="certificate of who vouches for the centre's broker")
    cert_file: Path | None = Field(default=None, description="this box's own certificate")
    key_file: Path | None = Field(default=None, description="the key of this box's certificate")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; give both or neither")
        return self


class LocalBrokerPart(_Broker):
    """The home's own broker, where Zigbee2MQTT publishes; not the broker of the call centre."""


class ConsoleAnnunciatorPart(_Part):
    """Speaks alarms as lines on the gateway's standard output."""

    kind: Literal["console"]


class BluetoothPart(_Part):
    """How one Bluetooth adapter is used. One that is not listed is used with the defaults."""

    adapter: Adapter = Field(default="hci0", description="as bluetoothctl list says, e.g. hci0")
    scan: Literal["active", "passive"] = Field(
        default="active",
        description="active asks devices for their names; passive saves their batteries, and needs bluetoothd -E",
    )
    slots: int = Field(
        default=SLOTS, ge=1, le=20, description="connections at a time that the adapter can carry (CSR 5, Broadcom 7)"
    )


class Home(_Part):
    """One home."""

    gateway: GatewayPart
    resident: Resident
    other_residents: tuple[Resident, ...] = Field(
        default=(), description="who else lives here and uses the same devices; a sensor's users name them"
    )
    uplink: UplinkPart
    local_broker: LocalBrokerPart | None = Field(
        default=None, description="the home's own MQTT broker; needed only for Zigbee sensors"
    )
    bluetooth: tuple[BluetoothPart, ...] = Field(
        default=(), description="Bluetooth adapters that are not used with the defaults, one entry each"
    )
    sensors: tuple[AnyDriver, ...] = Field(description="the sensors, one entry each")
    rules: tuple[AnyRule, ...] = Field(description="what is an alarm, one entry each")
    annunciators: tuple[ConsoleAnnunciatorPart, ...] = Field(
        default=(ConsoleAnnunciatorPart(kind="console"),), description="what speaks alarms in the home"
    )

    def facts(self) -> HomeFacts:
        """What rules need to know."""
        emits = {sensor.id: _can_say(sensor) for sensor in self.sensors}
        return HomeFacts(
            resident_id=self.resident.id,
            emits=emits | {radio_id(adapter): frozenset() for adapter in self.adapters()},
            others={sensor.id: self._others_at(sensor) for sensor in self.sensors},
        )

    def adapters(self) -> tuple[str, ...]:
        """The Bluetooth adapters that sensors of this home need, each once."""
        return tuple(dict.fromkeys(adapter for sensor in self.sensors if (adapter := getattr(sensor, "adapter", ""))))

    def _others_at(self, sensor: AnyDriver) -> tuple[str, ...]:
        named: Iterable[str] = getattr(sensor, "users", {}).values()
        return tuple(dict.fromkeys(person for person in named if person not in (self.resident.id, GUEST)))

    def bound_rules(self) -> tuple[BoundRule, ...]:
        """Every rule on every sensor that it watches."""
        facts = self.facts()
        return tuple(bound for rule in self.rules for bound in rule.bind(facts))

    def anchored(self, folder: Path) -> "Home":
        """The same home with its relative file names taken from `folder`."""
        gateway = self.gateway.model_copy(update={"data_dir": folder / self.gateway.data_dir})
        brokers = {"uplink": self.uplink, "local_broker": self.local_broker}
        anchored = {name: _anchored(broker, folder) for name, broker in brokers.items() if broker is not None}
        sensors = tuple(_anchored(sensor, folder) for sensor in self.sensors)
        return self.model_copy(update={"gateway": gateway, "sensors": sensors, **anchored})


def _can_say(sensor: AnyDriver) -> frozenset[Quantity]:
    """What this sensor can say: its kind's quantities, but no cancel from a button without a cancel action."""
    if isinstance(sensor, AdvertSensor):
        return sensor.can_say
    if isinstance(sensor, SosButtonZigbee2mqtt) and not sensor.cancel:
        return sensor.emits - {Quantity.CANCEL}
    return sensor.emits


def files_of(part: BaseModel) -> dict[str, Path]:
    """The files that a part names, by their key."""
    named = {key: getattr(part, key) for key in type(part).model_fields if key.endswith("_file")}
    return {key: path for key, path in named.items() if path is not None}


P = TypeVar("P", bound=BaseModel)


def _anchored(part: P, folder: Path) -> P:
    return part.model_copy(update={key: folder / path for key, path in files_of(part).items()})
