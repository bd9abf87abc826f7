"""`shouwang demo`."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from simulators.broker import BrokerKind
from simulators.demo import Wish, headless_verdict, perform, print_line, write_report

_N = TypeVar("_N", int, float)
_INTERRUPTED = 130
"""What a shell calls an end by Ctrl-C."""


def register(parser: argparse.ArgumentParser) -> None:
    """Add the demonstration's options."""
    parser.add_argument(
        "--headless", action="store_true", help="no browser: a scripted operator; exit 0 if all is seen"
    )
    parser.add_argument("--seconds", type=_seconds, help="how long to play (the story: 90; faster if less is given)")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write what was seen as JSON")
    parser.add_argument("--recording", type=Path, metavar="CSV", help="play at,quantity,value instead of the story")
    parser.add_argument(
        "--broker",
        default="auto",
        choices=[kind.value for kind in BrokerKind],
        help="default: mosquitto if it is installed",
    )
    parser.add_argument("--port", type=_port, metavar="N", default=0, help="the console's port (default: a free one)")
    parser.add_argument(
        "--door-port", type=_port, metavar="N", default=0, help="the front page's port (default: a free one)"
    )
    parser.add_argument(
        "--language",
        choices=("zh", "en"),
        default="zh",
        help="what the home speaks; the page and the console follow the browser",
    )
    parser.set_defaults(func=_demo)


def _demo(options: argparse.Namespace) -> int:
    wish = Wish(
        is_headless=options.headless or options.recording is not None,
        seconds=options.seconds,
        report=options.report,
        recording=options.recording,
        broker=BrokerKind(options.broker),
        port=options.port,
        door_port=options.door_port,
        language=options.language,
    )
    report = asyncio.run(perform(wish, print_line))
    if options.report is not None and report is not None:
        write_report(report, options.report)
    if not wish.is_headless:
        print_line(f"all has ended; nothing runs any more, and nothing was kept{_but_for(options.report)}")
        return 0
    if report is None:
        return _INTERRUPTED
    print_line(headless_verdict(report))
    for error in report.errors:
        print_line(f"error: {error}")
    return 0 if report.ok else 1


def _but_for(report: Path | None) -> str:
    return "" if report is None else f" but the report {report}"


def _seconds(written: str) -> float:
    return _number(written, float, 1, 86_400)


def _port(written: str) -> int:
    return _number(written, int, 1, 65_535)


def _number(written: str, kind: Callable[[str], _N], least: int, most: int) -> _N:
    """Raises ArgumentTypeError."""
    try:
        if least <= (number := kind(written)) <= most:
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{written!r}: must be a number from {least} to {most}")
