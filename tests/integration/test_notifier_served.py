"""The whole server: an alarm over MQTT that nobody at a console sees reaches the supervisor by the channel he has."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from fixtures.community_home import DemoHome
from fixtures.faulty_sink import FaultySink
from fixtures.mosquitto import Mosquitto

from community.app import serve
from community.channels.signature import ID
from community.settings import load
from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.wire import encode, up_topic

PATIENCE_S = 60.0
pytestmark = pytest.mark.slow


async def test_an_alarm_reaches_the_supervisor_by_his_channel(
    tmp_path: Path, mosquitto: Mosquitto, sink: FaultySink, home: DemoHome
) -> None:
    (tmp_path / "secret").write_text("a secret of the test", encoding="utf-8")
    (tmp_path / "community.yaml").write_text(
        f"""\
name: Sunshine
broker: {{url: "{mosquitto.url}"}}
web: {{port: 0}}
channels:
  ways:
    property: {{kind: webhook, url: "{sink.url}", secret_file: secret}}
  people:
    - {{person: duty, webhook: duty, audiences: [主管]}}
homes:
  - id: home-501
    gateway: gw-demo-0001
    address: 3号楼2-501
    resident: {{id: r1, name: 王桂兰, born: 1944}}
""",
        encoding="utf-8",
    )
    started = asyncio.Event()
    server = asyncio.create_task(serve(load(tmp_path / "community.yaml"), started=lambda _: started.set()))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await started.wait()
            broker = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="gw-demo-0001")
            async with connect(broker) as session:
                envelope = home.envelope(home.alert())
                while not sink.taken:
                    with suppress(PublishRefused):  # the server subscribes a moment after it is ready
                        await session.publish(up_topic("gw-demo-0001", envelope.id.lane), encode(envelope))
                    await asyncio.sleep(0.1)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
    said = sink.taken[0].json
    assert said["audience"] == "supervisor"
    assert said["text"] == "【守望】急救 警情1，3号楼王桂兰。超时未处理，请主管立即介入。"
    assert sink.taken[0].headers[ID] == said["id"]
