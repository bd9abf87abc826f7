"""Sensors that speak to the home's local MQTT broker."""
