"""The broker's ACL as the documents give it: a home speaks for itself only, the server for all."""

import re
import subprocess
from pathlib import Path

import pytest
from fixtures.mosquitto import Mosquitto, StartMosquitto

from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.wire import Lane, command_topic, ingest_topics, receipt_topic, up_topic, will_topic

ROOT = Path(__file__).resolve().parents[2]
NOT_AUTHORISED = 0x87


@pytest.fixture
def broker(start_mosquitto: StartMosquitto, tmp_path: Path) -> Mosquitto:
    text = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    (acl,) = re.findall(r"^```\n(pattern .*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "acl").write_text(acl, encoding="utf-8")
    passwords = tmp_path / "passwords"
    passwords.write_text("gw-1:secret\ngw-2:secret\ncommunity:secret\n", encoding="utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=60)
    return start_mosquitto("allow_anonymous false", f"password_file {passwords}", f"acl_file {tmp_path / 'acl'}")


def user(broker: Mosquitto, name: str) -> BrokerSettings:
    return BrokerSettings(host="127.0.0.1", port=broker.port, client_id=name, username=name, password="secret")


async def test_home_and_server_may_say_what_they_have_to(broker: Mosquitto) -> None:
    async with connect(user(broker, "community")) as centre, connect(user(broker, "gw-1")) as home:
        await centre.subscribe(ingest_topics())
        await home.subscribe([receipt_topic("gw-1"), command_topic("gw-1")])
        for topic in (*(up_topic("gw-1", lane) for lane in Lane), will_topic("gw-1")):
            await home.publish(topic, b"x")
        await centre.publish(command_topic("gw-1"), b"x")
        assert (await anext(aiter(home.messages()))).topic == command_topic("gw-1")


async def test_home_may_not_speak_for_another_or_for_the_server(broker: Mosquitto) -> None:
    async with connect(user(broker, "community")) as centre, connect(user(broker, "gw-1")) as home:
        await centre.subscribe(ingest_topics())
        for topic in (up_topic("gw-2", Lane.LIFE_SAFETY), will_topic("gw-2"), command_topic("gw-1")):
            with pytest.raises(PublishRefused) as refused:
                await home.publish(topic, b"x")
            assert refused.value.reason_code == NOT_AUTHORISED


async def test_home_does_not_hear_what_is_for_another(broker: Mosquitto) -> None:
    """mosquitto grants the subscription and delivers nothing: what counts is what arrives."""
    async with connect(user(broker, "community")) as centre, connect(user(broker, "gw-1")) as home:
        await home.subscribe(["v1/+/down/cmd"])
        await home.subscribe([command_topic("gw-1")])
        await centre.publish(command_topic("gw-2"), b"theirs")
        await centre.publish(command_topic("gw-1"), b"ours")
        assert (await anext(aiter(home.messages()))).payload == b"ours"
