"""What the sensors of one home share: its Bluetooth adapters, its RS-485 lines, its connection to the local broker."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.ble.radio import Radio
from drivers.ble.scan import Scan
from drivers.joining import Names
from drivers.mqtt.address import BrokerAddress, Certificates
from drivers.mqtt.link import LocalBroker
from drivers.serial import enocean_dongle, rfxtrx_radio
from drivers.serial.link import Line
from drivers.serial.modbus_bus import ModbusLine
from drivers.serial.receiver import Receiver
from shouwang.bilingual import Bilingual
from shouwang.driver import Notes
from shouwang.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Handed to every `build`. `local_broker` is None where the home has none; its `run` is a task of the gateway.

    So is the `run` of each of the lines in `modbus`, which are there by name, and of each of the `receivers`, by part.

    `radios` are drivers too, one for each adapter that was asked for. `notes`: what drivers noted before the start.
    `resident_id`: whose home it is, for devices that tell people apart. `names`: ids and topics that are taken.
    """

    radios: dict[str, Radio] = field(default_factory=dict)
    modbus: Mapping[str, ModbusLine] = field(default_factory=dict)
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    local_broker: LocalBroker | None = None
    names: Names = field(default_factory=Names)
    notes: Mapping[str, Notes] = field(default_factory=dict)
    resident_id: str = ""

    def notes_of(self, sensor_id: str) -> Notes:
        """What this sensor's driver noted before the start."""
        return self.notes.get(sensor_id, {})

    def radio(self, adapter: str) -> Radio:
        """The radio of this adapter."""
        return self.radios.setdefault(adapter, Radio(adapter))

    def modbus_line(self, sensor_id: str, line: str) -> ModbusLine:
        """The RS-485 line of this name; raises ConfigError where the home has none."""
        if line not in self.modbus:
            raise ConfigError(
                Bilingual(
                    f'sensor {sensor_id} sits on the line "{line}", but the home has none of that name; '
                    f'write "modbus:" and under it "- line: {line}" and "port: /dev/serial/by-id/..."',
                    zh=f"传感器 {sensor_id} 接在总线“{line}”上，但这个家没有这条总线；"
                    f"请写 modbus:，下面写 - line: {line} 和 port: /dev/serial/by-id/...",
                )
            )
        return self.modbus[line]

    def receiver_for(self, sensor_id: str, part: str) -> Receiver:
        """The radio receiver of this part of the home; raises ConfigError where the home has none."""
        if part not in self.receivers:
            raise ConfigError(
                Bilingual(
                    f"sensor {sensor_id} needs a receiver, but the home has none of its kind; "
                    f'write "{part}:" and under it "port: /dev/serial/by-id/..."',
                    zh=f"传感器 {sensor_id} 需要接收器，但这个家没有这一种；请写 {part}:，下面写 port: "
                    f"/dev/serial/by-id/...",
                )
            )
        return self.receivers[part]

    def broker_for(self, sensor_id: str) -> LocalBroker:
        """The local broker; raises ConfigError where the home names none."""
        if self.local_broker is None:
            raise ConfigError(
                Bilingual(
                    f"sensor {sensor_id} speaks over the home's MQTT broker, but none is given; "
                    'write "local_broker:" and under it "url: mqtt://127.0.0.1:1883"',
                    zh=f"传感器 {sensor_id} 走家里的 MQTT 服务器，但没有写；请写 local_broker:，下面写 url: "
                    f"mqtt://127.0.0.1:1883",
                )
            )
        return self.local_broker


class BluetoothPart(Protocol):
    """How a home's configuration names an adapter that is not used with the defaults."""

    @property
    def adapter(self) -> str:
        """As bluetoothctl list says, e.g. hci0."""
        ...

    @property
    def scan(self) -> Scan:
        """Whether devices are asked for more, or only listened to."""
        ...

    @property
    def slots(self) -> int:
        """Connections at a time."""
        ...


