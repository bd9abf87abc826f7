"""Where the home's own broker is, as whom to connect, and whom to trust. Values only: nothing is opened here."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """Certificate files; `ca_file` None means the system's authorities, `cert_file` None that we show none."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAddress:
    """Where the local broker is, and as whom to connect."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    is_encrypted: bool = False
    certificates: Certificates = Certificates()

    @classmethod
    def of(
        cls,
        url: str,
        *,
        username: str | None,
        password: str | None,
        certificates: Certificates | None = None,
    ) -> Self:
        """From `mqtt://host[:1883]` or `mqtts://host[:8883]`; raises ConfigError."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(
                Bilingual(
                    f"{url}: the port must be a number from 1 to 65535", zh=f"{url}：端口必须是 1 到 65535 的数字"
                )
            ) from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ConfigError(
                Bilingual(
                    f"{url}: write mqtt://host:1883, or mqtts://host:8883 for an encrypted link",
                    zh=f"{url}：请写 mqtt://主机:1883；要加密就写 mqtts://主机:8883",
                )
            )
        is_encrypted = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if is_encrypted else 1883),
            username=username,
            password=password,
            is_encrypted=is_encrypted,
            certificates=certificates or Certificates(),
        )

    def tls(self) -> ssl.SSLContext | None:
        """For one connection, None where it is not encrypted; raises ConfigError where the files cannot be used."""
        if not self.is_encrypted:
            return None
        files = self.certificates
        try:
            context = ssl.create_default_context(cafile=None if files.ca_file is None else str(files.ca_file))
            if files.cert_file is not None:
                context.load_cert_chain(files.cert_file, files.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                Bilingual(
                    f"cannot use the certificate files of local_broker: {error}",
                    zh=f"local_broker 的证书文件不能用：{error}；请核对 ca_file、cert_file、key_file 以及谁可以读",
                )
            ) from error
        context.sslsocket_class = _Socket
        return context

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Testament:
    """What the broker says for us, retained, when we are gone without a word."""

    topic: str
    payload: bytes


def is_about_certificates(error: BaseException | None) -> bool:
    """Whether TLS is what failed; aiomqtt hides it in what went before."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__context__
    return error is not None


class _Socket(ssl.SSLSocket):
    """paho leaves a socket open whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
