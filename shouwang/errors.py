"""The one small tree of failures. Library exceptions are translated into it at the seams and nowhere else.

ShouwangError
    ConfigError      what a person wrote cannot be used; says where and what to do
    DecodeError      bytes that are not what the protocol says
    DeviceError      a device, port, radio or broker that cannot be reached or went away
    IllegalMove      a command that the state of a case does not allow
    TryLater         a passing failure: the same call may succeed
    GiveUp           a lasting failure: repeating cannot help
"""


class ShouwangError(Exception):
    """Root of every failure that this product raises on purpose."""


class ConfigError(ShouwangError):
    """What a person wrote cannot be used; the message says where and what to do."""


class DecodeError(ShouwangError):
    """Bytes are not what their protocol says."""


class DeviceError(ShouwangError):
    """A device, port, radio or broker cannot be reached or went away."""


class IllegalMove(ShouwangError):
    """The state of a case does not allow this command; nothing has changed."""


class TryLater(ShouwangError):
    """A passing failure: the same call may succeed later."""


class GiveUp(ShouwangError):
    """A lasting failure: repeating the call cannot help."""
