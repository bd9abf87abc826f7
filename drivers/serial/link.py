"""A serial port. The only module that imports serialx; its failures become DeviceError here."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import serialx

from shouwang.errors import DeviceError

OPEN_S = 10.0
WRITE_S = 2.0
CLOSE_S = 2.0
_GRACE_S = 2.0
"""For serialx to tidy up after a time-out; then it is cancelled once more."""
_READ_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """How a line is driven: bits a second, parity, stop bits; always eight data bits without flow control."""

    baudrate: int
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class SerialLink:
    """One port by its stable name (`/dev/serial/by-id/...`), for this process alone."""

    def __init__(self, port: str, line: Line) -> None:
        """Nothing is opened yet."""
        self._port = port
        self._line = line

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SerialPort"]:
        """The open port, closed at the end of the block. What lay in its buffer before is thrown away.

        Raises DeviceError where it is not there, may not be opened, or is in use.
        """
        serial = serialx.async_serial_for_url(
            self._port,
            baudrate=self._line.baudrate,
            parity=serialx.Parity(self._line.parity),
            stopbits=serialx.StopBits(float(self._line.stopbits)),
            exclusive=True,
            close_timeout=CLOSE_S,
        )
        try:
            await self._open(serial)
            yield SerialPort(serial, self._port)
        finally:
            # A port that cannot be closed is gone: there is nothing left to do for it.
            with suppress(OSError, serialx.SerialException, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    serial.abort()
                    await serial.wait_closed()

    async def _open(self, serial: serialx.AsyncSerial) -> None:
        try:
            async with asyncio.timeout(OPEN_S + _GRACE_S), asyncio.timeout(OPEN_S):
                await serial.open()
        except TimeoutError as error:
            raise DeviceError(f"{self._port} does not open within {OPEN_S:.0f} s; unplug the adapter once") from error
        except FileNotFoundError as error:
            raise DeviceError(f"{self._port} is not there; {await _ports_there()}") from error
        except PermissionError as error:
            raise DeviceError(
                f"the gateway's user may not open {self._port}; add it to the group dialout "
                "(usermod -aG dialout USER) and restart the gateway"
            ) from error
        except OSError as error:
            raise DeviceError(self._why(error)) from error
        except serialx.SerialException as error:
            raise DeviceError(f"{self._port} cannot be used: {error}") from error

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.EBUSY, errno.EWOULDBLOCK):
            return f"{self._port} is in use by another program (see: fuser -v {self._port}); stop that one"
        if error.errno in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
            return f"{self._port} is not a serial port; check the name in the configuration"
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.EIO):
            return f"{self._port} has nothing behind it; is the adapter plugged in?"
        return f"{self._port} cannot be opened: {error}"


class SerialPort:
    """An open port. All methods raise DeviceError once it is lost."""

    def __init__(self, serial: serialx.AsyncSerial, port: str) -> None:
        """`serial` is open; whoever opened it closes it."""
        self._serial = serial
        self._port = port

    async def read(self) -> bytes:
        """What has come in, at least one byte. May be cancelled: nothing is lost."""
        try:
            data = await self._serial.read(_READ_BYTES)
        except (OSError, serialx.SerialException) as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        return data

    async def write(self, data: bytes) -> None:
        """Hand the bytes to the port."""
        try:
            async with asyncio.timeout(WRITE_S):
                await self._serial.write(data)
        except TimeoutError as error:
            raise DeviceError(f"{self._port} takes no data; unplug the adapter once") from error
        except (OSError, serialx.SerialException) as error:
            raise self._lost() from error

    def _lost(self) -> DeviceError:
        return DeviceError(f"{self._port} was lost; was the adapter unplugged?")


async def _ports_there() -> str:
    with suppress(OSError):
        ports = await serialx.async_list_serial_ports()
        if ports:
            return "ports that are there: " + ", ".join(sorted(port.device for port in ports))
    return "this box has no serial port at all; is the adapter plugged in?"
