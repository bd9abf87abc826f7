"""The modem in a home's YAML: what is refused, what is odd, and what is never shown."""

from pathlib import Path

import pytest

from config.home import Home
from config.loader import check_home, load
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "modem.yaml"
HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1, name: Anna}
uplink: {url: mqtts://centre.example}
local_broker: {url: mqtt://127.0.0.1:1883}
modem:
  port: /dev/serial/by-id/modem
second_path: {contacts: [{name: Bo, phone: "+8613800138000"}]}
sensors:
  - {kind: sos_button_zigbee2mqtt, id: bed, topic: zigbee2mqtt/bed, press: [single], cancel: [double]}
rules:
  - {kind: sos, id: sos}
  - {kind: silence, id: silent}
"""
PORT = "  port: /dev/serial/by-id/modem\n"


@pytest.fixture
def checked(tmp_path):
    """Writes a home with more lines under its modem, and gives what is odd about it."""

    def check(more: str = "", *, text: str = HOME) -> list[str]:
        path = tmp_path / "home.yaml"
        path.write_text(text.replace(PORT, PORT + more), encoding="utf-8")
        return [line.removeprefix(f"{path}:") for line in check_home(path).warnings]

    return check


def refused(checked, more: str = "", *, text: str = HOME) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(more, text=text)
    return str(caught.value)


def test_the_example_passes_but_for_the_files_that_an_installer_writes():
    home = check_home(EXAMPLE)
    files = ("uplink-password", "sim-pin", "sms-code", "sms-key")
    assert len(home.warnings) == 4
    assert all(any(file in line for file in files) for line in home.warnings)
    watched = {watch for bound in home.home.bound_rules() for watch in bound.readings}
    assert ("modem", Quantity.SIGNAL_STRENGTH) in watched
    assert "silent:modem" in {bound.rule.key for bound in home.home.bound_rules()}


def test_a_modem_is_read_without_a_word_and_its_files_lie_beside_the_yaml(checked, tmp_path):
    for name, words in (("pin", "1234\n"), ("code", "lotus88\n")):
        (tmp_path / name).write_text(words)
        (tmp_path / name).chmod(0o600)
    more = '  pin_file: pin\n  commands: {numbers: ["+8613800138000"], code_file: code}\n'
    assert checked(more) == []
    home = load(tmp_path / "home.yaml")
    assert home.modem is not None
    assert home.modem.pin_file == tmp_path / "pin"
    assert home.modem.commands is not None
    assert home.modem.commands.code_file == tmp_path / "code"
    assert home.facts().emits["modem"] == {Quantity.SIGNAL_STRENGTH}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('  smsc: "13800100500"\n', "is no telephone number as the whole world writes it"),
        ("  smsc: +8613800100500\n", "in quotes"),
        ('  commands: {numbers: ["+86 138 0013 8000"], code_file: c}\n', "without blanks"),
        ('  commands: {numbers: ["110"], code_file: c}\n', "no telephone number"),
        ("  pin: 1234\n", "not a key here"),
        ("  baudrate: 5\n", "at least 9600"),
        ('  balance: {code: "100 Yuan", at_least: 5}\n', "is no service code"),
        ('  balance: {code: "*100#", pattern: "[0-9]+", at_least: 5}\n', "one pair of brackets"),
        ('  balance: {code: "*100#", pattern: "(", at_least: 5}\n', "no regular expression"),
    ],
)
def test_what_cannot_be_used_is_refused(checked, more, words):
    assert words in refused(checked, more)


def test_a_sensor_may_not_take_the_modems_name(checked):
    assert "is the sensor that the home's modem is" in refused(checked, text=HOME.replace("id: bed", "id: modem"))
    way = HOME[HOME.index("modem:") : HOME.index("sensors:")]
    without = HOME.replace(way, "").replace("id: bed", "id: modem")
    assert checked(text=without) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            "  pin_file: nowhere\n",
            "is not there; write the SIM's PIN into it, and nothing else; the SIM will stay locked",
        ),
        ("  pin_file: word\n", "it will not be tried"),
        ("  pin_file: open\n", "can be read by everybody"),
        (
            '  commands: {numbers: ["+8613800138000"], code_file: nowhere}\n',
            "is not there; write the code word into it",
        ),
        ('  commands: {numbers: ["+8613800138000"], code_file: short}\n', "the gateway will not start with it"),
        ("  commands: {numbers: [], code_file: code}\n", "names nobody"),
    ],
)
def test_what_is_odd_is_told(checked, tmp_path, more, words):
    for name, written, mode in (
        ("word", "lotus", 0o600),
        ("open", "48151623", 0o644),
        ("short", "12345", 0o600),
        ("code", "lotus88", 0o600),
    ):
        (tmp_path / name).write_text(written)
        (tmp_path / name).chmod(mode)
    (told,) = checked(more)
    assert words in told
    assert "lotus" not in told
    assert "48151623" not in told


def test_a_modem_that_nobody_watches_is_told(checked):
    (told,) = checked(text=HOME.replace("id: silent}", "id: silent, sensors: [bed]}"))
    assert "nobody is told when it has no network" in told


def test_a_port_that_two_parts_name_is_refused(checked):
    radar = "  - {kind: fall_radar_r60, id: radar, port: /dev/serial/by-id/modem}\nrules:\n  - {kind: fall, id: fall}\n"
    assert "/dev/serial/by-id/modem too" in refused(checked, text=HOME.replace("rules:\n", radar))


def test_a_home_without_modem_has_no_such_sensor():
    assert (
        "modem"
        not in Home.model_validate(
            {
                "gateway": {"id": "g"},
                "resident": {"id": "r"},
                "uplink": {"url": "mqtts://c"},
                "sensors": [],
                "rules": [],
            }
        )
        .facts()
        .emits
    )
