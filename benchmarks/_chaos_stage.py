"""The parts that chaos breaks: broker, community server and its database, and homes with card, clock and line."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import yaml
from _chaos_box import Card, Delay, Line, Wall
from _chaos_home import RULE, sensors
from _database import Database

from shouwang.errors import DeviceError
from simulators.broker import Broker, BrokerKind, free_port, running_broker
from simulators.child import Child, start_child

HOMES = ("ling", "mei")
"""The first one keeps what it takes in beside its data; the second as systemd has it, on tmpfs, and its card fails."""
_SHOUWANG = (sys.executable, "-m", "shouwang")
_START_S = 120.0
_LOOK_S = 0.2


class Home:
    """A home's box: the gateway's process and what it stands on."""

    def __init__(self, name: str, folder: Path, local: Broker, port: int) -> None:
        """`port` of the centre's broker; nothing runs before `start`."""
        self.name = name
        self.gateway_id = f"gw-{name}"
        self.local = local
        has_tmpfs = name != HOMES[0]
        self.card = Card(folder / f"{name}-card", fails_for_good=has_tmpfs)
        self.wall = Wall(folder, name)
        self.line = Line(port)
        self.gateway: Child | None = None
        self.log = folder / f"{name}.log"
        self._config = folder / f"{name}.yaml"
        self._url = f"mqtt://{local.host}:{port}"
        self._environment = dict(self.wall.environment)
        if has_tmpfs:
            run = folder / f"{name}-run"
            run.mkdir()
            self._environment["RUNTIME_DIRECTORY"] = str(run)
            self.keeps_beside_the_card = True
        else:
            self.keeps_beside_the_card = False
        self.cut_off = 0
        """How often its line was down for so long that the centre has to tell."""
        self._ears: set[asyncio.Task[None]] = set()

    @property
    def is_running(self) -> bool:
        """Whether its gateway's process lives."""
        return self.gateway is not None and self.gateway.is_running

    def pid(self) -> int:
        """Of its gateway's process."""
        assert self.gateway is not None
        return self.gateway.pid

    async def start(self) -> None:
        """Start the gateway (again)."""
        if self.is_running:
            return
        settings = {
            "gateway": {"id": self.gateway_id, "data_dir": str(self.card.folder / "data"), "language": "en"},
            "resident": {"id": f"r-{self.name}"},
            "uplink": {"url": self._url},
            "local_broker": {"url": self.local.url},
            "sensors": sensors(),
            "rules": [RULE],
        }
        self._config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.gateway = await start_child(
            [*_SHOUWANG, "gateway", "run", "-c", str(self._config)],
            log=self.log,
            read_output=True,
            environment=self._environment,
        )
        ear = asyncio.create_task(_let_go_by(self.gateway))
        self._ears.add(ear)
        ear.add_done_callback(self._ears.discard)

    async def kill(self) -> int:
        """SIGKILL; how many processes that was."""
        return await _kill(self.gateway)


async def _let_go_by(child: Child) -> None:
    while await child.stdout.readline():
        pass


async def _kill(child: Child | None) -> int:
    if child is None or not child.is_running:
        return 0
    await child.kill()
    return 1


class Stage:
    """The centre's parts, and the homes."""

    def __init__(self, folder: Path, centre: Broker, homes: list[Home], database: Database | None) -> None:
        """Brokers (and database) run; the rest is started by `start`."""
        self.folder = folder
        self.centre = centre
        self.homes = homes
        self.database = database
        self.delay = Delay()
        self.community: Child | None = None
        self.config = folder / "community.yaml"
        self._web_port = free_port()

    @property
    def store_url(self) -> str:
        """The centre's database."""
        return self.database.url if self.database else f"sqlite:///{self.folder / 'community.db'}"

    @property
    def measurements_url(self) -> str:
        """Where it keeps samples."""
        return self.database.url if self.database else f"sqlite:///{self.folder / 'community-measurements.db'}"

    def last_words(self, name: str) -> str:
        """The end of a part's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-1500:]

    async def start(self) -> None:
        """Centre, then homes."""
        await self.start_community()
        for home in self.homes:
            home.card.mount()
            await home.start()

    async def start_community(self) -> None:
        """Start it (again)."""
        if self.community is not None and self.community.is_running:
            return
        settings = {
            "name": "chaos",
            "store": {"url": self.store_url},
            "broker": {"url": self.centre.url},
            "web": {"host": "127.0.0.1", "port": self._web_port},
            "homes": [
                {
                    "id": home.name,
                    "gateway": home.gateway_id,
                    "address": "chaos",
                    "resident": {"id": f"r-{home.name}", "name": "王桂兰"},
                }
                for home in self.homes
            ],
        }
        self.config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.community = await start_child(
            [*_SHOUWANG, "community", "serve", "-c", str(self.config)], log=self.folder / "community.log"
        )

    def community_pid(self) -> int:
        """Of the community server's process."""
        assert self.community is not None
        return self.community.pid

    async def kill_community(self) -> int:
        """SIGKILL; how many processes that was."""
        return await _kill(self.community)

    async def community_answers(self) -> None:
        """Wait until its console answers. Raises DeviceError."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._web_port)
                writer.close()
                return
            await asyncio.sleep(_LOOK_S)
        raise DeviceError(f"the community server does not come up: {self.last_words('community')}")

    def audit(self) -> str:
        """What the product's own check of the evidence says; empty where it is whole."""
        command = [*_SHOUWANG, "community", "audit", "verify", "-c", str(self.config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    async def stop(self) -> None:
        """End everything that `start` began."""
        for home in self.homes:
            home.line.mend()
        for child in (*(home.gateway for home in self.homes), self.community):
            if child is not None and child.is_running:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGCONT)
                await child.stop()
        for home in self.homes:
            home.card.unmount()


@asynccontextmanager
async def running_stage(*, postgresql: bool, keep: Path | None = None) -> AsyncIterator[Stage]:
    """All parts, started; taken away at the end, but for the logs (and what lies beside them) in `keep`."""
    async with AsyncExitStack() as stack:
        folder = Path(mkdtemp(prefix="shouwang-chaos-"))
        stack.callback(_leave, folder, keep)
        ports = [free_port() for _ in HOMES]
        centre = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO, also=ports))
        homes = []
        for name, port in zip(HOMES, ports, strict=True):
            local = await stack.enter_async_context(running_broker(BrokerKind.MOSQUITTO))
            homes.append(Home(name, folder, local, port))
        database = None
        if postgresql:
            database = Database()
            stack.push_async_callback(database.close)
            await database.make()
        stage = Stage(folder, centre, homes, database)
        stack.push_async_callback(stage.stop)
        await stage.start()
        yield stage


def _leave(folder: Path, keep: Path | None) -> None:
    if keep is not None:
        shutil.copytree(folder, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-card", "*.image", "wall*"))
    shutil.rmtree(folder, ignore_errors=True)
