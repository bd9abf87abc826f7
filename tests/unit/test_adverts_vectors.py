"""Recorded adverts with the values that other projects' own tests expect of them, read where they lie."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from drivers.ble.adverts.decode import decode_row
from shouwang.driver import Alive, Sample
from shouwang.errors import DecodeError

# What upstream says about the device or works out by itself: not in the frame.
NOT_IN_THE_FRAME = {
    "type",
    "packet",
    "firmware",
    "manufacturer",
    "mac",
    "rssi",
    "title",
    "brand",
    "model",
    "model_id",
    "cidc",
    "acts",
    "cont",
    "track",
    "tempf",
    "acceleration",
    "motion timer",
    "weight unit",
    "mfid",
    "extprobe",
}

# Fields that differ, and why.
FIELDS = {
    ("kkm", "battery"): "upstream guesses a percentage from the voltage",
    ("ruuvi", "battery"): "upstream guesses a percentage from the voltage",
    ("moat", "battery"): "upstream guesses a percentage from the voltage",
    ("ruuvi", "motion"): "of two frames; one frame alone tells of no movement",
    ("ibeacon", "cypress temperature"): "upstream takes the minor for a Cypress sensor's value; this beacon is none",
    ("ibeacon", "cypress humidity"): "likewise",
    ("govee", "sensor id"): "the library makes it part of the device's name",
    ("xiaomi_scale", "weight removed"): "the library does not hand it out: it says no weight instead",
    ("mibeacon", "key id"): "the library says it in words",
    ("mibeacon", "result"): "in the event's name",
    ("mibeacon", "action"): "in the event's name",
    ("mibeacon", "method"): "the library calls it lock method",
    ("mibeacon", "locktype"): "the library tells of locks only",
    ("mibeacon", "door action"): "in the states of the door",
    ("mibeacon", "one btn switch"): "the button's event says it",
}
ROW_FIELDS = {
    ("dev-mibeacon-0077", "stabilized"): "upstream's raw bit; nobody stands on the scale, so nothing is measured",
    ("dev-mibeacon-0091", "illuminance"): "not valid in an event's frame (Bluetooth-Devices/qingping-ble issue 84)",
    ("dev-adverts-0058", "vibration"): "upstream's test looks at the battery only; the frame says vibration",
}

# Rows that are not read, and why.
UNREAD = {
    "dev-adverts-0002": "Amazfit scale: steps and clothes as well as weight, no document",
    "dev-adverts-0004": "BlueMaestro Pebble: a model that bluemaestro-ble does not know (not sold since 2019)",
    "dev-adverts-0048": "Govee H5055, a grill's thermometer: govee-ble needs the UUID of its scan response",
    "dev-adverts-0065": "Inkbird iBBQ, a grill's thermometer: inkbird-ble needs the name in its scan response",
    "dev-adverts-0066": "likewise",
    "dev-adverts-0067": "likewise",
    "dev-adverts-0074": "Laica scale: the frame does not tell a weight at rest from one that still moves",
    "dev-adverts-0075": "MikroTik asset tag, not for a home",
    "dev-adverts-0076": "likewise",
}

ALIASES_OF = {
    "hormann": {"opening": "door"},
    "inkbird": {"temperature probe 1": "temperature"},
    "teltonika": {"moving": "vibration"},
    "holyiot": {"button": "pressed"},
    "bluemaestro": {"dewpoint": "dew point"},
    "bthome": {"volume mL": "volume", "carbon dioxide": "co2", "mass": "weight"},
    "mibeacon": {"button switch": "button", "fingerprint": "fingerprint"},
    "ruuvi": {
        "temperature_c": "temperature",
        "pressure_pa": "pressure",
        "tx_dbm": "tx power",
        "battery_mv": "voltage",
        "movement": "movement counter",
        "pm2_5": "pm2.5",
        "lux": "illuminance",
    },
    "theengs": {},
}
THEENGS = {
    "tempc": "temperature",
    "hum": "humidity",
    "pres": "pressure",
    "batt": "battery",
    "volt": "voltage",
    "tx": "tx power",
    "mov": "movement counter",
    "seq": "sequence",
    "lux": "illuminance",
    "for": "formaldehyde",
    "rot": "rotation",
    "accx": "acceleration x",
    "accy": "acceleration y",
    "accz": "acceleration z",
}
STATES = {"power": "switch"}
# Another unit in the recording: what one of ours is in theirs.
SCALES = {
    ("ruuvi", "pressure_pa"): 100.0,
    ("ruuvi", "battery_mv"): 1000.0,
    ("holyiot", "pressure"): 100.0,
    # mg in tens of m/s2: upstream's slip, 1 g is 9.80665 m/s2
    ("ruuvi", "accx"): 0.000980665,
    ("ruuvi", "accy"): 0.000980665,
    ("ruuvi", "accz"): 0.000980665,
    ("bthome", "mass"): 1 / 0.45359237,
}
WORDS = {"toggle": True, "single press": "press", "double press": "double_press", "long press": "long_press"}
ROUNDED_BY_THE_LIBRARY = {"thermobeacon": 0.005, "sensirion": 0.05}
"""Two decimals; a fraction of a percent in the battery is not shown at all."""


def rows(shared: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "vectors/ble" / f"{name}.json").read_text())["vectors"]
    assert found
    return found


def expectations(row: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Upstream's name, ours, and upstream's value."""
    kind, wanted = row["format"], row["expected"]
    aliases = {**THEENGS, **ALIASES_OF.get(kind, {})}
    for name, value in wanted.get("values", {}).items():
        yield name.lower(), aliases.get(name.lower(), name.lower()), value
    states = wanted.get("binary")
    for name, value in states.items() if isinstance(states, dict) else ():
        yield name.lower(), STATES.get(name.lower(), name.lower()), value
    for event in wanted.get("events", []):
        yield event["name"].lower(), f"{event['name'].lower()} event", event["event_type"]
    for axis, value in zip("xyz", wanted.get("acc_mg", []), strict=False):
        yield f"acc {axis}", f"acceleration {axis}", value
    for name, value in wanted.items():
        if name not in NOT_IN_THE_FRAME and not isinstance(value, dict | list):
            yield name, aliases.get(name, name), value


