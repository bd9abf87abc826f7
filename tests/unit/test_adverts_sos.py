"""Buttons that call for help by their adverts: a press is one SOS, the next press is another."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts.advert import NO_ADDRESS, Advert
from drivers.ble.adverts.repeats import QUIET_SECONDS, Repeats
from drivers.ble.adverts.sos_beacons import BeaconButton, HolyIotParser, kkm_presses
from drivers.ble.adverts.told import AdvertParser
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from simulators.ble.adverts import eddystone_tlm, holyiot_button, ibeacon

ADDRESS = "C6:B5:45:F6:F1:8E"
UUID_ALIVE = UUID("b9407f30-f5f8-466e-aff9-25556b57fe67")  # the example in KKM's documents
# custom-components/ble_monitor, test_holyiot.py: a tag's service data, battery 100 %
PRESSED, LET_GO = "41 64 c6b545f6f18e 0606 06 0100", "41 64 c6b545f6f18e 0606 06 0000"
WARM, DAMP = "41 64 c6b545f6f18e 0606 01 1825", "41 64 c6b545f6f18e 0606 03 4c00"

SOON, LATE = QUIET_SECONDS, QUIET_SECONDS + 0.1


@pytest.mark.parametrize(
    ("heard", "events"),
    # frame (None: the event is over), seconds since the last; the table in the module's head
    [
        ([("a", 0)], [True]),
        ([("a", 0), ("a", SOON), ("a", SOON)], [True, False, False]),
        ([("a", 0), ("a", LATE)], [True, True]),
        ([("a", 0), ("b", 0), ("a", 0)], [True, True, True]),
        ([("a", 0), (None, 0), ("a", 0)], [True, None, True]),
        ([(None, 0), ("a", 0)], [None, True]),
    ],
)
def test_states_of_an_event(heard: list[tuple[str | None, float]], events: list[bool | None]) -> None:
    repeats, now, found = Repeats(), 0.0, []
    for frame, seconds in heard:
        now += seconds
        if frame is None:
            repeats.over()
        found.append(None if frame is None else repeats.is_new(frame.encode(), now))
    assert found == events


def test_without_times_only_a_change_is_new() -> None:
    repeats = Repeats()
    assert [repeats.is_new(b"a", at) for at in (None, 1000.0, None, 9000.0)] == [True, False, False, False]


def tag(written: str, *, at: float | None = None) -> Advert:
    uuid = "00005242-0000-1000-8000-00805f9b34fb"
    return Advert(address=ADDRESS, service_data={uuid: bytes.fromhex(written)}, heard_at=at)


def beacon(data: bytes, *, at: float | None = None) -> Advert:
    return Advert.from_ad_structures(data, address=ADDRESS, heard_at=at)


def presses(parser: AdvertParser, *adverts: Advert) -> list[int]:
    """How many SOS each advert gave."""
    return [
        sum(1 for one in parser.parse(advert) if isinstance(one, Sample) and one.quantity is Quantity.SOS)
        for advert in adverts
    ]


def test_a_tag_tells_its_battery_and_a_press() -> None:
    said = HolyIotParser().parse(tag(PRESSED))
    assert said == [
        Sample(quantity=Quantity.BATTERY, value=100.0, frame=bytes.fromhex(PRESSED)),
        Sample(quantity=Quantity.SOS, value=1.0, frame=bytes.fromhex(PRESSED)),
    ]


@pytest.mark.parametrize(
    ("frame", "quantity", "value"),
    # custom-components/ble_monitor, test_holyiot.py
    [
        ("41 64 c6b545f6f18e 0606 01 ed25", Quantity.TEMPERATURE, -19.37),
        ("41 64 c6b545f6f18e 0606 01 1325", Quantity.TEMPERATURE, 19.37),
        ("41 64 c6b545f6f18e 0606 02 5334", Quantity.AIR_PRESSURE, 1013.0),
        ("41 64 c6b545f6f18e 0606 03 4c00", Quantity.HUMIDITY, 76.0),
        ("41 64 c6b545f6f18e 0606 04 0100", Quantity.VIBRATION, 1.0),
    ],
)
def test_a_tags_other_sensors(frame: str, quantity: Quantity, value: float) -> None:
    _, sample = HolyIotParser().parse(tag(frame))
    assert isinstance(sample, Sample)
    assert (sample.quantity, sample.value) == (quantity, pytest.approx(value))


def test_one_press_is_one_sos_however_often_it_is_sent() -> None:
    assert presses(HolyIotParser(), *[tag(PRESSED)] * 20) == [1] + [0] * 19


def test_a_second_press_is_a_second_sos() -> None:
    assert presses(HolyIotParser(), tag(PRESSED), tag(PRESSED), tag(LET_GO), tag(PRESSED)) == [1, 0, 0, 1]


def test_other_values_between_do_not_make_one_press_two() -> None:
    heard = [tag(PRESSED, at=0), tag(WARM, at=1), tag(PRESSED, at=2), tag(DAMP, at=3), tag(PRESSED, at=4)]
    assert presses(HolyIotParser(), *heard) == [1, 0, 0, 0, 0]


def test_a_press_after_a_silence_counts_though_nobody_heard_it_let_go() -> None:
    assert presses(HolyIotParser(), tag(PRESSED, at=0), tag(PRESSED, at=4), tag(PRESSED, at=60)) == [1, 0, 1]


def test_a_falling_battery_while_it_is_pressed_is_no_second_press() -> None:
    assert presses(HolyIotParser(), tag(PRESSED), tag(PRESSED.replace("64", "63", 1))) == [1, 0]


@pytest.mark.parametrize(
    "frame",
    ["", "41 64", PRESSED + "00", "40 64 c6b545f6f18e 0606 06 0100", "41 65 c6b545f6f18e 0606 06 0100"],
)
def test_what_is_no_tag_is_refused(frame: str) -> None:
    with pytest.raises(DecodeError):
        HolyIotParser().parse(tag(frame))


def test_the_frame_of_another_tag_is_refused() -> None:
    with pytest.raises(DecodeError, match="another"):
        HolyIotParser().parse(tag("41 64 c6b545f6f18f 0606 06 0100"))
    with pytest.raises(DecodeError):
        HolyIotParser().parse(Advert(address=ADDRESS))


def test_a_recording_that_tells_no_address_is_read() -> None:
    said = HolyIotParser().parse(Advert(address=NO_ADDRESS, service_data=tag(LET_GO).service_data))
    assert said == [Sample(quantity=Quantity.BATTERY, value=100.0, frame=bytes.fromhex(LET_GO))]


def test_the_simulated_tag_is_pressed_and_let_go() -> None:
    heard = [holyiot_button(address=ADDRESS, battery=80, is_pressed=pressed) for pressed in (False, True, True, False)]
    assert presses(HolyIotParser(), *map(beacon, heard)) == [0, 1, 0, 0]


ALIVE = ibeacon(UUID_ALIVE, major=12, minor=10)
HELP = ibeacon(UUID_ALIVE, major=12, minor=11)
PRESS = f"{UUID_ALIVE.hex}/12/11"


def test_a_minor_that_tells_of_a_press() -> None:
    button = BeaconButton([PRESS])
    assert button.parse(beacon(ALIVE)) == [Alive()]
    (sos,) = button.parse(beacon(HELP))
    assert isinstance(sos, Sample)
    assert (sos.quantity, sos.value, sos.frame) == (Quantity.SOS, 1.0, PRESS.encode())
    assert presses(button, *map(beacon, (HELP, HELP, ALIVE, HELP))) == [0, 0, 0, 1]


def test_everyday_adverts_in_between_do_not_make_one_press_two() -> None:
    """KKM, "always advertise": the slot of the press is sent beside the everyday one."""
    heard = [beacon(data, at=float(second)) for second, data in enumerate([HELP, ALIVE] * 10)]
    assert sum(presses(BeaconButton([PRESS]), *heard)) == 1
    again = BeaconButton([PRESS])
    assert presses(again, beacon(HELP, at=0), beacon(ALIVE, at=5), beacon(HELP, at=60)) == [1, 0, 1]


@pytest.mark.parametrize(
    ("pressed", "is_press"),
    [
        (UUID_ALIVE.hex, True),
        (UUID_ALIVE.hex.upper(), True),
        (f"{UUID_ALIVE.hex}/12", True),
        (f"{UUID_ALIVE.hex}/1", False),
        (f"{UUID_ALIVE.hex}/12/1", False),
        (f"{UUID_ALIVE.hex}/13", False),
        ("0" * 32, False),
    ],
)
def test_identities_are_told_in_whole_parts(pressed: str, is_press: bool) -> None:
    assert presses(BeaconButton([pressed]), beacon(HELP)) == [int(is_press)]


def test_a_minor_that_counts_presses() -> None:
    counting = [ibeacon(UUID_ALIVE, major=1, minor=minor) for minor in (7, 7, 8, 8, 9, 9)]
    assert presses(BeaconButton(), *map(beacon, counting)) == [0, 0, 1, 0, 1, 0]


def test_a_button_of_kkm_changes_its_uuid() -> None:
    pressed = kkm_presses(str(UUID_ALIVE))
    assert pressed[0] == "b9407f30f5f8466eaff925556b57fe6a"
    button = BeaconButton(pressed)
    kinds = [ibeacon(UUID(int=UUID_ALIVE.int + kind), major=12, minor=10) for kind in (0, 1, 3, 4, 5, 6, 7)]
    assert presses(button, *map(beacon, kinds)) == [0, 0, 1, 1, 1, 1, 0]
    with pytest.raises(DecodeError):
        kkm_presses("no uuid")


def test_an_instance_of_eddystone_tells_of_a_press() -> None:
    uid = bytes.fromhex("1716aafe00e700112233445566778899aabbccddeeff0000")  # namespace 0011..99, instance aa..ff
    assert presses(BeaconButton(["00112233445566778899/aabbccddeeff"]), beacon(uid)) == [1]


def test_telemetry_of_a_button_is_heard_and_ends_nothing() -> None:
    button = BeaconButton([PRESS])
    telemetry = beacon(eddystone_tlm(millivolts=2980, temperature=21.5, adverts=10, seconds=9))
    assert presses(button, beacon(HELP), telemetry, beacon(HELP)) == [1, 0, 0]
    assert [one.quantity for one in button.parse(telemetry) if isinstance(one, Sample)] == [
        Quantity.BATTERY_VOLTAGE,
        Quantity.TEMPERATURE,
    ]


def test_what_is_no_beacon_is_refused() -> None:
    with pytest.raises(DecodeError):
        BeaconButton([PRESS]).parse(tag(PRESSED))


@given(
    bursts=st.lists(st.tuples(st.integers(1, 8), st.floats(0.05, 1.0)), min_size=1, max_size=6),
    gap=st.floats(QUIET_SECONDS + 0.5, 600.0),
    let_go_is_heard=st.booleans(),
)
def test_as_many_sos_as_presses(bursts: list[tuple[int, float]], gap: float, let_go_is_heard: bool) -> None:
    tags, button, now, found = HolyIotParser(), BeaconButton([PRESS]), 0.0, [0, 0]
    for repeats, interval in bursts:
        for _ in range(repeats):
            now += interval
            found[0] += presses(tags, tag(PRESSED, at=now))[0]
            found[1] += presses(button, beacon(HELP, at=now))[0]
        if let_go_is_heard:
            presses(tags, tag(LET_GO, at=now))
        now += gap
    assert found == [len(bursts), len(bursts)]
