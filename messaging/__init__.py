"""MQTT sessions for both ends of the uplink: paho-mqtt behind one small asyncio adapter."""
