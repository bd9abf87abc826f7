"""What the values of Bluetooth's standard health services mean: bytes in, values out, nothing else.

Each module is one noun: a frozen struct, `decode_...(value)` that raises only DecodeError, and `samples` that says what
of it is a measurement, and how far to trust it. Specials and failed measurements never become numbers.
"""
