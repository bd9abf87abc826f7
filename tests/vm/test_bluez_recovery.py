"""What happens to bluetoothd and the adapter, and that the radio heals it."""

import pytest
from vm.guest.bus import ADAPTER, HCI0, Bus
from vm.guest.client import Air
from vm.guest.fixtures import Bluetoothd
from vm.guest.home import DOWN, UP, running_home

from drivers.ble.daemon import connected_daemon

pytestmark = pytest.mark.bluez_vm


async def test_the_radio_has_bluetoothd_restarted_and_heals(
    air: Air, bluetoothd: Bluetoothd, systemd: None, monkeypatch
) -> None:
    async with running_home(air, monkeypatch) as home:
        await home.says_once(81)
        async with home.loss(), connected_daemon() as daemon:
            await daemon.restart()
        await home.says_once(82)


async def test_the_radio_heals_a_bluetoothd_that_was_killed(air: Air, bluetoothd: Bluetoothd, monkeypatch) -> None:
    async with running_home(air, monkeypatch) as home:
        await home.says_once(81)
        async with home.loss():
            await bluetoothd.restart(how="kill")
        await home.says_once(82)


async def test_the_radio_switches_an_adapter_on_again_and_scans_anew(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, monkeypatch
) -> None:
    async with running_home(air, monkeypatch) as home:
        await home.says_once(81)
        async with home.loss():
            await bus.power(on=False)
        await home.says_once(82)
        async with home.loss(), connected_daemon() as daemon:
            await daemon.power_cycle("hci0")
        await home.says_once(83)
        assert await bus.get(HCI0, ADAPTER, "Discovering")


async def test_an_adapter_that_is_pulled_is_told_and_used_when_it_is_back(
    air: Air, bluetoothd: Bluetoothd, monkeypatch
) -> None:
    async with running_home(air, monkeypatch) as home:
        await home.says_once(81)
        async with home.loss():
            await air("unplug")
            await home.until(lambda: DOWN in home.radio.states)
            assert "hci0" in home.radio.reason
            await bluetoothd.adapter_gone()
            await air("plug")
        await home.says_once(82)
        assert home.radio.states[-1] is UP
