"""`shouwang community backup FILE` and `restore-check FILE`."""

import argparse
from pathlib import Path

from community.daily_backup import source_of
from community.settings import load
from community.store import backups
from community.store.backups import Facts
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of backups."""
    backup = commands.add_parser("backup", help="write a backup while the server runs, and try it out")
    backup.add_argument("-c", "--config", type=Path, required=True, metavar="community.yaml")
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.set_defaults(func=_backup)
    check = commands.add_parser("restore-check", help="restore a backup on trial and check its whole record")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--head", metavar="HASH", help="the head of the record that it must have, as kept elsewhere")
    check.set_defaults(func=_check)


def _backup(options: argparse.Namespace) -> int:
    _say(options.file, backups.back_up(source_of(load(options.config)), options.file))
    return 0


def _check(options: argparse.Namespace) -> int:
    facts = backups.check(options.file)
    if options.head is not None and options.head not in (facts.head, facts.changes_head):
        raise ConfigError(
            Bilingual(
                f"{options.file}: its record ends with {facts.head}, not with {options.head}",
                zh=f"{options.file}：其中的记录以 {facts.head} 结尾，不是 {options.head}",
            )
        )
    _say(options.file, facts)
    return 0


def _say(file: Path, facts: Facts) -> None:
    made = facts.made_at.astimezone().isoformat(timespec="seconds")
    samples = "" if facts.samples is None else f", {facts.samples} measurements"
    entries = f"{facts.entries} entries{samples}; head {facts.head}"
    if facts.changes_head:
        entries += f"; {facts.changes} changes, head {facts.changes_head}"
    print(f"{file}: of {made}, restored on trial: {facts.cases} cases, {entries}")
