"""Literal adverts of every format of our own, with the values that their documents and owners give them."""

import pytest

from drivers.ble.adverts.advert import Advert, uuid16
from drivers.ble.adverts.beacons import expand_url, identity
from drivers.ble.adverts.families import Family, parser_for
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError

ADDRESS = "C0:FF:EE:00:00:01"


def whole(written: str) -> Advert:
    return Advert.from_ad_structures(bytes.fromhex(written), address=ADDRESS)


def record(company: int, written: str) -> Advert:
    return Advert(address=ADDRESS, manufacturer_data={company: bytes.fromhex(written)})


def service(uuid: int, written: str) -> Advert:
    return Advert(address=ADDRESS, service_data={uuid16(uuid): bytes.fromhex(written)})


def said(family: Family, advert: Advert) -> dict[str, float]:
    told = parser_for(family).parse(advert)
    return {str(one.quantity): round(one.value, 3) for one in told if isinstance(one, Sample)}


RUUVI = 0x0499


@pytest.mark.parametrize(
    ("frame", "values"),
    # docs.ruuvi.com: data formats 3, 5, 6 and E1, "Test vectors": valid, largest, smallest, invalid
    [
        (
            "03291a1ece1efc18f94202ca0b53",
            {"temperature": 26.3, "humidity": 20.5, "air-pressure": 1027.66, "battery-voltage": 2.899},
        ),
        (
            "03ff7f63ffff7fff7fff7fffffff",
            {"temperature": 127.99, "humidity": 127.5, "air-pressure": 1155.35, "battery-voltage": 65.535},
        ),
        (
            "0300ff6300008001800180010000",
            {"temperature": -127.99, "humidity": 0, "air-pressure": 500, "battery-voltage": 0},
        ),
        (
            "0512fc5394c37c0004fffc040cac364200cdcbb8334c884f",
            {"temperature": 24.3, "humidity": 53.49, "air-pressure": 1000.44, "battery-voltage": 2.977},
        ),
        (
            "057ffffffefffe7fff7fff7fffffdefefffecbb8334c884f",
            {"temperature": 163.835, "humidity": 163.835, "air-pressure": 1155.34, "battery-voltage": 3.646},
        ),
        (
            "058001000000008001800180010000000000cbb8334c884f",
            {"temperature": -163.835, "humidity": 0, "air-pressure": 500, "battery-voltage": 1.6},
        ),
        ("058000ffffffff800080008000ffffffffffffffffffffff", {}),
        (
            "06170c5668c79e007000c90501d9ff00004c884f",
            {
                "temperature": 29.5,
                "humidity": 55.3,
                "air-pressure": 1011.02,
                "pm2-5": 11.2,
                "co2": 201,
                "illuminance": 13026.669,
                "voc-index": 10,
                "nox-index": 2,
            },
        ),
        ("068000ffffffffffffffffffffffffffc0ffffff", {}),
        (
            "e1170c5668c79e0065007004bd11ca00c90a0213e0ac000000decdee100000000000cbb8334c884f",
            {
                "temperature": 29.5,
                "humidity": 55.3,
                "air-pressure": 1011.02,
                "pm1": 10.1,
                "pm2-5": 11.2,
                "pm4": 121.3,
                "pm10": 455.4,
                "co2": 201,
                "illuminance": 13027.0,
                "voc-index": 20,
                "nox-index": 4,
            },
        ),
        ("e18000ffffffffffffffffffffffffffffffffffffffffffffffffffc0ffffffffffffffffffffff", {}),
    ],
)
def test_ruuvi(frame: str, values: dict[str, float]) -> None:
    heard = record(RUUVI, frame)
    assert said(Family.RUUVI, heard) == values
    if not values:
        assert parser_for(Family.RUUVI).parse(heard) == [Alive()]


@pytest.mark.parametrize(
    ("link", "values"),
    # custom-components/ble_monitor, test_ruuvitag_parser.py
    [
        ("10ee037275752e76692f23416a7759414d4666", {"temperature": 24.0, "humidity": 30.0, "air-pressure": 995.03}),
        ("10f6037275752e76692f2342475159414d713877", {"temperature": 24.0, "humidity": 50.0, "air-pressure": 1019.0}),
    ],
)
def test_ruuvi_in_a_link(link: str, values: dict[str, float]) -> None:
    assert said(Family.RUUVI, service(0xFEAA, link)) == values


