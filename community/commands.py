"""`shouwang community ...`: run the server, check its configuration and record, add users, list dead letters."""

import argparse
import asyncio
import logging
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime

from community import (
    app,
    backup_commands,
    channel_commands,
    dispatch_commands,
    fhir_commands,
    kpi_commands,
    people_commands,
    retention_commands,
    rights_commands,
)
from community.accounts import Accounts
from community.map_settings import MapEntry
from community.retention_words import runs_or_not
from community.settings import CommunitySettings, broker_settings, load, secret
from community.sms_inlet import keys_of, token_of
from community.store import chain, dead_letters, logins, passkeys, seals
from community.store.database import Connection
from community.terminal import say, with_config, with_store
from community.tiles import credit_of, source_of
from community.users import User
from shouwang.bilingual import both, by_lines, told_by
from shouwang.errors import ConfigError


def register(parser: argparse.ArgumentParser) -> None:
    """Add the community server's subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = with_config(commands.add_parser("serve", help="run the server until it is stopped"))
    serve.set_defaults(func=_serve)
    check = with_config(commands.add_parser("check", help="check a community.yaml and say what is wrong, line by line"))
    check.set_defaults(func=_check)
    rights_commands.register(commands)
    link = with_config(commands.add_parser("login-link", help="print a link that logs a user in, once"))
    link.add_argument("login")
    link.set_defaults(func=_login_link)
    audit = commands.add_parser("audit", help="the record of what was done")
    verify = with_config(audit.add_subparsers(required=True, metavar="COMMAND").add_parser("verify", help="check it"))
    verify.add_argument(
        "--head",
        type=_head,
        metavar="HEX",
        help="a head kept elsewhere (a home's journal, a shift report): is it ours?",
    )
    verify.set_defaults(func=_verify)
    dead = commands.add_parser("dead-letters", help="messages that could not be read")
    listed = with_config(dead.add_subparsers(required=True, metavar="COMMAND").add_parser("list", help="newest first"))
    listed.add_argument("--limit", type=int, default=50)
    listed.set_defaults(func=_dead_letters)
    people_commands.register(commands)
    fhir_commands.register(commands)
    dispatch_commands.register(commands)
    channel_commands.register(commands)
    kpi_commands.register(commands)
    backup_commands.register(commands)
    retention_commands.register(commands)


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    asyncio.run(app.serve(load(options.config)))
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        settings = load(options.config)
        secret(settings.store.password_file)
        broker_settings(settings.broker, "check", receive_maximum=1, session_expiry_s=0)
        keys_of(settings.homes)
        if settings.access.oidc is not None:
            secret(settings.access.oidc.client_secret_file)
        if settings.sms_inlet is not None:
            token_of(settings.sms_inlet)
        if settings.web.map is not None:
            source_of(settings.web.map)
    except ConfigError as error:
        count = len(str(error).splitlines())
        words = _ONE_PROBLEM if count == 1 else _PROBLEMS
        raise ConfigError(by_lines([told_by(error), both(*words, path=options.config, count=count)])) from error
    say(f"{settings.name}: broker {settings.broker.url}, database {settings.store.url}")
    for home in settings.homes:
        say(f"  home {home.id} ({home.address}): gateway {home.gateway}, resident {home.resident.id}")
    _say_of_map(settings.web.map)
    say(both("  retention: {what}", "  到期清除：{what}", what=runs_or_not(settings.retention)))
    _say_who_lacks_an_app(settings)
    say(f"{options.config}: can be used")
    return 0


_ONE_PROBLEM = "{path}: 1 problem; nothing was started", "{path}：1 处有错；什么都没有启动"
_PROBLEMS = "{path}: {count} problems; nothing was started", "{path}：{count} 处有错；什么都没有启动"


def _say_of_map(entry: MapEntry | None) -> None:
    """What a person can check and no program can: whose map it is, in which datum, and who is asked for it."""
    if entry is None:
        return
    source = source_of(entry)
    least, most = entry.zooms(None if source is None else source.zooms)
    say(f"  street map: {entry.url or entry.tiles}, zoom {least} to {most}, drawn in {entry.datum}")
    if entry.outside:
        say(f"    every browser of the console asks {entry.outside} for it, which learns where people look")
    if not credit_of(entry, source):
        say("    names nobody: most maps may be shown only with attribution")


def _say_who_lacks_an_app(settings: CommunitySettings) -> None:
    """Whoever would be kept out is told before. The database is looked at only where it can be."""
    needed = settings.access.totp_for(app.address_of(settings.web, settings.web.port))
    if not needed:
        return
    roles = ", ".join(sorted(needed))
    try:
        users, by_key = with_store(settings, lambda store: store.read(_who_logs_in))
    except ConfigError as error:
        say(f"  log-in: {roles} need an authenticator app; who has none cannot be seen now: {error}")
        return
    say(f"  log-in: {roles} need an authenticator app")
    for user in users:
        if user.role in needed and not user.has_totp and user.user_id not in by_key and not user.is_disabled:
            say(f"    {user.login} ({user.role}) has none yet: shouwang community user totp {user.login}")


def _who_logs_in(connection: Connection) -> tuple[tuple[User, ...], frozenset[str]]:
    """All users, and the ids of those who have a passkey."""
    return logins.everybody(connection), passkeys.owners(connection)


def _login_link(options: argparse.Namespace) -> int:
    settings = load(options.config)
    token = with_store(settings, lambda store: Accounts(store).make_link(options.login, now=datetime.now(UTC)))
    say(rights_commands.link_of(settings, token))
    return 0


def _head(written: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", written):
        raise argparse.ArgumentTypeError("a head has 64 hex digits")
    return written.lower()


def _verify(options: argparse.Namespace) -> int:
    settings = load(options.config)
    audit = with_store(settings, lambda store: store.read(chain.verify, within_s=None))
    if options.head is not None:
        place = with_store(settings, lambda store: store.read(lambda reading: _place_of(reading, options.head)))
        if not place:
            lost = f"no entry has the head {options.head}: the record was rewritten since, or is another one"
            audit = replace(audit, faults=(*audit.faults, lost))
        else:
            say(f"the head {options.head} is that of {place}")
    for fault in audit.faults:
        say(fault)
    verdict = f"{len(audit.faults)} faults: the record was changed or is damaged" if audit.faults else "whole"
    say(f"{audit.entries} entries, {verdict}; head {audit.head}")
    say(f"{audit.changes} changes beside the cases; head {audit.changes_head}")
    return 1 if audit.faults else 0


def _place_of(connection: Connection, head: str) -> str:
    """Which link of which chain was sealed with it, in words; empty for none."""
    entry, link = chain.entry_with(connection, head), seals.link_with(connection, head)
    if entry is not None:
        return f"entry {entry}"
    return "" if link is None else f"change {link}"


def _dead_letters(options: argparse.Namespace) -> int:
    letters = with_store(
        load(options.config),
        lambda store: store.read(lambda connection: dead_letters.listed(connection, options.limit)),
    )
    for letter in letters:
        last = letter.last_at.astimezone().isoformat(timespec="seconds")
        say(f"{letter.letter_id} {last} {letter.topic} {letter.size} bytes, {letter.times} times: {letter.reason}")
    if not letters:
        say("none")
    return 0
