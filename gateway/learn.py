"""Who is in the reach of the home's radio receivers: for an installer who presses learn buttons and pulls cords."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from config.home import Home
from drivers.links import receivers_for
from drivers.serial.enocean_device import EnoceanDevice
from drivers.serial.receiver import Ear, Receiver
from drivers.serial.rfxtrx_device import RfxtrxDevice
from shouwang.bilingual import Bilingual, told_by
from shouwang.errors import ConfigError, DeviceError

Tell = Callable[[str], None]
_NO_RECEIVER = Bilingual(
    'this home has no radio receiver; add "enocean:" or "rfxtrx:" with "port: /dev/serial/by-id/..." '
    "(see: shouwang gateway ports)",
    zh="这个家没有无线接收器；请写 enocean: 或 rfxtrx:，下面写 port: /dev/serial/by-id/..."
    "（查看：shouwang gateway ports）",
)
_NOTHING = Bilingual(
    "no device was heard; press its learn button or make it speak (open the door, pull the cord) while this runs, and "
    "bring it nearer to the receiver",
    zh="没有收到任何设备；请在运行期间按它的学习键，或让它发信号（开门、拉绳），并靠近接收器",
)


async def learn(home: Home, seconds: float, tell: Tell) -> None:
    """Listen for so long and tell each device once: the lines to paste, or by which name the home has it already.

    Ends before that where no receiver can be used. Raises ConfigError where the home has no receiver.
    """
    devices = 0

    def meet(words: str) -> None:
        nonlocal devices
        devices += 1
        tell(words)

    receivers = receivers_for(home.enocean, home.rfxtrx, tell=meet)
    if not receivers:
        raise ConfigError(_NO_RECEIVER)
    tell(
        Bilingual(
            f"listening for {seconds:.0f} s; press the learn button of each device, open doors, pull cords ...",
            zh=f"正在监听 {seconds:.0f} 秒；请按每个设备的学习键，开一下门，拉一下拉绳……",
        )
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            known = [group.create_task(_know(ear, sensor_id, meet)) for sensor_id, ear in _ears(home, receivers)]
            await asyncio.wait([group.create_task(_listen(receiver, tell)) for receiver in receivers.values()])
            for task in known:
                task.cancel()
            return
    if not devices:
        tell(_NOTHING)


def _ears(home: Home, receivers: Mapping[str, Receiver]) -> Iterator[tuple[str, Ear]]:
    """Of the devices that the home has already."""
    for sensor in home.sensors:
        if isinstance(sensor, EnoceanDevice) and "enocean" in receivers:
            yield sensor.id, receivers["enocean"].ear(sensor.sender)
        elif isinstance(sensor, RfxtrxDevice) and "rfxtrx" in receivers:
            yield sensor.id, receivers["rfxtrx"].ear(sensor.device)


async def _listen(receiver: Receiver, tell: Tell) -> None:
    """One that cannot be used leaves the other to listen."""
    try:
        await receiver.run()
    except DeviceError as error:
        tell(told_by(error))


async def _know(ear: Ear, sensor_id: str, tell: Tell) -> None:
    await ear.first()
    tell(Bilingual(f"heard {sensor_id}, which the home has already", zh=f"收到 {sensor_id}，这个家已经有它了"))
