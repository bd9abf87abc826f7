"""`shouwang gateway try|open|phrases|hush`: what the home itself does, tried by hand."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shouwang.bilingual import Bilingual, chinese
from shouwang.errors import ConfigError
from shouwang.spoken import said_here

if TYPE_CHECKING:
    from config.home import Home

Parser = argparse.ArgumentParser


def register(add: Callable[[str, str], Parser]) -> None:
    """Add the commands; `add(name, help)` gives a parser that has `-c home.yaml` already."""
    try_ = add("try", "sound and show each siren, lamp and loudspeaker once; stop the gateway first")
    try_.add_argument("name", nargs="?", help="only this one (default: all)")
    try_.add_argument("--cut-off", metavar="NAME", help="instead: close this valve or switch, really")
    try_.add_argument("--open", action="store_true", help="with --cut-off: open it")
    try_.set_defaults(func=_try)
    open_ = add("open", "order the running gateway to open a valve or switch that an alarm has closed")
    open_.add_argument("name", help="as under cut_offs in home.yaml")
    open_.set_defaults(func=_open)
    phrases = add("phrases", "make sound files of all phrases that never change, so that they are spoken at once")
    phrases.add_argument("--into", type=Path, metavar="FOLDER", help="default: as phrases under speech says")
    phrases.add_argument("--anew", action="store_true", help="also those that are there; yours are lost then")
    phrases.set_defaults(func=_phrases)
    hush = add("hush", "put all sirens and lamps off; for systemd, after the gateway was killed")
    hush.set_defaults(func=_hush)


def _home(options: argparse.Namespace) -> "Home":
    from config.loader import load  # noqa: PLC0415 - each command imports what it needs

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    return load(options.config)


def _try(options: argparse.Namespace) -> int:
    from gateway.try_out import try_cut_off, try_out  # noqa: PLC0415

    home = _home(options)
    if options.cut_off is None:
        return 0 if asyncio.run(try_out(home, _print, only=options.name)) else 1
    return 0 if asyncio.run(try_cut_off(home, options.cut_off, _print, opens=options.open)) else 1


def _open(options: argparse.Namespace) -> int:
    from gateway.asking import order  # noqa: PLC0415
    from gateway.caller import folders_for  # noqa: PLC0415

    home = _home(options)
    if options.name not in {cut_off.id for cut_off in home.cut_offs}:
        known = ", ".join(cut_off.id for cut_off in home.cut_offs) or Bilingual("none in this home", zh="这个家没有")
        raise ConfigError(
            Bilingual(
                f'no cut-off has the name "{options.name}"; there are: {known}',
                zh=f"没有叫“{options.name}”的切断装置；有：{chinese(known) or known}",
            )
        )
    return order(home.gateway.id, folders_for(home.gateway.data_dir), f"open {options.name}", language=None)


def _phrases(options: argparse.Namespace) -> int:
    from gateway.try_out import record  # noqa: PLC0415

    asyncio.run(record(_home(options), _print, into=options.into, anew=options.anew))
    return 0


def _hush(options: argparse.Namespace) -> int:
    from gateway.try_out import hush  # noqa: PLC0415

    return 0 if asyncio.run(hush(_home(options))) else 1


def _print(line: str) -> None:
    print(said_here(line), flush=True)
