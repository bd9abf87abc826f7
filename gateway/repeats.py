"""What the local broker may give again after a kill: the link's memory of it, held against the tail's."""

from pathlib import Path

from drivers.mqtt.taken import Taken
from gateway.tail import Tail, tail_folders
from shouwang.reading import Reading


class _Story:
    """The tail, as the link asks it."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail

    def last(self) -> int:
        return self._tail.last

    def readings_after(self, number: int) -> int:
        story = self._tail.recovered.story
        return sum(isinstance(item, Reading) and position.events > number for position, item in story)


def taken_in(data_dir: Path, gateway_id: str, boot: str, tail: Tail) -> Taken:
    """Which messages of the local broker were taken in; beside the tail, as it is worth as much as that."""
    return Taken.kept_in(tail_folders(data_dir)[0] / f"{gateway_id}.taken", boot, _Story(tail))
