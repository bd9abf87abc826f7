"""A serial port. The only module that imports serialx; its failures become DeviceError here."""

import asyncio
import errno
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drivers.later import Later
from drivers.serial.holders import holders_of, runs
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    import serialx
else:
    serialx = Later("serialx")

OPEN_S = 10.0
WRITE_S = 2.0
CLOSE_S = 2.0
_GRACE_S = 2.0
"""For serialx to tidy up after a time-out; then it is cancelled once more."""
_READ_BYTES = 4096
_TAKEN = "{port} is {taken}", "{port} {taken}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """How a line is driven: bits a second, parity, stop bits; always eight data bits without flow control."""

    baudrate: int
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


@dataclass(kw_only=True, slots=True)
class Traffic:
    """Counts of one link since the start of the program."""

    opened: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class SerialLink:
    """One port by its stable name (`/dev/serial/by-id/...`), for this process alone.

    Both control lines are up from opening on and stay so when it is closed: only their first rise after the adapter was
    plugged in, which is the kernel's doing, can reset a board with auto-reset, never a reopening.
    """

    def __init__(self, port: str, line: Line) -> None:
        """Nothing is opened yet."""
        self.traffic = Traffic()
        self._port = port
        self._line = line

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SerialPort"]:
        """The open port, closed at the end of the block. What lay in its buffer before is thrown away.

        Raises DeviceError where it is not there, may not be opened, or is in use; also by a program without a lock,
        where it can be seen: two readers of one port each get half of the frames.
        """
        serial = serialx.async_serial_for_url(
            self._port,
            baudrate=self._line.baudrate,
            parity=serialx.Parity(self._line.parity),
            stopbits=serialx.StopBits(float(self._line.stopbits)),
            exclusive=True,
            close_timeout=CLOSE_S,
            dtr_on_close=serialx.PinState.UNDEFINED,
            rts_on_close=serialx.PinState.UNDEFINED,
        )
        try:
            await self._open(serial)
            self.traffic.opened += 1
            yield SerialPort(serial, self._port, self.traffic)
        finally:
            # A port that cannot be closed is gone: there is nothing left to do for it.
            with suppress(*_failures()):
                async with asyncio.timeout(CLOSE_S):
                    serial.abort()
                    await serial.wait_closed()

    async def _open(self, serial: "serialx.AsyncSerial") -> None:
        # Before the opening, which would change the line settings under the other program's feet.
        if others := [holder for holder in await holders_of(self._port) if not holder.is_this_process]:
            raise DeviceError(both(*_TAKEN, port=self._port, taken=others[0].words()))
        try:
            async with asyncio.timeout(OPEN_S + _GRACE_S), asyncio.timeout(OPEN_S):
                await serial.open()
            # Whatever the port does not take at once is waited for (see SerialPort.write), not kept for later.
            serial.transport.set_write_buffer_limits(high=0)
        except TimeoutError as error:
            raise DeviceError(
                Bilingual(
                    f"{self._port} does not open within {OPEN_S:.0f} s; unplug the adapter once",
                    zh=f"{self._port} 在 {OPEN_S:.0f} 秒内打不开；请拔插一次适配器",
                )
            ) from error
        except FileNotFoundError as error:
            there = await _ports_there()
            raise DeviceError(
                Bilingual(
                    f"{self._port} is not there; {there}", zh=f"没有 {self._port}；请检查适配器是否插好、名字是否正确"
                )
            ) from error
        except PermissionError as error:
            raise DeviceError(
                Bilingual(
                    f"the gateway's user may not open {self._port}; add it to the group dialout "
                    "(usermod -aG dialout USER) and restart the gateway",
                    zh=f"网关的用户无权打开 {self._port}；请把它加入 dialout 组（usermod -aG dialout USER）并重启网关",
                )
            ) from error
        except _failures() as error:
            raise DeviceError(await self._why(error)) from error

    async def _why(self, error: Exception) -> str:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.EBUSY, errno.EWOULDBLOCK):
            return await self._who()
        if number in (errno.ENOTTY, errno.EISDIR):
            return Bilingual(
                f"{self._port} is not a serial port; check the name in the configuration",
                zh=f"{self._port} 不是串口；请检查配置里的名字",
            )
        if number in (errno.ENXIO, errno.ENODEV, errno.EIO):
            return Bilingual(
                f"{self._port} has nothing behind it; is the adapter plugged in?",
                zh=f"{self._port} 后面没有设备；适配器插上了吗？",
            )
        return Bilingual(
            f"{self._port} cannot be opened at {self._line.baudrate} baud: {error}",
            zh=f"{self._port} 无法以 {self._line.baudrate} 波特打开：{error}",
        )

    async def _who(self) -> str:
        holders = await holders_of(self._port)
        others = [holder for holder in holders if not holder.is_this_process]
        if found := others or holders:
            return both(*_TAKEN, port=self._port, taken=found[0].words())
        return Bilingual(
            f"{self._port} is in use by another program; see which: sudo fuser -v {self._port}, and stop that one",
            zh=f"{self._port} 被别的程序占用；用 sudo fuser -v {self._port} 查看是哪个，并停掉它",
        )


class SerialPort:
    """An open port. All methods raise DeviceError once it is lost.

    What comes in while nobody reads is kept up to some hundred kB, then the kernel keeps 64 kB more and drops the rest.
    """

    def __init__(self, serial: "serialx.AsyncSerial", port: str, traffic: Traffic) -> None:
        """`serial` is open; whoever opened it closes it."""
        self._serial = serial
        self._port = port
        self._traffic = traffic

    async def read(self) -> bytes:
        """What has come in, at least one byte. May be cancelled: nothing is lost."""
        try:
            data = await self._serial.read(_READ_BYTES)
        except _failures() as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        self._traffic.bytes_in += len(data)
        return data

    async def read_until(self, until: float | None) -> bytes:
        """What comes in until then (loop time; None: for ever), empty where nothing does."""
        try:
            async with asyncio.timeout_at(until):
                return await self.read()
        except TimeoutError:
            return b""

    async def write(self, data: bytes) -> None:
        """Hand the bytes to the port; returns when it has taken them."""
        try:
            async with asyncio.timeout(WRITE_S):
                await self._serial.write(data)
        except TimeoutError as error:
            raise DeviceError(
                Bilingual(
                    f"{self._port} takes no data; unplug the adapter once",
                    zh=f"{self._port} 不接收数据；请拔插一次适配器",
                )
            ) from error
        except _failures() as error:
            raise self._lost() from error
        if not self._serial.is_open:  # lost at this very write, which serialx tells only at the next
            raise self._lost()
        self._traffic.bytes_out += len(data)

    def _lost(self) -> DeviceError:
        return DeviceError(
            Bilingual(
                f"{self._port} was lost; was the adapter unplugged?", zh=f"{self._port} 断开了；适配器被拔掉了吗？"
            )
        )


def _failures() -> tuple[type[Exception], ...]:
    """All that a port that is gone, or goes at this moment, makes the library and the kernel raise."""
    return OSError, termios.error, serialx.SerialException


async def _ports_there() -> str:
    if await runs("brltty"):
        return "brltty, which runs here, may have taken it for a Braille display (sudo apt-get purge brltty)"
    with suppress(OSError):
        ports = await serialx.async_list_serial_ports()
        if ports:
            return "ports that are there: " + ", ".join(sorted(port.device for port in ports))
    return "this box has no serial port at all; is the adapter plugged in?"
