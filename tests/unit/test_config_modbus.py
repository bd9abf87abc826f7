"""What `gateway check` tells of RS-485 lines: addresses that clash, lines without units, maps with mistakes."""

import json
from pathlib import Path

import pytest

from config.home import Home
from config.loader import check_home, load
from config.schema import schema
from drivers.serial.modbus_unit import ModbusUnit
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "examples" / "modbus.yaml"

HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: mqtts://centre.example}
modbus:
  - line: rs485
    port: /dev/serial/by-id/usb-rs485
sensors:
  - {kind: modbus_unit, id: room, line: rs485, unit: 1, map: climate_xymd02}
  - {kind: modbus_unit, id: door, line: rs485, unit: 2, map: door_contact_waveshare}
rules:
  - {kind: silence, id: silent}
"""
ROOM = "id: room, line: rs485, unit: 1, map: climate_xymd02"
DOOR = "id: door, line: rs485, unit: 2, map: door_contact_waveshare"
MODBUS = HOME[HOME.index("modbus:") : HOME.index("sensors:")]


def test_of_the_example_an_installer_owes_nothing_but_the_password():
    assert [line for line in check_home(EXAMPLE).warnings if "secrets/" not in line] == []


@pytest.fixture
def home_file(tmp_path):
    """Writes a home and returns its path."""

    def write(text: str = HOME) -> Path:
        path = tmp_path / "home.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def changed(old: str, new: str) -> str:
    assert HOME.count(old) == 1
    return HOME.replace(old, new)


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def warnings(path: Path) -> list[str]:
    return [line.removeprefix(f"{path}:") for line in check_home(path).warnings]


def test_a_sound_home_is_read_without_a_word(home_file):
    home = load(home_file())
    assert warnings(home_file()) == []
    assert home.modbus[0].driven.baudrate == 9600
    assert home.facts().emits["room"] == {Quantity.TEMPERATURE, Quantity.HUMIDITY}


WRONG = {
    "the same address": (
        (DOOR, DOOR.replace("unit: 2", "unit: 1")),
        [
            (
                '9: sensors[1].unit: "room" has the address 1 on this line too; both would answer at once: '
                "change one of them"
            )
        ],
    ),
    "a broadcast": (
        (DOOR, DOOR.replace("unit: 2", "unit: 0")),
        [
            (
                "9: sensors[1].unit: 0 is not the address of one unit; it is 1 to 247 (0 would speak to all at once; "
                "254 only for a SenseAir sensor that has the line for itself)"
            )
        ],
    ),
    "a reserved address": (
        (DOOR, DOOR.replace("unit: 2", "unit: 248")),
        [
            (
                "9: sensors[1].unit: 248 is not the address of one unit; it is 1 to 247 (0 would speak to all at once; "
                "254 only for a SenseAir sensor that has the line for itself)"
            )
        ],
    ),
    "a SenseAir with neighbours": (
        (DOOR, DOOR.replace("unit: 2, map: door_contact_waveshare", "unit: 254, map: co2_senseair_s8")),
        [
            (
                "9: sensors[1].unit: a sensor at 254 answers to every address, so it must have its line for itself; "
                "put room on another adapter, or write the sensor's own address here"
            )
        ],
    ),
    "another unit at 254": (
        (DOOR, DOOR.replace("unit: 2", "unit: 254")),
        ["9: sensors[1].unit: 254 is for SenseAir sensors alone; write the address that is set in this unit, 1 to 247"],
    ),
    "a line that is not there": (
        (DOOR, DOOR.replace("line: rs485", "line: rs458")),
        ['9: sensors[1].line: no line has the name "rs458"; did you mean "rs485"?'],
    ),
    "a line twice": (
        (MODBUS, MODBUS + MODBUS.removeprefix("modbus:\n").replace("usb-rs485", "usb-other")),
        ['7: modbus[1].line: "rs485" stands here twice; keep one of the two'],
    ),
    "a port twice": (
        (MODBUS, MODBUS + MODBUS.removeprefix("modbus:\n").replace("line: rs485", "line: second")),
        [
            (
                "8: modbus[1].port: modbus[0] uses /dev/serial/by-id/usb-rs485 too; each needs a port of its own "
                "(shouwang gateway ports)"
            )
        ],
    ),
    "no lines at all": (
        (MODBUS, ""),
        [
            f'{line}: sensors[{index}].line: no line has the name "rs485"; add "modbus:" with "- line:" and "port:"'
            for index, line in enumerate((5, 6))
        ],
    ),
    "a baud rate that no unit has": (
        ("usb-rs485", "usb-rs485\n    baudrate: 9601"),
        ['7: modbus[0].baudrate: "9601" is not possible here; did you mean "9600"?'],
    ),
    "a map file that is not there": (
        (DOOR, DOOR.replace("map: door_contact_waveshare", "map: maps/mine.yaml")),
        None,
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_told_with_its_line(home_file, tmp_path, mistake):
    change, wanted = WRONG[mistake]
    if wanted is None:
        wanted = [
            f"{tmp_path}/maps/mine.yaml: cannot be read (No such file or directory); check its name and who may read it"
        ]
    assert problems(home_file(changed(*change))) == wanted


def test_a_map_that_is_not_shipped_is_told_with_those_that_are(home_file):
    (said,) = problems(home_file(changed("climate_xymd02", "climate_xymd20")))
    assert said.startswith('8: sensors[0].map: "climate_xymd20" is not a map that comes with this program; those are ')
    assert "climate_xymd02" in said
    assert "the name of its file" in said


MINE = """\
device: mine
source: mine
tested: mine
registers:
  - {address: 0, type: u16, quantity: temperature, scale: 0.1}
