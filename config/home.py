"""The home's YAML as values: who lives there, which sensors, which rules, and where the alarms go."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from config import home_words
from config.annunciators import AnyAnnunciator, ConsoleAnnunciatorPart
from config.box import BOX_ID, BOX_PRESET, BOX_SAYS, BoxPart
from config.cut_offs import CutOffPart
from config.outbox import OutboxPart
from config.presets import preset
from config.presses import ButtonPress, ModePress
from config.second_path import SecondPathPart
from config.self_test import SelfTestPart
from drivers import AnyEntry, AnyHub
from drivers.ble.adapter import SLOTS, Adapter, radio_id
from drivers.ble.advert_sensor import AdvertSensor
from drivers.joining import Names
from drivers.mqtt.home import HomeModel
from drivers.mqtt.kind import MqttKind, Prefix
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from drivers.mqtt.zigbee2mqtt_home import Zigbee2mqttHome
from drivers.mqtt.zwave_js_home import ZwaveJsHome
from drivers.serial.air_particles_pms5003 import AirParticlesPms5003
from drivers.serial.enocean_device import EnoceanDevice
from drivers.serial.link import Line
from drivers.serial.modbus_unit import ModbusUnit
from drivers.serial.modem_part import MODEM_ID, ModemPart
from drivers.serial.port_name import PortName
from drivers.serial.receiver_parts import EnoceanPart, RfxtrxPart
from drivers.serial.rfxtrx_device import RfxtrxDevice
from drivers.serial.tracking_radar_ld2450 import TrackingRadarLd2450
from messaging.broker import parse_broker_url
from rules import AnyRule
from rules.bound import BoundRule, HomeFacts
from rules.hours import HoursOfDay
from rules.modes import HOME_SENSOR
from rules.preset import Use, rules_of
from shouwang.bilingual import both, told_by
from shouwang.document import Duration, Id
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.reading import GUEST


def _gateway_id(written: str) -> str:
    if "." in written:
        raise ValueError(both(*home_words.NO_GATEWAY_NAME, written=written))
    return written


def _zone_name(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(both(*home_words.NO_ZONE, written=written[:40])) from None
    return written


def _broker_url(written: str) -> str:
    if "@" in written:
        raise ValueError(home_words.NOT_IN_THE_URL)
    try:
        parse_broker_url(written)
    except ConfigError as error:
        raise ValueError(told_by(error)) from None
    return written


def _as_text(written: object) -> object:
    return str(written) if written == 5 else written


HEARTBEAT = timedelta(seconds=60)
"""The centre judges a home offline after three missed beats, at the latest 180 s (EN 50136-1 SP4: 3 min)."""
SHORTEST_BEAT, LONGEST_BEAT = timedelta(seconds=10), timedelta(minutes=10)
"""Quicker beats wear the card; slower ones make an outage long before anybody looks. Set by this project."""
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class GatewayPart(_Part):
    """The box in the home."""

    id: Annotated[Id, AfterValidator(_gateway_id)] = Field(
        description="name of this box at the call centre; also its user name at the broker"
    )
    data_dir: Path = Field(
        default=Path("/var/lib/shouwang"), description="folder for what must survive a power cut; relative to this file"
    )
    language: Literal["zh", "en"] = Field(default="zh", description="language in which the home speaks")
    timezone: Annotated[str, AfterValidator(_zone_name)] = Field(
        default="Asia/Shanghai", description="zone of the clocks on the wall, for hours in rules, e.g. Asia/Shanghai"
    )

    heartbeat: Annotated[Duration, Field(ge=SHORTEST_BEAT, le=LONGEST_BEAT)] = Field(
        default=HEARTBEAT, description="how often the box says that it lives, e.g. 60s; the centre waits for three"
    )

    @property
    def zone(self) -> ZoneInfo:
        """Where the home's clocks are right."""
        return ZoneInfo(self.timezone)


def _not_guest(written: str) -> str:
    if written == GUEST:
        raise ValueError(both(*home_words.GUEST_IS_TAKEN, guest=GUEST))
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
    metered: bool = Field(
        default=False,
        description="true where the link is paid by the byte (mobile data): all but alarms goes packed, 30 % less in "
        "all; needs MQTT 5 and a centre of this version or newer",
    )

    @model_validator(mode="after")
    def _metered_fits(self) -> Self:
        if self.metered and self.version != "5":
            raise ValueError(home_words.METERED_NEEDS_5)
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError(home_words.ONE_WITHOUT_THE_OTHER)
        return self


class PublishPart(_Part):
    """What the gateway tells on the home's own broker, for the family's dashboard: ids and values, never a name."""

    topic: Prefix = Field(default="shouwang", description="what all its topics begin with; the gateway's id follows")
    discovery_prefix: Prefix = Field(
        default="homeassistant", description="where Home Assistant looks for what is new; as set there"
    )


