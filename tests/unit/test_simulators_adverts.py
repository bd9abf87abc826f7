"""Simulated adverts, read by the parsers: what goes in comes out. Literal bytes are those of the documents."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.beacons import identity
from drivers.ble.adverts.families import Family, parser_for
from shouwang.driver import Alive, Sample
from simulators.ble.adverts import (
    FLAGS,
    NotCarried,
    Object,
    bthome,
    bthome_encrypted,
    eddystone_tlm,
    holyiot_button,
    ibeacon,
    ruuvi_5,
)

ADDRESS = "54:48:E6:8F:80:A5"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
LEGACY_ADVERT = 31
"""Bytes that an advertisement without extensions carries."""

percents = st.integers(0, 100)
degrees = st.integers(-4500, 13000).map(lambda hundredths: hundredths / 100)


def heard(family: Family, data: bytes, *, key: bytes | None = None) -> dict[str, float]:
    assert len(data) <= LEGACY_ADVERT
    advert = Advert.from_ad_structures(data, address=ADDRESS)
    told = parser_for(family, key=key).parse(advert)
    return {str(one.quantity): one.value for one in told if isinstance(one, Sample)}


def test_the_examples_of_the_documents() -> None:
    """bthome.io/format and bthome.io/encryption."""
    climate = [(Object.TEMPERATURE, 25.06), (Object.HUMIDITY, 50.55)]
    assert bthome(climate) == FLAGS + bytes.fromhex("0a16d2fc4002ca0903bf13")
    sealed = bthome_encrypted(climate, key=KEY, address=ADDRESS, counter=0x33221100)
    assert sealed == FLAGS + bytes.fromhex("1216d2fc41a47266c95f730011223378237214")


def test_objects_go_in_ascending_order() -> None:
    assert bthome([(Object.BUTTON, 1), (Object.PACKET_ID, 7)], is_trigger_based=True)[7:] == bytes.fromhex("4400073a01")


def test_what_does_not_fit_is_refused() -> None:
    for number, value in ((Object.TEMPERATURE, 400.0), (Object.HUMIDITY, -1.0), (Object.BATTERY, 256)):
        with pytest.raises(NotCarried):
            bthome([(number, value)])


@given(temperature=degrees, humidity=percents, battery=percents, counter=st.integers(0, 2**32 - 1))
def test_bthome_round_trip(temperature: float, humidity: int, battery: int, counter: int) -> None:
    objects = [(Object.BATTERY, battery), (Object.TEMPERATURE, temperature), (Object.HUMIDITY, humidity)]
    values = {"temperature": temperature, "humidity": humidity, "battery": battery}
    assert heard(Family.BTHOME, bthome(objects)) == values
    sealed = bthome_encrypted(objects, key=KEY, address=ADDRESS, counter=counter)
    assert heard(Family.BTHOME, sealed, key=KEY) == values


@pytest.mark.parametrize(
    ("number", "quantity"),
    [
        (Object.BATTERY_LOW, "battery-low"),
        (Object.CARBON_MONOXIDE, "carbon-monoxide-alarm"),
        (Object.DOOR, "door"),
        (Object.GAS, "gas-alarm"),
        (Object.MOISTURE, "leak"),
        (Object.MOTION, "motion"),
        (Object.OCCUPANCY, "presence"),
        (Object.SMOKE, "smoke"),
        (Object.TAMPER, "tamper"),
        (Object.WINDOW, "door"),
        (Object.BUTTON, "button"),
    ],
)
def test_bthome_states(number: Object, quantity: str) -> None:
    assert heard(Family.BTHOME, bthome([(number, 1)])) == {quantity: 1.0}


@given(
    temperature=st.one_of(st.none(), st.integers(-9000, 26000).map(lambda steps: steps / 200)),
    humidity=st.one_of(st.none(), st.integers(0, 40000).map(lambda steps: steps / 400)),
    voltage=st.integers(1600, 3600).map(lambda millivolts: millivolts / 1000),
    sequence=st.integers(0, 65534),
)
def test_ruuvi_round_trip(temperature: float | None, humidity: float | None, voltage: float, sequence: int) -> None:
    data = ruuvi_5(address=ADDRESS, temperature=temperature, humidity=humidity, voltage=voltage, sequence=sequence)
    wanted = {"temperature": temperature, "humidity": humidity, "battery-voltage": voltage}
    assert heard(Family.RUUVI, data) == {name: value for name, value in wanted.items() if value is not None}


def test_a_ruuvi_of_the_document() -> None:
    """docs.ruuvi.com, data format 5, valid data; its acceleration is our lying still."""
    data = ruuvi_5(
        address="CB:B8:33:4C:88:4F",
        temperature=24.3,
        humidity=53.49,
        pressure_hpa=1000.44,
        voltage=2.977,
        movements=66,
        sequence=205,
    )
    document = bytes.fromhex("990405 12fc 5394 c37c 0004fffc040c ac36 42 00cd cbb8334c884f")
    frame = data[len(FLAGS) + 2 :]
    assert frame[:9] + frame[15:] == document[:9] + document[15:]


@given(uuid=st.uuids(), major=st.integers(0, 65535), minor=st.integers(0, 65535))
def test_ibeacon_round_trip(uuid: UUID, major: int, minor: int) -> None:
    data = ibeacon(uuid, major=major, minor=minor)
    assert len(data) <= LEGACY_ADVERT
    assert identity(Advert.from_ad_structures(data, address=ADDRESS)) == f"{uuid.hex}/{major}/{minor}"


def test_telemetry_round_trip() -> None:
    data = eddystone_tlm(millivolts=2984, temperature=-3.5, adverts=70_000, seconds=12.5)
    assert heard(Family.BEACON, data) == {"battery-voltage": 2.984, "temperature": -3.5}
    assert heard(Family.BEACON, eddystone_tlm(millivolts=0, temperature=None, adverts=0, seconds=0)) == {}


def test_the_frame_of_a_real_tag() -> None:
    """custom-components/ble_monitor, test_holyiot.py: the scan response of a tag that is pressed."""
    data = holyiot_button(address="C6:B5:45:F6:F1:8E", battery=100, is_pressed=True)
    assert data == bytes.fromhex("0c0962696e2d747261636b6572101642524164c6b545f6f18e0606060100")
    assert len(data) <= LEGACY_ADVERT


def test_a_tag_that_nobody_presses_tells_its_battery() -> None:
    data = holyiot_button(address=ADDRESS, battery=61, is_pressed=False)
    assert heard(Family.HOLYIOT, data) == {"battery": 61.0}
    assert Alive() not in parser_for(Family.HOLYIOT).parse(Advert.from_ad_structures(data, address=ADDRESS))
