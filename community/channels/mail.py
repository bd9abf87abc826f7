"""E-mail by SMTP. Translates aiosmtplib's failures: 4xx passes, 5xx stays, a wrong login is the channel's own fault."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from community.channels.port import Carried, Message
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError, GiveUp, TryLater

_LASTING = 500
"""SMTP: 4xx is passing, 5xx is not (RFC 5321, 4.2.1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """Where mail is handed in. `security`: TLS from the first byte, STARTTLS, or none (a server on this machine)."""

    host: str
    port: int
    sender: str
    security: Literal["tls", "starttls", "none"]
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None


class Mail:
    """One mail server."""

    def __init__(self, server: MailServer, *, timeout_s: float) -> None:
        """Raises ConfigError where the CA file cannot be used."""
        self._server = server
        self._timeout_s = timeout_s
        try:
            ca = None if server.ca_file is None else str(server.ca_file)
            self._tls = None if server.security == "none" else ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                Bilingual(
                    f"{server.ca_file}: is no file of CA certificates: {error}",
                    zh=f"{server.ca_file}：不是 CA 证书文件：{error}",
                )
            ) from error

    async def send(self, message: Message) -> Carried:
        """Raises TryLater, GiveUp, ConfigError. A repeat has the same Message-ID: mailboxes show it once."""
        with _translated():
            async with asyncio.timeout(self._timeout_s), self._connected() as client:
                letter = self._letter(message)
                _, said = await client.send_message(letter, recipients=[message.to])
        return Carried(code=said[:120])

    async def probe(self) -> None:
        """Greet, log in, say goodbye. Raises TryLater, ConfigError."""
        with _translated():
            async with asyncio.timeout(self._timeout_s), self._connected() as client:
                await client.noop()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=False,
            tls_context=self._tls,
            timeout=self._timeout_s,
        )
        async with client:
            await client.ehlo()
            if server.security == "starttls":
                if not client.supports_extension("starttls"):
                    raise ConfigError(
                        Bilingual(
                            f"{server.host} offers no STARTTLS: try port 465 with security: tls",
                            zh=f"{server.host} 不支持 STARTTLS：请试 465 端口和 security: tls",
                        )
                    )
                await client.starttls()
            if server.username is not None:
                await client.login(server.username, server.password or "")
            yield client

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self._server.sender
        try:
            letter["To"] = message.to
            letter["Subject"] = " ".join(message.subject.split())
        except (ValueError, IndexError) as error:  # a header of no use, by the library's own judgement
            raise GiveUp(Bilingual(f"is no e-mail address: {error}", zh=f"不是电子邮件地址：{error}")) from error
        letter["Date"] = format_datetime(message.at)
        letter["Message-ID"] = f"<{message.key}@{self._server.sender.rpartition('@')[2].strip('> ')}>"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        letter.set_content(message.text)
        return letter


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SMTPAuthenticationError as error:
        raise ConfigError(
            Bilingual(
                f"the mail server refuses our login: {error.code} {error.message}",
                zh=f"邮件服务器拒绝登录：{error.code} {error.message}；请核对用户名和密码",
            )
        ) from error
    except (SMTPSenderRefused, SMTPNotSupported) as error:
        raise _of_sender(error) from error
    except SMTPRecipientsRefused as error:
        first = error.recipients[0]
        raise _by_code(first.code, first.message) from error
    except SMTPConnectError as error:
        raise TryLater(both("{error}", "连不上邮件服务器：{error}", error=error)) from error
    except SMTPResponseException as error:
        raise _by_code(error.code, error.message) from error
    except (TimeoutError, OSError, SMTPException) as error:  # SMTPTimeoutError, SMTPServerDisconnected
        raise TryLater(f"{type(error).__name__} {error}".strip()) from error


def _of_sender(error: SMTPSenderRefused | SMTPNotSupported) -> ConfigError | TryLater:
    if isinstance(error, SMTPSenderRefused) and error.code < _LASTING:
        return TryLater(
            Bilingual(f"{error.code} {error.message}", zh=f"邮件服务器暂时不收：{error.code} {error.message}")
        )
    return ConfigError(
        Bilingual(f"the mail server does not take our mail: {error}", zh=f"邮件服务器不收我们的邮件：{error}")
    )


def _by_code(code: int, said: str) -> TryLater | GiveUp:
    return (GiveUp if code >= _LASTING else TryLater)(f"{code} {' '.join(said.split())[:120]}")
