"""EnOcean: what each profile says, copies of repeaters, learning, encrypted telegrams, the dongle's stream."""

import random
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.decode import answer
from drivers.serial import enocean_dongle
from drivers.serial.codec import enocean, esp3
from drivers.serial.codec.eep import PROFILES
from drivers.serial.copies import Copies
from drivers.serial.enocean_device import COPY_S, USABLE, EnoceanDevice, decode
from drivers.serial.receiver import Word
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality
from simulators.serial import esp3 as wire

SENDER = "0198A1B2"
PRESSED, RELEASED = wire.PRESSED, wire.RELEASED
SAYS: list[tuple[str, str, int, dict[str, float]]] = [
    ("F6-01-01", "10", 0x00, {"button": 1}),
    ("F6-01-01", "00", 0x00, {}),
    ("F6-02-01", "10", PRESSED, {"button": 1}),
    ("F6-02-02", "70", PRESSED, {"button": 4}),
    ("F6-02-01", "00", RELEASED, {}),
    ("F6-02-01", "70", RELEASED, {"button": 9}),  # four keys at once
    ("F6-03-01", "b0", PRESSED, {"button": 6}),
    ("F6-04-01", "70", PRESSED, {"switch": 1}),
    ("F6-04-01", "00", RELEASED, {"switch": 0}),
    ("F6-05-01", "11", PRESSED, {"leak": 1}),
    ("F6-05-01", "11", RELEASED, {"leak": 0}),
    ("F6-05-01", "00", RELEASED, {"leak": 0}),
    ("F6-05-01", "11", 0x00, {"leak": 1}),
    ("F6-05-02", "10", 0x00, {"smoke": 1}),
    ("F6-05-02", "00", 0x00, {"smoke": 0}),
    ("F6-05-02", "30", 0x00, {"battery-low": 1}),
    ("F6-10-00", "f0", RELEASED, {"door": 0}),
    ("F6-10-00", "e5", RELEASED, {"door": 1}),
    ("F6-10-00", "c0", RELEASED, {"door": 1}),
    ("F6-10-00", "d0", RELEASED, {"door": 1}),
    ("D5-00-01", "09", 0x00, {"door": 0}),
    ("D5-00-01", "08", 0x00, {"door": 1}),
    ("A5-02-01", "0000ff08", 0x00, {"temperature": -40}),
    ("A5-02-05", "00005508", 0x00, {"temperature": 26.67}),
    ("A5-02-05", "00000008", 0x00, {"temperature": 40}),
    ("A5-02-0B", "0000ff08", 0x00, {"temperature": 60}),
    ("A5-02-10", "0000ff08", 0x00, {"temperature": -60}),
    ("A5-02-1B", "00000008", 0x00, {"temperature": 130}),
    ("A5-02-20", "0003ff08", 0x00, {"temperature": -10}),
    ("A5-02-30", "00000008", 0x00, {"temperature": 62.3}),
    ("A5-04-01", "007d7d0a", 0x00, {"humidity": 50, "temperature": 20}),
    ("A5-04-01", "007d7d08", 0x00, {"humidity": 50}),  # it has no thermometer
    ("A5-04-01", "00fbff0a", 0x00, {}),  # beyond 250: not known
    ("A5-04-02", "00fa000a", 0x00, {"humidity": 100, "temperature": -20}),
    ("A5-04-03", "8001ff08", 0x00, {"humidity": 50.2, "temperature": 19.96}),
    ("A5-07-01", "9600c809", 0x00, {"battery-voltage": 3, "motion": 1}),
    ("A5-07-01", "96006408", 0x00, {"motion": 0}),  # no supply voltage
    ("A5-07-02", "96000088", 0x00, {"battery-voltage": 3, "motion": 1}),
    ("A5-07-03", "96640088", 0x00, {"battery-voltage": 3, "illuminance": 400, "motion": 1}),
    ("A5-07-03", "fbff4008", 0x00, {"motion": 0}),  # error codes
    ("A5-08-01", "96326409", 0x00, {"battery-voltage": 3, "illuminance": 100, "temperature": 20, "motion": 1}),
    ("A5-08-03", "9632000b", 0x00, {"battery-voltage": 3, "illuminance": 300, "temperature": -30, "motion": 0}),
    ("A5-09-04", "5a416e0e", 0x00, {"humidity": 45, "co2": 650, "temperature": 22}),
    ("A5-14-01", "96000009", 0x00, {"battery-voltage": 3, "door": 1}),
    ("A5-14-01", "96000008", 0x00, {"battery-voltage": 3, "door": 0}),
    ("D2-03-0A", "5002", 0x00, {"battery": 80, "button": 2}),
    ("D2-03-0A", "5004", 0x00, {"battery": 80}),
    (
        "D2-14-30",  # alarm, energy low, 20 degrees (100 at bit 23), 45 % (90 at bit 31)
        (1 << 47 | 2 << 33 | 100 << 17 | 90 << 9).to_bytes(6, "big").hex(),
        0x00,
        {"smoke": 1, "problem": 0, "battery-low": 1, "temperature": 20, "humidity": 45},
    ),
]


