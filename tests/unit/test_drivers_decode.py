"""Decoders against recorded vectors, bit tables and random bytes. The literal frames stand in the conformance test."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.pulse_oximeter_plx import ALL_STATUS, BATTERY, CONTINUOUS, SPOT_CHECK, Status, supported_status
from drivers.ble.pulse_oximeter_plx import decode as plx
from drivers.ble.sfloat import sfloat
from drivers.mqtt import door_contact_zigbee2mqtt as door
from drivers.mqtt import sos_button_zigbee2mqtt as sos
from drivers.mqtt.zigbee2mqtt import is_online
from drivers.serial.fall_radar_r60 import HEAD, MAX_DATA, OVERHEAD, decode, question, size_of
from drivers.serial.framing import Framer
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.reading import Quality

FALL = bytes.fromhex("5359 83 01 0001 01 32 5443")
ACTIONS = {"press": ("emergency",), "cancel": ("disarm",)}


def values(said: list[Said]) -> dict[str, float]:
    return {str(one.quantity): one.value for one in said if isinstance(one, Sample)}


def vectors(shared: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((shared / "vectors" / name).read_text(encoding="utf-8"))["vectors"]
    return rows


def gatt(shared: Path, characteristic: str) -> dict[str, dict[str, Any]]:
    rows = vectors(shared, "ble/gatt-permissive.json")
    found = {row["hex"]: row["expected"] for row in rows if row["characteristic"] == characteristic}
    assert found
    return found


def test_recorded_sfloats(shared: Path) -> None:
    rows = gatt(shared, "sfloat")
    wanted = {hexed: None if isinstance(row["value"], str) else row["value"] for hexed, row in rows.items()}
    assert {hexed: sfloat(bytes.fromhex(hexed)) for hexed in rows} == wanted


def test_recorded_battery_levels(shared: Path) -> None:
    for hexed, row in gatt(shared, "2A19").items():
        if row.get("error"):
            with pytest.raises(DecodeError):
                plx(BATTERY, bytes.fromhex(hexed))
        else:
            assert values(plx(BATTERY, bytes.fromhex(hexed))) == {"battery": row["level"]}


def test_recorded_continuous_measurements(shared: Path) -> None:
    for hexed, row in gatt(shared, "2A5F").items():
        assert values(plx(CONTINUOUS, bytes.fromhex(hexed))) == {"spo2": row["spo2"], "heart-rate": row["pulse"]}


def test_a_recorded_spot_check_of_broken_equipment_is_no_reading(shared: Path) -> None:
    (hexed,) = gatt(shared, "2A5E")  # device status 000022: equipment malfunction, low perfusion
    frame = bytes.fromhex(hexed)
    assert plx(SPOT_CHECK, frame) == [Alive()]
    only_perfusion = plx(SPOT_CHECK, frame, supported=Status(measurement=0, device=0x20))
    assert values(only_perfusion) == {"spo2": 94, "heart-rate": 147}


NONE, DOUBT, GOOD = None, Quality.QUESTIONABLE, Quality.GOOD


@pytest.mark.parametrize(
    ("bit", "quality"),
    # Pulse Oximeter Service 1.0.1, table 3.4
    [
        (0, GOOD),  # reserved
        (4, GOOD),  # reserved
        (5, GOOD),  # measurement ongoing
        (6, DOUBT),  # early estimate
        (7, GOOD),  # validated
        (8, GOOD),  # fully qualified
        (9, NONE),  # from storage
        (10, NONE),  # demonstration
        (11, NONE),  # testing
        (12, DOUBT),  # calibrating
        (13, NONE),  # unavailable
        (14, DOUBT),  # questionable
        (15, NONE),  # invalid
    ],
)
def test_what_each_bit_of_the_measurement_status_makes_of_a_value(bit: int, quality: Quality | None) -> None:
    status = (1 << bit).to_bytes(2, "little")
    check(plx(CONTINUOUS, b"\x04" + bytes.fromhex("61004800") + status), quality)
    check(plx(SPOT_CHECK, b"\x02" + bytes.fromhex("61004800") + status), quality)


@pytest.mark.parametrize(
    ("bit", "quality"),
    # Pulse Oximeter Service 1.0.1, table 3.5
    [
        (0, DOUBT),  # extended display update
        (1, NONE),  # equipment malfunction
        (2, DOUBT),  # signal processing irregularity
        (3, DOUBT),  # inadequate signal
        (4, DOUBT),  # poor signal
        (5, GOOD),  # low perfusion: cold hands
        (6, DOUBT),  # erratic signal
        (7, DOUBT),  # not pulsatile
        (8, DOUBT),  # questionable pulse
        (9, DOUBT),  # signal analysis ongoing
        (10, DOUBT),  # sensor interference
        (11, NONE),  # sensor unconnected to user
        (12, DOUBT),  # unknown sensor
        (13, NONE),  # sensor displaced
        (14, NONE),  # sensor malfunctioning
        (15, NONE),  # sensor disconnected
        (16, GOOD),  # reserved
        (23, GOOD),  # reserved
    ],
)
def test_what_each_bit_of_the_device_status_makes_of_a_value(bit: int, quality: Quality | None) -> None:
    status = (1 << bit).to_bytes(3, "little")
    continuous, spot = b"\x08" + bytes.fromhex("61004800") + status, b"\x04" + bytes.fromhex("61004800") + status
    check(plx(CONTINUOUS, continuous), quality)
    check(plx(SPOT_CHECK, spot), quality)
    check(plx(CONTINUOUS, continuous, supported=Status(measurement=0xFFFF, device=0xFFFFFF ^ 1 << bit)), GOOD)


def check(said: list[Said], quality: Quality | None) -> None:
    if quality is None:
        assert said == [Alive()]
        return
    assert values(said) == {"spo2": 97, "heart-rate": 72}
    assert {one.quality for one in said if isinstance(one, Sample)} == {quality}


@pytest.mark.parametrize("nothing", ["0000000000", "00ff07ff07", "00 0008 0008", "00 7f00 ff00"])
def test_numbers_that_say_nothing_are_no_reading(nothing: str) -> None:
    assert plx(CONTINUOUS, bytes.fromhex(nothing)) == [Alive()]


@pytest.mark.parametrize(
    ("features", "status"),
    [
        ("0b00 a020 000800", Status(measurement=0x20A0, device=0x000800)),
        ("0100 a020", Status(measurement=0x20A0, device=0)),
        ("0200 000800", Status(measurement=0, device=0x000800)),
        ("0000", Status(measurement=0, device=0)),
        ("0b00 ffff ffffff", ALL_STATUS),
    ],
)
def test_features_tell_which_status_bits_are_used(features: str, status: Status) -> None:
    assert supported_status(bytes.fromhex(features)) == status


@pytest.mark.parametrize("features", ["", "0b", "0b00 a020", "0000 00", "0b00 a020 000800 00"])
def test_features_of_a_wrong_size_are_refused(features: str) -> None:
    with pytest.raises(DecodeError):
        supported_status(bytes.fromhex(features))


@given(st.sampled_from([BATTERY, CONTINUOUS, SPOT_CHECK]), st.binary(max_size=40))
def test_an_oximeter_may_say_anything(attribute: Any, value: bytes) -> None:
    with suppress(DecodeError):
        assert plx(attribute, value)
    with suppress(DecodeError):
        supported_status(value)


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
    return Framer(HEAD, size_of, decode, max_frame=OVERHEAD + MAX_DATA)


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
    assert decode(question(0x83, 0x01)) == []


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
