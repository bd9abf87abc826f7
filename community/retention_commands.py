"""`shouwang community retention`: what is kept how long, what would end now, and the round of a night by hand."""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from community.daily_backup import backups_of
from community.measurements.forgetting import forget_everywhere
from community.retention_rounds import Ended, RetentionRounds, due, held_back, people_over
from community.retention_settings import RetentionEntry
from community.settings import CommunitySettings, load
from community.store import retention_cases, retention_people, round_clock, tokens
from community.store.database import Connection, Store
from community.store.retention import Kind
from community.terminal import say, with_config, with_store
from shouwang.errors import ConfigError, ShouwangError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `retention`."""
    command = with_config(commands.add_parser("retention", help="let end what was kept long enough, for ever"))
    command.add_argument("--dry-run", action="store_true", help="only say what would end, and change nothing")
    command.add_argument("--by", metavar="LOGIN", help="who does it; it is logged")
    command.add_argument("--yes", action="store_true", help="do not ask again")
    command.set_defaults(func=_retention)


def runs_or_not(entry: RetentionEntry) -> str:
    """Whether anything ends by itself, in words."""
    if entry.runs:
        return f"what is over ends by itself each night from {entry.hour} o'clock on; it cannot be brought back"
    return "nothing is ended by itself; look at `community retention --dry-run`, then write retention: {runs: true}"


def _retention(options: argparse.Namespace) -> int:
    settings = load(options.config)
    if options.dry_run:
        return with_store(settings, partial(_would_end, settings))
    if not options.by:
        raise ConfigError("what ends cannot be brought back: look at it with --dry-run, then say who does it with --by")
    if not options.yes and input("Let end for ever what is over? Write yes: ") != "yes":
        raise ConfigError("nothing has ended")
    return with_store(settings, partial(_ends, settings, by=options.by))


async def _would_end(settings: CommunitySettings, store: Store) -> int:
    entry, zone, now = settings.retention, settings.kpi.zone, datetime.now(UTC)
    say(runs_or_not(entry))
    reckoned = await store.read(partial(round_clock.reckoned, day=f"{now.astimezone(zone):%Y-%m-%d}", clock=now))
    words = held_back(reckoned)
    if words:
        say(words)
    is_whole = True
    for kind, before in due(entry, reckoned):
        shown = f"of before {before.astimezone(zone):%Y-%m-%d}"
        is_whole &= await _said(store, kind.name, partial(_counted, kind, before), shown)
    people = entry.of("person_days")
    if people is None:
        say(f"{retention_people.NAME}: never by themselves (people erase)")
    before_ = None if people is None else reckoned.before(people)
    if before_ is not None:
        is_whole &= await _said(store, retention_people.NAME, partial(_named, before_), "")
    for row in await store.read(retention_cases.holds):
        say(f"case {row.incident_id} is held since {row.at.astimezone(zone):%Y-%m-%d} by {row.by}")
    return 0 if is_whole else 1


async def _said(store: Store, name: str, count: Callable[[Connection], tuple[int, int, str]], more: str) -> bool:
    """Whether it could be counted."""
    try:
        number, early, who = await store.read(count, within_s=None)
    except (ShouwangError, ValueError) as error:
        say(f"{name}: cannot be counted: {error}")
        return False
    say(f"{name}: {number} would end{', ' if more else ''}{more}{': ' if who else ''}{who}")
    if early:
        say(f"{name}: {early} are left, written by a clock that was wrong (before {round_clock.SANE.year})")
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
        lambda connection: tokens.changed(connection, by, "retention by hand", "", "; ".join(lines), at=now)
    )
    for line in (*lines, *_left_in_backups(settings)):
        say(line)
    return 1 if ended.undone else 0


def _told(ended: Ended) -> Iterator[str]:
    words = held_back(ended.reckoned)
    if words:
        yield words
    for name, number in ended.numbers.items():
        if number:
            yield f"{name}: {number} have ended"
    for name, number in ended.early.items():
        if number:
            yield f"{name}: {number} are left, written by a clock that was wrong (before {round_clock.SANE.year})"
    for name, why in ended.undone.items():
        yield f"{name}: not done: {why}"
    if not any(ended.numbers.values()):
        yield "nothing has ended"


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
        yield f"daily backups still hold it, until {settings.backup.keep} newer ones have been made"
    yield "backups that were made by hand before today still hold it: throw them away as docs/people.md says"
