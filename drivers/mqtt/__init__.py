"""Devices that speak to the local MQTT broker: `link` is the connection, every other module is one device."""