def test_while_it_calibrates_itself_a_ruuvi_air_has_no_index() -> None:
    frame = "06170c5668c79e007000c90501d9ffcd014c884f"
    assert {"voc-index", "nox-index"}.isdisjoint(said(Family.RUUVI, record(RUUVI, frame)))


def test_a_ruuvi_measurement_counts_once_and_a_movement_is_vibration() -> None:
    parser = parser_for(Family.RUUVI)
    frame = "0512fc5394c37c0004fffc040cac3642 {} cbb8334c884f"
    first = parser.parse(record(RUUVI, frame.format("00cd")))
    assert "vibration" not in [one.quantity for one in first if isinstance(one, Sample)]
    assert parser.parse(record(RUUVI, frame.format("00cd"))) == [Alive()]
    for sequence, movements, moved in (("00ce", "42", 0.0), ("00cf", "43", 1.0), ("00d0", "43", 0.0)):
        told = parser.parse(record(RUUVI, frame.replace("3642", "36" + movements).format(sequence)))
        assert [one.value for one in told if isinstance(one, Sample) and one.quantity == "vibration"] == [moved]


@pytest.mark.parametrize(
    "advert",
    [
        record(RUUVI, ""),
        record(RUUVI, "04"),
        record(RUUVI, "05aa"),
        record(RUUVI, "03291a"),
        service(0xFEAA, "10ee03676f6f676c65002f"),
        service(0xFEAA, "10ee037275752e76692f23"),
        service(0xFEAA, "10ee037275752e76692f232a2a2a2a2a2a2a2a"),
        service(0xFEAA, "10ee037275752e76692f2341414141414141414141"),
        service(0xFEAA, "20"),
        Advert(address=ADDRESS),
    ],
)
def test_what_is_no_ruuvi_is_refused(advert: Advert) -> None:
    with pytest.raises(DecodeError):
        parser_for(Family.RUUVI).parse(advert)


IBEACON = "02011a1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000640000c5"
ALTBEACON = "1bffffffbeacd3162f5af3ee494799db09756062d0fc005a0005c400"
UID = "1716aafe00e700112233445566778899aabbccddeeff0000"


def test_beacons_say_who_they_are() -> None:
    assert identity(whole(IBEACON)) == "e2c56db5dffb48d2b060d0f5a71096e0/100/0"
    assert identity(whole(ALTBEACON)) == "d3162f5af3ee494799db09756062d0fc/90/5"
    assert identity(whole(UID)) == "00112233445566778899/aabbccddeeff"
    assert identity(service(0xFEAA, "30f10102030405060708")) is None
    assert parser_for(Family.BEACON).parse(whole(IBEACON)) == [Alive()]


def test_a_beacon_is_found_among_other_records() -> None:
    assert identity(whole("04ff9a0801" + IBEACON[6:])) == "e2c56db5dffb48d2b060d0f5a71096e0/100/0"
    assert identity(record(0x004C, IBEACON[14:])) == "e2c56db5dffb48d2b060d0f5a71096e0/100/0"


@pytest.mark.parametrize(
    ("frame", "values"),
    # google/eddystone, eddystone-tlm/tlm-plain.md
    [
        ("20000b1817800000000a000000c8", {"battery-voltage": 2.84, "temperature": 23.5}),
        ("20000000e8400000000a000000c8", {"temperature": -23.75}),
        ("20000b1880000000000a000000c8", {"battery-voltage": 2.84}),
        ("2001000102030405060708090a0b0c0d0e0f", {}),  # encrypted
        ("30f10102030405060708", {}),
        ("10ee02676f6f676c6507", {}),
    ],
)
def test_eddystone(frame: str, values: dict[str, float]) -> None:
    assert said(Family.BEACON, service(0xFEAA, frame)) == values


def test_a_link_is_spelled_out() -> None:
    assert expand_url(bytes.fromhex("10ee03676f6f2e676c2f41")) == "https://goo.gl/A"
    assert expand_url(bytes.fromhex("10ee006578616d706c6500")) == "http://www.example.com/"
    assert expand_url(bytes.fromhex("10ee016578616d706c6507")) == "https://www.example.com"


@pytest.mark.parametrize(
    "advert",
    [
        Advert(address=ADDRESS),
        record(0x004C, "0215aa"),
        record(0xFFFF, "beac00"),
        service(0xFEAA, ""),
        service(0xFEAA, "4000"),
        service(0xFEAA, "00e70011"),
        service(0xFEAA, "20000b18"),
        service(0xFEAA, "10ee"),
        service(0xFEAA, "10ee04"),
        service(0xFEAA, "10ee030e"),
    ],
)
def test_what_is_no_beacon_is_refused(advert: Advert) -> None:
    with pytest.raises(DecodeError):
        parser_for(Family.BEACON).parse(advert)


