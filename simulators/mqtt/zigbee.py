"""An SOS key fob and a door contact as Zigbee2MQTT publishes them.

Payloads follow zigbee2mqtt.io's device pages (TS0215A key fob: `action`; TS0203 contact: `contact`, true = closed) and
usage/mqtt_topics_and_messages (availability, retained). Zigbee2MQTT before 2.0 cleared `action` with a second, empty
message right after the press; homes still run it, so it is what these say unless told otherwise.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiomqtt

from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from simulators.tally import Tally

START_S = 10.0
SAY_S = 5.0
_AGAIN_S = 0.5
_QOS = 1
_BATTERY_MV_FULL = 3000

Payload = Mapping[str, str | int | bool]


class Bridge:
    """Zigbee2MQTT's connection to the home's broker. What is said while it is down is lost, as with the real one."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str | None = None,
        password: str | None = None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """Not connected before `running`. `will`: topic and payload that the broker retains when it is lost."""
        self._will = None if will is None else aiomqtt.Will(*will, qos=_QOS, retain=True)
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bridge"]:
        """Connected, and connected again after a loss. Raises DeviceError where the broker cannot be reached at all."""
        task = asyncio.create_task(self._stay_connected(), name="zigbee bridge")
        try:
            try:
                await asyncio.wait_for(self._connected.wait(), START_S)
            except TimeoutError:
                raise DeviceError(f"no MQTT broker answers at {self._host}:{self._port}") from None
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def wait_until_connected(self) -> None:
        """Return when the broker is there."""
        await self._connected.wait()

    async def say(self, topic: str, payload: Payload, *, retain: bool = False) -> bool:
        """Publish JSON with QoS 1; False where the broker has not taken it."""
        return await self.tell(topic, json.dumps(payload), retain=retain)

    async def tell(self, topic: str, payload: str | bytes, *, retain: bool = False) -> bool:
        """Publish this text with QoS 1; False where the broker has not taken it."""
        if self._client is None:
            return False
        try:
            await self._client.publish(topic, payload, qos=_QOS, retain=retain, timeout=SAY_S)
        except aiomqtt.MqttError:
            return False
        return True

    async def _stay_connected(self) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    self._host,
                    self._port,
                    username=self._username,
                    password=self._password,
                    protocol=aiomqtt.ProtocolVersion.V311,  # Zigbee2MQTT's default
                    will=self._will,
                    timeout=SAY_S,
                ) as client:
                    self._client = client
                    self._connected.set()
                    async for _ in client.messages:  # ends with MqttError when the connection is lost
                        pass
            self._client = None
            self._connected.clear()
            await asyncio.sleep(_AGAIN_S * random.uniform(0.5, 1.5))


class ZigbeeDevice:
    """What all Zigbee devices say: values with battery, voltage and signal strength, and whether they are heard."""

    def __init__(self, bridge: Bridge, tally: Tally, *, sensor_id: str, topic: str, battery: int = 100) -> None:
        """`topic` is Zigbee2MQTT's for the device; `battery` is percent."""
        self.topic = topic
        self.battery = battery
        self._bridge = bridge
        self._tally = tally
        self._sensor_id = sensor_id

    async def be_available(self, *, online: bool) -> bool:
        """Say that Zigbee2MQTT hears the device, or not any more (retained)."""
        return await self._bridge.say(
            f"{self.topic}/availability", {"state": "online" if online else "offline"}, retain=True
        )

    async def _say(self, values: Payload, meaning: Mapping[Quantity, float]) -> bool:
        common = {"battery": self.battery, "linkquality": 120, "voltage": _BATTERY_MV_FULL * self.battery // 100}
        if not await self._bridge.say(self.topic, {**values, **common}):
            return False
        for quantity, value in {**meaning, Quantity.BATTERY: self.battery}.items():
            self._tally.add(self._sensor_id, quantity, value)
        return True


class SosButton(ZigbeeDevice):
    """A key fob with an SOS key and a key that takes it back."""

    PRESS = "emergency"
    CANCEL = "disarm"

    clears_action = True
    """Whether an empty action follows each press (Zigbee2MQTT before 2.0)."""

    async def press(self) -> bool:
        """The SOS key."""
        return await self._act(self.PRESS, Quantity.SOS)

    async def cancel(self) -> bool:
        """The key that says: I am well."""
        return await self._act(self.CANCEL, Quantity.CANCEL)

    async def _act(self, action: str, quantity: Quantity) -> bool:
        said = await self._say({"action": action}, {quantity: 1})
        if self.clears_action:
            await self._say({"action": ""}, {})
        return said


class DoorContact(ZigbeeDevice):
    """A contact at a door."""

    async def open(self) -> bool:
        """The door opens."""
        return await self._be(is_open=True)

    async def close(self) -> bool:
        """The door closes."""
        return await self._be(is_open=False)

    async def _be(self, *, is_open: bool) -> bool:
        values = {"contact": not is_open, "tamper": False, "battery_low": self.battery <= 10}
        return await self._say(values, {Quantity.DOOR: int(is_open), Quantity.TAMPER: 0})
