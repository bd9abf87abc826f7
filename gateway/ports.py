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
        tell("this box has no serial port; is the adapter plugged in? (if it is: sudo dmesg | tail)")
        return
    limit_s = seconds_for(instruments) + MODEM_S + (SCAN_S if modbus else 0.0)
    count = "one port" if len(asked) == 1 else f"{len(asked)} ports"
    tell(f"asking {count} what is there; this takes up to {limit_s:.0f} s ...")
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
        return _Seen(port=port, trouble=str(error))
    except TimeoutError:
        return _Seen(port=port, trouble=f"does not come to an end within {PORT_S:.0f} s; unplug the adapter once")


def _words(seen: _Seen, used: Mapping[str, str], instruments: Sequence[Instrument], *, modbus: bool) -> Iterator[str]:
    port = seen.port
    usb = f" (USB {port.usb})" if port.usb else ""
    yield f"{port.device}  {port.adapter}{usb}".rstrip()
    if port.device in used:
        yield f"  already here as {used[port.device]}"
    yield f"  {seen.trouble or _looks(seen) or _silence(seen.answer, instruments, modbus=modbus)}"
    if port.name != port.device:
        yield f"  its name that stays: {port.name}"
    if port.why and not seen.trouble:
        yield f"  {port.why}"


def _looks(seen: _Seen) -> str:
    """What it is; empty where it cannot be told."""
    if seen.answer.fits:
        return "looks like: " + " 或 or ".join(f"{fit.zh} {fit.en}" for fit in seen.answer.fits)
    if seen.modem is not None:
        return f"looks like: 短信模块 a modem {seen.modem}".rstrip()
    if seen.units is not None:
        baudrate, units = seen.units
        return f"looks like: Modbus 总线 an RS-485 line with Modbus unit {_listed(units)} at {baudrate} baud"
    return ""


def _silence(answer: Answer, instruments: Sequence[Instrument], *, modbus: bool) -> str:
    bauds = _listed(sorted({line.baudrate for line in lines_of(instruments)}))
    if answer.bytes_in:
        return (
            f"something speaks here ({answer.bytes_in} bytes), but nothing that this gateway knows at {bauds} baud; "
            "is it another kind of device?"
        )
    if modbus:
        bauds += f", nor a Modbus unit from {UNITS[0]} to {UNITS[-1]} at {_listed(BAUDRATES)}"
    hint = "" if modbus else " (a Modbus line? add --modbus; it asks every address)"
    return (
        f"nothing answers at {bauds} baud; is it switched on, its TX on the adapter's RX, its RX on the adapter's TX, "
        f"and GND on GND?{hint}"
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