def packet(profile: str, payload: str, status: int = 0, **more: Any) -> bytes:
    return wire.telegram(SENDER, int(profile[:2], 16), bytes.fromhex(payload), status=status, **more)


def values(said: Iterable[Any]) -> dict[str, float]:
    samples = [one for one in said if isinstance(one, Sample) and one.quantity is not Quantity.SIGNAL_STRENGTH]
    return {str(one.quantity): one.value for one in samples}


def device(**keys: Any) -> EnoceanDevice:
    return EnoceanDevice.model_validate(
        {"kind": "enocean_device", "id": "it", "sender": SENDER, "profile": "D5-00-01", **keys}
    )


@pytest.mark.parametrize(("profile", "payload", "status", "wanted"), SAYS, ids=lambda value: str(value)[:14])
def test_each_profile_says_what_the_specification_says(
    profile: str, payload: str, status: int, wanted: dict[str, float]
) -> None:
    said = decode(packet(profile, payload, status), profile)
    assert values(said) == pytest.approx(wanted, abs=0.01)
    assert said
    assert {one.quantity for one in said if isinstance(one, Sample)} <= device(profile=profile).can_say


def test_every_usable_profile_is_shown() -> None:
    told = {profile for profile, *_ in SAYS} | {"A5-30-03"}
    alike = {name: (one.looks_like, one.emits, one.has_buttons) for name, one in PROFILES.items()}
    assert {alike[name] for name in USABLE} <= {alike[name] for name in told}


@pytest.mark.parametrize(
    ("profile", "payload"),
    [
        ("F6-04-01", "33"),
        ("F6-05-01", "21"),
        ("F6-05-02", "11"),
        ("F6-10-00", "70"),
        ("D2-03-0A", "5000"),
        ("D2-03-0A", "50"),
        ("A5-04-01", "0808"),
        ("D5-00-01", "0909"),
        ("D2-14-30", "00"),
    ],
)
def test_what_a_profile_does_not_define_is_refused(profile: str, payload: str) -> None:
    with pytest.raises(DecodeError):
        decode(packet(profile, payload), profile)


@pytest.mark.parametrize("means", ["smoke", "leak", "heat", "gas", "door"])
def test_an_input_means_what_the_configuration_says(means: Any) -> None:
    config = device(profile="A5-30-03", means=means)
    on, off = (decode(packet("A5-30-03", f"0000{byte}08"), "A5-30-03", means=means) for byte in ("0f", "1f"))
    (name,) = values(on)
    assert (values(on)[name], values(off)[name]) == (1, 0)
    assert Quantity(name) in config.can_say
    with pytest.raises(DecodeError, match="only 0F"):
        decode(packet("A5-30-03", "00000708"), "A5-30-03", means=means)


# Presses.


@pytest.mark.parametrize(
    ("press", "payload", "status", "wanted"),
    [
        (("any",), "50", PRESSED, {"sos": 1}),
        (("AI",), "10", PRESSED, {"sos": 1}),
        (("AI",), "30", PRESSED, {"button": 2}),
        (("AI",), "35", PRESSED, {"button": 3}),  # AO and BI: only the last of the buttons is shown here
        (("AI",), "31", PRESSED, {"sos": 1}),  # AO, and AI as second
        (("AI",), "70", RELEASED, {"sos": 1}),  # a hand on the whole plate
        ((), "70", RELEASED, {"button": 9}),
        (("any",), "00", RELEASED, {}),
    ],
)
def test_a_key_calls_for_help_where_the_home_says_so(
    press: tuple[str, ...], payload: str, status: int, wanted: dict[str, float]
) -> None:
    assert values(decode(packet("F6-02-01", payload, status), "F6-02-01", press=press)) == wanted


def test_an_all_clear_that_anybody_could_send_takes_no_alarm_back() -> None:
    alarm, clear = (decode(packet("F6-05-02", byte), "F6-05-02")[0] for byte in ("10", "00"))
    assert isinstance(alarm, Sample)
    assert isinstance(clear, Sample)
    assert (alarm.quality, clear.quality) == (Quality.GOOD, Quality.QUESTIONABLE)


