"""What is plugged in: Bluetooth adapters, serial ports and who has them, loudspeaker, pins."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from config.annunciators import SpeechPart
from config.ports import ports_of, written
from drivers.serial.holders import Holder, holders_of, lockers_of, runs
from gateway import board
from gateway.doctor.finding import Finding, Mark, both, fine, unproven, wrong
from gateway.doctor.patient import Patient, told_by
from messaging.broker import parse_broker_url
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import told_by as words_of
from shouwang.errors import DeviceError

OLD_BLUEZ = (5, 55)
"""Debian 11's; passive scanning and several fixes of GATT came later (shared design of Bluetooth)."""
_RULES = ("etc/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
_OUR_RULE = "60-shouwang-serial.rules"
_LOOK_S = 15.0
_REACH_S = 5.0
LOCK_FILE = "outbox.sqlite3.lock"
_RFKILL = Sentence(zh="sudo rfkill unblock bluetooth", en="sudo rfkill unblock bluetooth")


async def hardware_findings(patient: Patient) -> AsyncIterator[Finding]:
    """All that this home needs of it."""
    async for found in _locked(patient):
        yield found
    if patient.home.local_broker is not None:
        yield await _local_broker(patient.home.local_broker.url)
    adapters = patient.home.adapters()
    for found in _switched_off(patient.root) if adapters else ():
        yield found
    for adapter in adapters:
        yield await _adapter(adapter)
    if adapters:
        yield await asyncio.to_thread(_bluez)
    ports = list(ports_of(patient.home))
    for port, path in {port: path for path, port in ports}.items():
        yield await _port(patient, written(path), port)
    if ports:
        async for found in _meddlers(patient.root):
            yield found
    for found in _outputs(patient):
        yield found


async def _locked(patient: Patient) -> AsyncIterator[Finding]:
    """The lock on the data: of the gateway that answers, or of one that does not."""
    what = Sentence(zh="数据文件的锁", en="lock of the data")
    lock = patient.home.gateway.data_dir / LOCK_FILE
    holders = await lockers_of(str(lock))
    ours = None if patient.status is None else patient.status.pid
    if holders and patient.is_silent:
        yield fine(what, "有网关持有，正常", "held by a gateway, as it should be")
    elif holders and ours is None:
        holder = holders[0]
        words = f"{holder.program or '?'} ({holder.pid})"
        found = Sentence(zh=f"被进程 {words} 锁着，但它不应答", en=f"held by {words}, which does not answer")
        remedy = Sentence(
            zh="网关可能正在启动，一分钟后再试；还是这样：sudo systemctl restart shouwang-gateway",
            en="a gateway that is just starting? Try again in a minute; else: sudo systemctl restart shouwang-gateway",
        )
        yield wrong(Mark.LOOK, what, found, remedy)
    elif holders:
        yield fine(what, "由网关自己持有，正常", "held by the gateway itself: fine")


async def _local_broker(url: str) -> Finding:
    what = Sentence(zh="家里的 MQTT 服务器", en="the home's own MQTT broker")
    host, port, _ = parse_broker_url(url)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return wrong(
            Mark.FAULT,
            what,
            Sentence(zh=f"{host}:{port} 连不上", en=f"{host}:{port} cannot be reached"),
            Sentence(
                zh="启动它：sudo systemctl enable --now mosquitto；或改正 local_broker.url",
                en="start it: sudo systemctl enable --now mosquitto; or correct local_broker.url",
            ),
        )
    writer.close()
    return fine(what, f"{host}:{port} 可以连上", f"{host}:{port} answers")


def _switched_off(root: Path) -> Iterator[Finding]:
    for switch in sorted((root / "sys/class/rfkill").glob("rfkill*")):
        if board.read_text(switch / "type") != "bluetooth":
            continue
        what = both(f"Bluetooth ({board.read_text(switch / 'name') or switch.name})")
        if board.read_number(switch / "hard"):
            found = Sentence(zh="被机器上的开关关闭", en="switched off by a switch on the box")
            yield wrong(
                Mark.FAULT, what, found, Sentence(zh="打开机器上的无线开关", en="find the switch and put it on")
            )
        elif board.read_number(switch / "soft"):
            found = Sentence(zh="被软件关闭 (rfkill)", en="switched off by software (rfkill)")
            yield wrong(Mark.FAULT, what, found, _RFKILL)


async def _adapter(adapter: str) -> Finding:
    from drivers.ble.daemon import connected_daemon  # noqa: PLC0415 - only a home with Bluetooth needs D-Bus

    what = Sentence(zh=f"蓝牙适配器 {adapter}", en=f"Bluetooth adapter {adapter}")
    try:
        async with asyncio.timeout(_LOOK_S), connected_daemon() as daemon:
            state = await daemon.state(adapter)
    except DeviceError as error:
        found = sentence_of(words_of(error))
        remedy = Sentence(
            zh="启动它：sudo systemctl enable --now bluetooth；没有安装：sudo apt-get install bluez",
            en="start it: sudo systemctl enable --now bluetooth; it is not installed: sudo apt-get install bluez",
        )
        return wrong(Mark.FAULT, what, found, remedy)
    except TimeoutError:
        found = Sentence(zh="蓝牙服务 15 秒没有应答", en="the Bluetooth service does not answer in 15 s")
        restart = both("sudo systemctl restart bluetooth")
        return wrong(Mark.FAULT, what, found, restart)
    if state is None:
        return wrong(
            Mark.FAULT,
            what,
            Sentence(zh="没有这个适配器", en="there is none of this name"),
            Sentence(
                zh="插好适配器；看看有哪些：bluetoothctl list；名字不同就改 home.yaml 里的 adapter",
                en="plug it in; see which there are: bluetoothctl list; another name: change adapter in home.yaml",
            ),
        )
    if not state.is_powered:
        return wrong(
            Mark.LOOK,
            what,
            Sentence(zh="在，但没有通电", en="there, but not powered"),
            Sentence(
                zh="网关启动时会打开它；手动：bluetoothctl power on",
                en="the gateway switches it on when it starts; by hand: bluetoothctl power on",
            ),
        )
    return fine(what, "在，已通电", "there, powered")


def _bluez() -> Finding:
    what = Sentence(zh="蓝牙软件 (BlueZ)", en="Bluetooth software (BlueZ)")
    told = (told_by("bluetoothctl", "--version") or "").split()
    try:
        version = tuple(int(part) for part in told[-1].split("."))
    except (IndexError, ValueError):
        return unproven(what, "没有说明版本", "does not tell its version")
    if version < OLD_BLUEZ:
        remedy = Sentence(zh="升级系统到 Debian 12 或更新", en="update the system to Debian 12 or newer")
        return wrong(Mark.LOOK, what, Sentence(zh=f"版本 {told[-1]}，太旧", en=f"version {told[-1]} is old"), remedy)
    return fine(what, f"版本 {told[-1]}", f"version {told[-1]}")


async def _port(patient: Patient, part: str, port: str) -> Finding:
    what = Sentence(zh=f"串口 {port}（{part}）", en=f"serial port {port} ({part})")
    if not await asyncio.to_thread(Path(port).exists):
        return wrong(
            Mark.FAULT,
            what,
            Sentence(zh="没有这个串口", en="it is not there"),
            Sentence(
                zh="插好设备；看看有哪些串口：shouwang gateway ports",
                en="plug the device in; see which ports there are: shouwang gateway ports",
            ),
        )
    others = [holder for holder in await holders_of(port) if not holder.is_this_process]
    ours = None if patient.status is None else patient.status.pid
    if others:
        return _held(patient, what, others)
    if not os.access(port, os.R_OK | os.W_OK):
        found = Sentence(zh="在；这个用户不能打开它", en="there; this user may not open it")
        remedy = Sentence(
            zh="网关的用户在 dialout 组里，能打开；要自己打开，用 sudo",
            en="the gateway's user is in the group dialout and may; to open it yourself, use sudo",
        )
        return Finding(mark=Mark.UNPROVEN, what=what, found=found, remedy=remedy)
    if ours is not None:
        return wrong(
            Mark.LOOK,
            what,
            Sentence(zh="在，但网关没有打开它", en="there, but the gateway has not opened it"),
            Sentence(
                zh="看看传感器的状态：shouwang gateway status；刚插上的设备最多等一分钟",
                en="see the sensor's state: shouwang gateway status; what was just plugged in takes a minute at most",
            ),
        )
    return fine(what, "在，没有被占用", "there, and nobody has it")


def _held(patient: Patient, what: Sentence, holders: Sequence[Holder]) -> Finding:
    if patient.status is not None and any(holder.pid == patient.status.pid for holder in holders):
        return fine(what, "由网关自己使用，正常", "held by the gateway itself: fine")
    if patient.is_silent:  # which of them is the gateway is not known, and it must not be ended by mistake
        words = f"{holders[0].program or '?'} ({holders[0].pid})"
        return unproven(
            what,
            f"被 {words} 使用，大概就是网关；用 sudo 再试可以确定",
            f"held by {words}, most likely the gateway; try again with sudo to be sure",
        )
    return wrong(Mark.FAULT, what, sentence_of(holders[0].words()), _LET_GO)


_LET_GO = Sentence(
    zh="结束占用它的程序，或给它换一个串口", en="end the program that has it, or give that one another port"
)


async def _meddlers(root: Path) -> AsyncIterator[Finding]:
    """Programs that take hold of serial adapters by themselves."""
    is_ruled = any((root / folder / _OUR_RULE).exists() for folder in _RULES)
    what = Sentence(zh="抢占串口的程序", en="programs that take serial ports")
    found = [program for program in ("ModemManager", "brltty") if await runs(program)]
    if not found:
        yield fine(what, "没有在运行", "none runs")
    if "brltty" in found:
        words = Sentence(zh="brltty 在运行", en="brltty runs")
        remedy = Sentence(
            zh="家里没有盲文显示器就删除它：sudo apt-get purge brltty",
            en="if nobody here uses a Braille display: sudo apt-get purge brltty",
        )
        yield wrong(Mark.LOOK, what, words, remedy)
    if "ModemManager" in found and is_ruled:
        yield fine(what, "ModemManager 在运行，但规则让它不碰这些串口", "ModemManager runs, but our rule keeps it off")
    elif "ModemManager" in found:
        words = Sentence(zh="ModemManager 在运行", en="ModemManager runs")
        remedy = Sentence(
            zh="安装规则 systemd/60-shouwang-serial.rules（见 docs/operations.md），"
            "或停用它：sudo systemctl disable --now ModemManager",
            en="put systemd/60-shouwang-serial.rules in place (docs/operations.md), "
            "or: sudo systemctl disable --now ModemManager",
        )
        yield wrong(Mark.LOOK, what, words, remedy)


def _outputs(patient: Patient) -> Iterator[Finding]:
    home = patient.home
    for part in home.annunciators:
        if isinstance(part, SpeechPart):
            yield from _speech(part)
    kinds = [part.kind for part in home.annunciators] + [cut_off.by.kind for cut_off in home.cut_offs]
    if any(kind.startswith("gpio_") for kind in kinds):
        yield _pins(patient.root)
    if all(part.kind == "console" for part in home.annunciators):
        what = Sentence(zh="家里的声光", en="sound and light at home")
        found = Sentence(
            zh="没有警笛、灯或喇叭：断网时老人听不到报警", en="no siren, lamp or loudspeaker is configured"
        )
        remedy = Sentence(
            zh="在 home.yaml 的 annunciators 里加一个（kind: speech 最简单）",
            en="without the network nobody at home would hear an alarm: add one under annunciators (kind: speech)",
        )
        yield wrong(Mark.LOOK, what, found, remedy)


_PACKAGES = {"espeak-ng": "espeak-ng", "aplay": "alsa-utils", "paplay": "pulseaudio-utils"}


def _speech(part: SpeechPart) -> Iterator[Finding]:
    what = Sentence(zh=f"喇叭 {part.id}", en=f"loudspeaker {part.id}")
    missing = [program for program in ("espeak-ng", part.player) if shutil.which(program) is None]
    if not missing:
        yield fine(what, "语音程序都在", "the programs that speak are there")
    for program in missing:
        remedy = both(f"sudo apt-get install {_PACKAGES[program]}")
        yield wrong(Mark.FAULT, what, Sentence(zh=f"没有安装 {program}", en=f"{program} is not installed"), remedy)
    if part.player == "aplay" and not missing and "card" not in (told_by("aplay", "-l") or "").lower():
        found = Sentence(zh="没有声卡", en="there is no sound card")
        remedy = Sentence(
            zh="插好 USB 喇叭或打开声卡；看看：aplay -l",
            en="plug the USB loudspeaker in; see which there are: aplay -l",
        )
        yield wrong(Mark.FAULT, what, found, remedy)


def _pins(root: Path) -> Finding:
    what = Sentence(zh="引脚 (GPIO)", en="pins (GPIO)")
    if any((root / "dev").glob("gpiochip*")):
        return fine(what, "在", "there")
    found = Sentence(zh="这块主板没有 /dev/gpiochip*", en="this board has no /dev/gpiochip*")
    remedy = Sentence(
        zh="只有树莓派一类的主板有引脚；换用 MQTT 插座或 USB 继电器",
        en="only boards like a Raspberry Pi have pins; use an MQTT plug or a USB relay",
    )
    return wrong(Mark.FAULT, what, found, remedy)
