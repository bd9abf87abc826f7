"""A value that goes from one number to another within a time; moments are the loop's, in seconds."""


class Glide:
    """Stands still at first."""

    def __init__(self, value: float) -> None:
        """At this value."""
        self._start = self._goal = value
        self._began = self._lasts = 0.0

    def turn_to(self, goal: float, *, now: float, over_s: float = 0.0) -> None:
        """Be there after `over_s` seconds."""
        self._start, self._goal = self.at(now), goal
        self._began, self._lasts = now, over_s

    def at(self, now: float) -> float:
        """The value at this moment."""
        if self._lasts <= 0 or now >= self._began + self._lasts:
            return self._goal
        return self._start + (self._goal - self._start) * max(0.0, now - self._began) / self._lasts
