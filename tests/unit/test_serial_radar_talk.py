"""Who the radar is, what may be believed of it, and when: conversations with radars, and people in a room."""

from itertools import islice, pairwise

import pytest
from pydantic import ValidationError

from drivers.links import Links
from drivers.serial import bed_radar_r60, fall_radar_r60, tracking_radar_ld2450
from drivers.serial.bed_radar_r60 import WARM_UP_S, BedTalk
from drivers.serial.codec import r60
from drivers.serial.mr60_ear import BED_RADAR, FALL_RADAR
from drivers.serial.mr60_ear import framer as mr60_framer
from drivers.serial.occupancy import Occupancy
from drivers.serial.r60_talk import MODEL_WAIT_S, Talk
from drivers.serial.sieve import Settle, WarmUp
from drivers.serial.tracking_radar_ld2450 import TrackingRadarLd2450
from drivers.serial.zone import Zone
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError, DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Quality

HEART_62 = bytes.fromhex("5359 85 02 0001 3e 72 5443")
BREATH_15 = bytes.fromhex("5359 81 02 0001 0f 3f 5443")
ANSWERED_15 = bytes.fromhex("5359 81 82 0001 0f bf 5443")
EARLY_HEART_60 = bytes.fromhex("5359 81 02 0001 3c 6c 5443")
EARLY_BREATH_13 = bytes.fromhex("5359 81 05 0001 0d 40 5443")
EARLY_ANGLE = bytes.fromhex("5359 81 09 0002 0066 9e 5443")
PRESENCE = bytes.fromhex("5359 80 01 0001 01 2f 5443")
MOVING = bytes.fromhex("5359 80 02 0001 02 31 5443")
FALL = bytes.fromhex("5359 83 01 0001 01 32 5443")


def named(model: bytes) -> bytes:
    body = b"\x53\x59\x02\xa1\x00" + bytes((len(model),)) + model
    return body + bytes((sum(body) & 0xFF,)) + b"\x54\x43"


def fall_talk() -> Talk:
    return Talk(
        "fall_radar_r60", frozenset({Quantity.FALL, Quantity.PRESENCE, Quantity.MOTION}), (r60.FALL, r60.PRESENCE)
    )


def values(said: list[Said]) -> list[tuple[str, float]]:
    return [(str(one.quantity), one.value) for one in said if isinstance(one, Sample)]


def hear(talk: Talk, *frames: bytes, at: float = 1000.0) -> list[tuple[str, float]]:
    """What is said of these frames, long after the warm-up."""
    return [found for frame in frames for found in values(talk.pick(talk.hear(frame), at))]


# who it is


@pytest.mark.parametrize(
    ("talk", "model", "kind"),
    [
        (fall_talk(), b"R60ABD1", "bed_radar_r60"),
        (fall_talk(), b"MR60BHA1", "bed_radar_r60"),
        (BedTalk(), b"R60AFD1", "fall_radar_r60"),
        (BedTalk(), b"mr60fda1-v2", "fall_radar_r60"),
    ],
)
def test_another_kind_of_radar_is_told_with_what_to_write(talk: Talk, model: bytes, kind: str) -> None:
    with pytest.raises(DeviceError, match=f"says that it is .*{model.decode()}, a .* radar; write kind: {kind} for it"):
        talk.hear(named(model))


@pytest.mark.parametrize("model", [b"R60AFD1", b"MR60FDA1", b"R60A", b""])
def test_its_own_kind_and_one_that_nobody_knows_are_heard(model: bytes) -> None:
    talk = fall_talk()
    assert hear(talk, named(model), PRESENCE) == [("presence", 1)]


def test_nothing_but_a_fall_is_said_before_the_model_is_known() -> None:
    talk = fall_talk()
    assert hear(talk, PRESENCE, at=0) == []
    assert hear(talk, FALL, at=0.1) == [("fall", 1)]
    assert hear(talk, named(b"R60AFD1"), at=0.2) == [("presence", 1)]
    assert hear(talk, MOVING, at=0.3) == [("motion", 2)]


def test_a_radar_that_does_not_tell_its_model_is_believed_after_a_while() -> None:
    talk = fall_talk()
    assert hear(talk, PRESENCE, at=0) == []
    assert hear(talk, MOVING, at=MODEL_WAIT_S) == [("presence", 1), ("motion", 2)]


