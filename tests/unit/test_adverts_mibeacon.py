"""MiBeacon: literal frames of Xiaomi's sensors, and that nobody without the key is believed."""

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.families import Family, adapter
from drivers.ble.adverts.mibeacon import MiBeaconParser, address_in
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Quality

ADDRESS = "A4:C1:38:0A:03:D6"
KEY = bytes(range(16))
SMOKE_DETECTOR = 0x0997  # JTYJGD03MI
DOOR_SENSOR = 0x098B  # MCCGQ02HL
SMOKE, DOOR, BATTERY = 0x1015, 0x1019, 0x100A
MIBEACON = "0000fe95-0000-1000-8000-00805f9b34fb"


def parser(*, key: bytes | None = None, memory: str = "") -> MiBeaconParser:
    return MiBeaconParser(adapter(Family.MIBEACON), key=key, memory=memory)


def advert(frame: bytes | str, address: str = ADDRESS, *, service: str = MIBEACON) -> Advert:
    data = bytes.fromhex(frame) if isinstance(frame, str) else frame
    return Advert(address=address, service_data={service: data})


def obj(number: int, value: int) -> bytes:
    return number.to_bytes(2, "little") + b"\x01" + bytes((value,))


def sealed(counter: int, what: bytes, *, product: int = SMOKE_DETECTOR, key: bytes = KEY) -> Advert:
    """MiBeacon v5 with an object, encrypted: control 5048, product, low counter, object, high counter, MIC."""
    head = bytes.fromhex("4850") + product.to_bytes(2, "little") + bytes((counter & 0xFF,))
    high = (counter >> 8).to_bytes(3, "little")
    nonce = bytes.fromhex(ADDRESS.replace(":", ""))[::-1] + head[2:] + high
    box = AESCCM(key, tag_length=4).encrypt(nonce, what, b"\x11")
    return advert(head + box[:-4] + high + box[-4:])


def values(said: list[Said]) -> list[tuple[str, float]]:
    return [(str(one.quantity), one.value) for one in said if isinstance(one, Sample)]


@pytest.mark.parametrize(
    ("address", "key", "frame", "said"),
    # Bluetooth-Devices/xiaomi-ble, tests/test_parser.py: frames of owners' devices
    [
        (
            "58:2D:34:35:93:21",
            None,
            "5020aa01da219335342d580d1004fe004802",
            [("temperature", 25.4), ("humidity", 58.4)],
        ),
        (ADDRESS, None, "5040d60301d6030a38c1a419100100", [("door", 1)]),
        ("A4:C1:38:07:F6:01", None, "5040f6070101f60738c1a40f0003640000", [("motion", 1)]),
        ("A4:C1:38:07:BF:01", None, "5040bf070101bf0738c1a4011003000000", [("button", 1)]),
        (
            "DC:8E:95:2D:EA:43",
            "685d647dc5e7bc9bcfcf5a1357bd2114",
            "485931350b64799117331ef4020000c5d2f6ac",
            [("illuminance", 51), ("motion", 1)],
        ),
        (
            "18:C2:3C:2A:69:0D",
            "c533a5ab361b0a24de4d21d1d9a3d8a1",
            "58598723030d692a3cc218258824090000a360b8a1",
            [("button", 4)],
        ),
        (
            "D4:48:67:C4:B1:BD",
            "920ce119b34410d38251ccea54c0f915",
            "585983461fbdb1c46748d49d1efd8c040000e57e873a",
            [("presence", 0)],
        ),
        # v3 with a key of 12 bytes
        (
            "F8:24:41:C5:98:8B",
            "b853075158487ca39a5b5ea9",
            "5830b603d28b98c54124f8c3491476757e00000099",
            [("button", 1)],
        ),
        ("00:81:F9:DD:6F:C1", None, "7022db006fc16fddf9810009002005c60d630d51", [("body-temperature", 36.872)]),
    ],
)
def test_frames_of_owners(address: str, key: str | None, frame: str, said: list[tuple[str, float]]) -> None:
    heard = parser(key=bytes.fromhex(key) if key else None).parse(advert(frame, address))
    assert [(name, round(value, 3)) for name, value in values(heard)][: len(said)] == said


def test_a_voltage_that_the_library_computes_is_no_measurement() -> None:
    told = parser().read(advert("5020aa01a3bf2e3b342d580d1004b40095020a10013b", "58:2D:34:3B:2E:BF"))
    assert told.fields["voltage"] == pytest.approx(1.272)
    assert values(list(told.said)) == [("temperature", 18.0), ("humidity", 66.1), ("battery", 59.0)]


def test_a_weight_counts_when_it_stands_still() -> None:
    """Mi Scale: service 181D; control bit 5 still, bit 7 stepped off (custom-components/ble_monitor, miscale tests)."""
    scale = "0000181d-0000-1000-8000-00805f9b34fb"
    one, address = parser(), "C8:47:8C:C0:95:89"
    assert values(one.parse(advert("229e43e507040b101301", address, service=scale))) == [("weight", 86.55)]
    assert one.parse(advert("229e43e507040b101301", address, service=scale)) == [Alive()]
    assert one.parse(advert("a22044b20701010a1a15", address, service=scale)) == [Alive()]
    assert one.parse(advert("821400e507040b101708", address, service=scale)) == [Alive()]


