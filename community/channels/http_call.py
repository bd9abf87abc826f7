"""One HTTP request to a provider. Translates httpx's failures and the status into our own; follows no redirect."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, GiveUp, TryLater

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs addresses: passwords and telephone numbers

MAX_ANSWER_BYTES = 64 * 1024
"""No provider has so much to say to one message."""
_SHOWN = 120
_PASSING = frozenset({408, 425, 429})
_REFUSED = frozenset({401, 403, 404, 405})
"""The address or the password is wrong for everybody, not the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the provider said."""

    status: int
    text: str

    @property
    def shown(self) -> str:
        """Short, on one line."""
        return f"{self.status} {' '.join(self.text.split())[:_SHOWN]}".strip()


class HttpCall:
    """Calls one provider."""

    def __init__(self, *, timeout_s: float, ca_file: Path | None = None) -> None:
        """`timeout_s` for all of a request. Raises ConfigError where the CA file cannot be used."""
        self._timeout_s = timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                Bilingual(
                    f"{ca_file}: is no file of CA certificates: {error}", zh=f"{ca_file}：不是 CA 证书文件：{error}"
                )
            ) from error

    async def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """The answer to a request that was taken (2xx). Raises TryLater, GiveUp, ConfigError."""
        answer = await self._answer(method, url, params=params, content=body, headers=headers, auth=auth)
        if 200 <= answer.status < 300:
            return answer
        if 300 <= answer.status < 400:
            raise ConfigError(
                Bilingual(
                    f"{_host(url)} sends us elsewhere ({answer.shown}); write the right address yourself",
                    zh=f"{_host(url)} 要我们转到别处（{answer.shown}）；请自己写上正确的地址",
                )
            )
        if answer.status in _REFUSED:
            raise ConfigError(
                Bilingual(
                    f"{_host(url)} refuses us ({answer.shown}); check address, user and password",
                    zh=f"{_host(url)} 拒绝了我们（{answer.shown}）；请核对地址、用户名和密码",
                )
            )
        if answer.status in _PASSING or answer.status >= 500:
            raise TryLater(answer.shown)
        raise GiveUp(answer.shown)

    async def _answer(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
    ) -> Answer:
        try:
            async with (
                httpx.AsyncClient(timeout=self._timeout_s, verify=self._tls, trust_env=False) as client,
                client.stream(method, url, params=params, content=content, headers=headers, auth=auth) as response,
            ):
                said = b""
                async for piece in response.aiter_bytes():
                    said += piece
                    if len(said) > MAX_ANSWER_BYTES:
                        raise TryLater(
                            Bilingual(f"{_host(url)} does not stop talking", zh=f"{_host(url)} 的应答没完没了")
                        )
                return Answer(status=response.status_code, text=said.decode("utf-8", errors="replace"))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigError(
                Bilingual(
                    f"{_host(url)}: is no address that can be called: {error}",
                    zh=f"{_host(url)}：不是能访问的地址：{error}",
                )
            ) from error
        except httpx.TimeoutException as error:
            raise TryLater(
                Bilingual(
                    f"timeout: {_host(url)} has not answered in {self._timeout_s:.0f} s",
                    zh=f"超时：{_host(url)} 在 {self._timeout_s:.0f} 秒内没有应答",
                )
            ) from error
        except httpx.HTTPError as error:
            raise TryLater(f"{_host(url)}: {type(error).__name__} {error}".strip()) from error


def _host(url: str) -> str:
    """For messages: an address may hold a password."""
    try:
        return httpx.URL(url).netloc.decode() or "the address"
    except httpx.InvalidURL:
        return "the address"
