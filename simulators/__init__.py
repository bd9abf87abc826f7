"""Devices, brokers and homes that are not real: what the tests and `shouwang demo` listen to.

Every device encodes from its protocol's document. Nothing here imports `drivers`: a simulator that shared a decoder's
mistakes would only prove that we agree with ourselves.
"""
