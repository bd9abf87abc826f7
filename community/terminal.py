"""What commands of the server share: the configuration, the open store, passwords asked for, words on the terminal."""

import argparse
import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from community.settings import CommunitySettings, secret
from community.store import policies
from community.store.database import Store, open_store
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError
from shouwang.spoken import said_here

T = TypeVar("T")


def with_config(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which asks for community.yaml."""
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="community.yaml", help="the server's configuration"
    )
    return parser


def acting(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which asks who does it and why."""
    parser.add_argument("--by", required=True, metavar="LOGIN", help="who does it")
    parser.add_argument("--reason", required=True, help="who asked for it, and how that was proved; both are logged")
    return parser


def with_store(settings: CommunitySettings, work: Callable[[Store], Awaitable[T]]) -> T:
    """What `work` makes of the open store."""

    async def run() -> T:
        password = secret(settings.store.password_file)
        store = await open_store(settings.store.url, password=password, zone=settings.kpi.zone)
        try:
            await store.read(policies.bring_in)
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def asked_password() -> str:
    """Typed twice. Raises ConfigError where the two differ."""
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigError(Bilingual("the two passwords differ; try again", zh="两次输入的密码不一样；请重新输入"))
    return password


def say(line: str) -> None:
    """A line for whoever gave the command, in his language where it is in both."""
    print(said_here(line))
