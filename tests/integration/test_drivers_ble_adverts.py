"""Sensors that speak in their adverts: told once, one press is one SOS, a recording is worth nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fixtures.ble_radio import BleAir
from fixtures.heard import Heard, supervised

from drivers.ble import advert_sensor
from drivers.ble.advert_sensor import AdvertSensor, Press
from drivers.ble.adverts.families import Family
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Measurement
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState
from simulators.ble import adverts
from simulators.ble.beacon import Beacon

ADDRESS = "C0:FF:EE:00:03:01"
KEY = bytes(range(16))
SMOKE = adverts.Object.SMOKE


CLIMATE = adverts.ruuvi_5(address=ADDRESS, temperature=21.5, humidity=40.0, pressure_hpa=1000.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)


@asynccontextmanager
async def beacon_in(air: BleAir, data: bytes | None = None) -> AsyncIterator[Beacon]:
    async with Beacon(air.radio, address=ADDRESS, data=data, interval_ms=50).running() as beacon:
        yield beacon


def sensor(family: Family, links: Links, **more: object):
    config = AdvertSensor(kind="advert_sensor", id="it", address=ADDRESS, family=family, **more)  # type: ignore[arg-type]
    return config.build(links)


def readings(heard: Heard) -> list[Reading]:
    """All of them, also those of measurements."""
    found: list[Reading] = []
    for one in heard.said:
        found += [one] if isinstance(one, Reading) else [*one.readings] if isinstance(one, Measurement) else []
    return [reading for reading in found if reading.quantity is not Quantity.SIGNAL_STRENGTH]


def values(heard: Heard, quantity: Quantity) -> list[float]:
    return [reading.value for reading in readings(heard) if reading.quantity is quantity]


async def test_a_value_that_is_repeated_is_told_once_and_again_after_a_minute(
    ble_air: BleAir, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = Links()
    async with (
        beacon_in(ble_air, adverts.bthome([(adverts.Object.TEMPERATURE, 21.5)])),
        supervised(sensor(Family.BTHOME, links), *links.radios.values()) as (told, _),
    ):
        await told.until(lambda: values(told, Quantity.TEMPERATURE))
        await asyncio.sleep(0.3)
        assert values(told, Quantity.TEMPERATURE) == [21.5]
        monkeypatch.setattr(advert_sensor, "AGAIN_S", 0.1)
        await told.until(lambda: len(values(told, Quantity.TEMPERATURE)) >= 3)


async def test_a_press_is_one_sos_however_often_its_advert_is_sent(ble_air: BleAir) -> None:
    links = Links()
    button = sensor(Family.BTHOME, links, press=Press.SOS)
    async with beacon_in(ble_air) as beacon, supervised(button, *links.radios.values()) as (told, _):
        await told.until_state(SensorState.UP)  # silent for days, and heard all the same
        for number in (1, 2):
            await beacon.burst(
                adverts.bthome([(adverts.Object.PACKET_ID, number), (adverts.Object.BUTTON, 1)]),
                count=8,
                interval_ms=30,
            )
            await told.until(lambda number=number: len(values(told, Quantity.SOS)) == number)
        await asyncio.sleep(0.2)
    assert values(told, Quantity.SOS) == [1, 1]


async def test_smoke_in_the_clear_is_an_alarm_and_its_all_clear_is_not_believed(ble_air: BleAir) -> None:
    links = Links()
    async with (
        beacon_in(ble_air) as beacon,
        supervised(sensor(Family.BTHOME, links), *links.radios.values()) as (told, _),
    ):
        await told.until_state(SensorState.UP)
        beacon.show(adverts.bthome([(SMOKE, 1)]))
        await told.until(lambda: values(told, Quantity.SMOKE) == [1])
        beacon.show(adverts.bthome([(SMOKE, 0)]))
        await told.until(lambda: values(told, Quantity.SMOKE) == [1, 0])
    assert [reading.quality for reading in readings(told)] == [Quality.GOOD, Quality.QUESTIONABLE]


async def test_a_recording_of_an_encrypted_advert_is_worth_nothing_also_after_a_restart(
    ble_air: BleAir, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY.hex() + "\n")

    def encrypted(value: float, counter: int) -> bytes:
        return adverts.bthome_encrypted([(SMOKE, value)], key=KEY, counter=counter, address=ADDRESS)

    notes: dict[str, dict[str, str]] = {}
    for first, wanted in ((100, [1.0, 0.0]), (200, [1.0])):
        links = Links(notes=notes)
        driver = sensor(Family.BTHOME, links, key_file=tmp_path / "key")
        async with beacon_in(ble_air) as beacon, supervised(driver, *links.radios.values()) as (told, _):
            await told.until_state(SensorState.UP)
            if first == 200:
                await beacon.burst(encrypted(0, 101), count=3, interval_ms=30)  # recorded before the restart
                await beacon.burst(adverts.bthome([(SMOKE, 0)]), count=3, interval_ms=30)  # in the clear
            await beacon.burst(encrypted(1, first), count=3, interval_ms=30)
            await told.until(lambda: values(told, Quantity.SMOKE))
            if first == 100:
                await beacon.burst(encrypted(0, 101), count=3, interval_ms=30)
                await told.until(lambda: len(values(told, Quantity.SMOKE)) == 2)
        assert values(told, Quantity.SMOKE) == wanted
        for one in told.said:
            if isinstance(one, Measurement):
                notes.setdefault("it", {}).update({note.name: note.text for note in one.notes})


async def test_a_beacon_that_goes_silent_is_told(ble_air: BleAir) -> None:
    links = Links()
    tag = sensor(Family.RUUVI, links, max_silence=timedelta(seconds=30))
    tag._config = tag._config.model_copy(update={"max_silence": timedelta(seconds=0.5)})  # less than a person may write
    async with beacon_in(ble_air, CLIMATE) as beacon, supervised(tag, *links.radios.values()) as (told, _):
        await told.until_state(SensorState.UP)
        beacon.go_away()
        await told.until_state(SensorState.SILENT)
        beacon.come_back()
        await told.until_state(SensorState.UP)


def test_a_key_that_cannot_be_one_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(ConfigError, match="the key cannot be read"):
        sensor(Family.BTHOME, Links(), key_file=file)
    file.write_text("not a key")
    with pytest.raises(ConfigError, match=rf"{file}: must hold the device's key, 32 .* hex digits"):
        sensor(Family.BTHOME, Links(), key_file=file)
    file.write_text("00" * 12)
    with pytest.raises(ConfigError, match="sensor it: a BTHome key has 16 bytes"):
        sensor(Family.BTHOME, Links(), key_file=file)


def test_what_does_not_fit_together_is_refused_in_plain_words() -> None:
    with pytest.raises(ValueError, match="devices of ruuvi have no key"):
        AdvertSensor(kind="advert_sensor", id="it", address=ADDRESS, family=Family.RUUVI, key_file=Path("k"))
    with pytest.raises(ValueError, match="pressed is for press: sos and the families beacon, kkm, minew"):
        AdvertSensor(kind="advert_sensor", id="it", address=ADDRESS, family=Family.RUUVI, pressed=("a",))
