"""The serial ports of this box for an installer: which there are, what answers on each, and the lines to paste."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from config.home import Home
from config.ports import ports_of, written
from drivers.serial.instrument import Instrument
from drivers.serial.instruments import INSTRUMENTS
from drivers.serial.ports import Port, named_port, ports_here
from drivers.serial.probe import Answer, ask, lines_of, seconds_for
from drivers.serial.probe_modbus import BAUDRATES, SCAN_S, UNITS, ask_units
from drivers.serial.probe_modem import MODEM_S, ask_modem
from gateway.port_entries import Entries
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import DeviceError
from shouwang.nodes import Path as Where

PORT_S = 180.0
"""A port that hangs at every opening is given up after this long."""

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What came out of one port; `trouble` is why nothing did.

    `modem` is its model, which may be empty; `units` are those of a Modbus line, behind its baud rate.
    """

    port: Port
    answer: Answer = field(default_factory=Answer)
    modem: str | None = None
    units: tuple[int, Sequence[int]] | None = None
    trouble: str = ""


async def ports(
    home: Home | None,
    tell: Tell,
    *,
    named: Sequence[str] = (),
    modbus: bool = False,
    instruments: Sequence[Instrument] = INSTRUMENTS,
) -> None:
    """Tell which ports there are (or only those `named`), what answers, and the entries of home.yaml that use them.

    `modbus`: also look for Modbus units, which means to ask every address.
    """
    here = await asyncio.to_thread(ports_here)
    asked = [named_port(name, here) for name in named] or here
    if not asked:
        tell(_NO_PORT)
        return
    limit_s = seconds_for(instruments) + MODEM_S + (SCAN_S if modbus else 0.0)
    tell(both(*(_ASKING_ONE if len(asked) == 1 else _ASKING), number=len(asked), limit=limit_s))
    used = {} if home is None else _used(home)
    seen = await asyncio.gather(*(_look(port, instruments, modbus=modbus) for port in asked))
    for one in seen:
        tell("")
        for line in _words(one, used, instruments, modbus=modbus):
            tell(line)
    entries = Entries(home)
    for one in seen:
        if one.port.device not in used:
            _enter(one, entries)
    for line in entries.lines():
        tell(line)


async def _look(port: Port, instruments: Sequence[Instrument], *, modbus: bool) -> _Seen:
    try:
        async with asyncio.timeout(PORT_S):
            answer = await ask(port.device, instruments)
            if answer.fits:
                return _Seen(port=port, answer=answer)
            modem = await ask_modem(port.device)
            if modem is not None or not modbus:
                return _Seen(port=port, answer=answer, modem=modem)
            return _Seen(port=port, answer=answer, units=await ask_units(port.device))
    except DeviceError as error:
        return _Seen(port=port, trouble=told_by(error))
    except TimeoutError:
        return _Seen(port=port, trouble=both(*_ENDLESS, limit=PORT_S))


def _words(seen: _Seen, used: Mapping[str, str], instruments: Sequence[Instrument], *, modbus: bool) -> Iterator[str]:
    port = seen.port
    usb = f" (USB {port.usb})" if port.usb else ""
    yield f"{port.device}  {port.adapter}{usb}".rstrip()
    if port.device in used:
        yield both(*_HERE, id=used[port.device])
    said = seen.trouble or _looks(seen) or _silence(seen.answer, instruments, modbus=modbus)
    yield both("  {said}", "  {said}", said=said)
    if port.name != port.device:
        yield both(*_LASTING, name=port.name)
    if port.why and not seen.trouble:
        yield f"  {port.why}"


def _looks(seen: _Seen) -> str:
    """What it is; empty where it cannot be told."""
    if seen.answer.fits:
        fits = [Bilingual(f"{fit.zh} {fit.en}", zh=fit.zh) for fit in seen.answer.fits]
        listed = Bilingual(" 或 or ".join(fits), zh=" 或 ".join(fit.zh for fit in fits))
        return both(*_LOOKS_LIKE, what=listed)
    if seen.modem is not None:
        return both(*_MODEM, model=f" {seen.modem}".rstrip())
    if seen.units is not None:
        baudrate, units = seen.units
        return both(*_MODBUS, units=_listed(units), baudrate=baudrate)
    return ""


