"""The home's YAML as a whole: what is wrong is told with its line, what is odd is told and run."""

import json
from pathlib import Path

import pytest
import yaml

from config.check import check
from config.home import Home
from config.loader import check_home, load
from config.ports import ports_of
from config.presets import preset
from config.schema import schema
from shouwang.alert import Severity
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "examples" / "home.yaml"

HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink:
  url: mqtts://centre.example
local_broker:
  url: mqtt://127.0.0.1:1883
sensors:
  - kind: pulse_oximeter_plx
    id: oximeter
    address: C0:FF:EE:00:00:01
  - kind: fall_radar_r60
    id: radar
    port: /dev/serial/by-id/radar
  - kind: sos_button_zigbee2mqtt
    id: bed
    topic: zigbee2mqtt/bed
    press: [single]
    cancel: [double]
rules:
  - {kind: threshold, id: low, quantity: spo2, below: 90}
  - {kind: sos, id: sos}
  - {kind: fall, id: fall}
  - {kind: silence, id: silent}
"""


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


def test_a_sound_home_is_read_without_a_word(home_file, tmp_path):
    path = home_file()
    home = load(path)
    assert warnings(path) == []
    assert (home.gateway.id, home.gateway.language, home.resident.id) == ("gw-1", "zh", "r1")
    assert home.gateway.data_dir == tmp_path / "data"
    assert [annunciator.kind for annunciator in home.annunciators] == ["console"]
    assert [bound.rule.key for bound in home.bound_rules()] == [
        "low:oximeter",
        "sos:bed",
        "fall:radar",
        "silent:oximeter",
        "silent:radar",
        "silent:bed",
        "silent:gateway",
        "silent:bluetooth-hci0",
        *(f"{rule.id}:gateway" for rule in preset("box").rules),
    ]


def test_relative_files_are_taken_from_the_folder_of_the_home(home_file, tmp_path):
    text = changed("  url: mqtts://centre.example", "  url: mqtts://c\n  password_file: pw\n  ca_file: /etc/ca.pem")
    text = text.replace("1883\n", "1883\n  password_file: secrets/local\n")
    home = load(home_file(text))
    assert (home.uplink.password_file, home.uplink.ca_file) == (tmp_path / "pw", Path("/etc/ca.pem"))
    assert home.local_broker.password_file == tmp_path / "secrets" / "local"


def test_mistakes_of_every_kind_come_at_once(home_file):
    text = (
        changed("port: /dev", "prot: /dev")
        .replace("below: 90", "below: 900")
        .replace("id: silent", "id: silent, aftr: 2m")
    )
    missing, *others = problems(home_file(text))
    assert missing.startswith('11: sensors[1].port: is missing; add "port: ..." (')
    assert others == [
        '13: sensors[1].prot: is not a key here; did you mean "port"?',
        "20: rules[0]: spo2 goes from 20 to 100 %, so 900 is never reached; change the limit",
        '23: rules[3].aftr: is not a key here; did you mean "after"?',
    ]


WRONG = {
    "the same sensor id": (
        ("id: radar", "id: oximeter"),
        ['12: sensors[1].id: "oximeter" is the id of sensors[0] too; give each one its own'],
    ),
    "the same rule id": (
        ("id: fall}", "id: sos}"),
        ['22: rules[2].id: "sos" is the id of rules[1] too; give each one its own'],
    ),
    "unknown sensor": (
        ("below: 90", "below: 90, sensors: [oxymeter]"),
        ['20: rules[0].sensors[0]: no sensor has the id "oxymeter"; did you mean "oximeter"?'],
    ),
    "a sensor that cannot say it": (
        ("below: 90", "below: 90, sensors: [bed]"),
        ['20: rules[0].sensors[0]: "bed" never says "spo2"; sensors that do: oximeter'],
    ),
    "a canceller that cannot cancel": (
        ("id: fall}", "id: fall, cancel_by: [bed, radar]}"),
        ['22: rules[2].cancel_by[1]: "radar" never says "cancel"; sensors that do: bed'],
    ),
    "no local broker": (
        ("local_broker:\n  url: mqtt://127.0.0.1:1883\n", ""),
        [
            '12: sensors[2]: speaks over MQTT, but the home has no broker; add "local_broker:" with "url: mqtt://127.0.0.1:1883"'
        ],
    ),
    "a password in the url": (
        ("mqtts://centre.example", "mqtts://gw:hunter2@centre.example"),
        ['4: uplink.url: holds a user or password; write "username: ..." and "password_file: ..." instead'],
    ),
    "half a certificate": (
        ("mqtts://centre.example", "mqtts://centre.example\n  cert_file: c.pem"),
        ["3: uplink: cert_file and key_file belong together; give both or neither"],
    ),
    "a gateway with a point": (
        ("id: gw-1", "id: gw.1"),
        ['1: gateway.id: "gw.1" cannot name a gateway; use letters, digits, "-" and "_", no points'],
    ),
    "another version": (
        ("mqtts://centre.example", "mqtts://centre.example\n  version: 4"),
        ['5: uplink.version: "4" is not possible here; possible here: 5, 3.1.1'],
    ),
    "a quantity in the spelling of the trade": (
        ("quantity: spo2", "quantity: SpO2"),
        ['20: rules[0].quantity: "SpO2" is not possible here; did you mean "spo2"?'],
    ),
    "an unknown kind of rule": (
        ("kind: silence", "kind: silent"),
        ['23: rules[3].kind: "silent" is not known; did you mean "silence"?'],
    ),
    "the same sensor twice in a rule": (
        ("below: 90", "below: 90, sensors: [oximeter, oximeter]"),
        ['20: rules[0].sensors: "oximeter" stands in the list twice; keep one of the two'],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_its_line(home_file, name):
    change, wanted = WRONG[name]
    assert problems(home_file(changed(*change))) == wanted


def test_a_url_that_is_none_tells_how_one_looks(home_file):
    (line,) = problems(home_file(changed("mqtts://centre.example", "centre.example")))
    assert line.startswith("4: uplink.url: ")
    assert "mqtts://host:8883" in line


def test_a_button_without_a_cancel_action_cancels_nothing(home_file):
    text = changed("    cancel: [double]\n", "")
    assert warnings(home_file(text)) == [
        "21: rules[2]: nothing in this home can cancel a false alarm; give an SOS button a cancel action"
    ]
    named = text.replace("id: fall}", "id: fall, cancel_by: [bed]}")
    assert problems(home_file(named)) == [
        '21: rules[2].cancel_by[0]: "bed" never says "cancel"; sensors that do: none in this home'
    ]


@pytest.mark.parametrize("version", ["5", '"5"', "3.1.1"])
def test_the_version_of_mqtt_may_be_written_as_it_looks(home_file, version):
    home = load(home_file(changed("mqtts://centre.example", f"mqtts://c\n  version: {version}")))
    assert home.uplink.version == version.strip('"')


ODD = {
    "a rule that watches nothing": (
        ("quantity: spo2, below: 90", "quantity: door, above: 1"),
        ['20: rules[0]: watches nothing: no sensor says "door"; add one, or drop the rule'],
    ),
    "a button that nobody listens to": (
        ("  - {kind: sos, id: sos}\n", ""),
        ['14: sensors[2]: says "sos", but no rule listens: nobody would come; add a rule of kind sos'],
    ),
    "a link that is not encrypted": (
        ("mqtts://centre.example", "mqtt://centre.example"),
        ["4: uplink.url: health data would travel unencrypted; use mqtts://"],
    ),
    "a link on this box": (("mqtts://centre.example", "mqtt://127.0.0.1:1884"), []),
    "a link on this box by name": (("mqtts://centre.example", "mqtt://localhost:1884"), []),
    "another user": (
        ("mqtts://centre.example", "mqtts://centre.example\n  username: somebody"),
        ['5: uplink.username: the centre lets a box write only under its own name; leave it out, or use "gw-1"'],
    ),
    "its own user": (("mqtts://centre.example", "mqtts://centre.example\n  username: gw-1"), []),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_told_and_run(home_file, name):
    change, wanted = ODD[name]
    assert warnings(home_file(changed(*change))) == wanted


def test_a_home_without_sensors_is_odd_but_no_mistake(home_file):
    text = HOME[: HOME.index("sensors:")] + "sensors: []\nrules:\n  - {kind: fall, id: fall}\n"
    (told, *_) = warnings(home_file(text))
    assert told == '9: rules[0]: watches nothing: no sensor says "fall"; add one, or drop the rule'


def test_a_home_may_do_without_its_box_or_change_a_rule_of_it(home_file):
    def keys(more: str) -> set[str]:
        return {bound.rule.key.partition(":")[0] for bound in load(home_file(HOME + more)).bound_rules()}

    assert "disk-full" not in keys("box: {watch: false}\n")
    assert "disk-full" in keys("box: {watch: true}\n")
    assert {"disk-full", "box-hot"} - keys("presets: [{use: box, without: [disk-full]}]\n") == {"disk-full"}


def test_a_rule_of_its_own_takes_the_place_of_the_boxs(home_file):
    own = "  - {kind: threshold, id: disk-full, quantity: disk-used, above: 60, severity: P3}\n"
    rules = [rule for rule in load(home_file(HOME + own)).all_rules() if rule.id == "disk-full"]
    assert [rule.above for rule in rules] == [60]


def test_what_gets_in_the_way_of_the_boxs_rules_is_told(home_file):
    own = "  - {kind: threshold, id: mine, quantity: disk-used, above: 95, severity: P3}\n"
    assert any("disk-over: says the same as mine" in told for told in warnings(home_file(HOME + own)))


LIDS = {
    "none": ("lid", "door", 'no sensor has the id "lid"'),
    "says no such thing": ("bed", "door", '"bed" never says "door"; sensors that do: none in this home'),
}


@pytest.mark.parametrize("name", LIDS)
def test_contacts_on_the_lid_must_be_there_and_say_so(home_file, name):
    sensor, quantity, told = LIDS[name]
    text = HOME + f"box: {{tamper: [{{sensor: {sensor}, quantity: {quantity}}}]}}\n"
    assert told in problems(home_file(text))[0]


def test_contact_on_the_lid_is_named_once(home_file):
    text = HOME + "box: {tamper: [{sensor: bed, quantity: battery}, {sensor: bed, quantity: battery}]}\n"
    assert any('"bed" stands in the list twice' in told for told in problems(home_file(text)))


def test_secrets_that_are_missing_or_open_are_told(home_file, tmp_path):
    path = home_file(changed("mqtts://centre.example", "mqtts://c\n  password_file: pw"))
    secret = tmp_path / "pw"
    assert warnings(path) == [
        (
            f"5: uplink.password_file: {secret} is not there; the link will not come up without it: "
            "write the password into it, and nothing else: "
            f"sudo install -m 0640 -g shouwang-gateway /dev/stdin {secret}, type it, Enter, Ctrl-D"
        )
    ]
    secret.write_text("hunter2")
    secret.chmod(0o644)
    assert warnings(path) == [
        f"5: uplink.password_file: {secret} can be read by everybody on this box; run: chmod o-rwx {secret}"
    ]
    secret.chmod(0o600)
    assert warnings(path) == []
    secret.write_text("")
    assert warnings(path) == [
        (
            f"5: uplink.password_file: {secret} is empty; the link will not come up without it: "
            "write into it what belongs there"
        )
    ]
    secret.unlink()
    secret.mkdir()
    assert warnings(path) == [
        f"5: uplink.password_file: {secret} is no file that can be read; the link will not come up without it"
    ]


def test_a_certificate_may_be_read_by_everybody_its_key_not(home_file, tmp_path):
    path = home_file(changed("mqtts://centre.example", "mqtts://c\n  cert_file: cert\n  key_file: key"))
    for name in ("cert", "key"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o644)
    assert [line.split(":")[1].strip() for line in warnings(path)] == ["uplink.key_file"]


def test_a_file_that_is_not_there_or_not_utf8_is_told(tmp_path):
    missing = tmp_path / "none.yaml"
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read \(No such file or directory\); check"):
        load(missing)
    foreign = tmp_path / "gbk.yaml"
    foreign.write_bytes("gateway:\n  id: x\nresident:\n  name: 王桂兰\n".encode("gbk"))
    with pytest.raises(ConfigError, match=r"gbk\.yaml:4: this is not UTF-8; save the file again as UTF-8"):
        load(foreign)


def test_a_huge_file_is_not_read_whole(tmp_path):
    path = tmp_path / "home.yaml"
    path.write_bytes(b"#" * 5_000_000)
    with pytest.raises(ConfigError, match="this cannot be the right file"):
        load(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "home.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + HOME.encode())
    assert load(path).gateway.id == "gw-1"


def test_the_example_passes_and_watches_everything():
    checked = check_home(EXAMPLE)
    assert [line for line in checked.warnings if "uplink.password_file" not in line] == []
    watched = {watch for bound in checked.home.bound_rules() for watch in bound.readings}
    assert {quantity for _, quantity in watched} >= {Quantity.SPO2, Quantity.HEART_RATE, Quantity.SOS, Quantity.FALL}
    assert {rule.severity for rule in checked.home.rules} == {Severity.P1, Severity.P2, Severity.P3}


def test_the_example_on_serial_ports_passes_and_names_each_port_once():
    checked = check_home(EXAMPLE.with_name("serial.yaml"))
    assert [line for line in checked.warnings if "uplink.password_file" not in line] == []
    ports = [port for _, port in ports_of(checked.home)]
    assert len(ports) == len(set(ports)) == 8
    watched = {watch for bound in checked.home.bound_rules() for watch in bound.readings}
    assert {quantity for _, quantity in watched} >= {Quantity.SPO2, Quantity.SOS, Quantity.FALL, Quantity.CO2}


RADAR = """\
  - kind: fall_radar_r60
    id: radar
    port: /dev/serial/by-id/radar