def test_a_new_connection_is_a_new_radar() -> None:
    talk = BedTalk()
    hear(talk, named(b"R60ABD1"), BREATH_15, at=0)
    talk.framer()
    assert talk.model is None
    assert talk.table is None
    assert hear(talk, BREATH_15, at=0) == []


def test_another_module_on_the_same_port_is_read_by_its_own_table() -> None:
    talk = BedTalk()
    for frame in (named(b"MR60BHA1"), HEART_62):
        talk.hear(frame)
    talk.framer()
    for frame in (named(b"MR60BHA1"), EARLY_ANGLE):
        talk.hear(frame)
    assert values(talk.hear(EARLY_HEART_60)) == [("heart-rate", 60)]


def test_the_model_is_asked_first_and_until_it_is_told_and_nothing_is_ever_set() -> None:
    talk = BedTalk()
    asked = [frame for frame, _ in islice(talk.questions(), 60)]
    assert asked[0] == bytes.fromhex("5359 02 a1 0001 0f 5f 5443")
    assert bytes.fromhex("5359 80 81 0001 0f bd 5443") in asked[:4]
    assert asked.count(asked[0]) > 10
    assert all(frame[3] & 0x80 and frame[6:7] == b"\x0f" for frame in asked)
    assert not any(frame[2:4] == b"\x85\x82" for frame in asked)
    talk.hear(named(b"R60ABD1"))
    later = [frame for frame, _ in islice(talk.questions(), 60)]
    assert later[1:].count(asked[0]) == 0
    assert any(frame[2:4] == b"\x85\x82" for frame in later)
    assert all(frame[3] & 0x80 and frame[6:7] == b"\x0f" for frame in later)


def test_each_state_is_asked_for_twice_a_minute() -> None:
    talk = fall_talk()
    talk.hear(named(b"R60AFD1"))
    at, when = 0.0, []
    for frame, pause_s in islice(talk.questions(), 40):
        when += [at] if frame == r60.question(r60.PRESENCE) else []
        at += pause_s
    assert max(after - before for before, after in pairwise(when)) == pytest.approx(30)


# what its numbers mean


def test_81_means_what_the_model_says() -> None:
    talk = BedTalk()
    assert hear(talk, EARLY_HEART_60) == []
    late = BedTalk()
    hear(late, named(b"R60ABD1"))
    late.pick([], 0)
    said = late.hear(BREATH_15)
    assert values(said) == [("respiratory-rate", 15)]
    early = BedTalk()
    early.hear(named(b"MR60BHA1"))
    assert values(early.hear(EARLY_HEART_60)) == []
    assert values(early.hear(EARLY_BREATH_13)) == [("respiratory-rate", 13)]
    assert values(early.hear(EARLY_HEART_60)) == [("heart-rate", 60)]


def test_an_mr60bha1_with_the_late_firmware_is_read_as_such() -> None:
    talk = BedTalk()
    talk.hear(named(b"MR60BHA1"))
    assert values(talk.hear(BREATH_15)) == []
    talk.hear(HEART_62)
    assert values(talk.hear(BREATH_15)) == [("respiratory-rate", 15)]


@pytest.mark.parametrize(
    ("model", "shown"),
    [(b"R60ABD1", [EARLY_ANGLE]), (b"R60ABD1", [HEART_62, EARLY_ANGLE]), (b"MR60BHA1", [HEART_62, EARLY_ANGLE])],
)
def test_a_radar_that_contradicts_its_model_gives_no_rates_of_81(model: bytes, shown: list[bytes]) -> None:
    talk = BedTalk()
    for frame in (named(model), *shown):
        talk.hear(frame)
    assert talk.table is None
    assert values(talk.hear(EARLY_HEART_60)) == values(talk.hear(EARLY_BREATH_13)) == []
    assert values(talk.hear(PRESENCE)) == [("presence", 1)]


def test_a_direction_is_no_motion() -> None:
    """An early MR60BHA1 says with 80/02 where somebody goes; 2 is away, not active."""
    talk = BedTalk()
    assert values(talk.hear(MOVING)) == []
    for frame in (named(b"MR60BHA1"), EARLY_ANGLE):
        talk.hear(frame)
    assert values(talk.hear(MOVING)) == []
    late = BedTalk()
    late.hear(named(b"R60ABD1"))
    assert values(late.hear(MOVING)) == [("motion", 2)]


