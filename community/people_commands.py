"""`shouwang community people ...`: the register of people and places taken in and given out."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from community import people_demand_commands
from community.registry import Reading, Register
from community.registry_checks import sift
from community.registry_demo import demo
from community.registry_folder import read_register, write_register
from community.settings import CommunitySettings, load
from community.store import people, people_access
from community.store.database import Connection, Store
from community.store.people_access import Act
from community.store.people_export import given_out, known
from community.store.people_register import Hand, Tally, batches, take_in
from community.terminal import say, with_config, with_store
from shouwang.errors import ConfigError

_SHOWN = 200
"""Changes told one by one; a register of thousands is better looked at in files."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `people` and what belongs to it."""
    parser = commands.add_parser("people", help="who lives where, whom to call, what they have agreed to")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    check = with_config(verbs.add_parser("check", help="say what is wrong with a register, change nothing"))
    check.set_defaults(func=_check)
    take = with_config(verbs.add_parser("import", help="take a register in; what it does not write stays"))
    take.set_defaults(func=_import)
    for verb in (check, take):
        verb.add_argument("path", type=Path, metavar="FILE", help="a .yaml file, a .csv table, or a folder of tables")
        verb.add_argument("--encoding", default="utf-8", help="of tables; gb18030 for those of a Chinese Excel")
    tried = with_config(verbs.add_parser("demo", help="take in a small district with invented people"))
    tried.set_defaults(func=_demo)
    for verb in (take, tried):
        verb.add_argument("--dry-run", action="store_true", help="only say what would change")
        verb.add_argument("--strict", action="store_true", help="take nothing in where one row is wrong")
        verb.add_argument("--by", required=verb is take, default="demo", metavar="LOGIN", help="who does it")
        verb.add_argument("--reason", default="", help="kept with what was said before")
    out = with_config(verbs.add_parser("export", help="write the whole register; no key-safe codes"))
    out.add_argument("path", type=Path, metavar="FILE", help="a new .yaml file, or a new folder for tables")
    out.add_argument("--by", required=True, metavar="LOGIN", help="who takes it away")
    out.add_argument("--reason", required=True, help="what for; both are logged")
    out.set_defaults(func=_export)
    filed = with_config(verbs.add_parser("completeness", help="how much of each resident is on file, worst first"))
    filed.set_defaults(func=_completeness)
    people_demand_commands.register(verbs)


def _check(options: argparse.Namespace) -> int:
    return _told(_sifted(load(options.config), read_register(options.path, encoding=options.encoding)))


def _import(options: argparse.Namespace) -> int:
    return _take(options, read_register(options.path, encoding=options.encoding))


def _demo(options: argparse.Namespace) -> int:
    return _take(options, Reading(register=demo()))


def _take(options: argparse.Namespace, reading: Reading) -> int:
    settings = load(options.config)
    sifted = _sifted(settings, reading)
    if options.strict and sifted.refusals:
        raise ConfigError(
            "\n".join([*map(str, sifted.refusals), "nothing was taken in: --strict takes all or nothing"])
        )
    hand = Hand(by=options.by, at=datetime.now(UTC), reason=options.reason, dry=options.dry_run)
    tally = Tally()

    async def take(store: Store) -> None:
        run = store.read if hand.dry else store.write
        for part in batches(sifted.register):

            def work(connection: Connection, part: Register = part) -> None:
                take_in(connection, part, hand, tally)

            await run(work)

    with_store(settings, take)
    _say_changes(tally)
    if hand.dry:
        say("nothing was written: --dry-run")
    return _told(sifted)


def _sifted(settings: CommunitySettings, reading: Reading) -> Reading:
    on_file = with_store(settings, lambda store: store.read(known))
    pinned = {home.id: home.gateway for home in settings.homes}
    return sift(reading, replace(on_file, pinned=pinned), datetime.now(UTC))


def _say_changes(tally: Tally) -> None:
    for line in tally.changes[:_SHOWN]:
        say(line)
    if len(tally.changes) > _SHOWN:
        say(f"... and {len(tally.changes) - _SHOWN} more")
    for table, new in tally.new.items():
        changed, same = tally.changed[table], tally.same[table]
        if new or changed or same:
            say(f"{table}: {new} new, {changed} changed, {same} as before")


def _told(sifted: Reading) -> int:
    for one in sifted.refusals:
        say(str(one))
    say(f"{len(sifted.register)} rows can be used, {len(sifted.refusals)} complaints")
    return 1 if sifted.refusals else 0


def _export(options: argparse.Namespace) -> int:
    def take_out(connection: Connection) -> Register:
        people_access.note(connection, Act.EXPORT, actor=options.by, at=datetime.now(UTC), reason=options.reason)
        return given_out(connection)

    whole = with_store(load(options.config), lambda store: store.write(take_out))
    write_register(whole, options.path)
    say(f"{len(whole)} rows into {options.path}; it is personal data: guard it, and delete it after use")
    return 0


def _completeness(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    found = with_store(
        load(options.config), lambda store: store.read(lambda connection: people.completeness(connection, now))
    )
    for name, one in sorted(found.items(), key=lambda pair: (pair[1].percent, pair[0])):
        say(f"{one.percent:3} %  {name}" + (f"  lacks {', '.join(one.missing)}" if one.missing else ""))
    if found:
        say(f"{sum(one.percent for one in found.values()) // len(found)} % on the whole, {len(found)} residents")
    return 0
