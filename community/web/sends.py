"""What of a case's calls is still under way, and what did not arrive: the lines above its timeline."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from community.desk import Called, Try
from community.web import people_words
from shouwang.alert import Sentence

MOST_WAITING = 8
MOST_LOST = 4
"""The newest of each; all of them stand in the list of who was called."""
_QUEUED = "queued"


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """A call without a try yet (`one` is None), or one try of it."""

    call: Called
    one: Try | None = None

    @property
    def at(self) -> datetime:
        """When it became so."""
        return self.call.at if self.one is None else self.one.at

    @property
    def is_lost(self) -> bool:
        """Whether it did not reach anybody."""
        return (self.call.state if self.one is None else self.one.outcome) in people_words.LOST

    @property
    def whom(self) -> Sentence:
        """Whom the call is for."""
        return self.call.audience


def sends_of(calls: Iterable[Called]) -> list[Send]:
    """Those that wait, then those that failed, newest first."""
    found = [one for call in calls for one in _of(call)]
    waiting = [one for one in found if not one.is_lost][:MOST_WAITING]
    lost = [one for one in found if one.is_lost][:MOST_LOST]
    return waiting + lost


def _of(call: Called) -> list[Send]:
    if not call.tries:
        is_shown = call.state in people_words.UNDER_WAY or call.state in people_words.LOST
        return [Send(call=call)] if is_shown else []
    return [
        Send(call=call, one=one) for one in call.tries if one.outcome == _QUEUED or one.outcome in people_words.LOST
    ]