class LocalBrokerPart(_Broker):
    """The home's own broker, where Zigbee2MQTT publishes; not the broker of the call centre."""

    ca_file: Path | None = Field(default=None, description="certificate of who vouches for the home's broker")
    cert_file: Path | None = Field(default=None, description="this box's own certificate for the home's broker")
    key_file: Path | None = Field(default=None, description="the key of that certificate")
    publish: PublishPart | None = Field(
        default=None, description="tell readings, sensor states and alarms there too; left out: nothing is told"
    )

    @model_validator(mode="after")
    def _certificates_fit(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError(home_words.ONE_WITHOUT_THE_OTHER)
        if (self.ca_file or self.cert_file) and not self.is_encrypted:
            raise ValueError(home_words.NOT_ENCRYPTED)
        return self


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


class ModbusPart(_Part):
    """One RS-485 line: a pair of wires with Modbus-RTU units on it, behind one adapter."""

    line: Id = Field(description="name of this line, for the units that sit on it")
    port: PortName = Field(
        description="serial port of the adapter by a name that stays, e.g. /dev/serial/by-id/usb-... "
        "(see: shouwang gateway ports)"
    )
    baudrate: Literal[1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200] = Field(
        default=9600, description="bits a second, the same for all units of the line; most leave the factory at 9600"
    )
    parity: Literal["none", "even", "odd"] = Field(default="none", description="none, even or odd, as all its units")
    stopbits: Literal[1, 2] = Field(default=1, description="1 or 2, as all its units")
    local_echo: bool = Field(default=False, description="true: the adapter gives back what it sends (some do)")

    @property
    def driven(self) -> Line:
        """As the serial port is to be set."""
        return Line(baudrate=self.baudrate, parity=_PARITIES[self.parity], stopbits=self.stopbits)


_PARITIES: dict[str, Literal["N", "E", "O"]] = {"none": "N", "even": "E", "odd": "O"}


class Home(_Part):
    """One home."""

    gateway: GatewayPart
    resident: Resident
    other_residents: tuple[Resident, ...] = Field(
        default=(), description="who else lives here and uses the same devices; a sensor's users name them"
    )
    uplink: UplinkPart
    local_broker: LocalBrokerPart | None = Field(
        default=None, description="the home's own MQTT broker; for sensors of Zigbee, Z-Wave and Wi-Fi"
    )
    bluetooth: tuple[BluetoothPart, ...] = Field(
        default=(), description="Bluetooth adapters that are not used with the defaults, one entry each"
    )
    modbus: tuple[ModbusPart, ...] = Field(
        default=(), description="RS-485 lines, one entry each; needed only for Modbus units"
    )
    enocean: EnoceanPart | None = Field(default=None, description="the EnOcean dongle; needed only for enocean_device")
    rfxtrx: RfxtrxPart | None = Field(default=None, description="the 433 MHz receiver; needed only for rfxtrx_device")
    modem: ModemPart | None = Field(
        default=None, description="mobile modem for SMS and calls when the internet is down; its sensor id is modem"
    )
    second_path: SecondPathPart | None = Field(
        default=None, description="whom the home tells by SMS and call where the centre does not confirm an alarm"
    )
    self_test: SelfTestPart = Field(
        default=SelfTestPart(), description="the weekly test alarm; left out: each home tests at a time of its own"
    )
    outbox: OutboxPart = Field(
        default=OutboxPart(), description="how much may wait without the centre; left out: 256 MB, 30 days"
    )
    box: BoxPart = Field(default=BoxPart(), description="what of the gateway's own box is watched; left out: all")
    sensors: tuple[AnyEntry, ...] = Field(description="the sensors, one entry each")
    presets: tuple[Use, ...] = Field(
        default=(), description="rules that go together and come with Shouwang (shouwang rules presets lists them)"
    )
    rules: tuple[AnyRule, ...] = Field(default=(), description="what else is an alarm, one entry each")
    modes: tuple[ModePress, ...] = Field(
        default=(), description="presses of buttons that say whether the people are at home, one entry each"
    )
    audio_pause: tuple[ButtonPress, ...] = Field(
        default=(), description="presses of buttons that silence alarms already told for two minutes"
    )
    annunciators: tuple[AnyAnnunciator, ...] = Field(
        default=(ConsoleAnnunciatorPart(kind="console"),),
        description="what speaks, sounds and shines in the home: loudspeaker, siren, lamp, one entry each",
    )
    cut_offs: tuple[CutOffPart, ...] = Field(
        default=(), description="valves of gas and water and the stove's power that alarms close, one entry each"
    )
    quiet_hours: tuple[HoursOfDay, ...] = Field(
        default=(),
        description="when only what is urgent is said (alarms P1 and P2, questions, help), the rest at their end, "
        'e.g. ["22:00-07:00"]',
    )

    def facts(self, joined: Mapping[str, frozenset[Quantity]] | None = None) -> HomeFacts:
        """What rules need to know, with what each sensor can say that `joined` at run time."""
        emits = {sensor.id: _can_say(sensor) for sensor in self.sensors} | dict(joined or {})
        if self.modem is not None:
            emits[MODEM_ID] = frozenset({Quantity.SIGNAL_STRENGTH})
        if self.watches_box:
            emits[BOX_ID] = BOX_SAYS
        emits |= {cut_off.id: frozenset({Quantity.CUT_OFF}) for cut_off in self.cut_offs}
        return HomeFacts(
            resident_id=self.resident.id,
            emits=emits | {radio_id(adapter): frozenset() for adapter in self.adapters()},
            others={sensor.id: self._others_at(sensor) for sensor in self.sensors},
            zone=self.gateway.zone,
        )

    @property
    def watches_box(self) -> bool:
        """Whether a rule wants to know how the gateway's own box is."""
        return self.box.watch or any(getattr(rule, "quantity", None) in BOX_SAYS for rule in self.all_rules())

    def adapters(self) -> tuple[str, ...]:
        """The Bluetooth adapters that sensors of this home need, each once."""
        return tuple(dict.fromkeys(adapter for sensor in self.sensors if (adapter := getattr(sensor, "adapter", ""))))

    def _others_at(self, sensor: AnyEntry) -> tuple[str, ...]:
        named: Iterable[str] = getattr(sensor, "users", {}).values()
        return tuple(dict.fromkeys(person for person in named if person not in (self.resident.id, GUEST)))

    def hubs(self) -> tuple[AnyHub, ...]:
        """The entries that bring sensors along."""
        return tuple(sensor for sensor in self.sensors if isinstance(sensor, HomeModel))

    def names(self) -> Names:
        """The ids and topics that what joins may not take."""
        return Names(
            taken=(
                *(sensor.id for sensor in self.sensors),
                *(radio_id(adapter) for adapter in self.adapters()),
                MODEM_ID,
                BOX_ID,
                HOME_SENSOR,
                *(cut_off.id for cut_off in self.cut_offs),
            ),
            topics=(topic for sensor in self.sensors if (topic := getattr(sensor, "topic", ""))),
            bases=(hub.base for hub in self.hubs() if isinstance(hub, Zigbee2mqttHome | ZwaveJsHome)),
        )

    def bound_rules(self, joined: Mapping[str, frozenset[Quantity]] | None = None) -> tuple[BoundRule, ...]:
        """Every rule on every sensor that it watches, also on those that `joined`."""
        facts = self.facts(joined)
        return tuple(bound for rule in self.all_rules() for bound in rule.bind(facts))

    def all_rules(self) -> tuple[AnyRule, ...]:
        """Those of its presets and its own. Raises ConfigError where a preset does not fit."""
        written = (*(rule for use in self.presets for rule in rules_of(preset(use.use), use)), *self.rules)
        uses_box = any(use.use == BOX_PRESET for use in self.presets)
        box = () if uses_box else self.box.rules({rule.id for rule in written})
        return (*written, *box, *self.box.lid_rules())

    def anchored(self, folder: Path) -> "Home":
        """The same home with its relative file names taken from `folder`."""
        gateway = self.gateway.model_copy(update={"data_dir": folder / self.gateway.data_dir})
        brokers = {"uplink": self.uplink, "local_broker": self.local_broker}
        anchored: dict[str, BaseModel] = {
            name: _anchored(broker, folder) for name, broker in brokers.items() if broker is not None
        }
        sensors = tuple(_anchored(sensor, folder) for sensor in self.sensors)
        annunciators = tuple(_anchored(part, folder) for part in self.annunciators)
        parts = {"modem": self.modem, "second_path": self.second_path}
        anchored |= {name: part.anchored(folder) for name, part in parts.items() if part is not None}
        here = {"gateway": gateway, "sensors": sensors, "annunciators": annunciators}
        return self.model_copy(update=here | anchored)


_WITH_OWN_WORDS = (
    AdvertSensor | ModbusUnit | AirParticlesPms5003 | TrackingRadarLd2450 | MqttKind | EnoceanDevice | RfxtrxDevice
)
"""Kinds of which each sensor says what it can say."""


def _can_say(sensor: AnyEntry) -> frozenset[Quantity]:
    """What this sensor can say: its kind's quantities, but no cancel from a button without a cancel action."""
    if isinstance(sensor, _WITH_OWN_WORDS):
        return sensor.can_say
    if isinstance(sensor, SosButtonZigbee2mqtt) and not sensor.cancel:
        return sensor.emits - {Quantity.CANCEL}
    return sensor.emits


def files_of(part: BaseModel) -> dict[str, Path]:
    """The files that a part names, by their key."""
    named = {key: getattr(part, key) for key in type(part).model_fields}
    return {key: path for key, path in named.items() if isinstance(path, Path)}


P = TypeVar("P", bound=BaseModel)


def _anchored(part: P, folder: Path) -> P:
    return part.model_copy(update={key: folder / path for key, path in files_of(part).items()})
