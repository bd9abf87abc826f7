"""The MQTT session over TLS with a certificate for each gateway, against a real mosquitto."""

import asyncio
import ssl
from dataclasses import replace

import pytest
from fixtures.authority import Authority

from messaging.broker import BrokerSettings, TlsFiles
from messaging.session import connect
from messaging.tls import tls_context
from shouwang.errors import ConfigError, DeviceError


@pytest.fixture
def start_encrypted(start_mosquitto, authority):
    """Starts a broker that asks for a client's certificate; by default its own says 127.0.0.1."""

    def start(**more):
        own = authority.issue("broker", **more)
        broker = start_mosquitto(
            f"cafile {authority.cert}",
            f"certfile {own.cert_file}",
            f"keyfile {own.key_file}",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous false",
        )
        return BrokerSettings(
            host="127.0.0.1", port=broker.port, client_id="gw-1", tls=authority.issue("gw-1"), username="gw-1"
        )

    return start


async def refusal(settings):
    with pytest.raises(DeviceError) as caught:
        async with connect(settings):
            pass
    return str(caught.value)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_gateway_with_its_certificate_is_let_in(start_encrypted, version):
    async with connect(replace(start_encrypted(), version=version)) as session:
        await session.subscribe(["x"])
        await session.publish("x", b"1" * 100_000)  # more than one TLS record
        async for message in session.messages():
            assert message.payload == b"1" * 100_000
            break


async def test_a_broker_of_an_unknown_authority_is_not_trusted(start_encrypted, tmp_path):
    settings = start_encrypted()
    other = Authority(tmp_path, "stranger")
    words = await refusal(replace(settings, tls=replace(settings.tls, ca_file=other.cert)))
    assert "no trusted connection to 127.0.0.1" in words
    assert "check ca_file" in words


async def test_a_broker_with_the_certificate_of_another_host_is_not_trusted(start_encrypted):
    words = await refusal(start_encrypted(host="127.0.0.2"))
    assert "no trusted connection to 127.0.0.1" in words
    assert "127.0.0.1" in words.partition("no trusted connection")[2]


async def test_without_a_certificate_of_ones_own_the_door_stays_shut(start_encrypted):
    settings = start_encrypted()
    words = await refusal(replace(settings, tls=TlsFiles(ca_file=settings.tls.ca_file)))
    assert "certificate" in words


async def test_a_certificate_of_an_unknown_authority_is_refused(start_encrypted, tmp_path):
    settings = start_encrypted()
    forged = Authority(tmp_path, "forger").issue("gw-1")
    words = await refusal(replace(settings, tls=replace(forged, ca_file=settings.tls.ca_file)))
    assert "certificate" in words


async def test_a_plain_connection_to_an_encrypted_port_is_refused(start_encrypted):
    assert await refusal(replace(start_encrypted(), tls=None))


async def test_packets_that_come_in_one_record_are_all_read_at_once(authority):
    own = authority.issue("broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert_file, own.key_file)

    async def broker(reader, writer):  # mosquitto sends each packet in a record of its own; others do not
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        await writer.drain()
        writer.write(b"".join(b"\x30\x05\x00\x01x\x00%d" % n for n in range(5)))
        await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        settings = BrokerSettings(host="127.0.0.1", port=port, client_id="gw-1", tls=authority.issue("gw-1"))
        async with connect(settings) as session:
            messages = session.messages()
            async with asyncio.timeout(20):
                assert [(await anext(messages)).payload for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_key_of_another_certificate_is_a_matter_of_configuration(authority):
    one, other = authority.issue("one"), authority.issue("other")
    with pytest.raises(ConfigError, match="cannot use the certificate files"):
        tls_context(replace(one, key_file=other.key_file))