def test_smoke_under_a_key_raises_and_clears() -> None:
    one = parser(key=KEY)
    said = [one.parse(sealed(count, obj(SMOKE, value)))[0] for count, value in ((255, 1), (256, 0))]
    assert [(said.quantity, said.value, said.quality) for said in said if isinstance(said, Sample)] == [
        (Quantity.SMOKE, 1.0, Quality.GOOD),
        (Quantity.SMOKE, 0.0, Quality.GOOD),
    ]


def test_the_counter_grows_through_its_two_parts() -> None:
    one = parser(key=KEY)
    counters = (254, 255, 256, 0x01FFFF, 0x020000)
    assert [len(values(one.parse(sealed(count, obj(DOOR, 1), product=DOOR_SENSOR)))) for count in counters] == [1] * 5
    assert one.memory().split(":")[1] == str(0x020000)


def test_a_replayed_frame_says_nothing_which_the_library_would_take() -> None:
    one = parser(key=KEY)
    fire = sealed(7, obj(SMOKE, 1))
    assert values(one.parse(fire)) == [("smoke", 1)]
    assert one.parse(fire) == []
    one.parse(sealed(8, obj(SMOKE, 0)))
    with pytest.raises(DecodeError, match="counter 7"):
        one.parse(fire)
    again = parser(key=KEY, memory=one.memory())
    with pytest.raises(DecodeError, match="counter 7"):
        again.parse(fire)


def test_plaintext_is_refused_once_there_is_a_key_which_the_library_would_take() -> None:
    clear = bytes.fromhex("4050") + SMOKE_DETECTOR.to_bytes(2, "little") + b"\x01" + obj(SMOKE, 0)
    (sample,) = parser().parse(advert(clear))
    assert isinstance(sample, Sample)
    assert (sample.quantity, sample.quality) == (Quantity.SMOKE, Quality.QUESTIONABLE)
    with pytest.raises(DecodeError, match="clear"):
        parser(key=KEY).parse(advert(clear))


def test_a_frame_without_an_object_is_a_life_sign() -> None:
    assert parser(key=KEY).parse(advert(bytes.fromhex("3058970901") + bytes.fromhex("d6030a38c1a408"))) == [Alive()]


@pytest.mark.parametrize("key", [bytes(16), bytes(12), None])
def test_a_key_that_does_not_fit_is_told(key: bytes | None) -> None:
    with pytest.raises(DecodeError, match="key"):
        parser(key=key).parse(sealed(1, obj(SMOKE, 1)))


def test_keys_have_sixteen_or_twelve_bytes() -> None:
    with pytest.raises(DecodeError, match="16 or 12"):
        parser(key=bytes(15))


def test_a_wrong_key_of_the_old_encryption_is_told_where_nothing_comes_of_it() -> None:
    with pytest.raises(DecodeError, match="key"):
        parser(key=bytes(12)).parse(advert("5830b603d28b98c54124f8c3491476757e00000099", "F8:24:41:C5:98:8B"))


def test_the_old_encryption_proves_nothing() -> None:
    """Its frames carry no signature: turned bits in them come through."""
    one = parser(key=bytes.fromhex("b853075158487ca39a5b5ea9"))
    press = "5830b603d28b98c54124f8c3491476757e00000099"
    assert values(one.parse(advert(press, "F8:24:41:C5:98:8B"))) == [("button", 1)]
    assert one.parse(advert(press, "F8:24:41:C5:98:8B")) == [Alive()]
    assert one.memory() == ""


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "50",
        "5020aa01",  # cut before its counter
        "5010aa01da219335342d580d1004fe004802",  # version 1
        "5020ff7fda219335342d580d1004fe004802",  # no known product
        "5020aa01da000000000000580d1004fe004802",  # of another address
    ],
)
def test_what_is_no_frame_of_this_device_is_refused(frame: str) -> None:
    with pytest.raises(DecodeError):
        parser().parse(advert(frame, "58:2D:34:35:93:21"))


def test_the_address_in_a_frame() -> None:
    assert address_in(bytes.fromhex("5020aa01da219335342d580d1004fe004802")) == "58:2D:34:35:93:21"
    assert address_in(bytes.fromhex("4859310b64")) is None
    assert address_in(b"") is None


@given(
    counted=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6, unique=True),
    replayed=st.integers(0, 5),
    at=st.integers(5, 60),
    bit=st.integers(0, 7),
)
def test_a_changed_or_replayed_frame_gives_no_sample(counted: list[int], replayed: int, at: int, bit: int) -> None:
    one = parser(key=KEY)
    frames = [sealed(counter, obj(SMOKE, 0)) for counter in sorted(counted)]
    for frame in frames:
        assert values(one.parse(frame))
    with suppress(DecodeError):
        assert one.parse(frames[replayed % len(frames)]) == []
    data = bytearray(frames[-1].service_data[MIBEACON])
    data[5 + (at - 5) % (len(data) - 5)] ^= 1 << bit
    with pytest.raises(DecodeError):
        one.parse(advert(bytes(data)))