class ModbusPart(Protocol):
    """How a home's configuration names an RS-485 line."""

    @property
    def line(self) -> str:
        """Its name, for the units that sit on it."""
        ...

    @property
    def port(self) -> str:
        """The serial port of its adapter."""
        ...

    @property
    def driven(self) -> Line:
        """Bits a second, parity, stop bits."""
        ...

    @property
    def local_echo(self) -> bool:
        """Whether the adapter gives back what it sends."""
        ...


class EnoceanPart(Protocol):
    """How a home's configuration names its EnOcean dongle."""

    @property
    def port(self) -> str:
        """Its serial port."""
        ...


class RfxtrxPart(Protocol):
    """How a home's configuration names its RFXtrx."""

    @property
    def port(self) -> str:
        """Its serial port."""
        ...

    @property
    def protocols(self) -> Sequence[str]:
        """What it is to listen to; empty for what it is set to."""
        ...


class BrokerPart(Protocol):
    """How a home's configuration names its broker."""

    @property
    def url(self) -> str:
        """`mqtt://host[:1883]`, or `mqtts://host[:8883]`."""
        ...

    @property
    def username(self) -> str | None:
        """The user at the broker."""
        ...

    @property
    def ca_file(self) -> Path | None:
        """Who vouches for the broker; None: the system's authorities."""
        ...

    @property
    def cert_file(self) -> Path | None:
        """This box's own certificate for the broker."""
        ...

    @property
    def key_file(self) -> Path | None:
        """The key of that certificate."""
        ...

    @property
    def password_file(self) -> Path | None:
        """The file that holds the password."""
        ...


def links_for(
    local_broker: BrokerPart | None,
    *,
    bluetooth: Iterable[BluetoothPart] = (),
    modbus: Iterable[ModbusPart] = (),
    receivers: Mapping[str, Receiver] | None = None,
    notes: Mapping[str, Notes] | None = None,
    resident_id: str = "",
    names: Names | None = None,
) -> Links:
    """The links of a home. Raises ConfigError where the password cannot be read or the url not be used."""
    radios = {part.adapter: Radio(part.adapter, scan=part.scan, slots=part.slots) for part in bluetooth}
    lines = {part.line: ModbusLine(part.line, part.port, part.driven, has_echo=part.local_echo) for part in modbus}
    return Links(
        radios=radios,
        modbus=lines,
        receivers=receivers or {},
        local_broker=None if local_broker is None else LocalBroker(address_of(local_broker)),
        names=names or Names(),
        notes=notes or {},
        resident_id=resident_id,
    )


def receivers_for(
    enocean: EnoceanPart | None, rfxtrx: RfxtrxPart | None, *, tell: Callable[[str], None] | None = None
) -> dict[str, Receiver]:
    """The radio receivers of a home, by the name of their part; `tell` gets who is new there instead of the log."""
    dialects = [
        *([] if enocean is None else [(enocean_dongle.DIALECT, enocean.port)]),
        *([] if rfxtrx is None else [(rfxtrx_radio.dialect(rfxtrx.protocols), rfxtrx.port)]),
    ]
    return {dialect.part: Receiver(dialect, port, tell=tell) for dialect, port in dialects}


def address_of(part: BrokerPart) -> BrokerAddress:
    """Where the home's broker is. Raises ConfigError where the password cannot be read or the url not be used."""
    return BrokerAddress.of(
        part.url,
        username=part.username,
        password=None if part.password_file is None else _password(part.password_file),
        certificates=Certificates(ca_file=part.ca_file, cert_file=part.cert_file, key_file=part.key_file),
    )


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Bilingual(
                f"{file}: the password of the local broker cannot be read: {error}; "
                "the gateway's user must be able to read this file",
                zh=f"{file}：本地 MQTT 服务器的密码读不出来：{error}；网关的用户必须能读这个文件",
            )
        ) from error
