"""What every Bluetooth sensor's configuration holds."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.ble.adapter import Adapter
from shouwang.bilingual import Bilingual
from shouwang.document import Id


def _bluetooth_address(written: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", written):
        raise ValueError(
            Bilingual(
                f'"{written[:40]}" is not a Bluetooth address; it looks like C0:FF:EE:00:00:01 '
                "(find it with: shouwang gateway scan)",
                zh=f"“{written[:40]}”不是蓝牙地址；它的样子是 C0:FF:EE:00:00:01（查找：shouwang gateway scan）",
            )
        )
    return written.upper()


Address = Annotated[str, AfterValidator(_bluetooth_address)]


class BluetoothSensor(BaseModel):
    """A sensor that one adapter of this box hears."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    id: Id = Field(description="name of this sensor in the home")
    address: Address = Field(description="Bluetooth address of the device, e.g. C0:FF:EE:00:00:01")
    adapter: Adapter = Field(default="hci0", description="Bluetooth adapter of this box, as bluetoothctl list says")
