"""The `shouwang` command. Rooms are imported only when they are asked for, so that a home box needs no web stack."""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence

from shouwang.bilingual import by_lines, told_by
from shouwang.errors import ShouwangError
from shouwang.spoken import said_here

_ROOMS = {
    "gateway": ("gateway.commands", "the box in an elder's home"),
    "community": ("community.commands", "the server of the call centre"),
    "rules": ("config.rule_commands", "try rules on recorded readings before they are trusted"),
    "decode": ("drivers.commands", "what a frame of a sensor means"),
    "sim": ("simulators.sim", "simulated Bluetooth devices on this machine, by a story or a recording"),
    "demo": ("simulators.commands", "a simulated home, a gateway and a call centre on this machine"),
}
_EXTRAS = {
    "gateway": "gateway",
    "community": "community",
    "rules": "gateway",
    "decode": "gateway",
    "sim": "gateway,sim",
    "demo": "gateway,community,sim",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 done, 1 failed, 2 misused."""
    _say_all_signs()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="shouwang", description="Shouwang 守望 keeps watch over elders at home.")
    rooms = parser.add_subparsers(required=True, metavar="ROOM")
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, (module, purpose) in _ROOMS.items():
        room = rooms.add_parser(name, help=purpose, description=purpose)
        if name == asked:
            try:
                importlib.import_module(module).register(room)
            except ModuleNotFoundError as error:
                return _complain(_what_to_install(name, error))
    options = parser.parse_args(arguments)
    try:
        return int(options.func(options))
    except ShouwangError as error:
        return _complain(told_by(error))
    except BaseExceptionGroup as group:  # what ended a group of tasks
        known, unknown = group.split(ShouwangError)
        if known is None or unknown is not None:
            raise
        return _complain(by_lines(told_by(error) for error in _leaves(known)))
    except KeyboardInterrupt:
        return 130


def _say_all_signs() -> None:
    """A sign that the terminal's charset has not is written as its number: no command may end in the middle for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _complain(message: str) -> int:
    print(said_here(message), file=sys.stderr)
    return 1


def _leaves(group: BaseExceptionGroup[ShouwangError]) -> list[ShouwangError]:
    found: list[ShouwangError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _what_to_install(room: str, error: ModuleNotFoundError) -> str:
    return f"{error.name} is not installed here: pip install 'shouwang[{_EXTRAS[room]}]', then try again"
