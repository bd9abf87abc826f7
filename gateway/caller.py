"""Asks the gateway that runs on this box, over its control socket: for the commands that people type."""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.control import ANSWER_S, HELLO, SOCKET, Answer, Question, Refusal
from shouwang.bilingual import Bilingual
from shouwang.errors import DeviceError

RUN_FOLDER = Path("/run/shouwang-gateway")
DATA_FOLDER = Path("/var/lib/shouwang")
CONNECT_S = 3.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""The status of 200 sensors has some 60 kB."""


class NotRunning(DeviceError):
    """No gateway answers on this box."""


class NotAllowed(DeviceError):
    """There is one, and this user may not ask it."""


class Line:
    """An open connection to a gateway."""

    def __init__(self, sock: socket.socket, file: BinaryIO, gateway_id: str) -> None:
        """`file` reads from the socket; `gateway_id`: whom to ask; empty: whichever answers."""
        self._sock = sock
        self._file = file
        self._gateway_id = gateway_id

    def ask(self, command: str) -> Answer:
        """Ask and wait. Raises NotRunning where it is gone, Refusal with why it says no."""
        question = Question(command=command, gateway=self._gateway_id)
        try:
            with suppress(BrokenPipeError):  # one that is busy says so and hangs up, without having been asked
                self._sock.sendall(msgspec.json.encode(question) + b"\n")
            line = self._file.readline(MAX_ANSWER_BYTES)
            answer = msgspec.json.decode(line, type=Answer)
        except (OSError, msgspec.MsgspecError) as error:
            raise NotRunning(
                Bilingual("the gateway has stopped, or does not answer", zh="网关已停止，或没有应答")
            ) from error
        if self._gateway_id not in ("", answer.gateway):
            raise NotRunning(
                Bilingual(f"here answers another gateway: {answer.gateway}", zh=f"应答的是另一台网关：{answer.gateway}")
            )
        if answer.error is not None:
            raise Refusal(answer.error, answer.language)
        return answer


@contextmanager
def line_to(gateway_id: str, folders: Iterable[Path]) -> Iterator[Line]:
    """A connection to the gateway with this id (empty: any), whose socket lies in one of the folders.

    Raises NotRunning, NotAllowed where there is a socket that this user may not open, DeviceError where it is busy.
    """
    is_barred = False
    refusal: DeviceError | None = None
    for folder in dict.fromkeys(folders):
        try:
            sock = _connected(folder)
        except PermissionError:
            is_barred = True
            continue
        except OSError:
            continue
        with sock, sock.makefile("rb") as file:
            line = Line(sock, file, gateway_id)
            try:
                line.ask(HELLO)
            except NotRunning:  # another gateway's, or dying
                continue
            except DeviceError as error:  # it is there, and busy with others
                refusal = error
                continue
            yield line
            return
    if refusal is not None:
        raise refusal
    if is_barred:
        raise NotAllowed(Bilingual("this user may not ask the gateway", zh="这个用户无权询问网关"))
    raise NotRunning(Bilingual("no gateway answers on this box", zh="本机没有网关应答"))


def folders_for(data_dir: Path | None) -> list[Path]:
    """Where its socket may lie, the likely place first."""
    return [RUN_FOLDER, *([] if data_dir is None else [data_dir]), DATA_FOLDER]


def _connected(folder: Path) -> socket.socket:
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.settimeout(CONNECT_S)
        sock.connect(f"/proc/self/fd/{place}/{SOCKET}")
        sock.settimeout(ANSWER_S + CONNECT_S)
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(place)
    return sock
