"""The MQTT session over TLS with a certificate for each gateway, against a real mosquitto."""

import asyncio
import ssl
from dataclasses import replace

import pytest
from fixtures.authority import Authority

from messaging.broker import BrokerSettings, TlsFiles
from messaging.secret import read_secret
from messaging.session import connect
from messaging.tls import tls_context
from shouwang.bilingual import chinese, told_by
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
    with pytest.raises(ConfigError, match="cannot use the certificate files") as caught:
        tls_context(replace(one, key_file=other.key_file))
    assert f"{other.key_file} is not the key of {one.cert_file}" in str(caught.value)


@pytest.mark.parametrize(
    ("broken", "why", "zh"),
    [
        ("ca_file", "{file} holds no certificate, or a damaged one; check", "{file} 里没有证书，或者证书已损坏；"),
        ("cert_file", "{file} holds no certificate, or ", "{file} 里没有证书，或 "),
        ("key_file", " or {file} no key, or one of them is damaged; check", "{file} 里没有密钥，或其中一个已损坏；"),
    ],
)
def test_a_file_without_what_it_should_hold_is_named_in_words(authority, tmp_path, broken, why, zh):
    file = tmp_path / "oops"
    file.write_text("no certificate\n")
    with pytest.raises(ConfigError) as caught:
        tls_context(replace(authority.issue("one"), **{broken: file}))
    assert why.format(file=file) in str(caught.value)
    assert zh.format(file=file) in chinese(told_by(caught.value))
    assert "_ssl.c" not in str(caught.value)


@pytest.mark.parametrize("missing", ["ca_file", "cert_file"])
def test_a_file_that_is_not_there_is_named_in_words(authority, tmp_path, missing):
    with pytest.raises(ConfigError) as caught:
        tls_context(replace(authority.issue("one"), **{missing: tmp_path / "oops"}))
    assert f"{tmp_path / 'oops'}" in str(caught.value)
    assert ": No such file or directory; check" in str(caught.value)
    assert "：没有这个文件或文件夹；请核对" in chinese(told_by(caught.value))


def test_a_secret_that_is_not_there_is_told_in_chinese_too(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere: the secret cannot be read \(No such file") as caught:
        read_secret(tmp_path / "nowhere")
    assert "密码读不出来（没有这个文件或文件夹）" in chinese(told_by(caught.value))
