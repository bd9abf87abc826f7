"""`shouwang community channels check|test`: see that channels could work, and send a real message."""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path

from community.channel_lines import answer_token, lines_of, people_of
from community.channel_watch import PROBE_S, sent_test
from community.post import Line
from community.settings import CommunitySettings, load
from shouwang.errors import ConfigError, ShouwangError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of channels."""
    parts = commands.add_parser("channels", help="the ways to reach people").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = _with_config(parts.add_parser("check", help="see that every channel could work; no message is sent"))
    check.set_defaults(func=_check)
    test = _with_config(parts.add_parser("test", help="send a real test message by one channel"))
    test.add_argument("name", help="the channel, as in channels: ways")
    test.add_argument("--to", help="number or address (default: test_to of the channel)")
    test.set_defaults(func=_test)


def _with_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="community.yaml", help="the server's configuration"
    )
    return parser


def _check(options: argparse.Namespace) -> int:
    settings = load(options.config)
    lines = _lines(settings)
    answer_token(settings.channels)
    faults = asyncio.run(_probed(lines))
    for line in lines:
        fault = faults[line.name]
        untested = "" if line.test_to else "; no monthly test: it has no test_to"
        _say(f"{line.name} ({line.way.value}): {fault or 'answers'}{untested}")
    ways = {line.way for line in lines}
    for person in people_of(settings.channels):
        lacking = [way.value for way, _ in person.ways if way not in ways]
        _say(
            f"  {person.person}: {', '.join(way.value for way, _ in person.ways)}"
            + (f"; no channel for {', '.join(lacking)}" if lacking else "")
        )
    if not lines:
        _say("no channels: only people at an open console are reached; see docs/notifications.md")
    return 1 if any(faults.values()) else 0


def _test(options: argparse.Namespace) -> int:
    lines = _lines(load(options.config))
    line = next((one for one in lines if one.name == options.name), None)
    if line is None:
        names = ", ".join(one.name for one in lines) or "none"
        raise ConfigError(f"there is no channel {options.name}; there are: {names}")
    to = options.to or line.test_to
    if not to:
        raise ConfigError(f"{line.name} has no test_to: say --to NUMBER-OR-ADDRESS")
    fault = asyncio.run(sent_test(line, to, datetime.now(UTC)))
    _say(f"{line.name}: failed: {fault}" if fault else f"{line.name}: the far end has taken a test message for {to}")
    return 1 if fault else 0


def _lines(settings: CommunitySettings) -> tuple[Line, ...]:
    return lines_of(settings.channels, public_url=settings.web.public_url or f"http://127.0.0.1:{settings.web.port}")


async def _probed(lines: tuple[Line, ...]) -> dict[str, str]:
    return dict(zip((line.name for line in lines), await asyncio.gather(*map(_fault, lines)), strict=True))


async def _fault(line: Line) -> str:
    try:
        async with asyncio.timeout(PROBE_S):
            await line.channel.probe()
    except TimeoutError:
        return f"has not answered in {PROBE_S:.0f} s"
    except ShouwangError as error:
        return str(error)
    return ""


def _say(line: str) -> None:
    print(line)
