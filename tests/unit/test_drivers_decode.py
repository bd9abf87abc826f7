"""Decoders against recorded vectors, literal frames and random bytes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.pulse_oximeter_plx import BATTERY, CONTINUOUS, SPOT_CHECK
from drivers.ble.pulse_oximeter_plx import decode as plx
from drivers.ble.sfloat import sfloat
from drivers.mqtt import door_contact_zigbee2mqtt as door
from drivers.mqtt import sos_button_zigbee2mqtt as sos
from drivers.mqtt.zigbee2mqtt import is_online
from drivers.serial.fall_radar_r60 import HEAD, MAX_DATA, OVERHEAD, decode, question, size_of
from drivers.serial.framing import Framer
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError
from shouwang.reading import Quality

SHARED = Path("/work/shared")
FALL = bytes.fromhex("535983010001013254 43".replace(" ", ""))


def values(said):
    return {s.quantity.value: s.value for s in said if isinstance(s, Sample)}


def gatt(kind):
    rows = json.loads((SHARED / "vectors/ble/gatt-permissive.json").read_text())["vectors"]
    return [r for r in rows if r["characteristic"] == kind]


@pytest.mark.parametrize("row", gatt("sfloat"), ids=lambda r: r["id"])
def test_sfloat(row):
    want = row["expected"]["value"]
    assert sfloat(bytes.fromhex(row["hex"])) == (None if isinstance(want, str) else want)


@pytest.mark.parametrize("row", gatt("2A19"), ids=lambda r: r["id"])
def test_battery(row):
    value = bytes.fromhex(row["hex"])
    if row["expected"].get("error"):
        with pytest.raises(DecodeError):
            plx(BATTERY, value)
    else:
        assert values(plx(BATTERY, value)) == {"battery": row["expected"]["level"]}


@pytest.mark.parametrize("row", gatt("2A5F"), ids=lambda r: r["id"])
def test_continuous(row):
    e = row["expected"]
    assert values(plx(CONTINUOUS, bytes.fromhex(row["hex"]))) == {"spo2": e["spo2"], "heart-rate": e["pulse"]}


def test_spot_check_of_broken_equipment_is_no_reading():
    (row,) = gatt("2A5E")
    assert plx(SPOT_CHECK, bytes.fromhex(row["hex"])) == [Alive()]  # device status 0x22: equipment malfunction


def test_questionable_and_zero():
    low = bytes.fromhex("045800480000 40".replace(" ", ""))
    assert {s.quality for s in plx(CONTINUOUS, low)} == {Quality.QUESTIONABLE}
    assert plx(CONTINUOUS, bytes.fromhex("0000000000")) == [Alive()]
    assert plx(CONTINUOUS, bytes.fromhex("00ff07ff07")) == [Alive()]


@given(st.sampled_from([BATTERY, CONTINUOUS, SPOT_CHECK]), st.binary(max_size=40))
def test_plx_never_raises_but_its_own(attribute, value):
    try:
        plx(attribute, value)
    except DecodeError:
        pass


@given(st.binary(max_size=60))
def test_radar_decode_never_raises_but_its_own(value):
    try:
        decode(value)
    except DecodeError:
        pass


@given(st.binary(max_size=200), st.booleans())
def test_mqtt_never_raises_but_its_own(payload, retained):
    for call in (
        lambda: sos.decode(payload, retained=retained, press=("a",), cancel=()),
        lambda: door.decode(payload, retained=retained),
        lambda: is_online(payload),
    ):
        try:
            call()
        except DecodeError:
            pass


def framer():
    return Framer(HEAD, size_of, decode, max_frame=OVERHEAD + MAX_DATA)


@pytest.mark.parametrize("cut", range(1, len(FALL)))
def test_fall_frame_cut_anywhere(cut):
    f, bad = framer(), []
    got = f.feed(FALL[:cut], bad.append) + f.feed(FALL[cut:], bad.append)
    assert [values(g) for g in got] == [{"fall": 1}]
    assert not bad


@given(st.binary(max_size=60))
def test_fall_after_garbage_is_found(noise):
    f, bad = framer(), []
    got = f.feed(noise + FALL, bad.append)
    for _ in range(80):
        got += f.give_up(bad.append)
    assert {"fall": 1} in [values(g) for g in got]


def radar_rows():
    return json.loads((SHARED / "vectors/serial/radar-60ghz.json").read_text())["vectors"]


@pytest.mark.parametrize("row", radar_rows(), ids=lambda r: r["id"])
def test_radar_vectors(row):
    f, bad, got = framer(), [], []
    for chunk in row.get("stream", [row.get("hex")]):
        got += f.feed(bytes.fromhex(chunk), bad.append)
    e = row["expect"]
    if "frames" in e:
        assert [values(g) for g in got] == [{x["field"]: x["value"]} for x in e["frames"]]
        assert len(bad) == e.get("rejected", len(bad))
    elif not e["valid"]:
        assert not got
        assert bad
    else:
        (said,) = got
        want = {"presence": "presence", "body_movement": "body-movement"}.get(e["field"])
        assert values(said) == ({want: e["value"]} if want else {})


def test_echo_is_nothing():
    assert decode(question(0x83, 0x01)) == []


def test_sos_words():
    lists = {"press": ("emergency",), "cancel": ("disarm",)}
    assert values(sos.decode(b'{"action":"emergency","battery":90}', retained=False, **lists)) == {
        "sos": 1,
        "battery": 90,
    }
    assert values(sos.decode(b'{"action":"emergency","battery":90}', retained=True, **lists)) == {"battery": 90}
    assert values(sos.decode(b'{"action":"disarm"}', retained=False, **lists)) == {"cancel": 1}
    assert sos.decode(b'{"action":""}', retained=False, **lists) == [Alive()]
    with pytest.raises(DecodeError):
        sos.decode(b'{"action":"x"}', retained=False, **lists)
    with pytest.raises(DecodeError):
        sos.decode(b"[" * 100_000, retained=False, **lists)
    assert values(door.decode(b'{"contact":false,"tamper":false}', retained=True)) == {"door": 1, "tamper": 0}
