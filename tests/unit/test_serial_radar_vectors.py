"""Every recorded frame of a radar, through `shouwang decode`."""

import json
from pathlib import Path
from typing import Any

from drivers.decode import answer
from drivers.serial.codec import ld24xx, ld2410, ld2450, r60

FILES = ("radar-60ghz.json", "radar-hlk.json")


def rows(shared: Path) -> list[dict[str, Any]]:
    folder = shared / "vectors" / "serial"
    return [row for name in FILES for row in json.loads((folder / name).read_text(encoding="utf-8"))["vectors"]]


def holds(wanted: Any, found: Any) -> bool:
    """Whether all that is wanted is there; dicts may hold more."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and holds(part, found[name]) for name, part in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(holds, wanted, found))
    return bool(wanted == found)


def test_every_recorded_frame_means_what_its_own_project_expects(shared: Path) -> None:
    """No exceptions."""
    for row in rows(shared):
        wanted = {name: part for name, part in row["expect"].items() if name not in ("valid", "reason")}
        found = answer(row)
        assert found.valid is row["expect"].get("valid", True), row
        assert holds(wanted, found.fields), (row, found.fields)
        assert row["expect"].get("reason", "") in (found.reason or ""), row


def test_the_vectors_are_all_there(shared: Path) -> None:
    assert len(rows(shared)) >= 28
    assert {row["protocol"] for row in rows(shared)} == {
        "mr60-r60",
        "ld2410",
        "ld2410-command",
        "ld2410-reply",
        "ld2450",
    }


def test_what_is_measured_in_them(shared: Path) -> None:
    found = {row["id"]: {one.quantity: one.value for one in answer(row).readings} for row in rows(shared)}
    assert found["radar-60ghz-d004"] == {"respiratory-rate": 13}
    assert found["radar-60ghz-d005"] == {"distance": 0.66}
    assert found["radar-60ghz-d007"] == {"heart-rate": 60}
    assert found["radar-60ghz-d001"] == found["radar-60ghz-d012"] == {}
    assert found["radar-hlk-d002"] == {"presence": 1, "motion": 2, "distance": 0.5}
    assert found["radar-hlk-d014"] == {"presence": 1, "motion": 2, "distance": 0.538}
    assert found["radar-hlk-d011"] == {}


def test_the_same_number_of_another_model_is_another_measurement() -> None:
    """81/02 is the heart of an early MR60BHA1, the breath of an R60ABD1, and nothing where nobody says what it is."""
    row = {"protocol": "mr60-r60", "hex": "5359810200013c6c5443"}
    read = {model: answer({**row, "model": model}).readings for model in ("MR60BHA1", "R60ABD1", "R60A")}
    assert {model: [one.quantity for one in readings] for model, readings in read.items()} == {
        "MR60BHA1": ["heart-rate"],
        "R60ABD1": ["respiratory-rate"],
        "R60A": [],
    }
    assert answer(row).fields["field"] == "rate"
    assert not answer(row).readings


def test_questions_and_commands_equal_recorded_ones(shared: Path) -> None:
    recorded = {bytes.fromhex(row["hex"]) for row in rows(shared) if "hex" in row}
    assert {
        r60.question(r60.FIRMWARE),
        ld24xx.command(ld24xx.Code.FIRMWARE_VERSION),
        ld24xx.command(ld24xx.Code.ENGINEERING_ENABLE),
        ld24xx.command(ld24xx.Code.CONFIG_DISABLE),
    } <= recorded


def test_an_engineering_report_tells_its_gates() -> None:
    """aio-ld2410, tests/protocol/test_reports.py, and ESPHome's uart_mock_ld2412_engineering.yaml."""
    ld2410_frame = bytes.fromhex(
        "f4f3f2f1230001aa031e003c00003900000808 3c2205030304030605 000039101306060804 6001 5500f8f7f6f5"
    )
    gates = ld2410.read_report(ld2410_frame).gates
    assert gates is not None
    assert gates.moving_gate_energy == (0x3C, 0x22, 5, 3, 3, 4, 3, 6, 5)
    assert gates.static_gate_energy == (0, 0, 0x39, 0x10, 0x13, 6, 6, 8, 4)
    assert (gates.photosensitive_value, gates.out_pin_status) == (0x60, 1)
    report = answer({"protocol": "ld2410", "hex": ld2410_frame.hex()}).fields["report"]
    assert isinstance(report, dict)
    assert report["type"] == "ENGINEERING"
    ld2412_frame = bytes.fromhex(
        "f4f3f2f12a0001aa031e00641e00640000 6441060e2b1603030705090807 06 0000646464646464645040302010 57 5500f8f7f6f5"
    )
    gates = ld2410.read_report(ld2412_frame).gates
    assert gates is not None
    assert len(gates.moving_gate_energy) == len(gates.static_gate_energy) == 14
    assert gates.photosensitive_value == 0x57
    assert ld2410.read_report(ld2412_frame).detection_distance_cm is None