def decimals(value: float) -> int:
    """That the recording writes; whole numbers are exact."""
    return len(str(value).partition(".")[2]) if isinstance(value, float) else 6


def differs(kind: str, name: str, ours: Any, theirs: Any) -> bool:
    theirs = WORDS.get(theirs, theirs) if isinstance(theirs, str) else theirs
    if isinstance(theirs, str) or isinstance(ours, str):
        return bool(ours != theirs)
    scaled = float(ours) * SCALES.get((kind, name), 1.0)
    if kind in ROUNDED_BY_THE_LIBRARY:
        return abs(scaled - theirs) > (0.5 if name == "battery" else ROUNDED_BY_THE_LIBRARY[kind])
    return abs(scaled - theirs) > 0.5 * 10.0 ** -decimals(theirs) + 1e-9


def problems(row: Mapping[str, Any]) -> list[str]:
    kind = row["format"]
    fields, said = decode_row(row)
    assert said
    found = []
    for name, ours, theirs in expectations(row):
        if (kind, name) in FIELDS or (row["id"], name) in ROW_FIELDS:
            continue
        value = fields.get(ours, fields.get(ours.removesuffix(" event")))
        if value is None or differs(kind, name, value, theirs):
            found.append(f"{row['id']} {row['name']}: {name} {theirs!r}, not {value!r}")
    return found


@pytest.mark.parametrize(
    ("name", "count"),
    [("bthome-permissive", 70), ("mibeacon-permissive", 74), ("ruuvi-permissive", 6), ("ruuvi-gpl", 6)],
)
def test_every_recorded_advert_is_read(shared: Path, name: str, count: int) -> None:
    read = rows(shared, name)
    assert len(read) == count
    assert [problem for row in read for problem in problems(row)] == []


def test_recorded_adverts_of_many_makers(shared: Path) -> None:
    read = [row for row in rows(shared, "adverts-permissive") if row["id"] not in UNREAD]
    assert len(read) == 56 - len(UNREAD)
    assert [problem for row in read for problem in problems(row)] == []


def test_what_is_not_read_is_refused(shared: Path) -> None:
    for row in rows(shared, "adverts-permissive"):
        if row["id"] in UNREAD:
            with pytest.raises(DecodeError):
                decode_row(row)


# Of the recordings that tell no format, what is read is right. The rest are models of UNKNOWN_MODELS.
UNKNOWN_MODELS = {
    "ABN03", "ABTemp", "APPLEWATCH", "APPLE_CONT", "ARANET4", "BM6", "BSDOO", "CGDK2_PVVX", "M1017", "MB/SW", "MS-CDP",
    "LYWSD03MMC/MJWSD05MMC_PVVX_DECR", "LYWSD03MMC/MJWSD05MMC_PVVX_ENCR", "SDLS", "SKALE", "T201", "TILT", "W340001X",
}  # fmt: skip
WITHOUT_KEY = {"SBBT_002C_ENCR", "SBMO_003Z_ENCR", "SBHT-003C_ENCR"}
SENSIRION_TYPE_0A = {"dev-adverts-0236", "dev-adverts-0238"}


def test_recorded_adverts_of_no_told_format(shared: Path) -> None:
    read, found = 0, []
    for row in rows(shared, "adverts-gpl"):
        model = row["expected"]["model_id"]
        if model in WITHOUT_KEY:
            with pytest.raises(DecodeError, match="key"):
                decode_row(row)
        elif model not in UNKNOWN_MODELS and row["id"] not in SENSIRION_TYPE_0A:
            row["expected"].pop("open", None)
            kind = {"SHT4X": "sensirion", "SCD4X": "sensirion"}.get(model, "theengs")
            found += problems({**row, "format": kind if kind == "sensirion" else "theengs"})
            read += 1
    assert found == []
    assert read == 32


def test_a_contact_says_open_and_closed(shared: Path) -> None:
    doors = {}
    for row in rows(shared, "adverts-gpl"):
        if "open" in row["expected"] and row["expected"]["model_id"] in {"SE_MAG", "SBDW-002C"}:
            _, said = decode_row(row)
            doors[row["id"]] = ([one.value for one in said if isinstance(one, Sample) and one.quantity == "door"], row)
    assert len(doors) == 5
    assert all(values == [float(row["expected"]["open"])] for values, row in doors.values())


def test_a_recording_with_the_wrong_key_is_refused(shared: Path) -> None:
    row = next(row for row in rows(shared, "bthome-permissive") if "bindkey_hex" in row["input"])
    row["input"]["bindkey_hex"] = "00" * 16
    with pytest.raises(DecodeError, match="key"):
        decode_row(row)


def test_an_advert_that_is_not_ready_is_a_life_sign(shared: Path) -> None:
    row = next(row for row in rows(shared, "adverts-permissive") if row["name"] == "test_relsib_no_data")
    assert decode_row(row) == ({}, [Alive()])
