"""Presets, modes and zones of a home's YAML: what does not fit is told with its line, what is odd is told and run."""

import json
from pathlib import Path

import pytest

from config.check import check
from config.conflicts import conflicts
from config.loader import check_home, load
from config.presets import preset, preset_names
from config.schema import schema
from rules.bound import HomeFacts
from rules.modes import HOME_SENSOR
from rules.preset import rules_of
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "presets.yaml"

HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: mqtts://centre.example}
local_broker: {url: "mqtt://127.0.0.1:1883"}
sensors:
  - {kind: pulse_oximeter_plx, id: oximeter, address: "C0:FF:EE:00:00:01"}
  - kind: mqtt_json
    id: kitchen
    topic: home/kitchen
    values: [{path: motion, quantity: motion}, {path: smoke, quantity: smoke}]
  - kind: mqtt_json
    id: fob
    topic: home/fob
    values: [{path: press, quantity: button}]
  - {kind: sos_button_zigbee2mqtt, id: bed, topic: z/bed, press: [single], cancel: [double]}
presets:
  - use: home-safety
  - use: vitals-home
  - use: sos
"""


@pytest.fixture
def write(tmp_path):
    """Writes a home with more lines at its end."""

    def write(more: str = "", text: str = HOME) -> Path:
        path = tmp_path / "home.yaml"
        path.write_text(text + more, encoding="utf-8")
        return path

    return write


def line_of(path: Path, words: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if words in line)


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("{use: vitals-hom}", 'presets[3]: there is no preset "vitals-hom"; did you mean "vitals-home"?'),
        ("{use: inactivity, settings: {hour: 8}}", "presets[3]: preset inactivity has no setting hour; it has: hours"),
        ("{use: inactivity, settings: {hours: 9}}", "presets[3]: preset inactivity: hours: 9 is no choice; write 8 or"),
        ("{use: night, without: [bed-gone]}", "presets[3]: preset night has no rule bed-gone; it has: bed-left"),
        (
            "{use: night, rules: {bed-left: {lasts: 5}}}",
            "presets[3]: preset night: rule bed-left: lasts: 5 lacks a unit",
        ),
        (
            "{use: night, rules: {bed-left: {id: x}}}",
            "presets[3]: preset night: rule bed-left: its id cannot be changed",
        ),
        ("{use: sos}", 'presets[3]: "sos" of preset sos is the id of another rule; write without: [sos]'),
        ("{use: vitals-home, settings: {resting_pulse: 300}}", "300 makes no sense; write a number from 35 to 110"),
    ],
)
def test_a_preset_that_does_not_fit_is_told_with_its_line(write, use, told):
    path = write(f"  - {use}\n")
    lines = refused(path)
    assert lines[0].startswith(f"{path}:{line_of(path, use)}: ")
    assert told in lines[0]


def test_all_that_does_not_fit_is_told_at_once_and_nothing_is_started(write, capsys):
    path = write("  - {use: nigth}\n  - {use: night, without: [a, b]}\n")
    assert check(path) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in said[:3]] == ["20", "21", "21"]
    assert said[3] == f"{path}: 3 problems; nothing was started"


def test_settings_and_changes_of_a_home_are_in_its_rules(write):
    path = write(
        "  - use: inactivity\n    settings: {hours: 8}\n    rules: {inactivity: {warn: 10m}}\n"
        "    without: [away-activity]\n"
    )
    rules = {rule.id: rule for rule in load(path).all_rules()}
    still = rules["inactivity"]
    assert (still.after.total_seconds(), still.warn.total_seconds()) == (8 * 3600, 600)
    assert "away-activity" not in rules


def warned(path: Path, words: str) -> str:
    (found,) = [line for line in check_home(path).warnings if words in line]
    return found


def test_a_preset_for_which_the_home_has_no_sensor_is_odd(write):
    path = write("  - use: doors\n")
    assert warned(path, "doors").startswith(
        f"{path}:{line_of(path, 'use: doors')}: presets[3]: nothing in this home says"
    )


def test_two_rules_that_say_the_same_are_told_at_the_later_one_with_its_line(write):
    path = write("rules:\n  - {kind: sos, id: help}\n")
    said = warned(path, "would be two alarms")
    where = f"{path}:{line_of(path, 'id: help')}: rules[0]: help: "
    assert said == where + "a press of bed would be two alarms: sos listens to it too"


def test_a_conflict_inside_a_preset_is_told_at_the_preset(write):
    path = write(text=HOME.replace("use: vitals-home", "use: vitals-home\n    rules: {pulse-low: {below: 140}}"))
    lines = [line for line in check_home(path).warnings if "there is no value that is right" in line]
    assert lines
    assert all(line.startswith(f"{path}:{line_of(path, 'vitals-home')}: presets[1]: ") for line in lines)


def test_a_rule_that_tells_nothing_new_is_odd(write):
    path = write("rules:\n  - {kind: threshold, id: mine, quantity: spo2, below: 85, hold: 10m, severity: P4}\n")
    assert "lies beyond spo2-red but is less urgent (P4 after P2)" in warned(path, "beyond spo2-red")


@pytest.mark.parametrize("name", preset_names())
def test_no_preset_is_in_its_own_way(name):
    rules = rules_of(preset(name))
    every = frozenset(Quantity)
    facts = HomeFacts(resident_id="r", emits={"one": every, "other": every})
    assert [*conflicts(rules, facts)] == []


@pytest.mark.parametrize("zone", ["Asia/Shanghi", "", "../etc/passwd", "/usr/share/zoneinfo/UTC", "Europe"])
def test_a_zone_that_is_none_is_told_with_its_line(write, zone):
    path = write(text=HOME.replace("data_dir: data", f'data_dir: data, timezone: "{zone}"'))
    (said,) = refused(path)
    assert said.startswith(f"{path}:1: gateway.timezone: ")
    assert "is no time zone that this box knows; write e.g. Asia/Shanghai" in said


def test_hours_of_rules_are_on_the_homes_clocks(write):
    path = write(text=HOME.replace("data_dir: data", "data_dir: data, timezone: Europe/Berlin"))
    assert str(load(path).facts().zone) == "Europe/Berlin"
    assert str(load(write()).facts().zone) == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("modes: [{sensor: fop, mode: away}]", 'modes[0].sensor: no sensor has the id "fop"; did you mean "fob"?'),
        ("modes: [{sensor: bed, mode: away}]", 'modes[0].sensor: "bed" never says "button"; sensors that do: fob'),
        ("modes: [{sensor: fob, mode: out}]", "modes[0].mode: "),
        ("modes: [{sensor: fob, mode: away, lasts: 15d}]", "modes[0].lasts: "),
        ("modes: [{sensor: fob, mode: away, lasts: 337h}]", "modes[0].lasts: "),
        ("modes: [{sensor: fob, value: 0, mode: away}]", "modes[0].value: "),
        ("modes: [{sensor: fob, mode: away}, {sensor: fob, mode: home}]", "modes[1]: this press means something else"),
        ("modes: [{sensor: fob, mode: away}]\naudio_pause: [{sensor: fob}]", "audio_pause[0]: this press means"),
        ("audio_pause: [{sensor: bed}]", 'audio_pause[0].sensor: "bed" never says "button"'),
    ],
)
def test_a_press_that_cannot_mean_a_mode_is_told_with_its_line(write, more, told):
    path = write(more + "\n")
    (said,) = refused(path)
    assert said.startswith(f"{path}:{line_of(path, more.splitlines()[-1])}: {told}")


def test_a_button_that_may_join_later_is_no_trouble(write):
    path = write(
        "modes: [{sensor: zigbee.fob, mode: away}]\n",
        HOME.replace("sensors:\n", "sensors:\n  - {kind: zigbee2mqtt_home, id: zigbee, base: zigbee2mqtt}\n"),
    )
    assert load(path).modes[0].mode == "away"


def test_no_rule_of_danger_or_help_listens_to_the_mode(write):
    path = write("  - use: inactivity\n  - use: night\n  - use: supervision\n")
    asks = {
        one.rule.key.split(":")[0] for one in load(path).bound_rules() if (HOME_SENSOR, Quantity.MODE) in one.readings
    }
    assert asks == {"inactivity", "away-activity"}


def test_the_schema_knows_presets_modes_and_zone():
    known = schema()
    assert {"presets", "modes", "audio_pause"} <= set(known["properties"])
    parts = known["$defs"]
    assert set(parts["Use"]["properties"]) == {"use", "settings", "rules", "without"}
    assert parts["Use"]["properties"]["use"]["enum"] == list(preset_names())
    assert "timezone" in parts["GatewayPart"]["properties"]
    assert parts["ModePress"]["properties"]["mode"]["enum"] == ["home", "away", "hospital", "visitor"]
    assert all(
        field["description"]
        for part in ("Use", "ModePress", "ButtonPress")
        for field in parts[part]["properties"].values()
    )
    json.dumps(known)


def test_the_example_can_be_used_and_shows_no_oddity_but_the_missing_secret():
    warnings = check_home(EXAMPLE).warnings
    assert [line for line in warnings if "password_file" not in line] == []


def test_rules_of_presets_for_which_there_is_no_sensor_are_counted_not_listed(capsys):
    assert check(EXAMPLE) == 0
    said = capsys.readouterr().out
    assert "rule spo2-red (threshold, P2) on oximeter" in said
    assert "on nothing" not in said
    assert "more rules of the presets: no sensor here says what they watch" in said
