"""Whoever is not let in, not trusted, or sent away reads what to look at. A real mosquitto wherever it can say so."""

import asyncio
import errno
import os
import re
import signal
import socket
import subprocess
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.authority import Authority

from messaging.broker import BrokerSettings, TlsFiles
from messaging.refusals import Refused, turned_away, unreached
from messaging.session import PublishRefused, connect
from shouwang.bilingual import chinese, told_by
from shouwang.errors import DeviceError

PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20900101000000Z", "20900201000000Z")


async def refusal(settings, kind=Refused):
    with pytest.raises(DeviceError) as caught:
        async with connect(settings):
            pass
    assert type(caught.value) is kind
    in_chinese = chinese(told_by(caught.value))
    assert re.search("[\u3400-\u9fff]{4}", in_chinese), "whoever installs reads it in Chinese too"
    assert "{" not in in_chinese
    return str(caught.value)


@pytest.fixture
def start_encrypted(start_mosquitto, authority):
    """Starts a broker that asks for certificates; gives the settings of a box that has one."""

    def start(*config, dates=None, host="127.0.0.1"):
        own = authority.issue("broker", dates=dates, host=host)
        broker = start_mosquitto(
            f"cafile {authority.cert}",
            f"certfile {own.cert_file}",
            f"keyfile {own.key_file}",
            "require_certificate true",
            "use_identity_as_username true",
            *config,
        )
        return BrokerSettings(
            host="127.0.0.1", port=broker.port, client_id="gw-1", tls=authority.issue("gw-1"), username="gw-1"
        )

    return start


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_wrong_password_names_the_user_and_the_file(start_mosquitto, tmp_path, version):
    passwords = tmp_path / "passwords"
    passwords.write_text("gw-1:secret\n", encoding="utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=60)
    broker = start_mosquitto("allow_anonymous false", f"password_file {passwords}")
    settings = BrokerSettings(
        host="127.0.0.1", port=broker.port, client_id="gw-1", username="gw-1", password="wrong", version=version
    )
    words = await refusal(settings)
    assert "refuses us" in words
    assert "password_file" in words
    assert "user gw-1" in words
    assert "user nobody" in await refusal(replace(settings, username="nobody"))


async def test_a_certificate_that_has_expired_is_named(start_encrypted, authority):
    settings = replace(start_encrypted(), tls=authority.issue("late", dates=PAST))
    words = await refusal(settings)
    assert "has expired" in words
    assert str(settings.tls.cert_file) in words


async def test_a_certificate_that_was_revoked_is_named(start_encrypted, authority):
    lost = authority.issue("stolen-box")
    settings = start_encrypted(f"crlfile {authority.revoke(lost)}")
    words = await refusal(replace(settings, tls=lost))
    assert "was revoked" in words
    assert str(lost.cert_file) in words
    async with connect(settings):
        pass  # the others are let in


async def test_a_certificate_that_nobody_vouches_for_is_named(start_encrypted, tmp_path):
    settings = start_encrypted()
    forged = Authority(tmp_path, "forger").issue("gw-1")
    words = await refusal(replace(settings, tls=replace(forged, ca_file=settings.tls.ca_file)))
    assert "does not know who vouches" in words
    assert str(forged.cert_file) in words


async def test_a_box_without_a_certificate_is_told_to_have_one(start_encrypted):
    settings = start_encrypted()
    words = await refusal(replace(settings, tls=TlsFiles(ca_file=settings.tls.ca_file)))
    assert "set cert_file and key_file" in words


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (TlsFiles(), "asks for a certificate of this box: set cert_file and key_file (now: none is set)"),
        (TlsFiles(cert_file=Path("own.crt")), "the authority that signed own.crt must be in the broker's cafile"),
    ],
    ids=["without one", "with one"],
)
def test_an_authority_that_is_not_known_is_no_matter_of_a_box_without_a_certificate(tls, words):
    settings = BrokerSettings(host="127.0.0.1", port=8883, client_id="gw-1", tls=tls)
    assert str(turned_away(settings, "TLSV1_ALERT_UNKNOWN_CA")).endswith(words)


