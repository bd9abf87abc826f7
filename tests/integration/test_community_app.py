"""The community server as a process: start, READY, an alarm, SIGTERM, kill -9, and the commands around it."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fixtures.community_home import DemoHome
from fixtures.mosquitto import Mosquitto

from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.cli import main
from shouwang.wire import decode_receipt, encode, receipt_topic, up_topic

PATIENCE_S = 120.0
pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path, mosquitto: Mosquitto, free_port: int) -> Path:
    path = tmp_path / "community.yaml"
    path.write_text(
        f"""\
name: Sunshine
broker: {{url: "{mosquitto.url}"}}
web: {{port: {free_port}}}
homes:
  - id: home-501
    gateway: gw-demo-0001
    address: 3号楼2-501
    resident: {{id: r1, name: 王桂兰, born: 1944}}
""",
        encoding="utf-8",
    )
    return path


class Server:
    """`shouwang community serve`, heard through systemd's socket."""

    def __init__(self, config: Path, folder: Path, *, watchdog_s: float = 0) -> None:
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = folder / f"notify-{len(list(folder.iterdir()))}"
        self.notes.bind(str(address))
        self.notes.settimeout(PATIENCE_S)
        self.log = folder / "server.log"
        environ = {**os.environ, "NOTIFY_SOCKET": str(address), "PYTHONPATH": os.pathsep.join(sys.path)}
        if watchdog_s:
            environ["WATCHDOG_USEC"] = str(int(watchdog_s * 1_000_000))
        run = "import sys; from shouwang.cli import main; sys.exit(main())"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", run, "community", "serve", "-c", str(config)],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def hear(self, wanted: str) -> str:
        """Wait for a note that begins so."""
        while True:
            try:
                note = self.notes.recv(4096).decode()
            except TimeoutError:
                pytest.fail(f"no {wanted}:\n{self.log.read_text(encoding='utf-8')}")
            if note.startswith(wanted):
                return note

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=PATIENCE_S)
        self.notes.close()


StartServer = Callable[..., Server]


@pytest.fixture
def start_server(config: Path, tmp_path: Path) -> Iterator[StartServer]:
    servers: list[Server] = []

    def start(**options: float) -> Server:
        servers.append(Server(config, tmp_path, **options))
        servers[-1].hear("READY=1")
        return servers[-1]

    yield start
    for server in servers:
        server.close()


async def send_until_confirmed(broker: Mosquitto, envelopes: list) -> None:
    """As a home does: send each again until its receipt is there."""
    gateway = envelopes[0].id.gateway
    missing = {(one.id.lane, one.id.seq): one for one in envelopes}
    async with connect(BrokerSettings(host="127.0.0.1", port=broker.port, client_id=gateway)) as session:
        await session.subscribe([receipt_topic(gateway)])

        async def listen() -> None:
            async for message in session.messages():
                receipt = decode_receipt(message.payload)
                for seq in receipt.seqs:
                    missing.pop((receipt.lane, seq), None)
                message.ack()
                if not missing:
                    return

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(PATIENCE_S):
            while not listening.done():
                for one in list(missing.values()):
                    try:
                        await session.publish(up_topic(gateway, one.id.lane), encode(one))
                    except Exception as error:
                        if getattr(error, "reason_code", None) != 0x10:
                            raise
                await asyncio.wait([listening], timeout=0.5)
        await listening


def count_of(config: Path, table: str) -> int:
    connection = sqlite3.connect(config.parent / "community.db")
    try:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        connection.close()


async def test_server_starts_takes_an_alarm_and_stops_cleanly(
    start_server: StartServer, mosquitto: Mosquitto, config: Path, home: DemoHome
) -> None:
    server = start_server(watchdog_s=0.3)
    server.hear("WATCHDOG=1")
    await send_until_confirmed(mosquitto, [home.envelope(home.alert())])
    address = re.search(r"http://[\d.:]+", server.log.read_text(encoding="utf-8")).group()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/healthz")).status_code == 200
    assert server.end(signal.SIGTERM) == 0
    server.hear("STOPPING=1")
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
    assert count_of(config, "incidents") == 1


