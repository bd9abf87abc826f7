"""Reads a home's YAML and checks it as a whole: ids that are unique, sensors that exist, secrets that are secret."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from config.annunciator_check import annunciator_oddities, annunciator_troubles
from config.box_check import lid_troubles
from config.home import GatewayPart, Home, files_of
from config.joining import join_oddities, may_join
from config.modbus import map_troubles, modbus_oddities, modbus_troubles
from config.modem import modem_oddities, modem_troubles
from config.ports import port_oddities, port_troubles
from config.receivers import receiver_troubles
from config.rulebook import misused_presets, press_troubles, rule_oddities
from config.second_path_check import second_path_oddities, second_path_troubles
from drivers.ble.adapter import SLOTS
from drivers.ble.advert_sensor import AdvertSensor
from shouwang.bilingual import Bilingual, both, by_lines, chinese
from shouwang.complaint import nearest
from shouwang.document import Document, read, refusal
from shouwang.errors import ConfigError
from shouwang.nodes import MAX_CHARS, Problem
from shouwang.nodes import Path as Where
from shouwang.quantities import Quantity
from shouwang.reading import GUEST
from shouwang.system_words import system_words

_SECRET_KEYS = frozenset({"password_file", "key_file", "consent_file"})
_UTF8_BYTES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A home that can be run, and what is odd about it, one line each; those of them that are about its rules."""

    home: Home
    warnings: tuple[str, ...]
    about_rules: tuple[str, ...]


def load(path: Path) -> Home:
    """The home in this file, its file names taken from the file's folder. Raises ConfigError: a line per problem."""
    return check_home(path).home


def check_home(path: Path) -> Checked:
    """As `load`, with warnings. Raises ConfigError."""
    document = read(_text(path), Home, name=str(path))
    # Maps of Modbus units stand beside the home's file, and say what its sensors can say.
    document = replace(document, value=document.value.anchored(path.absolute().parent))
    if misused := [*misused_presets(document)]:
        raise refusal(str(path), misused)
    if troubles := map_troubles(document):
        raise ConfigError(by_lines(troubles))
    problems = [
        *_repeated(document),
        *_unknown_sensors(document),
        *_unknown_people(document),
        *_without_broker(document),
        *port_troubles(document),
        *receiver_troubles(document),
        *modbus_troubles(document),
        *modem_troubles(document),
        *second_path_troubles(document),
        *press_troubles(document),
        *annunciator_troubles(document),
        *lid_troubles(document),
    ]
    if problems:
        raise refusal(str(path), problems)
    about_rules = [*rule_oddities(document)]
    odd = [
        *about_rules,
        *_links(document),
        *_unsupervised(document),
        *_crowded(document),
        *port_oddities(document),
        *_files(document),
        *modbus_oddities(document),
        *modem_oddities(document),
        *annunciator_oddities(document),
        *second_path_oddities(document),
        *join_oddities(document),
    ]
    return Checked(home=document.value, warnings=_said(odd, str(path)), about_rules=_said(about_rules, str(path)))


class _Placed(BaseModel):
    """The part of a home's file that says whose it is; the rest may be anything."""

    model_config = ConfigDict(extra="ignore")

    gateway: GatewayPart


def placed(path: Path) -> GatewayPart:
    """Whose home this file is of and where its data lie, also where the rest of it is wrong. Raises ConfigError."""
    gateway = read(_text(path), _Placed, name=str(path)).value.gateway
    return gateway.model_copy(update={"data_dir": path.absolute().parent / gateway.data_dir})


def _said(problems: list[Problem], name: str) -> tuple[str, ...]:
    return tuple(problem.said(name) for problem in sorted(problems, key=lambda problem: problem.line))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            written = file.read(MAX_CHARS * _UTF8_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            both(
                "{path}: cannot be read ({why}); check its name and who may read it",
                "{path}：读不出来（{why}）；请核对文件名以及谁可以读",
                path=path,
                why=system_words(error),
            )
        ) from error
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            Bilingual(
                f"{path}:{line}: this is not UTF-8; save the file again as UTF-8",
                zh=f"{path}:{line}：不是 UTF-8；请另存为 UTF-8",
            )
        ) from error