@pytest.mark.parametrize(
    ("error", "en", "zh"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            "Connection refused; is the port right, and does the broker run?",
            "对方拒绝连接；端口对吗？消息服务器在运行吗？",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "Name or service not known; is the host name right, and has this box internet?",
            "找不到这个主机名；主机名对吗？本机连得上网（或域名服务器）吗？",
        ),
        (OSError(errno.ENETUNREACH, "x"), "Network is unreachable", "没有网络"),
        (UnicodeError("label too long"), "label too long; is the host name right, and has this box internet?", "吗？"),
    ],
)
def test_a_broker_that_is_not_there_says_what_to_look_at(error, en, zh):
    told = unreached(BrokerSettings(host="centre", port=8883, client_id="gw-1"), error)
    assert type(told) is DeviceError, "it may come by itself"
    assert str(told) == f"cannot reach the broker at centre:8883: {en}"
    assert chinese(told_by(told)).endswith(zh)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"dates": PAST}, "broker's certificate has expired"),
        ({"dates": FUTURE}, "not valid yet; check the clock"),
        ({"host": "127.0.0.2"}, "for another host"),
    ],
)
async def test_a_broker_that_is_not_trusted_says_why(start_encrypted, more, words):
    assert words in await refusal(start_encrypted(**more))


async def test_an_unknown_authority_names_the_file_that_should_hold_it(start_encrypted, tmp_path):
    settings = start_encrypted()
    other = Authority(tmp_path, "stranger").cert
    words = await refusal(replace(settings, tls=replace(settings.tls, ca_file=other)))
    assert f"nobody in {other} vouches for the broker" in words


async def test_a_port_without_tls_is_told_apart(mosquitto, authority):
    settings = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="gw-1", tls=authority.issue("gw-1"))
    words = await refusal(settings, DeviceError)  # mosquitto hangs up without a word
    assert "check that it speaks TLS on this port" in words


async def test_an_encrypted_port_hangs_up_on_a_plain_box(start_encrypted):
    words = await refusal(replace(start_encrypted(), tls=None), DeviceError)
    assert "hung up at the door" in words


async def test_a_broker_that_shuts_down_is_no_refusal(mosquitto):
    async with connect(BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="gw-1")) as session:
        os.kill(mosquitto.pid, signal.SIGTERM)
        with pytest.raises(DeviceError) as caught:
            async with asyncio.timeout(20):
                async for _ in session.messages():
                    pass
    assert type(caught.value) is DeviceError


@asynccontextmanager
async def saying(*packets):
    """A broker that answers each packet with the next of these, whatever it was asked: mosquitto never says them."""

    async def talk(reader, writer):
        for packet in packets:
            await reader.read(1000)
            writer.write(packet)
            await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield BrokerSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1], client_id="gw-1")


CONNACK = b"\x20\x03\x00\x00\x00"
ELSEWHERE = b"\x1c\x00\x0bnew.example"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (0x84, Refused, 'write version: "3.1.1"'),
        (0x85, Refused, "client id gw-1"),
        (0x8A, Refused, "banned"),
        (0x8C, Refused, "password_file"),
        (0x9D, Refused, "ask the centre for the new address"),
        (0x88, DeviceError, "0x88"),
        (0x89, DeviceError, "0x89"),
        (0x9F, DeviceError, "0x9F"),
    ],
)
async def test_each_answer_to_a_connect_has_its_advice(code, kind, words):
    async with saying(bytes([0x20, 3, 0, code, 0])) as settings:
        assert words in await refusal(settings, kind)


async def test_a_broker_that_has_moved_says_where_to():
    async with saying(bytes([0x20, 3 + len(ELSEWHERE), 0, 0x9D, len(ELSEWHERE)]) + ELSEWHERE) as settings:
        assert "change the url to new.example" in await refusal(settings)


@pytest.mark.parametrize(("code", "kind"), [(0x9D, Refused), (0x8D, DeviceError), (0x98, DeviceError)])
async def test_each_goodbye_says_why(code, kind):
    goodbye = bytes([0xE0, 2 + len(ELSEWHERE), code, len(ELSEWHERE)]) + ELSEWHERE
    async with saying(CONNACK, goodbye) as settings, connect(settings) as session:
        with pytest.raises(DeviceError, match=f"0x{code:02X}") as caught:
            async with asyncio.timeout(20):
                await session.publish("x", b"1")
    assert type(caught.value) is kind
    assert ("new.example" in str(caught.value)) == (kind is Refused)


async def test_a_second_box_with_the_same_id_is_recognised():
    async with saying(CONNACK, b"\xe0\x02\x8e\x00") as settings, connect(settings) as session:
        with pytest.raises(Refused, match="connected with the id gw-1: each needs an id of its own"):
            async with asyncio.timeout(20):
                await session.publish("x", b"1")


async def test_a_used_up_quota_is_a_refusal_of_the_message():
    async with saying(CONNACK, b"\x40\x03\x00\x01\x97") as settings, connect(settings) as session:
        with pytest.raises(PublishRefused) as caught:
            async with asyncio.timeout(20):
                await session.publish("x", b"1")
    assert caught.value.reason_code == 0x97
