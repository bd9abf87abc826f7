"""`shouwang community channels check|test`: see that channels could work, and send a real message."""

import argparse
import asyncio
from datetime import UTC, datetime

from community.channel_lines import answer_token, lines_of, people_of
from community.channel_watch import probed, sent_test
from community.post import Line
from community.settings import CommunitySettings, load
from community.terminal import say, with_config
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError

_STATE = "{name} ({way}): {state}{untested}", "{name}（{way}）：{state}{untested}"
_ANSWERS = Bilingual("answers", zh="有应答")
_UNTESTED = Bilingual("; no monthly test: it has no test_to", zh="；不做每月测试：没有写 test_to")
_FAILED = "{name}: failed: {why}", "{name}：没有成功：{why}"
_TAKEN = "{name}: the far end has taken a test message for {to}", "{name}：对方已收下发给 {to} 的测试消息"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of channels."""
    parts = commands.add_parser("channels", help="the ways to reach people").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = with_config(parts.add_parser("check", help="see that every channel could work; no message is sent"))
    check.set_defaults(func=_check)
    test = with_config(parts.add_parser("test", help="send a real test message by one channel"))
    test.add_argument("name", help="the channel, as in channels: ways")
    test.add_argument("--to", help="number or address (default: test_to of the channel)")
    test.set_defaults(func=_test)


def _check(options: argparse.Namespace) -> int:
    settings = load(options.config)
    lines = _lines(settings)
    answer_token(settings.channels)
    faults = asyncio.run(_probed(lines))
    for line in lines:
        fault = faults[line.name]
        untested = "" if line.test_to else _UNTESTED
        say(both(*_STATE, name=line.name, way=line.way.value, state=fault or _ANSWERS, untested=untested))
    ways = {line.way for line in lines}
    for person in people_of(settings.channels):
        lacking = [way.value for way, _ in person.ways if way not in ways]
        say(
            f"  {person.person}: {', '.join(way.value for way, _ in person.ways)}"
            + (f"; no channel for {', '.join(lacking)}" if lacking else "")
        )
    if not lines:
        say("no channels: only people at an open console are reached; see docs/notifications.md")
    return 1 if any(faults.values()) else 0


def _test(options: argparse.Namespace) -> int:
    lines = _lines(load(options.config))
    line = next((one for one in lines if one.name == options.name), None)
    if line is None:
        names = ", ".join(one.name for one in lines) or "none"
        raise ConfigError(
            Bilingual(
                f"there is no channel {options.name}; there are: {names}", zh=f"没有渠道 {options.name}；有：{names}"
            )
        )
    to = options.to or line.test_to
    if not to:
        raise ConfigError(
            Bilingual(
                f"{line.name} has no test_to: say --to NUMBER-OR-ADDRESS",
                zh=f"{line.name} 没有 test_to：请写 --to 号码或地址",
            )
        )
    fault = asyncio.run(sent_test(line, to, datetime.now(UTC)))
    say(both(*_FAILED, name=line.name, why=fault) if fault else both(*_TAKEN, name=line.name, to=to))
    return 1 if fault else 0


def _lines(settings: CommunitySettings) -> tuple[Line, ...]:
    return lines_of(settings.channels, public_url=settings.web.public_url or f"http://127.0.0.1:{settings.web.port}")


async def _probed(lines: tuple[Line, ...]) -> dict[str, str | None]:
    return dict(zip((line.name for line in lines), await asyncio.gather(*map(probed, lines)), strict=True))
