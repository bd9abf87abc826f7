"""`shouwang community retention`: what is kept how long, what would end now, and the round of a night by hand."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from community.daily_backup import backups_of
from community.measurements.forgetting import forget_everywhere
from community.retention_rounds import RetentionRounds, due
from community.settings import CommunitySettings, load
from community.store import retention_cases, retention_people
from community.store.database import Connection, Store
from community.store.retention import Kind
from community.terminal import say, with_config, with_store


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `retention`."""
    command = with_config(commands.add_parser("retention", help="let end what was kept long enough, as each night"))
    command.add_argument("--dry-run", action="store_true", help="only say what would end, and change nothing")
    command.set_defaults(func=_retention)


def _retention(options: argparse.Namespace) -> int:
    settings = load(options.config)
    work = _would_end if options.dry_run else _ends
    return with_store(settings, partial(work, settings))


async def _would_end(settings: CommunitySettings, store: Store) -> int:
    entry, now = settings.retention, datetime.now(UTC)
    for kind, before in due(entry, now):
        number = await store.read(partial(_counted, kind, before), within_s=None)
        say(f"{kind.name}: {number} would end, of before {before.astimezone(settings.kpi.zone):%Y-%m-%d}")
    people = entry.of("person_days")
    if people is None:
        say(f"{retention_people.NAME}: never by themselves (people erase)")
    else:
        ids = await store.read(partial(retention_people.over, before=now - people), within_s=None)
        say(f"{retention_people.NAME}: {len(ids)} would end{': ' if ids else ''}{', '.join(ids)}")
    for row in await store.read(retention_cases.holds):
        say(f"case {row.incident_id} is held since {row.at.astimezone(settings.kpi.zone):%Y-%m-%d} by {row.by}")
    return 0


async def _ends(settings: CommunitySettings, store: Store) -> int:
    now = datetime.now(UTC)
    forget = partial(forget_everywhere, settings.measurements, settings.store.url, store)
    rounds = RetentionRounds(
        store, settings.retention, zone=settings.kpi.zone, clock=lambda: datetime.now(UTC), forget=forget
    )
    ended = await rounds.turn(f"{now.astimezone(settings.kpi.zone):%Y-%m-%d}", now)
    for name, number in ended.items():
        say(f"{name}: {number} have ended")
    for line in _left_in_backups(settings):
        say(line)
    return 0


def _counted(kind: Kind, before: datetime, connection: Connection) -> int:
    page = kind.look(connection, before, None)
    number = len(page.keys)
    while page.last is not None:
        page = kind.look(connection, before, page.last)
        number += len(page.keys)
    return number


def _left_in_backups(settings: CommunitySettings) -> Iterator[str]:
    if settings.backup is not None and backups_of(settings.backup.folder):
        yield f"daily backups still hold it, until {settings.backup.keep} newer ones have been made"
    yield "backups that were made by hand before today still hold it: throw them away as docs/people.md says"
