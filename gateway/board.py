"""What the kernel tells of the board: heat, supply voltage, free memory, wear of the card. What it keeps back is None.

All paths are read below `root`, so that a made tree stands for any board.
"""

from collections.abc import Iterable
from pathlib import Path

_CORES = ("cpu", "soc", "pkg")
"""Thermal zones of the cores: cpu-thermal (Raspberry Pi, Allwinner), soc-thermal (Rockchip), x86_pkg_temp (Intel)."""
_PI_VOLTAGE = "rpi_volt"
"""The driver raspberrypi-hwmon: its alarm means that the firmware saw less than 4.63 V (Raspberry Pi documentation)."""
_EOL_WARNING = {2: 90.0, 3: 100.0}
"""eMMC PRE_EOL_INFO (JESD84-B51): 2, 80 % of the reserve is used; 3, urgent."""


def temperature(root: Path) -> float | None:
    """Of the hottest core, in Cel; where no zone names the cores, of the first zone."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    cores = [zone for zone in zones if any(part in (read_text(zone / "type") or "") for part in _CORES)]
    found = [heat for zone in (cores or zones[:1]) if (heat := read_number(zone / "temp")) is not None]
    return max(found) / 1000 if found else None


def is_under_voltage(root: Path) -> bool | None:
    """Whether the supply is too weak, as the board's own monitor says."""
    for monitor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if read_text(monitor / "name") == _PI_VOLTAGE:
            alarm = read_number(monitor / "in0_lcrit_alarm")
            return None if alarm is None else alarm != 0
    return None


def memory_free(root: Path) -> float | None:
    """What programs may still have, in % of all."""
    sizes = dict(_sizes((read_text(root / "proc/meminfo") or "").splitlines()))
    total, free = sizes.get("MemTotal"), sizes.get("MemAvailable")
    return None if not total or free is None else 100 * free / total


def card_wear(root: Path) -> float | None:
    """How much of its life the most worn eMMC has behind it, in %, by its own estimate; SD cards do not tell."""
    found = [wear for device in (root / "sys/block").glob("mmcblk*/device") if (wear := _wear(device)) is not None]
    return max(found, default=None)


def read_text(path: Path) -> str | None:
    """What the kernel's file says; None where it is not there or cannot be read now."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """A whole number, decimal or 0x..."""
    return _number(read_text(path) or "")


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _wear(device: Path) -> float | None:
    """DEVICE_LIFE_TIME_EST in steps of 10 %: 0x01 is 0 to 10 %, 0x0b is beyond its life; 0x00 is not defined."""
    told = [_number(word) for word in (read_text(device / "life_time") or "").split()]
    steps = [step for step in told if step]
    end = _EOL_WARNING.get(read_number(device / "pre_eol_info") or 0)
    found = [*([10.0 * max(steps)] if steps else []), *([end] if end else [])]
    return max(found, default=None)


def _sizes(lines: Iterable[str]) -> Iterable[tuple[str, int]]:
    for line in lines:
        name, _, rest = line.partition(":")
        size = _number(rest.split()[0]) if rest.split() else None
        if size is not None:
            yield name, size
