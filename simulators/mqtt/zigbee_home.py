"""A whole Zigbee2MQTT: its list of devices with what they expose, joins, renames, leaves, availability.

Follows zigbee2mqtt.io: "MQTT Topics and Messages" (bridge/devices, bridge/state, bridge/event; retained), "Exposes"
(types, `access`, `property`, units) and the device pages of the models named here. On a rename the retained state of
the old topic is cleared, as Zigbee2MQTT does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simulators.mqtt.zigbee import Bridge

Value = str | int | float | bool | None
Expose = Mapping[str, object]


def binary(name: str, on: Value = True, off: Value = False) -> Expose:  # noqa: FBT002 - a device's own words
    """As the presets of zigbee-herdsman-converters make it."""
    return {"type": "binary", "name": name, "property": name, "value_on": on, "value_off": off, "access": 1}


def numeric(name: str, unit: str) -> Expose:
    """A measured value."""
    return {"type": "numeric", "name": name, "property": name, "unit": unit, "access": 1}


def action(*values: str) -> Expose:
    """What a button can say."""
    return {"type": "enum", "name": "action", "property": "action", "values": list(values), "access": 1}


_COMMON = (numeric("battery", "%"), numeric("linkquality", "lqi"))
MODELS: Mapping[str, Sequence[Expose]] = {
    "JTYJ-GD-01LM/BW": (binary("smoke"), binary("battery_low"), binary("test"), *_COMMON),
    "HS1CA-E": (binary("carbon_monoxide"), binary("battery_low"), *_COMMON),
    "HS1CG-M": (binary("gas"), numeric("linkquality", "lqi")),
    "SJCGQ11LM": (binary("water_leak"), binary("battery_low"), *_COMMON),
    "MCCGQ11LM": (binary("contact", False, True), *_COMMON),  # noqa: FBT003
    "RTCGQ11LM": (binary("occupancy"), numeric("illuminance", "lx"), *_COMMON),
    "WSDCGQ11LM": (numeric("temperature", "°C"), numeric("humidity", "%"), numeric("pressure", "hPa"), *_COMMON),
    "TS0215A_sos": (action("emergency"), *_COMMON),
    "WXKG01LM": (action("single", "double", "triple", "hold"), *_COMMON),
    "ZNCZ02LM": (
        {"type": "switch", "features": [{**binary("state", "ON", "OFF"), "access": 7}]},
        numeric("power", "W"),
        numeric("energy", "kWh"),
    ),
    "LED1624G9": (
        {"type": "light", "features": [{**binary("state", "ON", "OFF"), "access": 7}, numeric("brightness", "")]},
        numeric("linkquality", "lqi"),
    ),
}


@dataclass
class Device:
    """One paired device. `definition` is missing while it is interviewed."""

    ieee: str
    name: str
    model: str
    is_described: bool = True
    is_disabled: bool = False
    state: dict[str, Value] = field(default_factory=dict)


def family_home() -> list[Device]:
    """Thirty devices as a dwelling of three rooms has them; one is a lamp."""
    plan = [
        *(("JTYJ-GD-01LM/BW", f"smoke-{room}") for room in ("kitchen", "hall", "bedroom")),
        ("HS1CA-E", "co-kitchen"),
        ("HS1CG-M", "gas-kitchen"),
        *(("SJCGQ11LM", f"leak-{place}") for place in ("bath", "kitchen", "washer")),
        *(("MCCGQ11LM", f"door-{place}") for place in ("front", "balcony", "fridge", "medicine", "bath")),
        *(("RTCGQ11LM", f"motion-{room}") for room in ("hall", "living", "kitchen", "bath", "bedroom")),
        *(("WSDCGQ11LM", f"climate-{room}") for room in ("living", "bedroom", "bath", "kitchen")),
        *(("TS0215A_sos", f"sos-{place}") for place in ("bed", "bath", "pendant")),
        ("WXKG01LM", "button-ok"),
        *(("ZNCZ02LM", f"plug-{what}") for what in ("tv", "kettle", "stove")),
        ("LED1624G9", "lamp-hall"),
    ]
    return [Device(f"0x00158d00{index:08x}", name, model) for index, (model, name) in enumerate(plan, 1)]


class ZigbeeHome:
    """What Zigbee2MQTT publishes of all its devices."""

    def __init__(self, bridge: Bridge, devices: Iterable[Device] = (), *, base: str = "zigbee2mqtt") -> None:
        """Nothing is said before `start`."""
        self.devices = list(devices)
        self._bridge = bridge
        self._base = base

    async def start(self) -> None:
        """Zigbee2MQTT has started: its state, its devices, their availability."""
        await self._bridge.say(f"{self._base}/bridge/state", {"state": "online"}, retain=True)
        await self.list_devices()
        for device in self.devices:
            await self.be_available(device, online=True)

    async def stop(self) -> None:
        """Zigbee2MQTT is stopped by its owner."""
        await self._bridge.say(f"{self._base}/bridge/state", {"state": "offline"}, retain=True)

    async def list_devices(self) -> None:
        """The retained list."""
        await self._bridge.tell(
            f"{self._base}/bridge/devices", json.dumps([_COORDINATOR, *map(_listed, self.devices)]), retain=True
        )

    def device(self, name: str) -> Device:
        """The device of this name."""
        return next(device for device in self.devices if device.name == name)

    async def join(self, device: Device) -> None:
        """A device is paired: first without a description, then with it."""
        self.devices.append(device)
        device.is_described = False
        await self.list_devices()
        device.is_described = True
        await self.list_devices()

    async def leave(self, device: Device) -> None:
        """Its owner removes a device: its retained messages are cleared, the list is without it."""
        self.devices.remove(device)
        await self._clear(device.name)
        await self.list_devices()
        data = {"ieee_address": device.ieee, "friendly_name": device.name}
        await self._bridge.tell(f"{self._base}/bridge/event", json.dumps({"type": "device_leave", "data": data}))

    async def rename(self, device: Device, name: str) -> None:
        """Its owner gives a device another name."""
        await self._clear(device.name)
        device.name = name
        await self.list_devices()

    async def be_available(self, device: Device, *, online: bool) -> None:
        """Zigbee2MQTT hears the device, or not any more."""
        state = {"state": "online" if online else "offline"}
        await self._bridge.say(f"{self._base}/{device.name}/availability", state, retain=True)

    async def say(self, name: str, *, retain: bool = False, **values: Value) -> None:
        """A device says something; Zigbee2MQTT publishes its whole state, but an action only once."""
        device = self.device(name)
        pressed = values.pop("action", None)
        device.state |= {**values, "linkquality": 110}
        told = {**device.state, **({} if pressed is None else {"action": pressed})}
        await self._bridge.tell(f"{self._base}/{name}", json.dumps(told), retain=retain)

    async def _clear(self, name: str) -> None:
        await self._bridge.tell(f"{self._base}/{name}", b"", retain=True)
        await self._bridge.tell(f"{self._base}/{name}/availability", b"", retain=True)


_COORDINATOR = {
    "ieee_address": "0x00124b00120144ae",
    "type": "Coordinator",
    "network_address": 0,
    "supported": False,
    "friendly_name": "Coordinator",
    "definition": None,
    "disabled": False,
    "interviewing": False,
    "interview_completed": True,
}


def _listed(device: Device) -> dict[str, object]:
    definition = {
        "model": device.model,
        "vendor": "simulated",
        "description": device.model,
        "exposes": list(MODELS[device.model]),
        "options": [],
    }
    return {
        "ieee_address": device.ieee,
        "type": "EndDevice",
        "network_address": int(device.ieee[-4:], 16),
        "supported": True,
        "friendly_name": device.name,
        "disabled": device.is_disabled,
        "definition": definition if device.is_described else None,
        "power_source": "Battery",
        "model_id": device.model,
        "interviewing": not device.is_described,
        "interview_completed": device.is_described,
    }
