"""Refusals of a modem in plain words: +CME and +CMS ERROR (27.007, 9.2; 27.005, 3.2.5; 24.011, annex E). Pure."""

import re
from enum import StrEnum

import msgspec


class Remedy(StrEnum):
    """What can be done about a refused message."""

    LATER = "later"
    """The same message may pass later."""
    NEVER = "never"
    """It will be refused again."""
    VAGUE = "vague"
    """The modem does not say: tried again, but not for ever."""
    UNKNOWN_FATE = "unknown fate"
    """The network did not answer: the message may have been taken."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is None for a bare ERROR."""

    family: str
    code: int | None
    words: str

    @property
    def remedy(self) -> Remedy:
        """For a message that was refused so."""
        return _REMEDIES.get(self.code, Remedy.VAGUE) if self.family == "CMS" else _CME_REMEDIES.get(self.code, _VAGUE)

    def __str__(self) -> str:
        return self.words if self.code is None else f"{self.words} (+{self.family} ERROR: {self.code})"


_VAGUE = Remedy.VAGUE
_REFUSAL = re.compile(r"\s*\+(CM[ES]) ERROR\s*:\s*(.*?)\s*", re.DOTALL)

CMS = {
    1: "the number is not assigned",
    8: "the operator bars this SIM",
    10: "sending is barred for this SIM",
    17: "network failure",
    21: "the network rejects the message; is there credit on the SIM?",
    22: "the receiver's memory is full",
    27: "the receiver is out of order",
    28: "the subscriber is not known",
    29: "the network does not allow this service",
    30: "the receiver is not known",
    38: "the network is out of order",
    41: "temporary failure of the network",
    42: "the network is overloaded",
    47: "the network has no room",
    50: "the SIM's contract has no SMS",
    69: "the network has no SMS",
    81: "wrong reference",
    95: "the message is not valid",
    96: "the message lacks what it must have",
    97: "the network does not know this type of message",
    98: "the message does not fit the state of the network",
    99: "the network does not know a part of the message",
    111: "protocol error",
    127: "the network gives no reason",
    128: "the network does not do this kind of message",
    143: "the network rejects the message type",
    145: "the coding of the text is not supported",
    160: "the command cannot be carried out",
    192: "the service centre is busy",
    193: "no service centre",
    194: "the service centre's system failed",
    195: "the number is not valid for the service centre",
    196: "the receiver is barred",
    197: "refused as a duplicate",
    208: "the SIM's memory for messages is full",
    300: "the modem has failed",
    301: "the modem's SMS service is in use",
    302: "not allowed now",
    303: "not supported by this modem",
    304: "the modem does not accept the message's form",
    305: "the modem does not accept the text",
    310: "no SIM is inserted",
    311: "the SIM wants its PIN",
    312: "the SIM is locked to a telephone",
    313: "the SIM has failed",
    314: "the SIM is busy",
    315: "this SIM cannot be used",
    316: "the SIM is locked and wants its PUK",
    317: "the SIM wants its PIN2",
    318: "the SIM wants its PUK2",
    320: "the memory has failed",
    321: "there is no such message",
    322: "the memory is full",
    330: "the service centre's number is not known; write smsc: under modem:",
    331: "no network",
    332: "the network did not answer in time",
    340: "nothing to confirm",
    500: "unknown error of the modem; is there credit on the SIM?",
}
"""What each cause of +CMS ERROR means."""
_NEVER = (1, 8, 10, 28, 29, 30, 50, 69, 81, *range(95, 100), 111, 128, 143, 145, 195, 196, 303, 304, 305)
_LATER = (17, 22, 27, 38, 41, 42, 47, 127, 192, 193, 194, 300, 301, 302, 310, 311, 313, 314, 316, 320, 322, 330, 331)
# 332: the network did not confirm, which is not the same as that it did not take the message (24.011, timer TR1M).
# 197: the service centre holds the same message already: an earlier try has passed.
_REMEDIES: dict[int | None, Remedy] = {
    **dict.fromkeys(_NEVER, Remedy.NEVER),
    **dict.fromkeys(_LATER, Remedy.LATER),
    197: Remedy.UNKNOWN_FATE,
    332: Remedy.UNKNOWN_FATE,
}
# Causes from 512 on are each maker's own: 515 is "busy" with one and "wrong address" with another. So they are vague.

CME = {
    3: "not allowed now",
    4: "not supported by this modem",
    5: "the SIM is locked to another telephone",
    10: "no SIM is inserted",
    11: "the SIM wants its PIN",
    12: "the SIM is locked and wants its PUK",
    13: "the SIM has failed",
    14: "the SIM is busy",
    15: "this SIM cannot be used",
    16: "the PIN is wrong",
    17: "the SIM wants its PIN2",
    18: "the SIM wants its PUK2",
    20: "the memory is full",
    21: "there is no such entry",
    30: "no network",
    31: "the network did not answer in time",
    32: "the network allows emergency calls only",
    100: "unknown error of the modem",
}
_CME_REMEDIES: dict[int | None, Remedy] = {
    **dict.fromkeys((3, 11, 12, 10, 13, 14, 20, 30, 32), Remedy.LATER),
    **dict.fromkeys((4, 5, 15), Remedy.NEVER),
    31: Remedy.UNKNOWN_FATE,
}


def refusal(line: str) -> Refusal | None:
    """The refusal that a line is; None for any other line."""
    if line.strip() == "ERROR":
        return Refusal(family="AT", code=None, words="the modem refuses the command")
    found = _REFUSAL.fullmatch(line)
    if found is None:
        return None
    family, written = found[1], found[2]
    code = int(written) if re.fullmatch(r"[0-9]{1,5}", written) else None
    table = CMS if family == "CMS" else CME
    if code is None:
        return Refusal(family=family, code=None, words=written[:60] or "the modem refuses the command")
    return Refusal(family=family, code=code, words=table.get(code, "an error of the maker's own"))
