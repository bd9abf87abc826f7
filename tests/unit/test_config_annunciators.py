"""Sirens, lamps, loudspeakers and cut-offs as people write them: what cannot work is told with its line."""

from pathlib import Path

import pytest

from config.check import check
from config.loader import check_home
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "annunciators.yaml"
BROKER = 'local_broker: {url: "mqtt://127.0.0.1:1883"}\n'
HOME = """\
gateway: {id: gw-1, data_dir: data}
resident: {id: r1}
uplink: {url: "mqtt://127.0.0.1:1883"}
BROKER
sensors:
  - {kind: sensor_zigbee2mqtt, id: gas, topic: zigbee2mqtt/gas, says: [gas-alarm]}
  - kind: mqtt_json
    id: fob
    topic: zigbee2mqtt/fob
    values: [{path: action, quantity: button, values: {open: 4}}]
presets: [{use: home-safety}]
"""
VALVE = (
    "{id: valve, cuts: gas, by: {kind: mqtt_switch, topic: zigbee2mqtt/valve}, closed_when: switched_off, "
    "open_by: [{sensor: fob, value: 4}]}"
)
RELAY = "port: /dev/serial/by-id/relays"


@pytest.fixture
def write(tmp_path):
    def written(annunciators=(), cut_offs=(), more="", broker=BROKER):
        parts = [("annunciators", annunciators), ("cut_offs", cut_offs)]
        text = HOME.replace("BROKER\n", broker) + more
        text += "".join(f"{key}:\n" + "".join(f"  - {one}\n" for one in all_) for key, all_ in parts if all_)
        path = tmp_path / "home.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def refused(path):
    with pytest.raises(ConfigError) as error:
        check_home(path)
    return str(error.value)


def warned(path):
    return [line.partition(": ")[2] for line in check_home(path).warnings]


def test_the_example_is_whole_and_its_only_oddity_is_the_missing_password():
    checked = check_home(EXAMPLE)
    assert [line for line in checked.warnings if "password" not in line] == []
    assert checked.home.facts().emits["gas-valve"] == {Quantity.CUT_OFF}
    assert checked.home.annunciators[1].phrases == EXAMPLE.parent / "phrases"


def test_check_tells_what_speaks_and_closes(capsys, write):
    assert check(EXAMPLE) == 0
    told = capsys.readouterr().out
    assert "  annunciator siren (gpio_siren)" in told
    assert "  cut-off gas-valve closes at carbon-monoxide, gas" in told
    assert "nobody hears" not in told
    assert check(write()) == 0
    assert "nobody hears an alarm in this home" in capsys.readouterr().out


def test_two_relays_of_one_board_are_fine_and_one_relay_twice_is_not(write):
    first = f"{{kind: serial_relay, id: a, use: siren, {RELAY}, channel: 1}}"
    second = f"{{kind: serial_relay, id: b, use: lamp, {RELAY}, channel: 2}}"
    check_home(write([first, second]))
    again = refused(write([first, second.replace("channel: 2", "channel: 1")]))
    assert "annunciators[1].channel: is what annunciators[0] switches too; each needs its own" in again


def test_a_relay_board_and_a_sensor_cannot_share_a_port(write):
    valve = VALVE.replace("kind: mqtt_switch, topic: zigbee2mqtt/valve", f"kind: serial_relay, {RELAY}")
    told = refused(write([], [valve], more=f"modbus: [{{line: bus, {RELAY}}}]\n"))
    assert "cut_offs[0].by.port: modbus[0] uses /dev/serial/by-id/relays too" in told


def test_a_pin_has_one_use(write):
    told = refused(write(["{kind: gpio_siren, id: a, pin: 17}", "{kind: gpio_lamp, id: b, red: 22, yellow: 17}"]))
    assert "annunciators[1].yellow: is what annunciators[0] switches too" in told
    told = refused(write(["{kind: gpio_lamp, id: b, red: 22, yellow: 22}"]))
    assert "red and yellow are one pin" in told


