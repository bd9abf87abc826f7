"""The console's words for what desks told of their sound."""

from datetime import timedelta

from community.rings import Cause, Mute
from community.web.trace_words import in_minutes
from community.web.words import marked

CAUSES = {
    Cause.OPENED: marked("the case was opened"),
    Cause.ALERT: marked("one more alarm"),
    Cause.CALL_120: marked("the ladder had come to its end"),
    Cause.SEEN: marked("it waited in the queue when the page was read"),
}

MUTES = {
    Mute.ASLEEP: marked("the browser lets no sound out before a key or click"),
    Mute.SUSPENDED: marked("the browser had stopped the sound"),
    Mute.CLOSED: marked("the browser had closed the sound"),
    Mute.STUCK: marked("the loudspeaker did not take the sound"),
}

_AT_ONCE = timedelta(milliseconds=100)
"""Nobody feels less as a wait (J. Nielsen, Usability Engineering, 1993, ch. 5: 0.1 s)."""


def is_at_once(span: timedelta) -> bool:
    """Whether nobody would call it a wait."""
    return span < _AT_ONCE


def after(span: timedelta) -> str:
    """Up to a minute in s, then m:ss."""
    seconds = span.total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else in_minutes(span)
