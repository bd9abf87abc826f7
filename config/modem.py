"""What is wrong or odd about a home's modem, before anybody waits for an SMS that does not come."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.home import Home
from drivers.serial.modem_part import MODEM_ID
from drivers.serial.sms_commands import CODE
from messaging.secret import read_secret
from rules.silence import Silence
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Problem

_PIN_DIGITS = range(4, 9)


def modem_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    home = document.value
    for index, sensor in enumerate(home.sensors):
        if home.modem is not None and sensor.id == MODEM_ID:
            message = f'"{MODEM_ID}" is the sensor that the home\'s modem is; choose another id'
            yield document.problem(("sensors", index, "id"), message)


def modem_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What can be used, and will not do what was meant."""
    modem = document.value.modem
    if modem is None:
        return
    if modem.pin_file is not None:
        yield from _said(document, ("modem", "pin_file"), _pin_trouble(modem.pin_file))
    if modem.commands is not None:
        yield from _said(document, ("modem", "commands", "code_file"), _code_trouble(modem.commands.code_file))
        if not modem.commands.numbers:
            message = "names nobody: no SMS is answered; give at least one telephone, or leave commands out"
            yield document.problem(("modem", "commands", "numbers"), message)
    facts = document.value.facts()
    rules = document.value.rules
    if not any(isinstance(rule, Silence) and MODEM_ID in rule.watched(facts) for rule in rules):
        yield document.problem(("modem",), "nobody is told when it has no network; add a rule of kind silence")


def _said(document: Document[Home], path: tuple[str, ...], message: str) -> Iterator[Problem]:
    if message:
        yield document.problem(path, message)


def _pin_trouble(file: Path) -> str:
    if not file.exists():
        return f"{file} is not there; write the SIM's PIN into it, and nothing else; the SIM will stay locked"
    try:
        pin = read_secret(file)
    except ConfigError as error:
        return f"{error}; the SIM will stay locked"
    if not pin.isdecimal() or len(pin) not in _PIN_DIGITS:
        return f"{file} must hold the SIM's PIN, 4 to 8 digits and nothing else; it will not be tried"
    return _open_to_all(file)


def _code_trouble(file: Path) -> str:
    if not file.exists():
        return (
            f"{file} is not there; write the code word into it, and nothing else; the gateway will not start without it"
        )
    try:
        code = read_secret(file)
    except ConfigError as error:
        return f"{error}; the gateway will not start without it"
    if not CODE.fullmatch(code):
        return f"{file} must hold 6 to 20 letters or digits; the gateway will not start with it"
    return _open_to_all(file)


def _open_to_all(file: Path) -> str:
    is_open = file.stat().st_mode & stat.S_IROTH and os.access(file, os.R_OK)
    return f"{file} can be read by everybody on this box; run: chmod 600 {file}" if is_open else ""