"""


def test_a_port_of_two_sensors_is_refused(home_file):
    path = home_file(changed(RADAR, RADAR + RADAR.replace("id: radar", "id: second")))
    (problem,) = problems(path)
    assert problem.startswith("16: sensors[2].port: sensors[1] uses /dev/serial/by-id/radar too; each needs a port")


def test_two_names_of_one_port_and_a_name_that_moves_are_told(home_file, tmp_path):
    for name in ("by-id", "by-path"):
        (tmp_path / name).symlink_to("/dev/ttyUSB7")
    named = RADAR.replace("/dev/serial/by-id/radar", f"{tmp_path}/by-id")
    second, third = (
        {"id: radar": f"id: {name}", f"{tmp_path}/by-id": port}
        for name, port in (
            ("second", f"{tmp_path}/by-path"),
            ("third", "/dev/ttyACM3"),
        )
    )
    text = named
    for other in (second, third):
        entry = named
        for old, new in other.items():
            entry = entry.replace(old, new)
        text += entry
    told = warnings(home_file(changed(RADAR, text)))
    assert any(f"sensors[2].port: is the same port as {tmp_path}/by-id of sensors[1]" in line for line in told)
    assert any("sensors[3].port: /dev/ttyACM3 may be another adapter after a restart" in line for line in told)
    assert len(told) == 2


def test_check_says_what_is_watched(home_file, capsys):
    path = home_file(changed("id: silent}", "id: silent, sensors: [bed]}"))
    assert check(path) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "gateway gw-1 watches over resident r1, reports to mqtts://centre.example"
    assert "  sensor bed (sos_button_zigbee2mqtt)" in out
    assert "  rule silent (silence, P3) on bed" in out
    assert out[-1] == f"{path}: can be used"


def test_check_tells_what_is_odd_and_what_is_wrong(home_file, capsys, monkeypatch):
    path = home_file(changed("quantity: spo2, below: 90", "quantity: door, above: 1"))
    assert check(path) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2].startswith(f"warning: {path}:20: rules[0]: watches nothing")
    assert out[-1] == f"{path}: can be used, 1 to look at"
    assert "  rule low (threshold, P2) on nothing" in out
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert check(path) == 0
    assert "  规则 low（threshold，P2）：没有可监视的传感器" in capsys.readouterr().out.splitlines()
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert check(home_file(changed("id: fall}", "id: sos}"))) == 1
    error = capsys.readouterr().err.splitlines()
    assert error == [
        f'{path}:22: rules[2].id: "sos" is the id of rules[1] too; give each one its own',
        f"{path}: 1 problem; nothing was started",
    ]
    assert check(home_file("a: 1\nb: 2\n")) == 1
    assert "problems; nothing was started" in capsys.readouterr().err


def test_the_schema_speaks_of_every_key_and_accepts_the_example():
    found = schema()
    assert json.loads(json.dumps(found)) == found
    assert found["$schema"].startswith("https://json-schema.org/")
    assert set(found["properties"]) == set(Home.model_fields)
    parts = found["$defs"]
    assert parts["Fall"]["properties"]["confirm"]["default"] == "1m"
    assert parts["Threshold"]["properties"]["below"]["description"]
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for entry in [*example["sensors"], *example["rules"]]:
        (model,) = [
            part for part in parts.values() if part.get("properties", {}).get("kind", {}).get("const") == entry["kind"]
        ]
        assert set(entry) <= set(model["properties"])
        assert set(model["required"]) <= set(entry)
