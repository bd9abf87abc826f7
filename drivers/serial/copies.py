"""The same radio telegram heard again: its sender repeats it, and so do repeaters. Pure; moments are the loop's (s)."""

from collections import deque

import msgspec

_KEPT = 16


class _Heard(msgspec.Struct, frozen=True):
    at: float
    level: int
    content: bytes


class Copies:
    """Of one device. A copy comes within `window_s` of the telegram that it copies.

    | heard within the window | then the same content again | is |
    | --- | --- | --- |
    | it was the last thing said, by whomever | at any level | a copy |
    | something else was said since | by a repeater of a higher level than it came by | a copy that was late |
    | something else was said since | at the level that it came by, or lower | new: open, closed, open |
    """

    def __init__(self, window_s: float) -> None:
        """Nothing was heard."""
        self._window_s = window_s
        self._heard: deque[_Heard] = deque(maxlen=_KEPT)

    def is_copy(self, content: bytes, now: float, *, level: int = 0) -> bool:
        """Whether this was said before; it is remembered."""
        recent = [one for one in self._heard if now - one.at <= self._window_s]
        same = [one for one in recent if one.content == content]
        is_copy = bool(same) and (recent[-1].content == content or any(one.level < level for one in same))
        if not is_copy or recent[-1].content == content:  # a late copy is not the last thing that was said
            self._heard.append(_Heard(now, level, content))
        return is_copy