async def test_kill_9_in_the_middle_loses_and_doubles_nothing(
    start_server: StartServer, mosquitto: Mosquitto, config: Path, home: DemoHome, capsys: pytest.CaptureFixture[str]
) -> None:
    envelopes = [home.envelope(home.alert(f"sos:{number}")) for number in range(40)]
    server = start_server()
    sending = asyncio.create_task(send_until_confirmed(mosquitto, envelopes))
    async with asyncio.timeout(PATIENCE_S):
        while count_of(config, "alerts") < 5:
            await asyncio.sleep(0.005)
    server.end(signal.SIGKILL)
    await asyncio.to_thread(start_server)
    await sending
    assert count_of(config, "alerts") == 40
    assert count_of(config, "incidents") == 1
    assert await asyncio.to_thread(main, ["community", "audit", "verify", "-c", str(config)]) == 0
    assert re.search(r"[4-9]\d entries, whole", capsys.readouterr().out)  # 40 alarms, and rungs of the ladder


def test_configuration_is_checked_in_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["community", "check", "-c", str(config)]) == 0
    said = capsys.readouterr().out
    assert "gateway gw-demo-0001" in said
    assert "retention: nothing is ended by itself" in said
    assert f"{config}: can be used" in said
    assert not (config.parent / "community.db").exists()
    config.write_text(config.read_text(encoding="utf-8").replace("web: {port", "web: {prot"), encoding="utf-8")
    assert main(["community", "check", "-c", str(config)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == 'community.yaml:3: web.prot: is not a key here; did you mean "port"?'
    assert told[1] == f"{config}: 1 problem; nothing was started"


def test_missing_secret_is_found_by_the_check(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("store: {password_file: none}\n")
    assert main(["community", "check", "-c", str(config)]) == 1
    assert "secret cannot be read" in capsys.readouterr().err


def test_port_that_is_taken_is_told_in_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = int(re.search(r"port: (\d+)", config.read_text(encoding="utf-8")).group(1))
    with socket.create_server(("127.0.0.1", port)):
        assert main(["community", "serve", "-c", str(config)]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_user_comes_in_by_a_link(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["community", "user", "add", "zhang", "--name", "张琳", "--login-link", "-c", str(config)]
    assert main(command) == 0
    first = capsys.readouterr().out.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/login/once/\S+", first)
    assert main(["community", "login-link", "zhang", "-c", str(config)]) == 0
    assert capsys.readouterr().out.strip() != first
    assert main(command) == 1
    assert "zhang" in capsys.readouterr().err


def test_password_is_asked_twice(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["correct horse battery", "correct horse battery", "one thing to say", "and another one"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    assert main(["community", "user", "add", "li", "--role", "supervisor", "-c", str(config)]) == 0
    assert main(["community", "user", "add", "wu", "-c", str(config)]) == 1
    assert "differ" in capsys.readouterr().err


async def test_dead_letters_are_listed_and_damage_is_told(
    start_server: StartServer, mosquitto: Mosquitto, config: Path, home: DemoHome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["community", "dead-letters", "list", "-c", str(config)]) == 0
    assert capsys.readouterr().out.strip() == "none"
    server = start_server()
    envelope = home.envelope(home.alert())
    poison = json.loads(encode(envelope))
    poison["body"]["kind"] = "of-tomorrow"
    await send_until_confirmed(mosquitto, [home.envelope(home.alert())])  # READY does not wait for the broker
    settings = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="poison")
    async with connect(settings) as session:
        await session.publish(up_topic(home.gateway, envelope.id.lane), json.dumps(poison).encode())
    await send_until_confirmed(mosquitto, [home.envelope(home.alert("sos:2"))])
    assert server.end(signal.SIGTERM) == 0
    assert await asyncio.to_thread(main, ["community", "dead-letters", "list", "-c", str(config)]) == 0
    assert "wrong schema" in capsys.readouterr().out
    connection = sqlite3.connect(config.parent / "community.db")
    with connection:
        connection.execute("UPDATE incident_events SET actor = 'nobody' WHERE seq = 1")
    connection.close()
    assert await asyncio.to_thread(main, ["community", "audit", "verify", "-c", str(config)]) == 1
    assert "1 faults" in capsys.readouterr().out
