"""The console's names for the stages of an alarm's way, and what is said where one is not kept."""

from datetime import timedelta

from community.trace import Stage
from community.web.words import marked

STAGES = {
    Stage.BEGAN: marked("The episode began"),
    Stage.MEASURED: marked("Measured by the sensor"),
    Stage.RAISED: marked("Raised by the rule"),
    Stage.QUEUED: marked("Written to the outbox of the box"),
    Stage.SENT: marked("Sent by the box"),
    Stage.RECEIVED_BY_SMS: marked("Received by SMS"),
    Stage.RECEIVED: marked("Received by the server"),
    Stage.SEALED: marked("Committed, sealed in the record"),
    Stage.RECEIPT: marked("Receipt sent to the home"),
    Stage.HEARD: marked("Rang at a desk, as its browser told"),
    Stage.RANG: marked("First ring at a console"),
    Stage.TAKEN: marked("First taken by a person"),
}

NOT_KEPT = {
    Stage.MEASURED: marked("no reading is kept with this alarm"),
    Stage.QUEUED: marked("not kept: in one transaction with the rule's state, at home"),
    Stage.SENT: marked("not kept: a message is sent again until its receipt comes"),
    Stage.SEALED: marked("no entry of the record names this alarm"),
    Stage.RECEIPT: marked("not kept: it goes out after the commit, once for each copy of the message"),
    Stage.HEARD: marked("no browser has told of it"),
    Stage.RANG: marked("none is on record"),
    Stage.TAKEN: marked("nobody yet"),
}
"""Why there is no time."""

_MS = timedelta(milliseconds=1)


def gap(after: timedelta) -> str:
    """Up to a second in ms, up to a minute in s, then m:ss; with a sign, since clocks of homes may be wrong."""
    sign, span = ("-", -after) if after < timedelta() else ("+", after)
    if span < timedelta(seconds=1):
        return f"{sign}{span // _MS} ms"
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{sign}{seconds:.3f} s"
    return sign + in_minutes(span)


def in_minutes(span: timedelta) -> str:
    """m:ss, from an hour on h:mm:ss."""
    minutes, rest = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
