"""The cheapest probe: does the far end take a connection?"""

import asyncio
from urllib.parse import urlsplit

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, TryLater

KNOCK_S = 5.0
_PORTS = {"http": 80, "https": 443}


async def knock(url: str) -> None:
    """Open a connection to the address and close it. Raises TryLater, ConfigError."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise ConfigError(
            Bilingual("the address of the channel has no host or no port", zh="渠道的地址里没有主机或端口")
        )
    try:
        async with asyncio.timeout(KNOCK_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
    except TimeoutError as error:
        raise TryLater(
            Bilingual(
                f"{parts.hostname}:{port} has not answered in {KNOCK_S:.0f} s",
                zh=f"{parts.hostname}:{port} 在 {KNOCK_S:.0f} 秒内没有应答",
            )
        ) from error
    except OSError as error:
        raise TryLater(
            Bilingual(
                f"{parts.hostname}:{port} takes no connection: {error.strerror or error}",
                zh=f"{parts.hostname}:{port} 不接受连接：{error.strerror or error}",
            )
        ) from error
