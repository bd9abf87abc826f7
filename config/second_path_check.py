"""What is wrong or odd about a home's second path, before anybody waits for a call that does not come."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.home import Home
from messaging.secret import read_secret
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Problem
from shouwang.short_alert import key_from


def second_path_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    home = document.value
    if home.second_path is not None and home.modem is None:
        message = 'needs a mobile modem, and this home has none; add "modem:" with its port, or take second_path out'
        yield document.problem(("second_path",), message)


def second_path_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What can be used, and will not do what was meant."""
    home = document.value
    part = home.second_path
    if part is None:
        if home.modem is not None:
            message = "nothing uses it for alarms: the home tells nobody by SMS or call; add second_path"
            yield document.problem(("modem",), message)
        return
    if part.key_file is not None and (message := _key_trouble(part.key_file)):
        yield document.problem(("second_path", "key_file"), message)
    if not part.contacts:
        message = "only the centre is told; where nobody answers there, nobody comes: add contacts"
        yield document.problem(("second_path",), message)
    if home.resident.name is None:
        message = "contacts are told of this id; add name, so that they know at once who is meant"
        yield document.problem(("resident",), message)


def _key_trouble(file: Path) -> str:
    stays = "the gateway will not start without it"
    if not file.exists():
        return (
            f"{file} is not there; make it with: openssl rand -hex 32 > {file}, and give the centre the same; {stays}"
        )
    try:
        key_from(read_secret(file))
    except ConfigError as error:
        words = str(error)
        return f"{words if str(file) in words else f'{file} {words}'}; {stays}"
    is_open = file.stat().st_mode & stat.S_IROTH and os.access(file, os.R_OK)
    return f"{file} can be read by everybody on this box; run: chmod 600 {file}" if is_open else ""
