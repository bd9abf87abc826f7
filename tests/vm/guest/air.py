"""The air and what is in it, in a process of its own: simulated peripherals, and the adapter that /dev/vhci shows.

Answers calls of `vm.guest.client` on a Unix socket, a JSON value per line. What a caller has brought into the air
leaves it with the caller's connection, so that no test hears another's devices.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from vm.guest.plain import Plain
from vm.guest.vhci import plugged

from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.pulse_oximeter import Finger, PulseOximeter
from simulators.ble.radio import Radio
from simulators.tally import Tally

ADVERTISING_MS = 250


class Air:
    """What one caller has brought into the air. Each public method is a call."""

    def __init__(self) -> None:
        """Empty."""
        self._radio = Radio()
        self._devices: dict[str, Any] = {}
        self._leave = AsyncExitStack()
        self._plug = AsyncExitStack()

    async def plug(self) -> None:
        """Show an adapter to the kernel."""
        await self._plug.enter_async_context(plugged(self._radio))

    async def unplug(self) -> None:
        """Take the adapter away."""
        await self._plug.aclose()

    async def steady(self) -> None:
        """Hear each device at one strength only."""
        self._radio.air.is_steady = True

    async def plain(self, address: str) -> None:
        """Switch on a peripheral that has one characteristic of each kind."""
        await self._bring(address, Plain(self._radio, address, advertising_interval_ms=ADVERTISING_MS))

    async def oximeter(self, address: str, **options: Any) -> None:
        """Switch a pulse oximeter on that says only what it is told to."""
        outfit: dict[str, Any] = {"sensor_id": address, "address": address, "advertising_interval_ms": ADVERTISING_MS}
        await self._bring(address, PulseOximeter(self._radio, Tally(), speaks=False, **outfit, **options))

    async def cuff(self, address: str, *, remembers: bool = False, **options: Any) -> None:
        """Switch a blood pressure cuff on; `remembers`: a bonded listener need not subscribe again."""
        outfit: dict[str, Any] = {"sensor_id": address, "address": address, "advertising_interval_ms": ADVERTISING_MS}
        cuff = BloodPressureCuff(self._radio, Tally(), **outfit, **options)
        cuff.remembers_subscriptions = remembers
        cuff.lingers = True  # what must be quick is the connection, not the questions of an emulated processor
        await self._bring(address, cuff)

    async def say(self, address: str, spo2: list[float]) -> None:
        """Let an oximeter say these values, one after the other, to whoever listens, as soon as somebody does."""
        oximeter = self._devices[address]
        await oximeter.wait_for_listener()
        for value in spo2:
            await oximeter.say(Finger(spo2=value, pulse=72))

    async def ask(self, address: str, method: str, arguments: dict[str, Any]) -> Any:
        """Call a method of a device, or look at a property."""
        found = getattr(self._devices[address], method)
        return await found(**arguments) if callable(found) else found

    async def close(self) -> None:
        """Switch all off."""
        await self.unplug()
        await self._leave.aclose()

    async def _bring(self, address: str, device: Any) -> None:
        self._devices[address] = await self._leave.enter_async_context(device.running())


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    air = Air()
    try:
        async for line in reader:
            method, arguments = json.loads(line)
            try:
                answer = {"value": await getattr(air, method)(**arguments)}
            except Exception as error:  # noqa: BLE001 # told to the caller
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer, default=repr).encode() + b"\n")
    finally:
        await air.close()
        writer.close()


async def main(socket: str) -> None:
    """Serve until killed."""
    server = await asyncio.start_unix_server(_serve, socket)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
