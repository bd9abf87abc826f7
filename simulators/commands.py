"""`shouwang demo`."""

import argparse
import asyncio
from pathlib import Path

from simulators.broker import BrokerKind
from simulators.demo import Wish, headless_verdict, perform, print_line, write_report

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
    parser.add_argument("--broker", type=BrokerKind, default=BrokerKind.AUTO, choices=list(BrokerKind))
    parser.add_argument("--port", type=int, default=0, help="the console's port (default: a free one)")
    parser.add_argument("--door-port", type=int, default=0, help="the front page's port (default: a free one)")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the home's voice and the console")
    parser.set_defaults(func=_demo)


def _demo(options: argparse.Namespace) -> int:
    wish = Wish(
        is_headless=options.headless or options.recording is not None,
        seconds=options.seconds,
        report=options.report,
        recording=options.recording,
        broker=options.broker,
        port=options.port,
        door_port=options.door_port,
        language=options.language,
    )
    report = asyncio.run(perform(wish, print_line))
    if report is None:
        return _INTERRUPTED if wish.is_headless else 0
    if options.report is not None:
        write_report(report, options.report)
    if not wish.is_headless:
        return 0
    print_line(headless_verdict(report))
    for error in report.errors:
        print_line(f"error: {error}")
    return 0 if report.ok else 1


def _seconds(written: str) -> float:
    seconds = float(written)
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("must be from 1 to 86400")
    return seconds
