"""Counts what a device said and its driver could not read."""

import logging

from shouwang.errors import DecodeError

log = logging.getLogger(__name__)


class Rejects:
    """The count of one sensor since the start. Only the first goes to the log: the heartbeat reports how many."""

    def __init__(self, sensor_id: str) -> None:
        """Nothing was rejected yet."""
        self.count = 0
        self._sensor_id = sensor_id

    def add(self, error: DecodeError) -> None:
        """One more."""
        self.count += 1
        if self.count == 1:
            log.warning("sensor %s said what cannot be read (told only once): %s", self._sensor_id, error)