@pytest.mark.parametrize("pin", [0, 2, 14])
def test_a_pin_with_a_use_of_its_own_is_told(write, pin):
    (told,) = warned(write([f"{{kind: gpio_siren, id: a, pin: {pin}}}"]))
    assert f"GPIO{pin} is " in told


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("{kind: gpio_siren, id: a, pin: 28}", "28"),
        ("{kind: gpio_siren, pin: 17}", "id"),
        ("{kind: mqtt_switch, id: a, use: bell, topic: t}", "siren"),
        ("{kind: mqtt_switch, id: a, use: lamp, topic: t, make: own}", 'needs "payload_on" and "payload_off"'),
        ("{kind: mqtt_switch, id: a, use: lamp, topic: t, payload_on: X}", "knows its words itself"),
        ("{kind: mqtt_switch, id: a, use: lamp, topic: t/+}", "not the topic of one thing"),
        ("{kind: serial_relay, id: a, use: lamp, port: ttyUSB0}", "is not the name of a port"),
        ("{kind: speech, speed: 10}", "80"),
        ("{kind: speech, language: fr}", "both"),
        ("{kind: siren}", "gpio_siren"),
    ],
)
def test_what_cannot_be_used_is_refused(write, part, words):
    assert words in refused(write([part]))


def test_two_annunciators_have_two_names_and_no_sensor_has_that_of_a_cut_off(write):
    assert '"speech" is the id of annunciators[0] too' in refused(write(["{kind: speech}", "{kind: speech}"]))
    assert '"gas" is the id of sensors[0] too' in refused(write([], [VALVE.replace("id: valve", "id: gas")]))


def test_a_cut_off_behind_mqtt_needs_a_broker(write):
    told = refused(write([], [VALVE], broker=""))
    assert "cut_offs[0].by: is behind MQTT, but the home has no broker" in told


def test_an_electric_stove_is_not_switched_in_gas_unless_it_is_built_for_it(write):
    stove = VALVE.replace("cuts: gas", "cuts: stove, dangers: [gas, smoke]")
    assert "switching a stove off while there is gas may light it" in refused(write([], [stove]))
    check_home(write([], [stove.replace("dangers", "ex_safe: true, dangers")]))


def test_a_warning_of_more_than_15_s_is_refused(write):
    assert "15s" in refused(write([], [VALVE.replace("cuts: gas", "cuts: gas, warning: 20s")]))


def test_how_it_is_closed_must_be_said(write):
    assert "closed_when" in refused(write([], [VALVE.replace("closed_when: switched_off, ", "")]))


def test_a_button_that_opens_must_be_there_and_mean_one_thing(write):
    assert 'no sensor has the id "door"' in refused(write([], [VALVE.replace("sensor: fob", "sensor: door")]))
    told = refused(write([], [VALVE], more="audio_pause: [{sensor: fob, value: 4}]\n"))
    assert "cut_offs[0].open_by[0]: this press means something else already" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("cuts: gas", "cuts: water"), "nothing closes it: no sensor here tells leak"),
        ((", open_by: [{sensor: fob, value: 4}]", ""), "only `shouwang gateway open valve` opens it again"),
        (("topic: z", "make: own, payload_on: a, payload_off: b, topic: z"), "nobody knows whether it has closed"),
        (
            ("kind: mqtt_switch, topic: zigbee2mqtt/valve", "kind: gpio_switch, pin: 17"),
            "is closed from the installation on",
        ),
    ],
)
def test_what_will_not_do_what_was_meant_is_told(write, change, words):
    (told,) = warned(write([], [VALVE.replace(*change)]))
    assert words in told


def test_a_home_that_is_silent_in_gas_is_told(write):
    silent = "{kind: mqtt_switch, id: a, use: siren, topic: t}"
    (told,) = warned(write([silent]))
    assert "nothing can be heard in a gas alarm" in told
    assert warned(write([silent, "{kind: speech}"])) == []
    assert warned(write([silent.replace("topic", "ex_safe: true, topic")])) == []


def test_quiet_hours_are_hours(write):
    assert len(check_home(write(more='quiet_hours: ["22:00-07:00", "13:00-14:30"]\n')).home.quiet_hours) == 2
    assert "are no hours" in refused(write(more='quiet_hours: ["22-7"]\n'))


def test_a_relay_on_a_pin_is_not_switched_in_gas_unless_somebody_says_so(write):
    siren = "{kind: gpio_siren, id: siren, pin: 17SLOW}"
    silent = "nothing can be heard in a gas alarm"
    assert not any(silent in line for line in warned(write([siren.replace("SLOW", "")])))
    assert any(silent in line for line in warned(write([siren.replace("SLOW", ", slow: true")])))
    assert not any(silent in line for line in warned(write([siren.replace("SLOW", ", slow: true, ex_safe: true")])))
