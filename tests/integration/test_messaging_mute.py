"""A name server that never answers: the loop goes on, the process ends, and a late answer disturbs nobody."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.errors import DeviceError


@pytest.fixture
def mute_names(monkeypatch):
    """Name look-ups wait until this is set: no real server can be made to do so without the network."""
    may_answer = threading.Event()
    resolve = socket.getaddrinfo

    def look_up(*args, **more):
        may_answer.wait(20)
        return resolve(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield may_answer
    may_answer.set()


async def test_the_loop_goes_on_and_the_attempt_is_given_up(mute_names, monkeypatch):
    monkeypatch.setattr("messaging.session.CONNECT_TIMEOUT_S", 1.0)
    turns = 0

    async def turn():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    other = asyncio.create_task(turn())
    with pytest.raises(DeviceError, match="does not answer"):
        async with connect(BrokerSettings(host="centre.example", port=1, client_id="gw-1")):
            pass
    assert turns > 5
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_an_attempt_given_up_says_nothing_when_the_answer_comes_at_last(mute_names, monkeypatch):
    """CONNECT would make the broker drop the newer session of the same id."""
    monkeypatch.setattr("messaging.session.CONNECT_TIMEOUT_S", 0.1)
    heard = asyncio.get_running_loop().create_future()

    async def listen(reader, writer):
        heard.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeviceError, match="does not answer"):
            async with connect(BrokerSettings(host="127.0.0.1", port=port, client_id="gw-1")):
                pass
        mute_names.set()
        async with asyncio.timeout(20):
            assert await heard == b""


async def test_a_stop_does_not_wait_for_the_name_server(mute_names):
    async def try_it():
        async with connect(BrokerSettings(host="centre.example", port=1, client_id="gw-1")):
            pass

    task = asyncio.create_task(try_it())
    while not any(thread.name == "mqtt-connect" for thread in threading.enumerate()):
        await asyncio.sleep(0.005)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=20)
    assert done


def test_the_process_ends_while_the_name_server_is_mute():
    code = """
import asyncio, socket, time
socket.getaddrinfo = lambda *args, **more: time.sleep(3600)
from messaging import session
from messaging.broker import BrokerSettings
session.CONNECT_TIMEOUT_S = 0.1
async def main():
    try:
        async with session.connect(BrokerSettings(host="centre.example", port=1, client_id="gw-1")):
            pass
    except session.DeviceError as error:
        print(error)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "does not answer" in done.stdout
    assert done.stderr == ""
