"""Eight ports at 115200 baud, each one full: `./dev bench serial [--json FILE]`. Exits 1 where a frame is lost.

Pseudo terminals: no wire time and no UART, so this is the cost of reading alone. The feeder is this process; who reads
is a process of its own: our drivers whole (frames found, checked, decoded, emitted), our link alone, and a bare
pyserial thread for each port beside them in the same run. Frames come one by one (an adapter with its latency timer at
1 ms), or in bursts of 16 ms (an FTDI adapter as it comes).
"""

import json
import os
import select
import subprocess
import sys
import time
import tty
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from _figures import Figure, options_of, report

from simulators.serial import r60

PORTS = 8
SECONDS = 5.0
BYTES_A_SECOND = 115200 / 10
BURST_S = 0.016
READERS = Path(__file__).with_name("_serial_readers.py")
FRAMES = [r60.frame(*r60.BODY_MOVEMENT, bytes((value,))) for value in range(1, 101)]
FRAME_BYTES = len(FRAMES[0])
OPENING_S = 20.0
SETTLE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one reader got of what was put on the lines."""

    frames_said: int
    came: int
    share: float


def run(how: str, *, gap_s: float) -> Run:
    """Feed eight ports to this reader; `gap_s` between two bursts, 0 for frame by frame."""
    with ExitStack() as stack:
        lines = [_line(stack) for _ in range(PORTS)]
        ours, names = [fd for fd, _ in lines], [name for _, name in lines]
        reader = subprocess.Popen(
            [sys.executable, "-P", str(READERS), how, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.callback(reader.kill)
        _until_open(ours)
        said = _feed(ours, gap_s)
        time.sleep(SETTLE_S)
        answer, _ = reader.communicate("", timeout=30)
    found = json.loads(answer)
    return Run(frames_said=said, came=int(found["came"]), share=100 * found["cpu_s"] / found["wall_s"])


def _line(stack: ExitStack) -> tuple[int, str]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    name = os.ttyname(theirs)
    os.close(theirs)
    stack.callback(os.close, ours)
    return ours, name


def _until_open(ours: Sequence[int]) -> None:
    poll = select.poll()
    for fd in ours:
        poll.register(fd, select.POLLIN)
    until = time.monotonic() + OPENING_S
    while any(happened & select.POLLHUP for _, happened in poll.poll(0)):
        if time.monotonic() > until:
            raise TimeoutError("the reader did not open its ports")
        time.sleep(0.01)
    time.sleep(SETTLE_S)  # it throws away what comes while it sets the line


def _feed(ours: Sequence[int], gap_s: float) -> int:
    """Put frames on all lines as fast as the wire would; how many."""
    sent, began = 0, time.perf_counter()
    while (now := time.perf_counter() - began) < SECONDS:
        due = int(now * BYTES_A_SECOND / FRAME_BYTES)
        fresh = [FRAMES[number % len(FRAMES)] for number in range(sent, due)]
        for piece in [b"".join(fresh)] if gap_s and fresh else fresh:
            for fd in ours:
                _write(fd, piece)
        sent = due
        time.sleep(gap_s or FRAME_BYTES / BYTES_A_SECOND)
    return sent * len(ours)


def _write(fd: int, data: bytes) -> None:
    try:
        os.write(fd, data)
    except BlockingIOError:  # the wire does not wait: what cannot be taken is lost, and counted as said
        time.sleep(0)


def main() -> int:
    """Measure, print, write; 1 where a target is missed."""
    options = options_of(__doc__).parse_args()
    figures = []
    for gap_s, words in ((0.0, "frame by frame"), (BURST_S, "16 ms bursts")):
        drive, link, threads = (run(how, gap_s=gap_s) for how in ("drive", "link", "threads"))
        figures += [
            Figure(name=f"{words}: frames lost by the drivers", value=drive.frames_said - drive.came, target=0),
            Figure(name=f"{words}: bytes lost by the link", value=link.frames_said * FRAME_BYTES - link.came, target=0),
            Figure(name=f"{words}: frames a second, eight ports", value=drive.frames_said / SECONDS, unit="1/s"),
            Figure(name=f"{words}: CPU, drivers whole", value=drive.share, unit="% of a core"),
            Figure(name=f"{words}: CPU, link alone", value=link.share, unit="% of a core"),
            Figure(name=f"{words}: CPU, bare pyserial threads", value=threads.share, unit="% of a core"),
            Figure(name=f"{words}: link to threads", value=link.share / threads.share, unit="times"),
            Figure(name=f"{words}: drivers whole to threads", value=drive.share / threads.share, unit="times"),
        ]
    return report(figures, options.json, ports=PORTS, baudrate=115200)


if __name__ == "__main__":
    sys.exit(main())
