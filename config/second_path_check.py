"""What is wrong or odd about a home's second path, before anybody waits for a call that does not come."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config.home import Home
from messaging.secret import read_secret
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Problem
from shouwang.short_alert import key_from


def second_path_troubles(document: Document[Home]) -> Iterator[Problem]:
    """What cannot be used."""
    home = document.value
    if home.second_path is not None and home.modem is None:
        message = Bilingual(
            'needs a mobile modem, and this home has none; add "modem:" with its port, or take second_path out',
            zh="需要移动网络调制解调器，但这个家没有；请写 modem: 和它的 port，或删去 second_path",
        )
        yield document.problem(("second_path",), message)


def second_path_oddities(document: Document[Home]) -> Iterator[Problem]:
    """What can be used, and will not do what was meant."""
    home = document.value
    part = home.second_path
    if part is None:
        if home.modem is not None:
            message = Bilingual(
                "nothing uses it for alarms: the home tells nobody by SMS or call; add second_path",
                zh="没有什么用它来报警：这个家不会用短信或电话通知任何人；请写 second_path",
            )
            yield document.problem(("modem",), message)
        return
    if part.key_file is not None and (trouble := _key_trouble(part.key_file)):
        yield document.problem(("second_path", "key_file"), trouble)
    if not part.contacts:
        message = Bilingual(
            "only the centre is told; where nobody answers there, nobody comes: add contacts",
            zh="只通知中心；中心没人应答就没有人来：请写 contacts",
        )
        yield document.problem(("second_path",), message)
    if home.resident.name is None:
        message = Bilingual(
            "contacts are told of this id; add name, so that they know at once who is meant",
            zh="联系人看到的会是这个编号；请写 name，好让他们马上知道是谁",
        )
        yield document.problem(("resident",), message)


def _key_trouble(file: Path) -> str:
    if not file.exists():
        return both(*_NOT_THERE, file=file, stays=_STAYS)
    try:
        key_from(read_secret(file))
    except ConfigError as error:
        words = told_by(error)
        named = "{words}; {stays}", "{words}；{stays}"
        nameless = "{file} {words}; {stays}", "{file} {words}；{stays}"
        return both(*(named if str(file) in words else nameless), file=file, words=words, stays=_STAYS)
    is_open = file.stat().st_mode & stat.S_IROTH and os.access(file, os.R_OK)
    return both(*_OPEN_TO_ALL, file=file) if is_open else ""


_STAYS = Bilingual("the gateway will not start without it", zh="没有它网关就不启动")
_NOT_THERE = (
    "{file} is not there; make it with: openssl rand -hex 32 > {file}, and give the centre the same; {stays}",
    "没有 {file}；请做一个：openssl rand -hex 32 > {file}，并把同样的内容交给服务中心；{stays}",
)
_OPEN_TO_ALL = (
    "{file} can be read by everybody on this box; run: chmod o-rwx {file}",
    "本机的每个用户都能读 {file}；请运行：chmod o-rwx {file}",
)
