"""The gateway's ear for people at the box: a local socket, one JSON line asked, one answered. Never a network port.

Who may ask is who may open the socket: root and the group shouwang-gateway. Everything is bounded: clients, the size of
a question, the time of each step. One that misbehaves is hung up on; the home is watched all the same.
"""

import asyncio
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Never

import msgspec

from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import Bilingual, told_by
from shouwang.errors import ConfigError, DeviceError
from shouwang.outage import Outage

log = logging.getLogger(__name__)

SOCKET = "control"
LOCK = "control.lock"
HELLO = "hello"
"""Asks only who answers."""
MAX_QUESTION_BYTES = 4096
MAX_CLIENTS = 8
IDLE_S = 60.0
"""A client that asks nothing for so long is hung up on; a table that is redrawn asks each second."""
SEND_S = 5.0
REST_S = 1.0
"""Where nobody can be taken in (no free descriptor), it is tried again after this."""
ANSWER_S = 60.0
"""No command takes longer; a reload takes about a second."""
_MODE = 0o660
_CREDENTIALS = struct.Struct("3i")
_BUSY = Sentence(
    zh=f"已有 {MAX_CLIENTS} 个程序在询问，请稍后再试", en=f"{MAX_CLIENTS} others are asking already; try again"
)
_TOO_LONG = Sentence(zh=f"一个问题最多 {MAX_QUESTION_BYTES} 字节", en=f"a question may have {MAX_QUESTION_BYTES} bytes")
_NOT_UNDERSTOOD = Sentence(
    zh='看不懂；可以这样问：{"command": "status"}', en='not understood; ask e.g. {"command": "status"}'
)
_LATE = Sentence(
    zh=f"{ANSWER_S:.0f} 秒内没有完成；请看日志：journalctl -u shouwang-gateway",
    en=f"not done within {ANSWER_S:.0f} s; see: journalctl -u shouwang-gateway",
)


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked. `gateway`: only of this one, by its id; empty: of whichever answers."""

    command: str
    gateway: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`words` for people; `error` why it was not done, None where it was; `body` what a program wants to know.

    `language` is the home's.
    """

    gateway: str
    language: str = ""
    words: Sentence | None = None
    error: Sentence | None = None
    body: msgspec.Raw = msgspec.Raw()


class Refusal(DeviceError):
    """It was not done; `words` say why. `language`: the home's; empty: not known."""

    def __init__(self, words: Sentence, language: str = "") -> None:
        """Keep both languages beside the English one."""
        super().__init__(Bilingual(words.en, zh=words.zh))
        self.words = words
        self.language = language


Command = Callable[[], Awaitable[Answer]]
"""Does what is asked; raises Refusal, ConfigError or DeviceError with why it cannot."""


