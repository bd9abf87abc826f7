"""The MQTT session against a real mosquitto: confirmations, refusals, losses."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from messaging.broker import BrokerSettings, Will, parse_broker_url
from messaging.session import PublishRefused, Session, connect
from shouwang.errors import ConfigError, DeviceError


def settings(port, client_id="a", **more):
    return BrokerSettings(host="127.0.0.1", port=port, client_id=client_id, **more)


async def take(session, count):
    found = []
    async with asyncio.timeout(20):
        async for message in session.messages():
            message.ack()
            found.append(message)
            if len(found) == count:
                return found
    return found


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_what_is_published_arrives_in_order_once_confirmed(mosquitto, version):
    async with (
        connect(settings(mosquitto.port, "a", version=version)) as a,
        connect(settings(mosquitto.port, "b", version=version, receive_maximum=5)) as b,
    ):
        await b.subscribe(["x/#"])
        for n in range(50):
            await a.publish("x/1", b"%d" % n)
        assert [message.payload for message in await take(b, 50)] == [b"%d" % n for n in range(50)]
        assert (a.window, b.window) == (20, 5)


async def test_a_message_that_nobody_takes_is_refused_not_delivered(mosquitto):
    async with connect(settings(mosquitto.port)) as session:
        with pytest.raises(PublishRefused) as caught:
            await session.publish("nobody/listens", b"help")
    assert caught.value.reason_code == 0x10


async def test_what_was_not_acknowledged_comes_again_in_the_next_session(mosquitto):
    keeping = {"clean_start": False, "session_expiry_s": 60}
    async with connect(settings(mosquitto.port, "server", **keeping)) as server:
        await server.subscribe(["x"])
        async with connect(settings(mosquitto.port, "home")) as home:
            await home.publish("x", b"alarm")
        async with asyncio.timeout(20):
            async for message in server.messages():
                assert message.payload == b"alarm"
                break  # taken, but not acknowledged: as if we had been killed before COMMIT
    async with connect(settings(mosquitto.port, "server", **keeping)) as server:
        (again,) = await take(server, 1)
        assert again.payload == b"alarm"
    async with connect(settings(mosquitto.port, "server", **keeping)) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                async for message in server.messages():
                    pytest.fail(f"{message} was acknowledged and came again")


async def test_a_killed_broker_ends_waiting_and_publishing_with_plain_words(mosquitto):
    async with connect(settings(mosquitto.port)) as session:
        await session.subscribe(["x"])
        mosquitto.kill()
        with pytest.raises(DeviceError, match="connection to the broker lost"):
            async with asyncio.timeout(20):
                async for _ in session.messages():
                    pass
        assert session.is_lost
        with pytest.raises(DeviceError, match="lost"):
            await session.publish("x", b"")


async def test_a_stopped_broker_is_unreachable_in_plain_words(free_port):
    with pytest.raises(DeviceError, match=f"cannot reach the broker at 127.0.0.1:{free_port}"):
        async with connect(settings(free_port)):
            pass


async def test_a_port_where_no_broker_lives_is_given_up(monkeypatch):
    monkeypatch.setattr("messaging.session.CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(DeviceError, match="does not answer"):
        async with connect(settings(mute.getsockname()[1])):
            pass


async def test_the_will_is_told_when_a_session_dies_and_not_when_it_ends(mosquitto):
    will = Will(topic="v1/g/lwt", payload=b"offline")
    async with connect(settings(mosquitto.port, "watch")) as watch:
        await watch.subscribe(["v1/+/lwt"])
        async with connect(settings(mosquitto.port, "g"), will=will) as home:
            await home.publish("v1/g/lwt", b"online", retain=True)
        async with connect(settings(mosquitto.port, "g"), will=will):
            async with connect(settings(mosquitto.port, "g")):
                pass  # the same client id again: the broker drops the first session without a word from it
            messages = await take(watch, 2)
    assert [message.payload for message in messages] == [b"online", b"offline"]


def test_urls_are_read_with_their_ports():
    assert parse_broker_url("mqtt://centre.example") == ("centre.example", 1883, False)
    assert parse_broker_url("mqtts://centre.example") == ("centre.example", 8883, True)
    assert parse_broker_url("mqtts://[::1]:1234") == ("::1", 1234, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://x", "write mqtt://host:1883"),
        ("mqtt://", "write mqtt://host:1883"),
        ("mqtt://x:port", "number from 1 to 65535"),
        ("mqtt://user:secret@x", "password_file"),
    ],
)
def test_bad_urls_are_explained(url, words):
    with pytest.raises(ConfigError, match=words):
        parse_broker_url(url)


def test_a_client_may_be_thrown_away_in_any_thread_after_its_loop_has_ended(mosquitto):
    async def left_open():
        session = Session(settings(mosquitto.port), None)
        await session._open()
        session._line._misc.cancel()
        return session

    with asyncio.Runner() as runner:
        session = runner.run(left_open())
    with ThreadPoolExecutor(1) as another:
        another.submit(session._client._reset_sockets).result(timeout=10)
    assert session._client.socket() is None