def test_fifteen_breaths_are_not_our_own_question() -> None:
    """The answer "15 a minute" and the question for it are the same bytes: only who hears an echo has to doubt."""
    talk = BedTalk()
    talk.hear(named(b"R60ABD1"))
    assert values(talk.hear(ANSWERED_15)) == [("respiratory-rate", 15)]
    assert talk.hear(r60.question(r60.PRESENCE)) == []
    assert talk.hear(ANSWERED_15) == []
    assert values(talk.hear(BREATH_15)) == [("respiratory-rate", 15)]


def test_an_echo_is_no_radar() -> None:
    talk = fall_talk()
    for what in (r60.MODEL, r60.FALL, r60.PRESENCE):
        assert talk.hear(r60.question(what)) == []
    assert talk.model is None


def test_a_radar_with_a_bed_in_its_place_says_nothing_of_beds() -> None:
    assert values(fall_radar_r60.decode(bytes.fromhex("5359 84 01 0001 01 33 5443"))) == []
    assert values(fall_radar_r60.decode(HEART_62)) == []


def test_the_instrument_that_ports_probes_remembers_nothing() -> None:
    for kind in (fall_radar_r60, bed_radar_r60):
        assert kind.INSTRUMENT.framer() is not kind.INSTRUMENT.framer()
        assert next(kind.INSTRUMENT.questions())[0] == r60.question(r60.MODEL)


# the second family


def test_the_second_family_is_told_apart() -> None:
    fell = bytes.fromhex("01 8000 0001 0e02 73 01 fe")
    breath = bytes.fromhex("01 8000 0004 0a14 64 00006041 de")
    with pytest.raises(DeviceError, match="is the fall radar MR60FDA2; write kind: fall_radar_mr60fda2"):
        mr60_framer(BED_RADAR).feed(fell, list)
    with pytest.raises(DeviceError, match="is the bed radar MR60BHA2; write kind: bed_radar_mr60bha2"):
        mr60_framer(FALL_RADAR).feed(breath, list)


def test_presence_alone_is_believed_after_a_while() -> None:
    there = bytes.fromhex("01 8000 0001 0f09 79 01 fe")
    framer = mr60_framer(BED_RADAR)
    said = [values(one) for one in framer.feed(there * 20, list)]
    assert said == [[]] * 15 + [[("presence", 1)]] * 5


# sieves


def sample(quantity: Quantity, value: float) -> Sample:
    return Sample(quantity=quantity, value=value)


def test_what_falls_must_stay_down() -> None:
    settle = Settle({Quantity.MOTION: 5.0})
    seen = [(0, 2), (1, 1), (3, 2), (4, 1), (8.9, 0), (9, 1), (9.1, 0), (14, 0), (14.5, 2)]
    said = [values(settle.pick([sample(Quantity.MOTION, value)], at))[0][1] for at, value in seen]
    assert said == [2, 2, 2, 2, 2, 1, 1, 1, 2]
    assert values(settle.pick([sample(Quantity.PRESENCE, 0)], 20)) == [("presence", 0)]


def test_the_first_values_of_a_rate_are_life_signs() -> None:
    warm_up = WarmUp(20.0, 60.0, frozenset({Quantity.HEART_RATE}))
    heart = [sample(Quantity.HEART_RATE, 60)]
    assert [bool(values(warm_up.pick(heart, at))) for at in (0, 10, 19.9, 20, 50, 110)] == [False] * 3 + [True] * 3
    assert warm_up.pick(heart, 171) == [Alive()]
    assert warm_up.pick([sample(Quantity.BED, 0)], 171) == [sample(Quantity.BED, 0)]


def test_a_bed_radar_warms_up() -> None:
    talk = BedTalk()
    assert hear(talk, named(b"R60ABD1"), HEART_62, at=0) == []
    assert hear(talk, HEART_62, at=WARM_UP_S - 1) == []
    assert hear(talk, HEART_62, at=WARM_UP_S) == [("heart-rate", 62)]


# zones