class Control:
    """The socket of one gateway."""

    def __init__(
        self, gateway_id: str, folders: list[Path], commands: Mapping[str, Command], *, language: Callable[[], str]
    ) -> None:
        """It lies in the first of the folders that no other gateway has taken. `language` is the home's, as it is."""
        self._gateway_id = gateway_id
        self._language = language
        self._folders = folders
        self._commands = commands
        self._clients = 0

    async def run(self) -> Never:
        """Listen until cancelled. Where no socket can be made it is told, and nothing else happens."""
        for folder in self._folders:
            try:
                with _claimed(folder) as listening:
                    await self._serve(listening)
            except OSError as error:
                log.warning("no control socket in %s: %s", folder, error.strerror or error)
        log.error("status, reload and other commands cannot be asked of this gateway; all else goes on")
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")

    async def _serve(self, listening: socket.socket) -> Never:
        async with asyncio.TaskGroup() as group:
            while True:
                sock = await _accepted(listening)
                self._clients += 1
                group.create_task(self._meet(sock), name="control-client")
        raise AssertionError("it serves for ever")

    async def _meet(self, sock: socket.socket) -> None:
        """One client, whatever it does."""
        reader, writer = await asyncio.open_unix_connection(sock=sock, limit=MAX_QUESTION_BYTES)
        try:
            if self._clients > MAX_CLIENTS:
                await self._send(writer, self._no(_BUSY))
            else:
                await self._talk(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.transport.abort()  # gone, silent, or does not read: what is left would wait for ever
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._clients -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told: set[str] = set()
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError:
                await self._send(writer, self._no(_TOO_LONG))
                return
            try:
                question = msgspec.json.decode(line, type=Question)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                await self._send(writer, self._no(_NOT_UNDERSTOOD))
                return
            if question.command not in (HELLO, *told):  # a table that is redrawn asks the same again and again
                told.add(question.command)
                log.info("control: %s asked by %s", question.command[:40], _peer(writer))
            await self._send(writer, await self._answer(question))

    async def _answer(self, question: Question) -> Answer:
        if question.gateway not in ("", self._gateway_id):
            ours, asked = self._gateway_id, question.gateway
            return self._no(Sentence(zh=f"这是网关 {ours}，不是 {asked}", en=f"this is gateway {ours}, not {asked}"))
        if question.command == HELLO:
            return Answer(gateway=self._gateway_id)
        command = self._commands.get(question.command)
        if command is None:
            known = ", ".join(sorted(self._commands))
            return self._no(Sentence(zh=f"没有这个命令；可用的有：{known}", en=f"no such command; there are: {known}"))
        try:
            async with asyncio.timeout(ANSWER_S):
                return await command()
        except Refusal as error:
            why = error.words
        except (ConfigError, DeviceError) as error:
            why = sentence_of(told_by(error))
        except TimeoutError:
            why = _LATE
        return self._no(why)

    def _no(self, error: Sentence) -> Answer:
        return Answer(gateway=self._gateway_id, error=error)

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        answer = msgspec.structs.replace(answer, language=self._language())
        writer.write(msgspec.json.encode(answer) + b"\n")
        async with asyncio.timeout(SEND_S):
            await writer.drain()


async def _accepted(listening: socket.socket) -> socket.socket:
    """The next client; a box that has run out of descriptors is waited for."""
    outage = Outage(log, "nobody can be answered at the control socket: %s", level=logging.WARNING)
    while True:
        try:
            sock, _ = await asyncio.get_running_loop().sock_accept(listening)
        except OSError as error:
            outage.begin(error.strerror or error)
            await asyncio.sleep(REST_S)
        else:
            return sock


def folders_of(data_dir: Path) -> list[Path]:
    """Where a control socket may lie: the folder that systemd made for this run, else beside the data."""
    run = [Path(folder) for folder in os.environ.get("RUNTIME_DIRECTORY", "").split(":") if folder]
    return [*run[:1], data_dir]


@contextmanager
def _claimed(folder: Path) -> Iterator[socket.socket]:
    """A listening socket in the folder. What a dead gateway left is replaced, a living one's is not; raises OSError."""
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(0, "another gateway runs here and has taken it") from error
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listening:
                with suppress(FileNotFoundError):
                    (folder / SOCKET).unlink()
                listening.bind(f"/proc/self/fd/{place}/{SOCKET}")  # an address may have 107 bytes, a folder more
                (folder / SOCKET).chmod(_MODE)
                listening.settimeout(0.0)
                listening.listen(MAX_CLIENTS)
                try:
                    yield listening
                finally:
                    (folder / SOCKET).unlink(missing_ok=True)
        finally:
            os.close(place)


def _peer(writer: asyncio.StreamWriter) -> str:
    sock = writer.get_extra_info("socket")
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(told)
    return f"user {uid} (group {gid}, process {pid})"


def worded(
    gateway_id: str, wait: Mapping[str, Callable[[], Awaitable[Sentence]]], do: Mapping[str, Callable[[], Sentence]]
) -> dict[str, Command]:
    """Commands that answer in words: those that are waited for, and those that are done at once."""

    async def waited(work: Callable[[], Awaitable[Sentence]]) -> Answer:
        return Answer(gateway=gateway_id, words=await work())

    async def done(work: Callable[[], Sentence]) -> Answer:
        return Answer(gateway=gateway_id, words=work())

    commands: dict[str, Command] = {name: partial(waited, work) for name, work in wait.items()}
    commands.update({name: partial(done, work) for name, work in do.items()})
    return commands


def reported(gateway_id: str, look: Callable[[], Awaitable[msgspec.Struct]]) -> Command:
    """A command that answers with data."""

    async def answer() -> Answer:
        return Answer(gateway=gateway_id, body=msgspec.Raw(msgspec.json.encode(await look())))

    return answer
