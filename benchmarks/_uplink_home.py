"""A home without its drivers, in this process, before a real broker and a real community server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from gateway import scribe as scribe_module
from gateway.batch import Key
from gateway.clock import Clock
from gateway.internet import Internet
from gateway.outbox import Outbox, Stored
from gateway.paths import Paths
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from gateway.slips import Slips
from gateway.uplink import Uplink
from messaging.broker import BrokerSettings
from rules.bound import HomeFacts
from rules.engine import Engine
from rules.sos import Sos
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Lane
from shouwang.wire import Path as Way
from simulators.broker import Broker, free_port
from simulators.child import start_child

GATEWAY_ID = "gw-bench-0001"
BUTTONS = 300
"""Each may speak again after its debounce of 2 s."""
_START_S = 60.0


class BenchHome:
    """What is between the sensors and the wire."""

    def __init__(self, outbox: Outbox, thread: ThreadPoolExecutor, port: int, *, is_metered: bool = False) -> None:
        """Nothing runs before `living`."""
        self.clock = Clock(outbox.clock_mark())
        names = [f"sos-{number}" for number in range(BUTTONS)]
        facts = HomeFacts(resident_id="r-1", emits=dict.fromkeys(names, frozenset({Quantity.SOS})))
        rules = [*Sos(kind="sos", id="sos").bind(facts)]
        self.raised: dict[Key, float] = {}
        self.waits: list[float] = []
        """From the raise to the centre's receipt, in seconds."""
        self._raise_at: float | None = None
        self.pipeline = Pipeline(
            Engine(rules, outbox.saved_states()), self.clock, announce=lambda _: None, beat=lambda: None
        )
        self.scribe = Scribe(
            outbox, thread, self.clock, Slips(GATEWAY_ID), stored=self._stored, unwritten=lambda _: None
        )
        paths = Paths(self.clock, [Way.INTERNET], noted={}, send=self.pipeline.send, note=self.pipeline.note)
        self.internet = Internet(paths, self.clock)
        self.uplink = Uplink(
            BrokerSettings(host="127.0.0.1", port=port, client_id=GATEWAY_ID, clean_start=False, session_expiry_s=3600),
            GATEWAY_ID,
            self.scribe,
            confirmed=self._confirmed,
            obey=self.pipeline.obey,
            done=outbox.commands_done(),
            internet=self.internet,
            clock=self.clock,
            is_metered=is_metered,
        )

    def say(self, sensor_id: str, quantity: Quantity, value: float) -> None:
        """A reading, now."""
        self.pipeline.accept(
            Reading(sensor_id=sensor_id, quantity=quantity, value=value, at=self.clock.now(), mono=self.clock.mono())
        )

    def now(self) -> float:
        """Seconds, for differences."""
        return asyncio.get_running_loop().time()

    async def press(self, button: int) -> None:
        """Somebody calls for help; returns when the centre has confirmed it."""
        count = len(self.waits)
        self._raise_at = self.now()
        self.say(f"sos-{button % BUTTONS}", Quantity.SOS, 1.0)
        while len(self.waits) == count:  # noqa: ASYNC110 - of no weight beside what is measured
            await asyncio.sleep(0.001)

    async def all_confirmed(self) -> None:
        """Wait until nothing waits for a receipt."""
        while self.scribe.backlog or not self.pipeline.batch.is_empty:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def _stored(self, stored: list[Stored]) -> None:
        for message in stored:
            if message.lane is Lane.LIFE_SAFETY and self._raise_at is not None:
                self.raised[message.key] = self._raise_at
        self.uplink.offer(stored)

    def _confirmed(self, keys: Iterable[Key]) -> None:
        now = self.now()
        keys = list(keys)
        for key in keys:
            if (began := self.raised.pop(key, None)) is not None:
                self.waits.append(now - began)
        self.pipeline.confirmed(keys)


@asynccontextmanager
async def living(
    path: Path, port: int, *, is_metered: bool = False, backlog: int = 0, group_s: float = 0.05
) -> AsyncIterator[BenchHome]:
    """A home with `backlog` readings on its card, before its uplink is started."""
    scribe_module.GROUP_COMMIT_S = group_s
    with ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        outbox = await loop.run_in_executor(thread, Outbox, path, GATEWAY_ID)
        home = BenchHome(outbox, thread, port, is_metered=is_metered)
        tasks = [asyncio.create_task(home.pipeline.run()), asyncio.create_task(home.scribe.run(home.pipeline))]
        for number in range(backlog):
            home.say(f"pir-{number % 7}", Quantity.TEMPERATURE, 20 + number % 50 / 10)
            if number % 500 == 0:
                await asyncio.sleep(0)
        while not home.pipeline.batch.is_empty or home.pipeline._inbox:  # noqa: ASYNC110, SLF001
            await asyncio.sleep(0.01)
        await loop.run_in_executor(thread, lambda: None)
        tasks += [asyncio.create_task(home.internet.run()), asyncio.create_task(home.uplink.run())]
        try:
            yield home
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await loop.run_in_executor(thread, outbox.close)


@asynccontextmanager
async def community(broker: Broker, folder: Path) -> AsyncIterator[None]:
    """The community server on SQLite, as a process of its own."""
    settings = {
        "name": "bench",
        "store": {"url": "sqlite:///community.db"},
        "broker": {"url": broker.url, "version": broker.version},
        "web": {"host": "127.0.0.1", "port": free_port()},
        "homes": [{"id": "home-1", "gateway": GATEWAY_ID, "address": "1", "resident": {"id": "r-1", "name": "n"}}],
    }
    config, log = folder / "community.yaml", folder / "community.log"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "shouwang", "community", "serve", "-c", str(config)]
    child = await start_child(command, log=log)
    try:
        await child.wait_until(_answers(settings["web"]["port"]), timeout_s=_START_S, log=log)  # type: ignore[index]
        yield
    finally:
        await child.stop()


async def _answers(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
