"""`shouwang gateway status`, `reload` and their like: ask the gateway that runs, and print what it says."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from gateway.caller import NotAllowed, NotRunning, line_to
from gateway.control import Refusal
from gateway.status import Status
from gateway.status_table import lines_of
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import told_by
from shouwang.errors import DeviceError
from shouwang.spoken import spoken_here

REDRAW_S = 1.0
_NARROW, _WIDE = (80, 24), (160, 0)
NOT_RUNNING = Sentence(
    zh="网关没有在本机运行（或正在启动）。\n"
    "  看看为什么：  systemctl status shouwang-gateway\n"
    "  看日志：      journalctl -u shouwang-gateway -n 50\n"
    "  启动：        sudo systemctl start shouwang-gateway\n"
    "  检查整机：    shouwang gateway doctor",
    en="The gateway does not run on this box (or is just starting).\n"
    "  see why:         systemctl status shouwang-gateway\n"
    "  see its log:     journalctl -u shouwang-gateway -n 50\n"
    "  start it:        sudo systemctl start shouwang-gateway\n"
    "  check the box:   shouwang gateway doctor",
)
NOT_ALLOWED = Sentence(
    zh="网关在运行，但这个用户无权查看：读数属于隐私。\n"
    "  用 sudo 再试，或加入用户组后重新登录：  sudo usermod -aG shouwang-gateway $USER",
    en="The gateway runs, but this user may not ask it: readings are private.\n"
    "  Use sudo, or join the group and log in again:  sudo usermod -aG shouwang-gateway $USER",
)


def status(gateway_id: str, folders: Sequence[Path], *, language: str | None, is_json: bool, is_watching: bool) -> int:
    """Print it once, or again and again until Ctrl-C; returns the exit code, 1 where nobody answers."""
    if is_watching and not is_json:
        return _watch(gateway_id, folders, language)
    try:
        with line_to(gateway_id, folders) as line:
            answer = line.ask("status")
    except DeviceError as error:
        return _refused(error, language)
    if is_json:
        print(msgspec.json.format(bytes(answer.body)).decode())
        return 0
    width = shutil.get_terminal_size(_NARROW).columns if sys.stdout.isatty() else _WIDE[0]
    for one in _lines(answer.body, language, width):
        print(one)
    return 0


def order(gateway_id: str, folders: Sequence[Path], command: str, *, language: str | None) -> int:
    """Have the gateway do something, and print what it says, in the home's language where `language` is None.

    Exit code 1 where it could not.
    """
    try:
        with line_to(gateway_id, folders) as line:
            answer = line.ask(command)
    except DeviceError as error:
        return _refused(error, language)
    if answer.words is not None:
        print(_in(language or answer.language, answer.words))
    return 0


def _refused(error: DeviceError, language: str | None) -> int:
    print(_words(error, language), file=sys.stderr)
    return 1


def _words(error: DeviceError, language: str | None) -> str:
    if isinstance(error, Refusal):
        return _in(language or error.language, error.words)
    said = NOT_RUNNING if isinstance(error, NotRunning) else NOT_ALLOWED if isinstance(error, NotAllowed) else None
    return _in(language, sentence_of(told_by(error)) if said is None else said)


def _in(language: str | None, said: Sentence) -> str:
    return said.zh if (language or spoken_here()) == "zh" else said.en


def _lines(body: msgspec.Raw, language: str | None, width: int) -> list[str]:
    told = msgspec.json.decode(body, type=Status)
    return lines_of(told, language=language or told.language, width=width)


def _watch(gateway_id: str, folders: Sequence[Path], language: str | None) -> int:
    with _screen():
        try:
            while True:
                _watch_once(gateway_id, folders, language)
                time.sleep(REDRAW_S)
        except KeyboardInterrupt:
            return 0


def _watch_once(gateway_id: str, folders: Sequence[Path], language: str | None) -> None:
    """As long as it answers; else say why not."""
    try:
        with line_to(gateway_id, folders) as line:
            while True:
                width = shutil.get_terminal_size(_NARROW).columns
                _draw(_lines(line.ask("status").body, language, width))
                time.sleep(REDRAW_S)
    except DeviceError as error:
        _draw(_words(error, language).splitlines())


def _draw(lines: list[str]) -> None:
    """Over the old lines, so that nothing flickers."""
    size = shutil.get_terminal_size(_NARROW)
    shown = lines[: size.lines - 1]
    if len(lines) > len(shown):
        shown[-1:] = [f"... +{len(lines) - len(shown) + 1}"]
    sys.stdout.write("\x1b[H" + "".join(f"{one}\x1b[K\n" for one in shown) + "\x1b[J")
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[None]:
    """A screen of its own without a cursor; what was on the terminal comes back, also where a signal ends this."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    sys.stdout.write("\x1b[?1049h\x1b[?25l")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, before)
