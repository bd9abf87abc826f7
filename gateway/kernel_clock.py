"""What the kernel says of its own clock: whether somebody keeps it right, and how far it may be off (adjtimex(2))."""

import ctypes
from collections.abc import Callable
from typing import NamedTuple

_STA_UNSYNC = 0x0040
"""`status` bit of linux/timex.h: nobody has set the clock, or somebody has moved it by hand since."""


class KernelClock(NamedTuple):
    """`error_s` grows by 500 ppm while nobody corrects the clock, up to 16 s: the kernel knows no more."""

    is_synchronised: bool
    error_s: float


class _Timex(ctypes.Structure):
    """The beginning of struct timex; room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def read_kernel_clock() -> KernelClock | None:
    """None where it cannot be asked: no such call, or a sandbox that forbids it."""
    if _adjtimex is None:
        return None
    told = _Timex()
    if _adjtimex(ctypes.byref(told)) < 0:
        return None
    return KernelClock(is_synchronised=not told.status & _STA_UNSYNC, error_s=told.maxerror / 1e6)


def _find() -> Callable[[object], int] | None:
    try:
        return ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return None


_adjtimex = _find()
