"""How long a device that is awake for moments only is left in peace after a visit, though it goes on advertising.

A meter advertises until it falls asleep, whether it has told all or not. To visit it at each advert empties its battery
and keeps the adapter from others; not to visit it misses what is measured meanwhile.
"""

from drivers.ble.scan import FRESH_ACTIVE_S

REST_S = 5.0
"""After a visit that brought something new; nobody measures twice in less and is in a hurry."""
GROWTH = 1.5
"""Of the rest after each visit that brought nothing new: 5, 7.5, 11, 17 s ... So what is measured T seconds after the
last news is asked for at most T / 2 + 5 s later (and one round of an active scan, 10.5 s), before a device falls asleep
that stays awake after a measurement for as long as before it."""
LONGEST_S = 900.0
"""A device that never stops advertising is visited four times an hour."""
SLEPT_S = 3.0
"""Not heard for so long after a visit with news: it had fallen asleep at once, and woke for something new. Health
devices advertise every 1 to 2.5 s, and an active scan tells the first advert after a link at once."""
AWAY_S = 2 * FRESH_ACTIVE_S
"""The same after a visit without: in an active scan one advert in 10.5 s is heard, and one may be missed."""


class Rest:
    """The rest of one device; moments are the loop's."""

    def __init__(self) -> None:
        """None: it was never visited."""
        self._until = self._last_at = float("-inf")
        self._in_vain = 0

    def begin(self, now: float, *, has_news: bool, is_broken: bool) -> None:
        """A visit has ended; `is_broken`: by a loss of the link, so that it may have more to say."""
        self._in_vain = 0 if has_news else self._in_vain + 1
        self._last_at = now
        is_wanted = not (has_news and is_broken)
        # beyond this power of the growth the longest rest is reached, and floats do not bear any power
        rest_s = min(REST_S * GROWTH ** min(self._in_vain, 32), LONGEST_S)
        self._until = now + rest_s if is_wanted else now

    def heard(self, at: float) -> bool:
        """It was heard: whether it is to be visited now."""
        silent_s, self._last_at = at - self._last_at, max(at, self._last_at)
        return at >= self._until or silent_s >= (AWAY_S if self._in_vain else SLEPT_S)
