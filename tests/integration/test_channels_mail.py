"""E-mail against a real SMTP server: taken, refused for now, refused for good, slow, hung up, wrong login."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from fixtures.community_home import NOON

from community.channels.mail import Mail, MailServer
from community.channels.port import Message, Outcome
from shouwang.errors import ConfigError, GiveUp, TryLater


class Box:
    """What the server does with mail. `at_rcpt`, `at_data`: answers; `is_slow`, `hangs_up`: it misbehaves."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.at_rcpt = "250 OK"
        self.at_data = "250 queued as 42"
        self.at_mail = "250 OK"
        self.is_slow = False
        self.hangs_up = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.at_mail

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs_up:
            server.transport.abort()
        if self.is_slow:
            await asyncio.Event().wait()
        self.envelopes.append(envelope)
        return self.at_data


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def port(box: Box) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    servers: list[SMTP] = []

    def one() -> SMTP:
        servers.append(
            SMTP(
                box,
                loop=loop,
                authenticator=lambda *_: AuthResult(success=False, handled=False),
                auth_require_tls=False,
            )
        )
        return servers[-1]

    server = await loop.create_server(one, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for served in servers:
        if served.transport is not None:
            served.transport.abort()
        if served._handler_coroutine is not None:
            served._handler_coroutine.cancel()
    await asyncio.sleep(0)


def mail(port: int, **more: object) -> Mail:
    settings = {"host": "127.0.0.1", "port": port, "sender": "守望 <care@example.org>", "security": "none", **more}
    return Mail(MailServer(**settings), timeout_s=0.4)


def message(to: str = "wang@example.org") -> Message:
    return Message(key="sw-7-1-abc", to=to, subject="守望 急救\r\nBcc: x@y", text="3号楼王桂兰", at=NOON)


async def test_a_mail_is_taken_and_a_repeat_is_the_same_mail(box: Box, port: int) -> None:
    for _ in range(2):
        carried = await mail(port).send(message())
        assert carried.outcome is Outcome.SENT
        assert "42" in carried.code
    ids = {envelope.content.decode().partition("Message-ID: ")[2].partition("\r\n")[0] for envelope in box.envelopes}
    assert ids == {"<sw-7-1-abc@example.org>"}
    assert box.envelopes[0].rcpt_tos == ["wang@example.org"]


@pytest.mark.parametrize(
    ("where", "answer", "error"),
    [
        ("at_rcpt", "450 mailbox busy", TryLater),
        ("at_rcpt", "550 no such person", GiveUp),
        ("at_data", "451 try again", TryLater),
        ("at_data", "554 refused", GiveUp),
        ("at_mail", "451 slow down", TryLater),
        ("at_mail", "550 who are you", ConfigError),
    ],
)
async def test_the_servers_word_tells_what_to_do(
    box: Box, port: int, where: str, answer: str, error: type[Exception]
) -> None:
    setattr(box, where, answer)
    with pytest.raises(error, match=answer[:3]):
        await mail(port).send(message())


@pytest.mark.parametrize("fault", ["is_slow", "hangs_up"])
async def test_a_server_that_hangs_is_tried_later(box: Box, port: int, fault: str) -> None:
    setattr(box, fault, True)
    with pytest.raises(TryLater):
        await mail(port).send(message())


async def test_a_refused_login_is_the_channels_own_fault(port: int) -> None:
    with pytest.raises(ConfigError, match="login"):
        await mail(port, username="care", password="wrong").send(message())


async def test_a_server_without_tls_is_not_trusted_with_it(port: int) -> None:
    with pytest.raises(ConfigError):
        await mail(port, security="starttls").send(message())


async def test_an_address_of_no_use_is_given_up(port: int) -> None:
    with pytest.raises(GiveUp):
        await mail(port).send(message(to="wang@example.org\r\nBcc: all@example.org"))


async def test_a_probe_sends_nothing(box: Box, port: int) -> None:
    await mail(port).probe()
    assert box.envelopes == []


async def test_nobody_there_is_tried_later(free_port: int) -> None:
    with pytest.raises(TryLater):
        await mail(free_port).probe()
