"""Each link against the real part: bleak's BlueZ backend, a pty, mosquitto."""

import asyncio
from collections.abc import Callable

import pytest

from drivers.ble.link import Bluetooth
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.links import Links
from drivers.mqtt.link import BrokerAddress, LocalBroker
from drivers.mqtt.sos_button_zigbee2mqtt import SosButtonZigbee2mqtt
from drivers.serial.fall_radar_r60 import FallRadarR60
from shouwang.driver import Sample
from shouwang.errors import DeviceError
from simulators.mqtt.zigbee import Bridge, SosButton
from simulators.serial.fall_radar import FallRadar
from simulators.tally import Tally


class Heard:
    def __init__(self) -> None:
        self.said = []
        self.more = asyncio.Event()

    def __call__(self, one) -> None:
        self.said.append(one)
        self.more.set()

    async def until(self, seen: Callable[[dict], bool]) -> None:
        async with asyncio.timeout(15):
            while not seen({(s.quantity.value, s.value) for s in self.said if isinstance(s, Sample)}):
                self.more.clear()
                await self.more.wait()


async def end(task: asyncio.Task) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_oximeter_over_bleak(ble_radio) -> None:
    driver = PulseOximeterPlx(kind="pulse_oximeter_plx", id="o", address=ble_radio.address).build(Links())
    heard = Heard()
    task = asyncio.create_task(driver.run(heard))
    await heard.until(lambda v: {("spo2", 97.0), ("heart-rate", 72.0), ("battery", 80.0)} <= v)
    await ble_radio.oximeter.drop()
    async with asyncio.timeout(15):
        with pytest.raises(DeviceError, match="lost"):
            await task
    heard.said.clear()
    task = asyncio.create_task(driver.run(heard))
    await heard.until(lambda v: ("spo2", 97.0) in v)
    await end(task)


async def test_missing_adapter_and_failed_connect(ble_radio) -> None:
    missing = PulseOximeterPlx(kind="pulse_oximeter_plx", id="o", address=ble_radio.address, adapter="hci7")
    with pytest.raises(DeviceError, match="hci7"):
        await missing.build(Links()).run(Heard())
    ble_radio.bluez.faults["Connect"] = ["org.bluez.Error.Failed"]
    with pytest.raises(DeviceError):
        await PulseOximeterPlx(kind="pulse_oximeter_plx", id="o", address=ble_radio.address).build(Links()).run(Heard())


async def test_radar_over_pty(tmp_path) -> None:
    radar = FallRadar(Tally(), sensor_id="r", link=tmp_path / "radar", heartbeat_s=0.2)
    driver = FallRadarR60(kind="fall_radar_r60", id="r", port=str(tmp_path / "radar")).build(Links())
    with pytest.raises(DeviceError, match="is not there"):
        await driver.run(Heard())
    async with radar.running():
        heard = Heard()
        task = asyncio.create_task(driver.run(heard))
        await heard.until(lambda v: {("fall", 0.0), ("presence", 1.0), ("motion", 1.0)} <= v)
        with pytest.raises(DeviceError, match="in use"):
            await FallRadarR60(kind="fall_radar_r60", id="b", port=str(tmp_path / "radar")).build(Links()).run(Heard())
        radar.line.corrupt_next = 1
        radar.line.drip_s = 0.002
        await radar.move()
        await radar.fall()
        await heard.until(lambda v: ("fall", 1.0) in v)
        assert driver.rejected >= 1
        radar.line.drip_s = 0
        radar.line.unplug()
        async with asyncio.timeout(10):
            with pytest.raises(DeviceError):
                await task
        radar.line.plug()
        heard.said.clear()
        task = asyncio.create_task(driver.run(heard))
        await heard.until(lambda v: ("fall", 1.0) in v)
        await end(task)


async def test_sos_over_mosquitto(mosquitto) -> None:
    broker = LocalBroker(BrokerAddress.of(mosquitto.url, username=None, password=None))
    driver = SosButtonZigbee2mqtt(
        kind="sos_button_zigbee2mqtt", id="s", topic="zigbee2mqtt/s", cancel=("disarm",)
    ).build(Links(ble=Bluetooth(), local_broker=broker))
    heard = Heard()
    link = asyncio.create_task(broker.run())
    task = asyncio.create_task(driver.run(heard))
    async with Bridge(host="127.0.0.1", port=mosquitto.port).running() as bridge:
        button = SosButton(bridge, Tally(), sensor_id="s", topic="zigbee2mqtt/s")
        async with asyncio.timeout(10):
            while not broker.is_connected:
                await asyncio.sleep(0.01)
        await button.press()
        await heard.until(lambda v: ("sos", 1.0) in v)
        await bridge.say("zigbee2mqtt/s", {"x": "y" * 1_000_000})
        await button.cancel()
        await heard.until(lambda v: ("cancel", 1.0) in v)
        assert driver.rejected == 1
        await end(link)  # the gateway restarts: the broker keeps our place
        with pytest.raises(DeviceError):
            await task
        heard.said.clear()
        await button.press()
        link = asyncio.create_task(broker.run())
        task = asyncio.create_task(driver.run(heard))
        await heard.until(lambda v: ("sos", 1.0) in v)
        async with asyncio.timeout(10):
            while not broker.is_connected:
                await asyncio.sleep(0.01)
        mosquitto.kill()
        for lost in (link, task):
            async with asyncio.timeout(10):
                with pytest.raises(DeviceError, match="lost"):
                    await lost
