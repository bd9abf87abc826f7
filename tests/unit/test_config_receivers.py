"""The radio receivers of a home: what is wrong is told with its line."""

from pathlib import Path

import pytest

from config.loader import check_home, load
from gateway.learn import learn
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "receivers.yaml"


def home(tmp_path: Path, *lines: str, receivers: bool = True) -> Path:
    path = tmp_path / "home.yaml"
    parts = "enocean: {port: /dev/serial/by-id/a}\nrfxtrx: {port: /dev/serial/by-id/b}\n" if receivers else ""
    path.write_text(
        "gateway: {id: gw-1, data_dir: data}\nresident: {id: r1}\nuplink: {url: mqtts://centre.example}\n"
        f"{parts}sensors:\n" + "".join(f"  - {line}\n" for line in lines) + "rules:\n  - {kind: sos, id: sos}\n",
        encoding="utf-8",
    )
    return path


def problems(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


def test_the_example_can_be_used_and_says_what_it_watches() -> None:
    checked = check_home(EXAMPLE)
    facts = checked.home.facts()
    assert facts.emits["cord-bath"] >= {Quantity.SOS}
    assert facts.emits["door-front"] == {Quantity.DOOR, Quantity.SIGNAL_STRENGTH}
    assert facts.emits["climate-living"] >= {Quantity.TEMPERATURE, Quantity.HUMIDITY}
    odd = [warning for warning in checked.warnings if "secrets/" not in warning]
    assert [one for one in odd if "nobody would come" in one] == []


def test_a_device_without_its_receiver_is_told(tmp_path: Path) -> None:
    said = problems(
        home(
            tmp_path,
            '{kind: enocean_device, id: cord, sender: "00298979", profile: F6-02-01, press: [any]}',
            '{kind: rfxtrx_device, id: remote, device: "security1:4FA1B2"}',
            receivers=False,
        )
    )
    assert ":5: sensors[0]: nothing hears it: the home has no such receiver" in said
    assert ":6: sensors[1]: nothing hears it" in said
    assert 'add "rfxtrx:"' in said


def test_one_key_without_brackets_is_told_how_to_write_it(tmp_path: Path) -> None:
    said = problems(
        home(tmp_path, '{kind: enocean_device, id: cord, sender: "00298979", profile: F6-02-01, press: any}')
    )
    assert 'press: needs a list, not "any"; write it in brackets: [any], or begin each entry on a line' in said


def test_a_device_that_is_named_twice_is_told(tmp_path: Path) -> None:
    cord = 'sender: "00298979", profile: F6-02-01, press: [any]}'
    said = problems(home(tmp_path, f"{{kind: enocean_device, id: a, {cord}", f"{{kind: enocean_device, id: b, {cord}"))
    assert "00298979 is the device of sensors[0] too" in said


def test_a_call_for_help_that_nobody_hears_is_odd(tmp_path: Path) -> None:
    path = home(
        tmp_path,
        '{kind: enocean_device, id: smoke, sender: "00298979", profile: F6-05-02}',
        '{kind: rfxtrx_device, id: fire, device: "security1:4FA1B2", says: {panic: smoke}}',
        '{kind: rfxtrx_device, id: window, device: "security1:D3DC54", says: {alarm: open, normal: closed}}',
    )
    told = "\n".join(check_home(path).warnings)
    assert 'sensors[0]: says "smoke", but no rule listens' in told
    assert 'sensors[1]: says "smoke", but no rule listens' in told
    assert "sensors[2]: says" not in told


async def test_there_is_nobody_to_learn_without_a_receiver(tmp_path: Path) -> None:
    path = home(tmp_path, "{kind: sos_button_zigbee2mqtt, id: bed, topic: zigbee2mqtt/bed}", receivers=False)
    path.write_text(path.read_text() + "local_broker: {url: mqtt://127.0.0.1}\n")
    with pytest.raises(ConfigError, match="no radio receiver"):
        await learn(load(path), 1.0, print)
