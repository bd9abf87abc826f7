"""What a change of home.yaml exchanges: the thing itself and whoever hangs on it, and nothing else."""

from pathlib import Path

import pytest

from config.home import Home
from drivers.ble.adapter import radio_id
from gateway.fittings import Fittings

BROKER = {"url": "mqtt://127.0.0.1:1883"}
LINE = {"line": "rs485", "port": "/dev/serial/by-id/usb-line"}
METER = {"kind": "mqtt_json", "id": "meter", "topic": "meter", "values": [{"quantity": "smoke"}]}
OTHER = {"kind": "mqtt_json", "id": "other", "topic": "other", "values": [{"quantity": "smoke"}]}
CUFF = {"kind": "blood_pressure_monitor_blp", "id": "cuff", "address": "C0:FF:EE:00:00:01"}
OXIMETER = {"kind": "pulse_oximeter_plx", "id": "oximeter", "address": "C0:FF:EE:00:00:02", "adapter": "hci1"}
SMOKE = {"kind": "modbus_unit", "id": "smoke", "line": "rs485", "unit": 1, "map": "smoke_contact_waveshare"}
CLIMATE = {"kind": "modbus_unit", "id": "climate", "line": "rs485", "unit": 2, "map": "climate_xymd02"}
PLATE = {"kind": "enocean_device", "id": "plate", "sender": "01A2B3C4", "profile": "F6-02-01"}
FINGER = {"kind": "pulse_oximeter_nonin", "id": "finger", "port": "/dev/serial/by-id/usb-finger"}
HUB = {"kind": "zigbee2mqtt_home", "id": "zigbee"}


@pytest.fixture
def write(tmp_path):
    (tmp_path / "password").write_text("one")

    def home(**parts):
        written = {
            "gateway": {"id": "gw-1", "data_dir": str(tmp_path)},
            "resident": {"id": "r-1"},
            "uplink": {"url": "mqtt://127.0.0.1:1"},
            "local_broker": {**BROKER, "password_file": str(tmp_path / "password")},
            "modbus": [LINE],
            "enocean": {"port": "/dev/serial/by-id/usb-dongle"},
            "sensors": [METER, OTHER, CUFF, OXIMETER, SMOKE, CLIMATE, PLATE, FINGER, HUB],
        }
        return Home.model_validate(written | parts)

    return home


def without(*gone, plus=()):
    every = [METER, OTHER, CUFF, OXIMETER, SMOKE, CLIMATE, PLATE, FINGER, HUB]
    return [one for one in every if one not in gone] + list(plus)


