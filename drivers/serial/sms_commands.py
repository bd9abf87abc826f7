"""The few things that a text message may ask of a home, and who may ask. Pure; moments are the loop's, in seconds.

The sender's number of an SMS can be forged, so each command also carries a code word, and no command can end an alarm,
switch a rule off, or make anybody watch less. See decision 013.
"""

import hmac
import re
import unicodedata
from collections import defaultdict, deque
from enum import StrEnum
from typing import Literal

import msgspec

from drivers.serial.sms_letter import is_same_number

PER_NUMBER_AN_HOUR = 6
"""Each is answered by an SMS that somebody pays for."""
WRONG_CODES = 3
"""After so many wrong codes within an hour a number is not heard for the rest of it."""
_HOUR_S = 3600.0
CODE = re.compile(r"[A-Za-z0-9]{6,20}")


class Order(StrEnum):
    """What is asked."""

    STATUS = "status"
    TEST = "test"
    AWAY = "away"
    HOME = "home"


_WORDS: dict[str, tuple[Order, Literal["zh", "en"]]] = {
    "状态": (Order.STATUS, "zh"),
    "測試": (Order.TEST, "zh"),
    "测试": (Order.TEST, "zh"),
    "狀態": (Order.STATUS, "zh"),
    "外出": (Order.AWAY, "zh"),
    "回家": (Order.HOME, "zh"),
    "status": (Order.STATUS, "en"),
    "test": (Order.TEST, "en"),
    "away": (Order.AWAY, "en"),
    "home": (Order.HOME, "en"),
    "back": (Order.HOME, "en"),
}


class SmsOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose sender may give it."""

    order: Order
    sender: str
    language: Literal["zh", "en"]


class Commands:
    """Judges texts. What is refused is refused with a reason for the log, and the sender is told nothing."""

    def __init__(self, numbers: tuple[str, ...], code: str) -> None:
        """Nobody is heard but `numbers`, and none without `code`."""
        self._numbers = numbers
        self._code = code.casefold()
        self._heard: defaultdict[str, deque[float]] = defaultdict(deque)
        self._wrong: defaultdict[str, deque[float]] = defaultdict(deque)

    def judge(self, sender: str, text: str, now: float) -> SmsOrder | str:
        """The order, or why there is none."""
        number = next((known for known in self._numbers if is_same_number(known, sender)), None)
        if number is None:
            return "its sender is not one of commands.numbers"
        if _count(self._wrong[number], now) >= WRONG_CODES:
            return "too many wrong codes from this number; it is not heard for an hour"
        words = _words(text)
        if not any(hmac.compare_digest(word.encode(), self._code.encode()) for word in words):
            self._wrong[number].append(now)
            return "the code is missing or wrong"
        orders = [_WORDS[word] for word in words if word in _WORDS]
        if len(orders) != 1 or len(words) != 2:
            return "it is not one command and the code"
        if _count(self._heard[number], now) >= PER_NUMBER_AN_HOUR:
            return f"more than {PER_NUMBER_AN_HOUR} commands an hour from this number"
        self._heard[number].append(now)
        order, language = orders[0]
        return SmsOrder(order=order, sender=number, language=language)


def _words(text: str) -> list[str]:
    """Words as telephones write them: full-width letters, capitals, Chinese beside digits without a blank."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]+", plain)


def _count(moments: deque[float], now: float) -> int:
    while moments and moments[0] <= now - _HOUR_S:
        moments.popleft()
    return len(moments)
