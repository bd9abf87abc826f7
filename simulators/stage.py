"""Everything on one machine, as separate processes: brokers, community server, gateway, simulated home.

The gateway and the server are the real programs with real configuration files; they meet the simulators only over
D-Bus, a pseudo terminal and MQTT. Each part can be killed and started again in the middle of a story.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import yaml

from shouwang.errors import DeviceError
from simulators.broker import Broker, BrokerKind, free_port, running_broker
from simulators.child import Child, start_child
from simulators.district import DISPATCH, home_of
from simulators.home_process import START_S, HomeProcess
from simulators.phones import Phones, ringing_phones

GATEWAY_ID = "gw-demo-0001"
_LOOK_S = 0.05
_SHOUWANG = (sys.executable, "-m", "shouwang")

RULES: tuple[Mapping[str, Any], ...] = (
    # Hold times lie between whole seconds: recorded vitals come at whole seconds, and a tie would be decided by chance.
    {
        "kind": "threshold",
        "id": "spo2-low",
        "quantity": "spo2",
        "below": 90,
        "hysteresis": 2,
        "hold": "4500ms",
        "severity": "P2",
    },
    {
        "kind": "threshold",
        "id": "pulse-high",
        "quantity": "heart-rate",
        "above": 131,
        "hysteresis": 5,
        "hold": "9500ms",
        "severity": "P2",
    },
    {
        "kind": "threshold",
        "id": "pulse-low",
        "quantity": "heart-rate",
        "below": 40,
        "hysteresis": 5,
        "hold": "9500ms",
        "severity": "P2",
    },
)
"""Limits of vital signs: NEWS2's outer pulse bands (131 and 40 per minute), SpO2 as of the demonstration's resident."""
LONGEST_HOLD_S = 10.0
"""Above every hold time in RULES."""
_SAFETY_RULES: tuple[Mapping[str, Any], ...] = (
    {"kind": "sos", "id": "sos"},
    {"kind": "fall", "id": "fall", "confirm": "2s", "cancel_window": "8s"},
    {"kind": "silence", "id": "silence", "after": "2m"},
)
RESIDENT: Mapping[str, Any] = {
    "id": "r-wang-guilan",
    "name": "王桂兰",
    "born": 1944,
    "living": "独居 lives alone",
    "conditions": ["冠心病 coronary heart disease", "慢阻肺 COPD"],
    "allergies": ["青霉素 penicillin"],
    "medicines": ["阿司匹林 aspirin"],
    "notes": "听力差,请大声慢说。Hard of hearing: speak loudly and slowly.",
    "contacts": [
        {"name": "王强", "relation": "儿子 son", "phone": "+86 571 5550 0101", "has_key": True},
        {"name": "刘敏", "relation": "邻居 neighbour", "phone": "+86 571 5550 0102", "has_key": False},
    ],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to put on the stage. `pace`: story (or recorded) seconds per second, for the rules' time too.

    `vitals_only`: the oximeter and the limits of vital signs alone, as for a recording. `language` of the home's voice.
    """

    broker: BrokerKind = BrokerKind.AUTO
    pace: float = 1.0
    vitals_only: bool = False
    language: str = "zh"
    web_port: int = 0
    store_url: str = "sqlite:///community.db"
    has_district: bool = False
    """The home is one of a whole district, with responders and telephones; else it is the only one."""
    buttons: int = 0
    """Further SOS buttons `sos-1`, `sos-2` ... on the home's broker, for whoever presses them from outside."""


