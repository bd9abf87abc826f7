"""SMS through a real kannel (bearerbox, smsbox) to its fake SMSC: Chinese words arrive, a wrong password is told.

Skips where the Debian packages kannel and kannel-extras are not installed.
"""

import asyncio
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from fixtures.addresses import unused_port
from fixtures.community_home import NOON
from fixtures.faulty_sink import FaultySink

from community.channels.http_call import HttpCall
from community.channels.port import Message, Outcome
from community.channels.sms_http import KANNEL_FIELDS, KANNEL_GOOD, KANNEL_REPORTS, SmsHttp, SmsProvider
from shouwang.errors import ConfigError, ShouwangError

pytestmark = pytest.mark.slow
FAKE = Path("/usr/lib/kannel/test/fakesmsc")
PATIENCE_S = 60.0

CONF = """\
group = core
admin-port = {admin}
admin-password = admin
smsbox-port = {box}
box-allow-ip = 127.0.0.1

group = smsc
smsc = fake
smsc-id = FAKE
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = shouwang
password = pw
concatenation = true
max-messages = 4

group = sms-service
keyword = default
text = ""
"""


@dataclass
class Kannel:
    url: str
    heard: Path


def ports(number: int) -> list[int]:
    return [unused_port() for _ in range(number)]


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[Kannel]:
    programs = [shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("bearerbox", "smsbox")]
    if not all(programs) or not FAKE.exists():
        pytest.skip("needs kannel with its fake SMSC (Debian packages kannel, kannel-extras)")
    admin, box, smsc, send = ports(4)
    conf = tmp_path / "kannel.conf"
    conf.write_text(CONF.format(admin=admin, box=box, smsc=smsc, send=send), encoding="utf-8")
    heard = tmp_path / "heard.log"
    running: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        with heard.open("ab") as log:
            running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path))

    try:
        start(str(programs[0]), str(conf))
        listens(smsc)
        listens(box)
        start(str(programs[1]), str(conf))
        start(str(FAKE), "-H", "127.0.0.1", "-r", str(smsc), "-m", "0", "1 2 text nothing")
        listens(send)
        yield Kannel(url=f"http://127.0.0.1:{send}/cgi-bin/sendsms", heard=heard)
    finally:
        for process in reversed(running):
            process.kill()
            process.wait(timeout=PATIENCE_S)


def listens(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on {port}")


def channel(kannel: Kannel, password: str = "pw", delivery: str = "") -> SmsHttp:
    fields = {**KANNEL_FIELDS, **(KANNEL_REPORTS if delivery else {}), "username": "shouwang", "from": "10690"}
    provider = SmsProvider(
        url=kannel.url, form="query", fields=fields, secret=password, good=KANNEL_GOOD, delivery=delivery
    )
    return SmsHttp(HttpCall(timeout_s=5), provider)


async def test_chinese_words_arrive_and_the_report_comes_back(kannel: Kannel, sink: FaultySink) -> None:
    text = "【守望】王桂兰家中发出求助警报。"
    message = Message(key="sw-1-1-a", to="13800000001", subject="", text=text, at=NOON)
    await accepted(channel(kannel, delivery=f"{sink.url}?key={{key}}&state=%d"), message)
    await sink.until(1)
    assert sink.taken[0].query == {"key": "sw-1-1-a", "state": "1"}
    heard = re.search(rb"<10690 13800000001 ucs-2 ([^>]+)>", kannel.heard.read_bytes())
    assert heard is not None
    assert unquote_to_bytes(heard[1]).decode("utf-16-be") == text


async def accepted(channel: SmsHttp, message: Message) -> None:
    """smsbox is up before it has found its bearerbox."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                assert (await channel.send(message)).outcome is Outcome.SENT
            except ShouwangError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_wrong_password_is_the_channels_own_fault(kannel: Kannel) -> None:
    message = Message(key="sw-1-1-a", to="13800000001", subject="", text="x", at=NOON)
    with pytest.raises(ConfigError, match="refuses us"):
        await channel(kannel, "wrong").send(message)


async def test_it_takes_connections_as_long_as_it_is_there(kannel: Kannel) -> None:
    await channel(kannel).probe()