# Learning and what is not understood.


@pytest.mark.parametrize(
    ("rorg", "payload", "profile"),
    [
        (wire.CONTACT, "00", None),
        (wire.FOUR_BYTES, "00000000", None),
        (wire.FOUR_BYTES, (0x02 << 26 | 0x05 << 19 | 0x0D << 8 | 0x80).to_bytes(4, "big").hex(), "A5-02-05"),
        (wire.FOUR_BYTES, (0x09 << 26 | 0x04 << 19 | 0x80).to_bytes(4, "big").hex(), "A5-09-04"),
        (wire.UTE, "a00146000a03d2", "D2-03-0A"),
    ],
)
def test_a_telegram_for_learning_is_a_life_sign_and_tells_its_profile(
    rorg: int, payload: str, profile: str | None
) -> None:
    frame = wire.telegram(SENDER, rorg, bytes.fromhex(payload))
    learn = enocean.learn_in(esp3.telegram_in(esp3.decode_packet(frame)))
    assert learn == enocean.Learn(profile=profile)
    for name in ("D5-00-01", "A5-02-05", "A5-09-04"):
        assert decode(frame, name) == [Alive()]
    assert answer({"protocol": "enocean-esp3", "hex": frame.hex()}).readings == []


@pytest.mark.parametrize("rorg", sorted(esp3.SECURE))
def test_encrypted_telegrams_are_told(rorg: int) -> None:
    frame = wire.telegram(SENDER, rorg, bytes.fromhex("8f2a11c4"))
    with pytest.raises(DecodeError, match="encrypted, which is not supported"):
        decode(frame, "D5-00-01")
    assert "encrypted" in enocean.introduction(esp3.telegram_in(esp3.decode_packet(frame)))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (
            packet("D5-00-01", "09"),
            "looks like a contact of a door or window. To use it, paste under sensors: - {kind: ",
        ),
        (packet("D5-00-01", "00"), f'sender: "{SENDER}", profile: D5-00-01}}'),
        (packet("F6-02-01", "10", PRESSED), "looks like a rocker switch, pull cord or button"),
        (packet("F6-02-01", "10", PRESSED), "press: [any]} (press: [any] makes each key call for help; leave it out"),
        (packet("A5-02-05", "00005508"), "its profile (EEP, A5-..-..) stands on the device"),
        (packet("D2-01-01", "040000"), "looks like a switched socket"),
        (packet("D2-14-30", "000000000000"), "its profile (EEP, D2-..-..) stands on the device"),
    ],
)
def test_a_newcomer_is_introduced_with_the_lines_to_paste(frame: bytes, said: str) -> None:
    told = enocean.introduction(esp3.telegram_in(esp3.decode_packet(frame)))
    assert told.startswith(f"heard a new device {SENDER} (-61 dBm)")
    assert said in told


# Copies.


def heard(*steps: tuple[str, int, float]) -> list[bool]:
    copies = Copies(COPY_S)
    return [not copies.is_copy(content.encode(), now, level=level) for content, level, now in steps]


def test_copies_of_repeaters_are_one_press() -> None:
    press = [("P", 0, 0.0), ("P", 1, 0.08), ("P", 2, 0.16), ("R", 0, 0.2), ("R", 1, 0.28)]
    assert heard(*press) == [True, False, False, True, False]


def test_two_presses_are_two() -> None:
    assert heard(("P", 0, 0.0), ("R", 0, 0.1), ("P", 0, 0.2), ("R", 0, 0.3)) == [True] * 4
    assert heard(("P", 0, 0.0), ("P", 0, 0.7)) == [True, True]  # the telegram of letting go was lost


def test_a_late_copy_does_not_turn_a_contact_round() -> None:
    """Open, closed, and then the far repeater's "open" of before."""
    steps = [("O", 0, 0.0), ("C", 0, 0.1), ("O", 2, 0.2), ("C", 0, 0.25)]
    assert heard(*steps) == [True, True, False, False]


def test_a_device_that_only_a_repeater_hears_is_understood() -> None:
    assert heard(("O", 1, 0.0), ("C", 1, 0.1), ("O", 1, 0.2)) == [True, True, True]


