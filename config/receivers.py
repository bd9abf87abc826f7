"""What is wrong with the sensors that a radio receiver hears."""

from collections.abc import Iterator

from config.home import Home
from drivers.serial.enocean_device import EnoceanDevice
from drivers.serial.rfxtrx_device import RfxtrxDevice
from shouwang.bilingual import Bilingual
from shouwang.document import Document
from shouwang.nodes import Problem


def receiver_troubles(document: Document[Home]) -> Iterator[Problem]:
    """A device whose receiver the home does not have, and one that two sensors name."""
    home = document.value
    first: dict[str, int] = {}
    for index, sensor in enumerate(home.sensors):
        if isinstance(sensor, EnoceanDevice):
            part, is_there, key, address = "enocean", home.enocean is not None, "sender", sensor.sender
        elif isinstance(sensor, RfxtrxDevice):
            part, is_there, key, address = "rfxtrx", home.rfxtrx is not None, "device", sensor.device
        else:
            continue
        if not is_there:
            message = Bilingual(
                f'nothing hears it: the home has no such receiver; add "{part}:" with "port: /dev/serial/by-id/..." '
                "(see: shouwang gateway ports)",
                zh=f"没有什么收得到它：这个家没有这种接收器；请写 {part}:，下面写 port: "
                f"/dev/serial/by-id/...（查看：shouwang gateway ports）",
            )
            yield document.problem(("sensors", index), message)
        if address in first:
            message = Bilingual(
                f"{address} is the device of sensors[{first[address]}] too; keep one of the two",
                zh=f"{address} 也是 sensors[{first[address]}] 的设备；请留一个",
            )
            yield document.problem(("sensors", index, key), message)
        first.setdefault(address, index)
