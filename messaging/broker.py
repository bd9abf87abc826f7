"""Where a broker is, as whom to connect, and what it says when we are gone. Values only: nothing is opened here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError

Version = Literal["5", "3.1.1"]
_NO_PORT = "{url}: the port must be a number from 1 to 65535", "{url}：端口必须是 1 到 65535 的数字"
_NO_URL = (
    "{url}: write mqtt://host:1883, or mqtts://host:8883 for an encrypted link",
    "{url}：请写 mqtt://主机:1883；要加密就写 mqtts://主机:8883",
)
_NOT_IN_THE_URL = Bilingual(
    "write the user as username: and the password into a password_file:, not into the url",
    zh="用户名和密码不要写在 url 里：用户名写 username:，密码写进文件，用 password_file: 指明",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """Certificate files; `ca_file` None means the system's authorities."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerSettings:
    """Where and as whom to connect. A `session_expiry_s` above 0 keeps subscriptions and messages over a lost link.

    `earliest` is asked at each connection: it is not earlier than this, and the system's clock is wrong or in doubt;
    None where that clock is right. So is the secret in `password_file`: one that is put right needs no restart.
    """

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    password_file: Path | None = None
    tls: TlsFiles | None = None
    version: Version = "5"
    keepalive_s: int = 20
    session_expiry_s: int = 0
    clean_start: bool = True
    receive_maximum: int = 20
    earliest: Callable[[], datetime | None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Will:
    """What the broker says (retained, QoS 1) when this session ends without a word; `delay_s` after the loss."""

    topic: str
    payload: bytes
    delay_s: int = 0


def parse_broker_url(url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is asked for, of `mqtt://host[:1883]` or `mqtts://host[:8883]`; raises ConfigError."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(both(*_NO_PORT, url=url)) from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ConfigError(both(*_NO_URL, url=url))
    if parts.username or parts.password:
        raise ConfigError(_NOT_IN_THE_URL)
    is_tls = parts.scheme == "mqtts"
    return parts.hostname, port or (8883 if is_tls else 1883), is_tls
