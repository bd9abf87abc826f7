"""An advert is sent many times for one event; this tells the first from its repetitions.

| state | heard | then | an event |
| --- | --- | --- | --- |
| idle | an event's frame | busy | yes |
| busy | the same frame, soon | busy | no |
| busy | the same frame, after QUIET_SECONDS | busy | yes |
| busy | another event's frame | busy | yes |
| busy | that the event is over | idle | no |
"""

QUIET_SECONDS = 10.0
"""After so long without it, the same frame is a new event: ours. Devices repeat a press for 1 to 10 s (KKM's example is
10 s); two presses within it count once, which loses nothing: the first one has raised the alarm."""


class Repeats:
    """The event of one device that is going on."""

    def __init__(self) -> None:
        """Idle."""
        self._frame: bytes | None = None
        self._heard_at: float | None = None

    def is_new(self, frame: bytes, heard_at: float | None) -> bool:
        """Whether an event's frame tells of another event than the last; without times, only another frame does."""
        was, self._frame = self._frame, frame
        before, self._heard_at = self._heard_at, heard_at
        if was != frame:
            return True
        return before is not None and heard_at is not None and heard_at - before > QUIET_SECONDS

    def over(self) -> None:
        """The event is over; whatever comes next is new."""
        self._frame = None