def test_a_zone_has_what_lies_in_it() -> None:
    bed = Zone(x=(-90, 90), y=(120, 320))
    assert bed.has(0, 200)
    assert not any(bed.has(*at) for at in ((0, 100), (0, 330), (-100, 200), (100, 200)))
    bent = Zone(name="L", corners=((0, 0), (200, 0), (200, 100), (100, 100), (100, 200), (0, 200)))
    assert bent.has(50, 150)
    assert bent.has(150, 50)
    assert not bent.has(150, 150)
    turned = Zone(corners=((0, 0), (-100, 100), (0, 200), (100, 100)))
    assert turned.has(0, 100)
    assert not turned.has(90, 190)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "needs x and y"),
        ({"x": [0, 10]}, "needs x and y"),
        ({"x": [0, 10], "y": [0, 10], "corners": [[0, 0], [1, 0], [0, 1]]}, "corners instead"),
        ({"x": [10, 0], "y": [0, 10]}, "smaller number first"),
        ({"corners": [[0, 0], [10, 10], [20, 20]]}, "on one line"),
        ({"corners": [[0, 0], [10, 10]]}, "at least 3"),
        ({"x": [0, 1000], "y": [0, 10]}, "less than or equal to 800"),
    ],
)
def test_a_zone_that_is_none_is_told(written: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Zone.model_validate(written)


def tracking(**keys: object) -> TrackingRadarLd2450:
    return TrackingRadarLd2450.model_validate(
        {"kind": "tracking_radar_ld2450", "id": "it", "port": "/dev/serial/by-id/usb-radar", **keys}
    )


def report(*at_cm: tuple[int, int], speed: int = 0) -> bytes:
    def signed(value: int) -> bytes:
        return (abs(value) | (0x8000 if value >= 0 else 0)).to_bytes(2, "little")

    body = b"".join(signed(10 * x) + signed(10 * y) + signed(speed) + b"\x40\x01" for x, y in at_cm)
    return b"\xaa\xff\x03\x00" + body.ljust(24, b"\x00") + b"\x55\xcc"


def test_room_and_ignored_places_say_who_counts() -> None:
    layout = tracking(
        bed={"x": [-90, 90], "y": [120, 320]},
        room={"x": [-200, 200], "y": [0, 400]},
        ignore=[{"name": "curtain", "x": [150, 200], "y": [0, 400]}],
    )
    decode = tracking_radar_ld2450.decode
    assert values(decode(report((0, 200)), layout)) == [("presence", 1), ("motion", 1), ("distance", 2), ("bed", 1)]
    assert values(decode(report((-120, 100)), layout))[-1] == ("bed", 0)
    assert values(decode(report((170, 100), (0, 450)), layout)) == [("presence", 0), ("motion", 0), ("bed", 0)]
    assert values(decode(report((170, 100)), None))[0] == ("presence", 1)
    with pytest.raises(DecodeError):
        decode(report((0, 200))[:-1], layout)


def test_without_a_bed_nothing_is_promised_of_one() -> None:
    assert Quantity.BED not in tracking().can_say
    assert Quantity.BED in tracking(bed={"x": [-90, 90], "y": [120, 320]}).can_say
    assert tracking().build(Links()).sensor_id == "it"


# people in a room

BED_LAYOUT = tracking(bed={"x": [-90, 90], "y": [120, 320]})
IN_BED, BESIDE, NOBODY = [(0, 200)], [(-150, 200)], []


class Room:
    """Reports, ten a second, and what was made of the last."""

    def __init__(self, layout: TrackingRadarLd2450 = BED_LAYOUT) -> None:
        self.layout = layout
        self.occupancy = Occupancy(left_after_s=5, empty_after_s=60, lost_after_s=1800)
        self.now = 0.0
        self.last: dict[str, tuple[float, Quality]] = {}

    def show(self, people: list[tuple[int, int]], *, lasts_s: float = 0.1, speed: int = 0) -> dict[str, float]:
        until = self.now + lasts_s
        while self.now < until - 1e-6:
            said = self.occupancy.pick(
                tracking_radar_ld2450.decode(report(*people, speed=speed), self.layout), self.now
            )
            assert said, "a report is a life sign at least"
            self.last = {str(one.quantity): (one.value, one.quality) for one in said if isinstance(one, Sample)}
            self.now = round(self.now + 0.1, 3)
        return {name: value for name, (value, _) in self.last.items() if name != "distance"}


def test_into_bed_at_once_and_out_of_it_after_a_while() -> None:
    room = Room()
    assert room.show(BESIDE) == {"presence": 1, "motion": 1, "bed": 0}
    assert room.show(IN_BED)["bed"] == 1
    assert room.show(BESIDE, lasts_s=4.9)["bed"] == 1
    assert room.show(BESIDE, lasts_s=0.3)["bed"] == 0


def test_who_stays_near_the_edge_of_the_bed_does_not_flicker() -> None:
    room = Room()
    room.show(IN_BED)
    for _ in range(30):
        assert room.show(BESIDE, lasts_s=3)["bed"] == 1
        assert room.show(IN_BED)["bed"] == 1


def test_a_sleeper_that_the_radar_loses_is_in_bed_and_becomes_doubtful() -> None:
    room = Room()
    room.show(IN_BED)
    assert room.show(NOBODY, lasts_s=1799) == {"presence": 1, "motion": 1, "bed": 1}
    assert room.last["bed"] == (1, Quality.GOOD)
    room.show(NOBODY, lasts_s=2)
    assert {quality for _, quality in room.last.values()} == {Quality.QUESTIONABLE}
    assert room.last["bed"][0] == 1
    room.show(IN_BED)
    assert room.last["bed"] == (1, Quality.GOOD)


def test_a_lost_sleeper_who_gets_up_is_out_of_bed() -> None:
    room = Room()
    room.show(IN_BED)
    room.show(NOBODY, lasts_s=3600)
    assert room.show(BESIDE, lasts_s=5.2, speed=40) == {"presence": 1, "motion": 2, "bed": 0}
    assert room.last["bed"] == (0, Quality.GOOD)


def test_nobody_seen_between_two_glimpses_beside_the_bed_is_no_exit() -> None:
    """The five seconds are of being seen elsewhere, not of not being seen."""
    room = Room()
    room.show(IN_BED)
    for _ in range(5):
        room.show(BESIDE, lasts_s=2)
        assert room.show(NOBODY, lasts_s=10)["bed"] == 1


def test_who_walks_about_and_is_missed_by_single_reports_is_out_of_bed() -> None:
    room = Room()
    room.show(IN_BED)
    for _ in range(3):
        room.show(BESIDE, lasts_s=1.9)
        room.show(NOBODY, lasts_s=0.3)
    assert room.show(BESIDE)["bed"] == 0


def test_two_people_one_in_bed() -> None:
    room = Room()
    assert room.show([*IN_BED, *BESIDE], lasts_s=60)["bed"] == 1
    assert room.show(BESIDE, lasts_s=6)["bed"] == 0


def test_a_room_is_empty_after_a_while_and_somebody_at_once() -> None:
    room = Room()
    room.show(BESIDE)
    assert room.show(NOBODY, lasts_s=59)["presence"] == 1
    assert room.show(NOBODY, lasts_s=2) == {"presence": 0, "motion": 0, "bed": 0}
    assert room.show(BESIDE, speed=50) == {"presence": 1, "motion": 2, "bed": 0}


def test_at_the_start_nothing_is_known_of_the_bed_and_the_room_has_its_time() -> None:
    room = Room()
    assert room.show(NOBODY, lasts_s=59) == {}
    assert room.show(NOBODY, lasts_s=3) == {"presence": 0, "motion": 0}
    assert room.show(IN_BED) == {"presence": 1, "motion": 1, "bed": 1}


def test_motion_needs_stillness_to_end() -> None:
    room = Room(tracking())
    room.show(BESIDE, speed=30)
    assert room.show(BESIDE, lasts_s=4.9)["motion"] == 2
    assert room.show(BESIDE, lasts_s=0.3)["motion"] == 1


def test_a_pulled_cable_is_no_exit() -> None:
    """After a gap in the reports, the seconds beside the bed count from anew, and the sleeper is not forgotten."""
    room = Room()
    room.show(IN_BED)
    room.show(BESIDE, lasts_s=4)
    room.now += 60
    assert room.show(BESIDE)["bed"] == 1
    room.show(NOBODY, lasts_s=1)
    assert room.show(NOBODY)["bed"] == 1
