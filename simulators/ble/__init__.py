"""Bluetooth without a radio: a private D-Bus, an `org.bluez` on it, and simulated peripherals behind that."""