def test_replies_of_the_other_radars_are_read() -> None:
    """ESPHome's components ld2412 (basic configuration) and ld2450 (target mode, zones, firmware)."""
    basic = "fdfcfbfa 0900 1201 0000 010e 0500 00 04030201"
    assert answer({"protocol": "ld2410-reply", "hex": basic}).fields == {
        "code": "LD2412_BASIC_READ",
        "status": "SUCCESS",
        "data": {"min_distance_gate": 1, "max_distance_gate": 14, "presence_timeout": 5, "out_pin": 0},
    }
    firmware = "fdfcfbfa 0c00 a001 0000 0000 0202 17092623 04030201"
    assert answer({"protocol": "ld2410-reply", "hex": firmware}).fields["data"] == {
        "type": 0,
        "version": "2.02.23260917",
    }
    zones = "fdfcfbfa 1e00 c101 0000 0100 e803 e803 18fc 8813" + "0000" * 8 + "04030201"
    assert answer({"protocol": "ld2410-reply", "hex": zones}).fields["data"] == {
        "type": 1,
        "zones_mm": [[1000, 1000, -1000, 5000], [0] * 4, [0] * 4],
    }
    refused = "fdfcfbfa 0400 fe01 0100 04030201"
    assert answer({"protocol": "ld2410-reply", "hex": refused}).fields["status"] == "FAILURE"


def test_the_makers_own_example_of_the_tracking_radar() -> None:
    """Hi-Link's instruction manual of the HLK-LD2450 V1.00, chapter 6."""
    frame = bytes.fromhex("AAFF03000E03B186100040010000000000000000000000000000000055CC")
    (target,) = ld2450.read_targets(frame)
    assert (target.x_mm, target.y_mm, target.speed_mm_s, target.resolution_mm) == (-782, 1713, -160, 320)


def test_sleep_is_told_in_words() -> None:
    asleep = answer({"protocol": "mr60-r60", "hex": "5359 84 02 0001 00 33 5443", "model": "R60ABD1"})
    assert asleep.fields == {
        "control": 0x84,
        "command": 2,
        "field": "sleep_state",
        "value": 0,
        "means": "deep sleep 深睡",
    }
    assert not asleep.readings
    night = "5359 84 8f 000c 50 01a4 0a 3c 1e 0f 02 10 0e 3c 01"
    summed = bytes.fromhex(night)
    row = {"protocol": "mr60-r60", "hex": (summed + bytes((sum(summed) & 0xFF,)) + b"\x54\x43").hex()}
    found = answer(row).fields
    assert found["field"] == "sleep_night"
    assert holds({"score": 80, "total_min": 420, "times_out_of_bed": 2, "apneas": 1}, found["value"])


def test_heights_of_the_second_fall_radar_are_decoded() -> None:
    """Seeed-mmWave-library, SEEED_MR60FDA2.cpp; 1.3 m and the parameters that the module leaves the factory with."""
    height = answer({"protocol": "mr60-v2", "hex": "01 8000 0004 0e0e 7a 6666a63f 66"})
    assert (height.fields["field"], height.fields["value"], height.readings) == ("target_height_m", 1.3, [])
    parameters = "01 8000 001c 0e06 6a cdcc0c40 0000003f 03000000 0000003f 0000003f 0000003f 0000003f 8e"
    assert holds(
        {"install_height_m": 2.2, "height_threshold_m": 0.5, "sensitivity": 3, "area_m": {"left": 0.5, "back": 0.5}},
        answer({"protocol": "mr60-v2", "hex": parameters}).fields["value"],
    )
    log = "01 8000 0011 0100 6e" + b"invalid BR = 7082".hex()
    xor = 0xFF
    for byte in b"invalid BR = 7082":
        xor ^= byte
    assert answer({"protocol": "mr60-v2", "hex": log + f"{xor:02x}"}).fields["value"] == "invalid BR = 7082"


def test_what_a_cut_off_frame_hides_at_the_end_of_a_stream_is_found() -> None:
    hiding = "5359 80 01 0020" + "5359 80 01 0001 01 2f 5443"
    found = answer({"protocol": "mr60-r60", "stream": [hiding]})
    assert holds({"frames": [{"field": "presence", "value": 1}], "rejected": 1}, found.fields)