@given(st.lists(st.tuples(st.sampled_from("OC"), st.integers(0, 2), st.floats(0, 0.3)), max_size=40))
def test_the_last_thing_said_by_the_device_itself_is_never_lost(steps: list[tuple[str, int, float]]) -> None:
    """A telegram heard directly is a copy only where the same was said last."""
    copies, now, last = Copies(COPY_S), 0.0, ""
    for content, level, wait in steps:
        now += wait
        is_copy = copies.is_copy(content.encode(), now, level=level)
        if level == 0:
            assert not is_copy or content == last
        last = last if is_copy else content


# The stream.


STREAM = (
    packet("D5-00-01", "09"),
    wire.version(),
    packet("F6-02-01", "50", PRESSED),
    wire.telegram("55005500", wire.FOUR_BYTES, bytes.fromhex("55550855")),  # 55 all over
    packet("D5-00-01", "08", level=1),
)
NOISE = (b"\x00", b"\x55", b"\x55\x00\x07\x07\x01", b"\x55\x00\x01\x00\x05\x70", bytes(range(256)))


def words(chunks: Iterable[bytes]) -> list[Word]:
    framer = enocean_dongle.DIALECT.framer()
    found = [word for chunk in chunks for word in framer.feed(chunk, lambda _: None)]
    while framer.is_waiting:
        found += framer.give_up(lambda _: None)
    return found


def test_telegrams_are_the_same_wherever_the_stream_is_cut() -> None:
    whole = b"".join(STREAM)
    wanted = words([whole])
    assert [word.address for word in wanted] == [SENDER, "", SENDER, "55005500", SENDER]
    assert words(STREAM) == words([bytes((byte,)) for byte in whole]) == wanted
    for cut in range(1, len(whole)):
        assert words([whole[:cut], whole[cut:]]) == wanted, cut


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: noise[:6].hex())
def test_telegrams_are_the_same_with_noise_between_them(noise: bytes) -> None:
    assert words([noise + frame for frame in STREAM]) == words(STREAM)


def test_a_packet_that_is_cut_off_costs_no_other() -> None:
    for cut in range(1, len(STREAM[0])):
        assert words([STREAM[0][:cut], *STREAM]) == words(STREAM), cut


def test_ten_thousand_random_streams_say_nothing() -> None:
    noise = random.Random(4)
    for _ in range(10_000):
        assert words([noise.randbytes(80)]) == []


def test_one_flipped_bit_is_always_noticed() -> None:
    frame = STREAM[2]
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        assert words([bytes(flipped)]) == [], bit


@given(st.binary(max_size=100))
def test_anything_may_come_in(data: bytes) -> None:
    words([data])
    with suppress(DecodeError):
        decode(data, "D5-00-01")


@given(rorg=st.sampled_from(sorted({one.rorg for one in PROFILES.values()} | {0xD4})), payload=st.binary(max_size=10))
def test_any_payload_is_refused_or_plausible(rorg: int, payload: bytes) -> None:
    frame = wire.telegram(SENDER, rorg, payload, status=PRESSED)
    for name, profile in PROFILES.items():
        if profile.rorg != rorg:
            continue
        for told in answer({"protocol": "enocean-esp3", "hex": frame.hex(), "profile": name}).readings:
            is_plausible = QUANTITIES[Quantity(told.quantity)].is_plausible(told.value)
            assert (told.quality == "implausible") is not is_plausible
        with suppress(DecodeError):
            assert decode(frame, name)


# Configuration.


@pytest.mark.parametrize("written", ["01825dab", "01:82:5D:AB", 12345678, 298979])
def test_a_sender_is_written_as_it_stands_on_the_device(written: object) -> None:
    assert len(device(sender=written).sender) == 8


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sender": "1825DAB"}, "not the number of a device"),
        ({"sender": "01825DAG"}, "not the number of a device"),
        ({"profile": "A5-99-99"}, "not a profile"),
        ({"profile": "D2-01-01"}, "not a profile"),  # a switched socket is no sensor
        ({"profile": "D5-00-01", "press": ["any"]}, "press is for buttons"),
        ({"profile": "A5-30-03"}, "means belongs to"),
        ({"profile": "D5-00-01", "means": "smoke"}, "means belongs to"),
        ({"profile": "F6-02-01", "press": ["XX"]}, "press"),
    ],
)
def test_a_device_that_cannot_be_is_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        device(**keys)


def test_what_reports_by_itself_is_watched_and_buttons_are_not() -> None:
    assert str(device().silence) == "1:40:00"
    assert device(profile="F6-02-01").silence is None
    assert str(device(profile="F6-02-01", max_silence="30m").silence) == "0:30:00"
    assert Quantity.SOS in device(profile="F6-02-01", press=["any"]).will_say
    assert Quantity.SOS not in device(profile="F6-02-01").can_say
