"""The reading side of `./dev bench serial`, a process of its own: reads until its input ends, then says what came.

Started with `python -P`, since a folder that holds a `serial.py` would hide pyserial.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence

import serial

from drivers.serial.fall_radar_r60 import INSTRUMENT, FallRadarR60
from drivers.serial.instrument import InstrumentDriver
from drivers.serial.link import Line, SerialLink
from shouwang.driver import Emitted, Sample

BAUDRATE = 115200
READING = "reading"


class Count:
    """Bytes and values that came, and the CPU time from the first one on."""

    def __init__(self) -> None:
        """Nothing came."""
        self.came = 0
        self._cpu: float | None = None
        self._wall = 0.0

    def add(self, number: int) -> None:
        """So many more."""
        if self._cpu is None:
            self._cpu, self._wall = time.process_time(), time.perf_counter()
        self.came += number

    def said(self) -> dict[str, float]:
        """For the parent."""
        cpu_s = 0.0 if self._cpu is None else time.process_time() - self._cpu
        return {"came": self.came, "cpu_s": cpu_s, "wall_s": time.perf_counter() - self._wall}


async def drive(ports: Sequence[str], count: Count) -> None:
    """As the gateway does: frames found, checked, decoded and emitted."""

    def emit(said: Emitted) -> None:
        if isinstance(said, Sample):
            count.add(1)

    drivers = [
        InstrumentDriver(FallRadarR60(kind="fall_radar_r60", id=f"radar-{number}", port=port), INSTRUMENT)
        for number, port in enumerate(ports)
    ]
    await _until_end([asyncio.create_task(driver.run(emit)) for driver in drivers])


async def link(ports: Sequence[str], count: Count) -> None:
    """The link alone: bytes are read and counted."""

    async def read(port: str) -> None:
        async with SerialLink(port, Line(baudrate=BAUDRATE)).opened() as opened:
            while True:
                count.add(len(await opened.read()))

    await _until_end([asyncio.create_task(read(port)) for port in ports])


async def _until_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


def threads(ports: Sequence[str], count: Count) -> None:
    """A bare pyserial thread for each port: bytes are read and counted."""
    is_over = threading.Event()
    lock = threading.Lock()

    def read(port: serial.Serial) -> None:
        while not is_over.is_set():
            data = port.read(port.in_waiting or 1)
            with lock:
                count.add(len(data))

    opened = [serial.Serial(port, BAUDRATE, timeout=0.5, exclusive=True) for port in ports]
    readers = [threading.Thread(target=read, args=(port,)) for port in opened]
    for reader in readers:
        reader.start()
    sys.stdin.read()
    is_over.set()
    for reader in readers:
        reader.join()


def main() -> None:
    """`_serial_readers.py drive|link|threads PORT ...`."""
    how, ports, count = sys.argv[1], sys.argv[2:], Count()
    ways: dict[str, Callable[[], None]] = {
        "drive": lambda: asyncio.run(drive(ports, count)),
        "link": lambda: asyncio.run(link(ports, count)),
        "threads": lambda: threads(ports, count),
    }
    ways[how]()
    print(json.dumps(count.said()), flush=True)


if __name__ == "__main__":
    main()
