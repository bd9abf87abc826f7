"""Who is in the reach of the home's radio receivers: for an installer who presses learn buttons and pulls cords."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from config.home import Home
from drivers.links import receivers_for
from drivers.serial.enocean_device import EnoceanDevice
from drivers.serial.receiver import Ear, Receiver
from drivers.serial.rfxtrx_device import RfxtrxDevice
from shouwang.errors import ConfigError, DeviceError

Tell = Callable[[str], None]


async def learn(home: Home, seconds: float, tell: Tell) -> None:
    """Listen for so long and tell each device once: the lines to paste, or by which name the home has it already.

    Raises ConfigError where the home has no receiver.
    """
    receivers = receivers_for(home.enocean, home.rfxtrx, tell=tell)
    if not receivers:
        raise ConfigError(
            'this home has no radio receiver; add "enocean:" or "rfxtrx:" with "port: /dev/serial/by-id/..." '
            "(see: shouwang gateway ports)"
        )
    tell(f"listening for {seconds:.0f} s; press the learn button of each device, open doors, pull cords ...")
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for part, receiver in receivers.items():
                group.create_task(_listen(receiver, tell), name=f"receiver-{part}")
            for sensor in home.sensors:
                if isinstance(sensor, EnoceanDevice) and "enocean" in receivers:
                    group.create_task(_know(receivers["enocean"].ear(sensor.sender), sensor.id, tell))
                elif isinstance(sensor, RfxtrxDevice) and "rfxtrx" in receivers:
                    group.create_task(_know(receivers["rfxtrx"].ear(sensor.device), sensor.id, tell))


async def _listen(receiver: Receiver, tell: Tell) -> None:
    """One that cannot be used leaves the other to listen."""
    try:
        await receiver.run()
    except DeviceError as error:
        tell(str(error))


async def _know(ear: Ear, sensor_id: str, tell: Tell) -> None:
    await ear.first()
    tell(f"heard {sensor_id}, which the home has already")
