"""How the box's way to the internet begins: by cable, by Wi-Fi, by a mobile network. As the kernel's routes say.

All paths are read below `root`, so that a made tree stands for any board.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.board import read_text

WIRED, WIFI, CELLULAR = "wired", "wifi", "cellular"
_ANYWHERE = "00000000"
_ANYWHERE_6 = "0" * 32
_UP = 0x1
"""RTF_UP of the kernel's flags of a route; the file is in hexadecimal."""
_MOBILE_NAMES = ("wwan", "ppp", "rmnet")
_LEAST_DBM, _MOST_DBM = -110.0, -1.0
"""What a Wi-Fi card may say of its level; drivers that count in percent of their own say something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """`kind` is empty where there is no way out; `dbm` None where nobody measures how strong it is."""

    kind: str = ""
    dbm: float | None = None


def link_of(root: Path) -> Link:
    """As it is now."""
    routes = sorted(_ways_out(root))
    if not routes:
        return Link()
    interface = routes[0][1]
    kind = _kind_of(root, interface)
    return Link(kind=kind, dbm=_wifi_dbm(root, interface) if kind == WIFI else None)


def _ways_out(root: Path) -> Iterator[tuple[int, str]]:
    """Metric and interface of each default route: the kernel takes the one with the least."""
    for words in _rows(root / "proc/net/route", 8)[1:]:
        metric, flags = _number(words[6], 10), _number(words[3], 16)
        if words[1] == words[7] == _ANYWHERE and metric is not None and flags is not None and flags & _UP:
            yield metric, words[0]
    for words in _rows(root / "proc/net/ipv6_route", 10):
        metric = _number(words[5], 16)
        if words[0] == _ANYWHERE_6 and words[1] == "00" and words[9] != "lo" and metric is not None:
            yield metric, words[9]


def _kind_of(root: Path, interface: str) -> str:
    folder = root / "sys/class/net" / interface
    told = read_text(folder / "uevent") or ""
    if "DEVTYPE=wlan" in told or (folder / "wireless").exists() or (folder / "phy80211").exists():
        return WIFI
    return CELLULAR if "DEVTYPE=wwan" in told or interface.startswith(_MOBILE_NAMES) else WIRED


def _wifi_dbm(root: Path, interface: str) -> float | None:
    """The third word after the name: the level, written like `-56.`"""
    for name, _, _, level, *_ in _rows(root / "proc/net/wireless", 4):
        dbm = _number(level.rstrip("."), 10)
        if name == f"{interface}:":
            return dbm if dbm is not None and _LEAST_DBM <= dbm <= _MOST_DBM else None
    return None


def _number(word: str, base: int) -> int | None:
    try:
        return int(word, base)
    except ValueError:
        return None


def _rows(path: Path, least: int) -> list[list[str]]:
    """The lines of the kernel's table that have so many words."""
    rows = (line.split() for line in (read_text(path) or "").splitlines())
    return [words for words in rows if len(words) >= least]
