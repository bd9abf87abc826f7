"""Push services through Apprise: one URL for each attempt, its retries and escalations unused, our own time-out.

Apprise blocks: each channel has its own few threads, so that a service that hangs holds up nobody else.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

from apprise import Apprise, NotifyFormat
from apprise.plugins.base import NotifyBase

from community.channels.knock import knock
from community.channels.port import Carried, Message
from community.channels.sms_http import filled
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, TryLater

log = logging.getLogger(__name__)


class Push:
    """One service that Apprise knows; `{to}` in its URL is the person."""

    def __init__(self, url: str, *, timeout_s: float, at_once: int) -> None:
        """Raises ConfigError where Apprise knows no such service."""
        self._url = url
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="push")
        self._service("0")

    async def send(self, message: Message) -> Carried:
        """Raises TryLater: Apprise says no more than that it failed."""
        service = self._service(message.to)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                is_sent = await loop.run_in_executor(self._threads, _notify, service, message)
        except TimeoutError as error:
            raise TryLater(
                Bilingual(
                    f"timeout: the push service has not answered in {self._timeout_s:.0f} s",
                    zh=f"超时：推送服务在 {self._timeout_s:.0f} 秒内没有应答",
                )
            ) from error
        if not is_sent:
            raise TryLater(Bilingual("the push service has not taken it", zh="推送服务没有收下"))
        return Carried(code="taken by the push service")

    async def probe(self) -> None:
        """Knock where the URL names a host of its own; other services have no cheap question."""
        parts = urlsplit(self._url)
        scheme = {"json": "http", "jsons": "https", "form": "http", "forms": "https", "ntfy": "http", "ntfys": "https"}
        if parts.scheme in scheme and parts.hostname and "." in parts.hostname + ".":
            await knock(parts._replace(scheme=scheme[parts.scheme]).geturl())

    def _service(self, to: str) -> NotifyBase:
        service = Apprise.instantiate(filled(self._url, {"to": quote(to, safe="")}), suppress_exceptions=True)
        if not isinstance(service, NotifyBase):
            raise ConfigError(
                Bilingual(
                    "Apprise knows no service for this URL; see the list at https://appriseit.com/services/",
                    zh="Apprise 不认识这个地址的服务；见 https://appriseit.com/services/ 的列表",
                )
            )
        service.socket_connect_timeout = service.socket_read_timeout = self._timeout_s
        service.request_rate_per_sec = 0  # its own pause would hold up an alarm
        return service


def _notify(service: NotifyBase, message: Message) -> bool:
    return bool(service.notify(body=message.text, title=message.subject, body_format=NotifyFormat.TEXT))
