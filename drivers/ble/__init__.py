"""Devices on Bluetooth LE: `link` is the way to them, every other module is one device or the words it uses."""
