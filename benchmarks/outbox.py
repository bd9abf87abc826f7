"""What the home's memory costs: the tail per reading, the card's wear per day, bytes per sample.

One hour of a busy home (2 samples/s of ten sensors, an alert every ten minutes) is written with its group commits, as
fast as the card takes them; the kernel says what it wrote. `--folder` lies on the card to be judged.
"""

import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from _figures import Figure, options_of, report

from gateway.batch import Batch
from gateway.clock import Clock, ClockMark
from gateway.outbox import Outbox
from gateway.outbox_budget import MEGABYTE
from gateway.position import Position
from gateway.tail import Tail
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Reading

_AT = datetime(2026, 11, 24, tzinfo=UTC)
_GROUP_S, _PER_GROUP = 5, 10
_GROUPS = 720
_ALERT_EVERY = 120
_DAY = 24
_TAKEN_IN = 20_000


def _reading(ms: int, n: int) -> Reading:
    at = _AT + timedelta(milliseconds=ms)
    return Reading(
        sensor_id=f"oximeter-{n}",
        quantity=Quantity.HEART_RATE,
        value=60.0 + ms // 1000 % 40,
        at=at,
        mono=ms,
        frame=b"\x06" * 12,
    )


def _alert(n: int) -> Alert:
    at = _AT + timedelta(seconds=n)
    return Alert(
        alert_id=alert_id_of("sos:bed", at, AlertState.FIRING),
        key="sos:bed",
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=Severity.P1,
        state=AlertState.FIRING,
        resident_id="r-1",
        sensor_id="bed",
        since=at,
        at=at,
        mono=n,
        why=Sentence(zh="按了紧急呼叫", en="SOS pressed"),
    )


def _written() -> int:
    """Bytes that this process had written to storage, as the kernel counts them."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(told["write_bytes"]) - int(told["cancelled_write_bytes"])


def _tail_cost(folder: Path) -> float:
    """Microseconds for each reading taken in."""
    readings = [_reading(n, n % 10) for n in range(_TAKEN_IN)]
    tail = Tail([folder], "bench", committed=Position())
    tail.start(Clock().mark)
    costs = []
    for _ in range(5):
        began = time.perf_counter()
        for reading in readings:
            number = tail.take_in(reading)
        costs.append((time.perf_counter() - began) / len(readings))
        tail.committed(Position(number, 0))
    tail.close()
    return min(costs) * 1e6


def _hour(folder: Path, tail_folder: Path | None) -> tuple[int, float, list[float]]:
    """Bytes written, bytes per sample in the file, and how long each alert's commit took (ms)."""
    outbox = Outbox(folder / "outbox.sqlite3", "bench")
    tail = Tail([] if tail_folder is None else [tail_folder], "bench", committed=Position())
    tail.start(Clock().mark)
    before, took = _written(), []
    for group in range(_GROUPS):
        ms = group * _GROUP_S * 1000
        batch = Batch(readings=[_reading(ms + n * 500, n) for n in range(_PER_GROUP)])
        number = 0
        for reading in batch.readings:
            number = tail.take_in(reading)
        batch.position = Position(number, 0)
        mark = ClockMark(boot="b", boottime_ms=ms, engine_ms=ms, wall=_AT + timedelta(milliseconds=ms))
        outbox.commit(batch, mark)
        tail.committed(batch.position)
        if group % _ALERT_EVERY == 0:
            began = time.perf_counter()
            outbox.commit(Batch(alerts=[_alert(group)]), mark)
            took.append((time.perf_counter() - began) * 1e3)
    written = _written() - before
    outbox.close()
    tail.close()
    return written, (folder / "outbox.sqlite3").stat().st_size / (_GROUPS * _PER_GROUP), took


def main() -> int:
    """Measure and print."""
    parser = options_of(__doc__)
    parser.add_argument("--folder", type=Path, help="a folder on the card to be judged; left out: a temporary one")
    options = parser.parse_args()
    memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    figures = []
    with tempfile.TemporaryDirectory(dir=options.folder) as on_card:
        card = Path(on_card)
        for name, folder in (
            ("tmpfs", memory and memory / f"shouwang-bench-{os.getpid()}"),
            ("the card", card / "tail"),
        ):
            if folder is not None:
                figures.append(
                    Figure(name=f"tail on {name}, per reading", value=_tail_cost(folder), unit="us", target=5)
                )
                shutil.rmtree(folder)
        written, per_sample, took = _hour(card / "a", None)
        doubled, _, _ = _hour(card / "b", card / "b")
    figures += [
        Figure(name="in the file, per sample", value=per_sample, unit="bytes", target=500),
        Figure(name="written to the card, tail on tmpfs, a day", value=written * _DAY / MEGABYTE, unit="MB"),
        Figure(name="written to the card, tail in the data folder, a day", value=doubled * _DAY / MEGABYTE, unit="MB"),
        Figure(name="written, per sample, tail on tmpfs", value=written / (_GROUPS * _PER_GROUP), unit="bytes"),
        Figure(name="an alert's commit, slowest of six", value=max(took), unit="ms"),
    ]
    return report(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
