"""`shouwang community ...`: run the server, check its configuration and record, add users, list dead letters."""

import argparse
import asyncio
import getpass
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from community import app
from community.accounts import Accounts
from community.settings import CommunitySettings, broker_settings, load, secret
from community.sms_inlet import keys_of, token_of
from community.store import chain, dead_letters
from community.store.database import Store, open_store
from community.users import Role
from shouwang.errors import ConfigError

T = TypeVar("T")


def register(parser: argparse.ArgumentParser) -> None:
    """Add the community server's subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _with_config(commands.add_parser("serve", help="run the server until it is stopped"))
    serve.set_defaults(func=_serve)
    check = _with_config(
        commands.add_parser("check", help="check a community.yaml and say what is wrong, line by line")
    )
    check.set_defaults(func=_check)
    _register_users(commands.add_parser("user", help="people who work at the centre"))
    link = _with_config(commands.add_parser("login-link", help="print a link that logs a user in, once"))
    link.add_argument("login")
    link.set_defaults(func=_login_link)
    audit = commands.add_parser("audit", help="the record of what was done")
    verify = _with_config(audit.add_subparsers(required=True, metavar="COMMAND").add_parser("verify", help="check it"))
    verify.set_defaults(func=_verify)
    dead = commands.add_parser("dead-letters", help="messages that could not be read")
    listed = _with_config(dead.add_subparsers(required=True, metavar="COMMAND").add_parser("list", help="newest first"))
    listed.add_argument("--limit", type=int, default=50)
    listed.set_defaults(func=_dead_letters)


def _register_users(parser: argparse.ArgumentParser) -> None:
    add = _with_config(parser.add_subparsers(required=True, metavar="COMMAND").add_parser("add", help="add a user"))
    add.add_argument("login")
    add.add_argument("--name", help="how the user is called (default: the login)")
    add.add_argument("--role", choices=[role.value for role in Role], default=Role.OPERATOR.value)
    add.add_argument("--language", choices=["zh", "en"], default="zh")
    add.add_argument("--login-link", action="store_true", help="print a link for the first login, ask for no password")
    add.set_defaults(func=_user_add)


def _with_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="community.yaml", help="the server's configuration"
    )
    return parser


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
        if settings.sms_inlet is not None:
            token_of(settings.sms_inlet)
    except ConfigError as error:
        count = len(str(error).splitlines())
        raise ConfigError(
            f"{error}\n{options.config}: {count} problem{'s' if count > 1 else ''}; nothing was started"
        ) from error
    _say(f"{settings.name}: broker {settings.broker.url}, database {settings.store.url}")
    for home in settings.homes:
        _say(f"  home {home.id} ({home.address}): gateway {home.gateway}, resident {home.resident.id}")
    _say(f"{options.config}: can be used")
    return 0


def _user_add(options: argparse.Namespace) -> int:
    settings = load(options.config)
    password = None if options.login_link else _asked_password()

    async def add(store: Store) -> str | None:
        accounts = Accounts(store)
        now = datetime.now(UTC)
        await accounts.add_user(
            login=options.login,
            name=options.name or options.login,
            role=Role(options.role),
            language=options.language,
            password=password,
            now=now,
        )
        return await accounts.make_link(options.login, now=now) if options.login_link else None

    token = _with_store(settings, add)
    _say(f"added {options.login}" if token is None else _link(settings, token))
    return 0


def _login_link(options: argparse.Namespace) -> int:
    settings = load(options.config)
    token = _with_store(settings, lambda store: Accounts(store).make_link(options.login, now=datetime.now(UTC)))
    _say(_link(settings, token))
    return 0


def _verify(options: argparse.Namespace) -> int:
    audit = _with_store(load(options.config), lambda store: store.read(chain.verify, within_s=None))
    for fault in audit.faults:
        _say(fault)
    verdict = f"{len(audit.faults)} faults: the record was changed or is damaged" if audit.faults else "whole"
    _say(f"{audit.entries} entries, {verdict}; head {audit.head}")
    return 1 if audit.faults else 0


def _dead_letters(options: argparse.Namespace) -> int:
    letters = _with_store(
        load(options.config),
        lambda store: store.read(lambda connection: dead_letters.listed(connection, options.limit)),
    )
    for letter in letters:
        last = letter.last_at.astimezone().isoformat(timespec="seconds")
        _say(f"{letter.letter_id} {last} {letter.topic} {letter.size} bytes, {letter.times} times: {letter.reason}")
    if not letters:
        _say("none")
    return 0


def _with_store(settings: CommunitySettings, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        store = await open_store(settings.store.url, password=secret(settings.store.password_file))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _asked_password() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigError("the two passwords differ; try again")
    return password


def _link(settings: CommunitySettings, token: str) -> str:
    return f"{app.address_of(settings.web, settings.web.port)}/login/once/{token}"


def _say(line: str) -> None:
    print(line)
