"""Decoders against recorded vectors and random bytes. The literal frames stand in the conformance test."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.codec.pulse_oximeter import Status
from drivers.ble.health import BATTERY
from drivers.ble.pulse_oximeter_plx import CONTINUOUS, FEATURES, SPOT_CHECK
from drivers.ble.pulse_oximeter_plx import decode as plx
from drivers.mqtt import door_contact_zigbee2mqtt as door
from drivers.mqtt import sos_button_zigbee2mqtt as sos
from drivers.mqtt.zigbee2mqtt import is_online
from drivers.serial.codec import r60
from drivers.serial.fall_radar_r60 import decode
from drivers.serial.framing import Framer
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError
from shouwang.reading import Quality

FALL = bytes.fromhex("5359 83 01 0001 01 32 5443")
ACTIONS = {"press": ("emergency",), "cancel": ("disarm",)}


def values(said: list[Said]) -> dict[str, float]:
    return {str(one.quantity): one.value for one in said if isinstance(one, Sample)}


def vectors(shared: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((shared / "vectors" / name).read_text(encoding="utf-8"))["vectors"]
    return rows


@pytest.mark.parametrize("attribute", [BATTERY, CONTINUOUS, SPOT_CHECK])
def test_an_oximeter_reads_its_own_characteristics(attribute: Any) -> None:
    frame = bytes.fromhex("25" if attribute == BATTERY else "00 6100 4800")
    wanted = {"battery": 37} if attribute == BATTERY else {"spo2": 97, "heart-rate": 72}
    assert values(plx(attribute, frame)) == wanted
    with pytest.raises(DecodeError):
        plx(FEATURES, frame)


def test_a_status_that_an_oximeter_does_not_use_means_nothing() -> None:
    questionable = bytes.fromhex("04 6100 4800 0040")
    assert {one.quality for one in plx(CONTINUOUS, questionable) if isinstance(one, Sample)} == {Quality.QUESTIONABLE}
    heard = plx(CONTINUOUS, questionable, supported=Status(measurement=0, device=0))
    assert {one.quality for one in heard if isinstance(one, Sample)} == {Quality.GOOD}


@given(st.sampled_from([BATTERY, CONTINUOUS, SPOT_CHECK]), st.binary(max_size=40))
def test_an_oximeter_may_say_anything(attribute: Any, value: bytes) -> None:
    with suppress(DecodeError):
        assert plx(attribute, value)


@given(st.binary(max_size=60))
def test_a_radar_may_say_anything(value: bytes) -> None:
    with suppress(DecodeError):
        decode(value)


@given(st.binary(max_size=200), st.booleans())
def test_a_broker_may_say_anything(payload: bytes, retained: bool) -> None:
    with suppress(DecodeError):
        sos.decode(payload, retained=retained, **ACTIONS)
    with suppress(DecodeError):
        door.decode(payload, retained=retained)
    with suppress(DecodeError):
        is_online(payload)


def framer() -> Framer[list[Said]]:
    return Framer(r60.HEAD, r60.size_of, decode, max_frame=r60.MAX_FRAME)


@pytest.mark.parametrize("cut", range(1, len(FALL)))
def test_a_fall_that_is_cut_anywhere_is_found(cut: int) -> None:
    stream, bad = framer(), []
    got = stream.feed(FALL[:cut], bad.append) + stream.feed(FALL[cut:], bad.append)
    assert [values(said) for said in got] == [{"fall": 1}]
    assert not bad


@given(st.binary(max_size=60))
def test_a_fall_after_garbage_is_found(noise: bytes) -> None:
    stream, bad = framer(), []
    got = stream.feed(noise + FALL, bad.append)
    for _ in range(80):
        got += stream.give_up(bad.append)
    assert {"fall": 1} in [values(said) for said in got]


def test_recorded_radar_streams(shared: Path) -> None:
    for row in vectors(shared, "serial/radar-60ghz.json"):
        stream, bad, got = framer(), [], []
        for chunk in row.get("stream", [row.get("hex")]):
            got += stream.feed(bytes.fromhex(chunk), bad.append)
        wanted = row["expect"]
        if "frames" in wanted:
            assert [values(said) for said in got] == [{one["field"]: one["value"]} for one in wanted["frames"]], row
            assert len(bad) == wanted.get("rejected", len(bad)), row
        elif wanted["valid"]:
            name = {"presence": "presence", "body_movement": "body-movement"}.get(wanted["field"])
            assert [values(said) for said in got] == [{name: wanted["value"]} if name else {}], row
        else:
            assert not got, row
            assert bad, row


def test_our_own_question_sent_back_is_nothing() -> None:
    assert decode(r60.question(r60.FALL)) == []


def test_a_retained_press_is_no_alarm() -> None:
    pressed = b'{"action":"emergency","battery":90}'
    assert values(sos.decode(pressed, retained=False, **ACTIONS)) == {"sos": 1, "battery": 90}
    assert values(sos.decode(pressed, retained=True, **ACTIONS)) == {"battery": 90}


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"a":' * 10_000, b"{}" * 20_000, b"\xff\xfe"])
def test_a_hostile_payload_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        sos.decode(payload, retained=False, **ACTIONS)


@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b"online", True),
        (b"offline", False),
        (b'{"state":"online"}', True),
        (b'{"state":"offline"}', False),
        (b"", True),
    ],
)
def test_availability_has_two_forms_and_nothing_kept_is_nothing_wrong(payload: bytes, online: bool) -> None:
    assert is_online(payload) is online


def test_a_retained_door_tells_the_state_it_is_still_in() -> None:
    assert values(door.decode(b'{"contact":false,"tamper":false}', retained=True)) == {"door": 1, "tamper": 0}
