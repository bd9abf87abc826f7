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
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Problem

_PIN_DIGITS = range(4, 9)


def modem_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    home = document.value
    for index, sensor in enumerate(home.sensors):
        if home.modem is not None and sensor.id == MODEM_ID:
            message = Bilingual(
                f'"{MODEM_ID}" is the sensor that the home\'s modem is; choose another id',
                zh=f"“{MODEM_ID}”专指这个家的调制解调器；请换一个编号",
            )
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
            message = Bilingual(
                "names nobody: no SMS is answered; give at least one telephone, or leave commands out",
                zh="没有写任何人：谁的短信都不理；请至少写一个号码，或删去 commands",
            )
            yield document.problem(("modem", "commands", "numbers"), message)
    facts = document.value.facts()
    rules = document.value.rules
    if not any(isinstance(rule, Silence) and MODEM_ID in rule.watched(facts) for rule in rules):
        yield document.problem(
            ("modem",),
            Bilingual(
                "nobody is told when it has no network; add a rule of kind silence",
                zh="它没有信号时没人知道；请加一条 kind: silence 的规则",
            ),
        )


def _said(document: Document[Home], path: tuple[str, ...], message: str) -> Iterator[Problem]:
    if message:
        yield document.problem(path, message)


def _pin_trouble(file: Path) -> str:
    if not file.exists():
        return Bilingual(
            f"{file} is not there; write the SIM's PIN into it, and nothing else; the SIM will stay locked",
            zh=f"没有 {file}；请只把 SIM 卡的 PIN 写进去；否则 SIM 卡一直锁着",
        )
    try:
        pin = read_secret(file)
    except ConfigError as error:
        return both("{error}; the SIM will stay locked", "{error}；否则 SIM 卡一直锁着", error=told_by(error))
    if not pin.isdecimal() or len(pin) not in _PIN_DIGITS:
        return Bilingual(
            f"{file} must hold the SIM's PIN, 4 to 8 digits and nothing else; it will not be tried",
            zh=f"{file} 里只能有 SIM 卡的 PIN，4 到 8 位数字；现在不会去试",
        )
    return _open_to_all(file)


def _code_trouble(file: Path) -> str:
    if not file.exists():
        return Bilingual(
            f"{file} is not there; write the code word into it, and nothing else; the gateway will not start "
            f"without it",
            zh=f"没有 {file}；请只把口令写进去；没有它网关就不启动",
        )
    try:
        code = read_secret(file)
    except ConfigError as error:
        return both(
            "{error}; the gateway will not start without it", "{error}；没有它网关就不启动", error=told_by(error)
        )
    if not CODE.fullmatch(code):
        return Bilingual(
            f"{file} must hold 6 to 20 letters or digits; the gateway will not start with it",
            zh=f"{file} 里要有 6 到 20 个字母或数字；这样网关不会启动",
        )
    return _open_to_all(file)


def _open_to_all(file: Path) -> str:
    is_open = file.stat().st_mode & stat.S_IROTH and os.access(file, os.R_OK)
    return both(*_OPEN, file=file) if is_open else ""


_OPEN = (
    "{file} can be read by everybody on this box; run: chmod o-rwx {file}",
    "本机的每个用户都能读 {file}；请运行：chmod o-rwx {file}",
)
