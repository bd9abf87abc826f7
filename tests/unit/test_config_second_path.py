"""The second path in a home's YAML: what is refused, what is odd, each with the cure."""

from datetime import timedelta

import pytest

from config.loader import check_home, load
from shouwang.errors import ConfigError

HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1, name: 王桂兰}
uplink: {url: mqtts://centre.example}
local_broker: {url: mqtt://127.0.0.1:1883}
modem:
  port: /dev/serial/by-id/modem
second_path:
  centre_number: "+8610650000000"
  key_file: key
  contacts:
    - {name: 王强, relation: 儿子, phone: "+8613800138000"}
    - {name: Amy, relation: daughter, phone: "+8613900139000", language: en}
sensors:
  - {kind: sos_button_zigbee2mqtt, id: bed, topic: zigbee2mqtt/bed, press: [single], cancel: [double]}
rules:
  - {kind: sos, id: sos}
  - {kind: silence, id: silent}
"""


@pytest.fixture
def checked(tmp_path):
    """What is odd about the home, with a part of it written otherwise."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4 + "\n")
    key.chmod(0o600)

    def check(old: str = "", new: str = "") -> list[str]:
        path = tmp_path / "home.yaml"
        assert old in HOME
        path.write_text(HOME.replace(old, new) if old else HOME, encoding="utf-8")
        return [line.removeprefix(f"{path}:") for line in check_home(path).warnings]

    return check


def test_a_whole_second_path_is_read_without_a_word(checked, tmp_path):
    assert checked() == []
    part = load(tmp_path / "home.yaml").second_path
    assert part is not None
    assert part.after == timedelta(seconds=20)
    assert part.key_file == tmp_path / "key"
    assert [contact.relation for contact in part.contacts] == ["儿子", "daughter"]
    assert (part.call, part.severities, part.self_test) == (True, ("P1",), True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("modem:\n  port: /dev/serial/by-id/modem\n", "", "needs a mobile modem, and this home has none"),
        ('"+8613800138000"', '"13800138000"', "is no telephone number as the whole world writes it"),
        ('"+8610650000000"', "+8610650000000", "in quotes"),
        ("  key_file: key\n", "", "centre_number and key_file belong together"),
        ('  centre_number: "+8610650000000"\n', "", "centre_number and key_file belong together"),
        ("+8613900139000", "+8613800138000", "+8613800138000 stands in contacts twice"),
        ("  key_file: key\n", "  key_file: key\n  after: 2s\n", "write 5s to 5m"),
        ("  key_file: key\n", "  key_file: key\n  after: 20\n", "lacks a unit"),
        ("  key_file: key\n", "  key_file: key\n  severities: [P3]\n", "P3"),
        ("  key_file: key\n", "  key_file: key\n  prompt: 'a\"b'\n", "prompt"),
    ],
)
def test_what_cannot_work_is_refused_in_words(checked, old, new, words):
    with pytest.raises(ConfigError) as caught:
        checked(old, new)
    assert words in str(caught.value)


def test_a_path_that_reaches_nobody_is_refused(checked):
    whole = HOME[HOME.index("  centre_number") : HOME.index("sensors:")]
    with pytest.raises(ConfigError, match="reaches nobody"):
        checked(whole, "  after: 30s\n")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (None, "is not there; make it with: openssl rand -hex 32"),
        ("short", "has 5 characters, and needs 32 at least"),
        ("a\nb", "must hold the secret on one line"),
    ],
)
def test_a_key_that_cannot_sign_is_told(checked, tmp_path, written, words):
    (tmp_path / "key").unlink()
    if written is not None:
        (tmp_path / "key").write_text(written)
    (told,) = checked()
    assert words in told
    assert "second_path.key_file" in told
    assert told.count(str(tmp_path / "key")) <= 2
    assert "the gateway will not start without it" in told


def test_a_key_for_everybody_to_read_is_told(checked, tmp_path):
    (tmp_path / "key").chmod(0o644)
    (told,) = checked()
    assert "run: chmod o-rwx" in told


def test_a_circle_of_nobody_and_a_resident_without_a_name_are_told(checked):
    whole = HOME[HOME.index("  contacts:") : HOME.index("sensors:")]
    assert any("add contacts" in line for line in checked(whole, ""))
    assert any("add name" in line for line in checked(", name: 王桂兰", ""))


def test_a_modem_that_carries_no_alarm_is_told(checked):
    whole = HOME[HOME.index("second_path:") : HOME.index("sensors:")]
    (told,) = checked(whole, "")
    assert "nothing uses it for alarms" in told
