"""Z-Wave nodes as zwave-js-ui publishes them, with named topics and times.

Follows zwave-js-ui's pages "Setup" (named topics, payloads "JSON Time-Value" and "Entire value") and "MQTT"; values of
the Notification class as node-zwave-js names them (zwave-js.github.io, "CC Notification").
"""

import json

from simulators.mqtt.zigbee import Bridge

SMOKE_IDLE, SMOKE_DETECTED = 0, 2
DOOR_OPEN, DOOR_CLOSED = 22, 23


class ZwaveNode:
    """One node. `unit` is published only with entire values."""

    def __init__(self, bridge: Bridge, name: str, *, prefix: str = "zwave", is_entire: bool = True) -> None:
        """`name`: location and name as they stand in the topic, e.g. kitchen/smoke."""
        self._bridge = bridge
        self._topic = f"{prefix}/{name}"
        self._is_entire = is_entire

    async def be_alive(self, *, alive: bool, at_ms: int = 0) -> None:
        """The node's status, retained."""
        told = {"time": at_ms, "value": alive, "status": "Alive" if alive else "Dead"}
        await self._bridge.tell(f"{self._topic}/status", json.dumps(told), retain=True)

    async def smoke(self, *, detected: bool, at_ms: int, retain: bool = True) -> None:
        """Smoke Alarm, Sensor status."""
        value = SMOKE_DETECTED if detected else SMOKE_IDLE
        await self._say("notification/endpoint_0/Smoke_Alarm/Sensor_status", value, at_ms, retain=retain)

    async def door(self, *, is_open: bool, at_ms: int) -> None:
        """Access Control, Door state."""
        value = DOOR_OPEN if is_open else DOOR_CLOSED
        await self._say("notification/endpoint_0/Access_Control/Door_state_simple", value, at_ms)

    async def temperature(self, value: float, *, at_ms: int, unit: str = "°C") -> None:
        """Multilevel Sensor, Air temperature."""
        await self._say("sensor_multilevel/endpoint_0/Air_temperature", value, at_ms, unit=unit)

    async def battery(self, percent: int, *, at_ms: int) -> None:
        """Battery, level."""
        await self._say("battery/endpoint_0/level", percent, at_ms, unit="%")

    async def scene(self, number: int, key: int, *, at_ms: int) -> None:
        """Central Scene: a press, never retained."""
        await self._say(f"central_scene/endpoint_0/scene/{number:03d}", key, at_ms, retain=False)

    async def _say(self, rest: str, value: float, at_ms: int, *, unit: str = "", retain: bool = True) -> None:
        told: dict[str, object] = {"time": at_ms, "value": value}
        if self._is_entire:
            told = {"id": rest, "nodeId": 8, "value": value, "lastUpdate": at_ms, **({"unit": unit} if unit else {})}
        await self._bridge.tell(f"{self._topic}/{rest}", json.dumps(told), retain=retain)


async def gateway_status(bridge: Bridge, *, online: bool, prefix: str = "zwave") -> None:
    """Whether zwave-js-ui itself runs: its birth and last will."""
    told = json.dumps({"value": online, "time": 1_700_000_000_000})
    await bridge.tell(f"{prefix}/_CLIENTS/ZWAVE_GATEWAY-home/status", told, retain=True)
