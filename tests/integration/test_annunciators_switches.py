"""Pins, MQTT devices and relay boards: gpiozero's mock pins, a real broker, a real pseudo terminal."""

import asyncio
import os
import pty
import tty
from contextlib import asynccontextmanager, suppress

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from config.outputs import MqttOutput
from drivers.mqtt.address import BrokerAddress
from drivers.mqtt.link import LocalBroker
from gateway.annunciators import mqtt_switch, serial_relay
from gateway.annunciators.gpio_switch import GpioSwitch
from gateway.annunciators.mqtt_switch import MqttSwitch
from gateway.annunciators.serial_relay import RelayBoard, SerialRelay, frame
from gateway.supervise import keep
from messaging.broker import BrokerSettings
from messaging.session import connect
from shouwang.bilingual import chinese, told_by
from shouwang.errors import DeviceError


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*work):
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# ---- pins ----


@pytest.fixture
def pins():
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


@pytest.mark.parametrize("active_high", [True, False])
async def test_a_pin_is_on_and_off_and_given_back(pins, active_high):
    switch = GpioSwitch("siren", 17, active_high=active_high)
    assert switch.reported is None
    await switch.set(False)
    pin = pins.pin(17)
    assert (pin.function, pin.state, switch.reported) == ("output", not active_high, False)
    await switch.set(True)
    assert (pin.state, switch.reported) == (active_high, True)
    switch.close()
    assert pin.function == "input"
    await switch.set(True)  # taken again
    assert pin.function == "output"
    switch.close()


@pytest.mark.parametrize("on", [True, False])
async def test_the_pin_of_a_valve_stays_as_it_is_when_we_let_go_and_can_be_taken_again(pins, on):
    valve = GpioSwitch("valve", 17, active_high=True, stays=True)
    await valve.set(on)
    pin = pins.pin(17)
    valve.close()
    assert (pin.function, pin.state) == ("output", on)
    again = GpioSwitch("valve", 17, active_high=True, stays=True)
    await again.set(on)
    assert (pin.function, pin.state) == ("output", on)
    pins.close()  # the end of the process
    assert (pin.function, pin.state) == ("output", on)


async def test_a_box_without_pins_says_so_and_leaves_nothing_where_it_is(tmp_path, monkeypatch):
    if os.path.exists("/dev/gpiochip0"):  # noqa: PTH110
        pytest.skip("this box has pins")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviceError, match="pin 17 cannot be used: this box has no pins") as caught:
        await GpioSwitch("siren", 17, active_high=True).set(True)
    assert chinese(told_by(caught.value)).startswith("引脚 17 不能用：这台机器没有引脚")
    assert Device.pin_factory is None
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109
    assert os.listdir() == []  # noqa: PTH208


# ---- MQTT ----


def broker(mosquitto):
    return LocalBroker(BrokerAddress.of(f"mqtt://127.0.0.1:{mosquitto.port}", username=None, password=None))


def of(make, topic="dev/one", **more):
    return MqttOutput(kind="mqtt_switch", make=make, topic=topic, **more).words


@asynccontextmanager
async def device(mosquitto):
    settings = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id="device")
    async with connect(settings) as session:
        yield session


async def heard(session, topic, count):
    found = []
    async with asyncio.timeout(20):
        async for message in session.messages():
            message.ack()
            if message.topic == topic:
                found.append(message.payload.decode())
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize(
    ("make", "more", "topic", "words"),
    [
        ("zigbee2mqtt", {}, "dev/one/set", ['{"state": "ON"}', '{"state": "OFF"}']),
        ("zigbee2mqtt", {"channel": 2}, "dev/one/set", ['{"state_l2": "ON"}', '{"state_l2": "OFF"}']),
        ("tasmota", {}, "cmnd/dev/one/POWER", ["ON", "OFF"]),
        ("tasmota", {"channel": 2}, "cmnd/dev/one/POWER2", ["ON", "OFF"]),
        ("shelly", {}, "dev/one/command/switch:0", ["on", "off"]),
        ("shelly_gen1", {"channel": 1}, "shellies/dev/one/relay/1/command", ["on", "off"]),
        ("own", {"payload_on": "1", "payload_off": "0"}, "dev/one", ["1", "0"]),
    ],
)
async def test_each_make_gets_its_own_words(mosquitto, make, more, topic, words):
    link = broker(mosquitto)
    switch = MqttSwitch("plug", link, of(make, **more), must_confirm=False)
    async with device(mosquitto) as session, running(keep("broker", link.run)):
        await session.subscribe([topic])
        await switch.set(True)
        await switch.set(False)
        assert await heard(session, topic, 2) == words


async def test_a_zigbee_siren_ends_by_itself_where_its_stop_is_lost(mosquitto):
    words = of("zigbee2mqtt_siren")
    assert '"duration": 60' in words.on
    assert '"stop"' in words.off
    assert words.state_topic == ""


