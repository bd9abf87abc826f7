"""`shouwang community retention`: what is kept how long, what would end now, and the round of a night by hand."""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from community.daily_backup import backups_of
from community.facts import kept, words
from community.measurements.forgetting import forget_everywhere
from community.retention_rounds import Ended, RetentionRounds, due, people_over
from community.retention_words import held_back, named, runs_or_not
from community.settings import CommunitySettings, load
from community.store import retention_cases, retention_people, round_clock, tokens
from community.store.database import Connection, Store
from community.store.retention import Kind
from community.terminal import say, with_config, with_store
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import ConfigError, ShouwangError
from shouwang.spoken import said_here


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `retention`."""
    command = with_config(commands.add_parser("retention", help="let end what was kept long enough, for ever"))
    command.add_argument("--dry-run", action="store_true", help="only say what would end, and change nothing")
    command.add_argument("--by", metavar="LOGIN", help="who does it; it is logged")
    command.add_argument("--yes", action="store_true", help="do not ask again")
    command.set_defaults(func=_retention)


def _retention(options: argparse.Namespace) -> int:
    settings = load(options.config)
    if options.dry_run:
        return with_store(settings, partial(_would_end, settings))
    if not options.by:
        raise ConfigError(_LOOK_FIRST)
    if not options.yes and input(said_here(_SURE)) != "yes":
        raise ConfigError(_NOTHING)
    return with_store(settings, partial(_ends, settings, by=options.by))


async def _would_end(settings: CommunitySettings, store: Store) -> int:
    entry, zone, now = settings.retention, settings.kpi.zone, datetime.now(UTC)
    say(runs_or_not(entry))
    reckoned = await store.read(partial(round_clock.reckoned, day=f"{now.astimezone(zone):%Y-%m-%d}", clock=now))
    doubt = held_back(reckoned)
    if doubt:
        say(doubt)
    is_whole = True
    for kind, before in due(entry, reckoned):
        shown = both(", of before {day}", "（{day} 之前的）", day=f"{before.astimezone(zone):%Y-%m-%d}")
        is_whole &= await _said(store, kind.name, partial(_counted, kind, before), shown)
    people = entry.of("person_days")
    if people is None:
        say(both(*_NEVER, name=named(retention_people.NAME)))
    before_ = None if people is None else reckoned.before(people)
    if before_ is not None:
        is_whole &= await _said(store, retention_people.NAME, partial(_named, before_), "")
    for row in await store.read(retention_cases.holds):
        since = f"{row.at.astimezone(zone):%Y-%m-%d}"
        say(both(*_HELD, case=row.incident_id, since=since, who=row.by))
    return 0 if is_whole else 1


async def _said(store: Store, name: str, count: Callable[[Connection], tuple[int, int, str]], more: str) -> bool:
    """Whether it could be counted."""
    try:
        number, early, who = await store.read(count, within_s=None)
    except (ShouwangError, ValueError) as error:
        say(both(*_UNCOUNTED, name=named(name), error=told_by(error)))
        return False
    shown = both(": {who}", "：{who}", who=who) if who else more
    say(both(*_WOULD_END, name=named(name), number=number, more=shown))
    if early:
        say(_left(name, early))
    return True


async def _ends(settings: CommunitySettings, store: Store, *, by: str) -> int:
    now = datetime.now(UTC)
    forget = partial(forget_everywhere, settings.measurements, settings.store.url, store)
    rounds = RetentionRounds(
        store, settings.retention, zone=settings.kpi.zone, clock=lambda: datetime.now(UTC), forget=forget
    )
    ended = await rounds.turn(f"{now.astimezone(settings.kpi.zone):%Y-%m-%d}", now)
    lines = tuple(_told(ended))
    await store.write(
        lambda connection: tokens.changed(connection, by, "retention by hand", "", kept(map(words, lines)), at=now)
    )
    for line in (*lines, *_left_in_backups(settings)):
        say(line)
    return 1 if ended.undone else 0


def _told(ended: Ended) -> Iterator[str]:
    doubt = held_back(ended.reckoned)
    if doubt:
        yield doubt
    for name, number in ended.numbers.items():
        if number:
            yield both(*_HAVE_ENDED, name=named(name), number=number)
    for name, number in ended.early.items():
        if number:
            yield _left(name, number)
    for name, why in ended.undone.items():
        yield both(*_UNDONE, name=named(name), why=why)
    if not any(ended.numbers.values()):
        yield _NOTHING


def _counted(kind: Kind, before: datetime, connection: Connection) -> tuple[int, int, str]:
    number = early = 0
    page = round_clock.page(connection, kind, before, None)
    while True:
        number, early = number + len(page.keys), early + page.early
        if page.last is None:
            return number, early, ""
        page = round_clock.page(connection, kind, before, page.last)


def _named(before: datetime, connection: Connection) -> tuple[int, int, str]:
    over, early = people_over(connection, before)
    return len(over), early, ", ".join(over)


def _left_in_backups(settings: CommunitySettings) -> Iterator[str]:
    if settings.backup is not None and backups_of(settings.backup.folder):
        yield both(*_IN_DAILY, number=settings.backup.keep)
    yield _IN_OTHERS


def _left(name: str, number: int) -> Bilingual:
    return both(*_LEFT, name=named(name), number=number, year=round_clock.SANE.year)


_LOOK_FIRST = Bilingual(
    "what ends cannot be brought back: look at it with --dry-run, then say who does it with --by",
    zh="清除后无法恢复：先用 --dry-run 看一遍，再用 --by 写明由谁执行",
)
_SURE = Bilingual("Let end for ever what is over? Write yes: ", zh="永久清除到期的内容？请输入 yes：")
_NOTHING = Bilingual("nothing has ended", zh="什么都没有清除")
_NEVER = "{name}: never by themselves (people erase)", "{name}：不会自动清除（由人执行 people erase）"
_HELD = "case {case} is held since {since} by {who}", "警情 {case} 自 {since} 起由 {who} 保全"
_UNCOUNTED = "{name}: cannot be counted: {error}", "{name}：无法清点：{error}"
_WOULD_END = "{name}: {number} would end{more}", "{name}：将清除 {number} 条{more}"
_HAVE_ENDED = "{name}: {number} have ended", "{name}：已清除 {number} 条"
_UNDONE = "{name}: not done: {why}", "{name}：没有做成：{why}"
_LEFT = (
    "{name}: {number} are left, written by a clock that was wrong (before {year})",
    "{name}：留下 {number} 条，写入时的时钟是错的（早于 {year} 年）",
)
_IN_DAILY = (
    "daily backups still hold it, until {number} newer ones have been made",
    "每日备份里还有，要等新做 {number} 份备份后才没有",
)
_IN_OTHERS = Bilingual(
    "backups that were made by hand before today still hold it: throw them away as docs/people.md says",
    zh="今天以前手工做的备份里还有：请按 docs/people.md 的说明销毁",
)
