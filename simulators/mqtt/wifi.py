"""Wi-Fi devices that speak MQTT themselves: Tasmota, Shelly of both generations, ESPHome, and one of no known maker.

Follow tasmota.github.io ("MQTT", "Commands"; discovery as in xdrv_12_discovery), shelly-api-docs.shelly.cloud (gen1
"MQTT" of Flood, Smoke, Door/Window 2, Button 1; gen2 "Notifications", "Mqtt"), esphome.io ("MQTT Client Component").
"""

import json
from collections.abc import Mapping

from simulators.mqtt.zigbee import Bridge


class TasmotaDevice:
    """A device with climate sensor, energy meter and inputs."""

    def __init__(self, bridge: Bridge, topic: str, mac: str, *, name: str = "", fahrenheit: bool = False) -> None:
        """`topic` as set on its page, `mac` without colons."""
        self._bridge = bridge
        self.topic = topic
        self._mac = mac
        self._name = name or topic
        self._unit = "F" if fahrenheit else "C"

    async def announce(self, sensors: Mapping[str, Mapping[str, float]]) -> None:
        """Its two retained discovery messages."""
        config = {
            "dn": self._name,
            "fn": [self._name],
            "hn": self.topic,
            "mac": self._mac,
            "ofln": "Offline",
            "onln": "Online",
            "t": self.topic,
            "ft": "%prefix%/%topic%/",
            "tp": ["cmnd", "stat", "tele"],
            "ver": 1,
        }
        await self._bridge.tell(f"tasmota/discovery/{self._mac}/config", json.dumps(config), retain=True)
        told = {"sn": self._told(sensors), "ver": 1}
        await self._bridge.tell(f"tasmota/discovery/{self._mac}/sensors", json.dumps(told), retain=True)

    async def withdraw(self) -> None:
        """SetOption19 1: its discovery messages are taken back."""
        for which in ("config", "sensors"):
            await self._bridge.tell(f"tasmota/discovery/{self._mac}/{which}", b"", retain=True)

    async def be_online(self, *, online: bool) -> None:
        """Its birth, or its last will."""
        await self._bridge.tell(f"tele/{self.topic}/LWT", "Online" if online else "Offline", retain=True)

    async def sensor(self, sensors: Mapping[str, Mapping[str, float]], *, retain: bool = False) -> None:
        """Telemetry."""
        await self._bridge.tell(f"tele/{self.topic}/SENSOR", json.dumps(self._told(sensors)), retain=retain)

    async def result(self, told: Mapping[str, object]) -> None:
        """An input, a button, a relay."""
        await self._bridge.tell(f"stat/{self.topic}/RESULT", json.dumps(told))

    def _told(self, sensors: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
        units = {"PressureUnit": "hPa", "TempUnit": self._unit}
        return {"Time": "2026-11-24T08:30:00", **sensors, **units}


class ShellyDevice:
    """A Shelly; `shellyflood-ABE866` is of the first generation, `shellyplussmoke-08f9e0e5a1b2` of a later one."""

    def __init__(self, bridge: Bridge, device: str, *, is_first: bool) -> None:
        """`device` is its id."""
        self._bridge = bridge
        self._device = device
        self._topic = f"shellies/{device}" if is_first else device

    async def be_online(self, *, online: bool) -> None:
        """Its birth, or its last will."""
        await self._bridge.tell(f"{self._topic}/online", "true" if online else "false", retain=True)

    async def sensor(self, what: str, value: str, *, retain: bool = False) -> None:
        """First generation: one value on one topic."""
        await self._bridge.tell(f"{self._topic}/sensor/{what}", value, retain=retain)

    async def input_event(self, event: str) -> None:
        """First generation: a press, e.g. S, L, SS."""
        await self._bridge.tell(f"{self._topic}/input_event/0", json.dumps({"event": event, "event_cnt": 1}))

    async def notify(self, component: str, status: Mapping[str, object], *, ts: float, full: bool = False) -> None:
        """Later generations: a change of state."""
        method = "NotifyFullStatus" if full else "NotifyStatus"
        await self._rpc(method, {"ts": ts, component: {"id": 0, **status}})

    async def event(self, event: str, *, ts: float) -> None:
        """Later generations: a press, e.g. single_push."""
        told = {"component": "input:0", "id": 0, "event": event, "ts": ts}
        await self._rpc("NotifyEvent", {"ts": ts, "events": [told]})

    async def _rpc(self, method: str, params: Mapping[str, object]) -> None:
        told = {"src": self._device, "dst": f"{self._device}/events", "method": method, "params": params}
        await self._bridge.tell(f"{self._topic}/events/rpc", json.dumps(told))


class EsphomeDevice:
    """A node with any entities, and their discovery messages for Home Assistant."""

    def __init__(self, bridge: Bridge, name: str, mac: str) -> None:
        """`name` is its topic prefix."""
        self._bridge = bridge
        self._name = name
        self._mac = mac

    async def be_online(self, *, online: bool) -> None:
        """Its birth, or its last will."""
        await self._bridge.tell(f"{self._name}/status", "online" if online else "offline", retain=True)

    async def describe(self, component: str, entity: str, device_class: str, unit: str = "") -> None:
        """A discovery message with ESPHome's abbreviations."""
        told: dict[str, object] = {
            "dev_cla": device_class,
            "name": entity,
            "stat_t": f"{self._name}/{component}/{entity}/state",
            "avty_t": f"{self._name}/status",
            "uniq_id": f"ESP{component}{entity}",
            "dev": {"ids": self._mac, "name": self._name, "sw": "2026.10", "mdl": "esp32dev", "mf": "Espressif"},
        }
        if unit:
            told["unit_of_meas"] = unit
        topic = f"homeassistant/{component}/{self._name}/{entity}/config"
        await self._bridge.tell(topic, json.dumps(told), retain=True)

    async def withdraw(self, component: str, entity: str) -> None:
        """The entity is no more."""
        await self._bridge.tell(f"homeassistant/{component}/{self._name}/{entity}/config", b"", retain=True)

    async def state(self, component: str, entity: str, value: str, *, retain: bool = True) -> None:
        """A state, retained as ESPHome's default is."""
        await self._bridge.tell(f"{self._name}/{component}/{entity}/state", value, retain=retain)


class JsonDevice:
    """A device of no known maker, which says what its owner made it say."""

    def __init__(self, bridge: Bridge, topic: str) -> None:
        """`topic` of all its messages."""
        self._bridge = bridge
        self._topic = topic

    async def say(self, told: object, *, retain: bool = False) -> None:
        """One message."""
        await self._bridge.tell(self._topic, json.dumps(told), retain=retain)
