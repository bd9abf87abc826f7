"""What the sensors of one home share: its Bluetooth adapters and its one connection to the local broker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.ble.radio import Radio, Scan
from drivers.mqtt.link import BrokerAddress, LocalBroker
from shouwang.driver import Notes
from shouwang.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Handed to every `build`. `local_broker` is None where the home has none; its `run` is a task of the gateway.

    `radios` are drivers too, one for each adapter that was asked for. `notes`: what drivers noted before the start.
    `resident_id`: whose home it is, for devices that tell people apart.
    """

    radios: dict[str, Radio] = field(default_factory=dict)
    local_broker: LocalBroker | None = None
    notes: Mapping[str, Notes] = field(default_factory=dict)
    resident_id: str = ""

    def notes_of(self, sensor_id: str) -> Notes:
        """What this sensor's driver noted before the start."""
        return self.notes.get(sensor_id, {})

    def radio(self, adapter: str) -> Radio:
        """The radio of this adapter."""
        return self.radios.setdefault(adapter, Radio(adapter))

    def broker_for(self, sensor_id: str) -> LocalBroker:
        """The local broker; raises ConfigError where the home names none."""
        if self.local_broker is None:
            raise ConfigError(
                f"sensor {sensor_id} speaks over the home's MQTT broker, but none is given; "
                'write "local_broker:" and under it "url: mqtt://127.0.0.1:1883"'
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
    def password_file(self) -> Path | None:
        """The file that holds the password."""
        ...


def links_for(
    local_broker: BrokerPart | None,
    *,
    bluetooth: Iterable[BluetoothPart] = (),
    notes: Mapping[str, Notes] | None = None,
    resident_id: str = "",
) -> Links:
    """The links of a home. Raises ConfigError where the password cannot be read or the url not be used."""
    radios = {part.adapter: Radio(part.adapter, scan=part.scan, slots=part.slots) for part in bluetooth}
    if local_broker is None:
        return Links(radios=radios, notes=notes or {}, resident_id=resident_id)
    file = local_broker.password_file
    address = BrokerAddress.of(
        local_broker.url,
        username=local_broker.username,
        password=None if file is None else _password(file),
    )
    return Links(radios=radios, local_broker=LocalBroker(address), notes=notes or {}, resident_id=resident_id)


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file}: the password of the local broker cannot be read: {error}; "
            "the gateway's user must be able to read this file"
        ) from error
