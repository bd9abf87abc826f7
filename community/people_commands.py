"""`shouwang community people ...`: the register of people and places taken in and given out."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from community import people_demand_commands
from community.incoming import sifted_by, take
from community.registry import Reading, Register
from community.registry_demo import demo
from community.registry_folder import read_register, write_register
from community.settings import CommunitySettings, load
from community.store import people, people_access
from community.store.database import Connection
from community.store.people_access import Act
from community.store.people_export import given_out
from community.store.people_register import Hand
from community.terminal import say, with_config, with_store
from shouwang.bilingual import Bilingual, both, by_lines
from shouwang.errors import ConfigError


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
    if options.strict:
        refusals = _sifted(settings, reading).refusals
        if refusals:
            raise ConfigError(by_lines([*(one.told for one in refusals), _ALL_OR_NOTHING]))
    hand = Hand(by=options.by, at=datetime.now(UTC), reason=options.reason, dry=options.dry_run)
    taken = with_store(settings, lambda store: take(store, reading, hand, _pinned(settings)))
    for line in taken.lines():
        say(line)
    if hand.dry:
        say(_ONLY_TRIED)
    return _told(taken.sifted)


def _sifted(settings: CommunitySettings, reading: Reading) -> Reading:
    now = datetime.now(UTC)
    return with_store(settings, lambda store: sifted_by(store, reading, _pinned(settings), now))


def _pinned(settings: CommunitySettings) -> dict[str, str]:
    return {home.id: home.gateway for home in settings.homes}


def _told(sifted: Reading) -> int:
    for one in sifted.refusals:
        say(one.told)
    say(both(*_COUNTED, rows=len(sifted.register), complaints=len(sifted.refusals)))
    return 1 if sifted.refusals else 0


def _export(options: argparse.Namespace) -> int:
    def take_out(connection: Connection) -> Register:
        people_access.note(connection, Act.EXPORT, actor=options.by, at=datetime.now(UTC), reason=options.reason)
        return given_out(connection)

    whole = with_store(load(options.config), lambda store: store.write(take_out))
    write_register(whole, options.path)
    say(both(*_GIVEN_OUT, rows=len(whole), path=options.path))
    return 0


_ALL_OR_NOTHING = Bilingual(
    "nothing was taken in: --strict takes all or nothing", zh="什么都没有导入：--strict 要么全部导入，要么都不导入"
)
_ONLY_TRIED = Bilingual("nothing was written: --dry-run", zh="只是试运行（--dry-run），什么都没有写入")
_COUNTED = "{rows} rows can be used, {complaints} complaints", "{rows} 行可用，{complaints} 处有问题"
_GIVEN_OUT = (
    "{rows} rows into {path}; it is personal data: guard it, and delete it after use",
    "已把 {rows} 行写入 {path}；这是个人信息：请妥善保管，用完删除",
)
_ON_THE_WHOLE = "{percent} % on the whole, {number} residents", "总体完整度 {percent} %，共 {number} 位老人"


def _completeness(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    found = with_store(
        load(options.config), lambda store: store.read(lambda connection: people.completeness(connection, now))
    )
    for name, one in sorted(found.items(), key=lambda pair: (pair[1].percent, pair[0])):
        lacks = both("  lacks {what}", "  缺 {what}", what=", ".join(one.missing)) if one.missing else ""
        say(
            both(
                "{percent:3} %  {name}{lacks}",
                "{percent:3} %  {name}{lacks}",
                percent=one.percent,
                name=name,
                lacks=lacks,
            )
        )
    if found:
        whole = sum(one.percent for one in found.values()) // len(found)
        say(both(*_ON_THE_WHOLE, percent=whole, number=len(found)))
    return 0