class Stage:
    """The running parts."""

    def __init__(self, plan: Plan, folder: Path, broker: Broker, local_broker: Broker, phones: Phones) -> None:
        """Both brokers and the telephones are there; the rest is started one by one."""
        self.plan = plan
        self.folder = folder
        self.broker = broker
        self.local_broker = local_broker
        self.phones = phones
        self.web_port = plan.web_port or free_port()
        self.community: Child | None = None
        self.gateway: Child | None = None
        self.home: HomeProcess | None = None
        self._home_child: Child | None = None
        self.said: list[tuple[datetime, str]] = []
        """What the home's annunciator printed, with the time of its coming."""
        self._group: asyncio.TaskGroup | None = None
        self.on_said: Callable[[str], None] | None = None

    @property
    def url(self) -> str:
        """The console's address."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def database(self) -> Path:
        """The community server's file, where it is SQLite."""
        return self.folder / "community.db"

    def log(self, name: str) -> Path:
        """The file into which this part writes its log."""
        return self.folder / f"{name}.log"

    async def start_community(self) -> None:
        """Start (again) the community server; returns when its console answers."""
        settings: dict[str, Any] = {
            "name": "守望社区中心",
            "store": {"url": self.plan.store_url},
            "broker": {"url": self.broker.url, "version": self.broker.version},
            "web": {"host": "127.0.0.1", "port": self.web_port},
        }
        home = {"id": "home-3-2-501", "gateway": GATEWAY_ID, "address": "3号楼2-501", "resident": dict(RESIDENT)}
        around = {"dispatch": {"phone": "021 5555 0000"}, "channels": {"ways": {"sms": self.phones.channel}}}
        settings |= around if self.plan.has_district else {"homes": [home]}
        _write_yaml(self.folder / "community.yaml", settings)
        if self.plan.has_district and not self.database.exists():
            await self._move_in()
        self.community = await start_child(
            [*_SHOUWANG, "community", "serve", "-c", str(self.folder / "community.yaml")], log=self.log("community")
        )
        await self.community.wait_until(_answers(f"{self.url}/healthz"), timeout_s=START_S, log=self.log("community"))

    async def _move_in(self) -> None:
        """Bring in the district's people, the simulated home among them, and who goes there."""
        config = ("-c", str(self.folder / "community.yaml"))
        register = self.folder / "home-register.yaml"
        _write_yaml(register, home_of(GATEWAY_ID))
        await self.run("community", "people", "demo", *config)
        await self.run("community", "people", "import", str(register), "--by", "demo", "--strict", *config)
        await self.run("community", "dispatch", "import", str(DISPATCH), *config)

    async def login_link(
        self, login: str, name: str, language: str, *, role: str = "operator", person: str = ""
    ) -> str:
        """A one-time link for a new user; `person`: the contact who he is."""
        who = (login, "--name", name, "--role", role, "--language", language, *(("--person", person) if person else ()))
        return await self._link("add", *who, "--login-link")

    async def new_link(self, login: str) -> str:
        """A one-time link for a user who is there already."""
        return await self._link("link", login)

    async def _link(self, *words: str) -> str:
        config = ("-c", str(self.folder / "community.yaml"))
        said = await self.run("community", "user", *words, *config)
        found = re.search(r"https?://\S+", said)
        if found is None:
            raise DeviceError(f"the community server gave no login link: {said}")
        return found[0]

    async def start_home(self, group: asyncio.TaskGroup) -> HomeProcess:
        """Start the simulated home; returns when its sensors can be reached."""
        self._group = group
        spec = {
            "broker": self.local_broker.url,
            "interval_s": 1.0 / min(self.plan.pace, 20.0),
            "speaks": not self.plan.vitals_only,  # a recording is all that its oximeter says
        }
        child = await start_child(
            [sys.executable, "-m", "simulators.process", json.dumps(spec)],
            log=self.log("home"),
            read_output=True,
            write_input=True,
        )
        self.home = HomeProcess(child)
        ready = json.loads(
            await child.wait_until(child.stdout.readline(), timeout_s=START_S, log=self.log("home")) or b"{}"
        )
        self.home.ports = {key: str(value) for key, value in ready.items()}
        self._home_child = child
        group.create_task(self.home.read(), name="home events")
        return self.home

    async def start_gateway(self) -> None:
        """Start (again) the gateway; returns at once, as it need not reach anything to live."""
        assert self.home is not None
        assert self._group is not None
        config = self.folder / "home.yaml"
        _write_yaml(config, self._home_settings(self.home.ports))
        self.gateway = await start_child(
            [*_SHOUWANG, "gateway", "run", "-c", str(config), "--time-scale", str(self.plan.pace)],
            log=self.log("gateway"),
            read_output=True,
            environment={"DBUS_SYSTEM_BUS_ADDRESS": self.home.ports["dbus"]},
        )
        self._group.create_task(self._hear(self.gateway), name="gateway voice")

    async def sensors_heard(self) -> None:
        """Wait until the gateway listens to every sensor. Raises DeviceError after a minute."""
        wanted = {str(sensor["id"]) for sensor in self._sensors({})}
        try:
            async with asyncio.timeout(START_S):
                while not wanted <= set(re.findall(r"sensor (\S+) is heard", _read(self.log("gateway")))):  # noqa: ASYNC110 - a file
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError as error:
            words = _read(self.log("gateway"))[-2000:]
            raise DeviceError(f"the gateway does not hear all its sensors: {words}") from error

    async def order(self, timeout_s: float = START_S, **verb: object) -> dict[str, Any]:
        """Give the simulated home an order. Raises DeviceError."""
        assert self.home is not None
        return await self.home.order(timeout_s, **verb)

    async def finish_home(self) -> None:
        """End the simulated home and take its last counts in; harmless when it has ended."""
        if self._home_child is not None and self._home_child.is_running:
            assert self.home is not None
            await self.home.finish()
            await self._home_child.stop()

    def buttons(self) -> list[str]:
        """The ids of the further SOS buttons."""
        return [f"sos-{number + 1}" for number in range(self.plan.buttons)]

    def emitted(self) -> dict[tuple[str, str, float], int]:
        """What the sensors said to a listener, as last told."""
        return {} if self.home is None else self.home.emitted

    def errors(self) -> list[str]:
        """Lines in the logs that should not be there."""
        found = []
        for name in ("community", "gateway", "home"):
            lines = _read(self.log(name)).splitlines()
            found += [f"{name}: {line}" for line in lines if line.startswith(("ERROR", "CRITICAL", "Traceback"))]
        return found

    async def stop(self) -> None:
        """End what runs: sensors first, then the gateway, the server last."""
        await self.finish_home()
        for child in (self.gateway, self.community):
            if child is not None:
                await child.stop()

    async def _hear(self, gateway: Child) -> None:
        while line := await gateway.stdout.readline():
            words = line.decode(errors="replace").rstrip("\n")
            self.said.append((datetime.now(UTC), words))
            if self.on_said is not None:
                self.on_said(words)

    async def run(self, *words: str) -> str:
        """What one `shouwang` command prints. Raises DeviceError where it fails."""
        process = await asyncio.create_subprocess_exec(
            *_SHOUWANG,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C is ours to pass on
        )
        try:
            async with asyncio.timeout(START_S):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise DeviceError(f"shouwang {' '.join(words)} failed: {printed.decode(errors='replace').strip()}")
        return printed.decode()

    def _sensors(self, ports: Mapping[str, str]) -> list[dict[str, Any]]:
        oximeter = {
            "kind": "pulse_oximeter_plx",
            "id": "oximeter",
            "address": ports.get("address"),
            "max_silence": "2m" if self.plan.vitals_only else "30s",
        }
        if self.plan.vitals_only:
            return [oximeter]
        return [
            oximeter,
            {"kind": "fall_radar_r60", "id": "radar-bath", "port": ports.get("serial")},
            {
                "kind": "sos_button_zigbee2mqtt",
                "id": "sos-bed",
                "topic": ports.get("sos_topic"),
                "press": ["emergency"],
                "cancel": ["disarm"],
            },
            {"kind": "door_contact_zigbee2mqtt", "id": "door-front", "topic": ports.get("door_topic")},
            *(
                {"kind": "sos_button_zigbee2mqtt", "id": name, "topic": f"zigbee2mqtt/{name}"}
                for name in self.buttons()
            ),
        ]

    def _home_settings(self, ports: Mapping[str, str]) -> dict[str, Any]:
        return {
            "gateway": {
                "id": GATEWAY_ID,
                "data_dir": str(self.folder / "gateway"),
                "language": self.plan.language,
            },
            "resident": {"id": RESIDENT["id"], "name": RESIDENT["name"]},
            "uplink": {"url": self.broker.url, "version": self.broker.version},
            "local_broker": {"url": self.local_broker.url},
            "sensors": self._sensors(ports),
            "rules": [dict(rule) for rule in RULES + (() if self.plan.vitals_only else _SAFETY_RULES)],
            "annunciators": [{"kind": "console"}],
        }


@asynccontextmanager
async def running_stage(plan: Plan, tell: Callable[[str], None] = lambda _: None) -> AsyncIterator[Stage]:
    """Brokers, server, home and gateway, all started; everything is taken away at the end. `tell` gets each step."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="shouwang-stage-")))
        broker = await stack.enter_async_context(running_broker(plan.broker))
        local_broker = await stack.enter_async_context(running_broker(plan.broker))
        phones = await stack.enter_async_context(ringing_phones())
        stage = Stage(plan, folder, broker, local_broker, phones)
        async with asyncio.TaskGroup() as group:
            try:
                await stage.start_community()
                tell("  the community server answers")
                await stage.start_home(group)
                tell("  the sensors of the home are switched on")
                await stage.start_gateway()
                await stage.sensors_heard()
                tell("  the gateway hears them all")
                yield stage
            finally:
                await stage.stop()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        while True:
            try:
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_LOOK_S)


def _write_yaml(path: Path, settings: Mapping[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(dict(settings), allow_unicode=True, sort_keys=False), encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
