"""The parts that chaos breaks: brokers, community server, its database, the gateway, its card, its clock, its line."""

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from _chaos_home import LIMIT, sensors
from _database import Database

from shouwang.errors import DeviceError
from simulators.broker import Broker, BrokerKind, free_port, running_broker
from simulators.child import Child, start_child

GATEWAY_ID = "gw-chaos"
CARD_MIB = 64
_SHOUWANG = (sys.executable, "-m", "shouwang")
_HERE = Path(__file__).parent


class Card:
    """The gateway's card: a small file system of its own where we may mount one, else a plain folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is mounted before `mount`."""
        self.folder = folder
        self.can_fill = False
        self._ballast = folder / "ballast"

    def mount(self) -> None:
        """Mount it."""
        self.folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={CARD_MIB}m,mode=0750", "shouwang-chaos", str(self.folder)],
            check=False,
            capture_output=True,
        )
        self.can_fill = done.returncode == 0

    def unmount(self) -> None:
        """Take it away."""
        if self.can_fill:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def fill(self) -> None:
        """Not a byte is left."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(64 * 1024))
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        """Room again."""
        self._ballast.unlink(missing_ok=True)


class Wall:
    """The gateway's wall clock, moved by a library of ours where there is a compiler."""

    def __init__(self, folder: Path) -> None:
        """Build it."""
        self._file = folder / "wall"
        self._file.write_bytes(struct.pack("q", 0))
        library = folder / "wall.so"
        compiler = shutil.which("cc")
        self.can_move = False
        if compiler is not None:
            command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_HERE / "_wall.c"), "-ldl"]
            self.can_move = subprocess.run(command, check=False, capture_output=True).returncode == 0
        self.environment = {"LD_PRELOAD": str(library), "WALL_FILE": str(self._file)} if self.can_move else {}

    def move(self, seconds: float) -> None:
        """Set it this far from the truth."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", int(seconds * 1e9)))


class Line:
    """The line between home and centre: rules of the packet filter on the broker's port, in a net of our own."""

    def __init__(self, port: int) -> None:
        """Nothing is changed yet."""
        self._port = str(port)
        self.can_cut = os.environ.get("SHOUWANG_CHAOS_NET") == "own" and shutil.which("iptables") is not None
        self.can_delay = self.can_cut and self._netem("add", "delay", "1ms")
        if self.can_delay:
            self._netem("del")

    def lose(self, share: float) -> None:
        """This share of the packets vanishes, both ways; 1 is a black hole."""
        random = () if share >= 1 else ("-m", "statistic", "--mode", "random", "--probability", f"{share:.2f}")
        for way in ("--dport", "--sport"):
            self._filter("-A", way, *random, "-j", "DROP")

    def reset(self) -> None:
        """Connections are refused and those that stand are cut."""
        for way in ("--dport", "--sport"):
            self._filter("-A", way, "-j", "REJECT", "--reject-with", "tcp-reset")

    def delay(self) -> None:
        """Packets take 300 ms, give or take 200."""
        self._netem("add", "delay", "300ms", "200ms")

    def mend(self) -> None:
        """As it should be."""
        if self.can_cut:
            subprocess.run(["iptables", "-F", "INPUT"], check=False, capture_output=True)
            if self.can_delay:
                self._netem("del")

    def _filter(self, action: str, way: str, *rest: str) -> None:
        command = ["iptables", action, "INPUT", "-p", "tcp", way, self._port, *rest]
        subprocess.run(command, check=True, capture_output=True)

    def _netem(self, action: str, *rest: str) -> bool:
        command = ["tc", "qdisc", action, "dev", "lo", "root", "netem", *rest]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Stage:
    """The running parts."""

    def __init__(self, folder: Path, centre: Broker, local: Broker, database: Database | None) -> None:
        """Brokers (and database) run; the rest is started by `start`."""
        self.folder = folder
        self.centre = centre
        self.local = local
        self.database = database
        self.card = Card(folder / "card")
        self.wall = Wall(folder)
        self.line = Line(centre.port)
        self.community: Child | None = None
        self.gateway: Child | None = None
        self._web_port = free_port()
        self.announced = 0
        self._ears: set[asyncio.Task[None]] = set()

    @property
    def store_url(self) -> str:
        """The centre's database."""
        return self.database.url if self.database else f"sqlite:///{self.folder / 'community.db'}"

    def log(self, name: str) -> Path:
        """Where a part writes."""
        return self.folder / f"{name}.log"

    def last_words(self, name: str) -> str:
        """The end of a part's log."""
        return self.log(name).read_text(errors="replace")[-1500:]

    async def start(self) -> None:
        """Card, centre, gateway."""
        self.card.mount()
        await self.start_community()
        await self.start_gateway()

    async def start_community(self) -> None:
        """Start it (again)."""
        settings = {
            "name": "chaos",
            "store": {"url": self.store_url},
            "broker": {"url": self.centre.url},
            "web": {"host": "127.0.0.1", "port": self._web_port},
            "homes": [
                {"id": "home", "gateway": GATEWAY_ID, "address": "chaos", "resident": {"id": "r-1", "name": "王桂兰"}}
            ],
        }
        config = self.folder / "community.yaml"
        config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.community = await start_child(
            [*_SHOUWANG, "community", "serve", "-c", str(config)], log=self.log("community")
        )

    async def start_gateway(self) -> None:
        """Start it (again)."""
        settings = {
            "gateway": {"id": GATEWAY_ID, "data_dir": str(self.card.folder / "data"), "language": "en"},
            "resident": {"id": "r-1"},
            "uplink": {"url": self.centre.url},
            "local_broker": {"url": self.local.url},
            "sensors": sensors(),
            "rules": [
                {
                    "kind": "threshold",
                    "id": "pulse-high",
                    "quantity": "heart-rate",
                    "above": LIMIT,
                    "hysteresis": 5,
                    "hold": "0s",
                    "severity": "P1",
                }
            ],
        }
        config = self.folder / "home.yaml"
        config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.gateway = await start_child(
            [*_SHOUWANG, "gateway", "run", "-c", str(config)],
            log=self.log("gateway"),
            read_output=True,
            environment=self.wall.environment,
        )
        ear = asyncio.create_task(self._hear(self.gateway))
        self._ears.add(ear)
        ear.add_done_callback(self._ears.discard)

    async def _hear(self, gateway: Child) -> None:
        while line := await gateway.stdout.readline():
            self.announced += line.startswith(b"ANNOUNCE alarm")

    async def community_answers(self, seconds: float) -> None:
        """Wait until its console answers. Raises DeviceError."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._web_port)
                writer.close()
                return
            await asyncio.sleep(0.2)
        raise DeviceError(f"the community server does not come up: {self.log('community').read_text()[-800:]}")

    async def stop(self) -> None:
        """End everything that `start` began."""
        self.line.mend()
        for child in (self.gateway, self.community):
            if child is not None and child.is_running:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGCONT)
                await child.stop()
        self.card.unmount()


@asynccontextmanager
async def running_stage(*, postgresql: bool) -> AsyncIterator[Stage]:
    """All parts, started; taken away at the end."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-chaos-")))
        centre = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        local = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
        database = None
        if postgresql:
            database = Database()
            stack.push_async_callback(database.close)
            await database.make()
        stage = Stage(folder, centre, local, database)
        stack.push_async_callback(stage.stop)
        await stage.start()
        yield stage
