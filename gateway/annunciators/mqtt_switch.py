"""A relay, plug, valve or siren behind the home's local broker."""

import asyncio

from config.outputs import Words
from drivers.mqtt.link import LocalBroker
from drivers.mqtt.payload import json_or_text
from shouwang.bilingual import Bilingual
from shouwang.errors import DecodeError, DeviceError

ATTACH_S = 2.0
"""At a start the broker is not connected yet: so long a switch waits for it before it fails."""
CONFIRM_S = 10.0
"""A valve on a battery sleeps; Zigbee hands its orders out within 7.5 s (indirect transmission)."""
_LOOK_S = 0.05


class MqttSwitch:
    """Publishes what switches the device; where it says how it stands, `set` can wait for its word.

    `run` hears the device, and is a task of the gateway where `words` name a state topic.
    """

    def __init__(self, name: str, broker: LocalBroker, words: Words, *, must_confirm: bool) -> None:
        """`must_confirm`: it is switched only when the device itself says so."""
        self.name = name
        self._broker = broker
        self._words = words
        self._must_confirm = must_confirm and bool(words.state_topic)
        self._heard = asyncio.Event()
        # Before the first order goes out; and as one that joined: our name at the broker, under which it keeps alarms
        # for us, must not depend on it.
        self._listening = broker.subscription((words.state_topic,), joined=True) if self._must_confirm else None
        self.reported: bool | None = None
        """How the device last said that it stands."""

    async def set(self, on: bool) -> None:  # noqa: FBT001 - read aloud
        """Publish it. Raises DeviceError where the broker does not take it, or the device does not confirm."""
        await self._attach()
        if self._must_confirm and self.reported is not on:
            self.reported = None
        await self._broker.publish(self._words.topic, (self._words.on if on else self._words.off).encode())
        if self._must_confirm:
            await self._confirmation(on=on)

    @property
    def is_listening(self) -> bool:
        """Whether the device tells its state, so that `run` has something to do."""
        return self._listening is not None

    def close(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            self._listening.close()

    async def run(self) -> None:
        """Hear what the device says until cancelled; raises DeviceError while the broker is away."""
        try:
            while self._listening is not None:
                await self._listening.connection()
                arrival = await self._listening.next()
                self._hear(arrival.payload)
        finally:
            self.reported = None

    def _hear(self, payload: bytes) -> None:
        try:
            state = self._words.state_in(json_or_text(payload))
        except DecodeError:
            return
        if state is not None:
            self.reported = state
            self._heard.set()

    async def _attach(self) -> None:
        try:
            async with asyncio.timeout(ATTACH_S):
                while not self._broker.is_connected:  # noqa: ASYNC110 - a moment at the start
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise DeviceError(self._broker.trouble) from None

    async def _confirmation(self, *, on: bool) -> None:
        try:
            async with asyncio.timeout(CONFIRM_S):
                while self.reported is not on:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            state = "on" if on else "off"
            raise DeviceError(
                Bilingual(
                    f"{self.name} does not say on {self._words.state_topic} that it is {state}; is it there, and "
                    f"in reach?",
                    zh=f"{self.name} 没有在 {self._words.state_topic} 上说自己已{'开' if on else '关'}；它在吗？"
                    f"连得上吗？",
                )
            ) from None
