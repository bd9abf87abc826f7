"""BTHome: what its objects mean, and that nobody without the key is believed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import Advert
from drivers.ble.adverts.bthome import BTHomeParser
from drivers.ble.adverts.families import Family, adapter
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from simulators.ble.adverts import Object, bthome, bthome_encrypted

ADDRESS = "54:48:E6:8F:80:A5"
# bthome.io/encryption, "Example": key, and the advert of 25.06 Cel and 50.55 % with counter 0x33221100.
DOCUMENT_KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
DOCUMENT_FRAME = "41 a47266c95f73 00112233 78237214"
KEY = bytes(range(16))


def parser(*, key: bytes | None = None, memory: str = "") -> BTHomeParser:
    return BTHomeParser(adapter(Family.BTHOME), key=key, memory=memory)


def plain(written: str, *, heard_at: float | None = None) -> Advert:
    uuid = "0000fcd2-0000-1000-8000-00805f9b34fb"
    return Advert(address=ADDRESS, service_data={uuid: bytes.fromhex(written)}, heard_at=heard_at)


def encrypted(counter: int, *objects: tuple[Object, float], key: bytes = KEY) -> Advert:
    data = bthome_encrypted(objects, key=key, address=ADDRESS, counter=counter)
    return Advert.from_ad_structures(data, address=ADDRESS)


def values(said: list[Said]) -> list[tuple[str, float]]:
    return [(str(one.quantity), one.value) for one in said if isinstance(one, Sample)]


@pytest.mark.parametrize(
    ("frame", "said"),
    # bthome.io/format: the tables of sensor data, binary sensor data and events
    [
        ("40 02ca09 03bf13", [("temperature", 25.06), ("humidity", 50.55)]),
        ("40 0161", [("battery", 97)]),
        ("40 04138a01", [("air-pressure", 1008.83)]),
        ("40 05138a14", [("illuminance", 13460.67)]),
        ("40 065e1f", [("weight", 80.3)]),
        ("40 073e1d", [("weight", pytest.approx(33.956, abs=1e-3))]),  # 74.86 lb
        ("40 0c020c", [("battery-voltage", 3.074)]),
        ("40 0d120c 0e021c", [("pm2-5", 3090), ("pm10", 7170)]),
        ("40 12e204", [("co2", 1250)]),
        ("40 1501", [("battery-low", 1)]),
        ("40 1700", [("carbon-monoxide-alarm", 0)]),
        ("40 1a01", [("door", 1)]),
        ("40 1c01", [("gas-alarm", 1)]),
        ("40 2001", [("leak", 1)]),
        ("40 2100", [("motion", 0)]),
        ("40 2201", [("vibration", 1)]),
        ("40 2300", [("presence", 0)]),
        ("40 2501", [("presence", 1)]),
        ("40 2601", [("problem", 1)]),
        ("40 2901", [("smoke", 1)]),
        ("40 2b01", [("tamper", 1)]),
        ("40 2c01", [("vibration", 1)]),
        ("40 2d00", [("door", 0)]),
        ("44 3a01", [("button", 1)]),
        ("44 3a03", [("button", 3)]),
        ("44 3a04", [("button", 4)]),
        ("44 3a80", [("button", 128)]),
        ("44 3a81", []),  # let go
        ("44 3a00", []),
        ("40 0b021b00", []),  # power in W
        ("40 0209ff 02ca09", [("temperature", -2.47)]),  # of two probes, the first
        ("40 2d00 2d01", [("door", 1)]),  # of two windows, the open one
        ("40 1a00 1101", [("door", 1)]),
    ],
)
def test_objects(frame: str, said: list[tuple[str, float]]) -> None:
    heard = parser().parse(plain(frame))
    assert values(heard) == said
    if not said:
        assert heard == [Alive()]


def test_the_frame_is_kept_as_evidence() -> None:
    (sample,) = parser().parse(plain("40 1a01"))
    assert isinstance(sample, Sample)
    assert sample.frame == bytes.fromhex("401a01")


def test_the_example_of_the_document() -> None:
    one = parser(key=DOCUMENT_KEY)
    heard = one.parse(plain(DOCUMENT_FRAME))
    assert values(heard) == [("temperature", 25.06), ("humidity", 50.55)]
    assert one.memory().split(":")[1] == str(0x33221100)


def test_a_key_that_does_not_fit_is_told() -> None:
    with pytest.raises(DecodeError, match="key"):
        parser(key=KEY).parse(plain(DOCUMENT_FRAME))
    with pytest.raises(DecodeError, match="key"):
        parser().parse(plain(DOCUMENT_FRAME))
    with pytest.raises(DecodeError, match="16 bytes"):
        parser(key=b"short")


def test_a_wrong_key_does_not_move_the_counter() -> None:
    one = parser(key=KEY)
    with pytest.raises(DecodeError):
        one.parse(encrypted(9, (Object.DOOR, 1), key=bytes(16)))
    assert one.memory() == ""
    assert values(one.parse(encrypted(3, (Object.DOOR, 1)))) == [("door", 1)]


def test_plaintext_is_refused_once_there_is_a_key() -> None:
    with pytest.raises(DecodeError, match="clear"):
        parser(key=KEY).parse(plain("40 2901"))


def test_a_replayed_advert_says_nothing() -> None:
    one = parser(key=KEY)
    press = encrypted(7, (Object.BUTTON, 1))
    assert values(one.parse(press)) == [("button", 1)]
    assert one.parse(press) == []  # its own repetitions
    assert values(one.parse(encrypted(8, (Object.BATTERY, 90)))) == [("battery", 90)]
    with pytest.raises(DecodeError, match="counter 7"):
        one.parse(press)


def test_a_low_counter_is_no_free_pass() -> None:
    """bthome-ble takes every counter below 100 as new."""
    one = parser(key=KEY)
    for counter in (5, 6, 50, 5000):
        one.parse(encrypted(counter, (Object.SMOKE, 1)))
    with pytest.raises(DecodeError, match="counter 6"):
        one.parse(encrypted(6, (Object.SMOKE, 0)))


def test_a_replay_is_refused_after_a_restart_of_the_gateway() -> None:
    one = parser(key=KEY)
    one.parse(encrypted(7, (Object.DOOR, 0)))
    one.parse(encrypted(8, (Object.DOOR, 1)))
    again = parser(key=KEY, memory=one.memory())
    assert again.parse(encrypted(8, (Object.DOOR, 1))) == []
    with pytest.raises(DecodeError):
        again.parse(encrypted(7, (Object.DOOR, 0)))


def test_a_proven_all_clear_is_good_and_one_of_a_device_that_began_again_is_not() -> None:
    one = parser(key=KEY)
    clear = Sample(quantity=Quantity.SMOKE, value=0.0)
    assert [one.parse(encrypted(700, (Object.SMOKE, 0)))[0]] == [
        Sample(quantity=Quantity.SMOKE, value=0.0, frame=frame_of(encrypted(700, (Object.SMOKE, 0))))
    ]
    (began_again,) = one.parse(encrypted(3, (Object.SMOKE, 0)))
    assert isinstance(began_again, Sample)
    assert (began_again.quantity, began_again.value) == (clear.quantity, clear.value)
    assert began_again.quality is Quality.QUESTIONABLE
    (alarm,) = one.parse(encrypted(4, (Object.SMOKE, 1)))
    assert isinstance(alarm, Sample)
    assert alarm.quality is Quality.GOOD


def frame_of(advert: Advert) -> bytes:
    return next(iter(advert.service_data.values()))


def test_a_plaintext_all_clear_is_questionable() -> None:
    (sample,) = parser().parse(plain("40 2900"))
    assert isinstance(sample, Sample)
    assert (sample.quantity, sample.quality) == (Quantity.SMOKE, Quality.QUESTIONABLE)


def test_a_packet_counts_once() -> None:
    one = parser()
    assert values(one.parse(plain("44 0007 3a01"))) == [("button", 1)]
    assert one.parse(plain("44 0007 3a01")) == [Alive()]
    assert values(one.parse(plain("44 0008 3a01"))) == [("button", 1)]


def test_a_packet_that_never_changes_its_number_is_new_after_a_silence() -> None:
    """A button that forgets its number between presses is heard at each."""
    one = parser()
    heard = [len(values(one.parse(plain("44 0001 3a01", heard_at=at)))) for at in (0.0, 0.3, 5.0, 9.9, 40.0, 41.0)]
    assert heard == [1, 0, 0, 0, 1, 0]


def test_a_press_without_a_packet_number_counts_once_and_a_level_every_time() -> None:
    one = parser()
    assert values(one.parse(plain("40 0161 3a01"))) == [("battery", 97), ("button", 1)]
    assert values(one.parse(plain("40 0161 3a01"))) == [("battery", 97)]
    assert values(one.parse(plain("40 0161 3a00"))) == [("battery", 97)]
    assert values(one.parse(plain("40 0161 3a01"))) == [("battery", 97), ("button", 1)]


@pytest.mark.parametrize("frame", ["", "20 0161", "60 0161", "41", "41 001122334455"])
def test_what_is_no_bthome_is_refused(frame: str) -> None:
    with pytest.raises(DecodeError):
        parser().parse(plain(frame))
    with pytest.raises(DecodeError):
        parser(key=KEY).parse(plain(frame))


def test_another_advert_of_the_device_is_refused() -> None:
    with pytest.raises(DecodeError):
        parser().parse(Advert(address=ADDRESS, manufacturer_data={0x0BA9: b"\x01"}))


def test_the_first_version_with_its_encryption() -> None:
    """custom-components/ble_monitor, test_bthome_v1.py: service 181E."""
    frame = bytes.fromhex("fba435e4d3c312fb0011223357d90a99")
    heard = Advert(address=ADDRESS, service_data={"0000181e-0000-1000-8000-00805f9b34fb": frame})
    one = parser(key=DOCUMENT_KEY)
    assert values(one.parse(heard)) == [("temperature", 25.06), ("humidity", 50.55)]
    assert one.parse(heard) == []


levels = st.sampled_from([Object.SMOKE, Object.GAS, Object.CARBON_MONOXIDE, Object.DOOR, Object.MOTION, Object.TAMPER])


@given(objects=st.lists(st.tuples(levels, st.integers(0, 1)), max_size=4))
def test_no_plaintext_ever_clears(objects: list[tuple[Object, float]]) -> None:
    heard = parser().parse(Advert.from_ad_structures(bthome(objects), address=ADDRESS))
    for one in heard:
        if isinstance(one, Sample) and one.quantity in (
            Quantity.SMOKE,
            Quantity.GAS_ALARM,
            Quantity.CARBON_MONOXIDE_ALARM,
        ):
            assert one.quality is (Quality.GOOD if one.value else Quality.QUESTIONABLE)


@given(
    counted=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6, unique=True),
    replayed=st.integers(0, 5),
    at=st.integers(0, 60),
    bit=st.integers(0, 7),
)
def test_a_changed_or_replayed_frame_gives_no_sample(counted: list[int], replayed: int, at: int, bit: int) -> None:
    one = parser(key=KEY)
    frames = [encrypted(counter, (Object.SMOKE, 0), (Object.BATTERY, 50)) for counter in sorted(counted)]
    for frame in frames:
        assert values(one.parse(frame))
    old = frames[replayed % len(frames)]
    with suppress(DecodeError):
        assert one.parse(old) == []
    data = bytearray(frame_of(frames[-1]))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(DecodeError):
        one.parse(plain(data.hex()))