@pytest.mark.parametrize(
    ("family", "advert", "values"),
    [
        # custom-components/ble_monitor, test_kkm_parser.py
        (
            Family.KKM,
            service(0xFEAA, "2101070e5b16531f95fffcffec03eb"),
            {"battery-voltage": 3.675, "temperature": 22.324, "humidity": 31.582},
        ),
        (
            Family.KKM,
            service(0xFEAA, "210007 0bb8 ffc0 3200"),
            {"battery-voltage": 3.0, "temperature": -0.25, "humidity": 50},
        ),
        # by the fields of kkmhogen/android_kbeaconlib2
        (Family.KKM, record(0x0A53, "210030 01 01"), {"tamper": 1, "motion": 1}),
        (Family.KKM, record(0x0A53, "210008 0001 0002 0003"), {}),
        (
            Family.KKM,
            record(0x0A53, "2102c0 0190 02 0064 0001 03 0320"),
            {"illuminance": 400, "voc-index": 100, "nox-index": 1, "co2": 800},
        ),
        (Family.KKM, record(0x0A53, "210004 ff00"), {}),
        (Family.KKM, service(0xFEAA, "2201 64 c0ffee000001 0102"), {"battery": 100}),
        # wiki.teltonika-gps.com, EYE SENSOR; custom-components/ble_monitor, test_teltonika_parser.py
        (
            Family.TELTONIKA,
            record(0x089A, "01b708b4120ccb0bffc767"),
            {
                "temperature": 22.28,
                "humidity": 18,
                "door": 1,
                "vibration": 0,
                "battery-low": 0,
                "battery-voltage": 3.03,
            },
        ),
        (Family.TELTONIKA, record(0x089A, "01 5c 8001"), {"door": 0, "vibration": 1, "battery-low": 1}),
        (Family.TELTONIKA, record(0x089A, "01 01 f830"), {"temperature": -20, "battery-low": 0}),
        # reelyactive/advlib-ble-manufacturers, elainnovation.js tests; theengs/decoder, SE MAG
        (Family.ELA, record(0x0757, "12850a"), {"temperature": 26.93}),
        (Family.ELA, record(0x0757, "213012b80a"), {"humidity": 48, "temperature": 27.44}),
        (Family.ELA, record(0x0757, "2130ff0000"), {"humidity": 48}),
        (Family.ELA, record(0x0757, "320a00"), {"door": 1}),
        (Family.ELA, record(0x0757, "320b00"), {"door": 0}),
        (Family.ELA, record(0x0757, "420d00"), {"vibration": 1}),
        (Family.ELA, record(0x0757, "929d00"), {"motion": 1}),
        (Family.ELA, record(0x0757, "f145"), {"battery": 69}),
        (Family.ELA, record(0x0757, "f2ac0b"), {"battery-voltage": 2.988}),
        (Family.ELA, record(0x0757, "06aabbccddeeff"), {}),
        (Family.ELA, whole("06ff570712980a 05ff5707f10d"), {"temperature": 27.12, "battery": 13}),
        (Family.ELA, whole("05166e2aa30404166f2a23"), {"temperature": 11.87, "humidity": 35}),
        (Family.ELA, service(0x2A06, "2400"), {"door": 1}),
        # Minew, BeaconPlus instruction; reelyactive/advlib-ble-services, minew.js tests
        (
            Family.MINEW,
            service(0xFFE1, "a1016315803200aabbccddeeff"),
            {"battery": 99, "temperature": 21.5, "humidity": 50},
        ),
        (Family.MINEW, service(0xFFE1, "a1024501aabbccddeeff"), {"battery": 69}),
        (Family.MINEW, service(0xFFE1, "a10364ff8000000080aabbccddeeff"), {"battery": 100}),
        (Family.MINEW, service(0xFFE1, "a10864001302e4cdab504c5553303031"), {"battery": 100}),
        (Family.MINEW, service(0xFFE1, "a11364ff80aabbccddee"), {"battery": 100, "temperature": -0.5}),
        (Family.MINEW, service(0xFFE1, "a1186400000001 01 aabbccddeeff"), {"battery": 100, "vibration": 1}),
        (Family.MINEW, record(0x0639, "a401 5a 01 00 01 00 ffeeddccbbaa"), {"battery": 90, "door": 1, "tamper": 0}),
        (Family.MINEW, record(0x0639, "a400 010203"), {}),
        # custom-components/ble_monitor, test_mocreo_parser.py
        (
            Family.MOCREO,
            whole("02010607094d4f4352454f13ff01867301c8b08c0aa713000000a20c000000"),
            {"battery": 72, "temperature": 27.0, "humidity": 50.31},
        ),
        (
            Family.MOCREO,
            whole("02010607094d4f4352454f13ff01821580e4000000000001000086f6000000"),
            {"battery": 100, "leak": 1},
        ),
        # custom-components/ble_monitor, test_relsib_parser.py
        (
            Family.RELSIB,
            service(0xAA20, "84000000b20a200a15030080f04700c2eb0b010b0300"),
            {"temperature": 27.38, "humidity": 25.92, "co2": 789, "battery": 71},
        ),
        (
            Family.RELSIB,
            service(0xAA21, "0cfe75094303008045636c65726b45636f0000000000"),
            {"temperature": -5.0, "humidity": 24.21, "co2": 835},
        ),
        (Family.RELSIB, service(0xAA22, "00800080008000804f4f4f2052656c73696200000000"), {}),
        (Family.RELSIB, service(0x1809, "2b3032332e35"), {"temperature": 23.5}),
        # custom-components/ble_monitor, test_hormann_parser.py
        (Family.HORMANN, whole("09ffb40701022d20000014ffb407173e000000000000006722d81075f42a04"), {"door": 1}),
        (Family.HORMANN, record(0x07B4, "140000000000000000efbbafa9d1a73b04"), {"door": 0}),
        # custom-components/ble_monitor, test_moat_parser.py
        (
            Family.MOAT,
            record(0x1000, "aabbccddeeff11111111d46103cbbe0a0000"),
            {"temperature": 20.3, "humidity": 93.127, "battery-voltage": 2.75},
        ),
        (
            Family.MOAT,
            service(0x1000, "aabbccddeeff11111111d46103cbbe0a"),
            {"temperature": 20.3, "humidity": 93.127, "battery-voltage": 2.75},
        ),
    ],
)
def test_makers(family: Family, advert: Advert, values: dict[str, float]) -> None:
    assert said(family, advert) == values
    if not values:
        assert parser_for(family).parse(advert) == [Alive()]