"""


def test_a_map_of_ones_own_stands_beside_the_home(home_file, tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    home = load(home_file(changed("climate_xymd02", "./mine.yaml")))
    assert home.facts().emits["room"] == {Quantity.TEMPERATURE}


def test_a_mistake_in_ones_own_map_is_told_with_its_line(home_file, tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE.replace("u16", "u17"), encoding="utf-8")
    assert problems(home_file(changed("climate_xymd02", "mine.yaml"))) == [
        f'{tmp_path}/mine.yaml:5: registers[0].type: "u17" is not possible here; did you mean "u16"?'
    ]


def test_a_rule_on_what_a_map_does_not_say_is_told(home_file):
    rule = "  - {kind: threshold, id: co2, quantity: co2, above: 1500, sensors: [room]}\n"
    assert problems(home_file(HOME + rule)) == [
        '12: rules[1].sensors[0]: "room" never says "co2"; sensors that do: none in this home'
    ]


def test_a_line_without_units_is_odd(home_file):
    more = MODBUS.removeprefix("modbus:\n").replace("line: rs485", "line: spare").replace("usb-rs485", "usb-spare")
    assert warnings(home_file(changed(MODBUS, MODBUS + more))) == [
        "7: modbus[1]: no sensor sits on this line; add one with its line, or drop it"
    ]


def test_a_line_that_cannot_keep_up_is_odd(home_file):
    many = "".join(
        f"  - {{kind: modbus_unit, id: gas-{unit}, line: rs485, unit: {unit}, map: gas_pemtech_pt495}}\n"
        for unit in range(3, 25)
    )
    told = warnings(home_file(changed("rules:\n", f"{many}rules:\n")))
    assert told[0].startswith("5: modbus[0]: its 24 units need it 1")
    assert "raise the baud rate, poll less often, or put some on a second line" in told[0]
    quick = HOME.replace("rules:\n", f"{many}rules:\n").replace("usb-rs485", "usb-rs485\n    baudrate: 115200")
    assert not any("need it" in line for line in warnings(home_file(quick)))


def test_an_alarm_that_is_read_too_seldom_is_odd(home_file):
    smoke = DOOR.replace("map: door_contact_waveshare", "map: smoke_contact_waveshare, poll: 30s")
    assert any(
        line == "9: sensors[1].poll: is read every 30s, which is late for an alarm; at most 2s"
        for line in warnings(home_file(changed(DOOR, smoke)))
    )


def test_a_line_at_another_baud_rate_than_its_units_come_with_is_odd(home_file):
    told = warnings(home_file(changed("usb-rs485", "usb-rs485\n    baudrate: 4800")))
    assert told == [
        f"{line}: sensors[{index}].line: leaves the factory at 9600 baud, its line runs at 4800; "
        "set the unit, or the line"
        for index, line in enumerate((9, 10))
    ]


def test_the_example_passes_and_only_waits_for_rules():
    checked = check_home(EXAMPLE)
    odd = [line for line in checked.warnings if "uplink.password_file" not in line and "no rule listens" not in line]
    assert odd == []
    units = [sensor for sensor in checked.home.sensors if isinstance(sensor, ModbusUnit)]
    assert {part.line for part in checked.home.modbus} == {unit.line for unit in units}
    said = {quantity for unit in units for quantity in unit.can_say}
    assert said >= {Quantity.SMOKE, Quantity.GAS_ALARM, Quantity.CARBON_MONOXIDE_ALARM, Quantity.LEAK, Quantity.SOS}
    assert said >= {Quantity.TEMPERATURE, Quantity.HUMIDITY, Quantity.CO2, Quantity.DOOR}


def test_the_schema_speaks_of_lines_and_units():
    parts = json.loads(json.dumps(schema()))["$defs"]
    assert "modbus" in Home.model_fields
    for part, key in (("ModbusPart", "port"), ("ModbusUnit", "unit"), ("ModbusUnit", "map")):
        assert parts[part]["properties"][key]["description"]