def _silence(answer: Answer, instruments: Sequence[Instrument], *, modbus: bool) -> str:
    bauds = _listed(sorted({line.baudrate for line in lines_of(instruments)}))
    if answer.bytes_in:
        return both(*_STRANGE, number=answer.bytes_in, bauds=bauds)
    units = both(*_NO_UNIT, first=UNITS[0], last=UNITS[-1], bauds=_listed(BAUDRATES)) if modbus else ""
    return both(*_NOTHING, bauds=bauds, units=units, hint="" if modbus else _TRY_MODBUS)


_NO_PORT = Bilingual(
    "this box has no serial port; is the adapter plugged in? (if it is: sudo dmesg | tail)",
    zh="本机没有串口；转换器插上了吗？（插上了就看：sudo dmesg | tail）",
)
_ASKING_ONE = (
    "asking one port what is there; this takes up to {limit:.0f} s ...",
    "正在询问 1 个串口接了什么；最多 {limit:.0f} 秒……",
)
_ASKING = (
    "asking {number} ports what is there; this takes up to {limit:.0f} s ...",
    "正在询问 {number} 个串口接了什么；最多 {limit:.0f} 秒……",
)
_ENDLESS = (
    "does not come to an end within {limit:.0f} s; unplug the adapter once",
    "{limit:.0f} 秒内没有结果；请把转换器拔下再插上",
)
_HERE = "  already here as {id}", "  已在用：{id}"
_LASTING = "  its name that stays: {name}", "  它不变的名字：{name}"
_LOOKS_LIKE = "looks like: {what}", "像是：{what}"
_MODEM = "looks like: 短信模块 a modem{model}", "像是：短信模块{model}"
_MODBUS = (
    "looks like: Modbus 总线 an RS-485 line with Modbus unit {units} at {baudrate} baud",
    "像是：Modbus 总线（RS-485），地址 {units}，波特率 {baudrate}",
)
_STRANGE = (
    (
        "something speaks here ({number} bytes), but nothing that this gateway knows at {bauds} baud; is it another "
        "kind of device?"
    ),
    "这里有数据（{number} 字节），但在波特率 {bauds} 下不是本网关认识的；是不是别的设备？",
)
_NO_UNIT = (
    ", nor a Modbus unit from {first} to {last} at {bauds}",
    "，在 {bauds} 下 {first} 到 {last} 号 Modbus 地址也没有应答",
)
_TRY_MODBUS = Bilingual(
    " (a Modbus line? add --modbus; it asks every address)", zh="（是 Modbus 总线吗？加上 --modbus，它会逐个地址询问）"
)
_NOTHING = (
    (
        "nothing answers at {bauds}{units} baud; is it switched on, its TX on the adapter's RX, its RX on the "
        "adapter's TX, and GND on GND?{hint}"
    ),
    "波特率 {bauds} 下没有应答{units}；它通电了吗？它的 TX 接转换器的 RX、RX 接 TX、GND 接 GND 了吗？{hint}",
)


def _enter(seen: _Seen, entries: Entries) -> None:
    if len(seen.answer.fits) > 1:
        entries.choose(seen.answer.fits, seen.port.name)
    for fit in seen.answer.fits:
        entries.instrument(fit, seen.port.name)
    if seen.modem is not None:
        entries.modem(seen.port.name)
    if seen.units is not None:
        baudrate, units = seen.units
        entries.units(units, baudrate, seen.port.name)


def _used(home: Home) -> dict[str, str]:
    """The devices that the home uses already, with the sensor's id or the part of the file."""
    ids: dict[Where, str] = {("sensors", index): sensor.id for index, sensor in enumerate(home.sensors)}
    return {os.path.realpath(port): ids.get(path, written(path)) for path, port in ports_of(home)}


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
