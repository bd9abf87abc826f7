"""What the gateway is measured in: a broker at home, one at the centre, the community server on SQLite, all real."""

import asyncio
import json
import os
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from _sensors import SENSORS, Talk, sensor, topic_of

from shouwang.errors import DeviceError
from simulators.broker import Broker, BrokerKind, free_port, running_broker
from simulators.child import Child, start_child

GATEWAY_ID = "gw-bench"
RULE_ID = "pulse-high"
LIMIT = 120
"""Beats a minute: the rule of the job, `heart_rate > 120`."""
_SHOUWANG = (sys.executable, "-m", "shouwang")
_SENSORS = Path(__file__).with_name("_sensors.py")
_START_S = 60.0
_LOOK_S = 0.01
_TMPFS = "/dev/shm"
_LISTENS = "0A"
"""The state LISTEN in /proc/net/tcp."""


class Stage:
    """The running parts."""

    def __init__(self, folder: Path, runtime: Path, centre: Broker, local: Broker) -> None:
        """Both brokers run; the rest is started by `start`. `runtime` is on tmpfs, as systemd's folder is."""
        self.folder = folder
        self._runtime = runtime
        self.centre = centre
        self.local = local
        self.spoken: list[tuple[float, str]] = []
        """When which alarm was announced at home, by its sensor."""
        self._community: Child | None = None
        self._gateway: Child | None = None
        self._ears: set[asyncio.Task[None]] = set()
        self._web_port = free_port()

    @property
    def outbox_bytes(self) -> int:
        """What the outbox holds on the card now, its write-ahead log with it."""
        files = (self.folder / "gateway").glob("outbox.sqlite3*")
        return sum(file.stat().st_size for file in files if not file.name.endswith(".reserve"))

    @property
    def process(self) -> "Process":
        """The gateway's process."""
        assert self._gateway is not None
        return Process(self._gateway.pid)

    async def start(self) -> float:
        """Centre and gateway; how long the gateway took until all its sensors were heard."""
        await self._start_community()
        return await self.start_gateway()

    async def start_gateway(self) -> float:
        """Start it (again); returns the seconds until it hears all its sensors. Raises DeviceError."""
        settings = {
            "gateway": {"id": GATEWAY_ID, "data_dir": str(self.folder / "gateway"), "language": "en"},
            "resident": {"id": "r-1"},
            "uplink": {"url": self.centre.url},
            "local_broker": {"url": self.local.url},
            "sensors": [_sensor(sensor(number)) for number in range(SENSORS)],
            "rules": [
                {"kind": "threshold", "id": RULE_ID, "quantity": "heart-rate", "above": LIMIT, "severity": "P2"},
            ],
            "annunciators": [{"kind": "console"}],
        }
        _write(self.folder / "home.yaml", settings)
        before = self._heard()
        began = time.monotonic()
        self._gateway = await start_child(
            [*_SHOUWANG, "gateway", "run", "-c", str(self.folder / "home.yaml")],
            log=self._log,
            read_output=True,
            environment={"RUNTIME_DIRECTORY": str(self._runtime)},
        )
        ear = asyncio.create_task(self._listen(self._gateway))
        self._ears.add(ear)
        ear.add_done_callback(self._ears.discard)
        while self._heard() < before + SENSORS:
            if not self._gateway.is_running or time.monotonic() > began + _START_S:
                raise DeviceError(f"the gateway does not hear its sensors: {self._log.read_text()[-2000:]}")
            await asyncio.sleep(_LOOK_S)
        return time.monotonic() - began

    async def kill_gateway(self) -> None:
        """End it as a power cut would end a process."""
        assert self._gateway is not None
        await self._gateway.kill()

    async def speak(self, talk: Talk) -> list[float]:
        """Have the sensors say this; returns when the home's broker has it all, with the time of each alarm."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_SENSORS),
            json.dumps({name: getattr(talk, name) for name in talk.__dataclass_fields__}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        words, _ = await process.communicate()
        if process.returncode != 0:
            raise DeviceError("the sensors broke")
        return [float(at) for at in json.loads(words)]

    def stored(self) -> int:
        """How many readings of the sensors the centre has committed."""
        with closing(self._database()) as database:
            (count,) = database.execute(f"SELECT count(*) {_READINGS}").fetchone()
        return int(count)

    def ledger(self, talk: Talk) -> tuple[int, int]:
        """How many readings of this talk the centre lacks, and how many it has more than once."""
        said = talk.readings()
        low, high = min(value for _, value in said), max(value for _, value in said)
        with closing(self._database()) as database:
            rows = database.execute(
                f"SELECT sensor_id, round(value, 3) {_READINGS} AND value BETWEEN ? AND ?", (low - 1e-6, high + 1e-6)
            )
            stored = Counter(row for row in rows if row in said)
        return len(said) - len(stored), sum(stored.values()) - len(stored)

    async def stop(self) -> None:
        """End everything that `start` began."""
        for child in (self._gateway, self._community):
            if child is not None:
                await child.stop()

    # ---- inside ----

    async def _start_community(self) -> None:
        settings = {
            "name": "bench",
            "store": {"url": "sqlite:///community.db"},
            "broker": {"url": self.centre.url},
            "web": {"host": "127.0.0.1", "port": self._web_port},
            "homes": [{"id": "home", "gateway": GATEWAY_ID, "address": "-", "resident": {"id": "r-1", "name": "-"}}],
        }
        config, log = self.folder / "community.yaml", self.folder / "community.log"
        _write(config, settings)
        self._community = await start_child([*_SHOUWANG, "community", "serve", "-c", str(config)], log=log)
        await self._community.wait_until(_answers(self._web_port), timeout_s=_START_S, log=log)

    @property
    def _log(self) -> Path:
        return self.folder / "gateway.log"

    def _heard(self) -> int:
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        return len(re.findall(r"sensor strap-\d+ is heard", text))

    async def _listen(self, gateway: Child) -> None:
        while line := await gateway.stdout.readline():
            found = re.match(rf"ANNOUNCE alarm P2 {RULE_ID}:(strap-\d+) ", line.decode(errors="replace"))
            if found is not None:
                self.spoken.append((time.monotonic(), found[1]))

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.folder / 'community-measurements.db'}?mode=ro", uri=True)


_READINGS = "FROM samples JOIN series USING (series_id) WHERE sensor_id LIKE 'strap-%' AND quantity = 'heart-rate'"


class Process:
    """What the kernel counts of one process."""

    def __init__(self, pid: int) -> None:
        """It runs."""
        self._folder = Path(f"/proc/{pid}")

    @property
    def cpu_s(self) -> float:
        """Seconds of a core that it has used."""
        fields = self._folder.joinpath("stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def written(self) -> int:
        """Bytes that it had written to disks."""
        return self._number("io", "write_bytes")

    @property
    def rss_mib(self) -> float:
        """Memory that it holds."""
        return self._number("status", "VmRSS") / 1024

    @property
    def peak_mib(self) -> float:
        """The most memory that it has held."""
        return self._number("status", "VmHWM") / 1024

    @property
    def listeners(self) -> int:
        """Ports on which it takes connections."""
        sockets = {str(link.readlink()) for link in self._folder.joinpath("fd").iterdir()}
        lines = [
            line.split()
            for name in ("tcp", "tcp6")
            for line in self._folder.joinpath("net", name).read_text(encoding="ascii").splitlines()[1:]
        ]
        return sum(fields[3] == _LISTENS and f"socket:[{fields[9]}]" in sockets for fields in lines)

    def _number(self, file: str, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+)", self._folder.joinpath(file).read_text(encoding="ascii"), re.MULTILINE)
        assert found is not None
        return int(found[1])


@asynccontextmanager
async def running_stage() -> AsyncIterator[Stage]:
    """Two brokers and a stage between them; everything is taken away at the end."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-bench-")))
        runtime = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-bench-", dir=_TMPFS)))
        centre = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        local = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        stage = Stage(folder, runtime, centre, local)
        stack.push_async_callback(stage.stop)
        yield stage


def _sensor(name: str) -> dict[str, object]:
    value = {"path": "heart_rate", "quantity": "heart-rate", "unit": "bpm"}
    return {"kind": "mqtt_json", "id": name, "topic": topic_of(name), "values": [value]}


def _write(path: Path, settings: dict[str, object]) -> None:
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")


async def _answers(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_LOOK_S)
        else:
            writer.close()
            return
