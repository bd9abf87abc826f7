"""What people at the box may ask of the gateway: the real command over the real socket of a real process."""

import asyncio
import errno
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from gateway import control
from gateway.asking import order
from gateway.caller import NotRunning, line_to
from gateway.control import Control, Refusal, worded
from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, DeviceError

LIMIT_S = 120.0  # programs start in it, on a busy machine too
LISTENS = "0A"


def shouwang(*words, **environ):
    command = [sys.executable, "-m", "shouwang", "gateway", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_S, env={**os.environ, **environ}, check=False
    )


@pytest.fixture
def written(tmp_path, mosquitto, free_port):
    path = tmp_path / "home.yaml"
    home = {
        "gateway": {"id": "gw-1", "data_dir": str(tmp_path / "data"), "language": "en"},
        "resident": {"id": "r-1", "name": "Wang Guilan"},
        "uplink": {"url": f"mqtt://127.0.0.1:{free_port}"},
        "local_broker": {"url": f"mqtt://127.0.0.1:{mosquitto.port}"},
        "sensors": [
            {"kind": "mqtt_json", "id": "hall", "topic": "hall", "values": [{"quantity": "temperature", "unit": "°C"}]},
            {
                "kind": "mqtt_json",
                "id": "cold",
                "topic": "cold",
                "values": [{"quantity": "smoke"}],
                "max_silence": "1h",
            },
        ],
        "rules": [
            {"kind": "threshold", "id": "heat", "quantity": "temperature", "above": 40, "severity": "P2"},
            {"kind": "threshold", "id": "warm", "quantity": "temperature", "above": 30, "hold": "3h"},
        ],
        "annunciators": [{"kind": "console"}],
    }
    path.write_text(json.dumps(home, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


@contextmanager
def gateway(path, **environ):
    """A gateway of its own process, from when it listens."""
    log = path.with_suffix(f".{time.monotonic_ns()}.log")
    with log.open("wb") as out:
        command = [sys.executable, "-m", "shouwang", "gateway", "run", "-c", str(path)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out, env={**os.environ, **environ})
    process.log = log
    try:
        wait(lambda: b" watches " in log.read_bytes() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


def wait(condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


async def publish(port, topic, text):
    async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="device")) as session:
        await session.publish(topic, text, qos=0, retain=True)


def told(path):
    answer = shouwang("status", "-c", str(path), "--json")
    return json.loads(answer.stdout) if answer.returncode == 0 else {"sensors": []}


def value_of(path, sensor_id):
    return next((one.get("value") for one in told(path)["sensors"] if one["id"] == sensor_id), None)


@pytest.mark.slow
async def test_the_installer_sees_how_the_home_is(written, mosquitto):
    await publish(mosquitto.port, "hall", b"41.5")
    with gateway(written) as process:
        await asyncio.to_thread(wait, lambda: value_of(written, "hall") == 41.5)
        english = shouwang("status", "-c", str(written)).stdout
        chinese = shouwang("status", "-c", str(written), "--language", "zh").stdout
        facts = told(written)
        log = process.log.read_text()
    assert re.search(r"^hall +mqtt_json +heard +\d+ s +temperature 41.5 °C +\d+ s +- +-$", english, re.M)
    assert re.search(r"^cold +mqtt_json +(heard|not heard yet) ", english, re.M)
    assert re.search(r"^ALARM P2 heat:hall: on, \d+ s$", english, re.M)
    assert re.search(r"of alarms, the oldest for \d+ s$", english, re.M)
    assert re.search(r"warm:hall  in (2|3) h$", english, re.M)
    assert "path internet: " in english
    assert re.search(r"^clock \d{4}-\d\d-\d\d ", english, re.M)
    assert "MiB are free; the outbox takes" in english
    assert re.search(r"^hall +mqtt_json +正常 +\d+ 秒 +温度 41.5 ℃", chinese, re.M)
    assert facts["memory_bytes"] > 10_000_000
    assert "Wang" not in english + json.dumps(facts), "who lives here is not shown"
    assert "41.5" not in log, "values are for who stands at the box, not for the log"
    assert re.search(rf"control: status asked by user {os.getuid()} \(group \d+, process \d+\)", log)


@pytest.mark.slow
def test_status_without_a_gateway_says_what_to_do(written):
    answer = shouwang("status", "-c", str(written), LANG="en_GB.UTF-8", LC_ALL="")
    assert answer.returncode == 1
    assert "does not run on this box" in answer.stderr
    assert "sudo systemctl start shouwang-gateway" in answer.stderr
    assert "网关没有在本机运行" in shouwang("status", "-c", str(written), "--language", "zh").stderr


@pytest.mark.slow
def test_reload_says_what_was_done_or_why_not(written):
    with gateway(written):
        good = written.read_text()
        written.write_text(good.replace('"above": 40', '"above": 39'))
        done = shouwang("reload", "-c", str(written))
        written.write_text(good)
        chinese = [shouwang(one, "-c", str(written), "--language", "zh").stdout for one in ("reload", "audio-pause")]
        written.write_text(good.replace('"topic": "hall",', ""))
        refused = shouwang("reload", "-c", str(written))
    assert (done.returncode, done.stdout) == (0, "rules changed: heat\n")
    assert chinese[0] == "改动的规则：heat\n"
    assert "两分钟内不再重复" in chinese[1]
    assert refused.returncode == 1
    assert refused.stderr.startswith("home.yaml was not taken in use, all goes on as before:\n")
    assert re.search(rf"^{re.escape(str(written))}:\d+: sensors\[0\].topic: is missing", refused.stderr, re.M)


@pytest.mark.slow
def test_a_socket_left_by_a_dead_gateway_is_replaced_and_a_living_ones_is_not(written, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with gateway(written, RUNTIME_DIRECTORY=str(run)) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert (run / control.SOCKET).is_socket(), "it had no time to take it away"
    other = tmp_path / "other.yaml"
    text = written.read_text().replace("gw-1", "gw-2").replace(str(tmp_path / "data"), str(tmp_path / "data2"))
    other.write_text(text)
    with gateway(written, RUNTIME_DIRECTORY=str(run)), gateway(other, RUNTIME_DIRECTORY=str(run)) as second:
        assert answering(run) == "gw-1"
        assert answering(tmp_path / "data2") == "gw-2"
        assert "another gateway runs here" in second.log.read_text()
        assert stat.S_IMODE((run / control.SOCKET).stat().st_mode) == 0o660
        assert not listening_ports(second.pid), "no port to the network, ever"
        second.terminate()
        second.wait(LIMIT_S)
        assert answering(run) == "gw-1"
    assert not (tmp_path / "data2" / control.SOCKET).exists()


def answering(folder):
    with line_to("", [folder]) as line:
        return line.ask("hello").gateway


def listening_ports(pid):
    inodes = set()
    for link in os.scandir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            inodes.add(str(Path(link.path).readlink()).partition("[")[2].rstrip("]"))
    rows = []
    for table in ("tcp", "tcp6"):
        rows += [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()][1:]
    return [row for row in rows if row[3] == LISTENS and row[9] in inodes]


@pytest.mark.slow
def test_a_table_that_is_watched_is_drawn_over_itself_and_ends_with_ctrl_c(written):
    with gateway(written):
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "shouwang", "gateway", "status", "-c", str(written), "--watch"]
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        try:
            drawn = read_until(master, lambda text: text.count("\x1b[H") >= 2)
            process.send_signal(signal.SIGINT)
            drawn += read_until(master, lambda text: "\x1b[?1049l" in text)
            assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()
            process.wait()
            os.close(master)
    assert "\x1b[2J" not in drawn, "to clear the screen first would flicker"
    assert drawn.index("\x1b[?1049h") < drawn.index("Shouwang gateway gw-1") < drawn.index("\x1b[?1049l")


def read_until(master, is_enough):
    text, end = "", time.monotonic() + LIMIT_S
    while not is_enough(text):
        assert time.monotonic() < end, text
        if select.select([master], [], [], 0.2)[0]:
            text += os.read(master, 65536).decode(errors="replace")
    return text


# ---- the socket itself ----


SAID = Sentence(zh="说了", en="said")


async def fails():
    raise ConfigError("home.yaml:3: no")


async def refuses():
    raise Refusal(Sentence(zh="不行", en="no way"))


@asynccontextmanager
async def listening(folders, gateway_id="gw-1"):
    commands = worded(gateway_id, {"fail": fails, "refuse": refuses}, {"say": lambda: SAID})
    task = asyncio.create_task(Control(gateway_id, folders, commands, language=lambda: "zh").run())
    try:
        async with asyncio.timeout(LIMIT_S):
            while not any((folder / control.SOCKET).exists() for folder in folders) and not task.done():
                await asyncio.sleep(0.005)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def client(folder):
    reader, writer = await asyncio.open_unix_connection(folder / control.SOCKET)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_to(folder, line):
    async with client(folder) as (reader, writer), asyncio.timeout(LIMIT_S):
        writer.write(line)
        return json.loads(await reader.readline())


def ask(folders, command, gateway_id=""):
    with line_to(gateway_id, folders) as line:
        return line.ask(command).words.en


async def test_a_command_answers_in_words_or_says_why_not(tmp_path):
    async with listening([tmp_path]):
        assert await asyncio.to_thread(ask, [tmp_path], "say") == "said"
        with pytest.raises(DeviceError, match=r"^home.yaml:3: no$"):
            await asyncio.to_thread(ask, [tmp_path], "fail")
        with pytest.raises(DeviceError, match="no such command; there are: fail, refuse, say"):
            await asyncio.to_thread(ask, [tmp_path], "dance")


@pytest.fixture
def english_terminal(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.mark.usefixtures("english_terminal")
@pytest.mark.parametrize(
    ("command", "language", "printed"),
    [
        ("say", None, "说了\n"),
        ("say", "zh", "说了\n"),
        ("say", "en", "said\n"),
        ("refuse", None, "不行\n"),
        ("refuse", "en", "no way\n"),
        ("dance", None, "没有这个命令；可用的有：fail, refuse, say\n"),
        ("fail", "zh", "home.yaml:3: no\n"),
    ],
)
async def test_what_is_printed_is_in_the_language_of_the_home_or_the_one_asked_for(
    tmp_path, capsys, command, language, printed
):
    async with listening([tmp_path]):
        code = await asyncio.to_thread(order, "gw-1", [tmp_path], command, language=language)
    told = capsys.readouterr()
    assert (told.out, told.err, code) == ((printed, "", 0) if command == "say" else ("", printed, 1))


async def test_only_the_gateway_that_is_meant_answers(tmp_path):
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    others.mkdir()
    async with listening([ours]), listening([others], "gw-2"):
        assert await asyncio.to_thread(ask, [others, ours], "say", "gw-1") == "said"
        with pytest.raises(NotRunning):
            await asyncio.to_thread(ask, [others], "say", "gw-1")


@pytest.mark.parametrize(
    "line", [b"x" * (control.MAX_QUESTION_BYTES + 1) + b"\n", b"\xff\xfe\n", b"[" * 2000 + b"\n", b"{}\n", b"7\n"]
)
async def test_what_is_no_question_is_answered_and_hung_up_on(tmp_path, line):
    async with listening([tmp_path]) as task:
        async with client(tmp_path) as (reader, writer), asyncio.timeout(LIMIT_S):
            writer.write(line)
            assert json.loads(await reader.readline())["error"]
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert not task.done()
        assert (await answer_to(tmp_path, b'{"command": "say"}\n'))["words"]["en"] == "said"


async def test_who_says_nothing_is_hung_up_on_and_many_at_once_wait_for_no_one(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "IDLE_S", 2.0)  # all of them have come by then, also on a busy machine
    async with listening([tmp_path]):
        idle = [await asyncio.open_unix_connection(tmp_path / control.SOCKET) for _ in range(control.MAX_CLIENTS)]
        assert "8 others" in (await answer_to(tmp_path, b'{"command": "say"}\n'))["error"]["en"]
        async with asyncio.timeout(LIMIT_S):
            for reader, writer in idle:
                assert await reader.read() == b""
                writer.close()
            while "error" in await answer_to(tmp_path, b'{"command": "say"}\n'):
                await asyncio.sleep(0.01)


async def test_a_folder_with_a_long_name_will_do(tmp_path):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with listening([folder]):
        assert await asyncio.to_thread(ask, [folder], "say") == "said"


async def test_where_no_socket_can_be_made_the_rest_goes_on(tmp_path, caplog):
    control_task = asyncio.create_task(Control("gw-1", [tmp_path / "nowhere"], {}, language=lambda: "zh").run())
    while "cannot be asked of this gateway" not in caplog.text:
        await asyncio.sleep(0.005)
    assert "no control socket in" in caplog.text
    assert not control_task.done()
    control_task.cancel()
    await asyncio.gather(control_task, return_exceptions=True)


async def test_a_client_that_goes_away_is_no_trouble(tmp_path):
    async with listening([tmp_path]) as task:
        with socket.socket(socket.AF_UNIX) as hasty:
            hasty.connect(str(tmp_path / control.SOCKET))
            hasty.sendall(b'{"command": "say"}\n' * 100)
        assert (await answer_to(tmp_path, b'{"command": "say"}\n'))["words"]["en"] == "said"
        assert not task.done()


async def test_who_asks_much_and_reads_nothing_is_let_go_of_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "SEND_S", 0.05)
    commands = worded("gw-1", {}, {"say": lambda: Sentence(zh="", en="a word " * 20_000)})
    task = asyncio.create_task(Control("gw-1", [tmp_path], commands, language=lambda: "zh").run())
    with suppress(FileNotFoundError):
        while not (tmp_path / control.SOCKET).exists():
            await asyncio.sleep(0.005)
    with socket.socket(socket.AF_UNIX) as greedy:
        greedy.connect(str(tmp_path / control.SOCKET))
        greedy.sendall(b'{"command": "say"}\n' * 50)
        async with asyncio.timeout(LIMIT_S):
            while not _meetings():
                await asyncio.sleep(0.001)
            while _meetings():
                await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _meetings():
    return [task for task in asyncio.all_tasks() if task.get_name() == "control-client"]


async def test_a_box_without_free_descriptors_takes_nobody_in_and_goes_on(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(control, "REST_S", 0.01)
    loop, accept, troubles = asyncio.get_running_loop(), asyncio.get_running_loop().sock_accept, [1, 1]

    async def accepted(listening):
        if troubles:
            troubles.pop()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", accepted)
    async with listening([tmp_path]) as task:
        assert (await answer_to(tmp_path, b'{"command": "say"}\n'))["words"]["en"] == "said"
        assert not task.done()
    assert caplog.text.count("Too many open files") == 1


async def test_a_gateway_that_is_busy_with_others_is_not_said_to_be_dead(tmp_path):
    async with listening([tmp_path]):
        idle = [await asyncio.open_unix_connection(tmp_path / control.SOCKET) for _ in range(control.MAX_CLIENTS)]
        with pytest.raises(DeviceError, match="8 others are asking already"):
            await asyncio.to_thread(ask, [tmp_path], "say")
        for _, writer in idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
