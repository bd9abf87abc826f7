"""How a home's YAML names its radio receivers: the EnOcean dongle and the RFXtrx."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.serial.port_name import PortName

_PORT = "serial port by a name that stays, e.g. /dev/serial/by-id/usb-... (see: shouwang gateway ports)"

Protocol = Literal[
    "aeblyss",
    "rubicson",
    "fineoffset",
    "lighting4",
    "rsl",
    "byronsx",
    "imagintronix",
    "mertik",
    "adlightwave",
    "hideki",
    "lacrosse",
    "fs20",
    "proguard",
    "blindst0",
    "blindst1234",
    "x10",
    "arc",
    "ac",
    "homeeasy",
    "meiantech",
    "oregon",
    "ati",
    "visonic",
    "keeloq",
    "homeconfort",
]


class EnoceanPart(BaseModel):
    """The EnOcean dongle (USB 300, USB 310, TCM 310) that hears all EnOcean sensors of the home."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    port: PortName = Field(description=_PORT)


class RfxtrxPart(BaseModel):
    """The RFXtrx433 or RFXrec433 that hears all 433 MHz sensors of the home."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    port: PortName = Field(description=_PORT)
    protocols: tuple[Protocol, ...] = Field(
        default=(),
        description="what an RFXtrx433 listens to, e.g. [x10, ac, oregon]; left out: what it was set to with RFXmngr",
    )
