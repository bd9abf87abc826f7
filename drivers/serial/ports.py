"""The serial ports of this box: which adapter, and by which name it is found again. Nothing is opened here."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from serial.tools.list_ports import comports

from drivers.serial.port_name import may_move

_BY_ID, _BY_PATH = "serial/by-id", "serial/by-path"
_UNKNOWN_TYPE = "0"
"""Of a UART that the kernel has a place for and the board has not (PORT_UNKNOWN in linux/serial_core.h)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """One port: `device` as the kernel calls it, `adapter` in words, `usb` as vendor:product, empty where it is none.

    `name` is what to write into home.yaml, and `why` says so where that is not the obvious one.
    """

    device: str
    adapter: str = ""
    usb: str = ""
    by_id: tuple[str, ...] = ()
    by_path: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    has_twin: bool = False

    @property
    def name(self) -> str:
        """The name that stays: an own one (udev SYMLINK), else by-id, else by the socket."""
        names = (*self.own, *self.by_path) if self.has_twin else (*self.own, *self.by_id, *self.by_path)
        return names[0] if names else self.device

    @property
    def why(self) -> str:
        """A word on the name; empty where it is a good one."""
        if self.has_twin and not self.own:
            if self.by_path:
                return (
                    "another adapter of the same make has no serial number of its own either, so by-id cannot tell the "
                    "two apart; this name goes by the USB socket: leave it in that socket"
                )
            return "another adapter of the same make looks the same; give it a name by a udev rule (docs/operations.md)"
        if may_move(self.name):
            return "this name may belong to another adapter after a restart; no better one is there (is udev running?)"
        return ""


class Found(Protocol):
    """What pyserial tells of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    manufacturer: str | None
    product: str | None


def ports_here(*, found: Callable[[], Iterable[Found]] = comports, dev: Path = Path("/dev")) -> list[Port]:
    """All ports that have hardware behind them, in order of their names. Blocking: reads /sys and /dev."""
    seen = {one.device: one for one in found() if _has_hardware(one.device)}
    by_id, by_path, own = (_names_in(folder) for folder in (dev / _BY_ID, dev / _BY_PATH, dev))
    twins = _twins(seen.values(), by_id)
    ports = [
        Port(
            device=device,
            adapter=" ".join(word for word in (one.manufacturer, one.product) if word),
            usb="" if one.vid is None or one.pid is None else f"{one.vid:04x}:{one.pid:04x}",
            by_id=by_id.get(device, ()),
            by_path=by_path.get(device, ()),
            own=own.get(device, ()),
            has_twin=device in twins,
        )
        for device, one in seen.items()
    ]
    # pyserial leaves out what hangs on no bus of its own; on a Raspberry Pi 5 these are the pins.
    pins = [str(path) for path in dev.glob("ttyAMA*") if str(path) not in seen and _has_hardware(str(path))]
    ports += [Port(device=pin, own=own.get(pin, ())) for pin in pins]
    return sorted(ports, key=lambda port: port.device)


def named_port(name: str, ports: Iterable[Port]) -> Port:
    """The port that a person named; also one that is not listed. A bare `ttyUSB0` is one of /dev."""
    name = name if "/" in name else f"/dev/{name}"
    device = os.path.realpath(name)
    found = next((port for port in ports if port.device == device), None)
    if found is None and not Path(device).exists():
        return Port(device=name)
    found = found or Port(device=device)
    return found if name in (device, *found.by_id, *found.by_path) else Port(device=device, own=(name,))


def _twins(found: Iterable[Found], by_id: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The devices of adapters that look the same to udev, so that they have fewer names than ports."""
    alike: dict[tuple[int, int | None, str], list[str]] = {}
    for one in found:
        if one.vid is not None:
            alike.setdefault((one.vid, one.pid, one.serial_number or ""), []).append(one.device)
    groups = [group for group in alike.values() if len(group) > 1]
    return {device for group in groups if not all(by_id.get(device) for device in group) for device in group}


def _has_hardware(device: str) -> bool:
    with suppress(OSError):
        return (Path("/sys/class/tty") / Path(device).name / "type").read_text().strip() != _UNKNOWN_TYPE
    return True


def _names_in(folder: Path) -> dict[str, tuple[str, ...]]:
    """The links of a folder by what they lead to."""
    found: dict[str, tuple[str, ...]] = {}
    for link in _links_in(folder):
        found[os.path.realpath(link)] = (*found.get(os.path.realpath(link), ()), str(link))
    return found


def _links_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(entry for entry in folder.iterdir() if entry.is_symlink())
