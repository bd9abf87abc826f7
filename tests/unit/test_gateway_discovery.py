"""Every discovery message that the gateway can publish is one that Home Assistant takes."""

import json

import pytest
from fixtures.ha_schema import flaws

from gateway.discovery import Names, gateway_configs, object_of, owner_of, quantity_config, sensor_configs
from shouwang.quantities import QUANTITIES, Quantity

NAMES = Names("gw-demo_1", "shouwang", "homeassistant", "en")
SENSORS = ("smoke-kitchen", "a_b", "a.b", "0x00158d0001a2b3c4")


def all_configs(names=NAMES):
    found = gateway_configs(names)
    for sensor in SENSORS:
        found += sensor_configs(names, sensor)
        for quantity in Quantity:
            found.append(quantity_config(names, sensor, quantity))
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_message_is_one_that_home_assistant_takes(language):
    bad = {
        config.topic: found
        for config in all_configs(NAMES._replace(language=language))
        if (found := flaws(config.topic, config.payload))
    }
    assert bad == {}


def test_topics_and_ids_are_of_one_thing_each():
    told = {}
    for config in all_configs():
        fields = json.loads(config.payload)
        told.setdefault(config.topic, set()).add((fields["unique_id"], fields["state_topic"]))
    assert all(len(ids) == 1 for ids in told.values())
    assert len({next(iter(ids))[0] for ids in told.values()}) == len(told)
    assert object_of("a_b", "fall") != object_of("a.b", "fall")


def test_a_value_is_there_as_long_as_its_sensor_is_heard():
    """A battery that is told once a day does not expire meanwhile, nor does a door that nobody opens."""
    fields = json.loads(quantity_config(NAMES, "oximeter", Quantity.SPO2).payload)
    assert fields["unit_of_measurement"] == QUANTITIES[Quantity.SPO2].unit
    assert not [config.topic for config in all_configs() if b"expire_after" in config.payload]
    fields = json.loads(quantity_config(NAMES, "door", Quantity.DOOR).payload)
    assert (fields["device_class"], fields["name"]) == ("door", "door open")


def test_the_alarms_of_a_sensor_are_shown_also_while_it_is_not_heard():
    told = [json.loads(config.payload) for config in sensor_configs(NAMES, "door")]
    assert [one["availability"] for one in told] == [[{"topic": "shouwang/gw-demo_1/status"}]] * 3
    value = json.loads(quantity_config(NAMES, "door", Quantity.DOOR).payload)
    assert {"topic": "shouwang/gw-demo_1/door/availability"} in value["availability"]


def test_own_messages_are_known_again():
    for config in all_configs():
        assert owner_of(NAMES, config.topic)
    assert owner_of(NAMES, "homeassistant/sensor/other/door_x/config") == ""
    assert owner_of(NAMES, "homeassistant/sensor/x/config") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"device_class": "warmth"},
        {"unit_of_measurement": "Cel"},
        {"state_class": "always"},
        {"colour": "red"},
        {"device": {"name": "nobody"}},
        {"entity_category": "config"},
        {"availability_topic": "x"},
        {"state_topic": "a/#"},
        {"expire_after": 1.5},
    ],
)
def test_the_table_refuses_what_home_assistant_would(change):
    good = quantity_config(NAMES, "room", Quantity.TEMPERATURE)
    bad = json.dumps({**json.loads(good.payload), **change}).encode()
    assert flaws(good.topic, bad)
    assert flaws("homeassistant/sensor/a b/c/config", good.payload)
