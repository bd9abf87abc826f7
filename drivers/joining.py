"""Sensors that join at run time: what a home brings along, and how each gets an id that stays the same.

A home (a Zigbee2MQTT bridge, all Shellies ...) is a driver like any other, of one entry in the configuration; its
members are sensors of their own. The gateway asks a home for its members at the start, before anything is connected,
and is told when they change.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shouwang.driver import Driver, Note
from shouwang.quantities import Quantity

MAX_DEVICES = 200
"""Sensors that one home may bring. A dwelling has some thirty; what comes without end is a mistake or an attack."""
_ID_CHARS = 64
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A sensor that joined. Another `driver` for the same id means: start anew with that one."""

    sensor_id: str
    kind: str
    emits: frozenset[Quantity]
    driver: Driver
    is_left: bool = False


@runtime_checkable
class Hub(Driver, Protocol):
    """A driver that brings sensors along."""

    @property
    def members(self) -> tuple[Member, ...]:
        """Who belongs to it now, also who was taken out and not confirmed yet."""
        ...

    @property
    def note(self) -> Note:
        """What to keep, so that the members are known before the broker speaks."""
        ...

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever `members` or `note` are others; it must not block."""
        ...

    def forget(self, sensor_id: str) -> None:
        """A person knows that this member was taken out: it is no sensor of the home any more."""
        ...


@runtime_checkable
class Leaver(Protocol):
    """A driver that has a place at something that is shared, and can give it up."""

    def close(self) -> None:
        """Nothing comes here any more; called when it does not run, or for the last time."""
        ...


class Names:
    """The ids of one home's sensors, each given once."""

    def __init__(self, taken: Iterable[str] = (), topics: Iterable[str] = (), bases: Iterable[str] = ()) -> None:
        """`taken`: ids of the configuration; `topics`: those of its named sensors. Both go before what joins.

        `bases`: what all topics of a home begin with that brings its devices itself.
        """
        self.named = frozenset(taken)
        self._given: set[str] = set()
        self.topics = frozenset(topics)
        self.bases = frozenset(bases)

    def differ(self, names: "Names") -> bool:
        """Whether what has joined must join anew where the configuration names these.

        An id of it is named now, or which topics are named has changed.
        """
        is_other = (names.topics, names.bases) != (self.topics, self.bases)
        return is_other or not self._given.isdisjoint(names.named)

    def revise(self, names: "Names") -> None:
        """The configuration names these from now on; what was given stays given."""
        self.named, self.topics, self.bases = names.named, names.topics, names.bases

    def is_named(self, topic: str) -> bool:
        """Whether a sensor of the configuration listens to this device already."""
        return any(named == topic or named.startswith(f"{topic}/") for named in self.topics)

    def is_claimed(self, topic: str) -> bool:
        """Whether messages on this topic belong to a sensor or a home of the configuration."""
        return any(topic == owner or topic.startswith(f"{owner}/") for owner in self.topics | self.bases)

    def give(self, name: str, key: str) -> str:
        """A new id for the device that its owner calls `name` and that is `key` for ever."""
        plain = _NOT_IN_IDS.sub("-", key).strip("-._")
        wish = _NOT_IN_IDS.sub("-", name).strip("-._")[:_ID_CHARS] if name.isascii() else ""
        tail = plain[-4:]
        for candidate in (wish, f"{wish[: _ID_CHARS - 5]}-{tail}" if wish else "", plain[:_ID_CHARS]):
            if candidate and self.take(candidate):
                return candidate
        for number in range(2, MAX_DEVICES * 2):
            candidate = f"{(wish or plain or 'sensor')[: _ID_CHARS - 5]}-{number}"
            if self.take(candidate):
                return candidate
        raise AssertionError("more ids than devices can be")

    def take(self, sensor_id: str) -> bool:
        """Claim this id; False where another sensor has it."""
        if sensor_id in self.named or sensor_id in self._given:
            return False
        self._given.add(sensor_id)
        return True

    def release(self, sensor_id: str) -> None:
        """The sensor with this id is no more."""
        self._given.discard(sensor_id)
