"""Every recorded frame of oximeters on a cable, air sensors, EnOcean and RFXtrx: by the decoders that drivers use, and
as `shouwang decode` reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.decode import answer
from drivers.rows import plain_fields
from drivers.serial.codec import cms50, enocean, esp3, mhz19, pms5003, rfxtrx, rfxtrx_words
from shouwang.errors import DecodeError

FILES = ("air", "cms50", "enocean", "rfxtrx")


def esp3_fields(frame: bytes) -> dict[str, Any]:
    """The packet alone; what its telegram means needs a profile."""
    packet = esp3.decode_packet(frame)
    return {
        "packet_type": esp3.TYPES[packet.packet_type],
        "data_len": len(packet.data),
        "opt_len": len(packet.optional),
        "command": esp3.COMMANDS.get(packet.data[0]),
    }


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "cms50d-live5": lambda frame: plain_fields(cms50.decode_live5(frame)),
    "cms50d-recorded3": lambda frame: plain_fields(cms50.decode_recorded3(frame)),
    "pms5003": lambda frame: plain_fields(pms5003.plain_report(pms5003.decode_report(frame))),
    "pms5003t": lambda frame: plain_fields(pms5003.report_t(pms5003.decode_report(frame))),
    "mhz19": lambda frame: plain_fields(mhz19.decode_answer(frame)),
    "enocean-esp3": esp3_fields,
    "rfxtrx": lambda frame: plain_fields(rfxtrx.decode_packet(frame)),
}
LIFE_SIGNS = {
    "air-d004": "zero of an MH-Z19B that warms up: no reading for a person, but a sign that it lives for the driver",
    "air-d006": "zeros of a PMS5003 that warms up: likewise",
}
"""What the row calls invalid is a sound frame to the function; `shouwang decode` calls it invalid as the row does."""
NEEDS_A_PROFILE = {
    "enocean-d004": "no 4BS telegram tells which sensor it is; this one even says that it is for learning",
}
"""Nothing in the bytes tells the profile that the row expects: it is given with the row, as an installer gives it."""


def rows(shared: Path) -> list[dict[str, Any]]:
    return [
        row for name in FILES for row in json.loads((shared / f"vectors/serial/{name}.json").read_text())["vectors"]
    ]


def test_the_vectors_are_all_there(shared: Path) -> None:
    found = rows(shared)
    assert len(found) >= 38
    assert {row["protocol"] for row in found} <= DECODERS.keys()
    assert LIFE_SIGNS.keys() | NEEDS_A_PROFILE.keys() <= {row["id"] for row in found}


def test_every_frame_means_what_its_own_project_expects(shared: Path) -> None:
    for row in rows(shared):
        wanted = {name: value for name, value in row["expect"].items() if name not in ("valid", "reason")}
        decode, frame = DECODERS[row["protocol"]], bytes.fromhex(row["hex"])
        if row["expect"]["valid"] or row["id"] in LIFE_SIGNS:
            found = decode(frame)
            known = {name: value for name, value in wanted.items() if name in found}
            assert {name: found[name] for name in known} == known, row
            assert known == wanted or row["protocol"] == "enocean-esp3" or wanted.keys() - known == {"class"}, row
        else:
            with pytest.raises(DecodeError):
                decode(frame)


def test_every_row_is_answered_as_its_own_project_expects(shared: Path) -> None:
    for row in rows(shared):
        wanted = {name: value for name, value in row["expect"].items() if name not in ("valid", "reason")}
        found = answer({**row, "profile": wanted["eep"]} if row["id"] in NEEDS_A_PROFILE else row)
        assert found.id == row["id"]
        assert found.valid is row["expect"]["valid"], (row, found)
        assert {name: found.fields[name] for name in wanted} == wanted, row
        assert all(one.quality == "good" for one in found.readings)


def test_values_of_a_row_are_readings(shared: Path) -> None:
    """So that nobody takes the fields alone for what the gateway would say."""
    told = {row["id"]: [(one.quantity, one.value) for one in answer(row).readings] for row in rows(shared)}
    assert told["cms50-d005"] == [("heart-rate", 72)]  # SpO2 0 is none
    assert told["cms50-d006"] == told["cms50-d009"] == []  # searching; from memory, nobody knows of when
    assert told["air-d003"] == [("co2", 635)]
    assert told["air-d005"] == [("pm1", 0), ("pm2-5", 7), ("pm10", 7)]
    assert told["enocean-d005"] == told["enocean-d006"] == []  # what a key means, the home says
    assert told["enocean-d007"] == [("door", 0)]
    assert told["rfxtrx-d001"] == [("temperature", 16.7), ("humidity", 45), ("battery", 100)]
    assert told["rfxtrx-d005"] == [("door", 0), ("tamper", 0), ("battery", 10)]
    assert told["air-d011"][3:] == [("temperature", 21.2), ("humidity", 22.3)]


def test_a_row_may_hold_chunks_or_text(shared: Path) -> None:
    row = next(row for row in rows(shared) if row["id"] == "air-d003")
    whole = row.pop("hex")
    assert answer({**row, "stream": [whole[:6], whole[6:]]}).fields == {"co2_ppm": 635}
    line = answer({"protocol": "nonin-ascii", "text": "12:31:05 SPO2=097 HR=072*"})
    assert line.fields == {"spo2_pct": 97, "pulse_bpm": 72, "marked": True, "time": "12:31:05"}
    assert [one.quantity for one in line.readings] == ["spo2", "heart-rate"]


@pytest.mark.parametrize("hexed", [None, 5, ["80", 5], [], "8", "zz", "00" * 5000])
def test_what_is_no_frame_is_told(hexed: object) -> None:
    found = answer({"protocol": "cms50d-live5", "hex": hexed})
    assert not found.valid
    assert found.reason


def test_a_telegram_is_read_as_the_profile_that_is_given(shared: Path) -> None:
    row = next(row for row in rows(shared) if row["id"] == "enocean-d004")
    assert answer(row).fields["eep"] is None
    assert answer({**row, "profile": "A5-20-01"}).readings == []  # it is for learning
    assert "known are" in (answer({**row, "profile": "A5-99-99"}).reason or "")
    assert "RORG A5" in (answer({**row, "profile": "D5-00-01"}).reason or "")


def test_the_same_telegram_is_understood_by_the_parts(shared: Path) -> None:
    row = next(row for row in rows(shared) if row["id"] == "enocean-d007")
    telegram = esp3.telegram_in(esp3.decode_packet(bytes.fromhex(row["hex"])))
    assert (telegram.sender, telegram.dbm, telegram.level) == ("01825DAB", -54, 0)
    assert enocean.learn_in(telegram) is None
    assert enocean.guess_of(telegram) == "D5-00-01"
    row = next(row for row in rows(shared) if row["id"] == "rfxtrx-d003")
    assert str(rfxtrx_words.address_of(rfxtrx.decode_packet(bytes.fromhex(row["hex"])))) == "lighting2:1234567:5"