@pytest.mark.parametrize(
    ("make", "topic", "said"),
    [
        ("zigbee2mqtt", "dev/one", '{"state":"OFF","linkquality":90}'),
        ("tasmota", "stat/dev/one/POWER", "OFF"),
        ("shelly", "dev/one/status/switch:0", '{"id":0,"output":false}'),
        ("shelly_gen1", "shellies/dev/one/relay/0", "off"),
    ],
)
async def test_a_valve_is_closed_when_it_says_so_itself(mosquitto, make, topic, said):
    link = broker(mosquitto)
    switch = MqttSwitch("valve", link, of(make), must_confirm=True)
    async with device(mosquitto) as session, running(keep("broker", link.run), keep("state", switch.run)):
        await until(lambda: link.is_connected)
        await session.subscribe([of(make).topic])
        order = asyncio.create_task(switch.set(False))
        await heard(session, of(make).topic, 1)
        await asyncio.sleep(0.05)
        assert not order.done()
        await session.publish(topic, b'{"battery": 90}', qos=1)  # no word on it
        await session.publish(topic, b"\xff", qos=1)
        await session.publish(topic, said.encode(), qos=1)
        await asyncio.wait_for(order, 20)
        assert switch.reported is False
        await session.publish(
            topic, said.replace("OFF", "ON").replace("off", "on").replace("false", "true").encode(), qos=1
        )
        await until(lambda: switch.reported is True)


async def test_a_valve_that_does_not_answer_is_not_closed(mosquitto, monkeypatch):
    monkeypatch.setattr(mqtt_switch, "CONFIRM_S", 0.1)
    link = broker(mosquitto)
    switch = MqttSwitch("valve", link, of("zigbee2mqtt"), must_confirm=True)
    async with running(keep("broker", link.run), keep("state", switch.run)):
        with pytest.raises(DeviceError, match="valve does not say on dev/one that it is off; is it there"):
            await switch.set(False)


async def test_without_a_broker_a_switch_says_why(free_port, monkeypatch):
    monkeypatch.setattr(mqtt_switch, "ATTACH_S", 0.1)
    link = LocalBroker(BrokerAddress.of(f"mqtt://127.0.0.1:{free_port}", username=None, password=None))
    with pytest.raises(DeviceError, match="no connection to the local MQTT broker"):
        await MqttSwitch("plug", link, of("tasmota"), must_confirm=False).set(True)


async def test_what_a_switch_listens_to_changes_no_name_at_the_broker(mosquitto):
    """Under that name the broker keeps alarms for a gateway that restarts."""
    plain, outfitted = broker(mosquitto), broker(mosquitto)
    switch = MqttSwitch("valve", outfitted, of("zigbee2mqtt"), must_confirm=True)
    assert outfitted._identity() == plain._identity()
    switch.close()


# ---- relay boards ----


class Board:
    """The board's side of a pseudo terminal."""

    def __init__(self, folder):
        self.link = folder / "relays"
        self.plug_in()

    def plug_in(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.slave))
        self.told = b""

    def unplug(self):
        os.close(self.slave)
        os.close(self.master)

    def read(self):
        with suppress(BlockingIOError):
            self.told += os.read(self.master, 4096)
        return self.told


@pytest.fixture
def board(tmp_path):
    made = Board(tmp_path)
    yield made
    made.unplug()


@pytest.mark.parametrize(
    ("channel", "on", "bytes_"),
    [(1, True, "a00101a2"), (1, False, "a00100a1"), (2, True, "a00201a3"), (2, False, "a00200a2")],
)
def test_a_frame_is_as_the_maker_writes_it(channel, on, bytes_):
    assert frame(channel, on=on) == bytes.fromhex(bytes_)


async def test_two_relays_of_one_board_share_its_port(board):
    link = RelayBoard(str(board.link))
    siren, valve = SerialRelay("siren", link, 1), SerialRelay("valve", link, 2)
    async with running(keep("board", link.run)):
        await until(lambda: link._port is not None)
        await siren.set(True)
        await valve.set(True)
        await siren.set(False)
        await until(lambda: board.read() == bytes.fromhex("a00101a2 a00201a3 a00100a1"))


async def test_a_board_that_was_unplugged_is_told_how_its_relays_stand(board, monkeypatch):
    link = RelayBoard(str(board.link))
    valve = SerialRelay("valve", link, 2)
    async with running(keep("board", link.run)):
        await valve.set(True)
        await until(lambda: board.read() != b"")
        monkeypatch.setattr(serial_relay, "ATTACH_S", 0.1)
        board.unplug()
        await until(lambda: link._port is None)
        with pytest.raises(DeviceError):
            await valve.set(True)
        board.plug_in()
        await until(lambda: board.read() == bytes.fromhex("a00201a3"))


async def test_a_board_that_is_not_there_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(serial_relay, "ATTACH_S", 0.1)
    link = RelayBoard(str(tmp_path / "nothing"))
    async with running(keep("board", link.run)):
        await until(lambda: "is not there" in link._trouble)
        with pytest.raises(DeviceError, match="is not there"):
            await SerialRelay("siren", link, 1).set(True)


async def test_a_board_whose_port_is_not_open_yet_says_so_in_both_languages(monkeypatch):
    monkeypatch.setattr(serial_relay, "ATTACH_S", 0.0)
    with pytest.raises(DeviceError, match="/dev/board is not open yet") as caught:
        await SerialRelay("siren", RelayBoard("/dev/board"), 1).set(True)
    assert chinese(told_by(caught.value)) == "/dev/board 还没有打开"
