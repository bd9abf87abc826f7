"""Devices on a serial line: `link` is the port, `framing` finds frames, every other module is one device."""
