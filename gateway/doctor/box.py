"""The box itself: data folder, card, memory, supply, clock, time zone."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway import board
from gateway.doctor.finding import Finding, Mark, both, fine, unproven, wrong
from gateway.doctor.patient import Patient, properties, told_by
from gateway.kernel_clock import read_kernel_clock
from gateway.wall import RELEASED
from shouwang.alert import Sentence

FREE_MIB = 500
"""An outbox has 7 days in some 300 MiB; the log and an update need the rest. Set by this project."""
FULL = 95.0
MEMORY_FREE = 10.0
"""In %: below, the kernel begins to throw programs out of memory."""
WORN, SPENT = 70.0, 90.0
"""In %: buy a card, change the card."""
MIB = 1024 * 1024
_THROTTLED_NOW, _THROTTLED_EVER = 0x1, 0x10000
"""vcgencmd get_throttled: bit 0 under-voltage now, bit 16 since the boot (Raspberry Pi documentation)."""

_FOLDER = Sentence(zh="数据文件夹", en="data folder")
_SPACE = Sentence(zh="存储空间", en="space on the card")
_WEAR = Sentence(zh="存储卡寿命", en="wear of the card")
_MEMORY = Sentence(zh="内存", en="memory")
_SUPPLY = Sentence(zh="供电", en="power supply")
_CLOCK = Sentence(zh="时钟", en="clock")
_ZONE = Sentence(zh="时区", en="time zone")


def box_findings(patient: Patient) -> Iterator[Finding]:
    """All of it; blocks."""
    yield from _data_folder(patient)
    yield _wear(patient)
    yield _memory(patient)
    yield _supply(patient)
    yield _clock()
    zone = patient.home.gateway.timezone
    there = datetime.now(patient.home.gateway.zone)
    yield fine(_ZONE, f"{zone}，家里现在应是 {there:%H:%M}", f"{zone}; the clocks on the wall should say {there:%H:%M}")


def _data_folder(patient: Patient) -> Iterator[Finding]:
    folder = patient.home.gateway.data_dir
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
        usage = shutil.disk_usage(folder)
    except FileNotFoundError:
        yield wrong(
            Mark.FAULT,
            _FOLDER,
            Sentence(zh=f"没有 {folder}", en=f"there is no {folder}"),
            Sentence(
                zh=f"新建它：sudo install -d -o shouwang-gateway -g shouwang-gateway -m 0700 {folder}",
                en=f"make it: sudo install -d -o shouwang-gateway -g shouwang-gateway -m 0700 {folder}",
            ),
        )
        return
    except PermissionError:
        yield unproven(
            _FOLDER,
            f"这个用户不能写 {folder}；用 sudo 再试",
            f"this user may not write into {folder}; try again with sudo",
        )
        return
    except OSError as error:
        yield wrong(
            Mark.FAULT,
            _FOLDER,
            Sentence(zh=f"{folder} 不能写入：{error.strerror}", en=f"{folder} cannot be written: {error.strerror}"),
            Sentence(
                zh="只读的存储卡多半已损坏：换一张；满了就删除多余的文件",
                en="a card that is read-only is most often worn out: change it; a full one: remove what is not needed",
            ),
        )
        return
    yield fine(_FOLDER, f"{folder} 可以写入", f"{folder} can be written")
    yield _space(usage.free / MIB, 100 * usage.used / ((usage.used + usage.free) or 1))


def _space(free: float, used: float) -> Finding:
    found = Sentence(zh=f"剩 {free:.0f} MiB，已用 {used:.0f} %", en=f"{free:.0f} MiB free, {used:.0f} % used")
    remedy = Sentence(
        zh="找出占空间的：sudo du -xh / | sort -h | tail；日志：sudo journalctl --vacuum-size=50M",
        en="find what fills it: sudo du -xh / | sort -h | tail; the log: sudo journalctl --vacuum-size=50M",
    )
    if used >= FULL:
        return wrong(Mark.FAULT, _SPACE, found, remedy)
    return wrong(Mark.LOOK, _SPACE, found, remedy) if free < FREE_MIB else fine(_SPACE, found.zh, found.en)


def _wear(patient: Patient) -> Finding:
    wear = board.card_wear(patient.root)
    if wear is None:
        return unproven(
            _WEAR,
            "这种存储卡不报告寿命（SD 卡都不报告）；用了三年就换一张耐久型的卡",
            "this card does not tell (no SD card does); change it after three years, for one sold as endurance",
        )
    found = Sentence(zh=f"已用去约 {wear:.0f} %", en=f"about {wear:.0f} % of its life is used up")
    if wear < WORN:
        return fine(_WEAR, found.zh, found.en)
    remedy = Sentence(zh="准备更换存储", en="have a new one ready") if wear < SPENT else _CHANGE
    return wrong(Mark.LOOK if wear < SPENT else Mark.FAULT, _WEAR, found, remedy)


_CHANGE = Sentence(zh="现在就更换存储", en="change it now")


def _memory(patient: Patient) -> Finding:
    free = board.memory_free(patient.root)
    if free is None:
        return unproven(_MEMORY, "系统没有说明", "the system does not tell")
    own = "" if patient.status is None else f"{patient.status.memory_bytes / MIB:.0f} MiB"
    zh = f"{free:.0f} % 可用" + (f"，网关占 {own}" if own else "")
    en = f"{free:.0f} % free" + (f", the gateway has {own}" if own else "")
    if free >= MEMORY_FREE:
        return fine(_MEMORY, zh, en)
    return wrong(
        Mark.LOOK,
        _MEMORY,
        Sentence(zh=zh, en=en),
        Sentence(zh="看看谁占用最多：ps aux --sort=-rss | head", en="see who has it: ps aux --sort=-rss | head"),
    )


def _supply(patient: Patient) -> Finding:
    weak = Sentence(
        zh="换用原装电源和短而粗的电源线；USB 设备接到带电源的集线器上",
        en="use the maker's own supply and a short, thick cable; put USB devices on a hub with a supply of its own",
    )
    throttled = _number(told_by("vcgencmd", "get_throttled"))
    is_low = board.is_under_voltage(patient.root)
    if is_low or (throttled is not None and throttled & _THROTTLED_NOW):
        return wrong(Mark.FAULT, _SUPPLY, Sentence(zh="现在电压过低", en="the voltage is too low now"), weak)
    if throttled is not None and throttled & _THROTTLED_EVER:
        found = Sentence(zh="开机以来电压曾经过低", en="the voltage was too low at times since the start")
        return wrong(Mark.LOOK, _SUPPLY, found, weak)
    if is_low is None and throttled is None:
        return unproven(_SUPPLY, "这块主板不报告电压", "this board does not tell its voltage")
    return fine(_SUPPLY, "电压正常", "the voltage is right")


def _number(told: str | None) -> int | None:
    """`throttled=0x50000`."""
    try:
        return None if told is None else int(told.partition("=")[2], 16)
    except ValueError:
        return None


def _clock() -> Finding:
    now, kernel = datetime.now(UTC), read_kernel_clock()
    remedy = Sentence(
        zh="打开网络校时：sudo timedatectl set-ntp true；看看：timedatectl timesync-status"
        "（路由器要放行 UDP 123 端口）",
        en="have it set from the network: sudo timedatectl set-ntp true; look: timedatectl timesync-status (the router "
        "must let UDP port 123 through)",
    )
    if now < RELEASED:
        found = Sentence(zh=f"显示 {now:%Y-%m-%d}，不可能", en=f"it says {now:%Y-%m-%d}, which cannot be")
        return wrong(Mark.FAULT, _CLOCK, found, remedy)
    if kernel is None:
        return unproven(_CLOCK, "系统没有说明是否已校准", "the system does not tell whether it is set")
    is_wished = properties(("timedatectl", "show")).get("NTP", "yes") == "yes"
    if kernel.is_synchronised:
        return fine(
            _CLOCK,
            f"由网络校准，误差不超过 {kernel.error_s:.1f} 秒",
            f"set from the network, right to {kernel.error_s:.1f} s",
        )
    why = both("") if is_wished else Sentence(zh="（网络校时被关闭）", en=" (it is switched off)")
    found = Sentence(zh=f"没有由网络校准{why.zh}", en=f"not set from the network{why.en}")
    return wrong(Mark.LOOK, _CLOCK, found, remedy)