def _repeated(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    for part, ids in (("sensors", [s.id for s in home.sensors]), ("rules", [r.id for r in home.rules])):
        for index, found in enumerate(ids):
            first = ids.index(found)
            if first < index:
                message = Bilingual(
                    f'"{found}" is the id of {part}[{first}] too; give each one its own',
                    zh=f"“{found}”也是 {part}[{first}] 的编号；请各用各的",
                )
                yield document.problem((part, index, "id"), message)


def _unknown_sensors(document: Document[Home]) -> Iterator[Problem]:
    facts = document.value.facts()
    for index, rule in enumerate(document.value.rules):
        named = {
            "sensors": (rule.sensors, rule.needs),
            "cancel_by": (getattr(rule, "cancel_by", None), Quantity.CANCEL),
        }
        for key, (sensors, needed) in named.items():
            for place, sensor in enumerate(sensors or ()):
                path = ("rules", index, key, place)
                if sensor not in facts.emits and may_join(document.value):
                    continue  # see config.joining
                if sensor not in facts.emits:
                    yield document.problem(
                        path,
                        Bilingual(
                            f'no sensor has the id "{sensor}"; {nearest(sensor, list(facts.emits))}',
                            zh=f"没有编号为“{sensor}”的传感器；{chinese(nearest(sensor, list(facts.emits)))}",
                        ),
                    )
                elif needed is not None and needed not in facts.emits[sensor]:
                    able = ", ".join(facts.sensors_with(needed)) or Bilingual("none in this home", zh="这个家没有")
                    yield document.problem(
                        path,
                        Bilingual(
                            f'"{sensor}" never says "{needed}"; sensors that do: {able}',
                            zh=f"“{sensor}”从来不报“{needed}”；会报的有：{chinese(able) or able}",
                        ),
                    )


def _unknown_people(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    known = [home.resident.id, *(resident.id for resident in home.other_residents)]
    for index, sensor in enumerate(home.sensors):
        for user, person in getattr(sensor, "users", {}).items():
            if person not in (*known, GUEST):
                message = Bilingual(
                    f'nobody here has the id "{person}"; {nearest(person, known)}',
                    zh=f"这里没有编号为“{person}”的人；{chinese(nearest(person, known))}",
                )
                yield document.problem(("sensors", index, "users", user), message)
    for part, named in (("other_residents", known[1:]), ("bluetooth", [part.adapter for part in home.bluetooth])):
        for index, found in enumerate(named):
            if found in named[:index] or (part == "other_residents" and found == home.resident.id):
                yield document.problem(
                    (part, index),
                    Bilingual(f'"{found}" stands here twice; keep one of the two', zh=f"“{found}”写了两次；请留一个"),
                )


def _unsupervised(document: Document[Home]) -> Iterator[Problem]:
    for index, sensor in enumerate(document.value.sensors):
        if isinstance(sensor, AdvertSensor) and sensor.silence is None:
            message = Bilingual(
                "nobody notices when its battery is empty; if it advertises all the time, write max_silence: 1h",
                zh="它的电池没电了也没人知道；如果它一直在广播，请写 max_silence: 1h",
            )
            yield document.problem(("sensors", index), message)


def _crowded(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    slots = {part.adapter: part.slots for part in home.bluetooth}
    kept: Counter[str] = Counter()
    for index, sensor in enumerate(home.sensors):
        adapter = getattr(sensor, "adapter", None)
        if adapter is None or isinstance(sensor, AdvertSensor) or "max_silence" not in type(sensor).model_fields:
            continue
        kept[adapter] += 1
        if kept[adapter] == max(1, slots.get(adapter, SLOTS) - 1) + 1:
            message = Bilingual(
                f"{adapter} keeps {kept[adapter] - 1} devices connected and has no place for this one; "
                "put it on a second adapter, or raise slots where the adapter can carry more",
                zh=f"{adapter} 已经保持 {kept[adapter] - 1} 个设备的连接，没有位置给这一个了；"
                f"请把它放到第二个适配器上，适配器带得动就调大 slots",
            )
            yield document.problem(("sensors", index), message)


def _without_broker(document: Document[Home]) -> Iterator[Problem]:
    if document.value.local_broker is not None:
        return
    for index, sensor in enumerate(document.value.sensors):
        if "topic" in type(sensor).model_fields or sensor in document.value.hubs():
            message = Bilingual(
                'speaks over MQTT, but the home has no broker; add "local_broker:" with "url: mqtt://127.0.0.1:1883"',
                zh="走 MQTT，但这个家没有 MQTT 服务器；请写 local_broker:，下面写 url: mqtt://127.0.0.1:1883",
            )
            yield document.problem(("sensors", index), message)


def _links(document: Document[Home]) -> Iterator[Problem]:
    gateway, uplink = document.value.gateway, document.value.uplink
    if not uplink.is_encrypted and not uplink.is_on_this_box:
        yield document.problem(
            ("uplink", "url"),
            Bilingual("health data would travel unencrypted; use mqtts://", zh="健康数据会不加密地传输；请用 mqtts://"),
        )
    if uplink.username not in (None, gateway.id):
        message = Bilingual(
            f'the centre lets a box write only under its own name; leave it out, or use "{gateway.id}"',
            zh=f"中心只让网关用自己的名字写入；请删去，或写“{gateway.id}”",
        )
        yield document.problem(("uplink", "username"), message)


def _files(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    parts: list[tuple[Where, BaseModel | None]] = [(("uplink",), home.uplink), (("local_broker",), home.local_broker)]
    parts += [(("sensors", index), sensor) for index, sensor in enumerate(home.sensors)]
    for path, part in parts:
        for key, file in {} if part is None else files_of(part).items():
            message = _file_trouble(file, key)
            if message:
                yield document.problem((*path, key), message)


_BY_GROUP = "sudo install -m 0640 -g shouwang-gateway /dev/stdin"
"""As docs/operations.md: root's file, which the service reads as its group and nobody else does."""


def _file_trouble(path: Path, key: str) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        cure = Bilingual(
            f"write the password into it, and nothing else: {_BY_GROUP} {path}, type it, Enter, Ctrl-D",
            zh=f"请只把密码写进去：{_BY_GROUP} {path}，输入密码，按回车，再按 Ctrl-D",
        )
        cure = cure if key == "password_file" else Bilingual("copy it there", zh="请拷贝过去")
        return Bilingual(
            f"{path} is not there; the link will not come up without it: {cure}",
            zh=f"没有 {path}；没有它就连不上：{chinese(cure)}",
        )
    except OSError as error:
        return both(
            "{path} cannot be read ({why}); the link will not come up without it",
            "{path} 读不出来（{why}）；没有它就连不上",
            path=path,
            why=system_words(error),
        )
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        return Bilingual(
            f"{path} is no file that can be read; the link will not come up without it",
            zh=f"{path} 不是能读的文件；没有它就连不上",
        )
    if not found.st_size:
        return Bilingual(
            f"{path} is empty; the link will not come up without it: write into it what belongs there",
            zh=f"{path} 是空的；没有内容就连不上：请写入应有的内容",
        )
    if key in _SECRET_KEYS and found.st_mode & stat.S_IROTH:
        return Bilingual(
            f"{path} can be read by everybody on this box; run: chmod o-rwx {path}",
            zh=f"本机的每个用户都能读 {path}；请运行：chmod o-rwx {path}",
        )
    return ""
