"""The serial ports that a home names: each for one part alone, by a name that stays."""

import os
from collections.abc import Iterator

from config.home import Home
from config.outputs import SerialOutput
from drivers.serial.port_name import may_move
from shouwang.bilingual import Bilingual
from shouwang.document import Document
from shouwang.nodes import Path as Where
from shouwang.nodes import Problem


def ports_of(home: Home) -> Iterator[tuple[Where, str]]:
    """Every serial port that a part of the home names, and where."""
    for key in type(home).model_fields:
        value = getattr(home, key)
        parts: list[tuple[Where, object]] = [((key,), value)]
        if isinstance(value, tuple):
            parts = [((key, index), part) for index, part in enumerate(value)]
        parts += [((*path, "by"), part.by) for path, part in parts if hasattr(part, "by")]
        for path, part in parts:
            port = getattr(part, "port", None)
            if isinstance(port, str):
                yield path, port


def written(path: Where) -> str:
    """A place as people count them in the file: sensors[2]."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def outputs_of(home: Home) -> Iterator[tuple[Where, object]]:
    """Every siren, lamp and cut-off that is switched, and where."""
    for index, part in enumerate(home.annunciators):
        yield ("annunciators", index), part
    for index, cut_off in enumerate(home.cut_offs):
        yield ("cut_offs", index, "by"), cut_off.by


def port_troubles(document: Document[Home]) -> Iterator[Problem]:
    """A port that two parts name: one of them would always be down. The relays of one board share its port."""
    first: dict[str, Where] = {}
    relays = {path for path, part in outputs_of(document.value) if isinstance(part, SerialOutput)}
    for path, port in ports_of(document.value):
        if port in first and not {path, first[port]} <= relays:
            message = Bilingual(
                f"{written(first[port])} uses {port} too; each needs a port of its own (shouwang gateway ports)",
                zh=f"{written(first[port])} 也用 {port}；每个要用各自的串口（shouwang gateway ports）",
            )
            yield document.problem((*path, "port"), message)
        first.setdefault(port, path)


def port_oddities(document: Document[Home]) -> Iterator[Problem]:
    """A name that may move; and two names that are one port on this box now."""
    first: dict[str, tuple[Where, str]] = {}
    for path, port in ports_of(document.value):
        if may_move(port):
            message = Bilingual(
                f"{port} may be another adapter after a restart; write its name of /dev/serial/by-id/ "
                "(shouwang gateway ports tells it)",
                zh=f"重启后 {port} 可能是另一个转换器；请写它在 /dev/serial/by-id/ 下的名字（shouwang gateway "
                f"ports 会告诉你）",
            )
            yield document.problem((*path, "port"), message)
        other, name = first.setdefault(os.path.realpath(port), (path, port))
        if name != port:
            message = Bilingual(
                f"is the same port as {name} of {written(other)} on this box; only one of the two will work",
                zh=f"在本机上与 {written(other)} 的 {name} 是同一个串口；两个只有一个能用",
            )
            yield document.problem((*path, "port"), message)