def test_a_touch_counts_where_its_counter_moved() -> None:
    parser = parser_for(Family.ELA)
    counts = [
        [one.value for one in parser.parse(record(0x0757, touch)) if isinstance(one, Sample)]
        for touch in ("b29c00", "b29d00", "b29e00", "b29e00", "b29f00", "b2a000")
    ]
    assert counts == [[], [], [1.0], [], [], [1.0]]


@pytest.mark.parametrize(
    ("family", "advert"),
    [
        (Family.KKM, service(0xFEAA, "20000b1817800000000a000000c8")),
        (Family.KKM, service(0xFEAA, "2101070e5b16")),
        (Family.KKM, service(0xFEAA, "")),
        (Family.KKM, record(0x0A53, "22")),
        (Family.TELTONIKA, record(0x089A, "02b7")),
        (Family.TELTONIKA, record(0x089A, "01b708b4")),
        (Family.TELTONIKA, record(0x089A, "")),
        (Family.ELA, record(0x0757, "12")),
        (Family.ELA, record(0x0757, "")),
        (Family.ELA, service(0x2A6E, "85")),
        (Family.MINEW, service(0xFFE1, "a101")),
        (Family.MINEW, service(0xFFE1, "a1ff64")),
        (Family.MINEW, service(0xFFE1, "a2ff64")),
        (Family.MINEW, record(0x0639, "a401")),
        (Family.MINEW, record(0x0639, "a3")),
        (Family.MOCREO, record(0x8101, "00")),
        (Family.MOCREO, whole("07094d4f4352454f")),
        (Family.MOCREO, whole("07094d4f4352454f04ff018129")),
        (Family.MOCREO, whole("07094d4f4352454f13ff01ff290154b0920900000000006162000000")),
        (Family.RELSIB, service(0xAA20, "84")),
        (Family.RELSIB, service(0x1809, "ffffffffffff")),
        (Family.HORMANN, record(0x07B4, "01022d200000")),
        (Family.MOAT, record(0x1000, "aabb")),
        *((family, Advert(address=ADDRESS)) for family in Family),
    ],
)
def test_what_is_of_another_format_is_refused(family: Family, advert: Advert) -> None:
    with pytest.raises(DecodeError):
        parser_for(family).parse(advert)
