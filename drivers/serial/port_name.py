"""The name of a serial port as people write it: one that stays the same is best, one that moves is told."""

import re
from typing import Annotated

from pydantic import AfterValidator

from shouwang.bilingual import Bilingual


def _port(written: str) -> str:
    if not written.startswith("/"):
        raise ValueError(
            Bilingual(
                f'"{written[:60]}" is not the name of a port; it looks like /dev/serial/by-id/usb-... '
                "(see what is there: shouwang gateway ports)",
                zh=f"“{written[:60]}”不是串口名；它的样子是 /dev/serial/by-id/usb-...（查看：shouwang gateway ports）",
            )
        )
    return written


PortName = Annotated[str, AfterValidator(_port)]
"""A path, e.g. `/dev/serial/by-id/usb-...`."""


def may_move(port: str) -> bool:
    """Whether this name may belong to another adapter after a restart."""
    return re.fullmatch(r"/dev/tty(USB|ACM)[0-9]+", port) is not None