RADIO = {"bluetooth": [{"adapter": "hci1", "scan": "passive"}]}
CASES = {
    "nothing": ({}, set(), set()),
    "a sensor": ({"sensors": without(FINGER, plus=[{**FINGER, "port": "/dev/serial/by-id/usb-x"}])}, set(), {"finger"}),
    "a unit of a line": ({"sensors": without(CLIMATE, plus=[{**CLIMATE, "unit": 3}])}, set(), {"climate"}),
    "a line": ({"modbus": [{**LINE, "baudrate": 19200}]}, {"modbus-rs485"}, {"smoke", "climate"}),
    "a dongle": ({"enocean": {"port": "/dev/serial/by-id/usb-other"}}, {"receiver-enocean"}, {"plate"}),
    "a radio": (RADIO, {"radio-hci1"}, {"oximeter", radio_id("hci1")}),
    "the last sensor of a radio": ({"sensors": without(OXIMETER)}, {"radio-hci1"}, {"oximeter", radio_id("hci1")}),
    "a topic, which may be a device's that joined": ({"sensors": without(OTHER)}, set(), {"other", "zigbee"}),
    "who lives here": (
        {"resident": {"id": "r-2"}},
        {"lifeline"},
        {"meter", "other", "cuff", "oximeter", "smoke", "climate", "plate", "finger", "zigbee"},
    ),
    "the language": ({"gateway": {"id": "gw-1", "language": "en"}}, {"annunciators", "dashboard"}, set()),
    "the way to the centre": ({"uplink": {"url": "mqtt://127.0.0.1:2"}}, {"uplink"}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_changed_and_what_hangs_on_it_is_exchanged(write, case):
    parts, expected_parts, expected_sensors = CASES[case]
    fittings = Fittings(write(), {})
    before = {driver.sensor_id: driver for driver in fittings.drivers}
    links = fittings.links
    change = fittings.change_to(write(**parts))
    assert (change.parts, change.sensors) == (expected_parts, expected_sensors)
    fittings.exchange(write(**parts), change, {})
    after = {driver.sensor_id: driver for driver in fittings.drivers}
    kept = {sensor_id for sensor_id, driver in after.items() if driver is before.get(sensor_id)}
    assert kept == before.keys() - expected_sensors
    assert (fittings.links.local_broker is links.local_broker) is True
    assert (fittings.links.modbus["rs485"] is links.modbus["rs485"]) is ("modbus-rs485" not in expected_parts)
    assert not fittings.change_to(write(**parts)).sensors, "it is as it was to be"


def test_another_password_of_the_homes_broker_exchanges_all_who_listen_to_it(write, tmp_path):
    fittings = Fittings(write(), {})
    broker = fittings.links.local_broker
    assert not fittings.change_to(write()).parts
    (tmp_path / "password").write_text("two")
    change = fittings.change_to(write())
    assert "local-broker" in change.parts
    assert change.sensors == change.on_broker == {"meter", "other", "zigbee"}
    fittings.exchange(write(), change, {})
    assert fittings.links.local_broker is not broker


def test_what_is_told_on_the_homes_broker_is_no_change_of_those_who_listen_there(write, tmp_path):
    fittings = Fittings(write(), {})
    told = {**BROKER, "password_file": str(tmp_path / "password"), "publish": {}}
    change = fittings.change_to(write(local_broker=told))
    assert "local-broker" not in change.parts
    assert "dashboard" in change.parts
    assert not change.sensors


def test_a_driver_is_built_with_what_was_noted_up_to_now(write):
    fittings = Fittings(write(), {})
    noted = '[{"key":"0x01","name":"sos-bed","topic":"zigbee2mqtt/sos-bed","says":["sos"],"sensor_id":"sos-bed"}]'
    home = write(sensors=without(HUB, plus=[{**HUB, "max_silence": "26h"}]))
    fittings.exchange(home, fittings.change_to(home), {"zigbee": {"devices": noted}})
    hub = next(driver for driver in fittings.drivers if driver.sensor_id == "zigbee")
    assert [member.sensor_id for member in hub.members] == ["sos-bed"]
    again = write(sensors=without(HUB, plus=[{**HUB, "max_silence": "27h"}]))
    fittings.exchange(again, fittings.change_to(again), {"zigbee": {"devices": noted}})
    hub = next(driver for driver in fittings.drivers if driver.sensor_id == "zigbee")
    assert [member.sensor_id for member in hub.members] == ["sos-bed"], "its id was free again"


def test_a_sensor_that_takes_a_joined_ones_id_makes_the_hub_give_another(write):
    noted = '[{"key":"0xabcd","name":"hall","topic":"zigbee2mqtt/hall","says":["smoke"],"sensor_id":"hall"}]'
    fittings = Fittings(write(), {"zigbee": {"devices": noted}})
    home = write(sensors=without(plus=[{**FINGER, "id": "hall", "port": "/dev/serial/by-id/usb-hall"}]))
    change = fittings.change_to(home)
    assert change.sensors == {"zigbee"}
    fittings.exchange(home, change, {"zigbee": {"devices": noted}})
    hub = next(driver for driver in fittings.drivers if driver.sensor_id == "zigbee")
    assert [member.sensor_id for member in hub.members] == ["hall-abcd"]


def test_a_register_map_that_was_edited_is_a_change_of_its_units(write, tmp_path):
    map_file = tmp_path / "own.yaml"
    shipped = Path(__file__).parents[2] / "drivers/serial/maps/climate_xymd02.yaml"
    map_file.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    sensors = without(CLIMATE, plus=[{**CLIMATE, "map": str(map_file)}])
    fittings = Fittings(write(sensors=sensors), {})
    assert not fittings.change_to(write(sensors=sensors)).sensors
    map_file.write_text(map_file.read_text(encoding="utf-8") + "# moved\n", encoding="utf-8")
    assert fittings.change_to(write(sensors=sensors)).sensors == {"climate"}


AT_A_RELOAD = {
    "gateway": "language: annunciators, dashboard; zone: rules; heartbeat: Health.use; id and data_dir: refused",
    "resident": "sensors that tell people apart, rules, lifeline",
    "other_residents": "rules",
    "uplink": "part uplink",
    "local_broker": "parts local-broker, dashboard, annunciators",
    "bluetooth": "parts radio-...",
    "modbus": "parts modbus-...",
    "enocean": "part receiver-enocean",
    "rfxtrx": "part receiver-rfxtrx",
    "modem": "parts modem, lifeline",
    "second_path": "part lifeline",
    "self_test": "SelfTest.use",
    "outbox": "Outbox.use",
    "box": "the driver of the box, rules",
    "sensors": "sensors",
    "presets": "rules",
    "rules": "rules",
    "modes": "Modes.use",
    "audio_pause": "House.renew",
    "annunciators": "part annunciators",
    "cut_offs": "part annunciators",
    "quiet_hours": "House.renew",
}
"""Who takes what: a new part of home.yaml must find its place here, or a reload would tell of it and do nothing."""


def test_each_part_of_a_home_has_its_place_in_a_reload():
    assert AT_A_RELOAD.keys() == Home.model_fields.keys()
