"""A private MQTT broker on loopback, as a child process: mosquitto where it is installed, else amqtt.

amqtt speaks MQTT 3.1.1 only and is many times slower: good for a demonstration, never for a home.
"""

import asyncio
import base64
import getpass
import hashlib
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from shouwang.errors import ConfigError, DeviceError
from simulators.child import Child, find_program, start_child

HOST = "127.0.0.1"
START_S = 15.0
_LOOK_S = 0.02
_PBKDF2_ROUNDS = 101
"""mosquitto_passwd's own default; these passwords live as long as the broker's private directory."""


class BrokerKind(StrEnum):
    """Which program serves."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may connect to the community's broker: the server and its homes, as user name and password.

    A home writes only below `v1/<its user name>/up/` and its will, and reads only below `v1/<its user name>/down/`.
    """

    server: tuple[str, str]
    homes: Mapping[str, str] = field(default_factory=dict)

    @property
    def passwords(self) -> dict[str, str]:
        """All accounts."""
        return {self.server[0]: self.server[1], **self.homes}


class Broker:
    """A broker with its own directory and port; `version` is the newest MQTT that it speaks."""

    def __init__(self, kind: BrokerKind, command: list[str], directory: Path, port: int) -> None:
        """`command` serves on `port`, with all its files in `directory`; nothing runs before `start`."""
        self.kind = kind
        self.port = port
        self._command = command
        self._log = directory / "broker.log"
        self._child: Child | None = None

    @property
    def host(self) -> str:
        """Loopback."""
        return HOST

    @property
    def version(self) -> str:
        """As the home's configuration writes it: `5` or `3.1.1`."""
        return "5" if self.kind is BrokerKind.MOSQUITTO else "3.1.1"

    @property
    def url(self) -> str:
        """As the home's configuration writes it."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None and self._child.is_running else None

    async def start(self) -> None:
        """Start it (again), on the same port and directory; returns when it listens. Raises DeviceError."""
        require_free(self.port)
        self._child = await start_child(self._command, log=self._log)
        await self._child.wait_until(_listens(self.port), timeout_s=START_S, log=self._log)

    async def stop(self) -> None:
        """End it in order."""
        if self._child is not None:
            await self._child.stop()

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._child is not None:
            await self._child.kill()


@asynccontextmanager
async def running_broker(
    kind: BrokerKind = BrokerKind.AUTO, *, port: int = 0, access: Access | None = None, also: Sequence[int] = ()
) -> AsyncIterator[Broker]:
    """Run a broker; without `access` everybody on this machine may do everything. Raises DeviceError, ConfigError.

    `also`: further ports on which mosquitto listens, so that the lines of its clients can be told apart.
    """
    program = find_program("mosquitto")
    if kind is BrokerKind.AUTO:
        kind = BrokerKind.MOSQUITTO if program else BrokerKind.AMQTT
    with TemporaryDirectory(prefix="shouwang-broker-") as name:
        directory = Path(name)
        port = port or free_port()
        if kind is BrokerKind.AMQTT:
            command = _amqtt(directory, port, access)
        elif program is not None:
            command = _mosquitto(program, directory, [port, *also], access)
        else:
            raise DeviceError("mosquitto is not installed; on Debian: apt install mosquitto")
        broker = Broker(kind, command, directory, port)
        try:
            await broker.start()
            yield broker
        finally:
            await broker.stop()


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, remedy: str = "") -> None:
    """Raises DeviceError, with `remedy` at its end, where another program listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the brokers do after a restart
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DeviceError(f"port {port} is in use by another program: {error.strerror}{remedy}") from error


def _mosquitto(program: str, directory: Path, ports: Sequence[int], access: Access | None) -> list[str]:
    lines = [
        *(f"listener {port} {HOST}" for port in ports),
        f"user {getpass.getuser()}",  # started by root it would drop to a user that cannot read the private directory
        "persistence true",
        f"persistence_location {directory}/",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "max_queued_messages 100000",
    ]
    if access is None:
        lines.append("allow_anonymous true")
    else:
        passwords, acl = directory / "passwords", directory / "acl"
        _write_private(
            passwords, "".join(f"{_plain(user)}:{_hashed(word)}\n" for user, word in access.passwords.items())
        )
        _write_private(acl, _ACL.format(server=_plain(access.server[0])))
        lines += ["allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"]
    config = directory / "mosquitto.conf"
    _write_private(config, "\n".join([*lines, ""]))
    return [program, "-c", str(config)]


# The two write patterns are all that a home may say, the read pattern all that it may hear.
_ACL = """user {server}
topic readwrite v1/#
topic read $SYS/#

pattern write v1/%u/up/#
pattern write v1/%u/lwt
pattern read v1/%u/down/#
"""


def _amqtt(directory: Path, port: int, access: Access | None) -> list[str]:
    settings = directory / "amqtt.json"
    known = {} if access is None else {"server": access.server[0], "passwords": access.passwords}
    _write_private(settings, json.dumps({"bind": f"{HOST}:{port}", **known}))
    return [sys.executable, "-m", "simulators.amqtt_child", str(settings)]


def _hashed(password: str) -> str:
    """As mosquitto_passwd of mosquitto 2.0 writes it: PBKDF2-SHA512."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ROUNDS)
    return f"$7${_PBKDF2_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _plain(user: str) -> str:
    if not user.isprintable() or ":" in user or user != user.strip() or not user:
        raise ConfigError(f"{user!r} cannot be a broker's user name; use letters, digits and dashes")
    return user


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


async def _listens(port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return
        await asyncio.sleep(_LOOK_S)
